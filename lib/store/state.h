/* SPDX-License-Identifier: MIT */
/*
 * State dicts of optimizers: what the files that write and read them share. There are two forms.
 *
 *   ours       tensors "optimizer.<slot>.<parameter>" and JSON in RN_KEY_OPTIMIZER     own_state.c reads it
 *   PyTorch's  {'state': {0: {slot: tensor}}, 'param_groups': [{..., 'params': [0]}]}  torch_state.c reads it
 */
#ifndef RN_STORE_STATE_H
#define RN_STORE_STATE_H

#include "checkpoint/checkpoint.h"
#include "optim/schedule.h"

/* A number of a rule, of which an optimizer has one for all groups. */
typedef struct rn_rule_number {
    const char *rule;  /* "adam", "adamw", "rmsprop", "sgd" */
    const char *name;  /* in our form */
    const char *torch; /* in a group of PyTorch's, dotted as rn_checkpoint_open gives it */
    size_t offset;     /* of its double in rn_optimizer */
} rn_rule_number;

/* The numbers of the optimizer's rule; NULL past the last. */
const rn_rule_number *rn_rule_number_at(const char *rule, size_t index);
double rn_rule_number_get(const rn_optimizer *optimizer, const rn_rule_number *number);
void rn_rule_number_set(rn_optimizer *optimizer, const rn_rule_number *number, double value);

/* The one truth value of a rule, in either form: "nesterov" of SGD, "centered" of RMSprop; NULL: it has none. Then
 * rn_rule_flag is one that is never set. */
const char *rn_rule_flag_name(const char *rule);
bool *rn_rule_flag(rn_optimizer *optimizer);

/* The name of a number of a group: "lr", and "lr.1", "lr.2" of the groups behind the first. */
enum { RN_GROUP_NUMBER = 48 };
const char *rn_group_number_name(char text[RN_GROUP_NUMBER], const char *name, size_t group);

/* "optimizer.exp_avg.layer1.0.conv1.weight"; NULL without memory. */
char *rn_slot_tensor_name(const rn_allocator *allocator, const char *slot, const char *parameter);

/*
 * Gives the optimizer an empty state and lets `fill` put into it what a file says; on failure the optimizer has the
 * state it had.
 */
typedef rn_status (*rn_state_filler)(rn_optimizer *optimizer, const void *payload);
rn_status rn_state_replace(rn_optimizer *optimizer, rn_state_filler fill, const void *payload);

/* RN_SHAPE with a sentence unless a tensor of the file can be a slot of the parameter. `exact`: of float32 only. */
rn_status rn_state_check_slot(const rn_optimizer *optimizer, size_t parameter, const char *slot,
                              const rn_tensor *tensor, bool exact);

rn_status rn_own_state_load(rn_optimizer *optimizer, const rn_checkpoint *file);
rn_status rn_own_scheduler_load(rn_scheduler *scheduler, const rn_checkpoint *file);
rn_status rn_torch_state_load(rn_optimizer *optimizer, const rn_checkpoint *file,
                              const rn_optimizer_load_options *options);
rn_status rn_torch_scheduler_load(rn_scheduler *scheduler, const rn_checkpoint *file,
                                  const rn_scheduler_load_options *options);

#endif
