/* SPDX-License-Identifier: MIT */
/*
 * rn_optimizer and rn_scheduler: torch.optim's definitions, with state kept by parameter name.
 *
 * A step updates exactly the parameters that are trainable, covered by this optimizer and carry a gradient, and uses
 * the gradients up. Trainability is read at every step: what is unfrozen later is trained without further ado, starting
 * with zero moments and a step count of its own.
 */
#ifndef RESNET_OPTIMIZER_H
#define RESNET_OPTIMIZER_H

#include <resnet/parameters.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rn_optimizer rn_optimizer;
typedef struct rn_scheduler rn_scheduler;

typedef struct rn_adam_options {
    size_t struct_size;
    double lr;           /* 0: 1e-3 */
    double beta1;        /* 0: 0.9; RN_ZERO for none */
    double beta2;        /* 0: 0.999; RN_ZERO for none */
    double eps;          /* 0: 1e-8 */
    double weight_decay; /* added to the gradient (L2) */
    const char *pattern; /* which parameters, as rn_model_freeze; NULL: all */
} rn_adam_options;

/*
 * torch.optim.Adam. RN_INVALID_ARGUMENT: a rate that is negative or not finite, a beta outside [0, 1), a pattern that
 * matches nothing. Keeps the parameters alive.
 */
RN_API rn_status rn_adam_create(rn_optimizer **optimizer, rn_parameters *parameters, const rn_adam_options *options);

typedef struct rn_sgd_options {
    size_t struct_size;
    double lr;       /* 0: 1e-3 */
    double momentum; /* 0: none */
    double dampening;
    double weight_decay;
    const char *pattern; /* which parameters, as rn_model_freeze; NULL: all */
    int32_t nesterov;    /* 1: needs momentum and no dampening */
    int32_t reserved;
} rn_sgd_options;

/* torch.optim.SGD */
RN_API rn_status rn_sgd_create(rn_optimizer **optimizer, rn_parameters *parameters, const rn_sgd_options *options);

/*
 * One update. RN_STATE: nothing is trainable, covered and carries a gradient; or between forward and backward. RN_BUSY.
 * RN_NO_MEMORY (first step only).
 */
RN_API rn_status rn_optimizer_step(rn_optimizer *optimizer);
RN_API double rn_optimizer_lr(const rn_optimizer *optimizer);
/* RN_INVALID_ARGUMENT: not finite, or negative. */
RN_API rn_status rn_optimizer_set_lr(rn_optimizer *optimizer, double lr);
/* NULL is fine. */
RN_API void rn_optimizer_destroy(rn_optimizer *optimizer);

typedef struct rn_step_lr_options {
    size_t struct_size;
    int64_t step_size; /* epochs; 0: 7 */
    double gamma;      /* 0: 0.1 */
} rn_step_lr_options;

/*
 * torch.optim.lr_scheduler.StepLR: the rate is multiplied by gamma after every step_size epochs. Keeps the optimizer
 * alive.
 */
RN_API rn_status rn_step_lr_create(rn_scheduler **scheduler, rn_optimizer *optimizer,
                                   const rn_step_lr_options *options);
/* An epoch has ended. No argument: it cannot be handed the loss. */
RN_API rn_status rn_scheduler_step(rn_scheduler *scheduler);
RN_API int64_t rn_scheduler_epoch(const rn_scheduler *scheduler);
/* NULL is fine. */
RN_API void rn_scheduler_destroy(rn_scheduler *scheduler);

#ifdef __cplusplus
}
#endif

#endif
