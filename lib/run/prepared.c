/* SPDX-License-Identifier: MIT */
/*
 * What steps make of parameters that rarely change: packed weights, and batch norms with running statistics folded to
 *
 *   scale = gamma / sqrt(var + eps)      shift = (bias - mean) * scale + beta
 *
 * kept while the versions of their sources stand still. Also here: how steps reach parameters and hand gradients on.
 */
#include "run/step.h"

#include <math.h>

float *rn_plan_floats(const rn_plan *plan, int32_t parameter)
{
    return parameter < 0 ? NULL : rn_parameters_floats(plan->model->graph->parameters, (size_t)parameter);
}

void rn_step_hand_on(rn_plan *plan, const rn_step *step, const rn_map *g)
{
    if (step->input_count < 2 || !step->inputs[1].wants_gradient || step->inputs[1].passes_through)
        return;
    if (step->inputs[1].accumulate)
        rn_add_into(plan->context, rn_plan_gradient(plan, step->inputs[1].value), g);
    else
        rn_add_forward(plan->context, g, NULL, false, rn_plan_gradient(plan, step->inputs[1].value));
}

float *rn_plan_begin_gradient(rn_plan *plan, int32_t parameter, bool *accumulate)
{
    rn_parameter *const entry = &plan->model->graph->parameters->entry[parameter];

    *accumulate = entry->has_gradient;
    entry->has_gradient = true;
    return rn_parameters_gradient_floats(plan->model->graph->parameters, (size_t)parameter);
}

size_t rn_step_packed_bytes(const rn_plan *plan, const rn_step *step)
{
    size_t nbytes;

    return rn_size_multiply(&nbytes, (size_t)rn_conv_packed_count(plan->context, &step->conv), sizeof(float))
               ? nbytes
               : SIZE_MAX;
}

bool rn_step_folds(const rn_step *step)
{
    return step->norm >= 0 && step->fixed_statistics;
}

size_t rn_step_prepared_bytes(const rn_plan *plan, const rn_step *step)
{
    const size_t channels = (size_t)plan->value[step->layer].shape.c;

    return (step->kind == &rn_step_conv && step->packs_once ? rn_step_packed_bytes(plan, step) : 0) +
           (rn_step_folds(step) ? 2 * channels * sizeof(float) : 0);
}

rn_status rn_step_prepare(const rn_plan *plan, rn_step *step)
{
    const rn_allocator *const allocator = &plan->context->allocator;
    const size_t channels = (size_t)plan->value[step->layer].shape.c;
    rn_prepared *const prepared = step->prepared;
    const bool packs = step->kind == &rn_step_conv && step->packs_once;

    if (packs && prepared->packed == NULL)
        prepared->packed = rn_allocate(allocator, rn_step_packed_bytes(plan, step));
    if (rn_step_folds(step) && prepared->scale == NULL)
        prepared->scale = rn_allocate_array(allocator, channels, sizeof(float));
    if (rn_step_folds(step) && prepared->shift == NULL)
        prepared->shift = rn_allocate_array(allocator, channels, sizeof(float));
    if ((packs && prepared->packed == NULL) ||
        (rn_step_folds(step) && (prepared->scale == NULL || prepared->shift == NULL)))
        return rn_fail(&plan->context->message, RN_NO_MEMORY, "no memory for packed weights");
    return RN_OK;
}

void rn_prepared_release(rn_prepared *prepared, const rn_allocator *allocator)
{
    rn_release(allocator, prepared->packed);
    rn_release(allocator, prepared->scale);
    rn_release(allocator, prepared->shift);
    *prepared = (rn_prepared){ 0 };
}

static uint64_t version_of(const rn_plan *plan, int32_t parameter)
{
    return parameter < 0 ? 0 : plan->model->graph->parameters->entry[parameter].version;
}

/* Versions only rise, so their sum stands still only if all of them do. */
static uint64_t version_of_sources(const rn_plan *plan, const rn_step *step)
{
    const rn_layer *const layer = rn_plan_layer(plan, step->layer);
    uint64_t version = version_of(plan, layer->weight) + version_of(plan, layer->bias);

    if (rn_step_folds(step)) {
        const rn_layer *const norm = rn_plan_layer(plan, step->norm);

        version += version_of(plan, norm->weight) + version_of(plan, norm->bias) +
                   version_of(plan, norm->running_mean) + version_of(plan, norm->running_var);
    }
    return version;
}

static void fold_batch_norm(const rn_plan *plan, const rn_step *step, const float *bias)
{
    const rn_layer *const norm = rn_plan_layer(plan, step->norm);
    const float *const gamma = rn_plan_floats(plan, norm->weight), *const beta = rn_plan_floats(plan, norm->bias);
    const float *const mean = rn_plan_floats(plan, norm->running_mean), *const variance =
                                                                            rn_plan_floats(plan, norm->running_var);
    const int64_t channels = plan->value[step->norm].shape.c;

    for (int64_t c = 0; c < channels; c++) {
        const double scale = gamma[c] / sqrt((double)variance[c] + norm->as.batch_norm.eps);
        const double start = bias != NULL ? bias[c] : 0.0;

        step->prepared->scale[c] = (float)scale;
        step->prepared->shift[c] = (float)((start - mean[c]) * scale + beta[c]);
    }
}

void rn_step_refresh(const rn_plan *plan, const rn_step *step)
{
    const rn_layer *const layer = rn_plan_layer(plan, step->layer);
    rn_prepared *const prepared = step->prepared;
    const bool is_conv = step->kind == &rn_step_conv, packs = is_conv && step->packs_once;
    const uint64_t version = version_of_sources(plan, step);
    const int32_t norm = rn_step_folds(step) ? step->norm : -1;

    if ((!packs && !rn_step_folds(step)) || (prepared->valid && prepared->version == version && prepared->norm == norm))
        return;
    if (packs)
        rn_conv_pack(plan->context, &step->conv, rn_plan_floats(plan, layer->weight), prepared->packed);
    if (rn_step_folds(step))
        fold_batch_norm(plan, step, is_conv ? rn_plan_floats(plan, layer->bias) : NULL);
    *prepared = (rn_prepared){ .packed = prepared->packed,
                               .scale = prepared->scale,
                               .shift = prepared->shift,
                               .version = version,
                               .norm = norm,
                               .valid = packs || !is_conv };
}
