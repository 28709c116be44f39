/* SPDX-License-Identifier: MIT */
/*
 * Convolution as im2col + GEMM in which the im2col matrix never exists: its rows are read where they lie in the feature
 * map, from a zero-padded band of it, or, where that does not pay, packed a block at a time into panels that fit L2.
 *
 *   forward           y[m, o]  = sum_k  col(x)[m, k] * w[o, k]          m = output pixel, k = (kh, kw, c)
 *   backward data     dx = the same engine over dy with the kernel turned round; stride s gives s*s classes of pixels
 *   backward weights  dw[o, k] = sum_m  dy[m, o] * col(x)[m, k]         in chunks of m combined by a fixed tree
 *
 * That is for the general case; 3 x 3 windows with stride 1 go through Winograd's transforms (conv_winograd.c),
 * depthwise ones are sums of taps (conv_depthwise.c), linear layers dot products (conv_linear.c).
 *
 * Weights are (out, kh, kw, in / groups) in memory, as the parameter store has them. Same bits for any number of
 * threads: the order of each output element's sums depends on shapes only. Nothing is allocated: the caller brings the
 * workspace. What depends on the shape alone (the algorithm, the blocks, the bytes) is settled once, in a plan. Zeros
 * of the padding take part in the sums: where weights (or, in the gradient of the weights, dy) are infinite or NaN at
 * the border, the outputs there are NaN, as they are with any im2col; depthwise convolutions leave them out. Infinities
 * in x stay in the outputs whose windows see them; with Winograd they become NaNs, in all outputs of the tiles that see
 * them. A linear layer is the 1 x 1 convolution of a map with h = w = 1.
 */
#ifndef RN_OPS_CONV_H
#define RN_OPS_CONV_H

#include "context/context.h"
#include "ops/map.h"

typedef struct rn_conv {
    int64_t in_h, in_w, in_c, out_h, out_w, out_c;
    int32_t kernel_h, kernel_w, stride_h, stride_w, padding_h, padding_w, groups;
    int32_t dilation; /* pixels from one of the kernel's to the next */
    /* The input is relu(x scale + shift), formed while x, which is given, is read. Only where rn_conv_forms. */
    bool is_formed;
    bool is_joint; /* backward is one pass for both gradients (rn_conv_joint). Only where rn_conv_joins. */
} rn_conv;

/* The numbers of each channel of x. */
typedef struct rn_conv_form {
    const float *scale, *shift;
} rn_conv_form;

/* True if the input of a convolution may be formed: single pixels, all of the map, are read in rows. */
bool rn_conv_forms(const rn_conv *conv);

/* True for a linear layer. It reads each weight once, so that to pack weights for `wants_pairs` (below) pays where they
 * are kept, and not where they are trained: such are planned for without. */
bool rn_conv_is_linear(const rn_conv *conv);

/*
 * Backward behind a batch norm, in one pass: dy = k0 g + (k1 (y - mean) + k2) (ops/batch_norm.h) is formed some rows at
 * a time in the cache, feeds both gradients there, and lies nowhere. The bits are those of the passes one by one.
 */
typedef struct rn_conv_joint {
    const rn_map *x;
    const rn_conv_form *form; /* of x; NULL: it is not formed */
    const rn_map *g, *y;
    const float *k0, *k1, *k2, *mean; /* one number for each channel of y */
    const float *weights;
    float *dw;
    const rn_map *dx; /* neither g nor y */
    bool adds_dw, adds_dx;
} rn_conv_joint;

/* True if that is possible, and faster than passes one by one. */
bool rn_conv_joins(const rn_context *context, const rn_conv *conv, int64_t batch);

/* What happens to the sums before they are stored: y = relu?(sum * scale[o] + shift[o] + residual). */
typedef struct rn_conv_epilogue {
    rn_conv_form form;      /* of the input, if it is formed */
    const float *scale;     /* NULL: 1 */
    const float *shift;     /* NULL: 0; a bias, or a folded batch norm */
    const rn_map *residual; /* NULL: none; shape of y */
    bool relu;
} rn_conv_epilogue;

/* How a pass of products is cut into units of work (conv_product.c). */
typedef struct rn_product_blocks {
    const rn_gemm_kernels *gemm; /* of floats or of pairs */
    int64_t products;
    bool direct;                       /* rows are read in place or from a band, whole lines of pixels */
    int64_t row_blocks, column_blocks; /* of each product */
    int64_t rows_most;                 /* in one of them */
    int64_t depth;                     /* of a pass over k, a multiple of the kernels' `unit` */
    int64_t tile_pitch;
    int64_t row_floats, tile_floats, thread_floats;
} rn_product_blocks;

/* A side of a matrix, cut into `blocks` ranges of `panels` panels. */
typedef struct rn_side {
    int64_t panels, blocks;
} rn_side;

