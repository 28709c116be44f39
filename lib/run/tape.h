/* SPDX-License-Identifier: MIT */
/*
 * The tape: what a network does in one forward and one backward, as operations on views of buffers.
 *
 *   buffer      a piece of memory: maps of a batch, numbers of channels, scratch; or a parameter, its gradient, what
 *               was prepared from parameters
 *   view        a range of a buffer's channels
 *   operand     a view and what happens to it: read, written, added to, updated in place
 *   operation   a kind and its operands
 *
 * Nothing else is said about memory: a buffer lives from the first operation that has it as an operand to the last, a
 * concatenation is views of one buffer, a gradient that goes through a sum unchanged is the same view. The operations
 * [0, loss) are forward, [loss, backward) the losses, [backward, count) backward. No operation knows where its numbers
 * lie before they are asked for, so a plan can be pointed into another arena, or at some images of a batch only, by
 * changing one field.
 */
#ifndef RN_RUN_TAPE_H
#define RN_RUN_TAPE_H

#include "context/context.h"
#include "ops/conv.h"
#include "ops/map.h"
#include "ops/pool.h"
#include "params/prepared.h"

typedef struct rn_tape rn_tape;
typedef struct rn_operation rn_operation;

enum { RN_HALF = 2 /* bytes of a bfloat16 number (halve.c) */ };

typedef enum rn_place { RN_IN_ARENA, RN_IN_PARAMETERS, RN_IN_GRADIENTS, RN_IN_PREPARED } rn_place;

typedef struct rn_buffer {
    rn_place place;
    int32_t index;           /* of the parameter; of the tape's prepared products */
    bool of_images;          /* h x w pixels for each image; else one pixel */
    bool portioned;          /* has room for tape->portion images only */
    bool from_start, to_end; /* lives before the first operation, behind the last one */
    int64_t h, w, c;         /* c: also the pitch of all views */
    size_t element;          /* bytes of a number; of maps that of a float or RN_HALF */
    size_t nbytes, offset;   /* in the arena */
    int32_t first, last;     /* operations; first > last: nobody's operand */
} rn_buffer;

typedef struct rn_view {
    int32_t buffer;
    int64_t channel, channels;
    bool wants_gradient;
    int32_t gradient; /* the view that holds its gradient; -1: none has begun */
} rn_view;

/* Absent is 0, so that an operation is written down with the operands it has. */
typedef enum rn_role { RN_ABSENT, RN_READ, RN_WRITE, RN_ADD, RN_UPDATE } rn_role;

typedef struct rn_operand {
    int32_t view;
    rn_role role;
} rn_operand;

/* The names of operands, the same for all kinds. */
enum {
    RN_X,       /* what forward reads */
    RN_OTHER,   /* the other operand of a sum */
    RN_BESIDE,  /* a third, less its MEAN and times BESIDE_SCALE: what the gradient behind a batch norm reads */
    RN_MASK,    /* lets X through where it is positive */
    RN_Y,       /* what is made; in the backward of log-softmax and of batch norm what forward made */
    RN_DY,      /* in backward: the gradient that is there */
    RN_DX,      /* in backward: the gradient that is made of it */
    RN_WEIGHTS, /* of a convolution */
    RN_SCALE,   /* one number a channel, as all that follow */
    RN_SHIFT,
    RN_FORM_SCALE, /* what a convolution makes of X while it reads: relu(FORM_SCALE X + FORM_SHIFT) */
    RN_FORM_SHIFT,
    RN_BESIDE_SCALE,
    RN_MEAN,
    RN_VARIANCE,
    RN_INVERSE, /* 1 / sqrt(variance + eps) */
    RN_GAMMA,
    RN_BETA,
    RN_SLOPES, /* three numbers a channel: k0, k1, k2 of ops/batch_norm.h */
    RN_DWEIGHTS,
    RN_DGAMMA,
    RN_DBETA, /* also of a convolution's bias */
    RN_ARGMAX,
    RN_SCRATCH,
    RN_OPERANDS
};

/* Makes the operations that hand the gradient of an operation's output on (derive.h). */
struct rn_deriving;
typedef struct rn_kind {
    const char *name;
    void (*derive)(struct rn_deriving *deriving, int32_t operation); /* NULL: no gradient goes through */
    bool mixes_images; /* an image's result depends on the others of the batch, or on its place in it */
} rn_kind;

struct rn_operation {
    const rn_kind *kind;
    void (*run)(const rn_tape *tape, const rn_operation *operation); /* of the backend (backend.h) */
    int32_t layer;                                                   /* that it comes from */
    bool relu;                                                       /* of CONV and COMBINE */
    bool has_backward;     /* a forward operation that backward operations were derived from */
    int32_t norm;          /* the batch norm whose running statistics SCALE and SHIFT are; -1: none */
    int32_t mean, inverse; /* views of the statistics that NORM made SCALE and SHIFT of; -1: none */
    const void *planned;   /* what the backend has settled for it, in memory of the tape */
    rn_operand operand[RN_OPERANDS];
    union {
        rn_conv conv;
        rn_pool2d pool;
        int32_t stride;  /* of shortcut A */
        int64_t channel; /* of a join: where X's channels begin in Y */
        double dropout;  /* the probability */
        struct {
            double eps, momentum;
            int64_t rows;
            int32_t running_mean, running_var, batches_tracked; /* parameters */
        } norm;
        struct {
            int32_t parameter; /* whose gradient is ready, */
            int64_t begin;     /* all of it or, from this number on, as much as the operand has */
        } ready;
    } as;
};

