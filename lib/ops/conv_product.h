/* SPDX-License-Identifier: MIT */
/*
 * The engine behind forward and backward-data passes: rows of an im2col matrix times packed weights.
 *
 *   out[m, n] = relu?(sum over k of gather[m, k] * packed[k, n] * scale[n] + shift[n] + residual[m, n])
 *
 * A pass is a list of such products (groups of channels, classes of pixels). Each is cut into blocks of rows and
 * columns; a unit of work multiplies the rows of a block, panel by panel, into a tile buffer in its thread's L2 and
 * lets the finished rows out in one pass. Rows are read in place or from a band of the map (conv_band.h) where that is
 * small enough, and packed where it is not; rows that are formed come to lie in a band, too. All of that is chosen for
 * speed alone: an element is one chain of multiply-adds whatever the blocks are.
 */
#ifndef RN_OPS_CONV_PRODUCT_H
#define RN_OPS_CONV_PRODUCT_H

#include "context/context.h"
#include "ops/conv_gather.h"

/* Floats between neighbouring pixels, lines and images. */
typedef struct rn_steps {
    int64_t pixel, line, image;
} rn_steps;

static inline rn_steps rn_steps_of(const rn_map *map)
{
    return (rn_steps){ map->pitch, map->w * map->pitch, map->h * map->w * map->pitch };
}

typedef struct rn_product {
    rn_gather gather; /* the rows; gather.out_h, out_w and `images` are the grid of pixels that come out */
    int64_t images;
    rn_conv_form form;   /* of formed rows */
    const float *packed; /* [columns / nr][depth][nr] */
    int64_t columns;
    const float *scale, *shift; /* NULL: none */
    bool relu;
    bool is_halved; /* what comes out, and the residual (ops/map.h) */
    float *out;
    rn_steps out_steps;
    float *residual; /* NULL: none; only read */
    rn_steps residual_steps;
} rn_product;

/* Describes product `index` of the pass. */
typedef void (*rn_product_describe)(rn_product *product, const void *pass, int64_t index);

/* What decides the blocks: the largest of a pass's products. */
typedef struct rn_product_shape {
    int64_t products, images, columns;
    rn_gather largest; /* each extent, window and stride as large as any product has it; the rest is not looked at */
} rn_product_shape;

/* Floats or pairs of the packed weights of all groups, each `columns` wide and window * `channels` deep
 * (gather.channels); INT64_MAX if they cannot be counted. */
int64_t rn_product_packed_floats(const rn_gemm_kernels *gemm, const rn_conv *conv, int64_t columns, int64_t channels);

rn_product_blocks rn_product_blocks_for(const rn_context *context, const rn_gemm_kernels *gemm,
                                        const rn_product_shape *shape);
/* The kernels for a plan's products of a shape: of pairs, if those are wanted, there are no groups, and rows of pairs need no
 * packing. */
const rn_gemm_kernels *rn_product_kernels(const rn_context *context, const rn_conv_plan *plan,
                                          rn_product_shape (*shape)(const rn_gemm_kernels *gemm, const rn_conv *conv,
                                                                    int64_t batch));
size_t rn_product_workspace(const rn_context *context, const rn_product_blocks *blocks);
/* The products may have fewer images than the shape that the blocks are for. */
void rn_product_run(const rn_context *context, const rn_product_blocks *blocks, rn_product_describe describe,
                    const void *pass, void *workspace);

/*
 * Cuts the longer side further, then the other, until `others` times all blocks give every thread work, evenly if that
 * is near.
 */
void rn_spread_blocks(rn_side *longer, rn_side *shorter, int64_t others, int64_t threads);

#endif
