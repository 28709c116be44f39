/* SPDX-License-Identifier: MIT */
/*
 * Batch norm against its definition in double, by finite differences, and with the same bits for any number of threads.
 */
#include "ops/batch_norm.h"
#include "ops/combine.h"

#include "ops/maps.h"
#include "support/support.h"

#define U 5.9604645e-08

static rn_test_setting settings[16];
static int setting_count;

static int find_settings(void **state)
{
    (void)state;
    setting_count = rn_test_settings(settings);
    return 0;
}

/* A workspace of exactly the bytes that are asked for, before a guard page. */
typedef struct space {
    void *memory, *pages;
    size_t mapped;
} space;

static space make_space(const rn_context *context, const rn_map *map)
{
    space s;

    s.memory = rn_test_guarded(rn_batch_norm_workspace(context, rn_map_rows(map), map->c), true, &s.pages, &s.mapped);
    return s;
}

static void release_space(space *s)
{
    rn_test_unguard(s->pages, s->mapped);
}

/* ---- statistics -------------------------------------------------------------------------------------------------- */

static void define_statistics(const rn_test_map *y, int64_t channel, double *mean, double *variance)
{
    const int64_t rows = rn_map_rows(&y->map);

    *mean = *variance = 0;
    for (int64_t r = 0; r < rows; r++)
        *mean += rn_test_grid_at(&y->grid, r, channel);
    *mean /= (double)rows;
    for (int64_t r = 0; r < rows; r++)
        *variance += pow(rn_test_grid_at(&y->grid, r, channel) - *mean, 2);
    *variance /= (double)rows;
}

/*
 * Under every setting: within `bound` of the definition, and the same bits.
 *
 * Float sums over blocks of 64 rows are off by about u sqrt(64 / 9) = 1.6e-7 of themselves, and a first row k
 * deviations off the mean makes this (1 + 2 k^2) times as much of the variance: 3e-6 at k = 3.
 */
static void check_statistics(const rn_test_map *y, double bound)
{
    const size_t channels = (size_t)y->map.c;
    float *const first = calloc(2 * channels, sizeof *first), *const now = calloc(2 * channels, sizeof *now);
    bool have = false;

    for (int i = 0; i < setting_count; i++) {
        rn_context *const context = rn_test_context(settings[i].threads, settings[i].isa);
        space s = make_space(context, &y->map);

        rn_batch_norm_statistics(context, &y->map, now, now + channels, s.memory);
        for (size_t c = 0; c < channels; c++) {
            double mean, variance;

            define_statistics(y, (int64_t)c, &mean, &variance);
            rn_test_check_near(now[c], mean, U * fabs(mean) + 1e-6 * sqrt(variance), "mean");
            rn_test_check_near(now[channels + c], variance, bound * variance, "variance");
        }
        if (settings[i].isa != RN_ISA_REFERENCE) {
            if (have)
                assert_memory_equal(first, now, 2 * channels * sizeof *now);
            memcpy(first, now, 2 * channels * sizeof *now);
            have = true;
        }
        release_space(&s);
        rn_context_destroy(context);
    }
    free(first);
    free(now);
}

static void variance_is_accurate_at_any_mean(void **state)
{
    static const float means[] = { 0, 1, 100, 1000, -3000 };
    static const int64_t widths[] = { 1, 2, 37, 170, 171, 172 };

    (void)state;
    for (size_t i = 0; i < sizeof means / sizeof means[0]; i++)
        for (size_t j = 0; j < sizeof widths / sizeof widths[0]; j++) {
            rn_test_map y = rn_test_map_make(2, 3, widths[j], 19, (int64_t)(i % 2) * 5);

            rn_test_grid_fill(&y.grid, (uint32_t)(i * 10 + j), 1, means[i]);
            check_statistics(&y, 1e-5);
            rn_test_map_release(&y, 1);
        }
}

static void many_channels_and_few_rows_are_split(void **state)
{
    rn_test_map y = rn_test_map_filled(1, 7, 7, 300, 0, 3);

    (void)state;
    check_statistics(&y, 1e-5);
    rn_test_map_release(&y, 1);
}

