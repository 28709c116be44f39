/* SPDX-License-Identifier: MIT */
/* Log-softmax over channels: its definition, large numbers, gradients. */
#include "ops/pointwise.h"

#include "ops/maps.h"

#define RN_TEST_THREADS 3
#include "support/one_context.h"

enum { N = 5, C = 13 };

/* The derivative needs one more digit than float has, so the definition is in double. */
static double define(const double *x, int64_t channel)
{
    double sum = 0;

    for (int c = 0; c < C; c++)
        sum += exp(x[c]);
    return x[channel] - log(sum);
}

static void row_of(double *values, const rn_test_map *map, int64_t row)
{
    for (int c = 0; c < C; c++)
        values[c] = rn_test_grid_at(&map->grid, row, c);
}

static void values_are_logarithms_of_probabilities(void **state)
{
    rn_test_map x = rn_test_map_filled(N, 1, 1, C, 2, 1), y = rn_test_map_make(N, 1, 1, C, 3);

    (void)state;
    rn_log_softmax_forward(context, &x.map, &y.map);
    rn_test_grid_check_gaps(&y.grid);
    for (int64_t n = 0; n < N; n++) {
        double values[C], total = 0;

        row_of(values, &x, n);
        for (int64_t c = 0; c < C; c++) {
            const double expected = define(values, c);

            rn_test_check_near(rn_test_grid_at(&y.grid, n, c), expected, 6e-8 * fabs(expected), "log-softmax");
            total += exp(rn_test_grid_at(&y.grid, n, c));
        }
        rn_test_check_near(total, 1, 1e-6, "probabilities");
    }
    rn_log_softmax_forward(context, &x.map, &x.map);
    rn_test_grid_check_same(&x.grid, &y.grid, "in place");
    rn_test_map_release(&x, 1);
    rn_test_map_release(&y, 1);
}

static void large_and_infinite_numbers_do_not_overflow(void **state)
{
    rn_test_map x = rn_test_map_make(3, 1, 1, C, 0), y = rn_test_map_make(3, 1, 1, C, 0);

    (void)state;
    rn_test_grid_fill(&x.grid, 1, 0, 3e38f);
    for (int c = 0; c < C; c++)
        *rn_test_map_at(&x, 1, 0, 0, c) = c == 2 ? 1000.0f : c == 3 ? -INFINITY : 0;
    *rn_test_map_at(&x, 2, 0, 0, 4) = NAN;
    rn_log_softmax_forward(context, &x.map, &y.map);
    for (int c = 0; c < C; c++) {
        rn_test_check_near(rn_test_grid_at(&y.grid, 0, c), -log(C), 1e-6, "equal");
        rn_test_check_near(rn_test_grid_at(&y.grid, 1, c),
                           c == 2   ? 0
                           : c == 3 ? -INFINITY
                                    : -1000,
                           1e-4, "one is large");
        assert_true(isnan(rn_test_grid_at(&y.grid, 2, c)));
    }
    rn_test_map_release(&x, 1);
    rn_test_map_release(&y, 1);
}

static void backward_agrees_with_finite_differences_and_adds(void **state)
{
    rn_test_map x = rn_test_map_filled(N, 1, 1, C, 0, 1), y = rn_test_map_make(N, 1, 1, C, 0);
    rn_test_map dy = rn_test_map_filled(N, 1, 1, C, 1, 2), dx = rn_test_map_make(N, 1, 1, C, 3), added;

    (void)state;
    rn_log_softmax_forward(context, &x.map, &y.map);
    rn_log_softmax_backward(context, &dy.map, &y.map, &dx.map, false);
    rn_test_grid_check_gaps(&dx.grid);
    for (int64_t n = 0; n < N; n++)
        for (int64_t c = 0; c < C; c++) {
            double values[C], slope = 0;
            const double step = 1e-5;

            row_of(values, &x, n);
            for (int64_t i = 0; i < C; i++) {
                double up, down;

                values[c] += step;
                up = define(values, i);
                values[c] -= 2 * step;
                down = define(values, i);
                values[c] += step;
                slope += rn_test_grid_at(&dy.grid, n, i) * (up - down) / (2 * step);
            }
            rn_test_check_near(rn_test_grid_at(&dx.grid, n, c), slope, 1e-6, "dx");
        }
    added = rn_test_map_copy(&dx);
    rn_log_softmax_backward(context, &dy.map, &y.map, &added.map, true);
    for (int64_t n = 0; n < N; n++)
        for (int64_t c = 0; c < C; c++)
            assert_true(rn_test_grid_at(&added.grid, n, c) == 2 * rn_test_grid_at(&dx.grid, n, c));
    rn_test_map_release(&x, 1);
    rn_test_map_release(&y, 1);
    rn_test_map_release(&dy, 1);
    rn_test_map_release(&dx, 1);
    rn_test_map_release(&added, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_logarithms_of_probabilities),
        cmocka_unit_test(large_and_infinite_numbers_do_not_overflow),
        cmocka_unit_test(backward_agrees_with_finite_differences_and_adds),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
