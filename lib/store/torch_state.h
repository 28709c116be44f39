/* SPDX-License-Identifier: MIT */
/*
 * The state of an optimizer of PyTorch's, as rn_checkpoint_open shows it: tensors "<prefix>state.<id>.<slot>", and
 * metadata "<prefix>param_groups.<group>.<key>", among them ".params.<k>": the ids of the group's parameters.
 *
 *   torch_locate.c    finds it, or that of a scheduler
 *   torch_groups.c    reads its groups, and what they say of rule and hyperparameters
 *   torch_mapping.c   which parameter of ours each of its ids is
 *   torch_state.c     reads the state and gives it to the optimizer
 */
#ifndef RN_STORE_TORCH_STATE_H
#define RN_STORE_TORCH_STATE_H

#include "store/state.h"

/* A parameter of PyTorch's optimizer. */
typedef struct rn_torch_entry {
    uint64_t id;
    size_t parameter; /* ours */
    const rn_tensor *slot[RN_RULE_STATES];
    int64_t steps; /* -1: not said */
    bool has_state;
} rn_torch_entry;

typedef struct rn_torch_state {
    rn_context *context;
    const rn_checkpoint *file;
    char *prefix; /* "optimizer.", or "" */
    char *key;    /* of what is being looked up */
    size_t key_size;
    rn_torch_entry *entry; /* group by group */
    size_t count;
    size_t *group_size;
    size_t group_count;
} rn_torch_state;

/*
 * Finds the one place of the file whose metadata ends in `suffix`, or looks at the caller's (NULL: found), and
 * allocates what stands before the suffix. `what` is for the messages: "state of an optimizer". RN_FORMAT: there is
 * none. RN_INVALID_ARGUMENT: several, or none at the caller's.
 */
rn_status rn_torch_locate(char **prefix, rn_context *context, const rn_checkpoint *file, const char *chosen,
                          const char *suffix, const char *what);
/* A number of the metadata; also "true" (1) and "false" (0). *found is false where there is none, or another text. */
rn_status rn_torch_number(double *value, bool *found, rn_context *context, const char *text);

/* Fills all but the entries' states. To be released in any case. */
rn_status rn_torch_state_open(rn_torch_state *state, rn_context *context, const rn_checkpoint *file,
                              const char *prefix);
void rn_torch_state_release(rn_torch_state *state);
/* RN_STATE unless the groups are those of the optimizer's rule, as this library computes it. */
rn_status rn_torch_check_rule(rn_torch_state *state, const rn_optimizer *optimizer);

enum { RN_RULE_NUMBERS = 3 };

/* What the file's groups say. */
typedef struct rn_torch_numbers {
    double number[RN_RULE_NUMBERS]; /* in the order of rn_rule_number_at */
    bool flag;                      /* rn_rule_flag */
    rn_optimizer_group *group;      /* owned */
} rn_torch_numbers;

/* RN_STATE: another number of groups. RN_UNSUPPORTED: numbers that the optimizer has once differ among the groups.
 * RN_FORMAT: missing, or out of range. */
rn_status rn_torch_numbers_read(rn_torch_numbers *numbers, rn_torch_state *state, const rn_optimizer *optimizer);
/* Exchanges the optimizer's with these. */
void rn_torch_numbers_swap(rn_torch_numbers *numbers, rn_optimizer *optimizer);

/* Sets the parameter of every entry. RN_STATE, RN_INVALID_ARGUMENT as rn_optimizer_load_state_dict. */
rn_status rn_torch_map(rn_torch_state *state, const rn_optimizer *optimizer, const char *pattern, const char *except);

#endif
