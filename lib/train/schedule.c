/* SPDX-License-Identifier: MIT */
/* The optimizer, the scheduler and the average of a phase, freshly made. */
#include "train/fit.h"

#include "base/options.h"

static rn_status make_optimizer(rn_trainer *trainer, const rn_phase *phase, const rn_fit_options *o)
{
    rn_parameters *const parameters = rn_model_parameters(trainer->model);
    const double lr = phase->lr != 0 ? phase->lr : RN_ZERO; /* here 0 is a rate, in options the default */
    const double decay = phase->weight_decay != 0 ? phase->weight_decay : RN_ZERO;
    rn_optimizer **const made = &trainer->optimizer;

    switch (phase->optimizer) {
    case RN_OPTIMIZER_SGD:
        return rn_sgd_create(made, parameters,
                             RN_OPTIONS(rn_sgd, .lr = lr, .momentum = phase->momentum, .weight_decay = decay,
                                        .groups = o->groups, .group_count = o->group_count));
    case RN_OPTIMIZER_RMSPROP:
        return rn_rmsprop_create(made, parameters,
                                 RN_OPTIONS(rn_rmsprop, .lr = lr, .momentum = phase->momentum, .weight_decay = decay,
                                            .groups = o->groups, .group_count = o->group_count));
    default:
        return (phase->optimizer == RN_OPTIMIZER_ADAMW ? rn_adamw_create : rn_adam_create)(
            made, parameters,
            RN_OPTIONS(rn_adam, .lr = lr, .weight_decay = decay, .groups = o->groups, .group_count = o->group_count));
    }
}

/* What is trainable and in no group would stay as it is, without a word. */
static rn_status check_coverage(const rn_optimizer *optimizer, rn_message *message)
{
    const rn_parameters *const parameters = optimizer->parameters;

    for (size_t i = 0; i < parameters->count; i++) {
        if (parameters->entry[i].trainable && optimizer->group_of[i] < 0)
            return rn_fail(message, RN_INVALID_ARGUMENT,
                           "'%s' is trainable and in no parameter group: add it to one, or freeze it",
                           parameters->entry[i].name);
    }
    return RN_OK;
}

/* Steps of the schedule in all epochs. */
static int64_t schedule_steps(const rn_trainer *trainer, const rn_phase *phase, const rn_fit_options *o)
{
    const int64_t batches = (int64_t)rn_loader_batches(trainer->train);
    const int64_t together = o->accumulate > 1 ? o->accumulate : 1;

    return phase->epochs * (rn_phase_steps_by_batch(o) ? (batches + together - 1) / together : 1);
}

/* What follows the warm-up, or is there without one. */
static rn_status make_main(rn_scheduler **scheduler, rn_trainer *trainer, const rn_phase *phase,
                           const rn_fit_options *o)
{
    const double gamma = phase->lr_gamma != 0 ? phase->lr_gamma : RN_ZERO;
    const int64_t steps = schedule_steps(trainer, phase, o);
    rn_optimizer *const optimizer = trainer->optimizer;

    switch (o->schedule) {
    case RN_SCHEDULE_MULTI_STEP:
        return rn_multi_step_lr_create(scheduler, optimizer,
                                       RN_OPTIONS(rn_multi_step_lr, .milestones = o->lr_milestones,
                                                  .milestone_count = o->lr_milestone_count, .gamma = gamma));
    case RN_SCHEDULE_EXPONENTIAL:
        return rn_exponential_lr_create(scheduler, optimizer, RN_OPTIONS(rn_exponential_lr, .gamma = phase->lr_gamma));
    case RN_SCHEDULE_CONSTANT:
        return rn_exponential_lr_create(scheduler, optimizer, RN_OPTIONS(rn_exponential_lr, .gamma = 1));
    case RN_SCHEDULE_COSINE:
        if (o->warmup >= steps)
            return rn_fail(&trainer->context->message, RN_INVALID_ARGUMENT,
                           "a warm-up of %lld steps leaves nothing of the schedule's %lld", (long long)o->warmup,
                           (long long)steps);
        return rn_cosine_lr_create(scheduler, optimizer,
                                   RN_OPTIONS(rn_cosine_lr, .t_max = steps - o->warmup, .eta_min = o->lr_min));
    case RN_SCHEDULE_ONE_CYCLE:
        return rn_one_cycle_lr_create(
            scheduler, optimizer,
            RN_OPTIONS(rn_one_cycle_lr, .total_steps = steps, .keep_momentum = phase->momentum != 0));
    case RN_SCHEDULE_PLATEAU:
        return rn_plateau_lr_create(scheduler, optimizer,
                                    RN_OPTIONS(rn_plateau_lr, .factor = gamma, .patience = o->lr_patience,
                                               .min_lr = o->lr_min, .rises = o->monitor == RN_MONITOR_ACCURACY));
    default:
        return rn_step_lr_create(scheduler, optimizer,
                                 RN_OPTIONS(rn_step_lr, .step_size = phase->lr_step_epochs, .gamma = gamma));
    }
}

