/* SPDX-License-Identifier: MIT */
/* Philox against the known answers of its authors, and what the streams promise. */
#include "base/random.h"

#include "support/support.h"

typedef struct known_answer {
    uint32_t counter[4], key[2], out[4];
} known_answer;

/* Random123's kat_vectors, the lines of philox4x32 with 10 rounds. */
static const known_answer known_answers[] = {
    { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
    { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
      { 0xffffffff, 0xffffffff },
      { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
    { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
      { 0xa4093822, 0x299f31d0 },
      { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
};

static void philox_gives_the_known_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known_answers / sizeof known_answers[0]; i++) {
        uint32_t out[4];

        rn_philox(out, known_answers[i].counter, known_answers[i].key);
        assert_memory_equal(out, known_answers[i].out, sizeof out);
    }
}

static void a_draw_depends_on_every_bit_of_its_place(void **state)
{
    const rn_random origin = rn_random_at(1, RN_STREAM_WEIGHTS, 2, 3);
    uint32_t first[8];
    rn_random r = origin;

    (void)state;
    for (int i = 0; i < 8; i++)
        first[i] = rn_random_next(&r);
    r = rn_random_at(1, RN_STREAM_WEIGHTS, 2, 3);
    for (int i = 0; i < 8; i++)
        assert_int_equal(rn_random_next(&r), first[i]);
    for (int bit = 0; bit < 64; bit++) {
        const uint64_t flip = UINT64_C(1) << bit;
        rn_random others[3];

        others[0] = rn_random_at(1 ^ flip, RN_STREAM_WEIGHTS, 2, 3);
        others[1] = rn_random_at(1, RN_STREAM_WEIGHTS, 2 ^ flip, 3);
        others[2] = rn_random_at(1, RN_STREAM_WEIGHTS, 2, 3 ^ flip);
        for (int i = 0; i < 3; i++) {
            uint32_t words[8];

            for (int j = 0; j < 8; j++)
                words[j] = rn_random_next(&others[i]);
            assert_memory_not_equal(words, first, sizeof words);
        }
    }
    r = rn_random_at(1, RN_STREAM_DROPOUT, 2, 3);
    assert_int_not_equal(rn_random_next(&r), first[0]);
}

static void the_block_number_carries_below_the_stream(void **state)
{
    rn_random r = rn_random_at(5, RN_STREAM_ORDER, 0, 0);

    (void)state;
    r.counter[0] = UINT32_MAX;
    rn_random_next(&r);
    assert_int_equal(r.counter[0], 0);
    assert_int_equal(r.counter[1] & 0xffffff, 1);
    assert_int_equal(r.counter[1] >> 24, RN_STREAM_ORDER);
}

/* Bounds are five standard deviations of the statistic: for n uniforms the mean has sqrt(1/12n), the mean of squares
 * sqrt(4/45n). */
static void uniforms_have_their_moments(void **state)
{
    enum { N = 100000 };
    rn_random r = rn_random_at(7, RN_STREAM_WEIGHTS, 0, 0);
    double mean = 0, square = 0;

    (void)state;
    for (int i = 0; i < N; i++) {
        const double u = rn_random_uniform(&r);

        assert_true(u >= 0 && u < 1);
        mean += u / N;
        square += u * u / N;
    }
    assert_true(fabs(mean - 0.5) < 5 * sqrt(1.0 / (12.0 * N)));
    assert_true(fabs(square - 1.0 / 3) < 5 * sqrt(4.0 / (45.0 * N)));
}

static void below_reaches_every_value_and_no_other(void **state)
{
    enum { LIMIT = 7, N = 70000 };
    rn_random r = rn_random_at(7, RN_STREAM_ORDER, 1, 0);
    int seen[LIMIT] = { 0 };
    const uint64_t huge = (UINT64_C(1) << 63) + 1; /* half of all words are rejected */

    (void)state;
    assert_int_equal(rn_random_below(&r, 1), 0);
    for (int i = 0; i < N; i++)
        seen[rn_random_below(&r, LIMIT)]++;
    for (int i = 0; i < LIMIT; i++) /* binomial: five deviations of sqrt(n p (1 - p)) */
        assert_true(fabs(seen[i] - (double)N / LIMIT) < 5 * sqrt(N / 7.0 * 6 / 7));
    for (int i = 0; i < 1000; i++)
        assert_true(rn_random_below(&r, huge) < huge);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_known_answers),
        cmocka_unit_test(a_draw_depends_on_every_bit_of_its_place),
        cmocka_unit_test(the_block_number_carries_below_the_stream),
        cmocka_unit_test(uniforms_have_their_moments),
        cmocka_unit_test(below_reaches_every_value_and_no_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
