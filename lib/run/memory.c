/* SPDX-License-Identifier: MIT */
/*
 * Memory of a plan: every activation, gradient and scratch is a block that lives over an interval of the plan's time,
 * and blocks whose intervals do not meet may share bytes. Blocks are placed largest first, each at the lowest offset
 * that is free over its interval.
 *
 * What backward needs decides how long an activation lives: the input of a convolution whose weights are trained, the y
 * of a batch norm, the z behind a ReLU (its mask); the rest dies with its last reader in forward.
 */
#include "run/plan.h"

#include <stdlib.h>

/* Time (plan.h): the backward of step s, the loss, and the moment after everything. */
static int32_t backward_time(const rn_plan *plan, int32_t step)
{
    return 2 * plan->step_count - step;
}

static int32_t end_time(const rn_plan *plan)
{
    return 2 * plan->step_count + 1;
}

static size_t saturating_product(size_t a, size_t b)
{
    size_t product;

    return rn_size_multiply(&product, a, b) ? product : SIZE_MAX;
}

static size_t saturating_sum(size_t a, size_t b)
{
    size_t sum;

    return rn_size_add(&sum, a, b) ? sum : SIZE_MAX;
}

static size_t bytes_of_images(int64_t images, const rn_value_shape *shape)
{
    const size_t pixels = saturating_product(saturating_product((size_t)images, (size_t)shape->h), (size_t)shape->w);

    return saturating_product(pixels, saturating_product((size_t)shape->c, sizeof(float)));
}

static size_t map_bytes(const rn_plan *plan, const rn_value_shape *shape)
{
    return bytes_of_images(plan->batch, shape);
}

/* A new block, or -1 without memory. */
static int32_t add_block(rn_plan *plan, size_t nbytes, int32_t first, int32_t last)
{
    if (plan->block_count == plan->block_capacity) {
        const int32_t capacity = plan->block_capacity * 2 + 64;
        rn_block *const grown = rn_grow_array(&plan->context->allocator, plan->block, (size_t)plan->block_count,
                                              (size_t)capacity, sizeof *grown);

        if (grown == NULL)
            return -1;
        plan->block = grown;
        plan->block_capacity = capacity;
    }
    plan->block[plan->block_count] = (rn_block){ .nbytes = nbytes, .first = first, .last = last };
    return plan->block_count++;
}

static void extend(rn_block *block, int32_t time)
{
    if (time < block->first)
        block->first = time;
    if (time > block->last)
        block->last = time;
}

static int32_t gradient_root(const rn_plan *plan, int32_t value)
{
    while (plan->value[value].gradient_of != value)
        value = plan->value[value].gradient_of;
    return value;
}

/* Says that the activation of `value` is written or read at `time`; makes its block at the first call. */
static bool use_activation(rn_plan *plan, int32_t value, int32_t time)
{
    rn_plan_value *const root = &plan->value[rn_plan_root(plan, value)];

    if (root->block < 0)
        root->block =
            add_block(plan, bytes_of_images(root->portioned ? plan->portion : plan->batch, &root->shape), time, time);
    if (root->block < 0)
        return false;
    extend(&plan->block[root->block], time);
    if (time < plan->portion_steps && !root->portioned) { /* every portion comes by again */
        extend(&plan->block[root->block], 0);
        extend(&plan->block[root->block], plan->portion_steps - 1);
    }
    return true;
}

static bool use_gradient(rn_plan *plan, int32_t value, int32_t time)
{
    rn_plan_value *const root = &plan->value[gradient_root(plan, value)];

    if (root->gradient_in_place)
        return use_activation(plan, gradient_root(plan, value), time);
    if (root->gradient_block < 0)
        root->gradient_block = add_block(plan, map_bytes(plan, &root->shape), time, time);
    if (root->gradient_block < 0)
        return false;
    extend(&plan->block[root->gradient_block], time);
    return true;
}

