/* SPDX-License-Identifier: MIT */
/* What tells one rule from another. */
#ifndef RN_OPTIM_RULE_H
#define RN_OPTIM_RULE_H

#include "optim/optimizer.h"

#include <math.h>

/* An update of numbers [begin, end) of a parameter whose state (with this step counted already) is `state`. */
typedef struct rn_update {
    const rn_optimizer *optimizer;
    const rn_row_kernels *kernels;
    const rn_optimizer_state *state;
    const char *name;
    int64_t begin, end;
    double lr, weight_decay; /* of the parameter's group */
    const float *gradient;   /* from number `begin` on */
    float *value;            /* from number 0 on, as the state */
} rn_update;

struct rn_optimizer_rule {
    const char *name;
    int32_t slot_count;
    const char *slot_name[RN_RULE_STATES];
    rn_status (*update)(const rn_update *update); /* of ours: RN_OK */
    bool whole;                                   /* update takes a parameter at a time, on the caller's thread */
    int32_t momentum_slot;                        /* 1 + the one that is kept with momentum only; 0: none */
    int32_t centered_slot;                        /* 1 + the one that is kept by a centred rule only; 0: none */
};

/* What a learning rate or a decay may be. */
static inline bool rn_is_rate(double rate)
{
    return isfinite(rate) && rate >= 0;
}

extern const rn_optimizer_rule rn_adam_rule, rn_adamw_rule, rn_rmsprop_rule, rn_sgd_rule;

/* One of ours by its name, or NULL (own_rule.c). */
const rn_optimizer_rule *rn_optimizer_rule_find(const char *name);

/* Which parameters an optimizer covers and at which rates: what the options of all rules say. */
typedef struct rn_coverage {
    double lr, weight_decay;
    const char *pattern, *except;
    const rn_parameter_group *groups;
    size_t group_count;
} rn_coverage;

/* True if a pattern (NULL: all) and no exception (NULL: none) match. */
bool rn_covers(const char *pattern, const char *except, const char *name);
/* Fills group and group_of of an optimizer whose arrays are there. */
rn_status rn_optimizer_cover(rn_optimizer *optimizer, const rn_coverage *coverage);
/* Releases the copy of a rule of the caller's. NULL is fine. */
void rn_own_rule_release(rn_optimizer_rule *rule, const rn_allocator *allocator);
/* How every call that makes an optimizer begins: *optimizer becomes NULL, and a call without its objects is refused. */
rn_status rn_optimizer_begin_call(rn_optimizer **optimizer, const rn_parameters *parameters, const char *call);
/* An optimizer without the numbers of its rule. RN_INVALID_ARGUMENT as rn_adam_create. */
rn_status rn_optimizer_make(rn_optimizer **optimizer, rn_parameters *parameters, const rn_optimizer_rule *rule,
                            const rn_coverage *coverage);

#endif
