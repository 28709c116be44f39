/* SPDX-License-Identifier: MIT */
/*
 * Resizing, bit for bit as Pillow does it on 8-bit pixels.
 *
 * An output pixel is a weighted sum of the input pixels within the filter's support of its centre; where the picture
 * shrinks, the support grows by the same factor (antialiasing). Weights are taken in double, made to sum to 1, and
 * rounded to fixed point with 22 fractional bits; first rows are resized into 8 bits, then columns (or the other way
 * round). Only the pixels of the crop are computed. Source: Pillow, src/libImaging/Resample.c; of the nearest pixel,
 * ImagingScaleAffine in Geometry.c.
 */
#include "image/pixels.h"

#include <math.h>
#include <string.h>

const rn_resample_kernels *rn_resample_kernels_for(rn_isa isa)
{
#if defined(RN_HAVE_AVX2)
    if (isa >= RN_ISA_AVX2)
        return &rn_resample_avx2;
#else
    (void)isa;
#endif
    return &rn_resample_baseline;
}

/* `tap` of each output; the weights behind them in the same block. */
typedef struct plan {
    rn_taps *tap;
    int32_t *weight;
} plan;

/* ---- filters ----------------------------------------------------------------------------------------------------- */

static const double pi = 3.14159265358979323846;

static double triangle(double x)
{
    x = x < 0 ? -x : x;
    return x < 1 ? 1 - x : 0;
}

