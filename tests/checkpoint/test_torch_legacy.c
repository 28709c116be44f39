/* SPDX-License-Identifier: MIT */
#include "checkpoint/expect.h"

static void legacy_files_hold_what_pytorch_reads(void **state)
{
    (void)state;
    EXPECT_FIXTURES("dtypes.legacy.pth", "views.legacy.pth", "state_dict.legacy.pth", "training.legacy.pth",
                    "nested.legacy.pth");
}

static void files_of_python_2_and_views_of_storages_are_read(void **state)
{
    (void)state;
    EXPECT_FIXTURES("python2.legacy.pth");
}

static void other_pickles_are_refused(void **state)
{
    (void)state;
    EXPECT_FIXTURES("plain.pkl", "magic.legacy.pth", "version.legacy.pth", "endian.legacy.pth", "harm.legacy.pth");
}

static void what_follows_may_be_anything_but_an_archive(void **state)
{
    (void)state;
    EXPECT_FIXTURES("followed.legacy.pth", "both.legacy.pth");
}

static void damage_is_refused(void **state)
{
    (void)state;
    EXPECT_FIXTURES("view.legacy.pth", "cut.legacy.pth", "lacking.legacy.pth", "surplus.legacy.pth");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(legacy_files_hold_what_pytorch_reads),
        cmocka_unit_test(files_of_python_2_and_views_of_storages_are_read),
        cmocka_unit_test(other_pickles_are_refused),
        cmocka_unit_test(what_follows_may_be_anything_but_an_archive),
        cmocka_unit_test(damage_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
