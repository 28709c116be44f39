/* SPDX-License-Identifier: MIT */
/*
 * Layers as forward operations. Where each value lies is settled first: a layer that changes nothing (dropout in
 * inference or frozen, flattening of 1 x 1 maps) is the view of its input; a part of a concatenation is a view of the
 * concatenation's buffer, so that its producer writes it where it belongs. The growing map of a dense block is one
 * buffer, and the statistics of its channels, which do not depend on who reads them, are taken once.
 */
#include "run/kinds.h"
#include "run/plan.h"

/* Where a value lies. */
typedef struct placement {
    int32_t same_as;         /* itself, but for identities */
    int32_t parent;          /* the concatenation that holds it; -1: none */
    int64_t channel;         /* its first channel there */
    int64_t statistics_from; /* of the buffer of this value: channels whose statistics are taken, */
    int64_t statistics_to;   /* and the vectors that hold them */
    int32_t mean, variance;
} placement;

typedef struct emitting {
    rn_plan *plan;
    rn_tape *tape;
    placement *place;
} emitting;

static bool is_identity(const rn_plan *plan, int32_t index)
{
    const rn_layer *const layer = rn_plan_layer(plan, index);

    if (index == plan->input)
        return false;
    switch (layer->kind) {
    case RN_LAYER_DROPOUT: return rn_plan_stands_still(plan, index) || layer->as.dropout.probability <= 0;
    case RN_LAYER_FLATTEN:
        return plan->value[layer->inputs[0]].shape.h == 1 && plan->value[layer->inputs[0]].shape.w == 1;
    default: return false;
    }
}

/* ---- where values lie -------------------------------------------------------------------------------------------- */

/* The parts of a concatenation that no earlier one holds, and that are not the input. */
static void place_parts(const emitting *e, int32_t index)
{
    const rn_layer *const layer = rn_plan_layer(e->plan, index);
    int64_t channel = 0;

    for (int32_t j = 0; j < layer->input_count; j++) {
        const int32_t value = e->place[layer->inputs[j]].same_as;

        if (value != e->plan->input && e->place[value].parent < 0) {
            e->place[value].parent = index;
            e->place[value].channel = channel;
        }
        channel += e->plan->value[value].shape.c;
    }
}

static void place_values(const emitting *e)
{
    rn_plan *const plan = e->plan;

    for (int32_t i = 0; i < plan->value_count; i++) {
        const bool identity = plan->value[i].needed && is_identity(plan, i);

        e->place[i] = (placement){ .same_as = i, .parent = -1, .mean = -1, .variance = -1 };
        plan->value[i].view = -1;
        if (identity)
            e->place[i].same_as = e->place[rn_plan_layer(plan, i)->inputs[0]].same_as;
        else if (plan->value[i].needed && i != plan->input && rn_plan_layer(plan, i)->kind == RN_LAYER_CONCAT)
            place_parts(e, i);
    }
}

/* Concatenations stand behind their parts: walking from the last value to the first meets their buffers made. */
static void make_views(const emitting *e)
{
    rn_plan *const plan = e->plan;

    for (int32_t i = plan->value_count - 1; i >= 0; i--) {
        const placement *const place = &e->place[i];
        const rn_value_shape *const shape = &plan->value[i].shape;
        int32_t buffer;
        int64_t channel = 0;

        if (!plan->value[i].needed || place->same_as != i || e->tape->failed)
            continue;
        if (place->parent < 0) {
            buffer = rn_tape_images(e->tape, shape->h, shape->w, shape->c);
        } else {
            const rn_view *const whole = &e->tape->view[plan->value[place->parent].view];

            buffer = whole->buffer;
            channel = whole->channel + place->channel;
        }
        plan->value[i].view = rn_tape_view(e->tape, buffer, channel, shape->c);
    }
    for (int32_t i = 0; i < plan->value_count; i++)
        if (plan->value[i].needed)
            plan->value[i].view = plan->value[e->place[i].same_as].view;
}

/* ---- layers ------------------------------------------------------------------------------------------------------ */

static int32_t input_view(const emitting *e, int32_t index, int32_t input)
{
    return e->plan->value[rn_plan_layer(e->plan, index)->inputs[input]].view;
}

