/* SPDX-License-Identifier: MIT */
#include "ops/windows.h"

const rn_test_windows rn_test_windows_list[RN_TEST_WINDOWS] = {
    { 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1 },     { 2, 5, 6, 3, 0, 3, 3, 1, 1, -1, -1, 5, 6, 1, 1 },
    { 2, 5, 6, 3, 2, 3, 3, 1, 1, -1, -1, 5, 6, 1, 1 },   { 1, 6, 7, 16, 0, 3, 3, 2, 2, -1, -1, 3, 4, 1, 1 },
    { 1, 6, 7, 16, 16, 3, 3, 2, 1, -1, -1, 3, 7, 1, 1 }, { 1, 4, 5, 32, 16, 1, 1, 1, 1, 0, 0, 4, 5, 1, 1 },
    { 1, 4, 5, 31, 1, 1, 1, 2, 2, 0, 0, 2, 3, 1, 1 },    { 1, 9, 9, 3, 0, 7, 7, 2, 2, -3, -3, 5, 5, 1, 1 },
    { 1, 5, 4, 7, 3, 1, 7, 1, 1, 0, -3, 5, 4, 1, 1 },    { 1, 5, 4, 7, 0, 7, 1, 1, 1, -3, 0, 5, 4, 1, 1 },
    { 2, 3, 3, 5, 1, 3, 3, 1, 1, -5, -5, 11, 11, 1, 1 }, { 1, 3, 3, 48, 0, 3, 3, 1, 1, -4, -3, 9, 8, 1, 1 },
    { 1, 5, 5, 8, 0, 2, 2, 1, 1, 1, 2, 4, 4, 1, 1 },     { 1, 5, 5, 64, 0, 2, 1, 1, 1, -1, 1, 6, 5, 1, 1 },
    { 3, 2, 2, 12, 4, 2, 2, 3, 3, 0, 0, 1, 1, 1, 1 },    { 2, 3, 5, 6, 0, 1, 1, 1, 1, 0, 0, 3, 5, 1, 1 },
    { 2, 7, 6, 10, 5, 1, 1, 2, 3, 1, 0, 3, 2, 1, 1 },    { 1, 7, 8, 5, 0, 3, 3, 1, 1, -2, -2, 7, 8, 2, 2 },
    { 2, 9, 7, 16, 3, 2, 3, 2, 1, -1, -4, 4, 6, 3, 4 },  { 1, 4, 4, 3, 0, 3, 2, 1, 1, -7, 2, 5, 5, 5, 1 },
};

rn_gather rn_test_windows_gather(const rn_test_windows *windows, const rn_test_map *map)
{
    return (rn_gather){ .data = map->map.data,
                        .pitch = map->map.pitch,
                        .channels = windows->c,
                        .in_h = windows->h,
                        .in_w = windows->w,
                        .out_h = windows->out_h,
                        .out_w = windows->out_w,
                        .window_h = windows->window_h,
                        .window_w = windows->window_w,
                        .stride_h = windows->stride_h,
                        .stride_w = windows->stride_w,
                        .offset_h = windows->offset_h,
                        .offset_w = windows->offset_w,
                        .dilation_h = windows->dilation_h,
                        .dilation_w = windows->dilation_w };
}

rn_test_map rn_test_windows_map(const rn_test_windows *windows, uint32_t seed, bool at_end)
{
    const rn_test_grid grid =
        rn_test_grid_make(windows->n * windows->h * windows->w, windows->c, windows->c + windows->gap, at_end);

    rn_test_grid_fill(&grid, seed, 1, 0);
    return (rn_test_map){
        { .data = grid.data, .n = windows->n, .h = windows->h, .w = windows->w, .c = windows->c, .pitch = grid.pitch },
        grid
    };
}

float rn_test_windows_at(const rn_test_windows *windows, const rn_test_map *map, int64_t m, int64_t k)
{
    const int64_t tap = k / windows->c;
    const int64_t y = m / windows->out_w % windows->out_h * windows->stride_h + windows->offset_h +
                      windows->dilation_h * (tap / windows->window_w);
    const int64_t x =
        m % windows->out_w * windows->stride_w + windows->offset_w + windows->dilation_w * (tap % windows->window_w);

    if (y < 0 || y >= windows->h || x < 0 || x >= windows->w)
        return 0;
    return *rn_test_map_at(map, m / (windows->out_h * windows->out_w), y, x, k % windows->c);
}
