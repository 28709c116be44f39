/* SPDX-License-Identifier: MIT */
/*
 * Forward and backward-data passes against the definition in double (conv_cases.h), over guard pages, with the same
 * bits for any number of threads; and what holds for convolutions whatever their numbers are. The gradient of the
 * weights is tested in test_conv_weights.c.
 */
#include "ops/conv_algorithm.h"
#include "ops/conv_cases.h"
#include "support/support.h"

/* Settings of one thread: one for each instruction set. */
static const rn_context *one_thread(int *setting)
{
    while (*setting < rn_test_all.count && rn_test_all.settings[*setting].threads != 1)
        ++*setting;
    return *setting < rn_test_all.count ? rn_test_all.contexts[(*setting)++] : NULL;
}

static const rn_conv_epilogue plain;

/* ---- forward --------------------------------------------------------------------------------------------------- */

static void test_forward_is_the_definition_with_the_same_bits_for_any_threads(void **state)
{
    (void)state;
    for (int i = 0; i < rn_test_conv_shape_count; i++) {
        rn_test_conv test = rn_test_conv_make(&rn_test_conv_shapes[i], (uint32_t)i);

        rn_test_conv_check_forward(&test);
        rn_test_conv_release(&test);
    }
}

enum { SCALE = 1, SHIFT = 2, RESIDUAL = 4, RELU = 8, IN_PLACE = 16, EPILOGUES = 32 };

/* The sums' bound goes through the scale; three more roundings of numbers that are at most `size` follow. */
static void check_epilogue(const rn_test_conv *test, int parts, const float *scale, const float *shift,
                           const rn_test_map *y)
{
    for (int64_t r = 0; r < y->grid.rows; r++)
        for (int64_t c = 0; c < y->grid.channels; c++) {
            const int64_t at = r * y->grid.channels + c;
            const double factor = parts & SCALE ? (double)scale[c] : 1, added = parts & SHIFT ? (double)shift[c] : 0;
            const double residual = parts & RESIDUAL ? (double)rn_test_grid_at(&test->residual.grid, r, c) : 0;
            const double value = test->y.sum[at] * factor + added + residual,
                         size = test->y.size[at] * fabs(factor) + fabs(added) + fabs(residual);

            rn_test_check_near(rn_test_grid_at(&y->grid, r, c), parts & RELU && value < 0 ? 0 : value,
                               (double)(test->y.terms + 6) * RN_TEST_U * size, "epilogue");
        }
}

static void run_epilogue(const rn_test_conv *test, int parts, const rn_test_grid *scale, const rn_test_grid *shift)
{
    rn_test_agreement agreement = { 0 };

    for (int s = 0; s < rn_test_all.count; s++) {
        rn_test_map y = rn_test_conv_output(test, false);
        const rn_conv_epilogue epilogue = { .scale = parts & SCALE ? scale->data : NULL,
                                            .shift = parts & SHIFT ? shift->data : NULL,
                                            .residual = !(parts & RESIDUAL) ? NULL
                                                        : parts & IN_PLACE  ? &y.map
                                                                            : &test->residual.map,
                                            .relu = (parts & RELU) != 0 };

        if (parts & IN_PLACE)
            rn_test_grid_copy(&y.grid, &test->residual.grid);
        rn_test_conv_forward(rn_test_all.contexts[s], test, &test->x.map, &epilogue, &y.map);
        if (rn_test_same(&agreement, &rn_test_all, s, &y.grid, "epilogue"))
            check_epilogue(test, parts, scale->data, shift->data, &y);
        rn_test_map_release(&y, 1);
    }
    rn_test_agreement_end(&agreement);
}

static void test_epilogues_in_any_combination_also_onto_the_residual(void **state)
{
    static const rn_test_conv_shape shapes[] = { { 2, 5, 6, 5, 7, 3, 3, 1, 1, 1, 1, 1, 1 },
                                                 { 1, 6, 5, 6, 70, 3, 3, 2, 2, 1, 1, 2, 1 },
                                                 { 1, 3, 4, 16, 33, 1, 1, 1, 1, 0, 0, 1, 1 } };

    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        rn_test_conv test = rn_test_conv_make(&shapes[i], i + 1);
        rn_test_grid scale = rn_test_grid_make(1, shapes[i].o, shapes[i].o, true),
                     shift = rn_test_grid_make(1, shapes[i].o, shapes[i].o, true);

        rn_test_grid_fill(&scale, 50, 1, 0);
        rn_test_grid_fill(&shift, 51, 3, 0);
        for (int parts = 0; parts < EPILOGUES; parts++)
            if (!(parts & IN_PLACE) || parts & RESIDUAL)
                run_epilogue(&test, parts, &scale, &shift);
        rn_test_grid_release(&scale);
        rn_test_grid_release(&shift);
        rn_test_conv_release(&test);
    }
}

