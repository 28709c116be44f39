/* SPDX-License-Identifier: MIT */
/*
 * rn_graph: a network being written down. Each layer call takes values and gives a value; the network reads like its
 * paper.
 *
 * Errors are sticky: a call that fails gives an invalid value, later calls with it do nothing, and rn_model_build()
 * answers with the first error and its message. Names are UTF-8, of parts with dots between them, and are joined with
 * dots under rn_graph_enter(): they become the parameters' names of PyTorch's state dict. Layers and their definitions
 * are those of torch.nn at the page named beside each.
 *
 * Values of images are (N, C, H, W), after rn_flatten (N, features); N is left open until a session runs.
 *
 * Every layer has a name that is its own: the one it is given or, for a layer without parameters, its kind ("relu",
 * "add", "max_pool2d") with "_1", "_2" behind it where there are more under one prefix, as torch.fx does:
 * "layer1.0.relu_1". Sessions give any layer's output by that name, messages use it, rn_model_layer_name lists them.
 *
 * Thread safety: a graph belongs to the thread of its context. Reading sizes of values does not change it.
 */
#ifndef RESNET_GRAPH_H
#define RESNET_GRAPH_H

#include <resnet/context.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rn_graph rn_graph;

/* A value of the network: which layer's output. Copy it freely; it is meaningful for its graph only. Negative: invalid.
 */
typedef struct rn_value {
    int32_t index;
} rn_value;

RN_API rn_status rn_graph_create(rn_graph **graph, rn_context *context);
/* NULL is fine. A model that was built from the graph does not need it any more. */
RN_API void rn_graph_destroy(rn_graph *graph);

/* Names below become "prefix.name" until rn_graph_leave. */
RN_API void rn_graph_enter(rn_graph *graph, const char *prefix);
/* Ends the prefix; gives `result` back, renamed to the prefix ("layer1.0"), so that a block can end with `return`. */
RN_API rn_value rn_graph_leave(rn_graph *graph, rn_value result);

typedef struct rn_graph_input_options {
    size_t struct_size;
    int32_t dtype;    /* an rn_dtype; 0: RN_FLOAT32, the only one that is built (others: RN_UNSUPPORTED) */
    int32_t reserved; /* 0 */
} rn_graph_input_options;

/* What comes in: images (N, channels, height, width), named for messages and for sessions ("images"). Before any other
 * layer. RN_UNSUPPORTED: a second input. */
RN_API rn_value rn_graph_input(rn_graph *graph, const char *name, int64_t channels, int64_t height, int64_t width,
                               const rn_graph_input_options *options);
/* Names a value that comes out. A classifier has one, "logits". */
RN_API void rn_graph_output(rn_graph *graph, const char *name, rn_value value);

typedef struct rn_auxiliary_output_options {
    size_t struct_size;
    double loss_weight; /* of its loss beside that of the first output; 0: 0.4 */
} rn_auxiliary_output_options;

/* Names a value that comes out in training only, such as the second classifier of Inception: its part of the network is
 * not run in inference. rn_trainer adds its loss, so weighted. After the first rn_graph_output. */
RN_API void rn_graph_auxiliary_output(rn_graph *graph, const char *name, rn_value value,
                                      const rn_auxiliary_output_options *options);
/* Says which part is the head: parameters and layers whose names begin with `prefix` ("fc"). Each call adds a part; the
 * rest is the backbone. */
RN_API void rn_graph_head(rn_graph *graph, const char *prefix);

/* Sizes of a value, for builders; 0 where it has no such dimension or is invalid. For (N, features): channels =
 * features, height = width = 1. */
RN_API int64_t rn_value_channels(const rn_graph *graph, rn_value value);
RN_API int64_t rn_value_height(const rn_graph *graph, rn_value value);
RN_API int64_t rn_value_width(const rn_graph *graph, rn_value value);

/* ---- layers with parameters ------------------------------------------------------------------------------------ */

typedef struct rn_conv2d_options {
    size_t struct_size;
    int32_t stride, stride_w;   /* 0: 1. stride_w 0: as stride */
    int32_t padding, padding_w; /* zeros on every side; padding_w 0: as padding. For a zero beside a non-zero padding
                                   see no_padding_h, no_padding_w */
    int32_t kernel_w;           /* 0: as kernel */
    int32_t groups;             /* 0: 1 */
    int32_t bias;               /* 1: with bias. Default without, as a convolution before batch norm has none */
    int32_t dilation;           /* pixels from one of the kernel's to the next, in both directions; 0: 1 */
    int32_t init;               /* an rn_init */
    int32_t no_padding_h;       /* 1: no padding above and below, whatever `padding` says */
    int32_t no_padding_w;       /* 1: no padding left and right */
    int32_t reserved;
} rn_conv2d_options;

typedef enum rn_init {
    RN_INIT_DEFAULT = 0,         /* torch.nn's own: kaiming_uniform(a = sqrt 5), bias uniform in +-1/sqrt(fan in) */
    RN_INIT_KAIMING_FAN_OUT = 1, /* normal, gain sqrt 2, fan out: torchvision's ResNet */
    RN_INIT_KAIMING_UNIFORM = 2, /* uniform, gain sqrt 2, fan in, bias 0: torchvision's SqueezeNet */
    RN_INIT_NORMAL_001 = 3,      /* normal with deviation 0.01, bias 0: torchvision's heads of SqueezeNet and VGG */
    RN_INIT_KAIMING_FAN_IN = 4,  /* normal, gain sqrt 2, fan in, bias 0 */
    RN_INIT_ZERO_BIAS = 5,       /* torch.nn's own, bias 0: torchvision's DenseNet head */
    RN_INIT_NORMAL_01 = 6,       /* normal with deviation 0.1, bias as torch.nn's: torchvision's Inception */
    RN_INIT_NORMAL_0001 = 7      /* the same with deviation 0.001: Inception's auxiliary head */
} rn_init;

