/* SPDX-License-Identifier: MIT */
/*
 * What happens to maps element by element between the sums: batch norms, sums, ReLUs and copies forward, masks, scales
 * and the gradient behind a batch norm backward, all one formula,
 *
 *   out = relu?((mask > 0 ? a : 0) ka + (kb (b - mean) + c) + other)
 *
 * computed from left to right without fused multiply-adds, so that it has the same bits under every instruction set.
 */
#ifndef RN_OPS_COMBINE_H
#define RN_OPS_COMBINE_H

#include "context/context.h"
#include "ops/map.h"

/* Maps have the shape of the output, and its kind of numbers; NULL: absent, as in rn_row_combine. The output may be any
 * of them. */
typedef struct rn_combination {
    const rn_map *a, *b, *other, *mask;
    const float *ka, *kb, *mean, *c; /* one number for each channel */
    bool relu;
} rn_combination;

void rn_combine(const rn_context *context, const rn_combination *combination, const rn_map *out);

/* out = a. */
static inline void rn_copy_map(const rn_context *context, const rn_map *a, const rn_map *out)
{
    const rn_combination copy = { .a = a };

    rn_combine(context, &copy, out);
}

#endif
