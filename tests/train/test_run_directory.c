/* SPDX-License-Identifier: MIT */
#include "train/runs.h"

#include <unistd.h>

static const char *photos;

static int make_photos(void **state)
{
    (void)state;
    photos = rn_test_photo_directory();
    return 0;
}

static int exists(const char *directory, const char *name)
{
    return access(rn_test_path(directory, name), F_OK) == 0;
}

/* A run of one phase that is complete. */
static void finish_a_run(const char *directory)
{
    rn_test_run run = rn_test_run_open(photos, 1);

    require_ok(run.context, rn_test_run_train(&run, directory, 0, NULL, NULL));
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 1)));
    rn_test_run_close(&run);
}

static void the_directory_is_made_with_its_parents(void **state)
{
    const char *directory = rn_test_path(rn_test_directory(), "a/b/c");
    rn_test_run run = rn_test_run_open(photos, 1);

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, directory, 1, NULL, NULL));
    assert_true(exists(directory, "."));
    assert_false(exists(directory, "last.safetensors"));
    rn_test_run_close(&run);
}

static void a_run_is_not_overwritten(void **state)
{
    static const char *const names[] = { "best.safetensors", "last.safetensors", "history.jsonl" };

    (void)state;
    for (int i = 0; i < 3; i++) {
        const char *directory = rn_test_directory();
        rn_test_run run = rn_test_run_open(photos, 1);
        char *bytes;
        size_t size;

        rn_test_write_file(rn_test_path(directory, names[i]), "precious", 8);
        require_status(run.context, rn_test_run_train(&run, directory, 0, NULL, NULL), RN_STATE);
        assert_null(run.trainer);
        assert_non_null(strstr(rn_context_message(run.context), directory));
        require_status(run.context, rn_test_run_train(&run, directory, 1, NULL, NULL), i == 1 ? RN_FORMAT : RN_STATE);
        bytes = rn_test_file(rn_test_path(directory, names[i]), &size);
        assert_string_equal(bytes, "precious");
        free(bytes);
        rn_test_run_close(&run);
    }
}

static void last_is_there_before_any_best(void **state)
{
    const char *directory = rn_test_directory();
    rn_test_run run = rn_test_run_open(photos, 1);
    int left = 0;

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, directory, 0, rn_test_cancel, &left));
    require_status(run.context, rn_trainer_fit(run.trainer, NULL), RN_CANCELLED);
    assert_true(exists(directory, "last.safetensors"));
    assert_false(exists(directory, "best.safetensors"));
    rn_test_run_close(&run);
}

static void the_run_of_another_is_refused(void **state)
{
    const char *directory = rn_test_directory(), *other_photos = rn_test_photo_directory();
    rn_test_run run;

    (void)state;
    finish_a_run(directory);

    run = rn_test_run_open(photos, 2);
    require_status(run.context, rn_test_run_train(&run, directory, 1, NULL, NULL), RN_STATE);
    assert_non_null(strstr(rn_context_message(run.context), "seed"));
    rn_test_run_close(&run);

    run = rn_test_run_open(photos, 1);
    require_status(run.context,
                   rn_trainer_create(&run.trainer, run.model, run.train, run.valid,
                                     RN_OPTIONS(rn_trainer, .directory = directory, .resume = 1)),
                   RN_STATE);
    assert_non_null(strstr(rn_context_message(run.context), "batch"));
    require_ok(run.context, rn_model_set_training_pipeline(run.model, "Resize(8, 8), ToTensor()"));
    require_status(run.context, rn_test_run_train(&run, directory, 1, NULL, NULL), RN_STATE);
    assert_non_null(strstr(rn_context_message(run.context), "preprocessing"));
    rn_test_run_close(&run);

    rn_test_photos(other_photos, "train", RUN_CLASSES, RUN_TRAIN + 1, RUN_SIDE, 1);
    run = rn_test_run_open(other_photos, 1);
    require_status(run.context, rn_test_run_train(&run, directory, 1, NULL, NULL), RN_STATE);
    assert_non_null(strstr(rn_context_message(run.context), "photos"));
    rn_test_run_close(&run);

    run = rn_test_run_open(photos, 1);
    require_ok(run.context, rn_model_save(run.model, rn_test_path(directory, "last.safetensors"), NULL));
    require_status(run.context, rn_test_run_train(&run, directory, 1, NULL, NULL), RN_FORMAT);
    rn_test_run_close(&run);
}

