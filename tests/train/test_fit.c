/* SPDX-License-Identifier: MIT */
/* Whole runs: what they learn and keep, and what must not happen. (Interrupted ones: test_fit_resume.c.) */
#define _POSIX_C_SOURCE 200809L
#include "train/runs.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>

typedef struct record {
    int calls, ends;
    double valid_accuracy, train_accuracy, best;
    int is_best[RUN_EPOCHS];
    double accuracy[RUN_EPOCHS], loss[RUN_EPOCHS], lr[RUN_EPOCHS];
} record;

static int32_t note(const rn_progress *p, void *payload)
{
    record *r = payload;

    assert_true(p->struct_size == sizeof *p && p->batches == RUN_TRAIN_BATCHES && p->elapsed >= 0);
    assert_true(p->batch >= 1 && p->batch <= p->batches && p->loss > 0 && p->accuracy >= 0 && p->accuracy <= 1);
    assert_true(p->epoch_ended ? isfinite(p->valid_loss) : isnan(p->valid_loss));
    r->calls++;
    if (p->epoch_ended) {
        r->is_best[r->ends] = p->is_best;
        r->accuracy[r->ends] = p->valid_accuracy;
        r->loss[r->ends] = p->valid_loss;
        r->lr[r->ends] = p->lr;
        r->ends++;
        r->train_accuracy = p->accuracy;
        r->best = p->best_accuracy;
    }
    return 0;
}

static void training_learns_and_ends_with_the_best_weights(void **state)
{
    rn_test_run run = rn_test_run_open(rn_test_undisturbed_photos, 7);
    rn_evaluation end = { .struct_size = sizeof end };
    record r = { 0 };
    double best = -1, best_loss = 0;

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, rn_test_new_directory(), 0, note, &r));
    assert_true(isnan(rn_trainer_best_accuracy(run.trainer)));
    require_ok(run.context, rn_test_run_fit(&run));
    assert_int_equal(r.calls, RUN_CALLS);
    assert_int_equal(r.ends, RUN_EPOCHS);
    for (int i = 0; i < RUN_EPOCHS; i++) {
        const int better = r.accuracy[i] > best || (r.accuracy[i] == best && r.loss[i] < best_loss);

        assert_int_equal(r.is_best[i], better);
        if (better) {
            best = r.accuracy[i];
            best_loss = r.loss[i];
        }
    }
    assert_true(r.best == best && rn_trainer_best_accuracy(run.trainer) == best);
    assert_true(best >= 0.75); /* 9 of 12; chance is 4 */
    assert_true(r.loss[RUN_EPOCHS - 1] < 0.8 * r.loss[0]);
    assert_true(r.lr[0] == 1e-2 && r.lr[1] == 1e-2 && r.lr[2] == 3e-3 && r.lr[3] == 3e-3 && r.lr[4] == 3e-3 * 0.3);
    require_ok(run.context, rn_evaluate(&end, run.model, run.valid, RN_OPTIONS(rn_evaluate, .batch_size = RUN_BATCH)));
    assert_true(end.accuracy == best && end.loss == best_loss && end.count == RUN_CLASSES * RUN_VALID);
    rn_test_run_close(&run);
}

/* The tutorial's second call forgets how good the first was, and writes over its checkpoint. */
static void a_worse_phase_leaves_the_best_of_the_one_before(void **state)
{
    const char *const directory = rn_test_new_directory();
    rn_test_run run = rn_test_run_open(rn_test_undisturbed_photos, 7);
    char *before, *after;
    size_t size, other;
    double best;

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, directory, 0, NULL, NULL));
    require_ok(run.context, rn_test_run_fit(&run));
    best = rn_trainer_best_accuracy(run.trainer);
    before = rn_test_file(rn_test_path(directory, "best.safetensors"), &size);
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "worse", .epochs = 1, .lr = 10,
                                                                   .optimizer = RN_OPTIMIZER_SGD)));
    after = rn_test_file(rn_test_path(directory, "best.safetensors"), &other);
    assert_true(rn_trainer_best_accuracy(run.trainer) == best && size == other);
    assert_memory_equal(before, after, size);
    free(after);
    free(before);
    rn_test_run_close(&run);
}

