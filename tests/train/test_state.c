/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "support/support.h"
#include "train/train.h"

static void phases_are_found_and_the_open_one_is_the_last(void **unused)
{
    const rn_allocator allocator = rn_default_allocator();
    rn_train_state state = { 0 };
    rn_phase one = { .name = (char *)"one", .epochs = 3, .complete = true },
             two = { .name = (char *)"two", .epochs = 5 };

    (void)unused;
    assert_null(rn_train_state_open_phase(&state));
    assert_int_equal(rn_train_state_add_phase(&state, &one, &allocator, NULL), RN_OK);
    assert_null(rn_train_state_open_phase(&state));
    assert_int_equal(rn_train_state_add_phase(&state, &two, &allocator, NULL), RN_OK);
    assert_ptr_equal(rn_train_state_open_phase(&state), &state.phase[1]);
    assert_ptr_equal(rn_train_state_find_phase(&state, "one"), &state.phase[0]);
    assert_ptr_not_equal(state.phase[0].name, one.name);
    assert_null(rn_train_state_find_phase(&state, "three"));
    rn_train_state_release(&state, &allocator);
    assert_int_equal(state.phase_count, 0);
}

static void epochs_are_counted_through_the_phases(void **unused)
{
    const rn_allocator allocator = rn_default_allocator();
    rn_train_state state = { 0 };
    rn_phase one = { .name = (char *)"one", .epochs = 3, .complete = true },
             two = { .name = (char *)"two", .epochs = 5 };

    (void)unused;
    assert_true(rn_train_state_total_epoch(&state) == 0);
    assert_int_equal(rn_train_state_add_phase(&state, &one, &allocator, NULL), RN_OK);
    assert_int_equal(rn_train_state_add_phase(&state, &two, &allocator, NULL), RN_OK);
    state.epoch = 2;
    assert_true(rn_train_state_total_epoch(&state) == 5);
    rn_train_state_release(&state, &allocator);
}

static void another_run_is_told_by_what_differs(void **unused)
{
    const rn_train_state ours = { .network = (char *)"n",
                                  .pipeline = (char *)"p",
                                  .training_pipeline = (char *)"t",
                                  .seed = 1,
                                  .train_photos = 2,
                                  .batch_size = 8 };
    rn_train_state theirs[8];
    static const char *const words[] = { "network",         "seed",     "batches", "preprocessing", "preprocessing",
                                         "training photos", "bfloat16", "8 slices" };
    rn_message message;

    (void)unused;
    for (int i = 0; i < 8; i++)
        theirs[i] = ours;
    assert_int_equal(rn_train_state_same_run(&ours, &theirs[0], "f", &message), RN_OK);
    theirs[0].network = (char *)"m";
    theirs[1].seed = 9;
    theirs[2].batch_size = 9;
    theirs[3].pipeline = (char *)"q";
    theirs[4].training_pipeline = (char *)"q";
    theirs[5].train_photos = 9;
    theirs[6].bfloat16 = true;
    theirs[7].slices = 8;
    for (int i = 0; i < 8; i++) {
        assert_int_equal(rn_train_state_same_run(&ours, &theirs[i], "the/file", &message), RN_STATE);
        assert_non_null(strstr(message.text, words[i]));
        assert_non_null(strstr(message.text, "the/file"));
    }
}

static void without_memory_nothing_is_added_and_nothing_leaks(void **unused)
{
    rn_test_allocator counter = { .fail_at = -1 };
    const rn_allocator allocator = { rn_test_allocate, rn_test_release, &counter };
    const rn_phase phase = { .name = (char *)"one", .epochs = 3 };
    const rn_history_row row = { 0 };
    rn_train_state state = { 0 };

    (void)unused;
    for (int i = 0; i < 2; i++) {
        counter.calls = 0;
        counter.fail_at = i;
        assert_int_equal(rn_train_state_add_phase(&state, &phase, &allocator, NULL), RN_NO_MEMORY);
        assert_int_equal(counter.live, 0);
    }
    counter.calls = 0;
    counter.fail_at = 0;
    assert_int_equal(rn_train_state_add_row(&state, &row, &allocator, NULL), RN_NO_MEMORY);
    assert_int_equal(state.phase_count + state.row_count, 0);
    assert_int_equal(counter.live, 0);
}

static void a_run_has_a_limit(void **unused)
{
    const rn_allocator allocator = rn_default_allocator();
    rn_train_state state = { .network = (char *)"n", .pipeline = (char *)"p", .training_pipeline = (char *)"t" }, back;
    rn_phase *const phases = calloc(RN_STATE_PHASES + 1, sizeof *phases);
    char name[RN_STATE_PHASES + 1][8], *text = NULL;
    rn_message message;

    (void)unused;
    assert_non_null(phases);
    for (int i = 0; i <= RN_STATE_PHASES; i++) {
        snprintf(name[i], sizeof name[i], "%d", i);
        phases[i] = (rn_phase){ .name = name[i], .lr_step_epochs = 1, .epochs = 1, .done = 1, .complete = true };
    }
    state.phase = phases;
    for (size_t count = RN_STATE_PHASES; count <= RN_STATE_PHASES + 1; count++) {
        state.phase_count = count;
        assert_int_equal(rn_train_state_write(&text, &state, NULL), RN_OK);
        assert_int_equal(rn_train_state_read(&back, text, &allocator, &message),
                         count > RN_STATE_PHASES ? RN_FORMAT : RN_OK);
        if (count > RN_STATE_PHASES) {
            assert_non_null(strstr(message.text, "more than 1000 phases"));
        } else {
            assert_int_equal(rn_train_state_add_phase(&back, &phases[count], &allocator, NULL), RN_UNSUPPORTED);
            rn_train_state_release(&back, &allocator);
        }
        rn_json_release_text(text);
    }
    free(phases);
    state = (rn_train_state){ .row_count = RN_STATE_ROWS };
    assert_int_equal(rn_train_state_add_row(&state, &(rn_history_row){ 0 }, &allocator, NULL), RN_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_are_found_and_the_open_one_is_the_last),
        cmocka_unit_test(epochs_are_counted_through_the_phases),
        cmocka_unit_test(another_run_is_told_by_what_differs),
        cmocka_unit_test(a_run_has_a_limit),
        cmocka_unit_test(without_memory_nothing_is_added_and_nothing_leaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
