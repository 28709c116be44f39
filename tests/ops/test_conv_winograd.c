/* SPDX-License-Identifier: MIT */
/*
 * Winograd's three passes against the definition in double, within the bound of conv_winograd.c's head, over guard
 * pages, with the same bits for any number of threads.
 */
#include "ops/conv_algorithm.h"
#include "ops/winograd_bound.h"
#include "support/support.h"

/* Sides of threes, of fours, and of both, every padding, channels that fill no vector, panels and blocks of each
 * kind. */
static const rn_test_conv_shape shapes[] = {
    { 1, 8, 8, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1 },   { 1, 6, 6, 16, 17, 3, 3, 1, 1, 1, 1, 1, 1 },
    { 2, 7, 7, 19, 33, 3, 3, 1, 1, 1, 1, 1, 1 },   { 1, 6, 8, 33, 16, 3, 3, 1, 1, 1, 1, 1, 1 },
    { 3, 6, 9, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1 },   { 1, 8, 10, 31, 40, 3, 3, 1, 1, 0, 0, 1, 1 },
    { 1, 7, 14, 16, 70, 3, 3, 1, 1, 1, 1, 1, 1 },  { 2, 6, 7, 20, 16, 3, 3, 1, 1, 2, 2, 1, 1 },
    { 1, 9, 6, 48, 23, 3, 3, 1, 1, 0, 1, 1, 1 },   { 1, 6, 8, 17, 18, 3, 3, 1, 1, 2, 0, 1, 1 },
    { 2, 16, 16, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1 }, /* channels as many as lines and columns; several blocks */
    { 9, 7, 7, 16, 32, 3, 3, 1, 1, 1, 1, 1, 1 },   { 1, 6, 7, 150, 150, 3, 3, 1, 1, 1, 1, 1, 1 },
    { 1, 7, 7, 144, 130, 3, 3, 1, 1, 1, 1, 1, 1 }, /* weights made on the way, in two blocks */
    { 1, 6, 7, 300, 64, 3, 3, 1, 1, 1, 1, 1, 1 },  { 1, 9, 7, 16, 290, 3, 3, 1, 1, 1, 1, 1, 1 },
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static const rn_conv_epilogue plain;

static rn_test_dense dense_of(const rn_test_map *map)
{
    rn_test_dense d = { NULL, map->map.n, map->map.h, map->map.w, map->map.c };

    d.data = calloc((size_t)(map->grid.rows * map->grid.channels), sizeof *d.data);
    assert_non_null(d.data);
    for (int64_t r = 0; r < map->grid.rows; r++)
        for (int64_t c = 0; c < d.c; c++)
            d.data[r * d.c + c] = (double)rn_test_grid_at(&map->grid, r, c);
    return d;
}

/* [out][9][in]; turned: [in][9][out], the window turned round. */
static double *weights_of(const rn_test_conv *test, bool is_turned)
{
    const int64_t in = test->conv.in_c, out = test->conv.out_c;
    double *const weights = calloc((size_t)(9 * in * out), sizeof *weights);

    assert_non_null(weights);
    for (int64_t o = 0; o < out; o++)
        for (int64_t tap = 0; tap < 9; tap++)
            for (int64_t c = 0; c < in; c++)
                weights[is_turned ? (c * 9 + 8 - tap) * out + o : (o * 9 + tap) * in + c] =
                    (double)rn_test_grid_at(&test->weights, o, tap * in + c);
    return weights;
}

/* The bound of conv_winograd.c in the place of the definition's: chains of `terms`, 32 roundings of the transforms (two
 * of which rn_test_conv_check counts). */
static void bound_by(rn_test_sums *sums, double *sizes, int64_t terms)
{
    free(sums->size);
    sums->size = sizes;
    sums->terms = terms + 30;
}

static void test_winograd_is_chosen_for_these_shapes(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        rn_test_conv test = rn_test_conv_make(&shapes[i], (uint32_t)i);

        for (int s = 0; s < rn_test_all.count; s++) {
            const rn_conv_plan plan = rn_conv_plan_for(rn_test_all.contexts[s], &test.conv, test.n, false);

            assert_ptr_equal(plan.algorithm,
                             rn_test_all.settings[s].isa == RN_ISA_REFERENCE ? &rn_conv_gemm : &rn_conv_winograd);
        }
        rn_test_conv_release(&test);
    }
}

static void test_forward_is_within_its_bound_with_the_same_bits_for_any_threads(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        rn_test_conv test = rn_test_conv_make(&shapes[i], (uint32_t)i);
        const rn_conv *const conv = &test.conv;
        rn_test_dense x = dense_of(&test.x);
        double *const weights = weights_of(&test, false);

        bound_by(&test.y,
                 rn_test_winograd_sizes(&x, conv->padding_h, conv->padding_w, weights, conv->out_c, conv->out_h,
                                        conv->out_w),
                 conv->in_c);
        rn_test_conv_check_forward(&test);
        free(weights);
        free(x.data);
        rn_test_conv_release(&test);
    }
}

