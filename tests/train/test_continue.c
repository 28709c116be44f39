/* SPDX-License-Identifier: MIT */
/* What comes after a run has ended, in one way or another: more epochs, an early end, a false start, damaged files. */
#define _POSIX_C_SOURCE 200809L
#include "train/runs.h"
#include "train/train.h"

#include <fcntl.h>
#include <unistd.h>

static const char *photos;

static int make_photos(void **state)
{
    (void)state;
    photos = rn_test_photo_directory();
    return 0;
}

static rn_status fit(rn_test_run *run, const char *phase, int32_t epochs)
{
    return rn_trainer_fit(run->trainer, RN_OPTIONS(rn_fit, .phase = phase, .epochs = epochs, .lr = 1e-2));
}

static void train(const char *directory, int resume, int32_t epochs)
{
    rn_test_run run = rn_test_run_open(photos, 3);

    require_ok(run.context, rn_test_run_train(&run, directory, resume, NULL, NULL));
    require_ok(run.context, fit(&run, "one", 2));
    require_ok(run.context, fit(&run, "two", epochs));
    rn_test_run_close(&run);
}

static void more_epochs_end_in_the_same_bytes_as_all_at_once(void **state)
{
    const char *const at_once = rn_test_new_directory(), *const directory = rn_test_new_directory();
    rn_test_run run;

    (void)state;
    train(at_once, 0, 4);
    train(directory, 0, 2);
    train(directory, 1, 3);
    train(directory, 1, 4);
    rn_test_same_results(directory, at_once);

    run = rn_test_run_open(photos, 3);
    require_ok(run.context, rn_test_run_train(&run, directory, 1, NULL, NULL));
    require_status(run.context, fit(&run, "one", 3), RN_STATE); /* "two" began with what it ended in */
    assert_non_null(strstr(rn_context_message(run.context), "\"two\" has followed it"));
    require_status(run.context, fit(&run, "two", 3), RN_STATE);
    assert_non_null(strstr(rn_context_message(run.context), "cannot end after 3"));
    require_ok(run.context, fit(&run, "two", 4));
    rn_test_run_close(&run);
}

/* Killed between best and last of an added epoch: the newer best must not stand in the way. */
static void an_extension_that_is_killed_goes_on(void **state)
{
    const char *const at_once = rn_test_new_directory(), *const directory = rn_test_new_directory();
    rn_test_run run;
    int left = 0;

    (void)state;
    train(at_once, 0, 3);
    train(directory, 0, 2);
    run = rn_test_run_open(photos, 3);
    require_ok(run.context, rn_test_run_train(&run, directory, 1, NULL, NULL));
    require_ok(run.context, fit(&run, "one", 2));
    require_ok(run.context, rn_model_freeze_backbone(run.model));
    require_status(run.context, fit(&run, "two", 3), RN_STATE); /* refused, it changes nothing */
    require_ok(run.context, rn_model_unfreeze(run.model, "*"));
    require_ok(run.context, fit(&run, "two", 2));
    rn_test_run_close(&run);

    run = rn_test_run_open(photos, 3);
    require_ok(run.context, rn_test_run_train(&run, directory, 1, rn_test_cancel, &left));
    require_ok(run.context, fit(&run, "one", 2));
    require_status(run.context, fit(&run, "two", 3), RN_CANCELLED);
    rn_test_run_close(&run);
    rn_test_copy_file(rn_test_path(directory, "best.safetensors"), rn_test_path(at_once, "best.safetensors"));
    train(directory, 1, 3);
    rn_test_same_results(directory, at_once);
}

/* Keeps last.safetensors as it is while the first batch of phase "two" is trained. */
static int32_t copy_last(const rn_progress *progress, void *payload)
{
    const char *const *const paths = payload;

    if (strcmp(progress->phase, "two") == 0 && progress->batch == 1 && progress->epoch == 0)
        rn_test_copy_file(paths[1], paths[0]);
    return RN_FIT_GO_ON;
}

/* Killed between best and last of a new phase's first epoch: that phase comes first, for it wrote the best. */
static void a_phase_whose_best_is_there_comes_first(void **state)
{
    const char *const whole = rn_test_new_directory(), *const directory = rn_test_new_directory();
    const char *paths[2] = { rn_test_path(whole, "last.safetensors"), rn_test_path(rn_test_directory(), "kept") };
    rn_test_run run = rn_test_run_open(photos, 3);
    char *before, *after;
    size_t size, other;

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, whole, 0, copy_last, paths));
    require_ok(run.context, fit(&run, "one", 2));
    before = rn_test_file(rn_test_path(whole, "best.safetensors"), &size);
    require_ok(run.context, fit(&run, "two", 1));
    after = rn_test_file(rn_test_path(whole, "best.safetensors"), &other);
    assert_true(size != other ||
                memcmp(before, after, size) != 0); /* the new phase is the best, or nothing is tested */
    rn_test_run_close(&run);
    train(directory, 0, 1);
    rn_test_copy_file(rn_test_path(directory, "last.safetensors"), paths[1]);

    run = rn_test_run_open(photos, 3);
    require_ok(run.context, rn_test_run_train(&run, directory, 1, NULL, NULL));
    require_ok(run.context, fit(&run, "one", 2));
    require_status(run.context, fit(&run, "three", 1), RN_STATE);
    require_ok(run.context, fit(&run, "two", 1));
    rn_test_run_close(&run);
    rn_test_same_results(directory, whole);
    free(after);
    free(before);
}

