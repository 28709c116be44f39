/* SPDX-License-Identifier: MIT */
/* Steps that are one operation each: sums, concatenation, pooling, and the layers that only move or scale elements. */
#include "run/plan.h"

static const rn_map *input_map(const rn_plan *plan, const rn_step *step)
{
    return rn_plan_map(plan, step->inputs[0].value);
}

static const rn_map *input_gradient(const rn_plan *plan, const rn_step *step)
{
    return rn_plan_gradient(plan, step->inputs[0].value);
}

static const rn_map *output_map(const rn_plan *plan, const rn_step *step)
{
    return rn_plan_map(plan, step->output);
}

static const rn_map *output_gradient(const rn_plan *plan, const rn_step *step)
{
    return rn_plan_gradient(plan, step->output);
}

/* target = (accumulate: target +) source. */
static void write_or_add(const rn_plan *plan, const rn_map *target, const rn_map *source, bool accumulate)
{
    if (accumulate)
        rn_add_into(plan->context, target, source);
    else
        rn_add_forward(plan->context, source, NULL, false, target);
}

/* ---- sum and ReLU ---------------------------------------------------------------------------------------------- */

static void forward_sum(rn_plan *plan, rn_step *step)
{
    rn_add_forward(plan->context, input_map(plan, step),
                   step->input_count > 1 ? rn_plan_map(plan, step->inputs[1].value) : NULL, step->relu,
                   output_map(plan, step));
}

static void backward_sum(rn_plan *plan, rn_step *step)
{
    const rn_map *const g = output_gradient(plan, step);

    if (step->relu)
        rn_relu_mask(plan->context, g, output_map(plan, step));
    /* The operand that shares g's memory comes last in effect: it is only added to after the others have read g. */
    for (int32_t i = 0; i < step->input_count; i++)
        if (step->inputs[i].wants_gradient && !step->inputs[i].passes_through)
            write_or_add(plan, rn_plan_gradient(plan, step->inputs[i].value), g, step->inputs[i].accumulate);
}

const rn_step_kind rn_step_sum = { "sum", forward_sum, backward_sum };

/* ---- concatenation --------------------------------------------------------------------------------------------- */

static rn_map channels_of(const rn_map *whole, int64_t first, int64_t count)
{
    rn_map part = *whole;

    part.data = whole->data + first;
    part.c = count;
    return part;
}

static void forward_concat(rn_plan *plan, rn_step *step)
{
    int64_t channel = 0;

    for (int32_t i = 0; i < step->input_count; i++) {
        const rn_plan_value *const value = &plan->value[step->inputs[i].value];
        const rn_map target = channels_of(output_map(plan, step), channel, value->shape.c);

        if (value->map.data != target.data)
            rn_add_forward(plan->context, &value->map, NULL, false, &target);
        channel += value->shape.c;
    }
}

static void backward_concat(rn_plan *plan, rn_step *step)
{
    int64_t channel = 0;

    for (int32_t i = 0; i < step->input_count; i++) {
        const rn_plan_value *const value = &plan->value[step->inputs[i].value];
        const rn_map source = channels_of(output_gradient(plan, step), channel, value->shape.c);

        if (step->inputs[i].wants_gradient && !step->inputs[i].passes_through)
            write_or_add(plan, &value->gradient, &source, step->inputs[i].accumulate);
        channel += value->shape.c;
    }
}

const rn_step_kind rn_step_concat = { "concat", forward_concat, backward_concat };

/* ---- pooling --------------------------------------------------------------------------------------------------- */

static void forward_max_pool(rn_plan *plan, rn_step *step)
{
    rn_max_pool_forward(plan->context, &step->pool, input_map(plan, step), output_map(plan, step),
                        rn_plan_block(plan, step->argmax));
}

static void backward_max_pool(rn_plan *plan, rn_step *step)
{
    if (step->inputs[0].wants_gradient)
        rn_max_pool_backward(plan->context, &step->pool, output_gradient(plan, step), rn_plan_block(plan, step->argmax),
                             input_gradient(plan, step), step->inputs[0].accumulate);
}

const rn_step_kind rn_step_max_pool = { "max pool", forward_max_pool, backward_max_pool };

static void forward_avg_pool(rn_plan *plan, rn_step *step)
{
    rn_avg_pool_forward(plan->context, &step->pool, input_map(plan, step), output_map(plan, step));
}

