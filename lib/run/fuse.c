/* SPDX-License-Identifier: MIT */
/*
 * Fusion: an operation whose result has one reader, a combination, takes that combination in, and runs where it stood,
 * so that the combination's other operand is there. Then batch norms with running statistics, in inference or frozen,
 * become numbers that are kept while the parameters stand still:
 *
 *   scale = gamma / sqrt(var + eps)      shift = (bias - mean) * scale + beta
 */
#include "run/kinds.h"
#include "run/plan.h"

#include <math.h>

/* ---- patterns ---------------------------------------------------------------------------------------------------- */

static bool is_conv(const rn_operation *o)
{
    return o->kind == &rn_op_conv;
}

/* A batch norm, with running statistics or with those of the batch. */
static bool is_affine(const rn_operation *o)
{
    return o->norm >= 0 || (o->kind == &rn_op_combine && rn_has(o, RN_SCALE));
}

static bool ends_in_relu(const rn_operation *o)
{
    return o->relu;
}

/* A ReLU, a sum, a batch norm with running statistics, and nothing else. */
static bool is_relu(const rn_operation *o)
{
    return o->kind == &rn_op_combine && o->relu && !rn_has(o, RN_OTHER) && !is_affine(o);
}

static bool is_sum(const rn_operation *o)
{
    return o->kind == &rn_op_combine && !o->relu && rn_has(o, RN_OTHER) && !is_affine(o);
}

static bool is_fixed_norm(const rn_operation *o)
{
    return o->kind == &rn_op_combine && o->norm >= 0 && !rn_has(o, RN_OTHER) && !o->relu;
}

static bool conv_then_norm(const rn_operation *first, const rn_operation *then)
{
    return is_conv(first) && first->norm < 0 && !rn_has(first, RN_OTHER) && !ends_in_relu(first) && is_fixed_norm(then);
}

static void take_norm(rn_operation *fused, const rn_operation *then, int32_t result)
{
    (void)result;
    fused->norm = then->norm;
}

static bool affine_then_sum(const rn_operation *first, const rn_operation *then)
{
    return (is_conv(first) || is_affine(first)) && !rn_has(first, RN_OTHER) && !ends_in_relu(first) && is_sum(then);
}

static void take_sum(rn_operation *fused, const rn_operation *then, int32_t result)
{
    fused->operand[RN_OTHER] = then->operand[then->operand[RN_X].view == result ? RN_OTHER : RN_X];
}

static bool any_then_relu(const rn_operation *first, const rn_operation *then)
{
    return (is_conv(first) || first->kind == &rn_op_combine) && !ends_in_relu(first) && is_relu(then);
}

static void take_relu(rn_operation *fused, const rn_operation *then, int32_t result)
{
    (void)then, (void)result;
    fused->relu = true;
}

static const struct pattern {
    bool (*fits)(const rn_operation *first, const rn_operation *then);
    void (*rewrite)(rn_operation *fused, const rn_operation *then, int32_t result);
} patterns[] = {
    { conv_then_norm, take_norm },
    { affine_then_sum, take_sum },
    { any_then_relu, take_relu },
};

/* ---- rewriting --------------------------------------------------------------------------------------------------- */

/* Of a view: how many operands read it, and the operation of the last of those; outputs have a reader more. */
typedef struct readers {
    int32_t count, last;
} readers;

static void count_readers(readers *of_views, const rn_plan *plan)
{
    for (int32_t i = 0; i < plan->tape.operations; i++) {
        for (int j = 0; j < RN_OPERANDS; j++) {
            const rn_operand operand = plan->tape.operation[i].operand[j];

            if (operand.role != RN_READ)
                continue;
            of_views[operand.view].count++;
            of_views[operand.view].last = i;
        }
    }
    for (int32_t i = 0; i < plan->output_count; i++)
        of_views[plan->value[plan->output[i]].view].count += 2;
}

