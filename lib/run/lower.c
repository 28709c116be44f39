/* SPDX-License-Identifier: MIT */
/*
 * Lowering: which layers run as one step.
 *
 * A chain begins at a layer and goes on while its value has a single reader that can be taken in:
 *
 *   convolution or linear   [batch norm with running statistics]   [sum]   [ReLU]
 *   batch norm              [sum]   [ReLU]
 *   sum                     [ReLU]
 *
 * A chain runs where its last layer stands, so that the sum's other operand is there. Batch norms that run on running
 * statistics (in inference, or frozen) become scale and shift of the convolution before them; those of a batch keep y
 * for backward.
 *
 * Layers that change nothing (dropout in inference or frozen, flattening of 1 x 1 maps) are the same value as their
 * input.
 */
#include "run/plan.h"

static bool has_fixed_statistics(const rn_plan *plan, int32_t layer)
{
    return !plan->training || rn_plan_layer(plan, layer)->frozen;
}

bool rn_plan_trains(const rn_plan *plan, int32_t parameter)
{
    return plan->training && parameter >= 0 && plan->model->graph->parameters->entry[parameter].trainable;
}

static bool is_identity(const rn_plan *plan, int32_t index)
{
    const rn_layer *const layer = rn_plan_layer(plan, index);

    switch (layer->kind) {
    case RN_LAYER_DROPOUT: return !plan->training || layer->frozen || layer->as.dropout.probability <= 0;
    case RN_LAYER_FLATTEN:
        return plan->value[layer->inputs[0]].shape.h == 1 && plan->value[layer->inputs[0]].shape.w == 1;
    default: return false;
    }
}

/* At most 2^48 elements in a batch of a value: more than any memory holds, and products with small numbers stay within
 * int64. */
static bool fits_memory(const rn_plan *plan, const rn_value_shape *shape)
{
    const int64_t sizes[4] = { plan->batch, shape->c, shape->h, shape->w };
    int64_t count;
    size_t nbytes;

    return rn_shape_bytes(&nbytes, &count, 4, sizes, sizeof(float)) && count <= INT64_C(1) << 48;
}

/* What no output needs is not run: the layers behind "layer1" if that alone is asked for, a second classifier in
 * inference. The input is always there. */
static void find_needed(rn_plan *plan)
{
    plan->value[0].needed = true;
    for (int32_t i = 0; i < plan->output_count; i++)
        plan->value[plan->output[i]].needed = true;
    for (int32_t i = plan->value_count - 1; i >= 0; i--) {
        const rn_layer *const layer = rn_plan_layer(plan, i);

        for (int32_t j = 0; plan->value[i].needed && j < layer->input_count; j++)
            plan->value[layer->inputs[j]].needed = true;
    }
}

static rn_status infer_shapes(rn_plan *plan)
{
    rn_message *const message = &plan->context->message;

    for (int32_t i = 0; i < plan->value_count; i++) {
        if (!plan->value[i].needed)
            continue;
        const rn_layer *const layer = rn_plan_layer(plan, i);
        rn_value_shape *const inputs =
            rn_allocate_array(&plan->context->allocator, (size_t)layer->input_count + 1, sizeof *inputs);
        rn_status status = RN_OK;

        if (inputs == NULL)
            return rn_fail(message, RN_NO_MEMORY, "no memory for a plan");
        for (int32_t j = 0; j < layer->input_count; j++)
            inputs[j] = plan->value[layer->inputs[j]].shape;
        if (layer->kind == RN_LAYER_INPUT)
            plan->value[i].shape = (rn_value_shape){ layer->shape.c, plan->height, plan->width, false };
        else
            status = rn_layer_shape(&plan->value[i].shape, layer, inputs, message);
        rn_release(&plan->context->allocator, inputs);
        if (status == RN_OK && !fits_memory(plan, &plan->value[i].shape))
            status = rn_fail(message, RN_NO_MEMORY, "a batch of this size does not fit the address space");
        if (status != RN_OK)
            return status;
    }
    return RN_OK;
}

/* same_as, readers and needs_gradient of every value. */
static void analyse_values(rn_plan *plan)
{
    for (int32_t i = 0; i < plan->value_count; i++) {
        rn_plan_value *const value = &plan->value[i];
        const rn_layer *const layer = rn_plan_layer(plan, i);

        *value = (rn_plan_value){ .shape = value->shape,
                                  .needed = value->needed,
                                  .same_as = i,
                                  .only_consumer = -1,
                                  .producer = -1,
                                  .parent = -1,
                                  .block = -1,
                                  .gradient_of = i,
                                  .gradient_block = -1 };
        if (!value->needed)
            continue;
        if (is_identity(plan, i)) {
            value->same_as = plan->value[layer->inputs[0]].same_as;
            continue;
        }
        value->needs_gradient = layer->kind == RN_LAYER_INPUT
                                    ? plan->training && plan->input_gradient
                                    : rn_plan_trains(plan, layer->weight) || rn_plan_trains(plan, layer->bias);
        for (int32_t j = 0; j < layer->input_count; j++) {
            rn_plan_value *const input = &plan->value[plan->value[layer->inputs[j]].same_as];

            input->consumers++;
            input->only_consumer = i;
            value->needs_gradient = value->needs_gradient || (plan->training && input->needs_gradient);
        }
    }
    for (int32_t i = 0; i < plan->output_count; i++) {
        rn_plan_value *const value = &plan->value[plan->value[plan->output[i]].same_as];

        value->is_output = true;
        value->consumers++;
        value->only_consumer = -1;
    }
}

