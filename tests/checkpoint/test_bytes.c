/* SPDX-License-Identifier: MIT */
#include "checkpoint/bytes.h"
#include "support/support.h"

static void bytes_grow_and_keep_their_order(void **state)
{
    const rn_allocator allocator = rn_default_allocator();
    rn_bytes bytes;

    (void)state;
    rn_bytes_init(&bytes, &allocator);
    for (unsigned i = 0; i < 100000; i++)
        rn_bytes_number(&bytes, i, 3);
    assert_false(bytes.failed);
    assert_int_equal(bytes.count, 300000);
    for (size_t i = 0; i < 100000; i++)
        assert_int_equal(bytes.data[3 * i] | bytes.data[3 * i + 1] << 8 | bytes.data[3 * i + 2] << 16, i);
    rn_bytes_release(&bytes);
    assert_int_equal(bytes.count, 0);
}

static void numbers_are_little_endian_and_decimals_complete(void **state)
{
    const rn_allocator allocator = rn_default_allocator();
    rn_bytes bytes;

    (void)state;
    rn_bytes_init(&bytes, &allocator);
    rn_bytes_number(&bytes, 0x0102030405060708, 8);
    rn_bytes_decimal(&bytes, UINT64_MAX);
    rn_bytes_text(&bytes, "");
    rn_bytes_append(&bytes, NULL, 0);
    assert_int_equal(bytes.count, 8 + 20);
    assert_memory_equal(bytes.data,
                        "\10\7\6\5\4\3\2\1"
                        "18446744073709551615",
                        28);
    rn_bytes_release(&bytes);
}

static void a_lack_of_memory_sticks(void **state)
{
    rn_test_allocator counts = { .fail_at = 1 };
    const rn_allocator allocator = { rn_test_allocate, rn_test_release, &counts };
    rn_bytes bytes;

    (void)state;
    rn_bytes_init(&bytes, &allocator);
    rn_bytes_text(&bytes, "fits");
    for (int i = 0; i < 100; i++)
        rn_bytes_text(&bytes, "does not fit for long");
    assert_true(bytes.failed);
    rn_bytes_release(&bytes);
    assert_int_equal(counts.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_grow_and_keep_their_order),
        cmocka_unit_test(numbers_are_little_endian_and_decimals_complete),
        cmocka_unit_test(a_lack_of_memory_sticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
