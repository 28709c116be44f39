/* SPDX-License-Identifier: MIT */
/* What the programs print of text from elsewhere: nothing that steers a terminal, and JSON that is JSON. */
#include "common/text.h"
#include "base/json.h"
#include "support/support.h"

static char *printed; /* by the last call of a test; freed by the next */

static const char *print(void (*function)(FILE *, const char *), const char *text)
{
    FILE *file = tmpfile();
    long size;

    assert_non_null(file);
    function(file, text);
    size = ftell(file);
    rewind(file);
    free(printed);
    printed = calloc(1, (size_t)size + 1);
    assert_non_null(printed);
    assert_int_equal(fread(printed, 1, (size_t)size, file), size);
    fclose(file);
    return printed;
}

static void line(FILE *stream, const char *text)
{
    text_line(stream, "<%s>", text);
}

static const struct {
    const char *text, *shown;
} cases[] = {
    { "", "" },
    { "plain \"text\" \\ with % and ~", "plain \"text\" \\ with % and ~" },
    { "gr\xc3\xbc\xc3\x9f \xe4\xb8\xad\xe6\x96\x87 \xf0\x9f\x8c\xb7",
      "gr\xc3\xbc\xc3\x9f \xe4\xb8\xad\xe6\x96\x87 \xf0\x9f\x8c\xb7" },
    { "\x1b[31mred\x1b]0;title\x07", "\\x1B[31mred\\x1B]0;title\\x07" },
    { "two\r\nlines\ttab\x7f", "two\\x0D\\x0Alines\\x09tab\\x7F" },
    { "C1 \xc2\x9b"
      "31m \xc2\x85 but \xc2\xa0",
      "C1 \\xC2\\x9B31m \\xC2\\x85 but \xc2\xa0" },
    { "\xe2\x80\xae"
      "gpj.exe \xe2\x81\xa6 \xe2\x80\xa8 \xd8\x9c",
      "\\xE2\\x80\\xAEgpj.exe \\xE2\\x81\\xA6 \\xE2\\x80\\xA8 \\xD8\\x9C" },
    { "\x9b"
      "31m",
      "\\x9B31m" },                                                              /* a C1 control of Latin-1 */
    { "\xb0\xa1", "\\xB0\\xA1" },                                                /* GBK */
    { "\xc0\xaf \xe0\x80\xaf", "\\xC0\\xAF \\xE0\\x80\\xAF" },                   /* overlong */
    { "\xed\xa0\x80 \xf4\x90\x80\x80", "\\xED\\xA0\\x80 \\xF4\\x90\\x80\\x80" }, /* surrogate; beyond the last */
    { "cut \xe4\xb8", "cut \\xE4\\xB8" },
};

static void what_steers_a_terminal_is_told_by_its_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(print(text_print, cases[i].text), cases[i].shown);
}

static void a_line_is_one_line_and_of_bounded_length(void **state)
{
    char *megabyte = calloc(1, 1000001);

    (void)state;
    assert_string_equal(print(line, "one\ntwo"), "<one\\x0Atwo>\n");
    assert_non_null(megabyte);
    memset(megabyte, 'a', 1000000);
    assert_int_equal(strlen(print(line, megabyte)), 8192);
    free(megabyte);
}

/* JSON has no raw control in a string, which cJSON would let pass. */
static void require_string(const char *json, const char *expected)
{
    rn_json *root = NULL;

    for (const char *at = json; *at != '\0'; at++)
        assert_true((unsigned char)*at >= 0x20 && *at != 0x7f);
    assert_int_equal(rn_json_parse(&root, json, strlen(json), NULL), RN_OK);
    assert_string_equal(rn_json_string(root), expected);
    rn_json_destroy(root);
}

static void any_text_is_a_json_string(void **state)
{
    static const char *const exact[] = { "", "\"\\/", "\x1b]0;t\x07\r\n\t\x7f", "\xc2\x9b \xe2\x80\xae \xd8\x9c",
                                         "\xe4\xb8\xad \xf0\x9f\x8c\xb7" };
    char byte[] = "?";

    (void)state;
    for (size_t i = 0; i < sizeof exact / sizeof exact[0]; i++)
        require_string(print(text_json_string, exact[i]), exact[i]);
    assert_null(strstr(print(text_json_string, "\xc2\x9b\xe2\x80\xae"), "\xc2\x9b"));
    require_string(print(text_json_string, "\xb0\xa1 \xed\xa0\x80 \xe4\xb8"), "\\xB0\\xA1 \\xED\\xA0\\x80 \\xE4\\xB8");
    for (int value = 1; value < 256; value++) {
        char shown[8];

        byte[0] = (char)value;
        snprintf(shown, sizeof shown, value < 128 ? "%c" : "\\x%02X", value);
        require_string(print(text_json_string, byte), shown);
    }
}

static void a_field_of_csv_is_quoted_where_it_must(void **state)
{
    (void)state;
    assert_string_equal(print(text_csv, ""), "");
    assert_string_equal(print(text_csv, "a b; c"), "a b; c");
    assert_string_equal(print(text_csv, "a,b"), "\"a,b\"");
    assert_string_equal(print(text_csv, "5\" nail"), "\"5\"\" nail\"");
    assert_string_equal(print(text_csv, " a"), "\" a\"");
    assert_string_equal(print(text_csv, "a\r\n\x1b[2J"), "a\\x0D\\x0A\\x1B[2J");
}

static void what_fits_is_kept_whole(void **state)
{
    char text[8];

    (void)state;
    assert_string_equal(text_escape(text, sizeof text, "1234567"), "1234567");
    assert_string_equal(text_escape(text, sizeof text, "12345678"), "1234567");
    assert_string_equal(text_escape(text, sizeof text, "1234\x1b"), "1234");
    assert_string_equal(text_escape(text, sizeof text, "12345\xe4\xb8\xad"), "12345");
    assert_string_equal(text_escape(text, sizeof text, "1234\xe4\xb8\xad"), "1234\xe4\xb8\xad");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_steers_a_terminal_is_told_by_its_bytes),
        cmocka_unit_test(a_line_is_one_line_and_of_bounded_length),
        cmocka_unit_test(any_text_is_a_json_string),
        cmocka_unit_test(a_field_of_csv_is_quoted_where_it_must),
        cmocka_unit_test(what_fits_is_kept_whole),
    };
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);

    free(printed);
    return failed;
}
