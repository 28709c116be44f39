/* SPDX-License-Identifier: MIT */
/*
 * Inception v3 (arXiv:1512.00567) as torchvision.models.inception_v3 has it: names, order, initialisation (a normal
 * distribution cut at 2, which at these deviations never happens). torchvision's `transform_input` turns ImageNet's
 * normalisation into the (x - 0.5) / 0.5 that the published weights were trained with; here the preprocessing says so
 * itself (catalogue.c).
 *
 * A second classifier behind Mixed_6e helps training and is not run otherwise.
 */
#include "zoo/zoo.h"

/* A kernel of height x width with half of it as padding on each side, or none. */
typedef struct conv_shape {
    int32_t height, width, stride;
    bool padded;
} conv_shape;

static const conv_shape one = { 1, 1, 1, false }, three = { 3, 3, 1, false }, three_halved = { 3, 3, 2, false },
                        three_padded = { 3, 3, 1, true }, five = { 5, 5, 1, false }, five_padded = { 5, 5, 1, true },
                        line_of_three = { 1, 3, 1, true }, column_of_three = { 3, 1, 1, true },
                        line_of_seven = { 1, 7, 1, true }, column_of_seven = { 7, 1, 1, true };

/* BasicConv2d: convolution, batch norm, ReLU. */
static rn_value conv(rn_graph *graph, rn_value x, const char *name, int64_t channels, conv_shape shape)
{
    rn_graph_enter(graph, name);
    x = rn_conv2d(graph, x, "conv", channels, shape.height,
                  RN_OPTIONS(rn_conv2d, .kernel_w = shape.width, .stride = shape.stride, .padding = shape.height / 2,
                             .padding_w = shape.width / 2, .no_padding_h = !shape.padded || shape.height == 1,
                             .no_padding_w = !shape.padded || shape.width == 1, .init = RN_INIT_NORMAL_01));
    x = rn_batch_norm2d(graph, x, "bn", RN_OPTIONS(rn_batch_norm2d, .eps = 1e-3));
    return rn_graph_leave(graph, rn_relu(graph, x, NULL));
}

/* The mean of 3 x 3 pixels, those of the padding counted as zeros, then a 1 x 1 convolution. */
static rn_value pooled(rn_graph *graph, rn_value x, int64_t channels)
{
    x = rn_avg_pool2d(graph, x, 3, RN_OPTIONS(rn_pool2d, .stride = 1, .padding = 1));
    return conv(graph, x, "branch_pool", channels, one);
}

static rn_value halved(rn_graph *graph, rn_value x)
{
    return rn_max_pool2d(graph, x, 3, RN_OPTIONS(rn_pool2d, .stride = 2));
}

static rn_value inception_a(rn_graph *graph, rn_value x, const char *name, int64_t pool_channels)
{
    rn_value branch[4];

    rn_graph_enter(graph, name);
    branch[0] = conv(graph, x, "branch1x1", 64, one);
    branch[1] = conv(graph, conv(graph, x, "branch5x5_1", 48, one), "branch5x5_2", 64, five_padded);
    branch[2] = conv(graph, conv(graph, x, "branch3x3dbl_1", 64, one), "branch3x3dbl_2", 96, three_padded);
    branch[2] = conv(graph, branch[2], "branch3x3dbl_3", 96, three_padded);
    branch[3] = pooled(graph, x, pool_channels);
    return rn_graph_leave(graph, rn_concat(graph, branch, 4, NULL));
}

static rn_value inception_b(rn_graph *graph, rn_value x, const char *name)
{
    rn_value branch[3];

    rn_graph_enter(graph, name);
    branch[0] = conv(graph, x, "branch3x3", 384, three_halved);
    branch[1] = conv(graph, conv(graph, x, "branch3x3dbl_1", 64, one), "branch3x3dbl_2", 96, three_padded);
    branch[1] = conv(graph, branch[1], "branch3x3dbl_3", 96, three_halved);
    branch[2] = halved(graph, x);
    return rn_graph_leave(graph, rn_concat(graph, branch, 3, NULL));
}

/* 7 x 7 kernels as a line and a column. */
static rn_value inception_c(rn_graph *graph, rn_value x, const char *name, int64_t channels)
{
    rn_value branch[4];

    rn_graph_enter(graph, name);
    branch[0] = conv(graph, x, "branch1x1", 192, one);
    branch[1] = conv(graph, conv(graph, x, "branch7x7_1", channels, one), "branch7x7_2", channels, line_of_seven);
    branch[1] = conv(graph, branch[1], "branch7x7_3", 192, column_of_seven);
    branch[2] =
        conv(graph, conv(graph, x, "branch7x7dbl_1", channels, one), "branch7x7dbl_2", channels, column_of_seven);
    branch[2] = conv(graph, branch[2], "branch7x7dbl_3", channels, line_of_seven);
    branch[2] = conv(graph, branch[2], "branch7x7dbl_4", channels, column_of_seven);
    branch[2] = conv(graph, branch[2], "branch7x7dbl_5", 192, line_of_seven);
    branch[3] = pooled(graph, x, 192);
    return rn_graph_leave(graph, rn_concat(graph, branch, 4, NULL));
}

