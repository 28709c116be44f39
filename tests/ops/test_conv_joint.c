/* SPDX-License-Identifier: MIT */
/* One pass for both gradients behind a batch norm gives the bits of three. */
#include "ops/combine.h"
#include "ops/conv_cases.h"
#include "support/support.h"

/* Panels that are full and not, one chunk and many, stretches that end within a chunk, lines that are no tile. */
static const rn_test_conv_shape shapes[] = {
    { 1, 2, 2, 1, 2, 1, 1, 1, 1, 0, 0, 1, 1 },    { 2, 5, 6, 5, 7, 1, 1, 1, 1, 0, 0, 1, 1 },
    { 3, 7, 7, 48, 100, 1, 1, 1, 1, 0, 0, 1, 1 }, { 1, 13, 13, 37, 256, 1, 1, 1, 1, 0, 0, 1, 1 },
    { 2, 60, 61, 2, 3, 1, 1, 1, 1, 0, 0, 1, 1 },  { 1, 9, 9, 64, 64, 1, 1, 1, 1, 0, 0, 1, 1 },
};

/* `t.dy` is g. */
typedef struct problem {
    rn_test_conv t;
    rn_test_map y;
    rn_test_grid numbers, scale, shift; /* numbers: k0, k1, k2, mean; the others form x */
    rn_conv_form form;
} problem;

static problem make_problem(const rn_test_conv_shape *shape, uint32_t seed)
{
    problem p = { .t = rn_test_conv_make(shape, seed),
                  .numbers = rn_test_grid_make(4, shape->o, shape->o, true),
                  .scale = rn_test_grid_make(1, shape->c, shape->c, true),
                  .shift = rn_test_grid_make(1, shape->c, shape->c, true) };

    p.y = rn_test_conv_output(&p.t, false);
    rn_test_grid_fill(&p.y.grid, seed + 60, 1, 0);
    rn_test_grid_fill(&p.numbers, seed + 61, 1, 0);
    rn_test_grid_fill(&p.scale, seed + 62, 1, 0);
    rn_test_grid_fill(&p.shift, seed + 63, 1, 0);
    p.form = (rn_conv_form){ p.scale.data, p.shift.data };
    return p;
}

static void release_problem(problem *p)
{
    rn_test_conv_release(&p->t);
    rn_test_map_release(&p->y, 1);
    rn_test_grid_release(&p->numbers);
    rn_test_grid_release(&p->scale);
    rn_test_grid_release(&p->shift);
}

static const float *number(const problem *p, int64_t which)
{
    return p->numbers.data + which * p->numbers.pitch;
}

/* What came out: dw and dx begin with numbers of their own where they are added to. */
typedef struct outcome {
    rn_test_grid dw;
    rn_test_map dx;
} outcome;

static outcome make_outcome(const problem *p, bool adds)
{
    outcome out = { rn_test_conv_dw(&p->t), rn_test_conv_output(&p->t, true) };

    if (adds) {
        rn_test_grid_fill(&out.dw, 70, 1, 0);
        rn_test_grid_fill(&out.dx.grid, 71, 1, 0);
    }
    return out;
}

static void release_outcome(outcome *out)
{
    rn_test_grid_release(&out->dw);
    rn_test_map_release(&out->dx, 1);
}

static void one_by_one(const rn_context *context, const problem *p, bool formed, bool adds, outcome *out)
{
    const rn_combination behind = { .a = &p->t.dy.map,
                                    .b = &p->y.map,
                                    .ka = number(p, 0),
                                    .kb = number(p, 1),
                                    .c = number(p, 2),
                                    .mean = number(p, 3) };
    rn_test_map dy = rn_test_conv_output(&p->t, false);
    rn_conv conv = p->t.conv;
    rn_conv_plan plan;
    void *workspace, *pages;
    size_t mapped, nbytes;

    conv.is_formed = formed;
    plan = rn_conv_plan_for(context, &conv, p->t.n, false);
    nbytes = plan.data_bytes > plan.weights_bytes ? plan.data_bytes : plan.weights_bytes;
    workspace = rn_test_guarded(nbytes, true, &pages, &mapped);
    rn_combine(context, &behind, &dy.map);
    rn_conv_backward_weights_formed(context, &plan, &p->t.x.map, formed ? &p->form : NULL, &dy.map, out->dw.data, adds,
                                    workspace);
    rn_conv_backward_data(context, &plan, &dy.map, p->t.weights.data, &out->dx.map, adds, workspace);
    rn_test_unguard(pages, mapped);
    rn_test_map_release(&dy, 1);
}

