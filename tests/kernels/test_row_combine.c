/* SPDX-License-Identifier: MIT */
/* The combination of rows, in every form and over each of its operands, against its formula in double. */
#include "kernels/rows.h"

enum { SCALED = 1, BESIDE = 2, SHIFTED = 4, JOINED = 8, MASKED = 16, RECTIFIED = 32, FORMS = 64 };
enum { A, B, OTHER, MASK, MAPS, KA = MAPS, KB, MEAN, SHIFT, OPERANDS };

typedef struct operands {
    rn_test_grid grid[OPERANDS];
} operands;

static operands make_operands(const row_form *f)
{
    operands o;

    for (int i = 0; i < OPERANDS; i++)
        o.grid[i] = i < MAPS ? row_filled(f, i + 1) : row_vector(f, i + 1);
    return o;
}

static bool has_map(int form, int map)
{
    return map == A || (map == B && form & BESIDE) || (map == OTHER && form & JOINED) || (map == MASK && form & MASKED);
}

/* What the kernel takes; operand `over` (-1: none) is the memory of the output. */
static rn_row_combine combination(operands *o, int form, rn_test_grid *out, int over)
{
    rn_row_combine c = { .out = row_matrix(out), .relu = (form & RECTIFIED) != 0 };
    rn_matrix *const maps[MAPS] = { &c.a, &c.b, &c.other, &c.mask };

    for (int i = 0; i < MAPS; i++)
        *maps[i] = row_matrix(!has_map(form, i) ? NULL : i == over ? out : &o->grid[i]);
    c.ka = form & SCALED ? o->grid[KA].data : NULL;
    c.kb = form & BESIDE ? o->grid[KB].data : NULL;
    c.mean = form & BESIDE ? o->grid[MEAN].data : NULL;
    c.c = form & SHIFTED ? o->grid[SHIFT].data : NULL;
    return c;
}

static void check_element(const operands *o, int form, const rn_test_grid *out, int64_t r, int64_t c)
{
    const bool passes = !(form & MASKED) || rn_test_grid_at(&o->grid[MASK], r, c) > 0;
    const double a = passes ? rn_test_grid_at(&o->grid[A], r, c) : 0;
    const double scaled = form & SCALED ? a * o->grid[KA].data[c] : a;
    const double beside =
        form & BESIDE ? o->grid[KB].data[c] * ((double)rn_test_grid_at(&o->grid[B], r, c) - o->grid[MEAN].data[c]) : 0;
    const double shift = form & SHIFTED ? o->grid[SHIFT].data[c] : 0;
    const double other = form & JOINED ? rn_test_grid_at(&o->grid[OTHER], r, c) : 0;
    const double v = scaled + beside + shift + other, size = fabs(scaled) + fabs(beside) + fabs(shift) + fabs(other);

    rn_test_check_near(rn_test_grid_at(out, r, c), form & RECTIFIED && v <= 0 ? 0 : v, 5 * U * size + TINY,
                       "combination");
}

static void check_form(const row_form *f, operands *o, int form, int over)
{
    rn_test_grid out = row_empty(f);
    row_agreement same = { .have = false };

    for (int i = 0; i < row_isa_count; i++) {
        const rn_row_combine c = combination(o, form, &out, over);

        rn_test_grid_poison(&out);
        if (over >= 0)
            rn_test_grid_copy(&out, &o->grid[over]);
        row_table(i)->combine(f->rows, f->channels, &c);
        for (int64_t r = 0; r < f->rows; r++)
            for (int64_t channel = 0; channel < f->channels; channel++)
                check_element(o, form, &out, r, channel);
        row_agree(&same, i, &out);
    }
    row_end_agreement(&same);
    row_release(&out, 1);
}

/* A quarter of the forms for each size and gap, another one for the next: each form meets all kinds of sizes. */
static void all_forms(const row_form *f)
{
    static uint32_t turn;
    operands o = make_operands(f);

    turn++;
    for (int form = 0; form < FORMS; form++) {
        if ((form & BESIDE && !(form & SHIFTED)) || (uint32_t)form * 7 % 4 != turn % 4)
            continue;
        for (int over = -1; over < MAPS; over++)
            if (over < 0 || has_map(form, over))
                check_form(f, &o, form, over);
    }
    row_release(o.grid, OPERANDS);
}

static void every_form_is_its_formula_with_the_same_bits_everywhere(void **state)
{
    (void)state;
    row_for_each_form(all_forms);
}

/* NaN in the mask lets nothing through, NaN stays NaN through the ReLU, and what the mask drops is 0 even if it is
 * NaN. */
static void not_a_number_is_treated_as_pytorch_treats_it(void **state)
{
    enum { COUNT = 21 };
    float mask[COUNT], a[COUNT], out[COUNT];

    (void)state;
    for (int i = 0; i < row_isa_count; i++) {
        for (int place = 0; place < COUNT; place++) {
            rn_row_combine c = { .a = { a, COUNT }, .mask = { mask, COUNT }, .out = { out, COUNT } };

            for (int j = 0; j < COUNT; j++) {
                mask[j] = j == place ? NAN : j == 3 ? -0.0f : 1;
                a[j] = j == 3 ? NAN : 2;
            }
            row_table(i)->combine(1, COUNT, &c);
            for (int j = 0; j < COUNT; j++)
                assert_true(out[j] == (j == place || j == 3 ? 0 : 2));
            c = (rn_row_combine){ .a = { mask, COUNT }, .out = { out, COUNT }, .relu = true };
            row_table(i)->combine(1, COUNT, &c);
            assert_true(isnan(out[place]));
        }
    }
}

static void no_rows_are_no_work(void **state)
{
    float one = 1;
    double sums[1] = { 5 };
    const rn_matrix m = { &one, 1 };
    const rn_row_combine c = { .a = m, .other = m, .out = m };

    (void)state;
    for (int i = 0; i < row_isa_count; i++) {
        row_table(i)->combine(0, 1, &c);
        row_table(i)->column_sums(0, 1, m, sums);
        assert_true(one == 1 && sums[0] == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_its_formula_with_the_same_bits_everywhere),
        cmocka_unit_test(not_a_number_is_treated_as_pytorch_treats_it),
        cmocka_unit_test(no_rows_are_no_work),
    };

    return cmocka_run_group_tests(tests, row_find_isas, NULL);
}
