/* SPDX-License-Identifier: MIT */
/* Text that a terminal would obey is not shown; all other text is left alone. */
#include "base/text.h"

#include "support/support.h"

static void require_clean(const char *text, const char *expected)
{
    char buffer[128];
    size_t length = strlen(text);

    memcpy(buffer, text, length);
    length = rn_text_clean(buffer, length);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(buffer, expected, length);
}

static void what_a_terminal_obeys_is_replaced(void **state)
{
    (void)state;
    require_clean("a\033[31mred\007\r\n\x7f", "a?[31mred????");
    require_clean("\xc2\x9b"
                  "31m",
                  "?31m");                                   /* C1: CSI */
    require_clean("\xc2\x80\xc2\x9f\xc2\xa0", "??\xc2\xa0"); /* the ends of C1; a no-break space is text */
    require_clean("a\xe2\x80\xae"
                  "gpj.exe",
                  "a?gpj.exe"); /* right-to-left override */
    require_clean("\xe2\x81\xa6\xe2\x81\xa9\xd8\x9c\xe2\x80\x8e\xe2\x80\xa8", "?????");
}

static void what_is_not_utf8_is_replaced(void **state)
{
    (void)state;
    require_clean("\x9b"
                  "31m",
                  "?31m");
    require_clean("\xb0\xa1", "??");
    require_clean("\xc0\xaf", "??");           /* overlong */
    require_clean("\xed\xa0\x80", "???");      /* a surrogate */
    require_clean("\xf4\x90\x80\x80", "????"); /* beyond U+10FFFF */
    require_clean("\xe4\xb8", "??");           /* cut off */
    require_clean("\xe4\xb8\xe4\xb8\xad", "??\xe4\xb8\xad");
}

static void all_other_text_stays(void **state)
{
    static const char text[] = "tulip, \xc3\xa9glantine, \xe4\xb8\xad\xe6\x96\x87, \xf0\x9f\x8c\xbb, \xd7\xa9";

    (void)state;
    require_clean(text, text);
    require_clean("", "");
}

static void utf8_is_told_from_other_bytes(void **state)
{
    static const struct {
        const char *text;
        bool is_text;
    } cases[] = {
        { "", true },
        { "plain", true },
        { "Blüte 花 \xf0\x9f\x8c\xb7", true },
        { "\xf4\x8f\xbf\xbf", true },
        { "\xf4\x90\x80\x80", false }, /* beyond U+10FFFF */
        { "\xed\x9f\xbf", true },
        { "\xed\xa0\x80", false }, /* a surrogate */
        { "\xc0\xaf", false },     /* longer than needed */
        { "\xe0\x9f\xbf", false },
        { "\xf0\x8f\xbf\xbf", false },
        { "\x80", false },
        { "\xc3", false },
        { "\xe2\x82", false },
        { "\xe2\x28\xa1", false },
        { "\xff", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(rn_text_is_utf8(cases[i].text), cases[i].is_text);
    assert_false(rn_bytes_are_text("a\0b", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_terminal_obeys_is_replaced),
        cmocka_unit_test(what_is_not_utf8_is_replaced),
        cmocka_unit_test(all_other_text_stays),
        cmocka_unit_test(utf8_is_told_from_other_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
