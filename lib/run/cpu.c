/* SPDX-License-Identifier: MIT */
/* The backend that there is: each kind of operation by the ops room's loops on the context's threads. */
#include "run/backend.h"
#include "run/cpu.h"
#include "run/kinds.h"

#include "ops/batch_norm.h"
#include "ops/combine.h"
#include "ops/pointwise.h"

#include <math.h>

static bool adds(const rn_operation *o, int operand)
{
    return o->operand[operand].role == RN_ADD;
}

/* The map of an operand, NULL where it is absent. */
static const rn_map *map_or_null(rn_map *map, const rn_tape *tape, const rn_operation *o, int operand)
{
    *map = rn_operand_map(tape, o, operand);
    return rn_has(o, operand) ? map : NULL;
}

/* ---- combinations ------------------------------------------------------------------------------------------------ */

static void run_combine(const rn_tape *tape, const rn_operation *o)
{
    const rn_map out = rn_operand_map(tape, o, RN_Y);
    rn_map a, b, other, mask;
    const rn_combination combination = {
        .a = map_or_null(&a, tape, o, RN_X),
        .b = map_or_null(&b, tape, o, RN_BESIDE),
        .other = adds(o, RN_Y) ? &out : map_or_null(&other, tape, o, RN_OTHER),
        .mask = map_or_null(&mask, tape, o, RN_MASK),
        .ka = rn_operand_floats(tape, o, RN_SCALE),
        .kb = rn_operand_floats(tape, o, RN_BESIDE_SCALE),
        .mean = rn_operand_floats(tape, o, RN_MEAN),
        .c = rn_operand_floats(tape, o, RN_SHIFT),
        .relu = o->relu,
    };

    rn_combine(tape->context, &combination, &out);
}

static void run_join(const rn_tape *tape, const rn_operation *o)
{
    const rn_map part = rn_operand_map(tape, o, RN_X);
    rn_map place = rn_operand_map(tape, o, RN_Y);

    place.data += rn_map_floats(&place, o->as.channel);
    place.c = part.c;
    if (part.data != place.data)
        rn_copy_map(tape->context, &part, &place);
}

static void run_loss(const rn_tape *tape, const rn_operation *o)
{
    const rn_map g = rn_operand_map(tape, o, RN_DY);
    const int64_t rows = rn_map_rows(&g);

    for (int64_t i = 0; i < rows; i++)
        for (int64_t c = 0; c < g.c; c++)
            g.data[i * g.pitch + c] = 0;
}

/* ---- batch norm -------------------------------------------------------------------------------------------------- */

static size_t reduction_scratch(const rn_tape *tape, int32_t view)
{
    const rn_view *const v = &tape->view[view];
    const rn_buffer *const buffer = &tape->buffer[v->buffer];

    return rn_batch_norm_workspace(tape->context, tape->batch * buffer->h * buffer->w, v->channels);
}

static size_t plan_moments(rn_tape *tape, int32_t operation)
{
    return reduction_scratch(tape, tape->operation[operation].operand[RN_X].view);
}

static void run_moments(const rn_tape *tape, const rn_operation *o)
{
    const rn_map x = rn_operand_map(tape, o, RN_X);

    rn_batch_norm_statistics(tape->context, &x, rn_operand_floats(tape, o, RN_MEAN),
                             rn_operand_floats(tape, o, RN_VARIANCE), rn_operand_data(tape, o, RN_SCRATCH));
}

