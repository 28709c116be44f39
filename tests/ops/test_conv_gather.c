/* SPDX-License-Identifier: MIT */
/*
 * Rows of im2col matrices, packed by the gather kernels of every instruction set, against the definition: where place
 * (window row, window column, channel) of a pixel comes from. The map, the panels and the line lie before guard pages;
 * what is between panels is watched.
 */
#include "ops/conv_gather.h"

#include "ops/windows.h"
#include "support/support.h"

static rn_isa isas[4];
static int isa_count;

static int find_isas(void **state)
{
    (void)state;
    isa_count = rn_test_isas(isas);
    return 0;
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

static void check_panel(const rn_test_windows *f, const rn_test_map *map, const rn_gemm_kernels *gemm, int64_t m,
                        int64_t rows, int64_t begin, int64_t end)
{
    const rn_gather gather = rn_test_windows_gather(f, map);
    const int64_t unit = gemm->unit, stored = (end - begin + unit - 1) / unit * unit;
    room panel = room_make(stored * rows), line = room_make(end - begin + 64);

    rn_gather_panel(&gather, gemm, panel.data, m, rows, begin, end, line.data);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t k = 0; k < stored; k++)
            check_place(panel.data[(k / unit * rows + r) * unit + k % unit],
                        begin + k < end ? rn_test_windows_at(f, map, m + r, begin + k) : 0, "panel", m + r, begin + k);
    rn_test_unguard(panel.pages, panel.mapped);
    rn_test_unguard(line.pages, line.mapped);
}

static void check_columns(const rn_test_windows *f, const rn_test_map *map, const rn_gemm_kernels *gemm, int64_t m,
                          int64_t rows, int64_t begin, int64_t end)
{
    const rn_gather gather = rn_test_windows_gather(f, map);
    const int64_t nr = gemm->nr, panels = (end - begin + nr - 1) / nr, stride = (rows + 1) * nr;
    room room_of_panels = room_make((panels - 1) * stride + rows * nr), line = room_make(end - begin + 64);

    rn_gather_columns(&gather, gemm, room_of_panels.data, stride, m, rows, begin, end, line.data);
    for (int64_t i = 0; i < room_of_panels.count; i++) {
        const int64_t r = i % stride / nr, k = begin + i / stride * nr + i % nr;

        if (r == rows)
            assert_true(isnan(room_of_panels.data[i])); /* between the panels */
        else
            check_place(room_of_panels.data[i], k < end ? rn_test_windows_at(f, map, m + r, k) : 0, "columns", m + r,
                        k);
    }
    rn_test_unguard(room_of_panels.pages, room_of_panels.mapped);
    rn_test_unguard(line.pages, line.mapped);
}

typedef void check(const rn_test_windows *f, const rn_test_map *map, const rn_gemm_kernels *gemm, int64_t m,
                   int64_t rows, int64_t begin, int64_t end);

/* Ranges of places that begin at a block: all, the end, one block in the middle, and an end inside a block. */
static void check_ranges(check *test, const rn_test_windows *f, const rn_test_map *map, const rn_gemm_kernels *gemm,
                         int64_t block, int64_t m, int64_t rows)
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
    for (uint32_t i = 0; i < RN_TEST_WINDOWS; i++) {
        const rn_test_windows *const f = &rn_test_windows_list[i];
        const int64_t pixels = f->n * f->out_h * f->out_w;

        for (int side = 0; side < 2; side++) { /* the map at either guard page */
            rn_test_map map = rn_test_windows_map(f, i, side == 0);

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
