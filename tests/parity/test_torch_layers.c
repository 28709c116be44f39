/* SPDX-License-Identifier: MIT */
/*
 * Each layer against PyTorch (in double): output, gradients of input and parameters, running statistics, to 1e-5 of
 * the largest value, on every instruction set of the host. The table says the same as layer_cases() of
 * make_fixtures.py.
 */
#include "parity/oracle.h"

static const double tolerance = 1e-5;

typedef struct layer_case {
    const char *name;
    int64_t shape[4];
    rn_value (*build)(rn_graph *graph, rn_value x, const struct layer_case *it);
    int64_t channels; /* that come out, or features */
    int32_t kernel;
    rn_conv2d_options conv;
    rn_pool2d_options pool;
    rn_batch_norm2d_options norm;
    int64_t height, width;
    float offset; /* of the input */
    rn_status (*loss)(double *loss, rn_session *session, const rn_tensor *labels, const rn_loss_options *options);
    const char *frozen;
} layer_case;

static rn_value convolution(rn_graph *g, rn_value x, const layer_case *it)
{
    rn_conv2d_options options = it->conv;

    options.struct_size = sizeof options;
    return rn_conv2d(g, x, "conv", it->channels, it->kernel, &options);
}

static rn_value batch_norm(rn_graph *g, rn_value x, const layer_case *it)
{
    rn_batch_norm2d_options options = it->norm;

    options.struct_size = sizeof options;
    return rn_batch_norm2d(g, x, "bn", &options);
}

static rn_value convolution_batch_norm(rn_graph *g, rn_value x, const layer_case *it)
{
    return batch_norm(g, convolution(g, x, it), it);
}

static rn_value relu(rn_graph *g, rn_value x, const layer_case *it)
{
    (void)it;
    return rn_relu(g, x, NULL);
}

static rn_value max_pool(rn_graph *g, rn_value x, const layer_case *it)
{
    rn_pool2d_options options = it->pool;

    options.struct_size = sizeof options;
    return rn_max_pool2d(g, x, it->kernel, &options);
}

static rn_value avg_pool(rn_graph *g, rn_value x, const layer_case *it)
{
    rn_pool2d_options options = it->pool;

    options.struct_size = sizeof options;
    return rn_avg_pool2d(g, x, it->kernel, &options);
}

static rn_value adaptive_pool(rn_graph *g, rn_value x, const layer_case *it)
{
    return rn_adaptive_avg_pool2d(g, x, it->height, it->width, NULL);
}

static rn_value linear(rn_graph *g, rn_value x, const layer_case *it)
{
    return rn_linear(g, rn_flatten(g, x, NULL), "fc", it->channels, NULL);
}

static rn_value linear_no_bias(rn_graph *g, rn_value x, const layer_case *it)
{
    return rn_linear(g, rn_flatten(g, x, NULL), "fc", it->channels, RN_OPTIONS(rn_linear, .no_bias = 1));
}

static rn_value linear_log_softmax(rn_graph *g, rn_value x, const layer_case *it)
{
    return rn_log_softmax(g, linear(g, x, it), NULL);
}

static rn_value flatten(rn_graph *g, rn_value x, const layer_case *it)
{
    (void)it;
    return rn_flatten(g, x, NULL);
}

static rn_value flatten_log_softmax(rn_graph *g, rn_value x, const layer_case *it)
{
    (void)it;
    return rn_log_softmax(g, rn_flatten(g, x, NULL), NULL);
}

static rn_value add(rn_graph *g, rn_value x, const layer_case *it)
{
    return rn_add(g, x, convolution(g, x, it), NULL);
}

static rn_value add_relu(rn_graph *g, rn_value x, const layer_case *it)
{
    return rn_relu(g, rn_add(g, convolution(g, x, it), x, NULL), NULL);
}

static void two_convolutions(rn_value halves[2], rn_graph *g, rn_value x, int32_t bias)
{
    halves[0] = rn_conv2d(g, x, "a", 3, 1, RN_OPTIONS(rn_conv2d, .bias = bias));
    halves[1] = rn_conv2d(g, x, "b", 7, 3, RN_OPTIONS(rn_conv2d, .bias = bias, .padding = 1));
}

