/* SPDX-License-Identifier: MIT */
/*
 * A plan: a graph lowered to steps for one input shape, one mode and one trainable set.
 *
 *   lower.c    which layers run as one step; where gradients are needed
 *   sharing.c  which values and gradients are the same memory
 *   portion.c  which steps in front run on some images after the other
 *   memory.c   who needs which piece of memory from when to when, and where it lies in the one arena
 *   plan.c     making, binding to an arena, running
 *   step_*.c   what each kind of step executes, forward and backward
 *
 * A layer declares, a step executes: one step serves conv + batch norm + add + ReLU. Time runs 0 .. S-1 forward over
 * the S steps, S is the loss, and step i's backward is 2S - i. Every piece of memory lives over an interval of that
 * time; pieces whose intervals do not meet share bytes of the arena.
 */
#ifndef RN_RUN_PLAN_H
#define RN_RUN_PLAN_H

#include "graph/graph.h"
#include "ops/batch_norm.h"
#include "ops/conv.h"
#include "ops/map.h"
#include "ops/pointwise.h"
#include "ops/pool.h"
#include <resnet/session.h>

typedef struct rn_plan rn_plan;
typedef struct rn_step rn_step;

/* A piece of the arena, alive from `first` to `last`. */
typedef struct rn_block {
    size_t nbytes, offset;
    int32_t first, last;
} rn_block;

/* What the plan knows of value i of the graph. */
typedef struct rn_plan_value {
    rn_value_shape shape;
    bool needed;     /* by an output */
    bool portioned;  /* has room for plan->portion images only */
    int32_t same_as; /* the value whose memory this one is (itself, unless an identity such as dropout in inference) */
    int32_t consumers;      /* layers that read it, and outputs; of the value that same_as names */
    int32_t only_consumer;  /* the last of those layers; -1: none, or an output */
    int32_t producer;       /* the step that writes it; -1: fused away, or the input */
    int32_t parent;         /* the concatenation whose memory holds it, -1: none */
    int64_t parent_channel; /* its first channel there */
    int32_t block;          /* of its activation, -1: none of its own */
    int32_t gradient_of; /* whose gradient memory its gradient is: itself, a concatenation's slice (parent), the sum it
                            went into */
    int32_t gradient_block; /* -1: none of its own */
    bool is_output;
    bool needs_gradient;
    bool gradient_in_place; /* its gradient overwrites its activation, which nobody needs any more then */
    bool gradient_written;  /* while lowering: some step has written it */
    rn_map map, gradient;   /* bound to the arena */
} rn_plan_value;

typedef struct rn_step_kind {
    const char *name;
    void (*forward)(rn_plan *plan, rn_step *step);
    void (*backward)(rn_plan *plan, rn_step *step); /* NULL: nothing to do */
} rn_step_kind;

/* One input of a step and what backward does for it. */
typedef struct rn_step_input {
    int32_t value;
    bool wants_gradient;
    bool accumulate;     /* its gradient exists already: add */
    bool passes_through; /* its gradient is the step's own output gradient, in the same memory: nothing to write */
} rn_step_input;

struct rn_step {
    const rn_step_kind *kind;
    int32_t layer; /* the layer that names it */
    int32_t norm;  /* a batch norm in it (folded or its own), -1: none */
    int32_t output;
    rn_step_input *inputs; /* [0] is x; a fused sum has its other operand at [1] */
    int32_t input_count;
    bool relu;
    bool fixed_statistics; /* the batch norm runs on running statistics */
    bool differentiates;   /* backward visits it */
    bool packs_once;       /* its weights are packed when they change, not every time */
    rn_conv conv;
    rn_pool2d pool;
    /* Blocks, -1: none. own_gradient holds x's gradient where it can neither be written in place nor straight to where
     * it belongs. */
    int32_t argmax, statistics, own_gradient, forward_workspace, backward_workspace;
    /* What weights that rarely change are turned into; owned by the session, by layer. */
    struct rn_prepared *prepared;
};

/* Packed weights and a folded batch norm of one layer, valid while the versions of what they were made from add up to
 * `version`. */
typedef struct rn_prepared {
    float *packed, *scale, *shift;
    uint64_t version;
    int32_t norm; /* the batch norm that was folded, -1: none */
    bool valid;
} rn_prepared;

struct rn_plan {
    rn_context *context;                 /* borrowed from the session */
    rn_model *model;                     /* likewise */
    rn_prepared *prepared;               /* likewise, one a layer */
    uint64_t dropout_seed, dropout_step; /* set by the session before each forward */
    int64_t batch, height, width;
    uint64_t freeze_version;
    bool training, input_gradient;
    int32_t portion_steps; /* the steps in front that run on `portion` images after the other; 0: none */
    int64_t portion;
    rn_plan_value *value;
    int32_t value_count;
    rn_step *step;
    int32_t step_count;
    rn_block *block;
    int32_t block_count, block_capacity;
    size_t arena_bytes;
    size_t prepared_bytes;
    char *arena;     /* bound; borrowed from the session */
    int32_t *output; /* values */
    int32_t output_count;
    uint64_t used; /* when, for the cache */
};

