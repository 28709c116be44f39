/* SPDX-License-Identifier: MIT */
/*
 * Vectors, and the tile that they make, for gemm_body.h and gemm_floats.h. The including file names the instruction set:
 *
 *   RN_WIDTH     floats in a native vector: 4, 8 or 16
 *   RN_ROWS      rows of the largest tile (mr), at most 14
 *   RN_VECTORS   vectors in a row of it (nr / width)
 */
#ifndef RN_KERNELS_GEMM_VECTOR_H
#define RN_KERNELS_GEMM_VECTOR_H

#include "kernels/gemm_kernels.h"
#include <string.h>

enum {
    WIDTH = RN_WIDTH,
    ROWS = RN_ROWS,
    VECTORS = RN_VECTORS,
    COLUMNS = WIDTH * VECTORS,
    UNIT = 16 /* of every set, so that a cache line of pixels is one block of a panel */
};

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Before a loop whose count is a constant where it is inlined. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

typedef float vector __attribute__((vector_size(RN_WIDTH * 4), may_alias));
typedef float vector_anywhere __attribute__((vector_size(RN_WIDTH * 4), aligned(4), may_alias));
typedef int32_t mask __attribute__((vector_size(RN_WIDTH * 4), may_alias));
typedef int32_t lane __attribute__((may_alias));

ALWAYS_INLINE vector load(const float *from)
{
    return *(const vector_anywhere *)from;
}

ALWAYS_INLINE void store(float *to, vector value)
{
    *(vector_anywhere *)to = value;
}

#endif
