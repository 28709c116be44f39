/* SPDX-License-Identifier: MIT */
/*
 * Memory for one thread that decodes: blocks of the C library that are kept and handed out again, so that a steady
 * loader allocates nothing and its pages stay mapped. The caller's hooks are not used: they need not be thread safe.
 */
#ifndef RN_DATA_BLOCK_CACHE_H
#define RN_DATA_BLOCK_CACHE_H

#include "base/memory.h"

enum { RN_CACHED_BLOCKS = 12 };

typedef struct rn_block_cache {
    void *block[RN_CACHED_BLOCKS]; /* not in use, each after its own header */
    size_t count;
    size_t kept;        /* bytes of them */
    size_t allocations; /* that went to the C library */
} rn_block_cache;

/* A zeroed cache is empty. The allocator must not outlive it. */
rn_allocator rn_block_cache_allocator(rn_block_cache *cache);
/* Gives back what is kept. */
void rn_block_cache_clear(rn_block_cache *cache);

#endif
