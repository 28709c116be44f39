/* SPDX-License-Identifier: MIT */
#include "checkpoint/expect.h"

static void zip_files_hold_what_pytorch_reads(void **state)
{
    (void)state;
    EXPECT_FIXTURES("dtypes.zip.pth", "views.zip.pth", "state_dict.zip.pth", "training.zip.pth", "nested.zip.pth",
                    "rebuilt.pth");
}

static void deflated_entries_and_any_directory_are_read(void **state)
{
    (void)state;
    EXPECT_FIXTURES("deflated.pth");
}

static void what_is_no_checkpoint_is_refused_with_the_reason(void **state)
{
    (void)state;
    EXPECT_FIXTURES("big.pth", "nopickle.pth");
}

static void damage_is_refused(void **state)
{
    (void)state;
    EXPECT_FIXTURES("prefixed.pth", "prefixed_zip.pth", "two_pickles.pth", "absent.pth", "short.pth", "cut.pth",
                    "crc.pth", "twotypes.pth");
}

static void aligned_tensors_view_the_file(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *checkpoint;

    (void)state;
    require_ok(context,
               rn_checkpoint_open(&checkpoint, context, rn_test_fixture("checkpoint/fixtures/views.zip.pth"), NULL));
    const char *base = rn_tensor_const_data(rn_checkpoint_find(checkpoint, "base"));
    const char *window = rn_tensor_const_data(rn_checkpoint_find(checkpoint, "window"));
    assert_int_equal(window - base, 5 * 4); /* shared storage stays shared */
    rn_context_destroy(context);            /* the order does not matter */
    rn_checkpoint_destroy(checkpoint);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zip_files_hold_what_pytorch_reads),
        cmocka_unit_test(deflated_entries_and_any_directory_are_read),
        cmocka_unit_test(what_is_no_checkpoint_is_refused_with_the_reason),
        cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(aligned_tensors_view_the_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
