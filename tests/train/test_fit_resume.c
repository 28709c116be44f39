/* SPDX-License-Identifier: MIT */
/* Runs that are cancelled or killed and resumed end in the bytes of one that nothing happened to. */
#define _POSIX_C_SOURCE 200809L
#include "train/runs.h"

#include <sys/stat.h>

static void cancelled_anywhere_and_resumed_it_ends_in_the_same_bytes(void **state)
{
    (void)state;
    for (int call = 0; call < RUN_CALLS; call++) {
        const char *directory = rn_test_new_directory();
        rn_test_run run = rn_test_run_open(rn_test_undisturbed_photos, 7);
        int left = call;

        require_ok(run.context, rn_test_run_train(&run, directory, 0, rn_test_cancel, &left));
        require_status(run.context, rn_test_run_fit(&run), RN_CANCELLED);
        assert_non_null(strstr(rn_context_message(run.context), "cancelled in phase"));
        rn_test_run_close(&run);
        rn_test_resume_to_the_end(directory);
        rn_test_same_results(directory, rn_test_undisturbed);
    }
}

/* Cancels after one batch of training; validation, which begins anew when it is cancelled, may go through. */
static int32_t cancel_after_a_batch(const rn_progress *p, void *payload)
{
    (void)payload;
    return p->epoch_ended || p->batch < p->batches;
}

static void a_run_of_many_short_processes_ends_in_the_same_bytes(void **state)
{
    const char *directory = rn_test_new_directory();
    rn_status status = RN_CANCELLED;
    int processes = 0;

    (void)state;
    while (status == RN_CANCELLED) {
        rn_test_run run = rn_test_run_open(rn_test_undisturbed_photos, 7);

        require_ok(run.context, rn_test_run_train(&run, directory, 1, cancel_after_a_batch, NULL));
        status = rn_test_run_fit(&run);
        rn_test_run_close(&run);
        assert_true(++processes <= RUN_CALLS + 1);
    }
    assert_int_equal(status, RN_OK);
    assert_int_equal(processes, RUN_EPOCHS * RUN_TRAIN_BATCHES + 1);
    rn_test_same_results(directory, rn_test_undisturbed);
}

/* Called again in the same process a cancelled fit goes on too, with a directory and without. */
static void a_cancelled_fit_goes_on_when_it_is_called_again(void **state)
{
    (void)state;
    for (int with_directory = 0; with_directory < 2; with_directory++) {
        const char *directory = with_directory ? rn_test_new_directory() : NULL;
        rn_test_run run = rn_test_run_open(rn_test_undisturbed_photos, 7);
        int left = 2 * (RUN_TRAIN_BATCHES + RUN_VALID_BATCHES + 1) + 3; /* in the second phase */
        size_t size, other_size;
        char *values, *others;

        require_ok(run.context, rn_test_run_train(&run, directory, 0, rn_test_cancel, &left));
        require_status(run.context, rn_test_run_fit(&run), RN_CANCELLED);
        require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "all", .epochs = 3, .lr = 3e-3,
                                                                       .lr_step_epochs = 2, .lr_gamma = 0.3)));
        if (with_directory)
            rn_test_same_results(directory, rn_test_undisturbed);
        values = rn_test_values(run.model, &size);
        require_ok(run.context, rn_model_load(run.model, rn_test_path(rn_test_undisturbed, "best.safetensors"), NULL));
        others = rn_test_values(run.model, &other_size);
        assert_memory_equal(values, others, size);
        free(others);
        free(values);
        rn_test_run_close(&run);
    }
}

/* ---- killed between two writes: the files that can lie together ------------------------------------------------ */

static const char *const result_names[] = { "best.safetensors", "last.safetensors", "history.jsonl" };

typedef struct snapshots {
    const char *from, *to;
} snapshots;

/*
 * The path of a snapshot: as the files were before epoch `epoch` (counted through the run) was trained, or after it was
 * booked.
 */
static const char *snapshot(const snapshots *s, int epoch, const char *when, int file)
{
    char name[64];

    snprintf(name, sizeof name, "%d-%s-%s", epoch, when, result_names[file]);
    return rn_test_path(s->to, name);
}

static void copy_if_there(const char *to, const char *from)
{
    struct stat info;

    if (stat(from, &info) == 0)
        rn_test_copy_file(to, from);
}

static int32_t take_snapshot(const rn_progress *p, void *payload)
{
    const snapshots *s = payload;
    const int epoch = p->epoch + (strcmp(p->phase, "all") == 0 ? 2 : 0);

    if (p->epoch_ended || p->batch == 1)
        for (int i = 0; i < 3; i++)
            copy_if_there(snapshot(s, epoch, p->epoch_ended ? "after" : "before", i),
                          rn_test_path(s->from, result_names[i]));
    return 0;
}

