/* SPDX-License-Identifier: MIT */
/*
 * The engine of forward and backward-data passes by itself: lists of products of unlike sizes, more columns and deeper
 * sums than a block takes, outputs and residuals whose pixels lie apart, products without depth or without rows.
 * Expected values come from the definition in double with the bound of conv_cases.h; the workspace has the announced
 * size and lies between guard pages.
 */
#include "ops/conv_product.h"

#include "ops/conv_cases.h"
#include "support/support.h"

/*
 * Products that each multiply windows of 1 x taps pixels of one map by weights of their own. Product p has `rows - p`
 * lines of pixels and `taps - p` taps, and lets its pixels out into column p of a grid of `products` columns.
 */
typedef struct plan {
    int64_t products, images, lines, width, channels, taps, columns;
    bool residual;
} plan;

typedef struct pass {
    const plan *plan;
    rn_test_map x, residual, y;
    rn_test_grid weights; /* [product][k][column] */
    float *packed;
    int64_t packed_product;
} pass;

static int64_t lines_of(const plan *p, int64_t product)
{
    return p->lines - product < 0 ? 0 : p->lines - product;
}

static int64_t depth_of(const plan *p, int64_t product)
{
    return (p->taps - product < 0 ? 0 : p->taps - product) * p->channels;
}

static rn_steps steps_of(const plan *p, const rn_map *map)
{
    return (rn_steps){ p->products * map->pitch, map->w * map->pitch, map->h * map->w * map->pitch };
}

static void describe(rn_product *product, const void *payload, int64_t index)
{
    const pass *const s = payload;
    const plan *const p = s->plan;

    *product = (rn_product){ .gather = { .data = s->x.map.data,
                                         .pitch = s->x.map.pitch,
                                         .channels = p->channels,
                                         .in_h = p->lines,
                                         .in_w = p->width,
                                         .out_h = lines_of(p, index),
                                         .out_w = p->width,
                                         .window_h = 1,
                                         .window_w = depth_of(p, index) / p->channels,
                                         .stride_h = 1,
                                         .stride_w = 1,
                                         .dilation_h = 1,
                                         .dilation_w = 1,
                                         .offset_w = -1 },
                             .images = p->images,
                             .packed = s->packed + index * s->packed_product,
                             .columns = p->columns,
                             .out = s->y.map.data + index * s->y.map.pitch,
                             .out_steps = steps_of(p, &s->y.map) };
    if (p->residual) {
        product->residual = s->residual.map.data + index * s->residual.map.pitch;
        product->residual_steps = steps_of(p, &s->residual.map);
    }
}

/* By definition; pixels that no product has stay NaN. */
static void check_pass(const pass *s)
{
    const plan *const p = s->plan;

    for (int64_t m = 0; m < s->y.grid.rows; m++) {
        const int64_t product = m % p->products, j = m / p->products % p->width,
                      i = m / (p->products * p->width) % p->lines;
        const int64_t image = m / (p->products * p->width * p->lines), depth = depth_of(p, product);

        for (int64_t n = 0; n < p->columns; n++) {
            double sum = p->residual ? (double)rn_test_grid_at(&s->residual.grid, m, n) : 0, size = fabs(sum);

            for (int64_t k = 0; k < depth; k++) {
                const int64_t column = j - 1 + k / p->channels;

                if (column < 0 || column >= p->width)
                    continue;
                const double term = (double)*rn_test_map_at(&s->x, image, i, column, k % p->channels) *
                                    (double)rn_test_grid_at(&s->weights, product * p->taps * p->channels + k, n);

                sum += term;
                size += fabs(term);
            }
            rn_test_check_near(rn_test_grid_at(&s->y.grid, m, n), i < lines_of(p, product) ? sum : (double)NAN,
                               (double)(depth + 2) * RN_TEST_U * size, "product");
        }
    }
}

/* [product][columns / nr][depth][nr] */
static rn_test_grid pack(const pass *s, int64_t nr)
{
    const plan *const p = s->plan;
    const int64_t panels = rn_divide_up(p->columns, nr), most = panels * nr * p->taps * p->channels;
    const rn_test_grid packed = rn_test_grid_make(1, p->products * most, p->products * most, true);

    memset(packed.data, 0, (size_t)packed.channels * sizeof(float));
    for (int64_t product = 0; product < p->products; product++)
        for (int64_t k = 0; k < depth_of(p, product); k++)
            for (int64_t n = 0; n < p->columns; n++)
                packed.data[product * most + (n / nr * depth_of(p, product) + k) * nr + n % nr] =
                    rn_test_grid_at(&s->weights, product * p->taps * p->channels + k, n);
    return packed;
}

