/* SPDX-License-Identifier: MIT */
/*
 * Batch norm, combinations and pools over maps of halves: what they do to maps of floats with the same numbers, which
 * other tests hold against definitions. Maps are the roundings of those, statistics and sums the same to the last bit.
 */
#include "ops/batch_norm.h"
#include "ops/combine.h"
#include "ops/conv_cases.h"
#include "ops/pool.h"
#include "support/support.h"

/* A map once of halves and once of floats. */
typedef struct both {
    rn_test_map halves, floats;
} both;

typedef struct shape {
    int64_t n, h, w, c, gap;
} shape;

/* Rows of less than a chunk of statistics, of one and of several; channels of less than a vector and more than a span
 * of sums. */
static const shape shapes[] = { { 1, 1, 2, 2, 0 },    { 2, 3, 5, 14, 1 },    { 1, 8, 8, 16, 0 },   { 1, 7, 9, 66, 3 },
                                { 3, 19, 27, 34, 0 }, { 2, 16, 16, 130, 1 }, { 1, 5, 13, 1038, 0 } };
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static both filled(const shape *s, uint32_t seed, float mean)
{
    both b = { .floats = rn_test_map_filled(s->n, s->h, s->w, s->c, s->gap, seed) };

    for (int64_t r = 0; r < b.floats.grid.rows; r++)
        for (int64_t c = 0; c < s->c; c++)
            b.floats.map.data[r * b.floats.map.pitch + c] += mean;
    rn_test_grid_round(&b.floats.grid);
    b.halves = rn_test_map_halved(&b.floats, s->gap);
    return b;
}

/* Of the same numbers, which may be written to. */
static both copy_of(const both *from, int64_t gap)
{
    const rn_test_map floats = rn_test_map_copy(&from->floats);

    return (both){ rn_test_map_halved(&floats, gap), floats };
}

static void check(const both *b, const char *what)
{
    rn_test_grid_check_gaps(&b->floats.grid);
    rn_test_halves_check(&b->halves.grid, &b->floats.grid, what);
}

static void release(both *b, int count)
{
    for (int i = 0; i < count; i++)
        rn_test_map_release((rn_test_map[]){ b[i].halves, b[i].floats }, 2);
}

static const rn_map *map_of(const both *b, bool of_halves)
{
    return of_halves ? &b->halves.map : &b->floats.map;
}

static rn_test_grid numbers(int64_t count, uint32_t seed, float mean)
{
    const rn_test_grid made = rn_test_grid_make(1, count, count, true);

    rn_test_grid_fill(&made, seed, 0.5f, mean);
    return made;
}

/* Calls `test` for each context that has products of bfloat16 and each shape. */
static void for_all(void (*test)(const rn_context *context, const shape *s))
{
    rn_test_need_bfloat16();
    for (int s = rn_test_pairs_setting(0); s < rn_test_all.count; s = rn_test_pairs_setting(s + 1))
        for (int i = 0; i < SHAPES; i++)
            test(rn_test_all.contexts[s], &shapes[i]);
}

/* ---- batch norm -------------------------------------------------------------------------------------------------- */

static void *workspace_for(const rn_context *context, const rn_map *map, void **pages, size_t *mapped)
{
    return rn_test_guarded(rn_batch_norm_workspace(context, rn_map_rows(map), map->c), true, pages, mapped);
}

/* Far from zero, so that the rows that sums are shifted by matter. */
static void check_statistics(const rn_context *context, const shape *s)
{
    both y = filled(s, 1, 40);
    rn_test_grid of[2][2];
    void *pages;
    size_t mapped;
    void *const workspace = workspace_for(context, &y.floats.map, &pages, &mapped);

    for (int i = 0; i < 2; i++) {
        of[i][0] = numbers(s->c, 2, 0);
        of[i][1] = numbers(s->c, 3, 0);
        rn_batch_norm_statistics(context, map_of(&y, i == 1), of[i][0].data, of[i][1].data, workspace);
    }
    rn_test_grid_check_same(&of[1][0], &of[0][0], "mean");
    rn_test_grid_check_same(&of[1][1], &of[0][1], "variance");
    rn_test_unguard(pages, mapped);
    for (int i = 0; i < 4; i++)
        rn_test_grid_release(&of[i / 2][i % 2]);
    release(&y, 1);
}

