/* SPDX-License-Identifier: MIT */
/*
 * Batch norm by itself, with a sum and a ReLU behind it: with running statistics where no convolution took it in
 * (affine), or with those of the batch (ops/batch_norm.h has the formulas).
 */
#include "run/step.h"

#include <math.h>

static void forward_affine(rn_plan *plan, rn_step *step)
{
    rn_step_refresh(plan, step);
    rn_affine_forward(plan->context, rn_plan_map(plan, step->inputs[0].value), step->prepared->scale,
                      step->prepared->shift, step->input_count > 1 ? rn_plan_map(plan, step->inputs[1].value) : NULL,
                      step->relu, rn_plan_map(plan, step->output));
}

/* x's gradient of a batch norm: where it belongs, or beside it and then added. */
static rn_map norm_input_gradient(rn_plan *plan, const rn_step *step)
{
    rn_map dy = *rn_plan_gradient(plan, step->inputs[0].value);

    if (step->own_gradient >= 0) {
        dy.data = rn_plan_block(plan, step->own_gradient);
        dy.pitch = dy.c;
    }
    return dy;
}

static void add_norm_input_gradient(rn_plan *plan, const rn_step *step, const rn_map *dy)
{
    if (step->own_gradient >= 0)
        rn_add_into(plan->context, rn_plan_gradient(plan, step->inputs[0].value), dy);
}

static void backward_affine(rn_plan *plan, rn_step *step)
{
    const rn_map *const g = rn_plan_gradient(plan, step->output);
    const bool wanted = step->inputs[0].wants_gradient;
    const rn_map dy = wanted ? norm_input_gradient(plan, step) : *g;

    rn_affine_backward(plan->context, g, step->relu ? rn_plan_map(plan, step->output) : NULL, step->prepared->scale,
                       wanted ? &dy : NULL);
    if (wanted)
        add_norm_input_gradient(plan, step, &dy);
    rn_step_hand_on(plan, step, g);
}

const rn_step_kind rn_step_affine = { "affine", forward_affine, backward_affine };

/* ---- batch norm with the batch's statistics -------------------------------------------------------------------- */

/* PyTorch's running statistics: r += momentum * (batch - r), with the unbiased variance. */
static void update_running(rn_plan *plan, const rn_layer *layer, const float *mean, const float *variance, int64_t rows)
{
    rn_parameters *const store = plan->model->graph->parameters;
    float *const running_mean = rn_plan_floats(plan, layer->running_mean), *const running_var =
                                                                               rn_plan_floats(plan, layer->running_var);
    const double momentum = layer->as.batch_norm.momentum, unbiased = (double)rows / (double)(rows - 1);
    rn_tensor *const tracked = store->entry[layer->batches_tracked].value;
    const int64_t channels = layer->shape.c;

    for (int64_t c = 0; c < channels; c++) {
        running_mean[c] = (float)((1 - momentum) * running_mean[c] + momentum * mean[c]);
        running_var[c] = (float)((1 - momentum) * running_var[c] + momentum * (variance[c] * unbiased));
    }
    *(int64_t *)(void *)tracked->data += 1;
    rn_parameters_written(store, (size_t)layer->running_mean);
    rn_parameters_written(store, (size_t)layer->running_var);
    rn_parameters_written(store, (size_t)layer->batches_tracked);
}

static void forward_batch_norm(rn_plan *plan, rn_step *step)
{
    const rn_layer *const layer = rn_plan_layer(plan, step->norm);
    const rn_map *const y = rn_plan_map(plan, step->inputs[0].value);
    const float *const gamma = rn_plan_floats(plan, layer->weight), *const beta = rn_plan_floats(plan, layer->bias);
    float *const mean = rn_plan_block(plan, step->statistics);
    float *const inverse_deviation = mean + y->c, *const scale = mean + 2 * y->c, *const shift = mean + 3 * y->c;

    rn_batch_norm_statistics(plan->context, y, mean, scale, rn_plan_block(plan, step->forward_workspace));
    update_running(plan, layer, mean, scale, rn_map_rows(y));
    for (int64_t c = 0; c < y->c; c++) {
        const double inverse = 1.0 / sqrt((double)scale[c] + layer->as.batch_norm.eps);

        inverse_deviation[c] = (float)inverse;
        scale[c] = (float)(gamma[c] * inverse);
        shift[c] = (float)(beta[c] - mean[c] * (gamma[c] * inverse));
    }
    rn_affine_forward(plan->context, y, scale, shift,
                      step->input_count > 1 ? rn_plan_map(plan, step->inputs[1].value) : NULL, step->relu,
                      rn_plan_map(plan, step->output));
}

static void backward_batch_norm(rn_plan *plan, rn_step *step)
{
    const rn_layer *const layer = rn_plan_layer(plan, step->norm);
    const rn_map *const y = rn_plan_map(plan, step->inputs[0].value), *const g = rn_plan_gradient(plan, step->output);
    const float *const mean = rn_plan_block(plan, step->statistics), *const inverse_deviation = mean + y->c;
    const bool wanted = step->inputs[0].wants_gradient;
    const rn_map dy = wanted ? norm_input_gradient(plan, step) : *g;
    const bool trains[2] = { rn_plan_trains(plan, layer->weight), rn_plan_trains(plan, layer->bias) };
    bool accumulate = false, accumulate_bias = false;
    float *const dgamma = trains[0] ? rn_plan_begin_gradient(plan, layer->weight, &accumulate) : NULL;
    float *const dbeta = trains[1] ? rn_plan_begin_gradient(plan, layer->bias, &accumulate_bias) : NULL;

    /* A bias alone that has a gradient, or the other way round, is a caller's partial clearing: made equal by clearing
     * the fresh one. */
    if (dgamma != NULL && dbeta != NULL && accumulate != accumulate_bias) {
        float *const fresh = accumulate ? dbeta : dgamma;

        for (int64_t c = 0; c < y->c; c++)
            fresh[c] = 0;
        accumulate = true;
    }
    rn_batch_norm_backward(plan->context, g, step->relu ? rn_plan_map(plan, step->output) : NULL, y, mean,
                           inverse_deviation, rn_plan_floats(plan, layer->weight), dgamma, dbeta,
                           accumulate || accumulate_bias, wanted ? &dy : NULL,
                           rn_plan_block(plan, step->backward_workspace));
    if (wanted)
        add_norm_input_gradient(plan, step, &dy);
    rn_step_hand_on(plan, step, g);
}

const rn_step_kind rn_step_batch_norm = { "batch norm", forward_batch_norm, backward_batch_norm };
