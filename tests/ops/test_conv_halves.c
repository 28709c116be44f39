/* SPDX-License-Identifier: MIT */
/*
 * Convolutions over maps of halves: what comes out is the rounding of what the same passes make of maps of floats with
 * the same numbers, which other tests hold against the definition, and gradients of weights are the same to the last
 * bit. By direct products and by Winograd's transforms, whichever map is of halves, for any number of threads.
 */
#include "ops/conv_cases.h"
#include "support/support.h"

enum { OF_FLOATS, HALVES_IN = 1, HALVES_OUT = 2, KINDS = 4 }; /* which maps are of halves */

/* What the passes read: the numbers of `test`, once as they are there and once in maps of halves. */
typedef struct operands {
    const rn_test_conv *test;
    rn_test_map start; /* of dx, where it is added to */
    rn_test_grid scale, shift;
    rn_test_map x, dy, residual, start_halved;
} operands;

static rn_test_grid channel_numbers(const rn_test_conv *test, uint32_t seed, float mean)
{
    const rn_test_grid made = rn_test_grid_make(1, test->conv.out_c, test->conv.out_c, true);

    rn_test_grid_fill(&made, seed, 0.5f, mean);
    return made;
}

static operands make_operands(const rn_test_conv *test, uint32_t seed)
{
    const int64_t gap = (int64_t)(seed % 4) * 5;
    operands o = { .test = test,
                   .start = rn_test_conv_output(test, true),
                   .scale = channel_numbers(test, 1, 1),
                   .shift = channel_numbers(test, 2, 0),
                   .x = rn_test_map_halved(&test->x, gap),
                   .dy = rn_test_map_halved(&test->dy, gap),
                   .residual = rn_test_map_halved(&test->residual, gap / 2) };

    rn_test_grid_fill(&o.start.grid, 9, 2, 0);
    rn_test_grid_round(&o.start.grid);
    o.start_halved = rn_test_map_halved(&o.start, gap);
    rn_test_grid_protect(&o.x.grid, false);
    rn_test_grid_protect(&o.dy.grid, false);
    rn_test_grid_protect(&o.residual.grid, false);
    return o;
}

static void release_operands(operands *o)
{
    rn_test_map_release((rn_test_map[]){ o->start, o->x, o->dy, o->residual, o->start_halved }, 5);
    rn_test_grid_release(&o->scale);
    rn_test_grid_release(&o->shift);
}

/* ---- the passes -------------------------------------------------------------------------------------------------- */

typedef struct results {
    rn_test_map y, finished, dx, added;
    rn_test_grid dw;
} results;

static rn_test_map output_of(const rn_test_conv *test, bool of_input, bool of_halves)
{
    return of_halves ? rn_test_map_halves(of_input ? &test->x.map : &test->dy.map, test->gap)
                     : rn_test_conv_output(test, of_input);
}

static results run_passes(const rn_context *context, const operands *o, int kind)
{
    const bool in = (kind & HALVES_IN) != 0, out = (kind & HALVES_OUT) != 0;
    const rn_test_conv *const test = o->test;
    const rn_map *const x = in ? &o->x.map : &test->x.map, *const dy = out ? &o->dy.map : &test->dy.map;
    const rn_conv_epilogue plain = { .relu = false };
    const rn_conv_epilogue whole = { .scale = o->scale.data,
                                     .shift = o->shift.data,
                                     .residual = out ? &o->residual.map : &test->residual.map,
                                     .relu = true };
    results r = { output_of(test, false, out), output_of(test, false, out), output_of(test, true, in),
                  output_of(test, true, in), rn_test_conv_dw(test) };

    rn_test_conv_forward(context, test, x, &plain, &r.y.map);
    rn_test_conv_forward(context, test, x, &whole, &r.finished.map);
    rn_test_conv_data(context, test, dy, &r.dx.map, false);
    rn_test_grid_copy(&r.added.grid, in ? &o->start_halved.grid : &o->start.grid);
    rn_test_conv_data(context, test, dy, &r.added.map, true);
    rn_test_conv_weights(context, test, x, dy, r.dw.data, false);
    return r;
}

static void release_results(results *r)
{
    rn_test_map_release((rn_test_map[]){ r->y, r->finished, r->dx, r->added }, 4);
    rn_test_grid_release(&r->dw);
}

