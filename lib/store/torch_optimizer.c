/* SPDX-License-Identifier: MIT */
/*
 * An optimizer as PyTorch's state_dict() gives it, with the keys that load_state_dict of PyTorch 1.13 and
 * 2 wants.
 */
#include "store/training_export.h"

#include "store/keys.h"
#include "store/state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Numbers of groups are looked up one by one, so that groups and entries without end would be work without end. */
enum { GROUPS = 1000, ENTRIES_OF_GROUP = 3, ENTRIES = 16 };

typedef struct writing {
    rn_export *file;
    const char *rule;
    const rn_json *groups, *steps;
    rn_name_index stepped; /* names of `steps` */
    const rn_json **step_of;
    size_t step_count;
    int64_t index; /* of the parameter among all of the optimizer's */
} writing;

static rn_status no_memory(const rn_export *file)
{
    return rn_fail(&file->context->message, RN_NO_MEMORY, "no memory for the state of an optimizer");
}

static rn_status refuse(const rn_export *file, const char *why, const char *what)
{
    return rn_fail(&file->context->message, RN_FORMAT, "the checkpoint's optimizer %s%s", why, what);
}

/* A number of the JSON; RN_FORMAT without it. `object` may be NULL. */
static rn_status number_of(double *value, const rn_export *file, const rn_json *object, const char *name)
{
    return rn_json_number(value, rn_json_member(object, name))
               ? RN_OK
               : rn_fail(&file->context->message, RN_FORMAT,
                         "the checkpoint's optimizer or scheduler has no '%s': perhaps an older version wrote it",
                         name);
}

rn_status rn_export_tensor(rn_export *file, const char *name, const rn_tensor *tensor)
{
    const size_t number = rn_checkpoint_count(file->archive);
    const rn_status status = rn_checkpoint_share(file->archive, name, tensor);

    if (status == RN_OK)
        rn_pickler_tensor(&file->pickler, tensor, number);
    return status == RN_INVALID_ARGUMENT
               ? rn_fail(&file->context->message, RN_FORMAT, "the checkpoint's '%s' would be there twice", name)
               : status;
}

static bool is(const writing *w, const char *rule)
{
    return strcmp(w->rule, rule) == 0;
}

static void put_number(rn_export *file, const char *key, double value)
{
    rn_pickler_text(&file->pickler, key);
    rn_pickler_number(&file->pickler, value);
}

static void put_truth(rn_export *file, const char *key, bool value)
{
    rn_pickler_text(&file->pickler, key);
    rn_pickler_truth(&file->pickler, value);
}

static void put_none(rn_export *file, const char *key)
{
    rn_pickler_text(&file->pickler, key);
    rn_pickler_none(&file->pickler);
}

/* A number of the JSON under a key of PyTorch's. */
static rn_status move_number(rn_export *file, const char *key, const rn_json *object, const char *name)
{
    double value = 0;
    const rn_status status = number_of(&value, file, object, name);

    if (status == RN_OK)
        put_number(file, key, value);
    return status;
}

static rn_status move_group_number(rn_export *file, const char *key, size_t group)
{
    char name[RN_GROUP_NUMBER];

    return move_number(file, key, file->optimizer, rn_group_number_name(name, key, group));
}

/* ---- state ------------------------------------------------------------------------------------------------------- */

/* PyTorch counts in a tensor of float32. */
static rn_status put_step(const writing *w, const char *parameter, uint64_t steps)
{
    char *const name = rn_slot_tensor_name(&w->file->context->allocator, "step", parameter);
    rn_tensor *tensor = NULL;
    rn_status status = name != NULL ? rn_tensor_create(&tensor, w->file->context, RN_FLOAT32, 0, NULL, RN_ROW_MAJOR)
                                    : no_memory(w->file);

    if (status == RN_OK)
        status = rn_tensor_fill(tensor, (double)steps);
    if (status == RN_OK) {
        rn_pickler_text(&w->file->pickler, "step");
        status = rn_export_tensor(w->file, name, tensor);
    }
    rn_tensor_destroy(tensor);
    rn_release(&w->file->context->allocator, name);
    return status;
}

static rn_status put_slot(const writing *w, const char *slot, const char *parameter)
{
    char *const name = rn_slot_tensor_name(&w->file->context->allocator, slot, parameter);
    const rn_tensor *const tensor = name != NULL ? rn_checkpoint_find(w->file->source, name) : NULL;
    rn_status status;

    if (name == NULL) {
        status = no_memory(w->file);
    } else if (tensor == NULL) {
        status = refuse(w->file, "counts steps but lacks the tensor ", name);
    } else {
        rn_pickler_text(&w->file->pickler, slot);
        status = rn_export_tensor(w->file, name, tensor);
        w->file->slots_left--;
    }
    rn_release(&w->file->context->allocator, name);
    return status;
}

