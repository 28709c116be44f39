/* SPDX-License-Identifier: MIT */
/* Convolutions of the plain backend. Weights are (out, kh, kw, in / groups). */
#include "run/plain_backend.h"

#include "support/support.h"

#include <stdlib.h>

/* What an output element sees of the input through one tap of the kernel; NULL: padding. */
static const float *tap(const rn_conv *conv, const rn_map *x, int64_t n, int64_t oh, int64_t ow, int64_t kh, int64_t kw)
{
    const int64_t h = oh * conv->stride_h - conv->padding_h + kh * conv->dilation;
    const int64_t w = ow * conv->stride_w - conv->padding_w + kw * conv->dilation;

    return h < 0 || w < 0 || h >= x->h || w >= x->w ? NULL : plain_pixel(x, n, h, w);
}

static int64_t width_of_group(const rn_conv *conv)
{
    return conv->in_c / conv->groups;
}

/* The first input channel that output channel o sees. */
static int64_t first_channel(const rn_conv *conv, int64_t o)
{
    return o / (conv->out_c / conv->groups) * width_of_group(conv);
}

static int64_t weight_index(const rn_conv *conv, int64_t o, int64_t kh, int64_t kw, int64_t c)
{
    return ((o * conv->kernel_h + kh) * conv->kernel_w + kw) * width_of_group(conv) + c;
}

static double sum_at(const rn_conv *conv, const rn_map *x, const float *weights, int64_t n, int64_t oh, int64_t ow,
                     int64_t o)
{
    double sum = 0;

    for (int64_t kh = 0; kh < conv->kernel_h; kh++) {
        for (int64_t kw = 0; kw < conv->kernel_w; kw++) {
            const float *const seen = tap(conv, x, n, oh, ow, kh, kw);

            for (int64_t c = 0; seen != NULL && c < width_of_group(conv); c++)
                sum += (double)seen[first_channel(conv, o) + c] * weights[weight_index(conv, o, kh, kw, c)];
        }
    }
    return sum;
}

/* X, or what is formed of it, in memory that release_input gives back. */
static rn_map input_of(const rn_tape *tape, const rn_operation *operation)
{
    const float *const scale = rn_operand_floats(tape, operation, RN_FORM_SCALE);
    const float *const shift = rn_operand_floats(tape, operation, RN_FORM_SHIFT);
    const rn_map x = rn_operand_map(tape, operation, RN_X);
    rn_map formed = x;

    if (scale == NULL || x.data == NULL)
        return x;
    formed.data = malloc((size_t)(rn_map_rows(&x) * x.c) * sizeof *formed.data);
    formed.pitch = x.c;
    assert_non_null(formed.data);
    for (int64_t row = 0; row < rn_map_rows(&x); row++)
        for (int64_t c = 0; c < x.c; c++) {
            const double value = (double)plain_row(&x, row)[c] * scale[c] + (double)shift[c];

            plain_row(&formed, row)[c] = value > 0 ? (float)value : 0;
        }
    return formed;
}

static void release_input(const rn_operation *operation, const rn_map *input)
{
    if (operation->as.conv.is_formed)
        free(input->data);
}

/* DY, or what stands for it behind a batch norm, in memory that release_gradient gives back. */
static rn_map gradient_of(const rn_tape *tape, const rn_operation *operation)
{
    const float *const k0 = rn_operand_floats(tape, operation, RN_SCALE);
    const float *const k1 = rn_operand_floats(tape, operation, RN_BESIDE_SCALE);
    const float *const k2 = rn_operand_floats(tape, operation, RN_SHIFT);
    const float *const mean = rn_operand_floats(tape, operation, RN_MEAN);
    const rn_map g = rn_operand_map(tape, operation, RN_DY), y = rn_operand_map(tape, operation, RN_BESIDE);
    rn_map dy = g;

    if (!operation->as.conv.is_joint)
        return g;
    dy.data = malloc((size_t)(rn_map_rows(&g) * g.c) * sizeof *dy.data);
    dy.pitch = g.c;
    assert_non_null(dy.data);
    for (int64_t row = 0; row < rn_map_rows(&g); row++)
        for (int64_t c = 0; c < g.c; c++)
            plain_row(&dy, row)[c] = (float)((double)k0[c] * plain_row(&g, row)[c] +
                                             (double)k1[c] * ((double)plain_row(&y, row)[c] - mean[c]) + k2[c]);
    return dy;
}

static void release_gradient(const rn_operation *operation, const rn_map *dy)
{
    if (operation->as.conv.is_joint)
        free(dy->data);
}

