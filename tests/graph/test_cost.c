/* SPDX-License-Identifier: MIT */
/* Multiply-adds against numbers counted by hand, and those of torchvision's networks. */
#include "graph/graph.h"
#include "support/one_context.h"

static int64_t cost_of(rn_graph *graph)
{
    rn_model *model = NULL;
    int64_t count;

    require_ok(context, rn_model_build(&model, graph, "mine", NULL));
    count = rn_model_multiply_adds(model);
    rn_model_destroy(model);
    rn_graph_destroy(graph);
    return count;
}

static rn_graph *begin(void)
{
    rn_graph *graph = NULL;

    require_ok(context, rn_graph_create(&graph, context));
    return graph;
}

/* 9 x 11 becomes 5 x 4: (9 + 2 - 3) / 2 + 1 and (11 + 2 - 3) / 3 + 1. */
static void a_convolution_costs_its_kernel_for_each_number_that_comes_out(void **state)
{
    rn_graph *graph = begin();
    rn_value x = rn_graph_input(graph, "images", 6, 9, 11, NULL);

    (void)state;
    x = rn_conv2d(graph, x, "conv", 8, 3,
                  RN_OPTIONS(rn_conv2d, .stride = 2, .stride_w = 3, .padding = 1, .groups = 2, .bias = 1));
    assert_true(rn_value_height(graph, x) == 5 && rn_value_width(graph, x) == 4);
    rn_graph_output(graph, "logits", x);
    assert_true(cost_of(graph) == (int64_t)8 * 5 * 4 * (6 / 2) * 3 * 3);
}

static void what_is_no_product_of_matrices_costs_nothing(void **state)
{
    rn_graph *graph = begin();
    rn_value x = rn_graph_input(graph, "images", 4, 8, 8, NULL);

    (void)state;
    x = rn_relu(graph, rn_batch_norm2d(graph, x, "bn", NULL), NULL);
    x = rn_dropout(graph, rn_max_pool2d(graph, x, 2, NULL), "drop", 0.5, NULL);
    x = rn_flatten(graph, rn_add(graph, x, x, NULL), NULL);
    x = rn_linear(graph, x, "fc", 10, NULL);
    rn_graph_output(graph, "logits", rn_log_softmax(graph, x, NULL));
    assert_int_equal(cost_of(graph), 4 * 4 * 4 * 10);
}

/* A value that two layers read costs once; a second output's own layers do not count. */
static void only_what_the_logits_need_counts(void **state)
{
    rn_graph *graph = begin();
    rn_value x = rn_graph_input(graph, "images", 3, 8, 8, NULL), y, aux;

    (void)state;
    x = rn_conv2d(graph, x, "shared", 5, 1, NULL);
    aux = rn_conv2d(graph, x, "aux", 100, 1, NULL);
    y = rn_conv2d(graph, x, "one", 7, 1, NULL);
    (void)rn_conv2d(graph, x, "nobody", 100, 1, NULL);
    rn_graph_output(graph, "logits", rn_add(graph, y, rn_conv2d(graph, x, "two", 7, 1, NULL), NULL));
    rn_graph_output(graph, "aux", aux);
    assert_int_equal(cost_of(graph), 64 * (3 * 5 + 5 * 7 + 5 * 7));
}

static int64_t cost_of_network(const char *name, int32_t height, int32_t width)
{
    rn_model *model = NULL;
    int64_t count;

    require_ok(context, rn_model_create(&model, context, name, RN_OPTIONS(rn_model, .height = height, .width = width)));
    count = rn_model_multiply_adds(model);
    rn_model_destroy(model);
    return count;
}

/* torchvision 0.14 at 224 x 224: the sums over the outputs of Conv2d and Linear, taken by hooks. */
static void networks_cost_what_torchvision_says(void **state)
{
    (void)state;
    assert_true(cost_of_network("resnet18", 0, 0) == INT64_C(1814073344));
    assert_true(cost_of_network("squeezenet1_0", 0, 0) == INT64_C(818924576));
    assert_true(cost_of_network("resnet18", 160, 96) == INT64_C(555683840));
}

static void a_model_knows_its_head(void **state)
{
    rn_graph *graph = begin();
    rn_model *model = NULL;

    (void)state;
    rn_graph_output(graph, "logits",
                    rn_conv2d(graph, rn_graph_input(graph, "images", 3, 8, 8, NULL), "conv", 2, 1, NULL));
    require_ok(context, rn_model_build(&model, graph, "mine", NULL));
    assert_null(rn_model_head_name(model, 0));
    rn_model_destroy(model);
    rn_graph_destroy(graph);
    require_ok(context, rn_model_create(&model, context, "cifar_resnet20", NULL));
    assert_string_equal(rn_model_head_name(model, 0), "linear");
    rn_model_destroy(model);
    assert_null(rn_model_head_name(NULL, 0));
    assert_int_equal(rn_model_multiply_adds(NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_context, drop_context)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_convolution_costs_its_kernel_for_each_number_that_comes_out),
        TEST(what_is_no_product_of_matrices_costs_nothing),
        TEST(only_what_the_logits_need_counts),
        TEST(networks_cost_what_torchvision_says),
        TEST(a_model_knows_its_head),
    };

    return cmocka_run_group_tests_name("graph/cost", tests, NULL, NULL);
}
