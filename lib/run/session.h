/* SPDX-License-Identifier: MIT */
/* What a session is: a model, plans for the input shapes it has met, and where it stands between them. */
#ifndef RN_RUN_SESSION_H
#define RN_RUN_SESSION_H

#include "run/plan_cache.h"

/* The order of calls. A training session that RAN or HAS_LOSS pins the parameters. */
typedef enum rn_session_state {
    RN_SESSION_EMPTY,    /* no forward, or the last one failed */
    RN_SESSION_RAN,      /* outputs are there */
    RN_SESSION_HAS_LOSS, /* and the gradient of some of them */
    RN_SESSION_WENT_BACK /* backward has used up the activations */
} rn_session_state;

struct rn_session {
    rn_companion companion; /* first; of a session that belongs to its model */
    bool belongs;           /* so the model is borrowed, and nobody takes it for one that is being served */
    rn_context *context;    /* retained */
    rn_model *model;        /* likewise, unless it belongs */
    int32_t input;          /* the value that forward is given */
    int32_t *output;        /* values */
    int32_t output_count;
    bool training, input_gradient;
    bool wants_pairs;          /* products of bfloat16 */
    size_t memory_limit;       /* of a plan; 0: none */
    const rn_backend *backend; /* NULL: rn_cpu; may be set before the first forward */
    rn_plan_cache cache;
    rn_cached_plan *current; /* of the last forward */
    rn_session_state state;
    uint64_t seed, step_count;
    /* Called during backward when a parameter's gradient, or a part of one that dies, has its last value; or NULL. */
    void (*gradient_ready)(void *payload, const rn_ready *ready);
    void *payload;
    rn_optimizer *optimizer; /* retained; whose step backward makes, or NULL */
    uint64_t optimizers;     /* how often that has changed: a plan is made for one */
    rn_status step_status;   /* of the step in the last backward */
};

/* What rn_session_backward would say now but for want of memory. */
rn_status rn_session_may_go_back(const rn_session *session);
/* Moves on in the order of calls; parameters are pinned while backward is still to come. */
void rn_session_enter(rn_session *session, rn_session_state state);

/*
 * An inference session of the model's own outputs in the model's context that may be left with the model: as its
 * companion it is released with it. Until then, and when it was taken out, rn_session_destroy. It does not count as a
 * session beside which a load converts into a second arena: it runs in the thread that loads.
 */
rn_status rn_session_create_belonging(rn_session **session, rn_model *model);

/* The map of an output (N, classes) of the last forward and, in training, where its gradient goes (else data NULL).
 * RN_STATE: no forward. RN_SHAPE. */
rn_status rn_session_loss_maps(rn_session *session, size_t output, rn_map *logits, rn_map *gradient);
/* Says that the gradient of some output was written. */
void rn_session_has_loss(rn_session *session);

#endif
