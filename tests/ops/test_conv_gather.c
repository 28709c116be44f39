/* SPDX-License-Identifier: MIT */
/*
 * Rows of im2col matrices, packed by the gather kernels of every instruction set, against the definition: where place
 * (window row, window column, channel) of a pixel comes from. The map, the panels and the line lie before guard pages;
 * what is between panels is watched.
 */
#include "ops/conv_gather.h"

#include "ops/maps.h"
#include "support/support.h"

static rn_isa isas[4];
static int isa_count;

static int find_isas(void **state)
{
    (void)state;
    isa_count = rn_test_isas(isas);
    return 0;
}

typedef struct form {
    int64_t n, h, w, c, gap, window_h, window_w, stride_h, stride_w, offset_h, offset_w, out_h, out_w;
} form;

/* Offsets are those of forward passes (-padding) and of gradients, which may also begin inside the map or miss it. */
static const form forms[] = {
    { 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 0, 1, 1 },     { 2, 5, 6, 3, 0, 3, 3, 1, 1, -1, -1, 5, 6 },
    { 2, 5, 6, 3, 2, 3, 3, 1, 1, -1, -1, 5, 6 },   { 1, 6, 7, 16, 0, 3, 3, 2, 2, -1, -1, 3, 4 },
    { 1, 6, 7, 16, 16, 3, 3, 2, 1, -1, -1, 3, 7 }, { 1, 4, 5, 32, 16, 1, 1, 1, 1, 0, 0, 4, 5 },
    { 1, 4, 5, 31, 1, 1, 1, 2, 2, 0, 0, 2, 3 },    { 1, 9, 9, 3, 0, 7, 7, 2, 2, -3, -3, 5, 5 },
    { 1, 5, 4, 7, 3, 1, 7, 1, 1, 0, -3, 5, 4 },    { 1, 5, 4, 7, 0, 7, 1, 1, 1, -3, 0, 5, 4 },
    { 2, 3, 3, 5, 1, 3, 3, 1, 1, -5, -5, 11, 11 }, { 1, 3, 3, 48, 0, 3, 3, 1, 1, -4, -3, 9, 8 },
    { 1, 5, 5, 8, 0, 2, 2, 1, 1, 1, 2, 4, 4 },     { 1, 5, 5, 64, 0, 2, 1, 1, 1, -1, 1, 6, 5 },
    { 3, 2, 2, 12, 4, 2, 2, 3, 3, 0, 0, 1, 1 },
};

enum { FORMS = sizeof forms / sizeof forms[0] };

static rn_gather gather_of(const form *f, const rn_test_map *map)
{
    return (rn_gather){ .data = map->map.data,
                        .pitch = map->map.pitch,
                        .channels = f->c,
                        .in_h = f->h,
                        .in_w = f->w,
                        .out_h = f->out_h,
                        .out_w = f->out_w,
                        .window_h = f->window_h,
                        .window_w = f->window_w,
                        .stride_h = f->stride_h,
                        .stride_w = f->stride_w,
                        .offset_h = f->offset_h,
                        .offset_w = f->offset_w };
}

static float define(const form *f, const rn_test_map *map, int64_t m, int64_t k)
{
    const int64_t tap = k / f->c;
    const int64_t y = m / f->out_w % f->out_h * f->stride_h + f->offset_h + tap / f->window_w;
    const int64_t x = m % f->out_w * f->stride_w + f->offset_w + tap % f->window_w;

    return y < 0 || y >= f->h || x < 0 || x >= f->w ? 0
                                                    : *rn_test_map_at(map, m / (f->out_h * f->out_w), y, x, k % f->c);
}

/* Memory of floats that are NaN, right before a guard page. */
typedef struct room {
    float *data;
    int64_t count;
    void *pages;
    size_t mapped;
} room;

static room room_make(int64_t count)
{
    room r = { .count = count };

    r.data = rn_test_guarded((size_t)count * sizeof(float), true, &r.pages, &r.mapped);
    memset(r.data, 0xFF, (size_t)count * sizeof(float));
    return r;
}

static void check_place(float value, float expected, const char *what, int64_t m, int64_t k)
{
    if (memcmp(&value, &expected, sizeof value) != 0)
        fail_msg("%s: row %lld, place %lld: %g instead of %g", what, (long long)m, (long long)k, (double)value,
                 (double)expected);
}

static void check_panel(const form *f, const rn_test_map *map, const rn_gemm_kernels *gemm, int64_t m, int64_t rows,
                        int64_t begin, int64_t end)
{
    const rn_gather gather = gather_of(f, map);
    const int64_t unit = gemm->unit, stored = (end - begin + unit - 1) / unit * unit;
    room panel = room_make(stored * rows), line = room_make(end - begin + 64);

    rn_gather_panel(&gather, gemm, panel.data, m, rows, begin, end, line.data);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t k = 0; k < stored; k++)
            check_place(panel.data[(k / unit * rows + r) * unit + k % unit],
                        begin + k < end ? define(f, map, m + r, begin + k) : 0, "panel", m + r, begin + k);
    rn_test_unguard(panel.pages, panel.mapped);
    rn_test_unguard(line.pages, line.mapped);
}

