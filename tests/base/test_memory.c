/* SPDX-License-Identifier: MIT */
/* Allocation through hooks, checked arithmetic, reference counts. */
#include "base/memory.h"

#include "support/support.h"

static rn_allocator counting(rn_test_allocator *allocator)
{
    return (rn_allocator){ rn_test_allocate, rn_test_release, allocator };
}

static void memory_is_aligned_and_never_null_for_nothing(void **state)
{
    rn_test_allocator hooks = { .fail_at = -1 };
    const rn_allocator allocators[] = { rn_default_allocator(), counting(&hooks) };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        for (size_t bytes = 0; bytes < 300; bytes += 37) {
            char *const memory = rn_allocate(&allocators[i], bytes);

            assert_non_null(memory);
            assert_int_equal((uintptr_t)memory % RN_ALIGNMENT, 0);
            memset(memory, 1, bytes);
            rn_release(&allocators[i], memory);
        }
        rn_release(&allocators[i], NULL);
    }
    assert_int_equal(hooks.live, 0);
}

static void sizes_that_overflow_reach_no_allocator(void **state)
{
    rn_test_allocator hooks = { .fail_at = -1 };
    const rn_allocator allocator = counting(&hooks);

    (void)state;
    assert_null(rn_allocate(&allocator, SIZE_MAX));
    assert_null(rn_allocate(&allocator, (size_t)PTRDIFF_MAX + 1));
    assert_null(rn_allocate_array(&allocator, SIZE_MAX / 2 + 1, 2));
    assert_null(rn_allocate_zeroed(&allocator, SIZE_MAX / 8 + 2, 8));
    assert_null(rn_grow_array(&allocator, NULL, 0, SIZE_MAX / 8 + 2, 8));
    assert_int_equal(hooks.calls, 0);
}

static void zeroed_memory_is_zero(void **state)
{
    const rn_allocator allocator = rn_default_allocator();
    unsigned char *const memory = rn_allocate_zeroed(&allocator, 77, 3);

    (void)state;
    for (size_t i = 0; i < (size_t)77 * 3; i++)
        assert_int_equal(memory[i], 0);
    rn_release(&allocator, memory);
}

static void growing_keeps_elements_and_the_old_array_on_failure(void **state)
{
    rn_test_allocator hooks = { .fail_at = -1 };
    const rn_allocator allocator = counting(&hooks);
    int *numbers = rn_grow_array(&allocator, NULL, 0, 3, sizeof *numbers), *grown;

    (void)state;
    for (int i = 0; i < 3; i++)
        numbers[i] = i + 10;
    hooks.fail_at = hooks.calls;
    assert_null(rn_grow_array(&allocator, numbers, 3, 5, sizeof *numbers));
    assert_int_equal(numbers[2], 12);
    grown = rn_grow_array(&allocator, numbers, 3, 5, sizeof *numbers);
    assert_non_null(grown);
    for (int i = 0; i < 3; i++)
        assert_int_equal(grown[i], i + 10);
    rn_release(&allocator, grown);
    assert_int_equal(hooks.live, 0);
}

static void strings_are_copied(void **state)
{
    rn_test_allocator hooks = { .fail_at = 1 };
    const rn_allocator allocator = counting(&hooks);
    char *const copy = rn_copy_string(&allocator, "layer1.0");

    (void)state;
    assert_string_equal(copy, "layer1.0");
    assert_null(rn_copy_string(&allocator, "x"));
    rn_release(&allocator, copy);
}

static void arithmetic_tells_overflow(void **state)
{
    size_t result = 42;

    (void)state;
    assert_true(rn_size_multiply(&result, SIZE_MAX, 1));
    assert_true(result == SIZE_MAX);
    assert_true(rn_size_multiply(&result, 0, SIZE_MAX));
    assert_int_equal(result, 0);
    assert_true(rn_size_multiply(&result, SIZE_MAX, 0));
    result = 42;
    assert_false(rn_size_multiply(&result, SIZE_MAX / 3 + 1, 3));
    assert_false(rn_size_add(&result, SIZE_MAX, 1));
    assert_int_equal(result, 42);
    assert_true(rn_size_add(&result, SIZE_MAX - 1, 1));
    assert_true(result == SIZE_MAX);
}

static void shapes_are_measured_with_bounds(void **state)
{
    const int64_t weight[] = { 64, 3, 7, 7 }, empty[] = { 5, 0, 7 }, negative[] = { 3, -1 };
    const int64_t large[] = { INT64_C(1) << 40, INT64_C(1) << 40 };
    const int64_t large_and_empty[] = { INT64_C(1) << 40, 0, INT64_C(1) << 40 };
    const int64_t just_over[] = { INT64_C(1) << 61 };
    size_t nbytes = 1;
    int64_t count = 1;

    (void)state;
    assert_true(rn_shape_bytes(&nbytes, &count, 4, weight, 4));
    assert_int_equal(nbytes, 64 * 3 * 49 * 4);
    assert_int_equal(count, 64 * 3 * 49);
    assert_true(rn_shape_bytes(&nbytes, &count, 0, NULL, 8));
    assert_int_equal(nbytes, 8);
    assert_int_equal(count, 1);
    assert_true(rn_shape_bytes(&nbytes, &count, 3, empty, 8));
    assert_int_equal(nbytes, 0);
    assert_int_equal(count, 0);
    assert_false(rn_shape_bytes(&nbytes, &count, 2, negative, 4));
    assert_false(rn_shape_bytes(&nbytes, &count, 2, large, 1));
    assert_false(rn_shape_bytes(&nbytes, &count, 3, large_and_empty, 1)); /* its strides would overflow */
    assert_false(rn_shape_bytes(&nbytes, &count, 1, just_over, 4));
}

static void the_last_reference_is_told(void **state)
{
    rn_references references;

    (void)state;
    rn_references_init(&references);
    rn_retain(&references);
    assert_false(rn_let_go(&references));
    assert_true(rn_let_go(&references));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_aligned_and_never_null_for_nothing),
        cmocka_unit_test(sizes_that_overflow_reach_no_allocator),
        cmocka_unit_test(zeroed_memory_is_zero),
        cmocka_unit_test(growing_keeps_elements_and_the_old_array_on_failure),
        cmocka_unit_test(strings_are_copied),
        cmocka_unit_test(arithmetic_tells_overflow),
        cmocka_unit_test(shapes_are_measured_with_bounds),
        cmocka_unit_test(the_last_reference_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
