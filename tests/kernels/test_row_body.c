/* SPDX-License-Identifier: MIT */
/*
 * Row kernels of every instruction set against their definitions in double, with sizes around the vectors' widths, gaps
 * between rows, guard pages, poisoned outputs and odd numbers; and that all but the reference give the same bits.
 *
 * Bounds: u = 2^-24 for each rounded operation, of which at most 64 in a row are sums; TINY for what is denormal.
 */
#include "kernels/kernels.h"

#include "kernels/grid.h"
#include "support/support.h"

#define U 5.9604645e-08
#define TINY 1e-43
#define SUM_BOUND (70 * U)

static rn_isa isas[4];
static int isa_count;

static int find_isas(void **state)
{
    (void)state;
    isa_count = rn_test_isas(isas);
    return 0;
}

static const rn_row_kernels *table(int i)
{
    return rn_kernels_for(isas[i])->rows;
}

static rn_matrix matrix(const rn_test_grid *grid)
{
    return grid == NULL ? (rn_matrix){ NULL, 0 } : (rn_matrix){ grid->data, grid->pitch };
}

typedef struct form {
    int64_t rows, channels, gap;
    bool at_end;
    int64_t spoil; /* one odd number in so many; 0: none */
    uint32_t seed;
} form;

/*
 * Every number of channels around the widths 4, 8 and 16 and their groups, at either guard page, with odd numbers or
 * without.
 */
static void for_each_form(void (*test)(const form *))
{
    static const int64_t channels[] = { 1, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 31, 32, 33, 47, 63, 64, 65, 79, 131 };
    static const int64_t rows[] = { 1, 2, 5, 63, 64, 65, 130 };

    for (size_t i = 0; i < sizeof channels / sizeof channels[0]; i++)
        for (size_t j = 0; j < sizeof rows / sizeof rows[0]; j++)
            for (int k = 0; k < 4; k++) {
                const form f = {
                    .rows = rows[j],
                    .channels = channels[i],
                    .gap = k % 2 == 0 ? 0 : 3,
                    .at_end = k < 2,
                    .spoil = (i + j) % 2 == 0 ? 0 : 11,
                    .seed = (uint32_t)(100 * i + 10 * j) + (uint32_t)k,
                };

                test(&f);
            }
}

static rn_test_grid empty(const form *f)
{
    return rn_test_grid_make(f->rows, f->channels, f->channels + f->gap, f->at_end);
}

static rn_test_grid filled(const form *f, uint32_t seed)
{
    const rn_test_grid grid = empty(f);

    rn_test_grid_fill(&grid, f->seed * 31 + seed, 1, 0);
    if (f->spoil > 0)
        rn_test_grid_spoil(&grid, f->seed * 17 + seed, f->spoil);
    return grid;
}

/* One number for each channel, without gap. */
static rn_test_grid vector(const form *f, uint32_t seed)
{
    const form one = { .rows = 1, .channels = f->channels, .at_end = f->at_end, .seed = f->seed };

    return filled(&one, seed + 50);
}

static void release(rn_test_grid *grids, int count)
{
    for (int i = 0; i < count; i++)
        rn_test_grid_release(&grids[i]);
}

/* The first result that is not the reference's is kept, and the others are compared with it. */
typedef struct agreement {
    rn_test_grid first;
    bool have;
} agreement;

static void agree(agreement *a, int isa, const rn_test_grid *result)
{
    rn_test_grid_check_gaps(result);
    if (isas[isa] == RN_ISA_REFERENCE)
        return;
    if (!a->have) {
        a->first = rn_test_grid_make(result->rows, result->channels, result->channels, true);
        rn_test_grid_copy(&a->first, result);
        a->have = true;
    } else {
        rn_test_grid_check_same(result, &a->first, rn_isa_name(isas[isa]));
    }
}

static void end_agreement(agreement *a)
{
    if (a->have)
        rn_test_grid_release(&a->first);
}

static double relu_of(double x)
{
    return x <= 0 ? 0 : x;
}

/* ---- element by element ------------------------------------------------------------------------------------------ */

enum { WITH_RESIDUAL = 1, WITH_RELU = 2, IN_PLACE = 4 };

