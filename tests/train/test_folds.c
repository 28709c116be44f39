/* SPDX-License-Identifier: MIT */
/* Cross-validation: what each fold is worth by hand, what is left behind, resuming, and what is refused. */
#define _POSIX_C_SOURCE 200809L
#include "train/runs.h"

enum { FOLDS = 3 };

static const char *photos;

static int make_photos(void **state)
{
    (void)state;
    photos = rn_test_photo_directory();
    return 0;
}

static const rn_fit_options *fit_options(void)
{
    static rn_fit_options options = { .struct_size = sizeof options, .epochs = 2, .lr = 1e-2 };

    return &options;
}

/* The best accuracy of a fold, by a split and a trainer of one's own. */
static double by_hand(int32_t fold)
{
    rn_test_run run = rn_test_run_open(photos, 3);
    rn_dataset *train, *valid;
    double accuracy;

    require_ok(run.context,
               rn_dataset_split(&train, &valid, run.train, RN_OPTIONS(rn_dataset_split, .folds = FOLDS, .fold = fold)));
    require_ok(run.context, rn_trainer_create(&run.trainer, run.model, train, valid,
                                              RN_OPTIONS(rn_trainer, .batch_size = RUN_BATCH)));
    require_ok(run.context, rn_trainer_fit(run.trainer, fit_options()));
    accuracy = rn_trainer_best_accuracy(run.trainer);
    rn_dataset_destroy(train);
    rn_dataset_destroy(valid);
    rn_test_run_close(&run);
    return accuracy;
}

static void each_fold_is_a_training_of_its_own(void **state)
{
    rn_test_run run = rn_test_run_open(photos, 3);
    rn_cross_validation answer = { .struct_size = sizeof answer };
    double accuracy[FOLDS], loss[FOLDS], sum = 0, squares = 0;
    char *before, *after;
    size_t size;

    (void)state;
    before = rn_test_values(run.model, &size);
    require_ok(run.context, rn_cross_validate(&answer, run.model, run.train,
                                              RN_OPTIONS(rn_cross_validation, .folds = FOLDS, .fit = fit_options(),
                                                         .trainer = RN_OPTIONS(rn_trainer, .batch_size = RUN_BATCH),
                                                         .accuracies = accuracy, .losses = loss)));
    after = rn_test_values(run.model, &size);
    assert_memory_equal(before, after, size);
    for (int32_t i = 0; i < FOLDS; i++) {
        assert_true(accuracy[i] == by_hand(i));
        assert_true(loss[i] > 0);
        sum += accuracy[i];
        squares += accuracy[i] * accuracy[i];
    }
    assert_true(fabs(answer.accuracy - sum / FOLDS) < 1e-12);
    assert_true(fabs(answer.accuracy_spread - sqrt(fmax(0, squares / FOLDS - sum / FOLDS * sum / FOLDS))) < 1e-7);
    assert_true(answer.loss > 0 && answer.loss_spread > 0);
    free(before);
    free(after);
    rn_test_run_close(&run);
}

static rn_status two_phases(rn_trainer *trainer, int32_t fold, void *payload)
{
    rn_model *const model = payload;
    rn_status status = rn_model_freeze_backbone(model);

    assert_true(fold >= 0 && fold < FOLDS);
    if (status == RN_OK)
        status = rn_trainer_fit(trainer, RN_OPTIONS(rn_fit, .phase = "head", .epochs = 1));
    if (status == RN_OK)
        status = rn_model_unfreeze(model, "*");
    return status == RN_OK ? rn_trainer_fit(trainer, RN_OPTIONS(rn_fit, .phase = "all", .epochs = 1)) : status;
}

static rn_status validate(rn_test_run *run, rn_cross_validation *answer, const char *directory, int resume, int *left)
{
    return rn_cross_validate(
        answer, run->model, run->train,
        RN_OPTIONS(rn_cross_validation, .folds = FOLDS, .train = two_phases, .payload = run->model,
                   .trainer = RN_OPTIONS(rn_trainer, .batch_size = RUN_BATCH, .directory = directory, .resume = resume,
                                         .progress = left != NULL ? rn_test_cancel : NULL, .progress_payload = left)));
}

/* Cancelled in the second fold, the first is not trained again. */
static void it_is_resumed_fold_by_fold(void **state)
{
    const char *const whole = rn_test_new_directory(), *const cut = rn_test_new_directory();
    static const char *const names[FOLDS] = { "fold1", "fold2", "fold3" };
    rn_cross_validation answer = { .struct_size = sizeof answer }, again = answer;
    rn_test_run run = rn_test_run_open(photos, 3);
    char *before, *after;
    size_t size;
    int left = 2 * (4 + 2 + 1) + 4;

    (void)state;
    require_ok(run.context, validate(&run, &answer, whole, 0, NULL));
    before = rn_test_values(run.model, &size);
    require_status(run.context, validate(&run, &again, cut, 0, &left), RN_CANCELLED);
    after = rn_test_values(run.model, &size);
    assert_memory_equal(before, after, size);
    rn_test_run_close(&run);

    run = rn_test_run_open(photos, 3);
    require_ok(run.context, validate(&run, &again, cut, 1, NULL));
    assert_memory_equal(&answer, &again, sizeof answer);
    for (int i = 0; i < FOLDS; i++)
        rn_test_same_results(rn_test_path(cut, names[i]), rn_test_path(whole, names[i]));
    free(before);
    free(after);
    rn_test_run_close(&run);
}

static rn_status do_nothing(rn_trainer *trainer, int32_t fold, void *payload)
{
    (void)trainer;
    (void)fold;
    (void)payload;
    return RN_OK;
}

static void what_makes_no_sense_is_refused(void **state)
{
    rn_test_run run = rn_test_run_open(photos, 3);
    rn_cross_validation answer = { .struct_size = sizeof answer };

    (void)state;
    require_status(run.context,
                   rn_cross_validate(&answer, run.model, run.train, RN_OPTIONS(rn_cross_validation, .folds = 1)),
                   RN_INVALID_ARGUMENT);
    require_status(run.context,
                   rn_cross_validate(&answer, run.model, run.train,
                                     RN_OPTIONS(rn_cross_validation, .train = do_nothing, .fit = fit_options())),
                   RN_INVALID_ARGUMENT);
    require_status(
        run.context,
        rn_cross_validate(&answer, run.model, run.train, RN_OPTIONS(rn_cross_validation, .train = do_nothing)),
        RN_STATE);
    require_status(run.context,
                   rn_cross_validate(&answer, run.model, run.valid, RN_OPTIONS(rn_cross_validation, .folds = 100)),
                   RN_SHAPE);
    answer.struct_size = 0;
    require_status(run.context, rn_cross_validate(&answer, run.model, run.train, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_cross_validate(NULL, run.model, run.train, NULL), RN_INVALID_ARGUMENT);
    rn_test_run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_fold_is_a_training_of_its_own),
        cmocka_unit_test(it_is_resumed_fold_by_fold),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };

    return cmocka_run_group_tests(tests, make_photos, NULL);
}
