/* SPDX-License-Identifier: MIT */
/*
 * The state of PyTorch's schedulers, {'step_size': 7, 'gamma': 0.1, 'last_epoch': 3, ...}, both ways: of those whose
 * numbers are all that there is to them.
 */
#include "store/torch_state.h"
#include "store/training_export.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- from PyTorch ------------------------------------------------------------------------------------------------ */

enum { LONGEST_NAME = 16 }; /* of a number, and "last_epoch" */

typedef struct reading {
    rn_context *context;
    const rn_checkpoint *file;
    const char *prefix;
    char *key;
    size_t key_size;
} reading;

/* A number of the state, or NaN. */
static rn_status read_number(double *value, const reading *r, const char *name)
{
    bool found;
    rn_status status;

    snprintf(r->key, r->key_size, "%s%s", r->prefix, name);
    status = rn_torch_number(value, &found, r->context, rn_checkpoint_metadata(r->file, r->key));
    if (status == RN_OK && !found)
        *value = NAN;
    return status;
}

static bool is_count(double value, double least)
{
    return value >= least && value <= 9007199254740992.0 && value == floor(value);
}

static rn_status read_numbers(double *epoch, double *number, const reading *r, const rn_schedule *schedule)
{
    rn_message *const message = &r->context->message;
    bool whole = true;
    rn_status status = read_number(epoch, r, "last_epoch");

    for (size_t i = 0; status == RN_OK && i < RN_SCHEDULE_NUMBERS && schedule->number[i] != NULL; i++) {
        status = read_number(&number[i], r, schedule->number[i]);
        if (status == RN_OK && isnan(number[i]))
            return rn_fail(message, RN_STATE, "the file's scheduler at '%s' is no %s: it has no %s", r->prefix,
                           schedule->torch, schedule->number[i]);
        whole = whole && ((schedule->whole & 1u << i) == 0 || is_count(number[i], 1));
    }
    if (status == RN_OK && (!is_count(*epoch, 0) || !whole || !schedule->is_sound(number)))
        return rn_fail(message, RN_FORMAT, "the file's %s: epoch %g, %s %g", schedule->torch, *epoch,
                       schedule->number[0], number[0]);
    return status;
}

static rn_status take(rn_scheduler *scheduler, const reading *r, bool hyperparameters)
{
    double number[RN_SCHEDULE_NUMBERS] = { 0 }, epoch = 0;
    const rn_status status = read_numbers(&epoch, number, r, scheduler->schedule);

    if (status != RN_OK)
        return status;
    scheduler->epoch = (int64_t)epoch;
    if (hyperparameters)
        memcpy(scheduler->number, number, sizeof number);
    return RN_OK;
}

rn_status rn_torch_scheduler_load(rn_scheduler *scheduler, const rn_checkpoint *file,
                                  const rn_scheduler_load_options *o)
{
    rn_context *const context = scheduler->optimizer->parameters->context;
    reading r = { .context = context, .file = file };
    char *prefix;
    rn_status status = rn_torch_locate(&prefix, context, file, o->prefix, "last_epoch", "state of a scheduler");

    if (status != RN_OK)
        return status;
    r.prefix = prefix;
    r.key_size = strlen(prefix) + LONGEST_NAME;
    r.key = rn_allocate(&context->allocator, r.key_size);
    if (r.key == NULL)
        status = rn_fail(&context->message, RN_NO_MEMORY, "no memory for the state of a scheduler");
    else if (!scheduler->schedule->exchanged)
        status = rn_fail(&context->message, RN_STATE, "the state of %s is not read from files of PyTorch's",
                         scheduler->schedule->torch);
    else
        status = take(scheduler, &r, o->hyperparameters != 0);
    rn_release(&context->allocator, r.key);
    rn_release(&context->allocator, prefix);
    return status;
}

/* ---- to PyTorch -------------------------------------------------------------------------------------------------- */

static rn_status lacks(const rn_export *file, const char *name)
{
    return rn_fail(&file->context->message, RN_FORMAT,
                   "the checkpoint's optimizer or scheduler has no '%s': perhaps an older version wrote it", name);
}