static void the_same_run_gives_the_same_bytes(void **state)
{
    const char *directory = rn_test_new_directory();

    (void)state;
    rn_test_resume_to_the_end(directory); /* of nothing: a new run */
    rn_test_same_results(directory, rn_test_undisturbed);
}

static void without_a_directory_the_best_weights_are_kept_in_memory(void **state)
{
    rn_test_run run = rn_test_run_open(rn_test_undisturbed_photos, 7),
                from_file = rn_test_run_open(rn_test_undisturbed_photos, 7);
    size_t size, other_size;
    char *values, *others;

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, NULL, 0, NULL, NULL));
    require_ok(run.context, rn_test_run_fit(&run));
    require_ok(from_file.context,
               rn_model_load(from_file.model, rn_test_path(rn_test_undisturbed, "best.safetensors"), NULL));
    values = rn_test_values(run.model, &size);
    others = rn_test_values(from_file.model, &other_size);
    assert_int_equal(size, other_size);
    assert_memory_equal(values, others, size);
    free(others);
    free(values);
    rn_test_run_close(&from_file);
    rn_test_run_close(&run);
}

/* Ctrl-C at each of the calls in turn, then a resumed run to the end. */
/* ---- what must not happen -------------------------------------------------------------------------------------- */

static void frozen_means_that_no_byte_changes(void **state)
{
    rn_test_run run = rn_test_run_open(rn_test_undisturbed_photos, 7);
    const rn_parameters *parameters = rn_model_parameters(run.model);
    size_t size, head = 0;
    char *before, *after;

    (void)state;
    for (size_t i = 0; i < rn_parameters_count(parameters); i++)
        if (strncmp(rn_parameters_name(parameters, i), "fc.", 3) == 0)
            head += (size_t)rn_tensor_count(rn_parameters_value(parameters, i)) * sizeof(float);
    require_ok(run.context, rn_model_freeze_backbone(run.model));
    require_ok(run.context, rn_test_run_train(&run, NULL, 0, NULL, NULL));
    before = rn_test_values(run.model, &size);
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 2, .lr = 1e-2)));
    after = rn_test_values(run.model, &size);
    assert_memory_equal(before, after, size - head); /* fc is last */
    assert_memory_not_equal(before + size - head, after + size - head, head);
    free(after);
    free(before);
    rn_test_run_close(&run);
}

static void a_loss_that_explodes_stops_and_keeps_the_files(void **state)
{
    const char *directory = rn_test_new_directory();
    rn_test_run run = rn_test_run_open(rn_test_undisturbed_photos, 7);
    size_t size, size_after;
    char *before, *after;

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, directory, 0, NULL, NULL));
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "good", .epochs = 1)));
    before = rn_test_file(rn_test_path(directory, "best.safetensors"), &size);
    require_status(run.context,
                   rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "bad", .epochs = 9, .lr = 1e38)),
                   RN_INVALID_ARGUMENT);
    assert_non_null(strstr(rn_context_message(run.context), "finite"));
    require_status(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "bad", .epochs = 9)), RN_STATE);
    after = rn_test_file(rn_test_path(directory, "best.safetensors"), &size_after);
    assert_int_equal(size, size_after);
    assert_memory_equal(before, after, size);
    free(after);
    free(before);
    rn_test_run_close(&run);

    run = rn_test_run_open(rn_test_undisturbed_photos, 7); /* a new trainer goes on from there */
    require_ok(run.context, rn_test_run_train(&run, directory, 1, NULL, NULL));
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "good", .epochs = 1)));
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "better", .epochs = 1)));
    rn_test_run_close(&run);
}

