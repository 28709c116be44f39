/* SPDX-License-Identifier: MIT */
/* The class table: index, folder and display name. */
#include "classes/classes.h"

#include "support/one_context.h"

static const char *const folders[] = { "1", "10", "2" };

static const char *write_text(const char *text)
{
    const char *const path = rn_test_path(rn_test_directory(), "labels.json");
    FILE *const file = fopen(path, "wb");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return path;
}

static void folders_keep_their_order_and_name_themselves(void **state)
{
    rn_classes *classes;

    (void)state;
    require_ok(context, rn_classes_create(&classes, context, folders, NULL, 3));
    assert_int_equal(rn_classes_count(classes), 3);
    assert_string_equal(rn_classes_folder(classes, 1), "10");
    assert_string_equal(rn_classes_name(classes, 1), "10");
    assert_null(rn_classes_folder(classes, 3));
    assert_null(rn_classes_name(classes, 3));
    rn_classes_destroy(classes);
}

static void names_are_given_and_copied(void **state)
{
    char first[] = "rose";
    const char *const names[] = { first, "", "rose" }; /* empty and repeated names are the caller's business */
    rn_classes *classes;

    (void)state;
    require_ok(context, rn_classes_create(&classes, context, folders, names, 3));
    first[0] = 'n';
    assert_string_equal(rn_classes_name(classes, 0), "rose");
    assert_string_equal(rn_classes_name(classes, 1), "");
    assert_string_equal(rn_classes_folder(classes, 2), "2");
    rn_classes_destroy(classes);
}

static void senseless_tables_are_refused(void **state)
{
    const char *const repeated[] = { "b", "a", "b" }, *const with_null[] = { "a", NULL },
                      *const with_empty[] = { "a", "" }, *const not_utf8[] = { "a", "\xb2\xdd" };
    rn_classes *classes = (rn_classes *)state;

    require_status(context, rn_classes_create(&classes, context, folders, NULL, 0), RN_INVALID_ARGUMENT);
    assert_null(classes);
    require_status(context, rn_classes_create(&classes, context, folders, NULL, 1000001), RN_INVALID_ARGUMENT);
    require_status(context, rn_classes_create(&classes, context, NULL, NULL, 3), RN_INVALID_ARGUMENT);
    require_status(context, rn_classes_create(NULL, context, folders, NULL, 3), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_classes_create(&classes, NULL, folders, NULL, 3), RN_INVALID_ARGUMENT);
    require_status(context, rn_classes_create(&classes, context, with_null, NULL, 2), RN_INVALID_ARGUMENT);
    require_status(context, rn_classes_create(&classes, context, with_empty, NULL, 2), RN_INVALID_ARGUMENT);
    require_status(context, rn_classes_create(&classes, context, folders, with_null, 2), RN_INVALID_ARGUMENT);
    require_status(context, rn_classes_create(&classes, context, not_utf8, NULL, 2), RN_INVALID_ARGUMENT);
    require_status(context, rn_classes_create(&classes, context, folders, not_utf8, 2), RN_INVALID_ARGUMENT);
    require_status(context, rn_classes_create(&classes, context, repeated, NULL, 3), RN_INVALID_ARGUMENT);
    assert_non_null(strstr(rn_context_message(context), "folder b"));
    assert_null(classes);
}

static void null_is_answered_everywhere(void **state)
{
    rn_classes *labelled, *classes;

    (void)state;
    assert_int_equal(rn_classes_count(NULL), 0);
    assert_null(rn_classes_folder(NULL, 0));
    assert_null(rn_classes_name(NULL, 0));
    rn_classes_destroy(NULL);
    assert_int_equal(rn_classes_label(&labelled, NULL, "x"), RN_INVALID_ARGUMENT);
    assert_null(labelled);
    require_ok(context, rn_classes_create(&classes, context, folders, NULL, 3));
    require_status(context, rn_classes_label(&labelled, classes, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_classes_label(NULL, classes, "x"), RN_INVALID_ARGUMENT);
    rn_classes_destroy(classes);
}

static void labels_give_names_to_folders(void **state)
{
    const char *const path =
        write_text("{\"2\": \"f\xc3\xbcnf\", \"99\": 7, \"10\": \"globe thistle\", \"1\": \"pink primrose\"}");
    rn_classes *classes, *labelled;

    (void)state;
    require_ok(context, rn_classes_create(&classes, context, folders, NULL, 3));
    require_ok(context, rn_classes_label(&labelled, classes, path));
    rn_classes_destroy(classes);
    assert_int_equal(rn_classes_count(labelled), 3);
    assert_string_equal(rn_classes_name(labelled, 0), "pink primrose");
    assert_string_equal(rn_classes_name(labelled, 1), "globe thistle");
    assert_string_equal(rn_classes_name(labelled, 2), "f\xc3\xbcnf");
    assert_string_equal(rn_classes_folder(labelled, 1), "10");
    rn_classes_destroy(labelled);
}

typedef struct bad_labels {
    const char *text, *said;
} bad_labels;

static void bad_labels_are_refused_with_file_and_folder(void **state)
{
    static const bad_labels cases[] = {
        { "{\"1\": \"a\", \"2\": \"b\"}", "folder 10" },
        { "{\"1\": \"a\", \"2\": \"b\", \"10\": 3}", "folder 10" },
        { "{\"1\": \"a\", \"2\": \"b\", \"10\": \"c\", \"2\": \"d\"}", "has 2 twice" },
        { "7", "object" },
        { "{}", "folder 1" },
        { "{\"1\": \"a\"", "JSON" },
        { "", "JSON" },
    };
    rn_classes *classes, *labelled;

    (void)state;
    require_ok(context, rn_classes_create(&classes, context, folders, NULL, 3));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const path = write_text(cases[i].text);

        require_status(context, rn_classes_label(&labelled, classes, path), RN_FORMAT);
        assert_null(labelled);
        assert_non_null(strstr(rn_context_message(context), path));
        assert_non_null(strstr(rn_context_message(context), cases[i].said));
    }
    require_status(context, rn_classes_label(&labelled, classes, "/absent/labels.json"), RN_IO);
    assert_null(labelled);
    rn_classes_destroy(classes);
}