/* The layer that alone reads `value`, if it is of this kind and no other chain has taken it; -1 otherwise. */
static int32_t sole_reader(const rn_plan *plan, const bool *taken, int32_t value, rn_layer_kind kind)
{
    const rn_plan_value *const v = &plan->value[value];

    if (v->consumers != 1 || v->only_consumer < 0 || taken[v->only_consumer])
        return -1;
    return rn_plan_layer(plan, v->only_consumer)->kind == kind ? v->only_consumer : -1;
}

static const rn_step_kind *kind_of(const rn_plan *plan, int32_t layer)
{
    switch (rn_plan_layer(plan, layer)->kind) {
    case RN_LAYER_CONV2D:
    case RN_LAYER_LINEAR: return &rn_step_conv;
    case RN_LAYER_BATCH_NORM2D: return has_fixed_statistics(plan, layer) ? &rn_step_affine : &rn_step_batch_norm;
    case RN_LAYER_RELU:
    case RN_LAYER_ADD: return &rn_step_sum;
    case RN_LAYER_CONCAT: return &rn_step_concat;
    case RN_LAYER_MAX_POOL2D: return &rn_step_max_pool;
    case RN_LAYER_AVG_POOL2D: return &rn_step_avg_pool;
    case RN_LAYER_ADAPTIVE_AVG_POOL2D: return &rn_step_adaptive_avg_pool;
    case RN_LAYER_DROPOUT: return &rn_step_dropout;
    case RN_LAYER_FLATTEN: return &rn_step_flatten;
    case RN_LAYER_SHORTCUT_A: return &rn_step_shortcut_a;
    case RN_LAYER_LOG_SOFTMAX: return &rn_step_log_softmax;
    case RN_LAYER_INPUT: break;
    }
    return NULL;
}

/* A chain being followed: the step that it becomes, and where it has got to. */
typedef struct layer_chain {
    rn_step step;
    int32_t end;   /* the last layer taken in */
    int32_t other; /* the sum's other operand, -1: none */
} layer_chain;

static void take(layer_chain *chain, bool *taken, int32_t layer)
{
    taken[layer] = true;
    chain->end = layer;
}

static layer_chain follow_chain(const rn_plan *plan, bool *taken, int32_t start)
{
    const rn_layer *const first = rn_plan_layer(plan, start);
    layer_chain chain = { .step = { .kind = kind_of(plan, start),
                                    .layer = start,
                                    .norm = -1,
                                    .argmax = -1,
                                    .statistics = -1,
                                    .own_gradient = -1,
                                    .forward_workspace = -1,
                                    .backward_workspace = -1 },
                          .end = start,
                          .other = -1 };
    const rn_step_kind *const kind = chain.step.kind;
    int32_t next;

    taken[start] = true;
    chain.step.relu = first->kind == RN_LAYER_RELU;
    if (first->kind == RN_LAYER_BATCH_NORM2D)
        chain.step.norm = start;
    if (kind == &rn_step_conv && (next = sole_reader(plan, taken, start, RN_LAYER_BATCH_NORM2D)) >= 0 &&
        has_fixed_statistics(plan, next)) {
        chain.step.norm = next;
        take(&chain, taken, next);
    }
    chain.step.fixed_statistics = chain.step.norm >= 0 && has_fixed_statistics(plan, chain.step.norm);
    if (kind == &rn_step_conv || kind == &rn_step_batch_norm || kind == &rn_step_affine) {
        next = sole_reader(plan, taken, chain.end, RN_LAYER_ADD);
        if (next >= 0) {
            const int32_t *const operands = rn_plan_layer(plan, next)->inputs;
            const int32_t a = plan->value[operands[0]].same_as, b = plan->value[operands[1]].same_as;

            chain.other = a == chain.end ? b : a;
            take(&chain, taken, next);
        }
    }
    if ((kind == &rn_step_conv || kind == &rn_step_batch_norm || kind == &rn_step_affine ||
         (kind == &rn_step_sum && !chain.step.relu)) &&
        (next = sole_reader(plan, taken, chain.end, RN_LAYER_RELU)) >= 0) {
        chain.step.relu = true;
        take(&chain, taken, next);
    }
    return chain;
}

