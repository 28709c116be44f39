/* SPDX-License-Identifier: MIT */
/*
 * Memory through the caller's hooks. Every size is checked here, so that callers write products and sums in one call
 * each.
 */
#define _POSIX_C_SOURCE 200809L
#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static void *allocate_default(size_t bytes, size_t alignment, void *payload)
{
    void *memory = NULL;

    (void)payload;
    return posix_memalign(&memory, alignment, bytes) == 0 ? memory : NULL;
}

static void release_default(void *memory, void *payload)
{
    (void)payload;
    free(memory);
}

rn_allocator rn_default_allocator(void)
{
    return (rn_allocator){ .allocate = allocate_default, .release = release_default, .payload = NULL };
}

void *rn_allocate(const rn_allocator *allocator, size_t bytes)
{
    if (bytes > PTRDIFF_MAX)
        return NULL; /* differences of pointers into it would overflow */
    return allocator->allocate(bytes > 0 ? bytes : 1, RN_ALIGNMENT, allocator->payload);
}

void *rn_allocate_array(const rn_allocator *allocator, size_t count, size_t size)
{
    size_t bytes;

    return rn_size_multiply(&bytes, count, size) ? rn_allocate(allocator, bytes) : NULL;
}

void *rn_allocate_zeroed(const rn_allocator *allocator, size_t count, size_t size)
{
    void *const memory = rn_allocate_array(allocator, count, size);

    if (memory != NULL)
        memset(memory, 0, count * size);
    return memory;
}

void *rn_grow_array(const rn_allocator *allocator, void *memory, size_t old_count, size_t new_count, size_t size)
{
    void *const grown = rn_allocate_array(allocator, new_count, size);

    if (grown == NULL)
        return NULL;
    if (memory != NULL && old_count > 0)
        memcpy(grown, memory, old_count * size);
    rn_release(allocator, memory);
    return grown;
}

char *rn_copy_string(const rn_allocator *allocator, const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *const copy = rn_allocate(allocator, bytes);

    if (copy != NULL)
        memcpy(copy, text, bytes);
    return copy;
}

void rn_release(const rn_allocator *allocator, void *memory)
{
    if (memory != NULL)
        allocator->release(memory, allocator->payload);
}

bool rn_size_multiply(size_t *result, size_t a, size_t b)
{
    if (b != 0 && a > SIZE_MAX / b)
        return false;
    *result = a * b;
    return true;
}

bool rn_size_add(size_t *result, size_t a, size_t b)
{
    if (a > SIZE_MAX - b)
        return false;
    *result = a + b;
    return true;
}

bool rn_shape_bytes(size_t *nbytes, int64_t *count, int32_t rank, const int64_t *shape, size_t element)
{
    /* Zeros count as ones at first: strides are products of the sizes beside a zero and must not overflow either. */
    size_t product = element;
    bool empty = false;

    for (int32_t i = 0; i < rank; i++) {
        if (shape[i] < 0 || (uint64_t)shape[i] > SIZE_MAX)
            return false;
        empty |= shape[i] == 0;
        if (!rn_size_multiply(&product, product, shape[i] > 0 ? (size_t)shape[i] : 1) || product > PTRDIFF_MAX)
            return false;
    }
    if (empty)
        product = 0;
    *nbytes = product;
    *count = element > 0 ? (int64_t)(product / element) : 0;
    return true;
}

void rn_references_init(rn_references *references)
{
    atomic_init(&references->count, 1);
}

void rn_retain(rn_references *references)
{
    /* Whoever retains holds a reference already, so nothing needs ordering. */
    atomic_fetch_add_explicit(&references->count, 1, memory_order_relaxed);
}

bool rn_let_go(rn_references *references)
{
    /*
     * Release: what this holder did is seen by the last one; acquire: the last one sees it before it takes things
     * apart.
     */
    return atomic_fetch_sub_explicit(&references->count, 1, memory_order_acq_rel) == 1;
}
