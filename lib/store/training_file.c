/* SPDX-License-Identifier: MIT */
/*
 * Training files: a model file that also holds the optimizer's state by parameter name, where the scheduler stands, and
 * the trainer's own text. Everything is checked before anything of the run is changed.
 */
#include "store/store.h"
#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "store/keys.h"

#include <inttypes.h>
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

static rn_status write_slot(rn_checkpoint *file, const rn_optimizer *optimizer, size_t index, int32_t slot, bool copy)
{
    rn_tensor *tensor = NULL;
    char *name = NULL;
    rn_status status = rn_optimizer_slot(&tensor, optimizer, index, slot);

    if (status != RN_OK || tensor == NULL)
        return status;
    name = slot_tensor_name(optimizer, slot, optimizer->parameters->entry[index].name);
    if (name == NULL)
        status = fail_memory(context_of(optimizer));
    else
        status = copy ? rn_checkpoint_add(file, name, tensor) : rn_checkpoint_share(file, name, tensor);
    rn_release(&context_of(optimizer)->allocator, name);
    rn_tensor_destroy(tensor);
    return status;
}

/* `copy`: the checkpoint may outlive the next step. */
static rn_status write_slots(rn_checkpoint *file, const rn_optimizer *optimizer, bool copy)
{
    rn_status status = RN_OK;

    for (size_t i = 0; status == RN_OK && i < optimizer->parameters->count; i++) {
        for (int32_t slot = 0; status == RN_OK && slot < rn_optimizer_slot_count(optimizer); slot++)
            status = write_slot(file, optimizer, i, slot, copy);
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
        if (optimizer->state[i].slot[0] != NULL)
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

static rn_status write_state(rn_checkpoint *file, rn_context *context, const rn_training_state *state)
{
    rn_status status = rn_checkpoint_set_metadata(file, RN_KEY_STATE, state->state);

    if (status == RN_OK && state->optimizer != NULL)
        status = write_slots(file, state->optimizer, false);
    if (status == RN_OK && state->optimizer != NULL)
        status = set_json(file, context, RN_KEY_OPTIMIZER, optimizer_json(state->optimizer));
    if (status == RN_OK && state->scheduler != NULL)
        status = set_json(file, context, RN_KEY_SCHEDULER, scheduler_json(state->scheduler));
    return status;
}

rn_status rn_training_save(const rn_model *model, const rn_training_state *state, const char *path)
{
    rn_checkpoint *file = NULL;
    rn_status status;

    if (model == NULL)
        return rn_fail_null("rn_training_save", "model");
    if (state == NULL || state->state == NULL || path == NULL)
        return rn_fail(&model->context->message, RN_INVALID_ARGUMENT, "rn_training_save: %s is NULL",
                       path == NULL ? "path" : "state");
    status = rn_checkpoint_create(&file, model->context);
    if (status == RN_OK)
        status = rn_model_describe(file, model, RN_KIND_TRAINING);
    if (status == RN_OK)
        status = write_state(file, model->context, state);
    if (status == RN_OK)
        status = rn_file_seal(file);
    if (status == RN_OK)
        status = rn_checkpoint_save(file, path, RN_FORMAT_SAFETENSORS, NULL);
    rn_checkpoint_destroy(file);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static bool is_training_file(const rn_checkpoint *file)
{
    const char *const kind = rn_checkpoint_metadata(file, RN_KEY_KIND);

    return kind != NULL && strcmp(kind, RN_KIND_TRAINING) == 0;
}

const char *rn_training_state_text(const rn_checkpoint *file)
{
    return file != NULL && is_training_file(file) ? rn_checkpoint_metadata(file, RN_KEY_STATE) : NULL;
}

static bool same_tables(const rn_classes *a, const rn_classes *b)
{
    const size_t count = a != NULL ? rn_classes_count(a) : 0;

    if (count != (b != NULL ? rn_classes_count(b) : 0))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rn_classes_folder(a, i), rn_classes_folder(b, i)) != 0)
            return false;
    }
    return true;
}

