/* SPDX-License-Identifier: MIT */
/*
 * How pairs of bfloat16 numbers are made, by the CPU's instructions where it has them and by the tests' emulation:
 * Intel's manual, volume 2, VCVTNE2PS2BF16, number by number; sizes and edges by guard pages.
 */
#include "kernels/halves.h"
#include "support/support.h"

static const rn_gemm_kernels *tables[2];
static int table_count;

static int find_tables(void **state)
{
    (void)state;
    table_count = rn_test_pair_tables(tables);
    return 0;
}

static uint32_t bits_of(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float of_bits(uint32_t bits)
{
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

static const struct {
    uint32_t from, to;
} numbers[] = {
    { 0x00000000, 0x0000 }, { 0x80000000, 0x8000 }, { 0x3F800000, 0x3F80 },
    { 0x3F807FFF, 0x3F80 }, { 0x3F808000, 0x3F80 },                         /* a tie, to even */
    { 0x3F808001, 0x3F81 }, { 0x3F818000, 0x3F82 },                         /* a tie, to even */
    { 0xBF818000, 0xBF82 }, { 0x3FFFFFFF, 0x4000 }, { 0x7F7FFFFF, 0x7F80 }, /* rounds to infinity */
    { 0x7F800000, 0x7F80 }, { 0xFF800000, 0xFF80 }, { 0x7FC12345, 0x7FC1 },
    { 0x7F800001, 0x7FC0 }, { 0xFFA00000, 0xFFE0 },                         /* signalling NaNs become quiet */
    { 0x007FFFFF, 0x0000 }, { 0x80000001, 0x8000 }, { 0x00800000, 0x0080 }, /* denormals become zero */
};

enum { NUMBERS = sizeof numbers / sizeof numbers[0], DENORMALS = NUMBERS - 3 /* where they begin */ };

static void numbers_become_what_the_manual_says(void **state)
{
    (void)state;
    for (int t = 0; t < table_count; t++)
        for (int i = 0; i < NUMBERS; i++) {
            const float from[2] = { of_bits(numbers[i].from), 1 };
            float to;

            tables[t]->pairs->neighbours(&to, from, 2);
            assert_int_equal(bits_of(to), UINT32_C(0x3F800000) | numbers[i].to);
            tables[t]->pairs->rows(&to, 1, &from[1], &from[0], 1);
            assert_int_equal(bits_of(to), numbers[i].to << 16 | 0x3F80);
        }
}

/* Both in a vector and one by one. Denormals are not there where kernels run, which flush them. */
static void maps_of_halves_store_the_same(void **state)
{
    enum { MOST = 34 };

    (void)state;
    for (int t = 0; t < table_count; t++)
        for (int i = 0; i < DENORMALS; i++)
            for (int64_t channels = 2; channels <= MOST; channels += 2) {
                rn_test_grid from = rn_test_grid_make(1, channels, channels, true),
                             to = rn_test_grid_make(1, channels / 2, channels / 2, true);
                const rn_row_combine copy = { .a = { from.data, channels }, .out = { to.data, channels / 2 } };

                for (int64_t c = 0; c < channels; c++)
                    from.data[c] = of_bits(numbers[i].from);
                tables[t]->pairs->halves->finish(1, channels, &copy);
                for (int64_t c = 0; c < channels; c++)
                    assert_int_equal(rn_test_half_at(&to, 0, c), numbers[i].to);
                rn_test_grid_release(&from);
                rn_test_grid_release(&to);
            }
}

/* Numbers that are bfloat16 already: 1 to 256. */
static float number_at(int64_t i)
{
    return (float)(1 + i % 256);
}

static uint32_t pair_of(float even, float odd)
{
    return bits_of(odd) | bits_of(even) >> 16;
}

static void neighbours_and_rows_touch_what_they_are_given(void **state)
{
    enum { MOST = 70 };

    (void)state;
    for (int t = 0; t < table_count; t++)
        for (int64_t count = 1; count <= MOST; count++) {
            rn_test_grid from = rn_test_grid_make(2, count, count, true), to = rn_test_grid_make(1, count, count, true);
            rn_test_grid halves = rn_test_grid_make(1, (count + 1) / 2, (count + 1) / 2, true);

            for (int64_t i = 0; i < 2 * count; i++)
                from.data[i] = number_at(i);
            tables[t]->pairs->neighbours(halves.data, from.data, count);
            for (int64_t i = 0; i < count; i += 2)
                assert_int_equal(bits_of(halves.data[i / 2]),
                                 pair_of(number_at(i), i + 1 < count ? number_at(i + 1) : 0));
            tables[t]->pairs->rows(to.data, count, from.data, from.data + count, count / 2);
            for (int64_t i = 0; i < count; i++)
                assert_int_equal(bits_of(to.data[i]), i < count / 2 ? pair_of(number_at(i), number_at(count + i)) : 0);
            tables[t]->pairs->rows(to.data, count, from.data, NULL, count);
            for (int64_t i = 0; i < count; i++)
                assert_int_equal(bits_of(to.data[i]), pair_of(number_at(i), 0));
            rn_test_grid_release(&from);
            rn_test_grid_release(&to);
            rn_test_grid_release(&halves);
        }
}

static void transposed_neighbours_lie_in_panels(void **state)
{
    enum { DEPTH_MOST = 67 };

    (void)state;
    for (int t = 0; t < table_count; t++)
        for (int64_t depth = 1; depth <= DEPTH_MOST; depth += 3)
            for (int64_t columns = 1; columns <= tables[t]->nr; columns += 5) {
                const int64_t nr = tables[t]->nr, pairs = (depth + 1) / 2;
                rn_test_grid from = rn_test_grid_make(columns, depth, depth, true),
                             to = rn_test_grid_make(pairs, nr, nr, true);

                for (int64_t i = 0; i < columns * depth; i++)
                    from.data[i] = number_at(i);
                tables[t]->pairs->transpose(to.data, from.data, depth, depth, columns);
                for (int64_t k = 0; k < pairs; k++)
                    for (int64_t j = 0; j < nr; j++)
                        assert_int_equal(bits_of(to.data[k * nr + j]),
                                         j >= columns
                                             ? 0
                                             : pair_of(number_at(j * depth + 2 * k),
                                                       2 * k + 1 < depth ? number_at(j * depth + 2 * k + 1) : 0));
                rn_test_grid_release(&from);
                rn_test_grid_release(&to);
            }
}

/* Halves 1, 2, ..., as no rounding would leave them: all bits are what they are. */
static void fill_halves(const rn_test_grid *halves)
{
    for (int64_t r = 0; r < halves->rows; r++)
        for (int64_t c = 0; c < 2 * halves->channels; c++) {
            const uint16_t half = (uint16_t)(1 + 977 * r + 61 * c);

            memcpy((char *)(halves->data + r * halves->pitch) + (size_t)c * sizeof half, &half, sizeof half);
        }
}

static const uint16_t *halves_of(const rn_test_grid *halves)
{
    return (const uint16_t *)(const void *)halves->data;
}

/* `rows` rows of `count` halves, which end right before a page, two and two into rows of `stored` pairs. */
static void check_interleaved(const rn_pair_kernels *pairs, int64_t rows, int64_t count, int64_t stored, int64_t gap)
{
    const int64_t floats = (count + 1) / 2, first = count % 2;
    rn_test_grid from = rn_test_grid_make(rows, floats, floats + gap, true),
                 to = rn_test_grid_make((rows + 1) / 2, stored, stored + gap, gap % 2 == 0);

    fill_halves(&from);
    pairs->interleave(to.data, to.pitch, stored, halves_of(&from) + first, 2 * from.pitch, rows, count);
    rn_test_grid_check_gaps(&to);
    for (int64_t r = 0; r < rows; r += 2)
        for (int64_t j = 0; j < stored; j++) {
            const uint32_t even = j < count ? rn_test_half_at(&from, r, first + j) : 0;
            const uint32_t odd = j < count && r + 1 < rows ? rn_test_half_at(&from, r + 1, first + j) : 0;

            assert_int_equal(bits_of(rn_test_grid_at(&to, r / 2, j)), odd << 16 | even);
        }
    rn_test_grid_release(&from);
    rn_test_grid_release(&to);
}

static void rows_of_halves_are_interleaved(void **state)
{
    enum { MOST = 50, WIDEST = 64 };

    (void)state;
    for (int t = 0; t < table_count; t++)
        for (int64_t count = 1; count <= MOST; count++)
            for (int64_t rows = 1; rows <= 5; rows++)
                for (int64_t gap = 0; gap < 4; gap += 3) {
                    check_interleaved(tables[t]->pairs, rows, count, count, gap);
                    check_interleaved(tables[t]->pairs, rows, count, count + 1 + count % 7, gap);
                    check_interleaved(tables[t]->pairs, rows, count, WIDEST, gap);
                }
}

static void halves_become_the_floats_that_they_are(void **state)
{
    enum { MOST = 70 };

    (void)state;
    for (int t = 0; t < table_count; t++)
        for (int64_t count = 1; count <= MOST; count++)
            for (int k = 0; k < 2; k++) {
                rn_test_grid from = rn_test_grid_make(1, (count + 1) / 2, (count + 1) / 2, k == 0),
                             to = rn_test_grid_make(1, count, count, k == 0);
                const int64_t first = k == 0 ? count % 2 : 0; /* right up to the page behind */

                fill_halves(&from);
                tables[t]->pairs->widen(to.data, halves_of(&from) + first, count);
                for (int64_t i = 0; i < count; i++)
                    assert_int_equal(bits_of(to.data[i]), (uint32_t)rn_test_half_at(&from, 0, first + i) << 16);
                rn_test_grid_release(&from);
                rn_test_grid_release(&to);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_become_what_the_manual_says),
        cmocka_unit_test(maps_of_halves_store_the_same),
        cmocka_unit_test(neighbours_and_rows_touch_what_they_are_given),
        cmocka_unit_test(transposed_neighbours_lie_in_panels),
        cmocka_unit_test(rows_of_halves_are_interleaved),
        cmocka_unit_test(halves_become_the_floats_that_they_are),
    };

    return cmocka_run_group_tests_name("kernels/pairs", tests, find_tables, NULL);
}
