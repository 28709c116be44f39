/* SPDX-License-Identifier: MIT */
/*
 * The gradient of the weights against the definition in double (conv_cases.h), over guard pages, with the same bits for
 * any number of threads however pixels are cut into chunks.
 */
#include "ops/conv.h"

#include "ops/conv_cases.h"
#include "support/support.h"

static void test_backward_weights_is_the_definition_with_the_same_bits_for_any_threads(void **state)
{
    (void)state;
    for (int i = 0; i < rn_test_conv_shape_count; i++) {
        rn_test_conv test = rn_test_conv_make(&rn_test_conv_shapes[i], (uint32_t)i);

        rn_test_conv_check_weights(&test, false);
        rn_test_conv_check_weights(&test, true);
        rn_test_conv_release(&test);
    }
}

/* Few weights and many pixels are cut into chunks of 64 pixels and more, up to 16 of them; 1023 pixels do not divide
 * evenly. */
static void test_any_number_of_chunks_is_the_definition(void **state)
{
    static const rn_test_conv_shape shapes[] = {
        { 1, 1, 127, 3, 5, 1, 1, 1, 1, 0, 0, 1, 1 },  { 1, 1, 128, 3, 5, 1, 1, 1, 1, 0, 0, 1, 1 },
        { 3, 8, 8, 3, 7, 3, 3, 1, 1, 1, 1, 1, 1 },    { 2, 11, 15, 16, 8, 3, 3, 1, 1, 1, 1, 1, 1 },
        { 33, 31, 1, 2, 3, 1, 1, 1, 1, 0, 0, 1, 1 },  { 2, 24, 24, 12, 12, 3, 3, 1, 1, 1, 1, 12, 1 },
        { 2, 30, 31, 8, 16, 3, 3, 1, 1, 1, 1, 4, 1 }, { 700, 1, 1, 31, 10, 1, 1, 1, 1, 0, 0, 1, 1 },
        { 1, 35, 41, 3, 16, 7, 7, 1, 1, 3, 3, 1, 1 }, { 1, 30, 35, 40, 3, 3, 3, 1, 1, 1, 1, 1, 1 },
    };

    (void)state;
    for (uint32_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        rn_test_conv test = rn_test_conv_make(&shapes[i], i);

        rn_test_conv_check_weights(&test, i % 2 == 0);
        rn_test_conv_release(&test);
    }
}

/*
 * More channels and columns than a unit of work has; and dy whose pixels lie a multiple of 2 KB apart, which is copied
 * before it is read (seeds that are multiples of three leave no gaps).
 */
static void test_wide_layers_and_colliding_rows_are_the_definition(void **state)
{
    static const rn_test_conv_shape shapes[] = {
        { 2, 5, 4, 3, 512, 3, 3, 1, 1, 1, 1, 1, 1 },   { 1, 3, 3, 40, 300, 3, 3, 1, 1, 1, 1, 1, 1 },
        { 9, 1, 1, 300, 512, 1, 1, 1, 1, 0, 0, 1, 1 }, { 1, 4, 5, 8, 1024, 1, 1, 1, 1, 0, 0, 2, 1 },
        { 500, 1, 1, 2, 512, 1, 1, 1, 1, 0, 0, 1, 1 },
    };

    (void)state;
    for (uint32_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        rn_test_conv test = rn_test_conv_make(&shapes[i], 3 * i);

        rn_test_conv_check_weights(&test, i % 2 == 1);
        rn_test_conv_release(&test);
    }
}

/* A chain would lose each of the ones behind 2^24; of sixteen chunks of 64 only the first does. */
static void test_chunks_keep_small_terms_of_long_sums(void **state)
{
    const rn_test_conv_shape shape = { 1, 32, 32, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1 };
    rn_test_conv test = rn_test_conv_make(&shape, 1);

    (void)state;
    rn_test_grid_protect(&test.x.grid, true);
    rn_test_grid_protect(&test.dy.grid, true);
    for (int64_t r = 0; r < 1024; r++) {
        test.x.map.data[r * test.x.map.pitch] = 1;
        test.dy.map.data[r * test.dy.map.pitch] = r == 0 ? 16777216.0f : 1.0f;
    }
    for (int s = 0; s < rn_test_all.count; s++) {
        float dw = NAN;

        rn_test_conv_weights(rn_test_all.contexts[s], &test, &test.x.map, &test.dy.map, &dw, false);
        assert_true(dw == 16777216.0f + 15 * 64);
    }
    rn_test_conv_release(&test);
}

