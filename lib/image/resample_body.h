/* SPDX-License-Identifier: MIT */
/*
 * The loops of resizing and blurring, written once with the compiler's vector extensions. A file that includes this
 * says RN_RESAMPLE_TABLE (the name of the table) and is compiled with the flags of its instruction set.
 *
 * Columns are not treated apart at the end of a row: what is computed too far is written where the next row will be
 * written later, or into the slack behind the picture.
 */
#include "image/resample_kernels.h"

#include <math.h>
#include <string.h>

enum { HALF = 1 << (RN_RESAMPLE_PRECISION - 1), PIECE = 64 };

typedef int32_t ints __attribute__((vector_size(16)));

/* Weights sum to 1, and some filters have negative ones: either end can be passed. */
static inline uint8_t to_byte(int32_t sum)
{
    const int32_t value = sum >> RN_RESAMPLE_PRECISION;

    return (uint8_t)(value > 255 ? 255 : value < 0 ? 0 : value);
}

/* Bytes are widened once a row. A vector is a pixel and the red of the next, which counts for nothing: what it makes is
 * written over by the next pixel. */
static void row(uint8_t *out, const uint8_t *in, int32_t outputs, int32_t inputs, const rn_taps *taps,
                const int32_t *weight, int32_t *scratch)
{
    int32_t *const wide = scratch, *const sums = scratch + (size_t)inputs * 3 + 1;
    const size_t in_bytes = (size_t)inputs * 3, out_bytes = (size_t)outputs * 3;

    for (size_t i = 0; i < in_bytes; i++)
        wide[i] = in[i];
    wide[in_bytes] = 0;
    for (int32_t x = 0; x < outputs; x++) {
        const int32_t *pixel = wide + (size_t)taps[x].first * 3;
        const int32_t *const w = weight + taps[x].index;
        ints total = { HALF, HALF, HALF, HALF };

        for (int32_t k = 0; k < taps[x].count; k++, pixel += 3) {
            ints v;

            memcpy(&v, pixel, sizeof v);
            total += v * w[k];
        }
        memcpy(sums + (size_t)x * 3, &total, sizeof total);
    }
    for (size_t i = 0; i < out_bytes; i++)
        out[i] = to_byte(sums[i]);
}

static void column(uint8_t *out, const uint8_t *in, size_t nbytes, const rn_taps *taps, const int32_t *weight)
{
    const int32_t *const w = weight + taps->index;

    for (size_t x = 0; x < nbytes; x += PIECE) {
        int32_t sums[PIECE];

        for (int i = 0; i < PIECE; i++)
            sums[i] = HALF;
        for (int32_t k = 0; k < taps->count; k++) {
            const uint8_t *const from = in + (size_t)k * nbytes + x;

            for (int i = 0; i < PIECE; i++)
                sums[i] += from[i] * w[k];
        }
        for (int i = 0; i < PIECE; i++)
            out[x + (size_t)i] = to_byte(sums[i]);
    }
}

static void accumulate(float *restrict sums, const float *restrict in, size_t count, float weight)
{
    for (size_t i = 0; i < count; i++)
        sums[i] = fmaf(in[i], weight, sums[i]);
}

const rn_resample_kernels RN_RESAMPLE_TABLE = { .row = row, .column = column, .accumulate = accumulate };
