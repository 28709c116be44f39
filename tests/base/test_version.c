/* SPDX-License-Identifier: MIT */
/* The version text is made of the header's numbers. */
#include <resnet/version.h>

#include "support/support.h"

static void the_text_is_the_headers_numbers(void **state)
{
    char expected[64];

    (void)state;
    snprintf(expected, sizeof expected, "%d.%d.%d", RN_VERSION_MAJOR, RN_VERSION_MINOR, RN_VERSION_PATCH);
    assert_string_equal(rn_version(), expected);
    assert_true(rn_numerics_version() >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_text_is_the_headers_numbers) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
