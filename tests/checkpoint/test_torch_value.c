/* SPDX-License-Identifier: MIT */
#include "checkpoint/expect.h"

static void nesting_and_the_prefix_of_data_parallel_are_taken_off(void **state)
{
    (void)state;
    EXPECT_FIXTURES("state_dict.zip.pth", "training.zip.pth", "python2.legacy.pth");
}

static void dictionaries_and_lists_give_dotted_names_and_numbers_metadata(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *checkpoint;

    (void)state;
    EXPECT_FIXTURES("nested.zip.pth", "nested.legacy.pth");
    require_ok(context,
               rn_checkpoint_open(&checkpoint, context, rn_test_fixture("checkpoint/fixtures/nested.zip.pth"), NULL));
    assert_string_equal(rn_checkpoint_name(checkpoint, 0), "encoder.layers.0.weight"); /* the order of the file */
    assert_null(rn_checkpoint_metadata(checkpoint, "rn.nesting"));                     /* tensors lie under two keys */
    for (size_t i = 0; i < rn_checkpoint_metadata_count(checkpoint); i++)
        assert_null(strstr(rn_checkpoint_metadata_key(checkpoint, i), "left out"));
    rn_checkpoint_destroy(checkpoint);
    rn_context_destroy(context);
}

static void old_and_new_rebuild_functions_are_understood(void **state)
{
    (void)state;
    EXPECT_FIXTURES("rebuilt.pth");
}

static void what_is_no_dictionary_of_tensors_is_refused(void **state)
{
    (void)state;
    EXPECT_FIXTURES("bare.pth", "number.pth", "rank9.pth", "twice.pth");
}

static void any_key_has_a_text(void **state)
{
    (void)state;
    EXPECT_FIXTURES("keys.zip.pth", "keys.legacy.pth");
}

static void trees_that_hold_themselves_end(void **state)
{
    (void)state;
    EXPECT_FIXTURES("circle.pth", "laughs.pth", "module_circle.pth", "module_laughs.pth");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nesting_and_the_prefix_of_data_parallel_are_taken_off),
        cmocka_unit_test(dictionaries_and_lists_give_dotted_names_and_numbers_metadata),
        cmocka_unit_test(old_and_new_rebuild_functions_are_understood),
        cmocka_unit_test(what_is_no_dictionary_of_tensors_is_refused),
        cmocka_unit_test(any_key_has_a_text),
        cmocka_unit_test(trees_that_hold_themselves_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
