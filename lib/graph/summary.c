/* SPDX-License-Identifier: MIT */
/* The summary table: one row a layer, then totals. Its form follows torchinfo's. */
#include "graph/graph.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Text that is counted whole and kept as far as it fits. */
typedef struct text_sink {
    char *text;
    size_t size, length;
} text_sink;

#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
static void
print(text_sink *sink, const char *format, ...)
{
    const size_t room = sink->length < sink->size ? sink->size - sink->length : 0;
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(room > 0 ? sink->text + sink->length : NULL, room, format, arguments);
    va_end(arguments);
    if (length > 0)
        sink->length += (size_t)length;
}

enum { NUMBER_SIZE = 32 };

/* 11689512 as "11,689,512". */
static const char *group_digits(char text[NUMBER_SIZE], int64_t number)
{
    char digits[NUMBER_SIZE];
    const int length = snprintf(digits, sizeof digits, "%" PRId64, number);
    char *out = text;

    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *out++ = ',';
        *out++ = digits[i];
    }
    *out = '\0';
    return text;
}

static const char *kind_title(rn_layer_kind kind)
{
    static const char *const title[] = {
        [RN_LAYER_INPUT] = "Input",
        [RN_LAYER_CONV2D] = "Conv2d",
        [RN_LAYER_BATCH_NORM2D] = "BatchNorm2d",
        [RN_LAYER_RELU] = "ReLU",
        [RN_LAYER_MAX_POOL2D] = "MaxPool2d",
        [RN_LAYER_AVG_POOL2D] = "AvgPool2d",
        [RN_LAYER_ADAPTIVE_AVG_POOL2D] = "AdaptiveAvgPool2d",
        [RN_LAYER_LINEAR] = "Linear",
        [RN_LAYER_DROPOUT] = "Dropout",
        [RN_LAYER_ADD] = "Add",
        [RN_LAYER_CONCAT] = "Concat",
        [RN_LAYER_FLATTEN] = "Flatten",
        [RN_LAYER_SHORTCUT_A] = "ShortcutA",
        [RN_LAYER_LOG_SOFTMAX] = "LogSoftmax",
    };

    return title[kind];
}

static void print_shape(char *text, size_t size, const rn_value_shape *shape)
{
    if (shape->flat)
        snprintf(text, size, "(N, %" PRId64 ")", shape->c);
    else
        snprintf(text, size, "(N, %" PRId64 ", %" PRId64 ", %" PRId64 ")", shape->c, shape->h, shape->w);
}

static void count_parameter(rn_layer_summary *sum, const rn_model *model, int32_t index)
{
    const rn_parameter *entry;

    if (index < 0)
        return;
    entry = &model->graph->parameters->entry[index];
    sum->parameters += entry->count;
    sum->trained += entry->trainable ? entry->count : 0;
}

static const char *trainable_word(const rn_layer *layer, const rn_layer_summary *own)
{
    if (own->parameters == 0)
        return layer->frozen ? "no" : "-";
    if (own->trained == 0)
        return "no";
    return own->trained == own->parameters ? "yes" : "partly";
}

void rn_layer_summarise(rn_layer_summary *summary, const rn_model *model, int32_t index)
{
    const rn_layer *const layer = &model->graph->layer[index];

    *summary = (rn_layer_summary){ .name = layer->name, .kind = kind_title(layer->kind) };
    print_shape(summary->shape, sizeof summary->shape, &layer->shape);
    count_parameter(summary, model, layer->weight);
    count_parameter(summary, model, layer->bias);
    summary->trainable = trainable_word(layer, summary);
}

enum { KIND_WIDTH = 18, SHAPE_WIDTH = 24, COUNT_WIDTH = 13, WORD_WIDTH = 11 };

static void print_row(text_sink *sink, const rn_layer_summary *row, int name_width)
{
    char count[NUMBER_SIZE];

    print(sink, "%-*s  %-*s  %-*s  %*s  %s\n", name_width, row->name, KIND_WIDTH, row->kind, SHAPE_WIDTH, row->shape,
          COUNT_WIDTH, row->parameters > 0 ? group_digits(count, row->parameters) : "-", row->trainable);
}

static void print_rule(text_sink *sink, int width)
{
    for (int i = 0; i < width; i++)
        print(sink, "=");
    print(sink, "\n");
}

static void print_table(text_sink *sink, const rn_model *model)
{
    const rn_graph *const graph = model->graph;
    int name_width = (int)sizeof "Layer" - 1, width;
    int64_t parameters = 0, trained = 0;
    char number[NUMBER_SIZE];

    for (int32_t i = 0; i < graph->count; i++) {
        const size_t length = strlen(graph->layer[i].name);

        if (length > (size_t)name_width)
            name_width = length < 60 ? (int)length : 60;
    }
    width = name_width + KIND_WIDTH + SHAPE_WIDTH + COUNT_WIDTH + WORD_WIDTH + 6;
    print(sink, "%s\n", model->name);
    print_rule(sink, width);
    print(sink, "%-*s  %-*s  %-*s  %*s  %s\n", name_width, "Layer", KIND_WIDTH, "Kind", SHAPE_WIDTH, "Output shape",
          COUNT_WIDTH, "Parameters", "Trainable");
    print_rule(sink, width);
    for (int32_t i = 0; i < graph->count; i++) {
        rn_layer_summary row;

        rn_layer_summarise(&row, model, i);
        print_row(sink, &row, name_width);
        parameters += row.parameters;
        trained += row.trained;
    }
    print_rule(sink, width);
    print(sink, "Parameters:            %*s\n", COUNT_WIDTH, group_digits(number, parameters));
    print(sink, "Trainable parameters:  %*s\n", COUNT_WIDTH, group_digits(number, trained));
    print(sink, "Frozen parameters:     %*s\n", COUNT_WIDTH, group_digits(number, parameters - trained));
}

rn_status rn_model_summary(const rn_model *model, char *text, size_t size, size_t *length)
{
    text_sink sink = { text, size, 0 };

    if (length != NULL)
        *length = 0;
    if (model == NULL)
        return rn_fail_null("rn_model_summary", "model");
    if (text == NULL && size > 0)
        return rn_fail(&model->context->message, RN_INVALID_ARGUMENT,
                       "rn_model_summary: text is NULL and its size is not 0");
    print_table(&sink, model);
    if (length != NULL)
        *length = sink.length;
    return RN_OK;
}