/* PyTorch's running statistics: r += momentum * (batch - r), with the unbiased variance. */
static void update_running(const rn_tape *tape, const rn_operation *o, int64_t channels, const float *mean,
                           const float *variance)
{
    rn_parameters *const store = tape->parameters;
    float *const running_mean = rn_parameters_floats(store, (size_t)o->as.norm.running_mean);
    float *const running_var = rn_parameters_floats(store, (size_t)o->as.norm.running_var);
    const double rows = (double)o->as.norm.rows, momentum = o->as.norm.momentum, unbiased = rows / (rows - 1);
    rn_tensor *const tracked = store->entry[o->as.norm.batches_tracked].value;

    for (int64_t c = 0; c < channels; c++) {
        running_mean[c] = (float)((1 - momentum) * running_mean[c] + momentum * mean[c]);
        running_var[c] = (float)((1 - momentum) * running_var[c] + momentum * (variance[c] * unbiased));
    }
    *(int64_t *)(void *)tracked->data += 1;
    rn_parameters_written(store, (size_t)o->as.norm.running_mean);
    rn_parameters_written(store, (size_t)o->as.norm.running_var);
    rn_parameters_written(store, (size_t)o->as.norm.batches_tracked);
}

static void run_norm(const rn_tape *tape, const rn_operation *o)
{
    const int64_t channels = tape->view[o->operand[RN_MEAN].view].channels;
    const float *const mean = rn_operand_floats(tape, o, RN_MEAN), *const variance =
                                                                       rn_operand_floats(tape, o, RN_VARIANCE);
    const float *const gamma = rn_operand_floats(tape, o, RN_GAMMA), *const beta = rn_operand_floats(tape, o, RN_BETA);
    float *const inverse_deviation = rn_operand_floats(tape, o, RN_INVERSE);
    float *const scale = rn_operand_floats(tape, o, RN_SCALE), *const shift = rn_operand_floats(tape, o, RN_SHIFT);

    update_running(tape, o, channels, mean, variance);
    for (int64_t c = 0; c < channels; c++) {
        const double inverse = 1.0 / sqrt((double)variance[c] + o->as.norm.eps);

        inverse_deviation[c] = (float)inverse;
        scale[c] = (float)(gamma[c] * inverse);
        shift[c] = (float)(beta[c] - mean[c] * (gamma[c] * inverse));
    }
}

static size_t plan_norm_sums(rn_tape *tape, int32_t operation)
{
    return reduction_scratch(tape, tape->operation[operation].operand[RN_X].view);
}

/* One of the two that has a gradient alone is a caller's partial clearing: made equal by clearing the fresh one. */
static void equalise(rn_norm_gradient *job, bool gamma_accumulates, bool beta_accumulates)
{
    float *const fresh = gamma_accumulates ? job->dbeta : job->dgamma;

    job->accumulate = gamma_accumulates || beta_accumulates;
    for (int64_t c = 0; fresh != NULL && gamma_accumulates != beta_accumulates && c < job->y.c; c++)
        fresh[c] = 0;
}

static void run_norm_sums(const rn_tape *tape, const rn_operation *o)
{
    bool gamma_accumulates, beta_accumulates;
    rn_map map;
    rn_norm_gradient job = {
        .g = rn_operand_map(tape, o, RN_DY),
        .z = map_or_null(&map, tape, o, RN_Y),
        .scale = rn_operand_floats(tape, o, RN_SCALE),
        .shift = rn_operand_floats(tape, o, RN_SHIFT),
        .y = rn_operand_map(tape, o, RN_X),
        .mean = rn_operand_floats(tape, o, RN_MEAN),
        .inverse_deviation = rn_operand_floats(tape, o, RN_INVERSE),
        .gamma = rn_operand_floats(tape, o, RN_GAMMA),
        .slopes = rn_operand_floats(tape, o, RN_SLOPES),
    };

    job.dgamma = rn_tape_begin_gradient(tape, o, RN_DGAMMA, &gamma_accumulates);
    job.dbeta = rn_tape_begin_gradient(tape, o, RN_DBETA, &beta_accumulates);
    equalise(&job, gamma_accumulates, beta_accumulates);
    rn_batch_norm_sums(tape->context, &job, rn_operand_data(tape, o, RN_SCRATCH));
}

static size_t plan_channel_sums(rn_tape *tape, int32_t operation)
{
    return reduction_scratch(tape, tape->operation[operation].operand[RN_DY].view);
}