static void statistics_are_those_of_floats(void **state)
{
    (void)state;
    for_all(check_statistics);
}

enum { NO_RELU, RELU_OF_Z, RELU_MADE_AGAIN, RELUS };
enum { MEAN, INVERSE, GAMMA, SCALE, SHIFT, GIVEN }; /* numbers of channels that are read */
enum { DGAMMA, DBETA, SUMS, SLOPES, MADE };         /* and that are made: SLOPES three each */

typedef struct norm_case {
    both z, y, g;
    rn_test_grid given[GIVEN], made[2][MADE];
} norm_case;

static norm_case make_norm_case(const shape *s)
{
    norm_case n = { filled(s, 4, 0), filled(s, 5, 0.5f), filled(s, 6, 0), { { 0 } }, { { { 0 } } } };

    for (int i = 0; i < GIVEN; i++)
        n.given[i] = numbers(s->c, (uint32_t)i + 7, i == INVERSE || i == GAMMA ? 1 : 0);
    for (int i = 0; i < MADE; i++)
        for (int k = 0; k < 2; k++)
            n.made[k][i] = numbers(i == SLOPES ? 3 * s->c : s->c, 20, 0);
    return n;
}

static void release_norm_case(norm_case *n)
{
    release((both[]){ n->z, n->y, n->g }, 3);
    for (int i = 0; i < GIVEN; i++)
        rn_test_grid_release(&n->given[i]);
    for (int i = 0; i < MADE; i++)
        for (int k = 0; k < 2; k++)
            rn_test_grid_release(&n->made[k][i]);
}

static void sum_up(const rn_context *context, norm_case *n, int relu, bool accumulate, bool of_halves, void *workspace)
{
    rn_test_grid *const made = n->made[of_halves];
    const rn_norm_gradient gradient = {
        .g = *map_of(&n->g, of_halves),
        .z = relu == RELU_OF_Z ? map_of(&n->z, of_halves) : NULL,
        .scale = relu == RELU_MADE_AGAIN ? n->given[SCALE].data : NULL,
        .shift = relu == RELU_MADE_AGAIN ? n->given[SHIFT].data : NULL,
        .y = *map_of(&n->y, of_halves),
        .mean = n->given[MEAN].data,
        .inverse_deviation = n->given[INVERSE].data,
        .gamma = n->given[GAMMA].data,
        .dgamma = made[DGAMMA].data,
        .dbeta = made[DBETA].data,
        .accumulate = accumulate,
        .slopes = made[SLOPES].data,
    };

    rn_batch_norm_sums(context, &gradient, workspace);
    rn_channel_sums(context, &gradient.g, made[SUMS].data, accumulate, workspace);
}

static void check_norm_sums(const rn_context *context, const shape *s)
{
    for (int i = 0; i < 2 * RELUS; i++) {
        norm_case n = make_norm_case(s);
        void *pages;
        size_t mapped;
        void *const workspace = workspace_for(context, &n.y.floats.map, &pages, &mapped);

        for (int of_halves = 0; of_halves < 2; of_halves++)
            sum_up(context, &n, i / 2, i % 2 == 1, of_halves == 1, workspace);
        check(&n.g, "masked gradient");
        for (int k = 0; k < MADE; k++)
            rn_test_grid_check_same(&n.made[1][k], &n.made[0][k], "sums");
        rn_test_unguard(pages, mapped);
        release_norm_case(&n);
    }
}

static void sums_of_gradients_are_those_of_floats(void **state)
{
    (void)state;
    for_all(check_norm_sums);
}

/* ---- combinations ------------------------------------------------------------------------------------------------ */

enum { BESIDE = 1, JOINED = 2, MASKED = 4, SCALED = 8, RECTIFIED = 16, COMBINATIONS = 32 };

