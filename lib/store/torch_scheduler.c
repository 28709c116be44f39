/* SPDX-License-Identifier: MIT */
/* Takes the state of PyTorch's StepLR: {'step_size': 7, 'gamma': 0.1, 'last_epoch': 3, ...}. */
#include "store/torch_state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A number of the state, or NaN. `key` has room for the prefix and the name. */
static rn_status read_number(double *value, rn_context *context, const rn_checkpoint *file, char *key, size_t size,
                             const char *prefix, const char *name)
{
    bool found;
    rn_status status;

    snprintf(key, size, "%s%s", prefix, name);
    status = rn_torch_number(value, &found, context, rn_checkpoint_metadata(file, key));
    if (status == RN_OK && !found)
        *value = NAN;
    return status;
}

static bool is_count(double value, double least)
{
    return value >= least && value <= 9007199254740992.0 && value == floor(value);
}

typedef struct step_lr {
    double last_epoch, step_size, gamma;
} step_lr;

static rn_status read_state(step_lr *read, rn_context *context, const rn_checkpoint *file, const char *prefix)
{
    const size_t size = strlen(prefix) + sizeof "last_epoch";
    char *const key = rn_allocate(&context->allocator, size);
    rn_status status;

    if (key == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for the state of a scheduler");
    status = read_number(&read->last_epoch, context, file, key, size, prefix, "last_epoch");
    if (status == RN_OK)
        status = read_number(&read->step_size, context, file, key, size, prefix, "step_size");
    if (status == RN_OK)
        status = read_number(&read->gamma, context, file, key, size, prefix, "gamma");
    rn_release(&context->allocator, key);
    if (status != RN_OK)
        return status;
    if (isnan(read->step_size) || isnan(read->gamma))
        return rn_fail(&context->message, RN_STATE,
                       "the file's scheduler at '%s' is no StepLR: it has no step_size and gamma", prefix);
    if (!is_count(read->last_epoch, 0) || !is_count(read->step_size, 1) || !rn_is_rate(read->gamma))
        return rn_fail(&context->message, RN_FORMAT, "the file's StepLR: epoch %g, step size %g, gamma %g",
                       read->last_epoch, read->step_size, read->gamma);
    return RN_OK;
}

rn_status rn_torch_scheduler_load(rn_scheduler *scheduler, const rn_checkpoint *file,
                                  const rn_scheduler_load_options *o)
{
    rn_context *const context = scheduler->optimizer->parameters->context;
    step_lr read = { 0 };
    char *prefix;
    rn_status status = rn_torch_locate(&prefix, context, file, o->prefix, "last_epoch", "state of a scheduler");

    if (status == RN_OK)
        status = read_state(&read, context, file, prefix);
    if (status == RN_OK) {
        scheduler->epoch = (int64_t)read.last_epoch;
        scheduler->step_size = o->hyperparameters != 0 ? (int64_t)read.step_size : scheduler->step_size;
        scheduler->gamma = o->hyperparameters != 0 ? read.gamma : scheduler->gamma;
    }
    rn_release(&context->allocator, prefix);
    return status;
}