/* One was taken out because it was damaged, say: the run goes on, and says that its figures are of two sets. */
static void other_validation_photos_do_not_lock_a_run(void **state)
{
    const char *directory = rn_test_directory(), *mine = rn_test_photo_directory();
    rn_test_warnings heard = { 0 };
    rn_test_run run = { 0 };

    (void)state;
    finish_a_run(directory);
    assert_int_equal(unlink(rn_test_path(mine, "valid/class1/valid_001.bmp")), 0);
    for (int again = 0; again < 2; again++) {
        require_ok(NULL,
                   rn_context_create(&run.context, RN_OPTIONS(rn_context, .threads = 1, .seed = 1,
                                                              .log = rn_test_note_warning, .log_payload = &heard)));
        require_ok(run.context, rn_image_folder_open(&run.train, run.context, rn_test_path(photos, "train"), NULL));
        require_ok(run.context, rn_image_folder_open(&run.valid, run.context, rn_test_path(mine, "valid"), NULL));
        run.model = rn_test_network(run.context, rn_dataset_classes(run.train), 1);
        require_ok(run.context, rn_test_run_train(&run, directory, 1, NULL, NULL));
        require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 2)));
        rn_test_run_close(&run);
        assert_int_equal(heard.count, 1); /* once: what was written since is of these photos */
        assert_non_null(strstr(heard.last, "was begun with other validation photos"));
    }
}

static void a_refused_resume_leaves_the_model_as_it_was(void **state)
{
    const char *directory = rn_test_directory();
    rn_test_run run;
    size_t size;
    char *before, *after;

    (void)state;
    finish_a_run(directory);
    run = rn_test_run_open(photos, 2);
    before = rn_test_values(run.model, &size);
    require_status(run.context, rn_test_run_train(&run, directory, 1, NULL, NULL), RN_STATE);
    after = rn_test_values(run.model, &size);
    assert_memory_equal(before, after, size);
    free(after);
    free(before);
    rn_test_run_close(&run);
}

static void two_trainers_do_not_share_a_directory(void **state)
{
    const char *directory = rn_test_directory();
    rn_test_run run = rn_test_run_open(photos, 1), other = rn_test_run_open(photos, 1);

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, directory, 0, NULL, NULL));
    require_status(other.context, rn_test_run_train(&other, directory, 0, NULL, NULL), RN_BUSY);
    rn_test_run_close(&run);
    require_ok(other.context, rn_test_run_train(&other, directory, 0, NULL, NULL));
    rn_test_run_close(&other);
}

static void what_a_killed_process_was_writing_is_removed_and_nothing_else(void **state)
{
    static const char *const leftovers[] = { "best.safetensors.4711-0.tmp", "last.safetensors.1-12.tmp",
                                             "history.jsonl.99-0.tmp" };
    static const char *const others[] = { "notes.tmp", "best.safetensors.backup", "best.safetensors.old.tmp",
                                          "last.safetensors.1-12.tmp.txt" };
    const char *directory = rn_test_directory();
    rn_test_run run = rn_test_run_open(photos, 1);

    (void)state;
    for (int i = 0; i < 3; i++)
        rn_test_write_file(rn_test_path(directory, leftovers[i]), "half", 4);
    for (int i = 0; i < 4; i++)
        rn_test_write_file(rn_test_path(directory, others[i]), "mine", 4);
    require_ok(run.context, rn_test_run_train(&run, directory, 1, NULL, NULL));
    for (int i = 0; i < 3; i++)
        assert_false(exists(directory, leftovers[i]));
    for (int i = 0; i < 4; i++)
        assert_true(exists(directory, others[i]));
    rn_test_run_close(&run);
}

static void history_is_had_back_from_last(void **state)
{
    const char *directory = rn_test_directory(), *path = rn_test_path(directory, "history.jsonl");
    rn_test_run run;
    size_t size, size_after;
    char *before, *after;

    (void)state;
    finish_a_run(directory);
    before = rn_test_file(path, &size);
    assert_true(size > 0);
    assert_int_equal(unlink(path), 0);
    run = rn_test_run_open(photos, 1);
    require_ok(run.context, rn_test_run_train(&run, directory, 1, NULL, NULL));
    after = rn_test_file(path, &size_after);
    assert_non_null(after);
    assert_string_equal(before, after);
    free(after);
    free(before);
    rn_test_run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_directory_is_made_with_its_parents),
        cmocka_unit_test(a_run_is_not_overwritten),
        cmocka_unit_test(last_is_there_before_any_best),
        cmocka_unit_test(the_run_of_another_is_refused),
        cmocka_unit_test(other_validation_photos_do_not_lock_a_run),
        cmocka_unit_test(a_refused_resume_leaves_the_model_as_it_was),
        cmocka_unit_test(two_trainers_do_not_share_a_directory),
        cmocka_unit_test(what_a_killed_process_was_writing_is_removed_and_nothing_else),
        cmocka_unit_test(history_is_had_back_from_last),
    };

    return cmocka_run_group_tests(tests, make_photos, NULL);
}
