/* SPDX-License-Identifier: MIT */
/* The sentence of a failure: one line, whole characters, whatever goes in. */
#include "base/message.h"

#include "support/support.h"

static void the_status_comes_back_with_or_without_a_message(void **state)
{
    rn_message message;

    (void)state;
    assert_int_equal(rn_fail(&message, RN_SHAPE, "%s has %d dimensions", "x", 3), RN_SHAPE);
    assert_string_equal(message.text, "x has 3 dimensions");
    assert_int_equal(rn_fail(NULL, RN_IO, "%s", "x"), RN_IO);
}

static void control_characters_do_not_get_through(void **state)
{
    rn_message message;

    (void)state;
    rn_fail(&message, RN_FORMAT, "%s", "a\nb\x1b[31mc\x7f");
    assert_string_equal(message.text, "a?b?[31mc?");
}

static void a_long_sentence_is_cut_between_characters(void **state)
{
    static const char *const characters[] = { "x", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x8c\xbb" };

    (void)state;
    for (size_t kind = 0; kind < 4; kind++) {
        const size_t width = strlen(characters[kind]);

        for (size_t lead = 0; lead < 5; lead++) {
            char text[2000] = "";
            rn_message message;
            size_t length;

            memset(text, '-', lead);
            while (strlen(text) + width < sizeof text)
                strcat(text, characters[kind]);
            rn_fail(&message, RN_FORMAT, "%s", text);
            length = strlen(message.text);
            assert_int_equal((length - lead) % width, 0);
            assert_true(length > sizeof message.text - 1 - width);
            assert_memory_equal(message.text, text, length);
        }
    }
}

static void the_old_sentence_may_be_part_of_the_new_one(void **state)
{
    rn_message message;

    (void)state;
    rn_fail(&message, RN_IO, "no space");
    rn_fail(&message, RN_IO, "file: %s", message.text);
    assert_string_equal(message.text, "file: no space");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_status_comes_back_with_or_without_a_message),
        cmocka_unit_test(control_characters_do_not_get_through),
        cmocka_unit_test(a_long_sentence_is_cut_between_characters),
        cmocka_unit_test(the_old_sentence_may_be_part_of_the_new_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