static void backward_avg_pool(rn_plan *plan, rn_step *step)
{
    if (step->inputs[0].wants_gradient)
        rn_avg_pool_backward(plan->context, &step->pool, output_gradient(plan, step), input_gradient(plan, step),
                             step->inputs[0].accumulate);
}

const rn_step_kind rn_step_avg_pool = { "average pool", forward_avg_pool, backward_avg_pool };

static void forward_adaptive(rn_plan *plan, rn_step *step)
{
    rn_adaptive_avg_pool_forward(plan->context, input_map(plan, step), output_map(plan, step));
}

static void backward_adaptive(rn_plan *plan, rn_step *step)
{
    if (step->inputs[0].wants_gradient)
        rn_adaptive_avg_pool_backward(plan->context, output_gradient(plan, step), input_gradient(plan, step),
                                      step->inputs[0].accumulate);
}

const rn_step_kind rn_step_adaptive_avg_pool = { "adaptive average pool", forward_adaptive, backward_adaptive };

/* ---- dropout --------------------------------------------------------------------------------------------------- */

static rn_dropout_draw draw_of(const rn_plan *plan, const rn_step *step)
{
    return (rn_dropout_draw){ .probability = rn_plan_layer(plan, step->layer)->as.dropout.probability,
                              .seed = plan->dropout_seed,
                              .step = plan->dropout_step,
                              .layer = (uint64_t)step->layer };
}

static void forward_dropout(rn_plan *plan, rn_step *step)
{
    const rn_dropout_draw draw = draw_of(plan, step);

    rn_dropout_apply(plan->context, &draw, input_map(plan, step), output_map(plan, step));
}

/* The same draw on the gradient, in place, so that it can be added where x's gradient has begun. */
static void backward_dropout(rn_plan *plan, rn_step *step)
{
    const rn_dropout_draw draw = draw_of(plan, step);
    const rn_map *const g = output_gradient(plan, step);

    if (!step->inputs[0].wants_gradient)
        return;
    if (!step->inputs[0].accumulate) {
        rn_dropout_apply(plan->context, &draw, g, input_gradient(plan, step));
        return;
    }
    rn_dropout_apply(plan->context, &draw, g, g);
    rn_add_into(plan->context, input_gradient(plan, step), g);
}

const rn_step_kind rn_step_dropout = { "dropout", forward_dropout, backward_dropout };

/* ---- moving elements ------------------------------------------------------------------------------------------- */

static void forward_flatten(rn_plan *plan, rn_step *step)
{
    rn_flatten_forward(plan->context, input_map(plan, step), output_map(plan, step));
}

static void backward_flatten(rn_plan *plan, rn_step *step)
{
    if (step->inputs[0].wants_gradient)
        rn_flatten_backward(plan->context, output_gradient(plan, step), input_gradient(plan, step),
                            step->inputs[0].accumulate);
}

const rn_step_kind rn_step_flatten = { "flatten", forward_flatten, backward_flatten };

static void forward_shortcut(rn_plan *plan, rn_step *step)
{
    rn_shortcut_a_forward(plan->context, rn_plan_layer(plan, step->layer)->as.shortcut.stride, input_map(plan, step),
                          output_map(plan, step));
}

static void backward_shortcut(rn_plan *plan, rn_step *step)
{
    if (step->inputs[0].wants_gradient)
        rn_shortcut_a_backward(plan->context, rn_plan_layer(plan, step->layer)->as.shortcut.stride,
                               output_gradient(plan, step), input_gradient(plan, step), step->inputs[0].accumulate);
}

const rn_step_kind rn_step_shortcut_a = { "shortcut A", forward_shortcut, backward_shortcut };

static void forward_log_softmax(rn_plan *plan, rn_step *step)
{
    rn_log_softmax_forward(plan->context, input_map(plan, step), output_map(plan, step));
}

static void backward_log_softmax(rn_plan *plan, rn_step *step)
{
    if (step->inputs[0].wants_gradient)
        rn_log_softmax_backward(plan->context, output_gradient(plan, step), output_map(plan, step),
                                input_gradient(plan, step), step->inputs[0].accumulate);
}

const rn_step_kind rn_step_log_softmax = { "log-softmax", forward_log_softmax, backward_log_softmax };
