/* SPDX-License-Identifier: MIT */
/* Row kernels that sum over rows, against their definitions in double. */
#include "kernels/rows.h"

/* The two sums of each channel, as doubles; they must not be written behind the channels. */
typedef struct pair {
    double *first, *second;
    void *pages[2];
    size_t mapped[2];
} pair;

static pair make_pair(int64_t channels)
{
    pair p;

    p.first = rn_test_guarded((size_t)channels * sizeof(double), true, &p.pages[0], &p.mapped[0]);
    p.second = rn_test_guarded((size_t)channels * sizeof(double), false, &p.pages[1], &p.mapped[1]);
    return p;
}

static void release_pair(pair *p)
{
    rn_test_unguard(p->pages[0], p->mapped[0]);
    rn_test_unguard(p->pages[1], p->mapped[1]);
}

static void check_sums(pair *kept, const pair *p, int isa, int64_t channels)
{
    if (row_isas[isa] == RN_ISA_REFERENCE)
        return;
    if (kept->first == NULL) {
        *kept = make_pair(channels);
        memcpy(kept->first, p->first, (size_t)channels * sizeof(double));
        memcpy(kept->second, p->second, (size_t)channels * sizeof(double));
    }
    for (int64_t c = 0; c < channels; c++) {
        rn_test_check_near(p->first[c], kept->first[c], 0, rn_isa_name(row_isas[isa]));
        rn_test_check_near(p->second[c], kept->second[c], 0, rn_isa_name(row_isas[isa]));
    }
}

static void moments_form(const row_form *f)
{
    rn_test_grid y = row_filled(f, 1), base = row_vector(f, 2);
    pair p = make_pair(f->channels), kept = { .first = NULL };

    for (int i = 0; i < row_isa_count; i++) {
        row_table(i)->moments(f->rows, f->channels, row_matrix(&y), base.data, p.first, p.second);
        for (int64_t c = 0; c < f->channels; c++) {
            double sum = 0, size = 0, squares = 0;

            for (int64_t r = 0; r < f->rows; r++) {
                const double d = (double)rn_test_grid_at(&y, r, c) - base.data[c];

                sum += d;
                size += fabs(d);
                squares += d * d;
            }
            rn_test_check_near(p.first[c], sum, SUM_BOUND * size, "sum");
            rn_test_check_near(p.second[c], squares, SUM_BOUND * squares + TINY, "squares");
        }
        check_sums(&kept, &p, i, f->channels);
    }
    release_pair(&p);
    release_pair(&kept);
    rn_test_grid_release(&y);
    rn_test_grid_release(&base);
}

static void moments_are_shifted_sums(void **state)
{
    (void)state;
    row_for_each_form(moments_form);
}

static void check_gradient_sums(const row_form *f, bool masked)
{
    rn_test_grid g[5] = { row_filled(f, 1), row_filled(f, 2), row_filled(f, 3), row_vector(f, 4), row_empty(f) };
    pair p = make_pair(f->channels), kept = { .first = NULL };
    row_agreement same = { .have = false };

    for (int i = 0; i < row_isa_count; i++) {
        rn_row_gradient o = { .g = row_matrix(&g[4]), .y = row_matrix(&g[2]), .mean = g[3].data };

        o.z = row_matrix(masked ? &g[1] : NULL);
        rn_test_grid_copy(&g[4], &g[0]);
        row_table(i)->gradient_sums(f->rows, f->channels, &o, p.first, p.second);
        for (int64_t c = 0; c < f->channels; c++) {
            double sum = 0, size = 0, products = 0, products_size = 0;

            for (int64_t r = 0; r < f->rows; r++) {
                const bool through = !masked || rn_test_grid_at(&g[1], r, c) > 0;
                const double v = through ? rn_test_grid_at(&g[0], r, c) : 0;
                const double product = v * ((double)rn_test_grid_at(&g[2], r, c) - g[3].data[c]);

                rn_test_check_near(rn_test_grid_at(&g[4], r, c), v, 0, "masked gradient");
                sum += v;
                size += fabs(v);
                products += product;
                products_size += fabs(product);
            }
            rn_test_check_near(p.first[c], sum, SUM_BOUND * size, "sum of g");
            rn_test_check_near(p.second[c], products, SUM_BOUND * products_size + TINY, "sum of g (y - mean)");
        }
        check_sums(&kept, &p, i, f->channels);
        row_agree(&same, i, &g[4]);
        row_table(i)->column_sums(f->rows, f->channels, row_matrix(&g[4]), p.second);
        for (int64_t c = 0; c < f->channels; c++)
            rn_test_check_near(p.second[c], p.first[c], 0, "column sum");
    }
    row_end_agreement(&same);
    release_pair(&p);
    release_pair(&kept);
    row_release(g, 5);
}

static void gradient_sums_form(const row_form *f)
{
    check_gradient_sums(f, true);
    check_gradient_sums(f, false);
}

static void gradient_sums_mask_and_sum(void **state)
{
    (void)state;
    row_for_each_form(gradient_sums_form);
}

/* What came out of the ReLU is made again of y: the same bits as if a combination had kept it. */
static void made_again_form(const row_form *f)
{
    rn_test_grid y = row_filled(f, 3), g = row_filled(f, 1), scale = row_vector(f, 4), shift = row_vector(f, 5),
                 z = row_empty(f), kept = row_empty(f), again = row_empty(f);
    pair p = make_pair(f->channels), q = make_pair(f->channels);

    for (int i = 0; i < row_isa_count; i++) {
        const rn_row_combine norm = {
            .a = row_matrix(&y), .ka = scale.data, .c = shift.data, .relu = true, .out = row_matrix(&z)
        };
        const rn_row_gradient of_z = {
            .g = row_matrix(&kept), .z = row_matrix(&z), .y = row_matrix(&y), .mean = scale.data
        };
        const rn_row_gradient of_y = {
            .g = row_matrix(&again), .y = row_matrix(&y), .mean = scale.data, .scale = scale.data, .shift = shift.data
        };

        rn_test_grid_copy(&kept, &g);
        rn_test_grid_copy(&again, &g);
        row_table(i)->combine(f->rows, f->channels, &norm);
        row_table(i)->gradient_sums(f->rows, f->channels, &of_z, p.first, p.second);
        row_table(i)->gradient_sums(f->rows, f->channels, &of_y, q.first, q.second);
        rn_test_grid_check_same(&again, &kept, "masked gradient");
        for (int64_t c = 0; c < f->channels; c++) {
            rn_test_check_near(q.first[c], p.first[c], 0, "sum of g");
            rn_test_check_near(q.second[c], p.second[c], 0, "sum of g (y - mean)");
        }
    }
    release_pair(&p);
    release_pair(&q);
    row_release((rn_test_grid[]){ y, g, scale, shift, z, kept, again }, 7);
}

static void a_mask_may_be_made_again(void **state)
{
    (void)state;
    row_for_each_form(made_again_form);
}

/* More channels than have their sums in the cache at once. */
static void wide_maps_are_summed_in_spans(void **state)
{
    static const int64_t channels[] = { 1024, 1027, 1056, 2100 };

    (void)state;
    for (int i = 0; i < 4; i++) {
        const row_form f = { .rows = 65, .channels = channels[i], .gap = i, .at_end = true, .seed = 7 };

        moments_form(&f);
        gradient_sums_form(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_are_shifted_sums),
        cmocka_unit_test(gradient_sums_mask_and_sum),
        cmocka_unit_test(a_mask_may_be_made_again),
        cmocka_unit_test(wide_maps_are_summed_in_spans),
    };

    return cmocka_run_group_tests(tests, row_find_isas, NULL);
}
