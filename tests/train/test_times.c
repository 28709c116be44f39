/* SPDX-License-Identifier: MIT */
#include "train/runs.h"
#include "train/train.h"

static void each_epoch_adds_a_line_and_the_first_begins_anew(void **unused)
{
    const rn_allocator allocator = rn_default_allocator();
    const char *path = rn_test_path(rn_test_directory(), "times.jsonl");
    const rn_phase phase = { .name = (char *)"a\"ll", .epochs = 2 };
    const rn_history_row first = { .epoch = 0 }, second = { .epoch = 1 };
    rn_train_state state = { 0 };
    rn_message message;
    size_t size;
    char *text;

    (void)unused;
    rn_test_write_file(path, "of an older run\n", 16);
    assert_int_equal(rn_train_state_add_phase(&state, &phase, &allocator, NULL), RN_OK);
    assert_int_equal(rn_train_state_add_row(&state, &first, &allocator, NULL), RN_OK);
    assert_int_equal(
        rn_times_add(&state, &first, &(rn_times){ 2.5, 0.25, 40, false, 1, 1 }, path, &allocator, &message), RN_OK);
    assert_int_equal(rn_train_state_add_row(&state, &second, &allocator, NULL), RN_OK);
    assert_int_equal(
        rn_times_add(&state, &second, &(rn_times){ 0.5, 0, NAN, true, 0.25, 0.125 }, path, &allocator, &message),
        RN_OK);
    text = rn_test_file(path, &size);
    assert_string_equal(
        text, "{\"phase\":\"a\\\"ll\",\"epoch\":1,\"seconds\":2.5,\"loading_seconds\":0.25,\"images_per_second\":40}\n"
              "{\"phase\":\"a\\\"ll\",\"epoch\":2,\"seconds\":0.5,\"loading_seconds\":0,\"images_per_second\":null,"
              "\"exchange_seconds\":0.25,\"exchange_waited\":0.125}\n");
    free(text);
    assert_int_equal(rn_times_add(&state, &second, &(rn_times){ 1, 1, 1, false, 0, 0 },
                                  rn_test_path(rn_test_directory(), "missing/times.jsonl"), &allocator, &message),
                     RN_IO);
    assert_non_null(strstr(message.text, "missing/times.jsonl"));
    rn_train_state_release(&state, &allocator);
}

/* Those of a run, also where it was interrupted and resumed. */
static void a_run_has_a_line_for_each_epoch(void **unused)
{
    const char *const photos = rn_test_photo_directory(), *const directory = rn_test_new_directory();
    int calls = RUN_TRAIN_BATCHES + RUN_VALID_BATCHES + 4; /* within the second epoch */
    rn_test_run run = rn_test_run_open(photos, 7);
    size_t size, lines = 0;
    char *text;

    (void)unused;
    require_ok(run.context, rn_test_run_train(&run, directory, 0, rn_test_cancel, &calls));
    require_status(run.context, rn_test_run_fit(&run), RN_CANCELLED);
    rn_test_run_close(&run);
    run = rn_test_run_open(photos, 7);
    require_ok(run.context, rn_test_run_train(&run, directory, 1, NULL, NULL));
    require_ok(run.context, rn_test_run_fit(&run));
    rn_test_run_close(&run);
    text = rn_test_file(rn_test_path(directory, "times.jsonl"), &size);
    assert_non_null(text);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"), lines++) {
        char expected[64];
        double seconds, loading, rate;

        snprintf(expected, sizeof expected,
                 "{\"phase\":\"%s\",\"epoch\":%zu,\"seconds\":", lines < 2 ? "frozen" : "all",
                 lines < 2 ? lines + 1 : lines - 1);
        assert_memory_equal(line, expected, strlen(expected));
        assert_int_equal(sscanf(line + strlen(expected), "%lf,\"loading_seconds\":%lf,\"images_per_second\":%lf}",
                                &seconds, &loading, &rate),
                         3);
        assert_true(seconds > loading && loading > 0 && rate > 0);
    }
    assert_int_equal(lines, RUN_EPOCHS);
    free(text);
}

/* An older version counted from 0. */
static void old_lines_are_counted_from_one(void **unused)
{
    static const char old[] = "{\"phase\":\"\\\"epoch\\\":0\",\"epoch\":0,\"seconds\":2}\n"
                              "{\"phase\":\"b\",\"epoch\":9,\"seconds\":2}\n{\"phase\":\"b\",\"epoch\":99999999999999}";
    static const char new[] =
        "{\"phase\":\"\\\"epoch\\\":0\",\"epoch\":1,\"seconds\":2}\n"
        "{\"phase\":\"b\",\"epoch\":10,\"seconds\":2}\n{\"phase\":\"b\",\"epoch\":99999999999999}";
    const rn_allocator allocator = rn_default_allocator();
    const char *path = rn_test_path(rn_test_directory(), "times.jsonl");
    rn_message message;
    size_t size;

    (void)unused;
    rn_test_write_file(path, old, sizeof old - 1);
    for (int i = 0; i < 2; i++) { /* once more changes nothing */
        char *text;

        assert_int_equal(rn_times_modernise(path, &allocator, &message), RN_OK);
        text = rn_test_file(path, &size);
        assert_string_equal(text, new);
        free(text);
    }
    rn_test_write_file(path, "", 0);
    assert_int_equal(rn_times_modernise(path, &allocator, &message), RN_OK);
    assert_int_equal(rn_times_modernise(rn_test_path(rn_test_directory(), "none"), &allocator, &message), RN_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_epoch_adds_a_line_and_the_first_begins_anew),
        cmocka_unit_test(a_run_has_a_line_for_each_epoch),
        cmocka_unit_test(old_lines_are_counted_from_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
