/* SPDX-License-Identifier: MIT */
/*
 * Pooling against definitions that walk over the padded image in double, against numbers of PyTorch, and with the same
 * bits for any number of threads and instruction set.
 */
#include "ops/pool.h"

#include "ops/maps.h"
#include "support/support.h"

#define U 5.9604645e-08

static rn_test_setting settings[16];
static int setting_count;

static int find_settings(void **state)
{
    (void)state;
    setting_count = rn_test_settings(settings);
    return 0;
}

typedef struct shape {
    int64_t n, h, w, c;
    rn_pool2d pool;
    bool ceil_mode;
} shape;

static const shape shapes[] = {
    { 2, 12, 14, 19, { 3, 2, 1, false }, false }, /* the stem of a residual network, small */
    { 1, 13, 13, 35, { 3, 2, 0, false }, true },  /* SqueezeNet's */
    { 2, 6, 6, 5, { 3, 2, 1, false }, true },
    { 1, 7, 5, 3, { 3, 1, 1, false }, false },
    { 1, 7, 5, 16, { 2, 3, 1, false }, true }, /* pixels that no window covers */
    { 3, 8, 9, 33, { 2, 2, 0, false }, false },
    { 1, 1, 1, 1, { 1, 1, 0, false }, false },
    { 1, 4, 4, 8, { 4, 4, 0, false }, false },
    { 1, 11, 10, 17, { 7, 1, 3, false }, false }, /* 49 windows over a pixel */
    { 1, 5, 5, 4, { 15, 1, 7, false }, false },   /* the largest window whose places fit a byte */
};

enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* The number of windows along a side, https://pytorch.org/docs/stable/generated/torch.nn.MaxPool2d.html */
static int64_t windows(int64_t in, const shape *s)
{
    const int64_t room = in + 2 * s->pool.padding - s->pool.kernel;
    int64_t count = (room + (s->ceil_mode ? s->pool.stride - 1 : 0)) / s->pool.stride + 1;

    if (s->ceil_mode && (count - 1) * s->pool.stride >= in + s->pool.padding)
        count--;
    return count;
}

static rn_test_map output_of(const shape *s)
{
    return rn_test_map_make(s->n, windows(s->h, s), windows(s->w, s), s->c, 2);
}

/* One of a kind under every setting: what the first one that is not the reference gave must come again. */
typedef struct agreement {
    rn_test_map first;
    bool have;
} agreement;

static void agree(agreement *a, int setting, const rn_test_map *result)
{
    rn_test_grid_check_gaps(&result->grid);
    if (settings[setting].isa == RN_ISA_REFERENCE)
        return;
    if (a->have)
        rn_test_grid_check_same(&result->grid, &a->first.grid, rn_isa_name(settings[setting].isa));
    else
        a->first = rn_test_map_copy(result);
    a->have = true;
}

static void end_agreement(agreement *a)
{
    if (a->have)
        rn_test_map_release(&a->first, 1);
}

/* A window as its definition walks over it: place k is pixel (h, w) of x, if it is inside. */
static bool place_at(const shape *s, int64_t oh, int64_t ow, int64_t k, int64_t *h, int64_t *w)
{
    *h = oh * s->pool.stride - s->pool.padding + k / s->pool.kernel;
    *w = ow * s->pool.stride - s->pool.padding + k % s->pool.kernel;
    return *h >= 0 && *h < s->h && *w >= 0 && *w < s->w;
}

/* ---- maximum ----------------------------------------------------------------------------------------------------- */