/* ---- backward data --------------------------------------------------------------------------------------------- */

static void test_backward_data_is_the_definition_with_the_same_bits_for_any_threads(void **state)
{
    (void)state;
    for (int i = 0; i < rn_test_conv_shape_count; i++) {
        rn_test_conv test = rn_test_conv_make(&rn_test_conv_shapes[i], (uint32_t)i + 1);

        rn_test_conv_check_data(&test, false);
        rn_test_conv_check_data(&test, true);
        rn_test_conv_release(&test);
    }
}

/* ---- both ------------------------------------------------------------------------------------------------------ */

static void test_any_small_shape_is_the_definition(void **state)
{
    enum { SHAPES = 200 };

    (void)state;
    for (uint32_t seed = 0; seed < SHAPES; seed++) {
        const rn_test_conv_shape shape = rn_test_conv_random(seed);
        rn_test_conv test = rn_test_conv_make(&shape, seed);

        for (int s = (int)(seed % 4); s < rn_test_all.count;
             s += 4) { /* each instruction set with one of the numbers of threads */
            rn_test_map y = rn_test_conv_output(&test, false), dx = rn_test_conv_output(&test, true);

            rn_test_conv_forward(rn_test_all.contexts[s], &test, &test.x.map, &plain, &y.map);
            rn_test_conv_check(&y.grid, &test.y, NULL, "forward");
            rn_test_grid_check_gaps(&y.grid);
            rn_test_conv_data(rn_test_all.contexts[s], &test, &test.dy.map, &dx.map, false);
            rn_test_conv_check(&dx.grid, &test.dx, NULL, "backward data");
            rn_test_grid_check_gaps(&dx.grid);
            rn_test_map_release(&y, 1);
            rn_test_map_release(&dx, 1);
        }
        rn_test_conv_release(&test);
    }
}

static void set_element(rn_test_grid *grid, int64_t row, int64_t channel, float value)
{
    rn_test_grid_protect(grid, true);
    grid->data[row * grid->pitch + channel] = value;
    rn_test_grid_protect(grid, false);
}

/* Elements whose sums are finite by definition, where 0 * NaN counts only if the element's window sees the NaN. */
static void check_finite_where_defined(const rn_test_grid *output, const rn_test_sums *sums, const char *what)
{
    for (int64_t r = 0; r < output->rows; r++)
        for (int64_t c = 0; c < output->channels; c++) {
            const double expected = sums->sum[r * output->channels + c];
            const double value = rn_test_grid_at(output, r, c);

            if (isfinite(expected) != isfinite(value))
                fail_msg("%s: pixel %lld, channel %lld: %g instead of %g", what, (long long)r, (long long)c, value,
                         expected);
        }
}

static void test_a_nan_or_an_infinity_reaches_just_the_windows_that_see_it(void **state)
{
    static const float odd[] = { NAN, INFINITY, -INFINITY };

    (void)state;
    for (uint32_t i = 0; i < 90; i++) {
        const rn_test_conv_shape shape =
            i < (uint32_t)rn_test_conv_shape_count - 3 ? rn_test_conv_shapes[i] : rn_test_conv_random(1000 + i);
        rn_test_conv test = rn_test_conv_make(&shape, i);
        const rn_context *context;

        set_element(&test.x.grid, i * 7 % test.x.grid.rows, i * 5 % shape.c, odd[i % 3]);
        set_element(&test.dy.grid, i * 7 % test.dy.grid.rows, i * 5 % shape.o, odd[i % 3]);
        rn_test_conv_define(&test);
        for (int s = 0; (context = one_thread(&s)) != NULL;) {
            rn_test_map y = rn_test_conv_output(&test, false), dx = rn_test_conv_output(&test, true);

            rn_test_conv_forward(context, &test, &test.x.map, &plain, &y.map);
            check_finite_where_defined(&y.grid, &test.y, "forward");
            rn_test_conv_data(context, &test, &test.dy.map, &dx.map, false);
            check_finite_where_defined(&dx.grid, &test.dx, "backward data");
            rn_test_map_release(&y, 1);
            rn_test_map_release(&dx, 1);
        }
        rn_test_conv_release(&test);
    }
}

static double dot(const rn_test_grid *a, const rn_test_grid *b)
{
    double sum = 0;

    for (int64_t r = 0; r < a->rows; r++)
        for (int64_t c = 0; c < a->channels; c++)
            sum += (double)rn_test_grid_at(a, r, c) * (double)rn_test_grid_at(b, r, c);
    return sum;
}