static void test_backward_data_is_within_its_bound_with_the_same_bits_for_any_threads(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        rn_test_conv test = rn_test_conv_make(&shapes[i], (uint32_t)i + 1);
        const rn_conv *const conv = &test.conv;
        rn_test_dense dy = dense_of(&test.dy);
        double *const weights = weights_of(&test, true);

        bound_by(&test.dx,
                 rn_test_winograd_sizes(&dy, 2 - conv->padding_h, 2 - conv->padding_w, weights, conv->in_c, conv->in_h,
                                        conv->in_w),
                 conv->out_c);
        rn_test_conv_check_data(&test, i % 2 == 0);
        free(weights);
        free(dy.data);
        rn_test_conv_release(&test);
    }
}

static void test_backward_weights_is_within_its_bound_with_the_same_bits_for_any_threads(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        rn_test_conv test = rn_test_conv_make(&shapes[i], (uint32_t)i + 2);
        rn_test_dense x = dense_of(&test.x), dy = dense_of(&test.dy);

        bound_by(&test.dw, rn_test_winograd_weight_sizes(&x, test.conv.padding_h, test.conv.padding_w, &dy),
                 test.dw.terms);
        rn_test_conv_check_weights(&test, i % 2 == 0);
        free(x.data);
        free(dy.data);
        rn_test_conv_release(&test);
    }
}

/* Error and size of outputs, in the mean: what a bound for the worst case would not notice. */
static void check_rms(const rn_test_grid *output, const rn_test_sums *sums)
{
    const double most = 2e-6;
    double error = 0, size = 0;

    for (int64_t r = 0; r < output->rows; r++)
        for (int64_t c = 0; c < output->channels; c++) {
            const double sum = sums->sum[r * output->channels + c];

            error += pow((double)rn_test_grid_at(output, r, c) - sum, 2);
            size += pow(sum, 2);
        }
    if (!(sqrt(error / size) <= most))
        fail_msg("an rms error of %.2e", sqrt(error / size));
}

static void test_the_rms_error_of_normal_numbers_is_at_most_2e_6(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        rn_test_conv test = rn_test_conv_make(&shapes[i], (uint32_t)i + 40);

        for (int s = 0; s < rn_test_all.count; s++) {
            rn_test_map y = rn_test_conv_output(&test, false), dx = rn_test_conv_output(&test, true);
            rn_test_grid dw = rn_test_conv_dw(&test);

            rn_test_conv_forward(rn_test_all.contexts[s], &test, &test.x.map, &plain, &y.map);
            rn_test_conv_data(rn_test_all.contexts[s], &test, &test.dy.map, &dx.map, false);
            rn_test_conv_weights(rn_test_all.contexts[s], &test, &test.x.map, &test.dy.map, dw.data, false);
            check_rms(&y.grid, &test.y);
            check_rms(&dx.grid, &test.dx);
            check_rms(&dw, &test.dw);
            rn_test_map_release(&y, 1);
            rn_test_map_release(&dx, 1);
            rn_test_grid_release(&dw);
        }
        rn_test_conv_release(&test);
    }
}

/* A sum of y and what the epilogue does to it, in floats as the library does them. */
static float finished(float y, const float *scale, const float *shift, const float *residual, bool relu)
{
    if (scale != NULL)
        y = y * *scale;
    if (shift != NULL)
        y = y + *shift;
    if (residual != NULL)
        y = y + *residual;
    return relu && y <= 0 ? 0 : y;
}

static void test_epilogues_have_the_bits_of_doing_it_afterwards_also_onto_the_residual(void **state)
{
    rn_test_conv test = rn_test_conv_make(&shapes[2], 5);
    rn_test_grid scale = rn_test_grid_make(1, test.conv.out_c, test.conv.out_c, true),
                 shift = rn_test_grid_make(1, test.conv.out_c, test.conv.out_c, true);

    (void)state;
    rn_test_grid_fill(&scale, 50, 1, 0);
    rn_test_grid_fill(&shift, 51, 3, 0);
    for (int s = 0; s < rn_test_all.count; s++) {
        rn_test_map sums = rn_test_conv_output(&test, false);

        if (rn_test_all.settings[s].isa == RN_ISA_REFERENCE)
            continue;
        rn_test_conv_forward(rn_test_all.contexts[s], &test, &test.x.map, &plain, &sums.map);
        for (int parts = 0; parts < 32; parts++) {
            rn_test_map y = rn_test_conv_output(&test, false);
            const bool in_place = (parts & 16) != 0;
            const rn_conv_epilogue epilogue = { .scale = parts & 1 ? scale.data : NULL,
                                                .shift = parts & 2 ? shift.data : NULL,
                                                .residual = !(parts & 4) ? NULL
                                                            : in_place   ? &y.map
                                                                         : &test.residual.map,
                                                .relu = (parts & 8) != 0 };

            if (in_place)
                rn_test_grid_copy(&y.grid, &test.residual.grid);
            rn_test_conv_forward(rn_test_all.contexts[s], &test, &test.x.map, &epilogue, &y.map);
            for (int64_t r = 0; r < y.grid.rows; r++)
                for (int64_t c = 0; c < y.grid.channels; c++) {
                    const float residual = rn_test_grid_at(&test.residual.grid, r, c);

                    assert_true(rn_test_grid_at(&y.grid, r, c) ==
                                finished(rn_test_grid_at(&sums.grid, r, c), parts & 1 ? &scale.data[c] : NULL,
                                         parts & 2 ? &shift.data[c] : NULL, parts & 4 ? &residual : NULL,
                                         (parts & 8) != 0));
                }
            rn_test_map_release(&y, 1);
        }
        rn_test_map_release(&sums, 1);
    }
    rn_test_grid_release(&scale);
    rn_test_grid_release(&shift);
    rn_test_conv_release(&test);
}

