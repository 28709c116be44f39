/* SPDX-License-Identifier: MIT */
#include "base/json.h"
#include "support/support.h"
#include "train/train.h"

static void fill(rn_train_state *state, const rn_allocator *allocator)
{
    const rn_phase one = { .name = (char *)"fr\xc3\xb6zen \"1\"",
                           .lr = 0.1 + 0.2,
                           .lr_gamma = 0.1,
                           .lr_step_epochs = 7,
                           .epochs = 2,
                           .trainable = UINT64_MAX - 1,
                           .complete = true };
    const rn_phase two = { .name = (char *)"all",
                           .lr = 1e-4,
                           .lr_gamma = 1.0 / 3,
                           .weight_decay = 5e-324,
                           .momentum = 0.9,
                           .clip_norm = 0.7,
                           .lr_step_epochs = 1,
                           .epochs = 9,
                           .optimizer = RN_OPTIMIZER_SGD };
    const rn_history_row row = { .train_loss = 1.0 / 3,
                                 .train_accuracy = 0.1,
                                 .valid_loss = 1e-300,
                                 .valid_accuracy = 2.0 / 7,
                                 .lr = 0.3,
                                 .phase = 0,
                                 .epoch = 1,
                                 .is_best = true };

    memset(state, 0, sizeof *state);
    state->network = rn_copy_string(allocator, "resnet18");
    state->pipeline = rn_copy_string(allocator, "ToTensor()");
    state->training_pipeline = rn_copy_string(allocator, "RandomHorizontalFlip(0.5), ToTensor()");
    state->seed = UINT64_C(0xfedcba9876543210);
    state->train_photos = 1;
    state->valid_photos = UINT64_MAX;
    state->batch_size = 8;
    state->bfloat16 = true;
    state->slices = 16;
    assert_int_equal(rn_train_state_add_phase(state, &one, allocator, NULL), RN_OK);
    assert_int_equal(rn_train_state_add_phase(state, &two, allocator, NULL), RN_OK);
    assert_int_equal(rn_train_state_add_row(state, &row, allocator, NULL), RN_OK);
    state->best = (rn_best){ .id = 42, .accuracy = 2.0 / 7, .loss = 1e-300, .phase = 0, .epoch = 1, .exists = true };
    state->step_count = UINT64_C(1) << 60;
    state->epoch = 4;
    state->batch = 17;
    state->sums = (rn_metrics){ .loss = 100.0 / 3, .correct = 99, .count = 136 };
}

static void a_state_comes_back_exactly(void **unused)
{
    const rn_allocator allocator = rn_default_allocator();
    rn_train_state state, back;
    char *text = NULL, *again = NULL;

    (void)unused;
    fill(&state, &allocator);
    assert_int_equal(rn_train_state_write(&text, &state, NULL), RN_OK);
    assert_int_equal(rn_train_state_read(&back, text, &allocator, NULL), RN_OK);
    assert_string_equal(back.network, state.network);
    assert_string_equal(back.pipeline, state.pipeline);
    assert_string_equal(back.training_pipeline, state.training_pipeline);
    assert_true(back.seed == state.seed && back.train_photos == state.train_photos &&
                back.valid_photos == state.valid_photos);
    assert_int_equal(back.batch_size, state.batch_size);
    assert_true(back.bfloat16);
    assert_int_equal(back.slices, 16);
    assert_int_equal(back.phase_count, 2);
    assert_string_equal(back.phase[0].name, state.phase[0].name);
    assert_true(back.phase[0].lr == state.phase[0].lr && back.phase[1].lr_gamma == state.phase[1].lr_gamma);
    assert_true(back.phase[1].weight_decay == state.phase[1].weight_decay && back.phase[1].clip_norm == 0.7 &&
                back.phase[0].trainable == state.phase[0].trainable);
    assert_true(back.phase[0].complete && !back.phase[1].complete);
    assert_memory_equal(&back.row[0], &state.row[0], offsetof(rn_history_row, is_best));
    assert_true(back.best.exists && back.best.id == 42 && back.best.accuracy == state.best.accuracy &&
                back.best.loss == state.best.loss);
    assert_true(back.step_count == state.step_count && back.epoch == 4 && back.batch == 17);
    assert_true(back.sums.loss == state.sums.loss && back.sums.correct == 99 && back.sums.count == 136);
    assert_int_equal(rn_train_state_write(&again, &back, NULL), RN_OK);
    assert_string_equal(again, text);
    rn_json_release_text(again);
    rn_json_release_text(text);
    rn_train_state_release(&back, &allocator);
    rn_train_state_release(&state, &allocator);
}

/* Every text that comes of cutting the state short is refused, and leaves nothing behind. */
static void a_text_cut_short_is_refused(void **unused)
{
    rn_test_allocator counter = { .fail_at = -1 };
    const rn_allocator allocator = { rn_test_allocate, rn_test_release, &counter };
    rn_train_state state, back;
    char *text = NULL;
    long live;
    size_t length;

    (void)unused;
    fill(&state, &allocator);
    assert_int_equal(rn_train_state_write(&text, &state, NULL), RN_OK);
    live = counter.live;
    length = strlen(text);
    for (size_t cut = 1; cut <= length; cut++) {
        text[length - cut] = '\0';
        assert_int_equal(rn_train_state_read(&back, text, &allocator, NULL), RN_FORMAT);
        assert_int_equal(counter.live, live);
        assert_null(back.phase);
    }
    rn_json_release_text(text);
    rn_train_state_release(&state, &allocator);
}

