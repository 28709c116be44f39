/* SPDX-License-Identifier: MIT */
/*
 * rn_optimizer: torch.optim's definitions, with state kept by parameter name. scheduler.h moves its rates.
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
 * torch.optim.Adam. RN_INVALID_ARGUMENT: a rate, decay or eps that is negative or not finite, a beta outside [0, 1), a
 * pattern or an exception that matches nothing, a parameter in two groups (named with both patterns), groups together
 * with a pattern. Keeps the parameters alive. Two optimizers over the same parameters are the caller's wish, as in
 * PyTorch: each steps on the gradient that it finds, and the first uses it up.
 */
RN_API rn_status rn_adam_create(rn_optimizer **optimizer, rn_parameters *parameters, const rn_adam_options *options);

typedef rn_adam_options rn_adamw_options;

/*
 * torch.optim.AdamW: Adam whose decay is decoupled (arXiv:1711.05101). Before the step the parameter is multiplied by
 * 1 - lr * weight_decay; the gradient is left alone. Options and errors are Adam's, but weight_decay 0 is PyTorch's
 * 1e-2; RN_ZERO for none.
 */
RN_API rn_status rn_adamw_create(rn_optimizer **optimizer, rn_parameters *parameters, const rn_adamw_options *options);

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

/* torch.optim.SGD. RN_INVALID_ARGUMENT: a momentum that is negative or not finite, nesterov without momentum or with
 * dampening, and as rn_adam_create. */
RN_API rn_status rn_sgd_create(rn_optimizer **optimizer, rn_parameters *parameters, const rn_sgd_options *options);

typedef struct rn_rmsprop_options {
    size_t struct_size;
    double lr;                        /* 0: 1e-2 */
    double alpha;                     /* what is kept of the mean of squares; 0: 0.99; RN_ZERO for none */
    double eps;                       /* 0: 1e-8; RN_ZERO for none */
    double momentum;                  /* 0: none */
    double weight_decay;              /* added to the gradient (L2) */
    const char *pattern, *except;     /* as in rn_adam_options */
    const rn_parameter_group *groups; /* likewise */
    size_t group_count;
    int32_t centered; /* 1: divides by the root of an estimate of the gradient's variance */
    int32_t reserved; /* 0 */
} rn_rmsprop_options;

/* torch.optim.RMSprop; where rounding makes the variance of a centred rule negative it is 0 here, and NaN there.
 * RN_INVALID_ARGUMENT: alpha outside [0, 1), and as rn_adam_create. */
RN_API rn_status rn_rmsprop_create(rn_optimizer **optimizer, rn_parameters *parameters,
                                   const rn_rmsprop_options *options);

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
    const char *name;               /* of the rule, for state dicts: letters, digits and '_', none of "adam", "adamw",
                                       "rmsprop", "sgd" */
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
 * tensors "optimizer.<slot>.<parameter>" and metadata with rule, rates and step counts. With rn_model_state_dict,
 * rn_scheduler_state_dict, the loader's epoch and rn_session_step_count a training can be saved and resumed to the same
 * bits; rn_training_export (below) makes a file for PyTorch of it. RN_INVALID_ARGUMENT: a name is taken, or the
 * checkpoint holds the state of another optimizer already (one optimizer a checkpoint). RN_NO_MEMORY. After a failure
 * the checkpoint holds a part of it.
 */
RN_API rn_status rn_optimizer_state_dict(rn_checkpoint *state, const rn_optimizer *optimizer);

/* How a state that PyTorch wrote is taken. */
typedef struct rn_optimizer_load_options {
    size_t struct_size;
    const char *prefix; /* where in the file it lies: "optimizer", "optimizers.head", with or without a dot behind; "":
                           at the top. NULL: a state of this library if there is one, else found by what it holds */
    const char *pattern, *except; /* which parameters PyTorch's optimizer was given, as in rn_adam_options, in the
                                     network's order and in one group. NULL, NULL: found (below) */
    int32_t hyperparameters;      /* 1: rates, weight decays, betas, alpha, eps, momentum, dampening, nesterov and
                                     centered become the file's, too. 0: they stay the caller's */
    int32_t reserved;             /* 0 */
} rn_optimizer_load_options;

