/* SPDX-License-Identifier: MIT */
/* The page of a trainer's run: in the middle, at the end, by one process of two, and what has no page. */
#include "train/processes.h"

#include <resnet/report.h>

#include <unistd.h>

static const char *photos;

static int make_photos(void **state)
{
    (void)state;
    photos = rn_test_photo_directory();
    return 0;
}

static int stands_in(const char *path, const char *part)
{
    size_t size;
    char *const page = rn_test_file(path, &size);
    int found;

    if (page == NULL)
        fail_msg("no page %s", path);
    found = strstr(page, part) != NULL;
    free(page);
    return found;
}

typedef struct going {
    rn_test_run run;
    const char *page;
    int written;
} going;

static int32_t write_at_the_end_of_an_epoch(const rn_progress *progress, void *payload)
{
    going *const g = payload;

    if (progress->epoch_ended) {
        require_ok(g->run.context, rn_trainer_write_report(g->run.trainer, NULL, NULL));
        assert_true(stands_in(g->page, "<section id=\"curves\""));
        assert_true(stands_in(g->page, "<section id=\"network\""));
        assert_false(stands_in(g->page, "<section id=\"evaluation\""));
        g->written++;
    }
    return RN_FIT_GO_ON;
}

/* Also that the run's files are those of a run without. */
static void a_run_leaves_its_page_while_it_goes_on_and_behind(void **state)
{
    const char *const plain = rn_test_new_directory(), *const directory = rn_test_new_directory();
    going g = { .run = rn_test_run_open(photos, 7), .page = rn_test_path(directory, "report.html") };
    rn_test_run run = rn_test_run_open(photos, 7);
    rn_evaluation answer = { .struct_size = sizeof answer };
    char accuracy[64];

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, plain, 0, NULL, NULL));
    require_ok(run.context, rn_test_run_fit(&run));
    require_ok(g.run.context, rn_test_run_train(&g.run, directory, 0, write_at_the_end_of_an_epoch, &g));
    require_ok(g.run.context, rn_test_run_fit(&g.run));
    assert_int_equal(g.written, RUN_EPOCHS);
    rn_test_same_results(plain, directory);

    require_ok(g.run.context, rn_trainer_write_report(g.run.trainer, NULL, NULL));
    assert_true(stands_in(g.page, "the last one, is complete."));
    require_ok(run.context, rn_evaluate(&answer, run.model, run.valid, NULL));
    assert_int_equal(answer.count, RUN_CLASSES * RUN_VALID);
    snprintf(accuracy, sizeof accuracy, "<dt>Accuracy of the evaluation</dt><dd>%.1f", 100 * answer.accuracy);
    assert_true(stands_in(g.page, accuracy));
    assert_true(stands_in(g.page, "<section id=\"photos\""));
    rn_test_run_close(&g.run);
    rn_test_run_close(&run);
}

static void what_options_name_is_taken_instead(void **state)
{
    const char *const page = rn_test_path(rn_test_directory(), "own.html");
    rn_test_run run = rn_test_run_open(photos, 7);
    rn_evaluation answer = { .struct_size = sizeof answer };
    rn_evaluation_result *result = NULL;

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, rn_test_new_directory(), 0, NULL, NULL));
    require_ok(run.context, rn_test_run_fit(&run));
    require_ok(run.context, rn_evaluate(&answer, run.model, run.train, RN_OPTIONS(rn_evaluate, .result = &result)));
    require_ok(run.context,
               rn_trainer_write_report(run.trainer, page,
                                       RN_OPTIONS(rn_report, .title = "Stripes", .evaluation = result, .photos = -1)));
    assert_true(stands_in(page, "<h1>Stripes</h1>"));
    assert_true(stands_in(page, "<dt>Photos</dt><dd>21</dd>"));
    assert_false(stands_in(page, "<section id=\"photos\""));
    rn_evaluation_result_destroy(result);
    rn_test_run_close(&run);
}

static void a_run_without_a_directory_has_no_place_of_its_own(void **state)
{
    const char *const page = rn_test_path(rn_test_directory(), "memory.html");
    rn_test_run run = rn_test_run_open(photos, 7);

    (void)state;
    assert_int_equal(rn_trainer_write_report(NULL, page, NULL), RN_INVALID_ARGUMENT);
    require_ok(run.context, rn_test_run_train(&run, NULL, 0, NULL, NULL));
    require_ok(run.context, rn_test_run_fit(&run));
    require_status(run.context, rn_trainer_write_report(run.trainer, NULL, NULL), RN_INVALID_ARGUMENT);
    require_ok(run.context, rn_trainer_write_report(run.trainer, page, NULL));
    assert_true(stands_in(page, "<section id=\"evaluation\""));
    assert_false(stands_in(page, "<section id=\"curves\""));
    rn_test_run_close(&run);
}

static void before_the_first_epoch_there_is_nothing_to_report(void **state)
{
    const char *const directory = rn_test_new_directory();
    rn_test_run run = rn_test_run_open(photos, 7);

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, directory, 0, NULL, NULL));
    require_status(run.context, rn_trainer_write_report(run.trainer, NULL, NULL), RN_IO);
    assert_int_equal(access(rn_test_path(directory, "report.html"), F_OK), -1);
    rn_test_run_close(&run);
}

static const char *pages[2];

static rn_status train_and_write(rn_test_process *process)
{
    rn_test_run *const run = &process->run;
    rn_status status = rn_trainer_create(&run->trainer, run->model, run->train, run->valid, &process->options);

    if (status == RN_OK)
        status = rn_test_run_fit(run);
    return status == RN_OK ? rn_trainer_write_report(run->trainer, pages[process->rank], NULL) : status;
}

static void of_two_processes_the_first_writes(void **state)
{
    const rn_trainer_options options = {
        .struct_size = sizeof options, .directory = rn_test_new_directory(), .batch_size = RUN_BATCH, .slices = 2
    };
    rn_test_process process[2];
    rn_test_wire wire = { 0 };

    (void)state;
    pages[0] = rn_test_path(rn_test_directory(), "first.html");
    pages[1] = rn_test_path(rn_test_directory(), "second.html");
    rn_test_processes_open(process, 2, photos, &options);
    rn_test_processes_run(process, 2, &wire, train_and_write);
    for (int rank = 0; rank < 2; rank++)
        require_ok(process[rank].run.context, process[rank].status);
    assert_true(stands_in(pages[0], "<section id=\"evaluation\""));
    assert_int_equal(access(pages[1], F_OK), -1);
    rn_test_processes_close(process, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_leaves_its_page_while_it_goes_on_and_behind),
        cmocka_unit_test(what_options_name_is_taken_instead),
        cmocka_unit_test(a_run_without_a_directory_has_no_place_of_its_own),
        cmocka_unit_test(before_the_first_epoch_there_is_nothing_to_report),
        cmocka_unit_test(of_two_processes_the_first_writes),
    };

    return cmocka_run_group_tests(tests, make_photos, NULL);
}
