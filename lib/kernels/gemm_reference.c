/* SPDX-License-Identifier: MIT */
/*
 * The matrix kernels as their definitions say, for checking the others: plain loops, no fused multiply-adds (the build
 * forbids contraction in this file), never tuned. The block sizes are odd on purpose: nothing above may rely on
 * particular ones.
 */
#include "kernels/gemm_kernels.h"

#include <stddef.h>

enum { ROWS = 3, COLUMNS = 5, UNIT = 2 };

static void multiply(int64_t rows, int64_t depth, const rn_gemm_rows *a, const float *b, float *c, int64_t ldc,
                     rn_gemm_start start)
{
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < COLUMNS; j++) {
            float sum = start == RN_GEMM_CONTINUE ? c[i * ldc + j] : 0;

            for (int64_t k = 0; k < depth; k++)
                sum +=
                    a->first[i * a->step + k / a->run_length * a->run_pitch + k % a->run_length] * b[k * COLUMNS + j];
            c[i * ldc + j] = start == RN_GEMM_ADD ? c[i * ldc + j] + sum : sum;
        }
    }
}

static void multiply_weights(int64_t rows, int64_t depth, const float *a, int64_t lda, const float *b, float *c,
                             int64_t ldc, bool accumulate)
{
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < COLUMNS; j++) {
            float sum = accumulate ? c[i * ldc + j] : 0;

            for (int64_t k = 0; k < depth; k++)
                sum += a[k * lda + i] * b[k * COLUMNS + j];
            c[i * ldc + j] = sum;
        }
    }
}

static void multiply_dots(int64_t outs, int64_t samples, int64_t depth, const float *w, int64_t w_pitch, const float *x,
                          int64_t x_pitch, float *sums, bool accumulate)
{
    for (int64_t o = 0; o < outs; o++)
        for (int64_t n = 0; n < samples; n++) {
            float *const chains = sums + (o * samples + n) * RN_GEMM_CHAINS;

            for (int l = 0; l < RN_GEMM_CHAINS; l++) {
                float sum = accumulate ? chains[l] : 0;

                for (int64_t k = l; k < depth; k += RN_GEMM_CHAINS)
                    sum += w[o * w_pitch + k] * x[n * x_pitch + k];
                chains[l] = sum;
            }
        }
}

static float place_of(const rn_gather_row *row, int64_t r, int64_t place)
{
    const int64_t run = place / row->run_length, at = place % row->run_length - row->lead;

    if (run < row->first_run || run >= row->end_run || at < 0 || at >= row->count)
        return 0;
    return row->source[r * row->more_step + (run - row->first_run) * row->run_pitch +
                       at / row->piece * row->piece_pitch + at % row->piece];
}

static void gather_blocks(int64_t width, float *blocks, int64_t stride, const rn_gather_row *row, int64_t begin,
                          int64_t end)
{
    for (int64_t r = 0; r <= row->more; r++)
        for (int64_t i = 0; i < (end - begin + width - 1) / width * width; i++)
            blocks[i / width * stride + r * width + i % width] = begin + i < end ? place_of(row, r, begin + i) : 0;
}

static void gather(float *blocks, int64_t stride, const rn_gather_row *row, int64_t begin, int64_t end, float *line)
{
    (void)line;
    gather_blocks(UNIT, blocks, stride, row, begin, end);
}

static void gather_weights(float *blocks, int64_t stride, const rn_gather_row *row, int64_t begin, int64_t end,
                           float *line)
{
    (void)line;
    gather_blocks(COLUMNS, blocks, stride, row, begin, end);
}

static void copy(float *to, int64_t to_pitch, const float *from, int64_t from_pitch, int64_t rows, int64_t columns)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < to_pitch; j++)
            to[r * to_pitch + j] = j < columns ? from[r * from_pitch + j] : 0;
}

static void transpose(float *to, const float *from, int64_t from_pitch, int64_t depth, int64_t columns)
{
    for (int64_t k = 0; k < depth; k++)
        for (int64_t j = 0; j < COLUMNS; j++)
            to[k * COLUMNS + j] = j < columns ? from[j * from_pitch + k] : 0;
}

static void multiply_taps(int64_t count, const rn_gemm_tap *taps, int64_t channels, float *to)
{
    for (int64_t c = 0; c < channels; c++) {
        float sum = 0;

        for (int64_t t = 0; t < count; t++)
            sum += taps[t].x[c] * taps[t].weights[c];
        to[c] = sum;
    }
}

static void add_products(int64_t channels, const float *a, const float *b, float *to)
{
    for (int64_t c = 0; c < channels; c++)
        to[c] += a[c] * b[c];
}

static const rn_float_kernels floats = { .gather = gather,
                                         .gather_weights = gather_weights,
                                         .copy = copy,
                                         .transpose = transpose,
                                         .multiply_taps = multiply_taps,
                                         .add_products = add_products };

const rn_gemm_kernels rn_gemm_reference = { .mr = ROWS,
                                            .nr = COLUMNS,
                                            .unit = UNIT,
                                            .blocks = RN_GEMM_BLOCKS,
                                            .floats = &floats,
                                            .multiply = multiply,
                                            .multiply_weights = multiply_weights,
                                            .multiply_dots = multiply_dots };
