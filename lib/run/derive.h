/* SPDX-License-Identifier: MIT */
/*
 * Deriving backward operations from forward ones. The forward operations are visited from the last to the first; each
 * that has a gradient at its output appends what hands it on to its inputs. The first to bring a gradient to a view
 * decides where it lies and writes it, all others add: so a gradient that is only handed on is the same view.
 */
#ifndef RN_RUN_DERIVE_H
#define RN_RUN_DERIVE_H

#include "run/plan.h"

typedef struct rn_deriving {
    rn_plan *plan;
    rn_tape *tape;
} rn_deriving;

/* The rules of the kinds (derive_layers.c, derive_norm.c). */
void rn_derive_conv(rn_deriving *deriving, int32_t operation);
void rn_derive_combine(rn_deriving *deriving, int32_t operation);
void rn_derive_max_pool(rn_deriving *deriving, int32_t operation);
void rn_derive_avg_pool(rn_deriving *deriving, int32_t operation);
void rn_derive_adaptive_avg_pool(rn_deriving *deriving, int32_t operation);
void rn_derive_dropout(rn_deriving *deriving, int32_t operation);
void rn_derive_flatten(rn_deriving *deriving, int32_t operation);
void rn_derive_shortcut_a(rn_deriving *deriving, int32_t operation);
void rn_derive_log_softmax(rn_deriving *deriving, int32_t operation);
void rn_derive_join(rn_deriving *deriving, int32_t operation);

/* ---- what rules share (derive.c) --------------------------------------------------------------------------------- */

/* The view of the gradient of an operand of a forward operation; it has begun. */
int32_t rn_gradient_of(const rn_deriving *d, const rn_operation *forward, int operand);
bool rn_wants_gradient(const rn_deriving *d, const rn_operation *forward, int operand);
/* A backward operation of the layer of a forward one. */
rn_operation rn_backward_operation(const rn_kind *kind, const rn_operation *forward);
/* Where the gradient of that operand goes: written if it begins here, added to if it has begun. */
rn_operand rn_gradient_target(rn_deriving *d, const rn_operation *forward, int operand);
/* Hands the view g on as the gradient of that operand: the same view if `shares` and it begins here, else a copy or a
 * sum. True if it is the same view now. */
bool rn_hand_on(rn_deriving *d, const rn_operation *forward, int operand, int32_t g, bool shares);
/* The gradient of Y becomes 0 where Y is not positive, in place, if the operation ends in a ReLU. */
void rn_derive_mask(rn_deriving *d, const rn_operation *forward);
/* Adds the operation, and the news that the gradient of a parameter is complete. */
void rn_add_with_gradients(rn_deriving *d, const rn_operation *backward);
/* The gradient of a parameter as an operand that is added to, absent if it is not trained. */
rn_operand rn_parameter_gradient(rn_deriving *d, int32_t parameter);

#endif