/* Ends the first fit at the second epoch's first batch, then lets everything pass. */
static int32_t end_early(const rn_progress *progress, void *payload)
{
    int *const calls = payload;

    ++*calls;
    return strcmp(progress->phase, "one") == 0 && progress->epoch == 1 && progress->batch == 1 ? RN_FIT_END
                                                                                               : RN_FIT_GO_ON;
}

static void a_fit_that_is_ended_is_complete_and_others_follow(void **state)
{
    const char *const directory = rn_test_new_directory();
    rn_test_run run = rn_test_run_open(photos, 3);
    size_t size;
    char *history, *values, *best;
    int calls = 0, lines = 0;

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, directory, 0, end_early, &calls));
    require_ok(run.context, fit(&run, "one", 5));
    values = rn_test_values(run.model, &size);
    require_ok(run.context, rn_model_load(run.model, rn_test_path(directory, "best.safetensors"), NULL));
    best = rn_test_values(run.model, &size);
    assert_memory_equal(values, best, size);
    require_ok(run.context, fit(&run, "two", 1));
    rn_test_run_close(&run);
    history = rn_test_file(rn_test_path(directory, "history.jsonl"), &size);
    for (const char *at = history; (at = strchr(at, '\n')) != NULL; at++)
        lines++;
    assert_int_equal(lines, 2 + 1);
    /* A resumed run knows. */
    run = rn_test_run_open(photos, 3);
    require_ok(run.context, rn_test_run_train(&run, directory, 1, NULL, NULL));
    require_ok(run.context, fit(&run, "one", 5));
    require_ok(run.context, fit(&run, "two", 1));
    require_ok(run.context, fit(&run, "three", 1));
    rn_test_run_close(&run);
    free(history);
    free(best);
    free(values);
}

/* The first batch fails: its photos come out of the pipeline in another size. */
static void a_false_start_binds_nothing(void **state)
{
    const char *const directory = rn_test_new_directory();

    (void)state;
    for (int resume = 0; resume < 2; resume++) {
        rn_test_run run = rn_test_run_open(photos, 3);

        require_ok(run.context,
                   rn_model_set_training_pipeline(run.model, "RandomHorizontalFlip(), Resize(7), ToTensor()"));
        require_ok(run.context, rn_test_run_train(&run, directory, resume, NULL, NULL));
        assert_int_not_equal(fit(&run, "one", 2), RN_OK);
        rn_test_run_close(&run);
    }
    train(directory, 0, 1); /* another pipeline, as if nothing had been there */
    train(directory, 1, 1);
}

static void overwrite(const char *path, off_t offset, size_t count)
{
    static const char zeros[64];
    const int handle = open(path, O_WRONLY);

    assert_true(handle >= 0);
    assert_int_equal(pwrite(handle, zeros, count, offset), (ssize_t)count);
    close(handle);
}

static off_t size_of(const char *path)
{
    size_t size;

    free(rn_test_file(path, &size));
    return (off_t)size;
}

static void require_refused(const char *directory, rn_status expected, const char *file)
{
    rn_test_run run = rn_test_run_open(photos, 3);
    size_t size;
    char *const before = rn_test_values(run.model, &size), *after;

    require_status(run.context, rn_test_run_train(&run, directory, 1, NULL, NULL), expected);
    if (strstr(rn_context_message(run.context), file) == NULL)
        fail_msg("\"%s\" is not named: %s", file, rn_context_message(run.context));
    after = rn_test_values(run.model, &size);
    assert_memory_equal(before, after, size);
    free(after);
    free(before);
    rn_test_run_close(&run);
}

/* Wherever in the tensors of either file 64 bytes are lost, nothing is trained on them. */
static void damage_is_found_before_anything_is_trained(void **state)
{
    static const char *const files[] = { "last.safetensors", "best.safetensors" };
    const char *const whole = rn_test_new_directory(), *const directory = rn_test_new_directory();

    (void)state;
    train(whole, 0, 1);
    train(directory, 0, 1);
    for (int file = 0; file < 2; file++) {
        const char *const path = rn_test_path(directory, files[file]);
        const off_t size = size_of(path);

        for (int part = 1; part <= 8; part++) {
            overwrite(path, size - part * (size / 20) - 64, 64);
            require_refused(directory, RN_FORMAT, files[file]);
            rn_test_copy_file(path, rn_test_path(whole, files[file]));
        }
    }
    assert_int_equal(unlink(rn_test_path(directory, "best.safetensors")), 0);
    require_refused(directory, RN_IO, "best.safetensors");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_epochs_end_in_the_same_bytes_as_all_at_once),
        cmocka_unit_test(an_extension_that_is_killed_goes_on),
        cmocka_unit_test(a_phase_whose_best_is_there_comes_first),
        cmocka_unit_test(a_fit_that_is_ended_is_complete_and_others_follow),
        cmocka_unit_test(a_false_start_binds_nothing),
        cmocka_unit_test(damage_is_found_before_anything_is_trained),
    };

    return cmocka_run_group_tests(tests, make_photos, NULL);
}
