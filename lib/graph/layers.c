/* SPDX-License-Identifier: MIT */
/*
 * The layer calls: each checks its arguments, adds a layer and declares the layer's parameters under PyTorch's names.
 * Definitions and defaults: https://pytorch.org/docs/stable/nn.html.
 */
#include "graph/graph.h"
#include "base/options.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

RN_NO_TAIL_PADDING(rn_conv2d_options, reserved);
RN_NO_TAIL_PADDING(rn_batch_norm2d_options, momentum);
RN_NO_TAIL_PADDING(rn_linear_options, init);
RN_NO_TAIL_PADDING(rn_pool2d_options, exclude_padding);
RN_NO_TAIL_PADDING(rn_graph_input_options, reserved);
RN_NO_TAIL_PADDING(rn_relu_options, name);
RN_NO_TAIL_PADDING(rn_adaptive_avg_pool2d_options, name);
RN_NO_TAIL_PADDING(rn_dropout_options, struct_size);
RN_NO_TAIL_PADDING(rn_add_options, name);
RN_NO_TAIL_PADDING(rn_concat_options, name);
RN_NO_TAIL_PADDING(rn_flatten_options, name);
RN_NO_TAIL_PADDING(rn_shortcut_a_options, name);
RN_NO_TAIL_PADDING(rn_log_softmax_options, name);

enum {
    MAX_WINDOW = 15,      /* of max pooling: the place of the maximum is kept in a byte */
    MAX_KERNEL = 1 << 15, /* of anything else: kernel_h * kernel_w fits int32 */
    MAX_CONCAT = 1024
};

static const int64_t max_channels = INT64_C(1) << 24;

/* Reads options; false after an error of the graph. */
static bool read_options(rn_graph *graph, void *options, size_t size, const void *source)
{
    rn_message message;
    const rn_status status = rn_options_read(options, size, source, &message);

    if (status != RN_OK)
        rn_graph_fail(graph, status, "%s", message.text);
    return status == RN_OK;
}

/* How every layer call begins: a graph without an error yet, and options that make sense. */
static bool begins(rn_graph *graph, void *options, size_t size, const void *source)
{
    return graph != NULL && graph->status == RN_OK && read_options(graph, options, size, source);
}

/* ---- parameters -------------------------------------------------------------------------------------------------- */

/* Declares "layer.suffix"; *index becomes its index in the store. False after an error of the graph. */
static bool declare(rn_graph *graph, int32_t layer, const char *suffix, bool is_parameter, int32_t rank,
                    const int64_t *shape, int32_t *index)
{
    const rn_allocator *const allocator = &graph->context->allocator;
    const char *const layer_name = graph->layer[layer].name;
    const size_t nbytes = strlen(layer_name) + strlen(suffix) + 2;
    char *const name = rn_allocate(allocator, nbytes);
    size_t declared = 0;
    rn_status status;

    if (name == NULL) {
        rn_graph_fail(graph, RN_NO_MEMORY, "no memory for the name of a parameter of %s", layer_name);
        return false;
    }
    snprintf(name, nbytes, "%s.%s", layer_name, suffix);
    /* A counter has no dimension and is the only integer. */
    status = rn_parameters_declare(&declared, graph->parameters, name, is_parameter, rank == 0 ? RN_INT64 : RN_FLOAT32,
                                   rank, shape);
    rn_release(allocator, name);
    if (status != RN_OK) {
        rn_graph_fail(graph, status, "%s", graph->context->message.text);
        return false;
    }
    *index = (int32_t)declared;
    return true;
}

/* Weight of the given shape and, with bias, one number for each of shape[0]. */
static rn_value declare_weight(rn_graph *graph, rn_value value, int32_t rank, const int64_t *shape, bool bias)
{
    int32_t weight = -1, offset = -1;
    rn_layer *layer;

    if (!declare(graph, value.index, "weight", true, rank, shape, &weight) ||
        (bias && !declare(graph, value.index, "bias", true, 1, shape, &offset)))
        return (rn_value){ -1 };
    layer = &graph->layer[value.index];
    layer->weight = weight;
    layer->bias = offset;
    return value;
}

static bool is_init(int32_t init)
{
    return init >= RN_INIT_DEFAULT && init <= RN_INIT_NORMAL_0001;
}

/* ---- convolution ------------------------------------------------------------------------------------------------- */

