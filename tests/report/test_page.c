/* SPDX-License-Identifier: MIT */
/* The writer: what is escaped, how numbers look, whatever the locale. */
#include "report/page.h"
#include "report/pages.h"

#include <inttypes.h>
#include <locale.h>

static rn_context *context;

static int make_context(void **state)
{
    (void)state;
    context = rn_test_context(1, 0);
    return 0;
}

static int destroy_context(void **state)
{
    (void)state;
    rn_context_destroy(context);
    return 0;
}

static const char *path(void)
{
    return rn_test_path(rn_test_directory(), "page");
}

static rn_page begin(const char *file)
{
    rn_page page = { .context = context };

    require_ok(context, rn_file_replace_begin(&page.file, &context->allocator, file, &context->message));
    return page;
}

/* What was put is this. */
static void ends_as(rn_page *page, const char *file, const char *expected)
{
    char text[1024] = "";
    FILE *stream;

    require_ok(context, rn_file_replace_commit(page->file, &context->message));
    stream = fopen(file, "rb");
    assert_non_null(stream);
    text[fread(text, 1, sizeof text - 1, stream)] = '\0';
    fclose(stream);
    assert_string_equal(text, expected);
}

static void text_is_escaped(void **state)
{
    const char *const file = path();
    rn_page page = begin(file);

    (void)state;
    rn_put(&page, "<b>");
    rn_put_text(&page, "a<b>&\"c\"'d\xc3\xa9");
    rn_put(&page, "</b>");
    rn_put_text(&page, "\x1b[31m\n\t\x7f\xe2\x80\xae\xef\xbf\xbf\xef\xbf\xbe\xff\xc0\x80|");
    ends_as(&page, file, "<b>a&lt;b&gt;&amp;&quot;c&quot;&#39;d\xc3\xa9</b>?[31m?????????|");
}

static void what_is_printed_is_escaped_or_a_number(void **state)
{
    const char *const file = path();
    rn_page page = begin(file);

    (void)state;
    rn_print(&page, "<b>%s</b>%d %zu %" PRId64 " %.0f %.3f %g %% %s", "<i>&", -7, (size_t)8, (int64_t)9 << 40, 2.5, NAN,
             0.125, "");
    rn_print(&page, "100%%");
    ends_as(&page, file, "<b>&lt;i&gt;&amp;</b>-7 8 9895604649984 3 \xe2\x80\x93 0.125 % 100%");
}

static void names_are_cut_between_characters(void **state)
{
    const char *const file = path();
    rn_page page = begin(file);

    (void)state;
    rn_put_cut(&page, "abc", 3);
    rn_put(&page, ",");
    rn_put_cut(&page, "abcd", 3);
    rn_put(&page, ",");
    rn_put_cut(&page, "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 2);
    rn_put(&page, ",");
    rn_put_cut(&page, "<<<<", 2);
    rn_put(&page, ",");
    rn_put_cut(&page, "\xff\xff\xff", 2);
    rn_put(&page, ",");
    rn_put_cut(&page, "", 2);
    ends_as(&page, file, "abc,ab\xe2\x80\xa6,\xc3\xa9\xe2\x80\xa6,&lt;\xe2\x80\xa6,?\xe2\x80\xa6,");
}

static void put_numbers(rn_page *page)
{
    static const struct {
        double value;
        int32_t digits;
    } numbers[] = { { 0, 0 },       { 0, 2 },     { 1.005, 1 },  { 0.05, 2 }, { 0.04, 1 },   { -0.04, 1 },
                    { -12.375, 2 }, { 99.95, 1 }, { 123456, 0 }, { 1e11, 1 }, { 2.5e300, 3 } };

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        rn_put_number(page, numbers[i].value, numbers[i].digits);
        rn_put(page, " ");
    }
    rn_put_number(page, NAN, 2);
    rn_put_number(page, -INFINITY, 2);
    rn_put_part(page, 0.12345);
    rn_put_part(page, NAN);
    rn_put_shortest(page, 1e-5);
    rn_print(page, "%" PRId64 "<td>%.1f</td>", INT64_MIN, 1.5);
}

static const char numbers_text[] =
    "0 0.00 1.0 0.05 0.0 0.0 -12.38 100.0 123456 100000000000.0 2.5e300 \xe2\x80\x93-infinite12.3\xc2\xa0%\xe2\x80\x93"
    "1e-5-9223372036854775808<td>1.5</td>";

static void numbers_have_points(void **state)
{
    const char *const file = path();
    rn_page page = begin(file);

    (void)state;
    put_numbers(&page);
    ends_as(&page, file, numbers_text);
}

static void numbers_have_points_in_every_locale(void **state)
{
    const char *const file = path();
    rn_page page;

    (void)state;
    if (setlocale(LC_NUMERIC, "de_DE.UTF-8") == NULL && setlocale(LC_NUMERIC, "fr_FR.UTF-8") == NULL) {
        print_message("[  SKIPPED ] no locale with commas\n");
        skip();
    }
    page = begin(file);
    put_numbers(&page);
    setlocale(LC_NUMERIC, "C");
    ends_as(&page, file, numbers_text);
}

/* RFC 4648, section 10. */
static void base64_is_that_of_the_standard(void **state)
{
    const char *const file = path();
    rn_page page = begin(file);

    (void)state;
    for (size_t i = 0; i <= 6; i++) {
        rn_put_base64(&page, (const unsigned char *)"foobar", i);
        rn_put(&page, ",");
    }
    rn_put_base64(&page, (const unsigned char *)"\xfb\xff\xbf", 3);
    ends_as(&page, file, ",Zg==,Zm8=,Zm9v,Zm9vYg==,Zm9vYmE=,Zm9vYmFy,+/+/");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(what_is_printed_is_escaped_or_a_number),
        cmocka_unit_test(names_are_cut_between_characters),
        cmocka_unit_test(numbers_have_points),
        cmocka_unit_test(numbers_have_points_in_every_locale),
        cmocka_unit_test(base64_is_that_of_the_standard),
    };

    return cmocka_run_group_tests(tests, make_context, destroy_context);
}
