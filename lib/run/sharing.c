/* SPDX-License-Identifier: MIT */
/*
 * Which values and gradients are the same memory: parts of a concatenation, gradients that go through a sum unchanged,
 * gradients that overwrite what nobody needs any more; and for each input of each step whether its gradient is written
 * or added to.
 */
#include "run/plan.h"

/* The inputs of a concatenation are written straight into their range of its channels. */
void rn_plan_place_in_concatenations(rn_plan *plan)
{
    for (int32_t s = 0; s < plan->step_count; s++) {
        const rn_step *const step = &plan->step[s];
        int64_t channel = 0;

        if (step->kind != &rn_step_concat)
            continue;
        for (int32_t i = 0; i < step->input_count; i++) {
            rn_plan_value *const value = &plan->value[step->inputs[i].value];

            if (value->producer >= 0 && value->parent < 0) {
                value->parent = step->output;
                value->parent_channel = channel;
            }
            channel += value->shape.c;
        }
    }
}

/* The gradient of a sum's operand is the sum's own gradient: the same memory, if that operand's has not been begun. */
static bool may_pass_through(const rn_plan *plan, const rn_step *step, int32_t operand)
{
    const rn_plan_value *const value = &plan->value[operand];

    return !value->gradient_written && !value->is_output && value->gradient_of == operand && value->producer >= 0 &&
           plan->value[step->output].gradient_of != operand;
}

/* True if backward hands the output's gradient on unchanged (after the ReLU's mask) to this input. */
static bool hands_gradient_on(const rn_step *step, int32_t input)
{
    const bool sum = step->kind == &rn_step_sum;

    return sum || (input == 1 &&
                   (step->kind == &rn_step_conv || step->kind == &rn_step_batch_norm || step->kind == &rn_step_affine));
}

/* True if the backward of the step that made y does not look at y: a convolution without a ReLU, whose mask y would be.
 */
static bool nobody_reads_back(const rn_plan *plan, const rn_plan_value *y)
{
    return y->producer >= 0 && plan->step[y->producer].kind == &rn_step_conv && !plan->step[y->producer].relu;
}

/*
 * The gradient of what lies in a concatenation is a slice of the concatenation's, if that is its last reader: backward
 * has finished the whole then, nobody reads it any more but through its slices, and earlier readers add to theirs. So
 * the chain of concatenations of a dense block has one gradient.
 */
static void share_gradients_of_concatenations(rn_plan *plan)
{
    for (int32_t s = 0; s < plan->step_count; s++) {
        for (int32_t i = 0; i < plan->step[s].input_count; i++) {
            rn_plan_value *const value = &plan->value[plan->step[s].inputs[i].value];
            const bool is_last = value->parent == plan->step[s].output && !value->is_output;

            value->gradient_of = is_last ? value->parent : plan->step[s].inputs[i].value;
        }
    }
}

/* Walks backward and settles, for each input of each step, whether its gradient is written, added to, or the same
 * memory. */
void rn_plan_settle_gradients(rn_plan *plan)
{
    for (int32_t i = 0; i < plan->value_count; i++)
        plan->value[i].gradient_written = plan->value[i].is_output; /* by the loss */
    share_gradients_of_concatenations(plan);
    for (int32_t s = plan->step_count - 1; s >= 0; s--) {
        rn_step *const step = &plan->step[s];
        bool handed_on = false;

        step->differentiates = plan->value[step->output].needs_gradient && plan->value[step->output].gradient_written;
        if (!step->differentiates)
            continue;
        for (int32_t i = 0; i < step->input_count; i++) {
            rn_step_input *const input = &step->inputs[i];
            rn_plan_value *const value = &plan->value[input->value];

            input->wants_gradient = value->needs_gradient;
            if (!input->wants_gradient)
                continue;
            input->accumulate = value->gradient_written;
            value->gradient_written = true;
            if (step->kind == &rn_step_concat) {
                input->passes_through = value->gradient_of == step->output && !input->accumulate;
            } else if (hands_gradient_on(step, i) && !handed_on && !input->accumulate) {
                value->gradient_written = false;
                if (may_pass_through(plan, step, input->value)) {
                    value->gradient_of = step->output;
                    input->passes_through = handed_on = true;
                }
                value->gradient_written = true;
            }
        }
        if (step->kind == &rn_step_batch_norm && step->inputs[0].wants_gradient) {
            rn_plan_value *const y = &plan->value[step->inputs[0].value];

            y->gradient_in_place = y->consumers == 1 && y->parent < 0 && nobody_reads_back(plan, y);
        }
    }
}