static int32_t otherwise(int32_t value, int32_t standard)
{
    return value != 0 ? value : standard;
}

/* For layers whose parameters need a name of the caller's. */
static const char *given(const char *name)
{
    return name != NULL ? name : "";
}

static bool conv_is_legal(rn_graph *graph, const char *name, int64_t in_channels, const rn_layer *layer,
                          const rn_conv2d_options *options)
{
    const int64_t out = layer->shape.c;
    const int32_t kernel_h = layer->as.conv.kernel_h, kernel_w = layer->as.conv.kernel_w,
                  groups = layer->as.conv.groups;

    if (out < 1 || out > max_channels)
        rn_graph_fail_layer(graph, RN_INVALID_ARGUMENT, layer->kind, given(name), "%" PRId64 " channels out", out);
    else if (kernel_h < 1 || kernel_w < 1 || kernel_h > MAX_KERNEL || kernel_w > MAX_KERNEL)
        rn_graph_fail_layer(graph, RN_INVALID_ARGUMENT, layer->kind, given(name), "a kernel of %" PRId32 " x %" PRId32,
                            kernel_h, kernel_w);
    else if (layer->as.conv.stride_h < 1 || layer->as.conv.stride_w < 1)
        rn_graph_fail_layer(graph, RN_INVALID_ARGUMENT, layer->kind, given(name), "a negative stride");
    else if (layer->as.conv.padding_h < 0 || layer->as.conv.padding_w < 0)
        rn_graph_fail_layer(graph, RN_INVALID_ARGUMENT, layer->kind, given(name), "a negative padding");
    else if (groups < 1 || out % groups != 0 || in_channels % groups != 0)
        rn_graph_fail_layer(graph, RN_INVALID_ARGUMENT, layer->kind, given(name),
                            "%" PRId32 " groups do not divide %" PRId64 " channels in and %" PRId64 " out", groups,
                            in_channels, out);
    else if (layer->as.conv.dilation < 1 || layer->as.conv.dilation > MAX_KERNEL)
        rn_graph_fail_layer(graph, RN_INVALID_ARGUMENT, layer->kind, given(name), "a dilation of %" PRId32,
                            layer->as.conv.dilation);
    else if (options->reserved != 0)
        rn_graph_fail_layer(graph, RN_INVALID_ARGUMENT, layer->kind, given(name), "a reserved option is set");
    else if (!is_init(options->init))
        rn_graph_fail_layer(graph, RN_INVALID_ARGUMENT, layer->kind, given(name), "there is no initialisation %" PRId32,
                            options->init);
    return graph->status == RN_OK;
}

rn_value rn_conv2d(rn_graph *graph, rn_value x, const char *name, int64_t out_channels, int32_t kernel,
                   const rn_conv2d_options *options)
{
    rn_conv2d_options o;
    rn_layer layer = { .kind = RN_LAYER_CONV2D, .inputs = &x.index, .input_count = 1 };
    int64_t in_channels;
    rn_value value;

    if (!begins(graph, &o, sizeof o, options))
        return (rn_value){ -1 };
    in_channels = rn_value_channels(graph, x);
    layer.shape.c = out_channels;
    layer.in_channels = in_channels;
    layer.init = (rn_init)o.init;
    layer.as.conv.kernel_h = kernel;
    layer.as.conv.kernel_w = otherwise(o.kernel_w, kernel);
    layer.as.conv.stride_h = otherwise(o.stride, 1);
    layer.as.conv.stride_w = otherwise(o.stride_w, layer.as.conv.stride_h);
    layer.as.conv.padding_h = o.no_padding_h ? 0 : o.padding;
    layer.as.conv.padding_w = o.no_padding_w ? 0 : otherwise(o.padding_w, o.padding);
    layer.as.conv.groups = otherwise(o.groups, 1);
    layer.as.conv.dilation = otherwise(o.dilation, 1);
    if (!conv_is_legal(graph, name, in_channels, &layer, &o))
        return (rn_value){ -1 };
    value = rn_graph_add_layer(graph, &layer, given(name));
    if (value.index < 0)
        return value;
    return declare_weight(graph, value, 4,
                          (const int64_t[]){ out_channels, in_channels / layer.as.conv.groups, layer.as.conv.kernel_h,
                                             layer.as.conv.kernel_w },
                          o.bias != 0);
}

