/* SPDX-License-Identifier: MIT */
/*
 * Row kernels for maps of halves: combinations and sums. What comes out is the rounding of what a table of floats makes
 * of the same numbers, which the tests of those hold against its formula; sums are the same to the last bit.
 */
#include "kernels/row_halves.h"

enum { SCALED = 1, BESIDE = 2, SHIFTED = 4, JOINED = 8, MASKED = 16, RECTIFIED = 32, FORMS = 64 };
enum { A, B, OTHER, MASK, MAPS };
enum { KA, KB, MEAN, SHIFT, NUMBERS };

/* ---- combinations ------------------------------------------------------------------------------------------------ */

typedef struct operands {
    row_both map[MAPS];
    rn_test_grid numbers[NUMBERS];
} operands;

static operands make_operands(const row_form *f)
{
    operands o;

    for (int i = 0; i < MAPS; i++)
        o.map[i] = row_both_filled(f, (uint32_t)i + 1);
    for (int i = 0; i < NUMBERS; i++)
        o.numbers[i] = row_both_vector(f, (uint32_t)i + 5);
    return o;
}

static void release_operands(operands *o)
{
    row_both_release(o->map, MAPS);
    row_release(o->numbers, NUMBERS);
}

static bool has_map(int form, int map)
{
    return map == A || (map == B && form & BESIDE) || (map == OTHER && form & JOINED) || (map == MASK && form & MASKED);
}

static const rn_test_grid *side(const row_both *both, bool of_halves)
{
    return of_halves ? &both->halves : &both->floats;
}

/* What a kernel for maps of either kind takes; operand `over` (-1: none) is the memory of the output. */
static rn_row_combine combination(const operands *o, int form, const row_both *out, int over, bool of_halves)
{
    rn_row_combine c = { .out = row_matrix(side(out, of_halves)), .relu = (form & RECTIFIED) != 0 };
    rn_matrix *const maps[MAPS] = { &c.a, &c.b, &c.other, &c.mask };

    for (int i = 0; i < MAPS; i++)
        *maps[i] = row_matrix(has_map(form, i) ? side(i == over ? out : &o->map[i], of_halves) : NULL);
    c.ka = form & SCALED ? o->numbers[KA].data : NULL;
    c.kb = form & BESIDE ? o->numbers[KB].data : NULL;
    c.mean = form & BESIDE ? o->numbers[MEAN].data : NULL;
    c.c = form & SHIFTED ? o->numbers[SHIFT].data : NULL;
    return c;
}

static void begin_output(const row_both *out, const operands *o, int over)
{
    rn_test_grid_poison(&out->halves);
    rn_test_grid_poison(&out->floats);
    if (over >= 0)
        row_both_copy(out, &o->map[over]);
}

static void check_combine(const row_form *f, const operands *o, int form, int over)
{
    row_both out = row_both_empty(f);

    for (int i = 0; i < row_halves_count; i++) {
        const rn_row_combine halves = combination(o, form, &out, over, true),
                             floats = combination(o, form, &out, over, false);

        begin_output(&out, o, over);
        rn_rows_baseline.combine(f->rows, 2 * f->channels, &floats);
        row_halves[i]->combine(f->rows, 2 * f->channels, &halves);
        row_both_check(&out, "combination");
    }
    row_both_release(&out, 1);
}

/* `a` is of floats that are no halves. */
static void check_finish(const row_form *f, const operands *o, int form, int over, const rn_test_grid *sums)
{
    row_both out = row_both_empty(f);

    for (int i = 0; i < row_halves_count; i++) {
        rn_row_combine halves = combination(o, form, &out, over, true),
                       floats = combination(o, form, &out, over, false);

        halves.a = floats.a = row_matrix(sums);
        begin_output(&out, o, over);
        rn_rows_baseline.finish(f->rows, 2 * f->channels, &floats);
        row_halves[i]->finish(f->rows, 2 * f->channels, &halves);
        row_both_check(&out, "finish");
    }
    row_both_release(&out, 1);
}

/* A quarter of the forms for each size and gap, another one for the next: each form meets all kinds of sizes. */
static bool has_turn(int form, uint32_t turn)
{
    return !(form & BESIDE && !(form & SHIFTED)) && (uint32_t)form * 7 % 4 == turn % 4;
}

static void combine_form(const row_form *f)
{
    static uint32_t turn;
    operands o = make_operands(f);

    turn++;
    for (int form = 0; form < FORMS; form++) {
        if (!has_turn(form, turn))
            continue;
        for (int over = -1; over < MAPS; over++)
            if (over < 0 || has_map(form, over))
                check_combine(f, &o, form, over);
    }
    release_operands(&o);
}

static void combinations_are_those_of_floats_rounded(void **state)
{
    (void)state;
    row_for_each_form(combine_form);
}

/* Sums lie in a tile, whose pitch is its own. */
static void finish_form(const row_form *f)
{
    operands o = make_operands(f);
    rn_test_grid sums = rn_test_grid_make(f->rows, 2 * f->channels, 2 * f->channels + (f->gap == 0 ? 0 : 5), f->at_end);

    rn_test_grid_fill(&sums, f->seed + 9, 3, 0);
    for (int form = 0; form < FORMS; form++) {
        if (form & (BESIDE | MASKED))
            continue;
        check_finish(f, &o, form, -1, &sums);
        if (form & JOINED)
            check_finish(f, &o, form, OTHER, &sums);
    }
    rn_test_grid_release(&sums);
    release_operands(&o);
}

static void sums_are_finished_before_they_are_rounded(void **state)
{
    (void)state;
    row_for_each_form(finish_form);
}

/* ---- sums -------------------------------------------------------------------------------------------------------- */

/* The two sums of each channel by a table of halves and by one of floats; they must not be written behind the
 * channels. */