/* torch.nn.Conv2d (cross-correlation): out channels, kernel height and width. Parameters name.weight (out, in / groups,
 * kh, kw) and, with bias, name.bias. */
RN_API rn_value rn_conv2d(rn_graph *graph, rn_value x, const char *name, int64_t out_channels, int32_t kernel,
                          const rn_conv2d_options *options);

typedef struct rn_batch_norm2d_options {
    size_t struct_size;
    double eps;      /* 0: 1e-5 */
    double momentum; /* 0: 0.1, the weight of the new batch in the running statistics */
} rn_batch_norm2d_options;

/* torch.nn.BatchNorm2d. Parameters name.weight, name.bias; buffers name.running_mean, name.running_var (unbiased),
 * name.num_batches_tracked. */
RN_API rn_value rn_batch_norm2d(rn_graph *graph, rn_value x, const char *name, const rn_batch_norm2d_options *options);

typedef struct rn_linear_options {
    size_t struct_size;
    int32_t no_bias; /* 1: without bias */
    int32_t init;    /* an rn_init */
} rn_linear_options;

/* torch.nn.Linear on (N, features). Parameters name.weight (out, in), name.bias. */
RN_API rn_value rn_linear(rn_graph *graph, rn_value x, const char *name, int64_t out_features,
                          const rn_linear_options *options);

/* ---- layers without parameters --------------------------------------------------------------------------------- */

/* `name` in the options below: the layer's name; NULL: its kind, numbered. */

typedef struct rn_relu_options {
    size_t struct_size;
    const char *name;
} rn_relu_options;

/* torch.nn.ReLU */
RN_API rn_value rn_relu(rn_graph *graph, rn_value x, const rn_relu_options *options);

typedef struct rn_pool2d_options {
    size_t struct_size;
    const char *name;
    int32_t stride;          /* 0: as kernel */
    int32_t padding;         /* at most half of the kernel */
    int32_t ceil_mode;       /* 1: a last window that is only partly inside counts */
    int32_t exclude_padding; /* avg_pool2d, 1: divide by the pixels inside only (count_include_pad=False) */
} rn_pool2d_options;

/* torch.nn.MaxPool2d; the first maximum of a window takes the gradient, NaN wins. RN_UNSUPPORTED: a kernel over 15. */
RN_API rn_value rn_max_pool2d(rn_graph *graph, rn_value x, int32_t kernel, const rn_pool2d_options *options);
/* torch.nn.AvgPool2d */
RN_API rn_value rn_avg_pool2d(rn_graph *graph, rn_value x, int32_t kernel, const rn_pool2d_options *options);

typedef struct rn_adaptive_avg_pool2d_options {
    size_t struct_size;
    const char *name;
} rn_adaptive_avg_pool2d_options;

/* torch.nn.AdaptiveAvgPool2d */
RN_API rn_value rn_adaptive_avg_pool2d(rn_graph *graph, rn_value x, int64_t out_height, int64_t out_width,
                                       const rn_adaptive_avg_pool2d_options *options);

typedef struct rn_dropout_options {
    size_t struct_size;
} rn_dropout_options;

/* torch.nn.Dropout: zero with the given probability in training, scaled by 1/(1 - p). Draws are a pure function of
 * (seed, step, element). The name is for freezing. */
RN_API rn_value rn_dropout(rn_graph *graph, rn_value x, const char *name, double probability,
                           const rn_dropout_options *options);

typedef struct rn_add_options {
    size_t struct_size;
    const char *name;
} rn_add_options;

/* a + b, same shapes. */
RN_API rn_value rn_add(rn_graph *graph, rn_value a, rn_value b, const rn_add_options *options);

typedef struct rn_concat_options {
    size_t struct_size;
    const char *name;
} rn_concat_options;

/* torch.cat along channels of 1 to 1024 values with equal height and width. */
RN_API rn_value rn_concat(rn_graph *graph, const rn_value *values, size_t count, const rn_concat_options *options);

typedef struct rn_flatten_options {
    size_t struct_size;
    const char *name;
} rn_flatten_options;

/* torch.flatten(x, 1): (N, C, H, W) to (N, C*H*W), in PyTorch's order. */
RN_API rn_value rn_flatten(rn_graph *graph, rn_value x, const rn_flatten_options *options);

typedef struct rn_shortcut_a_options {
    size_t struct_size;
    const char *name;
} rn_shortcut_a_options;

/* Shortcut A of the ResNet paper (arXiv:1512.03385, 3.3): every stride-th pixel, new channels zero, half of them before
 * and half after (as the CIFAR networks in PyTorch have it). */
RN_API rn_value rn_shortcut_a(rn_graph *graph, rn_value x, int64_t out_channels, int32_t stride,
                              const rn_shortcut_a_options *options);

typedef struct rn_log_softmax_options {
    size_t struct_size;
    const char *name;
} rn_log_softmax_options;

/* log(softmax(x)) along channels of (N, features). Networks of the zoo end in logits and do not need it. */
RN_API rn_value rn_log_softmax(rn_graph *graph, rn_value x, const rn_log_softmax_options *options);

#ifdef __cplusplus
}
#endif

#endif
