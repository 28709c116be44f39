/* SPDX-License-Identifier: MIT */
/*
 * What an optimizer is: a rule, its rates, and state kept by parameter. Its whole state can be written down as named
 * tensors and numbers (for training files) and taken back, by parameter name.
 */
#ifndef RN_OPTIM_OPTIMIZER_H
#define RN_OPTIM_OPTIMIZER_H

#include "params/parameters.h"
#include <resnet/scheduler.h>

/* Slots of state of one parameter: Adam exp_avg and exp_avg_sq, SGD momentum_buffer; rule.h has them all. */
typedef struct rn_optimizer_state {
    rn_storage *storage[RN_RULE_STATES]; /* NULL until the parameter's first step */
    float *slot[RN_RULE_STATES];         /* its memory, in the parameter's storage order */
    int64_t steps;
} rn_optimizer_state;

typedef struct rn_optimizer_rule rn_optimizer_rule; /* adam.c, rmsprop.c, sgd.c */

typedef struct rn_optimizer_group {
    double lr, weight_decay;
    double initial_lr; /* the rate that a scheduler found when it was made; NaN without one */
    double max_lr;     /* of one cycle */
} rn_optimizer_group;

struct rn_optimizer {
    rn_references references;
    rn_parameters *parameters; /* retained */
    const rn_optimizer_rule *rule;
    double beta1, beta2, eps, momentum, dampening, alpha;
    bool nesterov, centered;
    rn_optimizer_group *group; /* at least one */
    size_t group_count;
    int32_t *group_of; /* by index of the parameter; -1: not covered */
    /* of a rule of the caller's */
    rn_optimizer_rule *own_rule; /* owned; NULL: one of ours */
    rn_update_function own_update;
    void *own_payload;
    void (*own_release)(void *payload); /* or NULL */
    rn_optimizer_state *state;          /* by index of the parameter */
};

/* ---- steps by whoever is inside rn_parameters_begin_write -------------------------------------------------------- */

/* rn_optimizer_step; *any: there was something to step. */
rn_status rn_optimizer_step_inside(bool *any, rn_optimizer *optimizer);

bool rn_optimizer_covers(const rn_optimizer *optimizer, size_t parameter);
/* False: its rule wants whole parameters. */
bool rn_optimizer_takes_parts(const rn_optimizer *optimizer);
/*
 * The step of numbers [begin, end) of a parameter that it covers and whose state it owns (rn_optimizer_own_state);
 * `gradient` is theirs, wherever it lies. Parts come in their order and each once; a step is counted with the first.
 * What a rule of one's own answers, with a message: the parameter has not made its step.
 */
rn_status rn_optimizer_step_on(rn_optimizer *optimizer, size_t parameter, int64_t begin, int64_t end,
                               const float *gradient);

/* ---- state ------------------------------------------------------------------------------------------------------- */

/* How many state slots it keeps with the numbers that it has, and what PyTorch calls slot i ("exp_avg"). */
int32_t rn_optimizer_slot_count(const rn_optimizer *optimizer);
const char *rn_optimizer_slot_name(const rn_optimizer *optimizer, int32_t slot);
const char *rn_optimizer_rule_name(const rn_optimizer *optimizer); /* "adam", "adamw", "rmsprop", "sgd" */
/*
 * A slot as a tensor of the parameter's shape and strides over the state's memory, which stays as it is while the
 * tensor holds it; *tensor NULL if it has none yet. The caller destroys it.
 */
rn_status rn_optimizer_slot(rn_tensor **tensor, const rn_optimizer *optimizer, size_t parameter, int32_t slot);
/* Gives a parameter the slots that its rule needs, of zeros, and memory of their own where a tensor holds them, too. */
rn_status rn_optimizer_own_state(rn_optimizer *optimizer, size_t parameter);
/* Releases an array of states of all parameters, and their slots. NULL is fine. */
void rn_optimizer_release_state(const rn_optimizer *optimizer, rn_optimizer_state *state);
/* Sets slot and step count from a file. RN_SHAPE. */
rn_status rn_optimizer_restore(rn_optimizer *optimizer, size_t parameter, int32_t slot, const rn_tensor *value,
                               int64_t steps);

#endif
