/* SPDX-License-Identifier: MIT */
/* A model made of a graph: what it is asked, its class table, its preprocessing. */
#include "graph/graph.h"
#include "support/one_context.h"

/* (channels, 24, 32) to `classes` logits. */
static rn_graph *write_graph(int64_t channels, int64_t classes)
{
    rn_graph *graph = NULL;
    rn_value x;

    require_ok(context, rn_graph_create(&graph, context));
    x = rn_conv2d(graph, rn_graph_input(graph, "images", channels, 24, 32, NULL), "conv1", 4, 3, NULL);
    rn_graph_output(
        graph, "logits",
        rn_linear(graph, rn_flatten(graph, rn_adaptive_avg_pool2d(graph, x, 1, 1, NULL), NULL), "fc", classes, NULL));
    rn_graph_output(graph, "maps", x);
    rn_graph_head(graph, "fc");
    return graph;
}

static rn_model *make_model(int64_t channels)
{
    rn_graph *graph = write_graph(channels, 3);
    rn_model *model = NULL;

    require_ok(context, rn_model_build(&model, graph, "mine", NULL));
    rn_graph_destroy(graph);
    return model;
}

static rn_classes *make_classes(size_t count)
{
    static const char *const folders[] = { "10", "2", "rose" }, *const names[] = { "globe thistle", "moth orchid",
                                                                                   "rose" };
    rn_classes *classes = NULL;

    require_ok(context, rn_classes_create(&classes, context, folders, names, count));
    return classes;
}

static void a_model_says_what_it_is(void **state)
{
    rn_model *model = make_model(3);
    int64_t c = 0, h = 0, w = 0;

    (void)state;
    assert_string_equal(rn_model_name(model), "mine");
    assert_int_equal(rn_model_class_count(model), 3);
    assert_null(rn_model_classes(model));
    assert_null(rn_model_pipeline(model));
    assert_null(rn_model_training_pipeline(model));
    rn_model_input_size(model, &c, &h, &w);
    assert_true(c == 3 && h == 24 && w == 32);
    rn_model_input_size(model, NULL, &h, NULL);
    assert_int_equal(rn_parameters_count(rn_model_parameters(model)), 3);
    assert_true(rn_model_in_head(model, "fc") && rn_model_in_head(model, "fc.weight"));
    assert_false(rn_model_in_head(model, "fc2") || rn_model_in_head(model, "conv1.weight") ||
                 rn_model_in_head(model, ""));
    assert_int_equal(rn_model_find_value(model, "logits"), 4);
    assert_int_equal(rn_model_find_value(model, "maps"), 1);
    assert_int_equal(model->freeze_version, 1);
    rn_model_retain(model);
    rn_model_destroy(model);
    assert_string_equal(rn_model_name(model), "mine");
    rn_model_destroy(model);
}