static int32_t parameter(const emitting *e, int32_t index)
{
    return rn_tape_parameter(e->tape, RN_IN_PARAMETERS, index);
}

/* An operation of layer `index` that reads its first input and writes its value. */
static rn_operation operation_of(const emitting *e, const rn_kind *kind, int32_t index)
{
    rn_operation made = rn_operation_of(kind, index);

    made.operand[RN_X] = rn_operand_of(input_view(e, index, 0), RN_READ);
    made.operand[RN_Y] = rn_operand_of(e->plan->value[index].view, RN_WRITE);
    return made;
}

static rn_status emit_product(const emitting *e, int32_t index, const rn_conv *conv)
{
    const rn_layer *const layer = rn_plan_layer(e->plan, index);
    rn_operation made = operation_of(e, &rn_op_conv, index);

    made.operand[RN_WEIGHTS] = rn_operand_of(parameter(e, layer->weight), RN_READ);
    made.operand[RN_SHIFT] = rn_operand_of(parameter(e, layer->bias), RN_READ);
    made.as.conv = *conv;
    rn_tape_add(e->tape, &made);
    return RN_OK;
}

static rn_status emit_conv(const emitting *e, int32_t index)
{
    const rn_layer *const layer = rn_plan_layer(e->plan, index);
    const rn_value_shape *const in = &e->plan->value[layer->inputs[0]].shape, *const out = &e->plan->value[index].shape;
    const rn_conv conv = { .in_h = in->h,
                           .in_w = in->w,
                           .in_c = in->c,
                           .out_h = out->h,
                           .out_w = out->w,
                           .out_c = out->c,
                           .kernel_h = layer->as.conv.kernel_h,
                           .kernel_w = layer->as.conv.kernel_w,
                           .stride_h = layer->as.conv.stride_h,
                           .stride_w = layer->as.conv.stride_w,
                           .padding_h = layer->as.conv.padding_h,
                           .padding_w = layer->as.conv.padding_w,
                           .groups = layer->as.conv.groups,
                           .dilation = layer->as.conv.dilation };

    return emit_product(e, index, &conv);
}

/* The convolution of one pixel. */
static rn_status emit_linear(const emitting *e, int32_t index)
{
    const rn_conv conv = { .in_h = 1,
                           .in_w = 1,
                           .in_c = e->plan->value[rn_plan_layer(e->plan, index)->inputs[0]].shape.c,
                           .out_h = 1,
                           .out_w = 1,
                           .out_c = e->plan->value[index].shape.c,
                           .kernel_h = 1,
                           .kernel_w = 1,
                           .stride_h = 1,
                           .stride_w = 1,
                           .groups = 1,
                           .dilation = 1 };

    return emit_product(e, index, &conv);
}

/* MOMENTS of those of the view's channels whose statistics have not been taken yet; of all, if they do not follow. */
static void emit_moments(const emitting *e, int32_t layer, placement *of_buffer, int32_t view)
{
    const rn_view x = e->tape->view[view];
    const int64_t end = x.channel + x.channels, whole = e->tape->buffer[x.buffer].c;
    const bool follows = of_buffer->statistics_from <= x.channel && x.channel <= of_buffer->statistics_to;
    const int64_t from = follows ? of_buffer->statistics_to : x.channel;
    rn_operation made = rn_operation_of(&rn_op_moments, layer);

    if (of_buffer->mean < 0) {
        of_buffer->mean = rn_tape_numbers(e->tape, whole, sizeof(float));
        of_buffer->variance = rn_tape_numbers(e->tape, whole, sizeof(float));
    }
    if (from >= end)
        return;
    made.operand[RN_X] = rn_operand_of(rn_tape_view(e->tape, x.buffer, from, end - from), RN_READ);
    made.operand[RN_MEAN] = rn_operand_of(rn_tape_view(e->tape, of_buffer->mean, from, end - from), RN_WRITE);
    made.operand[RN_VARIANCE] = rn_operand_of(rn_tape_view(e->tape, of_buffer->variance, from, end - from), RN_WRITE);
    rn_tape_add(e->tape, &made);
    of_buffer->statistics_from = follows ? of_buffer->statistics_from : x.channel;
    of_buffer->statistics_to = end;
}

