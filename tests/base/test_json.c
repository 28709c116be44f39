/* SPDX-License-Identifier: MIT */
/* JSON: what is accepted, what is refused, and numbers that read back exactly under any locale. */
#define _POSIX_C_SOURCE 200809L
#include "base/json.h"

#include "support/support.h"

#include <float.h>
#include <locale.h>
#include <pthread.h>

static rn_json *parse(const char *text)
{
    rn_json *json;
    rn_message message;
    const rn_status status = rn_json_parse(&json, text, strlen(text), &message);

    if (status != RN_OK)
        fail_msg("%s: %s", text, message.text);
    return json;
}

static void require_refused(const char *text, size_t nbytes)
{
    /* At the end of a block of its own, so that a read past the end is found. */
    char *const copy = malloc(nbytes > 0 ? nbytes : 1);
    rn_json *json = (rn_json *)copy;
    rn_message message = { "" };

    if (nbytes > 0)
        memcpy(copy, text, nbytes);
    if (rn_json_parse(&json, copy, nbytes, &message) != RN_FORMAT)
        fail_msg("accepted: %.*s", (int)nbytes, text);
    assert_null(json);
    assert_true(strlen(message.text) > 0);
    free(copy);
}

static void a_document_is_walked_in_order(void **state)
{
    rn_json *const json =
        parse("\xef\xbb\xbf {\"b\": [1, 2.5, \"x\"], \"a\": {\"c\": \"\\u00fc\\n\"}, \"A\": null}\r\n\t ");
    const rn_json *const list = rn_json_member(json, "b"), *item;
    double number;

    (void)state;
    assert_true(rn_json_is_object(json) && !rn_json_is_array(json));
    assert_int_equal(rn_json_count(json), 3);
    assert_string_equal(rn_json_name(rn_json_first(json)), "b");
    assert_string_equal(rn_json_name(rn_json_next(rn_json_first(json))), "a");
    assert_true(rn_json_is_array(list));
    assert_int_equal(rn_json_count(list), 3);
    item = rn_json_next(rn_json_first(list));
    assert_true(rn_json_number(&number, item) && number == 2.5);
    assert_string_equal(rn_json_string(rn_json_next(item)), "x");
    assert_null(rn_json_next(rn_json_next(item)));
    assert_string_equal(rn_json_string(rn_json_member(rn_json_member(json, "a"), "c")), "\xc3\xbc\n");
    assert_null(rn_json_member(json, "B"));
    assert_null(rn_json_string(rn_json_member(json, "A")));
    rn_json_destroy(json);
}

static void looking_where_nothing_is_answers_not_so(void **state)
{
    rn_json *const json = parse("3");
    uint64_t size;
    double number;

    (void)state;
    assert_null(rn_json_member(json, "x"));
    assert_null(rn_json_first(json));
    assert_int_equal(rn_json_count(json), 0);
    assert_null(rn_json_string(json));
    assert_null(rn_json_member(NULL, "x"));
    assert_null(rn_json_first(NULL));
    assert_null(rn_json_next(NULL));
    assert_null(rn_json_name(NULL));
    assert_null(rn_json_string(NULL));
    assert_false(rn_json_number(&number, NULL));
    assert_false(rn_json_size(&size, NULL));
    assert_false(rn_json_is_object(NULL) || rn_json_is_array(NULL));
    rn_json_destroy(json);
    rn_json_destroy(NULL);
}

static void what_is_not_json_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "{",
        "[1,",
        "[1,]",
        "{\"a\"}",
        "{\"a\":}",
        "{a: 1}",
        "{} {}",
        "[] x",
        "nul",
        "\"abc",
        "\"abc\\",
        "\"\\u12",
        "\"\\x\"",
        "\"\\ud800\"",        /* half a pair */
        "\"\\udc00\\ud800\"", /* a pair the wrong way round */
        "[1 2]",
        "]",
        "'a'",
        "\"a\nb\"", /* a bare line end in a string */
        "[1,\v2]",
        "{\"a\": NaN}",
        "{\"a\": Infinity}",
        "-",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        require_refused(texts[i], strlen(texts[i]));
    require_refused("[1]\0", 4);
    require_refused("\"a\0b\"", 5);
    require_refused("\"a\\u0000b\"", 10); /* a C string would end there */
}

