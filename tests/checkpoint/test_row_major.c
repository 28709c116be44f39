/* SPDX-License-Identifier: MIT */
#include "checkpoint/row_major.h"
#include "support/support.h"

typedef struct collected {
    unsigned char *bytes;
    size_t count, capacity, largest;
} collected;

static void collect(void *payload, const void *bytes, size_t nbytes)
{
    collected *c = payload;

    assert_true(nbytes <= c->capacity - c->count);
    if (nbytes > 0)
        memcpy(c->bytes + c->count, bytes, nbytes);
    c->count += nbytes;
    if (nbytes > c->largest)
        c->largest = nbytes;
}

static void check(rn_context *context, rn_dtype dtype, int32_t rank, const int64_t *shape, const int64_t *strides)
{
    const size_t element = rn_dtype_size(dtype);
    int64_t reach = 1, count = 1;
    rn_storage *storage;
    rn_tensor *tensor;

    for (int32_t i = 0; i < rank; i++) {
        reach += shape[i] > 0 ? (shape[i] - 1) * strides[i] : 0;
        count *= shape[i];
    }
    require_ok(context, rn_storage_allocate(&storage, context, (size_t)reach * element));
    for (size_t i = 0; i < (size_t)reach * element; i++)
        ((unsigned char *)storage->memory)[i] =
            dtype == RN_BOOL ? i % 3 == 0
                             : (unsigned char)((i * 37 + 11) % 120); /* no NaN that a conversion could change */
    require_ok(context, rn_tensor_over(&tensor, storage, storage->memory, dtype, rank, shape, strides, RN_ROW_MAJOR));
    const size_t nbytes = (size_t)count * element;
    assert_int_equal(rn_row_major_bytes(tensor), nbytes);
    unsigned char *expected = malloc(nbytes + 1);
    collected c = { .bytes = malloc(nbytes + 1), .capacity = nbytes };
    assert_non_null(expected);
    assert_non_null(c.bytes);
    require_ok(context, rn_tensor_read(tensor, dtype, expected, nbytes));
    rn_row_major(tensor, collect, &c);
    assert_int_equal(c.count, nbytes);
    assert_memory_equal(c.bytes, expected, nbytes);
    free(expected);
    free(c.bytes);
    rn_tensor_destroy(tensor);
    rn_storage_release(storage);
}

static void every_stride_gives_row_major_bytes(void **state)
{
    static const struct {
        int32_t rank;
        int64_t shape[RN_MAX_RANK], strides[RN_MAX_RANK];
    } cases[] = {
        { 0, { 0 }, { 0 } },
        { 1, { 1 }, { 77 } },
        { 1, { 5000 }, { 1 } },
        { 1, { 5000 }, { 3 } },
        { 1, { 7 }, { 0 } },
        { 1, { 0 }, { 5 } },
        { 2, { 4, 6 }, { 6, 1 } },
        { 2, { 4, 6 }, { 1, 4 } },
        { 2, { 0, 6 }, { 1, 4 } },
        { 2, { 6, 0 }, { 1, 4 } },
        { 2, { 130, 127 }, { 1, 130 } },
        { 4, { 3, 5, 7, 9 }, { 315, 1, 45, 5 } }, /* channels-last */
        { 4, { 64, 33, 3, 3 }, { 297, 1, 99, 33 } },
        { 4, { 8, 16, 1, 1 }, { 16, 1, 16, 16 } },
        { 8, { 2, 1, 2, 3, 1, 2, 2, 2 }, { 1, 9, 2, 4, 0, 12, 24, 48 } },
        { 4, { 1, 3, 1, 2 }, { INT64_MAX, 1, INT64_MAX / 2, 3 } }, /* strides that are never stepped along */
    };
    static const rn_dtype dtypes[] = { RN_UINT8, RN_INT16, RN_FLOAT32, RN_INT64, RN_BOOL };
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (size_t k = 0; k < sizeof dtypes / sizeof dtypes[0]; k++)
            check(context, dtypes[k], cases[i].rank, cases[i].shape, cases[i].strides);
    rn_context_destroy(context);
}

static void memory_is_bounded(void **state)
{
    const int64_t shape[4] = { 64, 64, 7, 7 };
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_tensor *tensor;
    collected c = { .capacity = 64 * 64 * 7 * 7 * 4 };

    (void)state;
    require_ok(context, rn_tensor_create(&tensor, context, RN_FLOAT32, 4, shape, RN_CHANNELS_LAST));
    c.bytes = malloc(c.capacity);
    assert_non_null(c.bytes);
    rn_row_major(tensor, collect, &c);
    assert_int_equal(c.count, c.capacity);
    assert_true(c.largest <= 1 << 14);
    free(c.bytes);
    rn_tensor_destroy(tensor);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_stride_gives_row_major_bytes),
        cmocka_unit_test(memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
