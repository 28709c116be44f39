/* SPDX-License-Identifier: MIT */
/*
 * What is made of parameters that rarely change, and kept while they stand still: packed weights, folded batch norms.
 * All sessions of a model share one copy: it belongs to the parameter store, is found by what it was made of and for
 * whom, and goes with the last plan that uses it.
 *
 * A copy is made anew when the versions of its sources have moved. That happens at the beginning of a forward, inside
 * the gate: who reads it is inside, too, so that no writer can have come between, and the versions are those that the
 * readers beside it have checked already. Of several that come first, one makes it and the others wait.
 */
#ifndef RN_PARAMS_PREPARED_H
#define RN_PARAMS_PREPARED_H

#include "params/parameters.h"

enum { RN_PREPARED_SOURCES = 6 };

typedef struct rn_prepared_key {
    const void *maker;                   /* what it is for: an algorithm, a rule */
    const void *kernels;                 /* whose layout it has; NULL: any */
    int32_t source[RN_PREPARED_SOURCES]; /* parameters, -1: none; never the same ones for two layers */
    size_t count;                        /* floats */
} rn_prepared_key;

typedef struct rn_prepared rn_prepared;

/* Finds or makes the room for it; each call is undone by one of rn_prepared_put. RN_NO_MEMORY. */
rn_status rn_prepared_get(rn_prepared **prepared, rn_parameters *parameters, const rn_prepared_key *key,
                          rn_message *message);
void rn_prepared_put(rn_parameters *parameters, rn_prepared *prepared); /* NULL is fine */
/* Calls `make` if what is there is not made of the parameters as they are now. Inside the gate. */
void rn_prepared_refresh(rn_parameters *parameters, rn_prepared *prepared, void (*make)(void *payload, float *data),
                         void *payload);
/* Aligned to RN_ALIGNMENT. */
float *rn_prepared_floats(const rn_prepared *prepared);

#endif