/* 5 chunks, which one thread takes whole and several in pieces. */
static void chunks_in_pieces_have_the_same_bits(void **state)
{
    rn_test_map y = rn_test_map_filled(1, 45, 46, 12, 3, 7);

    (void)state;
    check_statistics(&y, 1e-5);
    rn_test_map_release(&y, 1);
}

/*
 * Here k is 10 and there are 8 blocks: 201 * 1.6e-7 / sqrt(8) = 1.1e-5 is to be expected; 512 rows in one sum lose
 * 9e-5.
 */
static void an_outlier_in_the_first_row_costs_little(void **state)
{
    rn_test_map y = rn_test_map_filled(2, 16, 16, 16, 0, 5);

    (void)state;
    for (int64_t c = 0; c < 16; c++)
        *rn_test_map_at(&y, 0, 0, 0, c) = 10;
    check_statistics(&y, 4e-5);
    rn_test_map_release(&y, 1);
}

static void a_constant_channel_has_no_variance_and_nan_stays_in_its_own(void **state)
{
    rn_context *const context = rn_test_context(2, RN_ISA_AUTO);
    rn_test_map y = rn_test_map_filled(2, 20, 20, 20, 0, 5);
    space s = make_space(context, &y.map);
    float mean[20], variance[20];

    (void)state;
    for (int64_t r = 0; r < 800; r++)
        y.map.data[r * y.map.pitch + 3] = 1234.567f;
    *rn_test_map_at(&y, 1, 2, 3, 7) = NAN;
    *rn_test_map_at(&y, 0, 2, 3, 9) = INFINITY;
    rn_batch_norm_statistics(context, &y.map, mean, variance, s.memory);
    assert_true(mean[3] == 1234.567f && variance[3] == 0);
    for (int c = 0; c < 20; c++) {
        assert_int_equal(!isfinite(mean[c]), c == 7 || c == 9);
        assert_int_equal(isnan(variance[c]), c == 7 || c == 9);
    }
    release_space(&s);
    rn_test_map_release(&y, 1);
    rn_context_destroy(context);
}

static void the_workspace_of_absurd_shapes_is_not_small(void **state)
{
    (void)state;
    rn_context *const context = rn_test_context(1, RN_ISA_AUTO);

    assert_true(rn_batch_norm_workspace(context, INT64_MAX, INT64_MAX) == SIZE_MAX);
    assert_true(rn_batch_norm_workspace(context, 1, 1) >= 2 * sizeof(double));
    rn_context_destroy(context);
}

/* ---- backward ---------------------------------------------------------------------------------------------------- */

enum { N = 3, H = 15, W = 13, C = 18, ROWS = N * H * W };
static const double eps = 1e-5;

typedef struct problem {
    rn_test_map y, residual, g, z;
    float gamma[C], beta[C], mean[C], inverse[C];
} problem;

/* Forward in double, one channel: z before the ReLU. */
static void define_forward(const problem *p, int64_t c, const double *y, double *z)
{
    double mean = 0, variance = 0;

    for (int r = 0; r < ROWS; r++)
        mean += y[r] / ROWS;
    for (int r = 0; r < ROWS; r++)
        variance += (y[r] - mean) * (y[r] - mean) / ROWS;
    for (int r = 0; r < ROWS; r++)
        z[r] =
            p->gamma[c] * (y[r] - mean) / sqrt(variance + eps) + p->beta[c] + rn_test_grid_at(&p->residual.grid, r, c);
}

static void column(double *values, const rn_test_map *map, int64_t c)
{
    for (int r = 0; r < ROWS; r++)
        values[r] = rn_test_grid_at(&map->grid, r, c);
}

