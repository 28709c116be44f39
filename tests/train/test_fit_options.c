/* SPDX-License-Identifier: MIT */
/* What the options of a fit do to it, and that with each of them a run that was interrupted ends in the same bytes. */
#include "train/runs.h"

enum { EPOCHS = 3, CALLS = EPOCHS * (RUN_TRAIN_BATCHES + RUN_VALID_BATCHES + 1) };

static const char *photos;

static int make_photos(void **state)
{
    (void)state;
    photos = rn_test_photo_directory();
    return 0;
}

static const int64_t milestones[] = { 1, 2 };

/* One fit for each option; of three epochs, at a rate that makes a difference. */
static const struct choice {
    const char *name;
    rn_fit_options options;
} choices[] = {
    { "adamw", { .optimizer = RN_OPTIMIZER_ADAMW, .weight_decay = 0.1 } },
    { "rmsprop", { .optimizer = RN_OPTIMIZER_RMSPROP, .momentum = 0.5, .lr = 1e-3 } },
    { "multi-step", { .schedule = RN_SCHEDULE_MULTI_STEP, .lr_milestones = milestones, .lr_milestone_count = 2 } },
    { "exponential by batch", { .schedule = RN_SCHEDULE_EXPONENTIAL, .schedule_by_batch = 1 } },
    { "cosine by batch, warmed up",
      { .schedule = RN_SCHEDULE_COSINE, .schedule_by_batch = 1, .warmup = 4, .warmup_factor = 0.1, .lr_min = 1e-5 } },
    { "cosine by epoch, warmed up", { .schedule = RN_SCHEDULE_COSINE, .warmup = 1 } },
    { "one cycle", { .schedule = RN_SCHEDULE_ONE_CYCLE } },
    { "one cycle of SGD", { .schedule = RN_SCHEDULE_ONE_CYCLE, .optimizer = RN_OPTIMIZER_SGD } },
    { "plateau", { .schedule = RN_SCHEDULE_PLATEAU, .lr_patience = -1, .monitor = RN_MONITOR_ACCURACY } },
    { "step by batch, warmed up", { .schedule_by_batch = 1, .lr_step_epochs = 3, .warmup = 2 } },
    { "constant", { .schedule = RN_SCHEDULE_CONSTANT } },
};

enum { CHOICES = sizeof choices / sizeof choices[0] };

static rn_fit_options options_of(const struct choice *choice)
{
    rn_fit_options o = choice->options;

    o.struct_size = sizeof o;
    o.epochs = EPOCHS;
    o.lr = o.lr != 0 ? o.lr : 1e-2;
    return o;
}

/* The files of a run; `cancel` is the call of the callback that cancels, or -1. */
static const char *train(const struct choice *choice, int cancel)
{
    const char *const directory = rn_test_new_directory();
    const rn_fit_options options = options_of(choice);
    int left = cancel;
    rn_test_run run = rn_test_run_open(photos, 7);

    require_ok(run.context, rn_test_run_train(&run, directory, 0, rn_test_cancel, &left));
    if (cancel < 0) {
        require_ok(run.context, rn_trainer_fit(run.trainer, &options));
    } else {
        require_status(run.context, rn_trainer_fit(run.trainer, &options), RN_CANCELLED);
        rn_test_run_close(&run);
        run = rn_test_run_open(photos, 7);
        require_ok(run.context, rn_test_run_train(&run, directory, 1, NULL, NULL));
        require_ok(run.context, rn_trainer_fit(run.trainer, &options));
    }
    rn_test_run_close(&run);
    return directory;
}

/* Cancelled at places that are spread over the run, each in another part of an epoch. */
static void a_cancelled_and_resumed_run_ends_in_the_same_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < CHOICES; i++) {
        const char *const whole = train(&choices[i], -1);

        for (int call = (int)(i % 4); call < CALLS; call += 4)
            rn_test_same_results(train(&choices[i], call), whole);
    }
}

/* A number of each line of the history. */
static void read_history(double *numbers, int count, const char *directory, const char *name)
{
    size_t size;
    char *const text = rn_test_file(rn_test_path(directory, "history.jsonl"), &size), *at = text;

    assert_non_null(text);
    for (int i = 0; i < count; i++) {
        at = strstr(at, name);
        assert_non_null(at);
        at += strlen(name);
        numbers[i] = strtod(at, &at);
    }
    free(text);
}

static void require_rates(const struct choice *choice, double first, double second, double third)
{
    const double expected[EPOCHS] = { first, second, third };
    double found[EPOCHS];

    read_history(found, EPOCHS, train(choice, -1), "\"lr\":");
    for (int i = 0; i < EPOCHS; i++) {
        if (!(fabs(found[i] - expected[i]) <= 1e-12 * expected[i]))
            fail_msg("%s: epoch %d has the rate %.17g instead of %.17g", choice->name, i, found[i], expected[i]);
    }
}

/* By epoch: the rate of each. By batch: that behind its five steps. */
static void rates_are_those_of_the_schedule(void **state)
{
    const double pi = acos(-1), least = 1e-2 / 25e4;

    (void)state;
    require_rates(&choices[2], 1e-2, 1e-3, 1e-4);
    require_rates(&choices[3], 1e-2 * pow(0.95, 5), 1e-2 * pow(0.95, 10), 1e-2 * pow(0.95, 15));
    require_rates(&choices[5], 1e-2 / 3, 1e-2, 1e-2 * 0.5); /* two steps of cosine are left */
    require_rates(&choices[9], 1e-2 * 0.1, 1e-2 * 1e-2, 1e-2 * 1e-4);
    require_rates(&choices[10], 1e-2, 1e-2, 1e-2);
    require_rates(&choices[4], 1e-5 + (1e-2 - 1e-5) * (1 + cos(pi / 11)) / 2,
                  1e-5 + (1e-2 - 1e-5) * (1 + cos(pi * 6 / 11)) / 2, 1e-5);
    require_rates(&choices[6], least + (1e-2 - least) * (1 + cos(pi * 1.5 / 10.5)) / 2,
                  least + (1e-2 - least) * (1 + cos(pi * 6.5 / 10.5)) / 2, least); /* it rises for 3.5 steps of 15 */
}

static void a_schedule_that_is_laid_out_for_its_epochs_is_not_extended(void **state)
{
    rn_test_run run = rn_test_run_open(photos, 7);
    rn_fit_options options = options_of(&choices[5]);

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, rn_test_new_directory(), 0, NULL, NULL));
    require_ok(run.context, rn_trainer_fit(run.trainer, &options));
    options.epochs++;
    require_status(run.context, rn_trainer_fit(run.trainer, &options), RN_STATE);
    assert_non_null(strstr(rn_context_message(run.context), "laid out for 3 epochs"));
    options.phase = "another";
    options.warmup = options.epochs;
    require_status(run.context, rn_trainer_fit(run.trainer, &options), RN_INVALID_ARGUMENT);
    assert_non_null(strstr(rn_context_message(run.context), "leaves nothing"));
    rn_test_run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cancelled_and_resumed_run_ends_in_the_same_bytes),
        cmocka_unit_test(rates_are_those_of_the_schedule),
        cmocka_unit_test(a_schedule_that_is_laid_out_for_its_epochs_is_not_extended),
    };

    return cmocka_run_group_tests(tests, make_photos, NULL);
}