static rn_status check_identity(const rn_model *model, const rn_checkpoint *file)
{
    rn_context *const context = model->context;
    const char *const network = rn_checkpoint_metadata(file, RN_KEY_NETWORK);
    rn_classes *classes = NULL;
    rn_status status;

    if (!is_training_file(file) || network == NULL)
        return rn_fail(&context->message, RN_FORMAT, "the file is no training file");
    if (strcmp(network, model->name) != 0)
        return rn_fail(&context->message, RN_STATE, "the training file is of %s, the model is %s", network,
                       model->name);
    status = rn_file_classes(&classes, context, file, "the training file");
    if (status == RN_OK && !same_tables(classes, rn_model_classes(model)))
        status = rn_fail(&context->message, RN_STATE, "the training file's class table differs from the model's");
    rn_classes_destroy(classes);
    return status;
}

/* What a file says of optimizer and scheduler, checked. */
typedef struct recorded_state {
    rn_json *optimizer, *scheduler;
    const rn_json *steps;
    uint64_t epoch;
} recorded_state;

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

static rn_status read_recorded(recorded_state *recorded, rn_context *context, const rn_training_state *state,
                               const rn_checkpoint *file)
{
    const char *rule;
    rn_status status;

    if (state->optimizer == NULL)
        return RN_OK;
    if ((status = parse_object(&recorded->optimizer, context, file, RN_KEY_OPTIMIZER)) != RN_OK)
        return status;
    rule = rn_json_string(rn_json_member(recorded->optimizer, "rule"));
    recorded->steps = rn_json_member(recorded->optimizer, "steps");
    if (rule == NULL || !rn_json_is_object(recorded->steps) || !has_rates(recorded->optimizer, state->optimizer))
        return rn_fail(&context->message, RN_FORMAT,
                       "the training file's metadata '%s' lacks rule, lr (of as many groups) or steps",
                       RN_KEY_OPTIMIZER);
    if (strcmp(rule, rn_optimizer_rule_name(state->optimizer)) != 0)
        return rn_fail(&context->message, RN_STATE, "the training file's optimizer is %s, the run's is %s", rule,
                       rn_optimizer_rule_name(state->optimizer));
    if (state->scheduler == NULL)
        return RN_OK;
    if ((status = parse_object(&recorded->scheduler, context, file, RN_KEY_SCHEDULER)) != RN_OK)
        return status;
    if (!rn_json_size(&recorded->epoch, rn_json_member(recorded->scheduler, "epoch")))
        return rn_fail(&context->message, RN_FORMAT, "the training file's metadata '%s' has no epoch",
                       RN_KEY_SCHEDULER);
    return RN_OK;
}

/* What is done with each (parameter, slot) that the file has: first all are checked, then all are restored. */
typedef rn_status (*slot_action)(rn_optimizer *optimizer, size_t index, int32_t slot, const rn_tensor *tensor,
                                 int64_t steps);