/* Keys' cubic convolution with a = -1/2. */
static double cubic(double x)
{
    const double a = -0.5;

    x = x < 0 ? -x : x;
    if (x < 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

static double box(double x)
{
    return x > -0.5 && x <= 0.5 ? 1 : 0;
}

static double hamming(double x)
{
    x = x < 0 ? -x : x;
    if (x == 0 || x >= 1)
        return x == 0 ? 1 : 0;
    x *= pi;
    return sin(x) / x * ((double)0.54f + (double)0.46f * cos(x));
}

static double sinc(double x)
{
    x *= pi;
    return x == 0 ? 1 : sin(x) / x;
}

/* Three lobes. */
static double lanczos(double x)
{
    return -3 <= x && x < 3 ? sinc(x) * sinc(x / 3) : 0;
}

typedef struct window {
    double (*at)(double x);
    double support;
} window;

static const window windows[] = {
    [RN_FILTER_BILINEAR] = { triangle, 1 }, [RN_FILTER_BICUBIC] = { cubic, 2 },   [RN_FILTER_BOX] = { box, 0.5 },
    [RN_FILTER_HAMMING] = { hamming, 1 },   [RN_FILTER_LANCZOS] = { lanczos, 3 },
};

/* ---- weights ----------------------------------------------------------------------------------------------------- */

/* How one direction is resized: the outputs [from, from + count) of `out`, made of `in` inputs. */
typedef struct direction {
    const window *window;
    int32_t in, out, from, count;
} direction;

/* The weights of one output in fixed point; `line` has room for them. */
static void fill_line(int32_t *fixed, double *line, rn_taps *tap, const direction *d, int32_t output)
{
    const double scale = (double)d->in / d->out, filter_scale = scale < 1 ? 1 : scale;
    const double centre = (output + 0.5) * scale, support = d->window->support * filter_scale;
    const int32_t begin = (int32_t)(centre - support + 0.5), end = (int32_t)(centre + support + 0.5);
    double total = 0;

    tap->first = begin < 0 ? 0 : begin;
    tap->count = (end > d->in ? d->in : end) - tap->first;
    for (int32_t k = 0; k < tap->count; k++) {
        line[k] = d->window->at((k + tap->first - centre + 0.5) * (1 / filter_scale));
        total += line[k];
    }
    for (int32_t k = 0; k < tap->count; k++) {
        const double weight = total != 0 ? line[k] / total : line[k];

        fixed[k] = (int32_t)((weight < 0 ? -0.5 : 0.5) + weight * (1 << RN_RESAMPLE_PRECISION));
    }
}

static rn_status make_plan(plan *p, const direction *d, const rn_allocator *allocator, rn_message *message)
{
    const double scale = (double)d->in / d->out;
    const size_t most = (size_t)ceil(d->window->support * (scale < 1 ? 1 : scale)) * 2 + 1;
    size_t taps, bytes;
    double *line;

    *p = (plan){ 0 };
    line = rn_allocate_array(allocator, most, sizeof *line);
    if (rn_size_multiply(&taps, (size_t)d->count, sizeof *p->tap) &&
        rn_size_multiply(&bytes, (size_t)d->count, most * sizeof *p->weight) && rn_size_add(&bytes, bytes, taps))
        p->tap = rn_allocate(allocator, bytes);
    if (line == NULL || p->tap == NULL) {
        rn_release(allocator, line);
        rn_release(allocator, p->tap);
        p->tap = NULL;
        return rn_fail(message, RN_NO_MEMORY, "no memory to resize a picture");
    }
    p->weight = (int32_t *)(void *)(p->tap + d->count);
    for (int32_t i = 0; i < d->count; i++) {
        p->tap[i].index = (size_t)i * most;
        fill_line(p->weight + p->tap[i].index, line, &p->tap[i], d, d->from + i);
    }
    rn_release(allocator, line);
    return RN_OK;
}

/* All rows of `to` from those of `from`, the first of which is `first`, to another width. */
static rn_status resize_each_row(rn_pixels *to, const rn_pixels *from, const direction *d, int32_t first,
                                 rn_message *message)
{
    const rn_workbench *const bench = from->bench;
    const size_t in = (size_t)from->width * 3, out = (size_t)to->width * 3;
    int32_t *scratch;
    plan p;
    rn_status status = make_plan(&p, d, &bench->allocator, message);

    if (status != RN_OK)
        return status;
    scratch = rn_allocate_array(&bench->allocator, rn_rows_scratch(from->width, to->width), sizeof *scratch);
    if (scratch == NULL)
        status = rn_fail(message, RN_NO_MEMORY, "no memory to resize a picture");
    for (int32_t y = 0; y < to->height && status == RN_OK; y += RN_RESAMPLE_ROWS) {
        const int32_t left = to->height - y, rows = left < RN_RESAMPLE_ROWS ? left : RN_RESAMPLE_ROWS;

        bench->resample->rows(to->rgb + (size_t)y * out, from->rgb + (size_t)(first + y) * in, rows, to->width,
                              from->width, p.tap, p.weight, scratch);
    }
    rn_release(&bench->allocator, scratch);
    rn_release(&bench->allocator, p.tap);
    return status;
}

/* Rows [first, first + rows) to another width, or only cut where the width stays. */
static rn_status resize_rows(rn_pixels *pixels, const direction *d, int32_t first, int32_t rows, rn_message *message)
{
    const rn_crop cut = { first, d->from, rows, d->count };
    rn_pixels resized;
    rn_status status;

    if (d->in == d->out)
        return rn_pixels_crop(pixels, &cut, message);
    status = rn_pixels_create(&resized, pixels->bench, d->count, rows, message);
    if (status != RN_OK)
        return status;
    status = resize_each_row(&resized, pixels, d, first, message);
    if (status == RN_OK)
        rn_pixels_replace(pixels, &resized);
    else
        rn_pixels_release(&resized);
    return status;
}

/* The rows that `pixels` has left begin at `first` of the picture. */
static rn_status resize_columns(rn_pixels *pixels, const plan *p, int32_t height, int32_t first, rn_message *message)
{
    const rn_workbench *const bench = pixels->bench;
    const size_t line = (size_t)pixels->width * 3;
    rn_pixels resized;
    const rn_status status = rn_pixels_create(&resized, bench, pixels->width, height, message);

    if (status != RN_OK)
        return status;
    for (int32_t y = 0; y < height; y++)
        bench->resample->column(resized.rgb + (size_t)y * line, pixels->rgb + (size_t)(p->tap[y].first - first) * line,
                                line, &p->tap[y], p->weight);
    rn_pixels_replace(pixels, &resized);
    return RN_OK;
}

/* ---- the nearest pixel ------------------------------------------------------------------------------------------- */

/* The inputs of outputs [from, from + count), found by steps that add up, as Pillow does. */
static void find_nearest(int32_t *input, const direction *d)
{
    const double step = (double)d->in / d->out;
    double at = step * 0.5;

    for (int32_t i = 0; i < d->from + d->count; i++, at += step)
        if (i >= d->from)
            input[i - d->from] = at < d->in ? (int32_t)at : d->in - 1;
}

static rn_status take_nearest(rn_pixels *pixels, const direction *y, const direction *x, rn_message *message)
{
    const rn_allocator *const allocator = &pixels->bench->allocator;
    int32_t *const rows = rn_allocate_array(allocator, (size_t)y->count + (size_t)x->count, sizeof *rows),
                   *const columns = rows + y->count;
    rn_pixels taken;
    rn_status status;

    if (rows == NULL)
        return rn_fail(message, RN_NO_MEMORY, "no memory to resize a picture");
    status = rn_pixels_create(&taken, pixels->bench, x->count, y->count, message);
    if (status == RN_OK) {
        uint8_t *to = taken.rgb;

        find_nearest(rows, y);
        find_nearest(columns, x);
        for (int32_t i = 0; i < y->count; i++)
            for (int32_t j = 0; j < x->count; j++, to += 3)
                memcpy(to, pixels->rgb + ((size_t)rows[i] * (size_t)pixels->width + (size_t)columns[j]) * 3, 3);
        rn_pixels_replace(pixels, &taken);
    }
    rn_release(allocator, rows);
    return status;
}

/* ---- both directions --------------------------------------------------------------------------------------------- */

/* Lines of a picture. */
typedef struct extent {
    int32_t first, count;
} extent;

static extent needed_for(const plan *p, const direction *d)
{
    const rn_taps *const last = &p->tap[d->count - 1];

    return (extent){ p->tap[0].first, last->first + last->count - p->tap[0].first };
}

static rn_status rows_then_columns(rn_pixels *pixels, const plan *p, const direction *y, const direction *x,
                                   rn_message *message)
{
    const extent rows = p->tap != NULL ? needed_for(p, y) : (extent){ y->from, y->count };
    const bool is_cut = x->in != x->count || x->in != x->out || (p->tap == NULL && rows.count != y->in);
    const rn_status status = is_cut ? resize_rows(pixels, x, rows.first, rows.count, message) : RN_OK;

    return status == RN_OK && p->tap != NULL ? resize_columns(pixels, p, y->count, is_cut ? rows.first : 0, message)
                                             : status;
}

/* From version 13 on Pillow begins with the columns of a picture that becomes lower by over twice the columns that it
 * loses. */
static bool begins_with_columns(const direction *y, const direction *x)
{
    return y->out < y->in && (int64_t)y->in - y->out > 2 * ((int64_t)x->in - x->out);
}

static rn_status resample(rn_pixels *pixels, const direction *y, const direction *x, rn_message *message)
{
    const rn_allocator *const allocator = &pixels->bench->allocator;
    plan p = { 0 };
    rn_status status = y->in != y->out ? make_plan(&p, y, allocator, message) : RN_OK;

    if (status == RN_OK && begins_with_columns(y, x)) {
        status = resize_columns(pixels, &p, y->count, 0, message);
        if (status == RN_OK)
            status = resize_rows(pixels, x, 0, y->count, message);
    } else if (status == RN_OK) {
        status = rows_then_columns(pixels, &p, y, x, message);
    }
    rn_release(allocator, p.tap);
    return status;
}

rn_status rn_pixels_resize(rn_pixels *pixels, int32_t height, int32_t width, rn_filter filter, const rn_crop *crop,
                           rn_message *message)
{
    const rn_crop all = { 0, 0, height, width }, *const part = crop != NULL ? crop : &all;
    const direction x = { &windows[filter], pixels->width, width, part->left, part->width };
    const direction y = { &windows[filter], pixels->height, height, part->top, part->height };

    if (filter == RN_FILTER_NEAREST && (height != pixels->height || width != pixels->width))
        return take_nearest(pixels, &y, &x, message);
    return resample(pixels, &y, &x, message);
}
