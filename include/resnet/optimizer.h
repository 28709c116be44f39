/* SPDX-License-Identifier: MIT */
/*
 * rn_optimizer and rn_scheduler: torch.optim's definitions, with state kept by parameter name.
 *
 * A step updates exactly the parameters that are trainable, covered by this optimizer and carry a gradient, and uses
 * the gradients up. Trainability is read at every step: what is unfrozen later is trained without further ado, starting
 * with zero moments and a step count of its own.
 *
 * Thread safety: an optimizer and its schedulers belong to the thread of the model's context. A step waits for forwards
 * of other threads that are running (model.h).
 */
#ifndef RESNET_OPTIMIZER_H
#define RESNET_OPTIMIZER_H

#include <resnet/checkpoint.h>
#include <resnet/parameters.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rn_optimizer rn_optimizer;
typedef struct rn_scheduler rn_scheduler;

/* Some of the parameters, with a rate of their own: torch.optim's param_groups. */
typedef struct rn_parameter_group {
    size_t struct_size;
    const char *pattern; /* which parameters, as rn_model_freeze; NULL: all */
    const char *except;  /* but for these; NULL: no exception */
    double lr;           /* 0: the optimizer's */
    double weight_decay; /* 0: the optimizer's; RN_ZERO for none */
} rn_parameter_group;

typedef struct rn_adam_options {
    size_t struct_size;
    double lr;           /* 0: 1e-3 */
    double beta1;        /* 0: 0.9; RN_ZERO for none */
    double beta2;        /* 0: 0.999; RN_ZERO for none */
    double eps;          /* 0: 1e-8 */
    double weight_decay; /* added to the gradient (L2) */
    const char *pattern; /* which parameters, as rn_model_freeze; NULL: all */
    const char *except;  /* but for these ("fc": everything but the head); NULL: no exception */
    /* Instead of pattern and except: what is in none of them is not covered. Copied. */
    const rn_parameter_group *groups;
    size_t group_count;
} rn_adam_options;

/*
 * torch.optim.Adam. RN_INVALID_ARGUMENT: a rate that is negative or not finite, a beta outside [0, 1), a pattern that
 * matches nothing, a parameter in two groups (named with both patterns), groups together with a pattern. Keeps the
 * parameters alive. Two optimizers over the same parameters are the caller's wish, as in PyTorch: each steps on the
 * gradient that it finds, and the first uses it up.
 */
RN_API rn_status rn_adam_create(rn_optimizer **optimizer, rn_parameters *parameters, const rn_adam_options *options);

typedef struct rn_sgd_options {
    size_t struct_size;
    double lr;       /* 0: 1e-3 */
    double momentum; /* 0: none */
    double dampening;
    double weight_decay;
    const char *pattern, *except;     /* as in rn_adam_options */
    const rn_parameter_group *groups; /* likewise */
    size_t group_count;
    int32_t nesterov; /* 1: needs momentum and no dampening */
    int32_t reserved; /* 0 */
} rn_sgd_options;

/* torch.optim.SGD */
RN_API rn_status rn_sgd_create(rn_optimizer **optimizer, rn_parameters *parameters, const rn_sgd_options *options);

/* One parameter of a step, or a part of one, for a rule of one's own. Numbers lie in the parameter's storage order (the
 * strides of rn_parameters_value tell it); an element-wise rule need not care. */
typedef struct rn_parameter_update {
    size_t struct_size;
    const char *name;
    float *value; /* to be changed */
    const float *gradient;
    float *const *state;     /* one array for each state name; zeros before the first step */
    int64_t offset;          /* which number of the parameter each of these begins with */
    int64_t count;           /* numbers in each of these */
    int64_t step;            /* of this parameter, from 1 */
    double lr, weight_decay; /* of its group */
} rn_parameter_update;

/*
 * Called by rn_optimizer_step, parameter by parameter in the network's order; it must not call the library with the
 * same model. Anything but RN_OK ends the step, which answers with it: the parameters before this one have made their
 * step, this one (of which some numbers may be written) and those after it have not, and keep their gradients.
 */
typedef rn_status (*rn_update_function)(const rn_parameter_update *update, void *payload);

enum { RN_RULE_STATES = 4 };

typedef struct rn_rule_options {
    size_t struct_size;
    const char *name;               /* of the rule, for state dicts: letters, digits and '_', not "adam" or "sgd" */
    const char *const *state_names; /* of what is kept for each parameter, such as "momentum_buffer": likewise, at most
                                       4, each once */
    size_t state_count;
    rn_update_function update;
    void *payload;
    void (*release)(void *payload); /* if not NULL: called once, when the optimizer has been destroyed (and every
                                       scheduler of it); not if creating it failed */
    double lr;                      /* 0: 1e-3 */
    double weight_decay;
    const char *pattern, *except; /* as in rn_adam_options */
    const rn_parameter_group *groups;
    size_t group_count;
    int32_t element_wise; /* 1: what becomes of a number depends on its own value, gradient and state only. Threads of
                             the context then update parts of a parameter at once. 0: `update` is given whole
                             parameters, on the thread that calls rn_optimizer_step */
    int32_t reserved;     /* 0 */
} rn_rule_options;

