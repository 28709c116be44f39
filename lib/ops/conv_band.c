/* SPDX-License-Identifier: MIT */
/* Windows read in place, or from a copy of the map's lines with their padding (conv_band.h). */
#include "ops/conv_band.h"

#include <string.h>

static bool inside(int64_t offset, int64_t stride, int64_t out, int64_t in)
{
    return offset >= 0 && (out - 1) * stride + offset < in;
}

/* Windows are single pixels of the map, none in the padding. */
static bool is_single_inside(const rn_gather *gather)
{
    return gather->window_h == 1 && gather->window_w == 1 &&
           inside(gather->offset_h, gather->stride_h, gather->out_h, gather->in_h) &&
           inside(gather->offset_w, gather->stride_w, gather->out_w, gather->in_w);
}

bool rn_gather_in_place(const rn_gather *gather)
{
    return is_single_inside(gather) && gather->floats == 0;
}

bool rn_gather_whole_map(const rn_gather *gather)
{
    return is_single_inside(gather) && gather->stride_h == 1 && gather->stride_w == 1 &&
           gather->out_h == gather->in_h && gather->out_w == gather->in_w;
}

static int64_t band_width(const rn_gather *gather)
{
    return (gather->out_w - 1) * gather->stride_w + gather->window_w; /* windows of a band are not dilated */
}

static int64_t band_height(const rn_gather *gather, int64_t lines)
{
    return (lines - 1) * gather->stride_h + gather->window_h;
}

/* Whole cache lines, so that lines are copied to aligned places. */
static int64_t band_pitch(const rn_gather *gather)
{
    return rn_round_up(band_width(gather) * gather->channels, RN_FLOATS_A_LINE);
}

/* Pairs of single pixels lie one after the other, those that no window sees left out; the gap keeps pixels of a power
 * of two of pairs off each other's cache sets. */
static bool is_single_pairs(const rn_gather *gather)
{
    return gather->floats > 0 && gather->window_h == 1 && gather->window_w == 1;
}

/* A map of halves is such pairs as it lies, unless its rows collide. */
static bool is_single_pairs_in_place(const rn_gather *gather)
{
    return gather->is_halved && rn_gather_whole_map(gather) && gather->pitch % RN_COLLIDING_FLOATS != 0;
}

static int64_t single_pitch(const rn_gather *gather)
{
    return rn_round_up(gather->channels, RN_FLOATS_A_LINE) + RN_FLOATS_A_LINE;
}

int64_t rn_band_floats_of_singles(const rn_gather *gather, int64_t lines)
{
    return gather->floats == 0 ? 0 : lines * gather->out_w * single_pitch(gather);
}

int64_t rn_band_floats(const rn_gather *gather, int64_t lines)
{
    if (is_single_pairs(gather))
        return rn_band_floats_of_singles(gather, lines);
    return band_height(gather, lines) * band_pitch(gather);
}

/* `pixels` neighbours of the map as pairs. */
static void copy_pairs(const rn_gather *gather, const rn_gemm_kernels *gemm, float *to, const float *from,
                       int64_t pixels)
{
    if (gather->is_halved) {
        gemm->floats->copy(to, gather->channels, from, gather->pitch, pixels, gather->channels);
        return;
    }
    if (gather->pitch == gather->floats && gather->floats == 2 * gather->channels) {
        gemm->pairs->neighbours(to, from, pixels * gather->floats);
        return;
    }
    for (int64_t x = 0; x < pixels; x++)
        gemm->pairs->neighbours(to + x * gather->channels, from + x * gather->pitch, gather->floats);
}

/* Input line y of an image with the padding on both sides. */
static void copy_line(const rn_gather *gather, const rn_gemm_kernels *gemm, int64_t image, int64_t y, float *to)
{
    const int64_t channels = gather->channels, width = band_width(gather), x = gather->offset_w;
    const int64_t left = rn_clip(-x, 0, width), right = rn_clip(gather->in_w - x, left, width);
    const float *from;

    if (y < 0 || y >= gather->in_h || left == right) {
        memset(to, 0, (size_t)(width * channels) * sizeof *to);
        return;
    }
    from = gather->data + ((image * gather->in_h + y) * gather->in_w + x + left) * gather->pitch;
    memset(to, 0, (size_t)(left * channels) * sizeof *to);
    memset(to + right * channels, 0, (size_t)((width - right) * channels) * sizeof *to);
    if (gather->floats > 0)
        copy_pairs(gather, gemm, to + left * channels, from, right - left);
    else if (gather->pitch == channels)
        gemm->floats->copy(to + left * channels, (right - left) * channels, from, 0, 1, (right - left) * channels);
    else
        gemm->floats->copy(to + left * channels, channels, from, gather->pitch, right - left, channels);
}

/* The pixels [m, m + count) that windows of one pixel see, one after the other. */
static rn_stretch stretch_of_pairs(const rn_gather *gather, const rn_gemm_kernels *gemm, int64_t m, int64_t count,
                                   float *band)
{
    const int64_t pitch = single_pitch(gather);

    if (is_single_pairs_in_place(gather))
        return (rn_stretch){ { gather->data + m * gather->pitch, gather->pitch, gather->channels, 0 }, 1, count, 0 };
    for (int64_t r = 0; r < count; r++) {
        const rn_gather_pixel pixel = rn_gather_pixel_at(gather, m + r);
        const int64_t y = pixel.i * gather->stride_h + gather->offset_h,
                      x = pixel.j * gather->stride_w + gather->offset_w;

        if (y < 0 || y >= gather->in_h || x < 0 || x >= gather->in_w)
            memset(band + r * pitch, 0, (size_t)gather->channels * sizeof *band);
        else
            copy_pairs(gather, gemm, band + r * pitch,
                       gather->data + ((pixel.image * gather->in_h + y) * gather->in_w + x) * gather->pitch, 1);
    }
    return (rn_stretch){ { band, pitch, gather->channels, 0 }, 1, count, 0 };
}

rn_stretch rn_gather_stretch(const rn_gather *gather, const rn_gemm_kernels *gemm, int64_t m, int64_t count,
                             float *band)
{
    const rn_gather_pixel first = rn_gather_pixel_at(gather, m);
    const int64_t channels = gather->channels, pitch = band_pitch(gather);
    const int64_t lines =
        gather->out_h - first.i < count / gather->out_w ? gather->out_h - first.i : count / gather->out_w;

    if (is_single_pairs(gather))
        return stretch_of_pairs(gather, gemm, m, count, band);
    if (rn_gather_whole_map(gather))
        return (rn_stretch){ { gather->data + m * gather->pitch, gather->pitch, channels, 0 }, 1, count, 0 };
    if (rn_gather_in_place(gather)) {
        const int64_t y = first.i * gather->stride_h + gather->offset_h;

        return (rn_stretch){ { gather->data +
                                   ((first.image * gather->in_h + y) * gather->in_w + gather->offset_w) * gather->pitch,
                               gather->stride_w * gather->pitch, channels, 0 },
                             lines,
                             gather->out_w,
                             gather->stride_h * gather->in_w * gather->pitch };
    }
    for (int64_t line = 0; line < band_height(gather, lines); line++)
        copy_line(gather, gemm, first.image, first.i * gather->stride_h + gather->offset_h + line, band + line * pitch);
    return (rn_stretch){ { band, gather->stride_w * channels, gather->window_w * channels, pitch },
                         lines,
                         gather->out_w,
                         gather->stride_h * pitch };
}
