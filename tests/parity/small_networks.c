/* SPDX-License-Identifier: MIT */
/*
 * Small networks in which batch norm, both kinds of shortcut, concatenations in a row and within each other, both kinds
 * of max pool, averages with padding counted, lines and columns as kernels, groups, dilation, depthwise convolution and
 * a second output occur.
 */
#include "parity/small_networks.h"

static rn_value basic_block(rn_graph *g, rn_value x, const char *name, int64_t channels, int32_t stride)
{
    rn_value shortcut = x, y;

    rn_graph_enter(g, name);
    y = rn_conv2d(g, x, "conv1", channels, 3, RN_OPTIONS(rn_conv2d, .stride = stride, .padding = 1));
    y = rn_relu(g, rn_batch_norm2d(g, y, "bn1", NULL), NULL);
    y = rn_conv2d(g, y, "conv2", channels, 3, RN_OPTIONS(rn_conv2d, .padding = 1));
    y = rn_batch_norm2d(g, y, "bn2", NULL);
    if (stride != 1 || rn_value_channels(g, x) != channels) {
        shortcut = rn_conv2d(g, x, "downsample.0", channels, 1, RN_OPTIONS(rn_conv2d, .stride = stride));
        shortcut = rn_batch_norm2d(g, shortcut, "downsample.1", NULL);
    }
    return rn_graph_leave(g, rn_relu(g, rn_add(g, y, shortcut, NULL), NULL));
}

static rn_value fire(rn_graph *g, rn_value x, const char *name, int64_t squeeze, int64_t expand, int norm)
{
    rn_value both[2];

    rn_graph_enter(g, name);
    x = rn_relu(g, rn_conv2d(g, x, "squeeze", squeeze, 1, RN_OPTIONS(rn_conv2d, .bias = 1)), NULL);
    both[0] = rn_relu(g, rn_conv2d(g, x, "expand1x1", expand, 1, RN_OPTIONS(rn_conv2d, .bias = 1)), NULL);
    both[1] = rn_relu(g, rn_conv2d(g, x, "expand3x3", expand, 3, RN_OPTIONS(rn_conv2d, .bias = 1, .padding = 1)), NULL);
    x = rn_concat(g, both, 2, NULL);
    if (norm)
        x = rn_batch_norm2d(g, x, "bn", NULL);
    return rn_graph_leave(g, x);
}

static rn_model *build(rn_context *context, rn_graph *graph, const char *name)
{
    rn_model *model = NULL;

    require_ok(context, rn_model_build(&model, graph, name, NULL));
    rn_graph_destroy(graph);
    return model;
}

static rn_model *finish(rn_context *context, rn_graph *graph, rn_value logits, const char *name)
{
    rn_graph_output(graph, "logits", logits);
    return build(context, graph, name);
}

rn_model *small_residual(rn_context *context)
{
    rn_graph *g = NULL;
    rn_value x;

    require_ok(context, rn_graph_create(&g, context));
    x = rn_graph_input(g, "images", 3, 16, 16, NULL);
    x = rn_conv2d(g, x, "conv1", 8, 3, RN_OPTIONS(rn_conv2d, .padding = 1));
    x = rn_relu(g, rn_batch_norm2d(g, x, "bn1", NULL), NULL);
    x = rn_max_pool2d(g, x, 3, RN_OPTIONS(rn_pool2d, .stride = 2, .padding = 1));
    x = basic_block(g, x, "layer1.0", 8, 1);
    x = basic_block(g, x, "layer2.0", 12, 2);
    x = rn_flatten(g, rn_adaptive_avg_pool2d(g, x, 1, 1, NULL), NULL);
    return finish(context, g, rn_linear(g, x, "fc", SMALL_CLASSES, NULL), "small_residual");
}