static void define_max(const shape *s, const rn_test_map *x, const rn_test_map *y, uint8_t *argmax)
{
    for (int64_t r = 0; r < rn_map_rows(&y->map); r++)
        for (int64_t c = 0; c < s->c; c++) {
            const int64_t n = r / (y->map.h * y->map.w), oh = r / y->map.w % y->map.h, ow = r % y->map.w;
            bool found = false;
            float best = 0;
            int64_t h, w;

            for (int64_t k = 0; k < s->pool.kernel * s->pool.kernel; k++) {
                if (!place_at(s, oh, ow, k, &h, &w))
                    continue;
                const float v = *rn_test_map_at(x, n, h, w, c);

                if (!found || v > best || isnan(v)) {
                    best = v;
                    argmax[r * s->c + c] = (uint8_t)k;
                }
                found = true;
            }
            assert_true(found);
            y->map.data[r * y->map.pitch + c] = best;
        }
}

/* Odd numbers but denormals, which count as zero between rn_parallel's begin and end. */
static void make_odd(const rn_test_map *x)
{
    rn_test_grid_spoil(&x->grid, 3, 5);
    for (int64_t i = 0; i < x->grid.rows * x->grid.channels; i++) {
        float *const at = x->map.data + i / x->grid.channels * x->map.pitch + i % x->grid.channels;

        if (fpclassify(*at) == FP_SUBNORMAL)
            *at = 0;
    }
}

static void check_max_pool(const shape *s, bool odd)
{
    rn_test_map x = rn_test_map_filled(s->n, s->h, s->w, s->c, 3, 1), y = output_of(s), expected = output_of(s);
    const size_t count = (size_t)(rn_map_rows(&y.map) * s->c);
    void *pages;
    size_t mapped;
    uint8_t *const argmax = rn_test_guarded(count, true, &pages, &mapped), *const places = malloc(count);

    if (odd)
        make_odd(&x); /* and maxima that are equal */
    define_max(s, &x, &expected, places);
    for (int i = 0; i < setting_count; i++) {
        rn_context *const context = rn_test_context(settings[i].threads, settings[i].isa);

        rn_test_grid_poison(&y.grid);
        rn_max_pool_forward(context, &s->pool, &x.map, &y.map, NULL);
        rn_test_grid_check_same(&y.grid, &expected.grid, "maximum");
        rn_test_grid_poison(&y.grid);
        rn_max_pool_forward(context, &s->pool, &x.map, &y.map, argmax);
        rn_test_grid_check_same(&y.grid, &expected.grid, "maximum");
        rn_test_grid_check_gaps(&y.grid);
        assert_memory_equal(argmax, places, count);
        rn_context_destroy(context);
    }
    rn_test_unguard(pages, mapped);
    free(places);
    rn_test_map_release(&x, 1);
    rn_test_map_release(&y, 1);
    rn_test_map_release(&expected, 1);
}

static void max_pool_gives_the_first_maximum_and_its_place(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        check_max_pool(&shapes[i], false);
        check_max_pool(&shapes[i], true);
    }
}

static void nan_wins_and_minus_infinity_is_a_number(void **state)
{
    rn_context *const context = rn_test_context(1, RN_ISA_AUTO);
    const rn_pool2d pool = { .kernel = 2, .stride = 2 };
    rn_test_map x = rn_test_map_make(1, 2, 4, 1, 0), y = rn_test_map_make(1, 1, 2, 1, 0);
    const float values[8] = { 1, NAN, -INFINITY, -INFINITY, 9, 2, -INFINITY, -INFINITY };
    uint8_t argmax[2];

    (void)state;
    memcpy(x.map.data, values, sizeof values);
    rn_max_pool_forward(context, &pool, &x.map, &y.map, argmax);
    assert_true(isnan(y.map.data[0]) && argmax[0] == 1);
    assert_true(y.map.data[1] == -INFINITY && argmax[1] == 0);
    rn_test_map_release(&x, 1);
    rn_test_map_release(&y, 1);
    rn_context_destroy(context);
}

