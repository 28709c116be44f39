/* SPDX-License-Identifier: MIT */
/*
 * What rn_trainer_fit (trainer.h) can be asked for: optimizer, learning rate and how it goes, loss, averages and mixing
 * of one phase of training. Only data, no calls. Where PyTorch has something of that name, its definition holds.
 * https://pytorch.org/docs/stable/optim.html
 */
#ifndef RESNET_FIT_OPTIONS_H
#define RESNET_FIT_OPTIONS_H

#include <resnet/optimizer.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum rn_optimizer_kind {
    RN_OPTIMIZER_ADAM = 0,
    RN_OPTIMIZER_SGD = 1,
    RN_OPTIMIZER_ADAMW = 2,
    RN_OPTIMIZER_RMSPROP = 3
} rn_optimizer_kind;

/* How the learning rate goes (scheduler.h has each in full). A step of it is an epoch, or with schedule_by_batch a step
 * of the optimizer. */
typedef enum rn_schedule_kind {
    RN_SCHEDULE_STEP = 0,        /* StepLR: times lr_gamma after every lr_step_epochs steps */
    RN_SCHEDULE_MULTI_STEP = 1,  /* MultiStepLR: times lr_gamma after each of lr_milestones steps */
    RN_SCHEDULE_EXPONENTIAL = 2, /* ExponentialLR: times lr_gamma after every step; lr_gamma 0 is 0.95 */
    RN_SCHEDULE_COSINE = 3,      /* CosineAnnealingLR: from lr to lr_min at the end of the last epoch */
    RN_SCHEDULE_ONE_CYCLE = 4, /* OneCycleLR, always by batch: from lr / 25 up to lr and down to lr / 250,000; momentum
                                    (of Adam beta1) goes from 0.95 to 0.85 and back unless `momentum` was given */
    RN_SCHEDULE_PLATEAU = 5,   /* ReduceLROnPlateau: times lr_gamma, not below lr_min, when what is monitored has been
                                    no better than its best for more than lr_patience epochs */
    RN_SCHEDULE_CONSTANT = 6
} rn_schedule_kind;

/* A figure of validation that is looked at. */
typedef enum rn_monitor { RN_MONITOR_LOSS = 0, RN_MONITOR_ACCURACY = 1 } rn_monitor;

typedef struct rn_fit_options {
    size_t struct_size;
    const char *phase;         /* a name, unique in the run; NULL: "fit" */
    double lr;                 /* 0: 1e-3 */
    double lr_gamma;           /* 0: 0.1 */
    double weight_decay;       /* 0: none, but AdamW's 1e-2; RN_ZERO for none */
    double momentum;           /* SGD and RMSprop only */
    int64_t lr_step_epochs;    /* 0: 7 */
    int32_t epochs;            /* 0: 20 */
    int32_t optimizer;         /* an rn_optimizer_kind */
    double clip_norm;          /* gradients are clipped to this norm before each step (optimizer.h); 0: not */
    int32_t schedule;          /* an rn_schedule_kind */
    int32_t schedule_by_batch; /* 1: a step of the schedule is one of the optimizer; lr_step_epochs counts them, too */
    int64_t warmup;       /* so many steps of the schedule the rate rises to lr in a line (LinearLR), then the schedule
                             begins (SequentialLR): cosine goes down in the steps that are left. 0: none */
    double warmup_factor; /* it begins at lr times that; 0: 1/3 */
    double lr_min;        /* RN_SCHEDULE_COSINE and RN_SCHEDULE_PLATEAU */
    const int64_t *lr_milestones; /* RN_SCHEDULE_MULTI_STEP: ascending, from 1, counted behind the warm-up */
    size_t lr_milestone_count;
    int32_t monitor;     /* an rn_monitor: what RN_SCHEDULE_PLATEAU and stop_patience look at */
    int32_t lr_patience; /* RN_SCHEDULE_PLATEAU; 0: 10; negative: none */
    /* Early stopping: the fit ends, as if its last epoch had been, after so many epochs in a row that were not better
     * than the best of the phase before them by more than stop_delta, in what is monitored. 0: it does not. May be
     * another when a fit goes on. */
    int32_t stop_patience;
    /* Batches a step of the optimizer; 0: 1. Their gradients are added up to the mean over all their photos: that of
     * one large batch, but for batch norms, which see one batch at a time, and class weights, which are divided by
     * their sum in each. The last step of an epoch may be of fewer. A cancel waits for the step; a photo that does not
     * decode within one is a failure that costs the epoch. */
    int32_t accumulate;
    double stop_delta;
    double label_smoothing;     /* of training (session.h), in [0, 1]; validation's loss is the plain one */
    const float *class_weights; /* of training, one for each class; NULL: all 1. A batch that weighs 0 has no loss and
                                   ends the fit */
    size_t class_weight_count;
    /* Rates and weight decays of their own for parts of the network (optimizer.h), such as the backbone at a tenth of
     * the rate: {.pattern = "fc", .lr = 1e-3} and {.except = "fc", .lr = 1e-4}. What is trainable has to be in one of
     * them. The schedule goes for all. */
    const rn_parameter_group *groups;
    size_t group_count;
    /* Weights are averaged (ema.h, statistics of batch norms, too) after every ema_steps-th step (0: each) with
     * this decay; 0: not. Validation measures the average, best.safetensors holds it, and the fit ends with it;
     * last.safetensors holds both. In callbacks the model has the average during validation, else the weights. A
     * second copy of the weights in memory. torchvision's reference takes 1 - min(1, 2e-5 * batch_size * ema_steps
     * / epochs). */
    double ema_decay;
    /* Alphas of MixUp and CutMix (mixing.h); 0: none. With both, each batch gets one of them. The draw is that of
     * the trainer's seed, the epoch of the run and the batch; slices are mixed each in itself. Training's accuracy
     * counts the label of the greater share, as torchvision's reference does. No features of training photos are
     * kept. */
    double mixup, cutmix;
    int32_t ema_steps;
    int32_t reserved; /* 0 */
} rn_fit_options;

#ifdef __cplusplus
}
#endif

#endif
