/* SPDX-License-Identifier: MIT */
/* Reading the state dicts that this library wrote. All is checked before anything is changed. */
#include "store/state.h"

#include "base/json.h"
#include "store/keys.h"

#include <math.h>
#include <string.h>

static rn_context *context_of(const rn_optimizer *optimizer)
{
    return optimizer->parameters->context;
}

static rn_status parse_object(rn_json **json, rn_context *context, const rn_checkpoint *file, const char *key)
{
    const char *const text = rn_checkpoint_metadata(file, key);
    rn_status status;

    if (text == NULL)
        return rn_fail(&context->message, RN_FORMAT, "the training file has no metadata '%s'", key);
    status = rn_json_parse(json, text, strlen(text), &context->message);
    return status == RN_FORMAT
               ? rn_fail(&context->message, RN_FORMAT, "the training file's metadata '%s' is no JSON", key)
               : status;
}

/* A rate for each group of the optimizer, and none beyond. */
static bool has_rates(const rn_json *recorded, const rn_optimizer *optimizer)
{
    const size_t groups = rn_optimizer_group_count(optimizer);
    char name[RN_GROUP_NUMBER];

    for (size_t i = 0; i < groups; i++) {
        double lr;

        if (!rn_json_number(&lr, rn_json_member(recorded, rn_group_number_name(name, "lr", i))) || !isfinite(lr) ||
            lr < 0)
            return false;
    }
    return rn_json_member(recorded, rn_group_number_name(name, "lr", groups)) == NULL;
}

static rn_status restore_rates(rn_optimizer *optimizer, const rn_json *recorded)
{
    rn_status status = RN_OK;
    char name[RN_GROUP_NUMBER];

    for (size_t i = 0; status == RN_OK && i < rn_optimizer_group_count(optimizer); i++) {
        double lr = NAN;

        rn_json_number(&lr, rn_json_member(recorded, rn_group_number_name(name, "lr", i)));
        status = rn_optimizer_set_lr(optimizer, i, lr);
        if (rn_json_number(&lr, rn_json_member(recorded, rn_group_number_name(name, "initial_lr", i))) &&
            rn_is_rate(lr))
            optimizer->group[i].initial_lr = lr;
    }
    return status;
}

/* What is done with each (parameter, slot) that the file has: first all are checked, then all are restored. */
typedef rn_status (*slot_action)(rn_optimizer *optimizer, size_t index, int32_t slot, const rn_tensor *tensor,
                                 int64_t steps);

static rn_status check_slot(rn_optimizer *optimizer, size_t index, int32_t slot, const rn_tensor *tensor, int64_t steps)
{
    (void)steps;
    return rn_state_check_slot(optimizer, index, rn_optimizer_slot_name(optimizer, slot), tensor, true);
}

static rn_status visit_parameter(rn_optimizer *optimizer, const rn_checkpoint *file, size_t index, uint64_t steps,
                                 slot_action action)
{
    const char *const parameter = optimizer->parameters->entry[index].name;
    rn_status status = RN_OK;

    for (int32_t slot = 0; status == RN_OK && slot < rn_optimizer_slot_count(optimizer); slot++) {
        char *const name =
            rn_slot_tensor_name(&context_of(optimizer)->allocator, rn_optimizer_slot_name(optimizer, slot), parameter);
        const rn_tensor *const tensor = name != NULL ? rn_checkpoint_find(file, name) : NULL;

        if (name == NULL)
            status = rn_fail(&context_of(optimizer)->message, RN_NO_MEMORY, "no memory for the name of a tensor");
        else if (tensor == NULL)
            status = rn_fail(&context_of(optimizer)->message, RN_FORMAT,
                             "the training file counts steps of %s but lacks the tensor %s", parameter, name);
        else
            status = action(optimizer, index, slot, tensor, (int64_t)steps);
        rn_release(&context_of(optimizer)->allocator, name);
    }
    return status;
}

/*
 * The parameter and the step count that an entry records. They come in the order of the network, as they were written:
 * what is recorded again and again would be work without end. `least`: the first index that may come.
 */
static rn_status read_steps(size_t *index, uint64_t *steps, const rn_optimizer *optimizer, const rn_json *item,
                            size_t least)
{
    const char *const name = rn_json_name(item);
    rn_message *const message = &context_of(optimizer)->message;

    if (rn_parameters_find(index, optimizer->parameters, name) != RN_OK)
        return rn_fail(message, RN_SHAPE, "the training file has optimizer state of %s, which the model lacks", name);
    if (!rn_parameters_is_parameter(optimizer->parameters, *index) || *index < least)
        return rn_fail(message, RN_FORMAT, "the training file counts steps of %s, which is %s", name,
                       *index < least ? "not its turn" : "no parameter");
    if (!rn_json_size(steps, item) || *steps < 1)
        return rn_fail(message, RN_FORMAT, "the training file counts no whole number of steps of %s", name);
    return optimizer->group_of[*index] >= 0
               ? RN_OK
               : rn_fail(message, RN_STATE,
                         "the training file has optimizer state of %s, which the run's optimizer does not cover", name);
}

static rn_status visit_slots(rn_optimizer *optimizer, const rn_checkpoint *file, const rn_json *recorded_steps,
                             slot_action action)
{
    rn_status status = RN_OK;
    uint64_t steps;
    size_t index, least = 0;

    for (const rn_json *item = rn_json_first(recorded_steps); status == RN_OK && item != NULL;
         item = rn_json_next(item), least = index + 1) {
        status = read_steps(&index, &steps, optimizer, item, least);
        if (status == RN_OK)
            status = visit_parameter(optimizer, file, index, steps, action);
        if (status == RN_OK && action == rn_optimizer_restore)
            optimizer->state[index].steps = (int64_t)steps; /* also of a rule that keeps nothing else */
    }
    return status;
}

