/* SPDX-License-Identifier: MIT */
/* The loops of resizing against their definition, for every instruction set of the host, with odd sizes. */
#include "image/pictures.h"

#include <math.h>

enum { INPUTS = 61, OUTPUTS = 43, MOST = 9, GUARD = 0xa5 };

typedef struct example {
    uint8_t in[RN_RESAMPLE_ROWS * INPUTS * 3 + RN_PIXEL_SLACK];
    rn_taps tap[OUTPUTS];
    int32_t weight[OUTPUTS * MOST];
} example;

static uint32_t next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* Weights that sum to 1 or a little more, as rounding makes them; in every other example some are negative. */
static void fill(example *x, uint32_t seed)
{
    const bool odd = seed % 2 != 0;

    for (size_t i = 0; i < sizeof x->in; i++)
        x->in[i] = next(&seed) % 4 == 0 ? 255 : (uint8_t)next(&seed);
    for (int32_t i = 0; i < OUTPUTS; i++) {
        rn_taps *const tap = &x->tap[i];
        int32_t left = (1 << RN_RESAMPLE_PRECISION) + (int32_t)(next(&seed) % 3);

        tap->count = 1 + (int32_t)(next(&seed) % MOST);
        tap->first = (int32_t)(next(&seed) % (uint32_t)(INPUTS - tap->count + 1));
        tap->index = (size_t)i * MOST;
        for (int32_t k = 0; k < tap->count; k++) {
            const int32_t part = k + 1 == tap->count ? left : (int32_t)(next(&seed) % (uint32_t)(left + 1));

            const int32_t below = odd && k + 1 < tap->count ? -(part / 16) : part;

            x->weight[tap->index + (size_t)k] = below;
            left -= below;
        }
    }
}

/* The sum in 64 bits, rounded, cut off at 0 and 255. */
static uint8_t defined(const example *x, int32_t row, int32_t output, int32_t channel)
{
    int64_t sum = (int64_t)1 << (RN_RESAMPLE_PRECISION - 1);

    for (int32_t k = 0; k < x->tap[output].count; k++)
        sum += (int64_t)x->in[(row * INPUTS + x->tap[output].first + k) * 3 + channel] *
               x->weight[x->tap[output].index + (size_t)k];
    sum >>= RN_RESAMPLE_PRECISION;
    return (uint8_t)(sum > 255 ? 255 : sum < 0 ? 0 : sum);
}

/* Any number of rows, wide and narrower than a block; memory behind the slack is not touched. */
static void check_rows(rn_isa isa)
{
    uint8_t out[RN_RESAMPLE_ROWS * OUTPUTS * 3 + RN_PIXEL_SLACK + 1];
    int32_t *const scratch = malloc(rn_rows_scratch(INPUTS, OUTPUTS) * sizeof *scratch);
    example x;

    assert_non_null(scratch);
    for (uint32_t seed = 0; seed < 40; seed++) {
        const int32_t outputs = seed % 3 == 0 ? 1 + (int32_t)seed % 6 : OUTPUTS - (int32_t)seed % 5,
                      rows = 1 + (int32_t)seed % RN_RESAMPLE_ROWS, nbytes = rows * outputs * 3;

        fill(&x, seed);
        memset(out, GUARD, sizeof out);
        rn_resample_kernels_for(isa)->rows(out, x.in, rows, outputs, INPUTS, x.tap, x.weight, scratch);
        for (int32_t i = 0; i < nbytes; i++)
            assert_int_equal(out[i], defined(&x, i / 3 / outputs, i / 3 % outputs, i % 3));
        assert_int_equal(out[nbytes + RN_PIXEL_SLACK], GUARD);
    }
    free(scratch);
}

/* Rows of `nbytes` bytes: the same sums, one column at a time. */
static void check_columns(rn_isa isa, size_t nbytes)
{
    uint8_t *const in = malloc(MOST * nbytes + RN_PIXEL_SLACK), *const out = malloc(nbytes + RN_PIXEL_SLACK);
    example x;

    assert_non_null(in);
    assert_non_null(out);
    for (uint32_t seed = 0; seed < 12; seed++) {
        uint32_t state = seed;

        fill(&x, seed);
        for (size_t i = 0; i < MOST * nbytes + RN_PIXEL_SLACK; i++)
            in[i] = (uint8_t)next(&state);
        rn_resample_kernels_for(isa)->column(out, in, nbytes, &x.tap[seed], x.weight);
        for (size_t i = 0; i < nbytes; i++) {
            for (int32_t k = 0; k < x.tap[seed].count; k++)
                x.in[k * 3] = in[(size_t)k * nbytes + i];
            x.tap[seed].first = 0;
            assert_int_equal(out[i], defined(&x, 0, (int32_t)seed, 0));
        }
    }
    free(in);
    free(out);
}

/* Products and sums that round once: whatever is left behind a product in float is in the sum. */
static void check_multiply_adds(rn_isa isa)
{
    enum { COUNT = 67 };
    float in[COUNT], sums[COUNT + 1], expected[COUNT];
    uint32_t state = 1;

    for (int i = 0; i < COUNT; i++) {
        in[i] = (float)(next(&state) % 256);
        sums[i] = (float)(next(&state) % 1000) / 7;
        expected[i] = fmaf(in[i], 0.1f, sums[i]);
    }
    sums[COUNT] = 5;
    rn_resample_kernels_for(isa)->accumulate(sums, in, COUNT, 0.1f);
    assert_memory_equal(sums, expected, sizeof expected);
    assert_true(sums[COUNT] == 5);
}

static void sums_are_exact_on_every_instruction_set(void **state)
{
    (void)state;
    for (rn_isa isa = RN_ISA_REFERENCE; isa <= RN_ISA_AVX512; isa = (rn_isa)(2 * isa)) {
        if (!rn_test_has_isa(isa))
            continue;
        check_rows(isa);
        check_multiply_adds(isa);
        for (size_t nbytes = 1; nbytes < 200; nbytes += 7)
            check_columns(isa, nbytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(sums_are_exact_on_every_instruction_set) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
