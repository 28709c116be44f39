/* SPDX-License-Identifier: MIT */
/* BLAKE2b (RFC 7693) with a digest of 8 bytes: what b2sum -l 64 prints, and Python's hashlib.blake2b(digest_size=8). */
#ifndef EXAMPLES_CHECKPOINT_BLAKE2B_H
#define EXAMPLES_CHECKPOINT_BLAKE2B_H

#include <stddef.h>
#include <stdint.h>

enum { BLAKE2B_BLOCK = 128, BLAKE2B_TEXT = 17 };

typedef struct blake2b {
    uint64_t state[8], length;
    size_t used;
    unsigned char block[BLAKE2B_BLOCK];
} blake2b;

void blake2b_begin(blake2b *hash);
void blake2b_add(blake2b *hash, const void *bytes, size_t nbytes);
/* The digest as 16 hexadecimal digits. */
void blake2b_end(char text[BLAKE2B_TEXT], blake2b *hash);

#endif
