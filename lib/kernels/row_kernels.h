/* SPDX-License-Identifier: MIT */
/*
 * Loops over the rows of feature maps (a row is a pixel: `channels` numbers, `pitch` floats from row to row) and over
 * flat arrays. They are bound by memory; each reads and writes its operands once.
 *
 * The numbers of maps are floats. There is a second table for maps of halves, bfloat16 numbers, two in the place of a
 * float: channels are even then, pitches count floats all the same, pointers are to pairs, and what is stored is
 * rounded to the nearest, ties to even. What is not a map (numbers of channels, sums, parameters) is of floats in
 * either.
 *
 * Multiplications and additions are never fused here, and the sums of a channel run in row order, so that baseline,
 * AVX2 and AVX-512 give the same bits. They sum RN_ROW_BLOCK rows at a time in float32 and those sums in double; the
 * reference sums in double throughout. An output may be one of the inputs, element for element.
 */
#ifndef RN_KERNELS_ROW_KERNELS_H
#define RN_KERNELS_ROW_KERNELS_H

#include <stdbool.h>
#include <stdint.h>

enum { RN_ROW_BLOCK = 64 /* rows that are summed in float32 */ };

/* A matrix of floats being read or written. NULL data: the operand is absent. */
typedef struct rn_matrix {
    float *data;
    int64_t pitch;
} rn_matrix;

/*
 * out = relu?((mask > 0 ? a : 0) * ka + (kb * (b - mean) + c) + other), from left to right: what is between a layer's
 * sums and the next layer, forward and backward. Absent: mask lets all through, ka is 1; without b only c is added; c
 * and other are not added. NaN in the mask lets nothing through; NaN stays NaN through the ReLU.
 */
typedef struct rn_row_combine {
    rn_matrix a, b, other, mask, out;
    const float *ka, *kb, *mean, *c; /* one for each channel; kb, mean and c come with b */
    bool relu;
} rn_row_combine;

/*
 * Operands of the sums of a batch norm's backward pass (ops/batch_norm.c has the formulas). What came out of the ReLU
 * is z or, without z, y * scale + shift as a combination computes it; without those there is no ReLU.
 */
typedef struct rn_row_gradient {
    rn_matrix g, z, y;
    const float *mean, *scale, *shift; /* one for each channel; scale and shift NULL: none */
} rn_row_gradient;

/* A window of a pooling layer: `height` x `width` pixels from `first`; row_pitch floats between its lines. */
typedef struct rn_window {
    const float *first;
    int64_t height, width, pixel_pitch, row_pitch;
} rn_window;

/* A window that hands gradients back to a pixel: its dy, and of a max pool its argmax and the pixel's place in it. */
typedef struct rn_pool_source {
    const float *dy;
    const uint8_t *argmax;
    int32_t place;
    float divisor;
} rn_pool_source;

/* What an Adam step multiplies with, computed in double by the caller (optim/adam.c). AdamW shrinks the value first, by
 * `kept`, which is 1 otherwise. */
typedef struct rn_adam_step {
    float beta1, one_minus_beta1, beta2, one_minus_beta2, weight_decay, step_size, root_correction2, eps, kept;
} rn_adam_step;

typedef struct rn_sgd_step {
    float lr, momentum, one_minus_dampening, weight_decay;
    bool nesterov, first; /* first: the buffer becomes the gradient */
} rn_sgd_step;

typedef struct rn_row_kernels {
    void (*combine)(int64_t rows, int64_t channels, const rn_row_combine *combine);
    /* The same with `a` of floats, which are not rounded before, without b and mask. */
    void (*finish)(int64_t rows, int64_t channels, const rn_row_combine *combine);
    /* sums[c] of y - base, squares[c] of (y - base)^2; base is a row like those of y */
    void (*moments)(int64_t rows, int64_t channels, rn_matrix y, const float *base, double *sums, double *squares);
    /* g = z > 0 ? g : 0, stored back where there is a ReLU; sums[c] of g, products[c] of g * (y - mean) */
    void (*gradient_sums)(int64_t rows, int64_t channels, const rn_row_gradient *gradient, double *sums,
                          double *products);
    /* sums[c] of g */
    void (*column_sums)(int64_t rows, int64_t channels, rn_matrix g, double *sums);

    /*
     * One pixel of pooling. `place` is that of the window's first pixel in the full window of `kernel` columns; argmax
     * may be NULL. The first maximum wins, and NaN wins over everything.
     */
    void (*max_window)(int64_t channels, const rn_window *window, int32_t place, int32_t kernel, float *y,
                       uint8_t *argmax);
    /* y = (sum of the window) / divisor */
    void (*mean_window)(int64_t channels, const rn_window *window, float divisor, float *y);
    /* dx = (accumulate: dx +) sum over the sources, in their order, of: dy where argmax is place; dy / divisor */
    void (*max_gather)(int64_t channels, int64_t count, const rn_pool_source *sources, bool accumulate, float *dx);
    void (*mean_gather)(int64_t channels, int64_t count, const rn_pool_source *sources, bool accumulate, float *dx);

    void (*adam)(int64_t count, const rn_adam_step *step, const float *gradient, float *value, float *mean,
                 float *square);
    /* `buffer` is NULL without momentum. */
    void (*sgd)(int64_t count, const rn_sgd_step *step, const float *gradient, float *value, float *buffer);
} rn_row_kernels;

extern const rn_row_kernels rn_rows_reference, rn_rows_baseline, rn_rows_avx2, rn_rows_avx512;
extern const rn_row_kernels rn_rows_avx512_bf16; /* of maps of halves; without optimizers; needs AVX512_BF16 */

#endif
