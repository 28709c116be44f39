/* SPDX-License-Identifier: MIT */
/*
 * The joint backward step of a convolution of single pixels behind which a batch norm stands (rn_conv_joint). A unit is
 * a chunk of the gradient of the weights (conv_weights.c): for a stretch of its rows it forms dy in the thread's L2,
 * multiplies it by the packed weights into rows of dx, and by the columns of x into its part of dw. Maps are read once
 * for both gradients, where a pass for dy alone would write it, and two read it again.
 *
 * A row of dx is a chain over all channels of dy, and an element of dw one over the chunk's rows, as in passes one by
 * one.
 */
#include "ops/conv_algorithm.h"
#include "ops/conv_product.h"
#include "ops/matrix.h"

void rn_joint_form(const rn_row_kernels *kernels, const rn_conv_joint *joint, int64_t m, int64_t rows, rn_matrix dy)
{
    const rn_row_combine form = { .a = rn_matrix_from(joint->g, m),
                                  .b = rn_matrix_from(joint->y, m),
                                  .ka = joint->k0,
                                  .kb = joint->k1,
                                  .mean = joint->mean,
                                  .c = joint->k2,
                                  .out = dy };

    kernels->combine(rows, joint->g->c, &form);
}

/* Asks for the memory of a tile, which its product hides the wait for. */
static void fetch_tile(rn_matrix dx, int64_t rows, int64_t columns)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < columns; j += RN_FLOATS_A_LINE)
            __builtin_prefetch(dx.data + r * dx.pitch + j, 1);
}

/* A tile of dx; the last columns by way of `tile`, so that no other channel's are touched. */
static void multiply_tile(const rn_gemm_kernels *gemm, int64_t rows, int64_t depth, const rn_gemm_rows *dy,
                          const float *panel, rn_matrix dx, int64_t columns, bool adds, float *tile)
{
    const rn_gemm_start start = adds ? RN_GEMM_ADD : RN_GEMM_FRESH;

    fetch_tile(dx, rows, columns);
    if (columns == gemm->nr) {
        gemm->multiply(rows, depth, dy, panel, dx.data, dx.pitch, start);
        return;
    }
    if (adds)
        gemm->floats->copy(tile, gemm->nr, dx.data, dx.pitch, rows, columns);
    gemm->multiply(rows, depth, dy, panel, tile, gemm->nr, start);
    for (int64_t r = 0; r < rows; r++)
        gemm->floats->copy(dx.data + r * dx.pitch, columns, tile + r * gemm->nr, gemm->nr, 1, columns);
}

void rn_joint_data(const rn_gemm_kernels *gemm, const rn_conv_joint *joint, const float *packed, int64_t m,
                   int64_t rows, rn_matrix dy, float *tile)
{
    const int64_t depth = joint->g->c, channels = joint->dx->c, tiles = rn_divide_up(rows, gemm->mr);

    for (int64_t c = 0; c < channels; c += gemm->nr)
        for (int64_t t = 0; t < tiles; t++) {
            const int64_t first = rows * t / tiles, height = rows * (t + 1) / tiles - first;
            const rn_gemm_rows left = { dy.data + first * dy.pitch, dy.pitch, depth, 0 };

            multiply_tile(gemm, height, depth, &left, packed + c * depth, rn_matrix_part(joint->dx, m + first, c),
                          rn_least(gemm->nr, channels - c), joint->adds_dx, tile);
        }
}