void plain_conv(const rn_tape *tape, const rn_operation *operation)
{
    const rn_map x = input_of(tape, operation), y = rn_operand_map(tape, operation, RN_Y),
                 other = rn_operand_map(tape, operation, RN_OTHER);
    const float *const weights = rn_operand_floats(tape, operation, RN_WEIGHTS);
    const float *const scale = rn_operand_floats(tape, operation, RN_SCALE);
    const float *const shift = rn_operand_floats(tape, operation, RN_SHIFT);

    for (int64_t row = 0; row < rn_map_rows(&y); row++) {
        const int64_t n = row / (y.h * y.w), oh = row / y.w % y.h, ow = row % y.w;

        for (int64_t o = 0; o < y.c; o++) {
            double value = sum_at(&operation->as.conv, &x, weights, n, oh, ow, o);

            value *= scale == NULL ? 1 : (double)scale[o];
            value += shift == NULL ? 0 : (double)shift[o];
            value += other.data == NULL ? 0 : (double)plain_row(&other, row)[o];
            plain_row(&y, row)[o] = operation->relu && !(value > 0) ? 0 : (float)value;
        }
    }
    release_input(operation, &x);
}

static double weight_slope(const rn_conv *conv, const rn_map *x, const rn_map *dy, int64_t o, int64_t kh, int64_t kw,
                           int64_t c)
{
    double sum = 0;

    for (int64_t row = 0; row < rn_map_rows(dy); row++) {
        const float *const seen = tap(conv, x, row / (dy->h * dy->w), row / dy->w % dy->h, row % dy->w, kh, kw);

        if (seen != NULL)
            sum += (double)seen[first_channel(conv, o) + c] * plain_row(dy, row)[o];
    }
    return sum;
}

static void weights_backward(const rn_conv *conv, const rn_map *x, const rn_map *dy, float *dw, bool adds)
{
    for (int64_t o = 0; o < conv->out_c; o++)
        for (int64_t kh = 0; kh < conv->kernel_h; kh++)
            for (int64_t kw = 0; kw < conv->kernel_w; kw++)
                for (int64_t c = 0; c < width_of_group(conv); c++)
                    plain_put(&dw[weight_index(conv, o, kh, kw, c)], weight_slope(conv, x, dy, o, kh, kw, c), adds);
}

/* The output pixel that sees input pixel `in` through tap k along one side; false: none. */
static bool sees(int64_t *out, int64_t in, int64_t k, int32_t stride, int32_t padding, int32_t dilation, int64_t size)
{
    const int64_t at = in + padding - k * dilation;

    *out = at / stride;
    return at >= 0 && at % stride == 0 && *out < size;
}

static double input_slope(const rn_conv *conv, const rn_map *dy, const float *weights, int64_t n, int64_t h, int64_t w,
                          int64_t c)
{
    const int64_t group = c / width_of_group(conv), members = conv->out_c / conv->groups;
    double sum = 0;
    int64_t oh, ow;

    for (int64_t kh = 0; kh < conv->kernel_h; kh++) {
        for (int64_t kw = 0; kw < conv->kernel_w; kw++) {
            if (!sees(&oh, h, kh, conv->stride_h, conv->padding_h, conv->dilation, dy->h) ||
                !sees(&ow, w, kw, conv->stride_w, conv->padding_w, conv->dilation, dy->w))
                continue;
            for (int64_t o = group * members; o < (group + 1) * members; o++)
                sum += (double)plain_pixel(dy, n, oh, ow)[o] *
                       weights[weight_index(conv, o, kh, kw, c % width_of_group(conv))];
        }
    }
    return sum;
}

void plain_conv_backward(const rn_tape *tape, const rn_operation *operation)
{
    const rn_map x = input_of(tape, operation), dy = gradient_of(tape, operation),
                 dx = rn_operand_map(tape, operation, RN_DX);
    const float *const weights = rn_operand_floats(tape, operation, RN_WEIGHTS);
    bool adds;
    float *const dw = plain_begin_gradient(tape, operation, RN_DWEIGHTS, &adds);

    if (dw != NULL)
        weights_backward(&operation->as.conv, &x, &dy, dw, adds);
    for (int64_t row = 0; row < rn_map_rows(&dx); row++)
        for (int64_t c = 0; c < dx.c; c++)
            plain_put(
                &plain_row(&dx, row)[c],
                input_slope(&operation->as.conv, &dy, weights, row / (dx.h * dx.w), row / dx.w % dx.h, row % dx.w, c),
                plain_adds(operation, RN_DX));
    release_gradient(operation, &dy);
    release_input(operation, &x);
}
