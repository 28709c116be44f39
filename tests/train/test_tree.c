/* SPDX-License-Identifier: MIT */
/*
 * Gradients of several processes and the steps that are made of them, in more than one bucket: when they travel changes
 * no byte, and a step that some buckets have made and others have not is never saved.
 */
#include "train/processes.h"

enum { TRAIN = 9, VALID = 5, BATCH = 12 }; /* 27 + 1 photos: batches of 12, 12 and 4 */

static rn_trainer_options options_for(const char *directory, int resume)
{
    return (rn_trainer_options){
        .directory = directory, .resume = resume, .batch_size = BATCH, .bad_photos = RN_BAD_PHOTO_IS_SKIPPED
    };
}

/* One of them does not decode. */
static const char *make_photos(void)
{
    const char *const photos = rn_test_directory();

    rn_test_photos(photos, "train", RUN_CLASSES, TRAIN, RUN_SIDE, 1);
    rn_test_photos(photos, "valid", RUN_CLASSES, VALID, RUN_SIDE, 2);
    rn_test_write_file(rn_test_path(photos, "train/class1/bad.bmp"), "BM", 2);
    return photos;
}

/* 0.6 million gradients: they travel in two pieces. */
static rn_status make_wide(rn_test_run *run)
{
    rn_graph *g = NULL;
    rn_status status;
    rn_value x;

    rn_model_destroy(run->model);
    run->model = NULL;
    status = rn_graph_create(&g, run->context);
    if (status != RN_OK)
        return status;
    x = rn_flatten(g, rn_graph_input(g, "images", 3, RUN_SIDE, RUN_SIDE, NULL), NULL);
    x = rn_relu(g, rn_linear(g, x, "fc1", 3000, NULL), NULL);
    x = rn_relu(g, rn_linear(g, x, "fc2", 20, NULL), NULL);
    rn_graph_output(g, "logits", rn_linear(g, x, "fc", RUN_CLASSES, NULL));
    status = rn_model_build(&run->model, g, "wide",
                            RN_OPTIONS(rn_model, .classes = rn_dataset_classes(run->train), .seed = 5));
    rn_graph_destroy(g);
    if (status == RN_OK)
        status = rn_model_set_pipeline(run->model, "Resize(8, 8), ToTensor()");
    if (status == RN_OK)
        status = rn_model_set_training_pipeline(run->model, "Resize(8, 8), ToTensor()");
    return status;
}

static rn_status train_wide(rn_test_process *process)
{
    rn_test_run *const run = &process->run;
    rn_status status = make_wide(run);

    if (status == RN_OK)
        status = rn_trainer_create(&run->trainer, run->model, run->train, run->valid, &process->options);
    return status == RN_OK ? rn_trainer_fit(run->trainer, RN_OPTIONS(rn_fit, .epochs = 1, .lr = 1e-3)) : status;
}

/* Hidden behind backward or not, or by some of the processes only. */
static void it_does_not_matter_when_gradients_travel(void **state)
{
    static const struct {
        int count;
        unsigned threads;
    } runs[] = { { 1, 0 }, { 2, 0 }, { 2, 3 }, { 4, 15 }, { 4, 5 }, { 8, 0xfe } };
    const char *const photos = make_photos(), *directory[sizeof runs / sizeof *runs];

    (void)state;
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        rn_test_process process[PROCESSES];
        rn_test_wire wire = { .threads = runs[i].threads };
        rn_trainer_options options;
        char *times;
        size_t size;

        directory[i] = rn_test_new_directory();
        options = options_for(directory[i], 0);
        rn_test_processes_open(process, runs[i].count, photos, &options);
        rn_test_processes_run(process, runs[i].count, &wire, train_wide);
        for (int j = 0; j < runs[i].count; j++)
            require_ok(process[j].run.context, process[j].status);
        rn_test_processes_close(process, runs[i].count);
        rn_test_same_results(directory[i], directory[0]);
        times = rn_test_file(rn_test_path(directory[i], "times.jsonl"), &size);
        assert_int_equal(strstr(times, "exchange_waited") != NULL, runs[i].count > 1);
        free(times);
    }
}

static const rn_tensor *value_of(const rn_test_run *run, const char *name)
{
    const rn_parameters *const parameters = rn_model_parameters(run->model);
    size_t index;

    require_ok(run->context, rn_parameters_find(&index, parameters, name));
    return rn_parameters_value(parameters, index);
}

static bool has_moved(const rn_test_run *run, const rn_test_run *before, const char *name)
{
    const rn_tensor *const now = value_of(run, name), *const then = value_of(before, name);

    return memcmp(rn_tensor_const_data(now), rn_tensor_const_data(then),
                  (size_t)rn_tensor_count(now) * sizeof(float)) != 0;
}

/* Two processes, which stay open: begun and cancelled after the first step, or resumed and cut at an exchange (0: not).
 * Gives the number of exchanges. */
static long run_two(rn_test_process *process, const char *folder, const char *directory, bool resumed, long cut_at)
{
    const rn_status expected = !resumed ? RN_CANCELLED : cut_at > 0 ? RN_IO : RN_OK;
    const rn_trainer_options options = options_for(directory, resumed);
    rn_test_wire wire = { .cut_at = cut_at, .threads = cut_at % 2 == 0 ? 3 : 0 };

    rn_test_processes_open(process, 2, folder, &options);
    process[1].cancel_at = resumed ? -1 : 0;
    rn_test_processes_run(process, 2, &wire, train_wide);
    for (int i = 0; i < 2; i++)
        require_status(process[i].run.context, process[i].status, expected);
    return wire.exchanges;
}

/*
 * The optimizer steps on a bucket as it arrives: where the second step is cut between its two, the last layer has moved
 * and the first has not. Such a half of a step is never saved: the run goes on to the same bytes.
 */
static void half_a_step_is_not_saved(void **state)
{
    const char *const good = rn_test_photo_directory(), *const undisturbed = rn_test_new_directory();
    rn_test_process before[2], process[2];
    bool half = false;
    long early = 1, late; /* cut there, the last layer has not moved, or has */

    (void)state;
    run_two(before, good, rn_test_new_directory(), false, 0);
    run_two(process, good, undisturbed, false, 0);
    rn_test_processes_close(process, 2);
    late = run_two(process, good, undisturbed, true, 0);
    rn_test_processes_close(process, 2);
    while (late - early > 1) {
        const long cut_at = (early + late) / 2;
        const char *const directory = rn_test_new_directory();
        bool moved;

        run_two(process, good, directory, false, 0);
        rn_test_processes_close(process, 2);
        run_two(process, good, directory, true, cut_at);
        moved = has_moved(&process[0].run, &before[0].run, "fc.weight");
        half = half || (moved && !has_moved(&process[0].run, &before[0].run, "fc1.weight"));
        *(moved ? &late : &early) = cut_at;
        rn_test_processes_close(process, 2);
        run_two(process, good, directory, true, 0);
        rn_test_processes_close(process, 2);
        rn_test_same_results(directory, undisturbed);
    }
    assert_true(half);
    rn_test_processes_close(before, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_does_not_matter_when_gradients_travel),
        cmocka_unit_test(half_a_step_is_not_saved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
