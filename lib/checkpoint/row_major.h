/* SPDX-License-Identifier: MIT */
/* A tensor's elements as a file wants them: row-major, whatever the strides, in bounded memory. */
#ifndef RN_CHECKPOINT_ROW_MAJOR_H
#define RN_CHECKPOINT_ROW_MAJOR_H

#include "tensor/tensor.h"

typedef void (*rn_byte_sink)(void *payload, const void *bytes, size_t nbytes);

/* Calls the sink with the bytes, in order, in pieces. */
void rn_row_major(const rn_tensor *tensor, rn_byte_sink sink, void *payload);
/* count * size of an element, which fits size_t for every tensor that exists. */
size_t rn_row_major_bytes(const rn_tensor *tensor);

#endif