static void check_max_backward(const shape *s, bool accumulate)
{
    rn_test_map x = rn_test_map_filled(s->n, s->h, s->w, s->c, 0, 1), y = output_of(s), dy = output_of(s);
    rn_test_map start = rn_test_map_filled(s->n, s->h, s->w, s->c, 1, 5), dx = rn_test_map_copy(&start);
    const size_t count = (size_t)(rn_map_rows(&y.map) * s->c), inputs = (size_t)(rn_map_rows(&x.map) * s->c);
    uint8_t *const argmax = malloc(count);
    double *const expected = calloc(inputs, sizeof *expected), *const size = calloc(inputs, sizeof *size);
    agreement same = { .have = false };

    rn_test_grid_fill(&dy.grid, 7, 1, 0);
    define_max(s, &x, &y, argmax);
    for (size_t i = 0; i < count; i++) {
        const int64_t r = (int64_t)i / s->c, c = (int64_t)i % s->c, n = r / (y.map.h * y.map.w);
        int64_t h, w;

        assert_true(place_at(s, r / y.map.w % y.map.h, r % y.map.w, argmax[i], &h, &w));
        expected[((n * s->h + h) * s->w + w) * s->c + c] += rn_test_grid_at(&dy.grid, r, c);
        size[((n * s->h + h) * s->w + w) * s->c + c] += fabs((double)rn_test_grid_at(&dy.grid, r, c));
    }
    for (int i = 0; i < setting_count; i++) {
        rn_context *const context = rn_test_context(settings[i].threads, settings[i].isa);

        if (accumulate)
            rn_test_grid_copy(&dx.grid, &start.grid);
        else
            rn_test_grid_poison(&dx.grid);
        rn_max_pool_backward(context, &s->pool, &dy.map, argmax, &dx.map, accumulate);
        for (size_t k = 0; k < inputs; k++) {
            const double before = accumulate ? rn_test_grid_at(&start.grid, (int64_t)k / s->c, (int64_t)k % s->c) : 0;

            rn_test_check_near(rn_test_grid_at(&dx.grid, (int64_t)k / s->c, (int64_t)k % s->c), before + expected[k],
                               225 * U * (fabs(before) + size[k]), "dx");
        }
        agree(&same, i, &dx);
        rn_context_destroy(context);
    }
    end_agreement(&same);
    free(argmax);
    free(expected);
    free(size);
    rn_test_map_release(&x, 1);
    rn_test_map_release(&y, 1);
    rn_test_map_release(&dy, 1);
    rn_test_map_release(&dx, 1);
    rn_test_map_release(&start, 1);
}

static void max_pool_backward_goes_where_the_maxima_came_from(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++) {
        check_max_backward(&shapes[i], false);
        check_max_backward(&shapes[i], true);
    }
}

/* ---- averages ---------------------------------------------------------------------------------------------------- */

/*
 * The weight of input pixel (h, w) in output pixel (oh, ow): a matrix, so that forward is its product with x and
 * backward that of its transpose with dy. stride 0: adaptive.
 */
static double weight(const shape *s, const rn_map *y, int64_t oh, int64_t ow, int64_t h, int64_t w)
{
    int64_t top = oh * s->pool.stride - s->pool.padding, left = ow * s->pool.stride - s->pool.padding;
    int64_t bottom = top + s->pool.kernel, right = left + s->pool.kernel;

    if (s->pool.stride == 0) {
        top = (int64_t)floor((double)(oh * s->h) / (double)y->h);
        bottom = (int64_t)ceil((double)((oh + 1) * s->h) / (double)y->h);
        left = (int64_t)floor((double)(ow * s->w) / (double)y->w);
        right = (int64_t)ceil((double)((ow + 1) * s->w) / (double)y->w);
    }
    if (h < top || h >= bottom || w < left || w >= right)
        return 0;
    /* Windows that ceil_mode lets hang over are cut to the padded image, or to the image. */
    const int64_t border = s->pool.exclude_padding ? 0 : s->pool.padding;

    bottom = bottom < s->h + border ? bottom : s->h + border;
    right = right < s->w + border ? right : s->w + border;
    top = top > -border ? top : -border;
    left = left > -border ? left : -border;
    return 1 / (double)((bottom - top) * (right - left));
}