/* A gradient, or a part of one, that has its last value in this backward. */
typedef struct rn_ready {
    int32_t parameter;
    int64_t begin, end; /* which numbers */
    const float *gradient;
    bool dies; /* it lies in the arena and is used now or never (dying.c) */
} rn_ready;

/* What is to be made of parameters before the first operation runs (prepared.h). */
typedef struct rn_product {
    rn_prepared_key key;
    void (*make)(const rn_tape *tape, const struct rn_product *product, float *data);
    int32_t norm;          /* the layer of a folded batch norm */
    const void *planned;   /* of packed weights: the operation's plan */
    rn_prepared *prepared; /* NULL until rn_tape_prepare */
} rn_product;

struct rn_tape {
    rn_context *context;       /* borrowed */
    rn_parameters *parameters; /* likewise */
    const struct rn_graph *graph;
    int64_t batch;
    bool training;
    bool wants_pairs; /* products of bfloat16 numbers (ops/conv.h) */
    rn_buffer *buffer;
    rn_view *view;
    rn_operation *operation;
    rn_product *product;
    int32_t buffers, views, operations, products;
    int32_t buffer_room, view_room, operation_room, product_room;
    struct rn_tape_memory *memory; /* of plans of operations */
    int32_t loss, backward;
    bool failed; /* without memory, while it is being written */
    /* Portions (budget.c): operations [0, portion_end) run on `portion` images after the other. */
    int32_t portion_end;
    int64_t portion;
    /* While it runs. */
    char *arena;
    size_t arena_bytes;
    int64_t first_image, images; /* that operations see */
    bool is_fresh;               /* what is prepared was made of version fresh_version of the parameters */
    uint64_t fresh_version;
    uint64_t dropout_seed, dropout_step;
    void (*gradient_ready)(void *payload, const rn_ready *ready); /* or NULL */
    void *payload;
};

/* ---- writing: without memory -1, and the tape has failed --------------------------------------------------------- */

int32_t rn_tape_images(rn_tape *tape, int64_t h, int64_t w, int64_t c); /* a buffer of maps */
int32_t rn_tape_numbers(rn_tape *tape, int64_t count, size_t element);  /* of numbers or bytes */
int32_t rn_tape_outside(rn_tape *tape, rn_place place, int32_t index, int64_t count);
int32_t rn_tape_view(rn_tape *tape, int32_t buffer, int64_t channel, int64_t channels);
/* A view as large as `view`, of all of a new buffer for the same kind of numbers. */
int32_t rn_tape_view_like(rn_tape *tape, int32_t view);
/* A view of the whole of a new buffer of `count` floats. */
int32_t rn_tape_vector(rn_tape *tape, int64_t count);
/* A view of all of a parameter (-1: -1), or of its gradient. */
int32_t rn_tape_parameter(rn_tape *tape, rn_place place, int32_t parameter);
int32_t rn_tape_add(rn_tape *tape, const rn_operation *operation);
int32_t rn_tape_product(rn_tape *tape, const rn_product *product);
/* Memory that goes with the tape. */
void *rn_tape_allocate(rn_tape *tape, size_t nbytes);
/* An operation of a layer, without operands. */
static inline rn_operation rn_operation_of(const rn_kind *kind, int32_t layer)
{
    return (rn_operation){ .kind = kind, .layer = layer, .norm = -1, .mean = -1, .inverse = -1 };
}

/* An operand, absent where the view is -1. */
static inline rn_operand rn_operand_of(int32_t view, rn_role role)
{
    return view < 0 ? (rn_operand){ 0, RN_ABSENT } : (rn_operand){ view, role };
}
/* Backward written anew: operations from `begin` on take the place of what was backward before. */
void rn_tape_replace_backward(rn_tape *tape, int32_t begin);
void rn_tape_release(rn_tape *tape);

/* ---- running ----------------------------------------------------------------------------------------------------- */

static inline bool rn_has(const rn_operation *operation, int operand)
{
    return operation->operand[operand].role != RN_ABSENT;
}

/* Where a view's numbers lie now; NULL for an absent operand. */
void *rn_view_data(const rn_tape *tape, int32_t view);
void *rn_operand_data(const rn_tape *tape, const rn_operation *operation, int operand);
float *rn_operand_floats(const rn_tape *tape, const rn_operation *operation, int operand);
/* The maps of a view: of all images, or of those of the portion that runs. */
rn_map rn_view_map(const rn_tape *tape, int32_t view);
rn_map rn_operand_map(const rn_tape *tape, const rn_operation *operation, int operand);

/* The gradient of a parameter, about to be written, or added to if *accumulate: nobody has used it up yet. NULL: the
 * operand is absent. */
float *rn_tape_begin_gradient(const rn_tape *tape, const rn_operation *operation, int operand, bool *accumulate);
/* What an operation "gradient ready" says, and its function, of any backend. */
rn_ready rn_tape_ready(const rn_tape *tape, const rn_operation *operation);
void rn_tape_say_ready(const rn_tape *tape, const rn_operation *operation);

/* Makes room for what is prepared. RN_NO_MEMORY. */
rn_status rn_tape_prepare(rn_tape *tape);
/* Prepares anew what was made of parameters that have changed; then runs forward with the losses. Inside the gate. */
void rn_tape_forward(rn_tape *tape);
void rn_tape_backward(rn_tape *tape);

/* place.c: lifetimes and offsets. RN_NO_MEMORY. */
rn_status rn_tape_place(rn_tape *tape);
size_t rn_tape_prepared_bytes(const rn_tape *tape);

#endif
