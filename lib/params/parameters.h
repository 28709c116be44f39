/* SPDX-License-Identifier: MIT */
/*
 * The parameter store: one plain, unpadded arena of values in channels-last order (conv: out, kh, kw, in; linear: out,
 * in), with names, shapes, trainability, versions and gradients.
 *
 *   version        rises at every write, of the entry and of the store: folded batch norms, packed weights compare it
 *   has_gradient   backward overwrites where clear, adds where set; a step clears what it used
 *
 * Who may touch what, when: a forward of an inference session reads inside the shared side of the gate, everything that
 * changes something that it reads (values, statistics, what is frozen) runs inside the exclusive side. So each answer
 * is of one set of weights, and a writer waits for the forwards that are running and no longer. The arena itself may be
 * shared with state dicts that somebody is saving: before values change in place, an arena that others hold is left to
 * them and copied. A load that finds sessions converts into a new arena first and only changes arenas inside.
 */
#ifndef RN_PARAMS_PARAMETERS_H
#define RN_PARAMS_PARAMETERS_H

#include "base/gate.h"
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
    rn_gate gate;
    struct rn_prepared *prepared; /* prepared.h */
    rn_gate prepared_gate;        /* of that list and what is in it */
    bool gate_exists, prepared_gate_exists;
    atomic_int pins;     /* training sessions between forward and backward */
    atomic_int sessions; /* that run this store */
};

rn_status rn_parameters_create(rn_parameters **parameters, rn_context *context);
/* Declares an entry: float32 or int64. RN_INVALID_ARGUMENT: the name is taken. Only before rn_parameters_finish. */
rn_status rn_parameters_declare(size_t *index, rn_parameters *parameters, const char *name, bool is_parameter,
                                rn_dtype dtype, int32_t rank, const int64_t *shape);
/* Allocates the arena; all zero. */
rn_status rn_parameters_finish(rn_parameters *parameters);
void rn_parameters_retain(rn_parameters *parameters);
void rn_parameters_release(rn_parameters *parameters); /* NULL is fine */

/* The shared side: what is read until the end is of one set of weights. */
void rn_parameters_begin_read(const rn_parameters *parameters);
void rn_parameters_end_read(const rn_parameters *parameters);
/*
 * The exclusive side. RN_STATE: a training session is between forward and backward; nothing is held then. _write, for
 * who changes values in place, also makes sure that no state dict shares them: RN_NO_MEMORY if they cannot be copied.
 */
rn_status rn_parameters_begin_change(rn_parameters *parameters, rn_message *message);
rn_status rn_parameters_begin_write(rn_parameters *parameters, rn_message *message);
/* The same for a session that is inside by itself, between its forward and its backward. */
rn_status rn_parameters_own_values(rn_parameters *parameters, rn_message *message);
void rn_parameters_end_change(rn_parameters *parameters);
/*
 * New values for all entries that have a tensor of their shape in `values` (NULL: keeps its own), all or none, for
 * forwards beside it at once. RN_STATE as above, RN_NO_MEMORY.
 */
rn_status rn_parameters_replace(rn_parameters *parameters, const rn_tensor *const *values, rn_message *message);

/*
 * Values as floats in storage order, to be read and, between rn_parameters_begin_write and rn_parameters_end_change,
 * changed; rn_parameters_written says so. NULL for an int64 buffer.
 */
float *rn_parameters_floats(const rn_parameters *parameters, size_t index);
void rn_parameters_written(rn_parameters *parameters, size_t index);
/* Copies a tensor of an entry's shape into memory that is laid out as its value. */
void rn_parameters_lay_out(const rn_parameters *parameters, size_t index, void *memory, const rn_tensor *tensor);
/*
 * Makes room for the gradients of all trainable parameters, once; after a change of the trainable set anew, and all
 * gradients are forgotten.
 */
rn_status rn_parameters_gradients_ready(rn_parameters *parameters);
/* Gives that room back if no gradient is in it. */
void rn_parameters_release_gradients(rn_parameters *parameters);
float *rn_parameters_gradient_floats(const rn_parameters *parameters, size_t index);
/* Multiplies all gradients that there are. */
void rn_parameters_scale_gradients(rn_parameters *parameters, float factor);

/* True if the pattern matches the name or a leading part of it up to a dot (model.h, Freezing). */
bool rn_name_matches(const char *pattern, const char *name);

#endif
