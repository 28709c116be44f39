/* SPDX-License-Identifier: MIT */
/* The bits of results: which networks are hashed, and how one pass of one becomes a number. */
#ifndef RN_TESTS_BITS_H
#define RN_TESTS_BITS_H

#include "support/support.h"

typedef enum bits_scale {
    BITS_OWN = 0,   /* graphs of the tests' own: cheap even under a sanitizer */
    BITS_PLAIN = 1, /* and of each family a member or two */
    BITS_ALL = 2
} bits_scale;

typedef struct bits_network {
    const char *name;
    rn_model *(*make)(rn_context *context); /* NULL: of the zoo */
    int32_t height, width;                  /* of the images; 0: the graph's own */
    int32_t steps;                          /* of the optimizer, in the passes that train */
    bits_scale scale;                       /* the smallest in which it is checked */
} bits_network;

/* All networks, those of the zoo behind the tests' own; an array that stays. */
const bits_network *bits_networks(size_t *count);

typedef enum bits_pass {
    BITS_INFER,
    BITS_TRAIN,
    BITS_FROZEN,  /* all but the head */
    BITS_PARTIAL, /* some layers here and there, and a whole stretch */
    BITS_PASSES
} bits_pass;

extern const char *const bits_pass_name[BITS_PASSES];

/* Steps of the optimizer in a pass. */
int32_t bits_steps(const bits_network *network, bits_pass pass);

/* Runs each pass from the same weights and images. Fails the test if losses or logits are not finite or stand still. */
void bits_hash(uint64_t hash[BITS_PASSES], const bits_network *network, int32_t threads, rn_isa isa,
               rn_precision precision);

#endif
