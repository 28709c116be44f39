/* SPDX-License-Identifier: MIT */
#include "train/fit.h"
#include "train/runs.h"

static const char *photos;

static int make_photos(void **state)
{
    (void)state;
    photos = rn_test_photo_directory();
    return 0;
}

static void zero_means_the_tutorials_values(void **state)
{
    rn_fit_options options;
    rn_phase phase;

    (void)state;
    assert_int_equal(rn_phase_read(&phase, &options, NULL, NULL), RN_OK);
    assert_string_equal(phase.name, "fit");
    assert_true(phase.lr == 1e-3 && phase.lr_gamma == 0.1 && phase.weight_decay == 0 && phase.momentum == 0);
    assert_true(phase.lr_step_epochs == 7 && phase.epochs == 20 && phase.optimizer == RN_OPTIMIZER_ADAM);
}

static void options_that_make_no_sense_are_refused(void **state)
{
    const rn_fit_options wrong[] = {
        { .struct_size = sizeof wrong[0], .epochs = -1 },
        { .struct_size = sizeof wrong[0], .lr_step_epochs = -1 },
        { .struct_size = sizeof wrong[0], .optimizer = 4 },
        { .struct_size = sizeof wrong[0], .momentum = 0.9 }, /* of Adam */
        { .struct_size = sizeof wrong[0], .clip_norm = -1 },
        { .struct_size = sizeof wrong[0], .clip_norm = INFINITY },
        { .struct_size = sizeof wrong[0], .schedule = 7 },
        { .struct_size = sizeof wrong[0], .schedule = -1 },
        { .struct_size = sizeof wrong[0], .monitor = 2 },
        { .struct_size = sizeof wrong[0], .schedule = RN_SCHEDULE_COSINE, .lr_step_epochs = 3 },
        { .struct_size = sizeof wrong[0], .schedule = RN_SCHEDULE_COSINE, .lr_gamma = 0.5 },
        { .struct_size = sizeof wrong[0], .schedule = RN_SCHEDULE_MULTI_STEP },
        { .struct_size = sizeof wrong[0], .lr_milestones = (int64_t[]){ 3 }, .lr_milestone_count = 1 },
        { .struct_size = sizeof wrong[0], .lr_min = 1e-5 },
        { .struct_size = sizeof wrong[0], .lr_patience = 3 },
        { .struct_size = sizeof wrong[0], .schedule = RN_SCHEDULE_PLATEAU, .schedule_by_batch = 1 },
        { .struct_size = sizeof wrong[0], .schedule = RN_SCHEDULE_PLATEAU, .warmup = 1 },
        { .struct_size = sizeof wrong[0], .schedule = RN_SCHEDULE_ONE_CYCLE, .warmup = 1 },
        { .struct_size = sizeof wrong[0], .warmup = -1 },
        { .struct_size = sizeof wrong[0], .warmup_factor = 0.1 },
        { .struct_size = sizeof wrong[0], .accumulate = -1 },
        { .struct_size = sizeof wrong[0], .label_smoothing = 1.5 },
        { .struct_size = sizeof wrong[0], .label_smoothing = NAN },
        { .struct_size = sizeof wrong[0], .class_weight_count = 3 },
        { .struct_size = sizeof wrong[0], .class_weights = (float[]){ 1, -1 }, .class_weight_count = 2 },
        { .struct_size = sizeof wrong[0], .stop_patience = -1 },
        { .struct_size = sizeof wrong[0], .stop_delta = -1 },
        { .struct_size = sizeof wrong[0], .phase = "" },
        { .struct_size = sizeof wrong[0], .phase = "\xff" },
        { .struct_size = 3 },
    };
    rn_fit_options options;
    rn_phase phase;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(rn_phase_read(&phase, &options, &wrong[i], NULL), RN_INVALID_ARGUMENT);
}

