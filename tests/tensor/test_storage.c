/* SPDX-License-Identifier: MIT */
/* Shared memory goes with its last user. */
#include "support/support.h"
#include "tensor/tensor.h"

static void count_release(rn_storage *storage)
{
    ++*(int *)storage->payload;
}

static void the_release_runs_once_with_the_last_tensor(void **state)
{
    const int64_t shape[] = { 4 };
    rn_context *const context = rn_test_context(1, RN_ISA_AUTO);
    float numbers[4] = { 1, 2, 3, 4 };
    rn_tensor *first, *second;
    rn_storage *storage;
    int released = 0;

    (void)state;
    require_ok(context, rn_storage_create(&storage, context, numbers, count_release, &released));
    require_ok(context, rn_tensor_over(&first, storage, numbers, RN_FLOAT32, 1, shape, NULL, RN_ROW_MAJOR));
    require_ok(context, rn_tensor_over(&second, storage, numbers, RN_FLOAT32, 1, shape, NULL, RN_ROW_MAJOR));
    rn_storage_release(storage);
    rn_tensor_destroy(first);
    assert_int_equal(released, 0);
    rn_tensor_destroy(second);
    assert_int_equal(released, 1);
    rn_storage_release(NULL);
    rn_context_destroy(context);
}

static void memory_of_the_caller_is_left_alone(void **state)
{
    rn_context *const context = rn_test_context(1, RN_ISA_AUTO);
    char memory[8] = "abc";
    rn_storage *storage;

    (void)state;
    require_ok(context, rn_storage_create(&storage, context, memory, NULL, NULL));
    rn_storage_retain(storage);
    rn_storage_release(storage);
    rn_storage_release(storage);
    assert_string_equal(memory, "abc");
    rn_context_destroy(context);
}

static void fresh_memory_is_zero_and_outlives_the_callers_context(void **state)
{
    rn_context *const context = rn_test_context(1, RN_ISA_AUTO);
    rn_storage *storage;

    (void)state;
    require_ok(context, rn_storage_allocate(&storage, context, 100));
    rn_context_destroy(context);
    for (int i = 0; i < 100; i++)
        assert_int_equal(((char *)storage->memory)[i], 0);
    rn_storage_release(storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_release_runs_once_with_the_last_tensor),
        cmocka_unit_test(memory_of_the_caller_is_left_alone),
        cmocka_unit_test(fresh_memory_is_zero_and_outlives_the_callers_context),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
