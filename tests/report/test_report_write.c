/* SPDX-License-Identifier: MIT */
/* Pages as a whole: what stands in them, what is left out, what is refused, and what happens without memory. */
#include "report/pages.h"

#include "image/image.h"
#include "train/runs.h"

#include <sys/stat.h>
#include <unistd.h>

static rn_context *context;
static rn_evaluation_result *few, *many;
static const char *run_directory;

static int make_all(void **state)
{
    (void)state;
    context = rn_test_context(1, 0);
    few = rn_test_answers(context, 3, 30, "kind");
    many = rn_test_answers(context, 40, 400, "kind");
    run_directory = rn_test_directory();
    rn_test_run_files(context, run_directory, 2, 3, "all", 0);
    return 0;
}

static int destroy_all(void **state)
{
    (void)state;
    rn_evaluation_result_destroy(few);
    rn_evaluation_result_destroy(many);
    rn_context_destroy(context);
    return 0;
}

static size_t times(const char *text, const char *part)
{
    size_t count = 0;

    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part))
        count++;
    return count;
}

static void sections_are_those_of_what_is_given(void **state)
{
    static const char *const sections[] = { "curves", "settings", "evaluation", "mistakes", "photos", "network" };
    rn_model *const model = rn_test_small_model(context, 3, "tiny");
    const rn_report_options given[] = {
        { .struct_size = sizeof given[0], .directory = run_directory },
        { .struct_size = sizeof given[0], .evaluation = few },
        { .struct_size = sizeof given[0], .model = model },
        { .struct_size = sizeof given[0], .directory = run_directory, .model = model, .evaluation = few },
        { .struct_size = sizeof given[0], .evaluation = few, .mistakes = -1, .photos = -1 },
    };
    static const int expected[][6] = {
        { 1, 1, 0, 0, 0, 0 }, { 0, 0, 1, 1, 1, 0 }, { 0, 0, 0, 0, 0, 1 }, { 1, 1, 1, 1, 1, 1 }, { 0, 0, 1, 0, 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof given / sizeof given[0]; i++) {
        char *const page = rn_test_page(context, &given[i]);

        for (size_t k = 0; k < 6; k++) {
            char section[64], link[64];

            snprintf(section, sizeof section, "<section id=\"%s\">", sections[k]);
            snprintf(link, sizeof link, "href=\"#%s\"", sections[k]);
            assert_int_equal(times(page, section), expected[i][k]);
            assert_int_equal(times(page, link), expected[i][k]);
        }
        free(page);
    }
    rn_model_destroy(model);
}

static void numbers_are_those_of_the_run(void **state)
{
    char *const page = rn_test_page(context, RN_OPTIONS(rn_report, .directory = run_directory));

    (void)state;
    assert_non_null(strstr(page, "Phase all: epoch 3 of 6 is done."));
    assert_int_equal(times(page, "<svg class=\"chart\""), 4);
    assert_int_equal(times(page, "<title>all 3: "), 4); /* each chart's column of the last epoch */
    assert_non_null(strstr(page, "<td class=\"w\">frozen 1</td><td>3.4000</td><td>17.0</td>"));
    assert_non_null(strstr(page, "<th scope=\"col\">lr step epochs</th>"));
    assert_non_null(strstr(page, "<th scope=\"col\">new option</th>")); /* what a phase says is shown, known or not */
    assert_non_null(strstr(page, "<td>0.01</td>"));
    assert_non_null(strstr(page, "<td>SGD</td>"));
    assert_non_null(strstr(page, "from-scratch</th><td class=\"w\">yes</td>"));
    assert_non_null(strstr(page, "new-head</th><td class=\"w\">no</td>"));
    assert_non_null(strstr(page, "RandomHorizontalFlip(0.5)"));
    free(page);
}

/* A history is a file like others: no number in it breaks a chart. */
static void numbers_of_any_size_are_drawn(void **state)
{
    static const char *const numbers[] = { "0",      "1e308", "-1e308", "5e-324", "-5e-324", "1e-200",
                                           "1e-101", "1e99",  "-1e99",  "null",   "1",       "1.0000000000000002" };
    enum { COUNT = sizeof numbers / sizeof numbers[0] };
    const char *const directory = rn_test_directory();

    (void)state;
    for (size_t i = 0; i < COUNT * COUNT; i++) {
        char text[512];
        char *page;

        snprintf(text, sizeof text,
                 "{\"phase\":\"a\",\"epoch\":0,\"train_loss\":%s,\"valid_accuracy\":%s,\"lr\":%s}\n"
                 "{\"phase\":\"a\",\"epoch\":9007199254740992,\"train_loss\":%s,\"valid_accuracy\":%s,\"lr\":%s}\n",
                 numbers[i / COUNT], numbers[i / COUNT], numbers[i / COUNT], numbers[i % COUNT], numbers[i % COUNT],
                 numbers[i % COUNT]);
        rn_test_text(directory, "history.jsonl", text);
        page = rn_test_page(context, RN_OPTIONS(rn_report, .directory = directory));
        assert_true(strlen(page) < 40000);
        for (const char *at = page; (at = strstr(at, "y1=\"")) != NULL; at++) /* within the chart */
            assert_true(strtod(at + 4, NULL) >= 10 && strtod(at + 4, NULL) <= 225);
        free(page);
    }
}

static void numbers_are_those_of_the_evaluation(void **state)
{
    char *const page =
        rn_test_page(context, RN_OPTIONS(rn_report, .evaluation = few, .mistakes = 1000, .photos = 1000));
    rn_class_scores scores = { .struct_size = sizeof scores };
    char row[256];

    (void)state;
    for (size_t c = 0; c < 3; c++) {
        assert_int_equal(rn_evaluation_class(&scores, few, c), RN_OK);
        snprintf(
            row, sizeof row,
            "<th scope=\"row\">kind %zu</th><td>%d</td><td>%d</td><td>%d</td><td>%.1f</td><td>%.1f</td><td>%.1f</td>",
            c + 1, (int)scores.support, (int)scores.predicted, (int)scores.correct, 100 * scores.precision,
            100 * scores.recall, 100 * scores.f1);
        assert_non_null(strstr(page, row));
    }
    assert_int_equal(times(page, "<b class=\"wrong\">\xe2\x9c\x97"), 2 * rn_evaluation_mistake_count(few));
    assert_int_equal(times(page, "<b class=\"right\">\xe2\x9c\x93"), 30 - rn_evaluation_mistake_count(few));
    assert_int_equal(times(page, "<img "), 30 + rn_evaluation_mistake_count(few));
    assert_int_equal(times(page, "class=\"matrix\""), 1);
    assert_int_equal(times(page, "id=\"heat\""), 0);
    free(page);
}

/* Every cell of the matrix is drawn once, under its number. */
static void a_matrix_of_many_classes_is_drawn(void **state)
{
    char *const page = rn_test_page(context, RN_OPTIONS(rn_report, .evaluation = many, .mistakes = -1, .photos = -1));
    size_t drawn = 0;

    (void)state;
    assert_int_equal(times(page, "id=\"heat\""), 1);
    for (const char *path = page; (path = strstr(path, "data-n=\"")) != NULL; path++) {
        const char *const end = strstr(path, "\"/>");
        const long count = strtol(path + 8, NULL, 10);

        for (const char *at = path; (at = strchr(at, 'M')) != NULL && at < end; at++, drawn++) {
            char *stop;
            const long predicted = strtol(at + 1, &stop, 10), label = strtol(stop, NULL, 10);

            assert_int_equal(rn_evaluation_confusion(many, label, predicted), count);
        }
    }
    assert_int_equal(drawn, rn_evaluation_cell_count(many));
    free(page);
}

/* The first picture of a page is the photo, in the middle of which is a disc. */
static void pictures_can_be_decoded(void **state)
{
    char *const page = rn_test_page(context, RN_OPTIONS(rn_report, .evaluation = few, .mistakes = -1));
    const char *const code = strstr(page, ";base64,") + 8;
    uint8_t file[1 << 16];
    size_t nbytes = 0;
    uint32_t word = 0;
    rn_image *image;

    (void)state;
    for (size_t i = 0; code[i] != '"'; i++) {
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

        word = word << 6 | (code[i] == '=' ? 0 : (uint32_t)(strchr(digits, code[i]) - digits));
        if (i % 4 == 3)
            for (int k = 0; k < 3; k++)
                file[nbytes++] = (uint8_t)(word >> (16 - 8 * k));
    }
    require_ok(context, rn_image_decode(&image, context, file, nbytes, "thumbnail", NULL));
    assert_int_equal(rn_image_width(image), 112);
    assert_int_equal(rn_image_height(image), 112);
    /* Photo 0: the disc is (200, 0, 0), the ground at its upper left corner (0, 60, 90). */
    assert_true(abs(rn_image_pixels(image)[(56 * 112 + 56) * 3] - 200) < 12);
    assert_true(abs(rn_image_pixels(image)[(56 * 112 + 56) * 3 + 1] - 0) < 12);
    assert_true(abs(rn_image_pixels(image)[1] - 60) < 12);
    assert_true(abs(rn_image_pixels(image)[2] - 90) < 12);
    rn_image_destroy(image);
    free(page);
}

static void pictures_keep_to_their_budget(void **state)
{
    char *const all = rn_test_page(context, RN_OPTIONS(rn_report, .evaluation = many, .photos = 50));
    char *const some =
        rn_test_page(context, RN_OPTIONS(rn_report, .evaluation = many, .photos = 50, .picture_bytes = 20000));
    const size_t bytes = strlen(some), pictures = times(some, "<img ");
    size_t used = 0;

    (void)state;
    assert_int_equal(times(all, "<img "), 24 + 50);
    assert_true(pictures > 1 && pictures < 24);
    for (const char *at = some; (at = strstr(at, ";base64,")) != NULL; at++)
        used += (size_t)(strchr(at + 8, '"') - at - 8);
    assert_true(used <= 20000 && bytes < strlen(all));
    assert_int_equal(times(some, "<div class=\"none\">left out</div>"), 24 + 50 - pictures);
    assert_int_equal(times(some, " pictures were left out"), 2);
    free(all);
    free(some);
}

static void hostile_names_are_text(void **state)
{
    static const char name[] = "</script><script>alert(1)</script>\"'><!--\x1b\n";
    rn_evaluation_result *const result = rn_test_answers(context, 20, 40, name);
    rn_model *const model = rn_test_small_model(context, 20, name);
    const char *const directory = rn_test_directory();
    char *page;

    (void)state;
    rn_test_run_files(context, directory, 1, 2, "</script>\\u0007<!--", 0);
    page = rn_test_page(
        context, RN_OPTIONS(rn_report, .title = name, .directory = directory, .model = model, .evaluation = result));
    assert_int_equal(times(page, "<script>"), 1);
    assert_int_equal(times(page, "</script>"), 1);
    assert_null(strstr(page, "<!--"));
    assert_null(strstr(page, "\x1b"));
    assert_true(times(page, "&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&gt;&lt;!--??") > 60);
    free(page);
    rn_model_destroy(model);
    rn_evaluation_result_destroy(result);
}

static void a_page_is_small_whatever_it_is_of(void **state)
{
    char name[400];
    rn_evaluation_result *result;
    const char *const directory = rn_test_directory();
    char *page;

    (void)state;
    memset(name, '"', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    result = rn_test_answers(context, 1200, 60000, name);
    rn_test_run_files(context, directory, 500, 3000, "a phase that has a long name, longer than anybody gives one", 0);
    page = rn_test_page(
        context, RN_OPTIONS(rn_report, .directory = directory, .evaluation = result, .mistakes = -1, .photos = -1));
    assert_true(strlen(page) < 4 << 20);
    assert_int_equal(times(page, "<tr data-c="), 1000);
    assert_non_null(strstr(page, ": the 1000 with the lowest F1"));
    assert_non_null(strstr(page, ": one of 9 is shown"));
    free(page);
    rn_evaluation_result_destroy(result);
}

static void photos_that_are_gone_are_said_to_be(void **state)
{
    const char *const photos = rn_test_photo_directory();
    rn_test_run run = rn_test_run_open(photos, 1);
    rn_evaluation answer = { .struct_size = sizeof answer };
    rn_evaluation_result *result;
    char *page;

    (void)state;
    require_ok(run.context, rn_evaluate(&answer, run.model, run.valid, RN_OPTIONS(rn_evaluate, .result = &result)));
    assert_int_equal(unlink(rn_test_path(photos, "valid/class1/valid_001.bmp")), 0);
    page = rn_test_page(run.context, RN_OPTIONS(rn_report, .evaluation = result, .mistakes = -1));
    assert_int_equal(times(page, "<div class=\"none\">cannot be read</div>"), 1);
    assert_int_equal(times(page, "<img "), RUN_CLASSES * RUN_VALID - 1);
    assert_non_null(strstr(page, "<small>valid_001.bmp</small>"));
    free(page);
    rn_evaluation_result_destroy(result);
    rn_test_run_close(&run);
}

/* ---- while a run goes on ----------------------------------------------------------------------------------------- */

typedef struct going {
    rn_test_run run;
    const char *directory, *page;
    int written;
} going;

static int32_t write_at_the_end_of_an_epoch(const rn_progress *progress, void *payload)
{
    going *const g = payload;

    if (progress->epoch_ended) {
        require_ok(g->run.context,
                   rn_report_write(g->run.context, g->page,
                                   RN_OPTIONS(rn_report, .directory = g->directory, .model = g->run.model)));
        g->written++;
    }
    return RN_FIT_GO_ON;
}

static void a_run_is_reported_while_it_goes_on_and_is_the_same(void **state)
{
    const char *const photos = rn_test_photo_directory(), *const plain = rn_test_new_directory();
    going g = { .run = rn_test_run_open(photos, 7),
                .directory = rn_test_new_directory(),
                .page = rn_test_path(rn_test_directory(), "going.html") };
    rn_test_run run = rn_test_run_open(photos, 7);
    size_t size;
    char *page;

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, plain, 0, NULL, NULL));
    require_ok(run.context, rn_test_run_fit(&run));
    require_ok(g.run.context, rn_test_run_train(&g.run, g.directory, 0, write_at_the_end_of_an_epoch, &g));
    require_ok(g.run.context, rn_test_run_fit(&g.run));
    assert_int_equal(g.written, RUN_EPOCHS);
    rn_test_same_results(plain, g.directory);
    page = rn_test_file(g.page, &size);
    assert_non_null(page);
    assert_non_null(strstr(page, "Phase all: epoch 3 of 3 is done."));
    free(page);
    rn_test_run_close(&g.run);
    rn_test_run_close(&run);
}

