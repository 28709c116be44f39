/* SPDX-License-Identifier: MIT */
/*
 * ResNet (arXiv:1512.03385) as torchvision.models.resnet has it: names, order, initialisation; ResNeXt
 * (arXiv:1611.05431) and wide ResNet (arXiv:1605.07146), whose blocks are as wide as `groups` and `width` say; and the
 * paper's plain networks, which have no shortcuts.
 *
 * Bottleneck blocks have their stride at the 3 x 3 convolution ("v1.5"); those called _v1 at the first 1 x 1, as in the
 * paper, which weights that come from Caffe need. The last batch norm of a block begins at 1, not at 0
 * (zero_init_residual=False).
 */
#include "zoo/zoo.h"

#include <stdio.h>
#include <string.h>

enum { STAGES = 4 };

/* What the networks differ in. */
typedef struct resnet_plan {
    const char *name;
    bool bottleneck;
    int32_t blocks[STAGES]; /* of a stage */
    int32_t groups, width; /* of a bottleneck's 3 x 3 convolution: `width` channels a group for every 64 of the stage */
    bool stride_first;     /* at a bottleneck's first convolution */
    bool plain;
} resnet_plan;

static const resnet_plan plans[] = {
    { "resnet18", false, { 2, 2, 2, 2 }, 1, 64, false, false },
    { "resnet34", false, { 3, 4, 6, 3 }, 1, 64, false, false },
    { "resnet50", true, { 3, 4, 6, 3 }, 1, 64, false, false },
    { "resnet101", true, { 3, 4, 23, 3 }, 1, 64, false, false },
    { "resnet152", true, { 3, 8, 36, 3 }, 1, 64, false, false },
    { "resnext50_32x4d", true, { 3, 4, 6, 3 }, 32, 4, false, false },
    { "resnext101_32x8d", true, { 3, 4, 23, 3 }, 32, 8, false, false },
    { "wide_resnet50_2", true, { 3, 4, 6, 3 }, 1, 128, false, false },
    { "wide_resnet101_2", true, { 3, 4, 23, 3 }, 1, 128, false, false },
    { "resnet50_v1", true, { 3, 4, 6, 3 }, 1, 64, true, false },
    { "resnet101_v1", true, { 3, 4, 23, 3 }, 1, 64, true, false },
    { "resnet152_v1", true, { 3, 8, 36, 3 }, 1, 64, true, false },
    { "plain18", false, { 2, 2, 2, 2 }, 1, 64, false, true },
    { "plain34", false, { 3, 4, 6, 3 }, 1, 64, false, true },
};

static rn_value conv(rn_graph *graph, rn_value x, const char *name, int64_t channels, int32_t kernel, int32_t stride,
                     int32_t groups)
{
    return rn_conv2d(graph, x, name, channels, kernel,
                     RN_OPTIONS(rn_conv2d, .stride = stride, .padding = kernel / 2, .groups = groups,
                                .init = RN_INIT_KAIMING_FAN_OUT));
}

static rn_value norm_relu(rn_graph *graph, rn_value x, const char *name)
{
    return rn_relu(graph, rn_batch_norm2d(graph, x, name, NULL), NULL);
}

/* ---- what a block adds to its shortcut --------------------------------------------------------------------------- */

static rn_value basic(rn_graph *graph, rn_value x, int64_t channels, int32_t stride)
{
    x = norm_relu(graph, conv(graph, x, "conv1", channels, 3, stride, 1), "bn1");
    return rn_batch_norm2d(graph, conv(graph, x, "conv2", channels, 3, 1, 1), "bn2", NULL);
}

static rn_value bottleneck(rn_graph *graph, rn_value x, const resnet_plan *plan, int64_t channels, int32_t stride)
{
    const int64_t width = channels * plan->width / 64 * plan->groups;

    x = norm_relu(graph, conv(graph, x, "conv1", width, 1, plan->stride_first ? stride : 1, 1), "bn1");
    x = norm_relu(graph, conv(graph, x, "conv2", width, 3, plan->stride_first ? 1 : stride, plan->groups), "bn2");
    return rn_batch_norm2d(graph, conv(graph, x, "conv3", 4 * channels, 1, 1, 1), "bn3", NULL);
}