/* The sum over outputs of |other| * size, to which the bounds of all three products come down. */
static double dot_size(const rn_test_grid *other, const rn_test_sums *sums)
{
    double size = 0;

    for (int64_t r = 0; r < other->rows; r++)
        for (int64_t c = 0; c < other->channels; c++)
            size += fabs((double)rn_test_grid_at(other, r, c)) * sums->size[r * other->channels + c];
    return size;
}

static void test_the_three_passes_are_adjoint(void **state)
{
    (void)state;
    for (int i = 0; i < rn_test_conv_shape_count; i++) {
        rn_test_conv test = rn_test_conv_make(&rn_test_conv_shapes[i], (uint32_t)i);
        const double size = dot_size(&test.dy.grid, &test.y);
        const rn_context *context;

        for (int s = 0; (context = one_thread(&s)) != NULL;) {
            rn_test_map y = rn_test_conv_output(&test, false), dx = rn_test_conv_output(&test, true);
            rn_test_grid dw = rn_test_conv_dw(&test);

            rn_test_conv_forward(context, &test, &test.x.map, &plain, &y.map);
            rn_test_conv_data(context, &test, &test.dy.map, &dx.map, false);
            rn_test_conv_weights(context, &test, &test.x.map, &test.dy.map, dw.data, false);

            const double a = dot(&test.dy.grid, &y.grid), b = dot(&dx.grid, &test.x.grid), c = dot(&dw, &test.weights);

            rn_test_check_near(b, a, (double)(test.y.terms + test.dx.terms + 4) * RN_TEST_U * size, "<A'dy, x>");
            rn_test_check_near(c, a, (double)(test.y.terms + test.dw.terms + 4) * RN_TEST_U * size, "<dw, w>");
            rn_test_map_release(&y, 1);
            rn_test_map_release(&dx, 1);
            rn_test_grid_release(&dw);
        }
        rn_test_conv_release(&test);
    }
}

/* Image `n` of a map as a map of its own. */
static rn_map image_of(const rn_map *map, int64_t n)
{
    rn_map image = *map;

    image.data += n * map->h * map->w * map->pitch;
    image.n = 1;
    return image;
}

static void test_an_image_does_not_depend_on_the_others_of_its_batch(void **state)
{
    (void)state;
    for (int i = 0; i < rn_test_conv_shape_count; i++) {
        rn_test_conv_shape shape = rn_test_conv_shapes[i];

        shape.n = 3;
        rn_test_conv test = rn_test_conv_make(&shape, (uint32_t)i);

        for (int s = i % 4; s < rn_test_all.count; s += 4) {
            rn_test_map y[2] = { rn_test_conv_output(&test, false), rn_test_conv_output(&test, false) };
            rn_test_map dx[2] = { rn_test_conv_output(&test, true), rn_test_conv_output(&test, true) };

            rn_test_conv_forward(rn_test_all.contexts[s], &test, &test.x.map, &plain, &y[0].map);
            rn_test_conv_data(rn_test_all.contexts[s], &test, &test.dy.map, &dx[0].map, false);
            for (int64_t n = 0; n < 3; n++) {
                const rn_map x = image_of(&test.x.map, n), one_y = image_of(&y[1].map, n);
                const rn_map dy = image_of(&test.dy.map, n), one_dx = image_of(&dx[1].map, n);

                rn_test_conv_forward(rn_test_all.contexts[s], &test, &x, &plain, &one_y);
                rn_test_conv_data(rn_test_all.contexts[s], &test, &dy, &one_dx, false);
            }
            rn_test_grid_check_same(&y[1].grid, &y[0].grid, "forward, alone");
            rn_test_grid_check_same(&dx[1].grid, &dx[0].grid, "backward data, alone");
            rn_test_map_release(y, 2);
            rn_test_map_release(dx, 2);
        }
        rn_test_conv_release(&test);
    }
}

/* ---- algorithms -------------------------------------------------------------------------------------------------- */

typedef struct three_passes {
    rn_test_map y, dx;
    rn_test_grid dw;
} three_passes;