static void describe_conv(const rn_plan *plan, rn_step *step)
{
    const rn_layer *const layer = rn_plan_layer(plan, step->layer);
    const rn_value_shape *const in = &plan->value[layer->inputs[0]].shape, *const out = &plan->value[step->layer].shape;

    step->conv = (rn_conv){ .in_h = in->h,
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
    if (layer->kind == RN_LAYER_LINEAR)
        step->conv = (rn_conv){ .in_h = 1,
                                .in_w = 1,
                                .in_c = in->c,
                                .out_h = 1,
                                .out_w = 1,
                                .out_c = out->c,
                                .kernel_h = 1,
                                .kernel_w = 1,
                                .stride_h = 1,
                                .stride_w = 1,
                                .groups = 1,
                                .dilation = 1 };
    step->packs_once = !rn_plan_trains(plan, layer->weight) && !rn_conv_is_linear(&step->conv);
}

/* Whether the step can run at all, and what its kind needs to know of its layer. */
static rn_status describe_step(const rn_plan *plan, rn_step *step)
{
    rn_message *const message = &plan->context->message;
    const rn_layer *const layer = rn_plan_layer(plan, step->layer);
    const rn_value_shape *const shape = &plan->value[step->layer].shape;

    if (step->kind == &rn_step_conv)
        describe_conv(plan, step);
    if (step->kind == &rn_step_max_pool || step->kind == &rn_step_avg_pool)
        step->pool = (rn_pool2d){ layer->as.pool.kernel, layer->as.pool.stride, layer->as.pool.padding,
                                  layer->as.pool.exclude_padding };
    if (step->kind == &rn_step_max_pool && layer->as.pool.kernel > 15)
        return rn_fail(message, RN_UNSUPPORTED, "max pooling with a kernel of %d: at most 15",
                       (int)layer->as.pool.kernel);
    if (step->kind == &rn_step_batch_norm && plan->batch * shape->h * shape->w == 1)
        return rn_fail(message, RN_SHAPE, "%s: batch norm cannot train on a single value a channel", layer->name);
    return RN_OK;
}

static rn_status emit_step(rn_plan *plan, const layer_chain *chain)
{
    const rn_layer *const layer = rn_plan_layer(plan, chain->step.layer);
    rn_step *const step = &plan->step[plan->step_count];
    const int32_t count = layer->input_count + (chain->other >= 0);

    *step = chain->step;
    step->inputs = rn_allocate_zeroed(&plan->context->allocator, (size_t)count, sizeof *step->inputs);
    if (step->inputs == NULL)
        return rn_fail(&plan->context->message, RN_NO_MEMORY, "no memory for a plan");
    step->input_count = count;
    for (int32_t i = 0; i < layer->input_count; i++)
        step->inputs[i].value = plan->value[layer->inputs[i]].same_as;
    if (chain->other >= 0)
        step->inputs[layer->input_count].value = chain->other;
    step->output = chain->end;
    step->prepared = &plan->prepared[step->layer];
    plan->value[step->output].producer = plan->step_count++;
    return describe_step(plan, step);
}

/* Chains in the order of their last layers. */
static rn_status emit_steps(rn_plan *plan)
{
    const rn_allocator *const allocator = &plan->context->allocator;
    const size_t count = (size_t)plan->value_count;
    bool *const taken = rn_allocate_zeroed(allocator, count, sizeof *taken);
    layer_chain *const chains = rn_allocate_zeroed(allocator, count, sizeof *chains);
    rn_status status = RN_OK;

    plan->step = rn_allocate_zeroed(allocator, count, sizeof *plan->step);
    if (taken == NULL || chains == NULL || plan->step == NULL)
        status = rn_fail(&plan->context->message, RN_NO_MEMORY, "no memory for a plan");
    for (int32_t i = 0; i < plan->value_count && status == RN_OK; i++) {
        if (!taken[i] && plan->value[i].needed && plan->value[i].same_as == i && kind_of(plan, i) != NULL) {
            const layer_chain found = follow_chain(plan, taken, i);

            chains[found.end] = found;
        }
        if (chains[i].step.kind != NULL)
            status = emit_step(plan, &chains[i]);
    }
    rn_release(allocator, chains);
    rn_release(allocator, taken);
    return status;
}

rn_status rn_plan_lower(rn_plan *plan)
{
    rn_status status;

    find_needed(plan);
    status = infer_shapes(plan);
    if (status != RN_OK)
        return status;
    analyse_values(plan);
    status = emit_steps(plan);
    if (status != RN_OK)
        return status;
    rn_plan_place_in_concatenations(plan);
    if (plan->training)
        rn_plan_settle_gradients(plan);
    return RN_OK;
}