/* Without momentum there is no buffer of it, and SGD keeps nothing. */
static rn_status put_slots(const writing *w, const char *parameter, uint64_t steps)
{
    const bool moments = !is(w, "sgd") && !is(w, "rmsprop");
    double momentum = 0;
    rn_status status = RN_OK;

    if (!moments)
        status = number_of(&momentum, w->file, w->file->optimizer, "momentum");
    if (status == RN_OK && !is(w, "sgd"))
        status = put_step(w, parameter, steps);
    if (status == RN_OK && moments)
        status = put_slot(w, "exp_avg", parameter);
    if (status == RN_OK && moments)
        status = put_slot(w, "exp_avg_sq", parameter);
    if (status == RN_OK && is(w, "rmsprop"))
        status = put_slot(w, "square_avg", parameter);
    if (status == RN_OK && momentum != 0)
        status = put_slot(w, "momentum_buffer", parameter);
    if (status == RN_OK && rn_json_member(w->file->optimizer, "centered") != NULL)
        status = put_slot(w, "grad_avg", parameter);
    return status;
}

static rn_status put_parameter_state(writing *w, const char *parameter)
{
    rn_export *const file = w->file;
    size_t position;
    uint64_t steps;
    rn_status status;

    if (parameter == NULL)
        return refuse(file, "has a group that is no list of names", "");
    if (!rn_name_index_find(&position, &w->stepped, parameter))
        return RN_OK;
    if (w->step_of[position] == NULL || !rn_json_size(&steps, w->step_of[position]) || steps < 1)
        return refuse(file, "counts no whole number of steps, or has twice the parameter ", parameter);
    w->step_of[position] = NULL;
    w->step_count--;
    rn_pickler_integer(&file->pickler, w->index);
    rn_pickler_open(&file->pickler, RN_PICKLER_DICT);
    status = put_slots(w, parameter, steps);
    rn_pickler_close(&file->pickler, RN_PICKLER_DICT);
    return status;
}

