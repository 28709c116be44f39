/* SPDX-License-Identifier: MIT */
/*
 * Products of matrices (gemm_kernels.h), written once with the compiler's vector extensions. Beside the instruction set
 * (gemm_vector.h) the including file names
 *
 *   RN_MULTIPLY_PAIRS, RN_PAIRS, RN_BLOCKS   if operands are pairs (gemm_avx512_bf16.c)
 *
 * It is compiled with that set's flags and with multiply-adds fused where the set has them, so that the tile lives in
 * registers: RN_ROWS * RN_VECTORS accumulators, RN_VECTORS of b, one broadcast element of a.
 */
#ifndef RN_KERNELS_GEMM_BODY_H
#define RN_KERNELS_GEMM_BODY_H

#include "kernels/gemm_vector.h"

#if defined(RN_MULTIPLY_PAIRS)
#define MULTIPLY_ADD(sum, left, right) RN_MULTIPLY_PAIRS(sum, left, right)

ALWAYS_INLINE vector broadcast(const float *pair)
{
    return (vector)(*(const lane *)(const void *)pair - (mask){ 0 });
}
#else
#define MULTIPLY_ADD(sum, left, right) ((sum) + (left) * (right))

ALWAYS_INLINE vector broadcast(const float *from)
{
    return *from - (vector){ 0 };
}
#endif

#include "kernels/gemm_dots.h"

/*
 * `rows` is a constant where this is inlined, so that the loops over the tile vanish and the tile stays in registers.
 * Three rows share a pointer, at distances 0, 1 and 2 `step`: x86 adds the distance in the load, and five pointers for
 * 14 rows leave registers to spare.
 */
ALWAYS_INLINE void multiply_tile(const int rows, int64_t depth, const float *a, int64_t step, int64_t run_length,
                                 int64_t run_pitch, const float *restrict b, float *restrict c, int64_t ldc,
                                 rn_gemm_start start)
{
    enum { SHARING = 3, POINTERS = (ROWS + SHARING - 1) / SHARING };
    vector tile[ROWS][VECTORS];

    UNROLL
    for (int i = 0; i < rows; i++) {
        UNROLL
        for (int j = 0; j < VECTORS; j++)
            tile[i][j] = start == RN_GEMM_CONTINUE ? load(c + i * ldc + j * WIDTH) : (vector){ 0 };
    }
    for (; depth > 0; depth -= run_length, a += run_pitch) {
        const int64_t count = depth < run_length ? depth : run_length;
        const float *left[POINTERS];

        UNROLL
        for (int i = 0; i < rows; i += SHARING)
            left[i / SHARING] = a + i * step;
        for (int64_t k = 0; k < count; k++, b += COLUMNS) {
            vector right[VECTORS];

            UNROLL
            for (int j = 0; j < VECTORS; j++)
                right[j] = *(const vector *)(b + j * WIDTH);
            UNROLL
            for (int i = 0; i < rows; i++) {
                UNROLL
                for (int j = 0; j < VECTORS; j++)
                    tile[i][j] =
                        MULTIPLY_ADD(tile[i][j], broadcast(left[i / SHARING] + i % SHARING * step + k), right[j]);
            }
        }
    }
    UNROLL
    for (int i = 0; i < rows; i++) {
        UNROLL
        for (int j = 0; j < VECTORS; j++) {
            if (start == RN_GEMM_ADD)
                tile[i][j] += load(c + i * ldc + j * WIDTH);
            store(c + i * ldc + j * WIDTH, tile[i][j]);
        }
    }
}

_Static_assert(ROWS >= 1 && ROWS <= 14, "multiply_rows has a case for each height up to 14");
_Static_assert(UNIT % WIDTH == 0, "a block of a panel is whole vectors");
_Static_assert(VECTORS >= 1 && COLUMNS % WIDTH == 0, "a row of a tile is whole vectors");

/* A tile of each height that the set has. */
ALWAYS_INLINE void multiply_rows(int64_t rows, int64_t depth, const float *a, int64_t step, int64_t run_length,
                                 int64_t run_pitch, const float *b, float *c, int64_t ldc, rn_gemm_start start)
{
#define TILE(height) \
    case height: multiply_tile(height, depth, a, step, run_length, run_pitch, b, c, ldc, start); break
    switch (rows) {
        TILE(1);
#if RN_ROWS >= 2
        TILE(2);
#endif
#if RN_ROWS >= 3
        TILE(3);
#endif
#if RN_ROWS >= 4
        TILE(4);
#endif
#if RN_ROWS >= 5
        TILE(5);
#endif
#if RN_ROWS >= 6
        TILE(6);
#endif
#if RN_ROWS >= 7
        TILE(7);
#endif
#if RN_ROWS >= 8
        TILE(8);
#endif
#if RN_ROWS >= 9
        TILE(9);
#endif
#if RN_ROWS >= 10
        TILE(10);
#endif
#if RN_ROWS >= 11
        TILE(11);
#endif
#if RN_ROWS >= 12
        TILE(12);
#endif
#if RN_ROWS >= 13
        TILE(13);
#endif
#if RN_ROWS >= 14
        TILE(14);
#endif
    default: __builtin_trap(); /* the caller's mistake: a tile that is left as it was would be garbage */
    }
#undef TILE
}

static void multiply(int64_t rows, int64_t depth, const rn_gemm_rows *a, const float *b, float *c, int64_t ldc,
                     rn_gemm_start start)
{
    multiply_rows(rows, depth, a->first, a->step, a->run_length, a->run_pitch, b, c, ldc, start);
}

static void multiply_weights(int64_t rows, int64_t depth, const float *a, int64_t lda, const float *b, float *c,
                             int64_t ldc, bool accumulate)
{
    multiply_rows(rows, depth, a, 1, 1, lda, b, c, ldc, accumulate ? RN_GEMM_CONTINUE : RN_GEMM_FRESH);
}

#if !defined(RN_PAIRS)
#define RN_PAIRS NULL
#define RN_BLOCKS RN_GEMM_BLOCKS
#endif

#define RN_GEMM_TABLE(of_floats) \
    { \
        .mr = ROWS, .nr = COLUMNS, .unit = UNIT, .blocks = RN_BLOCKS, .pairs = RN_PAIRS, .floats = of_floats, \
        .multiply = multiply, .multiply_weights = multiply_weights, .multiply_dots = multiply_dots \
    }

#endif