/* How the gradient of the weights is (conv_weights.c). */
typedef struct rn_weight_blocks {
    const rn_gemm_kernels *gemm;
    int64_t depth, outs, rows; /* of a group: columns k, channels o, pixels m */
    int64_t chunks;
    rn_side out, column;              /* channels in panels of mr, columns in panels of nr */
    int64_t stretch;                  /* rows packed at once */
    int64_t out_most, column_most;    /* panels of a range */
    int64_t out_pitch, column_floats; /* of a packed row of dy; of a panel of columns */
    int64_t tile_floats, line_floats, thread_floats;
} rn_weight_blocks;

/* How a pass of Winograd's is cut into units of work (winograd_product.c). */
typedef struct rn_winograd_blocks {
    bool is_kept;   /* planes of the weights are made beforehand */
    int64_t tiles;  /* of a unit; if weights are not kept, whose inputs are transformed together */
    int64_t groups; /* of those tiles, units of their own */
    int64_t chains; /* of a sum, over at most 128 channels each */
    int64_t in_pitch, in_chain, in_plane; /* floats from a tile, a chain, a plane of inputs to the next */
    int64_t out_pitch, out_plane;         /* from a tile, a plane of outputs */
    int64_t weight_plane;                 /* of a block of weights, if they are not kept */
    int64_t nothing, shared_floats, thread_floats;
} rn_winograd_blocks;

/* How Winograd's gradient of the weights is (winograd_weights.c). */
typedef struct rn_winograd_sums {
    bool is_chunked;       /* a unit transforms what it multiplies; else all threads read what all transformed */
    int64_t chunks, tiles; /* tiles: transformed together */
    int64_t out_ranges, in_ranges; /* of channels, each a unit */
    int64_t in_step, in_plane;     /* floats from a panel, a plane of inputs to the next */
    int64_t out_pitch, out_plane;  /* from a tile, a plane of gradients */
    int64_t sum_pitch, sum_plane;  /* from a channel, a plane of sums */
    int64_t nothing, shared_floats, thread_floats;
} rn_winograd_sums;

/* A convolution over some number of images under one context's kernels and threads. */
typedef struct rn_conv_plan {
    rn_conv conv;
    int64_t batch;
    bool wants_pairs; /* products of bfloat16 numbers, where the algorithm, the shape and the CPU have them */
    const struct rn_conv_algorithm *algorithm;
    /* Floats (or pairs) of packed weights, INT64_MAX if they cannot be counted; 0: forward takes the weights as they
     * are. */
    int64_t packed_count;
    /* Bytes of workspace, aligned to RN_ALIGNMENT, that each pass needs; SIZE_MAX if they cannot be counted. The joint
     * pass is weights_bytes. */
    size_t forward_bytes, data_bytes, weights_bytes;
    rn_product_blocks forward, data;
    rn_weight_blocks weights;
    struct {
        rn_winograd_blocks forward, data;
        rn_winograd_sums weights;
    } winograd;
} rn_conv_plan;

/* For passes over `batch` images; forward may also be given fewer. `wants_pairs`: operands of products are rounded to
 * bfloat16, sums stay in float32. */
rn_conv_plan rn_conv_plan_for(const rn_context *context, const rn_conv *conv, int64_t batch, bool wants_pairs);

/* True if maps that the plan's passes read and write may be of halves (ops/map.h), each for itself, but for a residual,
 * which is like y. Not of a formed or joint one. */
bool rn_conv_takes_halves(const rn_conv_plan *plan);

/* What packed weights are laid out for: plans that differ in it, or in the algorithm, cannot share them. */
const void *rn_conv_layout(const rn_context *context, const rn_conv_plan *plan);
/* Packs weights, in parallel; `packed` is aligned to RN_ALIGNMENT. It serves the kernels of the plan's context only. */
void rn_conv_pack(const rn_context *context, const rn_conv_plan *plan, const float *weights, float *packed);
/* `packed`: the weights themselves where packed_count is 0. */
void rn_conv_forward(const rn_context *context, const rn_conv_plan *plan, const rn_map *x, const float *packed,
                     const rn_conv_epilogue *epilogue, const rn_map *y, void *workspace);
/* dx = (accumulate: dx +) gradient. */
void rn_conv_backward_data(const rn_context *context, const rn_conv_plan *plan, const rn_map *dy, const float *weights,
                           const rn_map *dx, bool accumulate, void *workspace);
/* dw (layout of the weights) = (accumulate: dw +) gradient. */
void rn_conv_backward_weights(const rn_context *context, const rn_conv_plan *plan, const rn_map *x, const rn_map *dy,
                              float *dw, bool accumulate, void *workspace);
/* The same of a formed x. */
void rn_conv_backward_weights_formed(const rn_context *context, const rn_conv_plan *plan, const rn_map *x,
                                     const rn_conv_form *form, const rn_map *dy, float *dw, bool accumulate,
                                     void *workspace);
void rn_conv_backward_joint(const rn_context *context, const rn_conv_plan *plan, const rn_conv_joint *joint,
                            void *workspace);

#endif
