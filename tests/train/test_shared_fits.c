/* SPDX-License-Identifier: MIT */
/* What the options of a fit do to many processes: nothing. Schedules that remember more than an epoch, and steps of
 * several batches, end in the same bytes for any number of them, also where it changes from one resume to the next. */
#include "train/processes.h"

enum { TRAIN = 9, VALID = 5, BATCH = 8, EPOCHS = 3 }; /* 27 + 1 photos: four batches */

static const char *photos;

static const struct choice {
    const char *name;
    rn_fit_options options;
} choices[] = {
    { "one cycle", { .schedule = RN_SCHEDULE_ONE_CYCLE } },
    { "one cycle of SGD", { .schedule = RN_SCHEDULE_ONE_CYCLE, .optimizer = RN_OPTIMIZER_SGD } },
    { "plateau", { .schedule = RN_SCHEDULE_PLATEAU, .lr_patience = -1, .monitor = RN_MONITOR_ACCURACY } },
    { "cosine by batch, warmed up", { .schedule = RN_SCHEDULE_COSINE, .schedule_by_batch = 1, .warmup = 5 } },
    { "step, warmed up", { .lr_step_epochs = 1, .warmup = 1 } },
    { "two batches a step", { .accumulate = 2 } },
    { "three batches a step, one cycle", { .accumulate = 3, .schedule = RN_SCHEDULE_ONE_CYCLE, .clip_norm = 0.5 } },
};

enum { CHOICES = sizeof choices / sizeof choices[0] };

static const struct choice *current; /* of the runs that are being made */

static int make_photos(void **state)
{
    (void)state;
    photos = rn_test_directory();
    rn_test_photos(photos, "train", RUN_CLASSES, TRAIN, RUN_SIDE, 1);
    rn_test_photos(photos, "valid", RUN_CLASSES, VALID, RUN_SIDE, 2);
    rn_test_write_file(rn_test_path(photos, "train/class1/bad.bmp"), "BM", 2);
    return 0;
}

static rn_fit_options options_of(const struct choice *choice)
{
    rn_fit_options o = choice->options;

    o.struct_size = sizeof o;
    o.epochs = EPOCHS;
    o.lr = 1e-2;
    return o;
}

static rn_status train(rn_test_process *process)
{
    rn_test_run *const run = &process->run;
    const rn_fit_options options = options_of(current);
    const rn_status status = rn_trainer_create(&run->trainer, run->model, run->train, run->valid, &process->options);

    return status == RN_OK ? rn_trainer_fit(run->trainer, &options) : status;
}

/* `count` processes train in the directory; the last cancels at that call, or never (-1). True: to the end. */
static bool run(const char *directory, int count, int resume, int cancel_at)
{
    const rn_trainer_options options = {
        .directory = directory, .resume = resume, .batch_size = BATCH, .bad_photos = RN_BAD_PHOTO_IS_SKIPPED
    };
    rn_test_process process[PROCESSES];
    rn_test_wire wire = { .threads = 0x5 };
    bool ended;

    rn_test_processes_open(process, count, photos, &options);
    process[count - 1].cancel_at = cancel_at;
    rn_test_processes_run(process, count, &wire, train);
    ended = process[0].status == RN_OK;
    for (int i = 0; i < count; i++)
        require_status(process[i].run.context, process[i].status, ended ? RN_OK : RN_CANCELLED);
    rn_test_processes_close(process, count);
    return ended;
}

static void any_number_of_processes_ends_in_the_same_bytes(void **state)
{
    (void)state;
    for (size_t c = 0; c < CHOICES; c++) {
        const char *const one = rn_test_new_directory();

        current = &choices[c];
        assert_true(run(one, 1, 0, -1));
        for (int count = 2; count <= 4; count *= 2) {
            const char *const directory = rn_test_new_directory();

            assert_true(run(directory, count, 0, -1));
            rn_test_same_results(directory, one);
        }
    }
}

/* Cancelled in the first, second and third epoch, in training and in validation. */
static void they_resume_one_another(void **state)
{
    static const struct {
        int before, cancel_at, after;
    } runs[] = { { 2, 1, 1 }, { 1, 8, 4 }, { 4, 15, 2 } };

    (void)state;
    for (size_t c = 0; c < CHOICES; c++) {
        const char *const one = rn_test_new_directory();

        current = &choices[c];
        assert_true(run(one, 1, 0, -1));
        for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
            const char *const directory = rn_test_new_directory();

            assert_false(run(directory, runs[i].before, 0, runs[i].cancel_at));
            assert_true(run(directory, runs[i].after, 1, -1));
            rn_test_same_results(directory, one);
        }
    }
}

/* One slice is a batch in one piece: but for the order of sums, steps of several batches are those without slices. */
static void several_batches_a_step_are_what_they_are_without_slices(void **state)
{
    const char *const good = rn_test_photo_directory();
    char *values[2];
    size_t size;

    (void)state;
    for (int slices = 0; slices < 2; slices++) {
        rn_test_run r = rn_test_run_open(good, 7);

        require_ok(r.context, rn_trainer_create(
                                  &r.trainer, r.model, r.train, r.valid,
                                  RN_OPTIONS(rn_trainer, .batch_size = RUN_BATCH, .slices = slices, .keep_last = 1)));
        require_ok(r.context, rn_trainer_fit(r.trainer, RN_OPTIONS(rn_fit, .epochs = 2, .accumulate = 3, .lr = 0.1,
                                                                   .optimizer = RN_OPTIMIZER_SGD)));
        values[slices] = rn_test_values(r.model, &size);
        rn_test_run_close(&r);
    }
    assert_true(size > 0);
    for (size_t i = 0; i < size / sizeof(float); i++) {
        float x, y;

        memcpy(&x, values[0] + i * sizeof x, sizeof x);
        memcpy(&y, values[1] + i * sizeof y, sizeof y);
        assert_true(fabsf(x - y) <= 1e-5f * (1 + fabsf(x)));
    }
    free(values[0]);
    free(values[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_processes_ends_in_the_same_bytes),
        cmocka_unit_test(they_resume_one_another),
        cmocka_unit_test(several_batches_a_step_are_what_they_are_without_slices),
    };

    return cmocka_run_group_tests(tests, make_photos, NULL);
}
