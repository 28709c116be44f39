/* SPDX-License-Identifier: MIT */
/* Inputs that are formed while they are read give the bits of inputs that lie in a map. */
#include "ops/combine.h"
#include "ops/conv_cases.h"
#include "support/support.h"

/* Short and long lines, pixels a multiple of 4 KiB apart, sums deeper than a block, columns that fill no panel. */
static const rn_test_conv_shape shapes[] = {
    { 2, 5, 6, 5, 7, 1, 1, 1, 1, 0, 0, 1, 1 },       { 3, 7, 7, 64, 100, 1, 1, 1, 1, 0, 0, 1, 1 },
    { 1, 2, 130, 1024, 33, 1, 1, 1, 1, 0, 0, 1, 1 }, { 1, 9, 9, 1300, 20, 1, 1, 1, 1, 0, 0, 1, 1 },
    { 2, 14, 14, 90, 600, 1, 1, 1, 1, 0, 0, 1, 1 },
};

/* What a convolution is given, and the map that it would be of. */
typedef struct problem {
    rn_test_conv straight, formed;
    rn_conv_form form;
    rn_test_grid scale, shift;
} problem;

static problem make_problem(const rn_test_conv_shape *shape, uint32_t seed)
{
    problem p = { .straight = rn_test_conv_make(shape, seed),
                  .formed = rn_test_conv_make(shape, seed),
                  .scale = rn_test_grid_make(1, shape->c, shape->c, true),
                  .shift = rn_test_grid_make(1, shape->c, shape->c, true) };

    rn_test_grid_fill(&p.scale, seed + 50, 1, 0);
    rn_test_grid_fill(&p.shift, seed + 51, 1, 0);
    p.form = (rn_conv_form){ p.scale.data, p.shift.data };
    p.formed.conv.is_formed = true;
    assert_true(rn_conv_forms(&p.formed.conv));
    return p;
}

static void release_problem(problem *p)
{
    rn_test_conv_release(&p->straight);
    rn_test_conv_release(&p->formed);
    rn_test_grid_release(&p->scale);
    rn_test_grid_release(&p->shift);
}

static void weights_formed(const rn_context *context, const problem *p, float *dw)
{
    const rn_test_conv *const t = &p->formed;
    const rn_conv_plan plan = rn_conv_plan_for(context, &t->conv, t->n, false);
    void *pages;
    size_t mapped;
    void *const workspace = rn_test_guarded(plan.weights_bytes, true, &pages, &mapped);

    rn_conv_backward_weights_formed(context, &plan, &t->x.map, &p->form, &t->dy.map, dw, false, workspace);
    rn_test_unguard(pages, mapped);
}

static void check(const rn_context *context, problem *p)
{
    const rn_combination combination = { .a = &p->formed.x.map, .ka = p->form.scale, .c = p->form.shift, .relu = true };
    const rn_conv_epilogue plain = { .relu = false }, formed = { .form = p->form };
    rn_test_map y = rn_test_conv_output(&p->straight, false), other = rn_test_conv_output(&p->straight, false);
    rn_test_grid dw = rn_test_conv_dw(&p->straight), other_dw = rn_test_conv_dw(&p->straight);

    rn_test_grid_protect(&p->straight.x.grid, true);
    rn_combine(context, &combination, &p->straight.x.map);
    rn_test_grid_protect(&p->straight.x.grid, false);
    rn_test_conv_forward(context, &p->straight, &p->straight.x.map, &plain, &y.map);
    rn_test_conv_forward(context, &p->formed, &p->formed.x.map, &formed, &other.map);
    rn_test_grid_check_same(&other.grid, &y.grid, "y");
    rn_test_grid_check_gaps(&other.grid);
    rn_test_conv_weights(context, &p->straight, &p->straight.x.map, &p->straight.dy.map, dw.data, false);
    weights_formed(context, p, other_dw.data);
    rn_test_grid_check_same(&other_dw, &dw, "dw");
    rn_test_map_release(&y, 1);
    rn_test_map_release(&other, 1);
    rn_test_grid_release(&dw);
    rn_test_grid_release(&other_dw);
}

static void formed_inputs_have_the_bits_of_maps(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        problem p = make_problem(&shapes[i], i);

        for (int s = 0; s < rn_test_all.count; s++)
            check(rn_test_all.contexts[s], &p);
        release_problem(&p);
    }
}

static void only_rows_of_the_whole_map_are_formed(void **state)
{
    static const rn_test_conv_shape others[] = {
        { 1, 5, 5, 8, 8, 3, 3, 1, 1, 1, 1, 1, 1 }, { 1, 5, 5, 8, 8, 1, 1, 2, 2, 0, 0, 1, 1 },
        { 1, 5, 5, 8, 8, 1, 1, 1, 1, 1, 1, 1, 1 }, { 1, 5, 5, 8, 8, 1, 1, 1, 1, 0, 0, 2, 1 },
        { 1, 1, 1, 8, 8, 1, 1, 1, 1, 0, 0, 1, 1 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const rn_conv conv = rn_test_conv_of(&others[i]);

        assert_false(rn_conv_forms(&conv));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formed_inputs_have_the_bits_of_maps),
        cmocka_unit_test(only_rows_of_the_whole_map_are_formed),
    };

    return cmocka_run_group_tests_name("ops/conv_formed", tests, rn_test_all_direct, rn_test_all_release);
}
