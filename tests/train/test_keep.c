/* SPDX-License-Identifier: MIT */
#include "train/runs.h"
#include "train/train.h"

static const char *photos;

static int make_photos(void **state)
{
    (void)state;
    photos = rn_test_photo_directory();
    return 0;
}

static void add_to_first(rn_model *model, double amount)
{
    rn_parameters *parameters = rn_model_parameters(model);
    rn_tensor *value = NULL;

    assert_int_equal(rn_tensor_convert(&value, rn_parameters_value(parameters, 0), RN_FLOAT32, RN_ROW_MAJOR), RN_OK);
    for (int64_t i = 0; i < rn_tensor_count(value); i++)
        ((float *)rn_tensor_data(value))[i] += (float)amount;
    assert_int_equal(rn_parameters_write(parameters, 0, value), RN_OK);
    rn_tensor_destroy(value);
}

/* Keeps the weights of now as the best of a run that has one phase. */
static void keep(rn_test_run *run)
{
    const rn_phase phase = { .name = (char *)"all", .epochs = 1 };

    if (run->trainer->state.phase_count == 0)
        require_ok(run->context, rn_train_state_add_phase(&run->trainer->state, &phase, &run->context->allocator,
                                                          &run->context->message));
    run->trainer->state.best = (rn_best){ .accuracy = 0.5, .loss = 1, .exists = true };
    require_ok(run->context, rn_trainer_keep_best(run->trainer));
}

static void the_best_weights_come_back(void **state)
{
    (void)state;
    for (int with_directory = 0; with_directory < 2; with_directory++) {
        rn_test_run run = rn_test_run_open(photos, 1);
        uint64_t id;

        require_ok(run.context, rn_test_run_train(&run, with_directory ? rn_test_directory() : NULL, 0, NULL, NULL));
        keep(&run);
        add_to_first(run.model, 1);
        keep(&run);
        id = rn_weights_id(run.model);
        assert_true(run.trainer->state.best.id == id);
        add_to_first(run.model, 1);
        assert_true(rn_weights_id(run.model) != id);
        require_ok(run.context, rn_trainer_load_best(run.trainer));
        assert_true(rn_weights_id(run.model) == id);
        rn_test_run_close(&run);
    }
}

static void best_is_a_model_file_that_says_its_id(void **state)
{
    const char *directory = rn_test_directory();
    rn_test_run run = rn_test_run_open(photos, 1);
    rn_checkpoint *file = NULL;
    char id[32];

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, directory, 0, NULL, NULL));
    keep(&run);
    require_ok(run.context, rn_checkpoint_open(&file, run.context, rn_test_path(directory, "best.safetensors"), NULL));
    assert_int_equal(rn_checkpoint_count(file), rn_parameters_count(rn_model_parameters(run.model)));
    snprintf(id, sizeof id, "%016llx", (unsigned long long)run.trainer->state.best.id);
    assert_non_null(strstr(rn_checkpoint_metadata(file, "rn.state"), id));
    assert_null(rn_training_state_text(file));
    rn_checkpoint_destroy(file);
    rn_test_run_close(&run);
}

static void another_file_in_the_place_of_the_best_is_refused(void **state)
{
    const char *directory = rn_test_directory();
    rn_test_run run = rn_test_run_open(photos, 1);

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, directory, 0, NULL, NULL));
    keep(&run);
    add_to_first(run.model, 1);
    require_ok(run.context, rn_model_save(run.model, rn_test_path(directory, "best.safetensors"), NULL));
    require_status(run.context, rn_trainer_load_best(run.trainer), RN_FORMAT);
    assert_int_equal(remove(rn_test_path(directory, "best.safetensors")), 0);
    require_status(run.context, rn_trainer_load_best(run.trainer), RN_IO);
    rn_test_run_close(&run);
}

static void last_is_written_where_there_is_a_directory(void **state)
{
    const char *directory = rn_test_directory();
    rn_test_run run = rn_test_run_open(photos, 1);
    rn_checkpoint *file = NULL;
    rn_train_state back;

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, NULL, 0, NULL, NULL));
    require_ok(run.context, rn_trainer_save_last(run.trainer));
    require_ok(run.context, rn_test_run_train(&run, directory, 0, NULL, NULL));
    keep(&run);
    require_ok(run.context, rn_trainer_save_last(run.trainer));
    require_ok(run.context, rn_checkpoint_open(&file, run.context, rn_test_path(directory, "last.safetensors"), NULL));
    require_ok(run.context, rn_train_state_read(&back, rn_training_state_text(file), &run.context->allocator,
                                                &run.context->message));
    assert_true(back.best.id == rn_weights_id(run.model));
    rn_train_state_release(&back, &run.context->allocator);
    rn_checkpoint_destroy(file);
    rn_test_run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_weights_come_back),
        cmocka_unit_test(best_is_a_model_file_that_says_its_id),
        cmocka_unit_test(another_file_in_the_place_of_the_best_is_refused),
        cmocka_unit_test(last_is_written_where_there_is_a_directory),
    };

    return cmocka_run_group_tests(tests, make_photos, NULL);
}
