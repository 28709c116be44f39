/* SPDX-License-Identifier: MIT */
#include "checkpoint/checkpoint.h"
#include "support/support.h"

static rn_tensor *number(rn_context *context, double value)
{
    rn_tensor *tensor;

    require_ok(context, rn_tensor_create(&tensor, context, RN_FLOAT32, 0, NULL, RN_ROW_MAJOR));
    require_ok(context, rn_tensor_fill(tensor, value));
    return tensor;
}

static void tensors_keep_their_order_and_are_copies(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *checkpoint;
    rn_tensor *tensor = number(context, 3);
    double value;

    (void)state;
    require_ok(context, rn_checkpoint_create(&checkpoint, context));
    assert_int_equal(rn_checkpoint_count(checkpoint), 0);
    require_ok(context, rn_checkpoint_add(checkpoint, "z", tensor));
    require_ok(context, rn_checkpoint_add(checkpoint, "a", tensor));
    require_ok(context, rn_tensor_fill(tensor, 4));
    rn_tensor_destroy(tensor);
    assert_int_equal(rn_checkpoint_count(checkpoint), 2);
    assert_string_equal(rn_checkpoint_name(checkpoint, 0), "z");
    assert_string_equal(rn_checkpoint_name(checkpoint, 1), "a");
    assert_null(rn_checkpoint_name(checkpoint, 2));
    assert_null(rn_checkpoint_tensor(checkpoint, 2));
    assert_ptr_equal(rn_checkpoint_find(checkpoint, "a"), rn_checkpoint_tensor(checkpoint, 1));
    assert_null(rn_checkpoint_find(checkpoint, "b"));
    require_ok(context, rn_tensor_get(rn_checkpoint_find(checkpoint, "z"), NULL, &value));
    assert_true(value == 3);
    rn_context_destroy(context);
    rn_checkpoint_destroy(checkpoint);
}

static void shared_tensors_follow_the_memory_and_keep_it(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *checkpoint;
    rn_tensor *tensor = number(context, 3);
    double value;

    (void)state;
    require_ok(context, rn_checkpoint_create(&checkpoint, context));
    require_ok(context, rn_checkpoint_share(checkpoint, "shared", tensor));
    require_status(context, rn_checkpoint_share(checkpoint, "shared", tensor), RN_INVALID_ARGUMENT);
    require_ok(context, rn_tensor_fill(tensor, 4));
    rn_tensor_destroy(tensor);
    require_ok(context, rn_tensor_get(rn_checkpoint_find(checkpoint, "shared"), NULL, &value));
    assert_true(value == 4);
    rn_checkpoint_destroy(checkpoint);
    rn_context_destroy(context);
}

static void names_that_cannot_be_are_refused(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *checkpoint;
    rn_tensor *tensor = number(context, 0);

    (void)state;
    require_ok(context, rn_checkpoint_create(&checkpoint, context));
    require_ok(context, rn_checkpoint_add(checkpoint, "taken", tensor));
    require_status(context, rn_checkpoint_add(checkpoint, "taken", tensor), RN_INVALID_ARGUMENT);
    assert_non_null(strstr(rn_context_message(context), "taken"));
    require_status(context, rn_checkpoint_add(checkpoint, "", tensor), RN_INVALID_ARGUMENT);
    require_status(context, rn_checkpoint_add(checkpoint, NULL, tensor), RN_INVALID_ARGUMENT);
    require_status(context, rn_checkpoint_add(checkpoint, "\xff", tensor), RN_INVALID_ARGUMENT);
    require_status(context, rn_checkpoint_add(checkpoint, "x", NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_checkpoint_set_metadata(checkpoint, NULL, "x"), RN_INVALID_ARGUMENT);
    require_status(context, rn_checkpoint_set_metadata(checkpoint, "x", "\xc0\x80"), RN_INVALID_ARGUMENT);
    require_status(context, rn_checkpoint_save(checkpoint, NULL, RN_FORMAT_TORCH, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_checkpoint_save(checkpoint, "/tmp/x", (rn_format)9, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_checkpoint_count(checkpoint), 1);
    rn_tensor_destroy(tensor);
    rn_checkpoint_destroy(checkpoint);
    rn_context_destroy(context);
}

static void nothing_is_fine(void **state)
{
    rn_checkpoint *checkpoint = NULL;
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);

    (void)state;
    assert_int_equal(rn_checkpoint_create(NULL, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_checkpoint_create(NULL, context), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_checkpoint_create(&checkpoint, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_checkpoint_add(NULL, "x", NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_checkpoint_share(NULL, "x", NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_checkpoint_set_metadata(NULL, "x", NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_checkpoint_save(NULL, "x", RN_FORMAT_TORCH, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_checkpoint_count(NULL), 0);
    assert_int_equal(rn_checkpoint_metadata_count(NULL), 0);
    assert_null(rn_checkpoint_name(NULL, 0));
    assert_null(rn_checkpoint_tensor(NULL, 0));
    assert_null(rn_checkpoint_find(NULL, "x"));
    assert_null(rn_checkpoint_metadata(NULL, "x"));
    assert_null(rn_checkpoint_metadata_key(NULL, 0));
    rn_checkpoint_destroy(NULL);
    rn_context_destroy(context);
}

static void metadata_is_set_replaced_and_removed(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *checkpoint;
    char key[16];

    (void)state;
    require_ok(context, rn_checkpoint_create(&checkpoint, context));
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "key%d", i);
        require_ok(context, rn_checkpoint_set_metadata(checkpoint, key, key));
    }
    require_ok(context, rn_checkpoint_set_metadata(checkpoint, "key5", "other"));
    require_ok(context, rn_checkpoint_set_metadata(checkpoint, "key3", NULL));
    require_ok(context, rn_checkpoint_set_metadata(checkpoint, "absent", NULL));
    assert_int_equal(rn_checkpoint_metadata_count(checkpoint), 99);
    assert_string_equal(rn_checkpoint_metadata(checkpoint, "key5"), "other");
    assert_string_equal(rn_checkpoint_metadata(checkpoint, "key99"), "key99");
    assert_null(rn_checkpoint_metadata(checkpoint, "key3"));
    assert_string_equal(rn_checkpoint_metadata_key(checkpoint, 3), "key4");
    assert_null(rn_checkpoint_metadata_key(checkpoint, 99));
    rn_checkpoint_destroy(checkpoint);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_keep_their_order_and_are_copies),
        cmocka_unit_test(shared_tensors_follow_the_memory_and_keep_it),
        cmocka_unit_test(names_that_cannot_be_are_refused),
        cmocka_unit_test(nothing_is_fine),
        cmocka_unit_test(metadata_is_set_replaced_and_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
