/* SPDX-License-Identifier: MIT */
/* Which network of a file is taken, what its head means, and what a load tells: nothing is chosen in silence. */
#define _POSIX_C_SOURCE 200809L

#include "graph/graph.h"
#include "store/own_network.h"

#include <sys/wait.h>
#include <unistd.h>

static rn_context *context;
static char heard[512];

static void hear(rn_log_level level, const char *line, void *payload)
{
    (void)payload;
    if (level == RN_LOG_WARNING)
        snprintf(heard, sizeof heard, "%s", line);
}

static int begin(void **state)
{
    (void)state;
    heard[0] = '\0';
    return rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 1, .log = hear)) == RN_OK ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    rn_context_destroy(context);
    return 0;
}

/* The network's tensors, all of one number, under a prefix. */
static void add_network(rn_checkpoint *file, const char *prefix, double number)
{
    rn_model *model = make_own_network(context, NULL);
    const rn_parameters *parameters = rn_model_parameters(model);

    for (size_t i = 0; i < rn_parameters_count(parameters); i++) {
        rn_tensor *tensor = NULL;
        char name[64];

        snprintf(name, sizeof name, "%s%s", prefix, rn_parameters_name(parameters, i));
        require_ok(context, rn_tensor_convert(&tensor, rn_parameters_value(parameters, i), RN_FLOAT32, RN_ROW_MAJOR));
        require_ok(context, rn_tensor_fill(tensor, number));
        require_ok(context, rn_checkpoint_add(file, name, tensor));
        rn_tensor_destroy(tensor);
    }
    rn_model_destroy(model);
}

static double first_value(rn_model *model)
{
    double number;

    require_ok(context, rn_tensor_get(rn_parameters_value(rn_model_parameters(model), 0),
                                      (const int64_t[]){ 0, 0, 0, 0 }, &number));
    return number;
}

static void the_model_comes_before_its_average(void **state)
{
    rn_checkpoint *file = NULL;
    rn_load_report *report = NULL;
    rn_model *model = make_own_network(context, NULL);

    (void)state;
    require_ok(context, rn_checkpoint_create(&file, context));
    add_network(file, "model_ema.", 2);
    add_network(file, "model.", 1);
    require_ok(context, rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .report = &report)));
    assert_true(first_value(model) == 1);
    assert_string_equal(rn_load_report_prefix(report), "model.");
    assert_int_equal(rn_load_report_count(report, RN_LOAD_CANDIDATES), 2);
    assert_int_equal(rn_load_report_count(report, RN_LOAD_LOADED), 3);
    assert_int_equal(rn_load_report_count(report, RN_LOAD_SURPLUS), 0);
    assert_null(rn_load_report_name(report, RN_LOAD_LOADED, 3));
    assert_non_null(strstr(heard, "'model_ema'"));
    rn_load_report_destroy(report);
    require_ok(context, rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .prefix = "model_ema")));
    assert_true(first_value(model) == 2);
    require_status(context, rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .prefix = "swa")),
                   RN_INVALID_ARGUMENT);
    rn_checkpoint_destroy(file);
    rn_model_destroy(model);
}

static void what_nothing_decides_is_refused_with_the_candidates(void **state)
{
    rn_checkpoint *file = NULL;
    rn_load_report *report = NULL;
    rn_model *model = make_own_network(context, NULL);
    const double before = first_value(model);

    (void)state;
    require_ok(context, rn_checkpoint_create(&file, context));
    add_network(file, "left.", 1);
    add_network(file, "right.", 2);
    require_status(context, rn_model_load_checkpoint(model, file, RN_OPTIONS(rn_load, .report = &report)),
                   RN_INVALID_ARGUMENT);
    assert_non_null(strstr(rn_context_message(context), "'left', 'right'"));
    assert_string_equal(rn_load_report_name(report, RN_LOAD_CANDIDATES, 1), "right.");
    assert_true(first_value(model) == before);
    rn_load_report_destroy(report);
    rn_checkpoint_destroy(file);
    rn_model_destroy(model);
}

