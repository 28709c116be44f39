/* SPDX-License-Identifier: MIT */
/*
 * Training in slices: any number of processes ends in the same bytes, also where they change from one resume to the
 * next, with dropout, batch norm, mirrored photos, photos that do not decode, a last batch that leaves slices empty.
 */
#include "train/processes.h"

enum { TRAIN = 9, VALID = 5, BATCH = 12 }; /* 27 + 1 photos: batches of 12, 12 and 4; validation 15 + 1: 12 and 4 */

static const char *photos, *one; /* what one process makes of them */

static rn_trainer_options options_for(const char *directory, int resume)
{
    return (rn_trainer_options){
        .directory = directory, .resume = resume, .batch_size = BATCH, .bad_photos = RN_BAD_PHOTO_IS_SKIPPED
    };
}

static int make_photos(void **state)
{
    rn_trainer_options options;

    (void)state;
    photos = rn_test_directory();
    one = rn_test_new_directory();
    rn_test_photos(photos, "train", RUN_CLASSES, TRAIN, RUN_SIDE, 1);
    rn_test_photos(photos, "valid", RUN_CLASSES, VALID, RUN_SIDE, 2);
    rn_test_write_file(rn_test_path(photos, "train/class1/bad.bmp"), "BM", 2);
    rn_test_write_file(rn_test_path(photos, "valid/class2/bad.bmp"), "BM", 2);
    options = options_for(one, 0);
    rn_test_processes(1, photos, &options, -1, RN_OK);
    return 0;
}

static void any_number_of_processes_ends_in_the_same_bytes(void **state)
{
    (void)state;
    for (int count = 2; count <= PROCESSES; count *= 2) {
        const char *directory = rn_test_new_directory();
        const rn_trainer_options options = options_for(directory, 0);

        rn_test_processes(count, photos, &options, -1, RN_OK);
        rn_test_same_results(directory, one);
    }
}

/* The file of one process says how many slices there were; the file of a run without any says nothing. */
static void a_run_in_slices_is_resumed_in_as_many(void **state)
{
    rn_trainer_options options = options_for(one, 1);
    rn_test_process process[2];
    rn_test_wire wire = { 0 };

    (void)state;
    options.slices = 4;
    rn_test_processes_open(process, 2, photos, &options);
    rn_test_processes_run(process, 2, &wire, NULL);
    for (int i = 0; i < 2; i++) {
        require_status(process[i].run.context, process[i].status, RN_STATE);
        assert_non_null(strstr(rn_context_message(process[i].run.context), "8 slices"));
    }
    assert_int_equal(wire.aborts, 0);
    rn_test_processes_close(process, 2);
}

/* Cancelled by one of its processes wherever that may be, and resumed by another number. */
static void it_is_resumed_by_another_number_of_processes(void **state)
{
    static const int counts[] = { 1, 4, 2, 8 };
    int cancel_at = 0, ended = 0;

    (void)state;
    for (; !ended; cancel_at++) {
        const char *directory = rn_test_new_directory();
        const int before = counts[cancel_at % 4], after = counts[(cancel_at + 1 + cancel_at / 4) % 4];
        const rn_trainer_options options = options_for(directory, 0), again = options_for(directory, 1);
        rn_test_process process[PROCESSES];
        rn_test_wire wire = { .threads = (unsigned)cancel_at };

        rn_test_processes_open(process, before, photos, &options);
        process[before / 2].cancel_at = 3 * cancel_at;
        rn_test_processes_run(process, before, &wire, NULL);
        ended = process[0].status == RN_OK;
        for (int i = 0; i < before; i++)
            require_status(process[i].run.context, process[i].status, ended ? RN_OK : RN_CANCELLED);
        rn_test_processes_close(process, before);
        if (!ended)
            rn_test_processes(after, photos, &again, -1, RN_OK);
        rn_test_same_results(directory, one);
    }
    assert_true(cancel_at > 5);
}

