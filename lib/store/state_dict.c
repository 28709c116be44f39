/* SPDX-License-Identifier: MIT */
/*
 * State dicts of optimizers and schedulers, for the trainer's files and those of hand-written loops. All is checked
 * before anything is changed, and a whole new state takes the old one's place.
 */
#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "store/keys.h"
#include "store/store.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static rn_status fail_memory(rn_context *context)
{
    return rn_fail(&context->message, RN_NO_MEMORY, "no memory for a training file");
}

static rn_context *context_of(const rn_optimizer *optimizer)
{
    return optimizer->parameters->context;
}

/* "optimizer.exp_avg.layer1.0.conv1.weight"; NULL without memory. */
static char *slot_tensor_name(const rn_optimizer *optimizer, int32_t slot, const char *parameter)
{
    const char *const slot_name = rn_optimizer_slot_name(optimizer, slot);
    const size_t nbytes = strlen(RN_OPTIMIZER_PREFIX) + strlen(slot_name) + strlen(parameter) + 2;
    char *const name = rn_allocate(&context_of(optimizer)->allocator, nbytes);

    if (name != NULL)
        snprintf(name, nbytes, "%s%s.%s", RN_OPTIMIZER_PREFIX, slot_name, parameter);
    return name;
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static rn_status write_slot(rn_checkpoint *file, const rn_optimizer *optimizer, size_t index, int32_t slot)
{
    rn_tensor *tensor = NULL;
    char *name = NULL;
    rn_status status = rn_optimizer_slot(&tensor, optimizer, index, slot);

    if (status != RN_OK || tensor == NULL)
        return status;
    name = slot_tensor_name(optimizer, slot, optimizer->parameters->entry[index].name);
    status = name != NULL ? rn_checkpoint_share(file, name, tensor) : fail_memory(context_of(optimizer));
    rn_release(&context_of(optimizer)->allocator, name);
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

/* "lr", and "lr.1", "lr.2" of the groups behind the first. */
static const char *rate_name(char text[32], size_t group)
{
    snprintf(text, 32, group == 0 ? "lr" : "lr.%zu", group);
    return text;
}

static bool write_rates(rn_json *json, const rn_optimizer *optimizer)
{
    bool fine = true;
    char name[32];

    for (size_t i = 0; fine && i < rn_optimizer_group_count(optimizer); i++)
        fine = rn_json_set_number(json, rate_name(name, i), rn_optimizer_lr(optimizer, i));
    return fine;
}

/* {"rule": "adam", "lr": 0.01, "steps": {"fc.weight": 12, ...}}; parameters without state are left out. */
static rn_json *optimizer_json(const rn_optimizer *optimizer)
{
    rn_json *const json = rn_json_new_object();
    rn_json *const steps = rn_json_new_object();
    bool fine = json != NULL && steps != NULL && rn_json_set_string(json, "rule", rn_optimizer_rule_name(optimizer)) &&
                write_rates(json, optimizer);

    for (size_t i = 0; fine && i < optimizer->parameters->count; i++) {
        if (optimizer->state[i].steps > 0)
            fine = rn_json_set_number(steps, optimizer->parameters->entry[i].name, (double)optimizer->state[i].steps);
    }
    if (fine)
        fine = rn_json_set(json, "steps", steps);
    else
        rn_json_destroy(steps);
    if (fine)
        return json;
    rn_json_destroy(json);
    return NULL;
}

static rn_json *scheduler_json(const rn_scheduler *scheduler)
{
    rn_json *const json = rn_json_new_object();

    if (json != NULL && rn_json_set_number(json, "epoch", (double)scheduler->epoch))
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

/* ---- reading --------------------------------------------------------------------------------------------------- */

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
    char name[32];

    for (size_t i = 0; i < groups; i++) {
        double lr;

        if (!rn_json_number(&lr, rn_json_member(recorded, rate_name(name, i))) || !isfinite(lr) || lr < 0)
            return false;
    }
    return rn_json_member(recorded, rate_name(name, groups)) == NULL;
}

static rn_status restore_rates(rn_optimizer *optimizer, const rn_json *recorded)
{
    rn_status status = RN_OK;
    char name[32];

    for (size_t i = 0; status == RN_OK && i < rn_optimizer_group_count(optimizer); i++) {
        double lr = NAN;

        rn_json_number(&lr, rn_json_member(recorded, rate_name(name, i)));
        status = rn_optimizer_set_lr(optimizer, i, lr);
    }
    return status;
}

/* What is done with each (parameter, slot) that the file has: first all are checked, then all are restored. */
typedef rn_status (*slot_action)(rn_optimizer *optimizer, size_t index, int32_t slot, const rn_tensor *tensor,
                                 int64_t steps);

static rn_status check_slot(rn_optimizer *optimizer, size_t index, int32_t slot, const rn_tensor *tensor, int64_t steps)
{
    const rn_parameter *const entry = &optimizer->parameters->entry[index];
    char ours[128], theirs[128];

    (void)steps;
    if (rn_tensor_dtype(tensor) == RN_FLOAT32 && rn_tensor_same_shape(tensor, entry->value))
        return RN_OK;
    return rn_fail(&context_of(optimizer)->message, RN_SHAPE,
                   "optimizer state %s of %s: %s %s in the file, float32 %s in the model",
                   rn_optimizer_slot_name(optimizer, slot), entry->name, rn_dtype_name(rn_tensor_dtype(tensor)),
                   rn_shape_text(theirs, sizeof theirs, rn_tensor_rank(tensor), rn_tensor_shape(tensor)),
                   rn_shape_text(ours, sizeof ours, rn_tensor_rank(entry->value), rn_tensor_shape(entry->value)));
}

static rn_status visit_parameter(rn_optimizer *optimizer, const rn_checkpoint *file, size_t index, uint64_t steps,
                                 slot_action action)
{
    const char *const parameter = optimizer->parameters->entry[index].name;
    rn_status status = RN_OK;

    for (int32_t slot = 0; status == RN_OK && slot < rn_optimizer_slot_count(optimizer); slot++) {
        char *const name = slot_tensor_name(optimizer, slot, parameter);
        const rn_tensor *const tensor = name != NULL ? rn_checkpoint_find(file, name) : NULL;

        if (name == NULL)
            status = fail_memory(context_of(optimizer));
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

/* Gives the optimizer the recorded state, and no other; on failure it has the one it had. */
static rn_status restore(rn_optimizer *optimizer, const recorded_state *recorded, const rn_checkpoint *file)
{
    rn_optimizer_state *const before = optimizer->state;
    rn_status status;

    optimizer->state =
        rn_allocate_zeroed(&context_of(optimizer)->allocator, optimizer->parameters->count, sizeof *optimizer->state);
    status = optimizer->state != NULL ? visit_slots(optimizer, file, recorded->steps, rn_optimizer_restore)
                                      : fail_memory(context_of(optimizer));
    if (status == RN_OK)
        status = restore_rates(optimizer, recorded->optimizer);
    if (status == RN_OK) {
        rn_optimizer_release_state(optimizer, before);
    } else {
        rn_optimizer_release_state(optimizer, optimizer->state);
        optimizer->state = before;
    }
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

rn_status rn_optimizer_load_state_dict(rn_optimizer *optimizer, const rn_checkpoint *state)
{
    recorded_state recorded = { 0 };
    rn_status status;

    if (optimizer == NULL)
        return rn_fail_null("rn_optimizer_load_state_dict", "optimizer");
    if (state == NULL)
        return rn_fail(&context_of(optimizer)->message, RN_INVALID_ARGUMENT,
                       "rn_optimizer_load_state_dict: state is NULL");
    status = read_optimizer(&recorded, optimizer, state);
    if (status == RN_OK)
        status = restore(optimizer, &recorded, state);
    rn_json_destroy(recorded.optimizer);
    return status;
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

rn_status rn_scheduler_load_state_dict(rn_scheduler *scheduler, const rn_checkpoint *state)
{
    rn_context *context;
    rn_json *json = NULL;
    uint64_t epoch;
    rn_status status;

    if (scheduler == NULL)
        return rn_fail_null("rn_scheduler_load_state_dict", "scheduler");
    context = context_of(scheduler->optimizer);
    if (state == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_scheduler_load_state_dict: state is NULL");
    status = parse_object(&json, context, state, RN_KEY_SCHEDULER);
    if (status == RN_OK && rn_json_size(&epoch, rn_json_member(json, "epoch")))
        scheduler->epoch = (int64_t)epoch;
    else if (status == RN_OK)
        status =
            rn_fail(&context->message, RN_FORMAT, "the training file's metadata '%s' has no epoch", RN_KEY_SCHEDULER);
    rn_json_destroy(json);
    return status;
}
