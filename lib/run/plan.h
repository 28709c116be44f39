/* SPDX-License-Identifier: MIT */
/*
 * A plan: a graph written as a tape for one input shape, one mode and one trainable set.
 *
 *   demand.c     outputs -> the layers that they need, and the shapes of their values
 *   emit.c       layer -> forward operations                       a row per layer kind
 *   fuse.c       an operation and the combination behind it -> one  a table of patterns; folded batch norms
 *   derive.c     forward operation -> backward operations          a row per operation kind
 *   form.c       maps that are formed by those who read them
 *   halve.c      maps of bfloat16 numbers
 *   recompute.c  maps that are made again in backward rather than kept
 *   dying.c      gradients that are used as soon as they are ready
 *   budget.c     which operations in front run on some images after the other
 *   backend.h    operation kind -> function; cpu.c is the table that there is
 *   place.c      operands -> lifetimes -> offsets in the one arena
 */
#ifndef RN_RUN_PLAN_H
#define RN_RUN_PLAN_H

#include "graph/graph.h"
#include "run/backend.h"
#include "run/tape.h"
#include <resnet/session.h>

/* What the plan knows of value i of the graph. */
typedef struct rn_plan_value {
    rn_value_shape shape;
    bool needed;  /* by an output */
    int32_t view; /* -1: not needed. Identities, such as dropout in inference, are the view of their input */
} rn_plan_value;

typedef struct rn_plan {
    rn_tape tape;
    rn_model *model;       /* borrowed from the session */
    int64_t height, width; /* of the input; the batch is the tape's */
    uint64_t freeze_version, optimizers;
    bool input_gradient;
    int32_t input; /* the value that is given: 0, the images, or where the network is cut */
    rn_plan_value *value;
    int32_t value_count;
    int32_t *output; /* values */
    int32_t output_count;
    int32_t recomputed; /* maps that backward makes again */
    uint64_t used;      /* when, for the cache */
} rn_plan;

typedef struct rn_plan_request {
    rn_context *context;
    rn_model *model;
    const rn_backend *backend; /* NULL: rn_cpu */
    const int32_t *outputs;    /* values */
    int32_t output_count;
    int32_t input;                /* a value */
    int64_t batch, height, width; /* of the input */
    bool training, input_gradient, wants_pairs;
    int64_t portion_bytes;         /* of the maps around an operation in front (budget.c); 0: the standard */
    int32_t recompute;             /* maps that backward makes again (recompute.c), if there are as many */
    size_t memory_limit;           /* of rn_plan_create, for rn_plan_bytes; 0: none */
    const rn_optimizer *optimizer; /* whose step backward makes; NULL: nobody's */
    uint64_t optimizers;           /* which one, counted */
} rn_plan_request;

/* Makes a plan; allocates nothing but its own description. It gives up time for memory as far as the limit asks for it
 * (fit.c): it makes maps again, the fewest that will do, then lets the operations in front run on single images.
 * RN_SHAPE, RN_UNSUPPORTED; RN_NO_MEMORY, also where a limit cannot be met. */
rn_status rn_plan_create(rn_plan **plan, const rn_plan_request *request);
void rn_plan_destroy(rn_plan *plan); /* NULL is fine */

/*
 * The stages of rn_plan_create, for who wants to write operations of his own between them. rn_plan_begin leaves a plan
 * whose forward operations are all there; rn_plan_finish derives, cuts, places and gives each operation its function.
 * Both destroy the plan where they fail.
 */
rn_status rn_plan_begin(rn_plan **plan, const rn_plan_request *request);
rn_status rn_plan_finish(rn_plan **plan, const rn_plan_request *request);

/* Of the arena and of what is prepared. SIZE_MAX: they do not fit the address space. */
size_t rn_plan_bytes(const rn_plan *plan);

/* The map and the gradient map of a value. */
rn_map rn_plan_map(const rn_plan *plan, int32_t value);
rn_map rn_plan_gradient(const rn_plan *plan, int32_t value);

/* ---- between the plan's files ------------------------------------------------------------------------------------ */

rn_status rn_plan_demand(rn_plan *plan);                                           /* demand.c */
rn_status rn_plan_emit(rn_plan *plan);                                             /* emit.c */
rn_status rn_plan_fuse(rn_plan *plan);                                             /* fuse.c */
rn_status rn_plan_derive(rn_plan *plan);                                           /* derive.c: losses and backward */
void rn_plan_form(rn_plan *plan);                                                  /* form.c */
rn_status rn_plan_recompute(rn_plan *plan, int32_t most);                          /* recompute.c */
rn_status rn_plan_let_gradients_die(rn_plan *plan, const rn_optimizer *optimizer); /* dying.c */
void rn_plan_halve(rn_plan *plan, const rn_backend *backend);                      /* halve.c */
void rn_plan_choose_portion(rn_plan *plan, int64_t most_bytes);                    /* budget.c */

static inline const rn_layer *rn_plan_layer(const rn_plan *plan, int32_t layer)
{
    return &plan->model->graph->layer[layer];
}

/* True if the parameter of that index (-1: none) is trained by this plan. */
static inline bool rn_plan_trains(const rn_plan *plan, int32_t parameter)
{
    return plan->tape.training && parameter >= 0 && plan->model->graph->parameters->entry[parameter].trainable;
}

/* True if a batch norm or a dropout stands still: in inference, or frozen. */
static inline bool rn_plan_stands_still(const rn_plan *plan, int32_t layer)
{
    return !plan->tape.training || rn_plan_layer(plan, layer)->frozen;
}

#endif