static problem make_problem(float mean)
{
    problem p = { rn_test_map_make(N, H, W, C, 3),
                  rn_test_map_filled(N, H, W, C, 0, 2),
                  rn_test_map_filled(N, H, W, C, 1, 3),
                  rn_test_map_make(N, H, W, C, 2),
                  { 0 },
                  { 0 },
                  { 0 },
                  { 0 } };
    double y[ROWS], z[ROWS];

    rn_test_grid_fill(&p.y.grid, 1, 2, mean);
    rn_test_fill(p.gamma, C, 7);
    rn_test_fill(p.beta, C, 8);
    for (int64_t c = 0; c < C; c++) {
        double m, v;

        define_statistics(&p.y, c, &m, &v);
        p.mean[c] = (float)m;
        p.inverse[c] = (float)(1 / sqrt(v + eps));
        column(y, &p.y, c);
        define_forward(&p, c, y, z);
        for (int r = 0; r < ROWS; r++)
            p.z.map.data[r * p.z.map.pitch + c] = z[r] > 0 ? (float)z[r] : 0;
    }
    return p;
}

static void release_problem(problem *p)
{
    rn_test_map_release(&p->y, 1);
    rn_test_map_release(&p->residual, 1);
    rn_test_map_release(&p->g, 1);
    rn_test_map_release(&p->z, 1);
}

/* The gradient of sum g relu(z) in double, by the formulas of the paper (section 3), not by those of the code. */
static void define_backward(const problem *p, int64_t c, bool relu, double *dy, double *dgamma, double *dbeta)
{
    double y[ROWS], g[ROWS], mean = 0, variance = 0, dvariance = 0, dmean = 0;

    column(y, &p->y, c);
    column(g, &p->g, c);
    *dgamma = *dbeta = 0;
    for (int r = 0; r < ROWS; r++)
        mean += y[r] / ROWS;
    for (int r = 0; r < ROWS; r++)
        variance += (y[r] - mean) * (y[r] - mean) / ROWS;
    for (int r = 0; r < ROWS; r++) {
        if (relu && !(rn_test_grid_at(&p->z.grid, r, c) > 0))
            g[r] = 0;
        *dbeta += g[r];
        *dgamma += g[r] * (y[r] - mean) / sqrt(variance + eps);
        dvariance += g[r] * p->gamma[c] * (y[r] - mean) * -0.5 * pow(variance + eps, -1.5);
        dmean += g[r] * p->gamma[c] * -1 / sqrt(variance + eps);
    }
    for (int r = 0; r < ROWS; r++)
        dy[r] = g[r] * p->gamma[c] / sqrt(variance + eps) + dvariance * 2 * (y[r] - mean) / ROWS + dmean / ROWS;
}

static double largest(const double *values, int count)
{
    double most = 0;

    for (int i = 0; i < count; i++)
        most = fabs(values[i]) > most ? fabs(values[i]) : most;
    return most;
}

/*
 * The three terms of dy and its sums are each good to a few roundings of their size; n and the deviation are moderate.
 */
static void check_backward(const problem *p, bool relu, const rn_test_map *dy, const float *dgamma, const float *dbeta)
{
    for (int64_t c = 0; c < C; c++) {
        double expected[ROWS], gamma, beta;

        define_backward(p, c, relu, expected, &gamma, &beta);
        for (int r = 0; r < ROWS; r++)
            rn_test_check_near(rn_test_grid_at(&dy->grid, r, c), expected[r], 1e-6 * largest(expected, ROWS), "dy");
        rn_test_check_near(dgamma[c], gamma, 1e-6 * sqrt(ROWS) + 2 * U * fabs(gamma), "dgamma");
        rn_test_check_near(dbeta[c], beta, 1e-6 * sqrt(ROWS), "dbeta");
    }
}