static void run_channel_sums(const rn_tape *tape, const rn_operation *o)
{
    const rn_map g = rn_operand_map(tape, o, RN_DY);
    bool accumulate;
    float *const sums = rn_tape_begin_gradient(tape, o, RN_DBETA, &accumulate);

    rn_channel_sums(tape->context, &g, sums, accumulate, rn_operand_data(tape, o, RN_SCRATCH));
}

/* ---- pools ------------------------------------------------------------------------------------------------------- */

static void run_max_pool(const rn_tape *tape, const rn_operation *o)
{
    const rn_map x = rn_operand_map(tape, o, RN_X), y = rn_operand_map(tape, o, RN_Y);

    rn_max_pool_forward(tape->context, &o->as.pool, &x, &y, rn_operand_data(tape, o, RN_ARGMAX));
}

static void run_max_pool_backward(const rn_tape *tape, const rn_operation *o)
{
    const rn_map dy = rn_operand_map(tape, o, RN_DY), dx = rn_operand_map(tape, o, RN_DX);

    rn_max_pool_backward(tape->context, &o->as.pool, &dy, rn_operand_data(tape, o, RN_ARGMAX), &dx, adds(o, RN_DX));
}

static void run_avg_pool(const rn_tape *tape, const rn_operation *o)
{
    const rn_map x = rn_operand_map(tape, o, RN_X), y = rn_operand_map(tape, o, RN_Y);

    rn_avg_pool_forward(tape->context, &o->as.pool, &x, &y);
}

static void run_avg_pool_backward(const rn_tape *tape, const rn_operation *o)
{
    const rn_map dy = rn_operand_map(tape, o, RN_DY), dx = rn_operand_map(tape, o, RN_DX);

    rn_avg_pool_backward(tape->context, &o->as.pool, &dy, &dx, adds(o, RN_DX));
}

static void run_adaptive_avg_pool(const rn_tape *tape, const rn_operation *o)
{
    const rn_map x = rn_operand_map(tape, o, RN_X), y = rn_operand_map(tape, o, RN_Y);

    rn_adaptive_avg_pool_forward(tape->context, &x, &y);
}

static void run_adaptive_avg_pool_backward(const rn_tape *tape, const rn_operation *o)
{
    const rn_map dy = rn_operand_map(tape, o, RN_DY), dx = rn_operand_map(tape, o, RN_DX);

    rn_adaptive_avg_pool_backward(tape->context, &dy, &dx, adds(o, RN_DX));
}

/* ---- moving elements, dropout, softmax --------------------------------------------------------------------------- */

static void run_dropout(const rn_tape *tape, const rn_operation *o)
{
    const rn_map x = rn_operand_map(tape, o, RN_X), y = rn_operand_map(tape, o, RN_Y);
    const rn_dropout_draw draw = { .probability = o->as.dropout,
                                   .seed = tape->dropout_seed,
                                   .step = tape->dropout_step,
                                   .layer = (uint64_t)o->layer };

    rn_dropout_apply(tape->context, &draw, &x, &y);
}

static void run_flatten(const rn_tape *tape, const rn_operation *o)
{
    const rn_map x = rn_operand_map(tape, o, RN_X), y = rn_operand_map(tape, o, RN_Y);

    rn_flatten_forward(tape->context, &x, &y);
}

static void run_flatten_backward(const rn_tape *tape, const rn_operation *o)
{
    const rn_map dy = rn_operand_map(tape, o, RN_DY), dx = rn_operand_map(tape, o, RN_DX);

    rn_flatten_backward(tape->context, &dy, &dx, adds(o, RN_DX));
}

static void run_shortcut_a(const rn_tape *tape, const rn_operation *o)
{
    const rn_map x = rn_operand_map(tape, o, RN_X), y = rn_operand_map(tape, o, RN_Y);

    rn_shortcut_a_forward(tape->context, o->as.stride, &x, &y);
}