/*
 * Takes a state back, all or nothing; what it does not name is as before its first step. It is one that
 * rn_optimizer_state_dict wrote (the rates of the groups are restored, too, whatever the options say), or one of
 * PyTorch's Adam, AdamW, RMSprop or SGD as torch.save writes it beside the weights: {'optimizer':
 * optimizer.state_dict(), ...}.
 *
 * PyTorch numbers parameters instead of naming them, in the order of model.parameters(), group by group. If its groups
 * have as many parameters as this optimizer's, they are those. Otherwise, if it has one group, it is the run of
 * parameters in the network's order whose shapes fit its state (the head alone: model.fc.parameters()); if several runs
 * do, RN_STATE names them, and `pattern` says which. SGD's state has no step counts: a parameter with momentum counts
 * as stepped once. Tensors may be float32, float64, float16 or bfloat16.
 *
 * What the groups say can be read as metadata of the checkpoint, whosever hyperparameters are used:
 * "optimizer.param_groups.0.lr", ".betas.0", ".weight_decay", ".params.0" and so on.
 *
 * RN_FORMAT: no such state, or one that is incomplete. RN_STATE: of another rule (AdamW for Adam where there is weight
 * decay, amsgrad, RAdam, ...: the message says what gave it away) or other groups, of parameters that this optimizer
 * does not cover, or several runs fit. RN_SHAPE names the parameter. RN_UNSUPPORTED: hyperparameters that an optimizer
 * has once differ among the file's groups. RN_INVALID_ARGUMENT: several states and no prefix (the message lists them),
 * nothing at the prefix, a pattern that matches nothing or for a state of this library. RN_NO_MEMORY.
 */
RN_API rn_status rn_optimizer_load_state_dict(rn_optimizer *optimizer, const rn_checkpoint *state,
                                              const rn_optimizer_load_options *options);

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

/* ---- training checkpoints for PyTorch ---------------------------------------------------------------------------- */

/* How a training script calls the parts of its checkpoint. */
typedef struct rn_training_export_options {
    size_t struct_size;
    const char *model_key;     /* NULL: "state_dict" */
    const char *optimizer_key; /* NULL: "optimizer" */
    const char *scheduler_key; /* NULL: "scheduler" */
} rn_training_export_options;

/*
 * Writes a checkpoint that holds state dicts of this library (rn_model_state_dict, rn_optimizer_state_dict,
 * rn_scheduler_state_dict, or a trainer's last.safetensors that was opened) as the file that a training script of
 * PyTorch's saves, in the zip container, replaced as a whole or not at all:
 *
 *   {'state_dict': OrderedDict, 'optimizer': {'state': ..., 'param_groups': ...}, 'scheduler': {...},
 *    'mapping': {folder: index}, 'class_to_name': {folder: name}, 'arch': 'resnet18', 'best_acc': 0.93}
 *
 * torch.load(weights_only=True) of PyTorch 2 reads it: nothing but dictionaries, lists, tuples, text, numbers, None and
 * tensors (1.13 with weights_only takes no file with a number that is not whole; without it takes this one).
 * model.load_state_dict(c['state_dict']) takes it strictly; optimizer.load_state_dict and scheduler.load_state_dict
 * (Adam, AdamW, RMSprop, SGD; the schedulers that rn_scheduler_load_state_dict names) of an optimizer over the same
 * parameters in the same groups go on where this one stood. What the checkpoint does not hold is left out, and so is
 * the state of another kind of scheduler and an average of weights (ema.h), with a warning in the log. 'mapping' is
 * torchvision's class_to_idx, 'best_acc' what a trainer recorded.
 *
 * Metadata of the caller's own (no key that begins with "rn.") stands beside them, its key as it is, dots included:
 * text that is a number, "true" or "false" becomes one of Python's, all else a string; "best_acc", "arch" and
 * "class_to_name" take the place of the above.
 *
 *   rn_checkpoint_create(&file, context);
 *   rn_model_state_dict(file, model);
 *   rn_optimizer_state_dict(file, adam);
 *   rn_scheduler_state_dict(file, scheduler);
 *   rn_checkpoint_set_metadata(file, "epoch", "12");
 *   rn_training_export(file, "checkpoint.pth", NULL);
 *
 * RN_UNSUPPORTED: a rule of one's own, or too much for one pickle. RN_FORMAT: the checkpoint's states do not fit
 * together, an older version wrote them, or it is one of PyTorch's already. RN_INVALID_ARGUMENT: metadata has
 * the key of a part, or two parts have the same. RN_IO: `path` is untouched. RN_NO_MEMORY.
 */
RN_API rn_status rn_training_export(const rn_checkpoint *state, const char *path,
                                    const rn_training_export_options *options);

#ifdef __cplusplus
}
#endif

#endif