/* Activations and gradients that step s touches. */
static bool use_maps(rn_plan *plan, int32_t s)
{
    const rn_step *const step = &plan->step[s];
    const int32_t back = backward_time(plan, s);
    bool fine = use_activation(plan, step->output, s);

    for (int32_t i = 0; i < step->input_count; i++)
        fine = fine && use_activation(plan, step->inputs[i].value, s);
    if (!step->differentiates)
        return fine;
    fine = fine && use_gradient(plan, step->output, back);
    for (int32_t i = 0; i < step->input_count; i++)
        if (step->inputs[i].wants_gradient)
            fine = fine && use_gradient(plan, step->inputs[i].value, back);
    if (step->relu || step->kind == &rn_step_log_softmax)
        fine = fine && use_activation(plan, step->output, back);
    if (step->kind == &rn_step_batch_norm ||
        (step->kind == &rn_step_conv && rn_plan_trains(plan, rn_plan_layer(plan, step->layer)->weight)))
        fine = fine && use_activation(plan, step->inputs[0].value, back);
    return fine;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* A block of a step if it needs one: false without memory. */
static bool give_block(rn_plan *plan, int32_t *block, size_t nbytes, int32_t first, int32_t last)
{
    if (nbytes == 0)
        return true;
    *block = add_block(plan, nbytes, first, last);
    return *block >= 0;
}

/* For all numbers of images that the step is run on: a workspace need not grow with them. */
static size_t forward_workspace(const rn_plan *plan, int32_t s)
{
    const rn_conv *const conv = &plan->step[s].conv;
    const int64_t rest = s < plan->portion_steps ? plan->batch % plan->portion : 0;
    size_t nbytes =
        rn_conv_forward_workspace(plan->context, conv, s < plan->portion_steps ? plan->portion : plan->batch);

    if (rest > 0)
        nbytes = larger(nbytes, rn_conv_forward_workspace(plan->context, conv, rest));
    return nbytes;
}

/* Workspaces and what a step keeps for itself. */
static bool use_scratch(rn_plan *plan, int32_t s)
{
    rn_step *const step = &plan->step[s];
    const rn_context *const context = plan->context;
    const rn_value_shape *const in = &plan->value[step->inputs[0].value].shape, *const out =
                                                                                    &plan->value[step->output].shape;
    const int64_t rows = plan->batch * out->h * out->w;
    const int32_t back = backward_time(plan, s), kept_until = step->differentiates ? back : s;
    const bool has_residual_gradient = step->input_count > 1 && step->inputs[1].wants_gradient;
    size_t forward = 0, backward = 0, kept = 0, argmax = 0, own = 0;

    if (step->kind == &rn_step_conv) {
        forward = forward_workspace(plan, s);
        if (!step->packs_once)
            forward = saturating_sum(forward, rn_step_packed_bytes(plan, step));
        if (step->inputs[0].wants_gradient)
            backward = rn_conv_backward_data_workspace(context, &step->conv, plan->batch);
        if (rn_plan_trains(plan, rn_plan_layer(plan, step->layer)->weight))
            backward = larger(backward, rn_conv_backward_weights_workspace(context, &step->conv, plan->batch));
        if (rn_plan_trains(plan, rn_plan_layer(plan, step->layer)->bias))
            backward = larger(backward, rn_batch_norm_workspace(context, rows, out->c));
        if (step->norm >= 0 && has_residual_gradient)
            own = map_bytes(plan, out);
    } else if (step->kind == &rn_step_batch_norm) {
        forward = backward = rn_batch_norm_workspace(context, rows, out->c);
        kept = saturating_product((size_t)out->c, RN_STEP_STATISTICS * sizeof(float));
    } else if (step->kind == &rn_step_max_pool && step->differentiates) {
        argmax = map_bytes(plan, out) / sizeof(float);
    }
    if ((step->kind == &rn_step_batch_norm || step->kind == &rn_step_affine) && step->inputs[0].wants_gradient &&
        step->inputs[0].accumulate)
        own = map_bytes(plan, in);
    return give_block(plan, &step->forward_workspace, forward, s, s) &&
           (!step->differentiates || give_block(plan, &step->backward_workspace, backward, back, back)) &&
           give_block(plan, &step->statistics, kept, s, kept_until) &&
           give_block(plan, &step->argmax, argmax, s, kept_until) &&
           (!step->differentiates || give_block(plan, &step->own_gradient, own, back, back));
}

/* Outputs stay until the next forward; so does the input's gradient. */
static bool use_ends(rn_plan *plan)
{
    bool fine = true;

    for (int32_t i = 0; i < plan->value_count; i++) {
        const rn_plan_value *const value = &plan->value[i];
        const bool is_input = rn_plan_layer(plan, i)->kind == RN_LAYER_INPUT;

        if (is_input)
            fine = fine && use_activation(plan, i, 0);
        if (value->is_output)
            fine = fine && use_activation(plan, i, end_time(plan));
        if (value->is_output && plan->training)
            fine = fine && use_gradient(plan, i, plan->step_count) && use_gradient(plan, i, end_time(plan));
        if (is_input && value->gradient_written && value->needs_gradient)
            fine = fine && use_gradient(plan, i, end_time(plan));
    }
    return fine;
}

/* ---- places in the arena --------------------------------------------------------------------------------------- */

typedef struct placing {
    size_t nbytes;
    int32_t block;
} placing;

static int by_size(const void *a, const void *b)
{
    const placing *const x = a, *const y = b;

    if (x->nbytes != y->nbytes)
        return x->nbytes < y->nbytes ? 1 : -1;
    return (x->block > y->block) - (x->block < y->block);
}

static int by_offset(const void *a, const void *b)
{
    const rn_block *const x = *(const rn_block *const *)a, *const y = *(const rn_block *const *)b;

    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* The lowest offset at which `block` meets none of the placed blocks that live when it lives; SIZE_MAX: the sum
 * overflows. */
static size_t lowest_offset(const rn_block *block, const rn_block **neighbours, size_t count)
{
    size_t offset = 0;

    qsort(neighbours, count, sizeof *neighbours, by_offset);
    for (size_t i = 0; i < count; i++) {
        const rn_block *const other = neighbours[i];
        size_t end;

        if (!rn_size_add(&end, offset, block->nbytes))
            return SIZE_MAX;
        if (end <= other->offset)
            break;
        if (other->offset + other->nbytes > offset)
            offset = other->offset + other->nbytes;
    }
    return rn_size_add(&(size_t){ 0 }, offset, block->nbytes) ? offset : SIZE_MAX;
}

static rn_status place_blocks(rn_plan *plan)
{
    const rn_allocator *const allocator = &plan->context->allocator;
    const size_t count = (size_t)plan->block_count;
    placing *const order = rn_allocate_array(allocator, count + 1, sizeof *order);
    const rn_block **const neighbours = rn_allocate_array(allocator, count + 1, sizeof *neighbours);
    rn_status status = RN_OK;

    if (order == NULL || neighbours == NULL)
        status = rn_fail(&plan->context->message, RN_NO_MEMORY, "no memory for a plan");
    for (size_t i = 0; i < count && status == RN_OK; i++) {
        rn_block *const block = &plan->block[i];

        if (block->nbytes > SIZE_MAX / 4)
            status =
                rn_fail(&plan->context->message, RN_NO_MEMORY, "a batch of this size does not fit the address space");
        block->nbytes = (block->nbytes + RN_ALIGNMENT - 1) / RN_ALIGNMENT * RN_ALIGNMENT;
        order[i] = (placing){ block->nbytes, (int32_t)i };
    }
    if (status == RN_OK)
        qsort(order, count, sizeof *order, by_size);
    for (size_t i = 0; i < count && status == RN_OK; i++) {
        rn_block *const block = &plan->block[order[i].block];
        size_t near = 0;

        for (size_t j = 0; j < i; j++) {
            const rn_block *const other = &plan->block[order[j].block];

            if (other->first <= block->last && block->first <= other->last)
                neighbours[near++] = other;
        }
        block->offset = lowest_offset(block, neighbours, near);
        if (block->offset == SIZE_MAX)
            status =
                rn_fail(&plan->context->message, RN_NO_MEMORY, "a batch of this size does not fit the address space");
        else if (block->offset + block->nbytes > plan->arena_bytes)
            plan->arena_bytes = block->offset + block->nbytes;
    }
    rn_release(allocator, neighbours);
    rn_release(allocator, order);
    return status;
}

/* Bytes of packed weights and folded batch norms that outlive a run. */
static size_t prepared_bytes(const rn_plan *plan)
{
    size_t total = 0;

    for (int32_t s = 0; s < plan->step_count; s++)
        total = saturating_sum(total, rn_step_prepared_bytes(plan, &plan->step[s]));
    return total;
}

rn_status rn_plan_lay_out(rn_plan *plan)
{
    bool fine = true;

    for (int32_t s = 0; s < plan->step_count && fine; s++)
        fine = use_maps(plan, s) && use_scratch(plan, s);
    if (!fine || !use_ends(plan))
        return rn_fail(&plan->context->message, RN_NO_MEMORY, "no memory for a plan");
    plan->prepared_bytes = prepared_bytes(plan);
    return place_blocks(plan);
}