typedef struct rn_plan_request {
    rn_context *context;
    rn_model *model;
    rn_prepared *prepared;
    const int32_t *outputs; /* values */
    int32_t output_count;
    int64_t batch, height, width;
    bool training, input_gradient;
    int64_t portion_bytes; /* of the maps around a step in front (portion.c); 0: the standard */
} rn_plan_request;

/* Makes a plan; allocates nothing but its own description. RN_SHAPE, RN_UNSUPPORTED, RN_NO_MEMORY. */
rn_status rn_plan_create(rn_plan **plan, const rn_plan_request *request);
void rn_plan_destroy(rn_plan *plan); /* NULL is fine */
/* Allocates what rn_prepared needs and the plan's layers do not have yet. */
rn_status rn_plan_prepare(rn_plan *plan);
/* Points every map into an arena of at least arena_bytes. */
void rn_plan_bind(rn_plan *plan, char *arena);
void rn_plan_forward(rn_plan *plan);
/* Gradients of outputs are in place; parameters have room for theirs. */
void rn_plan_backward(rn_plan *plan);
/* True if backward reaches anything. */
bool rn_plan_differentiates(const rn_plan *plan);

/* ---- between the plan's files ---------------------------------------------------------------------------------------
 */

rn_status rn_plan_lower(rn_plan *plan); /* lower.c */
/* sharing.c: after the steps are there. */
void rn_plan_place_in_concatenations(rn_plan *plan);
void rn_plan_settle_gradients(rn_plan *plan);
/* portion.c: before the memory is laid out; and the forward of the portioned steps. */
void rn_plan_choose_portion(rn_plan *plan, int64_t most_bytes);
void rn_plan_forward_portions(rn_plan *plan);
rn_status rn_plan_lay_out(rn_plan *plan); /* memory.c */
void *rn_plan_block(const rn_plan *plan, int32_t block);

static inline const rn_layer *rn_plan_layer(const rn_plan *plan, int32_t layer)
{
    return &plan->model->graph->layer[layer];
}

/* The value whose block holds this one's activation: itself, or the outermost concatenation that it lies in. */
static inline int32_t rn_plan_root(const rn_plan *plan, int32_t value)
{
    while (plan->value[value].parent >= 0)
        value = plan->value[value].parent;
    return value;
}

/* The map and the gradient map of a value. */
static inline const rn_map *rn_plan_map(const rn_plan *plan, int32_t value)
{
    return &plan->value[plan->value[value].same_as].map;
}

static inline const rn_map *rn_plan_gradient(const rn_plan *plan, int32_t value)
{
    return &plan->value[plan->value[value].same_as].gradient;
}

/* Floats a channel that a batch-norm step keeps: mean, 1/deviation, scale, shift. */
enum { RN_STEP_STATISTICS = 4 };

/* step_conv.c: bytes of a convolution's packed weights; what a step keeps in rn_prepared, and making room for it. */
size_t rn_step_packed_bytes(const rn_plan *plan, const rn_step *step);
size_t rn_step_prepared_bytes(const rn_plan *plan, const rn_step *step);
rn_status rn_step_prepare(const rn_plan *plan, rn_step *step);
void rn_prepared_release(rn_prepared *prepared, const rn_allocator *allocator);

/* True if the parameter of that index (-1: none) is trained by this plan. */
bool rn_plan_trains(const rn_plan *plan, int32_t parameter);

extern const rn_step_kind rn_step_conv;       /* conv or linear [+ folded batch norm] [+ sum] [+ ReLU] */
extern const rn_step_kind rn_step_batch_norm; /* batch norm with the batch's statistics [+ sum] [+ ReLU] */
extern const rn_step_kind rn_step_affine;     /* batch norm with running statistics that no convolution took in */
extern const rn_step_kind rn_step_sum;        /* ReLU, or sum [+ ReLU] */
extern const rn_step_kind rn_step_concat;
extern const rn_step_kind rn_step_max_pool;
extern const rn_step_kind rn_step_avg_pool;
extern const rn_step_kind rn_step_adaptive_avg_pool;
extern const rn_step_kind rn_step_dropout;
extern const rn_step_kind rn_step_flatten;
extern const rn_step_kind rn_step_shortcut_a;
extern const rn_step_kind rn_step_log_softmax;

#endif
