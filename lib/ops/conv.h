/* SPDX-License-Identifier: MIT */
/*
 * Convolution as im2col + GEMM in which the im2col matrix never exists: its rows are read where they lie in the feature
 * map, from a zero-padded band of it, or, where that does not pay, packed a block at a time into panels that fit L2.
 *
 *   forward           y[m, o]  = sum_k  col(x)[m, k] * w[o, k]          m = output pixel, k = (kh, kw, c)
 *   backward data     dx = the same engine over dy with the kernel turned round; stride s gives s*s classes of pixels
 *   backward weights  dw[o, k] = sum_m  dy[m, o] * col(x)[m, k]         in chunks of m combined by a fixed tree
 *
 * Weights are (out, kh, kw, in / groups) in memory, as the parameter store has them. Same bits for any number of
 * threads: each output element has one chain of multiply-adds whose order depends on shapes only. Nothing is allocated:
 * the caller brings the workspace. Zeros of the padding take part in the sums: where weights (or, in the gradient of
 * the weights, dy) are infinite or NaN at the border, the outputs there are NaN, as they are with any im2col.
 * Infinities in x stay in the outputs whose windows see them. A linear layer is the 1 x 1 convolution of a map with h =
 * w = 1 (conv_linear.h).
 */
#ifndef RN_OPS_CONV_H
#define RN_OPS_CONV_H

#include "context/context.h"
#include "ops/map.h"

typedef struct rn_conv {
    int64_t in_h, in_w, in_c, out_h, out_w, out_c;
    int32_t kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w, groups;
    int32_t dilation; /* pixels from one of the kernel's to the next */
} rn_conv;

/* What happens to the sums before they are stored: y = relu?(sum * scale[o] + shift[o] + residual). */
typedef struct rn_conv_epilogue {
    const float *scale;     /* NULL: 1 */
    const float *shift;     /* NULL: 0; a bias, or a folded batch norm */
    const rn_map *residual; /* NULL: none; shape of y */
    bool relu;
} rn_conv_epilogue;

/* A map of one pixel and a kernel of one: the weights are not packed, and forward passes take them as they are. */
bool rn_conv_is_linear(const rn_conv *conv);

/*
 * Floats that packed weights take (INT64_MAX if they cannot be counted; 0 for linear layers), and packing them (in
 * parallel), aligned to RN_ALIGNMENT. Packed weights serve forward passes of one context's kernels only.
 */
int64_t rn_conv_packed_count(const rn_context *context, const rn_conv *conv);
void rn_conv_pack(const rn_context *context, const rn_conv *conv, const float *weights, float *packed);

/*
 * Bytes of workspace that the pass needs for `batch` images; the workspace is aligned to RN_ALIGNMENT. Saturates at
 * SIZE_MAX.
 */
size_t rn_conv_forward_workspace(const rn_context *context, const rn_conv *conv, int64_t batch);
size_t rn_conv_backward_data_workspace(const rn_context *context, const rn_conv *conv, int64_t batch);
size_t rn_conv_backward_weights_workspace(const rn_context *context, const rn_conv *conv, int64_t batch);

void rn_conv_forward(const rn_context *context, const rn_conv *conv, const rn_map *x, const float *packed,
                     const rn_conv_epilogue *epilogue, const rn_map *y, void *workspace);
/* dx = (accumulate: dx +) gradient. */
void rn_conv_backward_data(const rn_context *context, const rn_conv *conv, const rn_map *dy, const float *weights,
                           const rn_map *dx, bool accumulate, void *workspace);
/* dw (layout of the weights) = (accumulate: dw +) gradient. */
void rn_conv_backward_weights(const rn_context *context, const rn_conv *conv, const rn_map *x, const rn_map *dy,
                              float *dw, bool accumulate, void *workspace);

#endif
