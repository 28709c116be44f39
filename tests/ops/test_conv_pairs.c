/* SPDX-License-Identifier: MIT */
/*
 * Convolutions with products of bfloat16: operands that are bfloat16 numbers already lose nothing, so that the
 * definition in double and the bound for sums in float32 hold as they do for float32; and other operands have the bits
 * of their roundings.
 */
#include "ops/conv_algorithm.h"
#include "ops/conv_cases.h"
#include "support/support.h"

static const rn_conv_epilogue plain;

typedef struct results {
    rn_test_map y, dx;
    rn_test_grid dw;
} results;

static results run_passes(const rn_context *context, const rn_test_conv *test)
{
    results r = { rn_test_conv_output(test, false), rn_test_conv_output(test, true), rn_test_conv_dw(test) };

    rn_test_conv_forward(context, test, &test->x.map, &plain, &r.y.map);
    rn_test_conv_data(context, test, &test->dy.map, &r.dx.map, false);
    rn_test_conv_weights(context, test, &test->x.map, &test->dy.map, r.dw.data, false);
    rn_test_grid_check_gaps(&r.y.grid);
    rn_test_grid_check_gaps(&r.dx.grid);
    return r;
}

static void release_results(results *r)
{
    rn_test_map_release(&r->y, 1);
    rn_test_map_release(&r->dx, 1);
    rn_test_grid_release(&r->dw);
}

static void check_same(const results *a, const results *b, const char *what)
{
    rn_test_grid_check_same(&a->y.grid, &b->y.grid, what);
    rn_test_grid_check_same(&a->dx.grid, &b->dx.grid, what);
    rn_test_grid_check_same(&a->dw, &b->dw, what);
}

/* Of rounded operands: the definition, with the same bits for any number of threads. Of others: the bits of their
 * roundings. */
static void check_shape(const rn_test_conv_shape *shape, uint32_t seed)
{
    rn_test_conv test = rn_test_conv_make(shape, seed);
    const int first = rn_test_pairs_setting(0);
    const rn_gemm_kernels *const pairs = rn_test_all.contexts[first]->pairs;
    const rn_conv_plan plan = rn_conv_plan_for(rn_test_all.contexts[first], &test.conv, test.n, true);
    results whole, exact;

    test.wants_pairs = true;
    whole = run_passes(rn_test_all.contexts[first], &test);
    rn_test_conv_round(&test);
    rn_test_conv_define(&test);
    exact = run_passes(rn_test_all.contexts[first], &test);
    rn_test_conv_check(&exact.y.grid, &test.y, NULL, "forward");
    rn_test_conv_check(&exact.dx.grid, &test.dx, NULL, "backward data");
    rn_test_conv_check(&exact.dw, &test.dw, NULL, "backward weights");
    for (int s = rn_test_pairs_setting(first + 1); s < rn_test_all.count; s = rn_test_pairs_setting(s + 1)) {
        results other = run_passes(rn_test_all.contexts[s], &test);

        check_same(&other, &exact, "another number of threads, or emulation");
        release_results(&other);
    }
    /* Where a pass is in float32 for lack of a fitting shape, operands are not rounded. */
    if (plan.forward.gemm == pairs)
        rn_test_grid_check_same(&whole.y.grid, &exact.y.grid, "rounding");
    if (plan.data.gemm == pairs)
        rn_test_grid_check_same(&whole.dx.grid, &exact.dx.grid, "rounding");
    if (plan.weights.gemm == pairs)
        rn_test_grid_check_same(&whole.dw, &exact.dw, "rounding");
    assert_int_equal(plan.weights.gemm == pairs, plan.forward.gemm == pairs && !rn_conv_is_linear(&test.conv));
    release_results(&whole);
    release_results(&exact);
    rn_test_conv_release(&test);
}

static void test_products_of_bfloat16_are_the_definition(void **state)
{
    (void)state;
    rn_test_need_bfloat16();
    for (int i = 0; i < rn_test_conv_shape_count; i++)
        check_shape(&rn_test_conv_shapes[i], (uint32_t)i);
    for (uint32_t seed = 0; seed < 100; seed++) {
        const rn_test_conv_shape shape = rn_test_conv_random(700 + seed);

        check_shape(&shape, seed);
    }
}

/* Odd depths, rests of a step and of a block, more samples and features than a unit has. */
static void test_linear_layers_are_the_definition_forward(void **state)
{
    static const struct {
        int64_t samples, in, out;
    } layers[] = { { 1, 1, 1 },   { 1, 31, 2 },   { 8, 32, 24 },   { 3, 33, 25 },    { 5, 63, 49 },
                   { 33, 95, 5 }, { 2, 1023, 7 }, { 8, 1025, 26 }, { 1, 2050, 102 }, { 40, 511, 30 } };

    (void)state;
    rn_test_need_bfloat16();
    for (uint32_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        const rn_test_conv_shape shape = {
            layers[i].samples, 1, 1, layers[i].in, layers[i].out, 1, 1, 1, 1, 0, 0, 1, 1
        };
        const rn_context *const context = rn_test_all.contexts[rn_test_pairs_setting(0)];
        const rn_conv conv = rn_test_conv_of(&shape);
        const rn_conv_plan plan = rn_conv_plan_for(context, &conv, shape.n, true);

        assert_ptr_equal(plan.forward.gemm, context->pairs);
        assert_int_equal(plan.packed_count, layers[i].out * ((layers[i].in + 1) / 2));
        check_shape(&shape, i);
    }
}

