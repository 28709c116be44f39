/* SPDX-License-Identifier: MIT */
#include "checkpoint/checkpoint.h"
#include "checkpoint/pickle.h"
#include "support/support.h"

static rn_message message;

/* Reads a pickle that is a file of its own. */
static rn_status read_pickle(rn_pickle *pickle, const rn_allocator *allocator, const unsigned char *bytes,
                             size_t nbytes)
{
    static rn_budget budget;

    rn_budget_init(&budget, allocator, nbytes);
    return rn_pickle_read(pickle, &budget, "file", bytes, nbytes, &message);
}

static void a_pickle_cut_anywhere_is_refused(void **state)
{
    static const char whole[] = "\x80\2}q\0(X\1\0\0\0aq\1K\1X\1\0\0\0bq\2]q\3(K\1K\2eu.";
    const rn_allocator allocator = rn_default_allocator();
    rn_pickle pickle;

    (void)state;
    for (size_t length = 0; length < sizeof whole - 1; length++) {
        unsigned char *part = malloc(length + 1); /* so that reading beyond it shows */

        assert_non_null(part);
        part = realloc(part, length == 0 ? 1 : length);
        assert_non_null(part);
        memcpy(part, whole, length);
        assert_int_equal(read_pickle(&pickle, &allocator, part, length), RN_FORMAT);
        free(part);
    }
    assert_int_equal(read_pickle(&pickle, &allocator, (const unsigned char *)whole, sizeof whole), RN_OK);
    assert_int_equal(pickle.consumed, sizeof whole - 1);
    rn_pickle_release(&pickle);
    rn_pickle_release(&pickle);
}

/* Memory of at most so many bytes at a time. */
typedef struct limited {
    size_t in_use, peak;
} limited;

static void *limited_allocate(size_t bytes, size_t alignment, void *payload)
{
    limited *memory = payload;
    size_t *block = aligned_alloc(alignment, (bytes + 2 * alignment - 1) / alignment * alignment);

    if (block == NULL)
        return NULL;
    *block = bytes;
    memory->in_use += bytes;
    if (memory->in_use > memory->peak)
        memory->peak = memory->in_use;
    return (char *)block + alignment;
}

static void limited_release(void *memory, void *payload)
{
    size_t *block = (size_t *)(void *)((char *)memory - RN_ALIGNMENT);

    ((limited *)payload)->in_use -= *block;
    free(block);
}

static void memory_stays_in_proportion(void **state)
{
    enum { SIZE = 1 << 20 };
    static const unsigned char opcodes[] = { ']', '}', ')', 'N', '(', '\x8f' };
    unsigned char *bytes = malloc(SIZE);
    limited memory = { 0 };
    const rn_allocator allocator = { limited_allocate, limited_release, &memory };
    rn_pickle pickle;

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i < sizeof opcodes; i++) {
        memset(bytes, opcodes[i], SIZE);
        memory.peak = 0;
        assert_int_equal(read_pickle(&pickle, &allocator, bytes, SIZE), RN_FORMAT);
        assert_true(memory.peak < (size_t)100 * SIZE);
        assert_int_equal(memory.in_use, 0);
    }
    free(bytes);
}

static void long_lists_fit(void **state)
{
    enum { COUNT = 300000 };
    unsigned char *bytes = malloc(2 * COUNT + 8), *at = bytes;
    const rn_allocator allocator = rn_default_allocator();
    rn_pickle pickle;

    (void)state;
    assert_non_null(bytes);
    *at++ = ']';
    *at++ = '(';
    for (int i = 0; i < COUNT; i++) {
        *at++ = 'K';
        *at++ = (unsigned char)i;
    }
    *at++ = 'e';
    *at++ = '.';
    assert_int_equal(read_pickle(&pickle, &allocator, bytes, (size_t)(at - bytes)), RN_OK);
    assert_int_equal(pickle.root.as.items->count, COUNT);
    assert_int_equal(pickle.root.as.items->value[COUNT - 1].as.integer, (COUNT - 1) & 255);
    rn_pickle_release(&pickle);
    free(bytes);
}

static void more_than_64_mib_are_refused(void **state)
{
    const size_t size = RN_CHECKPOINT_PICKLE_BYTES + 10;
    unsigned char *bytes = malloc(size);
    const rn_allocator allocator = rn_default_allocator();
    rn_pickle pickle;

    (void)state;
    assert_non_null(bytes);
    for (size_t i = 0; i + 1 < size; i += 2) { /* NONE, POP */
        bytes[i] = 'N';
        bytes[i + 1] = '0';
    }
    memcpy(bytes + size - 2, "N.", 2);
    assert_int_equal(read_pickle(&pickle, &allocator, bytes, size), RN_FORMAT);
    assert_non_null(strstr(message.text, "64 MiB"));
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pickle_cut_anywhere_is_refused),
        cmocka_unit_test(memory_stays_in_proportion),
        cmocka_unit_test(long_lists_fit),
        cmocka_unit_test(more_than_64_mib_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
