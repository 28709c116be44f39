/* SPDX-License-Identifier: MIT */
/*
 * The networks whose bits are kept: the zoo's with images as small as they take, and graphs with what the zoo lacks.
 */
#include "bits/bits.h"
#include "parity/small_networks.h"
#include "run/networks.h"

enum { CLASSES = 5 };

static rn_model *finish(rn_context *context, rn_graph *graph, const char *output, rn_value value)
{
    rn_model *model = NULL;

    rn_graph_output(graph, output, value);
    rn_graph_head(graph, "fc");
    require_ok(context, rn_model_build(&model, graph, "bits", NULL));
    rn_graph_destroy(graph);
    return model;
}

static rn_graph *begin(rn_context *context, rn_value *x, int64_t height, int64_t width)
{
    rn_graph *graph = NULL;

    require_ok(context, rn_graph_create(&graph, context));
    *x = rn_graph_input(graph, "images", 3, height, width, NULL);
    return graph;
}

static rn_value norm_relu(rn_graph *g, rn_value x, const char *name)
{
    return rn_relu(g, rn_batch_norm2d(g, x, name, NULL), NULL);
}

static rn_value classify(rn_graph *g, rn_value x)
{
    x = rn_flatten(g, rn_adaptive_avg_pool2d(g, x, 1, 1, NULL), NULL);
    return rn_linear(g, x, "fc", CLASSES, NULL);
}

/* Channels alone and in groups, dilated, strided, with unequal kernels, on maps that are not square. */
static rn_model *depthwise(rn_context *context)
{
    rn_value x;
    rn_graph *const g = begin(context, &x, 15, 11);

    x = rn_relu(g, rn_conv2d(g, x, "conv1", 12, 3, RN_OPTIONS(rn_conv2d, .padding = 1, .bias = 1)), NULL);
    x = rn_conv2d(g, x, "conv2", 12, 3, RN_OPTIONS(rn_conv2d, .padding = 1, .groups = 12));
    x = norm_relu(g, x, "bn2");
    x = norm_relu(g, rn_conv2d(g, x, "conv3", 20, 1, NULL), "bn3");
    x = rn_conv2d(
        g, x, "conv4", 20, 5,
        RN_OPTIONS(rn_conv2d, .kernel_w = 3, .stride = 2, .stride_w = 1, .padding = 2, .padding_w = 1, .groups = 20));
    x = norm_relu(g, x, "bn4");
    x = rn_conv2d(g, x, "conv5", 24, 3, RN_OPTIONS(rn_conv2d, .padding = 2, .dilation = 2, .stride = 2, .groups = 4));
    x = norm_relu(g, x, "bn5");
    x = rn_conv2d(g, x, "conv6", 48, 3,
                  RN_OPTIONS(rn_conv2d, .padding = 3, .dilation = 3, .stride = 2, .groups = 24, .bias = 1));
    return finish(context, g, "logits", classify(g, rn_relu(g, x, NULL)));
}

/* Batch norms with no convolution before them, every pool, values that occur twice, log-probabilities. */
static rn_model *pools(rn_context *context)
{
    rn_value x, y, part[3];
    rn_graph *const g = begin(context, &x, 14, 11);

    x = norm_relu(g, x, "bn1");
    x = rn_max_pool2d(g, x, 3, RN_OPTIONS(rn_pool2d, .stride = 2, .padding = 1, .ceil_mode = 1));
    part[0] = part[1] = x;
    x = rn_conv2d(g, rn_concat(g, part, 2, NULL), "conv2", 10, 1, NULL);
    y = rn_avg_pool2d(g, x, 3, RN_OPTIONS(rn_pool2d, .stride = 1, .padding = 1, .exclude_padding = 1));
    y = norm_relu(g, y, "bn3");
    part[0] = part[2] = y;
    part[1] = rn_relu(g, x, NULL);
    x = rn_max_pool2d(g, rn_concat(g, part, 3, NULL), 2, RN_OPTIONS(rn_pool2d, .stride = 1));
    x = rn_avg_pool2d(g, x, 2, RN_OPTIONS(rn_pool2d, .ceil_mode = 1));
    x = rn_flatten(g, rn_adaptive_avg_pool2d(g, x, 3, 2, NULL), NULL);
    x = rn_linear(g, rn_dropout(g, x, "drop", 0.3, NULL), "fc", CLASSES, NULL);
    return finish(context, g, "log_probabilities", rn_log_softmax(g, x, NULL));
}

