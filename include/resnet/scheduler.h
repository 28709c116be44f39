/* SPDX-License-Identifier: MIT */
/*
 * rn_scheduler: torch.optim.lr_scheduler's definitions. A scheduler sets the rate of each group of an optimizer, from
 * the rate that it finds there: one that was set by hand in between is kept and goes on from there, as in PyTorch (but
 * with rn_one_cycle_lr_create, which knows its rates).
 *
 * What is called an epoch below is a step of the scheduler (rn_scheduler_step), which a loop makes after each epoch or
 * after each step of the optimizer, as it likes; one cycle wants the latter. All keep the optimizer alive.
 * RN_INVALID_ARGUMENT of all that create one: numbers that make no sense; the message shows them.
 *
 * Thread safety: as the optimizer's.
 */
#ifndef RESNET_SCHEDULER_H
#define RESNET_SCHEDULER_H

#include <resnet/optimizer.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rn_scheduler rn_scheduler;

typedef struct rn_step_lr_options {
    size_t struct_size;
    int64_t step_size; /* epochs; 0: 7 */
    double gamma;      /* 0: 0.1 */
} rn_step_lr_options;

/* StepLR: multiplied by gamma after every step_size epochs. */
RN_API rn_status rn_step_lr_create(rn_scheduler **scheduler, rn_optimizer *optimizer,
                                   const rn_step_lr_options *options);

typedef struct rn_multi_step_lr_options {
    size_t struct_size;
    const int64_t *milestones; /* ascending, the first at least 1; one that is there twice counts twice */
    size_t milestone_count;
    double gamma; /* 0: 0.1 */
} rn_multi_step_lr_options;

/* MultiStepLR: multiplied by gamma at every milestone, which says how many epochs have ended. */
RN_API rn_status rn_multi_step_lr_create(rn_scheduler **scheduler, rn_optimizer *optimizer,
                                         const rn_multi_step_lr_options *options);

typedef struct rn_exponential_lr_options {
    size_t struct_size;
    double gamma; /* has to be given */
} rn_exponential_lr_options;

/* ExponentialLR: multiplied by gamma after every epoch. */
RN_API rn_status rn_exponential_lr_create(rn_scheduler **scheduler, rn_optimizer *optimizer,
                                          const rn_exponential_lr_options *options);

typedef struct rn_linear_lr_options {
    size_t struct_size;
    double start_factor; /* above 0, at most 1; 0: 1/3 */
    double end_factor;   /* at most 1; 0: 1; RN_ZERO for none */
    int64_t total_iters; /* 0: 5 */
} rn_linear_lr_options;

/* LinearLR: the rate becomes start_factor times what it is at once, and goes in a line to end_factor times that, which
 * it is after total_iters epochs. A warm-up, with rn_sequential_lr_create. */
RN_API rn_status rn_linear_lr_create(rn_scheduler **scheduler, rn_optimizer *optimizer,
                                     const rn_linear_lr_options *options);

typedef struct rn_cosine_lr_options {
    size_t struct_size;
    int64_t t_max;  /* epochs from the highest to the lowest rate; has to be given */
    double eta_min; /* the lowest */
} rn_cosine_lr_options;

/* CosineAnnealingLR (arXiv:1608.03983, without restarts): eta_min + (initial - eta_min) (1 + cos(pi e / t_max)) / 2
 * after e epochs; behind t_max it rises again. */
RN_API rn_status rn_cosine_lr_create(rn_scheduler **scheduler, rn_optimizer *optimizer,
                                     const rn_cosine_lr_options *options);

typedef struct rn_one_cycle_lr_options {
    size_t struct_size;
    double max_lr;           /* of all groups; 0: of each group its rate of now */
    int64_t total_steps;     /* has to be given */
    double pct_start;        /* the part of them in which the rate rises; 0: 0.3; RN_ZERO for none */
    double div_factor;       /* it begins at max_lr / div_factor; 0: 25 */
    double final_div_factor; /* and ends at that / final_div_factor; 0: 1e4 */
    double base_momentum;    /* at the highest rate; 0: 0.85; RN_ZERO for none */
    double max_momentum;     /* at the first and the last rate; 0: 0.95; RN_ZERO for none */
    int32_t linear;          /* 1: in lines; 0: along cosines */
    int32_t three_phase;     /* 1: falls to where it began as long as it rose, and then to the end */
    int32_t keep_momentum;   /* 1: momentum, of Adam beta1, stays as it is. 0: it is cycled, too, as PyTorch does */
    int32_t reserved;        /* 0 */
} rn_one_cycle_lr_options;

/* OneCycleLR (arXiv:1708.07120), to be stepped after each step of the optimizer. RN_INVALID_ARGUMENT also: a rule of
 * one's own, without keep_momentum. RN_STATE: momentum would have to begin after steps without it; and of a step: the
 * cycle is over. */