static void a_head_of_other_classes_is_refused_unless_asked_for(void **state)
{
    static const char *const ab[] = { "a", "b" }, *const ba[] = { "b", "a" };
    rn_model *from = make_own_network(context, ab), *to = make_own_network(context, ba);
    rn_checkpoint *file = NULL;
    rn_load_report *report = NULL;
    const double before = first_value(to);

    (void)state;
    require_ok(context, rn_checkpoint_create(&file, context));
    require_ok(context, rn_model_state_dict(file, from));
    require_ok(context,
               rn_parameters_write(rn_model_parameters(to), 0, rn_parameters_value(rn_model_parameters(to), 0)));
    require_status(context, rn_model_load_checkpoint(to, file, NULL), RN_SHAPE);
    assert_non_null(strstr(rn_context_message(context), "class 0 is \"a\""));
    assert_true(first_value(to) == before);
    require_ok(context,
               rn_model_load_checkpoint(to, file, RN_OPTIONS(rn_load, .head = RN_HEAD_SKIP, .report = &report)));
    assert_true(rn_load_report_head_skipped(report));
    assert_int_equal(rn_load_report_count(report, RN_LOAD_KEPT), 2);
    rn_load_report_destroy(report);
    require_ok(context, rn_model_load_checkpoint(to, file, RN_OPTIONS(rn_load, .classes = RN_CLASSES_IGNORE)));
    assert_string_equal(rn_classes_folder(rn_model_classes(to), 0), "b");
    require_status(context, rn_model_load_checkpoint(to, file, RN_OPTIONS(rn_load, .classes = 7)), RN_INVALID_ARGUMENT);
    rn_checkpoint_destroy(file);
    rn_model_destroy(to);
    rn_model_destroy(from);
}

static void a_network_of_ones_own_keeps_what_it_says_of_itself(void **state)
{
    static const char *const ab[] = { "a", "b" };
    const char *const path = rn_test_path(rn_test_directory(), "own.safetensors");
    rn_model *from = make_own_network(context, ab), *to = make_own_network(context, NULL);

    (void)state;
    require_ok(context, rn_model_set_pipeline(from, "CenterCrop(8), ToTensor()"));
    require_ok(context, rn_model_save(from, path, NULL));
    require_ok(context, rn_model_load(to, path, NULL));
    assert_string_equal(rn_classes_folder(rn_model_classes(to), 1), "b");
    assert_string_equal(rn_pipeline_text(rn_model_pipeline(to)), rn_pipeline_text(rn_model_pipeline(from)));
    assert_null(rn_model_training_pipeline(to));
    rn_model_destroy(to);
    rn_model_destroy(from);
}

/* What the program that trained does. */
static int save_in_another_process(const char *path)
{
    static const char *const ab[] = { "a", "b" };
    rn_model *model;

    if (begin(NULL) != 0)
        return 1;
    model = make_own_network(context, ab);
    if (rn_model_set_pipeline(model, "CenterCrop(8), ToTensor()") != RN_OK ||
        rn_model_set_training_pipeline(model, "RandomHorizontalFlip(0.5), CenterCrop(8), ToTensor()") != RN_OK ||
        rn_model_save(model, path, NULL) != RN_OK)
        return 1;
    rn_model_destroy(model);
    return end(NULL);
}

static void another_process_finds_what_one_saved(void **state)
{
    const char *const path = rn_test_path(rn_test_directory(), "process.safetensors");
    const pid_t child = fork();
    rn_checkpoint *file = NULL;
    rn_model *to;
    int answer = -1;

    (void)state;
    assert_true(child >= 0);
    if (child == 0)
        _exit(save_in_another_process(path));
    assert_true(waitpid(child, &answer, 0) == child && WIFEXITED(answer) && WEXITSTATUS(answer) == 0);
    to = make_own_network(context, NULL);
    require_ok(context, rn_model_load(to, path, NULL));
    assert_string_equal(rn_classes_folder(rn_model_classes(to), 1), "b");
    assert_string_equal(rn_pipeline_text(rn_model_pipeline(to)), "CenterCrop(8), ToTensor()");
    assert_non_null(strstr(rn_pipeline_text(rn_model_training_pipeline(to)), "RandomHorizontalFlip"));
    assert_string_equal(heard, ""); /* the same size of input */
    require_ok(context, rn_checkpoint_open(&file, context, path, NULL));
    assert_string_equal(rn_checkpoint_metadata(file, "rn.network"), "mine");
    assert_string_equal(rn_checkpoint_metadata(file, "rn.input"), "[3, 8, 8]");
    rn_checkpoint_destroy(file);
    rn_model_destroy(to);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_model_comes_before_its_average),
        TEST(what_nothing_decides_is_refused_with_the_candidates),
        TEST(a_head_of_other_classes_is_refused_unless_asked_for),
        TEST(a_network_of_ones_own_keeps_what_it_says_of_itself),
        TEST(another_process_finds_what_one_saved),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