static three_passes run_passes(const rn_context *context, rn_test_conv *test, const rn_conv_algorithm *algorithm,
                               bool accumulate)
{
    three_passes out = { rn_test_conv_output(test, false), rn_test_conv_output(test, true), rn_test_conv_dw(test) };
    const rn_conv_epilogue epilogue = { .residual = &test->residual.map, .relu = true };
    rn_conv_plan plan = { .conv = test->conv, .batch = test->n, .algorithm = algorithm };
    size_t bytes;
    void *packed, *workspace;

    algorithm->plan(&plan, context);
    bytes = plan.forward_bytes > plan.data_bytes ? plan.forward_bytes : plan.data_bytes;
    bytes = (bytes > plan.weights_bytes ? bytes : plan.weights_bytes) + RN_ALIGNMENT;
    workspace = aligned_alloc(RN_ALIGNMENT, bytes / RN_ALIGNMENT * RN_ALIGNMENT);
    packed = aligned_alloc(RN_ALIGNMENT, ((size_t)plan.packed_count * 4 / RN_ALIGNMENT + 1) * RN_ALIGNMENT);
    assert_true(workspace != NULL && packed != NULL);
    rn_test_grid_fill(&out.dx.grid, 5, 1, 0);
    rn_test_grid_fill(&out.dw, 6, 1, 0);
    rn_conv_pack(context, &plan, test->weights.data, packed);
    rn_conv_forward(context, &plan, &test->x.map, packed, &epilogue, &out.y.map, workspace);
    rn_conv_backward_data(context, &plan, &test->dy.map, test->weights.data, &out.dx.map, accumulate, workspace);
    rn_conv_backward_weights(context, &plan, &test->x.map, &test->dy.map, out.dw.data, accumulate, workspace);
    free(packed);
    free(workspace);
    return out;
}

static void release_passes(three_passes *passes)
{
    rn_test_map_release(&passes->y, 1);
    rn_test_map_release(&passes->dx, 1);
    rn_test_grid_release(&passes->dw);
}

static void test_depthwise_sums_have_the_bits_of_products_of_matrices(void **state)
{
    int depthwise = 0;

    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        rn_test_conv_shape shape = rn_test_conv_random(2000 + i);
        const rn_context *context;
        rn_test_conv test;

        shape.c = shape.o = shape.groups = (int32_t)(2 + i);
        test = rn_test_conv_make(&shape, i);
        for (int s = 0; (context = one_thread(&s)) != NULL && rn_conv_depthwise.suits(context, &test.conv);
             depthwise++) {
            three_passes own = run_passes(context, &test, &rn_conv_depthwise, i % 2 == 1);
            three_passes matrix = run_passes(context, &test, &rn_conv_gemm, i % 2 == 1);

            rn_test_grid_check_same(&own.y.grid, &matrix.y.grid, "y");
            rn_test_grid_check_same(&own.dx.grid, &matrix.dx.grid, "dx");
            rn_test_grid_check_same(&own.dw, &matrix.dw, "dw");
            release_passes(&own);
            release_passes(&matrix);
        }
        rn_test_conv_release(&test);
    }
    assert_true(depthwise >= 80);
}

/* Packed weights as large as no memory are not mistaken for small ones; what depends on the map alone stays small. */
static void test_sizes_saturate_and_workspaces_are_bounded(void **state)
{
    const int64_t huge = INT64_C(1) << 40;
    const rn_conv impossible = { 1, 1, huge, 1, 1, huge, 3, 3, 1, 1, 1, 1, 1, 1, false, false };
    const rn_conv wide = { 4000, 4000, 512, 4000, 4000, 2048, 3, 3, 1, 1, 1, 1, 1, 1, false, false };

    (void)state;
    for (int s = 0; s < rn_test_all.count; s++) {
        const size_t threads = (size_t)rn_test_all.settings[s].threads;
        const rn_conv_plan saturated = rn_conv_plan_for(rn_test_all.contexts[s], &impossible, 1, false);
        const rn_conv_plan bounded = rn_conv_plan_for(rn_test_all.contexts[s], &wide, 64, false);

        assert_int_equal(saturated.packed_count, INT64_MAX);
        assert_int_equal(saturated.data_bytes, SIZE_MAX);
        assert_true(bounded.forward_bytes <= threads * 1024 * 1024);
        assert_true(bounded.weights_bytes <= threads * 2 * 1024 * 1024);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward_is_the_definition_with_the_same_bits_for_any_threads),
        cmocka_unit_test(test_epilogues_in_any_combination_also_onto_the_residual),
        cmocka_unit_test(test_backward_data_is_the_definition_with_the_same_bits_for_any_threads),
        cmocka_unit_test(test_any_small_shape_is_the_definition),
        cmocka_unit_test(test_a_nan_or_an_infinity_reaches_just_the_windows_that_see_it),
        cmocka_unit_test(test_the_three_passes_are_adjoint),
        cmocka_unit_test(test_an_image_does_not_depend_on_the_others_of_its_batch),
        cmocka_unit_test(test_depthwise_sums_have_the_bits_of_products_of_matrices),
        cmocka_unit_test(test_sizes_saturate_and_workspaces_are_bounded),
    };

    return cmocka_run_group_tests_name("ops/conv", tests, rn_test_all_direct, rn_test_all_release);
}
