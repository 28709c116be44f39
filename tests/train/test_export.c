/* SPDX-License-Identifier: MIT */
/* What a trainer leaves behind becomes a training checkpoint for PyTorch: rn_training_export of its files. */
#include "train/runs.h"

static int32_t cancel(const rn_progress *progress, void *payload)
{
    (void)payload;
    return progress->epoch == 1 && progress->batch == 2 ? RN_FIT_CANCEL : RN_FIT_GO_ON;
}

static rn_checkpoint *exported(rn_context *context, const char *directory, const char *name)
{
    const char *const path = rn_test_path(rn_test_directory(), "checkpoint.pth");
    rn_checkpoint *file = NULL, *out = NULL;

    require_ok(context, rn_checkpoint_open(&file, context, rn_test_path(directory, name), NULL));
    require_ok(context, rn_training_export(file, path, NULL));
    rn_checkpoint_destroy(file);
    require_ok(context, rn_checkpoint_open(&out, context, path, NULL));
    return out;
}

static void require_best(const rn_test_run *run, const rn_checkpoint *file)
{
    const char *const best = rn_checkpoint_metadata(file, "best_acc");

    assert_non_null(best);
    assert_true(strtod(best, NULL) == rn_trainer_best_accuracy(run->trainer));
}

static void an_interrupted_run_is_exported_with_its_optimizer(void **state)
{
    const char *const directory = rn_test_new_directory();
    rn_test_run run = rn_test_run_open(rn_test_photo_directory(), 3);
    rn_optimizer *adam = NULL;
    rn_checkpoint *file;
    char mapping[128];

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, directory, 0, cancel, NULL));
    require_status(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 3, .lr = 0.125)),
                   RN_CANCELLED);
    file = exported(run.context, directory, "last.safetensors");
    require_best(&run, file);
    assert_string_equal(rn_checkpoint_metadata(file, "optimizer.param_groups.0.lr"), "0.125");
    assert_string_equal(rn_checkpoint_metadata(file, "scheduler.last_epoch"), "1");
    snprintf(mapping, sizeof mapping, "mapping.%s", rn_classes_folder(rn_model_classes(run.model), 2));
    assert_string_equal(rn_checkpoint_metadata(file, mapping), "2");
    require_ok(run.context, rn_adam_create(&adam, rn_model_parameters(run.model), NULL));
    require_ok(run.context, rn_optimizer_load_state_dict(adam, file, NULL));
    require_ok(run.context, rn_model_load_checkpoint(run.model, file, NULL));
    rn_optimizer_destroy(adam);
    rn_checkpoint_destroy(file);
    rn_test_run_close(&run);
}

static void the_files_of_a_complete_run_are_exported(void **state)
{
    const char *const directory = rn_test_new_directory();
    rn_test_run run = rn_test_run_open(rn_test_photo_directory(), 3);

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, directory, 0, NULL, NULL));
    require_ok(run.context, rn_test_run_fit(&run));
    for (int i = 0; i < 2; i++) {
        rn_checkpoint *const file = exported(run.context, directory, i == 0 ? "last.safetensors" : "best.safetensors");

        require_best(&run, file);
        assert_true((rn_checkpoint_metadata(file, "optimizer.param_groups.0.lr") != NULL) == (i == 0));
        require_ok(run.context, rn_model_load_checkpoint(run.model, file, NULL));
        rn_checkpoint_destroy(file);
    }
    rn_test_run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_interrupted_run_is_exported_with_its_optimizer),
        cmocka_unit_test(the_files_of_a_complete_run_are_exported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