/* One member at a time with another value. */
static void a_state_that_does_not_fit_together_is_refused(void **unused)
{
    static const char *const wrong[][2] = {
        { "\"version\":1", "\"version\":2" },
        { "\"seed\":\"fedcba9876543210\"", "\"seed\":\"fedcba987654321\"" },
        { "\"seed\":\"fedcba9876543210\"", "\"seed\":\"fedcba987654321G\"" },
        { "\"seed\":\"fedcba9876543210\"", "\"seed\":5" },
        { "\"network\":\"resnet18\"", "\"network\":18" },
        { "\"complete\":1", "\"complete\":0" }, /* two open phases */
        { "\"complete\":0", "\"complete\":1" }, /* a place in no phase */
        { "\"complete\":0", "\"complete\":2" },
        { "\"name\":\"all\"", "\"name\":\"\"" },
        { "\"name\":\"all\"", "\"name\":\"fr\xc3\xb6zen \\\"1\\\"\"" }, /* twice the same */
        { "\"epoch\":4", "\"epoch\":10" },                              /* of 9 */
        { "\"batch\":17", "\"batch\":-1" },
        { "\"batch\":17", "\"batch\":1.5" },
        { "\"correct\":99", "\"correct\":137" }, /* of 136 */
        { "\"optimizer\":1", "\"optimizer\":4" },
        { "\"done\":0", "\"done\":0,\"schedule\":7" },
        { "\"epochs\":9", "\"epochs\":1e12" },
        { "\"accuracy\":", "\"acuracy\":" },
        { "\"sums\":{", "\"sums\":[],"
                        "\"x\":{" },
        { "\"history\":[", "\"histories\":[" },
        { "\"phases\":[", "\"stages\":[" },
        { "\"lr\":0.0001", "\"lr\":null" },
        { "\"history\":[{\"phase\":0", "\"history\":[{\"phase\":2" },
        { "\"id\":\"000000000000002a\"", "\"id\":\"000000000000002A\"" },
    };
    const rn_allocator allocator = rn_default_allocator();
    rn_train_state state, back;
    char *text = NULL;

    (void)unused;
    fill(&state, &allocator);
    assert_int_equal(rn_train_state_write(&text, &state, NULL), RN_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *at = strstr(text, wrong[i][0]);
        char changed[4096];
        rn_message message;

        if (at == NULL)
            fail_msg("the text has no %s: %s", wrong[i][0], text);
        snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, wrong[i][1], at + strlen(wrong[i][0]));
        if (rn_train_state_read(&back, changed, &allocator, &message) != RN_FORMAT)
            fail_msg("%s was not refused", wrong[i][1]);
    }
    rn_json_release_text(text);
    rn_train_state_release(&state, &allocator);
}

static void without_memory_reading_leaves_nothing(void **unused)
{
    rn_test_allocator counter = { .fail_at = -1 };
    const rn_allocator allocator = { rn_test_allocate, rn_test_release, &counter };
    rn_train_state state, back;
    char *text = NULL;
    long calls;

    (void)unused;
    fill(&state, &allocator);
    assert_int_equal(rn_train_state_write(&text, &state, NULL), RN_OK);
    rn_train_state_release(&state, &allocator);
    counter.calls = 0;
    assert_int_equal(rn_train_state_read(&back, text, &allocator, NULL), RN_OK);
    rn_train_state_release(&back, &allocator);
    calls = counter.calls;
    assert_true(calls > 5);
    for (long i = 0; i < calls; i++) {
        counter.calls = 0;
        counter.fail_at = i;
        assert_int_equal(rn_train_state_read(&back, text, &allocator, NULL), RN_NO_MEMORY);
        assert_int_equal(counter.live, 0);
    }
    rn_json_release_text(text);
}

static void best_says_what_it_is(void **unused)
{
    const rn_allocator allocator = rn_default_allocator();
    rn_train_state state;
    char *text = NULL;

    (void)unused;
    fill(&state, &allocator);
    assert_int_equal(rn_best_write(&text, &state, NULL), RN_OK);
    assert_string_equal(text, "{\"id\":\"000000000000002a\",\"phase\":\"fr\xc3\xb6zen "
                              "\\\"1\\\"\",\"epoch\":1,\"accuracy\":0.2857142857142857,\"loss\":1e-300}");
    rn_json_release_text(text);
    rn_train_state_release(&state, &allocator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_comes_back_exactly),
        cmocka_unit_test(a_text_cut_short_is_refused),
        cmocka_unit_test(a_state_that_does_not_fit_together_is_refused),
        cmocka_unit_test(without_memory_reading_leaves_nothing),
        cmocka_unit_test(best_says_what_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
