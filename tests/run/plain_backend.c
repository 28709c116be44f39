/* SPDX-License-Identifier: MIT */
#include "run/plain_backend.h"

#include "base/random.h"
#include "run/kinds.h"

#include <math.h>

float *plain_begin_gradient(const rn_tape *tape, const rn_operation *operation, int operand, bool *adds)
{
    const rn_buffer *const buffer = &tape->buffer[tape->view[operation->operand[operand].view].buffer];

    *adds = false;
    if (!rn_has(operation, operand))
        return NULL;
    if (buffer->place == RN_IN_GRADIENTS) {
        *adds = tape->parameters->entry[buffer->index].has_gradient;
        tape->parameters->entry[buffer->index].has_gradient = true;
    }
    return rn_operand_floats(tape, operation, operand);
}

/* ---- element by element ------------------------------------------------------------------------------------------ */

/* The maps of a combination, and its numbers. */
typedef struct combination {
    rn_map x, other, beside, mask, y;
    const float *scale, *beside_scale, *mean, *shift;
} combination;

static double combined(const combination *k, int64_t row, int64_t c)
{
    double value = k->mask.data == NULL || plain_row(&k->mask, row)[c] > 0 ? plain_row(&k->x, row)[c] : 0;

    if (k->scale != NULL)
        value *= k->scale[c];
    if (k->beside.data != NULL)
        value += k->beside_scale[c] * ((double)plain_row(&k->beside, row)[c] - k->mean[c]);
    if (k->shift != NULL)
        value += k->shift[c];
    return k->other.data != NULL ? value + plain_row(&k->other, row)[c] : value;
}

static void combine(const rn_tape *tape, const rn_operation *o)
{
    const combination k = { .x = rn_operand_map(tape, o, RN_X),
                            .other = rn_operand_map(tape, o, RN_OTHER),
                            .beside = rn_operand_map(tape, o, RN_BESIDE),
                            .mask = rn_operand_map(tape, o, RN_MASK),
                            .y = rn_operand_map(tape, o, RN_Y),
                            .scale = rn_operand_floats(tape, o, RN_SCALE),
                            .beside_scale = rn_operand_floats(tape, o, RN_BESIDE_SCALE),
                            .mean = rn_operand_floats(tape, o, RN_MEAN),
                            .shift = rn_operand_floats(tape, o, RN_SHIFT) };

    for (int64_t row = 0; row < rn_map_rows(&k.y); row++) {
        for (int64_t c = 0; c < k.y.c; c++) {
            const double value = combined(&k, row, c);

            plain_put(&plain_row(&k.y, row)[c], o->relu && !(value > 0) ? 0 : value, plain_adds(o, RN_Y));
        }
    }
}

/* Row `row` of channel c of what came out of the ReLU: Y or SCALE X + SHIFT. */
static double came_out(const rn_tape *tape, const rn_operation *o, int64_t row, int64_t c)
{
    const rn_map y = rn_operand_map(tape, o, RN_Y), x = rn_operand_map(tape, o, RN_X);

    return y.data != NULL ? (double)plain_row(&y, row)[c]
                          : (double)plain_row(&x, row)[c] * rn_operand_floats(tape, o, RN_SCALE)[c] +
                                (double)rn_operand_floats(tape, o, RN_SHIFT)[c];
}

/* DY = came out > 0 ? DY : 0, where there is a ReLU. */
static void mask(const rn_tape *tape, const rn_operation *o)
{
    const rn_map g = rn_operand_map(tape, o, RN_DY);

    for (int64_t row = 0; (rn_has(o, RN_Y) || rn_has(o, RN_SCALE)) && row < rn_map_rows(&g); row++)
        for (int64_t c = 0; c < g.c; c++)
            if (!(came_out(tape, o, row, c) > 0))
                plain_row(&g, row)[c] = 0;
}

