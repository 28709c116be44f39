/* SPDX-License-Identifier: MIT */
#include "run/halving.h"

/* ---- networks ---------------------------------------------------------------------------------------------------- */

static rn_graph *begin(rn_context *context)
{
    rn_graph *g = NULL;

    require_ok(context, rn_graph_create(&g, context));
    return g;
}

static rn_value images_of(rn_graph *g)
{
    return rn_graph_input(g, "images", 3, HALVING_SIDE, HALVING_SIDE, NULL);
}

/* A linear layer behind all of x. */
static rn_model *end(rn_context *context, rn_graph *g, rn_value x)
{
    rn_model *model = NULL;

    rn_graph_output(g, "logits", rn_linear(g, rn_flatten(g, x, NULL), "fc", HALVING_CLASSES, NULL));
    rn_graph_head(g, "fc");
    require_ok(context, rn_model_build(&model, g, "halves", NULL));
    rn_graph_destroy(g);
    return model;
}

static rn_value conv_norm(rn_graph *g, rn_value x, const char *conv, const char *norm, int64_t channels, int32_t kernel,
                          int32_t stride)
{
    x = rn_conv2d(g, x, conv, channels, kernel, RN_OPTIONS(rn_conv2d, .stride = stride, .padding = kernel / 2));
    return rn_batch_norm2d(g, x, norm, NULL);
}

static rn_value stage(rn_graph *g, rn_value x, const char *name, int64_t channels, int32_t kernel)
{
    rn_graph_enter(g, name);
    return rn_graph_leave(g, rn_relu(g, conv_norm(g, x, "conv", "norm", channels, kernel, 1), NULL));
}

static rn_value residual_block(rn_graph *g, rn_value x)
{
    rn_value y, shortcut;

    rn_graph_enter(g, "block");
    y = rn_relu(g, conv_norm(g, x, "conv1", "norm1", 32, 3, 2), NULL);
    y = conv_norm(g, y, "conv2", "norm2", 32, 3, 1);
    shortcut = conv_norm(g, x, "short", "norm3", 32, 1, 2);
    return rn_graph_leave(g, rn_relu(g, rn_add(g, y, shortcut, NULL), NULL));
}

/* A sum that the convolution itself makes, and a convolution of groups. */
static rn_value added(rn_graph *g, rn_value x)
{
    rn_graph_enter(g, "sum");
    return rn_graph_leave(g, rn_add(g, rn_conv2d(g, x, "conv", 32, 1, RN_OPTIONS(rn_conv2d, .bias = 1)), x, NULL));
}

static rn_value grouped(rn_graph *g, rn_value x)
{
    x = rn_conv2d(g, x, "grouped", 24, 3, RN_OPTIONS(rn_conv2d, .padding = 1, .groups = 4));
    return rn_relu(g, rn_batch_norm2d(g, x, "grouped_norm", NULL), NULL);
}

rn_model *halving_network(rn_context *context)
{
    rn_graph *g = begin(context);
    rn_value x = residual_block(g, stage(g, images_of(g), "stem", 16, 3));

    rn_graph_enter(g, "pool");
    x = rn_graph_leave(g, rn_max_pool2d(g, x, 3, RN_OPTIONS(rn_pool2d, .stride = 2, .padding = 1)));
    x = stage(g, added(g, x), "even", 24, 1);
    x = grouped(g, stage(g, x, "near", 24, 1));
    x = stage(g, stage(g, x, "odd", 15, 1), "last", 16, 1);
    rn_graph_enter(g, "pooled");
    x = rn_graph_leave(g, rn_adaptive_avg_pool2d(g, x, 2, 2, NULL));
    x = stage(g, x, "mixed", 16, 1);
    rn_graph_enter(g, "pixel");
    x = rn_graph_leave(g, rn_avg_pool2d(g, x, 2, NULL));
    return end(context, g, stage(g, stage(g, x, "point", 16, 3), "end", 16, 3));
}

const char *const halving_halved[] = { "stem.conv", "stem", "block.conv1", "block.conv2", "block.short", "block",
                                       "pool",      "sum",  "even.conv",   "even",        "last.conv",   "last",
                                       NULL };
const char *const halving_floats[] = { "grouped", "near.conv",  "near",  "odd.conv", "odd", "pooled",
                                       "mixed",   "mixed.conv", "pixel", "point",    "end", "logits",
                                       NULL };