static void check_affine(const form *f, int variant)
{
    rn_test_grid g[5] = { filled(f, 1), filled(f, 2), vector(f, 3), vector(f, 4), empty(f) };
    rn_test_grid *const z = &g[4];
    agreement same = { .have = false };
    const bool residual = (variant & WITH_RESIDUAL) != 0, relu = (variant & WITH_RELU) != 0;

    for (int i = 0; i < isa_count; i++) {
        rn_row_affine a = { .y = matrix(&g[0]), .z = matrix(z), .scale = g[2].data, .shift = g[3].data, .relu = relu };

        a.residual = matrix(residual ? &g[1] : NULL);
        rn_test_grid_poison(z);
        if ((variant & IN_PLACE) != 0) {
            rn_test_grid_copy(z, &g[0]);
            a.y = matrix(z);
        }
        table(i)->affine(f->rows, f->channels, &a);
        for (int64_t r = 0; r < f->rows; r++)
            for (int64_t c = 0; c < f->channels; c++) {
                const double y = rn_test_grid_at(&g[0], r, c), scale = g[2].data[c], shift = g[3].data[c];
                const double other = residual ? rn_test_grid_at(&g[1], r, c) : 0, v = y * scale + shift + other;
                const double size = fabs(y * scale) + fabs(shift) + fabs(other);

                rn_test_check_near(rn_test_grid_at(z, r, c), relu ? relu_of(v) : v, 3 * U * size + TINY, "affine");
            }
        agree(&same, i, z);
    }
    end_agreement(&same);
    release(g, 5);
}

static void affine_form(const form *f)
{
    for (int variant = 0; variant < 8; variant++)
        check_affine(f, variant);
}

static void affine_is_scale_shift_residual_relu(void **state)
{
    (void)state;
    for_each_form(affine_form);
}

static void sum_form(const form *f)
{
    for (int variant = 0; variant < 8; variant++) {
        rn_test_grid g[3] = { filled(f, 1), filled(f, 2), empty(f) };
        rn_test_grid *const y = &g[2];
        agreement same = { .have = false };
        const bool both = (variant & WITH_RESIDUAL) != 0, relu = (variant & WITH_RELU) != 0;

        for (int i = 0; i < isa_count; i++) {
            rn_test_grid_poison(y);
            if ((variant & IN_PLACE) != 0)
                rn_test_grid_copy(y, &g[0]);
            table(i)->sum(f->rows, f->channels, matrix((variant & IN_PLACE) != 0 ? y : &g[0]),
                          matrix(both ? &g[1] : NULL), relu, matrix(y));
            for (int64_t r = 0; r < f->rows; r++)
                for (int64_t c = 0; c < f->channels; c++) {
                    const double a = rn_test_grid_at(&g[0], r, c), b = both ? rn_test_grid_at(&g[1], r, c) : 0;

                    rn_test_check_near(rn_test_grid_at(y, r, c), relu ? relu_of(a + b) : a + b, U * fabs(a + b), "sum");
                }
            agree(&same, i, y);
        }
        end_agreement(&same);
        release(g, 3);
    }
}

static void sum_adds_copies_and_rectifies(void **state)
{
    (void)state;
    for_each_form(sum_form);
}

static void mask_form(const form *f)
{
    rn_test_grid g[5] = { filled(f, 1), filled(f, 2), vector(f, 3), empty(f), empty(f) };
    rn_test_grid *const masked = &g[3], *const dy = &g[4];
    agreement same = { .have = false }, same_dy = { .have = false };

    for (int i = 0; i < isa_count; i++) {
        rn_test_grid_copy(masked, &g[0]);
        table(i)->mask(f->rows, f->channels, matrix(masked), matrix(&g[1]));
        for (int64_t r = 0; r < f->rows; r++)
            for (int64_t c = 0; c < f->channels; c++)
                rn_test_check_near(rn_test_grid_at(masked, r, c),
                                   rn_test_grid_at(&g[1], r, c) > 0 ? rn_test_grid_at(&g[0], r, c) : 0, 0, "mask");
        agree(&same, i, masked);
        rn_test_grid_copy(masked, &g[0]);
        rn_test_grid_poison(dy);
        table(i)->mask_scale(f->rows, f->channels, matrix(masked), matrix(&g[1]), g[2].data, matrix(dy));
        agree(&same, i, masked);
        for (int64_t r = 0; r < f->rows; r++)
            for (int64_t c = 0; c < f->channels; c++)
                rn_test_check_near(rn_test_grid_at(dy, r, c), rn_test_grid_at(masked, r, c) * g[2].data[c], 0, "scale");
        agree(&same_dy, i, dy);
        table(i)->mask_scale(f->rows, f->channels, matrix(masked), matrix(NULL), g[2].data, matrix(masked));
        rn_test_grid_check_same(masked, dy, "mask_scale in place");
    }
    end_agreement(&same);
    end_agreement(&same_dy);
    release(g, 5);
}