/* Killed in an epoch's end after `written` of the three files. */
static void killed_between_the_writes_of_an_epoch_it_ends_in_the_same_bytes(void **state)
{
    const snapshots s = { rn_test_new_directory(), rn_test_directory() };
    rn_test_run run = rn_test_run_open(rn_test_undisturbed_photos, 7);

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, s.from, 0, take_snapshot, (void *)&s));
    require_ok(run.context, rn_test_run_fit(&run));
    rn_test_run_close(&run);
    for (int epoch = 0; epoch < RUN_EPOCHS; epoch++)
        for (int written = 0; written <= 3; written++) {
            const char *directory = rn_test_new_directory();

            assert_int_equal(mkdir(directory, 0777), 0);
            for (int i = 0; i < 3; i++)
                copy_if_there(rn_test_path(directory, result_names[i]),
                              snapshot(&s, epoch, i < written ? "after" : "before", i));
            rn_test_resume_to_the_end(directory);
            rn_test_same_results(directory, rn_test_undisturbed);
        }
}

/* Puts a directory where a file should go, so that it cannot be written. */
static int32_t block_file(const rn_progress *p, void *payload)
{
    if (p->epoch == 1 && p->batch == 1) {
        remove(payload);
        assert_int_equal(mkdir(payload, 0777), 0);
    }
    return 0;
}

/* Best cannot be written: last and history stand where they stood. Last cannot be written: history does. */
static void best_is_written_before_last_and_last_before_history(void **state)
{
    (void)state;
    for (int blocked = 0; blocked < 2; blocked++) {
        const char *directory = rn_test_new_directory();
        rn_test_run run = rn_test_run_open(rn_test_undisturbed_photos, 7);
        char *history, *line;
        size_t size;

        require_ok(run.context, rn_test_run_train(&run, directory, 0, block_file,
                                                  (void *)rn_test_path(directory, result_names[blocked])));
        require_status(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 3, .lr = 1e-2)), RN_IO);
        history = rn_test_file(rn_test_path(directory, "history.jsonl"), &size);
        line = strchr(history, '\n');
        assert_ptr_equal(line, history + size - 1); /* of the first epoch */
        if (blocked == 0) {
            rn_checkpoint *file = NULL;

            require_ok(run.context,
                       rn_checkpoint_open(&file, run.context, rn_test_path(directory, "last.safetensors"), NULL));
            assert_non_null(strstr(rn_checkpoint_metadata(file, "rn.state"), "\"epoch\":1,\"batch\":0"));
            rn_checkpoint_destroy(file);
        }
        free(history);
        rn_test_run_close(&run);
    }
}

static void a_best_from_elsewhere_is_not_taken(void **state)
{
    const char *directory = rn_test_new_directory();
    rn_test_run run = rn_test_run_open(rn_test_undisturbed_photos, 7);
    int left = RUN_CALLS - 1; /* the last epoch has ended */

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, directory, 0, rn_test_cancel, &left));
    require_status(run.context, rn_test_run_fit(&run), RN_CANCELLED);
    rn_test_run_close(&run);

    run = rn_test_run_open(rn_test_undisturbed_photos, 7);
    require_ok(run.context, rn_model_save(run.model, rn_test_path(directory, "best.safetensors"), NULL));
    require_status(run.context, rn_test_run_train(&run, directory, 1, NULL, NULL), RN_FORMAT);
    assert_non_null(strstr(rn_context_message(run.context), "best.safetensors"));
    rn_test_run_close(&run);

    rn_test_copy_file(rn_test_path(directory, "best.safetensors"),
                      rn_test_path(rn_test_undisturbed, "best.safetensors"));
    rn_test_resume_to_the_end(directory);
    rn_test_same_results(directory, rn_test_undisturbed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cancelled_anywhere_and_resumed_it_ends_in_the_same_bytes),
        cmocka_unit_test(a_run_of_many_short_processes_ends_in_the_same_bytes),
        cmocka_unit_test(a_cancelled_fit_goes_on_when_it_is_called_again),
        cmocka_unit_test(killed_between_the_writes_of_an_epoch_it_ends_in_the_same_bytes),
        cmocka_unit_test(best_is_written_before_last_and_last_before_history),
        cmocka_unit_test(a_best_from_elsewhere_is_not_taken),
    };

    return cmocka_run_group_tests(tests, rn_test_make_undisturbed, NULL);
}
