/* SPDX-License-Identifier: MIT */
/*
 * OneCycleLR (arXiv:1708.07120, torch.optim.lr_scheduler.OneCycleLR): the rate rises from max / div_factor to max in
 * the first pct_start of all steps and falls to max / div_factor / final_div_factor in the others; momentum does the
 * reverse. With three phases it falls as long as it rose, to where it began, and then on.
 *
 * Rate and momentum are functions of the number of steps alone. A phase of no steps, which PyTorch fails at, is passed
 * at once.
 */
#include "optim/schedule.h"

#include "base/options.h"

#include <math.h>

RN_NO_TAIL_PADDING(rn_one_cycle_lr_options, reserved);

enum { TOTAL, RISING, DIVISOR, LAST_DIVISOR, LOW_MOMENTUM, HIGH_MOMENTUM, FORM }; /* numbers of the scheduler */

enum { LINEAR = 1, THREE_PHASES = 2, KEEP_MOMENTUM = 4 }; /* bits of its form */

static bool is(const rn_scheduler *s, int bit)
{
    return ((int)s->number[FORM] & bit) != 0;
}

/* From which phase to which the step lies, and how far: 0 to 1. */
typedef struct place {
    int phase;
    double at;
} place;

static place find_place(const rn_scheduler *s)
{
    const double total = s->number[TOTAL], rise = s->number[RISING] * total, step = (double)s->epoch;
    const double ends[] = { rise - 1, is(s, THREE_PHASES) ? 2 * rise - 2 : total - 1, total - 1 };
    const int last = is(s, THREE_PHASES) ? 2 : 1;
    double start = 0;

    for (int i = 0;; i++) {
        if (step <= ends[i] || i == last)
            return (place){ i, ends[i] != start ? (step - start) / (ends[i] - start) : 1 };
        start = ends[i];
    }
}

/* On the way from one number to the other. */
static double between(const rn_scheduler *s, double from, double to, double at)
{
    static const double pi = 3.14159265358979323846;

    return is(s, LINEAR) ? (to - from) * at + from : to + (from - to) / 2 * (cos(pi * at) + 1);
}

static double one_cycle_rate(const rn_scheduler *s, const rn_optimizer_group *group)
{
    const place p = find_place(s);
    const double corner[] = { group->initial_lr, group->max_lr,
                              is(s, THREE_PHASES) ? group->initial_lr : group->initial_lr / s->number[LAST_DIVISOR],
                              group->initial_lr / s->number[LAST_DIVISOR] };

    return between(s, corner[p.phase], corner[p.phase + 1], p.at);
}

static double *momentum_of(rn_optimizer *optimizer)
{
    return optimizer->rule == &rn_adam_rule || optimizer->rule == &rn_adamw_rule ? &optimizer->beta1
                                                                                 : &optimizer->momentum;
}

static void set_momentum(rn_scheduler *s)
{
    const double high = s->number[HIGH_MOMENTUM], corner[] = { high, s->number[LOW_MOMENTUM], high, high };
    const place p = find_place(s);

    if (!is(s, KEEP_MOMENTUM))
        *momentum_of(s->optimizer) = between(s, corner[p.phase], corner[p.phase + 1], p.at);
}

static void set_rates(rn_scheduler *s)
{
    for (size_t i = 0; i < s->optimizer->group_count; i++)
        s->optimizer->group[i].lr = one_cycle_rate(s, &s->optimizer->group[i]);
    set_momentum(s);
}

static rn_status one_cycle_step(rn_scheduler *s, double metric)
{
    (void)metric;
    if ((double)s->epoch >= s->number[TOTAL])
        return rn_fail(rn_scheduler_message(s->optimizer), RN_STATE, "the one cycle had %lld steps, and they are over",
                       (long long)s->epoch);
    s->epoch++;
    set_rates(s);
    return RN_OK;
}

static bool is_one_cycle(const double *number)
{
    return number[TOTAL] >= 1 && number[RISING] >= 0 && number[RISING] <= 1 && number[DIVISOR] > 0 &&
           number[LAST_DIVISOR] > 0 && number[LOW_MOMENTUM] >= 0 && number[LOW_MOMENTUM] < 1 &&
           number[HIGH_MOMENTUM] >= 0 && number[HIGH_MOMENTUM] < 1;
}

static const rn_schedule one_cycle_lr = {
    .name = "one_cycle",
    .torch = "OneCycleLR",
    .number = { "total_steps", "pct_start", "div_factor", "final_div_factor", "base_momentum", "max_momentum", "form" },
    .whole = 1 << TOTAL | 1 << FORM,
    .is_sound = is_one_cycle,
    .step = one_cycle_step,
    .restored = set_momentum,
};

/* Momentum that begins in the middle would find no buffer of the steps before. */
static rn_status check_momentum(rn_optimizer *optimizer, rn_message *message)
{
    bool stepped = false;

    for (size_t i = 0; i < optimizer->parameters->count; i++)
        stepped = stepped || optimizer->state[i].steps > 0;
    if (optimizer->own_rule != NULL)
        return rn_fail(message, RN_INVALID_ARGUMENT, "the rule '%s' has no momentum to be cycled: keep_momentum",
                       rn_optimizer_rule_name(optimizer));
    return stepped && *momentum_of(optimizer) == 0
               ? rn_fail(message, RN_STATE, "momentum cannot begin after steps without: keep_momentum")
               : RN_OK;
}

rn_status rn_one_cycle_lr_create(rn_scheduler **scheduler, rn_optimizer *optimizer,
                                 const rn_one_cycle_lr_options *options)
{
    rn_one_cycle_lr_options o;
    rn_message *message;
    rn_status status = rn_scheduler_begin_call(&o, sizeof o, scheduler, optimizer, options, "rn_one_cycle_lr_create");

    if (status != RN_OK)
        return status;
    message = rn_scheduler_message(optimizer);
    if ((status = rn_options_reserved(o.reserved, "rn_one_cycle_lr_create", message)) != RN_OK ||
        (o.keep_momentum == 0 && (status = check_momentum(optimizer, message)) != RN_OK))
        return status;
    if (!rn_is_rate(o.max_lr))
        return rn_fail(message, RN_INVALID_ARGUMENT, "OneCycleLR: max_lr %g", o.max_lr);
    status = rn_scheduler_make(
        scheduler, optimizer, &one_cycle_lr,
        (double[RN_SCHEDULE_NUMBERS]){ (double)o.total_steps, rn_option_number(o.pct_start, 0.3),
                                       rn_option_number(o.div_factor, 25), rn_option_number(o.final_div_factor, 1e4),
                                       rn_option_number(o.base_momentum, 0.85), rn_option_number(o.max_momentum, 0.95),
                                       (o.linear != 0 ? LINEAR : 0) | (o.three_phase != 0 ? THREE_PHASES : 0) |
                                           (o.keep_momentum != 0 ? KEEP_MOMENTUM : 0) },
        NULL, 0);
    if (status != RN_OK)
        return status;
    for (size_t i = 0; i < optimizer->group_count; i++) {
        rn_optimizer_group *const group = &optimizer->group[i];

        group->max_lr = o.max_lr != 0 ? o.max_lr : group->lr;
        group->initial_lr = group->max_lr / (*scheduler)->number[DIVISOR];
    }
    set_rates(*scheduler);
    return RN_OK;
}