/* ---- failures ---------------------------------------------------------------------------------------------------- */

static void what_makes_no_sense_is_refused(void **state)
{
    rn_model *const model = rn_test_small_model(context, 4, "tiny");
    const char *const path = rn_test_path(rn_test_directory(), "no.html");

    (void)state;
    assert_int_equal(rn_report_write(NULL, path, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_report_write(context, NULL, RN_OPTIONS(rn_report, .model = model)), RN_INVALID_ARGUMENT);
    require_status(context, rn_report_write(context, path, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_report_write(context, path, RN_OPTIONS(rn_report, .model = model, .photos = 1001)),
                   RN_INVALID_ARGUMENT);
    require_status(context, rn_report_write(context, path, RN_OPTIONS(rn_report, .model = model, .mistakes = -2)),
                   RN_INVALID_ARGUMENT);
    require_status(context, rn_report_write(context, path, RN_OPTIONS(rn_report, .model = model, .evaluation = few)),
                   RN_SHAPE);
    require_status(context, rn_report_write(context, path, RN_OPTIONS(rn_report, .directory = "/no/such/place")),
                   RN_IO);
    require_status(context, rn_report_write_curves(context, path, "/no/such/place"), RN_IO);
    require_status(context, rn_report_write_curves(context, path, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(access(path, F_OK), -1);
    require_status(context, rn_report_write(context, "/no/such/place/page.html", RN_OPTIONS(rn_report, .model = model)),
                   RN_IO);
    rn_model_destroy(model);
}

typedef struct attempt {
    rn_context *context;
    rn_model *model;
    rn_evaluation_result *result;
    const char *path;
} attempt;

static rn_status write_once(void *payload)
{
    const attempt *const a = payload;
    const rn_status status = rn_report_write(
        a->context, a->path,
        RN_OPTIONS(rn_report, .directory = run_directory, .model = a->model, .evaluation = a->result, .photos = 3));

    assert_int_equal(access(a->path, F_OK) == 0, status == RN_OK);
    unlink(a->path);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    rn_test_allocator allocator = { .fail_at = -1 };
    attempt a = { .context = rn_test_allocator_context(&allocator, 1),
                  .path = rn_test_path(rn_test_directory(), "fails.html") };

    (void)state;
    a.model = rn_test_small_model(a.context, 20, "tiny");
    a.result = rn_test_answers(a.context, 20, 40, "kind");
    rn_test_fail_each(&allocator, write_once, &a, 20);
    rn_evaluation_result_destroy(a.result);
    rn_model_destroy(a.model);
    rn_context_destroy(a.context);
    assert_int_equal(allocator.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections_are_those_of_what_is_given),
        cmocka_unit_test(numbers_are_those_of_the_run),
        cmocka_unit_test(numbers_of_any_size_are_drawn),
        cmocka_unit_test(numbers_are_those_of_the_evaluation),
        cmocka_unit_test(a_matrix_of_many_classes_is_drawn),
        cmocka_unit_test(pictures_can_be_decoded),
        cmocka_unit_test(pictures_keep_to_their_budget),
        cmocka_unit_test(hostile_names_are_text),
        cmocka_unit_test(a_page_is_small_whatever_it_is_of),
        cmocka_unit_test(photos_that_are_gone_are_said_to_be),
        cmocka_unit_test(a_run_is_reported_while_it_goes_on_and_is_the_same),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, make_all, destroy_all);
}
