/* SPDX-License-Identifier: MIT */
/*
 * What all optimizers share: which parameters they cover, state by parameter, the step. Trainability and gradients are
 * read anew at every step, so that freezing, unfreezing and several optimizers over one model need no further calls.
 */
#include "optim/rule.h"

#include <math.h>

static rn_message *message_of(const rn_parameters *parameters)
{
    return &parameters->context->message;
}

rn_status rn_optimizer_make(rn_optimizer **optimizer, rn_parameters *parameters, const rn_optimizer_rule *rule,
                            const rn_coverage *coverage)
{
    const rn_allocator *const allocator = &parameters->context->allocator;
    const size_t groups = coverage->groups != NULL ? coverage->group_count : 1;
    rn_optimizer *made = rn_allocate_zeroed(allocator, 1, sizeof *made);
    rn_status status;

    if (made == NULL)
        return rn_fail(message_of(parameters), RN_NO_MEMORY, "no memory for an optimizer");
    rn_references_init(&made->references);
    rn_parameters_retain(parameters);
    made->parameters = parameters;
    made->rule = rule;
    made->group_of = rn_allocate_array(allocator, parameters->count, sizeof *made->group_of);
    made->group = rn_allocate_zeroed(allocator, groups, sizeof *made->group);
    made->group_count = groups;
    made->state = rn_allocate_zeroed(allocator, parameters->count, sizeof *made->state);
    status = made->group_of == NULL || made->group == NULL || made->state == NULL
                 ? rn_fail(message_of(parameters), RN_NO_MEMORY, "no memory for an optimizer")
                 : rn_optimizer_cover(made, coverage);
    if (status == RN_OK)
        *optimizer = made;
    else
        rn_optimizer_destroy(made);
    return status;
}

void rn_optimizer_destroy(rn_optimizer *optimizer)
{
    if (optimizer == NULL || !rn_let_go(&optimizer->references))
        return;
    rn_parameters *const parameters = optimizer->parameters;
    const rn_allocator *const allocator = &parameters->context->allocator;

    rn_optimizer_release_state(optimizer, optimizer->state);
    rn_release(allocator, optimizer->group_of);
    rn_release(allocator, optimizer->group);
    rn_own_rule_release(optimizer->own_rule, allocator);
    rn_release(allocator, optimizer);
    rn_parameters_release(parameters);
}

/* ---- state ------------------------------------------------------------------------------------------------------- */

int32_t rn_optimizer_slot_count(const rn_optimizer *optimizer)
{
    return optimizer->rule == &rn_sgd_rule && optimizer->momentum == 0 ? 0 : optimizer->rule->slot_count;
}

const char *rn_optimizer_slot_name(const rn_optimizer *optimizer, int32_t slot)
{
    return slot < 0 || slot >= rn_optimizer_slot_count(optimizer) ? NULL : optimizer->rule->slot_name[slot];
}

const char *rn_optimizer_rule_name(const rn_optimizer *optimizer)
{
    return optimizer->rule->name;
}

void rn_optimizer_release_state(const rn_optimizer *optimizer, rn_optimizer_state *state)
{
    const rn_allocator *const allocator = &optimizer->parameters->context->allocator;

    for (size_t i = 0; state != NULL && i < optimizer->parameters->count; i++)
        for (int32_t slot = 0; slot < RN_RULE_STATES; slot++)
            rn_release(allocator, state[i].slot[slot]);
    rn_release(allocator, state);
}

/* Room for all slots of a parameter, of zeros; nothing to do after the first time. */
static rn_status make_state(const rn_optimizer *optimizer, size_t parameter)
{
    rn_optimizer_state *const state = &optimizer->state[parameter];

    for (int32_t i = 0; i < rn_optimizer_slot_count(optimizer); i++) {
        if (state->slot[i] == NULL)
            state->slot[i] = rn_allocate_zeroed(&optimizer->parameters->context->allocator,
                                                (size_t)optimizer->parameters->entry[parameter].count, sizeof(float));
        if (state->slot[i] == NULL)
            return rn_fail(message_of(optimizer->parameters), RN_NO_MEMORY,
                           "no memory for the optimizer's state of '%s'", optimizer->parameters->entry[parameter].name);
    }
    return RN_OK;
}

rn_status rn_optimizer_slot(rn_tensor **tensor, const rn_optimizer *optimizer, size_t parameter, int32_t slot)
{
    const rn_parameters *const parameters = optimizer->parameters;
    const rn_tensor *value;
    rn_storage *storage;
    rn_status status;

    *tensor = NULL;
    if (parameter >= parameters->count || slot < 0 || slot >= RN_RULE_STATES ||
        optimizer->state[parameter].slot[slot] == NULL)
        return RN_OK;
    value = parameters->entry[parameter].value;
    status = rn_storage_create(&storage, parameters->context, optimizer->state[parameter].slot[slot], NULL, NULL);
    if (status != RN_OK)
        return status;
    status = rn_tensor_over(tensor, storage, storage->memory, RN_FLOAT32, value->rank, value->shape, value->strides,
                            RN_ROW_MAJOR);
    rn_storage_release(storage);
    return status;
}

