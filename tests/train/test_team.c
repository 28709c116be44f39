/* SPDX-License-Identifier: MIT */
/*
 * Processes that differ are told so by name; what fails in one fails in all, with the same sentence; a process that is
 * lost ends the others, and what lies in the directory goes on to the same bytes.
 */
#define _POSIX_C_SOURCE 200809L
#include "train/processes.h"

#include <sys/stat.h>

enum { BATCH = 8 };

static const char *photos, *undisturbed;

static rn_trainer_options options_for(const char *directory, int resume)
{
    return (rn_trainer_options){ .directory = directory, .resume = resume, .batch_size = BATCH };
}

static int make_undisturbed(void **state)
{
    rn_trainer_options options;

    (void)state;
    photos = rn_test_photo_directory();
    undisturbed = rn_test_new_directory();
    options = options_for(undisturbed, 0);
    rn_test_processes(2, photos, &options, -1, RN_OK);
    return 0;
}

/* All answer `status` with a sentence that holds `says`. */
static void require_all(rn_test_process *process, int count, rn_status status, const char *says)
{
    for (int i = 0; i < count; i++) {
        require_status(process[i].run.context, process[i].status, status);
        if (strstr(rn_context_message(process[i].run.context), says) == NULL)
            fail_msg("process %d says \"%s\", not \"%s\"", i, rn_context_message(process[i].run.context), says);
    }
}

/* ---- what differs ------------------------------------------------------------------------------------------------ */

static void other_seed(rn_test_process *process)
{
    process->options.seed = 99;
}

static void other_batch(rn_test_process *process)
{
    process->options.batch_size = BATCH + 1;
}

static void other_slices(rn_test_process *process)
{
    process->options.slices = 16;
}

static void no_directory(rn_test_process *process)
{
    process->options.directory = NULL;
}

static void other_weights(rn_test_process *process)
{
    rn_test_run *const run = &process->run;

    rn_model_destroy(run->model);
    run->model = rn_test_network(run->context, rn_dataset_classes(run->train), 6);
}

static void other_photos(rn_test_process *process)
{
    rn_dataset *const train = process->run.train;

    process->run.train = process->run.valid;
    process->run.valid = train;
}

static void other_pipeline(rn_test_process *process)
{
    require_ok(process->run.context,
               rn_model_set_pipeline(process->run.model, "Resize(8, 8), ToTensor(), Normalize(0 0 0, 1 1 1)"));
}

/* Plain loops in the place of this computer's kernels. */
static void other_instructions(rn_test_process *process)
{
    rn_test_run *const run = &process->run;

    rn_test_run_close(run);
    run->context = rn_test_context(1, RN_ISA_REFERENCE);
    require_ok(run->context, rn_image_folder_open(&run->train, run->context, rn_test_path(photos, "train"), NULL));
    require_ok(run->context, rn_image_folder_open(&run->valid, run->context, rn_test_path(photos, "valid"), NULL));
    run->model = rn_test_network(run->context, rn_dataset_classes(run->train), 5);
    process->options.seed = 7;
}

