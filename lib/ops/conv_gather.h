/* SPDX-License-Identifier: MIT */
/*
 * The im2col matrix of a window sliding over a feature map, row by row, without storing it: row m belongs to output
 * pixel m = (image, i, j) and has the window's pixels in the order (window row, window column, channel).
 *
 *   input row of (i, window row)        = i * stride_h + offset_h + dilation_h * window row
 *   input column of (j, window column)  = j * stride_w + offset_w + dilation_w * window column   outside the map: zero
 *
 * The same description serves forward passes (offset = -padding), the gradient behind a stride-1 convolution and each
 * class of the gradient behind a strided one: what differs are the offsets and the window.
 */
#ifndef RN_OPS_CONV_GATHER_H
#define RN_OPS_CONV_GATHER_H

#include "kernels/kernels.h"
#include "ops/conv.h"
#include "ops/integers.h"

typedef struct rn_gather {
    const float *data;
    int64_t pitch, channels;
    /* 0, or channels are pairs of bfloat16 made of so many floats: then rows are read from bands only, but for single
     * pixels of a map of halves, whose numbers are that already. */
    int64_t floats;
    bool is_halved;
    int64_t in_h, in_w, out_h, out_w;
    int64_t window_h, window_w, stride_h, stride_w, offset_h, offset_w, dilation_h, dilation_w;
    bool is_formed; /* rows are those of the map, and formed (ops/conv.h) by whoever reads them */
} rn_gather;

/* 2 KB: rows a multiple of them apart fall on two sets of a first-level cache of 32 KB, and eight drive others out. */
enum { RN_COLLIDING_FLOATS = 512 };

/* An output pixel on its way through the map. */
typedef struct rn_gather_pixel {
    int64_t image, i, j;
} rn_gather_pixel;

/* Pixels of the map from a window's first row or column to its last. */
static inline int64_t rn_gather_reach(int64_t window, int64_t dilation)
{
    return window > 0 ? dilation * (window - 1) + 1 : 0;
}

/* Numbers that a product has of `channels` channels of a pixel: as many, or pairs, the last one filled up with zero. */
static inline int64_t rn_gemm_channels(const rn_gemm_kernels *gemm, int64_t channels)
{
    return gemm->pairs == NULL ? channels : rn_divide_up(channels, 2);
}

/* The same rows for products of `gemm`'s kind. */
static inline rn_gather rn_gather_for(const rn_gemm_kernels *gemm, rn_gather gather)
{
    gather.floats = gemm->pairs == NULL ? 0 : gather.channels;
    gather.channels = rn_gemm_channels(gemm, gather.channels);
    return gather;
}

static inline int64_t rn_gather_depth(const rn_gather *gather)
{
    return gather->window_h * gather->window_w * gather->channels;
}

/* The windows that a convolution's forward pass slides over `x`, in the channels of one group. */
rn_gather rn_gather_windows(const rn_conv *conv, const rn_map *x, int64_t group);

rn_gather_pixel rn_gather_pixel_at(const rn_gather *gather, int64_t m);

/* Places [begin, end) of the rows [m, m + rows), packed as the kernels' operand a: [depth / unit][rows][unit]. */
void rn_gather_panel(const rn_gather *gather, const rn_gemm_kernels *gemm, float *panel, int64_t m, int64_t rows,
                     int64_t begin, int64_t end, float *line);

/* The same as operand b of the weight gradient: panels [rows][nr] of columns, `panel_stride` floats apart. */
void rn_gather_columns(const rn_gather *gather, const rn_gemm_kernels *gemm, float *panels, int64_t panel_stride,
                       int64_t m, int64_t rows, int64_t begin, int64_t end, float *line);

#endif
