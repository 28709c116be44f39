/* SPDX-License-Identifier: MIT */
/* What a fit says while it runs, and that one which goes well is left in peace. */
#include "train/runs.h"

#include <stdbool.h>

static const char *photos;
static rn_test_warnings heard;

static int make_photos(void **state)
{
    (void)state;
    photos = rn_test_photo_directory();
    return 0;
}

/* Linear, and ReLU behind it if the head is to die. */
static rn_model *plain_network(rn_context *context, const rn_classes *classes, bool relu)
{
    rn_graph *g = NULL;
    rn_model *model = NULL;
    rn_value x;

    require_ok(context, rn_graph_create(&g, context));
    x = rn_flatten(g, rn_graph_input(g, "images", 3, RUN_SIDE, RUN_SIDE, NULL), NULL);
    x = rn_linear(g, x, "fc", RUN_CLASSES, NULL);
    rn_graph_output(g, "logits", relu ? rn_relu(g, x, NULL) : x);
    rn_graph_head(g, "fc");
    require_ok(context, rn_model_build(&model, g, "plain", RN_OPTIONS(rn_model, .classes = classes, .seed = 3)));
    rn_graph_destroy(g);
    require_ok(context, rn_model_set_pipeline(model, "Resize(8, 8), ToTensor()"));
    require_ok(context, rn_model_set_training_pipeline(model, "Resize(8, 8), ToTensor()"));
    return model;
}

/* A run whose context is listened to. */
static rn_test_run listen(bool relu)
{
    rn_test_run run = { 0 };

    heard = (rn_test_warnings){ 0 };
    require_ok(NULL, rn_context_create(&run.context, RN_OPTIONS(rn_context, .threads = 1, .seed = 7,
                                                                .log = rn_test_note_warning, .log_payload = &heard)));
    require_ok(run.context, rn_image_folder_open(&run.train, run.context, rn_test_path(photos, "train"), NULL));
    require_ok(run.context, rn_image_folder_open(&run.valid, run.context, rn_test_path(photos, "valid"), NULL));
    run.model = plain_network(run.context, rn_dataset_classes(run.train), relu);
    require_ok(run.context, rn_test_run_train(&run, NULL, 0, NULL, NULL));
    return run;
}

static void set_bias(rn_test_run *run, double first, double others)
{
    rn_parameters *const parameters = rn_model_parameters(run->model);
    rn_tensor *bias = NULL;
    const int64_t count = RUN_CLASSES;
    size_t index;

    require_ok(run->context, rn_tensor_create(&bias, run->context, RN_FLOAT32, 1, &count, RN_ROW_MAJOR));
    require_ok(run->context, rn_tensor_fill(bias, others));
    ((float *)rn_tensor_data(bias))[0] = (float)first;
    require_ok(run->context, rn_parameters_find(&index, parameters, "fc.bias"));
    require_ok(run->context, rn_parameters_write(parameters, index, bias));
    rn_tensor_destroy(bias);
}

static void require_warning(const char *text)
{
    if (heard.count != 1 || strstr(heard.last, text) == NULL)
        fail_msg("%d warnings, the last of them \"%s\"; expected one: \"%s\"", heard.count, heard.last, text);
}

static void a_fit_that_goes_well_is_not_spoken_of(void **state)
{
    rn_test_run run = listen(false);

    (void)state;
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 4, .lr = 1e-2)));
    assert_int_equal(heard.count, 0);
    rn_test_run_close(&run);
}

static void a_loss_beyond_all_sense_is_warned_of(void **state)
{
    rn_test_run run = listen(false);

    (void)state;
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 1, .lr = 1e6)));
    require_warning("batch 2: the loss is");
    assert_non_null(strstr(heard.last, " at first: at the learning rate 1e+06 training diverges"));
    assert_non_null(strstr(heard.last, ", \"fc.weight\" first (weights up to 1e+06)"));
    rn_test_run_close(&run);
}

static void a_loss_that_is_no_number_is_explained(void **state)
{
    rn_test_run run = listen(false);

    (void)state;
    require_status(run.context,
                   rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 9, .lr = 1e38,
                                                          .optimizer = RN_OPTIMIZER_SGD, .momentum = 0.9)),
                   RN_INVALID_ARGUMENT);
    assert_non_null(strstr(rn_context_message(run.context), "epoch 1, batch "));
    assert_non_null(strstr(rn_context_message(run.context), "at the learning rate 1e+38"));
    assert_non_null(strstr(rn_context_message(run.context), "all weights are finite, the largest are those of \"fc."));
    assert_non_null(strstr(rn_context_message(run.context), "); what the layers make of them is not"));
    assert_non_null(strstr(rn_context_message(run.context), "Try a rate below 1e+38"));
    rn_test_run_close(&run);
}

