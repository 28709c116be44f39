/* SPDX-License-Identifier: MIT */
/*
 * Rows that are read in place or from a band, at every place that a kernel would read, against the definition. The map
 * and the band lie before guard pages, and the band is as large as announced.
 */
#include "ops/conv_band.h"

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

static void check_stretch(const rn_test_windows *f, const rn_test_map *map, const rn_stretch *stretch, int64_t m)
{
    const rn_gemm_rows *const rows = &stretch->rows;

    for (int64_t r = 0; r < stretch->lines * stretch->width; r++)
        for (int64_t k = 0; k < f->window_h * f->window_w * f->c; k++) {
            const float value = rows->first[r / stretch->width * stretch->line_step + r % stretch->width * rows->step +
                                            k / rows->run_length * rows->run_pitch + k % rows->run_length];
            const float expected = rn_test_windows_at(f, map, m + r, k);

            if (memcmp(&value, &expected, sizeof value) != 0)
                fail_msg("row %lld, place %lld: %g instead of %g", (long long)(m + r), (long long)k, (double)value,
                         (double)expected);
        }
}

/* The rows [m, end), a stretch after the other; returns how many stretches that took. */
static int64_t check_rows(const rn_test_windows *f, const rn_test_map *map, const rn_gemm_kernels *gemm, int64_t m,
                          int64_t end)
{
    const rn_gather gather = rn_test_windows_gather(f, map);
    const int64_t lines = (end - m + f->out_w - 1) / f->out_w;
    const size_t nbytes = (size_t)rn_band_floats(&gather, lines < f->out_h ? lines : f->out_h) * sizeof(float);
    int64_t count = 0;
    void *pages;
    size_t mapped;
    float *const band = rn_test_guarded(nbytes, true, &pages, &mapped);

    memset(band, 0xFF, nbytes);
    for (; m < end; count++) {
        const rn_stretch stretch = rn_gather_stretch(&gather, gemm, m, end - m, band);

        assert_true(stretch.lines > 0 && stretch.width > 0 && m + stretch.lines * stretch.width <= end);
        assert_int_equal(stretch.rows.first != band, rn_gather_in_place(&gather));
        check_stretch(f, map, &stretch, m);
        m += stretch.lines * stretch.width;
    }
    rn_test_unguard(pages, mapped);
    return count;
}

static void check_windows(const rn_test_windows *f, const rn_test_map *map, const rn_gemm_kernels *gemm)
{
    const rn_gather gather = rn_test_windows_gather(f, map);
    const bool whole = rn_gather_whole_map(&gather);
    const int64_t line = f->out_w, lines = f->n * f->out_h;

    assert_int_equal(check_rows(f, map, gemm, 0, lines * line), whole ? 1 : f->n);
    for (int64_t i = 0; i < lines; i++) {
        assert_int_equal(check_rows(f, map, gemm, i * line, (i + 1) * line), 1);
        assert_int_equal(check_rows(f, map, gemm, i * line, lines * line), whole ? 1 : f->n - i / f->out_h);
        if (whole) /* which alone may begin and end anywhere */
            assert_int_equal(check_rows(f, map, gemm, i * line + line / 2, lines * line - line / 3), 1);
    }
}

static void test_stretches_are_the_windows_of_their_pixels(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < RN_TEST_WINDOWS; i++)
        for (int side = 0; side < 2; side++) {
            rn_test_map map = rn_test_windows_map(&rn_test_windows_list[i], i, side == 0);

            const bool gaps = rn_test_windows_list[i].dilation_h > 1 || rn_test_windows_list[i].dilation_w > 1;

            for (int k = 0; k < isa_count && !gaps; k++)
                check_windows(&rn_test_windows_list[i], &map, rn_kernels_for(isas[k])->gemm);
            rn_test_map_release(&map, 1);
        }
}

static void test_only_single_pixels_of_the_map_are_read_in_place(void **state)
{
    const rn_gather base = { .in_h = 4,
                             .in_w = 6,
                             .out_h = 4,
                             .out_w = 6,
                             .window_h = 1,
                             .window_w = 1,
                             .stride_h = 1,
                             .stride_w = 1,
                             .dilation_h = 1,
                             .dilation_w = 1 };
    rn_gather other = base;

    (void)state;
    assert_true(rn_gather_in_place(&base) && rn_gather_whole_map(&base));
    other.offset_w = -1;
    assert_false(rn_gather_in_place(&other) || rn_gather_whole_map(&other));
    other.offset_w = 1; /* the last pixel's window lies behind the map */
    assert_false(rn_gather_in_place(&other) || rn_gather_whole_map(&other));
    other.out_w = 5;
    assert_true(rn_gather_in_place(&other) && !rn_gather_whole_map(&other));
    other = base;
    other.window_h = 2;
    assert_false(rn_gather_in_place(&other) || rn_gather_whole_map(&other));
    other = base;
    other.stride_h = 2;
    other.out_h = 2;
    assert_true(rn_gather_in_place(&other) && !rn_gather_whole_map(&other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stretches_are_the_windows_of_their_pixels),
        cmocka_unit_test(test_only_single_pixels_of_the_map_are_read_in_place),
    };

    return cmocka_run_group_tests_name("ops/conv_band", tests, find_isas, NULL);
}
