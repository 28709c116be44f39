/* SPDX-License-Identifier: MIT */
/* Dropout draws by (seed, step, layer, place) and by nothing else. */
#include "ops/pointwise.h"

#include "base/random.h"
#include "ops/maps.h"
#include "support/support.h"

static const rn_dropout_draw draw = { .probability = 0.3, .seed = UINT64_C(0x123456789abcdef), .step = 5, .layer = 9 };

static rn_test_map dropped(const rn_context *context, const rn_dropout_draw *d, const rn_test_map *x)
{
    const rn_map *const m = &x->map;
    const rn_test_map y = rn_test_map_make(m->n, m->h, m->w, m->c, 1);

    rn_dropout_apply(context, d, m, &y.map);
    rn_test_grid_check_gaps(&y.grid);
    return y;
}

/* Element q of PyTorch's order takes word q of the generator of (seed, dropout, step, layer). */
static void an_element_takes_its_own_word(void **state)
{
    static const int64_t shapes[][4] = { { 3, 5, 7, 11 }, { 2, 1, 1, 101 }, { 1, 3, 1, 1 } };

    (void)state;
    for (int i = 0; i < 3; i++)
        for (int32_t threads = 1; threads <= 7; threads += 2) {
            const int64_t *const s = shapes[i];
            rn_context *const context = rn_test_context(threads, RN_ISA_AUTO);
            rn_test_map x = rn_test_map_filled(s[0], s[1], s[2], s[3], 4, 1), y = dropped(context, &draw, &x);
            rn_random random = rn_random_at(draw.seed, RN_STREAM_DROPOUT, draw.step, draw.layer);

            for (int64_t n = 0; n < s[0]; n++)
                for (int64_t c = 0; c < s[3]; c++)
                    for (int64_t p = 0; p < s[1] * s[2]; p++) {
                        const double uniform = (double)(rn_random_next(&random) >> 8) * 0x1p-24;
                        const float value = *rn_test_map_at(&x, n, p / s[2], p % s[2], c);

                        assert_true(*rn_test_map_at(&y, n, p / s[2], p % s[2], c) ==
                                    (uniform >= draw.probability ? value * (float)(1 / 0.7) : 0));
                    }
            rn_dropout_apply(context, &draw, &x.map, &x.map);
            rn_test_grid_check_same(&x.grid, &y.grid, "in place");
            rn_test_map_release(&x, 1);
            rn_test_map_release(&y, 1);
            rn_context_destroy(context);
        }
}

static int64_t count_zeros(const rn_test_map *y)
{
    int64_t zeros = 0;

    for (int64_t r = 0; r < y->grid.rows; r++)
        for (int64_t c = 0; c < y->grid.channels; c++)
            zeros += rn_test_grid_at(&y->grid, r, c) == 0;
    return zeros;
}

static rn_test_map ones(int64_t n, int64_t h, int64_t w, int64_t c)
{
    const rn_test_map x = rn_test_map_make(n, h, w, c, 0);

    rn_test_grid_fill(&x.grid, 1, 0, 1);
    return x;
}

static void as_many_are_dropped_as_were_asked_for(void **state)
{
    static const double p[] = { 0, 0.1, 0.5, 0.9, 1 };
    rn_context *const context = rn_test_context(2, RN_ISA_AUTO);
    rn_test_map x = ones(4, 10, 10, 250);

    (void)state;
    for (int i = 0; i < 5; i++) {
        const rn_dropout_draw d = { .probability = p[i], .seed = 1 };
        rn_test_map y = dropped(context, &d, &x);
        const double count = 1e5, deviation = sqrt(count * p[i] * (1 - p[i]));

        assert_true(fabs((double)count_zeros(&y) - count * p[i]) <= 4 * deviation);
        rn_test_map_release(&y, 1);
    }
    rn_test_map_release(&x, 1);
    rn_context_destroy(context);
}

static void with_probability_one_even_nan_is_zero(void **state)
{
    rn_context *const context = rn_test_context(1, RN_ISA_AUTO);
    const rn_dropout_draw all = { .probability = 1, .seed = 1 };
    rn_test_map x = ones(1, 1, 1, 9), y;

    (void)state;
    x.map.data[2] = NAN;
    x.map.data[3] = INFINITY;
    y = dropped(context, &all, &x);
    assert_int_equal(count_zeros(&y), 9);
    rn_test_map_release(&x, 1);
    rn_test_map_release(&y, 1);
    rn_context_destroy(context);
}

static void seed_step_and_layer_all_count(void **state)
{
    rn_context *const context = rn_test_context(1, RN_ISA_AUTO);
    rn_test_map x = ones(1, 1, 1, 4000), y[5];
    rn_dropout_draw d[5] = { draw, draw, draw, draw, draw };

    (void)state;
    d[1].seed ^= UINT64_C(1) << 40;
    d[2].step += UINT64_C(1) << 32;
    d[3].layer++;
    d[4].step++;
    for (int i = 0; i < 5; i++)
        y[i] = dropped(context, &d[i], &x);
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < i; j++) {
            int different = 0;

            for (int64_t c = 0; c < 4000; c++)
                different += y[i].map.data[c] != y[j].map.data[c];
            assert_in_range(different, 1500, 1860); /* 4000 * 2 * 0.3 * 0.7 = 1680, deviation 31 */
        }
    rn_test_map_release(&x, 1);
    rn_test_map_release(y, 5);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_element_takes_its_own_word),
        cmocka_unit_test(as_many_are_dropped_as_were_asked_for),
        cmocka_unit_test(with_probability_one_even_nan_is_zero),
        cmocka_unit_test(seed_step_and_layer_all_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
