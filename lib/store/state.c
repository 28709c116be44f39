/* SPDX-License-Identifier: MIT */
/* State dicts of optimizers: what both forms share (state.h). */
#include "store/state.h"

#include "store/keys.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static rn_context *context_of(const rn_optimizer *optimizer)
{
    return optimizer->parameters->context;
}

static rn_status fail_memory(rn_context *context)
{
    return rn_fail(&context->message, RN_NO_MEMORY, "no memory for the state of an optimizer");
}

const rn_rule_number *rn_rule_number_at(const char *rule, size_t index)
{
    static const rn_rule_number numbers[] = {
        { "adam", "beta1", "betas.0", offsetof(rn_optimizer, beta1) },
        { "adam", "beta2", "betas.1", offsetof(rn_optimizer, beta2) },
        { "adam", "eps", "eps", offsetof(rn_optimizer, eps) },
        { "adamw", "beta1", "betas.0", offsetof(rn_optimizer, beta1) },
        { "adamw", "beta2", "betas.1", offsetof(rn_optimizer, beta2) },
        { "adamw", "eps", "eps", offsetof(rn_optimizer, eps) },
        { "rmsprop", "alpha", "alpha", offsetof(rn_optimizer, alpha) },
        { "rmsprop", "eps", "eps", offsetof(rn_optimizer, eps) },
        { "rmsprop", "momentum", "momentum", offsetof(rn_optimizer, momentum) },
        { "sgd", "momentum", "momentum", offsetof(rn_optimizer, momentum) },
        { "sgd", "dampening", "dampening", offsetof(rn_optimizer, dampening) },
    };

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (strcmp(numbers[i].rule, rule) == 0 && index-- == 0)
            return &numbers[i];
    }
    return NULL;
}

const char *rn_rule_flag_name(const char *rule)
{
    return strcmp(rule, "sgd") == 0 ? "nesterov" : strcmp(rule, "rmsprop") == 0 ? "centered" : NULL;
}

bool *rn_rule_flag(rn_optimizer *optimizer)
{
    return optimizer->rule == &rn_rmsprop_rule ? &optimizer->centered : &optimizer->nesterov;
}

double rn_rule_number_get(const rn_optimizer *optimizer, const rn_rule_number *number)
{
    double value;

    memcpy(&value, (const char *)optimizer + number->offset, sizeof value);
    return value;
}

void rn_rule_number_set(rn_optimizer *optimizer, const rn_rule_number *number, double value)
{
    memcpy((char *)optimizer + number->offset, &value, sizeof value);
}

const char *rn_group_number_name(char text[RN_GROUP_NUMBER], const char *name, size_t group)
{
    if (group == 0)
        snprintf(text, RN_GROUP_NUMBER, "%s", name);
    else
        snprintf(text, RN_GROUP_NUMBER, "%s.%zu", name, group);
    return text;
}

char *rn_slot_tensor_name(const rn_allocator *allocator, const char *slot, const char *parameter)
{
    const size_t nbytes = strlen(RN_OPTIMIZER_PREFIX) + strlen(slot) + strlen(parameter) + 2;
    char *const name = rn_allocate(allocator, nbytes);

    if (name != NULL)
        snprintf(name, nbytes, "%s%s.%s", RN_OPTIMIZER_PREFIX, slot, parameter);
    return name;
}

rn_status rn_state_replace(rn_optimizer *optimizer, rn_state_filler fill, const void *payload)
{
    rn_optimizer_state *const before = optimizer->state;
    rn_status status;

    optimizer->state =
        rn_allocate_zeroed(&context_of(optimizer)->allocator, optimizer->parameters->count, sizeof *optimizer->state);
    status = optimizer->state != NULL ? fill(optimizer, payload) : fail_memory(context_of(optimizer));
    if (status == RN_OK) {
        rn_optimizer_release_state(optimizer, before);
    } else {
        rn_optimizer_release_state(optimizer, optimizer->state);
        optimizer->state = before;
    }
    return status;
}

static bool is_floating(rn_dtype dtype)
{
    return dtype == RN_FLOAT32 || dtype == RN_FLOAT64 || dtype == RN_FLOAT16 || dtype == RN_BFLOAT16;
}

rn_status rn_state_check_slot(const rn_optimizer *optimizer, size_t parameter, const char *slot,
                              const rn_tensor *tensor, bool exact)
{
    const rn_parameter *const entry = &optimizer->parameters->entry[parameter];
    const rn_dtype dtype = rn_tensor_dtype(tensor);
    char ours[128], theirs[128];

    if ((exact ? dtype == RN_FLOAT32 : is_floating(dtype)) && rn_tensor_same_shape(tensor, entry->value))
        return RN_OK;
    return rn_fail(&context_of(optimizer)->message, RN_SHAPE,
                   "optimizer state %s of %s: %s %s in the file, float32 %s in the model", slot, entry->name,
                   rn_dtype_name(dtype),
                   rn_shape_text(theirs, sizeof theirs, rn_tensor_rank(tensor), rn_tensor_shape(tensor)),
                   rn_shape_text(ours, sizeof ours, rn_tensor_rank(entry->value), rn_tensor_shape(entry->value)));
}
