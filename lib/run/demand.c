/* SPDX-License-Identifier: MIT */
/*
 * Demand: what no output needs is not run, the layers behind "layer1" if that alone is asked for, a second classifier
 * in inference; nor what lies before the value that is given. The shapes of what is left follow from the input's.
 */
#include "run/plan.h"

static rn_status find_needed(rn_plan *plan)
{
    plan->value[plan->input].needed = true;
    for (int32_t i = 0; i < plan->output_count; i++)
        plan->value[plan->output[i]].needed = true;
    for (int32_t i = plan->value_count - 1; i > plan->input; i--) {
        const rn_layer *const layer = rn_plan_layer(plan, i);

        for (int32_t j = 0; plan->value[i].needed && j < layer->input_count; j++)
            plan->value[layer->inputs[j]].needed = true;
    }
    for (int32_t i = 0; i < plan->input; i++) {
        if (plan->value[i].needed)
            return rn_fail(&plan->tape.context->message, RN_INVALID_ARGUMENT,
                           "'%s' is no place to begin: what is asked for also needs '%s'",
                           rn_plan_layer(plan, plan->input)->name, rn_plan_layer(plan, i)->name);
    }
    return RN_OK;
}

/* At most 2^48 elements in a batch of a value: more than any memory holds, and products with small numbers stay within
 * int64. */
static bool fits_memory(const rn_plan *plan, const rn_value_shape *shape)
{
    const int64_t sizes[4] = { plan->tape.batch, shape->c, shape->h, shape->w };
    int64_t count;
    size_t nbytes;

    return rn_shape_bytes(&nbytes, &count, 4, sizes, sizeof(float)) && count <= INT64_C(1) << 48;
}

static rn_status infer_shape(rn_plan *plan, int32_t index)
{
    rn_message *const message = &plan->tape.context->message;
    const rn_allocator *const allocator = &plan->tape.context->allocator;
    const rn_layer *const layer = rn_plan_layer(plan, index);
    rn_value_shape *const shape = &plan->value[index].shape;
    rn_value_shape *const inputs = rn_allocate_array(allocator, (size_t)layer->input_count + 1, sizeof *inputs);
    rn_status status = RN_OK;

    if (inputs == NULL)
        return rn_fail(message, RN_NO_MEMORY, "no memory for a plan");
    for (int32_t j = 0; j < layer->input_count; j++)
        inputs[j] = plan->value[layer->inputs[j]].shape;
    if (index == plan->input)
        *shape = (rn_value_shape){ layer->shape.c, plan->height, plan->width, layer->shape.flat };
    else
        status = rn_layer_shape(shape, layer, inputs, message);
    rn_release(allocator, inputs);
    if (status == RN_OK && !fits_memory(plan, shape))
        status = rn_fail(message, RN_NO_MEMORY, "a batch of this size does not fit the address space");
    return status;
}

rn_status rn_plan_demand(rn_plan *plan)
{
    rn_status status = find_needed(plan);

    for (int32_t i = plan->input; i < plan->value_count && status == RN_OK; i++)
        if (plan->value[i].needed)
            status = infer_shape(plan, i);
    return status;
}
