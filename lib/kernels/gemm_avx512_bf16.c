/* SPDX-License-Identifier: MIT */
/*
 * The matrix kernels for AVX-512 with products of bfloat16 pairs. Vector extensions have no such product, so this file
 * alone uses intrinsics.
 */
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define RN_WIDTH 16
#define RN_ROWS 14
#define RN_VECTORS 2
#define RN_MULTIPLY_PAIRS(sum, left, right) \
    ((vector)_mm512_dpbf16_ps((__m512)(sum), (__m512bh)(right), (__m512bh)(left)))
#define RN_PAIRS &pairs
#define RN_BLOCKS RN_PAIR_BLOCKS

#if !defined(__AVX512BF16__) || !defined(__AVX512BW__)
#error "the build compiles this file with AVX-512 and its BF16"
#endif

#include "kernels/gemm_body.h"

static __mmask16 mask_of(int64_t count)
{
    return count >= WIDTH ? 0xFFFF : count <= 0 ? 0 : (__mmask16)((1u << count) - 1);
}

static void neighbours(float *to, const float *from, int64_t count)
{
    int64_t i = 0;

    for (; i + 2 * WIDTH <= count; i += 2 * WIDTH, to += WIDTH)
        _mm512_storeu_si512(to,
                            (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(from + i + WIDTH), _mm512_loadu_ps(from + i)));
    if (i < count) {
        const __m512 low = _mm512_maskz_loadu_ps(mask_of(count - i), from + i);
        const __m512 high = _mm512_maskz_loadu_ps(mask_of(count - i - WIDTH), from + i + WIDTH);

        _mm512_mask_storeu_epi32(to, mask_of((count - i + 1) / 2), (__m512i)_mm512_cvtne2ps_pbh(high, low));
    }
}

static void rows(float *to, int64_t stored, const float *first, const float *second, int64_t count)
{
    const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                                           21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);

    for (int64_t j = 0; j < stored; j += WIDTH) {
        const __mmask16 there = mask_of(count - j);
        const __m512 low = _mm512_maskz_loadu_ps(there, first + j);
        const __m512 high = second != NULL ? _mm512_maskz_loadu_ps(there, second + j) : _mm512_setzero_ps();

        _mm512_mask_storeu_epi32(to + j, mask_of(stored - j),
                                 _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(high, low)));
    }
}

static void transpose_neighbours(float *to, const float *from, int64_t from_pitch, int64_t depth, int64_t columns)
{
    enum { PIECE = 32 }; /* pairs */
    float some[COLUMNS * PIECE];

    for (int64_t k = 0; k < depth; k += 2 * PIECE, to += PIECE * COLUMNS) {
        const int64_t floats = depth - k < 2 * PIECE ? depth - k : 2 * PIECE;

        for (int64_t j = 0; j < columns; j++)
            neighbours(some + j * PIECE, from + j * from_pitch + k, floats);
        rn_floats_avx512.transpose(to, some, PIECE, (floats + 1) / 2, columns);
    }
}

static __m512i widened(__mmask16 there, const uint16_t *from)
{
    return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(there, from));
}

static void interleave(float *to, int64_t to_pitch, int64_t stored, const uint16_t *from, int64_t from_pitch,
                       int64_t rows, int64_t count)
{
    for (int64_t r = 0; r < rows; r += 2) {
        const uint16_t *const first = from + r * from_pitch;
        float *const pairs_of_row = to + r / 2 * to_pitch;

        for (int64_t j = 0; j < stored; j += WIDTH) {
            const __mmask16 there = mask_of(count - j);
            const __m512i even = widened(there, first + j),
                          odd = r + 1 < rows ? widened(there, first + from_pitch + j) : _mm512_setzero_si512();

            _mm512_mask_storeu_epi32(pairs_of_row + j, mask_of(stored - j),
                                     _mm512_or_si512(even, _mm512_slli_epi32(odd, 16)));
        }
    }
}

static void widen(float *to, const uint16_t *from, int64_t count)
{
    int64_t i = 0;

    for (; i + WIDTH <= count; i += WIDTH)
        _mm512_storeu_si512(to + i, _mm512_slli_epi32(widened(0xFFFF, from + i), 16));
    if (i < count)
        _mm512_mask_storeu_epi32(to + i, mask_of(count - i),
                                 _mm512_slli_epi32(widened(mask_of(count - i), from + i), 16));
}

static const rn_pair_kernels pairs = {
    neighbours, rows, transpose_neighbours, interleave, widen, &rn_rows_avx512_bf16,
};

const rn_gemm_kernels rn_gemm_avx512_bf16 = RN_GEMM_TABLE(&rn_floats_avx512);
