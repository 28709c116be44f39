/* SPDX-License-Identifier: MIT */
#include "checkpoint/pickle.h"
#include "support/support.h"

#include <locale.h>

static const char *printed(rn_pickle_value value)
{
    static char text[256];

    return rn_pickle_print(text, sizeof text, &value) ? text : NULL;
}

static void numbers_read_back_as_the_same(void **state)
{
    static const double numbers[] = {
        0.1, 1.0 / 3, 91.78000183105469, 5e-324, 1e-310, 1.7976931348623157e308, 123456789012345680.0, -2.5, 1e22
    };

    (void)state;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        assert_true(strtod(printed((rn_pickle_value){ .type = RN_PICKLE_FLOAT, .as.number = numbers[i] }), NULL) ==
                    numbers[i]);
    assert_string_equal(printed((rn_pickle_value){ .type = RN_PICKLE_FLOAT, .as.number = 0.1 }), "0.1");
    assert_string_equal(printed((rn_pickle_value){ .type = RN_PICKLE_FLOAT, .as.number = -0.0 }), "-0");
    assert_string_equal(printed((rn_pickle_value){ .type = RN_PICKLE_FLOAT, .as.number = NAN }), "nan");
    assert_string_equal(printed((rn_pickle_value){ .type = RN_PICKLE_FLOAT, .as.number = -(double)INFINITY }), "-inf");
    assert_string_equal(printed((rn_pickle_value){ .type = RN_PICKLE_INTEGER, .as.integer = INT64_MIN }),
                        "-9223372036854775808");
    assert_string_equal(printed((rn_pickle_value){ .type = RN_PICKLE_BOOL, .as.integer = 1 }), "true");
}

static void the_locale_does_not_matter(void **state)
{
    static const char *const names[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "ps_AF.UTF-8" };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (setlocale(LC_NUMERIC, names[i]) != NULL)
            assert_string_equal(printed((rn_pickle_value){ .type = RN_PICKLE_FLOAT, .as.number = 0.25 }), "0.25");
    setlocale(LC_NUMERIC, "C");
}

static const char *printed_long(const char *bytes, uint32_t length)
{
    return printed((rn_pickle_value){ .type = RN_PICKLE_LONG, .length = length, .as.text = bytes });
}

static void long_numbers_are_complete(void **state)
{
    static const char many[65] = { 0 };

    (void)state;
    assert_string_equal(printed_long("\xff\xff\xff\xff\xff\xff\xff\xff\0", 9), "18446744073709551615");
    assert_string_equal(printed_long("\0\0\0\0\0\0\0\0\1", 9), "18446744073709551616");
    assert_string_equal(printed_long("\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9), "-1");
    assert_string_equal(printed_long("\0\0\0\0\0\0\0\0\x80", 9), "-2361183241434822606848");
    assert_string_equal(printed_long(many, 64), "0");
    assert_null(printed_long(many, 65));
}

static void only_clean_text_that_fits_is_printed(void **state)
{
    char small[4];
    const rn_pickle_value three = { .type = RN_PICKLE_TEXT, .length = 3, .as.text = "abcd" };
    const rn_pickle_value four = { .type = RN_PICKLE_TEXT, .length = 4, .as.text = "abcd" };
    const rn_pickle_value zero = { .type = RN_PICKLE_TEXT, .length = 3, .as.text = "a\0b" };
    const rn_pickle_value bytes = { .type = RN_PICKLE_BYTES, .length = 3, .as.text = "abc" };
    const rn_pickle_value wide = { .type = RN_PICKLE_INTEGER, .as.integer = 12345 };
    const rn_pickle_value real = { .type = RN_PICKLE_FLOAT, .as.number = 0.125 };

    (void)state;
    assert_true(rn_pickle_print(small, sizeof small, &three));
    assert_string_equal(small, "abc");
    assert_false(rn_pickle_print(small, sizeof small, &four));
    assert_false(rn_pickle_print(small, sizeof small, &zero));
    assert_false(rn_pickle_print(small, sizeof small, &bytes));
    assert_false(rn_pickle_print(small, sizeof small, &wide));
    assert_false(rn_pickle_print(small, sizeof small, &real));
}

static void members_are_found_by_text_keys(void **state)
{
    rn_pickle_value entries[4] = { { .type = RN_PICKLE_INTEGER, .as.integer = 1 },
                                   { .type = RN_PICKLE_NONE },
                                   { .type = RN_PICKLE_TEXT, .length = 3, .as.text = "key" },
                                   { .type = RN_PICKLE_BOOL } };
    rn_pickle_items items = { .value = entries, .count = 4 };
    const rn_pickle_value dictionary = { .type = RN_PICKLE_DICTIONARY, .as.items = &items };

    (void)state;
    assert_ptr_equal(rn_pickle_member(&dictionary, "key"), &entries[3]);
    assert_null(rn_pickle_member(&dictionary, "ke"));
    assert_null(rn_pickle_member(&entries[0], "key"));
    assert_null(rn_pickle_sequence(&dictionary));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_read_back_as_the_same),  cmocka_unit_test(the_locale_does_not_matter),
        cmocka_unit_test(long_numbers_are_complete),      cmocka_unit_test(only_clean_text_that_fits_is_printed),
        cmocka_unit_test(members_are_found_by_text_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
