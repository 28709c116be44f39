/* SPDX-License-Identifier: MIT */
/* Fits whose batches are mixed. */
#define _POSIX_C_SOURCE 200809L
#include "train/fit.h"
#include "train/processes.h"

static const char *photos;

static int make_photos(void **state)
{
    (void)state;
    photos = rn_test_photo_directory();
    return 0;
}

#define MIXED(...) \
    RN_OPTIONS(rn_fit, .epochs = 2, .lr = 3e-3, .mixup = 0.4, .cutmix = 1, .label_smoothing = 0.1, __VA_ARGS__)

static rn_status train(rn_test_process *process)
{
    rn_test_run *const run = &process->run;
    rn_status status = rn_trainer_create(&run->trainer, run->model, run->train, run->valid, &process->options);

    if (status == RN_OK)
        status = rn_model_freeze_backbone(run->model);
    if (status == RN_OK)
        status = rn_trainer_fit(run->trainer, RN_OPTIONS(rn_fit, .phase = "head", .epochs = 1, .lr = 1e-2));
    if (status == RN_OK)
        status = rn_trainer_fit(run->trainer, MIXED(.phase = "mixed"));
    if (status == RN_OK)
        status = rn_model_unfreeze(run->model, "*");
    return status == RN_OK ? rn_trainer_fit(run->trainer, MIXED(.phase = "all")) : status;
}

typedef struct figures {
    double loss[2], accuracy[2];
} figures;

static int32_t note(const rn_progress *p, void *payload)
{
    figures *const f = payload;

    if (p->epoch_ended) {
        f->loss[p->epoch] = p->loss;
        f->accuracy[p->epoch] = p->accuracy;
    }
    return RN_FIT_GO_ON;
}

/* The same by public calls; the label of the greater share is what counts as right. */
static void by_hand(rn_test_run *run, figures *found)
{
    const int64_t rows[2] = { RUN_BATCH, RUN_CLASSES };
    rn_tensor *mixed, *targets;
    rn_session *session;
    rn_loader *loader;
    rn_optimizer *adam;
    const rn_batch *batch;

    require_ok(run->context,
               rn_session_create(&session, run->context, run->model, RN_OPTIONS(rn_session, .mode = RN_TRAIN)));
    require_ok(run->context, rn_loader_create(&loader, run->train, rn_model_training_pipeline(run->model),
                                              RN_OPTIONS(rn_loader, .batch_size = RUN_BATCH, .shuffle = 1,
                                                         .avoid_single = 1, .height = RUN_SIDE, .width = RUN_SIDE)));
    require_ok(run->context, rn_adam_create(&adam, rn_model_parameters(run->model), RN_OPTIONS(rn_adam, .lr = 3e-3)));
    for (uint64_t epoch = 0; epoch < 2; epoch++) {
        double sum = 0;
        int64_t right = 0, count = 0;

        require_ok(run->context, rn_loader_start(loader, epoch));
        for (uint64_t number = 0; rn_loader_next(&batch, loader) == RN_OK; number++) {
            rn_mixture mix = { .struct_size = sizeof mix };
            const int64_t n = (int64_t)rn_batch_size(batch), sizes[2] = { n, rows[1] };
            const rn_tensor *logits;
            double loss;

            require_ok(run->context, rn_mix_draw(&mix, run->context, epoch, number, RUN_SIDE, RUN_SIDE,
                                                 RN_OPTIONS(rn_mix, .mixup = 0.4, .cutmix = 1)));
            require_ok(run->context, rn_tensor_create(&mixed, run->context, RN_FLOAT32, 4,
                                                      rn_tensor_shape(rn_batch_images(batch)), RN_CHANNELS_LAST));
            require_ok(run->context, rn_tensor_create(&targets, run->context, RN_FLOAT32, 2, sizes, RN_ROW_MAJOR));
            require_ok(run->context, rn_mix_images(mixed, rn_batch_images(batch), &mix));
            require_ok(run->context, rn_mix_labels(targets, rn_batch_labels(batch), &mix));
            require_ok(run->context, rn_session_forward(session, mixed));
            require_ok(run->context,
                       rn_cross_entropy(&loss, session, targets, RN_OPTIONS(rn_loss, .label_smoothing = 0.1)));
            require_ok(run->context, rn_session_output(&logits, session, 0));
            for (int64_t i = 0; i < n; i++) {
                const int64_t own = ((const int64_t *)rn_tensor_const_data(rn_batch_labels(batch)))[i];
                const int64_t other =
                    ((const int64_t *)rn_tensor_const_data(rn_batch_labels(batch)))[i > 0 ? i - 1 : n - 1];
                const float *const x = (const float *)rn_tensor_const_data(logits) + i * rn_tensor_strides(logits)[0];
                int64_t best = 0;

                for (int64_t c = 1; c < RUN_CLASSES; c++)
                    best = x[c] > x[best] ? c : best;
                right += best == (mix.lambda > 0.5 ? own : other);
            }
            require_ok(run->context, rn_session_backward(session));
            require_ok(run->context, rn_optimizer_step(adam));
            sum += loss * (double)n;
            count += n;
            rn_tensor_destroy(targets);
            rn_tensor_destroy(mixed);
        }
        found->loss[epoch] = sum / (double)count;
        found->accuracy[epoch] = (double)right / (double)count;
    }
    rn_optimizer_destroy(adam);
    rn_loader_destroy(loader);
    rn_session_destroy(session);
}

