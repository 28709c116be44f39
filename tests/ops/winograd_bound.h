/* SPDX-License-Identifier: MIT */
/*
 * How far off a sum of Winograd's may be: the transforms with absolute values applied to absolute values, in double,
 * from the definition of the matrices by their points. Written without a look at the kernels' formulas.
 */
#ifndef RN_TESTS_OPS_WINOGRAD_BOUND_H
#define RN_TESTS_OPS_WINOGRAD_BOUND_H

#include "ops/conv_cases.h"

/* A batch of maps, densely packed. */
typedef struct rn_test_dense {
    double *data;
    int64_t n, h, w, c;
} rn_test_dense;

/* sum over channels of |A|^T [(|G| |g| |G|^T) . (|B|^T |x| |B|)] |A| for each output of a convolution of x, padded by
 * p, with weights [out][9][x.c]; caller frees. */
double *rn_test_winograd_sizes(const rn_test_dense *x, int64_t p_h, int64_t p_w, const double *weights, int64_t out,
                               int64_t out_h, int64_t out_w);
/* The same for the gradient of the weights, [dy.c][9][x.c]. */
double *rn_test_winograd_weight_sizes(const rn_test_dense *x, int64_t p_h, int64_t p_w, const rn_test_dense *dy);

#endif
