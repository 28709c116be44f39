/* SPDX-License-Identifier: MIT */
/*
 * Blocks that are used again. A request is served by the smallest kept block that holds it; sizes are rounded up to an
 * eighth of a power of two, so that photos of about one size meet blocks that fit. When too many are kept, the smallest
 * goes: it is the cheapest to have again.
 */
#define _POSIX_C_SOURCE 200809L
#include "data/block_cache.h"

#include <stdlib.h>

static const size_t most_kept = (size_t)1 << 27; /* bytes: giants must not stay for ever */

/* In front of every block, in a cache line of its own. */
static size_t *capacity_of(void *block)
{
    return (size_t *)(void *)((char *)block - RN_ALIGNMENT);
}

static size_t rounded_up(size_t bytes)
{
    size_t step = 512;

    while (step < bytes / 8)
        step *= 2;
    return (bytes + step - 1) / step * step;
}

static void *take_kept(rn_block_cache *cache, size_t bytes)
{
    size_t best = cache->count;
    void *block;

    for (size_t i = 0; i < cache->count; i++)
        if (*capacity_of(cache->block[i]) >= bytes &&
            (best == cache->count || *capacity_of(cache->block[i]) < *capacity_of(cache->block[best])))
            best = i;
    if (best == cache->count)
        return NULL;
    block = cache->block[best];
    cache->block[best] = cache->block[--cache->count];
    cache->kept -= *capacity_of(block);
    return block;
}

static void *allocate(size_t bytes, size_t alignment, void *payload)
{
    rn_block_cache *const cache = payload;
    void *block = take_kept(cache, bytes);
    size_t capacity;

    (void)alignment; /* RN_ALIGNMENT, always */
    if (block != NULL)
        return block;
    capacity = rounded_up(bytes); /* bytes <= PTRDIFF_MAX (base/memory.c): no overflow */
    if (posix_memalign(&block, RN_ALIGNMENT, RN_ALIGNMENT + capacity) != 0)
        return NULL;
    cache->allocations++;
    block = (char *)block + RN_ALIGNMENT;
    *capacity_of(block) = capacity;
    return block;
}

static void drop_smallest(rn_block_cache *cache)
{
    size_t smallest = 0;

    for (size_t i = 1; i < cache->count; i++)
        if (*capacity_of(cache->block[i]) < *capacity_of(cache->block[smallest]))
            smallest = i;
    cache->kept -= *capacity_of(cache->block[smallest]);
    free(capacity_of(cache->block[smallest]));
    cache->block[smallest] = cache->block[--cache->count];
}

static void release(void *block, void *payload)
{
    rn_block_cache *const cache = payload;

    if (*capacity_of(block) > most_kept - cache->kept) {
        free(capacity_of(block));
        return;
    }
    if (cache->count == RN_CACHED_BLOCKS)
        drop_smallest(cache);
    cache->block[cache->count++] = block;
    cache->kept += *capacity_of(block);
}

rn_allocator rn_block_cache_allocator(rn_block_cache *cache)
{
    return (rn_allocator){ .allocate = allocate, .release = release, .payload = cache };
}

void rn_block_cache_clear(rn_block_cache *cache)
{
    while (cache->count > 0)
        free(capacity_of(cache->block[--cache->count]));
    cache->kept = 0;
}
