/* SPDX-License-Identifier: MIT */
/* Reading the directory of a run. */
#include "report/pages.h"
#include "report/run.h"

static rn_context *context;

static int make_context(void **state)
{
    (void)state;
    context = rn_test_context(1, 0);
    return 0;
}

static int destroy_context(void **state)
{
    (void)state;
    rn_context_destroy(context);
    return 0;
}

static void lines_become_epochs(void **state)
{
    const char *const directory = rn_test_directory();
    rn_run run;

    (void)state;
    rn_test_text(directory, "history.jsonl",
                 "{\"phase\":\"head\",\"epoch\":0,\"train_loss\":2,\"train_accuracy\":0.25,\"valid_loss\":1.5,"
                 "\"valid_accuracy\":0.5,\"lr\":0.01,\"best\":1}\n"
                 "{\"phase\":\"head\",\"epoch\":1,\"valid_accuracy\":null,\"best\":0,\"unknown\":[{}]}\n"
                 "{\"epoch\":0,\"phase\":\"all\",\"valid_accuracy\":0.75,\"best\":1}"); /* no line end */
    rn_test_text(directory, "times.jsonl",
                 "{\"phase\":\"other\",\"epoch\":0,\"seconds\":9}\n" /* belongs to none */
                 "{\"phase\":\"head\",\"epoch\":7,\"seconds\":9}\n"
                 "{\"phase\":\"head\",\"epoch\":2,\"seconds\":9}\n"
                 "{\"phase\":\"head\",\"epoch\":1,\"seconds\":3.5,\"images_per_second\":40}\n");
    require_ok(context, rn_run_read(&run, context, directory));
    assert_int_equal(run.count, 3);
    assert_int_equal(run.phase_count, 2);
    assert_string_equal(run.phase[0].name, "head");
    assert_string_equal(run.phase[1].name, "all");
    assert_int_equal(run.phase[1].first, 2);
    assert_int_equal(run.best, 2);
    assert_true(run.epoch[0].train_loss == 2 && run.epoch[0].train_accuracy == 0.25 && run.epoch[0].valid_loss == 1.5 &&
                run.epoch[0].valid_accuracy == 0.5 && run.epoch[0].lr == 0.01 && run.epoch[0].is_best);
    assert_true(isnan(run.epoch[1].train_loss) && isnan(run.epoch[1].valid_accuracy) && !run.epoch[1].is_best);
    assert_true(run.epoch[1].seconds == 3.5 && run.epoch[1].rate == 40);
    assert_true(isnan(run.epoch[0].seconds) && isnan(run.epoch[2].rate));
    assert_null(run.state);
    rn_run_release(&run, &context->allocator);
}

/* An older version counted from 0, in either file. */
static void epochs_count_from_one_or_from_zero(void **state)
{
    const char *const directory = rn_test_directory();
    rn_run run;

    (void)state;
    for (int files = 0; files < 4; files++) {
        const int history = files & 1, times = files >> 1;
        char text[256];

        snprintf(text, sizeof text,
                 "{\"phase\":\"a\",\"epoch\":%d}\n{\"phase\":\"a\",\"epoch\":%d}\n{\"phase\":\"b\",\"epoch\":%d}\n",
                 history, history + 1, history);
        rn_test_text(directory, "history.jsonl", text);
        snprintf(text, sizeof text,
                 "{\"phase\":\"a\",\"epoch\":%d,\"seconds\":1}\n{\"phase\":\"a\",\"epoch\":%d,\"seconds\":2}\n"
                 "{\"phase\":\"b\",\"epoch\":%d,\"seconds\":3}\n",
                 times, times + 1, times);
        rn_test_text(directory, "times.jsonl", text);
        require_ok(context, rn_run_read(&run, context, directory));
        assert_int_equal(run.count, 3);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(run.epoch[i].epoch, i % 2);
            assert_true(run.epoch[i].seconds == i + 1);
        }
        rn_run_release(&run, &context->allocator);
    }
    rn_test_text(directory, "history.jsonl", "{\"phase\":\"a\",\"epoch\":1}\n{\"phase\":\"b\",\"epoch\":0}\n");
    require_status(context, rn_run_read(&run, context, directory), RN_FORMAT);
    assert_non_null(strstr(rn_context_message(context), "line 2: epoch 0 in a file that counts from 1"));
}