static void processes_that_differ_are_told_in_what(void **state)
{
    static const struct {
        void (*change)(rn_test_process *process);
        const char *says;
    } cases[] = {
        { other_seed, "process 2 of 4 has another seed" },
        { other_batch, "process 2 of 4 has another batch size" },
        { other_slices, "process 2 of 4 has another number of slices" },
        { other_weights, "process 2 of 4 has another set of weights" },
        { other_photos, "process 2 of 4 has another set of training photos" },
        { other_pipeline, "process 2 of 4 has another preprocessing" },
        { other_instructions, "process 2 of 4 has another class of instruction sets" },
        { no_directory, "process 2 of 4 has another answer to whether there is a directory" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const rn_trainer_options options = options_for(rn_test_new_directory(), 0);
        rn_test_process process[4];
        rn_test_wire wire = { 0 };

        rn_test_processes_open(process, 4, photos, &options);
        cases[i].change(&process[2]);
        rn_test_processes_run(process, 4, &wire, NULL);
        require_all(process, 4, RN_STATE, cases[i].says);
        assert_int_equal(wire.aborts, 0);
        rn_test_processes_close(process, 4);
    }
}

static rn_status (*engine)(void *, int32_t, const void *, size_t, void *, size_t);

/* The first number that is compared is the version: where it is given to the others it becomes the next one. */
static rn_status exchange_as_the_next_version(void *payload, int32_t partner, const void *send, size_t send_bytes,
                                              void *receive, size_t receive_bytes)
{
    uint64_t *const number = (uint64_t *)(uintptr_t)send; /* into the library's own table */

    if (send_bytes == sizeof *number && *number == (uint64_t)rn_version_number())
        ++*number;
    return engine(payload, partner, send, send_bytes, receive, receive_bytes);
}

static rn_status train_as_the_next_version(rn_test_process *process)
{
    rn_test_run *const run = &process->run;
    rn_collective other = *process->options.collective;

    if (process->rank == 1) {
        engine = other.exchange;
        other.exchange = exchange_as_the_next_version;
        process->options.collective = &other;
    }
    return rn_trainer_create(&run->trainer, run->model, run->train, run->valid, &process->options);
}

static void so_is_another_version_of_the_library(void **state)
{
    const rn_trainer_options options = options_for(rn_test_new_directory(), 0);
    rn_test_process process[2];
    rn_test_wire wire = { 0 };

    (void)state;
    rn_test_processes_open(process, 2, photos, &options);
    rn_test_processes_run(process, 2, &wire, train_as_the_next_version);
    require_all(process, 2, RN_STATE, "process 1 of 2 has another version of the library");
    rn_test_processes_close(process, 2);
}

static rn_status fit_at_another_rate(rn_test_process *process)
{
    rn_test_run *const run = &process->run;
    const double lr = process->rank == 1 ? 1e-2 : 1e-3;
    rn_status status = rn_trainer_create(&run->trainer, run->model, run->train, run->valid, &process->options);

    if (status == RN_OK)
        status = rn_trainer_fit(run->trainer, RN_OPTIONS(rn_fit, .epochs = 1, .lr = lr));
    return status;
}

static rn_status fit_with_other_parameters(rn_test_process *process)
{
    rn_test_run *const run = &process->run;
    rn_status status = rn_trainer_create(&run->trainer, run->model, run->train, run->valid, &process->options);

    if (status == RN_OK && process->rank == 1)
        status = rn_model_freeze_backbone(run->model);
    if (status == RN_OK)
        status = rn_trainer_fit(run->trainer, RN_OPTIONS(rn_fit, .epochs = 1));
    return status;
}

static void so_are_fits_that_differ(void **state)
{
    static const struct {
        rn_status (*work)(rn_test_process *process);
        const char *says;
    } cases[] = { { fit_at_another_rate, "process 1 of 2 has another set of options of the phase" },
                  { fit_with_other_parameters, "process 1 of 2 has another set of trainable parameters" } };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const rn_trainer_options options = options_for(rn_test_new_directory(), 0);
        rn_test_process process[2];
        rn_test_wire wire = { 0 };

        rn_test_processes_open(process, 2, photos, &options);
        rn_test_processes_run(process, 2, &wire, cases[i].work);
        require_all(process, 2, RN_STATE, cases[i].says);
        rn_test_processes_close(process, 2);
    }
}

/* ---- what fails in one process ----------------------------------------------------------------------------------- */

/* Nothing that was trained is lost: once the photo is mended, the run goes on to the bytes of one that saw it good. */
static void a_bad_photo_of_one_process_stops_all(void **state)
{
    const char *const folder = rn_test_photo_directory(), *const directory = rn_test_new_directory();
    const char *const path = rn_test_path(folder, "train/class1/train_003.bmp");
    const rn_trainer_options options = options_for(directory, 0), again = options_for(directory, 1);
    rn_test_process process[4];
    rn_test_wire wire = { 0 };
    size_t size;
    char *const bytes = rn_test_file(path, &size);

    (void)state;
    rn_test_write_file(path, "BM", 2);
    rn_test_processes_open(process, 4, folder, &options);
    rn_test_processes_run(process, 4, &wire, NULL);
    require_all(process, 4, RN_FORMAT, "train_003.bmp");
    assert_int_equal(wire.aborts, 0);
    rn_test_processes_close(process, 4);

    rn_test_write_file(path, bytes, size);
    rn_test_processes(2, folder, &again, -1, RN_OK);
    rn_test_same_results(directory, undisturbed);
    free(bytes);
}

static rn_status block_a_file(rn_test_process *process)
{
    rn_test_run *const run = &process->run;
    rn_status status = rn_trainer_create(&run->trainer, run->model, run->train, run->valid, &process->options);

    if (status == RN_OK && process->rank == 0)
        mkdir(rn_test_path(process->options.directory, "best.safetensors"), 0777);
    return status == RN_OK ? rn_trainer_fit(run->trainer, RN_OPTIONS(rn_fit, .epochs = 2)) : status;
}

static void what_process_0_cannot_write_stops_all(void **state)
{
    const rn_trainer_options options = options_for(rn_test_new_directory(), 0);
    rn_test_process process[4];
    rn_test_wire wire = { 0 };

    (void)state;
    rn_test_processes_open(process, 4, photos, &options);
    rn_test_processes_run(process, 4, &wire, block_a_file);
    require_all(process, 4, RN_IO, "best.safetensors");
    assert_non_null(strstr(rn_context_message(process[3].run.context), "process 0 of 4: "));
    assert_int_equal(wire.aborts, 0);
    rn_test_processes_close(process, 4);
}