static rn_value residual(rn_graph *graph, rn_value x, const resnet_plan *plan, int64_t channels, int32_t stride)
{
    return plan->bottleneck ? bottleneck(graph, x, plan, channels, stride) : basic(graph, x, channels, stride);
}

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

/* The shape stays: the shortcut is x itself. */
static rn_value identity_block(rn_graph *graph, rn_value x, const resnet_plan *plan, int64_t channels)
{
    const rn_value y = residual(graph, x, plan, channels, 1);

    return rn_relu(graph, rn_add(graph, y, x, NULL), NULL);
}

/* The shape changes: the shortcut is a 1 x 1 convolution of x. */
static rn_value convolution_block(rn_graph *graph, rn_value x, const resnet_plan *plan, int64_t channels,
                                  int32_t stride)
{
    const rn_value y = residual(graph, x, plan, channels, stride);
    rn_value shortcut = conv(graph, x, "downsample.0", rn_value_channels(graph, y), 1, stride, 1);

    shortcut = rn_batch_norm2d(graph, shortcut, "downsample.1", NULL);
    return rn_relu(graph, rn_add(graph, y, shortcut, NULL), NULL);
}

static rn_value plain_block(rn_graph *graph, rn_value x, const resnet_plan *plan, int64_t channels, int32_t stride)
{
    return rn_relu(graph, residual(graph, x, plan, channels, stride), NULL);
}

static rn_value block(rn_graph *graph, rn_value x, const resnet_plan *plan, int64_t channels, int32_t stride)
{
    const int64_t out = plan->bottleneck ? 4 * channels : channels;

    if (plan->plain)
        return plain_block(graph, x, plan, channels, stride);
    return stride == 1 && rn_value_channels(graph, x) == out ? identity_block(graph, x, plan, channels)
                                                             : convolution_block(graph, x, plan, channels, stride);
}

/* ---- the network ------------------------------------------------------------------------------------------------- */

/* Zero padding of 3 in front of a 7 x 7 convolution with stride 2; then a pooling, padded by 1, halves the map
 * again. */
static rn_value stem(rn_graph *graph, rn_value x)
{
    x = norm_relu(graph, conv(graph, x, "conv1", 64, 7, 2, 1), "bn1");
    return rn_max_pool2d(graph, x, 3, RN_OPTIONS(rn_pool2d, .name = "maxpool", .stride = 2, .padding = 1));
}

static rn_value stage(rn_graph *graph, rn_value x, const resnet_plan *plan, int32_t index)
{
    char name[32];

    snprintf(name, sizeof name, "layer%d", (int)index + 1);
    rn_graph_enter(graph, name);
    for (int32_t i = 0; i < plan->blocks[index]; i++) {
        snprintf(name, sizeof name, "%d", (int)i);
        rn_graph_enter(graph, name);
        x = block(graph, x, plan, INT64_C(64) << index, index > 0 && i == 0 ? 2 : 1);
        x = rn_graph_leave(graph, x);
    }
    return rn_graph_leave(graph, x);
}

void rn_write_resnet(rn_graph *graph, const char *name, int64_t classes, int64_t height, int64_t width)
{
    const resnet_plan *plan = plans;
    rn_value x = rn_graph_input(graph, "images", 3, height, width, NULL);

    while (strcmp(plan->name, name) != 0)
        plan++;
    x = stem(graph, x);
    for (int32_t i = 0; i < STAGES; i++)
        x = stage(graph, x, plan, i);
    x = rn_adaptive_avg_pool2d(graph, x, 1, 1, RN_OPTIONS(rn_adaptive_avg_pool2d, .name = "avgpool"));
    x = rn_linear(graph, rn_flatten(graph, x, NULL), "fc", classes, NULL);
    rn_graph_output(graph, "logits", x);
    rn_graph_head(graph, "fc");
}