static void a_copy_lives_in_another_context(void **state)
{
    const char *const names[] = { "a", "b", "c" };
    rn_context *const other = rn_test_context(1, RN_ISA_AUTO);
    rn_classes *classes, *copy;

    (void)state;
    require_ok(context, rn_classes_create(&classes, context, folders, names, 3));
    require_ok(other, rn_classes_copy(&copy, classes, other));
    rn_classes_destroy(classes);
    rn_context_destroy(other);
    assert_string_equal(rn_classes_folder(copy, 1), "10");
    assert_string_equal(rn_classes_name(copy, 1), "b");
    rn_classes_destroy(copy);
}

/* Quadratic work would take hours here. */
static void a_very_large_table_is_labelled_quickly(void **state)
{
    enum { COUNT = 100000, LENGTH = 12 };
    char(*const texts)[LENGTH] = malloc(COUNT * sizeof *texts);
    const char **const pointers = malloc(COUNT * sizeof *pointers);
    char *const json = malloc(COUNT * 32);
    size_t used = 0;
    rn_classes *classes, *labelled;

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        snprintf(texts[i], LENGTH, "n%08d", i);
        pointers[i] = texts[i];
        used += (size_t)sprintf(json + used, "%s\"n%08d\":\"%d\"", i == 0 ? "{" : ",", COUNT - 1 - i, COUNT - 1 - i);
    }
    strcpy(json + used, "}");
    require_ok(context, rn_classes_create(&classes, context, pointers, NULL, COUNT));
    require_ok(context, rn_classes_label(&labelled, classes, write_text(json)));
    assert_string_equal(rn_classes_name(labelled, 4711), "4711");
    rn_classes_destroy(labelled);
    rn_classes_destroy(classes);
    free(json);
    free(pointers);
    free(texts);
}

static void the_flowers_have_their_names(void **state)
{
    const char *const path = rn_test_data("flowers102/cat_to_name.json");
    const char *const some[] = { "1", "10", "100", "11" };
    rn_classes *classes, *labelled;

    (void)state;
    require_ok(context, rn_classes_create(&classes, context, some, NULL, 4));
    require_ok(context, rn_classes_label(&labelled, classes, path));
    assert_string_equal(rn_classes_name(labelled, 0), "pink primrose");
    assert_string_equal(rn_classes_name(labelled, 1), "globe thistle");
    rn_classes_destroy(labelled);
    rn_classes_destroy(classes);
}

typedef struct labelling {
    rn_test_allocator hooks;
    const char *path;
} labelling;

static rn_status make_everything(void *payload)
{
    labelling *const job = payload;
    rn_context *own = NULL;
    rn_classes *classes = NULL, *labelled = NULL, *copy = NULL;
    rn_status status =
        rn_context_create(&own, RN_OPTIONS(rn_context, .allocate = rn_test_allocate, .release = rn_test_release,
                                           .allocator_payload = &job->hooks));

    if (status == RN_OK)
        status = rn_classes_create(&classes, own, folders, NULL, 3);
    if (status == RN_OK)
        status = rn_classes_label(&labelled, classes, job->path);
    if (status == RN_OK)
        status = rn_classes_copy(&copy, labelled, own);
    rn_context_destroy(own);
    rn_classes_destroy(classes);
    rn_classes_destroy(labelled);
    rn_classes_destroy(copy);
    return status;
}

static void every_failing_allocation_is_no_memory_and_leaks_nothing(void **state)
{
    labelling job = { .path = write_text("{\"1\": \"a\", \"2\": \"b\", \"10\": \"c\"}") };

    (void)state;
    rn_test_fail_each(&job.hooks, make_everything, &job, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders_keep_their_order_and_name_themselves),
        cmocka_unit_test(names_are_given_and_copied),
        cmocka_unit_test(senseless_tables_are_refused),
        cmocka_unit_test(null_is_answered_everywhere),
        cmocka_unit_test(labels_give_names_to_folders),
        cmocka_unit_test(bad_labels_are_refused_with_file_and_folder),
        cmocka_unit_test(a_copy_lives_in_another_context),
        cmocka_unit_test(a_very_large_table_is_labelled_quickly),
        cmocka_unit_test(the_flowers_have_their_names),
        cmocka_unit_test(every_failing_allocation_is_no_memory_and_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