/* The sums and the combination; dgamma, dbeta and dy may be NULL. */
static void backward(const rn_context *context, const problem *p, const rn_map *g, const rn_map *z, float *dgamma,
                     float *dbeta, bool accumulate, const rn_map *dy, void *workspace)
{
    float slopes[3 * C];
    const rn_norm_gradient job = { .g = *g,
                                   .z = z,
                                   .y = p->y.map,
                                   .mean = p->mean,
                                   .inverse_deviation = p->inverse,
                                   .gamma = p->gamma,
                                   .dgamma = dgamma,
                                   .dbeta = dbeta,
                                   .accumulate = accumulate,
                                   .slopes = slopes };

    const rn_combination combination = {
        .a = g, .b = &p->y.map, .ka = slopes, .kb = slopes + C, .mean = p->mean, .c = slopes + 2 * C
    };

    rn_batch_norm_sums(context, &job, workspace);
    if (dy != NULL)
        rn_combine(context, &combination, dy);
}

static void backward_is_its_definition_with_the_same_bits_everywhere(void **state)
{
    (void)state;
    for (int relu = 0; relu < 2; relu++) {
        problem p = make_problem(5);
        rn_test_map first = rn_test_map_make(N, H, W, C, 0);
        float sums[2 * C];
        bool have = false;

        for (int i = 0; i < setting_count; i++) {
            rn_context *const context = rn_test_context(settings[i].threads, settings[i].isa);
            rn_test_map g = rn_test_map_copy(&p.g), dy = rn_test_map_make(N, H, W, C, 4);
            space s = make_space(context, &p.y.map);
            float dgamma[C], dbeta[C];

            backward(context, &p, &g.map, relu ? &p.z.map : NULL, dgamma, dbeta, false, &dy.map, s.memory);
            check_backward(&p, relu != 0, &dy, dgamma, dbeta);
            for (int64_t r = 0; r < ROWS; r++)
                for (int64_t c = 0; c < C; c++)
                    assert_true(rn_test_grid_at(&g.grid, r, c) ==
                                (!relu || rn_test_grid_at(&p.z.grid, r, c) > 0 ? rn_test_grid_at(&p.g.grid, r, c) : 0));
            rn_test_grid_check_gaps(&g.grid);
            rn_test_grid_check_gaps(&dy.grid);
            if (settings[i].isa != RN_ISA_REFERENCE) {
                if (have) {
                    rn_test_grid_check_same(&dy.grid, &first.grid, "dy");
                    assert_memory_equal(sums, dgamma, sizeof dgamma);
                    assert_memory_equal(sums + C, dbeta, sizeof dbeta);
                }
                rn_test_grid_copy(&first.grid, &dy.grid);
                memcpy(sums, dgamma, sizeof dgamma);
                memcpy(sums + C, dbeta, sizeof dbeta);
                have = true;
            }
            release_space(&s);
            rn_test_map_release(&g, 1);
            rn_test_map_release(&dy, 1);
            rn_context_destroy(context);
        }
        rn_test_map_release(&first, 1);
        release_problem(&p);
    }
}

static void backward_agrees_with_finite_differences(void **state)
{
    rn_context *const context = rn_test_context(1, RN_ISA_AUTO);
    problem p = make_problem(0);
    rn_test_map g = rn_test_map_copy(&p.g), dy = rn_test_map_make(N, H, W, C, 0);
    space s = make_space(context, &p.y.map);

    (void)state;
    backward(context, &p, &g.map, &p.z.map, NULL, NULL, false, &dy.map, s.memory);
    for (int64_t c = 0; c < C; c++)
        for (int r = 0; r < ROWS; r += 97) {
            double y[ROWS], z[2][ROWS], slope = 0;
            const double step = 1e-6;

            column(y, &p.y, c);
            y[r] += step;
            define_forward(&p, c, y, z[0]);
            y[r] -= 2 * step;
            define_forward(&p, c, y, z[1]);
            for (int i = 0; i < ROWS; i++)
                slope += rn_test_grid_at(&g.grid, i, c) * (z[0][i] - z[1][i]) / (2 * step); /* the mask is pinned */
            rn_test_check_near(rn_test_grid_at(&dy.grid, r, c), slope, 1e-6 * (1 + fabs(slope)), "slope");
        }
    release_space(&s);
    rn_test_map_release(&g, 1);
    rn_test_map_release(&dy, 1);
    release_problem(&p);
    rn_context_destroy(context);
}

