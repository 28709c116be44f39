/* SPDX-License-Identifier: MIT */
/*
 * The convolution step: y = relu?(conv(x) * scale + shift + other). scale and shift are a bias, or a folded batch norm
 * (prepared.c).
 *
 * Backward: the ReLU's mask is applied to g in place; that is also the other operand's gradient. The gradient of the
 * convolution's own output is g * scale; from it follow the gradients of bias, weights and x.
 */
#include "run/step.h"

static void forward_conv(rn_plan *plan, rn_step *step)
{
    const rn_layer *const layer = rn_plan_layer(plan, step->layer);
    char *workspace = rn_plan_block(plan, step->forward_workspace);
    const float *packed = step->prepared->packed;

    rn_step_refresh(plan, step);
    if (rn_conv_is_linear(&step->conv)) {
        packed = rn_plan_floats(plan, layer->weight);
    } else if (!step->packs_once) {
        rn_conv_pack(plan->context, &step->conv, rn_plan_floats(plan, layer->weight), (float *)(void *)workspace);
        packed = (const float *)(const void *)workspace;
        workspace += rn_step_packed_bytes(plan, step);
    }
    const rn_conv_epilogue epilogue = {
        .scale = rn_step_folds(step) ? step->prepared->scale : NULL,
        .shift = rn_step_folds(step) ? step->prepared->shift : rn_plan_floats(plan, layer->bias),
        .residual = step->input_count > 1 ? rn_plan_map(plan, step->inputs[1].value) : NULL,
        .relu = step->relu,
    };
    rn_conv_forward(plan->context, &step->conv, rn_plan_map(plan, step->inputs[0].value), packed, &epilogue,
                    rn_plan_map(plan, step->output), workspace);
}

static void backward_conv(rn_plan *plan, rn_step *step)
{
    const rn_layer *const layer = rn_plan_layer(plan, step->layer);
    const rn_context *const context = plan->context;
    const rn_map *const x = rn_plan_map(plan, step->inputs[0].value), *const g = rn_plan_gradient(plan, step->output);
    void *const workspace = rn_plan_block(plan, step->backward_workspace);
    rn_map dy = *g;
    bool accumulate;

    if (step->relu)
        rn_relu_mask(context, g, rn_plan_map(plan, step->output));
    if (rn_step_folds(step)) {
        if (step->own_gradient >= 0) {
            dy.data = rn_plan_block(plan, step->own_gradient);
            dy.pitch = dy.c;
        }
        rn_affine_backward(context, g, NULL, step->prepared->scale, &dy);
    }
    if (rn_plan_trains(plan, layer->bias)) {
        float *const gradient = rn_plan_begin_gradient(plan, layer->bias, &accumulate);

        rn_channel_sums(context, &dy, gradient, accumulate, workspace);
    }
    if (rn_plan_trains(plan, layer->weight)) {
        float *const gradient = rn_plan_begin_gradient(plan, layer->weight, &accumulate);

        rn_conv_backward_weights(context, &step->conv, x, &dy, gradient, accumulate, workspace);
    }
    if (step->inputs[0].wants_gradient)
        rn_conv_backward_data(context, &step->conv, &dy, rn_plan_floats(plan, layer->weight),
                              rn_plan_gradient(plan, step->inputs[0].value), step->inputs[0].accumulate, workspace);
    rn_step_hand_on(plan, step, g);
}

const rn_step_kind rn_step_conv = { "conv", forward_conv, backward_conv };
