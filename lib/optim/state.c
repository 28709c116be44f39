/* SPDX-License-Identifier: MIT */
/*
 * What an optimizer keeps for each parameter. A state dict holds the same memory, without a copy; a step that finds its
 * slots held by another copies them first, so that a state dict stays what it was.
 */
#include "optim/rule.h"

#include <string.h>

/* Slot `slot` of the rule. */
static bool is_kept(const rn_optimizer *optimizer, int32_t slot)
{
    const rn_optimizer_rule *const rule = optimizer->rule;

    return (slot + 1 != rule->momentum_slot || optimizer->momentum != 0) &&
           (slot + 1 != rule->centered_slot || optimizer->centered);
}

int32_t rn_optimizer_slot_count(const rn_optimizer *optimizer)
{
    int32_t count = 0;

    for (int32_t i = 0; i < optimizer->rule->slot_count; i++)
        count += is_kept(optimizer, i);
    return count;
}

const char *rn_optimizer_slot_name(const rn_optimizer *optimizer, int32_t slot)
{
    for (int32_t i = 0; slot >= 0 && i < optimizer->rule->slot_count; i++) {
        if (is_kept(optimizer, i) && slot-- == 0)
            return optimizer->rule->slot_name[i];
    }
    return NULL;
}

const char *rn_optimizer_rule_name(const rn_optimizer *optimizer)
{
    return optimizer->rule->name;
}

void rn_optimizer_release_state(const rn_optimizer *optimizer, rn_optimizer_state *state)
{
    for (size_t i = 0; state != NULL && i < optimizer->parameters->count; i++)
        for (int32_t slot = 0; slot < RN_RULE_STATES; slot++)
            rn_storage_release(state[i].storage[slot]);
    rn_release(&optimizer->parameters->context->allocator, state);
}

/* Memory for a slot that nobody else holds: of zeros at first, later a copy of what is in it. */
static rn_status own_slot(rn_optimizer_state *state, int32_t slot, rn_context *context, size_t nbytes)
{
    rn_storage *own;
    rn_status status;

    if (state->storage[slot] != NULL && !rn_storage_is_shared(state->storage[slot]))
        return RN_OK;
    status = rn_storage_allocate(&own, context, nbytes);
    if (status != RN_OK)
        return status;
    if (state->storage[slot] != NULL)
        memcpy(own->memory, state->storage[slot]->memory, nbytes);
    rn_storage_release(state->storage[slot]);
    state->storage[slot] = own;
    state->slot[slot] = own->memory;
    return RN_OK;
}

rn_status rn_optimizer_own_state(rn_optimizer *optimizer, size_t parameter)
{
    const rn_parameter *const entry = &optimizer->parameters->entry[parameter];
    rn_context *const context = optimizer->parameters->context;

    for (int32_t i = 0; i < rn_optimizer_slot_count(optimizer); i++) {
        const rn_status status =
            own_slot(&optimizer->state[parameter], i, context, (size_t)entry->count * sizeof(float));

        if (status != RN_OK)
            return rn_fail(&context->message, status, "no memory for the optimizer's state of '%s'", entry->name);
    }
    return RN_OK;
}

rn_status rn_optimizer_slot(rn_tensor **tensor, const rn_optimizer *optimizer, size_t parameter, int32_t slot)
{
    const rn_tensor *value;
    rn_storage *storage;

    *tensor = NULL;
    if (parameter >= optimizer->parameters->count || slot < 0 || slot >= RN_RULE_STATES ||
        optimizer->state[parameter].storage[slot] == NULL)
        return RN_OK;
    value = optimizer->parameters->entry[parameter].value;
    storage = optimizer->state[parameter].storage[slot];
    return rn_tensor_over(tensor, storage, storage->memory, RN_FLOAT32, value->rank, value->shape, value->strides,
                          RN_ROW_MAJOR);
}

rn_status rn_optimizer_restore(rn_optimizer *optimizer, size_t parameter, int32_t slot, const rn_tensor *value,
                               int64_t steps)
{
    const rn_parameters *const parameters = optimizer->parameters;
    rn_message *const message = &parameters->context->message;
    rn_tensor *own = NULL;
    rn_status status;

    if (parameter >= parameters->count || !parameters->entry[parameter].is_parameter || slot < 0 ||
        slot >= rn_optimizer_slot_count(optimizer) || steps < 0)
        return rn_fail(message, RN_INVALID_ARGUMENT, "the optimizer has no such state");
    status = rn_optimizer_own_state(optimizer, parameter);
    if (status == RN_OK)
        status = rn_optimizer_slot(&own, optimizer, parameter, slot);
    if (status == RN_OK && !rn_tensor_same_shape(own, value))
        status = rn_fail(message, RN_SHAPE, "%s of '%s' has another shape than the parameter",
                         rn_optimizer_slot_name(optimizer, slot), parameters->entry[parameter].name);
    if (status == RN_OK)
        status = rn_tensor_copy(own, value);
    if (status == RN_OK)
        optimizer->state[parameter].steps = steps;
    rn_tensor_destroy(own);
    return status;
}
