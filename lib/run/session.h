/* SPDX-License-Identifier: MIT */
/* What a session is: a model, a few plans for the input shapes it has met, one arena that they share, prepared weights.
 */
#ifndef RN_RUN_SESSION_H
#define RN_RUN_SESSION_H

#include "run/plan.h"

enum { RN_SESSION_PLANS = 4 }; /* an epoch has two batch sizes, validation may add others */

struct rn_session {
    rn_context *context; /* retained */
    rn_model *model;     /* retained */
    int32_t *output;     /* values */
    int32_t output_count;
    bool training, input_gradient;
    rn_plan *plan[RN_SESSION_PLANS];
    rn_plan *current; /* of the last forward; NULL: none */
    uint64_t clock;
    rn_prepared *prepared; /* one a layer */
    rn_storage *arena;
    size_t arena_bytes;
    /* Tensors over outputs and their gradients, by plan and output, made when they are first asked for. */
    rn_tensor **result, **gradient;
    rn_tensor *input_result[RN_SESSION_PLANS];
    int32_t slot;   /* of the current plan */
    bool pinned;    /* between forward and backward */
    bool has_loss;  /* a gradient of some output was written */
    bool went_back; /* backward has run: its gradients have used up the activations */
    uint64_t seed, step_count;
};

/* The map of an output (N, classes) of the last forward and, in training, where its gradient goes (else data NULL).
 * RN_STATE: no forward. RN_SHAPE. */
rn_status rn_session_loss_maps(rn_session *session, size_t output, rn_map *logits, rn_map *gradient);

#endif