rn_model *small_fire(rn_context *context)
{
    rn_graph *g = NULL;
    rn_value x;

    require_ok(context, rn_graph_create(&g, context));
    x = rn_graph_input(g, "images", 3, 21, 19, NULL);
    x = rn_relu(g, rn_conv2d(g, x, "conv1", 8, 3, RN_OPTIONS(rn_conv2d, .stride = 2, .bias = 1)), NULL);
    x = rn_max_pool2d(g, x, 3, RN_OPTIONS(rn_pool2d, .stride = 2, .ceil_mode = 1));
    x = fire(g, x, "fire2", 4, 6, 0);
    x = fire(g, x, "fire3", 5, 6, 1);
    x = rn_relu(g, rn_conv2d(g, x, "classifier", SMALL_CLASSES, 1, RN_OPTIONS(rn_conv2d, .bias = 1)), NULL);
    return finish(context, g, rn_flatten(g, rn_adaptive_avg_pool2d(g, x, 1, 1, NULL), NULL), "small_fire");
}

/* ---- dense ------------------------------------------------------------------------------------------------------- */

static rn_value norm_relu(rn_graph *g, rn_value x, const char *name)
{
    return rn_relu(g, rn_batch_norm2d(g, x, name, NULL), NULL);
}

static rn_value dense_block(rn_graph *g, rn_value x, const char *name, int layers)
{
    enum { GROWTH = 4 };

    rn_graph_enter(g, name);
    for (int i = 0; i < layers; i++) {
        rn_value both[2] = { x };
        char number[8];

        snprintf(number, sizeof number, "%d", i);
        rn_graph_enter(g, number);
        x = rn_conv2d(g, norm_relu(g, x, "norm1"), "conv1", 2 * GROWTH, 1, NULL);
        both[1] = rn_conv2d(g, norm_relu(g, x, "norm2"), "conv2", GROWTH, 3, RN_OPTIONS(rn_conv2d, .padding = 1));
        x = rn_graph_leave(g, rn_concat(g, both, 2, NULL));
    }
    return rn_graph_leave(g, x);
}

rn_model *small_dense(rn_context *context)
{
    rn_graph *g = NULL;
    rn_value x;

    require_ok(context, rn_graph_create(&g, context));
    x = rn_graph_input(g, "images", 3, 8, 6, NULL);
    x = norm_relu(g, rn_conv2d(g, x, "conv0", 6, 3, RN_OPTIONS(rn_conv2d, .padding = 1)), "norm0");
    x = dense_block(g, x, "block1", 3);
    x = rn_conv2d(g, norm_relu(g, x, "norm"), "conv", 9, 1, NULL);
    x = dense_block(g, rn_avg_pool2d(g, x, 2, NULL), "block2", 2);
    x = rn_flatten(g, rn_adaptive_avg_pool2d(g, norm_relu(g, x, "norm5"), 1, 1, NULL), NULL);
    return finish(context, g, rn_linear(g, x, "classifier", SMALL_CLASSES, NULL), "small_dense");
}

/* ---- inception --------------------------------------------------------------------------------------------------- */

static rn_value basic(rn_graph *g, rn_value x, const char *name, int64_t channels, int32_t height, int32_t width,
                      const rn_conv2d_options *options)
{
    rn_conv2d_options o = *options;

    o.kernel_w = width;
    rn_graph_enter(g, name);
    x = rn_conv2d(g, x, "conv", channels, height, &o);
    x = rn_batch_norm2d(g, x, "bn", RN_OPTIONS(rn_batch_norm2d, .eps = 1e-3));
    return rn_graph_leave(g, rn_relu(g, x, NULL));
}

static rn_value mean_of(rn_graph *g, rn_value x)
{
    return rn_flatten(g, rn_adaptive_avg_pool2d(g, x, 1, 1, NULL), NULL);
}

