/* SPDX-License-Identifier: MIT */
/* Making and listing directories, joining paths. */
#define _POSIX_C_SOURCE 200809L
#include "base/file.h"

#include "support/support.h"

#include <sys/stat.h>
#include <unistd.h>

static void touch(const char *directory, const char *name)
{
    FILE *const file = fopen(rn_test_path(directory, name), "w");

    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
}

static void directories_are_made_with_their_parents(void **state)
{
    const char *const root = rn_test_directory();
    const char *const deep = rn_test_path(root, "a/b//c/");
    struct stat info;

    (void)state;
    assert_int_equal(rn_directory_make(deep, NULL), RN_OK);
    assert_int_equal(stat(rn_test_path(root, "a/b/c"), &info), 0);
    assert_true(S_ISDIR(info.st_mode));
    assert_int_equal(rn_directory_make(deep, NULL), RN_OK);
    assert_int_equal(rn_directory_make("/", NULL), RN_OK);
    assert_int_equal(rn_directory_make(".", NULL), RN_OK);
}

static void a_file_in_the_way_is_named(void **state)
{
    const char *const root = rn_test_directory();
    rn_message message;

    (void)state;
    touch(root, "file");
    assert_int_equal(rn_directory_make(rn_test_path(root, "file"), &message), RN_IO);
    assert_int_equal(rn_directory_make(rn_test_path(root, "file/below"), &message), RN_IO);
    assert_non_null(strstr(message.text, rn_test_path(root, "file")));
    assert_int_equal(rn_directory_make("", &message), RN_IO);
}

static void paths_are_joined_with_one_slash(void **state)
{
    static const char *const cases[][3] = { { "a", "b", "a/b" }, { "a/", "b", "a/b" }, { "/", "b", "/b" } };
    const rn_allocator allocator = rn_default_allocator();

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char *const path = rn_path_join(&allocator, cases[i][0], cases[i][1]);

        assert_string_equal(path, cases[i][2]);
        rn_release(&allocator, path);
    }
}

static void names_come_sorted_by_byte_and_by_kind(void **state)
{
    const rn_allocator allocator = rn_default_allocator();
    const char *const root = rn_test_directory();
    rn_names names;

    (void)state;
    assert_int_equal(mkdir(rn_test_path(root, "10"), 0777), 0);
    assert_int_equal(mkdir(rn_test_path(root, "9"), 0777), 0);
    assert_int_equal(mkdir(rn_test_path(root, "\xc3\xbc"), 0777), 0);
    assert_int_equal(mkdir(rn_test_path(root, ".hidden"), 0777), 0);
    assert_int_equal(symlink("9", rn_test_path(root, "link")), 0);
    assert_int_equal(symlink("nowhere", rn_test_path(root, "broken")), 0);
    touch(root, "b.jpg");
    touch(root, "B.jpg");
    assert_int_equal(rn_directory_list(&names, &allocator, root, true, NULL), RN_OK);
    assert_int_equal(names.count, 5);
    assert_string_equal(names.name[0], ".hidden");
    assert_string_equal(names.name[1], "10");
    assert_string_equal(names.name[2], "9");
    assert_string_equal(names.name[3], "link");
    assert_string_equal(names.name[4], "\xc3\xbc");
    rn_names_release(&names, &allocator);
    assert_int_equal(rn_directory_list(&names, &allocator, root, false, NULL), RN_OK);
    assert_int_equal(names.count, 3);
    assert_string_equal(names.name[0], "B.jpg");
    assert_string_equal(names.name[1], "b.jpg");
    assert_string_equal(names.name[2], "broken");
    rn_names_release(&names, &allocator);
    assert_int_equal(names.count, 0);
}

static void what_is_no_directory_is_refused_by_name(void **state)
{
    const rn_allocator allocator = rn_default_allocator();
    const char *const absent = rn_test_path(rn_test_directory(), "absent");
    rn_message message;
    rn_names names;

    (void)state;
    assert_int_equal(rn_directory_list(&names, &allocator, absent, true, &message), RN_IO);
    assert_non_null(strstr(message.text, absent));
    assert_int_equal(names.count, 0);
    rn_names_release(&names, &allocator);
}

typedef struct listing {
    rn_test_allocator hooks;
    const char *root;
} listing;

static rn_status list_directory(void *payload)
{
    listing *const job = payload;
    const rn_allocator allocator = { rn_test_allocate, rn_test_release, &job->hooks };
    rn_names names;
    const rn_status status = rn_directory_list(&names, &allocator, job->root, false, NULL);

    assert_int_equal(names.count, status == RN_OK ? 70 : 0);
    rn_names_release(&names, &allocator);
    return status;
}

static void every_failing_allocation_is_no_memory_and_leaks_nothing(void **state)
{
    listing job = { .root = rn_test_directory() };

    (void)state;
    for (int i = 0; i < 70; i++) { /* the array grows once */
        char name[16];

        snprintf(name, sizeof name, "%d", i);
        touch(job.root, name);
    }
    rn_test_fail_each(&job.hooks, list_directory, &job, 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directories_are_made_with_their_parents),
        cmocka_unit_test(a_file_in_the_way_is_named),
        cmocka_unit_test(paths_are_joined_with_one_slash),
        cmocka_unit_test(names_come_sorted_by_byte_and_by_kind),
        cmocka_unit_test(what_is_no_directory_is_refused_by_name),
        cmocka_unit_test(every_failing_allocation_is_no_memory_and_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
