/* SPDX-License-Identifier: MIT */
/* Optimizers' row kernels, against their formulas in double. */
#include "kernels/rows.h"

static const int64_t counts[] = { 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 100 };

/* A bound for a step from x: the step itself comes from a handful of rounded operations. */
static void check_step(double value, double x, double expected)
{
    rn_test_check_near(value, expected, 2 * U * fabs(x) + 16 * U * fabs(expected - x), "step");
}

static void adam_is_its_formula(void **state)
{
    const rn_adam_step s = { 0.9f, 0.1f, 0.999f, 0.001f, 0.01f, 0.02f, 0.7f, 1e-8f, 0.96875f };

    (void)state;
    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
        const row_form f = { .rows = 1, .channels = counts[k], .at_end = true, .seed = (uint32_t)k };
        rn_test_grid start[4] = { row_filled(&f, 1), row_filled(&f, 2), row_filled(&f, 3), row_filled(&f, 4) };
        rn_test_grid now[4] = { row_empty(&f), row_empty(&f), row_empty(&f),
                                row_empty(&f) }; /* gradient, value, mean, square */
        row_agreement same[4] = { { .have = false }, { .have = false }, { .have = false }, { .have = false } };

        for (int64_t i = 0; i < counts[k]; i++)
            start[3].data[i] = fabsf(start[3].data[i]);
        start[0].data[0] = start[3].data[0] = 0;
        for (int isa = 0; isa < row_isa_count; isa++) {
            for (int i = 0; i < 4; i++)
                rn_test_grid_copy(&now[i], &start[i]);
            row_table(isa)->adam(counts[k], &s, now[0].data, now[1].data, now[2].data, now[3].data);
            for (int64_t i = 0; i < counts[k]; i++) {
                const double x = s.kept * (double)start[1].data[i], g = start[0].data[i] + s.weight_decay * x;
                const double m = s.beta1 * (double)start[2].data[i] + s.one_minus_beta1 * g;
                const double v = s.beta2 * (double)start[3].data[i] + s.one_minus_beta2 * g * g;

                rn_test_check_near(now[2].data[i], m, 4 * U * (fabs(start[2].data[i]) + fabs(g)), "exp_avg");
                rn_test_check_near(now[3].data[i], v, 4 * U * v, "exp_avg_sq");
                check_step(now[1].data[i], x, x - s.step_size * (m / (sqrt(v) / s.root_correction2 + s.eps)));
            }
            for (int i = 0; i < 4; i++)
                row_agree(&same[i], isa, &now[i]);
            rn_test_grid_check_same(&now[0], &start[0], "the gradient stays");
        }
        for (int i = 0; i < 4; i++)
            row_end_agreement(&same[i]);
        row_release(start, 4);
        row_release(now, 4);
    }
}

static void check_sgd(const rn_sgd_step *s, int64_t count, bool momentum)
{
    const row_form f = { .rows = 1, .channels = count, .at_end = true, .seed = (uint32_t)count };
    rn_test_grid start[3] = { row_filled(&f, 1), row_filled(&f, 2), row_filled(&f, 3) };
    rn_test_grid now[3] = { row_empty(&f), row_empty(&f), row_empty(&f) }; /* gradient, value, buffer */
    row_agreement same[3] = { { .have = false }, { .have = false }, { .have = false } };

    for (int isa = 0; isa < row_isa_count; isa++) {
        for (int i = 0; i < 3; i++)
            rn_test_grid_copy(&now[i], &start[i]);
        row_table(isa)->sgd(count, s, now[0].data, now[1].data, momentum ? now[2].data : NULL);
        for (int64_t i = 0; i < count; i++) {
            const double x = start[1].data[i], g = start[0].data[i] + s->weight_decay * x;
            const double kept = s->momentum * (double)start[2].data[i] + s->one_minus_dampening * g;
            const double b = !momentum || s->first ? g : kept, step = s->nesterov ? g + s->momentum * b : b;

            rn_test_check_near(now[2].data[i], momentum ? b : start[2].data[i],
                               momentum ? 4 * U * (fabs(g) + fabs(start[2].data[i])) : 0, "buffer");
            rn_test_check_near(now[1].data[i], x - s->lr * step,
                               2 * U * fabs(x) + 8 * U * s->lr * (fabs(g) + fabs(start[2].data[i])), "step");
        }
        for (int i = 0; i < 3; i++)
            row_agree(&same[i], isa, &now[i]);
    }
    for (int i = 0; i < 3; i++)
        row_end_agreement(&same[i]);
    row_release(start, 3);
    row_release(now, 3);
}

static void sgd_is_its_formula(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++)
        for (int variant = 0; variant < 8; variant++) {
            const rn_sgd_step s = { .lr = 0.1f,
                                    .momentum = 0.9f,
                                    .one_minus_dampening = 0.75f,
                                    .weight_decay = 0.01f,
                                    .nesterov = (variant & 1) != 0 && (variant & 4) != 0,
                                    .first = (variant & 2) != 0 };

            check_sgd(&s, counts[k], (variant & 4) != 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adam_is_its_formula),
        cmocka_unit_test(sgd_is_its_formula),
    };

    return cmocka_run_group_tests(tests, row_find_isas, NULL);
}