static void join(const rn_tape *tape, const rn_operation *o)
{
    const rn_map x = rn_operand_map(tape, o, RN_X), y = rn_operand_map(tape, o, RN_Y);

    for (int64_t row = 0; row < rn_map_rows(&x); row++)
        for (int64_t c = 0; c < x.c; c++)
            plain_row(&y, row)[o->as.channel + c] = plain_row(&x, row)[c];
}

static void clear(const rn_tape *tape, const rn_operation *o)
{
    const rn_map g = rn_operand_map(tape, o, RN_DY);

    for (int64_t row = 0; row < rn_map_rows(&g); row++)
        for (int64_t c = 0; c < g.c; c++)
            plain_row(&g, row)[c] = 0;
}

/* Element after element in PyTorch's order, a word of the stream for each. */
static void dropout(const rn_tape *tape, const rn_operation *o)
{
    const rn_map x = rn_operand_map(tape, o, RN_X), y = rn_operand_map(tape, o, RN_Y);
    rn_random random = rn_random_at(tape->dropout_seed, RN_STREAM_DROPOUT, tape->dropout_step, (uint64_t)o->layer);

    for (int64_t n = 0; n < x.n; n++)
        for (int64_t c = 0; c < x.c; c++)
            for (int64_t p = n * x.h * x.w; p < (n + 1) * x.h * x.w; p++)
                plain_row(&y, p)[c] = (rn_random_next(&random) >> 8) * 0x1p-24 < o->as.dropout
                                          ? 0
                                          : (float)(plain_row(&x, p)[c] / (1 - o->as.dropout));
}

/* ---- batch norm -------------------------------------------------------------------------------------------------- */

static void moments(const rn_tape *tape, const rn_operation *o)
{
    const rn_map x = rn_operand_map(tape, o, RN_X);
    const int64_t rows = rn_map_rows(&x);

    for (int64_t c = 0; c < x.c; c++) {
        double sum = 0, squares = 0;

        for (int64_t row = 0; row < rows; row++)
            sum += (double)plain_row(&x, row)[c];
        for (int64_t row = 0; row < rows; row++)
            squares += pow(plain_row(&x, row)[c] - sum / (double)rows, 2);
        rn_operand_floats(tape, o, RN_MEAN)[c] = (float)(sum / (double)rows);
        rn_operand_floats(tape, o, RN_VARIANCE)[c] = (float)(squares / (double)rows);
    }
}

static void move_running(const rn_tape *tape, int32_t parameter, double momentum, const float *batch, double factor)
{
    float *const running = rn_parameters_floats(tape->parameters, (size_t)parameter);

    for (int64_t c = 0; c < tape->parameters->entry[parameter].count; c++)
        running[c] = (float)(running[c] + momentum * (batch[c] * factor - running[c]));
    rn_parameters_written(tape->parameters, (size_t)parameter);
}

static void norm(const rn_tape *tape, const rn_operation *o)
{
    const float *const mean = rn_operand_floats(tape, o, RN_MEAN), *const variance =
                                                                       rn_operand_floats(tape, o, RN_VARIANCE);
    const double rows = (double)o->as.norm.rows;

    for (int64_t c = 0; c < tape->view[o->operand[RN_MEAN].view].channels; c++) {
        const double inverse = 1 / sqrt(variance[c] + o->as.norm.eps);
        const double factor = rn_operand_floats(tape, o, RN_GAMMA)[c] * inverse;

        rn_operand_floats(tape, o, RN_INVERSE)[c] = (float)inverse;
        rn_operand_floats(tape, o, RN_SCALE)[c] = (float)factor;
        rn_operand_floats(tape, o, RN_SHIFT)[c] = (float)(rn_operand_floats(tape, o, RN_BETA)[c] - mean[c] * factor);
    }
    move_running(tape, o->as.norm.running_mean, o->as.norm.momentum, mean, 1);
    move_running(tape, o->as.norm.running_var, o->as.norm.momentum, variance, rows / (rows - 1));
    *(int64_t *)(void *)tape->parameters->entry[o->as.norm.batches_tracked].value->data += 1;
    rn_parameters_written(tape->parameters, (size_t)o->as.norm.batches_tracked);
}

