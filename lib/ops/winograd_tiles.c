/* SPDX-License-Identifier: MIT */
#include "ops/winograd_tiles.h"

#include "kernels/winograd_kernels.h"
#include "ops/integers.h"

enum { TALL = 4, SHORT = 3, EXTRA_POINT = 4 /* that a side of 3 lacks */, SIDE_LEAST = 6 };

static rn_tile_side cut(int64_t pixels)
{
    const int64_t tiles = (pixels + TALL - 1) / TALL, threes = tiles * TALL - pixels;

    return (rn_tile_side){ tiles - threes, threes };
}

bool rn_tile_side_suits(int64_t pixels)
{
    return pixels >= SIDE_LEAST;
}

rn_tiling rn_tiling_of(int64_t images, int64_t h, int64_t w)
{
    rn_tiling t = { .h = cut(h), .w = cut(w) };

    t.end[0] = images * t.h.fours * t.w.threes;
    t.end[1] = t.end[0] + images * t.h.fours * t.w.fours;
    t.end[2] = t.end[1] + images * t.h.threes * t.w.fours;
    t.end[3] = t.end[2] + images * t.h.threes * t.w.threes;
    return t;
}

rn_tile rn_tile_at(const rn_tiling *tiling, int64_t index)
{
    const int class = index < tiling->end[0] ? 0 : index < tiling->end[1] ? 1 : index < tiling->end[2] ? 2 : 3;
    const bool is_tall = class < 2, is_wide = class == 1 || class == 2;
    const int64_t lines = is_tall ? tiling->h.fours : tiling->h.threes,
                  columns = is_wide ? tiling->w.fours : tiling->w.threes;
    const int64_t within = index - (class > 0 ? tiling->end[class - 1] : 0), line = within / columns % lines,
                  column = within % columns;

    return (rn_tile){
        .image = within / columns / lines,
        .y = is_tall ? TALL * line : TALL * tiling->h.fours + SHORT * line,
        .x = is_wide ? TALL * column : TALL * tiling->w.fours + SHORT * column,
        .height = is_tall ? TALL : SHORT,
        .width = is_wide ? TALL : SHORT,
    };
}

rn_tile_range rn_tiles_of_plane(const rn_tiling *tiling, int64_t begin, int64_t end, int plane)
{
    const bool needs_wide = plane % RN_WINOGRAD_SIDE == EXTRA_POINT,
               needs_tall = plane / RN_WINOGRAD_SIDE == EXTRA_POINT;
    const int64_t first = needs_wide ? tiling->end[0] : 0, last = tiling->end[needs_tall ? 1 : needs_wide ? 2 : 3];

    return (rn_tile_range){ rn_clip(first, begin, end) - begin, rn_clip(last, begin, end) - begin };
}