static rn_value concat(rn_graph *g, rn_value x, const layer_case *it)
{
    rn_value halves[2];

    (void)it;
    two_convolutions(halves, g, x, 1);
    return rn_concat(g, (const rn_value[]){ halves[0], x, halves[1] }, 3, NULL);
}

static rn_value norm_relu(rn_graph *g, rn_value x, const layer_case *it)
{
    return rn_relu(g, convolution_batch_norm(g, x, it), NULL);
}

static rn_value relu_norm(rn_graph *g, rn_value x, const layer_case *it)
{
    return batch_norm(g, rn_relu(g, convolution(g, x, it), NULL), it);
}

static rn_value norm_twice_read(rn_graph *g, rn_value x, const layer_case *it)
{
    const rn_value y = convolution_batch_norm(g, x, it);

    return rn_add(g, y, rn_relu(g, y, NULL), NULL);
}

static rn_value norm_relu_twice_read(rn_graph *g, rn_value x, const layer_case *it)
{
    rn_value values[2];

    values[0] = rn_relu(g, convolution(g, x, it), NULL);
    values[1] = batch_norm(g, values[0], it);
    return rn_concat(g, values, 2, NULL);
}

static rn_value norm_conv_twice_read(rn_graph *g, rn_value x, const layer_case *it)
{
    const rn_value y = convolution(g, x, it), z = rn_relu(g, y, NULL);

    return rn_add(g, z, batch_norm(g, y, it), NULL);
}

static rn_value norm_pre_activation(rn_graph *g, rn_value x, const layer_case *it)
{
    return rn_add(g, convolution(g, rn_relu(g, batch_norm(g, x, it), NULL), it), x, NULL);
}

static rn_value concat_norm(rn_graph *g, rn_value x, const layer_case *it)
{
    rn_value halves[2];

    two_convolutions(halves, g, x, 1);
    halves[0] = rn_relu(g, halves[0], NULL);
    halves[1] = rn_relu(g, halves[1], NULL);
    return batch_norm(g, rn_concat(g, halves, 2, NULL), it);
}

static rn_value concat_norm_relu(rn_graph *g, rn_value x, const layer_case *it)
{
    rn_value halves[2];

    two_convolutions(halves, g, x, 0);
    return rn_relu(g, batch_norm(g, rn_concat(g, halves, 2, NULL), it), NULL);
}

static rn_value shortcut_a(rn_graph *g, rn_value x, const layer_case *it)
{
    return rn_shortcut_a(g, x, it->channels, it->conv.stride, NULL);
}

