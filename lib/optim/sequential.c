/* SPDX-License-Identifier: MIT */
/*
 * SequentialLR (torch.optim.lr_scheduler): one scheduler after the other. At a milestone the next one begins, from the
 * initial rates, whatever the one before it made of them; so a warm-up and what follows meet where the warm-up ends at
 * a factor of 1.
 */
#include "optim/schedule.h"

#include "base/options.h"

RN_NO_TAIL_PADDING(rn_sequential_lr_options, milestones);

static rn_status sequential_step(rn_scheduler *s, double metric)
{
    size_t at = 0;

    s->epoch++;
    while (at < s->milestone_count && s->milestone[at] <= s->epoch)
        at++;
    if (at > 0 && s->milestone[at - 1] == s->epoch) {
        rn_scheduler_begin(s->part[at]);
        return RN_OK;
    }
    return rn_scheduler_advance(s->part[at], metric);
}

static const rn_schedule sequential_lr = { .name = "sequential", .torch = "SequentialLR", .step = sequential_step };

static rn_status check(const rn_sequential_lr_options *o, const rn_optimizer *optimizer, rn_message *message)
{
    if (o->schedulers == NULL || o->scheduler_count < 2 || o->milestones == NULL)
        return rn_fail(message, RN_INVALID_ARGUMENT,
                       "SequentialLR needs two schedulers or more, and a milestone for each but the first");
    for (size_t i = 0; i < o->scheduler_count; i++) {
        const rn_scheduler *const part = o->schedulers[i];

        if (part == NULL || part->optimizer != optimizer || part->schedule->rate == NULL)
            return rn_fail(message, RN_INVALID_ARGUMENT,
                           "SequentialLR: scheduler %zu is NULL, of another optimizer, or of a kind that cannot be a "
                           "part (one cycle, plateau, a sequence)",
                           i);
        for (size_t k = 0; k < i; k++) {
            if (part == o->schedulers[k])
                return rn_fail(message, RN_INVALID_ARGUMENT, "SequentialLR: scheduler %zu is there twice", i);
        }
        if (i > 1 && o->milestones[i - 1] == o->milestones[i - 2])
            return rn_fail(message, RN_INVALID_ARGUMENT, "SequentialLR: scheduler %zu would have no step", i - 1);
    }
    return RN_OK;
}

rn_status rn_sequential_lr_create(rn_scheduler **scheduler, rn_optimizer *optimizer,
                                  const rn_sequential_lr_options *options)
{
    static const double none[RN_SCHEDULE_NUMBERS];
    rn_sequential_lr_options o;
    rn_message *message;
    rn_scheduler *made;
    rn_status status = rn_scheduler_begin_call(&o, sizeof o, scheduler, optimizer, options, "rn_sequential_lr_create");

    if (status != RN_OK)
        return status;
    message = rn_scheduler_message(optimizer);
    if ((status = check(&o, optimizer, message)) != RN_OK ||
        (status = rn_scheduler_make(&made, optimizer, &sequential_lr, none, o.milestones, o.scheduler_count - 1)) !=
            RN_OK)
        return status;
    made->part = rn_allocate_array(&optimizer->parameters->context->allocator, o.scheduler_count, sizeof *made->part);
    if (made->part == NULL) {
        rn_scheduler_destroy(made);
        return rn_fail(message, RN_NO_MEMORY, "no memory for a scheduler");
    }
    for (size_t i = 0; i < o.scheduler_count; i++)
        made->part[i] = o.schedulers[i];
    rn_scheduler_begin(made->part[0]);
    *scheduler = made;
    return RN_OK;
}