/* Sums deeper than a block, pixels that lie 4 KiB apart, a large linear layer. */
static rn_model *deep(rn_context *context)
{
    rn_value x;
    rn_graph *const g = begin(context, &x, 9, 7);

    x = rn_relu(g, rn_conv2d(g, x, "conv1", 144, 3, RN_OPTIONS(rn_conv2d, .padding = 1, .bias = 1)), NULL);
    x = rn_conv2d(g, x, "conv2", 40, 3, RN_OPTIONS(rn_conv2d, .stride = 2, .padding = 1));
    x = norm_relu(g, x, "bn2");
    x = norm_relu(g, rn_conv2d(g, x, "conv3", 1024, 1, NULL), "bn3");
    x = rn_conv2d(g, x, "conv4", 16, 3, RN_OPTIONS(rn_conv2d, .padding = 1));
    x = rn_flatten(g, norm_relu(g, x, "bn4"), NULL);
    x = rn_relu(g, rn_linear(g, x, "fc1", 300, NULL), NULL);
    return finish(context, g, "logits", rn_linear(g, x, "fc", CLASSES, NULL));
}

/* Batch norm and ReLU before each convolution, shortcuts that nothing follows, a value added to itself. */
static rn_model *preactivation(rn_context *context)
{
    rn_value x, y;
    rn_graph *const g = begin(context, &x, 10, 13);

    x = rn_conv2d(g, x, "conv1", 8, 3, RN_OPTIONS(rn_conv2d, .padding = 1));
    for (int i = 0; i < 3; i++) {
        char name[32];

        snprintf(name, sizeof name, "layer%d", i);
        rn_graph_enter(g, name);
        y = rn_conv2d(g, norm_relu(g, x, "bn1"), "conv1", 16, 1, NULL);
        y = rn_conv2d(g, norm_relu(g, y, "norm2"), "conv2", 8, 3, RN_OPTIONS(rn_conv2d, .padding = 1));
        x = rn_graph_leave(g, rn_add(g, y, x, NULL));
    }
    x = norm_relu(g, rn_add(g, x, x, NULL), "norm");
    return finish(context, g, "logits", classify(g, x));
}

/* Both projections and identities as shortcuts, shortcut A, a fire module, dropout. */
static rn_model *residual(rn_context *context)
{
    return residual_network(context, 0.3);
}

static const bits_network own[] = {
    { "own_deep", deep, 0, 0, 10, BITS_OWN },         { "own_depthwise", depthwise, 0, 0, 10, BITS_OWN },
    { "own_pools", pools, 0, 0, 10, BITS_OWN },       { "own_preactivation", preactivation, 0, 0, 10, BITS_OWN },
    { "own_residual", residual, 0, 0, 10, BITS_OWN }, { "small_dense", small_dense, 0, 0, 10, BITS_OWN },
    { "small_fire", small_fire, 0, 0, 10, BITS_OWN }, { "small_inception", small_inception, 0, 0, 10, BITS_OWN },
    { "small_next", small_next, 0, 0, 10, BITS_OWN }, { "small_residual", small_residual, 0, 0, 10, BITS_OWN },
};

/* By the beginning of the name; the first that fits. Inception's second classifier takes no smaller image. */
static const bits_network families[] = {
    { "inception", NULL, 299, 299, 2, BITS_ALL }, { "cifar", NULL, 20, 12, 10, BITS_ALL },
    { "alexnet", NULL, 65, 79, 3, BITS_ALL },     { "vgg", NULL, 48, 40, 3, BITS_ALL },
    { "", NULL, 48, 40, 10, BITS_ALL },
};

static int in_plain_run(const char *name)
{
    static const char *const plain[] = { "cifar_plain20", "cifar_resnet20", "cifar_resnet110", "squeezenet1_0",
                                         "squeezenet1_1", "resnet18",       "densenet121" };

    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (strcmp(plain[i], name) == 0)
            return 1;
    return 0;
}

static bits_network of_zoo(const char *name)
{
    const bits_network *family = families;
    bits_network network;

    while (strncmp(name, family->name, strlen(family->name)) != 0)
        family++;
    network = *family;
    network.name = name;
    if (in_plain_run(name))
        network.scale = BITS_PLAIN;
    return network;
}

const bits_network *bits_networks(size_t *count)
{
    enum { OWN = sizeof own / sizeof own[0], MOST = 256 };
    static bits_network all[MOST];
    const char *name;

    memcpy(all, own, sizeof own);
    *count = OWN;
    for (size_t i = 0; (name = rn_zoo_name(i)) != NULL; i++) {
        assert_true(*count < MOST);
        all[(*count)++] = of_zoo(name);
    }
    return all;
}