/* {0: {'step': ..., 'exp_avg': ..., 'exp_avg_sq': ...}, ...} */
static rn_status put_state(writing *w)
{
    rn_status status = RN_OK;

    rn_pickler_text(&w->file->pickler, "state");
    rn_pickler_open(&w->file->pickler, RN_PICKLER_DICT);
    w->index = 0;
    for (const rn_json *group = rn_json_first(w->groups); status == RN_OK && group != NULL;
         group = rn_json_next(group)) {
        for (const rn_json *name = rn_json_first(group); status == RN_OK && name != NULL; name = rn_json_next(name)) {
            status = put_parameter_state(w, rn_json_string(name));
            w->index++;
        }
    }
    rn_pickler_close(&w->file->pickler, RN_PICKLER_DICT);
    if (status == RN_OK && (w->step_count > 0 || w->file->slots_left > 0))
        return refuse(w->file, "has steps or tensors of parameters that are in no group", "");
    return status;
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static rn_status put_adam(rn_export *file, bool decoupled)
{
    double beta1 = 0, beta2 = 0;
    rn_status status = number_of(&beta1, file, file->optimizer, "beta1");

    if (status == RN_OK)
        status = number_of(&beta2, file, file->optimizer, "beta2");
    if (status != RN_OK)
        return status;
    rn_pickler_text(&file->pickler, "betas");
    rn_pickler_open(&file->pickler, RN_PICKLER_TUPLE);
    rn_pickler_number(&file->pickler, beta1);
    rn_pickler_number(&file->pickler, beta2);
    rn_pickler_close(&file->pickler, RN_PICKLER_TUPLE);
    if (decoupled)
        put_truth(file, "decoupled_weight_decay", true); /* tells it from Adam */
    put_truth(file, "amsgrad", false);
    put_truth(file, "capturable", false);
    return move_number(file, "eps", file->optimizer, "eps");
}

static rn_status put_sgd(rn_export *file)
{
    rn_status status = move_number(file, "momentum", file->optimizer, "momentum");

    put_truth(file, "nesterov", rn_json_member(file->optimizer, "nesterov") != NULL);
    return status == RN_OK ? move_number(file, "dampening", file->optimizer, "dampening") : status;
}

static rn_status put_rmsprop(rn_export *file)
{
    rn_status status = move_number(file, "momentum", file->optimizer, "momentum");

    put_truth(file, "centered", rn_json_member(file->optimizer, "centered") != NULL);
    put_truth(file, "capturable", false);
    if (status == RN_OK)
        status = move_number(file, "alpha", file->optimizer, "alpha");
    return status == RN_OK ? move_number(file, "eps", file->optimizer, "eps") : status;
}

static rn_status put_rule(writing *w)
{
    if (is(w, "sgd"))
        return put_sgd(w->file);
    return is(w, "rmsprop") ? put_rmsprop(w->file) : put_adam(w->file, is(w, "adamw"));
}

static rn_status put_group(writing *w, const rn_json *names, size_t group)
{
    rn_export *const file = w->file;
    char name[RN_GROUP_NUMBER];
    rn_status status;

    rn_pickler_open(&file->pickler, RN_PICKLER_DICT);
    if ((status = move_group_number(file, "lr", group)) != RN_OK ||
        (status = move_group_number(file, "weight_decay", group)) != RN_OK || (status = put_rule(w)) != RN_OK)
        return status;
    put_truth(file, "maximize", false);
    put_none(file, "foreach");
    put_truth(file, "differentiable", false);
    put_none(file, "fused");
    if (rn_json_member(file->optimizer, rn_group_number_name(name, "initial_lr", group)) != NULL)
        status = move_group_number(file, "initial_lr", group);
    rn_pickler_text(&file->pickler, "params");
    rn_pickler_open(&file->pickler, RN_PICKLER_LIST);
    for (size_t count = rn_json_count(names); count > 0; count--)
        rn_pickler_integer(&file->pickler, w->index++);
    rn_pickler_close(&file->pickler, RN_PICKLER_LIST);
    rn_pickler_close(&file->pickler, RN_PICKLER_DICT);
    return status;
}

static rn_status put_groups(writing *w)
{
    rn_status status = RN_OK;
    size_t number = 0;

    rn_pickler_text(&w->file->pickler, "param_groups");
    rn_pickler_open(&w->file->pickler, RN_PICKLER_LIST);
    w->index = 0;
    for (const rn_json *group = rn_json_first(w->groups); status == RN_OK && group != NULL; group = rn_json_next(group))
        status = put_group(w, group, number++);
    rn_pickler_close(&w->file->pickler, RN_PICKLER_LIST);
    return status;
}

/* ---- the optimizer ----------------------------------------------------------------------------------------------- */

static rn_status read_optimizer(writing *w)
{
    rn_export *const file = w->file;

    w->rule = rn_json_string(rn_json_member(file->optimizer, "rule"));
    w->groups = rn_json_member(file->optimizer, "groups");
    w->steps = rn_json_member(file->optimizer, "steps");
    if (w->rule == NULL || !rn_json_is_object(w->steps))
        return refuse(file, "has no rule or steps", "");
    if (rn_optimizer_rule_find(w->rule) == NULL)
        return rn_fail(&file->context->message, RN_UNSUPPORTED,
                       "the checkpoint's optimizer has the rule '%s', which is none of PyTorch's", w->rule);
    if (!rn_json_is_array(w->groups))
        return refuse(file, "does not say what it covers: an older version wrote it", "");
    if (rn_json_count(w->groups) > GROUPS ||
        rn_json_count(file->optimizer) > ENTRIES + ENTRIES_OF_GROUP * rn_json_count(w->groups))
        return refuse(file, "has more groups than are written, or more entries than groups have", "");
    for (const rn_json *group = rn_json_first(w->groups); group != NULL; group = rn_json_next(group)) {
        if (!rn_json_is_array(group))
            return refuse(file, "has a group that is no list of names", "");
    }
    return RN_OK;
}

/* Finds the steps by name without looking through all of them each time. */
static rn_status index_steps(writing *w)
{
    const rn_allocator *const allocator = &w->file->context->allocator;
    size_t position, i = 0;

    w->step_count = rn_json_count(w->steps);
    w->step_of = rn_allocate_zeroed(allocator, w->step_count + 1, sizeof(rn_json *));
    if (w->step_of == NULL)
        return no_memory(w->file);
    for (const rn_json *item = rn_json_first(w->steps); item != NULL; item = rn_json_next(item), i++) {
        if (rn_name_index_find(&position, &w->stepped, rn_json_name(item)))
            return refuse(w->file, "counts the steps twice of ", rn_json_name(item));
        if (!rn_name_index_insert(&w->stepped, allocator, rn_json_name(item), i))
            return no_memory(w->file);
        w->step_of[i] = item;
    }
    return RN_OK;
}

rn_status rn_export_optimizer(rn_export *file)
{
    const rn_allocator *const allocator = &file->context->allocator;
    writing w = { .file = file };
    rn_status status = read_optimizer(&w);

    if (status == RN_OK)
        status = index_steps(&w);
    rn_pickler_open(&file->pickler, RN_PICKLER_DICT);
    if (status == RN_OK)
        status = put_state(&w);
    if (status == RN_OK)
        status = put_groups(&w);
    rn_pickler_close(&file->pickler, RN_PICKLER_DICT);
    rn_name_index_release(&w.stepped, allocator);
    rn_release(allocator, (void *)(uintptr_t)w.step_of);
    return status;
}