static void norm_sums(const rn_tape *tape, const rn_operation *o)
{
    const rn_map g = rn_operand_map(tape, o, RN_DY), x = rn_operand_map(tape, o, RN_X);
    float *const slopes = rn_operand_floats(tape, o, RN_SLOPES);
    const double rows = (double)rn_map_rows(&g);
    bool gamma_adds, beta_adds;
    float *const dgamma = plain_begin_gradient(tape, o, RN_DGAMMA, &gamma_adds);
    float *const dbeta = plain_begin_gradient(tape, o, RN_DBETA, &beta_adds);

    mask(tape, o);
    for (int64_t c = 0; c < g.c; c++) {
        const double mean = rn_operand_floats(tape, o, RN_MEAN)[c], inverse = rn_operand_floats(tape, o, RN_INVERSE)[c],
                     factor = rn_operand_floats(tape, o, RN_GAMMA)[c] * inverse;
        double sum = 0, product = 0;

        for (int64_t row = 0; row < rn_map_rows(&g); row++) {
            sum += (double)plain_row(&g, row)[c];
            product += plain_row(&g, row)[c] * ((plain_row(&x, row)[c] - mean) * inverse);
        }
        if (dgamma != NULL)
            plain_put(&dgamma[c], product, gamma_adds);
        if (dbeta != NULL)
            plain_put(&dbeta[c], sum, beta_adds);
        slopes[c] = (float)factor;
        slopes[g.c + c] = (float)(-factor * inverse * product / rows);
        slopes[2 * g.c + c] = (float)(-factor * sum / rows);
    }
}

static void channel_sums(const rn_tape *tape, const rn_operation *o)
{
    const rn_map g = rn_operand_map(tape, o, RN_DY);
    bool adds;
    float *const sums = plain_begin_gradient(tape, o, RN_DBETA, &adds);

    for (int64_t c = 0; c < g.c; c++) {
        double sum = 0;

        for (int64_t row = 0; row < rn_map_rows(&g); row++)
            sum += (double)plain_row(&g, row)[c];
        plain_put(&sums[c], sum, adds);
    }
}

/* ---- moving elements, softmax ------------------------------------------------------------------------------------ */

static void flatten(const rn_tape *tape, const rn_operation *o)
{
    const rn_map x = rn_operand_map(tape, o, RN_X), y = rn_operand_map(tape, o, RN_Y);

    for (int64_t row = 0; row < rn_map_rows(&x); row++)
        for (int64_t c = 0; c < x.c; c++)
            plain_row(&y, row / (x.h * x.w))[c * x.h * x.w + row % (x.h * x.w)] = plain_row(&x, row)[c];
}

static void flatten_backward(const rn_tape *tape, const rn_operation *o)
{
    const rn_map dy = rn_operand_map(tape, o, RN_DY), dx = rn_operand_map(tape, o, RN_DX);

    for (int64_t row = 0; row < rn_map_rows(&dx); row++)
        for (int64_t c = 0; c < dx.c; c++)
            plain_put(&plain_row(&dx, row)[c],
                      plain_row(&dy, row / (dx.h * dx.w))[c * dx.h * dx.w + row % (dx.h * dx.w)], plain_adds(o, RN_DX));
}

static void shortcut_a(const rn_tape *tape, const rn_operation *o)
{
    const rn_map x = rn_operand_map(tape, o, RN_X), y = rn_operand_map(tape, o, RN_Y);
    const int64_t before = (y.c - x.c) / 2;

    for (int64_t row = 0; row < rn_map_rows(&y); row++) {
        const float *const from =
            plain_pixel(&x, row / (y.h * y.w), row / y.w % y.h * o->as.stride, row % y.w * o->as.stride);

        for (int64_t c = 0; c < y.c; c++)
            plain_row(&y, row)[c] = c < before || c >= before + x.c ? 0 : from[c - before];
    }
}