static void what_is_damaged_is_named(void **state)
{
    static const char *const bad[] = {
        "{\"phase\":\"a\",\"epoch\":0}\n{\"phase\":\"a\"}\n",
        "{\"phase\":\"a\",\"epoch\":0}\n{\"phase\":3,\"epoch\":1}\n",
        "{\"phase\":\"a\",\"epoch\":0}\n{\"phase\":\"a\",\"epoch\":-1}\n",
        "{\"phase\":\"a\",\"epoch\":0}\n\n",
        "{\"phase\":\"a\",\"epoch\":0}\n{\"phase\":\"a\",\"ep",
        "{\"phase\":\"a\",\"epoch\":0}\n[]",
    };
    const char *const directory = rn_test_directory();
    rn_run run;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rn_test_text(directory, "history.jsonl", bad[i]);
        require_status(context, rn_run_read(&run, context, directory), RN_FORMAT);
        assert_non_null(strstr(rn_context_message(context), "history.jsonl, line 2: "));
    }
    rn_test_text(directory, "history.jsonl", "");
    require_ok(context, rn_run_read(&run, context, directory));
    assert_int_equal(run.count, 0);
    rn_run_release(&run, &context->allocator);
    rn_test_text(directory, "config.json", "{\"recipe\": \"tuned\", ");
    require_status(context, rn_run_read(&run, context, directory), RN_FORMAT);
    assert_non_null(strstr(rn_context_message(context), "config.json: "));
    rn_test_text(directory, "config.json", "{\"recipe\": \"tuned\", \"from-scratch\": true}");
    require_ok(context, rn_run_read(&run, context, directory));
    assert_string_equal(rn_json_string(rn_json_member(run.config, "recipe")), "tuned");
    assert_true(rn_json_is_true(rn_json_member(run.config, "from-scratch")));
    assert_false(rn_json_is_true(rn_json_member(run.config, "recipe")));
    rn_run_release(&run, &context->allocator);
    rn_test_text(directory, "last.safetensors", "no");
    require_status(context, rn_run_read(&run, context, directory), RN_FORMAT);
    assert_non_null(strstr(rn_context_message(context), "last.safetensors"));
    require_status(context, rn_run_read(&run, context, rn_test_path(directory, "missing")), RN_IO);
    assert_non_null(strstr(rn_context_message(context), "missing/history.jsonl"));
}

static void phases_are_limited(void **state)
{
    const char *const directory = rn_test_directory();
    char *const text = calloc(1001, 40);
    size_t length = 0;
    rn_run run;

    (void)state;
    assert_non_null(text);
    for (int i = 0; i < 1000; i++)
        length += (size_t)sprintf(text + length, "{\"phase\":\"p%d\",\"epoch\":0}\n", i);
    rn_test_text(directory, "history.jsonl", text);
    require_ok(context, rn_run_read(&run, context, directory));
    assert_int_equal(run.phase_count, 1000);
    rn_run_release(&run, &context->allocator);
    sprintf(text + length, "{\"phase\":\"one more\",\"epoch\":0}\n");
    rn_test_text(directory, "history.jsonl", text);
    require_status(context, rn_run_read(&run, context, directory), RN_FORMAT);
    free(text);
}

static void few_of_many_epochs_are_shown(void **state)
{
    for (size_t count = 1; count < 5000; count += count < 3 ? 1 : 398) {
        const rn_run run = { .count = count, .best = count / 3 };
        size_t shown = 0;

        for (size_t i = 0; i < count; i++)
            shown += rn_run_shows(&run, i);
        assert_true(shown <= 402 && (shown == count || shown > 200));
        assert_true(rn_run_shows(&run, 0) && rn_run_shows(&run, count - 1) && rn_run_shows(&run, run.best));
    }
    (void)state;
}

/* A line of one point would not be seen: each chart of a run of one epoch has points instead. */
static void one_epoch_is_a_point(void **state)
{
    const char *const directory = rn_test_path(rn_test_directory(), "run");

    (void)state;
    for (int more = 0; more < 2; more++) {
        char *page;

        rn_test_run_files(context, directory, 1, more, "all", 0);
        page = rn_test_page(context, RN_OPTIONS(rn_report, .directory = directory));
        assert_int_equal(strstr(page, "\"/>\n<circle class=\"d0\"") != NULL, !more);
        assert_int_equal(strstr(page, "\"/>\n<circle class=\"d1\"") != NULL, !more);
        free(page);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_epochs),      cmocka_unit_test(epochs_count_from_one_or_from_zero),
        cmocka_unit_test(what_is_damaged_is_named), cmocka_unit_test(phases_are_limited),
        cmocka_unit_test(one_epoch_is_a_point),     cmocka_unit_test(few_of_many_epochs_are_shown),
    };

    return cmocka_run_group_tests(tests, make_context, destroy_context);
}