/* The value whose view is the whole buffer of this one's. */
static placement *owner_of(const emitting *e, int32_t value)
{
    value = e->place[value].same_as;
    while (e->place[value].parent >= 0)
        value = e->place[value].parent;
    return &e->place[value];
}

static void emit_norm(const emitting *e, int32_t index)
{
    const rn_layer *const layer = rn_plan_layer(e->plan, index);
    placement *const of_buffer = owner_of(e, layer->inputs[0]);
    rn_operation combine = operation_of(e, &rn_op_combine, index);
    const rn_view x = e->tape->view[combine.operand[RN_X].view];
    rn_operation norm = rn_operation_of(&rn_op_norm, index);

    emit_moments(e, index, of_buffer, combine.operand[RN_X].view);
    combine.mean = rn_tape_view(e->tape, of_buffer->mean, x.channel, x.channels);
    combine.inverse = rn_tape_vector(e->tape, x.channels);
    norm.as.norm.eps = layer->as.batch_norm.eps;
    norm.as.norm.rows = e->plan->tape.batch * e->plan->value[index].shape.h * e->plan->value[index].shape.w;
    norm.as.norm.momentum = layer->as.batch_norm.momentum;
    norm.as.norm.running_mean = layer->running_mean;
    norm.as.norm.running_var = layer->running_var;
    norm.as.norm.batches_tracked = layer->batches_tracked;
    norm.operand[RN_MEAN] = rn_operand_of(combine.mean, RN_READ);
    norm.operand[RN_VARIANCE] =
        rn_operand_of(rn_tape_view(e->tape, of_buffer->variance, x.channel, x.channels), RN_READ);
    norm.operand[RN_INVERSE] = rn_operand_of(combine.inverse, RN_WRITE);
    norm.operand[RN_GAMMA] = rn_operand_of(parameter(e, layer->weight), RN_READ);
    norm.operand[RN_BETA] = rn_operand_of(parameter(e, layer->bias), RN_READ);
    norm.operand[RN_SCALE] = rn_operand_of(rn_tape_vector(e->tape, x.channels), RN_WRITE);
    norm.operand[RN_SHIFT] = rn_operand_of(rn_tape_vector(e->tape, x.channels), RN_WRITE);
    rn_tape_add(e->tape, &norm);
    combine.operand[RN_SCALE] = (rn_operand){ norm.operand[RN_SCALE].view, RN_READ };
    combine.operand[RN_SHIFT] = (rn_operand){ norm.operand[RN_SHIFT].view, RN_READ };
    rn_tape_add(e->tape, &combine);
}

/* With running statistics it is a scale and a shift, which the fusion fills in (fuse.c). */
static rn_status emit_batch_norm(const emitting *e, int32_t index)
{
    const rn_value_shape *const shape = &e->plan->value[index].shape;
    rn_operation made = operation_of(e, &rn_op_combine, index);

    if (rn_plan_stands_still(e->plan, index)) {
        made.norm = index;
        rn_tape_add(e->tape, &made);
        return RN_OK;
    }
    if (e->plan->tape.batch * shape->h * shape->w == 1)
        return rn_fail(&e->tape->context->message, RN_SHAPE, "%s: batch norm cannot train on a single value a channel",
                       rn_plan_layer(e->plan, index)->name);
    emit_norm(e, index);
    return RN_OK;
}

static rn_status emit_relu(const emitting *e, int32_t index)
{
    rn_operation made = operation_of(e, &rn_op_combine, index);

    made.relu = true;
    rn_tape_add(e->tape, &made);
    return RN_OK;
}

static rn_status emit_add(const emitting *e, int32_t index)
{
    rn_operation made = operation_of(e, &rn_op_combine, index);

    made.operand[RN_OTHER] = rn_operand_of(input_view(e, index, 1), RN_READ);
    rn_tape_add(e->tape, &made);
    return RN_OK;
}

static rn_status emit_concat(const emitting *e, int32_t index)
{
    const rn_layer *const layer = rn_plan_layer(e->plan, index);
    rn_operation made = operation_of(e, &rn_op_join, index);

    for (int32_t j = 0; j < layer->input_count; j++) {
        made.operand[RN_X] = rn_operand_of(input_view(e, index, j), RN_READ);
        rn_tape_add(e->tape, &made);
        made.as.channel += e->plan->value[layer->inputs[j]].shape.c;
    }
    return RN_OK;
}

