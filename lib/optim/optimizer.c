/* SPDX-License-Identifier: MIT */
/*
 * What all optimizers share: which parameters they cover, and the step. Trainability and gradients are
 * read anew at every step, so that freezing, unfreezing and several optimizers over one model need no further calls.
 */
#include "optim/rule.h"

#include <math.h>
#include <stdatomic.h>

static rn_message *message_of(const rn_parameters *parameters)
{
    return &parameters->context->message;
}

rn_status rn_optimizer_begin_call(rn_optimizer **optimizer, const rn_parameters *parameters, const char *call)
{
    if (optimizer == NULL)
        return rn_fail_null(call, "optimizer");
    *optimizer = NULL;
    return parameters != NULL ? RN_OK : rn_fail_null(call, "parameters");
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

void rn_own_rule_release(rn_optimizer_rule *rule, const rn_allocator *allocator)
{
    if (rule == NULL)
        return;
    for (int i = 0; i < RN_RULE_STATES; i++)
        rn_release(allocator, (void *)(uintptr_t)rule->slot_name[i]);
    rn_release(allocator, (void *)(uintptr_t)rule->name);
    rn_release(allocator, rule);
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
    if (optimizer->own_release != NULL)
        optimizer->own_release(optimizer->own_payload);
    rn_release(allocator, optimizer);
    rn_parameters_release(parameters);
}

/* ---- the step ---------------------------------------------------------------------------------------------------- */

bool rn_optimizer_covers(const rn_optimizer *optimizer, size_t parameter)
{
    return optimizer->group_of[parameter] >= 0;
}

static bool steps_on(const rn_optimizer *optimizer, size_t i)
{
    const rn_parameter *const entry = &optimizer->parameters->entry[i];

    return rn_optimizer_covers(optimizer, i) && entry->trainable && entry->has_gradient;
}

enum { UNIT = 4096 }; /* numbers: what does not pay for waking a thread stays on the caller's, and vectors stay whole */

/* An update whose parts are shared out. */
typedef struct shared_update {
    rn_update update;
    atomic_int failed; /* RN_OK, or the status of a part that failed */
} shared_update;

static void update_units(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    shared_update *const shared = payload;
    const rn_update *const all = &shared->update;
    rn_update update = *all;
    rn_status status;

    (void)thread;
    update.begin = all->begin + begin * UNIT;
    update.end = all->end - all->begin > end * UNIT ? all->begin + end * UNIT : all->end;
    update.gradient = all->gradient + begin * UNIT;
    status = update.optimizer->rule->update(&update);
    if (status != RN_OK)
        atomic_store(&shared->failed, (int)status);
}

static rn_status share_update(const rn_update *update)
{
    const rn_optimizer *const optimizer = update->optimizer;
    shared_update shared = { .update = *update };

    if (optimizer->rule->whole)
        return optimizer->rule->update(update);
    atomic_init(&shared.failed, RN_OK);
    rn_parallel(&optimizer->parameters->context->pool, (update->end - update->begin + UNIT - 1) / UNIT, update_units,
                &shared);
    return (rn_status)atomic_load(&shared.failed);
}

bool rn_optimizer_takes_parts(const rn_optimizer *optimizer)
{
    return !optimizer->rule->whole;
}

rn_status rn_optimizer_step_on(rn_optimizer *optimizer, size_t i, int64_t begin, int64_t end, const float *gradient)
{
    rn_parameters *const parameters = optimizer->parameters;
    rn_optimizer_state *const state = &optimizer->state[i];
    const rn_update update = { .optimizer = optimizer,
                               .kernels = parameters->context->kernels->rows,
                               .state = state,
                               .name = parameters->entry[i].name,
                               .begin = begin,
                               .end = end,
                               .lr = optimizer->group[optimizer->group_of[i]].lr,
                               .weight_decay = optimizer->group[optimizer->group_of[i]].weight_decay,
                               .gradient = gradient,
                               .value = rn_parameters_floats(parameters, i) };
    rn_status status;

    state->steps += begin == 0;
    status = share_update(&update);
    rn_parameters_written(parameters, i); /* a rule that failed may have written some, too */
    if (status == RN_OK)
        return RN_OK;
    state->steps--;
    return rn_fail(message_of(parameters), status, "the rule '%s' failed at %s: %s", optimizer->rule->name, update.name,
                   rn_status_string(status));
}

rn_status rn_optimizer_step_inside(bool *any, rn_optimizer *optimizer)
{
    const size_t count = optimizer->parameters->count;
    rn_status status = RN_OK;

    *any = false;
    for (size_t i = 0; i < count && status == RN_OK; i++) {
        if (steps_on(optimizer, i)) {
            *any = true;
            status = rn_optimizer_own_state(optimizer, i);
        }
    }
    for (size_t i = 0; i < count && status == RN_OK; i++) {
        if (!steps_on(optimizer, i))
            continue;
        status = rn_optimizer_step_on(optimizer, i, 0, optimizer->parameters->entry[i].count,
                                      rn_parameters_gradient_floats(optimizer->parameters, i));
        if (status == RN_OK)
            optimizer->parameters->entry[i].has_gradient = false;
    }
    return status;
}

rn_status rn_optimizer_step(rn_optimizer *optimizer)
{
    rn_status status;
    bool any;

    if (optimizer == NULL)
        return rn_fail_null("rn_optimizer_step", "optimizer");
    status = rn_parameters_begin_write(optimizer->parameters, message_of(optimizer->parameters));
    if (status != RN_OK)
        return status;
    status = rn_optimizer_step_inside(&any, optimizer);
    rn_parameters_end_change(optimizer->parameters);
    return status != RN_OK || any
               ? status
               : rn_fail(message_of(optimizer->parameters), RN_STATE,
                         "nothing to step: no parameter is trainable, covered by this optimizer and has a gradient");
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
