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
static const rn_parameter_group groups[] = { { sizeof *groups, "fc", NULL, 0, 0 },
                                             { sizeof *groups, NULL, "fc", 1e-3, RN_ZERO } };
static const float class_weights[RUN_CLASSES] = { 1, 0.5f, 2 };

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
    { "two batches a step", { .accumulate = 2 } },
    { "three batches a step, one cycle", { .accumulate = 3, .schedule = RN_SCHEDULE_ONE_CYCLE, .clip_norm = 0.5 } },
    { "another loss", { .label_smoothing = 0.2, .class_weights = class_weights, .class_weight_count = RUN_CLASSES } },
    { "groups, one cycle", { .groups = groups, .group_count = 2, .schedule = RN_SCHEDULE_ONE_CYCLE } },
    { "stopped early", { .stop_patience = 1, .stop_delta = 100, .monitor = RN_MONITOR_ACCURACY } },
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

        for (int call = (int)(i % 4); call < (choices[i].options.stop_patience > 0 ? 2 * CALLS / EPOCHS : CALLS);
             call += 4)
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

/* ---- loss and steps ---------------------------------------------------------------------------------------------- */

/* A linear layer alone: no batch norm that would see another batch. */
static rn_model *linear_network(rn_context *context, const rn_classes *classes)
{
    rn_graph *g = NULL;
    rn_model *model = NULL;
    rn_value x;

    require_ok(context, rn_graph_create(&g, context));
    x = rn_flatten(g, rn_graph_input(g, "images", 3, RUN_SIDE, RUN_SIDE, NULL), NULL);
    rn_graph_output(g, "logits", rn_linear(g, x, "fc", RUN_CLASSES, NULL));
    require_ok(context, rn_model_build(&model, g, "linear", RN_OPTIONS(rn_model, .classes = classes, .seed = 3)));
    rn_graph_destroy(g);
    require_ok(context, rn_model_set_pipeline(model, "Resize(8, 8), ToTensor()"));
    require_ok(context, rn_model_set_training_pipeline(model, "Resize(8, 8), RandomHorizontalFlip(0.5), ToTensor()"));
    return model;
}

/* The weights after two epochs of SGD; the caller frees. */
static float *train_linear(int32_t batch_size, int32_t accumulate, size_t *size)
{
    rn_test_run run = rn_test_run_open(photos, 7);
    rn_trainer *trainer = NULL;
    rn_model *const model = linear_network(run.context, rn_dataset_classes(run.train));
    float *values;

    require_ok(run.context, rn_trainer_create(&trainer, model, run.train, run.valid,
                                              RN_OPTIONS(rn_trainer, .batch_size = batch_size, .keep_last = 1)));
    require_ok(run.context,
               rn_trainer_fit(trainer, RN_OPTIONS(rn_fit, .epochs = 2, .lr = 0.05, .optimizer = RN_OPTIMIZER_SGD,
                                                  .momentum = 0.9, .accumulate = accumulate)));
    values = (float *)(void *)rn_test_values(model, size);
    rn_trainer_destroy(trainer);
    rn_model_destroy(model);
    rn_test_run_close(&run);
    return values;
}

/* 21 photos in batches of 4, the last of 5, two or three a step: steps of 8, 8, 5 or 12, 9 photos. */
static void several_batches_a_step_are_one_large_batch(void **state)
{
    (void)state;
    for (int32_t together = 2; together <= 3; together++) {
        size_t size, other_size, unequal = 0;
        float *const large = train_linear(4 * together, 1, &size),
                     *const several = train_linear(4, together, &other_size),
                     *const single = train_linear(4, 1, &other_size);

        assert_int_equal(size, other_size);
        for (size_t i = 0; i < size / sizeof *large; i++) {
            if (!(fabsf(large[i] - several[i]) <= 2e-6f))
                fail_msg("%d batches a step: weight %zu is %.9g instead of %.9g", together, i, (double)several[i],
                         (double)large[i]);
            unequal += fabsf(large[i] - single[i]) > 1e-3f;
        }
        assert_true(unequal > 0); /* the test could tell */
        free(single);
        free(several);
        free(large);
    }
}

/* The training loss of an epoch in which nothing is learned. */
static double still_loss(double smoothing, const float *weights, int32_t accumulate)
{
    const char *const directory = rn_test_new_directory();
    rn_test_run run = rn_test_run_open(photos, 7);
    double loss;

    require_ok(run.context, rn_test_run_train(&run, directory, 0, NULL, NULL));
    require_ok(run.context,
               rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 1, .lr = RN_ZERO, .label_smoothing = smoothing,
                                                      .class_weights = weights,
                                                      .class_weight_count = weights != NULL ? RUN_CLASSES : 0,
                                                      .accumulate = accumulate)));
    rn_test_run_close(&run);
    read_history(&loss, 1, directory, "\"train_loss\":");
    return loss;
}