/* What a checkpoint says of an optimizer. */
typedef struct recorded_state {
    rn_json *optimizer;
    const rn_json *steps; /* a part of it */
} recorded_state;

/* Checked against the optimizer. To be destroyed in any case. */
static rn_status read_optimizer(recorded_state *recorded, rn_optimizer *optimizer, const rn_checkpoint *file)
{
    rn_context *const context = context_of(optimizer);
    const char *rule;
    rn_status status = parse_object(&recorded->optimizer, context, file, RN_KEY_OPTIMIZER);

    if (status != RN_OK)
        return status;
    rule = rn_json_string(rn_json_member(recorded->optimizer, "rule"));
    recorded->steps = rn_json_member(recorded->optimizer, "steps");
    if (rule == NULL || !rn_json_is_object(recorded->steps) || !has_rates(recorded->optimizer, optimizer))
        return rn_fail(&context->message, RN_FORMAT,
                       "the training file's metadata '%s' lacks rule, lr (of as many groups) or steps",
                       RN_KEY_OPTIMIZER);
    if (strcmp(rule, rn_optimizer_rule_name(optimizer)) != 0)
        return rn_fail(&context->message, RN_STATE, "the training file's optimizer is %s, the run's is %s", rule,
                       rn_optimizer_rule_name(optimizer));
    return visit_slots(optimizer, file, recorded->steps, check_slot);
}

typedef struct own_source {
    const recorded_state *recorded;
    const rn_checkpoint *file;
} own_source;

static rn_status fill(rn_optimizer *optimizer, const void *payload)
{
    const own_source *const source = payload;
    const rn_status status = visit_slots(optimizer, source->file, source->recorded->steps, rn_optimizer_restore);

    return status == RN_OK ? restore_rates(optimizer, source->recorded->optimizer) : status;
}

rn_status rn_own_state_load(rn_optimizer *optimizer, const rn_checkpoint *file)
{
    recorded_state recorded = { 0 };
    rn_status status = read_optimizer(&recorded, optimizer, file);

    if (status == RN_OK)
        status = rn_state_replace(optimizer, fill, &(own_source){ &recorded, file });
    rn_json_destroy(recorded.optimizer);
    return status;
}

/* ---- schedulers -------------------------------------------------------------------------------------------------- */

/* What a plateau remembers; an endless best is left out of the file. False where it is not said. */
static bool take_plateau(rn_scheduler *s, const rn_json *json, bool change)
{
    double best = s->number[RN_SCHEDULE_NUMBERS - 1] != 0 ? -INFINITY : INFINITY;
    uint64_t bad, cooldown;

    if (!rn_json_size(&bad, rn_json_member(json, "num_bad_epochs")) ||
        !rn_json_size(&cooldown, rn_json_member(json, "cooldown_counter")) ||
        (rn_json_member(json, "best") != NULL && !rn_json_number(&best, rn_json_member(json, "best"))))
        return false;
    if (change) {
        s->best = best;
        s->bad_epochs = (int64_t)bad;
        s->cooldown_left = (int64_t)cooldown;
    }
    return true;
}

/* Checks, or with `change` takes, what the file says. A sequence has parts, which are none. */
static rn_status take_scheduler(rn_scheduler *s, const rn_json *json, bool change)
{
    rn_message *const message = rn_scheduler_message(s->optimizer);
    const rn_json *const kind = rn_json_member(json, "kind"), *part = rn_json_first(rn_json_member(json, "parts"));
    const char *const name = kind == NULL ? "step" : rn_json_string(kind);
    rn_status status = RN_OK;
    uint64_t epoch;

    if (!rn_json_size(&epoch, rn_json_member(json, "epoch")) || name == NULL)
        return rn_fail(message, RN_FORMAT, "the training file's metadata '%s' has no epoch", RN_KEY_SCHEDULER);
    if (strcmp(name, s->schedule->name) != 0)
        return rn_fail(message, RN_STATE, "the training file's scheduler is '%s', the run's '%s'", name,
                       s->schedule->name);
    for (size_t i = 0; s->part != NULL && status == RN_OK && i <= s->milestone_count; i++, part = rn_json_next(part))
        status = take_scheduler(s->part[i], part, change);
    if (status == RN_OK && (part != NULL || (s->schedule == &rn_plateau_schedule && !take_plateau(s, json, change))))
        return rn_fail(message, RN_FORMAT, "the training file's metadata '%s' lacks what '%s' remembers",
                       RN_KEY_SCHEDULER, name);
    if (status == RN_OK && change) {
        s->epoch = (int64_t)epoch;
        if (s->schedule->restored != NULL)
            s->schedule->restored(s);
    }
    return status;
}

rn_status rn_own_scheduler_load(rn_scheduler *scheduler, const rn_checkpoint *file)
{
    rn_json *json = NULL;
    rn_status status = parse_object(&json, context_of(scheduler->optimizer), file, RN_KEY_SCHEDULER);

    if (status == RN_OK)
        status = take_scheduler(scheduler, json, false);
    if (status == RN_OK)
        status = take_scheduler(scheduler, json, true);
    rn_json_destroy(json);
    return status;
}
