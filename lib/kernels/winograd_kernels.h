/* SPDX-License-Identifier: MIT */
/*
 * Winograd's minimal filtering of 3 x 3 windows with stride 1 (Lavin and Gray, arXiv:1509.09308): a tile of 4 x 4
 * outputs costs 36 multiplications a pair of channels in place of 144, one of 3 x 3 outputs 25 in place of 81.
 *
 * In one dimension, with points x_i and m outputs from m + 2 inputs d and three weights g:
 *
 *   y = A^T [ (G g) . (B^T d) ]      A^T[r][i] = x_i^r
 *                                    G[i]      = (1, x_i, x_i^2) / prod over j != i of (x_i - x_j)
 *                                    B^T[i]    = coefficients of prod over j != i of (x - x_j)
 *
 * and for the point at infinity the highest power alone. The points are 0, 1/r, -1/r, r, -r, infinity with r = sqrt(2):
 * the error is half of that of 0, 1, -1, 2, -2 (see Barabasz et al., arXiv:1803.10986), and sums of squares need no
 * roots. A side of 3 outputs takes the points without -r. Its inputs are multiplied by x_i + r, which is what its
 * weights would lack, so that tiles of all sizes share the weights of six points a side. Plane i * 6 + j of 36 is point
 * i down, j across; a side of 3 leaves planes with its 4 alone.
 *
 * Backward data is forward with the window turned round. The gradient of the weights is the same bilinear form for
 * another operand: dg = G^T [ (B^T d) . (A dy) ], the products summed over the tiles before G^T.
 *
 * Multiplications and additions are never fused, so that every instruction set gives the same bits.
 */
#ifndef RN_KERNELS_WINOGRAD_KERNELS_H
#define RN_KERNELS_WINOGRAD_KERNELS_H

#include "kernels/row_kernels.h"

enum {
    RN_WINOGRAD_SIDE = 6, /* points */
    RN_WINOGRAD_PLANES = 36,
    RN_WINOGRAD_TAPS = 9
};

/* A tile of `height` x `width` outputs, each 3 or 4; planes lie plane_pitch floats apart. What is written to a plane
 * are `stored` floats, a multiple of the set's vector: zeros behind the last channel. */
typedef struct rn_winograd_tile {
    int32_t height, width;
    float *planes;
    int64_t plane_pitch;
} rn_winograd_tile;

typedef struct rn_winograd_kernels {
    /* planes = B^T d B of the pixels d at pixel[i * 6 + j] (i < height + 2, j < width + 2). */
    void (*input)(const rn_winograd_tile *tile, const float *const *pixel, int64_t channels, int64_t stored);
    /* planes = A dy A^T; pixels of dy lie `pixel`, lines `line` floats apart. */
    void (*gradient)(const rn_winograd_tile *tile, const float *dy, int64_t pixel, int64_t line, int64_t channels,
                     int64_t stored);
    /* The outputs A^T planes A through what row_kernels.h calls a combination, without b and mask; `a` is not looked
     * at, pitches are those of pixels, lines of the outputs and of `other` lie as far apart as the last arguments
     * say. */
    void (*output)(const rn_winograd_tile *tile, int64_t channels, const rn_row_combine *finish, int64_t out_line,
                   int64_t other_line);
    /* planes[p * plane_pitch + r * columns_stored + c] = G g G^T of weights g[tap] = taps[r * row_pitch + tap *
     * tap_pitch + c], c < columns <= columns_stored, a multiple of the vector; zeros behind the last column. */
    void (*weights)(int64_t rows, int64_t columns, int64_t columns_stored, const float *taps, int64_t row_pitch,
                    int64_t tap_pitch, float *planes, int64_t plane_pitch);
    /* dw[tap * tap_pitch + c] = (accumulate: dw +) G^T planes G, c < channels. */
    void (*weight_gradient)(int64_t channels, const float *planes, int64_t plane_pitch, float *dw, int64_t tap_pitch,
                            bool accumulate);
} rn_winograd_kernels;

extern const rn_winograd_kernels rn_winograd_baseline, rn_winograd_avx2, rn_winograd_avx512;

#endif
