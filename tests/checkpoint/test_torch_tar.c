/* SPDX-License-Identifier: MIT */
#include "checkpoint/expect.h"

#include "checkpoint/checkpoint.h"

static void tensors_behind_persistent_ids_are_read(void **state)
{
    (void)state;
    EXPECT_FIXTURES("old.tar");
}

static void rebuilt_tensors_are_read(void **state)
{
    (void)state;
    EXPECT_FIXTURES("rebuilt.tar");
}

static void damage_is_refused(void **state)
{
    (void)state;
    EXPECT_FIXTURES("tar_view.tar", "tar_reach.tar", "tar_missing.tar", "tar_endian.tar", "tar_sum.tar");
}

static void a_checksum_makes_a_tar_archive(void **state)
{
    unsigned char block[512] = { 0 };

    (void)state;
    assert_false(rn_tar_recognise(block, sizeof block)); /* the end of an archive */
    memcpy(block, "name", 4);
    memcpy(block + 148, "000641 ", 7); /* "name" and eight spaces: 417 + 256 = 0641 + 0400 */
    assert_false(rn_tar_recognise(block, sizeof block));
    memcpy(block + 148, "001241 ", 7);
    assert_true(rn_tar_recognise(block, sizeof block));
    assert_false(rn_tar_recognise(block, sizeof block - 1));
    memcpy(block + 148, "        ", 8);
    assert_false(rn_tar_recognise(block, sizeof block));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_behind_persistent_ids_are_read),
        cmocka_unit_test(rebuilt_tensors_are_read),
        cmocka_unit_test(damage_is_refused),
        cmocka_unit_test(a_checksum_makes_a_tar_archive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