static void jointly(const rn_context *context, const problem *p, bool formed, bool adds, outcome *out)
{
    const rn_conv_joint joint = { .x = &p->t.x.map,
                                  .form = formed ? &p->form : NULL,
                                  .g = &p->t.dy.map,
                                  .y = &p->y.map,
                                  .k0 = number(p, 0),
                                  .k1 = number(p, 1),
                                  .k2 = number(p, 2),
                                  .mean = number(p, 3),
                                  .weights = p->t.weights.data,
                                  .dw = out->dw.data,
                                  .dx = &out->dx.map,
                                  .adds_dw = adds,
                                  .adds_dx = adds };
    rn_conv conv = p->t.conv;
    rn_conv_plan plan;
    void *workspace, *pages;
    size_t mapped;

    conv.is_formed = formed;
    conv.is_joint = true;
    plan = rn_conv_plan_for(context, &conv, p->t.n, false);
    workspace = rn_test_guarded(plan.weights_bytes, true, &pages, &mapped);
    rn_conv_backward_joint(context, &plan, &joint, workspace);
    rn_test_unguard(pages, mapped);
}

static void check(const rn_context *context, const problem *p, bool formed, bool adds)
{
    outcome expected = make_outcome(p, adds), got = make_outcome(p, adds);

    one_by_one(context, p, formed, adds, &expected);
    jointly(context, p, formed, adds, &got);
    rn_test_grid_check_same(&got.dw, &expected.dw, "dw");
    rn_test_grid_check_same(&got.dx.grid, &expected.dx.grid, "dx");
    rn_test_grid_check_gaps(&got.dx.grid);
    release_outcome(&expected);
    release_outcome(&got);
}

static void a_joint_pass_has_the_bits_of_passes_one_by_one(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        problem p = make_problem(&shapes[i], i);

        for (int s = 0; s < rn_test_all.count; s++)
            for (int how = 0; how < 4; how++)
                check(rn_test_all.contexts[s], &p, how & 1, how & 2);
        release_problem(&p);
    }
}

static void what_does_not_pay_or_cannot_be_is_not_joined(void **state)
{
    static const rn_test_conv_shape others[] = {
        { 1, 9, 9, 8, 16, 3, 3, 1, 1, 1, 1, 1, 1 },   { 1, 9, 9, 8, 16, 1, 1, 2, 2, 0, 0, 1, 1 },
        { 1, 9, 9, 16, 16, 1, 1, 1, 1, 0, 0, 1, 1 },  { 1, 9, 9, 8, 16, 1, 1, 1, 1, 0, 0, 2, 1 },
        { 1, 9, 9, 8, 5000, 1, 1, 1, 1, 0, 0, 1, 1 }, { 1, 1, 1, 8, 16, 1, 1, 1, 1, 0, 0, 1, 1 },
    };
    static const rn_test_conv_shape joined = { 8, 56, 56, 64, 256, 1, 1, 1, 1, 0, 0, 1, 1 };
    const rn_conv conv = rn_test_conv_of(&joined); /* 16 chunks */

    (void)state;
    for (int s = 0; s < rn_test_all.count; s++) {
        assert_int_equal(rn_conv_joins(rn_test_all.contexts[s], &conv, joined.n),
                         rn_test_all.contexts[s]->pool.threads <= 4);
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
            const rn_conv other = rn_test_conv_of(&others[i]);

            assert_false(rn_conv_joins(rn_test_all.contexts[s], &other, others[i].n));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_joint_pass_has_the_bits_of_passes_one_by_one),
        cmocka_unit_test(what_does_not_pay_or_cannot_be_is_not_joined),
    };

    return cmocka_run_group_tests_name("ops/conv_joint", tests, rn_test_all_direct, rn_test_all_release);
}
