/* SPDX-License-Identifier: MIT */
/*
 * Resizing: bilinear with antialiasing, bit for bit as Pillow's ImagingResample does it on 8-bit pixels.
 *
 * An output pixel is a weighted sum of the input pixels within `support` of its centre, weights falling linearly; where the picture shrinks, the
 * support grows by the same factor. Weights are taken in double, made to sum to 1, and rounded to fixed point with 22 fractional bits; first
 * rows are resized into 8 bits, then columns. Source: Pillow, src/libImaging/Resample.c.
 */
#include "image/pixels.h"

#include <math.h>
#include <string.h>

enum { PRECISION = 32 - 8 - 2 };

/* Weights of one direction: output i takes inputs first[i] .. first[i] + count[i] with weights [i * most ...]. */
typedef struct weights {
    int32_t *first, *count, *weight;
    int32_t most;
} weights;

static void release_weights(weights *w, const rn_allocator *allocator)
{
    rn_release(allocator, w->first);
    rn_release(allocator, w->count);
    rn_release(allocator, w->weight);
}

static double triangle(double x)
{
    x = x < 0 ? -x : x;
    return x < 1 ? 1 - x : 0;
}

static void fill_weights(weights *w, int32_t i, int32_t in, double scale, double *line)
{
    const double filter_scale = scale < 1 ? 1 : scale, centre = (i + 0.5) * scale;
    int32_t first = (int32_t)(centre - filter_scale + 0.5), end = (int32_t)(centre + filter_scale + 0.5);
    double total = 0;

    first = first < 0 ? 0 : first;
    end = end > in ? in : end;
    for (int32_t k = 0; k < end - first; k++) {
        line[k] = triangle((k + first - centre + 0.5) * (1 / filter_scale));
        total += line[k];
    }
    for (int32_t k = 0; k < end - first; k++)
        w->weight[(int64_t)i * w->most + k] = (int32_t)(0.5 + (total != 0 ? line[k] / total : line[k]) * (1 << PRECISION));
    w->first[i] = first;
    w->count[i] = end - first;
}

static rn_status make_weights(weights *w, const rn_allocator *allocator, int32_t in, int32_t out, rn_message *message)
{
    const double scale = (double)in / out, support = scale < 1 ? 1 : scale;
    double *line;
    size_t total;

    *w = (weights){ .most = (int32_t)ceil(support) * 2 + 1 };
    line = rn_allocate_array(allocator, (size_t)w->most, sizeof *line);
    w->first = rn_allocate_array(allocator, (size_t)out, sizeof *w->first);
    w->count = rn_allocate_array(allocator, (size_t)out, sizeof *w->count);
    if (rn_size_multiply(&total, (size_t)out, (size_t)w->most))
        w->weight = rn_allocate_zeroed(allocator, total, sizeof *w->weight);
    if (line == NULL || w->first == NULL || w->count == NULL || w->weight == NULL) {
        rn_release(allocator, line);
        release_weights(w, allocator);
        return rn_fail(message, RN_NO_MEMORY, "no memory to resize a picture");
    }
    for (int32_t i = 0; i < out; i++)
        fill_weights(w, i, in, scale, line);
    rn_release(allocator, line);
    return RN_OK;
}

static uint8_t to_byte(int32_t sum)
{
    const int32_t value = sum >> PRECISION;

    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* Rows [first_row, first_row + to->height) of `from` to the width of `to`. */
static void resize_rows(const rn_pixels *to, const rn_pixels *from, int32_t first_row, const weights *w)
{
    for (int32_t y = 0; y < to->height; y++) {
        const uint8_t *const in = from->rgb + (size_t)(first_row + y) * (size_t)from->width * 3;
        uint8_t *out = to->rgb + (size_t)y * (size_t)to->width * 3;

        for (int32_t x = 0; x < to->width; x++, out += 3) {
            const uint8_t *pixel = in + (size_t)w->first[x] * 3;
            const int32_t *const weight = w->weight + (int64_t)x * w->most;
            int32_t r = 1 << (PRECISION - 1), g = r, b = r;

            for (int32_t k = 0; k < w->count[x]; k++, pixel += 3) {
                r += pixel[0] * weight[k];
                g += pixel[1] * weight[k];
                b += pixel[2] * weight[k];
            }
            out[0] = to_byte(r);
            out[1] = to_byte(g);
            out[2] = to_byte(b);
        }
    }
}

/* Columns: each output row is a sum of rows, taken in pieces whose sums fit the first-level cache. */
static void resize_columns(const rn_pixels *to, const rn_pixels *from, int32_t first_row, const weights *w)
{
    enum { PIECE = 1024 };
    const size_t line = (size_t)to->width * 3;
    int32_t sums[PIECE];

    for (int32_t y = 0; y < to->height; y++) {
        const uint8_t *const in = from->rgb + (size_t)(w->first[y] - first_row) * line;
        const int32_t *const weight = w->weight + (int64_t)y * w->most;
        uint8_t *const out = to->rgb + (size_t)y * line;

        for (size_t at = 0; at < line; at += PIECE) {
            const size_t length = line - at < PIECE ? line - at : PIECE;

            for (size_t i = 0; i < length; i++)
                sums[i] = 1 << (PRECISION - 1);
            for (int32_t k = 0; k < w->count[y]; k++) {
                const uint8_t *const row = in + (size_t)k * line + at;

                for (size_t i = 0; i < length; i++)
                    sums[i] += row[i] * weight[k];
            }
            for (size_t i = 0; i < length; i++)
                out[at + i] = to_byte(sums[i]);
        }
    }
}

static rn_status resize_width(rn_pixels *pixels, int32_t width, int32_t first_row, int32_t rows, rn_message *message)
{
    rn_pixels resized;
    weights w;
    rn_status status = make_weights(&w, pixels->allocator, pixels->width, width, message);

    if (status != RN_OK)
        return status;
    status = rn_pixels_create(&resized, pixels->allocator, width, rows, message);
    if (status == RN_OK) {
        resize_rows(&resized, pixels, first_row, &w);
        rn_pixels_replace(pixels, &resized);
    }
    release_weights(&w, pixels->allocator);
    return status;
}

rn_status rn_pixels_resize(rn_pixels *pixels, int32_t height, int32_t width, rn_message *message)
{
    const rn_allocator *const allocator = pixels->allocator;
    rn_pixels resized;
    weights w;
    rn_status status;
    int32_t first_row, rows;

    if (height == pixels->height)
        return width == pixels->width ? RN_OK : resize_width(pixels, width, 0, height, message);
    status = make_weights(&w, allocator, pixels->height, height, message);
    if (status != RN_OK)
        return status;
    first_row = w.first[0];
    rows = w.first[height - 1] + w.count[height - 1] - first_row;
    if (width != pixels->width)
        status = resize_width(pixels, width, first_row, rows, message);
    else
        first_row = 0;
    if (status == RN_OK)
        status = rn_pixels_create(&resized, allocator, width, height, message);
    if (status == RN_OK) {
        resize_columns(&resized, pixels, first_row, &w);
        rn_pixels_replace(pixels, &resized);
    }
    release_weights(&w, allocator);
    return status;
}
