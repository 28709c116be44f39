/* SPDX-License-Identifier: MIT */
/*
 * Resizing: bilinear with antialiasing, bit for bit as Pillow's ImagingResample does it on 8-bit pixels.
 *
 * An output pixel is a weighted sum of the input pixels within `support` of its centre, weights falling linearly; where
 * the picture shrinks, the support grows by the same factor. Weights are taken in double, made to sum to 1, and rounded
 * to fixed point with 22 fractional bits; first rows are resized into 8 bits, then columns. Only the pixels of the crop
 * are computed. Source: Pillow, src/libImaging/Resample.c.
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

/* How one direction is resized: the outputs [from, from + count) of `out`, made of `in` inputs. */
typedef struct direction {
    int32_t in, out, from, count;
} direction;

/* `tap` of each output; the weights behind them in the same block. */
typedef struct plan {
    rn_taps *tap;
    int32_t *weight;
} plan;

static double triangle(double x)
{
    x = x < 0 ? -x : x;
    return x < 1 ? 1 - x : 0;
}

/* The weights of one output in fixed point; `line` has room for them. */
static void fill_line(int32_t *fixed, double *line, rn_taps *tap, const direction *d, int32_t output)
{
    const double scale = (double)d->in / d->out, filter_scale = scale < 1 ? 1 : scale;
    const double centre = (output + 0.5) * scale;
    const int32_t begin = (int32_t)(centre - filter_scale + 0.5), end = (int32_t)(centre + filter_scale + 0.5);
    double total = 0;

    tap->first = begin < 0 ? 0 : begin;
    tap->count = (end > d->in ? d->in : end) - tap->first;
    for (int32_t k = 0; k < tap->count; k++) {
        line[k] = triangle((k + tap->first - centre + 0.5) * (1 / filter_scale));
        total += line[k];
    }
    for (int32_t k = 0; k < tap->count; k++)
        fixed[k] = (int32_t)(0.5 + (total != 0 ? line[k] / total : line[k]) * (1 << RN_RESAMPLE_PRECISION));
}

static rn_status make_plan(plan *p, const direction *d, const rn_allocator *allocator, rn_message *message)
{
    const double scale = (double)d->in / d->out;
    const size_t most = (size_t)ceil(scale < 1 ? 1 : scale) * 2 + 1;
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
    scratch = rn_allocate_array(&bench->allocator, rn_row_scratch(from->width, to->width), sizeof *scratch);
    if (scratch == NULL)
        status = rn_fail(message, RN_NO_MEMORY, "no memory to resize a picture");
    for (int32_t y = 0; y < to->height && status == RN_OK; y++)
        bench->resample->row(to->rgb + (size_t)y * out, from->rgb + (size_t)(first + y) * in, to->width, from->width,
                             p.tap, p.weight, scratch);
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

rn_status rn_pixels_resize(rn_pixels *pixels, int32_t height, int32_t width, const rn_crop *crop, rn_message *message)
{
    const rn_crop all = { 0, 0, height, width }, *const part = crop != NULL ? crop : &all;
    const direction x = { pixels->width, width, part->left, part->width };
    const direction y = { pixels->height, height, part->top, part->height };
    const rn_workbench *const bench = pixels->bench;
    int32_t first = part->top, rows = part->height;
    plan p = { 0 };
    rn_status status;

    if (pixels->height != height) {
        status = make_plan(&p, &y, &bench->allocator, message);
        if (status != RN_OK)
            return status;
        first = p.tap[0].first;
        rows = p.tap[y.count - 1].first + p.tap[y.count - 1].count - first;
    }
    status = RN_OK;
    if (pixels->width != part->width || pixels->width != width || (p.tap == NULL && rows != pixels->height))
        status = resize_rows(pixels, &x, first, rows, message);
    else
        first = 0;
    if (status == RN_OK && p.tap != NULL)
        status = resize_columns(pixels, &p, part->height, first, message);
    rn_release(&bench->allocator, p.tap);
    return status;
}