static void mask_lets_through_where_the_output_is_positive(void **state)
{
    (void)state;
    for_each_form(mask_form);
}

static void apply_form(const form *f)
{
    rn_test_grid g[7] = {
        filled(f, 1), filled(f, 2), vector(f, 3), vector(f, 4), vector(f, 5), vector(f, 6), empty(f)
    };
    rn_test_grid *const dy = &g[6];
    agreement same = { .have = false };

    for (int i = 0; i < 2 * isa_count; i++) {
        const bool in_place = i >= isa_count; /* over y */
        rn_row_gradient o = { .g = matrix(&g[0]), .dy = matrix(dy), .mean = g[2].data };

        o.k0 = g[3].data;
        o.k1 = g[4].data;
        o.k2 = g[5].data;
        o.y = matrix(in_place ? dy : &g[1]);
        rn_test_grid_poison(dy);
        if (in_place)
            rn_test_grid_copy(dy, &g[1]);
        table(i % isa_count)->gradient_apply(f->rows, f->channels, &o);
        for (int64_t r = 0; r < f->rows; r++)
            for (int64_t c = 0; c < f->channels; c++) {
                const double direct = (double)o.k0[c] * rn_test_grid_at(&g[0], r, c);
                const double behind = o.k1[c] * ((double)rn_test_grid_at(&g[1], r, c) - o.mean[c]);

                rn_test_check_near(rn_test_grid_at(dy, r, c), direct + behind + o.k2[c],
                                   4 * U * (fabs(direct) + fabs(behind) + fabs((double)o.k2[c])) + TINY, "apply");
            }
        agree(&same, i % isa_count, dy);
    }
    end_agreement(&same);
    release(g, 7);
}

static void gradient_apply_is_its_formula(void **state)
{
    (void)state;
    for_each_form(apply_form);
}

/* ---- sums over rows ---------------------------------------------------------------------------------------------- */

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
    if (isas[isa] == RN_ISA_REFERENCE)
        return;
    if (kept->first == NULL) {
        *kept = make_pair(channels);
        memcpy(kept->first, p->first, (size_t)channels * sizeof(double));
        memcpy(kept->second, p->second, (size_t)channels * sizeof(double));
    }
    for (int64_t c = 0; c < channels; c++) {
        rn_test_check_near(p->first[c], kept->first[c], 0, rn_isa_name(isas[isa]));
        rn_test_check_near(p->second[c], kept->second[c], 0, rn_isa_name(isas[isa]));
    }
}