static void a_fit_is_the_loop_by_hand(void **state)
{
    rn_test_run run = rn_test_run_open(photos, 3);
    figures trainer = { { 0 }, { 0 } }, hand = { { 0 }, { 0 } };
    char *ours, *theirs;
    size_t size, other;

    (void)state;
    require_ok(run.context, rn_trainer_create(&run.trainer, run.model, run.train, run.valid,
                                              RN_OPTIONS(rn_trainer, .batch_size = RUN_BATCH, .keep_last = 1,
                                                         .progress = note, .progress_payload = &trainer)));
    require_ok(run.context, rn_trainer_fit(run.trainer, MIXED(.phase = "all")));
    ours = rn_test_values(run.model, &size);
    rn_test_run_close(&run);
    run = rn_test_run_open(photos, 3);
    by_hand(&run, &hand);
    theirs = rn_test_values(run.model, &other);
    assert_int_equal(size, other);
    assert_memory_equal(ours, theirs, size);
    assert_memory_equal(&trainer, &hand, sizeof hand);
    free(theirs);
    free(ours);
    rn_test_run_close(&run);
}

/* Slices are mixed each in itself; a run is resumed by another number of processes. */
static void any_number_of_processes_resumed_anywhere_ends_in_the_same_bytes(void **state)
{
    const char *undisturbed = NULL;

    (void)state;
    for (int i = 0; i < 4; i++) {
        const char *const directory = rn_test_new_directory();

        for (int part = 0; part < 2; part++) {
            const int count = part == 0 ? 1 << i % 3 : 1 << (i + 1) % 3;
            const rn_trainer_options options = {
                .directory = directory, .resume = part, .batch_size = 2 * RUN_BATCH, .slices = 4
            };
            rn_test_process process[PROCESSES];
            rn_test_wire wire = { 0 };

            rn_test_processes_open(process, count, photos, &options);
            process[0].cancel_at = part == 0 && i > 0 ? 4 * i + 3 : -1;
            rn_test_processes_run(process, count, &wire, train);
            for (int k = 0; k < count; k++)
                require_status(process[k].run.context, process[k].status, part == 0 && i > 0 ? RN_CANCELLED : RN_OK);
            rn_test_processes_close(process, count);
        }
        undisturbed = i == 0 ? directory : undisturbed;
        rn_test_same_results(directory, undisturbed);
    }
}

/* Of mixed photos nothing can be kept, which is said; the fit after it keeps features again. */
static void features_are_kept_of_photos_that_are_not_mixed(void **state)
{
    rn_test_run run = rn_test_run_open(photos, 3);

    (void)state;
    require_ok(run.context, rn_model_freeze_backbone(run.model));
    require_ok(run.context, rn_trainer_create(&run.trainer, run.model, run.train, run.valid,
                                              RN_OPTIONS(rn_trainer, .batch_size = RUN_BATCH, .views = 2)));
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "plain", .epochs = 2)));
    assert_int_equal(rn_features_kept(run.trainer->train_features), 2 * RUN_CLASSES * RUN_TRAIN);
    require_ok(run.context, rn_trainer_fit(run.trainer, MIXED(.phase = "mixed")));
    assert_null(run.trainer->train_features);
    assert_int_equal(rn_features_kept(run.trainer->valid_features), RUN_CLASSES * RUN_VALID);
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "again", .epochs = 1)));
    assert_int_equal(rn_features_kept(run.trainer->train_features), RUN_CLASSES * RUN_TRAIN);
    rn_test_run_close(&run);
}

static void options_that_make_no_sense_are_refused(void **state)
{
    rn_test_run run = rn_test_run_open(photos, 3);

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, NULL, 0, NULL, NULL));
    require_status(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .mixup = -1)), RN_INVALID_ARGUMENT);
    require_status(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .cutmix = INFINITY)),
                   RN_INVALID_ARGUMENT);
    rn_test_run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fit_is_the_loop_by_hand),
        cmocka_unit_test(any_number_of_processes_resumed_anywhere_ends_in_the_same_bytes),
        cmocka_unit_test(features_are_kept_of_photos_that_are_not_mixed),
        cmocka_unit_test(options_that_make_no_sense_are_refused),
    };

    return cmocka_run_group_tests(tests, make_photos, NULL);
}