static void shortcut_a_backward(const rn_tape *tape, const rn_operation *o)
{
    const rn_map dy = rn_operand_map(tape, o, RN_DY), dx = rn_operand_map(tape, o, RN_DX);
    const int64_t before = (dy.c - dx.c) / 2, stride = o->as.stride;

    for (int64_t row = 0; row < rn_map_rows(&dx); row++) {
        const int64_t n = row / (dx.h * dx.w), h = row / dx.w % dx.h, w = row % dx.w;
        const bool seen = h % stride == 0 && w % stride == 0;

        for (int64_t c = 0; c < dx.c; c++)
            plain_put(&plain_row(&dx, row)[c], seen ? plain_pixel(&dy, n, h / stride, w / stride)[before + c] : 0,
                      plain_adds(o, RN_DX));
    }
}

static void log_softmax(const rn_tape *tape, const rn_operation *o)
{
    const rn_map x = rn_operand_map(tape, o, RN_X), y = rn_operand_map(tape, o, RN_Y);

    for (int64_t row = 0; row < rn_map_rows(&x); row++) {
        double sum = 0;

        for (int64_t c = 0; c < x.c; c++)
            sum += exp((double)plain_row(&x, row)[c]);
        for (int64_t c = 0; c < x.c; c++)
            plain_row(&y, row)[c] = (float)(plain_row(&x, row)[c] - log(sum));
    }
}

static void log_softmax_backward(const rn_tape *tape, const rn_operation *o)
{
    const rn_map dy = rn_operand_map(tape, o, RN_DY), y = rn_operand_map(tape, o, RN_Y),
                 dx = rn_operand_map(tape, o, RN_DX);

    for (int64_t row = 0; row < rn_map_rows(&dx); row++) {
        double sum = 0;

        for (int64_t c = 0; c < dx.c; c++)
            sum += (double)plain_row(&dy, row)[c];
        for (int64_t c = 0; c < dx.c; c++)
            plain_put(&plain_row(&dx, row)[c], plain_row(&dy, row)[c] - exp((double)plain_row(&y, row)[c]) * sum,
                      plain_adds(o, RN_DX));
    }
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

static const rn_backend_row rows[] = {
    { &rn_op_conv, plain_conv, NULL, NULL },
    { &rn_op_combine, combine, NULL, NULL },
    { &rn_op_moments, moments, NULL, NULL },
    { &rn_op_norm, norm, NULL, NULL },
    { &rn_op_max_pool, plain_max_pool, NULL, NULL },
    { &rn_op_avg_pool, plain_avg_pool, NULL, NULL },
    { &rn_op_adaptive_avg_pool, plain_avg_pool, NULL, NULL },
    { &rn_op_dropout, dropout, NULL, NULL },
    { &rn_op_flatten, flatten, NULL, NULL },
    { &rn_op_shortcut_a, shortcut_a, NULL, NULL },
    { &rn_op_log_softmax, log_softmax, NULL, NULL },
    { &rn_op_join, join, NULL, NULL },
    { &rn_op_loss, clear, NULL, NULL },
    { &rn_op_conv_backward, plain_conv_backward, NULL, NULL },
    { &rn_op_channel_sums, channel_sums, NULL, NULL },
    { &rn_op_norm_sums, norm_sums, NULL, NULL },
    { &rn_op_max_pool_backward, plain_max_pool_backward, NULL, NULL },
    { &rn_op_avg_pool_backward, plain_avg_pool_backward, NULL, NULL },
    { &rn_op_adaptive_avg_pool_backward, plain_avg_pool_backward, NULL, NULL },
    { &rn_op_flatten_backward, flatten_backward, NULL, NULL },
    { &rn_op_shortcut_a_backward, shortcut_a_backward, NULL, NULL },
    { &rn_op_log_softmax_backward, log_softmax_backward, NULL, NULL },
    { &rn_op_gradient_ready, rn_tape_say_ready, NULL, NULL },
    { NULL, NULL, NULL, NULL },
};

const rn_backend plain_backend = { "plain", rows, NULL };
