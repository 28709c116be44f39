/* SPDX-License-Identifier: MIT */
/*
 * Rows of the im2col matrix: where each window lies and how much of it falls on the map. The copying itself is a
 * kernel.
 */
#include "ops/conv_gather.h"

#include <stddef.h>

rn_gather rn_gather_windows(const rn_conv *conv, const rn_map *x, int64_t group)
{
    const int64_t channels = conv->in_c / conv->groups;

    return (rn_gather){ .data = x->data + rn_map_floats(x, group * channels),
                        .pitch = x->pitch,
                        .channels = channels,
                        .in_h = conv->in_h,
                        .in_w = conv->in_w,
                        .out_h = conv->out_h,
                        .out_w = conv->out_w,
                        .window_h = conv->kernel_h,
                        .window_w = conv->kernel_w,
                        .stride_h = conv->stride_h,
                        .stride_w = conv->stride_w,
                        .offset_h = -(int64_t)conv->padding_h,
                        .offset_w = -(int64_t)conv->padding_w,
                        .dilation_h = conv->dilation,
                        .dilation_w = conv->dilation,
                        .is_halved = x->is_halved,
                        .is_formed = conv->is_formed };
}

rn_gather_pixel rn_gather_pixel_at(const rn_gather *gather, int64_t m)
{
    const int64_t line = m / gather->out_w;

    return (rn_gather_pixel){ line / gather->out_h, line % gather->out_h, m % gather->out_w };
}

static void step(const rn_gather *gather, rn_gather_pixel *pixel, int64_t count)
{
    pixel->j += count;
    if (pixel->j < gather->out_w)
        return;
    pixel->j = 0;
    if (++pixel->i < gather->out_h)
        return;
    pixel->i = 0;
    pixel->image++;
}

/* Pixels from `pixel` on, at most `most` and on its line, whose windows lie on as many columns of the map. */
static int64_t alike(const rn_gather *gather, const rn_gather_pixel *pixel, int64_t x, int64_t most)
{
    const int64_t on_line = gather->out_w - pixel->j < most ? gather->out_w - pixel->j : most;
    const int64_t room = gather->in_w - rn_gather_reach(gather->window_w, gather->dilation_w) - x;

    if (x < 0 || room < 0)
        return 1;
    return room / gather->stride_w + 1 < on_line ? room / gather->stride_w + 1 : on_line;
}

/* The first of `window` places, `dilation` apart from `start` on, that is not below `at`. */
static int64_t first_from(int64_t at, int64_t start, int64_t window, int64_t dilation)
{
    return at <= start ? 0 : rn_clip(rn_divide_up(at - start, dilation), 0, window);
}

/* At most `most` rows that begin with that of `pixel`. */
static rn_gather_row rows_at(const rn_gather *gather, const rn_gather_pixel *pixel, int64_t most)
{
    const int64_t y = pixel->i * gather->stride_h + gather->offset_h,
                  x = pixel->j * gather->stride_w + gather->offset_w;
    const int64_t top = first_from(0, y, gather->window_h, gather->dilation_h),
                  bottom = first_from(gather->in_h, y, gather->window_h, gather->dilation_h);
    const int64_t left = first_from(0, x, gather->window_w, gather->dilation_w),
                  right = first_from(gather->in_w, x, gather->window_w, gather->dilation_w);
    const bool nothing = top == bottom || left == right;
    const bool touching = gather->pitch == gather->channels && gather->dilation_w == 1;

    return (rn_gather_row){
        .source = nothing
                      ? NULL
                      : gather->data + ((pixel->image * gather->in_h + y + top * gather->dilation_h) * gather->in_w +
                                        x + left * gather->dilation_w) *
                                           gather->pitch,
        .run_length = gather->window_w * gather->channels,
        .run_pitch = gather->dilation_h * gather->in_w * gather->pitch,
        .first_run = nothing ? 0 : top,
        .end_run = nothing ? 0 : bottom,
        .lead = left * gather->channels,
        .count = (right - left) * gather->channels,
        .piece = touching ? gather->window_w * gather->channels : gather->channels,
        .piece_pitch = touching ? gather->window_w * gather->channels : gather->dilation_w * gather->pitch,
        .more = alike(gather, pixel, x, most) - 1,
        .more_step = gather->stride_w * gather->pitch,
    };
}

void rn_gather_panel(const rn_gather *gather, const rn_gemm_kernels *gemm, float *panel, int64_t m, int64_t rows,
                     int64_t begin, int64_t end, float *line)
{
    rn_gather_pixel pixel = rn_gather_pixel_at(gather, m);

    for (int64_t r = 0; r < rows;) {
        const rn_gather_row some = rows_at(gather, &pixel, rows - r);

        gemm->floats->gather(panel + r * gemm->unit, rows * gemm->unit, &some, begin, end, line);
        step(gather, &pixel, some.more + 1);
        r += some.more + 1;
    }
}

void rn_gather_columns(const rn_gather *gather, const rn_gemm_kernels *gemm, float *panels, int64_t panel_stride,
                       int64_t m, int64_t rows, int64_t begin, int64_t end, float *line)
{
    rn_gather_pixel pixel = rn_gather_pixel_at(gather, m);

    for (int64_t r = 0; r < rows;) {
        const rn_gather_row some = rows_at(gather, &pixel, rows - r);

        gemm->floats->gather_weights(panels + r * gemm->nr, panel_stride, &some, begin, end, line);
        step(gather, &pixel, some.more + 1);
        r += some.more + 1;
    }
}
