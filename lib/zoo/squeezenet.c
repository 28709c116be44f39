/* SPDX-License-Identifier: MIT */
/* SqueezeNet 1.0 (arXiv:1602.07360) and 1.1, which pools earlier, as torchvision.models.squeezenet has them: names,
 * order, initialisation. */
#include "zoo/zoo.h"

#include <stdio.h>
#include <string.h>

static rn_value conv_relu(rn_graph *graph, rn_value x, const char *name, int64_t channels, int32_t kernel,
                          int32_t padding, int32_t stride)
{
    x = rn_conv2d(
        graph, x, name, channels, kernel,
        RN_OPTIONS(rn_conv2d, .stride = stride, .padding = padding, .bias = 1, .init = RN_INIT_KAIMING_UNIFORM));
    return rn_relu(graph, x, NULL);
}

/* Squeezes to few channels, expands them by 1 x 1 and by 3 x 3 convolutions side by side. */
static rn_value fire(rn_graph *graph, rn_value x, int32_t index, int64_t squeeze, int64_t expand)
{
    rn_value pair[2];
    char name[32];

    snprintf(name, sizeof name, "%d", (int)index);
    rn_graph_enter(graph, name);
    x = conv_relu(graph, x, "squeeze", squeeze, 1, 0, 1);
    pair[0] = conv_relu(graph, x, "expand1x1", expand, 1, 0, 1);
    pair[1] = conv_relu(graph, x, "expand3x3", expand, 3, 1, 1);
    return rn_graph_leave(graph, rn_concat(graph, pair, 2, NULL));
}

static rn_value pool(rn_graph *graph, rn_value x, const char *name)
{
    return rn_max_pool2d(graph, x, 3, RN_OPTIONS(rn_pool2d, .name = name, .stride = 2, .ceil_mode = 1));
}

static rn_value features_1_0(rn_graph *graph, rn_value x)
{
    x = pool(graph, conv_relu(graph, x, "0", 96, 7, 0, 2), "2");
    x = fire(graph, x, 3, 16, 64);
    x = fire(graph, x, 4, 16, 64);
    x = pool(graph, fire(graph, x, 5, 32, 128), "6");
    x = fire(graph, x, 7, 32, 128);
    x = fire(graph, x, 8, 48, 192);
    x = fire(graph, x, 9, 48, 192);
    x = pool(graph, fire(graph, x, 10, 64, 256), "11");
    return fire(graph, x, 12, 64, 256);
}

static rn_value features_1_1(rn_graph *graph, rn_value x)
{
    x = pool(graph, conv_relu(graph, x, "0", 64, 3, 0, 2), "2");
    x = fire(graph, x, 3, 16, 64);
    x = pool(graph, fire(graph, x, 4, 16, 64), "5");
    x = fire(graph, x, 6, 32, 128);
    x = pool(graph, fire(graph, x, 7, 32, 128), "8");
    x = fire(graph, x, 9, 48, 192);
    x = fire(graph, x, 10, 48, 192);
    x = fire(graph, x, 11, 64, 256);
    return fire(graph, x, 12, 64, 256);
}

void rn_write_squeezenet(rn_graph *graph, const char *name, int64_t classes, int64_t height, int64_t width)
{
    rn_value x = rn_graph_input(graph, "images", 3, height, width, NULL);

    rn_graph_enter(graph, "features");
    x = strcmp(name, "squeezenet1_0") == 0 ? features_1_0(graph, x) : features_1_1(graph, x);
    rn_graph_leave(graph, x);
    rn_graph_enter(graph, "classifier");
    x = rn_dropout(graph, x, "0", 0.5, NULL);
    /*
     * torchvision draws the head from N(0, 0.01), which suits training from nothing. Behind a ReLU such a head learns
     * slowly when it is fine-tuned; the tutorial's new layer, and every nn.Conv2d that replaces a head, begins with
     * torch.nn's default.
     */
    x = rn_conv2d(graph, x, "1", classes, 1, RN_OPTIONS(rn_conv2d, .bias = 1));
    x = rn_adaptive_avg_pool2d(graph, rn_relu(graph, x, RN_OPTIONS(rn_relu, .name = "2")), 1, 1,
                               RN_OPTIONS(rn_adaptive_avg_pool2d, .name = "3"));
    x = rn_graph_leave(graph, rn_flatten(graph, x, NULL));
    rn_graph_output(graph, "logits", x);
    rn_graph_head(graph, "classifier");
}