static void test_any_small_shape_is_the_definition(void **state)
{
    enum { SHAPES = 200 };

    (void)state;
    for (uint32_t seed = 0; seed < SHAPES; seed++) {
        const rn_test_conv_shape shape = rn_test_conv_random(5000 + seed);
        rn_test_conv test = rn_test_conv_make(&shape, seed);

        for (int s = (int)(seed % 4); s < rn_test_all.count;
             s += 4) { /* each instruction set with one of the numbers of threads */
            rn_test_grid dw = rn_test_conv_dw(&test);

            rn_test_conv_weights(rn_test_all.contexts[s], &test, &test.x.map, &test.dy.map, dw.data, false);
            rn_test_conv_check(&dw, &test.dw, NULL, "backward weights");
            rn_test_grid_release(&dw);
        }
        rn_test_conv_release(&test);
    }
}

static void set_element(rn_test_grid *grid, int64_t row, int64_t channel, float value)
{
    rn_test_grid_protect(grid, true);
    grid->data[row * grid->pitch + channel] = value;
    rn_test_grid_protect(grid, false);
}

/*
 * What is not finite by definition is not finite; what is, is, but in the row of an output channel whose dy holds a
 * NaN, which padding's zeros are multiplied by.
 */
static void check_finite(const rn_test_conv *test, const rn_test_grid *dw, int64_t spoilt_row)
{
    for (int64_t o = 0; o < dw->rows; o++)
        for (int64_t k = 0; k < dw->channels; k++) {
            const bool expected = isfinite(test->dw.sum[o * dw->channels + k]),
                       finite = isfinite(rn_test_grid_at(dw, o, k));

            if (expected != finite && !(expected && o == spoilt_row))
                fail_msg("weight %lld of channel %lld is %g", (long long)k, (long long)o,
                         (double)rn_test_grid_at(dw, o, k));
        }
}

static void test_a_nan_or_an_infinity_reaches_just_the_weights_that_meet_it(void **state)
{
    static const float odd[] = { NAN, INFINITY, -INFINITY };

    (void)state;
    for (uint32_t i = 0; i < 120; i++) {
        const rn_test_conv_shape shape = i < 2 * 30 ? rn_test_conv_shapes[i / 2] : rn_test_conv_random(9000 + i / 2);
        const bool in_dy = i % 2 == 1;
        rn_test_conv test = rn_test_conv_make(&shape, i / 2);

        set_element(in_dy ? &test.dy.grid : &test.x.grid, i * 7 % (in_dy ? test.dy : test.x).grid.rows,
                    i * 5 % (in_dy ? shape.o : shape.c), odd[i % 3]);
        rn_test_conv_define(&test);
        for (int s = 0; s < rn_test_all.count; s++) {
            if (rn_test_all.settings[s].threads != 1)
                continue;
            rn_test_grid dw = rn_test_conv_dw(&test);

            rn_test_conv_weights(rn_test_all.contexts[s], &test, &test.x.map, &test.dy.map, dw.data, false);
            check_finite(&test, &dw, in_dy ? i * 5 % shape.o : -1);
            rn_test_grid_release(&dw);
        }
        rn_test_conv_release(&test);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_backward_weights_is_the_definition_with_the_same_bits_for_any_threads),
        cmocka_unit_test(test_any_number_of_chunks_is_the_definition),
        cmocka_unit_test(test_wide_layers_and_colliding_rows_are_the_definition),
        cmocka_unit_test(test_chunks_keep_small_terms_of_long_sums),
        cmocka_unit_test(test_any_small_shape_is_the_definition),
        cmocka_unit_test(test_a_nan_or_an_infinity_reaches_just_the_weights_that_meet_it),
    };

    return cmocka_run_group_tests_name("ops/conv_weights", tests, rn_test_all_direct, rn_test_all_release);
}