static void combine(const rn_context *context, int form, const both maps[4], const rn_test_grid given[GIVEN],
                    const both *out, bool of_halves)
{
    const rn_combination c = { .a = map_of(&maps[0], of_halves),
                               .b = form & BESIDE ? map_of(&maps[1], of_halves) : NULL,
                               .other = form & JOINED ? map_of(&maps[2], of_halves) : NULL,
                               .mask = form & MASKED ? map_of(&maps[3], of_halves) : NULL,
                               .ka = form & SCALED ? given[SCALE].data : NULL,
                               .kb = form & BESIDE ? given[GAMMA].data : NULL,
                               .mean = form & BESIDE ? given[MEAN].data : NULL,
                               .c = form & (BESIDE | SCALED) ? given[SHIFT].data : NULL,
                               .relu = (form & RECTIFIED) != 0 };

    rn_combine(context, &c, map_of(out, of_halves));
}

static void check_combinations(const rn_context *context, const shape *s)
{
    both maps[4];
    rn_test_grid given[GIVEN];

    for (int i = 0; i < 4; i++)
        maps[i] = filled(s, (uint32_t)i + 30, 0);
    for (int i = 0; i < GIVEN; i++)
        given[i] = numbers(s->c, (uint32_t)i + 40, 0);
    for (int form = 0; form < COMBINATIONS; form++) {
        both out = copy_of(&maps[0], 2 - s->gap % 3), operand = maps[0];

        combine(context, form, maps, given, &out, false);
        combine(context, form, maps, given, &out, true);
        check(&out, "combination");
        release(&out, 1);
        maps[0] = copy_of(&operand, s->gap); /* over its first operand */
        combine(context, form, maps, given, &maps[0], false);
        combine(context, form, maps, given, &maps[0], true);
        check(&maps[0], "combination in place");
        release(&maps[0], 1);
        maps[0] = operand;
    }
    release(maps, 4);
    for (int i = 0; i < GIVEN; i++)
        rn_test_grid_release(&given[i]);
}

static void combinations_are_those_of_floats_rounded(void **state)
{
    (void)state;
    for_all(check_combinations);
}

/* ---- pools ------------------------------------------------------------------------------------------------------- */

enum { MAX, AVERAGE, ADAPTIVE, POOLS };

typedef struct pool_case {
    int kind;
    rn_pool2d pool;
    both x, y, dy, start;
    size_t places;
    uint8_t *argmax[2];
} pool_case;

static int64_t windows(int64_t in, const rn_pool2d *pool)
{
    return (in + 2 * pool->padding - pool->kernel) / pool->stride + 1;
}

static pool_case make_pool_case(int kind, const rn_pool2d *pool, const shape *s)
{
    const shape out = { s->n, kind == ADAPTIVE ? 3 : windows(s->h, pool), kind == ADAPTIVE ? 2 : windows(s->w, pool),
                        s->c, s->gap };
    pool_case p = { .kind = kind,
                    .pool = *pool,
                    .x = filled(s, 50, 0),
                    .y = filled(&out, 51, 0),
                    .dy = filled(&out, 52, 0),
                    .start = filled(s, 53, 0) };

    p.places = (size_t)(rn_map_rows(&p.y.floats.map) * s->c);
    for (int i = 0; i < 2; i++) {
        p.argmax[i] = calloc(p.places, 1);
        assert_non_null(p.argmax[i]);
    }
    return p;
}

static void release_pool_case(pool_case *p)
{
    release((both[]){ p->x, p->y, p->dy, p->start }, 4);
    free(p->argmax[0]);
    free(p->argmax[1]);
}

static void pool_forward(const rn_context *context, const pool_case *p, bool keeps, bool of_halves)
{
    const rn_map *const x = map_of(&p->x, of_halves), *const y = map_of(&p->y, of_halves);

    switch (p->kind) {
    case MAX: rn_max_pool_forward(context, &p->pool, x, y, keeps ? p->argmax[of_halves] : NULL); break;
    case AVERAGE: rn_avg_pool_forward(context, &p->pool, x, y); break;
    default: rn_adaptive_avg_pool_forward(context, x, y);
    }
}

