/* SPDX-License-Identifier: MIT */
/* Row kernels of pooling, against their definitions in double. */
#include "kernels/rows.h"

/* A form's rows are taken as the pixels of an image 5 wide; windows of 1 to 3 x 1 to 3 lie in it. */
static void window_form(const row_form *f)
{
    enum { WIDTH = 5, KERNEL = 4, PLACE = 5 };
    const row_form image = { .rows = 4 * WIDTH,
                             .channels = f->channels,
                             .gap = f->gap,
                             .at_end = f->at_end,
                             .spoil = f->spoil,
                             .seed = f->seed };
    rn_test_grid x = row_filled(&image, 1), y = row_vector(f, 2);
    row_agreement same_max = { .have = false }, same_mean = { .have = false };
    const rn_window window = { .first = x.data + (WIDTH + 1) * x.pitch,
                               .height = 1 + f->rows % 3,
                               .width = 1 + f->rows % 4,
                               .pixel_pitch = x.pitch,
                               .row_pitch = WIDTH * x.pitch };
    void *pages;
    size_t mapped;
    uint8_t *const argmax = rn_test_guarded((size_t)f->channels, true, &pages, &mapped);

    for (int i = 0; i < row_isa_count; i++) {
        row_table(i)->max_window(f->channels, &window, PLACE, KERNEL, y.data, argmax);
        row_agree(&same_max, i, &y);
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
        row_table(i)->max_window(f->channels, &window, PLACE, KERNEL, y.data, NULL);
        row_agree(&same_max, i, &y);
        row_table(i)->mean_window(f->channels, &window, 7, y.data);
        row_agree(&same_mean, i, &y);
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
    row_end_agreement(&same_max);
    row_end_agreement(&same_mean);
    rn_test_unguard(pages, mapped);
    rn_test_grid_release(&x);
    rn_test_grid_release(&y);
}

static void windows_give_the_first_maximum_and_the_mean(void **state)
{
    (void)state;
    row_for_each_form(window_form);
}

static void check_gather(const row_form *f, bool accumulate)
{
    enum { SOURCES = 4 };
    const row_form four = {
        .rows = SOURCES, .channels = f->channels, .gap = f->gap, .at_end = f->at_end, .spoil = f->spoil, .seed = f->seed
    };
    rn_test_grid g[3] = { row_filled(&four, 1), row_vector(f, 2), row_vector(f, 3) };
    rn_test_grid *const dx = &g[2];
    row_agreement same[2] = { { .have = false }, { .have = false } };
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
    for (int i = 0; i < 2 * row_isa_count; i++) {
        const bool mean = i >= row_isa_count;

        rn_test_grid_copy(dx, &g[1]);
        if (mean)
            row_table(i % row_isa_count)->mean_gather(f->channels, count, source, accumulate, dx->data);
        else
            row_table(i)->max_gather(f->channels, count, source, accumulate, dx->data);
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
        row_agree(&same[mean], i % row_isa_count, dx);
    }
    row_end_agreement(&same[0]);
    row_end_agreement(&same[1]);
    rn_test_unguard(pages, mapped);
    row_release(g, 3);
}

static void gather_form(const row_form *f)
{
    check_gather(f, false);
    check_gather(f, true);
}

static void gathers_hand_gradients_back(void **state)
{
    (void)state;
    row_for_each_form(gather_form);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_give_the_first_maximum_and_the_mean),
        cmocka_unit_test(gathers_hand_gradients_back),
    };

    return cmocka_run_group_tests(tests, row_find_isas, NULL);
}
