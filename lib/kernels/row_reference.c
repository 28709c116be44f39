/* SPDX-License-Identifier: MIT */
/*
 * The row kernels as their definitions say, one float after the other, for checking the others. Sums are taken in
 * double.
 */
#include "kernels/row_kernels.h"

#include <math.h>
#include <stddef.h>

static float at(rn_matrix m, int64_t r, int64_t c)
{
    return m.data[r * m.pitch + c];
}

static void set(rn_matrix m, int64_t r, int64_t c, float value)
{
    m.data[r * m.pitch + c] = value;
}

/* NaN stays NaN. */
static float rectified(float x, bool relu)
{
    return relu && x <= 0 ? 0 : x;
}

static void combine(int64_t rows, int64_t channels, const rn_row_combine *o)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < channels; c++) {
            float v = o->mask.data == NULL || at(o->mask, r, c) > 0 ? at(o->a, r, c) : 0;

            v = o->ka == NULL ? v : v * o->ka[c];
            if (o->b.data != NULL)
                v += o->kb[c] * (at(o->b, r, c) - o->mean[c]) + o->c[c];
            else if (o->c != NULL)
                v += o->c[c];
            v = o->other.data == NULL ? v : v + at(o->other, r, c);
            set(o->out, r, c, rectified(v, o->relu));
        }
}

static bool passes(const rn_row_gradient *o, int64_t r, int64_t c)
{
    float z;

    if (o->z.data != NULL)
        return at(o->z, r, c) > 0;
    if (o->scale == NULL)
        return true;
    z = at(o->y, r, c) * o->scale[c];
    z += o->shift[c];
    return z > 0;
}

static void mask(int64_t rows, int64_t channels, const rn_row_gradient *o)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < channels; c++)
            if (!passes(o, r, c))
                set(o->g, r, c, 0);
}

static void moments(int64_t rows, int64_t channels, rn_matrix y, const float *base, double *sums, double *squares)
{
    for (int64_t c = 0; c < channels; c++) {
        sums[c] = squares[c] = 0;
        for (int64_t r = 0; r < rows; r++) {
            const double d = (double)at(y, r, c) - (double)base[c];

            sums[c] += d;
            squares[c] += d * d;
        }
    }
}

static void gradient_sums(int64_t rows, int64_t channels, const rn_row_gradient *o, double *sums, double *products)
{
    mask(rows, channels, o);
    for (int64_t c = 0; c < channels; c++) {
        sums[c] = products[c] = 0;
        for (int64_t r = 0; r < rows; r++) {
            sums[c] += (double)at(o->g, r, c);
            products[c] += (double)at(o->g, r, c) * ((double)at(o->y, r, c) - (double)o->mean[c]);
        }
    }
}

static void column_sums(int64_t rows, int64_t channels, rn_matrix g, double *sums)
{
    for (int64_t c = 0; c < channels; c++) {
        sums[c] = 0;
        for (int64_t r = 0; r < rows; r++)
            sums[c] += (double)at(g, r, c);
    }
}

static void max_window(int64_t channels, const rn_window *window, int32_t place, int32_t kernel, float *y,
                       uint8_t *argmax)
{
    for (int64_t c = 0; c < channels; c++) {
        float best = window->first[c];
        int32_t where = place;

        for (int64_t i = 0; i < window->height; i++)
            for (int64_t j = 0; j < window->width; j++) {
                const float v = window->first[i * window->row_pitch + j * window->pixel_pitch + c];

                if (v > best || isnan(v)) {
                    best = v;
                    where = (int32_t)(place + i * kernel + j);
                }
            }
        y[c] = best;
        if (argmax != NULL)
            argmax[c] = (uint8_t)where;
    }
}

static void mean_window(int64_t channels, const rn_window *window, float divisor, float *y)
{
    for (int64_t c = 0; c < channels; c++) {
        double total = 0;

        for (int64_t i = 0; i < window->height; i++)
            for (int64_t j = 0; j < window->width; j++)
                total += (double)window->first[i * window->row_pitch + j * window->pixel_pitch + c];
        y[c] = (float)(total / (double)divisor);
    }
}

static void max_gather(int64_t channels, int64_t count, const rn_pool_source *sources, bool accumulate, float *dx)
{
    for (int64_t c = 0; c < channels; c++) {
        float total = accumulate ? dx[c] : 0;

        for (int64_t i = 0; i < count; i++)
            total += sources[i].argmax[c] == sources[i].place ? sources[i].dy[c] : 0;
        dx[c] = total;
    }
}

static void mean_gather(int64_t channels, int64_t count, const rn_pool_source *sources, bool accumulate, float *dx)
{
    for (int64_t c = 0; c < channels; c++) {
        float total = accumulate ? dx[c] : 0;

        for (int64_t i = 0; i < count; i++)
            total += sources[i].dy[c] / sources[i].divisor;
        dx[c] = total;
    }
}

static void adam(int64_t count, const rn_adam_step *step, const float *gradient, float *value, float *mean,
                 float *square)
{
    for (int64_t i = 0; i < count; i++) {
        const float x = step->kept * value[i], g = gradient[i] + step->weight_decay * x;

        mean[i] = step->beta1 * mean[i] + step->one_minus_beta1 * g;
        square[i] = step->beta2 * square[i] + step->one_minus_beta2 * g * g;
        value[i] = x - step->step_size * (mean[i] / (sqrtf(square[i]) / step->root_correction2 + step->eps));
    }
}

static void sgd(int64_t count, const rn_sgd_step *step, const float *gradient, float *value, float *buffer)
{
    for (int64_t i = 0; i < count; i++) {
        float g = gradient[i] + step->weight_decay * value[i];

        if (buffer != NULL) {
            buffer[i] = step->first ? g : step->momentum * buffer[i] + step->one_minus_dampening * g;
            g = step->nesterov ? g + step->momentum * buffer[i] : buffer[i];
        }
        value[i] -= step->lr * g;
    }
}

const rn_row_kernels rn_rows_reference = {
    .combine = combine,
    .finish = combine,
    .moments = moments,
    .gradient_sums = gradient_sums,
    .column_sums = column_sums,
    .max_window = max_window,
    .mean_window = mean_window,
    .max_gather = max_gather,
    .mean_gather = mean_gather,
    .adam = adam,
    .sgd = sgd,
};
