/* SPDX-License-Identifier: MIT */
/*
 * Shape rules: what a layer makes of its inputs' shapes. The same rules serve the graph, with its own input size, and a
 * session that is given pictures of another size. Definitions: the "Shape" sections of
 * https://pytorch.org/docs/stable/nn.html.
 */
#include "graph/graph.h"

#include <inttypes.h>
#include <stdio.h>

/* No side and no value of one image may be larger, so that products of a few of them stay within int64. */
static const int64_t max_side = INT64_C(1) << 24;
static const int64_t max_elements = INT64_C(1) << 40;

const char *rn_layer_kind_name(rn_layer_kind kind)
{
    static const char *const name[] = {
        [RN_LAYER_INPUT] = "input",
        [RN_LAYER_CONV2D] = "conv2d",
        [RN_LAYER_BATCH_NORM2D] = "batch_norm2d",
        [RN_LAYER_RELU] = "relu",
        [RN_LAYER_MAX_POOL2D] = "max_pool2d",
        [RN_LAYER_AVG_POOL2D] = "avg_pool2d",
        [RN_LAYER_ADAPTIVE_AVG_POOL2D] = "adaptive_avg_pool2d",
        [RN_LAYER_LINEAR] = "linear",
        [RN_LAYER_DROPOUT] = "dropout",
        [RN_LAYER_ADD] = "add",
        [RN_LAYER_CONCAT] = "concat",
        [RN_LAYER_FLATTEN] = "flatten",
        [RN_LAYER_SHORTCUT_A] = "shortcut_a",
        [RN_LAYER_LOG_SOFTMAX] = "log_softmax",
    };

    return name[kind];
}

/* "(64, 56, 56)" or "(512 features)" */
static const char *describe_shape(char *text, size_t size, const rn_value_shape *shape)
{
    if (shape->flat)
        snprintf(text, size, "(%" PRId64 " features)", shape->c);
    else
        snprintf(text, size, "(%" PRId64 ", %" PRId64 ", %" PRId64 ")", shape->c, shape->h, shape->w);
    return text;
}

/* A failure that names the layer and the first input's shape. */
static rn_status fail_layer(rn_message *message, const rn_layer *layer, const rn_value_shape *input, const char *what)
{
    char shape[96];

    return rn_fail(message, RN_SHAPE, "%s %s: input %s %s", rn_layer_kind_name(layer->kind), layer->name,
                   describe_shape(shape, sizeof shape, input), what);
}

/* floor((in + 2 padding - kernel) / stride) + 1; 0 if the kernel does not fit. */
static int64_t windows(int64_t in, int64_t kernel, int64_t stride, int64_t padding)
{
    const int64_t room = in + 2 * padding - kernel;

    return room < 0 ? 0 : room / stride + 1;
}

/*
 * The same rounded up: a last window that is only partly inside counts, if it begins inside the input or its left
 * padding.
 */
static int64_t windows_ceil(int64_t in, int64_t kernel, int64_t stride, int64_t padding)
{
    const int64_t room = in + 2 * padding - kernel;
    int64_t count;

    if (room <= -stride)
        return 0;
    count = (room + stride - 1) / stride + 1;
    return (count - 1) * stride >= in + padding ? count - 1 : count;
}

/* Pixels from the first of a kernel's to its last. */
static int64_t spread(int32_t kernel, const rn_layer *layer)
{
    return (int64_t)layer->as.conv.dilation * (kernel - 1) + 1;
}

static rn_status shape_conv(rn_value_shape *shape, const rn_layer *layer, const rn_value_shape *x, rn_message *message)
{
    shape->c = layer->shape.c;
    shape->h = windows(x->h, spread(layer->as.conv.kernel_h, layer), layer->as.conv.stride_h, layer->as.conv.padding_h);
    shape->w = windows(x->w, spread(layer->as.conv.kernel_w, layer), layer->as.conv.stride_w, layer->as.conv.padding_w);
    if (shape->h < 1 || shape->w < 1)
        return fail_layer(message, layer, x, "is smaller than the kernel");
    return RN_OK;
}

static rn_status shape_pool(rn_value_shape *shape, const rn_layer *layer, const rn_value_shape *x, rn_message *message)
{
    int64_t (*const count)(int64_t, int64_t, int64_t, int64_t) = layer->as.pool.ceil_mode ? windows_ceil : windows;

    shape->h = count(x->h, layer->as.pool.kernel, layer->as.pool.stride, layer->as.pool.padding);
    shape->w = count(x->w, layer->as.pool.kernel, layer->as.pool.stride, layer->as.pool.padding);
    if (shape->h < 1 || shape->w < 1)
        return fail_layer(message, layer, x, "is smaller than the window");
    return RN_OK;
}

static rn_status shape_add(const rn_layer *layer, const rn_value_shape *inputs, rn_message *message)
{
    char a[96], b[96];

    if (inputs[0].c == inputs[1].c && inputs[0].h == inputs[1].h && inputs[0].w == inputs[1].w &&
        inputs[0].flat == inputs[1].flat)
        return RN_OK;
    return rn_fail(message, RN_SHAPE, "%s %s: shapes %s and %s differ", rn_layer_kind_name(layer->kind), layer->name,
                   describe_shape(a, sizeof a, &inputs[0]), describe_shape(b, sizeof b, &inputs[1]));
}