static rn_value inception_d(rn_graph *graph, rn_value x, const char *name)
{
    rn_value branch[3];

    rn_graph_enter(graph, name);
    branch[0] = conv(graph, conv(graph, x, "branch3x3_1", 192, one), "branch3x3_2", 320, three_halved);
    branch[1] = conv(graph, conv(graph, x, "branch7x7x3_1", 192, one), "branch7x7x3_2", 192, line_of_seven);
    branch[1] = conv(graph, branch[1], "branch7x7x3_3", 192, column_of_seven);
    branch[1] = conv(graph, branch[1], "branch7x7x3_4", 192, three_halved);
    branch[2] = halved(graph, x);
    return rn_graph_leave(graph, rn_concat(graph, branch, 3, NULL));
}

/* A line and a column of three, side by side. */
static rn_value split(rn_graph *graph, rn_value x, const char *line, const char *column)
{
    rn_value pair[2];

    pair[0] = conv(graph, x, line, 384, line_of_three);
    pair[1] = conv(graph, x, column, 384, column_of_three);
    return rn_concat(graph, pair, 2, NULL);
}

static rn_value inception_e(rn_graph *graph, rn_value x, const char *name)
{
    rn_value branch[4];

    rn_graph_enter(graph, name);
    branch[0] = conv(graph, x, "branch1x1", 320, one);
    branch[1] = split(graph, conv(graph, x, "branch3x3_1", 384, one), "branch3x3_2a", "branch3x3_2b");
    branch[2] = conv(graph, conv(graph, x, "branch3x3dbl_1", 448, one), "branch3x3dbl_2", 384, three_padded);
    branch[2] = split(graph, branch[2], "branch3x3dbl_3a", "branch3x3dbl_3b");
    branch[3] = pooled(graph, x, 192);
    return rn_graph_leave(graph, rn_concat(graph, branch, 4, NULL));
}

static rn_value auxiliary(rn_graph *graph, rn_value x, int64_t classes)
{
    rn_graph_enter(graph, "AuxLogits");
    x = conv(graph, rn_avg_pool2d(graph, x, 5, RN_OPTIONS(rn_pool2d, .stride = 3)), "conv0", 128, one);
    x = rn_adaptive_avg_pool2d(graph, conv(graph, x, "conv1", 768, five), 1, 1, NULL);
    x = rn_linear(graph, rn_flatten(graph, x, NULL), "fc", classes, RN_OPTIONS(rn_linear, .init = RN_INIT_NORMAL_0001));
    return rn_graph_leave(graph, x);
}

static rn_value stem(rn_graph *graph, rn_value x)
{
    x = conv(graph, x, "Conv2d_1a_3x3", 32, three_halved);
    x = conv(graph, x, "Conv2d_2a_3x3", 32, three);
    x = halved(graph, conv(graph, x, "Conv2d_2b_3x3", 64, three_padded));
    x = conv(graph, x, "Conv2d_3b_1x1", 80, one);
    return halved(graph, conv(graph, x, "Conv2d_4a_3x3", 192, three));
}

void rn_write_inception(rn_graph *graph, const char *name, int64_t classes, int64_t height, int64_t width)
{
    rn_value x = stem(graph, rn_graph_input(graph, "images", 3, height, width, NULL)), aux;

    (void)name;
    x = inception_a(graph, x, "Mixed_5b", 32);
    x = inception_a(graph, x, "Mixed_5c", 64);
    x = inception_a(graph, x, "Mixed_5d", 64);
    x = inception_b(graph, x, "Mixed_6a");
    x = inception_c(graph, x, "Mixed_6b", 128);
    x = inception_c(graph, x, "Mixed_6c", 160);
    x = inception_c(graph, x, "Mixed_6d", 160);
    x = inception_c(graph, x, "Mixed_6e", 192);
    aux = auxiliary(graph, x, classes);
    x = inception_d(graph, x, "Mixed_7a");
    x = inception_e(graph, x, "Mixed_7b");
    x = inception_e(graph, x, "Mixed_7c");
    x = rn_adaptive_avg_pool2d(graph, x, 1, 1, RN_OPTIONS(rn_adaptive_avg_pool2d, .name = "avgpool"));
    x = rn_flatten(graph, rn_dropout(graph, x, "dropout", 0.5, NULL), NULL);
    x = rn_linear(graph, x, "fc", classes, RN_OPTIONS(rn_linear, .init = RN_INIT_NORMAL_01));
    rn_graph_output(graph, "logits", x);
    rn_graph_auxiliary_output(graph, "aux", aux, RN_OPTIONS(rn_auxiliary_output, .loss_weight = 0.4));
    rn_graph_head(graph, "fc");
    rn_graph_head(graph, "AuxLogits.fc");
}