rn_model *forked_network(rn_context *context)
{
    rn_graph *g = begin(context);
    rn_value x, y, z;
    rn_model *model;

    rn_graph_enter(g, "frozen");
    x = rn_conv2d(g, images_of(g), "conv", 16, 3, RN_OPTIONS(rn_conv2d, .padding = 1));
    z = rn_graph_leave(g, rn_relu(g, rn_batch_norm2d(g, x, "norm", NULL), NULL));
    y = rn_conv2d(g, x, "left", 16, 1, NULL);
    z = rn_conv2d(g, z, "right", 16, 1, NULL);
    x = rn_max_pool2d(g, rn_relu(g, rn_add(g, y, z, NULL), NULL), 2, RN_OPTIONS(rn_pool2d, .stride = 2));
    model = end(context, g, rn_adaptive_avg_pool2d(g, x, 1, 1, NULL));
    require_ok(context, rn_model_freeze(model, "frozen.*"));
    return model;
}

rn_model *odd_parts_network(rn_context *context)
{
    rn_graph *g = begin(context);
    rn_value parts[2], x = stage(g, images_of(g), "stem", 16, 3);

    parts[0] = stage(g, x, "left", 7, 1);
    parts[1] = stage(g, x, "right", 9, 1);
    rn_graph_enter(g, "both");
    x = stage(g, rn_graph_leave(g, rn_concat(g, parts, 2, NULL)), "behind", 16, 1);
    x = rn_adaptive_avg_pool2d(g, stage(g, x, "end", 16, 1), 1, 1, NULL);
    return end(context, g, x);
}

rn_model *odd_network(rn_context *context)
{
    rn_graph *g = begin(context);
    rn_value x = stage(g, stage(g, images_of(g), "first", 7, 3), "second", 33, 1);

    x = stage(g, rn_max_pool2d(g, x, 2, RN_OPTIONS(rn_pool2d, .stride = 2)), "third", 9, 3);
    return end(context, g, rn_adaptive_avg_pool2d(g, x, 1, 1, NULL));
}

/* ---- what a plan must be ----------------------------------------------------------------------------------------- */

/* Operands [from, to] of an operation are of one kind, or of floats. */
static void check_operands(const rn_tape *tape, const rn_operation *o, int from, int to, bool may_be_halved)
{
    int halves = 0, floats = 0;

    for (int j = from; j <= to; j++) {
        const rn_buffer *const b = &tape->buffer[tape->view[o->operand[j].view].buffer];

        halves += rn_has(o, j) && b->of_images && b->element == RN_HALF;
        floats += rn_has(o, j) && b->of_images && b->element == sizeof(float);
    }
    if (halves > 0 && (floats > 0 || !may_be_halved))
        fail_msg("an operation '%s' of %s has a map of halves", o->kind->name, tape->graph->layer[o->layer].name);
}

/* No operation meets what it cannot take. */
static void check_operations(const rn_tape *tape, const rn_backend *backend)
{
    for (int32_t i = 0; i < tape->operations; i++) {
        const rn_operation *const o = &tape->operation[i];
        const rn_backend_row *const row = rn_backend_row_for(backend, o->kind);
        const rn_halving halving = row->halves == NULL ? RN_NOT_HALVED : row->halves(tape, o);

        if (halving == RN_ANY_HALVED)
            check_operands(tape, o, RN_OTHER, RN_Y, true);
        else if (halving == RN_X_HALVED)
            check_operands(tape, o, RN_Y, RN_DY, false);
        else
            check_operands(tape, o, 0, RN_OPERANDS - 1, halving == RN_ALL_HALVED);
    }
}

void check_plan(const rn_plan *plan, const rn_backend *backend)
{
    const rn_tape *const tape = &plan->tape;

    for (int32_t i = 0; i < tape->buffers; i++) {
        const rn_buffer *const b = &tape->buffer[i];

        if (b->element == RN_HALF)
            assert_true(b->place == RN_IN_ARENA && b->of_images && !b->from_start && !b->to_end && b->h * b->w > 1 &&
                        b->c % 2 == 0);
    }
    for (int32_t i = 0; i < tape->views; i++)
        if (tape->buffer[tape->view[i].buffer].element == RN_HALF)
            assert_true(tape->view[i].channel % 2 == 0 && tape->view[i].channels % 2 == 0);
    check_operations(tape, backend);
}
