/* SPDX-License-Identifier: MIT */
/* Windows read in place, or from a copy of the map's lines with their padding (conv_band.h). */
#include "ops/conv_band.h"

#include <string.h>

static bool inside(int64_t offset, int64_t stride, int64_t out, int64_t in)
{
    return offset >= 0 && (out - 1) * stride + offset < in;
}

bool rn_gather_in_place(const rn_gather *gather)
{
    return gather->window_h == 1 && gather->window_w == 1 &&
           inside(gather->offset_h, gather->stride_h, gather->out_h, gather->in_h) &&
           inside(gather->offset_w, gather->stride_w, gather->out_w, gather->in_w);
}

bool rn_gather_whole_map(const rn_gather *gather)
{
    return rn_gather_in_place(gather) && gather->stride_h == 1 && gather->stride_w == 1 &&
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
    enum { FLOATS_A_LINE = RN_ALIGNMENT / sizeof(float) };

    return rn_round_up(band_width(gather) * gather->channels, FLOATS_A_LINE);
}

int64_t rn_band_floats(const rn_gather *gather, int64_t lines)
{
    return band_height(gather, lines) * band_pitch(gather);
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
    if (gather->pitch == channels)
        gemm->copy(to + left * channels, (right - left) * channels, from, 0, 1, (right - left) * channels);
    else
        gemm->copy(to + left * channels, channels, from, gather->pitch, right - left, channels);
}

rn_stretch rn_gather_stretch(const rn_gather *gather, const rn_gemm_kernels *gemm, int64_t m, int64_t count,
                             float *band)
{
    const rn_gather_pixel first = rn_gather_pixel_at(gather, m);
    const int64_t channels = gather->channels, pitch = band_pitch(gather);
    const int64_t lines =
        gather->out_h - first.i < count / gather->out_w ? gather->out_h - first.i : count / gather->out_w;

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