static rn_status check_slot(rn_optimizer *optimizer, size_t index, int32_t slot, const rn_tensor *tensor, int64_t steps)
{
    const rn_parameter *const entry = &optimizer->parameters->entry[index];
    char ours[128], theirs[128];

    (void)steps;
    if (optimizer->group_of[index] < 0)
        return rn_fail(&context_of(optimizer)->message, RN_STATE,
                       "the training file has optimizer state of %s, which the run's optimizer does not cover",
                       entry->name);
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

static rn_status visit_slots(rn_optimizer *optimizer, const rn_checkpoint *file, const rn_json *recorded_steps,
                             slot_action action)
{
    rn_status status = RN_OK;

    for (const rn_json *item = rn_json_first(recorded_steps); status == RN_OK && item != NULL;
         item = rn_json_next(item)) {
        uint64_t steps = 0;
        size_t index = 0;

        status = rn_parameters_find(&index, optimizer->parameters, rn_json_name(item));
        if (status != RN_OK)
            status = rn_fail(&context_of(optimizer)->message, RN_SHAPE,
                             "the training file has optimizer state of %s, which the model lacks", rn_json_name(item));
        else if (!rn_json_size(&steps, item) || steps < 1)
            status = rn_fail(&context_of(optimizer)->message, RN_FORMAT,
                             "the training file counts no whole number of steps of %s", rn_json_name(item));
        else
            status = visit_parameter(optimizer, file, index, steps, action);
    }
    return status;
}

static rn_status restore(const rn_training_state *state, const rn_checkpoint *file, const recorded_state *recorded)
{
    rn_status status = RN_OK;

    if (state->optimizer != NULL)
        status = visit_slots(state->optimizer, file, recorded->steps, rn_optimizer_restore);
    if (status == RN_OK && state->optimizer != NULL)
        status = restore_rates(state->optimizer, recorded->optimizer);
    if (status == RN_OK && state->scheduler != NULL)
        rn_scheduler_restore(state->scheduler, (int64_t)recorded->epoch);
    return status;
}

rn_status rn_training_load(rn_model *model, const rn_training_state *state, const rn_checkpoint *file)
{
    recorded_state recorded = { 0 };
    rn_status status;

    if (model == NULL)
        return rn_fail_null("rn_training_load", "model");
    if (state == NULL || file == NULL || (state->scheduler != NULL && state->optimizer == NULL))
        return rn_fail(&model->context->message, RN_INVALID_ARGUMENT,
                       "rn_training_load: state, file or the scheduler's optimizer is NULL");
    status = check_identity(model, file);
    if (status == RN_OK)
        status = rn_model_take(model, file, NULL, "the training file", true);
    if (status == RN_OK)
        status = read_recorded(&recorded, model->context, state, file);
    if (status == RN_OK && state->optimizer != NULL)
        status = visit_slots(state->optimizer, file, recorded.steps, check_slot);
    if (status == RN_OK)
        status = restore(state, file, &recorded);
    if (status == RN_OK)
        status = rn_model_take(model, file, NULL, "the training file", false);
    rn_json_destroy(recorded.optimizer);
    rn_json_destroy(recorded.scheduler);
    return status;
}

/* ---- state dicts of hand-written loops --------------------------------------------------------------------------- */

rn_status rn_optimizer_state_dict(rn_checkpoint *state, const rn_optimizer *optimizer)
{
    rn_status status;

    if (optimizer == NULL)
        return rn_fail_null("rn_optimizer_state_dict", "optimizer");
    if (state == NULL)
        return rn_fail(&context_of(optimizer)->message, RN_INVALID_ARGUMENT, "rn_optimizer_state_dict: state is NULL");
    status = write_slots(state, optimizer, true);
    return status == RN_OK ? set_json(state, context_of(optimizer), RN_KEY_OPTIMIZER, optimizer_json(optimizer))
                           : status;
}

/* Both from one checkpoint; a scheduler comes with its optimizer, which then is only compared. */
static rn_status load_states(rn_optimizer *optimizer, rn_scheduler *scheduler, const rn_checkpoint *file, bool restores)
{
    const rn_training_state state = { .optimizer = optimizer, .scheduler = scheduler };
    recorded_state recorded = { 0 };
    rn_status status = read_recorded(&recorded, context_of(optimizer), &state, file);

    if (status == RN_OK && restores)
        status = visit_slots(optimizer, file, recorded.steps, check_slot);
    if (status == RN_OK && restores)
        status = restore(&(rn_training_state){ .optimizer = optimizer }, file, &recorded);
    if (status == RN_OK && scheduler != NULL)
        rn_scheduler_restore(scheduler, (int64_t)recorded.epoch);
    rn_json_destroy(recorded.optimizer);
    rn_json_destroy(recorded.scheduler);
    return status;
}

rn_status rn_optimizer_load_state_dict(rn_optimizer *optimizer, const rn_checkpoint *state)
{
    if (optimizer == NULL)
        return rn_fail_null("rn_optimizer_load_state_dict", "optimizer");
    if (state == NULL)
        return rn_fail(&context_of(optimizer)->message, RN_INVALID_ARGUMENT,
                       "rn_optimizer_load_state_dict: state is NULL");
    return load_states(optimizer, NULL, state, true);
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
    if (scheduler == NULL)
        return rn_fail_null("rn_scheduler_load_state_dict", "scheduler");
    if (state == NULL)
        return rn_fail(&context_of(scheduler->optimizer)->message, RN_INVALID_ARGUMENT,
                       "rn_scheduler_load_state_dict: state is NULL");
    return load_states(scheduler->optimizer, scheduler, state, false);
}