/* No file may grow beyond `bytes`: as a full disk, but for the errno. */
static void limit_files(rlim_t bytes)
{
    struct rlimit limit;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes != RLIM_INFINITY ? bytes : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

typedef struct full_disk {
    int calls_left;
} full_disk;

static int32_t fill_disk(const rn_progress *progress, void *payload)
{
    full_disk *disk = payload;

    (void)progress;
    if (disk->calls_left-- == 0)
        limit_files(512);
    return 0;
}

static void a_full_disk_loses_nothing(void **state)
{
    (void)state;
    for (int call = 1; call < RUN_CALLS; call += 4) {
        const char *directory = rn_test_new_directory();
        rn_test_run run = rn_test_run_open(rn_test_undisturbed_photos, 7);
        full_disk disk = { call };

        require_ok(run.context, rn_test_run_train(&run, directory, 0, fill_disk, &disk));
        require_status(run.context, rn_test_run_fit(&run), RN_IO);
        assert_non_null(strstr(rn_context_message(run.context), directory));
        limit_files(RLIM_INFINITY);
        rn_test_run_close(&run);
        rn_test_resume_to_the_end(directory);
        rn_test_same_results(directory, rn_test_undisturbed);
    }
}

static void a_photo_that_does_not_decode_costs_no_training(void **state)
{
    const char *mine = rn_test_photo_directory(), *directory = rn_test_new_directory();
    const char *photo = rn_test_path(mine, "train/class1/train_003.bmp"), *aside = rn_test_path(mine, "aside");
    rn_test_run run;

    (void)state;
    rn_test_copy_file(aside, photo);
    rn_test_write_file(photo, "BM", 2);
    run = rn_test_run_open(mine, 7);
    require_ok(run.context, rn_test_run_train(&run, directory, 0, NULL, NULL));
    require_status(run.context, rn_test_run_fit(&run), RN_FORMAT);
    assert_non_null(strstr(rn_context_message(run.context), "train_003.bmp"));
    rn_test_run_close(&run);
    rn_test_copy_file(photo, aside);
    rn_test_resume_to_the_end(directory); /* with the photos of the undisturbed run, which are the same */
    rn_test_same_results(directory, rn_test_undisturbed);
}

static rn_test_run open_skipping(const char *of, const char *directory, rn_progress_function progress, void *payload)
{
    rn_test_run run = rn_test_run_open(of, 7);

    require_ok(run.context,
               rn_trainer_create(&run.trainer, run.model, run.train, run.valid,
                                 RN_OPTIONS(rn_trainer, .directory = directory, .resume = 1, .batch_size = 2,
                                            .progress = progress, .progress_payload = payload,
                                            .bad_photos = RN_BAD_PHOTO_IS_SKIPPED)));
    return run;
}

/* Half of the photos are bad: with batches of two some have a photo, some have none. */
static void skipped_photos_do_not_shift_a_resumed_epoch(void **state)
{
    const char *mine = rn_test_photo_directory(), *whole = rn_test_new_directory();
    rn_test_run run;
    char name[64];

    (void)state;
    for (int i = 0; i < RUN_CLASSES * RUN_TRAIN; i += 2) {
        snprintf(name, sizeof name, "train/class%d/train_%03d.bmp", i / RUN_TRAIN, i % RUN_TRAIN);
        rn_test_write_file(rn_test_path(mine, name), "BM", 2);
    }
    run = open_skipping(mine, whole, NULL, NULL);
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 2)));
    rn_test_run_close(&run);
    for (int call = 0; call < 8; call++) {
        const char *directory = rn_test_new_directory();
        int left = call;

        run = open_skipping(mine, directory, rn_test_cancel, &left);
        require_status(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 2)), RN_CANCELLED);
        rn_test_run_close(&run);
        run = open_skipping(mine, directory, NULL, NULL);
        require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 2)));
        rn_test_run_close(&run);
        rn_test_same_results(directory, whole);
    }
}

/* ---- the trainer holds no privilege ---------------------------------------------------------------------------- */

static void one_epoch(rn_test_run *run, rn_session *session, rn_loader *loader, rn_optimizer *adam, uint64_t epoch,
                      double clip_norm)
{
    const rn_batch *batch;
    rn_status status;
    double loss;

    require_ok(run->context, rn_loader_start(loader, epoch));
    while ((status = rn_loader_next(&batch, loader)) == RN_OK) {
        require_ok(run->context, rn_session_forward(session, rn_batch_images(batch)));
        require_ok(run->context, rn_cross_entropy(&loss, session, rn_batch_labels(batch), NULL));
        if (rn_model_output_name(run->model, 1) != NULL)
            require_ok(run->context, rn_cross_entropy(&loss, session, rn_batch_labels(batch),
                                                      RN_OPTIONS(rn_loss, .output = 1, .weight = 0.4)));
        require_ok(run->context, rn_session_backward(session));
        if (clip_norm != 0)
            require_ok(run->context, rn_clip_gradient_norm(NULL, rn_model_parameters(run->model), clip_norm, NULL));
        require_ok(run->context, rn_optimizer_step(adam));
    }
    require_status(run->context, status, RN_END);
}

