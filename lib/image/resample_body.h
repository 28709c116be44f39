/* SPDX-License-Identifier: MIT */
/*
 * The loops of resizing and blurring, written once with the compiler's vector extensions. A file that includes this
 * says RN_RESAMPLE_TABLE (the name of the table) and is compiled with the flags of its instruction set.
 *
 * The end of a row is not treated apart: what is computed too far is written where the next row will be written later,
 * or into the slack behind the picture.
 */
#include "image/resample_kernels.h"

#include <math.h>
#include <string.h>

enum { HALF = 1 << (RN_RESAMPLE_PRECISION - 1), PIECE = 64 };

enum { ROWS = RN_RESAMPLE_ROWS, BLOCK = RN_RESAMPLE_BLOCK, BLOCK_BYTES = ROWS * BLOCK };

#if defined(__AVX2__)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif

/* Numbers of a native vector, wherever they lie; and a pixel of all rows in such vectors. */
typedef int32_t ints __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
enum { PIXEL = 3 * ROWS / LANES };

typedef uint8_t block __attribute__((vector_size(BLOCK)));

/* Weights sum to 1, and some filters have negative ones: either end can be passed. */
static inline uint8_t to_byte(int32_t sum)
{
    const int32_t value = sum >> RN_RESAMPLE_PRECISION, above = value > 0 ? value : 0;

    return (uint8_t)(above < 255 ? above : 255);
}

/*
 * Rows are resized together, so that their bytes fill whole vectors and share weights: a block of each, ROWS * BLOCK
 * bytes, is transposed to BLOCK columns of ROWS bytes, and back. A byte's place in it is row and column in binary;
 * zipping the halves moves the highest bit of all places to the lowest end. As often as the row has bits, and it stands
 * behind the column; as often as the column has, and it is in front again.
 */
static inline void zip(block *to, const block *from)
{
#pragma GCC unroll 8
    for (int i = 0; i < ROWS / 2; i++) {
        to[2 * i] = __builtin_shufflevector(from[i], from[i + ROWS / 2], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6,
                                            22, 7, 23);
        to[2 * i + 1] = __builtin_shufflevector(from[i], from[i + ROWS / 2], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13,
                                                29, 14, 30, 15, 31);
    }
}

/* Rows `line` bytes apart to columns; where there are fewer, the last stands for what is missing. */
static void interleave_rows(uint8_t *columns, const uint8_t *in, size_t line, int32_t rows)
{
    for (size_t x = 0; x < line; x += BLOCK) {
        block even[ROWS], odd[ROWS];

#pragma GCC unroll 8
        for (int i = 0; i < ROWS; i++)
            memcpy(&even[i], in + (size_t)(i < rows ? i : rows - 1) * line + x, BLOCK);
        zip(odd, even);
        zip(even, odd);
        zip(odd, even);
        memcpy(columns + x * ROWS, odd, sizeof odd);
    }
}

/* The way back; the last block first, since it reaches into the row behind. */
static void narrow_rows(uint8_t *out, const int32_t *sums, size_t line, int32_t rows)
{
    for (size_t x = rn_whole_blocks(line); x > 0;) {
        block even[ROWS], odd[ROWS];
        uint8_t bytes[BLOCK_BYTES];

        x -= BLOCK;
        for (int i = 0; i < BLOCK_BYTES; i++)
            bytes[i] = to_byte(sums[x * ROWS + (size_t)i]);
        memcpy(even, bytes, sizeof even);
        zip(odd, even);
        zip(even, odd);
        zip(odd, even);
        zip(even, odd);
        for (int i = 0; i < rows; i++)
            memcpy(out + (size_t)i * line + x, &even[i], BLOCK);
    }
}

/* One pixel of all rows. */
static inline void sum_taps(ints *sums, const ints *pixel, int32_t taps, const int32_t *weight)
{
    ints total[PIXEL];

#pragma GCC unroll 8
    for (int i = 0; i < PIXEL; i++)
        total[i] = (ints){ 0 } + HALF;
    for (int32_t k = 0; k < taps; k++, pixel += PIXEL) {
        const ints w = (ints){ 0 } + weight[k];

#pragma GCC unroll 8
        for (int i = 0; i < PIXEL; i++)
            total[i] += pixel[i] * w;
    }
#pragma GCC unroll 8
    for (int i = 0; i < PIXEL; i++)
        sums[i] = total[i];
}

static void resize_rows(uint8_t *out, const uint8_t *in, int32_t rows, int32_t outputs, int32_t inputs,
                        const rn_taps *taps, const int32_t *weight, int32_t *scratch)
{
    const size_t in_bytes = (size_t)inputs * 3, out_bytes = (size_t)outputs * 3,
                 wide = rn_whole_blocks(in_bytes) * ROWS;
    int32_t *const sums = scratch + wide;
    uint8_t *const columns = (uint8_t *)sums; /* read before there are sums */

    interleave_rows(columns, in, in_bytes, rows);
    for (size_t i = 0; i < wide; i++)
        scratch[i] = columns[i];
    for (size_t x = 0; x < (size_t)outputs; x++)
        sum_taps((ints *)(sums + 3 * ROWS * x), (const ints *)(scratch + 3 * ROWS * (size_t)taps[x].first),
                 taps[x].count, weight + taps[x].index);
    narrow_rows(out, sums, out_bytes, rows);
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

const rn_resample_kernels RN_RESAMPLE_TABLE = { .rows = resize_rows, .column = column, .accumulate = accumulate };
