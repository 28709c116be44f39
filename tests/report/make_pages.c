/* SPDX-License-Identifier: MIT */
/* Writes reports of all kinds into a directory, for check_pages.sh and for looking at: make_pages DIRECTORY */
#include "report/pages.h"

/* A name that a page, a script, a terminal or a reader could obey. JSON has it escaped. */
static const char hostile[] = "</script><img src=x onerror=\"alert(1)\">'&amp;\xe2\x80\xae\x1b[31m";
static const char hostile_in_json[] = "</script><b onclick='x()'>\\\"&amp;\\u202e]]>";

static void write_page(const char *directory, const char *name, size_t classes, size_t photos, const char *called,
                       const char *phase, int frozen, int all, int complete)
{
    rn_context *const context = rn_test_context(1, 0);
    rn_evaluation_result *const result = rn_test_answers(context, classes, photos, called);
    rn_model *const model = rn_test_small_model(context, classes, called);
    const char *const run = rn_test_directory();

    rn_test_run_files(context, run, frozen, all, phase, complete);
    require_ok(context, rn_report_write(context, rn_test_path(directory, name),
                                        RN_OPTIONS(rn_report, .directory = run, .model = model, .evaluation = result,
                                                   .title = called)));
    rn_model_destroy(model);
    rn_evaluation_result_destroy(result);
    rn_context_destroy(context);
}

static const char *target;

static void write_all(void **state)
{
    rn_context *const context = rn_test_context(1, 0);
    const char *const run = rn_test_directory();

    (void)state;
    write_page(target, "2.html", 2, 400, "bee", "all", 8, 12, 1);
    write_page(target, "10.html", 10, 400, "garment", "all", 20, 20, 0);
    write_page(target, "102.html", 102, 3060, "flower with a name", "all", 20, 31, 1);
    write_page(target, "1000.html", 1000, 50000, "synset", "all", 5, 3000, 0);
    write_page(target, "hostile.html", 20, 400, hostile, hostile_in_json, 3, 3, 0);
    rn_test_run_files(context, run, 1, 0, "all", 0);
    require_ok(context,
               rn_report_write(context, rn_test_path(target, "run.html"), RN_OPTIONS(rn_report, .directory = run)));
    rn_test_run_files(context, run, 6, 9, hostile_in_json, 0);
    require_ok(context, rn_report_write_curves(context, rn_test_path(target, "curves.svg"), run));
    rn_context_destroy(context);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(write_all) };

    if (argc != 2) {
        fprintf(stderr, "make_pages DIRECTORY\n");
        return 2;
    }
    target = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
