/* SPDX-License-Identifier: MIT */
/* Rows as Python's csv module reads them, and what it leaves open: separators, comments, empty lines. */
#include "data/list_text.h"

#include "base/file.h"
#include "base/json.h"
#include "support/support.h"

/* Rows written as "field|field/field|field", or what the message ends in. */
typedef struct reading {
    const char *text;
    char separator;
    const char *rows, *said;
} reading;

static rn_status read_all(char *rows, const char *text, size_t nbytes, char separator, rn_message *message)
{
    char *const copy = malloc(nbytes + 1);
    rn_list_text list;
    rn_list_row row;
    rn_status status;

    assert_non_null(copy);
    memcpy(copy, text, nbytes);
    copy[nbytes] = '\0';
    rows[0] = '\0';
    status = rn_list_text_begin(&list, copy, nbytes, separator, "list", message);
    while (status == RN_OK && (status = rn_list_text_next(&row, &list)) == RN_OK) {
        strcat(rows, rows[0] != '\0' ? "/" : "");
        for (size_t i = 0; i < row.count; i++)
            strcat(strcat(rows, i > 0 ? "|" : ""), row.field[i]);
    }
    free(copy);
    return status;
}

static void rows_are_cut_by_the_rules(void **state)
{
    static const reading cases[] = {
        { "", 0, "", NULL },
        { "\n\r\n  \n# x,y\n", 0, "", NULL },
        { "a,b\nc,d", 0, "a|b/c|d", NULL },
        { "a,b\r\nc,d\r\n", 0, "a|b/c|d", NULL },
        { "\xef\xbb\xbf"
          "a,b\n",
          0, "a|b", NULL },
        { "  a , b  \n", 0, "a|b", NULL },
        { "a\tb, c\n", 0, "a|b, c", NULL },
        { "a b;c\n", 0, "a b|c", NULL },
        { "a,b;c\n", 0, "a|b;c", NULL },
        { "a b\n", 0, "a|b", NULL },
        { "my photo (1).jpg 17\r\nx.jpg\t 3 \n", ' ', "my photo (1).jpg|17/x.jpg|3", NULL },
        { "alone\n", 0, "alone", NULL },
        { "a,,\n,,b\n", 0, "a||/||b", NULL },
        { "\"a,1\" b\n", 0, "\"a,1\"|b", NULL },
        { "\"a,1\",b\n", 0, "a,1|b", NULL },
        { "\"a\"\"1\" , \"\"\n", 0, "a\"1|", NULL },
        { "\" a \",b\n", 0, " a |b", NULL },
        { "5\" x,b\n", 0, "5\" x|b", NULL },
        { "a,\"b\r\nc\"\r\nd,e\n", 0, "a|b\r\nc/d|e", NULL },
        { "# one\na,b\n#two\n\nc,#d\n", 0, "a|b/c|#d", NULL },
        { "\"#a\",b\n", 0, "#a|b", NULL },
        { "a\xb2\xdd,b\n", 0, "a\xb2\xdd|b", NULL },
        { "a,b\n\nc\n", 0, NULL, "list:3: 1 field, and the first row has 2" },
        { "a,b\nc,d,e\n", 0, NULL, "list:2: 3 fields, and the first row has 2" },
        { "a,b\n\"c,d\ne,f\n", 0, NULL, "list:2: a quote that does not end" },
        { "\"", ',', NULL, "list:1: a quote that does not end" },
        { "a,\"b\nc\"d\n", 0, NULL, "list:2: text behind a field in quotes" },
    };
    char rows[256];
    rn_message message;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const rn_status status = read_all(rows, cases[i].text, strlen(cases[i].text), cases[i].separator, &message);

        if (cases[i].rows != NULL) {
            assert_int_equal(status, RN_END);
            assert_string_equal(rows, cases[i].rows);
        } else {
            assert_int_equal(status, RN_FORMAT);
            assert_string_equal(message.text, cases[i].said);
        }
    }
    assert_int_equal(read_all(rows, "a,b\0c\n", 6, 0, &message), RN_FORMAT);
    assert_non_null(strstr(message.text, "list: has zero bytes"));
}

static void more_columns_than_are_looked_at_are_counted(void **state)
{
    enum { COLUMNS = RN_LIST_COLUMNS + 3 };
    char text[2 * COLUMNS + 1];
    rn_list_text list;
    rn_list_row row;

    (void)state;
    for (int i = 0; i < COLUMNS; i++) {
        text[2 * i] = 'a';
        text[2 * i + 1] = i + 1 < COLUMNS ? ',' : '\n';
    }
    text[sizeof text - 1] = '\0';
    assert_int_equal(rn_list_text_begin(&list, text, sizeof text - 1, 0, "list", NULL), RN_OK);
    assert_int_equal(rn_list_text_next(&row, &list), RN_OK);
    assert_int_equal(row.count, COLUMNS);
    assert_string_equal(row.field[RN_LIST_COLUMNS - 1], "a");
    assert_int_equal(rn_list_text_next(&row, &list), RN_END);
}

static void compare(const rn_json *expected, const char *name, char separator)
{
    const rn_allocator allocator = rn_default_allocator();
    const rn_json *wanted = rn_json_first(rn_json_member(expected, name));
    rn_list_text list;
    rn_list_row row;
    void *bytes;
    size_t nbytes, rows = 0;
    char path[64];

    snprintf(path, sizeof path, "data/fixtures/%s", name);
    assert_int_equal(rn_file_read(&bytes, &nbytes, &allocator, rn_test_fixture(path), 1 << 20, NULL), RN_OK);
    assert_int_equal(rn_list_text_begin(&list, bytes, nbytes, separator, name, NULL), RN_OK);
    for (; rn_list_text_next(&row, &list) == RN_OK; rows++, wanted = rn_json_next(wanted)) {
        const rn_json *field = rn_json_first(wanted);

        assert_int_equal(row.count, rn_json_count(wanted));
        for (size_t i = 0; i < row.count; i++, field = rn_json_next(field))
            assert_string_equal(row.field[i], rn_json_string(field));
    }
    assert_int_equal(rows, 60);
    assert_null(wanted);
    rn_release(&allocator, bytes);
}

/* Written and read by Python's csv module: make_rows.py. */
static void python_reads_the_same(void **state)
{
    const rn_allocator allocator = rn_default_allocator();
    rn_json *expected;
    void *bytes;
    size_t nbytes;

    (void)state;
    assert_int_equal(
        rn_file_read(&bytes, &nbytes, &allocator, rn_test_fixture("data/fixtures/rows.json"), 1 << 20, NULL), RN_OK);
    assert_int_equal(rn_json_parse(&expected, bytes, nbytes, NULL), RN_OK);
    compare(expected, "rows.csv", ',');
    compare(expected, "rows.tsv", '\t');
    rn_json_destroy(expected);
    rn_release(&allocator, bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_cut_by_the_rules),
        cmocka_unit_test(more_columns_than_are_looked_at_are_counted),
        cmocka_unit_test(python_reads_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