/* clang-format off: a table */
static const layer_case cases[] = {
    { "conv_bias",
      { 2, 5, 7, 9 },
      .build = convolution,
      .channels = 7,
      .kernel = 3,
      .conv = { .padding = 1, .bias = 1 } },
    { "conv_stride",
      { 2, 8, 9, 11 },
      .build = convolution,
      .channels = 16,
      .kernel = 3,
      .conv = { .stride = 2, .padding = 1 } },
    { "conv_1x1", { 2, 19, 5, 6 }, .build = convolution, .channels = 33, .kernel = 1, .conv = { .bias = 1 } },
    { "conv_1x1_stride", { 2, 16, 7, 6 }, .build = convolution, .channels = 24, .kernel = 1, .conv = { .stride = 2 } },
    { "conv_groups",
      { 2, 12, 6, 7 },
      .build = convolution,
      .channels = 18,
      .kernel = 3,
      .conv = { .padding = 1, .groups = 3, .bias = 1 } },
    { "conv_depthwise",
      { 2, 6, 7, 5 },
      .build = convolution,
      .channels = 6,
      .kernel = 3,
      .conv = { .padding = 1, .groups = 6 } },
    { "conv_rectangular",
      { 2, 4, 8, 9 },
      .build = convolution,
      .channels = 5,
      .kernel = 3,
      .conv = { .stride = 2, .stride_w = 1, .padding = 1, .padding_w = 2, .kernel_w = 5, .bias = 1 } },
    { "conv_row",
      { 2, 6, 5, 9 },
      .build = convolution,
      .channels = 8,
      .kernel = 1,
      .conv = { .padding = 3, .kernel_w = 7, .no_padding_h = 1 } },
    { "conv_column",
      { 2, 6, 9, 5 },
      .build = convolution,
      .channels = 8,
      .kernel = 7,
      .conv = { .padding = 3, .kernel_w = 1, .no_padding_w = 1 } },
    { "conv_stem",
      { 2, 3, 17, 15 },
      .build = convolution,
      .channels = 8,
      .kernel = 7,
      .conv = { .stride = 2, .padding = 3 } },
    { "conv_valid", { 1, 3, 6, 6 }, .build = convolution, .channels = 4, .kernel = 3, .conv = { .stride = 2 } },
    { "conv_whole", { 3, 4, 5, 5 }, .build = convolution, .channels = 6, .kernel = 5 },
    { "conv_square", { 1, 24, 12, 12 }, .build = convolution, .channels = 32, .kernel = 3, .conv = { .padding = 1 } },
    { "batch_norm", { 3, 5, 4, 6 }, .build = batch_norm },
    { "batch_norm_options", { 2, 7, 5, 3 }, .build = batch_norm, .norm = { .eps = 1e-3, .momentum = 0.3 } },
    { "batch_norm_mean", { 4, 6, 5, 5 }, .build = batch_norm, .offset = 30 },
    { "batch_norm_frozen",
      { 2, 5, 6, 4 },
      .build = convolution_batch_norm,
      .channels = 6,
      .kernel = 3,
      .conv = { .padding = 1 },
      .frozen = "bn" },
    { "relu", { 2, 3, 5, 4 }, .build = relu },
    { "max_pool", { 2, 4, 9, 8 }, .build = max_pool, .kernel = 3, .pool = { .stride = 2, .padding = 1 } },
    { "max_pool_ceil", { 2, 4, 8, 10 }, .build = max_pool, .kernel = 3, .pool = { .stride = 2, .ceil_mode = 1 } },
    { "max_pool_ceil_padding",
      { 2, 3, 6, 7 },
      .build = max_pool,
      .kernel = 3,
      .pool = { .stride = 2, .padding = 1, .ceil_mode = 1 } },
    { "max_pool_overlap", { 2, 5, 6, 5 }, .build = max_pool, .kernel = 3, .pool = { .stride = 1, .padding = 1 } },
    { "max_pool_ties", { 2, 5, 8, 7 }, .build = max_pool, .kernel = 2 },
    { "avg_pool", { 2, 4, 6, 8 }, .build = avg_pool, .kernel = 2 },
    { "avg_pool_padding", { 2, 4, 7, 9 }, .build = avg_pool, .kernel = 3, .pool = { .stride = 2, .padding = 1 } },
    { "avg_pool_exclude",
      { 2, 4, 7, 9 },
      .build = avg_pool,
      .kernel = 3,
      .pool = { .stride = 2, .padding = 1, .exclude_padding = 1 } },
    { "avg_pool_ceil",
      { 2, 3, 6, 8 },
      .build = avg_pool,
      .kernel = 3,
      .pool = { .stride = 2, .padding = 1, .ceil_mode = 1 } },
    { "avg_pool_ceil_exclude",
      { 2, 3, 6, 8 },
      .build = avg_pool,
      .kernel = 3,
      .pool = { .stride = 2, .padding = 1, .ceil_mode = 1, .exclude_padding = 1 } },
    { "adaptive_one", { 2, 6, 5, 7 }, .build = adaptive_pool, .height = 1, .width = 1 },
    { "adaptive_down", { 2, 3, 7, 5 }, .build = adaptive_pool, .height = 3, .width = 2 },
    { "adaptive_up", { 2, 3, 3, 4 }, .build = adaptive_pool, .height = 5, .width = 6 },
    { "linear", { 3, 5, 2, 3 }, .build = linear, .channels = 7 },
    { "linear_no_bias", { 2, 37, 1, 1 }, .build = linear_no_bias, .channels = 17 },
    { "flatten", { 2, 4, 3, 5 }, .build = flatten },
    { "add", { 2, 6, 4, 5 }, .build = add, .channels = 6, .kernel = 1, .conv = { .bias = 1 } },
    { "add_relu", { 2, 6, 4, 5 }, .build = add_relu, .channels = 6, .kernel = 3, .conv = { .padding = 1 } },
    { "concat", { 2, 5, 4, 3 }, .build = concat },
    { "norm_relu", { 2, 5, 4, 3 }, .build = norm_relu, .channels = 6, .kernel = 3, .conv = { .padding = 1 } },
    { "relu_norm", { 2, 5, 4, 3 }, .build = relu_norm, .channels = 6, .kernel = 3, .conv = { .padding = 1 } },
    { "norm_twice_read",
      { 2, 5, 4, 3 },
      .build = norm_twice_read,
      .channels = 6,
      .kernel = 3,
      .conv = { .padding = 1 } },
    { "norm_relu_twice_read",
      { 2, 5, 4, 3 },
      .build = norm_relu_twice_read,
      .channels = 6,
      .kernel = 3,
      .conv = { .padding = 1 } },
    { "norm_conv_twice_read",
      { 2, 5, 4, 3 },
      .build = norm_conv_twice_read,
      .channels = 6,
      .kernel = 3,
      .conv = { .padding = 1 } },
    { "norm_pre_activation",
      { 2, 6, 5, 4 },
      .build = norm_pre_activation,
      .channels = 6,
      .kernel = 3,
      .conv = { .padding = 1 } },
    { "concat_norm", { 2, 5, 4, 3 }, .build = concat_norm },
    { "concat_norm_relu", { 2, 5, 4, 3 }, .build = concat_norm_relu },
    { "shortcut_a", { 2, 6, 7, 8 }, .build = shortcut_a, .channels = 12, .conv = { .stride = 2 } },
    { "shortcut_a_same", { 2, 6, 5, 4 }, .build = shortcut_a, .channels = 8, .conv = { .stride = 1 } },
    { "log_softmax", { 4, 11, 1, 1 }, .build = flatten_log_softmax },
    { "cross_entropy", { 5, 4, 3, 3 }, .build = linear, .channels = 6, .loss = rn_cross_entropy },
    { "nll", { 5, 4, 3, 3 }, .build = linear_log_softmax, .channels = 6, .loss = rn_nll_loss },
};
/* clang-format on */