static void check_map(const rn_test_map *map, const rn_test_map *floats, const char *what)
{
    rn_test_grid_check_gaps(&map->grid);
    if (map->map.is_halved)
        rn_test_halves_check(&map->grid, &floats->grid, what);
    else
        rn_test_grid_check_same(&map->grid, &floats->grid, what);
}

static void check_results(const results *r, const results *floats)
{
    check_map(&r->y, &floats->y, "forward");
    check_map(&r->finished, &floats->finished, "forward with all that may follow");
    check_map(&r->dx, &floats->dx, "backward data");
    check_map(&r->added, &floats->added, "backward data, added");
    rn_test_grid_check_same(&r->dw, &floats->dw, "backward weights");
}

static bool takes_halves(int setting, const rn_test_conv_shape *shape)
{
    const rn_conv conv = rn_test_conv_of(shape);
    const rn_conv_plan plan = rn_conv_plan_for(rn_test_all.contexts[setting], &conv, shape->n, true);

    return rn_conv_takes_halves(&plan);
}

/* Gives whether plans take halves at all, all or none. Odd channels become even ones. */
static bool check_shape(rn_test_conv_shape shape, uint32_t seed)
{
    const int first = rn_test_pairs_setting(0);
    rn_test_conv test;
    operands o;
    results floats;

    if (shape.groups > 1)
        return false;
    shape.c += shape.c % 2;
    shape.o += shape.o % 2;
    if (!takes_halves(first, &shape))
        return false;
    test = rn_test_conv_make(&shape, seed);
    test.wants_pairs = true;
    rn_test_conv_round(&test);
    o = make_operands(&test, seed);
    floats = run_passes(rn_test_all.contexts[first], &o, OF_FLOATS);
    for (int s = first; s < rn_test_all.count; s = rn_test_pairs_setting(s + 1))
        for (int kind = 1; kind < KINDS; kind++) {
            results halves;

            assert_true(takes_halves(s, &shape));
            halves = run_passes(rn_test_all.contexts[s], &o, kind);

            check_results(&halves, &floats);
            release_results(&halves);
        }
    release_results(&floats);
    release_operands(&o);
    rn_test_conv_release(&test);
    return true;
}

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

/* What is particular to halves, beside the shapes that all convolutions are tested with. */
static const rn_test_conv_shape shapes[] = {
    /* n, h, w, c, o, kernel, stride, padding, groups, dilation */
    { 1, 13, 17, 16, 24, 3, 3, 2, 2, 1, 1, 1, 1 },  /* an odd number of pixels: rows of pairs without a partner */
    { 3, 13, 15, 34, 66, 3, 3, 2, 2, 1, 1, 1, 1 },  /* channels that no vector divides */
    { 1, 3, 7, 1024, 48, 1, 1, 1, 1, 0, 0, 1, 1 },  /* pixels a multiple of 2 KB apart, which are copied */
    { 3, 3, 3, 1032, 48, 1, 1, 1, 1, 0, 0, 1, 1 },  /* and some that are read where they lie */
    { 3, 7, 15, 32, 64, 1, 1, 2, 2, 0, 0, 1, 1 },   /* classes of pixels that no window meets */
    { 5, 9, 16, 64, 34, 3, 3, 2, 2, 1, 1, 1, 1 },   /* the last block of windows is short */
    { 1, 5, 6, 12, 1100, 1, 1, 1, 1, 0, 0, 1, 1 },  /* ranges of output channels, */
    { 1, 5, 14, 14, 700, 3, 3, 2, 2, 1, 1, 1, 1 },  /* also of larger windows */
    { 3, 3, 4, 1100, 10, 1, 1, 1, 1, 0, 0, 1, 1 },  /* ranges of columns, passes over k */
    { 2, 9, 7, 2, 2, 5, 3, 1, 1, 2, 1, 1, 1 },      /* one pair of channels */
    { 1, 7, 7, 64, 160, 3, 3, 1, 1, 1, 1, 1, 1 },   /* Winograd's where it is the fastest: cut tiles, */
    { 3, 7, 7, 160, 64, 3, 3, 1, 1, 1, 1, 1, 1 },   /* several chains of sums, */
    { 1, 14, 14, 96, 130, 3, 3, 1, 1, 1, 1, 1, 1 }, /* a last piece of two channels, */
    { 2, 14, 14, 66, 66, 3, 3, 1, 1, 1, 1, 1, 1 },  /* both ways, */
    { 3, 9, 10, 128, 128, 3, 3, 1, 1, 0, 0, 1, 1 }, /* no padding, */
    { 1, 7, 8, 130, 132, 3, 3, 1, 1, 1, 1, 1, 1 },  /* and so many weights that their planes are not kept */
};