/* Fuses operation `index` with the one reader of its result; gives the place of the fused one, -1: no pattern fits. */
static int32_t fuse_at(rn_tape *tape, readers *of_views, int32_t index)
{
    rn_operation *const first = &tape->operation[index];
    const int32_t result = first->operand[RN_Y].view;

    if (!rn_has(first, RN_Y) || of_views[result].count != 1)
        return -1;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        const int32_t reader = of_views[result].last;
        rn_operation *const then = &tape->operation[reader];
        rn_operation fused = *first;

        if (!patterns[i].fits(first, then))
            continue;
        patterns[i].rewrite(&fused, then, result);
        fused.operand[RN_Y] = then->operand[RN_Y];
        *then = fused;
        if (rn_has(first, RN_X) && of_views[first->operand[RN_X].view].last == index)
            of_views[first->operand[RN_X].view].last = reader;
        first->kind = NULL;
        return reader;
    }
    return -1;
}

static void remove_fused(rn_tape *tape)
{
    int32_t kept = 0;

    for (int32_t i = 0; i < tape->operations; i++)
        if (tape->operation[i].kind != NULL)
            tape->operation[kept++] = tape->operation[i];
    tape->operations = kept;
}

/* ---- batch norms with running statistics ------------------------------------------------------------------------- */

/* data: scale, then shift, one number a channel. */
static void fold_batch_norm(const rn_tape *tape, const rn_product *product, float *data)
{
    const rn_layer *const norm = &tape->graph->layer[product->norm];
    const int32_t *const source = product->key.source;
    const float *floats[5];
    const size_t channels = product->key.count / 2;

    for (int i = 0; i < 5; i++)
        floats[i] = source[i] < 0 ? NULL : rn_parameters_floats(tape->parameters, (size_t)source[i]);
    for (size_t c = 0; c < channels; c++) {
        const double scale = floats[0][c] / sqrt((double)floats[3][c] + norm->as.batch_norm.eps);
        const double start = floats[4] != NULL ? floats[4][c] : 0.0;

        data[c] = (float)scale;
        data[channels + c] = (float)((start - floats[2][c]) * scale + floats[1][c]);
    }
}

static void fold(rn_plan *plan, rn_operation *o)
{
    static const char maker; /* its address is the rule's name */
    rn_tape *const tape = &plan->tape;
    const rn_layer *const norm = rn_plan_layer(plan, o->norm);
    const int64_t channels = plan->value[o->norm].shape.c;
    const rn_product product = {
        .key = { .maker = &maker,
                 .source = { norm->weight, norm->bias, norm->running_mean, norm->running_var,
                             is_conv(o) ? rn_plan_layer(plan, o->layer)->bias : -1, -1 },
                 .count = 2 * (size_t)channels },
        .make = fold_batch_norm,
        .norm = o->norm,
    };
    const int32_t buffer = rn_tape_outside(tape, RN_IN_PREPARED, rn_tape_product(tape, &product), 2 * channels);

    o->operand[RN_SCALE] = rn_operand_of(rn_tape_view(tape, buffer, 0, channels), RN_READ);
    o->operand[RN_SHIFT] = rn_operand_of(rn_tape_view(tape, buffer, channels, channels), RN_READ);
}

rn_status rn_plan_fuse(rn_plan *plan)
{
    rn_tape *const tape = &plan->tape;
    const rn_allocator *const allocator = &tape->context->allocator;
    readers *const of_views = rn_allocate_zeroed(allocator, (size_t)tape->views + 1, sizeof *of_views);

    if (of_views == NULL)
        return rn_fail(&tape->context->message, RN_NO_MEMORY, "no memory for a plan");
    count_readers(of_views, plan);
    for (int32_t i = 0; i < tape->operations; i++)
        for (int32_t at = i; at >= 0 && tape->operation[at].kind != NULL;)
            at = fuse_at(tape, of_views, at);
    rn_release(allocator, of_views);
    remove_fused(tape);
    for (int32_t i = 0; i < tape->operations; i++)
        if (tape->operation[i].norm >= 0)
            fold(plan, &tape->operation[i]);
    return tape->failed ? rn_fail(&tape->context->message, RN_NO_MEMORY, "no memory for a plan") : RN_OK;
}