static void outputs_may_be_missing_added_to_or_lie_over_y(void **state)
{
    rn_context *const context = rn_test_context(2, RN_ISA_AUTO);
    problem p = make_problem(1);
    rn_test_map g = rn_test_map_copy(&p.g), dy = rn_test_map_make(N, H, W, C, 0);
    space s = make_space(context, &p.y.map);
    float plain[2][C], added[2][C], alone[C];

    (void)state;
    backward(context, &p, &g.map, &p.z.map, plain[0], plain[1], false, &dy.map, s.memory);
    for (int c = 0; c < C; c++)
        added[0][c] = added[1][c] = (float)c;
    backward(context, &p, &g.map, &p.z.map, added[0], added[1], true, NULL, s.memory);
    for (int c = 0; c < C; c++)
        assert_true(added[0][c] == (float)c + plain[0][c] && added[1][c] == (float)c + plain[1][c]);
    backward(context, &p, &g.map, NULL, NULL, alone, false, NULL, s.memory);
    assert_memory_equal(alone, plain[1], sizeof alone);
    backward(context, &p, &g.map, &p.z.map, NULL, NULL, false, &p.y.map, s.memory);
    rn_test_grid_check_same(&p.y.grid, &dy.grid, "dy over y");
    release_space(&s);
    rn_test_map_release(&g, 1);
    rn_test_map_release(&dy, 1);
    release_problem(&p);
    rn_context_destroy(context);
}

static void channel_sums_are_sums_with_the_same_bits_everywhere(void **state)
{
    static const int64_t widths[] = { 1, 40, 400 };

    (void)state;
    for (size_t k = 0; k < sizeof widths / sizeof widths[0]; k++) {
        rn_test_map g = rn_test_map_filled(2, 3, widths[k], 35, 2, 9);
        float first[35], now[35];
        bool have = false;

        for (int i = 0; i < setting_count; i++) {
            rn_context *const context = rn_test_context(settings[i].threads, settings[i].isa);
            space s = make_space(context, &g.map);

            for (int c = 0; c < 35; c++)
                now[c] = 1000;
            rn_channel_sums(context, &g.map, now, false, s.memory);
            for (int64_t c = 0; c < 35; c++) {
                double sum = 0, size = 0;

                for (int64_t r = 0; r < rn_map_rows(&g.map); r++) {
                    sum += rn_test_grid_at(&g.grid, r, c);
                    size += fabs((double)rn_test_grid_at(&g.grid, r, c));
                }
                rn_test_check_near(now[c], sum, 66 * U * size, "channel sum");
            }
            if (settings[i].isa != RN_ISA_REFERENCE) {
                if (have)
                    assert_memory_equal(first, now, sizeof now);
                memcpy(first, now, sizeof now);
                have = true;
                rn_channel_sums(context, &g.map, now, true, s.memory);
                for (int c = 0; c < 35; c++)
                    assert_true(now[c] == first[c] + first[c]);
            }
            release_space(&s);
            rn_context_destroy(context);
        }
        rn_test_map_release(&g, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variance_is_accurate_at_any_mean),
        cmocka_unit_test(many_channels_and_few_rows_are_split),
        cmocka_unit_test(chunks_in_pieces_have_the_same_bits),
        cmocka_unit_test(an_outlier_in_the_first_row_costs_little),
        cmocka_unit_test(a_constant_channel_has_no_variance_and_nan_stays_in_its_own),
        cmocka_unit_test(the_workspace_of_absurd_shapes_is_not_small),
        cmocka_unit_test(backward_is_its_definition_with_the_same_bits_everywhere),
        cmocka_unit_test(backward_agrees_with_finite_differences),
        cmocka_unit_test(outputs_may_be_missing_added_to_or_lie_over_y),
        cmocka_unit_test(channel_sums_are_sums_with_the_same_bits_everywhere),
    };

    return cmocka_run_group_tests(tests, find_settings, NULL);
}
