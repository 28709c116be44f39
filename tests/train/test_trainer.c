/* SPDX-License-Identifier: MIT */
#include "train/runs.h"

static const char *photos;

static int make_photos(void **state)
{
    (void)state;
    photos = rn_test_photo_directory();
    return 0;
}

static void arguments_are_checked(void **state)
{
    rn_test_run run = rn_test_run_open(photos, 1);
    rn_trainer *trainer = (rn_trainer *)&run;

    (void)state;
    assert_int_equal(rn_trainer_create(NULL, run.model, run.train, run.valid, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_trainer_create(&trainer, NULL, run.train, run.valid, NULL), RN_INVALID_ARGUMENT);
    assert_null(trainer);
    require_status(run.context, rn_trainer_create(&trainer, run.model, NULL, run.valid, NULL), RN_INVALID_ARGUMENT);
    require_status(run.context, rn_trainer_create(&trainer, run.model, run.train, NULL, NULL), RN_INVALID_ARGUMENT);
    require_status(
        run.context,
        rn_trainer_create(&trainer, run.model, run.train, run.valid, RN_OPTIONS(rn_trainer, .batch_size = -1)),
        RN_INVALID_ARGUMENT);
    require_status(run.context,
                   rn_trainer_create(&trainer, run.model, run.train, run.valid, RN_OPTIONS(rn_trainer, .resume = 1)),
                   RN_INVALID_ARGUMENT);
    require_status(
        run.context,
        rn_trainer_create(&trainer, run.model, run.train, run.valid, RN_OPTIONS(rn_trainer, .directory = "")),
        RN_INVALID_ARGUMENT);
    require_status(
        run.context,
        rn_trainer_create(&trainer, run.model, run.train, run.valid, RN_OPTIONS(rn_trainer, .feature_file = "")),
        RN_INVALID_ARGUMENT);
    require_status(
        run.context,
        rn_trainer_create(&trainer, run.model, run.train, run.valid, RN_OPTIONS(rn_trainer, .bad_photos = 7)),
        RN_INVALID_ARGUMENT);
    assert_null(trainer);
    assert_int_equal(rn_trainer_fit(NULL, NULL), RN_INVALID_ARGUMENT);
    assert_true(isnan(rn_trainer_best_accuracy(NULL)));
    rn_trainer_destroy(NULL);
    rn_test_run_close(&run);
}

static void class_tables_must_agree(void **state)
{
    const char *more = rn_test_directory();
    rn_test_run run = rn_test_run_open(photos, 1);
    rn_dataset *four = NULL;

    (void)state;
    rn_test_photos(more, "valid", RUN_CLASSES + 1, 1, RUN_SIDE, 1);
    require_ok(run.context, rn_image_folder_open(&four, run.context, rn_test_path(more, "valid"), NULL));
    require_status(run.context, rn_trainer_create(&run.trainer, run.model, run.train, four, NULL), RN_SHAPE);
    assert_non_null(strstr(rn_context_message(run.context), "validation"));
    require_status(run.context, rn_trainer_create(&run.trainer, run.model, four, run.valid, NULL), RN_SHAPE);
    assert_non_null(strstr(rn_context_message(run.context), "training"));
    rn_dataset_destroy(four);
    rn_test_run_close(&run);
}

static void the_trainer_keeps_alive_what_it_uses(void **state)
{
    rn_test_run run = rn_test_run_open(photos, 1);

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, NULL, 0, NULL, NULL));
    rn_dataset_destroy(run.train);
    rn_dataset_destroy(run.valid);
    rn_context_destroy(run.context);
    rn_model_destroy(run.model);
    assert_int_equal(rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 1)), RN_OK);
    rn_trainer_destroy(run.trainer);
}

/* ---- allocation ------------------------------------------------------------------------------------------------ */

typedef struct steady {
    const rn_test_allocator *allocator;
    long calls;
    int grew;
} steady;

/* From the second epoch on, between one batch of training and the next of the same size. */
static int32_t watch_allocations(const rn_progress *p, void *payload)
{
    steady *s = payload;

    if (p->epoch > 0 && p->batch > 1 && p->batch < p->batches && s->allocator->calls != s->calls)
        s->grew++;
    s->calls = s->allocator->calls;
    return 0;
}

static rn_test_run open_with(rn_test_allocator *allocator)
{
    rn_test_run run = { 0 };

    assert_int_equal(
        rn_context_create(&run.context, RN_OPTIONS(rn_context, .threads = 1, .allocate = rn_test_allocate,
                                                   .release = rn_test_release, .allocator_payload = allocator)),
        RN_OK);
    require_ok(run.context, rn_image_folder_open(&run.train, run.context, rn_test_path(photos, "train"), NULL));
    require_ok(run.context, rn_image_folder_open(&run.valid, run.context, rn_test_path(photos, "valid"), NULL));
    run.model = rn_test_network(run.context, rn_dataset_classes(run.train), 5);
    return run;
}

static void steady_training_steps_allocate_nothing(void **state)
{
    rn_test_allocator allocator = { .fail_at = -1 };
    steady watched = { .allocator = &allocator };
    rn_test_run run = open_with(&allocator);

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, NULL, 0, watch_allocations, &watched));
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 3)));
    assert_int_equal(watched.grew, 0);
    rn_test_run_close(&run);
    assert_int_equal(allocator.live, 0);
}

/*
 * Each allocation of a trainer's life fails in turn (every `stride`-th): RN_NO_MEMORY and nothing leaked; what lies in
 * the directory can be resumed.
 */
static void sweep_allocations(int with_directory, long stride)
{
    rn_test_allocator allocator = { .fail_at = -1 };
    rn_status status = RN_NO_MEMORY;
    long at = 0;

    for (; status == RN_NO_MEMORY; at += stride) {
        const char *directory = with_directory ? rn_test_new_directory() : NULL;
        rn_test_run run;

        allocator.fail_at = -1;
        run = open_with(&allocator);
        allocator.calls = 0;
        allocator.fail_at = at;
        status = rn_test_run_train(&run, directory, 0, NULL, NULL);
        if (status == RN_OK)
            status = rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 1));
        if (status != RN_OK && status != RN_NO_MEMORY)
            fail_msg("allocation %ld: %s: %s", at, rn_status_string(status), rn_context_message(run.context));
        allocator.fail_at = -1;
        if (directory != NULL) {
            require_ok(run.context, rn_test_run_train(&run, directory, 1, NULL, NULL));
            require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 1)));
        }
        rn_test_run_close(&run);
        assert_int_equal(allocator.live, 0);
    }
    assert_int_equal(status, RN_OK);
    assert_true(at > 50 * stride);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    sweep_allocations(0, 1);
}

static void allocations_may_fail_around_the_files(void **state)
{
    (void)state;
    sweep_allocations(1, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(class_tables_must_agree),
        cmocka_unit_test(the_trainer_keeps_alive_what_it_uses),
        cmocka_unit_test(steady_training_steps_allocate_nothing),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(allocations_may_fail_around_the_files),
    };

    return cmocka_run_group_tests(tests, make_photos, NULL);
}
