/* SPDX-License-Identifier: MIT */
/*
 * StepLR in its chainable form, https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.StepLR.html: after
 * epoch e the rate is multiplied by gamma if step_size divides e. A rate that the caller sets in between is kept and
 * scaled from there.
 */
#include "optim/rule.h"

#include "base/options.h"

#include <math.h>

RN_NO_TAIL_PADDING(rn_step_lr_options, gamma);
RN_NO_TAIL_PADDING(rn_scheduler_step_options, struct_size);

rn_status rn_step_lr_create(rn_scheduler **scheduler, rn_optimizer *optimizer, const rn_step_lr_options *options)
{
    rn_step_lr_options read;
    rn_message *message;
    rn_scheduler *made;
    rn_status status;

    if (scheduler == NULL || optimizer == NULL)
        return rn_fail_null("rn_step_lr_create", scheduler == NULL ? "scheduler" : "optimizer");
    *scheduler = NULL;
    message = &optimizer->parameters->context->message;
    status = rn_options_read(&read, sizeof read, options, message);
    if (status != RN_OK)
        return status;
    read.step_size = read.step_size == 0 ? 7 : read.step_size;
    read.gamma = rn_option_number(read.gamma, 0.1);
    if (read.step_size < 1 || !isfinite(read.gamma) || read.gamma < 0)
        return rn_fail(message, RN_INVALID_ARGUMENT, "StepLR: step size %lld, gamma %g", (long long)read.step_size,
                       read.gamma);
    made = rn_allocate_zeroed(&optimizer->parameters->context->allocator, 1, sizeof *made);
    if (made == NULL)
        return rn_fail(message, RN_NO_MEMORY, "no memory for a scheduler");
    rn_retain(&optimizer->references);
    made->optimizer = optimizer;
    made->step_size = read.step_size;
    made->gamma = read.gamma;
    for (size_t i = 0; i < optimizer->group_count; i++) {
        if (isnan(optimizer->group[i].initial_lr))
            optimizer->group[i].initial_lr = optimizer->group[i].lr;
    }
    *scheduler = made;
    return RN_OK;
}

rn_status rn_scheduler_step(rn_scheduler *scheduler, const rn_scheduler_step_options *options)
{
    rn_scheduler_step_options read;
    rn_status status;

    if (scheduler == NULL)
        return rn_fail_null("rn_scheduler_step", "scheduler");
    status = rn_options_read(&read, sizeof read, options, &scheduler->optimizer->parameters->context->message);
    if (status != RN_OK)
        return status;
    scheduler->epoch++;
    for (size_t i = 0; scheduler->epoch % scheduler->step_size == 0 && i < scheduler->optimizer->group_count; i++)
        scheduler->optimizer->group[i].lr *= scheduler->gamma;
    return RN_OK;
}

int64_t rn_scheduler_epoch(const rn_scheduler *scheduler)
{
    return scheduler == NULL ? 0 : scheduler->epoch;
}

void rn_scheduler_destroy(rn_scheduler *scheduler)
{
    if (scheduler == NULL)
        return;
    rn_optimizer *const optimizer = scheduler->optimizer;

    rn_release(&optimizer->parameters->context->allocator, scheduler);
    rn_optimizer_destroy(optimizer);
}
