/* SPDX-License-Identifier: MIT */
/*
 * Freezing: one truth about what is trainable, the flags of parameters and layers. A frozen batch norm keeps its
 * statistics, a frozen dropout lets everything through. A batch norm follows its own name, or its parameters where all
 * of them agree.
 */
#include "graph/graph.h"

/* What is to be frozen or unfrozen: names that match a pattern or, without one, all that is not in the head. */
typedef struct layer_selection {
    const rn_model *model;
    const char *pattern;
} layer_selection;

static bool is_selected(const layer_selection *selection, const char *name)
{
    return selection->pattern != NULL ? rn_name_matches(selection->pattern, name)
                                      : !rn_model_in_head(selection->model, name);
}

static bool set_flag(bool *flag, bool value)
{
    const bool changed = *flag != value;

    *flag = value;
    return changed;
}

/* Sets the trainability of the selected parameters. */
static bool mark_parameters(rn_parameters *parameters, const layer_selection *selection, bool trainable, bool *matched)
{
    bool changed = false;

    for (size_t i = 0; i < parameters->count; i++) {
        rn_parameter *const entry = &parameters->entry[i];

        if (!entry->is_parameter || !is_selected(selection, entry->name))
            continue;
        *matched = true;
        if (set_flag(&entry->trainable, trainable)) {
            entry->has_gradient = false; /* a gradient from before must not reach a step after */
            changed = true;
        }
    }
    return changed;
}

static bool follows_parameters(const rn_model *model, const rn_layer *layer, bool trainable)
{
    const rn_parameter *const entry = model->graph->parameters->entry;

    return layer->kind == RN_LAYER_BATCH_NORM2D && entry[layer->weight].trainable == trainable &&
           entry[layer->bias].trainable == trainable;
}

static bool mark_layers(const layer_selection *selection, bool trainable, bool *matched)
{
    const rn_graph *const graph = selection->model->graph;
    bool changed = false;

    for (int32_t i = 0; i < graph->count; i++) {
        rn_layer *const layer = &graph->layer[i];
        bool selected;

        if (layer->kind != RN_LAYER_BATCH_NORM2D && layer->kind != RN_LAYER_DROPOUT)
            continue;
        selected = is_selected(selection, layer->name);
        *matched = *matched || selected;
        if (selected || follows_parameters(selection->model, layer, trainable))
            changed = set_flag(&layer->frozen, !trainable) || changed;
    }
    return changed;
}

static rn_status mark(rn_model *model, const char *pattern, bool trainable)
{
    const layer_selection selection = { model, pattern };
    bool matched = false, changed;
    rn_status status = rn_parameters_begin_change(model->graph->parameters, &model->context->message);

    if (status != RN_OK)
        return status;
    changed = mark_parameters(model->graph->parameters, &selection, trainable, &matched);
    changed = mark_layers(&selection, trainable, &matched) || changed;
    if (changed)
        model->freeze_version++;
    rn_parameters_end_change(model->graph->parameters);
    if (!matched && pattern != NULL)
        return rn_fail(&model->context->message, RN_INVALID_ARGUMENT, "nothing of %s matches the pattern '%s'",
                       model->name, pattern);
    return RN_OK;
}

static rn_status mark_pattern(rn_model *model, const char *pattern, bool trainable)
{
    if (model == NULL)
        return rn_fail_null(trainable ? "rn_model_unfreeze" : "rn_model_freeze", "model");
    if (pattern == NULL)
        return rn_fail(&model->context->message, RN_INVALID_ARGUMENT, "the pattern is NULL");
    return mark(model, pattern, trainable);
}

rn_status rn_model_freeze(rn_model *model, const char *pattern)
{
    return mark_pattern(model, pattern, false);
}

rn_status rn_model_unfreeze(rn_model *model, const char *pattern)
{
    return mark_pattern(model, pattern, true);
}

rn_status rn_model_freeze_backbone(rn_model *model)
{
    if (model == NULL)
        return rn_fail_null("rn_model_freeze_backbone", "model");
    if (model->graph->head_count == 0)
        return rn_fail(&model->context->message, RN_STATE, "%s has no head (rn_graph_head)", model->name);
    return mark(model, NULL, false);
}

/* True if a training step changes what the layer computes, or draws for it. */
static bool is_moving(const rn_graph *graph, const rn_layer *layer)
{
    const rn_parameter *const entry = graph->parameters->entry;

    if ((layer->kind == RN_LAYER_BATCH_NORM2D || layer->kind == RN_LAYER_DROPOUT) && !layer->frozen)
        return true;
    return (layer->weight >= 0 && entry[layer->weight].trainable) || (layer->bias >= 0 && entry[layer->bias].trainable);
}

/*
 * Values are in the order in which they are made: everything behind value v sees the image through v alone if no layer
 * behind it, and no output, reads a value before it.
 */
const char *rn_model_frozen_layer(const rn_model *model)
{
    const rn_graph *graph;
    int32_t still = 1, lowest;

    if (model == NULL)
        return NULL;
    graph = model->graph;
    while (still < graph->count && !is_moving(graph, &graph->layer[still]))
        still++;
    lowest = graph->count;
    for (int32_t i = 0; i < graph->output_count; i++)
        lowest = graph->output[i].value < lowest ? graph->output[i].value : lowest;
    for (int32_t i = graph->count - 1; i > 0; i--) {
        const rn_layer *const layer = &graph->layer[i];

        if (i < still && lowest >= i)
            return layer->name;
        for (int32_t j = 0; j < layer->input_count; j++)
            lowest = layer->inputs[j] < lowest ? layer->inputs[j] : lowest;
    }
    return NULL;
}
