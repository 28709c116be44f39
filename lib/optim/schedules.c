/* SPDX-License-Identifier: MIT */
/*
 * The schedules that are a formula for a rate, of torch.optim.lr_scheduler, e being the number of steps that were made
 * and lr the rate before this one:
 *
 *   StepLR              lr * gamma if step_size divides e
 *   MultiStepLR         lr * gamma for each milestone that is e
 *   ExponentialLR       lr * gamma
 *   LinearLR            lr * (1 + (b - a) / (n a + (e - 1) (b - a))) up to step n, from a * initial to b * initial
 *   CosineAnnealingLR   eta_min + (lr - eta_min) * (1 + cos(pi e / T)) / (1 + cos(pi (e - 1) / T))
 */
#include "optim/schedule.h"

#include "base/options.h"

#include <math.h>
#include <string.h>

RN_NO_TAIL_PADDING(rn_step_lr_options, gamma);
RN_NO_TAIL_PADDING(rn_multi_step_lr_options, gamma);
RN_NO_TAIL_PADDING(rn_exponential_lr_options, gamma);
RN_NO_TAIL_PADDING(rn_linear_lr_options, total_iters);
RN_NO_TAIL_PADDING(rn_cosine_lr_options, eta_min);

static const double pi = 3.14159265358979323846;

/* ---- StepLR ------------------------------------------------------------------------------------------------------ */

enum { STEP_SIZE, STEP_GAMMA };

static double step_rate(const rn_scheduler *s, const rn_optimizer_group *group)
{
    return s->epoch % (int64_t)s->number[STEP_SIZE] == 0 ? group->lr * s->number[STEP_GAMMA] : group->lr;
}

static bool is_step(const double *number)
{
    return number[STEP_SIZE] >= 1 && number[STEP_GAMMA] >= 0;
}

static const rn_schedule step_lr = { .name = "step",
                                     .torch = "StepLR",
                                     .number = { "step_size", "gamma" },
                                     .whole = 1 << STEP_SIZE,
                                     .exchanged = true,
                                     .is_sound = is_step,
                                     .rate = step_rate };

rn_status rn_step_lr_create(rn_scheduler **scheduler, rn_optimizer *optimizer, const rn_step_lr_options *options)
{
    rn_step_lr_options o;
    const rn_status status = rn_scheduler_begin_call(&o, sizeof o, scheduler, optimizer, options, "rn_step_lr_create");

    return status == RN_OK
               ? rn_scheduler_make(scheduler, optimizer, &step_lr,
                                   (double[RN_SCHEDULE_NUMBERS]){ o.step_size == 0 ? 7 : (double)o.step_size,
                                                                  rn_option_number(o.gamma, 0.1) },
                                   NULL, 0)
               : status;
}

/* ---- MultiStepLR ------------------------------------------------------------------------------------------------- */

static double multi_step_rate(const rn_scheduler *s, const rn_optimizer_group *group)
{
    double times = 0;

    for (size_t i = 0; i < s->milestone_count; i++)
        times += s->milestone[i] == s->epoch;
    return times > 0 ? group->lr * pow(s->number[0], times) : group->lr;
}

static bool is_gamma(const double *number)
{
    return number[0] >= 0;
}

static const rn_schedule multi_step_lr = { .name = "multi_step",
                                           .torch = "MultiStepLR",
                                           .number = { "gamma" },
                                           .exchanged = true,
                                           .is_sound = is_gamma,
                                           .rate = multi_step_rate };

rn_status rn_multi_step_lr_create(rn_scheduler **scheduler, rn_optimizer *optimizer,
                                  const rn_multi_step_lr_options *options)
{
    rn_multi_step_lr_options o;
    rn_status status = rn_scheduler_begin_call(&o, sizeof o, scheduler, optimizer, options, "rn_multi_step_lr_create");

    if (status == RN_OK && (o.milestones == NULL || o.milestone_count == 0))
        status = rn_fail(rn_scheduler_message(optimizer), RN_INVALID_ARGUMENT, "MultiStepLR needs milestones");
    return status == RN_OK ? rn_scheduler_make(scheduler, optimizer, &multi_step_lr,
                                               (double[RN_SCHEDULE_NUMBERS]){ rn_option_number(o.gamma, 0.1) },
                                               o.milestones, o.milestone_count)
                           : status;
}

/* ---- ExponentialLR ----------------------------------------------------------------------------------------------- */

static double exponential_rate(const rn_scheduler *s, const rn_optimizer_group *group)
{
    return group->lr * s->number[0];
}

static bool is_given_gamma(const double *number)
{
    return number[0] > 0;
}

static const rn_schedule exponential_lr = { .name = "exponential",
                                            .torch = "ExponentialLR",
                                            .number = { "gamma" },
                                            .exchanged = true,
                                            .is_sound = is_given_gamma,
                                            .rate = exponential_rate };

