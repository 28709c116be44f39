/* SPDX-License-Identifier: MIT */
/*
 * A model: a finished graph whose parameters have values, with a class table and the preprocessing of photos.
 */
#include "graph/graph.h"
#include "base/options.h"
#include "base/text.h"
#include "classes/classes.h"

#include <inttypes.h>
#include <string.h>

RN_NO_TAIL_PADDING(rn_model_options, width);

/* ---- making ------------------------------------------------------------------------------------------------------ */

static bool is_below(const char *prefix, const char *name)
{
    const size_t length = strlen(prefix);

    return strncmp(name, prefix, length) == 0 && (name[length] == '.' || name[length] == '\0');
}

static bool has_parameters(const rn_graph *graph, const char *prefix)
{
    for (size_t i = 0; i < graph->parameters->count; i++) {
        if (is_below(prefix, graph->parameters->entry[i].name))
            return true;
    }
    return false;
}

/* What must be true of a graph that becomes a model. */
static rn_status check_graph(rn_graph *graph)
{
    rn_message *const message = &graph->context->message;

    if (graph->status != RN_OK)
        return rn_fail(message, graph->status, "%s", graph->message.text);
    if (graph->sealed)
        return rn_fail(message, RN_STATE, "a model was built from this graph already");
    if (graph->depth > 0)
        return rn_fail(message, RN_INVALID_ARGUMENT, "rn_graph_enter of '%s' without rn_graph_leave", graph->prefix);
    if (graph->output_count == 0)
        return rn_fail(message, RN_INVALID_ARGUMENT, "the graph has no output (rn_graph_output)");
    for (int32_t i = 0; i < graph->head_count; i++) {
        if (!has_parameters(graph, graph->head[i]))
            return rn_fail(message, RN_INVALID_ARGUMENT, "the head '%s' has no parameters", graph->head[i]);
    }
    return RN_OK;
}

static rn_status check_options(const rn_graph *graph, const rn_model_options *options)
{
    rn_message *const message = &graph->context->message;
    const rn_value_shape *const input = &graph->layer[0].shape;
    const int64_t logits = graph->layer[graph->output[0].value].shape.c;

    if (options->class_count != 0 && options->class_count != logits)
        return rn_fail(message, RN_SHAPE,
                       "%" PRId64 " classes were asked for, but output '%s' has %" PRId64 " channels",
                       options->class_count, graph->output[0].name, logits);
    if (options->classes != NULL && rn_classes_count(options->classes) != (uint64_t)logits)
        return rn_fail(message, RN_SHAPE, "a table of %zu classes, but output '%s' has %" PRId64 " channels",
                       rn_classes_count(options->classes), graph->output[0].name, logits);
    if ((options->height != 0 && options->height != input->h) || (options->width != 0 && options->width != input->w))
        return rn_fail(message, RN_SHAPE,
                       "an input of %" PRId32 " x %" PRId32 " was asked for, but the graph's is %" PRId64 " x %" PRId64,
                       options->height, options->width, input->h, input->w);
    return RN_OK;
}

static rn_status build(rn_model **model, rn_graph *graph, const char *name, const rn_model_options *options,
                       bool with_values)
{
    rn_model_options o;
    rn_model *created = NULL;
    rn_context *context;
    rn_status status;

    if (model != NULL)
        *model = NULL;
    if (graph == NULL)
        return rn_fail_null("rn_model_build", "graph");
    context = graph->context;
    if (model == NULL || name == NULL || name[0] == '\0' || !rn_text_is_utf8(name))
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_model_build: %s",
                       model == NULL ? "model is NULL" : "a model needs a name, in UTF-8");
    if ((status = rn_options_read(&o, sizeof o, options, &context->message)) != RN_OK ||
        (status = check_graph(graph)) != RN_OK || (status = check_options(graph, &o)) != RN_OK)
        return status;
    created = rn_allocate_zeroed(&context->allocator, 1, sizeof *created);
    if (created == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for a model");
    rn_references_init(&created->references);
    created->context = context;
    rn_context_retain(context);
    created->graph = graph;
    rn_retain(&graph->references);
    created->freeze_version = 1;
    created->name = rn_copy_string(&context->allocator, name);
    if (created->name == NULL)
        status = rn_fail(&context->message, RN_NO_MEMORY, "no memory for a model");
    if (status == RN_OK && o.classes != NULL)
        status = rn_model_set_classes(created, o.classes);
    if (status == RN_OK)
        status = rn_graph_multiply_adds(&created->multiply_adds, graph);
    if (status == RN_OK)
        status = rn_parameters_finish(graph->parameters); /* last: a graph whose store is finished is a model's */
    if (status != RN_OK) {
        rn_model_destroy(created);
        return status;
    }
    graph->sealed = true;
    if (with_values)
        rn_graph_initialise(graph, o.seed != 0 ? o.seed : context->seed);
    *model = created;
    return RN_OK;
}

rn_status rn_model_build(rn_model **model, rn_graph *graph, const char *name, const rn_model_options *options)
{
    return build(model, graph, name, options, true);
}

rn_status rn_model_build_without_values(rn_model **model, rn_graph *graph, const char *name,
                                        const rn_model_options *options)
{
    return build(model, graph, name, options, false);
}

/* A class table or a pipeline that was the model's once: somebody may still hold what was lent. */
struct rn_kept {
    struct rn_kept *next;
    rn_classes *classes;
    rn_pipeline *pipeline;
};

void rn_model_retain(rn_model *model)
{
    rn_retain(&model->references);
}

rn_companion *rn_model_take_companion(rn_model *model)
{
    return atomic_exchange(&model->companion, NULL);
}

