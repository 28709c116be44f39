/* SPDX-License-Identifier: MIT */
/* Fits that average their weights: what is validated and kept, and that they resume to the same bits. */
#define _POSIX_C_SOURCE 200809L
#include "train/processes.h"
#include "train/runs.h"

static const char *photos;

static int make_photos(void **state)
{
    (void)state;
    photos = rn_test_photo_directory();
    return 0;
}

static rn_status fit(rn_test_run *run, int32_t epochs)
{
    rn_status status = rn_model_freeze_backbone(run->model);

    if (status == RN_OK)
        status = rn_trainer_fit(run->trainer, RN_OPTIONS(rn_fit, .phase = "head", .epochs = 1, .lr = 1e-2));
    if (status == RN_OK)
        status = rn_model_unfreeze(run->model, "*");
    if (status == RN_OK)
        status = rn_trainer_fit(run->trainer, RN_OPTIONS(rn_fit, .phase = "all", .epochs = epochs, .lr = 3e-3,
                                                         .ema_decay = 0.8, .ema_steps = 2));
    return status;
}

static rn_status open_trainer(rn_test_run *run, const char *directory, int resume, int keep_last,
                              rn_progress_function progress, void *payload)
{
    return rn_trainer_create(&run->trainer, run->model, run->train, run->valid,
                             RN_OPTIONS(rn_trainer, .directory = directory, .resume = resume, .batch_size = RUN_BATCH,
                                        .keep_last = keep_last, .progress = progress, .progress_payload = payload));
}

/*
 * The same by public calls: the trainer's order is the loader's with shuffle, its draws those of the training session
 * with the context's seed.
 */
static void by_hand(rn_test_run *run, rn_evaluation *answer, int32_t epochs)
{
    rn_session *session;
    rn_loader *loader;
    rn_optimizer *adam;
    rn_ema *ema;
    rn_parameters *const parameters = rn_model_parameters(run->model);
    const rn_batch *batch;
    double loss;

    require_ok(run->context,
               rn_session_create(&session, run->context, run->model, RN_OPTIONS(rn_session, .mode = RN_TRAIN)));
    require_ok(run->context, rn_loader_create(&loader, run->train, rn_model_training_pipeline(run->model),
                                              RN_OPTIONS(rn_loader, .batch_size = RUN_BATCH, .shuffle = 1,
                                                         .avoid_single = 1, .height = RUN_SIDE, .width = RUN_SIDE)));
    require_ok(run->context, rn_adam_create(&adam, parameters, RN_OPTIONS(rn_adam, .lr = 3e-3)));
    require_ok(run->context,
               rn_ema_create(&ema, parameters, RN_OPTIONS(rn_ema, .decay = 0.8, .every = 2, .average_buffers = 1)));
    for (int32_t epoch = 0; epoch < epochs; epoch++) {
        rn_status status;

        require_ok(run->context, rn_loader_start(loader, (uint64_t)epoch));
        while ((status = rn_loader_next(&batch, loader)) == RN_OK) {
            require_ok(run->context, rn_session_forward(session, rn_batch_images(batch)));
            require_ok(run->context, rn_cross_entropy(&loss, session, rn_batch_labels(batch), NULL));
            require_ok(run->context, rn_session_backward(session));
            require_ok(run->context, rn_optimizer_step(adam));
            require_ok(run->context, rn_ema_update(ema));
        }
        require_status(run->context, status, RN_END);
    }
    require_ok(run->context, rn_ema_swap(ema));
    require_ok(run->context,
               rn_evaluate(answer, run->model, run->valid, RN_OPTIONS(rn_evaluate, .batch_size = RUN_BATCH)));
    rn_ema_destroy(ema);
    rn_optimizer_destroy(adam);
    rn_loader_destroy(loader);
    rn_session_destroy(session);
}

static int32_t note_loss(const rn_progress *p, void *payload)
{
    if (p->epoch_ended)
        *(double *)payload = p->valid_loss;
    return RN_FIT_GO_ON;
}

static void a_fit_is_the_loop_by_hand(void **state)
{
    rn_test_run run = rn_test_run_open(photos, 3);
    rn_evaluation answer = { .struct_size = sizeof answer };
    double loss = NAN;
    char *ours, *theirs;
    size_t size, other;

    (void)state;
    require_ok(run.context, open_trainer(&run, NULL, 0, 1, note_loss, &loss));
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 2, .lr = 3e-3, .ema_decay = 0.8,
                                                                   .ema_steps = 2)));
    ours = rn_test_values(run.model, &size); /* keep_last: the fit ends with the average */
    rn_test_run_close(&run);
    run = rn_test_run_open(photos, 3);
    by_hand(&run, &answer, 2);
    theirs = rn_test_values(run.model, &other);
    assert_int_equal(size, other);
    assert_memory_equal(ours, theirs, size);
    assert_true(loss == answer.loss);
    free(theirs);
    free(ours);
    rn_test_run_close(&run);
}

static const char *train(int32_t epochs)
{
    const char *const directory = rn_test_new_directory();
    rn_test_run run = rn_test_run_open(photos, 3);

    require_ok(run.context, open_trainer(&run, directory, 0, 0, NULL, NULL));
    require_ok(run.context, fit(&run, epochs));
    rn_test_run_close(&run);
    return directory;
}

static void resume(const char *directory, int32_t epochs)
{
    rn_test_run run = rn_test_run_open(photos, 3);

    require_ok(run.context, open_trainer(&run, directory, 1, 0, NULL, NULL));
    require_ok(run.context, fit(&run, epochs));
    rn_test_run_close(&run);
}