static void null_is_answered(void **state)
{
    rn_graph *graph = write_graph(3, 3);
    rn_model *model = (rn_model *)&graph;
    int64_t c = 9, h = 9, w = 9;

    (void)state;
    assert_int_equal(rn_model_build(&model, NULL, "mine", NULL), RN_INVALID_ARGUMENT);
    assert_null(model);
    require_status(context, rn_model_build(NULL, graph, "mine", NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_model_build(&model, graph, NULL, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_model_build(&model, graph, "", NULL), RN_INVALID_ARGUMENT);
    rn_graph_destroy(graph);
    rn_model_destroy(NULL);
    assert_null(rn_model_name(NULL));
    assert_int_equal(rn_model_class_count(NULL), 0);
    assert_null(rn_model_classes(NULL));
    assert_null(rn_model_pipeline(NULL));
    assert_null(rn_model_training_pipeline(NULL));
    assert_null(rn_model_parameters(NULL));
    rn_model_input_size(NULL, &c, &h, &w);
    assert_true(c == 0 && h == 0 && w == 0);
    assert_int_equal(rn_model_set_classes(NULL, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_model_set_pipeline(NULL, ""), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_model_set_training_pipeline(NULL, ""), RN_INVALID_ARGUMENT);
}

static void require_build(const rn_model_options *options, rn_status expected, const char *words)
{
    rn_graph *graph = write_graph(3, 3);
    rn_model *model = NULL;

    require_status(context, rn_model_build(&model, graph, "mine", options), expected);
    if (expected != RN_OK)
        assert_non_null(strstr(rn_context_message(context), words));
    rn_model_destroy(model);
    rn_graph_destroy(graph);
}

static void options_must_agree_with_the_graph(void **state)
{
    rn_classes *two = make_classes(2), *three = make_classes(3);

    (void)state;
    require_build(RN_OPTIONS(rn_model, .class_count = 3, .classes = three, .height = 24, .width = 32), RN_OK, "");
    require_build(RN_OPTIONS(rn_model, .class_count = 4), RN_SHAPE, "4 classes");
    require_build(RN_OPTIONS(rn_model, .classes = two), RN_SHAPE, "table of 2 classes");
    require_build(RN_OPTIONS(rn_model, .height = 32), RN_SHAPE, "32 x 0");
    require_build(RN_OPTIONS(rn_model, .width = 24), RN_SHAPE, "0 x 24");
    rn_classes_destroy(two);
    rn_classes_destroy(three);
}

static void a_refused_build_can_be_repeated(void **state)
{
    rn_graph *graph = write_graph(3, 3);
    rn_model *model = NULL;

    (void)state;
    require_status(context, rn_model_build(&model, graph, "mine", RN_OPTIONS(rn_model, .class_count = 4)), RN_SHAPE);
    require_ok(context, rn_model_build(&model, graph, "mine", NULL));
    rn_model_destroy(model);
    rn_graph_destroy(graph);
}

static void the_class_table_is_copied(void **state)
{
    rn_model *model = make_model(3);
    rn_classes *three = make_classes(3), *two = make_classes(2);

    (void)state;
    require_ok(context, rn_model_set_classes(model, three));
    assert_ptr_not_equal(rn_model_classes(model), three);
    rn_classes_destroy(three);
    assert_string_equal(rn_classes_folder(rn_model_classes(model), 1), "2");
    assert_string_equal(rn_classes_name(rn_model_classes(model), 1), "moth orchid");
    require_status(context, rn_model_set_classes(model, two), RN_SHAPE);
    require_status(context, rn_model_set_classes(model, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_classes_count(rn_model_classes(model)), 3);
    rn_classes_destroy(two);
    rn_model_destroy(model);
}

static void preprocessing_fits_the_input(void **state)
{
    rn_model *model = make_model(3), *grey = make_model(1);

    (void)state;
    require_ok(context, rn_model_set_pipeline(model, "Resize(40), CenterCrop(24, 32), ToTensor()"));
    assert_non_null(strstr(rn_pipeline_text(rn_model_pipeline(model)), "CenterCrop(24, 32)"));
    require_status(context, rn_model_set_pipeline(model, "CenterCrop(32, 24), ToTensor()"), RN_SHAPE);
    require_status(context, rn_model_set_pipeline(model, "CenterCrop(24, 32), RandomHorizontalFlip(0.5), ToTensor()"),
                   RN_INVALID_ARGUMENT);
    require_status(context, rn_model_set_pipeline(model, "Sharpen(3)"), RN_FORMAT);
    require_status(context, rn_model_set_pipeline(model, NULL), RN_INVALID_ARGUMENT);
    assert_non_null(strstr(rn_pipeline_text(rn_model_pipeline(model)), "CenterCrop(24, 32)")); /* what was set stands */
    require_ok(context, rn_model_set_pipeline(model, "ToTensor()")); /* depends on the photo */
    require_ok(context,
               rn_model_set_training_pipeline(model, "CenterCrop(24, 32), RandomHorizontalFlip(0.5), ToTensor()"));
    require_status(context, rn_model_set_training_pipeline(model, "CenterCrop(8), ToTensor()"), RN_SHAPE);
    require_status(context, rn_model_set_pipeline(grey, "ToTensor()"), RN_SHAPE);
    rn_model_destroy(model);
    rn_model_destroy(grey);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_context, drop_context)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_model_says_what_it_is),         TEST(null_is_answered),          TEST(options_must_agree_with_the_graph),
        TEST(a_refused_build_can_be_repeated), TEST(the_class_table_is_copied), TEST(preprocessing_fits_the_input),
    };

    return cmocka_run_group_tests_name("graph/model", tests, NULL, NULL);
}
