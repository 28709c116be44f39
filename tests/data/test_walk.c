/* SPDX-License-Identifier: MIT */
/* Walking folders: links, circles and ladders of links cost one visit for each real directory. */
#define _GNU_SOURCE
#include "data/walk.h"

#include "data/folders.h"

#include <unistd.h>

static void link_to(const char *target, const char *root, const char *name)
{
    assert_int_equal(symlink(target, rn_test_path(root, name)), 0);
}

/* Directories x/d0 ... with two links each to the next: 2^rungs paths, of which all but one end where another was. */
static const char *make_ladder(int rungs)
{
    const char *const root = rn_test_directory();

    make_folder(root, "class");
    for (int i = 0; i < rungs; i++) {
        char name[32], target[32];

        snprintf(name, sizeof name, "x/d%d", i);
        make_folder(root, name);
        snprintf(target, sizeof target, "../d%d", i + 1);
        for (const char *side = "ab"; i + 1 < rungs && *side != '\0'; side++) {
            snprintf(name, sizeof name, "x/d%d/%c", i, *side);
            link_to(target, root, name);
        }
    }
    link_to("../x/d0", root, "class/k");
    return rn_test_path(root, "class");
}

static void a_ladder_of_links_is_climbed_once(void **state)
{
    enum { RUNGS = 20 };
    const rn_allocator allocator = rn_default_allocator();
    const char *const root = make_ladder(RUNGS);
    rn_message message;
    rn_names folders;

    (void)state;
    if (rn_walk(&folders, &allocator, root, &message) != RN_OK)
        fail_msg("%s", message.text);
    assert_int_equal(folders.count, 1 + RUNGS);
    assert_string_equal(folders.name[0], root);
    for (size_t i = 1; i < folders.count; i++)
        assert_true(strlen(folders.name[i]) == strlen(root) + 2 * i);
    rn_names_release(&folders, &allocator);
}

static void circles_end(void **state)
{
    const rn_allocator allocator = rn_default_allocator();
    const char *const root = rn_test_directory();
    rn_message message;
    rn_names folders;

    (void)state;
    make_folder(root, "a/b");
    link_to(".", root, "a/self");
    link_to("../..", root, "a/b/top");
    link_to("loop", root, "loop");
    if (rn_walk(&folders, &allocator, root, &message) != RN_OK)
        fail_msg("%s", message.text);
    assert_int_equal(folders.count, 3);
    assert_string_equal(folders.name[1], rn_test_path(root, "a"));
    assert_string_equal(folders.name[2], rn_test_path(root, "a/b"));
    rn_names_release(&folders, &allocator);
}

static void depth_has_a_limit(void **state)
{
    const rn_allocator allocator = rn_default_allocator();
    const char *const root = rn_test_directory();
    char name[2 * RN_WALK_DEPTH + 1] = "d";
    rn_message message;
    rn_names folders;

    (void)state;
    while (strlen(name) < 2 * (RN_WALK_DEPTH - 1) - 1)
        strcat(name, "/d");
    make_folder(root, name);
    assert_int_equal(rn_walk(&folders, &allocator, root, &message), RN_OK);
    assert_int_equal(folders.count, RN_WALK_DEPTH);
    rn_names_release(&folders, &allocator);
    make_folder(root, strcat(name, "/d"));
    assert_int_equal(rn_walk(&folders, &allocator, root, &message), RN_FORMAT);
    assert_non_null(strstr(message.text, "32 deep"));
    assert_int_equal(folders.count, 0);
}

static void many_folders_are_told_apart(void **state)
{
    enum { FOLDERS = 300 }; /* the table of places grows several times */
    const rn_allocator allocator = rn_default_allocator();
    const char *const root = rn_test_directory();
    rn_names folders;

    (void)state;
    for (int i = 0; i < FOLDERS; i++) {
        char name[16];

        snprintf(name, sizeof name, "d%d", i);
        make_folder(root, name);
    }
    assert_int_equal(rn_walk(&folders, &allocator, root, NULL), RN_OK);
    assert_int_equal(folders.count, 1 + FOLDERS);
    rn_names_release(&folders, &allocator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ladder_of_links_is_climbed_once),
        cmocka_unit_test(circles_end),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(many_folders_are_told_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
