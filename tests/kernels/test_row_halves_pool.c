/* SPDX-License-Identifier: MIT */
/* Row kernels of pooling for maps of halves: the roundings of what a table of floats makes of the same numbers. */
#include "kernels/row_halves.h"

static uint8_t *bytes_make(int64_t count, bool at_end, void **pages, size_t *mapped)
{
    return rn_test_guarded((size_t)count, at_end, pages, mapped);
}

/* ---- windows ----------------------------------------------------------------------------------------------------- */

enum { WIDTH = 5, KERNEL = 4, PLACE = 5 };

/* In an image 5 wide, of 1 to 3 x 1 to 4 pixels. */
static rn_window window_of(const row_form *f, const rn_test_grid *x)
{
    return (rn_window){ .first = x->data + (WIDTH + 1) * x->pitch,
                        .height = 1 + f->rows % 3,
                        .width = 1 + f->rows % 4,
                        .pixel_pitch = x->pitch,
                        .row_pitch = WIDTH * x->pitch };
}

static void window_form(const row_form *f)
{
    const row_form one = { .rows = 1, .channels = f->channels, .at_end = f->at_end, .seed = f->seed };
    const int64_t channels = 2 * f->channels;
    row_form image = *f;
    row_both x, y = row_both_empty(&one);
    rn_window halves, floats;
    uint8_t *argmax[2];
    void *pages[2];
    size_t mapped[2];

    image.rows = 4 * WIDTH;
    x = row_both_filled(&image, 1);
    halves = window_of(f, &x.halves);
    floats = window_of(f, &x.floats);
    for (int i = 0; i < 2; i++)
        argmax[i] = bytes_make(channels, f->at_end, &pages[i], &mapped[i]);
    for (int i = 0; i < row_halves_count; i++) {
        memset(argmax[1], 0, (size_t)channels);
        rn_test_grid_poison(&y.halves);
        rn_rows_baseline.max_window(channels, &floats, PLACE, KERNEL, y.floats.data, argmax[0]);
        row_halves[i]->max_window(channels, &halves, PLACE, KERNEL, y.halves.data, argmax[1]);
        row_both_check(&y, "maximum");
        assert_memory_equal(argmax[1], argmax[0], (size_t)channels);
        rn_test_grid_poison(&y.halves);
        row_halves[i]->max_window(channels, &halves, PLACE, KERNEL, y.halves.data, NULL);
        row_both_check(&y, "maximum without its place");
        rn_rows_baseline.mean_window(channels, &floats, 7, y.floats.data);
        row_halves[i]->mean_window(channels, &halves, 7, y.halves.data);
        row_both_check(&y, "mean");
    }
    for (int i = 0; i < 2; i++)
        rn_test_unguard(pages[i], mapped[i]);
    row_both_release(&x, 1);
    row_both_release(&y, 1);
}

static void windows_give_the_maximum_and_the_mean_rounded(void **state)
{
    (void)state;
    row_for_each_form(window_form);
}

/* ---- gathers ----------------------------------------------------------------------------------------------------- */

enum { SOURCES = 4 };

static void make_sources(rn_pool_source source[SOURCES], const rn_test_grid *dy, const uint8_t *argmax,
                         int64_t channels)
{
    for (int64_t s = 0; s < SOURCES; s++)
        source[s] = (rn_pool_source){ .dy = dy->data + s * dy->pitch,
                                      .argmax = argmax + s * channels,
                                      .place = (int32_t)(200 + s % 3),
                                      .divisor = (float)(3 + s) };
}

static void gather_form(const row_form *f)
{
    const row_form one = { .rows = 1, .channels = f->channels, .at_end = f->at_end, .seed = f->seed };
    const int64_t count = f->rows % (SOURCES + 1), channels = 2 * f->channels;
    row_form four = *f;
    row_both dy, start = row_both_filled(&one, 2), dx = row_both_empty(&one);
    rn_pool_source halves[SOURCES], floats[SOURCES];
    void *pages;
    size_t mapped;
    uint8_t *const argmax = bytes_make(SOURCES * channels, f->at_end, &pages, &mapped);

    four.rows = SOURCES;
    dy = row_both_filled(&four, 1);
    for (int64_t i = 0; i < SOURCES * channels; i++)
        argmax[i] = (uint8_t)(i * 7 % 3 + 200);
    make_sources(halves, &dy.halves, argmax, channels);
    make_sources(floats, &dy.floats, argmax, channels);
    for (int i = 0; i < 2 * row_halves_count; i++) {
        const rn_row_kernels *const table = row_halves[i / 2];
        const bool accumulate = i % 2 == 1;

        row_both_copy(&dx, &start);
        rn_rows_baseline.max_gather(channels, count, floats, accumulate, dx.floats.data);
        table->max_gather(channels, count, halves, accumulate, dx.halves.data);
        row_both_check(&dx, "max gather");
        row_both_copy(&dx, &start);
        rn_rows_baseline.mean_gather(channels, count, floats, accumulate, dx.floats.data);
        table->mean_gather(channels, count, halves, accumulate, dx.halves.data);
        row_both_check(&dx, "mean gather");
    }
    rn_test_unguard(pages, mapped);
    row_both_release(&dy, 1);
    row_both_release(&start, 1);
    row_both_release(&dx, 1);
}

static void gathers_hand_rounded_gradients_back(void **state)
{
    (void)state;
    row_for_each_form(gather_form);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_give_the_maximum_and_the_mean_rounded),
        cmocka_unit_test(gathers_hand_rounded_gradients_back),
    };

    return cmocka_run_group_tests_name("kernels/row_halves_pool", tests, row_find_halves, NULL);
}