static void run_shortcut_a_backward(const rn_tape *tape, const rn_operation *o)
{
    const rn_map dy = rn_operand_map(tape, o, RN_DY), dx = rn_operand_map(tape, o, RN_DX);

    rn_shortcut_a_backward(tape->context, o->as.stride, &dy, &dx, adds(o, RN_DX));
}

static void run_log_softmax(const rn_tape *tape, const rn_operation *o)
{
    const rn_map x = rn_operand_map(tape, o, RN_X), y = rn_operand_map(tape, o, RN_Y);

    rn_log_softmax_forward(tape->context, &x, &y);
}

static void run_log_softmax_backward(const rn_tape *tape, const rn_operation *o)
{
    const rn_map dy = rn_operand_map(tape, o, RN_DY), y = rn_operand_map(tape, o, RN_Y),
                 dx = rn_operand_map(tape, o, RN_DX);

    rn_log_softmax_backward(tape->context, &dy, &y, &dx, adds(o, RN_DX));
}

/* ---- maps of halves ---------------------------------------------------------------------------------------------- */

static rn_halving halves_alike(const rn_tape *tape, const rn_operation *o)
{
    (void)tape;
    (void)o;
    return RN_ALL_HALVED;
}

static rn_halving halves_in_x(const rn_tape *tape, const rn_operation *o)
{
    (void)tape;
    (void)o;
    return RN_X_HALVED;
}

static rn_halving halves_of_join(const rn_tape *tape, const rn_operation *o)
{
    (void)tape;
    return o->as.channel % 2 == 0 ? RN_ALL_HALVED : RN_NOT_HALVED;
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

static const rn_backend_row rows[] = {
    { &rn_op_conv, rn_cpu_conv, rn_cpu_plan_conv, rn_cpu_conv_halves },
    { &rn_op_combine, run_combine, NULL, halves_alike },
    { &rn_op_moments, run_moments, plan_moments, halves_alike },
    { &rn_op_norm, run_norm, NULL, NULL },
    { &rn_op_max_pool, run_max_pool, NULL, halves_alike },
    { &rn_op_avg_pool, run_avg_pool, NULL, halves_alike },
    { &rn_op_adaptive_avg_pool, run_adaptive_avg_pool, NULL, halves_in_x },
    { &rn_op_dropout, run_dropout, NULL, NULL },
    { &rn_op_flatten, run_flatten, NULL, NULL },
    { &rn_op_shortcut_a, run_shortcut_a, NULL, NULL },
    { &rn_op_log_softmax, run_log_softmax, NULL, NULL },
    { &rn_op_join, run_join, NULL, halves_of_join },
    { &rn_op_loss, run_loss, NULL, NULL },
    { &rn_op_conv_backward, rn_cpu_conv_backward, rn_cpu_plan_conv_backward, rn_cpu_conv_halves },
    { &rn_op_channel_sums, run_channel_sums, plan_channel_sums, halves_alike },
    { &rn_op_norm_sums, run_norm_sums, plan_norm_sums, halves_alike },
    { &rn_op_max_pool_backward, run_max_pool_backward, NULL, halves_alike },
    { &rn_op_avg_pool_backward, run_avg_pool_backward, NULL, halves_alike },
    { &rn_op_adaptive_avg_pool_backward, run_adaptive_avg_pool_backward, NULL, halves_in_x },
    { &rn_op_flatten_backward, run_flatten_backward, NULL, NULL },
    { &rn_op_shortcut_a_backward, run_shortcut_a_backward, NULL, NULL },
    { &rn_op_log_softmax_backward, run_log_softmax_backward, NULL, NULL },
    { &rn_op_gradient_ready, rn_tape_say_ready, NULL, NULL },
    { NULL, NULL, NULL, NULL },
};

const rn_backend rn_cpu = { "cpu", rows, NULL };
