/* SPDX-License-Identifier: MIT */
/*
 * ReduceLROnPlateau (torch.optim.lr_scheduler): the rate falls when a metric has been no better than its best for more
 * than `patience` steps. Better is by more than threshold: lower than best * (1 - threshold), or best - threshold; of a
 * metric that is to rise, higher than best * (1 + threshold), or best + threshold.
 */
#include "optim/schedule.h"

#include "base/options.h"

#include <math.h>

RN_NO_TAIL_PADDING(rn_plateau_lr_options, absolute);

enum { FACTOR, PATIENCE, THRESHOLD, COOLDOWN, LEAST_RATE, EPS, FORM };

enum { RISES = 1, ABSOLUTE = 2 }; /* bits of the form */

static bool is_better(const rn_scheduler *s, double metric)
{
    const double threshold = s->number[THRESHOLD];
    const bool rises = ((int)s->number[FORM] & RISES) != 0;

    if (((int)s->number[FORM] & ABSOLUTE) != 0)
        return rises ? metric > s->best + threshold : metric < s->best - threshold;
    return rises ? metric > s->best * (threshold + 1) : metric < s->best * (1 - threshold);
}

static rn_status plateau_step(rn_scheduler *s, double metric)
{
    if (isnan(metric))
        return rn_fail(rn_scheduler_message(s->optimizer), RN_INVALID_ARGUMENT,
                       "ReduceLROnPlateau looks at a metric: rn_scheduler_step_options.metric");
    s->epoch++;
    if (is_better(s, metric)) {
        s->best = metric;
        s->bad_epochs = 0;
    } else {
        s->bad_epochs++;
    }
    if (s->cooldown_left > 0) {
        s->cooldown_left--;
        s->bad_epochs = 0;
    }
    if ((double)s->bad_epochs <= s->number[PATIENCE])
        return RN_OK;
    for (size_t i = 0; i < s->optimizer->group_count; i++) {
        rn_optimizer_group *const group = &s->optimizer->group[i];
        const double lr = fmax(group->lr * s->number[FACTOR], s->number[LEAST_RATE]);

        if (group->lr - lr > s->number[EPS])
            group->lr = lr;
    }
    s->cooldown_left = (int64_t)s->number[COOLDOWN];
    s->bad_epochs = 0;
    return RN_OK;
}

static bool is_plateau(const double *number)
{
    return number[FACTOR] >= 0 && number[FACTOR] < 1 && number[PATIENCE] >= 0 && number[COOLDOWN] >= 0 &&
           number[LEAST_RATE] >= 0 && number[EPS] >= 0;
}

const rn_schedule rn_plateau_schedule = {
    .name = "plateau",
    .torch = "ReduceLROnPlateau",
    .number = { "factor", "patience", "threshold", "cooldown", "min_lr", "eps", "form" },
    .whole = 1 << PATIENCE | 1 << COOLDOWN | 1 << FORM,
    .is_sound = is_plateau,
    .step = plateau_step,
};

rn_status rn_plateau_lr_create(rn_scheduler **scheduler, rn_optimizer *optimizer, const rn_plateau_lr_options *options)
{
    rn_plateau_lr_options o;
    rn_status status = rn_scheduler_begin_call(&o, sizeof o, scheduler, optimizer, options, "rn_plateau_lr_create");

    if (status != RN_OK)
        return status;
    status = rn_scheduler_make(
        scheduler, optimizer, &rn_plateau_schedule,
        (double[RN_SCHEDULE_NUMBERS]){ rn_option_number(o.factor, 0.1),
                                       o.patience == 0  ? 10
                                       : o.patience < 0 ? 0
                                                        : (double)o.patience,
                                       rn_option_number(o.threshold, 1e-4), (double)o.cooldown, o.min_lr,
                                       rn_option_number(o.eps, 1e-8),
                                       (o.rises != 0 ? RISES : 0) | (o.absolute != 0 ? ABSOLUTE : 0) },
        NULL, 0);
    if (status == RN_OK)
        (*scheduler)->best = o.rises != 0 ? -INFINITY : INFINITY;
    return status;
}