/* An optimizer of one's own: coverage, groups, state by parameter, schedulers and state dicts are those of the others.
 * RN_INVALID_ARGUMENT: no update function, a name that is none or taken, over 4 states; and as rn_adam_create. */
RN_API rn_status rn_optimizer_create(rn_optimizer **optimizer, rn_parameters *parameters,
                                     const rn_rule_options *options);

/*
 * One update. RN_STATE: nothing is trainable, covered and carries a gradient; or between forward and backward.
 * RN_NO_MEMORY (a first step, or values or state that a state dict holds): nothing has changed. What a rule of one's
 * own answers.
 */
RN_API rn_status rn_optimizer_step(rn_optimizer *optimizer);
/* Without groups there is one. */
RN_API size_t rn_optimizer_group_count(const rn_optimizer *optimizer);
/* The rate of a group; NaN if there is no such group. */
RN_API double rn_optimizer_lr(const rn_optimizer *optimizer, size_t group);
/* RN_INVALID_ARGUMENT: not finite or negative, or no such group. */
RN_API rn_status rn_optimizer_set_lr(rn_optimizer *optimizer, size_t group, double lr);

/*
 * torch.optim.Optimizer.state_dict: puts the state of now into a checkpoint, without a copy until the next step:
 * tensors "optimizer.<slot>.<parameter>" and metadata with rule, rates and step counts. With rn_model_state_dict, rn_scheduler_state_dict, the loader's epoch
 * and rn_session_step_count a training can be saved and resumed to the same bits. RN_INVALID_ARGUMENT: a name is taken,
 * or the checkpoint holds the state of another optimizer already (one optimizer a checkpoint).
 */
RN_API rn_status rn_optimizer_state_dict(rn_checkpoint *state, const rn_optimizer *optimizer);
/* Takes it back, all or nothing; what it does not name is as before its first step. RN_FORMAT: not such a state.
 * RN_STATE: of another rule or other groups, or of parameters that this optimizer does not cover. RN_SHAPE.
 * RN_NO_MEMORY. */
RN_API rn_status rn_optimizer_load_state_dict(rn_optimizer *optimizer, const rn_checkpoint *state);

typedef struct rn_clip_options {
    size_t struct_size;
    const char *pattern, *except; /* which parameters, as in rn_adam_options */
} rn_clip_options;

/*
 * torch.nn.utils.clip_grad_norm_: between backward and step, scales all gradients by max_norm / (norm + 1e-6) if that
 * is below 1, where norm is their L2 norm together, stored in *norm (may be NULL). Summed in double in an order of its
 * own: the same bits for any number of threads. RN_INVALID_ARGUMENT: max_norm is not positive, or norm is not finite
 * (nothing is scaled then). RN_STATE: nothing carries a gradient.
 */
RN_API rn_status rn_clip_gradient_norm(double *norm, rn_parameters *parameters, double max_norm,
                                       const rn_clip_options *options);
/* torch.nn.utils.clip_grad_value_: clamps every gradient to [-max, max]. Errors as above. */
RN_API rn_status rn_clip_gradient_value(rn_parameters *parameters, double max, const rn_clip_options *options);

/* NULL is fine. */
RN_API void rn_optimizer_destroy(rn_optimizer *optimizer);

typedef struct rn_step_lr_options {
    size_t struct_size;
    int64_t step_size; /* epochs; 0: 7 */
    double gamma;      /* 0: 0.1 */
} rn_step_lr_options;

/*
 * torch.optim.lr_scheduler.StepLR: the rate of each group, also one that was set by hand in between, is multiplied by
 * gamma after every step_size epochs. Keeps the optimizer alive.
 */
RN_API rn_status rn_step_lr_create(rn_scheduler **scheduler, rn_optimizer *optimizer,
                                   const rn_step_lr_options *options);
typedef struct rn_scheduler_step_options {
    size_t struct_size;
} rn_scheduler_step_options;

/* An epoch has ended. */
RN_API rn_status rn_scheduler_step(rn_scheduler *scheduler, const rn_scheduler_step_options *options);
/* How many epochs have ended (rn_scheduler_epoch), as metadata of a checkpoint that holds the optimizer's state dict,
 * too; and back. Errors as there. */
RN_API rn_status rn_scheduler_state_dict(rn_checkpoint *state, const rn_scheduler *scheduler);
RN_API rn_status rn_scheduler_load_state_dict(rn_scheduler *scheduler, const rn_checkpoint *state);
RN_API int64_t rn_scheduler_epoch(const rn_scheduler *scheduler);
/* NULL is fine. */
RN_API void rn_scheduler_destroy(rn_scheduler *scheduler);

#ifdef __cplusplus
}
#endif

#endif