/* The rates of all groups, as a list; left out where the checkpoint does not know them. */
static rn_status put_rates(rn_export *file, const char *key, const char *name)
{
    const rn_json *rate = rn_json_member(file->optimizer, name);
    char member[RN_GROUP_NUMBER];
    double value;

    if (rate == NULL)
        return RN_OK;
    rn_pickler_text(&file->pickler, key);
    rn_pickler_open(&file->pickler, RN_PICKLER_LIST);
    for (size_t g = 1; rate != NULL; g++) {
        if (!rn_json_number(&value, rate))
            return lacks(file, name);
        rn_pickler_number(&file->pickler, value);
        rate = rn_json_member(file->optimizer, rn_group_number_name(member, name, g));
    }
    rn_pickler_close(&file->pickler, RN_PICKLER_LIST);
    return RN_OK;
}

static rn_status put_numbers(rn_export *file, const rn_schedule *schedule)
{
    double value;

    for (size_t i = 0; i < RN_SCHEDULE_NUMBERS && schedule->number[i] != NULL; i++) {
        if (!rn_json_number(&value, rn_json_member(file->scheduler, schedule->number[i])) ||
            ((schedule->whole & 1u << i) != 0 && !is_count(value, 0)))
            return lacks(file, schedule->number[i]);
        rn_pickler_text(&file->pickler, schedule->number[i]);
        if ((schedule->whole & 1u << i) != 0)
            rn_pickler_integer(&file->pickler, (int64_t)value);
        else
            rn_pickler_number(&file->pickler, value);
    }
    return RN_OK;
}

/* PyTorch has a Counter there, and asks it for no more than a dictionary knows. */
static void put_milestones(rn_export *file)
{
    const rn_json *const milestones = rn_json_member(file->scheduler, "milestones");
    uint64_t times;

    if (!rn_json_is_object(milestones))
        return;
    rn_pickler_text(&file->pickler, "milestones");
    rn_pickler_open(&file->pickler, RN_PICKLER_DICT);
    for (const rn_json *item = rn_json_first(milestones); item != NULL; item = rn_json_next(item)) {
        if (!rn_json_size(&times, item))
            continue;
        rn_pickler_integer(&file->pickler, strtoll(rn_json_name(item), NULL, 10));
        rn_pickler_integer(&file->pickler, (int64_t)times);
    }
    rn_pickler_close(&file->pickler, RN_PICKLER_DICT);
}

rn_status rn_export_scheduler(rn_export *file, const char *key)
{
    const rn_json *const kind = rn_json_member(file->scheduler, "kind");
    const char *const name = kind == NULL ? "step" : rn_json_string(kind);
    const rn_schedule *const schedule = name != NULL ? rn_schedule_find(name) : NULL;
    uint64_t epoch;
    rn_status status;

    if (schedule == NULL) {
        rn_context_log(file->context, RN_LOG_WARNING,
                       "the state of the scheduler '%s' is left out: it is not written for PyTorch",
                       name != NULL ? name : "");
        return RN_OK;
    }
    if (!rn_json_size(&epoch, rn_json_member(file->scheduler, "epoch")))
        return lacks(file, "epoch");
    rn_pickler_text(&file->pickler, key);
    rn_pickler_open(&file->pickler, RN_PICKLER_DICT);
    status = put_numbers(file, schedule);
    put_milestones(file);
    if (status == RN_OK)
        status = put_rates(file, "base_lrs", "initial_lr");
    rn_pickler_text(&file->pickler, "last_epoch");
    rn_pickler_integer(&file->pickler, (int64_t)epoch);
    rn_pickler_text(&file->pickler, "_step_count");
    rn_pickler_integer(&file->pickler, (int64_t)epoch + 1);
    rn_pickler_text(&file->pickler, "verbose");
    rn_pickler_truth(&file->pickler, false);
    rn_pickler_text(&file->pickler, "_get_lr_called_within_step");
    rn_pickler_truth(&file->pickler, false);
    if (status == RN_OK)
        status = put_rates(file, "_last_lr", "lr");
    rn_pickler_close(&file->pickler, RN_PICKLER_DICT);
    return status;
}
