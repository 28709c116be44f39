/* SPDX-License-Identifier: MIT */
/*
 * Batch normalisation (arXiv:1502.03167) over the rows of a map: statistics, and the sums of its backward pass.
 *
 * Statistics are taken in fixed chunks of at most 512 rows; a chunk is shifted by its own first row and (n, mean, M2)
 * are merged in double by Chan's formula in a fixed tree, so that they are accurate at any mean and have the same bits
 * for any number of threads.
 */
#ifndef RN_OPS_BATCH_NORM_H
#define RN_OPS_BATCH_NORM_H

#include "context/context.h"
#include "ops/map.h"

/* Workspace of the two reductions below, for `rows` rows of `channels`. */
size_t rn_batch_norm_workspace(const rn_context *context, int64_t rows, int64_t channels);

/* mean[c] and variance[c] (biased: divided by the number of rows). */
void rn_batch_norm_statistics(const rn_context *context, const rn_map *y, float *mean, float *variance,
                              void *workspace);

/*
 * Backward of z = relu?(gamma * (y - mean) * inverse_deviation + beta [+ residual]) with statistics of the batch: the
 * sums, from which follow the numbers of dy = k0 g + k1 (y - mean) + k2, which is a combination (combine.h).
 */
typedef struct rn_norm_gradient {
    rn_map g;                   /* in: gradient of z; out: masked by z > 0 (which is also the residual's gradient) */
    const rn_map *z;            /* NULL: no ReLU, or */
    const float *scale, *shift; /* z = relu(scale y + shift); NULL: it is not */
    rn_map y;
    const float *mean, *inverse_deviation, *gamma;
    float *dgamma, *dbeta; /* NULL: not wanted */
    bool accumulate;       /* dgamma and dbeta are added to */
    float *slopes;         /* k0, k1, k2, each a number for each channel */
} rn_norm_gradient;

void rn_batch_norm_sums(const rn_context *context, const rn_norm_gradient *gradient, void *workspace);
/* sums[c] = (accumulate: sums[c] +) sum over rows: a bias's gradient. Workspace: rn_batch_norm_workspace. */
void rn_channel_sums(const rn_context *context, const rn_map *g, float *sums, bool accumulate, void *workspace);

#endif
