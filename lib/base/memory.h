/* SPDX-License-Identifier: MIT */
/* Memory through the caller's hooks, with sizes that cannot overflow, and reference counts. */
#ifndef RN_BASE_MEMORY_H
#define RN_BASE_MEMORY_H

#include <resnet/context.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define RN_ALIGNMENT 64 /* a cache line, and the widest vector */

typedef struct rn_allocator {
    rn_allocate_function allocate;
    rn_release_function release;
    void *payload;
} rn_allocator;

/* The C library's memory. */
rn_allocator rn_default_allocator(void);

/* `bytes` bytes aligned to RN_ALIGNMENT, or NULL. 0 bytes give a valid pointer. */
void *rn_allocate(const rn_allocator *allocator, size_t bytes);
/* count * size bytes, NULL also when the product overflows. _zeroed: filled with zeros. */
void *rn_allocate_array(const rn_allocator *allocator, size_t count, size_t size);
void *rn_allocate_zeroed(const rn_allocator *allocator, size_t count, size_t size);
/*
 * A larger array in place of `memory` (may be NULL): the first `old_count` elements are copied; the old one is
 * released on success only.
 */
void *rn_grow_array(const rn_allocator *allocator, void *memory, size_t old_count, size_t new_count, size_t size);
char *rn_copy_string(const rn_allocator *allocator, const char *text);
/* NULL is fine. */
void rn_release(const rn_allocator *allocator, void *memory);

/* Checked arithmetic: false on overflow, *result untouched. */
bool rn_size_multiply(size_t *result, size_t a, size_t b);
bool rn_size_add(size_t *result, size_t a, size_t b);
/* The product of `rank` sizes >= 0 as int64 and as size_t times `element`; false on overflow or a negative size. */
bool rn_shape_bytes(size_t *nbytes, int64_t *count, int32_t rank, const int64_t *shape, size_t element);

typedef struct rn_references {
    atomic_int count;
} rn_references;

void rn_references_init(rn_references *references); /* to one */
void rn_retain(rn_references *references);
bool rn_let_go(rn_references *references); /* true when the last one went */

#endif