static void average(const rn_context *context, const shape *s, const rn_map *x, const rn_map *y)
{
    if (s->pool.stride == 0)
        rn_adaptive_avg_pool_forward(context, x, y);
    else
        rn_avg_pool_forward(context, &s->pool, x, y);
}

static void average_backward(const rn_context *context, const shape *s, const rn_map *dy, const rn_map *dx,
                             bool accumulate)
{
    if (s->pool.stride == 0)
        rn_adaptive_avg_pool_backward(context, dy, dx, accumulate);
    else
        rn_avg_pool_backward(context, &s->pool, dy, dx, accumulate);
}

static void check_near_product(const shape *s, const rn_test_map *y, const rn_test_map *x, bool transposed,
                               double before, int64_t n, int64_t row, int64_t column, int64_t c)
{
    const rn_test_map *const from = transposed ? y : x, *const to = transposed ? x : y;
    double sum = before, size = fabs(before);

    for (int64_t h = 0; h < from->map.h; h++)
        for (int64_t w = 0; w < from->map.w; w++) {
            const double v = *rn_test_map_at(from, n, h, w, c) * (transposed ? weight(s, &y->map, h, w, row, column)
                                                                             : weight(s, &y->map, row, column, h, w));

            sum += v;
            size += fabs(v);
        }
    rn_test_check_near(*rn_test_map_at(to, n, row, column, c), sum, 232 * U * size, transposed ? "dx" : "average");
}

static void check_average(const shape *s, const rn_test_map *like)
{
    rn_test_map x = rn_test_map_filled(s->n, s->h, s->w, s->c, 3, 1), y = rn_test_map_copy(like);
    rn_test_map dy = rn_test_map_copy(like), start = rn_test_map_filled(s->n, s->h, s->w, s->c, 2, 5),
                dx = rn_test_map_copy(&start);
    agreement forward = { .have = false }, backward = { .have = false }, added = { .have = false };

    rn_test_grid_fill(&dy.grid, 7, 1, 0);
    for (int i = 0; i < setting_count; i++) {
        rn_context *const context = rn_test_context(settings[i].threads, settings[i].isa);

        rn_test_grid_poison(&y.grid);
        average(context, s, &x.map, &y.map);
        agree(&forward, i, &y);
        /* The definition is slow: one number of threads, since the others give the same bits. */
        for (int64_t r = 0; settings[i].threads == 2 && r < rn_map_rows(&y.map); r++)
            check_near_product(s, &y, &x, false, 0, r / (y.map.h * y.map.w), r / y.map.w % y.map.h, r % y.map.w,
                               r % s->c);
        for (int accumulate = 0; accumulate < 2; accumulate++) {
            if (accumulate)
                rn_test_grid_copy(&dx.grid, &start.grid);
            else
                rn_test_grid_poison(&dx.grid);
            average_backward(context, s, &dy.map, &dx.map, accumulate != 0);
            agree(accumulate ? &added : &backward, i, &dx);
            for (int64_t r = 0; settings[i].threads == 2 && r < rn_map_rows(&x.map); r++)
                check_near_product(s, &dy, &dx, true, accumulate ? rn_test_grid_at(&start.grid, r, r % s->c) : 0,
                                   r / (s->h * s->w), r / s->w % s->h, r % s->w, r % s->c);
        }
        rn_context_destroy(context);
    }
    end_agreement(&forward);
    end_agreement(&backward);
    end_agreement(&added);
    rn_test_map_release(&x, 1);
    rn_test_map_release(&y, 1);
    rn_test_map_release(&dy, 1);
    rn_test_map_release(&start, 1);
    rn_test_map_release(&dx, 1);
}

static void averages_are_products_with_their_weights(void **state)
{
    (void)state;
    for (int i = 0; i < SHAPES; i++)
        for (int exclude = 0; exclude < 2; exclude++) {
            shape s = shapes[i];
            rn_test_map like = output_of(&s);

            s.pool.exclude_padding = exclude != 0;
            check_average(&s, &like);
            rn_test_map_release(&like, 1);
        }
}

