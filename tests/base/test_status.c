/* SPDX-License-Identifier: MIT */
/* Names of statuses. */
#include <resnet/status.h>

#include "support/support.h"

static void every_status_has_its_name(void **state)
{
    (void)state;
    assert_string_equal(rn_status_string(RN_OK), "RN_OK");
    assert_string_equal(rn_status_string(RN_INVALID_ARGUMENT), "RN_INVALID_ARGUMENT");
    assert_string_equal(rn_status_string(RN_INTERNAL), "RN_INTERNAL");
    for (int status = RN_OK; status <= RN_INTERNAL; status++)
        assert_memory_equal(rn_status_string((rn_status)status), "RN_", 3);
}

static void what_is_no_status_is_told_apart(void **state)
{
    (void)state;
    assert_string_equal(rn_status_string((rn_status)(RN_INTERNAL + 1)), "unknown status");
    assert_string_equal(rn_status_string((rn_status)-1), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_its_name),
        cmocka_unit_test(what_is_no_status_is_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
