/* SPDX-License-Identifier: MIT */
/* The range test: its curve and what it suggests, and that it leaves no trace. */
#include "train/runs.h"

enum { STEPS = 40 };

static const char *photos;

static int make_photos(void **state)
{
    (void)state;
    photos = rn_test_photo_directory();
    return 0;
}

/* The suggestions, by fastai's words: over the curve without its first tenth and last five points. */
static void the_suggestions_are_those_of_the_curve(void **state)
{
    double lrs[STEPS], losses[STEPS], steepest = NAN, least = NAN, slope = INFINITY, lowest = INFINITY;
    rn_lr_finding finding = { .struct_size = sizeof finding };
    rn_test_run run = rn_test_run_open(photos, 7);

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, NULL, 0, NULL, NULL));
    require_ok(run.context, rn_lr_find(&finding, run.trainer,
                                       RN_OPTIONS(rn_lr_find, .lr_first = 1e-5, .lr_last = 100, .steps = STEPS,
                                                  .lrs = lrs, .losses = losses)));
    assert_true(finding.count > 15 && finding.count <= STEPS);
    for (int i = 0; i < finding.count; i++) {
        assert_true(fabs(lrs[i] / (1e-5 * pow(1e7, (double)i / STEPS)) - 1) < 1e-12);
        assert_true(isfinite(losses[i]) && losses[i] > 0);
    }
    for (int i = STEPS / 10; i < finding.count - 5; i++) {
        if (losses[i] < lowest) {
            lowest = losses[i];
            least = lrs[i] / 10;
        }
        if (i + 1 < finding.count - 5 && (losses[i + 1] - losses[i]) / log(lrs[i + 1] / lrs[i]) < slope) {
            slope = (losses[i + 1] - losses[i]) / log(lrs[i + 1] / lrs[i]);
            steepest = lrs[i];
        }
    }
    assert_true(finding.steepest == steepest && finding.tenth_of_least == least);
    assert_true(slope < 0); /* something was learned on the way */
    rn_test_run_close(&run);
}

static void a_curve_ends_where_the_loss_does(void **state)
{
    double losses[STEPS];
    rn_lr_finding finding = { .struct_size = sizeof finding };
    rn_test_run run = rn_test_run_open(photos, 7);

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, NULL, 0, NULL, NULL));
    require_ok(run.context,
               rn_lr_find(&finding, run.trainer,
                          RN_OPTIONS(rn_lr_find, .lr_first = 1e-3, .lr_last = 1e30, .steps = STEPS, .losses = losses,
                                     .fit = RN_OPTIONS(rn_fit, .optimizer = RN_OPTIMIZER_SGD))));
    assert_true(finding.count < STEPS);
    for (int i = 0; i < finding.count; i++)
        assert_true(isfinite(losses[i]));
    require_ok(run.context, rn_lr_find(&finding, run.trainer, RN_OPTIONS(rn_lr_find, .steps = 3)));
    assert_true(finding.count == 3 && isnan(finding.steepest) && isnan(finding.tenth_of_least));
    rn_test_run_close(&run);
}

/* Before a run, between its phases, and while one is cancelled: its files are those of a run that was left alone. */
static int32_t cancel_once(const rn_progress *progress, void *payload)
{
    int *const left = payload;

    return progress->batch == 2 && (*left)-- == 1 ? RN_FIT_CANCEL : RN_FIT_GO_ON;
}

static void it_leaves_no_trace(void **state)
{
    const char *const directory = rn_test_new_directory();
    rn_lr_finding finding = { .struct_size = sizeof finding };
    rn_test_run run = rn_test_run_open(rn_test_undisturbed_photos, 7);
    size_t size, other_size;
    char *before, *after;
    int left = 1;

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, directory, 0, cancel_once, &left));
    before = rn_test_values(run.model, &size);
    require_ok(run.context, rn_lr_find(&finding, run.trainer, RN_OPTIONS(rn_lr_find, .steps = STEPS)));
    after = rn_test_values(run.model, &other_size);
    assert_int_equal(size, other_size);
    assert_memory_equal(before, after, size);
    require_status(run.context, rn_test_run_fit(&run), RN_CANCELLED); /* in the second batch of the first phase */
    require_ok(run.context, rn_lr_find(&finding, run.trainer, RN_OPTIONS(rn_lr_find, .steps = STEPS)));
    require_ok(run.context, rn_test_run_fit(&run));
    rn_test_same_results(directory, rn_test_undisturbed);
    free(after);
    free(before);
    rn_test_run_close(&run);
}

static void nonsense_is_refused(void **state)
{
    const rn_lr_find_options wrong[] = {
        *RN_OPTIONS(rn_lr_find, .lr_first = -1),
        *RN_OPTIONS(rn_lr_find, .lr_first = 1, .lr_last = 0.1),
        *RN_OPTIONS(rn_lr_find, .lr_last = INFINITY),
        *RN_OPTIONS(rn_lr_find, .steps = 1),
        *RN_OPTIONS(rn_lr_find, .reserved = 1),
        *RN_OPTIONS(rn_lr_find, .fit = RN_OPTIONS(rn_fit, .momentum = 0.9)), /* of Adam */
    };
    rn_lr_finding finding = { .struct_size = sizeof finding, .count = -7 }, without_size = { 0 };
    rn_test_run run = rn_test_run_open(photos, 7);

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, NULL, 0, NULL, NULL));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        require_status(run.context, rn_lr_find(&finding, run.trainer, &wrong[i]), RN_INVALID_ARGUMENT);
    require_status(run.context, rn_lr_find(&without_size, run.trainer, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_lr_find(NULL, run.trainer, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_lr_find(&finding, NULL, NULL), RN_INVALID_ARGUMENT);
    require_ok(run.context, rn_model_freeze(run.model, "*"));
    require_status(run.context, rn_lr_find(&finding, run.trainer, NULL), RN_STATE);
    assert_int_equal(finding.count, -7);
    require_ok(run.context, rn_model_unfreeze(run.model, "*"));
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 1))); /* as good as before */
    rn_test_run_close(&run);
}

static int make_all(void **state)
{
    make_photos(state);
    return rn_test_make_undisturbed(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_suggestions_are_those_of_the_curve),
        cmocka_unit_test(a_curve_ends_where_the_loss_does),
        cmocka_unit_test(it_leaves_no_trace),
        cmocka_unit_test(nonsense_is_refused),
    };

    return cmocka_run_group_tests(tests, make_all, NULL);
}