static void give_two_outputs(rn_test_run *run)
{
    rn_model_destroy(run->model);
    run->model = rn_test_network_of_two(run->context, rn_dataset_classes(run->train), 5);
}

static void compare_with_a_loop_by_hand(double clip_norm, bool two_outputs)
{
    rn_test_run run = rn_test_run_open(rn_test_undisturbed_photos, 7),
                by_hand = rn_test_run_open(rn_test_undisturbed_photos, 7);
    rn_loader *loader = NULL;
    rn_session *session = NULL;
    rn_optimizer *adam = NULL;
    rn_scheduler *step_lr = NULL;
    size_t size;
    char *values, *others;

    if (two_outputs) {
        give_two_outputs(&run);
        give_two_outputs(&by_hand);
    }
    require_ok(run.context, rn_trainer_create(&run.trainer, run.model, run.train, run.valid,
                                              RN_OPTIONS(rn_trainer, .batch_size = RUN_BATCH, .keep_last = 1)));
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 3, .lr = 1e-2, .lr_step_epochs = 1,
                                                                   .clip_norm = clip_norm)));

    require_ok(by_hand.context,
               rn_loader_create(&loader, by_hand.train, rn_model_training_pipeline(by_hand.model),
                                RN_OPTIONS(rn_loader, .batch_size = RUN_BATCH, .shuffle = 1, .avoid_single = 1)));
    require_ok(by_hand.context,
               rn_session_create(&session, by_hand.context, by_hand.model, RN_OPTIONS(rn_session, .mode = RN_TRAIN)));
    require_ok(by_hand.context,
               rn_adam_create(&adam, rn_model_parameters(by_hand.model), RN_OPTIONS(rn_adam, .lr = 1e-2)));
    require_ok(by_hand.context, rn_step_lr_create(&step_lr, adam, RN_OPTIONS(rn_step_lr, .step_size = 1)));
    for (uint64_t epoch = 0; epoch < 3; epoch++) {
        one_epoch(&by_hand, session, loader, adam, epoch, clip_norm);
        require_ok(by_hand.context, rn_scheduler_step(step_lr, NULL));
    }
    values = rn_test_values(run.model, &size);
    others = rn_test_values(by_hand.model, &size);
    assert_memory_equal(values, others, size);
    free(others);
    free(values);
    rn_scheduler_destroy(step_lr);
    rn_optimizer_destroy(adam);
    rn_session_destroy(session);
    rn_loader_destroy(loader);
    rn_test_run_close(&by_hand);
    rn_test_run_close(&run);
}

static void a_loop_written_by_hand_gives_the_same_weights(void **state)
{
    (void)state;
    compare_with_a_loop_by_hand(0, false);
    compare_with_a_loop_by_hand(0.5, false); /* clipped in every step of the beginning */
    compare_with_a_loop_by_hand(0, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_learns_and_ends_with_the_best_weights),
        cmocka_unit_test(a_worse_phase_leaves_the_best_of_the_one_before),
        cmocka_unit_test(the_same_run_gives_the_same_bytes),
        cmocka_unit_test(without_a_directory_the_best_weights_are_kept_in_memory),
        cmocka_unit_test(frozen_means_that_no_byte_changes),
        cmocka_unit_test(a_loss_that_explodes_stops_and_keeps_the_files),
        cmocka_unit_test(a_full_disk_loses_nothing),
        cmocka_unit_test(a_photo_that_does_not_decode_costs_no_training),
        cmocka_unit_test(skipped_photos_do_not_shift_a_resumed_epoch),
        cmocka_unit_test(a_loop_written_by_hand_gives_the_same_weights),
    };

    return cmocka_run_group_tests(tests, rn_test_make_undisturbed, NULL);
}
