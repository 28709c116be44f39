/* SPDX-License-Identifier: MIT */
/* Files of a few bytes that ask for much, made in memory, and reading them under an allocator that knows its peak. */
#ifndef RN_TESTS_CHECKPOINT_HOSTILE_H
#define RN_TESTS_CHECKPOINT_HOSTILE_H

#include "checkpoint/bytes.h"
#include "checkpoint/checkpoint.h"
#include "support/support.h"

/* Memory that counts its bytes; each block remembers its size in front of it. */
typedef struct metered {
    size_t in_use, peak;
} metered;

static inline void *metered_allocate(size_t bytes, size_t alignment, void *payload)
{
    metered *memory = payload;
    size_t *block = aligned_alloc(alignment, (bytes + 2 * alignment - 1) / alignment * alignment);

    if (block == NULL)
        return NULL;
    *block = bytes;
    memory->in_use += bytes;
    if (memory->in_use > memory->peak)
        memory->peak = memory->in_use;
    return (char *)block + alignment;
}

static inline void metered_release(void *memory, void *payload)
{
    size_t *block = (size_t *)(void *)((char *)memory - RN_ALIGNMENT);

    ((metered *)payload)->in_use -= *block;
    free(block);
}

/* A file being made; memory of the C library. */
static inline rn_bytes hostile_begin(void)
{
    static rn_allocator allocator;
    rn_bytes bytes;

    allocator = rn_default_allocator();
    rn_bytes_init(&bytes, &allocator);
    return bytes;
}

#define APPEND(bytes, literal) rn_bytes_append((bytes), (literal), sizeof(literal) - 1)

static inline void append_repeated(rn_bytes *bytes, const void *piece, size_t nbytes, size_t times)
{
    for (size_t i = 0; i < times; i++)
        rn_bytes_append(bytes, piece, nbytes);
}

/* BINUNICODE of `length` times one character. */
static inline void append_text(rn_bytes *bytes, char character, size_t length)
{
    APPEND(bytes, "X");
    rn_bytes_number(bytes, length, 4);
    append_repeated(bytes, &character, 1, length);
}

/* torch.save before 1.6: what comes before the object. */
static inline void append_legacy_start(rn_bytes *bytes)
{
    APPEND(bytes, "\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\2M\xe9\3.\x80\2}.");
}

/* ... and after it: the storage "0" of `count` floats, all zero; none if there is no storage. */
static inline void append_legacy_end(rn_bytes *bytes, size_t count)
{
    static const char zero[4];

    if (count == 0) {
        APPEND(bytes, "\x80\2].");
        return;
    }
    APPEND(bytes, "\x80\2](X\1\0\0\0"
                  "0e.");
    rn_bytes_number(bytes, count, 8);
    append_repeated(bytes, zero, 4, count);
}

static inline void append_sizes(rn_bytes *bytes, int32_t rank, const int64_t *sizes)
{
    APPEND(bytes, "(");
    for (int32_t i = 0; i < rank; i++) {
        APPEND(bytes, "\x8a\x08");
        rn_bytes_number(bytes, (uint64_t)sizes[i], 8);
    }
    APPEND(bytes, "t");
}

/* A tensor over the storage "0" of `count` floats. */
static inline void append_tensor(rn_bytes *bytes, size_t count, int32_t rank, const int64_t *shape,
                                 const int64_t *strides)
{
    APPEND(bytes, "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
                  "0X\3\0\0\0cpuJ");
    rn_bytes_number(bytes, count, 4);
    APPEND(bytes, "tQK\0");
    append_sizes(bytes, rank, shape);
    append_sizes(bytes, rank, strides);
    APPEND(bytes, "\x89NtR");
}

/* What became of a file. */
typedef struct reading {
    rn_context *context;
    metered memory;
    rn_budget budget; /* as the reading left it */
    rn_checkpoint *checkpoint;
    rn_storage *file;
    rn_bytes bytes;
    rn_status status;
} reading;

/*
 * Reads the file with one of the readers and takes its bytes over. Whatever comes of it, the memory stays below the
 * budget.
 */
static inline void read_hostile(reading *r, rn_bytes bytes, rn_status (*read)(rn_reader *reader))
{
    assert_false(bytes.failed);
    *r = (reading){ .bytes = bytes };
    assert_int_equal(
        rn_context_create(&r->context, RN_OPTIONS(rn_context, .threads = 1, .allocate = metered_allocate,
                                                  .release = metered_release, .allocator_payload = &r->memory)),
        RN_OK);
    require_ok(r->context, rn_storage_create(&r->file, r->context, bytes.data, NULL, NULL));
    require_ok(r->context, rn_checkpoint_create(&r->checkpoint, r->context));
    const size_t before = r->memory.in_use;
    rn_reader reader = { .checkpoint = r->checkpoint, .context = r->context, .path = "file", .bytes = bytes.data };
    reader.nbytes = reader.copy_bytes = bytes.count;
    reader.file = r->file;
    reader.budget = r->checkpoint->budget = &r->budget;
    rn_budget_init(&r->budget, &r->context->allocator, bytes.count);
    r->status = rn_budget_settle(&r->budget, read(&reader), "file", &r->context->message);
    r->checkpoint->budget = NULL;
    assert_true(r->memory.peak - before <= r->budget.memory.allowed);
}

static inline void end_reading(reading *r)
{
    rn_checkpoint_destroy(r->checkpoint);
    rn_storage_release(r->file);
    rn_context_destroy(r->context);
    assert_int_equal(r->memory.in_use, 0);
    rn_bytes_release(&r->bytes);
}

/* Refused, by this limit and no other. */
static inline void require_limit(reading *r, const rn_budget_limit *limit, const char *part)
{
    require_status(r->context, r->status, RN_FORMAT);
    assert_true(limit->passed);
    assert_int_equal(r->budget.memory.passed + r->budget.work.passed + r->budget.elements.passed, 1);
    assert_non_null(strstr(rn_context_message(r->context), part));
    end_reading(r);
}

static inline size_t spent(const rn_budget_limit *limit)
{
    return limit->allowed - limit->left;
}

/* Accepted, with room left even without the allowance that every file has. */
static inline void require_room(reading *r)
{
    const size_t nbytes = r->bytes.count;

    require_ok(r->context, r->status);
    assert_true(spent(&r->budget.memory) < nbytes * RN_BUDGET_MEMORY_PER_BYTE * 3 / 4);
    assert_true(spent(&r->budget.work) < nbytes * RN_BUDGET_WORK_PER_BYTE * 3 / 4);
    assert_true(spent(&r->budget.elements) < nbytes * RN_BUDGET_ELEMENTS_PER_BYTE * 3 / 4);
    end_reading(r);
}

#endif