rn_status rn_optimizer_restore(rn_optimizer *optimizer, size_t parameter, int32_t slot, const rn_tensor *value,
                               int64_t steps)
{
    const rn_parameters *const parameters = optimizer->parameters;
    rn_tensor *own = NULL;
    rn_status status;

    if (parameter >= parameters->count || !parameters->entry[parameter].is_parameter || slot < 0 ||
        slot >= rn_optimizer_slot_count(optimizer) || steps < 0)
        return rn_fail(message_of(parameters), RN_INVALID_ARGUMENT, "the optimizer has no such state");
    status = make_state(optimizer, parameter);
    if (status == RN_OK)
        status = rn_optimizer_slot(&own, optimizer, parameter, slot);
    if (status == RN_OK && !rn_tensor_same_shape(own, value))
        status = rn_fail(message_of(parameters), RN_SHAPE, "%s of '%s' has another shape than the parameter",
                         optimizer->rule->slot_name[slot], parameters->entry[parameter].name);
    if (status == RN_OK)
        status = rn_tensor_copy(own, value);
    if (status == RN_OK)
        optimizer->state[parameter].steps = steps;
    rn_tensor_destroy(own);
    return status;
}

/* ---- the step ---------------------------------------------------------------------------------------------------- */

static bool steps_on(const rn_optimizer *optimizer, size_t i)
{
    const rn_parameter *const entry = &optimizer->parameters->entry[i];

    return optimizer->group_of[i] >= 0 && entry->trainable && entry->has_gradient;
}

enum { UNIT = 4096 }; /* numbers: what does not pay for waking a thread stays on the caller's, and vectors stay whole */

static void update_units(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    rn_update update = *(const rn_update *)payload;
    const int64_t count = update.end;

    (void)thread;
    update.begin = begin * UNIT;
    update.end = end * UNIT < count ? end * UNIT : count;
    update.optimizer->rule->update(&update);
}

static rn_status step(rn_optimizer *optimizer)
{
    rn_parameters *const parameters = optimizer->parameters;
    rn_status status = RN_OK;
    bool any = false;

    for (size_t i = 0; i < parameters->count && status == RN_OK; i++)
        if (steps_on(optimizer, i)) {
            any = true;
            status = make_state(optimizer, i);
        }
    if (status != RN_OK)
        return status;
    if (!any)
        return rn_fail(message_of(parameters), RN_STATE,
                       "nothing to step: no parameter is trainable, covered by this optimizer and has a gradient");
    for (size_t i = 0; i < parameters->count; i++) {
        rn_update update = { .optimizer = optimizer,
                             .kernels = parameters->context->kernels->rows,
                             .state = &optimizer->state[i] };

        if (!steps_on(optimizer, i))
            continue;
        update.lr = optimizer->group[optimizer->group_of[i]].lr;
        update.weight_decay = optimizer->group[optimizer->group_of[i]].weight_decay;
        update.gradient = rn_parameters_gradient_floats(parameters, i);
        update.value = rn_parameters_floats(parameters, i);
        update.end = parameters->entry[i].count;
        optimizer->state[i].steps++;
        update.name = parameters->entry[i].name;
        if (optimizer->rule->whole)
            optimizer->rule->update(&update);
        else
            rn_parallel(&parameters->context->pool, (update.end + UNIT - 1) / UNIT, update_units, &update);
        parameters->entry[i].has_gradient = false;
        rn_parameters_written(parameters, i);
    }
    return RN_OK;
}

rn_status rn_optimizer_step(rn_optimizer *optimizer)
{
    rn_status status;

    if (optimizer == NULL)
        return rn_fail_null("rn_optimizer_step", "optimizer");
    status = rn_parameters_begin_write(optimizer->parameters, message_of(optimizer->parameters));
    if (status != RN_OK)
        return status;
    status = step(optimizer);
    rn_parameters_end_change(optimizer->parameters);
    return status;
}

size_t rn_optimizer_group_count(const rn_optimizer *optimizer)
{
    return optimizer == NULL ? 0 : optimizer->group_count;
}

double rn_optimizer_lr(const rn_optimizer *optimizer, size_t group)
{
    return group < rn_optimizer_group_count(optimizer) ? optimizer->group[group].lr : NAN;
}

rn_status rn_optimizer_set_lr(rn_optimizer *optimizer, size_t group, double lr)
{
    if (optimizer == NULL)
        return rn_fail_null("rn_optimizer_set_lr", "optimizer");
    if (group >= optimizer->group_count)
        return rn_fail(message_of(optimizer->parameters), RN_INVALID_ARGUMENT, "group %zu of %zu", group,
                       optimizer->group_count);
    if (!rn_is_rate(lr))
        return rn_fail(message_of(optimizer->parameters), RN_INVALID_ARGUMENT, "a learning rate of %g", lr);
    optimizer->group[group].lr = lr;
    return RN_OK;
}
