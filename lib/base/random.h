/* SPDX-License-Identifier: MIT */
/*
 * Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011). A draw is a pure function of (seed, stream,
 * index, position).
 */
#ifndef RN_BASE_RANDOM_H
#define RN_BASE_RANDOM_H

#include <stdint.h>

typedef struct rn_random {
    uint32_t key[2];     /* the seed */
    uint32_t counter[4]; /* block number, stream, index */
    uint32_t block[4];
    int32_t used; /* words of `block` already given, 4: none left */
} rn_random;

/* Streams keep the uses of one seed apart. */
typedef enum rn_stream {
    RN_STREAM_WEIGHTS = 1,
    RN_STREAM_DROPOUT = 2,
    RN_STREAM_ORDER = 3,
    RN_STREAM_AUGMENT = 4,
    RN_STREAM_ERASE = 5,
    RN_STREAM_SPLIT = 8,
    RN_STREAM_SAMPLER = 9,
    RN_STREAM_MIX = 10
} rn_stream;

/* The generator of (seed, stream, a, b): e.g. a = epoch, b = sample. All 64 bits of a and b count. */
rn_random rn_random_at(uint64_t seed, rn_stream stream, uint64_t a, uint64_t b);
uint32_t rn_random_next(rn_random *random);
/* Uniform in [0, 1) with 53 bits (two words). */
double rn_random_uniform(rn_random *random);
/* Of the standard normal distribution, in double: Box and Muller's (1958), of which one is used (four words). */
double rn_random_normal(rn_random *random);
/* Uniform in [0, limit), limit >= 1, without bias. */
uint64_t rn_random_below(rn_random *random, uint64_t limit);
/* Philox4x32-10 itself. */
void rn_philox(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

#endif