enum { CASE_COUNT = sizeof cases / sizeof cases[0] };

static rn_model *build_model(rn_context *context, const layer_case *it)
{
    rn_graph *graph = NULL;
    rn_model *model = NULL;

    require_ok(context, rn_graph_create(&graph, context));
    rn_graph_output(
        graph, "y",
        it->build(graph, rn_graph_input(graph, "images", it->shape[1], it->shape[2], it->shape[3], NULL), it));
    require_ok(context, rn_model_build(&model, graph, it->name, NULL));
    rn_graph_destroy(graph);
    oracle_fill_parameters(context, model, 0);
    if (it->frozen != NULL)
        require_ok(context, rn_model_freeze(model, it->frozen));
    return model;
}

static const char *key(char *text, const layer_case *it, const char *what)
{
    snprintf(text, 64, "%s/%s", it->name, what);
    return text;
}

/* The script rounds these inputs down to quarters, so that there are ties and exact zeros. */
static rn_tensor *input_of(rn_context *context, const layer_case *it)
{
    char text[64];
    rn_tensor *x = oracle_tensor(context, key(text, it, "x"), 4, it->shape, 1, it->offset, 0);
    float *values = rn_tensor_data(x);

    for (int64_t i = 0; i < rn_tensor_count(x); i++) {
        if (strcmp(it->name, "relu") == 0 || strcmp(it->name, "max_pool_ties") == 0)
            values[i] = floorf(values[i] * 4) / 4;
        else if (strcmp(it->name, "log_softmax") == 0)
            values[i] *= 20;
    }
    return x;
}