static void weights_that_are_no_numbers_are_named(void **state)
{
    rn_test_run run = listen(false);

    (void)state;
    set_bias(&run, NAN, 0);
    require_status(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 1)), RN_INVALID_ARGUMENT);
    assert_non_null(strstr(rn_context_message(run.context), "the loss is nan in phase \"fit\", epoch 1, batch 1"));
    assert_non_null(strstr(rn_context_message(run.context), "those of \"fc.bias\""));
    rn_test_run_close(&run);
}

/* As the tutorial's settings do to squeezenet's classifier. */
static void a_dead_head_is_warned_of(void **state)
{
    rn_test_run run = listen(true);

    (void)state;
    set_bias(&run, -100, -100);
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 2)));
    assert_int_equal(heard.count, 2); /* all photos are taken for the first class, too */
    assert_non_null(strstr(heard.last, "taken for one class (class0)"));
    rn_test_run_close(&run);

    run = listen(true);
    set_bias(&run, -100, -100);
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 1, .accumulate = 2)));
    assert_int_equal(heard.count, 2);
    rn_test_run_close(&run);

    run = listen(true);
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 2, .lr = RN_ZERO)));
    assert_int_equal(heard.count, 0); /* nothing is learned, but gradients there are */
    rn_test_run_close(&run);
}

static void first_note(rn_log_level level, const char *line, void *payload)
{
    if (level == RN_LOG_WARNING && ((char *)payload)[0] == '\0')
        snprintf(payload, 1024, "%s", line);
}

static void the_warning_of_a_dead_head_says_why(void **state)
{
    char first[1024] = "";
    rn_test_run run = { 0 };

    (void)state;
    require_ok(NULL, rn_context_create(&run.context, RN_OPTIONS(rn_context, .threads = 1, .seed = 7, .log = first_note,
                                                                .log_payload = first)));
    require_ok(run.context, rn_image_folder_open(&run.train, run.context, rn_test_path(photos, "train"), NULL));
    require_ok(run.context, rn_image_folder_open(&run.valid, run.context, rn_test_path(photos, "valid"), NULL));
    run.model = plain_network(run.context, rn_dataset_classes(run.train), true);
    set_bias(&run, -100, -100);
    require_ok(run.context, rn_test_run_train(&run, NULL, 0, NULL, NULL));
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 1)));
    assert_non_null(strstr(first, "the loss stays at 1.099, what guessing costs, and every gradient is 0"));
    rn_test_run_close(&run);
}

static void one_class_for_all_photos_is_warned_of(void **state)
{
    rn_test_run run = listen(false);

    (void)state;
    set_bias(&run, 8, 0);
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 2, .lr = RN_ZERO)));
    require_warning("epoch 1: all 12 validation photos are taken for one class (class0): an accuracy of 0.333");
    rn_test_run_close(&run);
}

/* Adam's moments have the names and shapes of a network without buffers, and are none. */
static void moments_beside_the_weights_are_no_network(void **state)
{
    const char *const directory = rn_test_new_directory();
    rn_test_run run = listen(false);

    (void)state;
    require_ok(run.context, rn_test_run_train(&run, directory, 0, NULL, NULL));
    require_ok(run.context, rn_trainer_fit(run.trainer, RN_OPTIONS(rn_fit, .epochs = 1, .lr = 1e-3, .ema_decay = 0.5)));
    rn_test_run_close(&run);
    run = listen(false);
    heard = (rn_test_warnings){ 0 };
    require_ok(run.context, rn_test_run_train(&run, directory, 1, NULL, NULL));
    require_ok(run.context, rn_model_load(run.model, rn_test_path(directory, "last.safetensors"), NULL));
    assert_null(strstr(heard.last, "state dicts"));
    rn_test_run_close(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fit_that_goes_well_is_not_spoken_of),
        cmocka_unit_test(a_loss_beyond_all_sense_is_warned_of),
        cmocka_unit_test(a_loss_that_is_no_number_is_explained),
        cmocka_unit_test(weights_that_are_no_numbers_are_named),
        cmocka_unit_test(a_dead_head_is_warned_of),
        cmocka_unit_test(the_warning_of_a_dead_head_says_why),
        cmocka_unit_test(one_class_for_all_photos_is_warned_of),
        cmocka_unit_test(moments_beside_the_weights_are_no_network),
    };

    return cmocka_run_group_tests(tests, make_photos, NULL);
}
