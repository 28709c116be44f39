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
    rn_tensor **result; /* of the last forward's outputs, made anew when they are asked for and the shape has changed */
    rn_tensor **gradient; /* likewise */
    rn_tensor *input_result;
    bool pinned;    /* between forward and backward */
    bool has_loss;  /* a gradient of some output was written */
    bool went_back; /* backward has run: its gradients have used up the activations */
    uint64_t seed, step_count;
};

/* The logits' map of the last forward and, in training, where their gradient goes. RN_STATE: no forward. */
rn_status rn_session_loss_maps(rn_session *session, rn_map *logits, rn_map *gradient);

#endif