/* ---- linear ------------------------------------------------------------------------------------------------------ */

rn_value rn_linear(rn_graph *graph, rn_value x, const char *name, int64_t out_features,
                   const rn_linear_options *options)
{
    rn_linear_options o;
    rn_layer layer = { .kind = RN_LAYER_LINEAR, .inputs = &x.index, .input_count = 1 };
    rn_value value;

    if (!begins(graph, &o, sizeof o, options))
        return (rn_value){ -1 };
    if (out_features < 1 || out_features > max_channels)
        return rn_graph_fail_layer(graph, RN_INVALID_ARGUMENT, RN_LAYER_LINEAR, given(name), "%" PRId64 " features out",
                                   out_features);
    if (!is_init(o.init))
        return rn_graph_fail_layer(graph, RN_INVALID_ARGUMENT, RN_LAYER_LINEAR, given(name),
                                   "there is no initialisation %" PRId32, o.init);
    layer.shape.c = out_features;
    layer.in_channels = rn_value_channels(graph, x);
    layer.init = (rn_init)o.init;
    layer.as.conv.kernel_h = layer.as.conv.kernel_w = 1;
    layer.as.conv.stride_h = layer.as.conv.stride_w = 1;
    layer.as.conv.groups = 1;
    layer.as.conv.dilation = 1;
    value = rn_graph_add_layer(graph, &layer, given(name));
    if (value.index < 0)
        return value;
    return declare_weight(graph, value, 2, (const int64_t[]){ out_features, layer.in_channels }, o.no_bias == 0);
}

/* ---- batch norm -------------------------------------------------------------------------------------------------- */

rn_value rn_batch_norm2d(rn_graph *graph, rn_value x, const char *name, const rn_batch_norm2d_options *options)
{
    rn_batch_norm2d_options o;
    rn_layer layer = { .kind = RN_LAYER_BATCH_NORM2D, .inputs = &x.index, .input_count = 1 };
    int32_t mean = -1, variance = -1, tracked = -1;
    int64_t channels;
    rn_value value;

    if (!begins(graph, &o, sizeof o, options))
        return (rn_value){ -1 };
    layer.as.batch_norm.eps = rn_option_number(o.eps, 1e-5);
    layer.as.batch_norm.momentum = rn_option_number(o.momentum, 0.1);
    if (!(layer.as.batch_norm.eps >= 0 && isfinite(layer.as.batch_norm.eps)))
        return rn_graph_fail_layer(graph, RN_INVALID_ARGUMENT, RN_LAYER_BATCH_NORM2D, given(name), "an eps of %g",
                                   layer.as.batch_norm.eps);
    if (!(layer.as.batch_norm.momentum >= 0 && layer.as.batch_norm.momentum <= 1))
        return rn_graph_fail_layer(graph, RN_INVALID_ARGUMENT, RN_LAYER_BATCH_NORM2D, given(name), "a momentum of %g",
                                   layer.as.batch_norm.momentum);
    channels = layer.in_channels = rn_value_channels(graph, x);
    value = rn_graph_add_layer(graph, &layer, given(name));
    if (value.index >= 0)
        value = declare_weight(graph, value, 1, &channels, true);
    if (value.index < 0 || !declare(graph, value.index, "running_mean", false, 1, &channels, &mean) ||
        !declare(graph, value.index, "running_var", false, 1, &channels, &variance) ||
        !declare(graph, value.index, "num_batches_tracked", false, 0, NULL, &tracked))
        return (rn_value){ -1 };
    graph->layer[value.index].running_mean = mean;
    graph->layer[value.index].running_var = variance;
    graph->layer[value.index].batches_tracked = tracked;
    return value;
}

/* ---- layers without parameters ----------------------------------------------------------------------------------- */

