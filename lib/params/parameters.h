/* SPDX-License-Identifier: MIT */
/*
 * The parameter store: one plain, unpadded arena of values in channels-last order (conv: out, kh, kw, in; linear: out,
 * in), with names, shapes, trainability, versions and gradients.
 *
 *   version        rises at every write, of the entry and of the store: folded batch norms, packed weights compare it
 *   has_gradient   backward overwrites where clear, adds where set; a step clears what it used
 *   readers        sessions that are running; pins: training sessions between forward and backward. Writing asks
 *                  rn_parameters_may_write.
 */
#ifndef RN_PARAMS_PARAMETERS_H
#define RN_PARAMS_PARAMETERS_H

#include "tensor/tensor.h"
#include <resnet/parameters.h>

typedef struct rn_parameter {
    char *name;
    bool is_parameter; /* else a buffer */
    bool trainable;
    bool has_gradient;
    uint64_t version;
    rn_tensor *value;    /* over the arena */
    rn_tensor *gradient; /* over the gradient arena; NULL until it is needed */
    int64_t offset;      /* of a float32 entry in the arenas, in floats; -1 for int64 buffers */
    int64_t count;
} rn_parameter;

struct rn_parameters {
    rn_references references;
    rn_context *context;
    rn_parameter *entry;
    size_t count, capacity;
    rn_storage *values;    /* float arena, without memory until finished */
    rn_storage *gradients; /* float arena, NULL until it is needed */
    uint64_t version;
    atomic_int readers;
    atomic_int pins;
};

rn_status rn_parameters_create(rn_parameters **parameters, rn_context *context);
/* Declares an entry: float32 or int64. RN_INVALID_ARGUMENT: the name is taken. Only before rn_parameters_finish. */
rn_status rn_parameters_declare(size_t *index, rn_parameters *parameters, const char *name, bool is_parameter,
                                rn_dtype dtype, int32_t rank, const int64_t *shape);
/* Allocates the arena; all zero. */
rn_status rn_parameters_finish(rn_parameters *parameters);
void rn_parameters_retain(rn_parameters *parameters);
void rn_parameters_release(rn_parameters *parameters); /* NULL is fine */

/* RN_BUSY or RN_STATE (with a message) if values must not change now. */
rn_status rn_parameters_may_write(rn_parameters *parameters);
/*
 * Values as floats in storage order, to be read and, between rn_parameters_may_write and rn_parameters_written,
 * changed. NULL for an int64 buffer.
 */
float *rn_parameters_floats(const rn_parameters *parameters, size_t index);
void rn_parameters_written(rn_parameters *parameters, size_t index);
/*
 * Makes room for the gradients of all trainable parameters, once; after a change of the trainable set anew, and all
 * gradients are forgotten.
 */
rn_status rn_parameters_gradients_ready(rn_parameters *parameters);
float *rn_parameters_gradient_floats(const rn_parameters *parameters, size_t index);

/* True if the pattern matches the name or a leading part of it up to a dot (model.h, Freezing). */
bool rn_name_matches(const char *pattern, const char *name);

#endif
