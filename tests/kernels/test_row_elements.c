/* SPDX-License-Identifier: MIT */
/* Row kernels that go element by element, against their definitions in double. */
#include "kernels/rows.h"

static double relu_of(double x)
{
    return x <= 0 ? 0 : x;
}

enum { WITH_RESIDUAL = 1, WITH_RELU = 2, IN_PLACE = 4 };

static void check_affine(const row_form *f, int variant)
{
    rn_test_grid g[5] = { row_filled(f, 1), row_filled(f, 2), row_vector(f, 3), row_vector(f, 4), row_empty(f) };
    rn_test_grid *const z = &g[4];
    row_agreement same = { .have = false };
    const bool residual = (variant & WITH_RESIDUAL) != 0, relu = (variant & WITH_RELU) != 0;

    for (int i = 0; i < row_isa_count; i++) {
        rn_row_affine a = {
            .y = row_matrix(&g[0]), .z = row_matrix(z), .scale = g[2].data, .shift = g[3].data, .relu = relu
        };

        a.residual = row_matrix(residual ? &g[1] : NULL);
        rn_test_grid_poison(z);
        if ((variant & IN_PLACE) != 0) {
            rn_test_grid_copy(z, &g[0]);
            a.y = row_matrix(z);
        }
        row_table(i)->affine(f->rows, f->channels, &a);
        for (int64_t r = 0; r < f->rows; r++)
            for (int64_t c = 0; c < f->channels; c++) {
                const double y = rn_test_grid_at(&g[0], r, c), scale = g[2].data[c], shift = g[3].data[c];
                const double other = residual ? rn_test_grid_at(&g[1], r, c) : 0, v = y * scale + shift + other;
                const double size = fabs(y * scale) + fabs(shift) + fabs(other);

                rn_test_check_near(rn_test_grid_at(z, r, c), relu ? relu_of(v) : v, 3 * U * size + TINY, "affine");
            }
        row_agree(&same, i, z);
    }
    row_end_agreement(&same);
    row_release(g, 5);
}

static void affine_form(const row_form *f)
{
    for (int variant = 0; variant < 8; variant++)
        check_affine(f, variant);
}

static void affine_is_scale_shift_residual_relu(void **state)
{
    (void)state;
    row_for_each_form(affine_form);
}

static void sum_form(const row_form *f)
{
    for (int variant = 0; variant < 8; variant++) {
        rn_test_grid g[3] = { row_filled(f, 1), row_filled(f, 2), row_empty(f) };
        rn_test_grid *const y = &g[2];
        row_agreement same = { .have = false };
        const bool both = (variant & WITH_RESIDUAL) != 0, relu = (variant & WITH_RELU) != 0;

        for (int i = 0; i < row_isa_count; i++) {
            rn_test_grid_poison(y);
            if ((variant & IN_PLACE) != 0)
                rn_test_grid_copy(y, &g[0]);
            row_table(i)->sum(f->rows, f->channels, row_matrix((variant & IN_PLACE) != 0 ? y : &g[0]),
                              row_matrix(both ? &g[1] : NULL), relu, row_matrix(y));
            for (int64_t r = 0; r < f->rows; r++)
                for (int64_t c = 0; c < f->channels; c++) {
                    const double a = rn_test_grid_at(&g[0], r, c), b = both ? rn_test_grid_at(&g[1], r, c) : 0;

                    rn_test_check_near(rn_test_grid_at(y, r, c), relu ? relu_of(a + b) : a + b, U * fabs(a + b), "sum");
                }
            row_agree(&same, i, y);
        }
        row_end_agreement(&same);
        row_release(g, 3);
    }
}

static void sum_adds_copies_and_rectifies(void **state)
{
    (void)state;
    row_for_each_form(sum_form);
}