RN_API rn_status rn_one_cycle_lr_create(rn_scheduler **scheduler, rn_optimizer *optimizer,
                                        const rn_one_cycle_lr_options *options);

typedef struct rn_plateau_lr_options {
    size_t struct_size;
    double factor;    /* the rate becomes that much of itself; 0: 0.1; RN_ZERO for none */
    int64_t patience; /* epochs that are no better than the best and are borne; 0: 10; negative: none */
    double threshold; /* by how much better is better; 0: 1e-4; RN_ZERO for none */
    int64_t cooldown; /* epochs after a fall that do not count */
    double min_lr;    /* no rate falls below it */
    double eps;       /* a rate that would fall by no more stays; 0: 1e-8; RN_ZERO for none */
    int32_t rises;    /* 1: the metric is to rise, like an accuracy. 0: to fall, like a loss */
    int32_t absolute; /* 1: threshold is a difference. 0: a part of the best */
} rn_plateau_lr_options;

/* ReduceLROnPlateau, whose step is given a metric. */
RN_API rn_status rn_plateau_lr_create(rn_scheduler **scheduler, rn_optimizer *optimizer,
                                      const rn_plateau_lr_options *options);

typedef struct rn_sequential_lr_options {
    size_t struct_size;
    rn_scheduler *const *schedulers; /* of the same optimizer, freshly made; they become its own */
    size_t scheduler_count;          /* at least 2 */
    const int64_t *milestones;       /* one less, ascending: the epochs that have ended when the next one begins */
} rn_sequential_lr_options;

/*
 * SequentialLR: one scheduler after the other. At its milestone each begins with the rates that the optimizer had when
 * its first scheduler was made, whatever the one before it made of them. Ten steps of warm-up, then ninety of cosine:
 *
 *   rn_scheduler *parts[2], *schedule;
 *   rn_linear_lr_create(&parts[0], adam, RN_OPTIONS(rn_linear_lr, .start_factor = 0.01, .total_iters = 10));
 *   rn_cosine_lr_create(&parts[1], adam, RN_OPTIONS(rn_cosine_lr, .t_max = 90));
 *   rn_sequential_lr_create(&schedule, adam, RN_OPTIONS(rn_sequential_lr, .schedulers = parts, .scheduler_count = 2,
 *                                                       .milestones = (int64_t[]){ 10 }));
 *
 * If it succeeds the parts are its own and must not be stepped or destroyed any more. RN_INVALID_ARGUMENT: a part is
 * one cycle, plateau or a sequence, or of another optimizer.
 */
RN_API rn_status rn_sequential_lr_create(rn_scheduler **scheduler, rn_optimizer *optimizer,
                                         const rn_sequential_lr_options *options);

typedef struct rn_scheduler_step_options {
    size_t struct_size;
    double metric; /* for rn_plateau_lr_create; the others do not look at it */
} rn_scheduler_step_options;

/* An epoch has ended, or a step. RN_INVALID_ARGUMENT: no metric (options NULL), or NaN, where one is looked at. */
RN_API rn_status rn_scheduler_step(rn_scheduler *scheduler, const rn_scheduler_step_options *options);
/* How many epochs have ended (rn_scheduler_epoch) and what else it remembers, as metadata of a checkpoint that holds
 * the optimizer's state dict, too. */
RN_API rn_status rn_scheduler_state_dict(rn_checkpoint *state, const rn_scheduler *scheduler);

/* How a state that PyTorch wrote is taken. */
typedef struct rn_scheduler_load_options {
    size_t struct_size;
    const char *prefix;      /* where in the file it lies, as in rn_optimizer_load_options */
    int32_t hyperparameters; /* 1: its numbers (step_size and gamma, T_max and eta_min, ...) become the file's, too */
    int32_t reserved;        /* 0 */
} rn_scheduler_load_options;

/*
 * And back: of this library, or of PyTorch's StepLR, MultiStepLR (whose milestones stay the caller's), ExponentialLR,
 * LinearLR and CosineAnnealingLR ({'scheduler': scheduler.state_dict()}: 'last_epoch'). The rates are the optimizer's
 * business: they are the file's where its hyperparameters are asked for. RN_FORMAT: no such state. RN_STATE: of another
 * scheduler, or of PyTorch's and this is one of the other kinds. RN_INVALID_ARGUMENT: several, or nothing at the
 * prefix.
 */
RN_API rn_status rn_scheduler_load_state_dict(rn_scheduler *scheduler, const rn_checkpoint *state,
                                              const rn_scheduler_load_options *options);
RN_API int64_t rn_scheduler_epoch(const rn_scheduler *scheduler);
/* NULL is fine. */
RN_API void rn_scheduler_destroy(rn_scheduler *scheduler);

#ifdef __cplusplus
}
#endif

#endif
