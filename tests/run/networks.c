/* SPDX-License-Identifier: MIT */
#include "run/networks.h"

static rn_value conv_norm(rn_graph *g, rn_value x, const char *conv, const char *norm, int64_t channels, int32_t kernel,
                          int32_t stride)
{
    x = rn_conv2d(g, x, conv, channels, kernel, RN_OPTIONS(rn_conv2d, .stride = stride, .padding = kernel / 2));
    return rn_batch_norm2d(g, x, norm, NULL);
}

static rn_value block(rn_graph *g, rn_value x, const char *name, int64_t channels, int32_t stride, int shortcut_a)
{
    rn_value y, shortcut = x;

    rn_graph_enter(g, name);
    y = rn_relu(g, conv_norm(g, x, "conv1", "bn1", channels, 3, stride), NULL);
    y = conv_norm(g, y, "conv2", "bn2", channels, 3, 1);
    if (shortcut_a)
        shortcut = rn_shortcut_a(g, x, channels, stride, NULL);
    else if (stride != 1 || rn_value_channels(g, x) != channels)
        shortcut = conv_norm(g, x, "downsample.0", "downsample.1", channels, 1, stride);
    return rn_graph_leave(g, rn_relu(g, rn_add(g, y, shortcut, NULL), NULL));
}

static rn_value fire(rn_graph *g, rn_value x, const char *name)
{
    rn_value parts[3];

    rn_graph_enter(g, name);
    x = rn_relu(g, rn_conv2d(g, x, "squeeze", 6, 1, RN_OPTIONS(rn_conv2d, .bias = 1)), NULL);
    parts[0] = rn_relu(g, rn_conv2d(g, x, "expand1x1", 7, 1, RN_OPTIONS(rn_conv2d, .bias = 1)), NULL);
    parts[1] = rn_relu(g, rn_conv2d(g, x, "expand3x3", 9, 3, RN_OPTIONS(rn_conv2d, .bias = 1, .padding = 1)), NULL);
    parts[2] = x; /* read by three layers: its gradient cannot lie inside the concatenation's */
    return rn_graph_leave(g, rn_concat(g, parts, 3, NULL));
}

rn_model *residual_network(rn_context *context, double dropout)
{
    rn_graph *g = NULL;
    rn_model *model = NULL;
    rn_value x;

    require_ok(context, rn_graph_create(&g, context));
    x = rn_graph_input(g, "images", 3, RESIDUAL_SIZE, RESIDUAL_SIZE, NULL);
    x = rn_relu(g, conv_norm(g, x, "conv1", "bn1", 8, 3, 1), NULL);
    x = block(g, x, "layer1", 8, 1, 0);
    x = block(g, x, "layer2", 12, 2, 0);
    x = block(g, x, "layer3", 16, 1, 1);
    x = rn_max_pool2d(g, x, 2, RN_OPTIONS(rn_pool2d, .stride = 1));
    x = fire(g, x, "fire");
    x = rn_avg_pool2d(g, x, 3, RN_OPTIONS(rn_pool2d, .stride = 1, .padding = 1));
    x = rn_adaptive_avg_pool2d(g, x, 2, 2, NULL);
    x = rn_flatten(g, x, NULL);
    if (dropout > 0)
        x = rn_dropout(g, x, "drop", dropout, NULL);
    x = rn_linear(g, x, "fc", RESIDUAL_CLASSES, NULL);
    rn_graph_output(g, "logits", x);
    rn_graph_head(g, "fc");
    require_ok(context, rn_model_build(&model, g, "residual test network", NULL));
    rn_graph_destroy(g);
    return model;
}

rn_tensor *residual_images(rn_context *context, int64_t batch, uint32_t seed)
{
    const int64_t shape[4] = { batch, 3, RESIDUAL_SIZE, RESIDUAL_SIZE };
    rn_tensor *images = NULL;

    require_ok(context, rn_tensor_create(&images, context, RN_FLOAT32, 4, shape, RN_CHANNELS_LAST));
    rn_test_fill(rn_tensor_data(images), (size_t)rn_tensor_count(images), seed);
    return images;
}

rn_tensor *residual_labels(rn_context *context, int64_t batch, uint32_t seed)
{
    rn_tensor *labels = NULL;
    int64_t *values;

    require_ok(context, rn_tensor_create(&labels, context, RN_INT64, 1, &batch, RN_ROW_MAJOR));
    values = rn_tensor_data(labels);
    for (int64_t i = 0; i < batch; i++)
        values[i] = (i * 7 + seed) % RESIDUAL_CLASSES;
    return labels;
}