static void mask_form(const row_form *f)
{
    rn_test_grid g[5] = { row_filled(f, 1), row_filled(f, 2), row_vector(f, 3), row_empty(f), row_empty(f) };
    rn_test_grid *const masked = &g[3], *const dy = &g[4];
    row_agreement same = { .have = false }, same_dy = { .have = false };

    for (int i = 0; i < row_isa_count; i++) {
        rn_test_grid_copy(masked, &g[0]);
        row_table(i)->mask(f->rows, f->channels, row_matrix(masked), row_matrix(&g[1]));
        for (int64_t r = 0; r < f->rows; r++)
            for (int64_t c = 0; c < f->channels; c++)
                rn_test_check_near(rn_test_grid_at(masked, r, c),
                                   rn_test_grid_at(&g[1], r, c) > 0 ? rn_test_grid_at(&g[0], r, c) : 0, 0, "mask");
        row_agree(&same, i, masked);
        rn_test_grid_copy(masked, &g[0]);
        rn_test_grid_poison(dy);
        row_table(i)->mask_scale(f->rows, f->channels, row_matrix(masked), row_matrix(&g[1]), g[2].data,
                                 row_matrix(dy));
        row_agree(&same, i, masked);
        for (int64_t r = 0; r < f->rows; r++)
            for (int64_t c = 0; c < f->channels; c++)
                rn_test_check_near(rn_test_grid_at(dy, r, c), rn_test_grid_at(masked, r, c) * g[2].data[c], 0, "scale");
        row_agree(&same_dy, i, dy);
        row_table(i)->mask_scale(f->rows, f->channels, row_matrix(masked), row_matrix(NULL), g[2].data,
                                 row_matrix(masked));
        rn_test_grid_check_same(masked, dy, "mask_scale in place");
    }
    row_end_agreement(&same);
    row_end_agreement(&same_dy);
    row_release(g, 5);
}

static void mask_lets_through_where_the_output_is_positive(void **state)
{
    (void)state;
    row_for_each_form(mask_form);
}

static void apply_form(const row_form *f)
{
    rn_test_grid g[7] = { row_filled(f, 1), row_filled(f, 2), row_vector(f, 3), row_vector(f, 4),
                          row_vector(f, 5), row_vector(f, 6), row_empty(f) };
    rn_test_grid *const dy = &g[6];
    row_agreement same = { .have = false };

    for (int i = 0; i < 2 * row_isa_count; i++) {
        const bool in_place = i >= row_isa_count; /* over y */
        rn_row_gradient o = { .g = row_matrix(&g[0]), .dy = row_matrix(dy), .mean = g[2].data };

        o.k0 = g[3].data;
        o.k1 = g[4].data;
        o.k2 = g[5].data;
        o.y = row_matrix(in_place ? dy : &g[1]);
        rn_test_grid_poison(dy);
        if (in_place)
            rn_test_grid_copy(dy, &g[1]);
        row_table(i % row_isa_count)->gradient_apply(f->rows, f->channels, &o);
        for (int64_t r = 0; r < f->rows; r++)
            for (int64_t c = 0; c < f->channels; c++) {
                const double direct = (double)o.k0[c] * rn_test_grid_at(&g[0], r, c);
                const double behind = o.k1[c] * ((double)rn_test_grid_at(&g[1], r, c) - o.mean[c]);

                rn_test_check_near(rn_test_grid_at(dy, r, c), direct + behind + o.k2[c],
                                   4 * U * (fabs(direct) + fabs(behind) + fabs((double)o.k2[c])) + TINY, "apply");
            }
        row_agree(&same, i % row_isa_count, dy);
    }
    row_end_agreement(&same);
    row_release(g, 7);
}

static void gradient_apply_is_its_formula(void **state)
{
    (void)state;
    row_for_each_form(apply_form);
}

static void no_rows_are_no_work(void **state)
{
    float one = 1;
    double sums[1] = { 5 };
    const rn_matrix m = { &one, 1 };
    const rn_row_affine a = { .y = m, .z = m, .scale = &one, .shift = &one };

    (void)state;
    for (int i = 0; i < row_isa_count; i++) {
        row_table(i)->affine(0, 1, &a);
        row_table(i)->sum(0, 1, m, m, false, m);
        row_table(i)->mask(0, 1, m, m);
        row_table(i)->column_sums(0, 1, m, sums);
        assert_true(one == 1 && sums[0] == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(affine_is_scale_shift_residual_relu),
        cmocka_unit_test(sum_adds_copies_and_rectifies),
        cmocka_unit_test(mask_lets_through_where_the_output_is_positive),
        cmocka_unit_test(gradient_apply_is_its_formula),
        cmocka_unit_test(no_rows_are_no_work),
    };

    return cmocka_run_group_tests(tests, row_find_isas, NULL);
}