static void run_setting(pass *s, int setting, rn_test_agreement *agreement)
{
    const plan *const p = s->plan;
    const rn_context *const context = rn_test_all.contexts[setting];
    const rn_product_shape shape = { p->products,
                                     p->images,
                                     p->columns,
                                     { .channels = p->channels,
                                       .out_h = p->lines,
                                       .out_w = p->width,
                                       .window_h = 1,
                                       .window_w = p->taps,
                                       .stride_h = 1,
                                       .stride_w = 1,
                                       .dilation_h = 1,
                                       .dilation_w = 1 } };
    const rn_product_blocks blocks = rn_product_blocks_for(context, context->kernels->gemm, &shape);
    const size_t bytes = rn_product_workspace(context, &blocks);
    rn_test_grid packed = pack(s, context->kernels->gemm->nr);
    void *pages;
    size_t mapped;
    void *const workspace = rn_test_guarded(bytes, true, &pages, &mapped);

    memset(workspace, 0xFF, bytes);
    assert_int_equal(bytes % RN_ALIGNMENT, 0);
    rn_test_grid_set_nan(&s->y.grid);
    s->packed = packed.data;
    s->packed_product = packed.channels / p->products;
    rn_product_run(context, &blocks, describe, s, workspace);
    if (rn_test_same(agreement, &rn_test_all, setting, &s->y.grid, "product"))
        check_pass(s);
    rn_test_unguard(pages, mapped);
    rn_test_grid_release(&packed);
}

static void check_plan(const plan *p)
{
    rn_test_agreement agreement = { 0 };
    pass s = { .plan = p };
    rn_test_map *const maps[] = { &s.x, &s.residual, &s.y };

    s.x = rn_test_map_filled(p->images, p->lines, p->width, p->channels, 1, 1);
    s.residual = rn_test_map_filled(p->images, p->lines, p->width * p->products, p->columns, 5, 2);
    s.y = rn_test_map_make(p->images, p->lines, p->width * p->products, p->columns, 3);
    s.weights = rn_test_grid_make(p->products * p->taps * p->channels, p->columns, p->columns, true);
    rn_test_grid_fill(&s.weights, 3, 1, 0);
    rn_test_grid_protect(&s.x.grid, false);
    rn_test_grid_protect(&s.residual.grid, false);
    for (int i = 0; i < rn_test_all.count; i++)
        run_setting(&s, i, &agreement);
    for (int i = 0; i < 3; i++)
        rn_test_map_release(maps[i], 1);
    rn_test_grid_release(&s.weights);
    rn_test_agreement_end(&agreement);
}

static void test_one_product_of_any_size_is_right(void **state)
{
    static const plan plans[] = {
        { 1, 1, 1, 1, 1, 1, 1, false },     { 1, 2, 3, 5, 3, 3, 7, true },
        { 1, 1, 1, 3, 384, 3, 5, false },  /* as deep as a block */
        { 1, 1, 1, 3, 1153, 1, 5, false }, /* deeper by one */
        { 1, 1, 2, 3, 800, 3, 33, true },  /* three passes */
        { 1, 1, 1, 2, 5, 1, 513, false },  /* wider than a block by one */
        { 1, 1, 1, 7, 3, 2, 1100, true },   { 1, 3, 20, 31, 2, 3, 5, false },
        { 1, 1, 9, 40, 300, 1, 40, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++)
        check_plan(&plans[i]);
}

static void test_a_list_of_unlike_products_is_right(void **state)
{
    static const plan plans[] = {
        { 2, 2, 5, 4, 5, 3, 7, false },
        { 3, 1, 4, 6, 16, 3, 33, true },
        { 4, 2, 6, 3, 3, 4, 20, true },
        { 9, 3, 9, 2, 2, 9, 5, false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++)
        check_plan(&plans[i]);
}

/* Behind `taps` products a product has no depth: its pixels are the residual, or zero; behind `lines` products it has
 * no pixels. */
static void test_products_without_depth_or_rows_are_right(void **state)
{
    static const plan plans[] = {
        { 4, 2, 6, 3, 5, 2, 7, false },
        { 4, 1, 6, 3, 5, 2, 40, true },
        { 5, 2, 2, 3, 5, 5, 7, false },
        { 6, 1, 3, 2, 33, 2, 33, true },
    };

    (void)state;
    for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++)
        check_plan(&plans[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_product_of_any_size_is_right),
        cmocka_unit_test(test_a_list_of_unlike_products_is_right),
        cmocka_unit_test(test_products_without_depth_or_rows_are_right),
    };

    return cmocka_run_group_tests_name("ops/conv_product", tests, rn_test_all_direct, rn_test_all_release);
}