static void set_output_gradient(rn_context *context, rn_session *session, const layer_case *it)
{
    rn_tensor *gradient = NULL, *values;
    char text[64];

    require_ok(context, rn_session_gradient(&gradient, session, 0));
    values = oracle_tensor(context, key(text, it, "dy"), rn_tensor_rank(gradient), rn_tensor_shape(gradient), 1, 0, 0);
    require_ok(context, rn_tensor_copy(gradient, values));
    rn_tensor_destroy(values);
}

static void check_training(rn_context *context, const rn_checkpoint *answers, const layer_case *it, const rn_tensor *x)
{
    rn_model *model = build_model(context, it);
    rn_session *session = NULL;
    const rn_tensor *y = NULL, *dx = NULL;
    char text[64];

    require_ok(context, rn_session_create(&session, context, model,
                                          RN_OPTIONS(rn_session, .mode = RN_TRAIN, .input_gradient = 1)));
    require_ok(context, rn_session_forward(session, x));
    require_ok(context, rn_session_output(&y, session, 0));
    oracle_expect(answers, y, tolerance, "%s/y", it->name);
    if (it->loss != NULL) {
        rn_tensor *labels = oracle_labels(context, key(text, it, "labels"), it->shape[0], it->channels, 0);
        double loss = 0;

        require_ok(context, it->loss(&loss, session, labels, NULL));
        oracle_expect_number(answers, loss, tolerance, "%s/loss", it->name);
        rn_tensor_destroy(labels);
    } else {
        set_output_gradient(context, session, it);
    }
    require_ok(context, rn_session_backward(session));
    require_ok(context, rn_session_input_gradient(&dx, session, 0));
    if (strcmp(it->name, "log_softmax") == 0) { /* the script's input is a twentieth */
        rn_tensor *scaled = NULL;

        require_ok(context, rn_tensor_convert(&scaled, dx, RN_FLOAT32, RN_ROW_MAJOR));
        for (int64_t i = 0; i < rn_tensor_count(scaled); i++)
            ((float *)rn_tensor_data(scaled))[i] *= 20;
        oracle_expect(answers, scaled, tolerance, "%s/dx", it->name);
        rn_tensor_destroy(scaled);
    } else {
        oracle_expect(answers, dx, tolerance, "%s/dx", it->name);
    }
    oracle_expect_gradients(answers, model, it->name, tolerance);
    oracle_expect_buffers(answers, model, it->name, tolerance);
    rn_session_destroy(session);
    rn_model_destroy(model);
}

static void check_inference(rn_context *context, const rn_checkpoint *answers, const layer_case *it, const rn_tensor *x)
{
    rn_model *model = build_model(context, it);
    rn_session *session = NULL;
    const rn_tensor *y = NULL;

    require_ok(context, rn_session_create(&session, context, model, NULL));
    require_ok(context, rn_session_forward(session, x));
    require_ok(context, rn_session_output(&y, session, 0));
    /* Batch norm alone differs between the two modes. */
    oracle_expect(answers, y, tolerance, strstr(it->name, "norm") != NULL ? "%s/eval" : "%s/y", it->name);
    rn_session_destroy(session);
    rn_model_destroy(model);
}

static void check_layer(void **state)
{
    const layer_case *const it = *state;

    for (rn_isa isa = RN_ISA_REFERENCE; isa <= RN_ISA_AVX512; isa = (rn_isa)(2 * isa)) {
        if (!rn_test_has_isa(isa))
            continue;
        rn_context *context = rn_test_context(2, isa);
        rn_checkpoint *answers = oracle_open(context, "layers");
        rn_tensor *x = input_of(context, it);

        check_training(context, answers, it, x);
        check_inference(context, answers, it, x);
        rn_tensor_destroy(x);
        rn_checkpoint_destroy(answers);
        rn_context_destroy(context);
    }
}

int main(void)
{
    static struct CMUnitTest tests[CASE_COUNT];

    for (size_t i = 0; i < CASE_COUNT; i++)
        tests[i] = (struct CMUnitTest){ cases[i].name, check_layer, NULL, NULL, (void *)(uintptr_t)&cases[i] };
    return cmocka_run_group_tests_name("layers", tests, NULL, NULL);
}