enum { SHAPES = sizeof shapes / sizeof shapes[0], RANDOM = 120 };

static void check_all_shapes(int least)
{
    int taken = 0;

    for (int i = 0; i < rn_test_conv_shape_count; i++)
        taken += check_shape(rn_test_conv_shapes[i], (uint32_t)i);
    for (uint32_t seed = 0; seed < RANDOM; seed++) {
        rn_test_conv_shape shape = rn_test_conv_random(1900 + seed);

        shape.groups = shape.dilation = 1;
        taken += check_shape(shape, seed);
    }
    assert_in_range(taken, least, rn_test_conv_shape_count + RANDOM);
}

static void check_own_shapes(void)
{
    for (uint32_t i = 0; i < SHAPES; i++)
        for (uint32_t seed = i; seed < i + 2; seed++)
            assert_true(check_shape(shapes[i], seed));
}

static void test_passes_by_products_round_what_floats_give(void **state)
{
    (void)state;
    rn_test_need_bfloat16();
    check_all_shapes(40);
    check_own_shapes();
}

static void test_passes_by_the_fastest_way_round_what_floats_give(void **state)
{
    (void)state;
    rn_test_need_bfloat16();
    check_all_shapes(40);
    check_own_shapes();
}

/* What has sums of its own, or is formed, and what is too narrow for products of pairs takes floats only. */
static void test_other_passes_take_no_halves(void **state)
{
    static const rn_test_conv_shape floats[] = {
        { 2, 8, 8, 16, 16, 3, 3, 1, 1, 1, 1, 16, 1 }, /* depthwise */
        { 2, 8, 8, 16, 16, 3, 3, 1, 1, 1, 1, 2, 1 },  /* groups */
        { 2, 8, 8, 16, 16, 3, 3, 1, 1, 2, 2, 1, 2 },  /* dilated */
        { 2, 1, 1, 64, 64, 1, 1, 1, 1, 0, 0, 1, 1 },  /* linear */
    };
    const rn_test_conv_shape pointwise = { 2, 8, 8, 64, 64, 1, 1, 1, 1, 0, 0, 1, 1 };
    const rn_context *context;
    rn_conv conv = rn_test_conv_of(&pointwise);
    rn_conv_plan plan;

    (void)state;
    rn_test_need_bfloat16();
    context = rn_test_all.contexts[rn_test_pairs_setting(0)];
    plan = rn_conv_plan_for(context, &conv, 2, true);
    assert_true(rn_conv_takes_halves(&plan));
    plan = rn_conv_plan_for(context, &conv, 2, false);
    assert_false(rn_conv_takes_halves(&plan));
    conv.is_formed = true;
    plan = rn_conv_plan_for(context, &conv, 2, true);
    assert_false(rn_conv_takes_halves(&plan));
    for (size_t i = 0; i < sizeof floats / sizeof floats[0]; i++) {
        const rn_conv other = rn_test_conv_of(&floats[i]);

        plan = rn_conv_plan_for(context, &other, 2, true);
        assert_false(rn_conv_takes_halves(&plan));
    }
}

static int make_direct(void **state)
{
    rn_test_all_direct(state);
    rn_test_all_emulate_bfloat16();
    return 0;
}

static int make_fastest(void **state)
{
    rn_test_all_fastest(state);
    rn_test_all_emulate_bfloat16();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_passes_by_products_round_what_floats_give, make_direct,
                                        rn_test_all_release),
        cmocka_unit_test_setup_teardown(test_passes_by_the_fastest_way_round_what_floats_give, make_fastest,
                                        rn_test_all_release),
        cmocka_unit_test_setup_teardown(test_other_passes_take_no_halves, make_direct, rn_test_all_release),
    };

    return cmocka_run_group_tests_name("ops/conv_halves", tests, NULL, NULL);
}