/* Only one process has a directory that holds a run already. */
static void a_run_that_is_there_is_refused_in_all(void **state)
{
    const rn_trainer_options options = options_for(undisturbed, 0);
    rn_test_process process[2];
    rn_test_wire wire = { 0 };

    (void)state;
    rn_test_processes_open(process, 2, photos, &options);
    process[1].options.directory = "/nowhere"; /* none but process 0's is looked at */
    rn_test_processes_run(process, 2, &wire, NULL);
    require_all(process, 2, RN_STATE, "holds a run already");
    rn_test_processes_close(process, 2);
}

/* ---- what is lost ------------------------------------------------------------------------------------------------ */

/* Cut anywhere: all end, by a sentence, and the run goes on with another number of processes, to the same bytes. */
static void a_wire_that_is_cut_ends_all_and_the_run_is_resumed(void **state)
{
    long cut_at = 5;
    bool ended = false;
    int cuts = 0;

    (void)state;
    for (; !ended; cut_at += cut_at / 2) {
        const char *const directory = rn_test_new_directory();
        const rn_trainer_options options = options_for(directory, 0), again = options_for(directory, 1);
        rn_test_process process[4];
        rn_test_wire wire = { .cut_at = cut_at, .threads = (unsigned)cut_at };

        rn_test_processes_open(process, 4, photos, &options);
        rn_test_processes_run(process, 4, &wire, NULL);
        ended = !wire.cut;
        if (!ended) {
            require_all(process, 4, RN_IO, "has lost process");
            assert_int_equal(wire.aborts, 4);
            assert_non_null(strstr(wire.reason, "when it is resumed"));
            cuts++;
        }
        rn_test_processes_close(process, 4);
        if (!ended)
            rn_test_processes(1 + cuts % 2, photos, &again, -1, RN_OK);
        rn_test_same_results(directory, undisturbed);
    }
    assert_true(cuts > 8);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

/* One process has no memory from some call on; the other, which would wait for ever, is ended. */
static rn_status train_a_little(rn_test_process *process)
{
    rn_test_run *const run = &process->run;
    const rn_status status = rn_trainer_create(&run->trainer, run->model, run->train, run->valid, &process->options);

    return status == RN_OK ? rn_trainer_fit(run->trainer, RN_OPTIONS(rn_fit, .epochs = 1)) : status;
}

static rn_test_run open_under(rn_test_allocator *allocator)
{
    rn_test_run run = { .context = rn_test_allocator_context(allocator, 1) };

    require_ok(run.context, rn_image_folder_open(&run.train, run.context, rn_test_path(photos, "train"), NULL));
    require_ok(run.context, rn_image_folder_open(&run.valid, run.context, rn_test_path(photos, "valid"), NULL));
    run.model = rn_test_network(run.context, rn_dataset_classes(run.train), 5);
    return run;
}

static void without_memory_in_one_process_both_end(void **state)
{
    const rn_trainer_options options = { .batch_size = BATCH, .seed = 7 };
    rn_status status = RN_NO_MEMORY;
    long failing = 0;

    (void)state;
    for (; status != RN_OK; failing += 1 + failing / 8) {
        rn_test_allocator allocator = { .fail_at = -1 };
        rn_test_process process[2];
        rn_test_wire wire = { .threads = (unsigned)failing };

        rn_test_processes_open(process, 2, photos, &options);
        rn_test_run_close(&process[1].run);
        process[1].run = open_under(&allocator);
        allocator.fail_at = allocator.calls + failing;
        allocator.sticky = 1;
        rn_test_processes_run(process, 2, &wire, train_a_little);
        status = process[1].status;
        if (status != RN_OK) {
            require_status(process[1].run.context, status, RN_NO_MEMORY);
            assert_true(process[0].status == RN_NO_MEMORY || process[0].status == RN_IO);
        }
        allocator.fail_at = -1;
        rn_test_processes_close(process, 2);
        assert_int_equal(allocator.live, 0);
    }
    assert_true(failing > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes_that_differ_are_told_in_what),
        cmocka_unit_test(so_is_another_version_of_the_library),
        cmocka_unit_test(so_are_fits_that_differ),
        cmocka_unit_test(a_bad_photo_of_one_process_stops_all),
        cmocka_unit_test(what_process_0_cannot_write_stops_all),
        cmocka_unit_test(a_run_that_is_there_is_refused_in_all),
        cmocka_unit_test(a_wire_that_is_cut_ends_all_and_the_run_is_resumed),
        cmocka_unit_test(without_memory_in_one_process_both_end),
    };

    return cmocka_run_group_tests(tests, make_undisturbed, NULL);
}