static rn_status make_scheduler(rn_trainer *trainer, const rn_phase *phase, const rn_fit_options *o)
{
    rn_scheduler *parts[2] = { NULL };
    rn_status status;

    if (o->warmup == 0)
        return make_main(&trainer->scheduler, trainer, phase, o);
    status = rn_linear_lr_create(&parts[0], trainer->optimizer,
                                 RN_OPTIONS(rn_linear_lr, .start_factor = o->warmup_factor, .total_iters = o->warmup));
    if (status == RN_OK)
        status = make_main(&parts[1], trainer, phase, o);
    if (status == RN_OK)
        status = rn_sequential_lr_create(
            &trainer->scheduler, trainer->optimizer,
            RN_OPTIONS(rn_sequential_lr, .schedulers = parts, .scheduler_count = 2, .milestones = &o->warmup));
    if (status != RN_OK) {
        rn_scheduler_destroy(parts[0]);
        rn_scheduler_destroy(parts[1]);
    }
    return status;
}

bool rn_phase_steps_by_batch(const rn_fit_options *options)
{
    return options->schedule_by_batch != 0 || options->schedule == RN_SCHEDULE_ONE_CYCLE;
}

rn_status rn_phase_stepped(rn_trainer *trainer, const rn_phase *phase, const rn_fit_options *options)
{
    if (!rn_phase_steps_by_batch(options) ||
        (options->schedule == RN_SCHEDULE_ONE_CYCLE &&
         rn_scheduler_epoch(trainer->scheduler) + 1 == schedule_steps(trainer, phase, options)))
        return RN_OK;
    return rn_scheduler_step(trainer->scheduler, NULL);
}

bool rn_phase_schedule_ends(const rn_fit_options *options)
{
    return options->schedule == RN_SCHEDULE_COSINE || options->schedule == RN_SCHEDULE_ONE_CYCLE;
}

rn_status rn_phase_make_optimizer(rn_trainer *trainer, const rn_phase *phase, const rn_fit_options *options)
{
    rn_status status = make_optimizer(trainer, phase, options);

    if (status == RN_OK)
        status = check_coverage(trainer->optimizer, &trainer->context->message);
    if (status == RN_OK)
        status = make_scheduler(trainer, phase, options);
    if (status == RN_OK && options->ema_decay != 0)
        status = rn_ema_create(
            &trainer->ema, rn_model_parameters(trainer->model),
            RN_OPTIONS(rn_ema, .decay = options->ema_decay, .every = options->ema_steps, .average_buffers = 1));
    return status;
}

void rn_phase_release_optimizer(rn_trainer *trainer)
{
    rn_scheduler_destroy(trainer->scheduler);
    rn_optimizer_destroy(trainer->optimizer);
    rn_ema_destroy(trainer->ema);
    trainer->scheduler = NULL;
    trainer->optimizer = NULL;
    trainer->ema = NULL;
}
