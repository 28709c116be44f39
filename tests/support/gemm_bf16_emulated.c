/* SPDX-License-Identifier: MIT */
/*
 * The matrix kernels for products of bfloat16 pairs without the instruction for them: a table with the tile and the
 * blocks of rn_gemm_avx512_bf16, so that the same layers take it, written in vector extensions, so that any machine
 * runs it. It is the tests' alone.
 *
 * Intel's manual, volume 2, VDPBF16PS: products of bfloat16 numbers, which are exact, are accumulated by two fused
 * multiply-adds, the odd element's first, each rounded to nearest even; denormals are zero, in and out.
 * VCVTNE2PS2BF16: to nearest even, denormals become zero, NaNs stay NaNs and become quiet.
 *
 * Denormals of sums are flushed where kernels run (base/parallel.c). A target without fused multiply-adds gives the
 * same bits wherever no product overflows or is a denormal.
 */
#include "support/bfloat16.h"

#include <stddef.h>
#include <stdint.h>

#define RN_WIDTH 8
#define RN_ROWS 14
#define RN_VECTORS 4
#define RN_MULTIPLY_PAIRS(sum, left, right) multiply_pairs(sum, left, right)
#define RN_PAIRS &pairs
#define RN_BLOCKS RN_PAIR_BLOCKS

#include "kernels/gemm_vector.h"

typedef uint32_t word __attribute__((may_alias));
typedef uint32_t words __attribute__((vector_size(RN_WIDTH * 4), may_alias));

ALWAYS_INLINE vector odd_of(words pairs)
{
    return (vector)(pairs & 0xFFFF0000u);
}

ALWAYS_INLINE vector even_of(words pairs)
{
    return (vector)(pairs << 16);
}

ALWAYS_INLINE vector multiply_pairs(vector sum, vector left, vector right)
{
    sum = sum + odd_of((words)left) * odd_of((words)right);
    return sum + even_of((words)left) * even_of((words)right);
}

#include "kernels/gemm_body.h"
#include "kernels/gemm_floats.h"

/* The bits of a bfloat16 number, in the lower half. */
ALWAYS_INLINE uint32_t rounded(float value)
{
    const uint32_t bits = *(const word *)(const void *)&value, sign = bits & 0x80000000u, size = bits ^ sign;

    if (size < 0x00800000u)
        return sign >> 16;
    if (size > 0x7F800000u)
        return bits >> 16 | 0x40;
    return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
}

ALWAYS_INLINE void store_pair(float *to, float even, float odd)
{
    *(word *)(void *)to = rounded(odd) << 16 | rounded(even);
}

static void neighbours(float *to, const float *from, int64_t count)
{
    for (int64_t i = 0; i + 1 < count; i += 2)
        store_pair(to++, from[i], from[i + 1]);
    if (count % 2 == 1)
        store_pair(to, from[count - 1], 0);
}

static void rows(float *to, int64_t stored, const float *first, const float *second, int64_t count)
{
    for (int64_t j = 0; j < count; j++)
        store_pair(to + j, first[j], second != NULL ? second[j] : 0);
    for (int64_t j = count; j < stored; j++)
        store_pair(to + j, 0, 0);
}

static void transpose_neighbours(float *to, const float *from, int64_t from_pitch, int64_t depth, int64_t columns)
{
    for (int64_t k = 0; k < depth; k += 2, to += COLUMNS)
        for (int64_t j = 0; j < COLUMNS; j++)
            store_pair(to + j, j < columns ? from[j * from_pitch + k] : 0,
                       j < columns && k + 1 < depth ? from[j * from_pitch + k + 1] : 0);
}

static void interleave(float *to, int64_t to_pitch, int64_t stored, const uint16_t *from, int64_t from_pitch,
                       int64_t rows, int64_t count)
{
    for (int64_t r = 0; r < rows; r += 2)
        for (int64_t j = 0; j < stored; j++) {
            const uint32_t even = j < count ? from[r * from_pitch + j] : 0,
                           odd = j < count && r + 1 < rows ? from[(r + 1) * from_pitch + j] : 0;

            *(word *)(void *)(to + r / 2 * to_pitch + j) = odd << 16 | even;
        }
}

static void widen(float *to, const uint16_t *from, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        *(word *)(void *)(to + i) = (uint32_t)from[i] << 16;
}

static const rn_pair_kernels pairs = {
    neighbours, rows, transpose_neighbours, interleave, widen, &rn_test_rows_halves,
};
static const rn_float_kernels floats = RN_FLOATS_TABLE;

const rn_gemm_kernels rn_test_gemm_bf16 = RN_GEMM_TABLE(&floats);
