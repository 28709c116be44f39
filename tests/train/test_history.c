/* SPDX-License-Identifier: MIT */
#include "train/runs.h"
#include "train/train.h"

static void each_epoch_is_a_line(void **unused)
{
    const rn_allocator allocator = rn_default_allocator();
    const char *path = rn_test_path(rn_test_directory(), "history.jsonl");
    const rn_phase phase = { .name = (char *)"all", .epochs = 2 };
    const rn_history_row first = {
        .train_loss = 2, .train_accuracy = 0.25, .valid_loss = 1.5, .valid_accuracy = 0.5, .lr = 0.01, .is_best = true
    };
    const rn_history_row second = {
        .train_loss = 1, .train_accuracy = 0.5, .valid_loss = 1.75, .valid_accuracy = 0.5, .lr = 0.001, .epoch = 1
    };
    rn_train_state state = { 0 };
    rn_message message;
    size_t size;
    char *text;

    (void)unused;
    assert_int_equal(rn_train_state_add_phase(&state, &phase, &allocator, NULL), RN_OK);
    assert_int_equal(rn_history_write(&state, path, &allocator, &message), RN_OK);
    text = rn_test_file(path, &size);
    assert_string_equal(text, "");
    free(text);
    assert_int_equal(rn_train_state_add_row(&state, &first, &allocator, NULL), RN_OK);
    assert_int_equal(rn_train_state_add_row(&state, &second, &allocator, NULL), RN_OK);
    assert_int_equal(rn_history_write(&state, path, &allocator, &message), RN_OK);
    text = rn_test_file(path, &size);
    assert_string_equal(text, "{\"phase\":\"all\",\"epoch\":1,\"train_loss\":2,\"train_accuracy\":0.25,\"valid_loss\":"
                              "1.5,\"valid_accuracy\":0.5,\"lr\":0.01,\"best\":1}\n"
                              "{\"phase\":\"all\",\"epoch\":2,\"train_loss\":1,\"train_accuracy\":0.5,\"valid_loss\":1."
                              "75,\"valid_accuracy\":0.5,\"lr\":0.001,\"best\":0}\n");
    free(text);
    rn_train_state_release(&state, &allocator);
}

static void a_place_that_cannot_be_written_is_named(void **unused)
{
    const rn_allocator allocator = rn_default_allocator();
    const rn_train_state state = { 0 };
    rn_message message;

    (void)unused;
    assert_int_equal(
        rn_history_write(&state, rn_test_path(rn_test_directory(), "missing/history.jsonl"), &allocator, &message),
        RN_IO);
    assert_non_null(strstr(message.text, "missing/history.jsonl"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_epoch_is_a_line),
        cmocka_unit_test(a_place_that_cannot_be_written_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