static void bad_rates_are_refused_before_anything_is_written(void **state)
{
    static const double rates[] = { -1, NAN, INFINITY };
    const char *directory = rn_test_directory();
    rn_test_run run = rn_test_run_open(photos, 1);
    size_t size;

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, directory, 0, NULL, NULL));
    for (int i = 0; i < 3; i++)
        require_status(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 1, .lr = rates[i])),
                       RN_INVALID_ARGUMENT);
    assert_null(rn_test_file(rn_test_path(directory, "last.safetensors"), &size));
    require_ok(run.context,
               rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 1))); /* the trainer is as good as before */
    rn_test_run_close(&run);
}

static void a_phase_is_trained_once(void **state)
{
    rn_test_run run = rn_test_run_open(photos, 1);

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, NULL, 0, NULL, NULL));
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "one", .epochs = 1)));
    require_status(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "one", .epochs = 1)), RN_STATE);
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "two", .epochs = 1,
                                                                   .optimizer = RN_OPTIMIZER_SGD, .momentum = 0.9)));
    rn_test_run_close(&run);
}

/* A rate of nothing is what was asked for, not the default: the statistics move, the weights do not. */
static void a_rate_of_nothing_trains_nothing(void **state)
{
    (void)state;
    for (int32_t kind = RN_OPTIMIZER_ADAM; kind <= RN_OPTIMIZER_SGD; kind++) {
        rn_test_run run = rn_test_run_open(photos, 1);
        const rn_parameters *const parameters = rn_model_parameters(run.model);
        const rn_tensor *const head = rn_parameters_value(parameters, rn_parameters_count(parameters) - 1);
        double before, after;

        require_ok(run.context, rn_test_run_train(&run, NULL, 0, NULL, NULL));
        require_ok(run.context, rn_tensor_get(head, (const int64_t[]){ 1 }, &before));
        require_ok(run.context,
                   rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 1, .lr = RN_ZERO, .optimizer = kind)));
        require_ok(run.context, rn_tensor_get(head, (const int64_t[]){ 1 }, &after));
        assert_true(before == after);
        rn_test_run_close(&run);
    }
}

static void nothing_trainable_is_a_state(void **state)
{
    rn_test_run run = rn_test_run_open(photos, 1);

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, NULL, 0, NULL, NULL));
    require_ok(run.context, rn_model_freeze(run.model, "*"));
    require_status(run.context, rn_trainer_fit(run.trainer, NULL), RN_STATE);
    assert_non_null(strstr(rn_context_message(run.context), "trainable"));
    rn_test_run_close(&run);
}

/* Interrupts phase "one" of two epochs in its second batch. */
static const char *interrupted_run(void)
{
    const char *directory = rn_test_directory();
    rn_test_run run = rn_test_run_open(photos, 1);
    int left = 1;

    require_ok(run.context, rn_test_run_train(&run, directory, 0, rn_test_cancel, &left));
    require_status(run.context,
                   rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "one", .epochs = 2, .lr = 1e-2)),
                   RN_CANCELLED);
    rn_test_run_close(&run);
    return directory;
}