void rn_model_keep_companion(rn_model *model, rn_companion *companion)
{
    rn_companion *const there = atomic_exchange(&model->companion, companion);

    if (there != NULL)
        there->release(there);
}

void rn_model_destroy(rn_model *model)
{
    rn_context *context;

    if (model == NULL || !rn_let_go(&model->references))
        return;
    context = model->context;
    rn_model_keep_companion(model, NULL); /* while all that it runs on is there */
    while (model->kept != NULL) {
        struct rn_kept *const kept = model->kept;

        model->kept = kept->next;
        rn_classes_destroy(kept->classes);
        rn_pipeline_destroy(kept->pipeline);
        rn_release(&context->allocator, kept);
    }
    rn_release(&context->allocator, model->name);
    rn_graph_destroy(model->graph);
    rn_release(&context->allocator, model);
    rn_context_release(context);
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

const char *rn_model_name(const rn_model *model)
{
    return model != NULL ? model->name : NULL;
}

int64_t rn_model_class_count(const rn_model *model)
{
    return model != NULL ? model->graph->layer[model->graph->output[0].value].shape.c : 0;
}

const rn_classes *rn_model_classes(const rn_model *model)
{
    return model != NULL ? atomic_load(&model->classes) : NULL;
}

int64_t rn_model_multiply_adds(const rn_model *model)
{
    return model != NULL ? model->multiply_adds : 0;
}

const char *rn_model_head_name(const rn_model *model, size_t index)
{
    return model != NULL && index < (size_t)model->graph->head_count ? model->graph->head[index] : NULL;
}

size_t rn_model_layer_count(const rn_model *model)
{
    return model != NULL ? (size_t)model->graph->count : 0;
}

const char *rn_model_layer_name(const rn_model *model, size_t index)
{
    return index < rn_model_layer_count(model) ? model->graph->layer[index].name : NULL;
}

const char *rn_model_input_name(const rn_model *model, size_t index)
{
    return model != NULL && index == 0 ? model->graph->layer[0].name : NULL;
}

const char *rn_model_output_name(const rn_model *model, size_t index)
{
    return model != NULL && index < (size_t)model->graph->output_count ? model->graph->output[index].name : NULL;
}

double rn_model_loss_weight(const rn_model *model, size_t index)
{
    return model != NULL && index < (size_t)model->graph->output_count ? model->graph->output[index].loss_weight : 0;
}

void rn_model_input_size(const rn_model *model, int64_t *channels, int64_t *height, int64_t *width)
{
    const rn_value_shape none = { 0, 0, 0, false };
    const rn_value_shape *const input = model != NULL ? &model->graph->layer[0].shape : &none;

    if (channels != NULL)
        *channels = input->c;
    if (height != NULL)
        *height = input->h;
    if (width != NULL)
        *width = input->w;
}

const rn_pipeline *rn_model_pipeline(const rn_model *model)
{
    return model != NULL ? atomic_load(&model->pipeline) : NULL;
}

const rn_pipeline *rn_model_training_pipeline(const rn_model *model)
{
    return model != NULL ? atomic_load(&model->training_pipeline) : NULL;
}

rn_parameters *rn_model_parameters(rn_model *model)
{
    return model != NULL ? model->graph->parameters : NULL;
}

bool rn_model_in_head(const rn_model *model, const char *name)
{
    for (int32_t i = 0; i < model->graph->head_count; i++) {
        if (is_below(model->graph->head[i], name))
            return true;
    }
    return false;
}

static int32_t find_entry(const rn_graph_output_entry *entry, int32_t count, const char *name)
{
    for (int32_t i = count - 1; i >= 0; i--) {
        if (strcmp(entry[i].name, name) == 0)
            return entry[i].value;
    }
    return -1;
}

int32_t rn_model_find_value(const rn_model *model, const char *name)
{
    const rn_graph *const graph = model->graph;
    int32_t found = name[0] == '\0' ? -1 : find_entry(graph->output, graph->output_count, name);

    for (int32_t i = 0; found < 0 && name[0] != '\0' && i < graph->count; i++) {
        if (strcmp(graph->layer[i].name, name) == 0)
            found = i;
    }
    /* A prefix may be entered twice; what the last one gave is the result of the part. */
    return found < 0 ? find_entry(graph->alias, graph->alias_count, name) : found;
}

/* ---- class table ------------------------------------------------------------------------------------------------- */

rn_status rn_model_keep(rn_model *model, rn_classes *classes, rn_pipeline *pipeline)
{
    struct rn_kept *const kept = rn_allocate(&model->context->allocator, sizeof *kept);

    if (kept == NULL) {
        rn_classes_destroy(classes);
        rn_pipeline_destroy(pipeline);
        return rn_fail(&model->context->message, RN_NO_MEMORY, "no memory for what a model says of itself");
    }
    *kept = (struct rn_kept){ model->kept, classes, pipeline };
    model->kept = kept;
    return RN_OK;
}

rn_status rn_model_set_classes(rn_model *model, const rn_classes *classes)
{
    rn_classes *copy = NULL;
    rn_status status;

    if (model == NULL)
        return rn_fail_null("rn_model_set_classes", "model");
    if (classes == NULL)
        return rn_fail(&model->context->message, RN_INVALID_ARGUMENT, "rn_model_set_classes: classes is NULL");
    if (rn_classes_count(classes) != (uint64_t)rn_model_class_count(model))
        return rn_fail(&model->context->message, RN_SHAPE, "a table of %zu classes for a model of %" PRId64,
                       rn_classes_count(classes), rn_model_class_count(model));
    status = rn_classes_copy(&copy, classes, model->context);
    if (status == RN_OK)
        status = rn_model_keep(model, copy, NULL);
    if (status == RN_OK)
        atomic_store(&model->classes, copy);
    return status;
}