/* The tiles of three images are other blocks than those of one. */
static void test_an_image_does_not_depend_on_the_others_of_its_batch(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        rn_test_conv_shape shape = shapes[i];

        shape.n = 3;
        rn_test_conv test = rn_test_conv_make(&shape, (uint32_t)i);

        for (int s = i % 4; s < rn_test_all.count; s += 4) {
            rn_test_map y[2] = { rn_test_conv_output(&test, false), rn_test_conv_output(&test, false) };

            rn_test_conv_forward(rn_test_all.contexts[s], &test, &test.x.map, &plain, &y[0].map);
            for (int64_t n = 0; n < 3; n++) {
                rn_map x = test.x.map, one = y[1].map;

                x.data += n * x.h * x.w * x.pitch;
                one.data += n * one.h * one.w * one.pitch;
                x.n = one.n = 1;
                rn_test_conv_forward(rn_test_all.contexts[s], &test, &x, &plain, &one);
            }
            rn_test_grid_check_same(&y[1].grid, &y[0].grid, "alone");
            rn_test_map_release(y, 2);
        }
        rn_test_conv_release(&test);
    }
}

/* What a NaN cannot reach: tiles whose inputs end three pixels before it. What it must reach: its own windows. */
static void test_a_nan_stays_within_the_tiles_that_see_it(void **state)
{
    const rn_test_conv_shape shape = { 1, 16, 16, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1 };
    rn_test_conv test = rn_test_conv_make(&shape, 3);

    (void)state;
    rn_test_grid_protect(&test.x.grid, true);
    test.x.grid.data[(6 * 16 + 6) * test.x.grid.pitch + 3] = NAN;
    for (int s = 0; s < rn_test_all.count; s++) {
        rn_test_map y = rn_test_conv_output(&test, false);

        if (rn_test_all.settings[s].isa != RN_ISA_REFERENCE) {
            rn_test_conv_forward(rn_test_all.contexts[s], &test, &test.x.map, &plain, &y.map);
            for (int64_t r = 0; r < 256; r++) {
                const bool is_in_tile = r / 16 / 4 == 1 && r % 16 / 4 == 1;

                assert_int_equal(isnan(rn_test_grid_at(&y.grid, r, 5)), is_in_tile);
            }
        }
        rn_test_map_release(&y, 1);
    }
    rn_test_conv_release(&test);
}

static void test_workspaces_are_bounded(void **state)
{
    const rn_conv wide = { 4000, 4000, 512, 4000, 4000, 2048, 3, 3, 1, 1, 1, 1, 1, 1, false, false };

    (void)state;
    for (int s = 0; s < rn_test_all.count; s++) {
        const size_t threads = (size_t)rn_test_all.settings[s].threads, mib = 1024 * 1024;
        const rn_conv_plan plan = rn_conv_plan_for(rn_test_all.contexts[s], &wide, 64, false);

        if (rn_test_all.settings[s].isa == RN_ISA_REFERENCE)
            continue;
        assert_true(plan.forward_bytes <= (16 + 2 * threads) * mib);
        assert_true(plan.data_bytes <= (16 + 2 * threads) * mib);
        assert_true(plan.weights_bytes <= (9 + threads) * mib);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_winograd_is_chosen_for_these_shapes),
        cmocka_unit_test(test_forward_is_within_its_bound_with_the_same_bits_for_any_threads),
        cmocka_unit_test(test_backward_data_is_within_its_bound_with_the_same_bits_for_any_threads),
        cmocka_unit_test(test_backward_weights_is_within_its_bound_with_the_same_bits_for_any_threads),
        cmocka_unit_test(test_the_rms_error_of_normal_numbers_is_at_most_2e_6),
        cmocka_unit_test(test_epilogues_have_the_bits_of_doing_it_afterwards_also_onto_the_residual),
        cmocka_unit_test(test_an_image_does_not_depend_on_the_others_of_its_batch),
        cmocka_unit_test(test_a_nan_stays_within_the_tiles_that_see_it),
        cmocka_unit_test(test_workspaces_are_bounded),
    };

    return cmocka_run_group_tests_name("ops/conv_winograd", tests, rn_test_all_fastest, rn_test_all_release);
}