static void cancelled_anywhere_and_resumed_it_ends_in_the_same_bytes(void **state)
{
    const char *const undisturbed = train(2);
    const int calls = RUN_TRAIN_BATCHES + RUN_VALID_BATCHES + 1;

    (void)state;
    for (int call = calls; call < 3 * calls; call++) { /* in the second phase */
        const char *const directory = rn_test_new_directory();
        rn_test_run run = rn_test_run_open(photos, 3);
        int left = call;

        require_ok(run.context, open_trainer(&run, directory, 0, 0, rn_test_cancel, &left));
        require_status(run.context, fit(&run, 2), RN_CANCELLED);
        rn_test_run_close(&run);
        resume(directory, 2);
        rn_test_same_results(directory, undisturbed);
    }
}

static void more_epochs_end_in_the_same_bytes_as_all_at_once(void **state)
{
    const char *const directory = train(1);

    (void)state;
    resume(directory, 3);
    rn_test_same_results(directory, train(3));
}

/* What stays when the last weights are kept is their average, in a resumed process, too. */
static void a_complete_run_that_kept_its_last_weights_stands_on_their_average(void **state)
{
    const char *const directory = rn_test_new_directory();
    rn_test_run run = rn_test_run_open(photos, 3);
    char *before, *after;
    size_t size, other;

    (void)state;
    require_ok(run.context, open_trainer(&run, directory, 0, 1, NULL, NULL));
    require_ok(run.context, fit(&run, 2));
    before = rn_test_values(run.model, &size);
    rn_test_run_close(&run);
    run = rn_test_run_open(photos, 3);
    require_ok(run.context, open_trainer(&run, directory, 1, 1, NULL, NULL));
    after = rn_test_values(run.model, &other);
    assert_int_equal(size, other);
    assert_memory_equal(before, after, size);
    free(before);
    free(after);
    rn_test_run_close(&run);
}

/* Read as weights, last.safetensors gives the weights, without a word; the average has a prefix. */
static void last_holds_both(void **state)
{
    const char *const last = rn_test_path(train(1), "last.safetensors");
    rn_test_run run = rn_test_run_open(photos, 3);
    rn_test_warnings warnings = { 0 };
    rn_context *listening;
    rn_model *model;
    char *weights, *average;
    size_t size;

    (void)state;
    require_ok(NULL, rn_context_create(&listening, RN_OPTIONS(rn_context, .threads = 1, .log = rn_test_note_warning,
                                                              .log_payload = &warnings)));
    model = rn_test_network(listening, rn_dataset_classes(run.train), 1);
    require_ok(listening, rn_model_load(model, last, NULL));
    assert_int_equal(warnings.count, 0);
    weights = rn_test_values(model, &size);
    require_ok(listening, rn_model_load(model, last, RN_OPTIONS(rn_load, .prefix = "ema")));
    average = rn_test_values(model, &size);
    assert_memory_not_equal(weights, average, size);
    free(average);
    free(weights);
    rn_model_destroy(model);
    rn_context_destroy(listening);
    rn_test_run_close(&run);
}

static rn_status train_shared(rn_test_process *process)
{
    const rn_status status = rn_trainer_create(&process->run.trainer, process->run.model, process->run.train,
                                               process->run.valid, &process->options);

    return status == RN_OK ? fit(&process->run, 2) : status;
}

/* Each process sees other photos, and running statistics of its own. */
static void any_number_of_processes_ends_in_the_same_bytes(void **state)
{
    const char *directory[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        const int count = 1 << i;
        rn_trainer_options options = { .batch_size = 2 * RUN_BATCH, .slices = 4 };
        rn_test_process process[PROCESSES];
        rn_test_wire wire = { 0 };

        options.directory = directory[i] = rn_test_new_directory();
        for (int part = 0; part < 2; part++) { /* cancelled in the second phase, and resumed by as many */
            options.resume = part;
            rn_test_processes_open(process, count, photos, &options);
            process[0].cancel_at = part == 0 ? 10 : -1;
            rn_test_processes_run(process, count, &wire, train_shared);
            for (int k = 0; k < count; k++)
                require_status(process[k].run.context, process[k].status, part == 0 ? RN_CANCELLED : RN_OK);
            rn_test_processes_close(process, count);
        }
        rn_test_same_results(directory[i], directory[0]);
    }
}

static void options_that_differ_or_make_no_sense_are_refused(void **state)
{
    const char *const directory = train(1);
    rn_test_run run = rn_test_run_open(photos, 3);

    (void)state;
    require_ok(run.context, open_trainer(&run, directory, 1, 0, NULL, NULL));
    require_status(run.context,
                   rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "all", .epochs = 2, .lr = 3e-3)), RN_STATE);
    assert_non_null(strstr(rn_context_message(run.context), "average of weights"));
    require_status(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "x", .ema_decay = 1.5)),
                   RN_INVALID_ARGUMENT);
    require_status(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "x", .ema_steps = 2)),
                   RN_INVALID_ARGUMENT);
    require_status(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .phase = "x", .reserved = 1)),
                   RN_INVALID_ARGUMENT);
    rn_test_run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fit_is_the_loop_by_hand),
        cmocka_unit_test(cancelled_anywhere_and_resumed_it_ends_in_the_same_bytes),
        cmocka_unit_test(more_epochs_end_in_the_same_bytes_as_all_at_once),
        cmocka_unit_test(a_complete_run_that_kept_its_last_weights_stands_on_their_average),
        cmocka_unit_test(last_holds_both),
        cmocka_unit_test(any_number_of_processes_ends_in_the_same_bytes),
        cmocka_unit_test(options_that_differ_or_make_no_sense_are_refused),
    };

    return cmocka_run_group_tests(tests, make_photos, NULL);
}