rn_status rn_exponential_lr_create(rn_scheduler **scheduler, rn_optimizer *optimizer,
                                   const rn_exponential_lr_options *options)
{
    rn_exponential_lr_options o;
    const rn_status status =
        rn_scheduler_begin_call(&o, sizeof o, scheduler, optimizer, options, "rn_exponential_lr_create");

    return status == RN_OK ? rn_scheduler_make(scheduler, optimizer, &exponential_lr,
                                               (double[RN_SCHEDULE_NUMBERS]){ o.gamma }, NULL, 0)
                           : status;
}

/* ---- LinearLR ---------------------------------------------------------------------------------------------------- */

enum { LINEAR_START, LINEAR_END, LINEAR_STEPS };

static double linear_rate(const rn_scheduler *s, const rn_optimizer_group *group)
{
    const double start = s->number[LINEAR_START], rise = s->number[LINEAR_END] - start, n = s->number[LINEAR_STEPS];

    return (double)s->epoch > n ? group->lr : group->lr * (1 + rise / (n * start + (double)(s->epoch - 1) * rise));
}

static double linear_first(const rn_scheduler *s)
{
    return s->number[LINEAR_START];
}

static bool is_linear(const double *number)
{
    return number[LINEAR_START] > 0 && number[LINEAR_START] <= 1 && number[LINEAR_END] >= 0 &&
           number[LINEAR_END] <= 1 && number[LINEAR_STEPS] >= 1;
}

static const rn_schedule linear_lr = { .name = "linear",
                                       .torch = "LinearLR",
                                       .number = { "start_factor", "end_factor", "total_iters" },
                                       .whole = 1 << LINEAR_STEPS,
                                       .exchanged = true,
                                       .is_sound = is_linear,
                                       .rate = linear_rate,
                                       .first = linear_first };

rn_status rn_linear_lr_create(rn_scheduler **scheduler, rn_optimizer *optimizer, const rn_linear_lr_options *options)
{
    rn_linear_lr_options o;
    const rn_status status =
        rn_scheduler_begin_call(&o, sizeof o, scheduler, optimizer, options, "rn_linear_lr_create");

    return status == RN_OK
               ? rn_scheduler_make(scheduler, optimizer, &linear_lr,
                                   (double[RN_SCHEDULE_NUMBERS]){ rn_option_number(o.start_factor, 1.0 / 3),
                                                                  rn_option_number(o.end_factor, 1),
                                                                  o.total_iters == 0 ? 5 : (double)o.total_iters },
                                   NULL, 0)
               : status;
}

/* ---- CosineAnnealingLR ------------------------------------------------------------------------------------------- */

enum { COSINE_STEPS, COSINE_LEAST };

/* Behind the lowest point, where the ratio is that of nothing to nothing, it begins to rise from what it is. */
static double cosine_rate(const rn_scheduler *s, const rn_optimizer_group *group)
{
    const double n = s->number[COSINE_STEPS], least = s->number[COSINE_LEAST], e = (double)s->epoch;

    if ((s->epoch - 1 - (int64_t)n) % (2 * (int64_t)n) == 0)
        return group->lr + (group->initial_lr - least) * (1 - cos(pi / n)) / 2;
    return (1 + cos(pi * e / n)) / (1 + cos(pi * (e - 1) / n)) * (group->lr - least) + least;
}

static bool is_cosine(const double *number)
{
    return number[COSINE_STEPS] >= 1 && number[COSINE_STEPS] <= 4503599627370496.0 && number[COSINE_LEAST] >= 0;
}

static const rn_schedule cosine_lr = { .name = "cosine",
                                       .torch = "CosineAnnealingLR",
                                       .number = { "T_max", "eta_min" },
                                       .whole = 1 << COSINE_STEPS,
                                       .exchanged = true,
                                       .is_sound = is_cosine,
                                       .rate = cosine_rate };

rn_status rn_cosine_lr_create(rn_scheduler **scheduler, rn_optimizer *optimizer, const rn_cosine_lr_options *options)
{
    rn_cosine_lr_options o;
    const rn_status status =
        rn_scheduler_begin_call(&o, sizeof o, scheduler, optimizer, options, "rn_cosine_lr_create");

    return status == RN_OK ? rn_scheduler_make(scheduler, optimizer, &cosine_lr,
                                               (double[RN_SCHEDULE_NUMBERS]){ (double)o.t_max, o.eta_min }, NULL, 0)
                           : status;
}

const rn_schedule *rn_schedule_find(const char *name)
{
    static const rn_schedule *const all[] = { &step_lr, &multi_step_lr, &exponential_lr, &linear_lr, &cosine_lr };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(all[i]->name, name) == 0)
            return all[i];
    }
    return NULL;
}