static void pool_backward(const rn_context *context, const pool_case *p, const both *dx, bool accumulate,
                          bool of_halves)
{
    const rn_map *const to = map_of(dx, of_halves), *const dy = map_of(&p->dy, of_halves);

    switch (p->kind) {
    case MAX: rn_max_pool_backward(context, &p->pool, dy, p->argmax[of_halves], to, accumulate); break;
    case AVERAGE: rn_avg_pool_backward(context, &p->pool, dy, to, accumulate); break;
    default: rn_adaptive_avg_pool_backward(context, dy, to, accumulate);
    }
}

static void check_pool(const rn_context *context, pool_case *p)
{
    for (int keeps = 0; keeps < 2; keeps++) {
        rn_test_halves_set_nan(&p->y.halves.grid);
        pool_forward(context, p, keeps == 1, false);
        pool_forward(context, p, keeps == 1, true);
        check(&p->y, "pool");
    }
    assert_memory_equal(p->argmax[1], p->argmax[0], p->places);
    for (int accumulate = 0; accumulate < 2; accumulate++) {
        both dx = copy_of(&p->start, 1);

        pool_backward(context, p, &dx, accumulate == 1, false);
        pool_backward(context, p, &dx, accumulate == 1, true);
        check(&dx, "backward of a pool");
        release(&dx, 1);
    }
}

/* An adaptive pool from halves to floats: means are not rounded; what is handed back is, once. */
static void check_pool_to_floats(const rn_context *context, pool_case *p)
{
    rn_test_map y = rn_test_map_copy(&p->y.floats);

    pool_forward(context, p, false, false);
    rn_adaptive_avg_pool_forward(context, &p->x.halves.map, &y.map);
    rn_test_grid_check_gaps(&y.grid);
    for (int64_t r = 0; r < y.grid.rows; r++)
        for (int64_t c = 0; c < y.grid.channels; c++)
            rn_test_check_near(rn_test_grid_at(&y.grid, r, c), rn_test_grid_at(&p->y.floats.grid, r, c), 1e-5, "mean");
    for (int accumulate = 0; accumulate < 2; accumulate++) {
        both dx = copy_of(&p->start, 1);

        rn_adaptive_avg_pool_backward(context, &p->dy.floats.map, &dx.halves.map, accumulate == 1);
        rn_adaptive_avg_pool_backward(context, &p->dy.floats.map, &dx.floats.map, accumulate == 1);
        for (int64_t r = 0; r < dx.floats.grid.rows; r++)
            for (int64_t c = 0; c < dx.floats.grid.channels; c++) {
                const double exact = rn_test_grid_at(&dx.floats.grid, r, c);

                rn_test_check_near(rn_map_number(&dx.halves.map, r, c), exact, 0x1p-8 * fabs(exact) + 1e-6, "dx");
            }
        rn_test_map_release((rn_test_map[]){ dx.halves, dx.floats }, 2);
    }
    rn_test_map_release(&y, 1);
}

static void check_pools(const rn_context *context, const shape *s)
{
    static const rn_pool2d pools[] = { { 3, 2, 1, false }, { 2, 2, 0, false }, { 3, 1, 1, true } };

    for (int kind = 0; s->h > 2 && kind < POOLS; kind++)
        for (int i = 0; i < 3; i++) {
            pool_case p = make_pool_case(kind, &pools[i], s);

            check_pool(context, &p);
            if (kind == ADAPTIVE)
                check_pool_to_floats(context, &p);
            release_pool_case(&p);
        }
}

static void pools_are_those_of_floats_rounded(void **state)
{
    (void)state;
    for_all(check_pools);
}

static int make_contexts(void **state)
{
    rn_test_all_fastest(state);
    rn_test_all_emulate_bfloat16();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statistics_are_those_of_floats),
        cmocka_unit_test(sums_of_gradients_are_those_of_floats),
        cmocka_unit_test(combinations_are_those_of_floats_rounded),
        cmocka_unit_test(pools_are_those_of_floats_rounded),
    };

    return cmocka_run_group_tests_name("ops/halved_maps", tests, make_contexts, rn_test_all_release);
}
