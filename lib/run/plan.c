/* SPDX-License-Identifier: MIT */
/* Making a plan, pointing it into an arena, and walking its steps. */
#include "run/plan.h"

rn_status rn_plan_create(rn_plan **plan, const rn_plan_request *request)
{
    const rn_allocator *const allocator = &request->context->allocator;
    rn_plan *made = rn_allocate_zeroed(allocator, 1, sizeof *made);
    rn_status status = RN_OK;

    *plan = NULL;
    if (made == NULL)
        return rn_fail(&request->context->message, RN_NO_MEMORY, "no memory for a plan");
    made->context = request->context;
    made->model = request->model;
    made->prepared = request->prepared;
    made->batch = request->batch;
    made->height = request->height;
    made->width = request->width;
    made->training = request->training;
    made->input_gradient = request->input_gradient;
    made->freeze_version = request->model->freeze_version;
    made->value_count = request->model->graph->count;
    made->output_count = request->output_count;
    made->value = rn_allocate_zeroed(allocator, (size_t)made->value_count, sizeof *made->value);
    made->output = rn_allocate_array(allocator, (size_t)made->output_count, sizeof *made->output);
    if (made->value == NULL || made->output == NULL)
        status = rn_fail(&request->context->message, RN_NO_MEMORY, "no memory for a plan");
    for (int32_t i = 0; i < made->output_count && status == RN_OK; i++)
        made->output[i] = request->outputs[i];
    if (status == RN_OK)
        status = rn_plan_lower(made);
    if (status == RN_OK) {
        rn_plan_choose_portion(made, request->portion_bytes);
        status = rn_plan_lay_out(made);
    }
    if (status != RN_OK) {
        rn_plan_destroy(made);
        return status;
    }
    *plan = made;
    return RN_OK;
}

void rn_plan_destroy(rn_plan *plan)
{
    if (plan == NULL)
        return;
    const rn_allocator *const allocator = &plan->context->allocator;

    for (int32_t i = 0; i < plan->step_count; i++)
        rn_release(allocator, plan->step[i].inputs);
    rn_release(allocator, plan->step);
    rn_release(allocator, plan->block);
    rn_release(allocator, plan->output);
    rn_release(allocator, plan->value);
    rn_release(allocator, plan);
}

rn_status rn_plan_prepare(rn_plan *plan)
{
    for (int32_t i = 0; i < plan->step_count; i++) {
        const rn_status status = rn_step_prepare(plan, &plan->step[i]);

        if (status != RN_OK)
            return status;
    }
    return RN_OK;
}

void *rn_plan_block(const rn_plan *plan, int32_t block)
{
    return block < 0 ? NULL : plan->arena + plan->block[block].offset;
}

/* A map of a value's shape over a block of its own. */
static rn_map own_map(const rn_plan *plan, const rn_plan_value *value, int32_t block)
{
    return (rn_map){ .data = rn_plan_block(plan, block),
                     .n = value->portioned ? plan->portion : plan->batch,
                     .h = value->shape.h,
                     .w = value->shape.w,
                     .c = value->shape.c,
                     .pitch = value->shape.c };
}

/* Channels [channel, channel + value's) of `whole`. */
static rn_map slice_map(const rn_map *whole, const rn_plan_value *value, int64_t channel)
{
    rn_map slice = *whole;

    slice.data = whole->data == NULL ? NULL : whole->data + channel;
    slice.c = value->shape.c;
    return slice;
}

/*
 * A map follows from that of another value: the concatenation it lies in, the sum whose gradient it shares. Those stand
 * later in the graph, so walking from the last value to the first meets them bound.
 */
void rn_plan_bind(rn_plan *plan, char *arena)
{
    plan->arena = arena;
    for (int32_t i = plan->value_count - 1; i >= 0; i--) {
        rn_plan_value *const value = &plan->value[i];

        value->map = value->parent < 0 ? own_map(plan, value, value->block)
                                       : slice_map(&plan->value[value->parent].map, value, value->parent_channel);
        if (value->gradient_in_place)
            value->gradient = value->map;
        else if (value->gradient_of == i)
            value->gradient = own_map(plan, value, value->gradient_block);
        else if (value->gradient_of == value->parent)
            value->gradient = slice_map(&plan->value[value->parent].gradient, value, value->parent_channel);
        else
            value->gradient = plan->value[value->gradient_of].gradient;
    }
}

void rn_plan_forward(rn_plan *plan)
{
    rn_plan_forward_portions(plan);
    for (int32_t i = plan->portion_steps; i < plan->step_count; i++)
        plan->step[i].kind->forward(plan, &plan->step[i]);
}

void rn_plan_backward(rn_plan *plan)
{
    for (int32_t i = plan->step_count - 1; i >= 0; i--)
        if (plan->step[i].differentiates && plan->step[i].kind->backward != NULL)
            plan->step[i].kind->backward(plan, &plan->step[i]);
}

bool rn_plan_differentiates(const rn_plan *plan)
{
    for (int32_t i = 0; i < plan->step_count; i++)
        if (plan->step[i].differentiates)
            return true;
    return false;
}
