/* SPDX-License-Identifier: MIT */
/*
 * Matrix products, and the packing of their operands: the loops that convolutions spend their time in.
 *
 *   c[i, j] = (accumulate: c[i, j] +) sum over k of a[i, k] * b[k, j]        i < rows <= mr, j < nr, k < depth
 *
 * Each c[i, j] is one chain of multiply-adds in ascending k. `depth` is exact: what lies behind it in a panel is never
 * read. Loading c continues the chain, so that blocking k does not change a bit; a chain of its own that is added to c
 * rounds less in long sums. AVX2 and AVX-512 fuse alike and give the same bits.
 *
 *   a, forward and data   rn_gemm_rows                 in place, or packed: [depth / unit][rows][unit]; pixels are
 *                                                      copied as whole vectors, elements broadcast from memory
 *   a, weights            [depth][lda], lda >= rows
 *   b                     [depth][nr]                  columns behind the last valid one are zero
 *
 * Panels (a, b, tiles) are aligned to a cache line; everything else may lie anywhere on a float. Nothing outside the
 * operands is read or written.
 */
#ifndef RN_KERNELS_GEMM_KERNELS_H
#define RN_KERNELS_GEMM_KERNELS_H

#include "kernels/row_kernels.h"

/*
 * Operand a[i, k] = first[i * step + k / run_length * run_pitch + k % run_length]. Windows over a map are such rows:
 * neighbouring pixels lie `step` apart, window rows (runs) run_pitch; a packed panel has step = run_length = unit.
 */
typedef struct rn_gemm_rows {
    const float *first;
    int64_t step, run_length, run_pitch;
} rn_gemm_rows;

/*
 * A row of the im2col matrix: the window of one output pixel, in runs (window rows) of run_length = window width *
 * channels floats. Runs outside [first_run, end_run) lie in the padding and are zero; of the others floats [lead, lead
 * + count) are there and the rest is zero. Rows of neighbouring pixels away from the border lie alike: `more` of them
 * may follow, `more_step` floats apart in memory.
 */
typedef struct rn_gather_row {
    const float *source;           /* float `lead` of window row first_run; not looked at where nothing is there */
    int64_t run_length, run_pitch; /* run_pitch: floats between window rows in memory */
    int64_t first_run, end_run;
    int64_t lead, count;
    int64_t piece, piece_pitch; /* `count` floats are pieces of `piece` floats, piece_pitch apart (equal: they touch) */
    int64_t more, more_step;
} rn_gather_row;

/* A pixel that a window sees, and the weights it meets there: floats one after the other, one for each channel. */
typedef struct rn_gemm_tap {
    const float *x, *weights;
} rn_gemm_tap;

/* Sizes of blocks, in floats unless said, for the second-level cache of the cores that have the set. They decide no
 * bit. */
typedef struct rn_gemm_blocks {
    int32_t depth;        /* k of a block: a panel of weights this deep stays while the rows pass over it */
    int32_t rows;         /* packed rows of a block, or its band */
    int32_t tiles;        /* finished tiles of a block */
    int32_t columns;      /* columns of a block */
    int32_t range;        /* of the gradient of the weights: channels and columns of a unit, */
    int32_t stretch;      /* packed operands of a stretch, */
    int32_t stretch_rows; /* and its rows at most */
} rn_gemm_blocks;

/* For 1 MB. */
#define RN_GEMM_BLOCKS \
    { \
        1152, 80 * 1024, 64 * 1024, 512, 512, 128 * 1024, 448 \
    }

/* What is of floats whatever the operands of products are: nr and unit are those of the table that points to it. */
typedef struct rn_float_kernels {
    /*
     * Places [begin, end) of a row and of those that follow it, into blocks of `unit` (weights: `nr`) floats that are
     * `stride` floats apart; the last block is filled up with zeros; the blocks of one row lie beside those of the row
     * before. `line` is room for end - begin + 64 floats.
     */
    void (*gather)(float *blocks, int64_t stride, const rn_gather_row *row, int64_t begin, int64_t end, float *line);
    void (*gather_weights)(float *blocks, int64_t stride, const rn_gather_row *row, int64_t begin, int64_t end,
                           float *line);

    /* to[r * to_pitch + j] = from[r * from_pitch + j] for j < columns, 0 for columns <= j < to_pitch. */
    void (*copy)(float *to, int64_t to_pitch, const float *from, int64_t from_pitch, int64_t rows, int64_t columns);
    /* to[k * nr + j] = from[j * from_pitch + k] for k < depth and j < columns <= nr, 0 for columns <= j < nr. */
    void (*transpose)(float *to, const float *from, int64_t from_pitch, int64_t depth, int64_t columns);

    /* Channel by channel: to[c] = sum over t of taps[t].x[c] * taps[t].weights[c]; to[c] += a[c] * b[c]. */
    void (*multiply_taps)(int64_t count, const rn_gemm_tap *taps, int64_t channels, float *to);
    void (*add_products)(int64_t channels, const float *a, const float *b, float *to);
} rn_float_kernels;

