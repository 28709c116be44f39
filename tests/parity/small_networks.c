/* SPDX-License-Identifier: MIT */
/* Small networks in which batch norm, both kinds of shortcut, concatenation and both kinds of max pool occur. */
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

static rn_model *finish(rn_context *context, rn_graph *graph, rn_value logits, const char *name)
{
    rn_model *model = NULL;

    rn_graph_output(graph, "logits", logits);
    require_ok(context, rn_model_build(&model, graph, name, NULL));
    rn_graph_destroy(graph);
    return model;
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