/* Backward of a strided layer: classes of pixels with windows of four, two and one pixel, blocks of several images. */
static void test_classes_of_single_pixels_beside_larger_windows_are_the_definition(void **state)
{
    static const rn_test_conv_shape shapes[] = {
        { 3, 17, 17, 33, 192, 3, 3, 2, 2, 0, 0, 1, 1 }, { 5, 15, 14, 32, 64, 3, 3, 2, 2, 1, 1, 1, 1 },
        { 4, 16, 18, 17, 96, 2, 2, 2, 2, 0, 0, 1, 1 },  { 9, 14, 14, 16, 130, 3, 3, 2, 2, 1, 1, 1, 1 },
        { 6, 21, 20, 16, 40, 3, 3, 3, 3, 1, 1, 1, 1 },
    };

    (void)state;
    rn_test_need_bfloat16();
    for (uint32_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        check_shape(&shapes[i], i);
}

/* An odd number of channels in a map whose pixels lie one float further apart: that float, here NaN, is no channel. */
static void test_what_lies_between_pixels_is_no_number(void **state)
{
    enum { SIDE = 15, CHANNELS = 17, PITCH = CHANNELS + 1 };
    const rn_test_conv_shape shape = { 1, SIDE, SIDE, CHANNELS, 20, 3, 3, 2, 2, 1, 1, 1, 1 };
    static float pixels[SIDE * SIDE * PITCH];
    const rn_map x = { pixels, 1, SIDE, SIDE, CHANNELS, PITCH, false };
    rn_test_conv test;
    rn_test_map y;

    (void)state;
    rn_test_need_bfloat16();
    test = rn_test_conv_make(&shape, 3);
    y = rn_test_conv_output(&test, false);
    for (int i = 0; i < SIDE * SIDE * PITCH; i++)
        pixels[i] = i % PITCH == CHANNELS ? NAN : 1.0f;
    test.wants_pairs = true;
    rn_test_conv_forward(rn_test_all.contexts[rn_test_pairs_setting(0)], &test, &x, &plain, &y.map);
    for (int64_t r = 0; r < y.grid.rows; r++)
        for (int64_t c = 0; c < y.grid.channels; c++)
            assert_true(isfinite(rn_test_grid_at(&y.grid, r, c)));
    rn_test_map_release(&y, 1);
    rn_test_conv_release(&test);
}

/* The layers that the option is for: stems, strides, single pixels of few, odd and many channels. */
static void test_the_layers_of_networks_are_of_pairs(void **state)
{
    static const struct {
        rn_test_conv_shape shape;
        bool forward, data;
    } layers[] = {
        { { 1, 224, 224, 3, 64, 7, 7, 2, 2, 3, 3, 1, 1 }, true, true },
        { { 1, 56, 56, 64, 128, 3, 3, 2, 2, 1, 1, 1, 1 }, true, true },
        { { 1, 14, 14, 512, 512, 3, 3, 2, 2, 1, 1, 1, 1 }, true, true },
        { { 1, 56, 56, 64, 256, 1, 1, 1, 1, 0, 0, 1, 1 }, true, true },
        { { 1, 7, 7, 2048, 512, 1, 1, 1, 1, 0, 0, 1, 1 }, true, true },
        { { 1, 14, 14, 1024, 2048, 1, 1, 2, 2, 0, 0, 1, 1 }, true, true },
        { { 1, 28, 28, 33, 64, 1, 1, 1, 1, 0, 0, 1, 1 }, true, true },
        { { 1, 28, 28, 32, 64, 3, 3, 1, 1, 1, 1, 2, 1 }, false, false }, /* groups */
        { { 1, 28, 28, 32, 64, 3, 3, 1, 1, 2, 2, 1, 2 }, false, false }, /* dilated */
    };

    (void)state;
    rn_test_need_bfloat16();
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        const rn_context *const context = rn_test_all.contexts[rn_test_pairs_setting(0)];
        const rn_conv conv = rn_test_conv_of(&layers[i].shape);
        const rn_conv_plan wanted = rn_conv_plan_for(context, &conv, 8, true),
                           plain_plan = rn_conv_plan_for(context, &conv, 8, false);

        assert_int_equal(wanted.forward.gemm == context->pairs, layers[i].forward);
        assert_int_equal(wanted.data.gemm == context->pairs, layers[i].data);
        assert_int_equal(wanted.weights.gemm == context->pairs, layers[i].forward);
        assert_ptr_equal(plain_plan.forward.gemm, context->kernels->gemm);
        assert_ptr_equal(plain_plan.data.gemm, context->kernels->gemm);
    }
}

static int make_contexts(void **state)
{
    rn_test_all_direct(state);
    rn_test_all_emulate_bfloat16();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products_of_bfloat16_are_the_definition),
        cmocka_unit_test(test_linear_layers_are_the_definition_forward),
        cmocka_unit_test(test_classes_of_single_pixels_beside_larger_windows_are_the_definition),
        cmocka_unit_test(test_what_lies_between_pixels_is_no_number),
        cmocka_unit_test(test_the_layers_of_networks_are_of_pairs),
    };

    return cmocka_run_group_tests_name("ops/conv_pairs", tests, make_contexts, rn_test_all_release);
}
