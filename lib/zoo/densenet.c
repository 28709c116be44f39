/* SPDX-License-Identifier: MIT */
/*
 * DenseNet (arXiv:1608.06993) as torchvision.models.densenet has it: names, order, initialisation. Each layer of a
 * block sees what all layers before it made, side by side. The concatenation grows by one part a layer: written as a
 * chain it is one map that the layers write into, and never copied.
 */
#include "zoo/zoo.h"

#include <stdio.h>
#include <string.h>

enum { BLOCKS = 4 };

typedef struct densenet_plan {
    const char *name;
    int64_t growth, stem; /* channels that a layer adds, and that the first convolution makes */
    int32_t layers[BLOCKS];
} densenet_plan;

static const densenet_plan plans[] = {
    { "densenet121", 32, 64, { 6, 12, 24, 16 } },
    { "densenet161", 48, 96, { 6, 12, 36, 24 } },
    { "densenet169", 32, 64, { 6, 12, 32, 32 } },
    { "densenet201", 32, 64, { 6, 12, 48, 32 } },
};

static rn_value norm_relu(rn_graph *graph, rn_value x, const char *name)
{
    return rn_relu(graph, rn_batch_norm2d(graph, x, name, NULL), NULL);
}

static rn_value conv(rn_graph *graph, rn_value x, const char *name, int64_t channels, int32_t kernel, int32_t stride)
{
    return rn_conv2d(graph, x, name, channels, kernel,
                     RN_OPTIONS(rn_conv2d, .stride = stride, .padding = kernel / 2, .init = RN_INIT_KAIMING_FAN_IN));
}

/* A bottleneck of 4 * growth channels, then what the layer adds. */
static rn_value dense_layer(rn_graph *graph, rn_value x, int64_t growth)
{
    rn_value both[2] = { x };

    x = conv(graph, norm_relu(graph, x, "norm1"), "conv1", 4 * growth, 1, 1);
    both[1] = conv(graph, norm_relu(graph, x, "norm2"), "conv2", growth, 3, 1);
    return rn_concat(graph, both, 2, NULL);
}

static rn_value dense_block(rn_graph *graph, rn_value x, int32_t layers, int64_t growth)
{
    char name[32];

    for (int32_t i = 1; i <= layers; i++) {
        snprintf(name, sizeof name, "denselayer%d", (int)i);
        rn_graph_enter(graph, name);
        x = rn_graph_leave(graph, dense_layer(graph, x, growth));
    }
    return x;
}

/* Half of the channels, a quarter of the pixels. */
static rn_value transition(rn_graph *graph, rn_value x)
{
    const int64_t channels = rn_value_channels(graph, x);

    x = conv(graph, norm_relu(graph, x, "norm"), "conv", channels / 2, 1, 1);
    return rn_avg_pool2d(graph, x, 2, RN_OPTIONS(rn_pool2d, .name = "pool"));
}

static rn_value features(rn_graph *graph, rn_value x, const densenet_plan *plan)
{
    char name[32];

    rn_graph_enter(graph, "features");
    x = norm_relu(graph, conv(graph, x, "conv0", plan->stem, 7, 2), "norm0");
    x = rn_max_pool2d(graph, x, 3, RN_OPTIONS(rn_pool2d, .name = "pool0", .stride = 2, .padding = 1));
    for (int32_t i = 0; i < BLOCKS; i++) {
        snprintf(name, sizeof name, "denseblock%d", (int)i + 1);
        rn_graph_enter(graph, name);
        x = rn_graph_leave(graph, dense_block(graph, x, plan->layers[i], plan->growth));
        if (i + 1 == BLOCKS)
            break;
        snprintf(name, sizeof name, "transition%d", (int)i + 1);
        rn_graph_enter(graph, name);
        x = rn_graph_leave(graph, transition(graph, x));
    }
    return rn_graph_leave(graph, rn_batch_norm2d(graph, x, "norm5", NULL));
}

void rn_write_densenet(rn_graph *graph, const char *name, int64_t classes, int64_t height, int64_t width)
{
    const densenet_plan *plan = plans;
    rn_value x = rn_graph_input(graph, "images", 3, height, width, NULL);

    while (strcmp(plan->name, name) != 0)
        plan++;
    x = rn_relu(graph, features(graph, x, plan), NULL);
    x = rn_adaptive_avg_pool2d(graph, x, 1, 1, RN_OPTIONS(rn_adaptive_avg_pool2d, .name = "avgpool"));
    x = rn_linear(graph, rn_flatten(graph, x, NULL), "classifier", classes,
                  RN_OPTIONS(rn_linear, .init = RN_INIT_ZERO_BIAS));
    rn_graph_output(graph, "logits", x);
    rn_graph_head(graph, "classifier");
}
