/* SPDX-License-Identifier: MIT */
/* The layer calls: what they declare, their defaults, and which arguments they refuse. */
#include "graph/graph.h"
#include "support/support.h"

static rn_context *context;
static rn_graph *graph;
static rn_value image;

static int begin(void **state)
{
    (void)state;
    context = rn_test_context(1, RN_ISA_AUTO);
    if (rn_graph_create(&graph, context) != RN_OK)
        return -1;
    image = rn_graph_input(graph, "images", 6, 20, 16, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    rn_graph_destroy(graph);
    rn_context_destroy(context);
    return 0;
}

static const rn_layer *layer_of(rn_value value)
{
    if (value.index < 0)
        fail_msg("refused: %s", graph->message.text);
    return &graph->layer[value.index];
}

static void require_entry(int32_t index, const char *name, bool is_parameter, rn_dtype dtype, int32_t rank,
                          const int64_t *shape)
{
    const rn_parameter *entry;

    assert_in_range(index, 0, graph->parameters->count - 1);
    entry = &graph->parameters->entry[index];
    assert_string_equal(entry->name, name);
    assert_int_equal(entry->is_parameter, is_parameter);
    assert_int_equal(rn_tensor_dtype(entry->value), dtype);
    assert_int_equal(rn_tensor_rank(entry->value), rank);
    for (int32_t i = 0; i < rank; i++)
        assert_int_equal(rn_tensor_shape(entry->value)[i], shape[i]);
}

/* The graph has failed with this status and words; a fresh one takes its place. */
static void require_failure(rn_value value, rn_status expected, const char *words)
{
    assert_true(value.index < 0);
    assert_int_equal(graph->status, expected);
    if (strstr(graph->message.text, words) == NULL)
        fail_msg("the message '%s' lacks '%s'", graph->message.text, words);
    rn_graph_destroy(graph);
    require_ok(context, rn_graph_create(&graph, context));
    image = rn_graph_input(graph, "images", 6, 20, 16, NULL);
}

static void convolution_declares_weight_and_bias(void **state)
{
    const rn_layer *plain = layer_of(rn_conv2d(graph, image, "plain", 4, 3, NULL));
    const rn_layer *rich;

    (void)state;
    assert_int_equal(plain->as.conv.kernel_w, 3);
    assert_int_equal(plain->as.conv.stride_h, 1);
    assert_int_equal(plain->as.conv.stride_w, 1);
    assert_int_equal(plain->as.conv.padding_h, 0);
    assert_int_equal(plain->as.conv.groups, 1);
    assert_int_equal(plain->bias, -1);
    assert_int_equal(plain->init, RN_INIT_DEFAULT);
    require_entry(plain->weight, "plain.weight", true, RN_FLOAT32, 4, (const int64_t[]){ 4, 6, 3, 3 });
    rich = layer_of(rn_conv2d(graph, image, "rich", 4, 5,
                              RN_OPTIONS(rn_conv2d, .stride = 2, .stride_w = 1, .padding = 2, .padding_w = 3,
                                         .kernel_w = 7, .groups = 2, .bias = 1, .init = RN_INIT_KAIMING_FAN_OUT)));
    assert_int_equal(rich->shape.c, 4);
    assert_int_equal(rich->shape.h, 10);
    assert_int_equal(rich->shape.w, 16);
    assert_int_equal(rich->as.conv.groups, 2);
    assert_int_equal(rich->init, RN_INIT_KAIMING_FAN_OUT);
    require_entry(rich->weight, "rich.weight", true, RN_FLOAT32, 4, (const int64_t[]){ 4, 3, 5, 7 });
    require_entry(rich->bias, "rich.bias", true, RN_FLOAT32, 1, (const int64_t[]){ 4 });
}

static void padding_of_one_direction_can_be_none(void **state)
{
    const rn_layer *flat = layer_of(
        rn_conv2d(graph, image, "flat", 4, 1, RN_OPTIONS(rn_conv2d, .kernel_w = 7, .padding = 3, .no_padding_h = 1)));
    const rn_layer *tall = layer_of(
        rn_conv2d(graph, image, "tall", 4, 7, RN_OPTIONS(rn_conv2d, .kernel_w = 1, .padding = 3, .no_padding_w = 1)));

    (void)state;
    assert_int_equal(flat->as.conv.padding_h, 0);
    assert_int_equal(flat->as.conv.padding_w, 3);
    assert_int_equal(flat->shape.h, 20);
    assert_int_equal(tall->as.conv.padding_h, 3);
    assert_int_equal(tall->as.conv.padding_w, 0);
    assert_int_equal(tall->shape.w, 16);
}

static void batch_norm_declares_parameters_and_buffers(void **state)
{
    const rn_layer *layer = layer_of(rn_batch_norm2d(graph, image, "bn", NULL));
    const int64_t shape[] = { 6 };

    (void)state;
    assert_true(layer->as.batch_norm.eps == 1e-5 && layer->as.batch_norm.momentum == 0.1);
    require_entry(layer->weight, "bn.weight", true, RN_FLOAT32, 1, shape);
    require_entry(layer->bias, "bn.bias", true, RN_FLOAT32, 1, shape);
    require_entry(layer->running_mean, "bn.running_mean", false, RN_FLOAT32, 1, shape);
    require_entry(layer->running_var, "bn.running_var", false, RN_FLOAT32, 1, shape);
    require_entry(layer->batches_tracked, "bn.num_batches_tracked", false, RN_INT64, 0, NULL);
    layer =
        layer_of(rn_batch_norm2d(graph, image, "bn2", RN_OPTIONS(rn_batch_norm2d, .eps = 1e-3, .momentum = RN_ZERO)));
    assert_true(layer->as.batch_norm.eps == 1e-3 && layer->as.batch_norm.momentum == 0);
}

static void linear_declares_weight_and_bias(void **state)
{
    const rn_value flat = rn_flatten(graph, image, NULL);
    const rn_layer *layer = layer_of(rn_linear(graph, flat, "fc", 10, NULL));

    (void)state;
    require_entry(layer->weight, "fc.weight", true, RN_FLOAT32, 2, (const int64_t[]){ 10, 6 * 20 * 16 });
    require_entry(layer->bias, "fc.bias", true, RN_FLOAT32, 1, (const int64_t[]){ 10 });
    layer = layer_of(rn_linear(graph, flat, "fc2", 3, RN_OPTIONS(rn_linear, .no_bias = 1)));
    assert_int_equal(layer->bias, -1);
    assert_true(layer->shape.flat);
}

static void builders_can_ask_for_sizes(void **state)
{
    const rn_value map = rn_conv2d(graph, image, "c", 4, 3, NULL), flat = rn_flatten(graph, map, NULL);

    (void)state;
    assert_int_equal(rn_value_channels(graph, map), 4);
    assert_int_equal(rn_value_height(graph, map), 18);
    assert_int_equal(rn_value_width(graph, map), 14);
    assert_int_equal(rn_value_channels(graph, flat), 4 * 18 * 14);
    assert_int_equal(rn_value_height(graph, flat), 1);
    assert_int_equal(rn_value_width(graph, flat), 1);
    assert_int_equal(rn_value_width(graph, (rn_value){ 3 }), 0);
    assert_int_equal(rn_value_width(graph, (rn_value){ INT32_MIN }), 0);
}

static void layers_keep_their_inputs_in_order(void **state)
{
    const rn_value a = rn_relu(graph, image, NULL), b = rn_relu(graph, image, NULL);
    const rn_layer *layer = layer_of(rn_concat(graph, (const rn_value[]){ b, image, a }, 3, NULL));

    (void)state;
    assert_int_equal(layer->input_count, 3);
    assert_int_equal(layer->inputs[0], b.index);
    assert_int_equal(layer->inputs[1], image.index);
    assert_int_equal(layer->inputs[2], a.index);
    layer = layer_of(rn_add(graph, b, a, NULL));
    assert_int_equal(layer->inputs[0], b.index);
    assert_int_equal(layer->inputs[1], a.index);
}

static void senseless_convolutions_are_refused(void **state)
{
    (void)state;
    require_failure(rn_conv2d(graph, image, "c", 0, 3, NULL), RN_INVALID_ARGUMENT, "c: 0 channels");
    require_failure(rn_conv2d(graph, image, "c", INT64_MAX, 3, NULL), RN_INVALID_ARGUMENT, "channels");
    require_failure(rn_conv2d(graph, image, "c", 4, 0, NULL), RN_INVALID_ARGUMENT, "kernel");
    require_failure(rn_conv2d(graph, image, "c", 4, INT32_MAX, NULL), RN_INVALID_ARGUMENT, "kernel");
    require_failure(rn_conv2d(graph, image, "c", 4, 3, RN_OPTIONS(rn_conv2d, .kernel_w = -3)), RN_INVALID_ARGUMENT,
                    "kernel");
    require_failure(rn_conv2d(graph, image, "c", 4, 3, RN_OPTIONS(rn_conv2d, .stride = -1)), RN_INVALID_ARGUMENT,
                    "stride");
    require_failure(rn_conv2d(graph, image, "c", 4, 3, RN_OPTIONS(rn_conv2d, .stride_w = -1)), RN_INVALID_ARGUMENT,
                    "stride");
    require_failure(rn_conv2d(graph, image, "c", 4, 3, RN_OPTIONS(rn_conv2d, .padding = -1)), RN_INVALID_ARGUMENT,
                    "padding");
    require_failure(rn_conv2d(graph, image, "c", 4, 3, RN_OPTIONS(rn_conv2d, .groups = 4)), RN_INVALID_ARGUMENT,
                    "4 groups");
    require_failure(rn_conv2d(graph, image, "c", 4, 3, RN_OPTIONS(rn_conv2d, .groups = -2)), RN_INVALID_ARGUMENT,
                    "-2 groups");
    require_failure(rn_conv2d(graph, image, "c", 4, 3, RN_OPTIONS(rn_conv2d, .dilation = -2)), RN_INVALID_ARGUMENT,
                    "dilation of -2");
    require_failure(rn_conv2d(graph, image, "c", 4, 3, RN_OPTIONS(rn_conv2d, .init = 99)), RN_INVALID_ARGUMENT, "99");
    require_failure(rn_conv2d(graph, image, NULL, 4, 3, NULL), RN_INVALID_ARGUMENT, "name");
    require_failure(rn_conv2d(graph, image, "c", 4, 3, &(rn_conv2d_options){ 0 }), RN_INVALID_ARGUMENT, "");
}

static void senseless_other_layers_are_refused(void **state)
{
    const double nan = NAN;

    (void)state;
    require_failure(rn_linear(graph, image, "fc", 4, NULL), RN_SHAPE, "fc: input (6, 20, 16) is a picture");
    require_failure(rn_linear(graph, rn_flatten(graph, image, NULL), "fc", 0, NULL), RN_INVALID_ARGUMENT, "fc");
    require_failure(rn_linear(graph, rn_flatten(graph, image, NULL), "fc", 1, RN_OPTIONS(rn_linear, .init = -1)),
                    RN_INVALID_ARGUMENT, "-1");
    require_failure(rn_batch_norm2d(graph, image, "bn", RN_OPTIONS(rn_batch_norm2d, .eps = nan)), RN_INVALID_ARGUMENT,
                    "bn");
    require_failure(rn_batch_norm2d(graph, image, "bn", RN_OPTIONS(rn_batch_norm2d, .momentum = 1.5)),
                    RN_INVALID_ARGUMENT, "bn");
    require_failure(rn_batch_norm2d(graph, rn_flatten(graph, image, NULL), "bn", NULL), RN_SHAPE, "no picture");
    require_failure(rn_max_pool2d(graph, image, 0, NULL), RN_INVALID_ARGUMENT, "max_pool2d");
    require_failure(rn_max_pool2d(graph, image, 16, NULL), RN_UNSUPPORTED, "max_pool2d");
    require_failure(rn_max_pool2d(graph, image, 3, RN_OPTIONS(rn_pool2d, .padding = 2)), RN_INVALID_ARGUMENT, "half");
    require_failure(rn_max_pool2d(graph, image, 3, RN_OPTIONS(rn_pool2d, .exclude_padding = 1)), RN_INVALID_ARGUMENT,
                    "exclude_padding");
    require_failure(rn_avg_pool2d(graph, image, 3, RN_OPTIONS(rn_pool2d, .stride = -1)), RN_INVALID_ARGUMENT,
                    "avg_pool2d");
    require_failure(rn_avg_pool2d(graph, image, INT32_MAX, RN_OPTIONS(rn_pool2d, .padding = INT32_MAX / 2)),
                    RN_UNSUPPORTED, "avg_pool2d");
    require_failure(rn_adaptive_avg_pool2d(graph, image, 0, 1, NULL), RN_INVALID_ARGUMENT, "0 x 1");
    require_failure(rn_adaptive_avg_pool2d(graph, image, INT64_MAX, 1, NULL), RN_SHAPE, "too large");
    require_failure(rn_dropout(graph, image, "d", 1.01, NULL), RN_INVALID_ARGUMENT, "d: a probability");
    require_failure(rn_dropout(graph, image, "d", nan, NULL), RN_INVALID_ARGUMENT, "probability");
    require_failure(rn_concat(graph, NULL, 2, NULL), RN_INVALID_ARGUMENT, "concat");
    require_failure(rn_concat(graph, &image, 0, NULL), RN_INVALID_ARGUMENT, "concat");
    require_failure(rn_concat(graph, &image, 1025, NULL), RN_INVALID_ARGUMENT, "1024");
    require_failure(rn_shortcut_a(graph, image, 12, 0, NULL), RN_INVALID_ARGUMENT, "stride");
    require_failure(rn_shortcut_a(graph, image, 4, 1, NULL), RN_SHAPE, "shortcut_a");
    require_failure(rn_log_softmax(graph, image, NULL), RN_SHAPE, "rn_flatten");
}

static void averages_take_windows_of_the_whole_image(void **state)
{
    const rn_layer *layer = layer_of(rn_avg_pool2d(graph, image, 16, NULL));

    (void)state;
    assert_int_equal(layer->as.pool.stride, 16);
    assert_int_equal(layer->shape.h, 1);
    layer = layer_of(rn_max_pool2d(graph, image, 15, NULL));
    assert_int_equal(layer->shape.w, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(convolution_declares_weight_and_bias),
        TEST(padding_of_one_direction_can_be_none),
        TEST(batch_norm_declares_parameters_and_buffers),
        TEST(linear_declares_weight_and_bias),
        TEST(builders_can_ask_for_sizes),
        TEST(layers_keep_their_inputs_in_order),
        TEST(senseless_convolutions_are_refused),
        TEST(senseless_other_layers_are_refused),
        TEST(averages_take_windows_of_the_whole_image),
    };

    return cmocka_run_group_tests_name("graph/layers", tests, NULL, NULL);
}
