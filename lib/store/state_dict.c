/* SPDX-License-Identifier: MIT */
/*
 * State dicts of optimizers and schedulers, for the trainer's files and those of hand-written loops: writing, and
 * telling apart whose form a file has.
 */
#include "store/state.h"

#include "base/json.h"
#include "base/options.h"
#include "store/keys.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

RN_NO_TAIL_PADDING(rn_optimizer_load_options, reserved);
RN_NO_TAIL_PADDING(rn_scheduler_load_options, reserved);

static rn_context *context_of(const rn_optimizer *optimizer)
{
    return optimizer->parameters->context;
}

static rn_status fail_memory(rn_context *context)
{
    return rn_fail(&context->message, RN_NO_MEMORY, "no memory for the state of an optimizer");
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static rn_status write_slot(rn_checkpoint *file, const rn_optimizer *optimizer, size_t index, int32_t slot)
{
    const rn_allocator *const allocator = &context_of(optimizer)->allocator;
    rn_tensor *tensor = NULL;
    char *name = NULL;
    rn_status status = rn_optimizer_slot(&tensor, optimizer, index, slot);

    if (status != RN_OK || tensor == NULL)
        return status;
    name = rn_slot_tensor_name(allocator, rn_optimizer_slot_name(optimizer, slot),
                               optimizer->parameters->entry[index].name);
    status = name != NULL ? rn_checkpoint_share(file, name, tensor) : fail_memory(context_of(optimizer));
    rn_release(allocator, name);
    rn_tensor_destroy(tensor);
    return status;
}

static rn_status write_slots(rn_checkpoint *file, const rn_optimizer *optimizer)
{
    rn_status status = RN_OK;

    for (size_t i = 0; status == RN_OK && i < optimizer->parameters->count; i++) {
        for (int32_t slot = 0; status == RN_OK && slot < rn_optimizer_slot_count(optimizer); slot++)
            status = write_slot(file, optimizer, i, slot);
    }
    return status;
}

static bool write_group_numbers(rn_json *json, const rn_optimizer *optimizer)
{
    bool fine = true;
    char name[RN_GROUP_NUMBER];

    for (size_t i = 0; fine && i < rn_optimizer_group_count(optimizer); i++) {
        const rn_optimizer_group *const group = &optimizer->group[i];

        fine = rn_json_set_number(json, rn_group_number_name(name, "lr", i), group->lr) &&
               rn_json_set_number(json, rn_group_number_name(name, "weight_decay", i), group->weight_decay) &&
               (isnan(group->initial_lr) ||
                rn_json_set_number(json, rn_group_number_name(name, "initial_lr", i), group->initial_lr));
    }
    return fine;
}

static bool write_rule_numbers(rn_json *json, const rn_optimizer *optimizer)
{
    const char *const rule = rn_optimizer_rule_name(optimizer);
    const rn_rule_number *number;
    bool fine = true;

    for (size_t i = 0; fine && (number = rn_rule_number_at(rule, i)) != NULL; i++)
        fine = rn_json_set_number(json, number->name, rn_rule_number_get(optimizer, number));
    return fine &&
           (!(optimizer->nesterov || optimizer->centered) || rn_json_set_number(json, rn_rule_flag_name(rule), 1));
}

/* [["conv1.weight", ...], ...]: what each group covers, in the network's order. */
static rn_json *groups_json(const rn_optimizer *optimizer)
{
    rn_json *const groups = rn_json_new_array();
    bool fine = groups != NULL;

    for (size_t g = 0; fine && g < rn_optimizer_group_count(optimizer); g++) {
        rn_json *const group = rn_json_new_array();

        fine = group != NULL;
        for (size_t i = 0; fine && i < optimizer->parameters->count; i++) {
            if (optimizer->group_of[i] == (int32_t)g)
                fine = rn_json_append_string(group, optimizer->parameters->entry[i].name);
        }
        if (fine)
            fine = rn_json_append(groups, group);
        else
            rn_json_destroy(group);
    }
    if (fine)
        return groups;
    rn_json_destroy(groups);
    return NULL;
}

/* Takes the value over, NULL meaning that there was no memory for it. */
static bool set_value(rn_json *object, const char *name, rn_json *value)
{
    return value != NULL && rn_json_set(object, name, value);
}

/* Parameters without state are left out. */
static rn_json *steps_json(const rn_optimizer *optimizer)
{
    rn_json *const steps = rn_json_new_object();
    bool fine = steps != NULL;

    for (size_t i = 0; fine && i < optimizer->parameters->count; i++) {
        if (optimizer->state[i].steps > 0)
            fine = rn_json_set_number(steps, optimizer->parameters->entry[i].name, (double)optimizer->state[i].steps);
    }
    if (fine)
        return steps;
    rn_json_destroy(steps);
    return NULL;
}

/* {"rule": "adam", "lr": 0.01, "beta1": 0.9, ..., "groups": [["fc.weight", ...]], "steps": {"fc.weight": 12, ...}} */
static rn_json *optimizer_json(const rn_optimizer *optimizer)
{
    rn_json *const json = rn_json_new_object();

    if (json != NULL && rn_json_set_string(json, "rule", rn_optimizer_rule_name(optimizer)) &&
        write_group_numbers(json, optimizer) && write_rule_numbers(json, optimizer) &&
        set_value(json, "groups", groups_json(optimizer)) && set_value(json, "steps", steps_json(optimizer)))
        return json;
    rn_json_destroy(json);
    return NULL;
}

/* {"30": 1, "80": 2}: how often each is there. */
static rn_json *milestones_json(const rn_scheduler *scheduler)
{
    rn_json *const json = rn_json_new_object();
    bool fine = json != NULL;
    double times = 0;
    char name[24];

    for (size_t i = 0; fine && i < scheduler->milestone_count; i++) {
        times = i > 0 && scheduler->milestone[i] == scheduler->milestone[i - 1] ? times + 1 : 1;
        snprintf(name, sizeof name, "%lld", (long long)scheduler->milestone[i]);
        if (i + 1 == scheduler->milestone_count || scheduler->milestone[i + 1] != scheduler->milestone[i])
            fine = rn_json_set_number(json, name, times);
    }
    if (fine)
        return json;
    rn_json_destroy(json);
    return NULL;
}

/* What its kind remembers besides. */
static bool write_memory(rn_json *json, const rn_scheduler *s)
{
    if (s->schedule != &rn_plateau_schedule)
        return s->milestone == NULL || s->part != NULL || set_value(json, "milestones", milestones_json(s));
    return (isinf(s->best) || rn_json_set_number(json, "best", s->best)) &&
           rn_json_set_number(json, "num_bad_epochs", (double)s->bad_epochs) &&
           rn_json_set_number(json, "cooldown_counter", (double)s->cooldown_left);
}

/* {"epoch": 3, "step_size": 7, "gamma": 0.1}; all but StepLR have their "kind", a sequence its "parts". */
static rn_json *scheduler_json(const rn_scheduler *scheduler)
{
    const rn_schedule *const schedule = scheduler->schedule;
    rn_json *const json = rn_json_new_object();
    bool fine = json != NULL && rn_json_set_number(json, "epoch", (double)scheduler->epoch) &&
                (strcmp(schedule->name, "step") == 0 || rn_json_set_string(json, "kind", schedule->name)) &&
                write_memory(json, scheduler);

    for (size_t i = 0; fine && i < RN_SCHEDULE_NUMBERS && schedule->number[i] != NULL; i++)
        fine = rn_json_set_number(json, schedule->number[i], scheduler->number[i]);
    if (fine && scheduler->part != NULL) {
        rn_json *const parts = rn_json_new_array();

        fine = parts != NULL;
        for (size_t i = 0; fine && i <= scheduler->milestone_count; i++) {
            rn_json *const part = scheduler_json(scheduler->part[i]);

            fine = part != NULL && rn_json_append(parts, part);
        }
        fine = set_value(json, "parts", parts) && fine;
    }
    if (fine)
        return json;
    rn_json_destroy(json);
    return NULL;
}

/* Takes the JSON value over, NULL meaning that there was no memory for it. */
static rn_status set_json(rn_checkpoint *file, rn_context *context, const char *key, rn_json *json)
{
    char *const text = json != NULL ? rn_json_text(json) : NULL;
    const rn_status status = text != NULL ? rn_checkpoint_set_metadata(file, key, text) : fail_memory(context);

    rn_json_release_text(text);
    rn_json_destroy(json);
    return status;
}

/* ---- the calls --------------------------------------------------------------------------------------------------- */

rn_status rn_optimizer_state_dict(rn_checkpoint *state, const rn_optimizer *optimizer)
{
    rn_status status;

    if (optimizer == NULL)
        return rn_fail_null("rn_optimizer_state_dict", "optimizer");
    if (state == NULL)
        return rn_fail(&context_of(optimizer)->message, RN_INVALID_ARGUMENT, "rn_optimizer_state_dict: state is NULL");
    if (rn_checkpoint_metadata(state, RN_KEY_OPTIMIZER) != NULL)
        return rn_fail(&context_of(optimizer)->message, RN_INVALID_ARGUMENT,
                       "the checkpoint holds the state of an optimizer already");
    status = write_slots(state, optimizer);
    return status == RN_OK ? set_json(state, context_of(optimizer), RN_KEY_OPTIMIZER, optimizer_json(optimizer))
                           : status;
}

rn_status rn_scheduler_state_dict(rn_checkpoint *state, const rn_scheduler *scheduler)
{
    rn_context *context;

    if (scheduler == NULL)
        return rn_fail_null("rn_scheduler_state_dict", "scheduler");
    context = context_of(scheduler->optimizer);
    if (state == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_scheduler_state_dict: state is NULL");
    return set_json(state, context, RN_KEY_SCHEDULER, scheduler_json(scheduler));
}

rn_status rn_optimizer_load_state_dict(rn_optimizer *optimizer, const rn_checkpoint *state,
                                       const rn_optimizer_load_options *options)
{
    rn_optimizer_load_options o;
    rn_message *message;
    rn_status status;

    if (optimizer == NULL)
        return rn_fail_null("rn_optimizer_load_state_dict", "optimizer");
    message = &context_of(optimizer)->message;
    if (state == NULL)
        return rn_fail(message, RN_INVALID_ARGUMENT, "rn_optimizer_load_state_dict: state is NULL");
    if ((status = rn_options_read(&o, sizeof o, options, message)) != RN_OK ||
        (status = rn_options_reserved(o.reserved, "rn_optimizer_load_state_dict", message)) != RN_OK)
        return status;
    if (o.prefix != NULL || rn_checkpoint_metadata(state, RN_KEY_OPTIMIZER) == NULL)
        return rn_torch_state_load(optimizer, state, &o);
    if (o.pattern != NULL || o.except != NULL)
        return rn_fail(message, RN_INVALID_ARGUMENT,
                       "the file names the parameters of its optimizer's state: it takes no pattern");
    return rn_own_state_load(optimizer, state);
}

rn_status rn_scheduler_load_state_dict(rn_scheduler *scheduler, const rn_checkpoint *state,
                                       const rn_scheduler_load_options *options)
{
    rn_scheduler_load_options o;
    rn_message *message;
    rn_status status;

    if (scheduler == NULL)
        return rn_fail_null("rn_scheduler_load_state_dict", "scheduler");
    message = &context_of(scheduler->optimizer)->message;
    if (state == NULL)
        return rn_fail(message, RN_INVALID_ARGUMENT, "rn_scheduler_load_state_dict: state is NULL");
    if ((status = rn_options_read(&o, sizeof o, options, message)) != RN_OK ||
        (status = rn_options_reserved(o.reserved, "rn_scheduler_load_state_dict", message)) != RN_OK)
        return status;
    return o.prefix != NULL || rn_checkpoint_metadata(state, RN_KEY_SCHEDULER) == NULL
               ? rn_torch_scheduler_load(scheduler, state, &o)
               : rn_own_scheduler_load(scheduler, state);
}