static void what_is_not_utf8_is_refused(void **state)
{
    static const char *const texts[] = {
        "\"\x80\"",             /* starts in the middle */
        "\"\xc3\"",             /* ends in the middle */
        "\"\xc0\xaf\"",         /* two bytes for one */
        "\"\xe0\x80\xaf\"",     /* three bytes for one */
        "\"\xf0\x80\x80\xaf\"", /* four bytes for one */
        "\"\xed\xa0\x80\"",     /* a surrogate */
        "\"\xf4\x90\x80\x80\"", /* over U+10FFFF */
        "\"\xff\"",
        "\"\\\xff\"",
        "\"\xe2\x82",
    };
    rn_json *const json = parse("\"\xc3\xbc\xe2\x82\xac\xf0\x9f\x8c\xbb\xf4\x8f\xbf\xbf\"");

    (void)state;
    assert_string_equal(rn_json_string(json), "\xc3\xbc\xe2\x82\xac\xf0\x9f\x8c\xbb\xf4\x8f\xbf\xbf");
    rn_json_destroy(json);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        require_refused(texts[i], strlen(texts[i]));
}

static void nesting_ends_at_sixty_four(void **state)
{
    static char text[2 * 100000 + 1];
    rn_json *json;

    (void)state;
    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    text[128] = '\0';
    json = parse(text);
    rn_json_destroy(json);
    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    require_refused(text, 130);
    memset(text, '[', 100000); /* what would overflow the stack */
    require_refused(text, 100000);
    json = parse("\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[\"");
    rn_json_destroy(json);
}

/* Every prefix and every change of one byte: an answer, and nothing read outside (under the sanitizers). */
static void damaged_text_is_refused_or_read(void **state)
{
    static const char text[] = "{\"a\": [1e5, -0.5, true, \"\\u00fc\\\"\\\\\xc3\xbc\"], \"b\": {\"c\": null}}";
    static const char changes[] = "\"\\{}[],:u0\x80\xc3\x01";
    const size_t length = strlen(text);

    (void)state;
    for (size_t i = 0; i < length; i++) {
        require_refused(text, i);
        for (size_t c = 0; c < sizeof changes; c++) {
            char *const copy = malloc(length);
            rn_json *json;
            rn_status status;

            memcpy(copy, text, length);
            copy[i] = changes[c];
            status = rn_json_parse(&json, copy, length, NULL);
            assert_true(status == RN_OK || status == RN_FORMAT);
            rn_json_destroy(json);
            free(copy);
        }
    }
}

static void sizes_are_whole_numbers_that_a_double_holds(void **state)
{
    static const char *const refused[] = { "-1", "0.5", "9007199254740994", "1e300", "1e999", "\"1\"", "null" };
    rn_json *json = parse("9007199254740992");
    uint64_t size = 0;
    double number;

    (void)state;
    assert_true(rn_json_size(&size, json));
    assert_true(size == UINT64_C(1) << 53);
    rn_json_destroy(json);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        json = parse(refused[i]);
        assert_false(rn_json_size(&size, json));
        rn_json_destroy(json);
    }
    json = parse("1e999");
    assert_false(rn_json_number(&number, json));
    rn_json_destroy(json);
}

static void require_exact(double value)
{
    rn_json *object = rn_json_new_object(), *back;
    double read;
    char *text;

    assert_true(rn_json_set_number(object, "x", value));
    text = rn_json_text(object);
    back = parse(text);
    assert_true(rn_json_number(&read, rn_json_first(back)));
    assert_memory_equal(&read, &value, sizeof value);
    rn_json_destroy(back);
    rn_json_release_text(text);
    rn_json_destroy(object);
}

static void require_exact_numbers(void)
{
    static const double values[] = {
        0.0,    1.0,     -1.5,    0.1,    1.0 / 3, 9007199254740991.0, 9007199254740992.0,
        1e-300, DBL_MAX, DBL_MIN, 5e-324, 1e15,    123456789012345.0,  0.30000000000000004
    };
    uint64_t state = 1;

    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        require_exact(values[i]);
    for (int i = 0; i < 2000; i++) {
        double value;

        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        memcpy(&value, &state, sizeof value);
        if (isfinite(value))
            require_exact(value);
    }
}

static void numbers_read_back_exactly(void **state)
{
    (void)state;
    require_exact_numbers();
}