/* A network of the zoo, with features kept in the phase of the head alone. */
static rn_status train_cifar_resnet(rn_test_process *process)
{
    rn_test_run *const run = &process->run;
    rn_status status;

    rn_model_destroy(run->model);
    run->model = NULL;
    status = rn_model_create(&run->model, run->context, "cifar_resnet20",
                             RN_OPTIONS(rn_model, .classes = rn_dataset_classes(run->train), .seed = 5));
    if (status == RN_OK)
        status = rn_trainer_create(&run->trainer, run->model, run->train, run->valid, &process->options);
    if (status == RN_OK)
        status = rn_model_freeze_backbone(run->model);
    if (status == RN_OK)
        status = rn_trainer_fit(run->trainer, RN_OPTIONS(rn_fit, .phase = "head", .epochs = 2, .lr = 1e-2));
    if (status == RN_OK)
        status = rn_model_unfreeze(run->model, "*");
    return status == RN_OK ? rn_trainer_fit(run->trainer,
                                            RN_OPTIONS(rn_fit, .phase = "all", .epochs = 1,
                                                       .optimizer = RN_OPTIMIZER_SGD, .momentum = 0.9, .clip_norm = 1))
                           : status;
}

static void so_does_a_network_of_the_zoo(void **state)
{
    const char *const folder = rn_test_directory(), *directory[4];

    (void)state;
    rn_test_photos(folder, "train", 2, 9, 32, 1);
    rn_test_photos(folder, "valid", 2, 3, 32, 2);
    for (int i = 0; i < 4; i++) {
        const int count = 1 << i;
        rn_trainer_options options;
        rn_test_process process[PROCESSES];
        rn_test_wire wire = { 0 };

        directory[i] = rn_test_new_directory();
        options = options_for(directory[i], 0);
        options.batch_size = 16; /* and 2: most slices are empty */
        rn_test_processes_open(process, count, folder, &options);
        rn_test_processes_run(process, count, &wire, train_cifar_resnet);
        for (int j = 0; j < count; j++)
            require_ok(process[j].run.context, process[j].status);
        rn_test_processes_close(process, count);
        rn_test_same_results(directory[i], directory[0]);
    }
}

/* ---- what slices mean -------------------------------------------------------------------------------------------- */

/* One slice is a batch in one piece: where every photo decodes, weights and history are those without slices. */
static void one_slice_is_a_batch_in_one_piece(void **state)
{
    const char *const good = rn_test_photo_directory();
    const char *const directory[2] = { rn_test_new_directory(), rn_test_new_directory() };
    char *values[2], *history[2];
    size_t size, history_size[2];

    (void)state;
    for (int slices = 0; slices < 2; slices++) {
        rn_test_run run = rn_test_run_open(good, 7);

        require_ok(run.context, rn_trainer_create(&run.trainer, run.model, run.train, run.valid,
                                                  RN_OPTIONS(rn_trainer, .directory = directory[slices],
                                                             .batch_size = RUN_BATCH, .slices = slices)));
        require_ok(run.context, rn_test_run_fit(&run));
        values[slices] = rn_test_values(run.model, &size);
        history[slices] = rn_test_file(rn_test_path(directory[slices], "history.jsonl"), &history_size[slices]);
        rn_test_run_close(&run);
    }
    assert_memory_equal(values[0], values[1], size);
    assert_int_equal(history_size[0], history_size[1]);
    assert_memory_equal(history[0], history[1], history_size[0]);
    for (int slices = 0; slices < 2; slices++) {
        free(values[slices]);
        free(history[slices]);
    }
}

/* Forward, loss and backward of photos [begin, begin + count) of the batch, as slice `slice` of the first step. */
static void run_half(rn_context *context, rn_session *session, const rn_batch *batch, int slice, int64_t begin,
                     int64_t count)
{
    rn_tensor *images, *labels;
    double loss;

    require_ok(context, rn_tensor_view(&images, (rn_tensor *)(uintptr_t)rn_batch_images(batch), 0, begin, count));
    require_ok(context, rn_tensor_view(&labels, (rn_tensor *)(uintptr_t)rn_batch_labels(batch), 0, begin, count));
    rn_session_set_step_count(session, (uint64_t)slice);
    require_ok(context, rn_session_forward(session, images));
    require_ok(context, rn_cross_entropy(&loss, session, labels,
                                         RN_OPTIONS(rn_loss, .weight = (double)count / (3 * RUN_TRAIN))));
    require_ok(context, rn_session_backward(session));
    rn_tensor_destroy(images);
    rn_tensor_destroy(labels);
}

