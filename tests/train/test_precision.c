/* SPDX-License-Identifier: MIT */
/* Runs with products of bfloat16: the same bytes after a resume, and no mixing of precisions in a run. */
#include "support/bfloat16.h"
#include "train/runs.h"

static rn_status begin(rn_test_run *run, const char *photos, const char *directory, rn_precision precision,
                       rn_progress_function progress, void *payload)
{
    *run = rn_test_run_open(photos, 1);
    rn_test_emulate_bfloat16(run->context);
    return rn_trainer_create(&run->trainer, run->model, run->train, run->valid,
                             RN_OPTIONS(rn_trainer, .directory = directory, .resume = 1, .batch_size = RUN_BATCH,
                                        .precision = precision, .progress = progress, .progress_payload = payload));
}

static void require_run(const char *photos, const char *directory, rn_precision precision)
{
    rn_test_run run;

    require_ok(run.context, begin(&run, photos, directory, precision, NULL, NULL));
    require_ok(run.context, rn_test_run_fit(&run));
    rn_test_run_close(&run);
}

static void a_resumed_run_ends_with_the_bytes_of_an_undisturbed_one(void **state)
{
    const char *const photos = rn_test_photo_directory(), *const whole = rn_test_new_directory();

    (void)state;
    rn_test_need_bfloat16();
    require_run(photos, whole, RN_PRECISION_BFLOAT16);
    for (int call = 3; call < RUN_CALLS; call += 11) {
        const char *const directory = rn_test_new_directory();
        int left = call;
        rn_test_run run;

        require_ok(run.context, begin(&run, photos, directory, RN_PRECISION_BFLOAT16, rn_test_cancel, &left));
        require_status(run.context, rn_test_run_fit(&run), RN_CANCELLED);
        rn_test_run_close(&run);
        require_run(photos, directory, RN_PRECISION_BFLOAT16);
        rn_test_same_results(directory, whole);
    }
}

static void a_run_keeps_its_precision(void **state)
{
    const char *const photos = rn_test_photo_directory();
    static const rn_precision precisions[] = { RN_PRECISION_FLOAT32, RN_PRECISION_BFLOAT16 };

    (void)state;
    rn_test_need_bfloat16();
    for (int i = 0; i < 2; i++) {
        const char *const directory = rn_test_new_directory();
        int left = 7;
        rn_test_run run;

        require_ok(run.context, begin(&run, photos, directory, precisions[i], rn_test_cancel, &left));
        require_status(run.context, rn_test_run_fit(&run), RN_CANCELLED);
        rn_test_run_close(&run);
        require_status(run.context, begin(&run, photos, directory, precisions[1 - i], NULL, NULL), RN_STATE);
        assert_non_null(strstr(rn_context_message(run.context), "bfloat16"));
        rn_test_run_close(&run);
    }
}

static void senseless_precisions_are_refused(void **state)
{
    rn_test_run run;

    (void)state;
    require_status(run.context,
                   begin(&run, rn_test_photo_directory(), rn_test_new_directory(), (rn_precision)3, NULL, NULL),
                   RN_INVALID_ARGUMENT);
    assert_null(run.trainer);
    rn_test_run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_resumed_run_ends_with_the_bytes_of_an_undisturbed_one),
        cmocka_unit_test(a_run_keeps_its_precision),
        cmocka_unit_test(senseless_precisions_are_refused),
    };

    return cmocka_run_group_tests_name("train/precision", tests, NULL, NULL);
}
