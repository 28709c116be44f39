/* SPDX-License-Identifier: MIT */
/*
 * Dot products for linear layers: weights and samples, floats or pairs, lie along k, and neither needs to be packed. A
 * sum is 16 chains, chain l over k = l, l + 16, ..., whatever the width of a vector is, so that AVX2 and AVX-512 give
 * the same bits. gemm_body.h says what MULTIPLY_ADD is.
 *
 * A tile of OUTS x SAMPLES sums is kept in registers. Rows that a smaller product lacks are stood in for by its last
 * one, and their sums are dropped: reading the weights is what takes the time. Those of the next tile, which lie in
 * other pages, are asked for while one is computed.
 */
#ifndef RN_KERNELS_GEMM_DOTS_H
#define RN_KERNELS_GEMM_DOTS_H

enum {
    DOT_PARTS = RN_GEMM_CHAINS / WIDTH, /* vectors of a sum */
#if defined(RN_MULTIPLY_PAIRS)          /* less code; from the fifth sample on weights come from L2 */
    DOT_OUTS = 2,
    DOT_SAMPLES = 4
#else
    DOT_OUTS = WIDTH == 16 ? 3 : 1,
    DOT_SAMPLES = WIDTH == 16  ? 8
                  : WIDTH == 8 ? 4
                               : 2
#endif
};

_Static_assert(RN_GEMM_CHAINS % WIDTH == 0, "a sum is whole vectors");

typedef struct dot_tile {
    vector sum[DOT_OUTS][DOT_SAMPLES][DOT_PARTS];
} dot_tile;

/* sum += products of 16 neighbours along k */
ALWAYS_INLINE void dot_step(dot_tile *tile, const float *const *weights, const float *const *samples, int64_t k)
{
    vector w[DOT_OUTS][DOT_PARTS];

    UNROLL
    for (int o = 0; o < DOT_OUTS; o++) {
        UNROLL
        for (int p = 0; p < DOT_PARTS; p++)
            w[o][p] = load(weights[o] + k + p * WIDTH);
    }
    UNROLL
    for (int n = 0; n < DOT_SAMPLES; n++) {
        UNROLL
        for (int p = 0; p < DOT_PARTS; p++) {
            const vector x = load(samples[n] + k + p * WIDTH);

            UNROLL
            for (int o = 0; o < DOT_OUTS; o++)
                tile->sum[o][n][p] = MULTIPLY_ADD(tile->sum[o][n][p], w[o][p], x);
        }
    }
}

/* The last, incomplete step: chains that have no element any more add a product of zeros. */
ALWAYS_INLINE void dot_rest(dot_tile *tile, const float *const *weights, const float *const *samples, int64_t k,
                            int64_t count)
{
    float w[DOT_OUTS][RN_GEMM_CHAINS] = { { 0 } }, x[DOT_SAMPLES][RN_GEMM_CHAINS] = { { 0 } };
    const float *padded_w[DOT_OUTS], *padded_x[DOT_SAMPLES];

    for (int o = 0; o < DOT_OUTS; o++) {
        memcpy(w[o], weights[o] + k, (size_t)count * sizeof w[o][0]);
        padded_w[o] = w[o];
    }
    for (int n = 0; n < DOT_SAMPLES; n++) {
        memcpy(x[n], samples[n] + k, (size_t)count * sizeof x[n][0]);
        padded_x[n] = x[n];
    }
    dot_step(tile, padded_w, padded_x, 0);
}

ALWAYS_INLINE int64_t dot_row(int64_t row, int64_t rows)
{
    return row < rows ? row : rows - 1;
}

ALWAYS_INLINE void multiply_dot_tile(int64_t outs, int64_t samples, int64_t depth, const float *w, int64_t w_pitch,
                                     const float *x, int64_t x_pitch, float *sums, int64_t out_pitch, bool accumulate,
                                     int64_t ahead)
{
    const float *weights[DOT_OUTS], *sample[DOT_SAMPLES];
    const int64_t whole = depth / RN_GEMM_CHAINS * RN_GEMM_CHAINS;
    dot_tile tile;

    for (int o = 0; o < DOT_OUTS; o++)
        weights[o] = w + dot_row(o, outs) * w_pitch;
    for (int n = 0; n < DOT_SAMPLES; n++)
        sample[n] = x + dot_row(n, samples) * x_pitch;
    UNROLL
    for (int o = 0; o < DOT_OUTS; o++) {
        UNROLL
        for (int n = 0; n < DOT_SAMPLES; n++) {
            const float *const from = sums + dot_row(o, outs) * out_pitch + dot_row(n, samples) * RN_GEMM_CHAINS;

            UNROLL
            for (int p = 0; p < DOT_PARTS; p++)
                tile.sum[o][n][p] = accumulate ? load(from + p * WIDTH) : (vector){ 0 };
        }
    }
    for (int64_t k = 0; k < whole; k += RN_GEMM_CHAINS) {
        UNROLL
        for (int o = 0; o < DOT_OUTS; o++)
            __builtin_prefetch(weights[o] + k + ahead);
        dot_step(&tile, weights, sample, k);
    }
    if (whole < depth)
        dot_rest(&tile, weights, sample, whole, depth - whole);
    UNROLL
    for (int o = 0; o < DOT_OUTS; o++) {
        UNROLL
        for (int n = 0; n < DOT_SAMPLES; n++) {
            UNROLL
            for (int p = 0; p < DOT_PARTS; p++)
                if (o < outs && n < samples)
                    store(sums + o * out_pitch + n * RN_GEMM_CHAINS + p * WIDTH, tile.sum[o][n][p]);
        }
    }
}

static void multiply_dots(int64_t outs, int64_t samples, int64_t depth, const float *w, int64_t w_pitch, const float *x,
                          int64_t x_pitch, float *sums, bool accumulate)
{
    const int64_t out_pitch = samples * RN_GEMM_CHAINS;

    for (int64_t n = 0; n < samples; n += DOT_SAMPLES)
        for (int64_t o = 0; o < outs; o += DOT_OUTS)
            multiply_dot_tile(outs - o, samples - n, depth, w + o * w_pitch, w_pitch, x + n * x_pitch, x_pitch,
                              sums + o * out_pitch + n * RN_GEMM_CHAINS, out_pitch, accumulate,
                              o + 2 * DOT_OUTS <= outs ? DOT_OUTS * w_pitch : 0);
}

#endif