rn_value rn_graph_input(rn_graph *graph, const char *name, int64_t channels, int64_t height, int64_t width,
                        const rn_graph_input_options *options)
{
    const rn_layer layer = { .kind = RN_LAYER_INPUT, .shape = { channels, height, width, false } };
    rn_graph_input_options o;

    if (!begins(graph, &o, sizeof o, options))
        return (rn_value){ -1 };
    if (graph->count > 0)
        return rn_graph_fail(graph, graph->layer[0].kind == RN_LAYER_INPUT ? RN_UNSUPPORTED : RN_INVALID_ARGUMENT,
                             "input %s: one input is built, before any other layer", given(name));
    if (o.dtype != 0 && o.dtype != RN_FLOAT32)
        return rn_graph_fail_layer(graph, RN_UNSUPPORTED, layer.kind, given(name), "of type %s; only float32 is built",
                                   rn_dtype_name((rn_dtype)o.dtype));
    if (o.reserved != 0)
        return rn_graph_fail_layer(graph, RN_INVALID_ARGUMENT, layer.kind, given(name), "a reserved option is set");
    if (channels < 1 || height < 1 || width < 1)
        return rn_graph_fail_layer(graph, RN_INVALID_ARGUMENT, layer.kind, given(name),
                                   "(%" PRId64 ", %" PRId64 ", %" PRId64 ")", channels, height, width);
    return rn_graph_add_layer(graph, &layer, given(name));
}

rn_value rn_relu(rn_graph *graph, rn_value x, const rn_relu_options *options)
{
    const rn_layer layer = { .kind = RN_LAYER_RELU, .inputs = &x.index, .input_count = 1 };
    rn_relu_options o;

    return begins(graph, &o, sizeof o, options) ? rn_graph_add_layer(graph, &layer, o.name) : (rn_value){ -1 };
}

rn_value rn_flatten(rn_graph *graph, rn_value x, const rn_flatten_options *options)
{
    const rn_layer layer = { .kind = RN_LAYER_FLATTEN, .inputs = &x.index, .input_count = 1 };
    rn_flatten_options o;

    return begins(graph, &o, sizeof o, options) ? rn_graph_add_layer(graph, &layer, o.name) : (rn_value){ -1 };
}

rn_value rn_log_softmax(rn_graph *graph, rn_value x, const rn_log_softmax_options *options)
{
    const rn_layer layer = { .kind = RN_LAYER_LOG_SOFTMAX, .inputs = &x.index, .input_count = 1 };
    rn_log_softmax_options o;

    return begins(graph, &o, sizeof o, options) ? rn_graph_add_layer(graph, &layer, o.name) : (rn_value){ -1 };
}

static bool pool_is_legal(rn_graph *graph, rn_layer_kind kind, int32_t kernel, const rn_pool2d_options *o)
{
    const int32_t largest = kind == RN_LAYER_MAX_POOL2D ? MAX_WINDOW : MAX_KERNEL;

    if (kernel < 1)
        rn_graph_fail_layer(graph, RN_INVALID_ARGUMENT, kind, o->name, "a window of %" PRId32, kernel);
    else if (kernel > largest)
        rn_graph_fail_layer(graph, RN_UNSUPPORTED, kind, o->name,
                            "a window of %" PRId32 "; at most %" PRId32 " is built", kernel, largest);
    else if (o->stride < 0 || o->padding < 0)
        rn_graph_fail_layer(graph, RN_INVALID_ARGUMENT, kind, o->name, "a negative stride or padding");
    else if (o->padding > kernel / 2)
        rn_graph_fail_layer(graph, RN_INVALID_ARGUMENT, kind, o->name,
                            "a padding of %" PRId32 " is more than half of the window of %" PRId32, o->padding, kernel);
    else if (kind == RN_LAYER_MAX_POOL2D && o->exclude_padding != 0)
        rn_graph_fail_layer(graph, RN_INVALID_ARGUMENT, kind, o->name, "exclude_padding is for average pooling");
    return graph->status == RN_OK;
}

static rn_value add_pool(rn_graph *graph, rn_value x, rn_layer_kind kind, int32_t kernel,
                         const rn_pool2d_options *options)
{
    rn_layer layer = { .kind = kind, .inputs = &x.index, .input_count = 1 };
    rn_pool2d_options o;

    if (!begins(graph, &o, sizeof o, options) || !pool_is_legal(graph, kind, kernel, &o))
        return (rn_value){ -1 };
    layer.as.pool.kernel = kernel;
    layer.as.pool.stride = otherwise(o.stride, kernel);
    layer.as.pool.padding = o.padding;
    layer.as.pool.ceil_mode = o.ceil_mode != 0;
    layer.as.pool.exclude_padding = o.exclude_padding != 0;
    return rn_graph_add_layer(graph, &layer, o.name);
}