static rn_status shape_concat(rn_value_shape *shape, const rn_layer *layer, const rn_value_shape *inputs,
                              rn_message *message)
{
    char a[96], b[96];

    for (int32_t i = 1; i < layer->input_count; i++) {
        if (inputs[i].h != inputs[0].h || inputs[i].w != inputs[0].w || inputs[i].flat != inputs[0].flat)
            return rn_fail(message, RN_SHAPE, "%s %s: heights and widths of %s and %s differ",
                           rn_layer_kind_name(layer->kind), layer->name, describe_shape(a, sizeof a, &inputs[0]),
                           describe_shape(b, sizeof b, &inputs[i]));
        shape->c += inputs[i].c;
    }
    return RN_OK;
}

static rn_status shape_shortcut(rn_value_shape *shape, const rn_layer *layer, const rn_value_shape *x,
                                rn_message *message)
{
    const int64_t stride = layer->as.shortcut.stride;

    shape->c = layer->shape.c;
    shape->h = (x->h + stride - 1) / stride;
    shape->w = (x->w + stride - 1) / stride;
    if (shape->c < x->c || (shape->c - x->c) % 2 != 0)
        return fail_layer(message, layer, x, "has more channels than come out, or new channels cannot be halved");
    return RN_OK;
}

static rn_status check_size(const rn_layer *layer, const rn_value_shape *shape, rn_message *message)
{
    char text[96];
    /* A flat value is as long as the image that it came from. */
    const int64_t limit = shape->flat ? max_elements : max_side;

    if (shape->c <= limit && shape->h <= max_side && shape->w <= max_side &&
        shape->c <= max_elements / shape->h / shape->w)
        return RN_OK;
    return rn_fail(message, RN_SHAPE, "%s %s: a value of shape %s is too large", rn_layer_kind_name(layer->kind),
                   layer->name, describe_shape(text, sizeof text, shape));
}

/* Which layers take pictures only, and which flat values only. */
static rn_status check_kind_of_input(const rn_layer *layer, const rn_value_shape *x, rn_message *message)
{
    switch (layer->kind) {
    case RN_LAYER_LINEAR:
    case RN_LAYER_LOG_SOFTMAX:
        return x->flat ? RN_OK : fail_layer(message, layer, x, "is a picture: rn_flatten it first");
    case RN_LAYER_CONV2D:
    case RN_LAYER_BATCH_NORM2D:
    case RN_LAYER_MAX_POOL2D:
    case RN_LAYER_AVG_POOL2D:
    case RN_LAYER_ADAPTIVE_AVG_POOL2D:
    case RN_LAYER_SHORTCUT_A:
        return x->flat ? fail_layer(message, layer, x, "is no picture (channels, height, width)") : RN_OK;
    default: return RN_OK;
    }
}

static rn_status apply_rule(rn_value_shape *shape, const rn_layer *layer, const rn_value_shape *inputs,
                            rn_message *message)
{
    switch (layer->kind) {
    case RN_LAYER_CONV2D: return shape_conv(shape, layer, inputs, message);
    case RN_LAYER_LINEAR: shape->c = layer->shape.c; return RN_OK;
    case RN_LAYER_MAX_POOL2D:
    case RN_LAYER_AVG_POOL2D: return shape_pool(shape, layer, inputs, message);
    case RN_LAYER_ADAPTIVE_AVG_POOL2D:
        shape->h = layer->shape.h;
        shape->w = layer->shape.w;
        return RN_OK;
    case RN_LAYER_ADD: return shape_add(layer, inputs, message);
    case RN_LAYER_CONCAT: return shape_concat(shape, layer, inputs, message);
    case RN_LAYER_FLATTEN: *shape = (rn_value_shape){ shape->c * shape->h * shape->w, 1, 1, true }; return RN_OK;
    case RN_LAYER_SHORTCUT_A: return shape_shortcut(shape, layer, inputs, message);
    default: return RN_OK; /* element by element */
    }
}

rn_status rn_layer_shape(rn_value_shape *shape, const rn_layer *layer, const rn_value_shape *inputs,
                         rn_message *message)
{
    rn_value_shape result = layer->kind == RN_LAYER_INPUT ? layer->shape : inputs[0];
    rn_status status = RN_OK;

    if (layer->kind != RN_LAYER_INPUT) {
        status = check_kind_of_input(layer, &inputs[0], message);
        if (status == RN_OK && layer->in_channels > 0 && layer->in_channels != inputs[0].c)
            status = fail_layer(message, layer, &inputs[0], "has another number of channels than the weights expect");
        if (status == RN_OK)
            status = apply_rule(&result, layer, inputs, message);
    }
    if (status == RN_OK)
        status = check_size(layer, &result, message);
    if (status == RN_OK)
        *shape = result;
    return status;
}
