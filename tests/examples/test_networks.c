/* SPDX-License-Identifier: MIT */
/* The networks program: the whole zoo, or what is named, as a table or as JSON. */
#include "base/json.h"
#include "examples/programs.h"
#include "train/runs.h"

#include <unistd.h>

static const char *work;

#define NETWORKS(...) ARGUMENTS("networks", __VA_ARGS__)

static char *output_of(const char *const *arguments)
{
    assert_int_equal(rn_test_program(work, arguments, 0, -1), 0);
    return rn_test_program_output(work, "out");
}

static int set_up(void **state)
{
    (void)state;
    work = rn_test_directory();
    return 0;
}

static void the_whole_zoo_is_listed(void **state)
{
    char *text = output_of((const char *const[]){ "networks", NULL });
    int lines = 0, names = 0;

    (void)state;
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    for (; rn_zoo_name((size_t)names) != NULL; names++)
        assert_non_null(strstr(text, rn_zoo_name((size_t)names)));
    assert_int_equal(lines, names + 1);
    free(text);
}

static void named_ones_are_listed_with_size_and_classes(void **state)
{
    char *text = output_of(NETWORKS("resnet18", "--classes", "2", "--size", "64"));

    (void)state;
    assert_non_null(strstr(text, "\nresnet18            3 x 64 x 64      11,177,538      148,046,848  fc\n"));
    assert_null(strstr(text, "resnet34"));
    free(text);
}

static void json_is_a_line_a_network(void **state)
{
    char *text = output_of(NETWORKS("cifar_resnet20", "resnet18", "--json"));
    const char *second = strchr(text, '\n') + 1;
    rn_json *json = NULL;

    (void)state;
    assert_int_equal(rn_json_parse(&json, text, strcspn(text, "\n"), NULL), RN_OK);
    assert_string_equal(rn_json_string(rn_json_member(json, "name")), "cifar_resnet20");
    assert_true(rn_test_member(json, "parameters") == 269722 && rn_test_member(json, "multiply_adds") == 40551040);
    assert_true(rn_test_member(json, "classes") == 10);
    rn_json_destroy(json);
    assert_int_equal(rn_json_parse(&json, second, strcspn(second, "\n"), NULL), RN_OK);
    assert_true(rn_test_member(json, "parameters") == 11689512 && rn_test_member(json, "multiply_adds") == 1814073344);
    assert_int_equal(rn_json_count(rn_json_member(json, "input")), 3);
    assert_string_equal(rn_json_string(rn_json_member(json, "head")), "fc");
    rn_json_destroy(json);
    assert_string_equal(strchr(second, '\n'), "\n");
    free(text);
}

static void failures_are_said(void **state)
{
    char *text;

    (void)state;
    assert_int_equal(rn_test_program(work, NETWORKS("resnet19"), 0, -1), 1);
    text = rn_test_program_output(work, "err");
    assert_non_null(strstr(text, "'resnet19'; it has resnet18"));
    free(text);
    assert_int_equal(rn_test_program(work, NETWORKS("--size", "x"), 0, -1), 2);
    if (access("/dev/full", W_OK) == 0)
        assert_int_equal(rn_test_program_into("/dev/full", work, NETWORKS("resnet18")), 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_zoo_is_listed),
        cmocka_unit_test(named_ones_are_listed_with_size_and_classes),
        cmocka_unit_test(json_is_a_line_a_network),
        cmocka_unit_test(failures_are_said),
    };

    rn_test_programs(argc, argv);
    return cmocka_run_group_tests(tests, set_up, NULL);
}