typedef struct sums {
    double *of[2][2];
    void *pages[2][2];
    size_t mapped[2][2];
    int64_t channels;
} sums;

static sums make_sums(int64_t channels)
{
    sums s = { .channels = channels };

    for (int i = 0; i < 4; i++)
        s.of[i / 2][i % 2] = rn_test_guarded((size_t)channels * sizeof(double), i % 2 == 0, &s.pages[i / 2][i % 2],
                                             &s.mapped[i / 2][i % 2]);
    return s;
}

static void check_sums(const sums *s, int count, const char *what)
{
    for (int i = 0; i < count; i++)
        for (int64_t c = 0; c < s->channels; c++)
            rn_test_check_near(s->of[0][i][c], s->of[1][i][c], 0, what);
}

static void release_sums(sums *s)
{
    for (int i = 0; i < 4; i++)
        rn_test_unguard(s->pages[i / 2][i % 2], s->mapped[i / 2][i % 2]);
}

static void moments_form(const row_form *f)
{
    const row_form one = { .rows = 1, .channels = f->channels, .at_end = f->at_end, .seed = f->seed };
    row_both y = row_both_filled(f, 1), base = row_both_filled(&one, 2);
    sums s = make_sums(2 * f->channels);

    rn_rows_baseline.moments(f->rows, s.channels, row_matrix(&y.floats), base.floats.data, s.of[1][0], s.of[1][1]);
    for (int i = 0; i < row_halves_count; i++) {
        row_halves[i]->moments(f->rows, s.channels, row_matrix(&y.halves), base.halves.data, s.of[0][0], s.of[0][1]);
        check_sums(&s, 2, "moments");
    }
    release_sums(&s);
    row_both_release(&y, 1);
    row_both_release(&base, 1);
}

static void moments_are_those_of_floats(void **state)
{
    (void)state;
    row_for_each_form(moments_form);
}

enum { NO_RELU, RELU_OF_Z, RELU_MADE_AGAIN, RELUS };

static rn_row_gradient gradient_of(const row_both maps[4], const rn_test_grid numbers[3], int relu, bool of_halves)
{
    return (rn_row_gradient){ .g = row_matrix(side(&maps[3], of_halves)),
                              .z = row_matrix(relu == RELU_OF_Z ? side(&maps[1], of_halves) : NULL),
                              .y = row_matrix(side(&maps[2], of_halves)),
                              .mean = numbers[0].data,
                              .scale = relu == RELU_MADE_AGAIN ? numbers[1].data : NULL,
                              .shift = relu == RELU_MADE_AGAIN ? numbers[2].data : NULL };
}

/* maps: the gradient, z, y, and what the kernels get, which they change. */
static void gradient_form(const row_form *f)
{
    row_both maps[4] = { row_both_filled(f, 1), row_both_filled(f, 2), row_both_filled(f, 3), row_both_empty(f) };
    rn_test_grid numbers[3] = { row_both_vector(f, 4), row_both_vector(f, 5), row_both_vector(f, 6) };
    sums s = make_sums(2 * f->channels);

    for (int relu = 0; relu < RELUS; relu++)
        for (int i = 0; i < row_halves_count; i++) {
            const rn_row_gradient floats = gradient_of(maps, numbers, relu, false),
                                  halves = gradient_of(maps, numbers, relu, true);

            row_both_copy(&maps[3], &maps[0]);
            rn_rows_baseline.gradient_sums(f->rows, s.channels, &floats, s.of[1][0], s.of[1][1]);
            row_halves[i]->gradient_sums(f->rows, s.channels, &halves, s.of[0][0], s.of[0][1]);
            check_sums(&s, 2, "gradient sums");
            row_both_check(&maps[3], "masked gradient");
            rn_rows_baseline.column_sums(f->rows, s.channels, floats.g, s.of[1][0]);
            row_halves[i]->column_sums(f->rows, s.channels, halves.g, s.of[0][0]);
            check_sums(&s, 1, "column sums");
        }
    release_sums(&s);
    row_both_release(maps, 4);
    row_release(numbers, 3);
}

static void gradient_and_column_sums_are_those_of_floats(void **state)
{
    (void)state;
    row_for_each_form(gradient_form);
}

/* More channels than have their sums in the cache at once, and a rest of a span shorter than a vector. */
static void wide_maps_are_summed_in_spans(void **state)
{
    static const int64_t pairs[] = { 512, 513, 528, 1050 };

    (void)state;
    for (int i = 0; i < 4; i++) {
        const row_form f = { .rows = 65, .channels = pairs[i], .gap = i, .at_end = true, .seed = 7 };

        moments_form(&f);
        gradient_form(&f);
    }
}

static void no_rows_are_no_work(void **state)
{
    float one = 1;
    double total[2] = { 5, 5 };
    const rn_matrix m = { &one, 1 };
    const rn_row_combine c = { .a = m, .other = m, .out = m };

    (void)state;
    for (int i = 0; i < row_halves_count; i++) {
        row_halves[i]->combine(0, 2, &c);
        row_halves[i]->finish(0, 2, &c);
        row_halves[i]->column_sums(0, 2, m, total);
        assert_true(one == 1 && total[0] == 0 && total[1] == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(combinations_are_those_of_floats_rounded),
        cmocka_unit_test(sums_are_finished_before_they_are_rounded),
        cmocka_unit_test(moments_are_those_of_floats),
        cmocka_unit_test(gradient_and_column_sums_are_those_of_floats),
        cmocka_unit_test(wide_maps_are_summed_in_spans),
        cmocka_unit_test(no_rows_are_no_work),
    };

    return cmocka_run_group_tests_name("kernels/row_halves", tests, row_find_halves, NULL);
}
