/* SPDX-License-Identifier: MIT */
/* Bytes that grow. A lack of memory sticks: write on, ask once at the end. */
#ifndef RN_CHECKPOINT_BYTES_H
#define RN_CHECKPOINT_BYTES_H

#include "base/memory.h"
#include <stdint.h>

typedef struct rn_bytes {
    const rn_allocator *allocator;
    unsigned char *data;
    size_t count, capacity;
    bool failed; /* no memory: what was written is incomplete */
} rn_bytes;

void rn_bytes_init(rn_bytes *bytes, const rn_allocator *allocator);
void rn_bytes_release(rn_bytes *bytes);
void rn_bytes_append(rn_bytes *bytes, const void *data, size_t nbytes);
void rn_bytes_text(rn_bytes *bytes, const char *text); /* without its zero */
/* The low `nbytes` bytes of a number, the lowest first. */
void rn_bytes_number(rn_bytes *bytes, uint64_t number, size_t nbytes);
void rn_bytes_decimal(rn_bytes *bytes, uint64_t number);

#endif