static void an_interrupted_phase_comes_first_and_with_the_same_options(void **state)
{
    const rn_fit_options wrong[] = {
        { .struct_size = sizeof wrong[0], .phase = "two", .epochs = 2, .lr = 1e-2 },
        { .struct_size = sizeof wrong[0], .phase = "one", .epochs = 1, .lr = 1e-2 },
        { .struct_size = sizeof wrong[0], .phase = "one", .epochs = 2, .lr = 2e-2 },
        { .struct_size = sizeof wrong[0], .phase = "one", .epochs = 2, .lr = 1e-2, .lr_gamma = 0.5 },
        { .struct_size = sizeof wrong[0], .phase = "one", .epochs = 2, .lr = 1e-2, .lr_step_epochs = 1 },
        { .struct_size = sizeof wrong[0], .phase = "one", .epochs = 2, .lr = 1e-2, .weight_decay = 1e-4 },
        { .struct_size = sizeof wrong[0],
          .phase = "one",
          .epochs = 2,
          .lr = 1e-2,
          .schedule = RN_SCHEDULE_EXPONENTIAL },
        { .struct_size = sizeof wrong[0], .phase = "one", .epochs = 2, .lr = 1e-2, .schedule_by_batch = 1 },
        { .struct_size = sizeof wrong[0], .phase = "one", .epochs = 2, .lr = 1e-2, .warmup = 1 },
        { .struct_size = sizeof wrong[0], .phase = "one", .epochs = 2, .lr = 1e-2, .accumulate = 2 },
        { .struct_size = sizeof wrong[0],
          .phase = "one",
          .epochs = 2,
          .lr = 1e-2,
          .groups = &(rn_parameter_group){ .struct_size = sizeof(rn_parameter_group) },
          .group_count = 1 },
        { .struct_size = sizeof wrong[0], .phase = "one", .epochs = 2, .lr = 1e-2, .label_smoothing = 0.1 },
        { .struct_size = sizeof wrong[0], .phase = "one", .epochs = 2, .lr = 1e-2, .clip_norm = 1 },
        { .struct_size = sizeof wrong[0], .phase = "one", .epochs = 2, .lr = 1e-2, .optimizer = RN_OPTIMIZER_SGD },
    };
    rn_test_run run = rn_test_run_open(photos, 1);

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, interrupted_run(), 1, NULL, NULL));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        require_status(run.context, rn_trainer_fit(run.trainer, &wrong[i]), RN_STATE);
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "one", .epochs = 2, .lr = 1e-2)));
    rn_test_run_close(&run);
}

static void an_interrupted_phase_needs_the_same_parameters_trainable(void **state)
{
    rn_test_run run = rn_test_run_open(photos, 1);

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, interrupted_run(), 1, NULL, NULL));
    require_ok(run.context, rn_model_freeze_backbone(run.model));
    require_status(run.context,
                   rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "one", .epochs = 2, .lr = 1e-2)), RN_STATE);
    require_ok(run.context, rn_model_unfreeze(run.model, "*"));
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "one", .epochs = 2, .lr = 1e-2)));
    rn_test_run_close(&run);
}

static void a_complete_phase_returns_at_once_in_a_resumed_run(void **state)
{
    const char *directory = rn_test_directory();
    rn_test_run run = rn_test_run_open(photos, 1);
    size_t size;
    char *values, *others;
    int left = 0;

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, directory, 0, NULL, NULL));
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "one", .epochs = 1)));
    values = rn_test_values(run.model, &size);
    rn_test_run_close(&run);

    run = rn_test_run_open(photos, 1);
    require_ok(run.context, rn_test_run_train(&run, directory, 1, rn_test_cancel, &left));
    require_status(run.context,
                   rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "one", .epochs = 1, .lr = 1e-5)), RN_STATE);
    assert_non_null(strstr(rn_context_message(run.context), "a phase of another name"));
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "one", .epochs = 1)));
    others = rn_test_values(run.model, &size);
    assert_memory_equal(values, others, size); /* and the weights are those of its end */
    require_status(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "one", .epochs = 1)), RN_STATE);
    free(others);
    free(values);
    rn_test_run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(zero_means_the_tutorials_values),
        cmocka_unit_test(options_that_make_no_sense_are_refused),
        cmocka_unit_test(bad_rates_are_refused_before_anything_is_written),
        cmocka_unit_test(a_phase_is_trained_once),
        cmocka_unit_test(a_rate_of_nothing_trains_nothing),
        cmocka_unit_test(nothing_trainable_is_a_state),
        cmocka_unit_test(an_interrupted_phase_comes_first_and_with_the_same_options),
        cmocka_unit_test(an_interrupted_phase_needs_the_same_parameters_trainable),
        cmocka_unit_test(a_complete_phase_returns_at_once_in_a_resumed_run),
    };

    return cmocka_run_group_tests(tests, make_photos, NULL);
}
