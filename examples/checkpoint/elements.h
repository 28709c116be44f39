/* SPDX-License-Identifier: MIT */
/* A tensor's elements in row-major order of its shape, a piece at a time, whatever its strides are. */
#ifndef EXAMPLES_CHECKPOINT_ELEMENTS_H
#define EXAMPLES_CHECKPOINT_ELEMENTS_H

#include <resnet/resnet.h>

enum { ELEMENTS_PIECE = 2048, ELEMENTS_BYTES = 8 * ELEMENTS_PIECE };

/* Where a walk is. Dimensions that lie in memory as one are one here. */
typedef struct elements {
    const char *data;
    size_t size; /* bytes of one */
    int64_t left;
    int32_t rank;
    int64_t shape[RN_MAX_RANK], stride[RN_MAX_RANK], index[RN_MAX_RANK]; /* strides in bytes */
} elements;

void elements_begin(elements *walk, const rn_tensor *tensor);
/* Copies the next ones as they are, ELEMENTS_PIECE at most; gives their number, 0 after the last. */
size_t elements_next(elements *walk, unsigned char bytes[ELEMENTS_BYTES]);
/* A piece as numbers. RN_NO_MEMORY. */
rn_status elements_numbers(double numbers[ELEMENTS_PIECE], rn_context *context, rn_dtype dtype, unsigned char *bytes,
                           size_t count);
/* Bytes of all of them. */
int64_t elements_bytes(const rn_tensor *tensor);

#endif