rn_value rn_max_pool2d(rn_graph *graph, rn_value x, int32_t kernel, const rn_pool2d_options *options)
{
    return add_pool(graph, x, RN_LAYER_MAX_POOL2D, kernel, options);
}

rn_value rn_avg_pool2d(rn_graph *graph, rn_value x, int32_t kernel, const rn_pool2d_options *options)
{
    return add_pool(graph, x, RN_LAYER_AVG_POOL2D, kernel, options);
}

rn_value rn_adaptive_avg_pool2d(rn_graph *graph, rn_value x, int64_t out_height, int64_t out_width,
                                const rn_adaptive_avg_pool2d_options *options)
{
    const rn_layer layer = { .kind = RN_LAYER_ADAPTIVE_AVG_POOL2D,
                             .inputs = &x.index,
                             .input_count = 1,
                             .shape = { 0, out_height, out_width, false } };
    rn_adaptive_avg_pool2d_options o;

    if (!begins(graph, &o, sizeof o, options))
        return (rn_value){ -1 };
    if (out_height < 1 || out_width < 1)
        return rn_graph_fail_layer(graph, RN_INVALID_ARGUMENT, layer.kind, o.name, "a result of %" PRId64 " x %" PRId64,
                                   out_height, out_width);
    return rn_graph_add_layer(graph, &layer, o.name);
}

rn_value rn_dropout(rn_graph *graph, rn_value x, const char *name, double probability,
                    const rn_dropout_options *options)
{
    const rn_layer layer = {
        .kind = RN_LAYER_DROPOUT, .inputs = &x.index, .input_count = 1, .as.dropout = { probability }
    };
    rn_dropout_options o;

    if (!begins(graph, &o, sizeof o, options))
        return (rn_value){ -1 };
    if (!(probability >= 0 && probability <= 1))
        return rn_graph_fail_layer(graph, RN_INVALID_ARGUMENT, layer.kind, given(name), "a probability of %g",
                                   probability);
    return rn_graph_add_layer(graph, &layer, given(name));
}

rn_value rn_add(rn_graph *graph, rn_value a, rn_value b, const rn_add_options *options)
{
    int32_t inputs[] = { a.index, b.index };
    const rn_layer layer = { .kind = RN_LAYER_ADD, .inputs = inputs, .input_count = 2 };
    rn_add_options o;

    return begins(graph, &o, sizeof o, options) ? rn_graph_add_layer(graph, &layer, o.name) : (rn_value){ -1 };
}

rn_value rn_concat(rn_graph *graph, const rn_value *values, size_t count, const rn_concat_options *options)
{
    rn_layer layer = { .kind = RN_LAYER_CONCAT };
    rn_concat_options o;
    rn_value value;

    if (!begins(graph, &o, sizeof o, options))
        return (rn_value){ -1 };
    if (values == NULL || count < 1 || count > MAX_CONCAT)
        return rn_graph_fail_layer(graph, RN_INVALID_ARGUMENT, layer.kind, o.name, "1 to %d values, not %zu",
                                   MAX_CONCAT, values == NULL ? (size_t)0 : count);
    layer.inputs = rn_allocate_array(&graph->context->allocator, count, sizeof *layer.inputs);
    if (layer.inputs == NULL)
        return rn_graph_fail(graph, RN_NO_MEMORY, "no memory for a concatenation");
    layer.input_count = (int32_t)count;
    for (size_t i = 0; i < count; i++)
        layer.inputs[i] = values[i].index;
    value = rn_graph_add_layer(graph, &layer, o.name);
    rn_release(&graph->context->allocator, layer.inputs);
    return value;
}

rn_value rn_shortcut_a(rn_graph *graph, rn_value x, int64_t out_channels, int32_t stride,
                       const rn_shortcut_a_options *options)
{
    const rn_layer layer = { .kind = RN_LAYER_SHORTCUT_A,
                             .inputs = &x.index,
                             .input_count = 1,
                             .shape = { out_channels, 0, 0, false },
                             .as.shortcut = { stride } };
    rn_shortcut_a_options o;

    if (!begins(graph, &o, sizeof o, options))
        return (rn_value){ -1 };
    if (stride < 1)
        return rn_graph_fail_layer(graph, RN_INVALID_ARGUMENT, layer.kind, o.name, "a stride of %" PRId32, stride);
    return rn_graph_add_layer(graph, &layer, o.name);
}