static void numbers_do_not_depend_on_the_locale(void **state)
{
    static const char *const locales[] = { "de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8", "fr_FR.utf8" };
    const char *found = NULL;
    rn_json *object = rn_json_new_object();
    char *text;

    (void)state;
    for (size_t i = 0; i < sizeof locales / sizeof locales[0] && found == NULL; i++)
        found = setlocale(LC_NUMERIC, locales[i]);
    if (found == NULL) {
        print_message("skipped: no locale with a decimal comma is installed\n");
        rn_json_destroy(object);
        skip();
    }
    assert_string_equal(localeconv()->decimal_point, ",");
    require_exact_numbers();
    assert_true(rn_json_set_number(object, "x", 1.5e-7));
    text = rn_json_text(object);
    setlocale(LC_NUMERIC, "C");
    assert_string_equal(text, "{\"x\":1.5e-07}");
    rn_json_release_text(text);
    rn_json_destroy(object);
}

static void documents_are_built(void **state)
{
    rn_json *const root = rn_json_new_object();
    rn_json *const list = rn_json_new_array();
    char *text;

    (void)state;
    assert_true(rn_json_set_string(root, "a/b", "x\"\\\n\x01\xc3\xbc"));
    assert_true(rn_json_set_number(root, "n", 0.25));
    assert_true(rn_json_set_number(root, "nan", (double)NAN));
    assert_true(rn_json_set_number(root, "infinity", (double)-INFINITY));
    assert_true(rn_json_append_string(list, ""));
    assert_true(rn_json_append(list, rn_json_new_object()));
    assert_true(rn_json_set(root, "list", list));
    assert_false(rn_json_set(root, "nothing", NULL));
    assert_false(rn_json_append(list, NULL));
    text = rn_json_text(root);
    assert_string_equal(
        text, "{\"a/b\":\"x\\\"\\\\\\n\\u0001\xc3\xbc\",\"n\":0.25,\"nan\":null,\"infinity\":null,\"list\":[\"\",{}]}");
    rn_json_release_text(text);
    rn_json_destroy(root);
}

/* A folder may be called anything; the file that records it must be readable nevertheless. */
static void bytes_that_are_not_utf8_are_written_as_replacement_characters(void **state)
{
    rn_json *const list = rn_json_new_array();
    char *text;
    rn_json *back;

    (void)state;
    assert_true(rn_json_append_string(list, "fl\xfcr\xe2\x82 \xff"));
    text = rn_json_text(list);
    back = parse(text);
    assert_string_equal(rn_json_string(rn_json_first(back)), "fl\xef\xbf\xbdr\xef\xbf\xbd\xef\xbf\xbd \xef\xbf\xbd");
    rn_json_destroy(back);
    rn_json_release_text(text);
    rn_json_destroy(list);
}

static void *parse_many(void *payload)
{
    long *const wrong = payload;

    for (int i = 0; i < 300; i++) {
        rn_json *json;

        *wrong += rn_json_parse(&json, "[1, 2", 5, NULL) != RN_FORMAT;
        *wrong += rn_json_parse(&json, "[1, x]", 6, NULL) != RN_FORMAT;
        *wrong += rn_json_parse(&json, "[1, 2]", 6, NULL) != RN_OK;
        rn_json_destroy(json);
    }
    return NULL;
}

static void two_threads_parse_side_by_side(void **state)
{
    long wrong[2] = { 0 };
    pthread_t other;

    (void)state;
    assert_int_equal(pthread_create(&other, NULL, parse_many, &wrong[0]), 0);
    parse_many(&wrong[1]);
    assert_int_equal(pthread_join(other, NULL), 0);
    assert_int_equal(wrong[0] + wrong[1], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_walked_in_order),
        cmocka_unit_test(looking_where_nothing_is_answers_not_so),
        cmocka_unit_test(what_is_not_json_is_refused),
        cmocka_unit_test(what_is_not_utf8_is_refused),
        cmocka_unit_test(nesting_ends_at_sixty_four),
        cmocka_unit_test(damaged_text_is_refused_or_read),
        cmocka_unit_test(sizes_are_whole_numbers_that_a_double_holds),
        cmocka_unit_test(numbers_read_back_exactly),
        cmocka_unit_test(numbers_do_not_depend_on_the_locale),
        cmocka_unit_test(documents_are_built),
        cmocka_unit_test(bytes_that_are_not_utf8_are_written_as_replacement_characters),
        cmocka_unit_test(two_threads_parse_side_by_side),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
