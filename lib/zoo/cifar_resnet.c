/* SPDX-License-Identifier: MIT */
/*
 * The CIFAR-10 networks of the ResNet paper (arXiv:1512.03385, 4.2): 6n + 2 layers, three stages of 16, 32 and 64
 * channels, shortcut A without parameters; the plain networks that the paper compares them with have no shortcuts.
 * Names and initialisation are those of github.com/akamaster/pytorch_resnet_cifar10, whose weights people have (but the
 * bias of its linear layer, which begins at 0 here).
 */
#include "zoo/zoo.h"

#include <stdio.h>
#include <string.h>

typedef struct cifar_plan {
    const char *name;
    int32_t blocks; /* of a stage: n */
    bool plain;
} cifar_plan;

static const cifar_plan plans[] = {
    { "cifar_resnet20", 3, false }, { "cifar_resnet32", 5, false },   { "cifar_resnet44", 7, false },
    { "cifar_resnet56", 9, false }, { "cifar_resnet110", 18, false }, { "cifar_plain20", 3, true },
    { "cifar_plain56", 9, true },
};

static rn_value conv(rn_graph *graph, rn_value x, const char *name, int64_t channels, int32_t stride)
{
    return rn_conv2d(graph, x, name, channels, 3,
                     RN_OPTIONS(rn_conv2d, .stride = stride, .padding = 1, .init = RN_INIT_KAIMING_FAN_IN));
}

static rn_value block(rn_graph *graph, rn_value x, int64_t channels, int32_t stride, bool plain)
{
    rn_value y = conv(graph, x, "conv1", channels, stride);

    y = rn_relu(graph, rn_batch_norm2d(graph, y, "bn1", NULL), NULL);
    y = conv(graph, y, "conv2", channels, 1);
    y = rn_batch_norm2d(graph, y, "bn2", NULL);
    if (plain)
        return rn_relu(graph, y, NULL);
    if (stride != 1 || rn_value_channels(graph, x) != channels)
        x = rn_shortcut_a(graph, x, channels, stride, NULL);
    return rn_relu(graph, rn_add(graph, y, x, NULL), NULL);
}

static rn_value stage(rn_graph *graph, rn_value x, int32_t index, const cifar_plan *plan)
{
    char name[32];

    snprintf(name, sizeof name, "layer%d", (int)index + 1);
    rn_graph_enter(graph, name);
    for (int32_t i = 0; i < plan->blocks; i++) {
        snprintf(name, sizeof name, "%d", (int)i);
        rn_graph_enter(graph, name);
        x = rn_graph_leave(graph, block(graph, x, INT64_C(16) << index, index > 0 && i == 0 ? 2 : 1, plan->plain));
    }
    return rn_graph_leave(graph, x);
}

void rn_write_cifar_resnet(rn_graph *graph, const char *name, int64_t classes, int64_t height, int64_t width)
{
    const cifar_plan *plan = plans;
    rn_value x = rn_graph_input(graph, "images", 3, height, width, NULL);

    while (strcmp(plan->name, name) != 0)
        plan++;
    x = conv(graph, x, "conv1", 16, 1);
    x = rn_relu(graph, rn_batch_norm2d(graph, x, "bn1", NULL), NULL);
    for (int32_t i = 0; i < 3; i++)
        x = stage(graph, x, i, plan);
    x = rn_flatten(graph, rn_adaptive_avg_pool2d(graph, x, 1, 1, NULL), NULL);
    x = rn_linear(graph, x, "linear", classes, RN_OPTIONS(rn_linear, .init = RN_INIT_KAIMING_FAN_IN));
    rn_graph_output(graph, "logits", x);
    rn_graph_head(graph, "linear");
}