static void moments_form(const form *f)
{
    rn_test_grid y = filled(f, 1);
    pair p = make_pair(f->channels), kept = { .first = NULL };

    for (int i = 0; i < isa_count; i++) {
        table(i)->moments(f->rows, f->channels, matrix(&y), p.first, p.second);
        for (int64_t c = 0; c < f->channels; c++) {
            double sum = 0, size = 0, squares = 0;

            for (int64_t r = 0; r < f->rows; r++) {
                const double d = (double)rn_test_grid_at(&y, r, c) - rn_test_grid_at(&y, 0, c);

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
}

static void moments_are_shifted_sums(void **state)
{
    (void)state;
    for_each_form(moments_form);
}

static void check_gradient_sums(const form *f, bool masked)
{
    rn_test_grid g[5] = { filled(f, 1), filled(f, 2), filled(f, 3), vector(f, 4), empty(f) };
    pair p = make_pair(f->channels), kept = { .first = NULL };
    agreement same = { .have = false };

    for (int i = 0; i < isa_count; i++) {
        rn_row_gradient o = { .g = matrix(&g[4]), .y = matrix(&g[2]), .mean = g[3].data };

        o.z = matrix(masked ? &g[1] : NULL);
        rn_test_grid_copy(&g[4], &g[0]);
        table(i)->gradient_sums(f->rows, f->channels, &o, p.first, p.second);
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
        agree(&same, i, &g[4]);
        table(i)->column_sums(f->rows, f->channels, matrix(&g[4]), p.second);
        for (int64_t c = 0; c < f->channels; c++)
            rn_test_check_near(p.second[c], p.first[c], 0, "column sum");
    }
    end_agreement(&same);
    release_pair(&p);
    release_pair(&kept);
    release(g, 5);
}

static void gradient_sums_form(const form *f)
{
    check_gradient_sums(f, true);
    check_gradient_sums(f, false);
}

static void gradient_sums_mask_and_sum(void **state)
{
    (void)state;
    for_each_form(gradient_sums_form);
}

/* ---- pooling ----------------------------------------------------------------------------------------------------- */

/* A form's rows are taken as the pixels of an image 5 wide; windows of 1 to 3 x 1 to 3 lie in it. */
static void window_form(const form *f)
{
    enum { WIDTH = 5, KERNEL = 4, PLACE = 5 };
    const form image = { .rows = 4 * WIDTH,
                         .channels = f->channels,
                         .gap = f->gap,
                         .at_end = f->at_end,
                         .spoil = f->spoil,
                         .seed = f->seed };
    rn_test_grid x = filled(&image, 1), y = vector(f, 2);
    agreement same_max = { .have = false }, same_mean = { .have = false };
    const rn_window window = { .first = x.data + (WIDTH + 1) * x.pitch,
                               .height = 1 + f->rows % 3,
                               .width = 1 + f->rows % 4,
                               .pixel_pitch = x.pitch,
                               .row_pitch = WIDTH * x.pitch };
    void *pages;
    size_t mapped;
    uint8_t *const argmax = rn_test_guarded((size_t)f->channels, true, &pages, &mapped);

    for (int i = 0; i < isa_count; i++) {
        table(i)->max_window(f->channels, &window, PLACE, KERNEL, y.data, argmax);
        agree(&same_max, i, &y);
        for (int64_t c = 0; c < f->channels; c++) {
            float best = -INFINITY;
            int64_t place = PLACE;

            for (int64_t k = 0; k < window.height * window.width; k++) {
                const int64_t h = k / window.width, w = k % window.width;
                const float v = rn_test_grid_at(&x, (h + 1) * WIDTH + w + 1, c);

                if (v > best || isnan(v)) {
                    best = v;
                    place = PLACE + h * KERNEL + w;
                }
            }
            rn_test_check_near(y.data[c], best, 0, "maximum");
            assert_int_equal(argmax[c], place);
        }
        rn_test_grid_poison(&y);
        table(i)->max_window(f->channels, &window, PLACE, KERNEL, y.data, NULL);
        agree(&same_max, i, &y);
        table(i)->mean_window(f->channels, &window, 7, y.data);
        agree(&same_mean, i, &y);
        for (int64_t c = 0; c < f->channels; c++) {
            double sum = 0, size = 0;

            for (int64_t k = 0; k < window.height * window.width; k++) {
                const double v = rn_test_grid_at(&x, (k / window.width + 1) * WIDTH + k % window.width + 1, c);

                sum += v;
                size += fabs(v);
            }
            rn_test_check_near(y.data[c], sum / 7, 14 * U * size / 7 + TINY, "mean");
        }
    }
    end_agreement(&same_max);
    end_agreement(&same_mean);
    rn_test_unguard(pages, mapped);
    rn_test_grid_release(&x);
    rn_test_grid_release(&y);
}

static void windows_give_the_first_maximum_and_the_mean(void **state)
{
    (void)state;
    for_each_form(window_form);
}

static void check_gather(const form *f, bool accumulate)
{
    enum { SOURCES = 4 };
    const form four = {
        .rows = SOURCES, .channels = f->channels, .gap = f->gap, .at_end = f->at_end, .spoil = f->spoil, .seed = f->seed
    };
    rn_test_grid g[3] = { filled(&four, 1), vector(f, 2), vector(f, 3) };
    rn_test_grid *const dx = &g[2];
    agreement same[2] = { { .have = false }, { .have = false } };
    rn_pool_source source[SOURCES];
    const int64_t count = f->rows % (SOURCES + 1);
    void *pages;
    size_t mapped;
    uint8_t *const argmax = rn_test_guarded((size_t)(SOURCES * f->channels), f->at_end, &pages, &mapped);

    for (int64_t i = 0; i < SOURCES * f->channels; i++)
        argmax[i] = (uint8_t)(i * 7 % 3 + 200);
    for (int64_t s = 0; s < SOURCES; s++)
        source[s] = (rn_pool_source){ .dy = g[0].data + s * g[0].pitch,
                                      .argmax = argmax + s * f->channels,
                                      .place = (int32_t)(200 + s % 3),
                                      .divisor = (float)(3 + s) };
    for (int i = 0; i < 2 * isa_count; i++) {
        const bool mean = i >= isa_count;

        rn_test_grid_copy(dx, &g[1]);
        if (mean)
            table(i % isa_count)->mean_gather(f->channels, count, source, accumulate, dx->data);
        else
            table(i)->max_gather(f->channels, count, source, accumulate, dx->data);
        for (int64_t c = 0; c < f->channels; c++) {
            double sum = accumulate ? g[1].data[c] : 0, size = fabs(sum);

            for (int64_t s = 0; s < count; s++) {
                const double v = rn_test_grid_at(&g[0], s, c);
                const double part = mean ? v / source[s].divisor : source[s].argmax[c] == source[s].place ? v : 0;

                sum += part;
                size += fabs(part);
            }
            rn_test_check_near(dx->data[c], sum, 6 * U * size + TINY, mean ? "mean gather" : "max gather");
        }
        agree(&same[mean], i % isa_count, dx);
    }
    end_agreement(&same[0]);
    end_agreement(&same[1]);
    rn_test_unguard(pages, mapped);
    release(g, 3);
}

static void gather_form(const form *f)
{
    check_gather(f, false);
    check_gather(f, true);
}

static void gathers_hand_gradients_back(void **state)
{
    (void)state;
    for_each_form(gather_form);
}

/* ---- optimizers -------------------------------------------------------------------------------------------------- */

static const int64_t counts[] = { 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 100 };

/* A bound for a step from x: the step itself comes from a handful of rounded operations. */
static void check_step(double value, double x, double expected)
{
    rn_test_check_near(value, expected, 2 * U * fabs(x) + 16 * U * fabs(expected - x), "step");
}

static void adam_is_its_formula(void **state)
{
    const rn_adam_step s = { 0.9f, 0.1f, 0.999f, 0.001f, 0.01f, 0.02f, 0.7f, 1e-8f };

    (void)state;
    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++) {
        const form f = { .rows = 1, .channels = counts[k], .at_end = true, .seed = (uint32_t)k };
        rn_test_grid start[4] = { filled(&f, 1), filled(&f, 2), filled(&f, 3), filled(&f, 4) };
        rn_test_grid now[4] = { empty(&f), empty(&f), empty(&f), empty(&f) }; /* gradient, value, mean, square */
        agreement same[4] = { { .have = false }, { .have = false }, { .have = false }, { .have = false } };

        for (int64_t i = 0; i < counts[k]; i++)
            start[3].data[i] = fabsf(start[3].data[i]);
        start[0].data[0] = start[3].data[0] = 0;
        for (int isa = 0; isa < isa_count; isa++) {
            for (int i = 0; i < 4; i++)
                rn_test_grid_copy(&now[i], &start[i]);
            table(isa)->adam(counts[k], &s, now[0].data, now[1].data, now[2].data, now[3].data);
            for (int64_t i = 0; i < counts[k]; i++) {
                const double x = start[1].data[i], g = start[0].data[i] + s.weight_decay * x;
                const double m = s.beta1 * (double)start[2].data[i] + s.one_minus_beta1 * g;
                const double v = s.beta2 * (double)start[3].data[i] + s.one_minus_beta2 * g * g;

                rn_test_check_near(now[2].data[i], m, 4 * U * (fabs(start[2].data[i]) + fabs(g)), "exp_avg");
                rn_test_check_near(now[3].data[i], v, 4 * U * v, "exp_avg_sq");
                check_step(now[1].data[i], x, x - s.step_size * (m / (sqrt(v) / s.root_correction2 + s.eps)));
            }
            for (int i = 0; i < 4; i++)
                agree(&same[i], isa, &now[i]);
            rn_test_grid_check_same(&now[0], &start[0], "the gradient stays");
        }
        for (int i = 0; i < 4; i++)
            end_agreement(&same[i]);
        release(start, 4);
        release(now, 4);
    }
}

static void check_sgd(const rn_sgd_step *s, int64_t count, bool momentum)
{
    const form f = { .rows = 1, .channels = count, .at_end = true, .seed = (uint32_t)count };
    rn_test_grid start[3] = { filled(&f, 1), filled(&f, 2), filled(&f, 3) };
    rn_test_grid now[3] = { empty(&f), empty(&f), empty(&f) }; /* gradient, value, buffer */
    agreement same[3] = { { .have = false }, { .have = false }, { .have = false } };

    for (int isa = 0; isa < isa_count; isa++) {
        for (int i = 0; i < 3; i++)
            rn_test_grid_copy(&now[i], &start[i]);
        table(isa)->sgd(count, s, now[0].data, now[1].data, momentum ? now[2].data : NULL);
        for (int64_t i = 0; i < count; i++) {
            const double x = start[1].data[i], g = start[0].data[i] + s->weight_decay * x;
            const double kept = s->momentum * (double)start[2].data[i] + s->one_minus_dampening * g;
            const double b = !momentum || s->first ? g : kept, step = s->nesterov ? g + s->momentum * b : b;

            rn_test_check_near(now[2].data[i], momentum ? b : start[2].data[i],
                               momentum ? 4 * U * (fabs(g) + fabs(start[2].data[i])) : 0, "buffer");
            rn_test_check_near(now[1].data[i], x - s->lr * step,
                               2 * U * fabs(x) + 8 * U * s->lr * (fabs(g) + fabs(start[2].data[i])), "step");
        }
        for (int i = 0; i < 3; i++)
            agree(&same[i], isa, &now[i]);
    }
    for (int i = 0; i < 3; i++)
        end_agreement(&same[i]);
    release(start, 3);
    release(now, 3);
}

static void sgd_is_its_formula(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++)
        for (int variant = 0; variant < 8; variant++) {
            const rn_sgd_step s = { .lr = 0.1f,
                                    .momentum = 0.9f,
                                    .one_minus_dampening = 0.75f,
                                    .weight_decay = 0.01f,
                                    .nesterov = (variant & 1) != 0 && (variant & 4) != 0,
                                    .first = (variant & 2) != 0 };

            check_sgd(&s, counts[k], (variant & 4) != 0);
        }
}

static void no_rows_are_no_work(void **state)
{
    float one = 1;
    double sums[1] = { 5 };
    const rn_matrix m = { &one, 1 };
    const rn_row_affine a = { .y = m, .z = m, .scale = &one, .shift = &one };

    (void)state;
    for (int i = 0; i < isa_count; i++) {
        table(i)->affine(0, 1, &a);
        table(i)->sum(0, 1, m, m, false, m);
        table(i)->mask(0, 1, m, m);
        table(i)->column_sums(0, 1, m, sums);
        assert_true(one == 1 && sums[0] == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(affine_is_scale_shift_residual_relu),
        cmocka_unit_test(sum_adds_copies_and_rectifies),
        cmocka_unit_test(mask_lets_through_where_the_output_is_positive),
        cmocka_unit_test(gradient_apply_is_its_formula),
        cmocka_unit_test(moments_are_shifted_sums),
        cmocka_unit_test(gradient_sums_mask_and_sum),
        cmocka_unit_test(windows_give_the_first_maximum_and_the_mean),
        cmocka_unit_test(gathers_hand_gradients_back),
        cmocka_unit_test(adam_is_its_formula),
        cmocka_unit_test(sgd_is_its_formula),
        cmocka_unit_test(no_rows_are_no_work),
    };

    return cmocka_run_group_tests(tests, find_isas, NULL);
}
