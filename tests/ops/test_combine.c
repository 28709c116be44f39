/* SPDX-License-Identifier: MIT */
/* Combinations over maps, for any number of threads. */
#include "ops/combine.h"

#include "ops/maps.h"
#include "support/support.h"

enum { N = 2, H = 5, W = 7, C = 19, ROWS = N * H * W };

static rn_test_setting settings[16];
static int setting_count;

static int find_settings(void **state)
{
    (void)state;
    setting_count = rn_test_settings(settings);
    return 0;
}

static void combine(const rn_context *context, const rn_map *a, const rn_map *other, bool relu, const rn_map *out)
{
    rn_combine(context, &(rn_combination){ .a = a, .other = other, .relu = relu }, out);
}

static void sums_copies_and_relu_are_element_by_element(void **state)
{
    (void)state;
    for (int i = 0; i < setting_count; i++) {
        rn_context *const context = rn_test_context(settings[i].threads, settings[i].isa);
        rn_test_map m[3] = { rn_test_map_filled(N, H, W, C, 2, 1), rn_test_map_filled(N, H, W, C, 0, 2),
                             rn_test_map_make(N, H, W, C, 5) };
        rn_test_map *const a = &m[0], *const b = &m[1], *const y = &m[2];

        combine(context, &a->map, NULL, false, &y->map);
        rn_test_grid_check_same(&y->grid, &a->grid, "copy");
        combine(context, &a->map, &b->map, true, &y->map);
        rn_test_grid_check_gaps(&y->grid);
        for (int64_t r = 0; r < ROWS; r++)
            for (int64_t c = 0; c < C; c++) {
                const float sum = rn_test_grid_at(&a->grid, r, c) + rn_test_grid_at(&b->grid, r, c);

                assert_true(rn_test_grid_at(&y->grid, r, c) == (sum > 0 ? sum : 0));
            }
        combine(context, &a->map, &b->map, false, &y->map);
        combine(context, &a->map, &b->map, false, &a->map);
        rn_test_grid_check_same(&a->grid, &y->grid, "added in place");
        combine(context, &y->map, NULL, true, &b->map);
        combine(context, &y->map, NULL, true, &y->map);
        rn_test_grid_check_same(&y->grid, &b->grid, "ReLU in place");
        rn_test_map_release(m, 3);
        rn_context_destroy(context);
    }
}

static void a_range_of_channels_is_a_map(void **state)
{
    rn_context *const context = rn_test_context(2, RN_ISA_AUTO);
    rn_test_map whole = rn_test_map_filled(N, H, W, C, 0, 1), before = rn_test_map_copy(&whole);
    rn_test_map part = rn_test_map_filled(N, H, W, 6, 0, 2);
    rn_map middle = whole.map;

    (void)state;
    middle.data += 7;
    middle.c = 6;
    combine(context, &part.map, NULL, false, &middle);
    for (int64_t r = 0; r < ROWS; r++)
        for (int64_t c = 0; c < C; c++)
            assert_true(rn_test_grid_at(&whole.grid, r, c) == (c >= 7 && c < 13 ? rn_test_grid_at(&part.grid, r, c - 7)
                                                                                : rn_test_grid_at(&before.grid, r, c)));
    rn_test_map_release(&whole, 1);
    rn_test_map_release(&before, 1);
    rn_test_map_release(&part, 1);
    rn_context_destroy(context);
}

static void the_mask_lets_through_where_the_output_is_positive(void **state)
{
    (void)state;
    for (int i = 0; i < setting_count; i++) {
        rn_context *const context = rn_test_context(settings[i].threads, settings[i].isa);
        rn_test_map g = rn_test_map_filled(N, H, W, C, 1, 1), z = rn_test_map_filled(N, H, W, C, 0, 2);
        rn_test_map before = rn_test_map_copy(&g);

        z.map.data[4] = 0;
        z.map.data[5] = -0.0f;
        z.map.data[6] = NAN;
        g.map.data[5] = NAN;
        rn_combine(context, &(rn_combination){ .a = &g.map, .mask = &z.map }, &g.map);
        for (int64_t r = 0; r < ROWS; r++)
            for (int64_t c = 0; c < C; c++)
                assert_true(rn_test_grid_at(&g.grid, r, c) ==
                            (rn_test_grid_at(&z.grid, r, c) > 0 ? rn_test_grid_at(&before.grid, r, c) : 0));
        rn_test_grid_check_gaps(&g.grid);
        rn_test_map_release(&g, 1);
        rn_test_map_release(&z, 1);
        rn_test_map_release(&before, 1);
        rn_context_destroy(context);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_copies_and_relu_are_element_by_element),
        cmocka_unit_test(a_range_of_channels_is_a_map),
        cmocka_unit_test(the_mask_lets_through_where_the_output_is_positive),
    };

    return cmocka_run_group_tests(tests, find_settings, NULL);
}