rn_model *small_inception(rn_context *context)
{
    const rn_conv2d_options *const valid = RN_OPTIONS(rn_conv2d, .stride = 1), *const halved =
                                                                                   RN_OPTIONS(rn_conv2d, .stride = 2);
    rn_graph *g = NULL;
    rn_value x, aux, low, part[3], pair[2];

    require_ok(context, rn_graph_create(&g, context));
    x = basic(g, rn_graph_input(g, "images", 3, 11, 9, NULL), "stem", 6, 3, 3, valid);
    part[0] = basic(g, x, "branch1x1", 4, 1, 1, valid);
    part[1] = basic(g, x, "branch7x7_1", 3, 1, 1, valid);
    part[1] = basic(g, part[1], "branch7x7_2", 3, 1, 7, RN_OPTIONS(rn_conv2d, .padding_w = 3));
    part[1] = basic(g, part[1], "branch7x7_3", 5, 7, 1, RN_OPTIONS(rn_conv2d, .padding = 3, .no_padding_w = 1));
    part[2] = rn_avg_pool2d(g, x, 3, RN_OPTIONS(rn_pool2d, .stride = 1, .padding = 1));
    part[2] = basic(g, part[2], "branch_pool", 4, 1, 1, valid);
    x = rn_concat(g, part, 3, NULL);
    aux = rn_avg_pool2d(g, x, 5, RN_OPTIONS(rn_pool2d, .stride = 3));
    aux = rn_linear(g, mean_of(g, basic(g, aux, "aux_conv", 6, 1, 1, valid)), "aux_fc", SMALL_CLASSES, NULL);
    part[0] = mean_of(g, basic(g, x, "branch3x3", 6, 3, 3, halved));
    low = basic(g, x, "branch3x3_1", 4, 1, 1, valid);
    pair[0] = basic(g, low, "branch3x3_2a", 3, 1, 3, RN_OPTIONS(rn_conv2d, .stride = 2, .padding_w = 1));
    pair[1] =
        basic(g, low, "branch3x3_2b", 3, 3, 1, RN_OPTIONS(rn_conv2d, .stride = 2, .padding = 1, .no_padding_w = 1));
    part[1] = mean_of(g, rn_concat(g, pair, 2, NULL));
    part[2] = mean_of(g, x);
    x = rn_linear(g, rn_concat(g, part, 3, NULL), "fc", SMALL_CLASSES, NULL);
    rn_graph_output(g, "logits", x);
    rn_graph_auxiliary_output(g, "aux", aux, NULL);
    return build(context, g, "small_inception");
}

/* ---- next -------------------------------------------------------------------------------------------------------- */

rn_model *small_next(rn_context *context)
{
    rn_graph *g = NULL;
    rn_value x, y;

    require_ok(context, rn_graph_create(&g, context));
    x = rn_graph_input(g, "images", 3, 8, 8, NULL);
    x = rn_relu(g, rn_conv2d(g, x, "conv1", 8, 3, RN_OPTIONS(rn_conv2d, .padding = 1, .bias = 1)), NULL);
    y = rn_conv2d(g, x, "conv2", 8, 3, RN_OPTIONS(rn_conv2d, .padding = 2, .dilation = 2, .groups = 4));
    x = rn_relu(g, rn_add(g, x, rn_batch_norm2d(g, y, "bn2", NULL), NULL), NULL);
    x = rn_conv2d(g, x, "conv3", 16, 3,
                  RN_OPTIONS(rn_conv2d, .padding = 3, .stride = 2, .dilation = 3, .groups = 8, .bias = 1));
    x = rn_relu(g, rn_conv2d(g, rn_relu(g, x, NULL), "conv4", 6, 1, RN_OPTIONS(rn_conv2d, .bias = 1)), NULL);
    x = rn_flatten(g, rn_adaptive_avg_pool2d(g, x, 3, 3, NULL), NULL);
    x = rn_relu(g, rn_linear(g, x, "fc1", 7, NULL), NULL);
    return finish(context, g, rn_linear(g, x, "fc2", SMALL_CLASSES, NULL), "small_next");
}
