/* SPDX-License-Identifier: MIT */
/* What is JSON and what is not, by our own grammar; and by it a lack of memory that cJSON does not tell from damage. */
#include "base/json_grammar.h"

#include "base/json.h"
#include "support/support.h"

#include <cjson/cJSON.h>

static void texts_of_the_grammar_are_told_from_others(void **state)
{
    static const char *const good[] = {
        "{}",
        "[]",
        " [ ] ",
        "0",
        "-0",
        "-12.5e+3",
        "1E-2",
        "\"\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00fC\"",
        "\"\\ud83c\\udf3b\"",
        "[1,\t2 ,\n3\r]",
        "{\"a\":{\"b\":[true,false,null]},\"a\":\"\"}",
    };
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "[",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{1:2}",
        "01",
        "-",
        ".5",
        "1.",
        "1e",
        "1e+",
        "+1",
        "tru",
        "nulll",
        "\"a",
        "\"\\",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "[] x",
        "\"\\ud800\\n\"",
        "\"\\ud800\\ud800\"",
        "]",
        "{]",
    };
    char digits[80];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        if (!rn_json_is_grammatical(good[i], strlen(good[i])))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (rn_json_is_grammatical(bad[i], strlen(bad[i])))
            fail_msg("accepted: %s", bad[i]);
    memset(digits, '1', sizeof digits);
    assert_true(rn_json_is_grammatical(digits, 63));
    assert_false(rn_json_is_grammatical(digits, 64));
}

static long left; /* allocations until one fails */

static void *failing_malloc(size_t nbytes)
{
    return left-- == 0 ? NULL : malloc(nbytes);
}

static void a_lack_of_memory_is_no_damage(void **state)
{
    static const char text[] = "{\"name\": [1, -2.5e3, \"\\u00fc\", {\"deep\": true}], \"empty\": {}}";
    rn_message message;
    rn_json *json;
    long failures = 0;
    rn_status status;

    (void)state;
    cJSON_InitHooks(&(cJSON_Hooks){ .malloc_fn = failing_malloc, .free_fn = free });
    do {
        left = failures;
        status = rn_json_parse(&json, text, strlen(text), &message);
        assert_true(status == RN_OK || status == RN_NO_MEMORY);
        failures += status == RN_NO_MEMORY;
    } while (status == RN_NO_MEMORY);
    rn_json_destroy(json);
    assert_true(failures > 10);
    left = 3;
    assert_int_equal(rn_json_parse(&json, "[1, 2, 3, }", 11, &message), RN_FORMAT); /* damaged in any case */
    cJSON_InitHooks(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_of_the_grammar_are_told_from_others),
        cmocka_unit_test(a_lack_of_memory_is_no_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
