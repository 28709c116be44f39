/* SPDX-License-Identifier: MIT */
/* Which sample comes where in an epoch. */
#ifndef RN_DATA_SAMPLER_H
#define RN_DATA_SAMPLER_H

#include "data/dataset.h"

typedef struct rn_sampler {
    size_t count;  /* of the dataset */
    size_t length; /* of an epoch */
    double *sums;  /* of the weights up to each sample, which is drawn by them; NULL: each comes once */
    bool shuffles;
    uint64_t seed;
} rn_sampler;

/* By the options, whose seed is settled. RN_INVALID_ARGUMENT, RN_SHAPE, RN_NO_MEMORY; nothing is kept then. */
rn_status rn_sampler_create(rn_sampler *sampler, const rn_dataset *dataset, const rn_loader_options *options);
void rn_sampler_release(rn_sampler *sampler, const rn_allocator *allocator);
/* The samples of an epoch, `length` of them. */
void rn_sampler_order(size_t *order, const rn_sampler *sampler, uint64_t epoch);

#endif