static rn_status emit_pool(const emitting *e, const rn_kind *kind, int32_t index)
{
    const rn_layer *const layer = rn_plan_layer(e->plan, index);
    rn_operation made = operation_of(e, kind, index);

    made.as.pool = (rn_pool2d){ layer->as.pool.kernel, layer->as.pool.stride, layer->as.pool.padding,
                                layer->as.pool.exclude_padding };
    rn_tape_add(e->tape, &made);
    return RN_OK;
}

static rn_status emit_max_pool(const emitting *e, int32_t index)
{
    return emit_pool(e, &rn_op_max_pool, index);
}

static rn_status emit_avg_pool(const emitting *e, int32_t index)
{
    return emit_pool(e, &rn_op_avg_pool, index);
}

static rn_status emit_dropout(const emitting *e, int32_t index)
{
    rn_operation made = operation_of(e, &rn_op_dropout, index);

    made.as.dropout = rn_plan_layer(e->plan, index)->as.dropout.probability;
    rn_tape_add(e->tape, &made);
    return RN_OK;
}

static rn_status emit_shortcut_a(const emitting *e, int32_t index)
{
    rn_operation made = operation_of(e, &rn_op_shortcut_a, index);

    made.as.stride = rn_plan_layer(e->plan, index)->as.shortcut.stride;
    rn_tape_add(e->tape, &made);
    return RN_OK;
}

/* A layer that is one operation of its input and no more has a kind alone. */
static const struct layer_rule {
    rn_status (*emit)(const emitting *e, int32_t index);
    const rn_kind *plain;
} rules[] = {
    [RN_LAYER_CONV2D] = { emit_conv, NULL },
    [RN_LAYER_BATCH_NORM2D] = { emit_batch_norm, NULL },
    [RN_LAYER_RELU] = { emit_relu, NULL },
    [RN_LAYER_MAX_POOL2D] = { emit_max_pool, NULL },
    [RN_LAYER_AVG_POOL2D] = { emit_avg_pool, NULL },
    [RN_LAYER_ADAPTIVE_AVG_POOL2D] = { NULL, &rn_op_adaptive_avg_pool },
    [RN_LAYER_LINEAR] = { emit_linear, NULL },
    [RN_LAYER_DROPOUT] = { emit_dropout, NULL },
    [RN_LAYER_ADD] = { emit_add, NULL },
    [RN_LAYER_CONCAT] = { emit_concat, NULL },
    [RN_LAYER_FLATTEN] = { NULL, &rn_op_flatten },
    [RN_LAYER_SHORTCUT_A] = { emit_shortcut_a, NULL },
    [RN_LAYER_LOG_SOFTMAX] = { NULL, &rn_op_log_softmax },
};

static rn_status emit_layer(const emitting *e, int32_t index)
{
    const struct layer_rule *const rule = &rules[rn_plan_layer(e->plan, index)->kind];
    rn_operation plain;

    if (rule->emit != NULL)
        return rule->emit(e, index);
    plain = operation_of(e, rule->plain, index);
    rn_tape_add(e->tape, &plain);
    return RN_OK;
}

static rn_status emit_all(const emitting *e)
{
    const rn_plan *const plan = e->plan;
    rn_status status = RN_OK;

    place_values(e);
    make_views(e);
    for (int32_t i = plan->input + 1; i < plan->value_count && status == RN_OK && !e->tape->failed; i++)
        if (plan->value[i].needed && e->place[i].same_as == i)
            status = emit_layer(e, i);
    if (status == RN_OK && e->tape->failed)
        status = rn_fail(&e->tape->context->message, RN_NO_MEMORY, "no memory for a plan");
    return status;
}

rn_status rn_plan_emit(rn_plan *plan)
{
    const rn_allocator *const allocator = &plan->tape.context->allocator;
    const emitting e = { plan, &plan->tape, rn_allocate_zeroed(allocator, (size_t)plan->value_count, sizeof *e.place) };
    rn_status status;

    if (e.place == NULL)
        return rn_fail(&plan->tape.context->message, RN_NO_MEMORY, "no memory for a plan");
    status = emit_all(&e);
    rn_release(allocator, e.place);
    return status;
}
