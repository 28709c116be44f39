/* SPDX-License-Identifier: MIT */
/*
 * VGG (arXiv:1409.1556) as torchvision.models.vgg has it: names, order, initialisation. Five stages of 3 x 3
 * convolutions, each of which ends in a pooling; the "_bn" networks have a batch norm behind each convolution.
 */
#include "zoo/zoo.h"

#include <stdio.h>
#include <string.h>

enum { STAGES = 5 };

typedef struct vgg_plan {
    const char *name;
    int32_t convs[STAGES]; /* of a stage */
    bool batch_norm;
} vgg_plan;

/* Configurations A, B, D and E of the paper. */
static const vgg_plan plans[] = {
    { "vgg11", { 1, 1, 2, 2, 2 }, false }, { "vgg11_bn", { 1, 1, 2, 2, 2 }, true },
    { "vgg13", { 2, 2, 2, 2, 2 }, false }, { "vgg13_bn", { 2, 2, 2, 2, 2 }, true },
    { "vgg16", { 2, 2, 3, 3, 3 }, false }, { "vgg16_bn", { 2, 2, 3, 3, 3 }, true },
    { "vgg19", { 2, 2, 4, 4, 4 }, false }, { "vgg19_bn", { 2, 2, 4, 4, 4 }, true },
};

/* torchvision numbers the layers of `features` through. */
static const char *number(char text[16], int32_t *next)
{
    snprintf(text, 16, "%d", (int)(*next)++);
    return text;
}

static rn_value conv_relu(rn_graph *graph, rn_value x, int64_t channels, bool batch_norm, int32_t *next)
{
    char name[16];

    x = rn_conv2d(graph, x, number(name, next), channels, 3,
                  RN_OPTIONS(rn_conv2d, .padding = 1, .bias = 1, .init = RN_INIT_KAIMING_FAN_OUT));
    if (batch_norm)
        x = rn_batch_norm2d(graph, x, number(name, next), NULL);
    return rn_relu(graph, x, RN_OPTIONS(rn_relu, .name = number(name, next)));
}

static rn_value features(rn_graph *graph, rn_value x, const vgg_plan *plan)
{
    static const int64_t channels[STAGES] = { 64, 128, 256, 512, 512 };
    int32_t next = 0;
    char name[16];

    rn_graph_enter(graph, "features");
    for (int32_t stage = 0; stage < STAGES; stage++) {
        for (int32_t i = 0; i < plan->convs[stage]; i++)
            x = conv_relu(graph, x, channels[stage], plan->batch_norm, &next);
        x = rn_max_pool2d(graph, x, 2, RN_OPTIONS(rn_pool2d, .name = number(name, &next)));
    }
    return rn_graph_leave(graph, x);
}

static rn_value linear(rn_graph *graph, rn_value x, const char *name, int64_t out)
{
    return rn_linear(graph, x, name, out, RN_OPTIONS(rn_linear, .init = RN_INIT_NORMAL_001));
}

static rn_value classifier(rn_graph *graph, rn_value x, int64_t classes)
{
    rn_graph_enter(graph, "classifier");
    x = rn_relu(graph, linear(graph, x, "0", 4096), RN_OPTIONS(rn_relu, .name = "1"));
    x = rn_dropout(graph, x, "2", 0.5, NULL);
    x = rn_relu(graph, linear(graph, x, "3", 4096), RN_OPTIONS(rn_relu, .name = "4"));
    x = rn_dropout(graph, x, "5", 0.5, NULL);
    return rn_graph_leave(graph, linear(graph, x, "6", classes));
}

void rn_write_vgg(rn_graph *graph, const char *name, int64_t classes, int64_t height, int64_t width)
{
    const vgg_plan *plan = plans;
    rn_value x = rn_graph_input(graph, "images", 3, height, width, NULL);

    while (strcmp(plan->name, name) != 0)
        plan++;
    x = features(graph, x, plan);
    x = rn_adaptive_avg_pool2d(graph, x, 7, 7, RN_OPTIONS(rn_adaptive_avg_pool2d, .name = "avgpool"));
    x = classifier(graph, rn_flatten(graph, x, NULL), classes);
    rn_graph_output(graph, "logits", x);
    rn_graph_head(graph, "classifier.6");
}
