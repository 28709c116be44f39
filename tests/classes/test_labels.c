/* SPDX-License-Identifier: MIT */
/* Display names from JSON: the forms that people have, and what is no form or two at once. */
#include "support/one_context.h"

static const char *write_text(const char *text)
{
    const char *const path = rn_test_path(rn_test_directory(), "labels.json");
    FILE *const file = fopen(path, "wb");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return path;
}

typedef struct form {
    const char *folders, *json; /* folders of one character each */
    const char *names;          /* a comma between two; NULL: refused */
    const char *said;
} form;

static const form forms[] = {
    /* {"folder": "name"}, also with others */
    { "ab", "{\"b\": \"bee\", \"a\": \"ant\"}", "ant,bee", NULL },
    { "ab", "{\"b\": \"bee\", \"a\": \"ant\", \"c\": \"cat\", \"0\": \"none\"}", "ant,bee", NULL },
    { "13", "{\"1\": \"one\", \"2\": \"two\", \"3\": \"three\"}", "one,three", NULL },
    { "ab", "{\"b\": \"bee\"}", NULL, "has no name for folder a" },
    /* {"0": "name"} */
    { "ab", "{\"1\": \"bee\", \"0\": \"ant\"}", "ant,bee", NULL },
    { "01", "{\"1\": \"bee\", \"0\": \"ant\"}", "ant,bee", NULL }, /* folders and indices alike, and in one order */
    { "ab", "{\"0\": \"ant\", \"1\": \"bee\", \"2\": \"cat\"}", NULL, "has no name for folder a" },
    { "ab", "{\"1\": \"ant\", \"2\": \"bee\"}", NULL, "has no name for folder a" },
    { "ab", "{\"0\": \"ant\", \"01\": \"bee\"}", NULL, "has no name for folder a" },
    { "10", "{\"0\": \"ant\", \"1\": \"bee\"}", NULL, "class 0 has the folder 1, and both are keys" },
    { "10", "{\"0\": \"ant\", \"1\": \"ant\"}", "ant,ant", NULL },
    { "10", "{\"0\": \"ant\", \"1\": \"bee\", \"x\": \"\"}", "bee,ant", NULL }, /* x is no index */
    /* {"0": ["folder", "name"]}, in the order of whoever wrote it */
    { "ab", "{\"0\": [\"b\", \"bee\"], \"1\": [\"a\", \"ant\"]}", "ant,bee", NULL },
    { "ab", "{\"7\": [\"b\", \"bee\"], \"8\": [\"a\", \"ant\"], \"9\": [\"c\", \"cat\"]}", "ant,bee", NULL },
    { "xy", "{\"0\": [\"b\", \"bee\"], \"1\": [\"a\", \"ant\"]}", "bee,ant", NULL },
    { "ax", "{\"0\": [\"b\", \"bee\"], \"1\": [\"a\", \"ant\"]}", "bee,ant", NULL },
    { "ax", "{\"0\": [\"b\", \"bee\"], \"2\": [\"a\", \"ant\"]}", NULL, "has no name for folder x" },
    { "ab", "{\"0\": [\"b\", \"bee\"], \"1\": [\"b\", \"ant\"]}", NULL, "has b twice" },
    { "ab", "{\"0\": [\"b\", \"bee\"], \"1\": [\"a\"]}", NULL, "1 is not a pair" },
    { "ab", "{\"0\": [\"b\", \"bee\"], \"1\": \"ant\"}", NULL, "1 is not a pair" },
    { "ab", "{\"0\": [\"b\", \"bee\", \"\"], \"1\": [\"a\", \"ant\", \"\"]}", NULL, "0 is not a pair" },
    /* {"name": 0} */
    { "ab", "{\"bee\": 1, \"ant\": 0}", "ant,bee", NULL },
    { "ab", "{\"a\": 0, \"b\": 1}", "a,b", NULL }, /* class_to_idx of the same folders */
    { "ab", "{\"a\": 1, \"b\": 0}", NULL, "gives a another index than the 0 that its folder has here" },
    { "ab", "{\"a\": 1, \"x\": 0}", NULL, "gives a another index than the 0" },
    { "ab", "{\"ant\": 0, \"bee\": 2}", NULL, "the index of bee is no number below 2" },
    { "ab", "{\"ant\": 0, \"bee\": 0}", NULL, "the index of bee" },
    { "ab", "{\"ant\": 0, \"bee\": 0.5}", NULL, "the index of bee" },
    { "ab", "{\"ant\": 0, \"bee\": -1}", NULL, "the index of bee" },
    { "ab", "{\"ant\": 0, \"bee\": \"1\"}", NULL, "the index of bee" },
    { "ab", "{\"ant\": 0}", NULL, "has no name with the index 1, for folder b" },
    { "ab", "{\"ant\": 0, \"ant\": 1}", NULL, "has ant twice" },
    /* ["name"] */
    { "ab", "[\"ant\", \"bee\"]", "ant,bee", NULL },
    { "ab", "[\"ant\", \"ant\"]", "ant,ant", NULL },
    { "ab", "[\"ant\"]", NULL, "a list of 1 names for 2 classes" },
    { "ab", "[]", NULL, "a list of 0 names" },
    { "ab", "[\"ant\", 7]", NULL, "entry 1 of the list is not a string" },
    /* none */
    { "ab", "{\"a\": null, \"b\": \"bee\"}", NULL, "the name of folder a is not a string" },
    { "ab", "{\"a\": {\"name\": \"ant\"}, \"b\": {}}", NULL, "the name of folder a is not a string" },
    { "ab", "\"ant\"", NULL, "neither an object" },
};

