/* SPDX-License-Identifier: MIT */
/*
 * The engine of Winograd's forward and backward-data passes (kernels/winograd_kernels.h has the mathematics): inputs of
 * tiles are transformed, each of 36 planes is a product of matrices [tiles][reduced] x [reduced][columns], and the
 * planes of outputs are transformed back.
 *
 * Where there are few weights, their planes are made beforehand and kept, and a unit of work is a block of tiles from
 * input to output in its thread's L2. Where there are many (36/9 times the parameters: 38 MB for 512 x 512), they are
 * made a block at a time by the unit that multiplies by them, a panel of columns; then the inputs of all tiles are
 * transformed first and read by all threads. An element of a plane is the sum of chains of multiply-adds over 128
 * channels each, added up in their order, in either case: half the error of one chain. Transformed inputs lie plane by
 * plane, in them chain by chain, in them tile by tile, so that a product reads them in one run.
 */
#ifndef RN_OPS_WINOGRAD_PRODUCT_H
#define RN_OPS_WINOGRAD_PRODUCT_H

#include "context/context.h"
#include "ops/conv.h"
#include "ops/winograd_tiles.h"

/* Weights as they lie in the parameter store, (out, 3, 3, in); turned: reduced over `out`, with the window turned
 * round. What is packed of straight ones are their planes, if those are kept, or else panels [columns /
 * nr][tap][in][nr], of which planes can be made in long runs. Turned ones lie like that already, so that nothing is
 * packed of them but kept planes. */
typedef struct rn_winograd_weights {
    const float *data;
    int64_t in, out;
    bool is_turned;
} rn_winograd_weights;

typedef struct rn_winograd_pass {
    const rn_map *x, *y;
    int64_t padding_h, padding_w; /* of x */
    rn_winograd_weights weights;
    const float *packed; /* planes or panels */
    const rn_conv_epilogue *epilogue;
} rn_winograd_pass;

static inline int64_t rn_winograd_reduced(const rn_winograd_weights *weights)
{
    return weights->is_turned ? weights->out : weights->in;
}

static inline int64_t rn_winograd_columns(const rn_winograd_weights *weights)
{
    return weights->is_turned ? weights->in : weights->out;
}

/* For maps y of h x w pixels of at most `images` images. */
rn_winograd_blocks rn_winograd_blocks_for(const rn_context *context, const rn_winograd_weights *weights, int64_t images,
                                          int64_t h, int64_t w);
/* Floats of what is packed. */
int64_t rn_winograd_packed_floats(const rn_context *context, const rn_winograd_blocks *blocks,
                                  const rn_winograd_weights *weights);
/* In bytes, without packed weights. SIZE_MAX: they cannot be counted. */
size_t rn_winograd_workspace(const rn_context *context, const rn_winograd_blocks *blocks);
void rn_winograd_pack(const rn_context *context, const rn_winograd_blocks *blocks, const rn_winograd_weights *weights,
                      float *packed);
void rn_winograd_run(const rn_context *context, const rn_winograd_blocks *blocks, const rn_winograd_pass *pass,
                     void *workspace);

/* Transforms the inputs of a tile, `channels` of them from `first` on, `stored` floats of each plane; pixels outside x
 * are `nothing`, as many zeros. */
void rn_winograd_read(const rn_context *context, const rn_map *x, int64_t padding_h, int64_t padding_w,
                      const rn_tile *tile, int64_t first, int64_t channels, int64_t stored, const float *nothing,
                      float *planes, int64_t plane_pitch);

#endif
