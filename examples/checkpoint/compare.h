/* SPDX-License-Identifier: MIT */
/* How far two tensors of one shape lie apart. */
#ifndef EXAMPLES_CHECKPOINT_COMPARE_H
#define EXAMPLES_CHECKPOINT_COMPARE_H

#include <resnet/resnet.h>

typedef struct comparison {
    int64_t different; /* elements */
    double absolute;   /* the largest |a - b|; infinite where just one is no number, or where infinities differ */
    double relative;   /* the largest |a - b| / max(|a|, |b|) */
} comparison;

int compare_shapes(const rn_tensor *a, const rn_tensor *b);
/*
 * For equal shapes; types may differ. Elements are different if |a - b| is more than the tolerance; a negative one
 * means the bits where the types are the same, else the numbers. NaN is as far from NaN as 1 from 1. RN_NO_MEMORY.
 */
rn_status compare_tensors(comparison *answer, rn_context *context, const rn_tensor *a, const rn_tensor *b,
                          double tolerance);

#endif
