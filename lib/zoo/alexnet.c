/* SPDX-License-Identifier: MIT */
/*
 * AlexNet in its one-tower form (arXiv:1404.5997) as torchvision.models.alexnet has it: names, order, initialisation.
 */
#include "zoo/zoo.h"

static rn_value conv_relu(rn_graph *graph, rn_value x, const char *name, int64_t channels, int32_t kernel,
                          int32_t padding, int32_t stride)
{
    x = rn_conv2d(graph, x, name, channels, kernel,
                  RN_OPTIONS(rn_conv2d, .stride = stride, .padding = padding, .bias = 1));
    return rn_relu(graph, x, NULL);
}

static rn_value pool(rn_graph *graph, rn_value x, const char *name)
{
    return rn_max_pool2d(graph, x, 3, RN_OPTIONS(rn_pool2d, .name = name, .stride = 2));
}

static rn_value dropped_linear_relu(rn_graph *graph, rn_value x, const char *dropout, const char *name)
{
    x = rn_linear(graph, rn_dropout(graph, x, dropout, 0.5, NULL), name, 4096, NULL);
    return rn_relu(graph, x, NULL);
}

void rn_write_alexnet(rn_graph *graph, const char *name, int64_t classes, int64_t height, int64_t width)
{
    rn_value x = rn_graph_input(graph, "images", 3, height, width, NULL);

    (void)name;
    rn_graph_enter(graph, "features");
    x = pool(graph, conv_relu(graph, x, "0", 64, 11, 2, 4), "2");
    x = pool(graph, conv_relu(graph, x, "3", 192, 5, 2, 1), "5");
    x = conv_relu(graph, x, "6", 384, 3, 1, 1);
    x = conv_relu(graph, x, "8", 256, 3, 1, 1);
    x = rn_graph_leave(graph, pool(graph, conv_relu(graph, x, "10", 256, 3, 1, 1), "12"));
    x = rn_adaptive_avg_pool2d(graph, x, 6, 6, RN_OPTIONS(rn_adaptive_avg_pool2d, .name = "avgpool"));
    x = rn_flatten(graph, x, NULL);
    rn_graph_enter(graph, "classifier");
    x = dropped_linear_relu(graph, x, "0", "1");
    x = dropped_linear_relu(graph, x, "3", "4");
    x = rn_graph_leave(graph, rn_linear(graph, x, "6", classes, NULL));
    rn_graph_output(graph, "logits", x);
    rn_graph_head(graph, "classifier.6");
}