/*
 * Products of bfloat16 numbers: two neighbours along k take the place of a float in the operands of multiply,
 * multiply_weights and multiply_dots (`depth`, steps and pitches count pairs) and are multiplied and summed by one
 * instruction, in float32. Rounding to bfloat16 is to the nearest, ties to even. A map of halves (ops/map.h) has such
 * pairs for channels; else nothing but these kernels looks into one.
 */
typedef struct rn_pair_kernels {
    /* to[i] = (from[2i], from[2i + 1]), 0 behind `count` floats */
    void (*neighbours)(float *to, const float *from, int64_t count);
    /* to[j] = (first[j], second[j]) for j < count, 0 for count <= j < stored; second NULL: zeros. `to` may be
     * `first`. */
    void (*rows)(float *to, int64_t stored, const float *first, const float *second, int64_t count);
    /* `transpose` of neighbours: to[k * nr + j] = (from[j * from_pitch + 2k], from[j * from_pitch + 2k + 1]) */
    void (*transpose)(float *to, const float *from, int64_t from_pitch, int64_t depth, int64_t columns);

    /*
     * Of numbers that are bfloat16 already (from_pitch counts them): rows two and two, to[r * to_pitch + j] =
     * (from[2r * from_pitch + j], from[(2r + 1) * from_pitch + j]) for j < count, 0 for count <= j < stored and behind
     * the last of `rows`; and back to floats.
     */
    void (*interleave)(float *to, int64_t to_pitch, int64_t stored, const uint16_t *from, int64_t from_pitch,
                       int64_t rows, int64_t count);
    void (*widen)(float *to, const uint16_t *from, int64_t count);
    const rn_row_kernels *halves; /* of maps of such numbers (row_kernels.h) */
} rn_pair_kernels;

enum {
    RN_GEMM_CHAINS = 16, /* of a dot product */
    RN_GEMM_NR_MOST = 32 /* a multiple of nr, in each table that a set's Winograd kernels go with */
};

typedef enum rn_gemm_start { RN_GEMM_FRESH, RN_GEMM_CONTINUE, RN_GEMM_ADD } rn_gemm_start;

/* Of pairs: rows are never packed, so sums are as deep as a panel that L2 holds beside a band. */
#define RN_PAIR_BLOCKS \
    { \
        2560, 80 * 1024, 64 * 1024, 512, 512, 128 * 1024, 448 \
    }

typedef struct rn_gemm_kernels {
    int32_t mr, nr, unit;
    rn_gemm_blocks blocks;
    const rn_pair_kernels *pairs; /* NULL: products are of floats */
    const rn_float_kernels *floats;

    void (*multiply)(int64_t rows, int64_t depth, const rn_gemm_rows *a, const float *b, float *c, int64_t ldc,
                     rn_gemm_start start);
    void (*multiply_weights)(int64_t rows, int64_t depth, const float *a, int64_t lda, const float *b, float *c,
                             int64_t ldc, bool accumulate);
    /*
     * Dot products along k: sums[(o * samples + n) * 16 + l] = (accumulate: sums +) chain l of
     * w[o * w_pitch + k] * x[n * x_pitch + k], over k = l, l + 16, ... below depth. Depths of calls that go on are
     * multiples of 16.
     */
    void (*multiply_dots)(int64_t outs, int64_t samples, int64_t depth, const float *w, int64_t w_pitch, const float *x,
                          int64_t x_pitch, float *sums, bool accumulate);
} rn_gemm_kernels;

extern const rn_float_kernels rn_floats_baseline, rn_floats_avx2, rn_floats_avx512;
extern const rn_gemm_kernels rn_gemm_reference, rn_gemm_baseline, rn_gemm_avx2, rn_gemm_avx512;
extern const rn_gemm_kernels rn_gemm_avx512_bf16; /* needs AVX512_BF16 beside AVX-512 */

#endif
