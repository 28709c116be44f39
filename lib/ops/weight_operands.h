/* SPDX-License-Identifier: MIT */
/*
 * The operands of the gradient of the weights (conv_weights.c), a stretch of rows at a time, as the kernel takes them:
 * columns of the windows in panels, and rows of dy. If products are of pairs, two rows one after the other are a row of
 * pairs, an odd one at the end with zeros.
 */
#ifndef RN_OPS_WEIGHT_OPERANDS_H
#define RN_OPS_WEIGHT_OPERANDS_H

#include "kernels/row_kernels.h"
#include "ops/conv.h"

typedef struct rn_weight_operands {
    const rn_gemm_kernels *gemm;
    const rn_row_kernels *rows;
    const rn_conv *conv;
    const rn_weight_blocks *blocks;
    const rn_map *x, *dy;
    const rn_conv_form *form; /* of x; NULL: none */
} rn_weight_operands;

/* Rows [m, m + rows) of a group, channels [out, out + outs) of its dy, columns [column, column + columns) of its
 * windows. */
typedef struct rn_weight_stretch {
    int64_t group, m, rows, out, outs, column, columns;
} rn_weight_stretch;

/* A thread's. */
typedef struct rn_weight_room {
    float *columns, *gradients, *tile, *line;
} rn_weight_room;

/* Floats of room->line, for a range of `columns` columns. */
int64_t rn_weight_line_floats(const rn_gemm_kernels *gemm, const rn_conv *conv, int64_t columns);

/* Into room->columns, panels blocks->column_floats apart. */
void rn_weight_columns(const rn_weight_operands *operands, const rn_weight_stretch *stretch,
                       const rn_weight_room *room);
/* Where it lies, or in room->gradients. */
rn_matrix rn_weight_gradients(const rn_weight_operands *operands, const rn_weight_stretch *stretch,
                              const rn_weight_room *room);

#endif
