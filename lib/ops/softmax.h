/* SPDX-License-Identifier: MIT */
/*
 * The core of every softmax: of a row of numbers x the largest, and the sum of exp(x - largest), in double. So
 *
 *   softmax_j = exp(x_j - largest) / sum      log sum_j exp x_j = largest + log(sum)
 */
#ifndef RN_OPS_SOFTMAX_H
#define RN_OPS_SOFTMAX_H

#include <math.h>
#include <stdint.h>

typedef struct rn_softmax {
    double largest, sum;
} rn_softmax;

/* Of at least one number. */
static inline rn_softmax rn_softmax_of(const float *x, int64_t count)
{
    rn_softmax row = { (double)x[0], 0 };

    for (int64_t j = 1; j < count; j++)
        row.largest = (double)x[j] > row.largest ? (double)x[j] : row.largest;
    for (int64_t j = 0; j < count; j++)
        row.sum += exp((double)x[j] - row.largest);
    return row;
}

#endif