/* The first step of two slices with public calls; the values of the model after its first slice go to *statistics. */
static void step_by_hand(rn_test_run *run, char **statistics)
{
    rn_parameters *const parameters = rn_model_parameters(run->model);
    rn_optimizer *optimizer;
    rn_session *session;
    rn_loader *loader;
    const rn_batch *batch;
    size_t size;

    require_ok(run->context, rn_loader_create(&loader, run->train, rn_model_training_pipeline(run->model),
                                              RN_OPTIONS(rn_loader, .batch_size = 3 * RUN_TRAIN, .shuffle = 1)));
    require_ok(run->context,
               rn_session_create(&session, run->context, run->model, RN_OPTIONS(rn_session, .mode = RN_TRAIN)));
    require_ok(run->context, rn_sgd_create(&optimizer, parameters, RN_OPTIONS(rn_sgd, .lr = 1)));
    require_ok(run->context, rn_loader_start(loader, 0));
    require_ok(run->context, rn_loader_next(&batch, loader));
    run_half(run->context, session, batch, 0, 0, 11); /* of 21 */
    *statistics = rn_test_values(run->model, &size);
    run_half(run->context, session, batch, 1, 11, 10);
    require_ok(run->context, rn_optimizer_step(optimizer));
    rn_optimizer_destroy(optimizer);
    rn_session_destroy(session);
    rn_loader_destroy(loader);
}

/* Against plain calls: gradients of halves, each with its own batch norm and dropout, add up to that of the batch's
 * mean, and the running statistics are those of the first. */
static void a_step_is_that_of_its_slices_by_hand(void **state)
{
    const char *const good = rn_test_photo_directory();
    rn_test_run run = rn_test_run_open(good, 7), hand = rn_test_run_open(good, 7);
    const rn_parameters *const ours = rn_model_parameters(run.model), *const theirs = rn_model_parameters(hand.model);
    char *statistics;
    size_t at = 0;

    (void)state;
    require_ok(run.context,
               rn_trainer_create(&run.trainer, run.model, run.train, run.valid,
                                 RN_OPTIONS(rn_trainer, .batch_size = 3 * RUN_TRAIN, .slices = 2, .keep_last = 1)));
    require_ok(run.context,
               rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 1, .lr = 1, .optimizer = RN_OPTIMIZER_SGD)));
    step_by_hand(&hand, &statistics);
    for (size_t i = 0; i < rn_parameters_count(ours); i++) {
        const rn_tensor *const value = rn_parameters_value(ours, i);
        const size_t count = (size_t)rn_tensor_count(value), bytes = count * rn_dtype_size(rn_tensor_dtype(value));

        if (rn_parameters_is_parameter(ours, i))
            assert_true(rn_test_error(rn_tensor_const_data(value), rn_tensor_const_data(rn_parameters_value(theirs, i)),
                                      count) < 1e-6);
        else
            assert_memory_equal(rn_tensor_const_data(value), statistics + at, bytes);
        at += bytes;
    }
    free(statistics);
    rn_test_run_close(&run);
    rn_test_run_close(&hand);
}

static void slices_and_processes_are_powers_of_two(void **state)
{
    static const struct {
        int32_t size, rank, slices;
        const char *says;
    } wrong[] = {
        { 1, 0, 3, "power of two" },     { 1, 0, -8, "power of two" }, { 1, 0, 512, "power of two" },
        { 3, 0, 8, "power of two" },     { 0, 0, 8, "power of two" },  { 2, 2, 8, "process 2 of 2" },
        { 2, -1, 8, "process -1 of 2" }, { 2, 0, 8, "exchange" },
    };
    rn_test_run run = rn_test_run_open(photos, 7);

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const rn_collective collective = { .struct_size = sizeof collective,
                                           .rank = wrong[i].rank,
                                           .size = wrong[i].size };

        require_status(run.context,
                       rn_trainer_create(&run.trainer, run.model, run.train, run.valid,
                                         RN_OPTIONS(rn_trainer, .slices = wrong[i].slices, .collective = &collective)),
                       RN_INVALID_ARGUMENT);
        assert_non_null(strstr(rn_context_message(run.context), wrong[i].says));
        assert_null(run.trainer);
    }
    rn_test_run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_processes_ends_in_the_same_bytes),
        cmocka_unit_test(so_does_a_network_of_the_zoo),
        cmocka_unit_test(a_run_in_slices_is_resumed_in_as_many),
        cmocka_unit_test(it_is_resumed_by_another_number_of_processes),
        cmocka_unit_test(one_slice_is_a_batch_in_one_piece),
        cmocka_unit_test(a_step_is_that_of_its_slices_by_hand),
        cmocka_unit_test(slices_and_processes_are_powers_of_two),
    };

    return cmocka_run_group_tests(tests, make_photos, NULL);
}
