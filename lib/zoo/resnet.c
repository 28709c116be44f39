/* SPDX-License-Identifier: MIT */
/*
 * ResNet (arXiv:1512.03385) as torchvision.models.resnet has it: names, order, initialisation. Bottleneck blocks have
 * their stride at the 3 x 3 convolution ("v1.5"); the last batch norm of a block begins at 1, not at 0
 * (zero_init_residual=False).
 */
#include "zoo/zoo.h"

#include <stdio.h>

typedef rn_value (*block_writer)(rn_graph *graph, rn_value x, int64_t channels, int32_t stride);

/* What the depths differ in. */
typedef struct resnet_plan {
    int32_t depth;
    block_writer block;
    int32_t blocks[4]; /* of a stage */
} resnet_plan;

static rn_value conv(rn_graph *graph, rn_value x, const char *name, int64_t channels, int32_t kernel, int32_t stride)
{
    return rn_conv2d(graph, x, name, channels, kernel,
                     RN_OPTIONS(rn_conv2d, .stride = stride, .padding = kernel / 2, .init = RN_INIT_KAIMING_FAN_OUT));
}

/* The shortcut: x itself or, where the shape changes, a 1 x 1 convolution of it. */
static rn_value shortcut(rn_graph *graph, rn_value x, int64_t channels, int32_t stride)
{
    if (stride == 1 && rn_value_channels(graph, x) == channels)
        return x;
    x = conv(graph, x, "downsample.0", channels, 1, stride);
    return rn_batch_norm2d(graph, x, "downsample.1", NULL);
}

static rn_value basic_block(rn_graph *graph, rn_value x, int64_t channels, int32_t stride)
{
    rn_value y = conv(graph, x, "conv1", channels, 3, stride);

    y = rn_relu(graph, rn_batch_norm2d(graph, y, "bn1", NULL), NULL);
    y = conv(graph, y, "conv2", channels, 3, 1);
    y = rn_batch_norm2d(graph, y, "bn2", NULL);
    return rn_relu(graph, rn_add(graph, y, shortcut(graph, x, channels, stride), NULL), NULL);
}

static rn_value bottleneck(rn_graph *graph, rn_value x, int64_t channels, int32_t stride)
{
    rn_value y = conv(graph, x, "conv1", channels, 1, 1);

    y = rn_relu(graph, rn_batch_norm2d(graph, y, "bn1", NULL), NULL);
    y = conv(graph, y, "conv2", channels, 3, stride);
    y = rn_relu(graph, rn_batch_norm2d(graph, y, "bn2", NULL), NULL);
    y = conv(graph, y, "conv3", 4 * channels, 1, 1);
    y = rn_batch_norm2d(graph, y, "bn3", NULL);
    return rn_relu(graph, rn_add(graph, y, shortcut(graph, x, 4 * channels, stride), NULL), NULL);
}

static const resnet_plan plans[] = {
    { 18, basic_block, { 2, 2, 2, 2 } },  { 34, basic_block, { 3, 4, 6, 3 } },  { 50, bottleneck, { 3, 4, 6, 3 } },
    { 101, bottleneck, { 3, 4, 23, 3 } }, { 152, bottleneck, { 3, 8, 36, 3 } },
};

static rn_value stage(rn_graph *graph, rn_value x, const resnet_plan *plan, int32_t index)
{
    char name[32];

    snprintf(name, sizeof name, "layer%d", (int)index + 1);
    rn_graph_enter(graph, name);
    for (int32_t block = 0; block < plan->blocks[index]; block++) {
        snprintf(name, sizeof name, "%d", (int)block);
        rn_graph_enter(graph, name);
        x = plan->block(graph, x, INT64_C(64) << index, index > 0 && block == 0 ? 2 : 1);
        x = rn_graph_leave(graph, x);
    }
    return rn_graph_leave(graph, x);
}

void rn_write_resnet(rn_graph *graph, const rn_zoo_entry *entry, int64_t classes, int64_t height, int64_t width)
{
    const resnet_plan *plan = plans;
    rn_value x = rn_graph_input(graph, "images", 3, height, width, NULL);

    while (plan->depth != entry->variant)
        plan++;
    x = conv(graph, x, "conv1", 64, 7, 2);
    x = rn_relu(graph, rn_batch_norm2d(graph, x, "bn1", NULL), NULL);
    x = rn_max_pool2d(graph, x, 3, RN_OPTIONS(rn_pool2d, .name = "maxpool", .stride = 2, .padding = 1));
    for (int32_t i = 0; i < 4; i++)
        x = stage(graph, x, plan, i);
    x = rn_flatten(graph, rn_adaptive_avg_pool2d(graph, x, 1, 1, RN_OPTIONS(rn_adaptive_avg_pool2d, .name = "avgpool")),
                   NULL);
    x = rn_linear(graph, x, "fc", classes, NULL);
    rn_graph_output(graph, "logits", x);
    rn_graph_head(graph, "fc");
}