/* Smoothing mixes the loss with that against all classes alike, of which it is all at 1. */
static void smoothing_and_weights_reach_the_loss(void **state)
{
    const float alike[RUN_CLASSES] = { 2, 2, 2 };
    const double plain = still_loss(0, NULL, 0), uniform = still_loss(1, NULL, 0);

    (void)state;
    assert_true(fabs(plain - uniform) > 1e-3);
    assert_true(fabs(still_loss(0.25, NULL, 0) - (0.75 * plain + 0.25 * uniform)) < 1e-6);
    assert_true(fabs(still_loss(0, alike, 0) - plain) < 1e-6);
    assert_true(fabs(still_loss(0, class_weights, 0) - plain) > 1e-3);
    assert_true(fabs(still_loss(0, NULL, 2) - plain) < 1e-6);
}

static void class_weights_of_another_number_are_refused(void **state)
{
    rn_test_run run = rn_test_run_open(photos, 7);

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, NULL, 0, NULL, NULL));
    require_status(
        run.context,
        rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .class_weights = class_weights, .class_weight_count = 2)),
        RN_SHAPE);
    assert_string_equal(rn_context_message(run.context), "2 class weights for 3 classes");
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 1))); /* as good as before */
    rn_test_run_close(&run);
}

/* ---- stopping ---------------------------------------------------------------------------------------------------- */

static int lines(const char *directory)
{
    size_t size;
    char *const text = rn_test_file(rn_test_path(directory, "history.jsonl"), &size);
    int count = 0;

    assert_non_null(text);
    for (size_t i = 0; i < size; i++)
        count += text[i] == '\n';
    free(text);
    return count;
}

/* Validation's figures, statistics of batch norms aside, stay what they are: the first epoch is the best. */
static void a_fit_that_gets_no_better_ends_early(void **state)
{
    (void)state;
    for (int32_t patience = 1; patience <= 3; patience++) {
        const char *const directory = rn_test_new_directory();
        rn_test_run run = rn_test_run_open(photos, 7);

        require_ok(run.context, rn_test_run_train(&run, directory, 0, NULL, NULL));
        require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 30, .stop_patience = patience,
                                                                       .stop_delta = 1000, .lr = 1e-3)));
        assert_int_equal(lines(directory), 1 + patience);
        rn_test_run_close(&run);
        run = rn_test_run_open(photos, 7); /* called again it is complete */
        require_ok(run.context, rn_test_run_train(&run, directory, 1, NULL, NULL));
        require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 30, .stop_patience = patience,
                                                                       .stop_delta = 1000, .lr = 1e-3)));
        assert_int_equal(lines(directory), 1 + patience);
        rn_test_run_close(&run);
    }
}

/* ---- groups ------------------------------------------------------------------------------------------------------ */

static int32_t note_rates(const rn_progress *progress, void *payload)
{
    double *const seen = payload;

    assert_int_equal(progress->lr_count, 2);
    assert_true(progress->lrs[0] == progress->lr);
    if (progress->epoch_ended) {
        seen[2 * progress->epoch] = progress->lrs[0];
        seen[2 * progress->epoch + 1] = progress->lrs[1];
    }
    return RN_FIT_GO_ON;
}

static void parts_of_the_network_have_rates_of_their_own(void **state)
{
    const rn_parameter_group head_alone = groups[0];
    double seen[4] = { 0 };
    rn_test_run run = rn_test_run_open(photos, 7);

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, NULL, 0, note_rates, seen));
    require_status(run.context,
                   rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .groups = &head_alone, .group_count = 1)),
                   RN_INVALID_ARGUMENT);
    assert_non_null(strstr(rn_context_message(run.context), "'conv1.weight' is trainable and in no parameter group"));
    require_status(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .groups = groups)), RN_INVALID_ARGUMENT);
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 2, .lr = 1e-2, .lr_step_epochs = 1,
                                                                   .groups = groups, .group_count = 2)));
    assert_true(seen[0] == 1e-2 && seen[1] == 1e-3 && seen[2] == 1e-2 * 0.1 && seen[3] == 1e-3 * 0.1);
    rn_test_run_close(&run);
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
        cmocka_unit_test(several_batches_a_step_are_one_large_batch),
        cmocka_unit_test(smoothing_and_weights_reach_the_loss),
        cmocka_unit_test(class_weights_of_another_number_are_refused),
        cmocka_unit_test(a_fit_that_gets_no_better_ends_early),
        cmocka_unit_test(parts_of_the_network_have_rates_of_their_own),
        cmocka_unit_test(a_schedule_that_is_laid_out_for_its_epochs_is_not_extended),
    };

    return cmocka_run_group_tests(tests, make_photos, NULL);
}