static void adaptive_averages_are_products_with_their_weights(void **state)
{
    static const int64_t sizes[][4] = { { 7, 7, 1, 1 }, { 13, 13, 6, 6 }, { 7, 9, 7, 9 }, { 5, 7, 3, 4 },
                                        { 3, 2, 7, 5 }, { 1, 1, 7, 7 },   { 10, 3, 4, 3 } };

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const shape s = { .n = 2, .h = sizes[i][0], .w = sizes[i][1], .c = 21 };
        rn_test_map like = rn_test_map_make(2, sizes[i][2], sizes[i][3], 21, 1);

        check_average(&s, &like);
        rn_test_map_release(&like, 1);
    }
}

/* torch.nn.functional.avg_pool2d and adaptive_avg_pool2d of arange(n) * 7 % 11 - 5, torch 1.13. */
static void averages_are_those_of_pytorch(void **state)
{
    static const struct {
        int64_t h, w, out_h, out_w;
        rn_pool2d pool;
        float expected[16];
    } cases[] = {
        { 6,
          6,
          4,
          4,
          { 3, 2, 1, false },
          { 0.111111112f, 0.444444448f, 0, -1.33333337f, 0, 0.111111112f, -0.555555582f, 0.166666672f, -0.222222224f,
            -0.222222224f, -0.888888896f, 0, -0.166666672f, -0.5f, -0.833333313f, -0.5f } },
        { 6,
          6,
          4,
          4,
          { 3, 2, 1, true },
          { 0.25f, 0.666666687f, 0, -4, 0, 0.111111112f, -0.555555582f, 0.333333343f, -0.333333343f, -0.222222224f,
            -0.888888896f, 0, -0.5f, -1, -1.66666663f, -2 } },
        { 6, 6, 3, 3, { 2, 3, 1, false }, { -1.25f, 0.75f, -0.75f, 0.5f, 2, 1.5f, -1, -1.5f, -0.5f } },
        { 6, 6, 3, 3, { 4, 3, 1, false }, { 0, 0.0625f, -0.5f, 0.375f, 0.125f, 0.5f, -0.25f, -0.75f, -0.5f } },
        { 5,
          7,
          3,
          4,
          { 0, 0, 0, false },
          { -1.75f, 0.5f, -0.166666672f, 0.25f, -0.666666687f, -0.555555522f, 0, -0.5f, -0.5f, -1, 0.166666672f,
            -1.25f } },
    };
    rn_context *const context = rn_test_context(1, RN_ISA_AUTO);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const shape s = { 1, cases[i].h, cases[i].w, 1, cases[i].pool, true };
        rn_test_map x = rn_test_map_make(1, s.h, s.w, 1, 0),
                    y = rn_test_map_make(1, cases[i].out_h, cases[i].out_w, 1, 0);

        for (int k = 0; k < s.h * s.w; k++)
            x.map.data[k] = (float)(k * 7 % 11 - 5);
        average(context, &s, &x.map, &y.map);
        for (int k = 0; k < cases[i].out_h * cases[i].out_w; k++)
            rn_test_check_near(y.map.data[k], cases[i].expected[k], 2 * U * 5, "PyTorch's average");
        rn_test_map_release(&x, 1);
        rn_test_map_release(&y, 1);
    }
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(max_pool_gives_the_first_maximum_and_its_place),
        cmocka_unit_test(nan_wins_and_minus_infinity_is_a_number),
        cmocka_unit_test(max_pool_backward_goes_where_the_maxima_came_from),
        cmocka_unit_test(averages_are_products_with_their_weights),
        cmocka_unit_test(adaptive_averages_are_products_with_their_weights),
        cmocka_unit_test(averages_are_those_of_pytorch),
    };

    return cmocka_run_group_tests(tests, find_settings, NULL);
}
