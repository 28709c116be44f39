/* SPDX-License-Identifier: MIT */
/* What all schedulers share: being made, stepping, and going. */
#include "optim/schedule.h"

#include "base/options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

RN_NO_TAIL_PADDING(rn_scheduler_step_options, metric);

rn_message *rn_scheduler_message(const rn_optimizer *optimizer)
{
    return &optimizer->parameters->context->message;
}

rn_status rn_scheduler_begin_call(void *read, size_t size, rn_scheduler **scheduler, const rn_optimizer *optimizer,
                                  const void *options, const char *call)
{
    if (scheduler == NULL)
        return rn_fail_null(call, "scheduler");
    *scheduler = NULL;
    return optimizer != NULL ? rn_options_read(read, size, options, rn_scheduler_message(optimizer))
                             : rn_fail_null(call, "optimizer");
}

static rn_status check(const rn_schedule *schedule, const double *number, const int64_t *milestones, size_t count,
                       rn_message *message)
{
    char said[256];
    size_t used = 0;

    for (size_t i = 0; i < RN_SCHEDULE_NUMBERS && schedule->number[i] != NULL; i++) {
        if (!isfinite(number[i]) || ((schedule->whole & 1u << i) != 0 && fabs(number[i]) > 9007199254740992.0))
            return rn_fail(message, RN_INVALID_ARGUMENT, "%s: %s is %g", schedule->torch, schedule->number[i],
                           number[i]);
    }
    for (size_t i = 0; i < count; i++) {
        if (milestones[i] < 1 || (i > 0 && milestones[i] < milestones[i - 1]))
            return rn_fail(message, RN_INVALID_ARGUMENT, "%s: milestone %zu is %lld; they begin at 1 and ascend",
                           schedule->torch, i, (long long)milestones[i]);
    }
    if (schedule->is_sound == NULL || schedule->is_sound(number))
        return RN_OK;
    for (size_t i = 0; i < RN_SCHEDULE_NUMBERS && schedule->number[i] != NULL && used < sizeof said; i++)
        used += (size_t)snprintf(said + used, sizeof said - used, "%s %s %g", i == 0 ? "" : ",", schedule->number[i],
                                 number[i]);
    return rn_fail(message, RN_INVALID_ARGUMENT, "%s:%s", schedule->torch, said);
}

static rn_status copy_milestones(rn_scheduler *scheduler, const int64_t *milestones, size_t count)
{
    if (count == 0)
        return RN_OK;
    scheduler->milestone =
        rn_allocate_array(&scheduler->optimizer->parameters->context->allocator, count, sizeof *scheduler->milestone);
    if (scheduler->milestone == NULL)
        return rn_fail(rn_scheduler_message(scheduler->optimizer), RN_NO_MEMORY, "no memory for milestones");
    memcpy(scheduler->milestone, milestones, count * sizeof *milestones);
    scheduler->milestone_count = count;
    return RN_OK;
}

void rn_scheduler_begin(rn_scheduler *scheduler)
{
    const rn_schedule *const schedule = scheduler->schedule;

    scheduler->epoch = 0;
    for (size_t i = 0; i < scheduler->optimizer->group_count; i++) {
        rn_optimizer_group *const group = &scheduler->optimizer->group[i];

        group->lr = schedule->first != NULL ? group->initial_lr * schedule->first(scheduler) : group->initial_lr;
    }
    if (schedule->restored != NULL)
        schedule->restored(scheduler);
}

rn_status rn_scheduler_make(rn_scheduler **scheduler, rn_optimizer *optimizer, const rn_schedule *schedule,
                            const double *number, const int64_t *milestones, size_t milestone_count)
{
    rn_message *const message = rn_scheduler_message(optimizer);
    rn_scheduler *made;
    rn_status status = check(schedule, number, milestones, milestone_count, message);

    if (status != RN_OK)
        return status;
    made = rn_allocate_zeroed(&optimizer->parameters->context->allocator, 1, sizeof *made);
    if (made == NULL)
        return rn_fail(message, RN_NO_MEMORY, "no memory for a scheduler");
    rn_retain(&optimizer->references);
    made->optimizer = optimizer;
    made->schedule = schedule;
    memcpy(made->number, number, sizeof made->number);
    status = copy_milestones(made, milestones, milestone_count);
    if (status != RN_OK) {
        rn_scheduler_destroy(made);
        return status;
    }
    for (size_t i = 0; i < optimizer->group_count; i++) {
        rn_optimizer_group *const group = &optimizer->group[i];

        if (isnan(group->initial_lr))
            group->initial_lr = group->lr;
        if (schedule->first != NULL)
            group->lr *= schedule->first(made);
    }
    *scheduler = made;
    return RN_OK;
}

rn_status rn_scheduler_advance(rn_scheduler *scheduler, double metric)
{
    const rn_schedule *const schedule = scheduler->schedule;

    if (schedule->step != NULL)
        return schedule->step(scheduler, metric);
    scheduler->epoch++;
    for (size_t i = 0; i < scheduler->optimizer->group_count; i++)
        scheduler->optimizer->group[i].lr = schedule->rate(scheduler, &scheduler->optimizer->group[i]);
    return RN_OK;
}

rn_status rn_scheduler_step(rn_scheduler *scheduler, const rn_scheduler_step_options *options)
{
    rn_scheduler_step_options read;
    rn_status status;

    if (scheduler == NULL)
        return rn_fail_null("rn_scheduler_step", "scheduler");
    status = rn_options_read(&read, sizeof read, options, rn_scheduler_message(scheduler->optimizer));
    return status == RN_OK ? rn_scheduler_advance(scheduler, options != NULL ? read.metric : NAN) : status;
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
    const rn_allocator *const allocator = &optimizer->parameters->context->allocator;

    for (size_t i = 0; scheduler->part != NULL && i <= scheduler->milestone_count; i++)
        rn_scheduler_destroy(scheduler->part[i]);
    rn_release(allocator, scheduler->part);
    rn_release(allocator, scheduler->milestone);
    rn_release(allocator, scheduler);
    rn_optimizer_destroy(optimizer);
}