static rn_classes *make_classes(const char *folders)
{
    char text[8][2] = { { 0 } };
    const char *pointers[8];
    const size_t count = strlen(folders);
    rn_classes *classes;

    for (size_t i = 0; i < count; i++) {
        text[i][0] = folders[i];
        pointers[i] = text[i];
    }
    require_ok(context, rn_classes_create(&classes, context, pointers, NULL, count));
    return classes;
}

static void require_names(const rn_classes *labelled, const form *f)
{
    char names[64] = "", text[2] = "";

    for (size_t i = 0; i < rn_classes_count(labelled); i++) {
        strcat(strcat(names, i > 0 ? "," : ""), rn_classes_name(labelled, i));
        text[0] = f->folders[i];
        assert_string_equal(rn_classes_folder(labelled, i), text);
    }
    assert_string_equal(names, f->names);
}

static void each_form_gives_names_or_says_why_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const form *const f = &forms[i];
        const char *const path = write_text(f->json);
        rn_classes *const classes = make_classes(f->folders);
        rn_classes *labelled;

        if (f->names != NULL) {
            require_ok(context, rn_classes_label(&labelled, classes, path));
            require_names(labelled, f);
            rn_classes_destroy(labelled);
        } else {
            require_status(context, rn_classes_label(&labelled, classes, path), RN_FORMAT);
            assert_null(labelled);
            assert_non_null(strstr(rn_context_message(context), path));
            if (strstr(rn_context_message(context), f->said) == NULL)
                fail_msg("%s: \"%s\" does not say \"%s\"", f->json, rn_context_message(context), f->said);
        }
        rn_classes_destroy(classes);
    }
}

static rn_status label(void *payload)
{
    rn_classes *labelled;
    const rn_status status =
        rn_classes_label(&labelled, payload, write_text("{\"1\": [\"a\", \"x\"], \"0\": [\"b\", \"y\"]}"));

    rn_classes_destroy(labelled);
    return status;
}

static void every_failed_allocation_is_survived(void **state)
{
    static const char *const folders[] = { "b", "a" };
    rn_test_allocator allocator;
    rn_context *const own = rn_test_allocator_context(&allocator, 1);
    rn_classes *classes;

    (void)state;
    require_ok(own, rn_classes_create(&classes, own, folders, NULL, 2));
    rn_test_fail_each(&allocator, label, classes, 7);
    rn_classes_destroy(classes);
    rn_context_destroy(own);
    assert_int_equal(allocator.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_gives_names_or_says_why_not),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
