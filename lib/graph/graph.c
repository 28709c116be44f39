/* SPDX-License-Identifier: MIT */
/*
 * The container: layers in the order they were written, names joined with dots, and the first error kept until a model
 * is built.
 */
#include "graph/graph.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const rn_value invalid_value = { -1 };

rn_value rn_graph_fail(rn_graph *graph, rn_status status, const char *format, ...)
{
    va_list arguments;

    if (graph == NULL || graph->status != RN_OK)
        return invalid_value;
    va_start(arguments, format);
    rn_message_write(&graph->message, format, arguments);
    va_end(arguments);
    graph->status = status;
    return invalid_value;
}

rn_value rn_graph_fail_memory(rn_graph *graph)
{
    return rn_graph_fail(graph, RN_NO_MEMORY, "no memory for the description of a network");
}

/* True if layers may still be added. */
bool rn_graph_is_open(rn_graph *graph)
{
    if (graph == NULL)
        return false;
    if (graph->sealed)
        rn_graph_fail(graph, RN_STATE, "a model was built from this graph already: nothing can be added to it");
    return graph->status == RN_OK;
}

rn_status rn_graph_create(rn_graph **graph, rn_context *context)
{
    rn_graph *created;
    rn_status status;

    if (graph == NULL)
        return context == NULL ? rn_fail_null("rn_graph_create", "context")
                               : rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_graph_create: graph is NULL");
    *graph = NULL;
    if (context == NULL)
        return rn_fail_null("rn_graph_create", "context");
    created = rn_allocate_zeroed(&context->allocator, 1, sizeof *created);
    if (created == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for a graph");
    rn_references_init(&created->references);
    created->context = context;
    rn_context_retain(context);
    created->prefix = rn_copy_string(&context->allocator, "");
    status = created->prefix == NULL ? rn_fail(&context->message, RN_NO_MEMORY, "no memory for a graph")
                                     : rn_parameters_create(&created->parameters, context);
    if (status != RN_OK) {
        rn_graph_destroy(created);
        return status;
    }
    *graph = created;
    return RN_OK;
}

static void release_entries(const rn_allocator *allocator, rn_graph_output_entry *entry, int32_t count)
{
    for (int32_t i = 0; i < count; i++)
        rn_release(allocator, entry[i].name);
    rn_release(allocator, entry);
}

void rn_graph_destroy(rn_graph *graph)
{
    rn_context *context;
    const rn_allocator *allocator;

    if (graph == NULL || !rn_let_go(&graph->references))
        return;
    context = graph->context;
    allocator = &context->allocator;
    for (int32_t i = 0; i < graph->count; i++) {
        rn_release(allocator, graph->layer[i].name);
        rn_release(allocator, graph->layer[i].inputs);
    }
    rn_release(allocator, graph->layer);
    release_entries(allocator, graph->output, graph->output_count);
    release_entries(allocator, graph->alias, graph->alias_count);
    for (int32_t i = 0; i < graph->head_count; i++)
        rn_release(allocator, graph->head[i]);
    rn_release(allocator, graph->head);
    rn_release(allocator, graph->prefix);
    rn_parameters_release(graph->parameters);
    rn_release(allocator, graph);
    rn_context_release(context);
}

/* ---- names ------------------------------------------------------------------------------------------------------- */

/* A name is one or more parts with dots between them, and text that a file can hold. */
bool rn_graph_is_name(const char *name)
{
    return name != NULL && name[0] != '\0' && name[0] != '.' && name[strlen(name) - 1] != '.' &&
           strstr(name, "..") == NULL && rn_text_is_utf8(name);
}

/* "prefix.name", or NULL after an error of the graph. */
char *rn_graph_join_name(rn_graph *graph, const char *what, const char *name)
{
    const size_t before = strlen(graph->prefix);
    size_t nbytes;
    char *joined;

    if (!rn_graph_is_name(name)) {
        rn_graph_fail(graph, RN_INVALID_ARGUMENT,
                      "%s within '%s': '%s' is not a name (parts with dots between them, in UTF-8)", what,
                      graph->prefix, name == NULL ? "(NULL)" : name);
        return NULL;
    }
    nbytes = before + strlen(name) + 2;
    joined = rn_allocate(&graph->context->allocator, nbytes);
    if (joined == NULL)
        rn_graph_fail_memory(graph);
    else
        snprintf(joined, nbytes, "%s%s%s", graph->prefix, before > 0 ? "." : "", name);
    return joined;
}

void rn_graph_enter(rn_graph *graph, const char *prefix)
{
    char *joined;

    if (!rn_graph_is_open(graph))
        return;
    if (graph->depth == RN_GRAPH_DEPTH) {
        rn_graph_fail(graph, RN_INVALID_ARGUMENT, "rn_graph_enter within '%s': more than %d levels", graph->prefix,
                      RN_GRAPH_DEPTH);
        return;
    }
    joined = rn_graph_join_name(graph, "rn_graph_enter", prefix);
    if (joined == NULL)
        return;
    graph->level[graph->depth++] = strlen(graph->prefix);
    rn_release(&graph->context->allocator, graph->prefix);
    graph->prefix = joined;
}

/* Adds (name, value) to a list; takes the name over in every case. */
bool rn_graph_add_entry(rn_graph *graph, rn_graph_output_entry **list, int32_t *count, char *name, int32_t value)
{
    rn_graph_output_entry *grown;

    if (name == NULL) {
        rn_graph_fail_memory(graph);
        return false;
    }
    grown = rn_grow_array(&graph->context->allocator, *list, (size_t)*count, (size_t)*count + 1, sizeof **list);
    if (grown == NULL) {
        rn_release(&graph->context->allocator, name);
        rn_graph_fail_memory(graph);
        return false;
    }
    grown[*count] = (rn_graph_output_entry){ .name = name, .value = value };
    *list = grown;
    ++*count;
    return true;
}

bool rn_graph_has_value(const rn_graph *graph, rn_value value)
{
    return graph != NULL && value.index >= 0 && value.index < graph->count;
}

rn_value rn_graph_leave(rn_graph *graph, rn_value result)
{
    if (!rn_graph_is_open(graph))
        return invalid_value;
    if (graph->depth == 0)
        return rn_graph_fail(graph, RN_INVALID_ARGUMENT, "rn_graph_leave without rn_graph_enter");
    if (!rn_graph_has_value(graph, result))
        return rn_graph_fail(graph, RN_INVALID_ARGUMENT,
                             "rn_graph_leave of '%s': the result is not a value of this graph", graph->prefix);
    if (!rn_graph_add_entry(graph, &graph->alias, &graph->alias_count,
                            rn_copy_string(&graph->context->allocator, graph->prefix), result.index))
        return invalid_value;
    graph->prefix[graph->level[--graph->depth]] = '\0';
    return result;
}

/* ---- layers ------------------------------------------------------------------------------------------------------ */

/* Collects the inputs' shapes and asks the shape rule. */
static bool infer_shape(rn_graph *graph, rn_layer *layer)
{
    const rn_allocator *const allocator = &graph->context->allocator;
    rn_value_shape *shapes;
    rn_status status;

    shapes = rn_allocate_array(allocator, (size_t)layer->input_count, sizeof *shapes);
    if (shapes == NULL) {
        rn_graph_fail_memory(graph);
        return false;
    }
    for (int32_t i = 0; i < layer->input_count; i++)
        shapes[i] = graph->layer[layer->inputs[i]].shape;
    status = rn_layer_shape(&layer->shape, layer, shapes, &graph->message);
    rn_release(allocator, shapes);
    if (status != RN_OK)
        graph->status = status;
    return status == RN_OK;
}

/*
 * The number behind "prefix.relu" of the next layer without a name: one more than the largest that is taken, 0 where
 * none is.
 */
static unsigned long next_number(const rn_graph *graph, const char *stem)
{
    const size_t length = strlen(stem);
    unsigned long next = 0;

    for (int32_t i = 0; i < graph->count; i++) {
        const char *const name = graph->layer[i].name;
        const char *const digits = name + length + 1;
        unsigned long number;

        if (strncmp(name, stem, length) != 0 || (name[length] != '\0' && name[length] != '_'))
            continue;
        if (name[length] == '_' && (*digits == '\0' || strspn(digits, "0123456789") != strlen(digits)))
            continue;
        number = name[length] == '\0' ? 1 : strtoul(digits, NULL, 10) + 1;
        next = number > next ? number : next;
    }
    return next;
}

char *rn_graph_full_name(rn_graph *graph, rn_layer_kind kind, const char *name)
{
    const char *const what = rn_layer_kind_name(kind);
    char numbered[64];
    char *stem;
    unsigned long number;

    if (name != NULL)
        return rn_graph_join_name(graph, what, name);
    stem = rn_graph_join_name(graph, what, what);
    if (stem == NULL || (number = next_number(graph, stem)) == 0)
        return stem;
    rn_release(&graph->context->allocator, stem);
    snprintf(numbered, sizeof numbered, "%s_%lu", what, number);
    return rn_graph_join_name(graph, what, numbered);
}

rn_value rn_graph_fail_layer(rn_graph *graph, rn_status status, rn_layer_kind kind, const char *name,
                             const char *format, ...)
{
    rn_message text;
    va_list arguments;
    char *full;

    if (graph == NULL || graph->status != RN_OK)
        return invalid_value;
    va_start(arguments, format);
    rn_message_write(&text, format, arguments);
    va_end(arguments);
    full = rn_graph_full_name(graph, kind, name);
    if (full != NULL) /* else that is the error */
        rn_graph_fail(graph, status, "%s %s: %s", rn_layer_kind_name(kind), full, text.text);
    rn_release(&graph->context->allocator, full);
    return invalid_value;
}

static bool name_is_free(rn_graph *graph, const char *name)
{
    for (int32_t i = 0; i < graph->count; i++) {
        if (strcmp(graph->layer[i].name, name) == 0) {
            rn_graph_fail(graph, RN_INVALID_ARGUMENT, "there are two layers '%s'", name);
            return false;
        }
    }
    return true;
}

static bool inputs_are_values(rn_graph *graph, const rn_layer *layer, const char *name)
{
    if (graph->count == 0 && layer->kind != RN_LAYER_INPUT) {
        rn_graph_fail(graph, RN_INVALID_ARGUMENT, "a graph begins with rn_graph_input");
        return false;
    }
    for (int32_t i = 0; i < layer->input_count; i++) {
        if (!rn_graph_has_value(graph, (rn_value){ layer->inputs[i] })) {
            rn_graph_fail_layer(graph, RN_INVALID_ARGUMENT, layer->kind, name,
                                "its input is not a value of this graph");
            return false;
        }
    }
    return true;
}

static bool make_room(rn_graph *graph)
{
    int32_t capacity;
    rn_layer *grown;

    if (graph->count < graph->capacity)
        return true;
    if (graph->capacity > INT32_MAX / 2) {
        rn_graph_fail_memory(graph);
        return false;
    }
    capacity = graph->capacity == 0 ? 64 : graph->capacity * 2;
    grown =
        rn_grow_array(&graph->context->allocator, graph->layer, (size_t)graph->count, (size_t)capacity, sizeof *grown);
    if (grown == NULL) {
        rn_graph_fail_memory(graph);
        return false;
    }
    graph->layer = grown;
    graph->capacity = capacity;
    return true;
}

rn_value rn_graph_add_layer(rn_graph *graph, const rn_layer *layer, const char *name)
{
    const rn_allocator *allocator;
    rn_layer added = *layer;

    if (!rn_graph_is_open(graph) || !inputs_are_values(graph, layer, name) || !make_room(graph))
        return invalid_value;
    allocator = &graph->context->allocator;
    added.name = rn_graph_full_name(graph, layer->kind, name);
    added.inputs = rn_allocate_array(allocator, (size_t)layer->input_count, sizeof *added.inputs);
    if (added.name == NULL || added.inputs == NULL) {
        rn_graph_fail_memory(graph); /* unless the name was the error: the first one stays */
        goto failed;
    }
    for (int32_t i = 0; i < layer->input_count; i++)
        added.inputs[i] = layer->inputs[i];
    added.weight = added.bias = added.running_mean = added.running_var = added.batches_tracked = -1;
    if (!name_is_free(graph, added.name) || !infer_shape(graph, &added))
        goto failed;
    graph->layer[graph->count] = added;
    return (rn_value){ graph->count++ };
failed:
    rn_release(allocator, added.inputs);
    rn_release(allocator, added.name);
    return invalid_value;
}

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

int64_t rn_value_channels(const rn_graph *graph, rn_value value)
{
    return rn_graph_has_value(graph, value) ? graph->layer[value.index].shape.c : 0;
}

int64_t rn_value_height(const rn_graph *graph, rn_value value)
{
    return rn_graph_has_value(graph, value) ? graph->layer[value.index].shape.h : 0;
}

int64_t rn_value_width(const rn_graph *graph, rn_value value)
{
    return rn_graph_has_value(graph, value) ? graph->layer[value.index].shape.w : 0;
}