static void check_columns(const form *f, const rn_test_map *map, const rn_gemm_kernels *gemm, int64_t m, int64_t rows,
                          int64_t begin, int64_t end)
{
    const rn_gather gather = gather_of(f, map);
    const int64_t nr = gemm->nr, panels = (end - begin + nr - 1) / nr, stride = (rows + 1) * nr;
    room room_of_panels = room_make((panels - 1) * stride + rows * nr), line = room_make(end - begin + 64);

    rn_gather_columns(&gather, gemm, room_of_panels.data, stride, m, rows, begin, end, line.data);
    for (int64_t i = 0; i < room_of_panels.count; i++) {
        const int64_t r = i % stride / nr, k = begin + i / stride * nr + i % nr;

        if (r == rows)
            assert_true(isnan(room_of_panels.data[i])); /* between the panels */
        else
            check_place(room_of_panels.data[i], k < end ? define(f, map, m + r, k) : 0, "columns", m + r, k);
    }
    rn_test_unguard(room_of_panels.pages, room_of_panels.mapped);
    rn_test_unguard(line.pages, line.mapped);
}

typedef void check(const form *f, const rn_test_map *map, const rn_gemm_kernels *gemm, int64_t m, int64_t rows,
                   int64_t begin, int64_t end);

/* Ranges of places that begin at a block: all, the end, one block in the middle, and an end inside a block. */
static void check_ranges(check *test, const form *f, const rn_test_map *map, const rn_gemm_kernels *gemm, int64_t block,
                         int64_t m, int64_t rows)
{
    const int64_t depth = f->window_h * f->window_w * f->c;

    for (int64_t begin = 0; begin < depth; begin += begin < 3 * block ? block : 5 * block) {
        test(f, map, gemm, m, rows, begin, depth);
        test(f, map, gemm, m, rows, begin, begin + block < depth ? begin + block : depth);
        test(f, map, gemm, m, rows, begin, begin + (depth - begin + 1) / 2);
    }
}

static void check_forms(check *test, bool columns)
{
    for (uint32_t i = 0; i < FORMS; i++) {
        const form *const f = &forms[i];
        const int64_t pixels = f->n * f->out_h * f->out_w;

        for (int side = 0; side < 2; side++) { /* the map at either guard page */
            const rn_test_grid grid = rn_test_grid_make(f->n * f->h * f->w, f->c, f->c + f->gap, side == 0);
            rn_test_map map = { { .data = grid.data, .n = f->n, .h = f->h, .w = f->w, .c = f->c, .pitch = grid.pitch },
                                grid };

            rn_test_grid_fill(&grid, i, 1, 0);
            for (int k = 0; k < isa_count; k++) {
                const rn_gemm_kernels *const gemm = rn_kernels_for(isas[k])->gemm;
                const int64_t height = columns ? 9 : gemm->mr, block = columns ? gemm->nr : gemm->unit;

                check_ranges(test, f, &map, gemm, block, 0, pixels < height ? pixels : height);
                check_ranges(test, f, &map, gemm, block, pixels / 2,
                             pixels - pixels / 2 < height ? pixels - pixels / 2 : height);
                check_ranges(test, f, &map, gemm, block, pixels - 1, 1);
            }
            rn_test_map_release(&map, 1);
        }
    }
}

static void test_panels_hold_the_windows_of_their_pixels(void **state)
{
    (void)state;
    check_forms(check_panel, false);
}

static void test_columns_hold_the_windows_of_their_pixels(void **state)
{
    (void)state;
    check_forms(check_columns, true);
}

static void test_pixels_are_counted_image_by_image_and_line_by_line(void **state)
{
    const rn_gather gather = { .out_h = 3, .out_w = 5 };

    (void)state;
    for (int64_t m = 0; m < 45; m++) {
        const rn_gather_pixel pixel = rn_gather_pixel_at(&gather, m);

        assert_true((pixel.image * 3 + pixel.i) * 5 + pixel.j == m);
        assert_true(pixel.i >= 0 && pixel.i < 3 && pixel.j >= 0 && pixel.j < 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_panels_hold_the_windows_of_their_pixels),
        cmocka_unit_test(test_columns_hold_the_windows_of_their_pixels),
        cmocka_unit_test(test_pixels_are_counted_image_by_image_and_line_by_line),
    };

    return cmocka_run_group_tests_name("ops/conv_gather", tests, find_isas, NULL);
}
