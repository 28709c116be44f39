/* SPDX-License-Identifier: MIT */
/* The split of work, the floating-point state inside, and regions one after the other and side by side. */
#define _POSIX_C_SOURCE 200809L
#include "base/parallel.h"

#include "support/support.h"

#include <fenv.h>
#include <float.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { MOST = 1000 };

typedef struct record {
    int times[MOST], thread[MOST];
} record;

static void note(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    record *const r = payload;

    for (int64_t i = begin; i < end; i++) {
        r->times[i]++;
        r->thread[i] = thread;
    }
}

static void every_unit_runs_once_on_a_thread_of_the_pool(void **state)
{
    static const int64_t counts[] = { 1, 2, 3, 7, 64, 1000 };

    (void)state;
    for (int32_t threads = 1; threads <= 9; threads += 2) {
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            const rn_pool pool = { threads };
            record r = { { 0 }, { 0 } };

            rn_parallel(&pool, counts[i], note, &r);
            for (int64_t unit = 0; unit < MOST; unit++) {
                assert_int_equal(r.times[unit], unit < counts[i]);
                assert_in_range(r.thread[unit], 0, (uintmax_t)threads - 1);
            }
        }
    }
}

enum { HELD = 64 };

typedef struct held {
    atomic_int done, threads; /* units; bits of the threads that did any */
} held;

/* The first unit waits for all that are not of its piece. */
static void hold_the_first(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    held *const h = payload;
    const struct timespec pause = { .tv_nsec = 1000000 };

    atomic_fetch_or(&h->threads, 1 << thread);
    for (int64_t i = begin; i < end; i++) {
        for (int wait = 0; i == 0 && wait < 20000 && atomic_load(&h->done) < HELD - end; wait++)
            nanosleep(&pause, NULL);
        atomic_fetch_add(&h->done, i > 0);
    }
}

/* Whoever is held up leaves the rest of his share to the other. */
static void nobody_waits_for_more_than_a_piece(void **state)
{
    const rn_pool pool = { 2 };
    held h = { 0 };
    bool is_wish;

    (void)state;
    if (rn_parallel_wish(&is_wish) == 0) {
        print_message("skipped: built without OpenMP\n");
        skip();
    }
    rn_parallel(&pool, HELD, hold_the_first, &h);
    assert_int_equal(h.done, HELD - 1);
    if (h.threads != 3)
        fail_msg("one thread did all");
}

static void nothing_to_do_does_nothing(void **state)
{
    const rn_pool pool = { 2 };
    record r = { { 0 }, { 0 } };

    (void)state;
    rn_parallel(&pool, 0, note, &r);
    rn_parallel(&pool, -5, note, &r);
    assert_int_equal(r.times[0], 0);
}

static void sum_ranges(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    int64_t *const totals = payload;

    assert_true(begin >= 0 && begin < end);
    totals[thread] += end - begin;
}

static void a_huge_count_is_split_without_overflow(void **state)
{
    const rn_pool pool = { 3 };
    int64_t totals[3] = { 0 };

    (void)state;
    rn_parallel(&pool, INT64_MAX, sum_ranges, totals);
    assert_true(totals[0] + totals[1] + totals[2] == INT64_MAX);
}

typedef struct floating {
    volatile float half[8], third[8];
} floating;

static void divide(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    floating *const f = payload;
    volatile float smallest = FLT_MIN, one = 1, two = 2, three = 3;

    (void)thread;
    for (int64_t i = begin; i < end; i++) {
        f->half[i] = smallest / two;
        f->third[i] = one / three;
    }
}

static void denormals_are_flushed_inside_and_the_callers_state_comes_back(void **state)
{
#if defined(__x86_64__)
    (void)state;
    for (int32_t threads = 1; threads <= 2; threads++) {
        const rn_pool pool = { threads };
        floating f = { { 1, 1, 1, 1, 1, 1, 1, 1 }, { 0 } };
        volatile float smallest = FLT_MIN, one = 1, two = 2, three = 3, third;

        assert_int_equal(fesetround(FE_DOWNWARD), 0);
        rn_parallel(&pool, 8, divide, &f);
        third = one / three;
        assert_int_equal(fegetround(), FE_DOWNWARD);
        assert_int_equal(fesetround(FE_TONEAREST), 0);
        assert_true(third == 0x1.555554p-2f); /* downward again */
        assert_true(smallest / two > 0);
        for (int i = 0; i < 8; i++) {
            assert_true(f.half[i] == 0);
            assert_true(f.third[i] == 0x1.555556p-2f); /* to nearest */
        }
    }
#else
    (void)state;
    skip();
#endif
}

static void add_one(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    int *const numbers = payload;

    (void)thread;
    for (int64_t i = begin; i < end; i++)
        numbers[i]++;
}

/* Plain memory, written by other threads in each region: the thread sanitizer watches fork and join here. */
static void *many_regions(void *payload)
{
    const rn_pool pool = { 2 };
    int *const numbers = payload;

    for (int region = 0; region < 200; region++) {
        for (int i = 0; i < 64; i++)
            numbers[i] += 1;
        rn_parallel(&pool, 64 - region % 3, add_one, numbers);
    }
    return NULL;
}

static void regions_follow_each_other_and_run_side_by_side(void **state)
{
    static int numbers[2][64];
    pthread_t other;

    (void)state;
    assert_int_equal(pthread_create(&other, NULL, many_regions, numbers[0]), 0);
    many_regions(numbers[1]);
    assert_int_equal(pthread_join(other, NULL), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(numbers[i][0], 400);
        assert_int_equal(numbers[i][62], 400 - 66); /* every third region ends before it */
        assert_int_equal(numbers[i][63], 400 - 67 - 66);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_unit_runs_once_on_a_thread_of_the_pool),
        cmocka_unit_test(nobody_waits_for_more_than_a_piece),
        cmocka_unit_test(nothing_to_do_does_nothing),
        cmocka_unit_test(a_huge_count_is_split_without_overflow),
        cmocka_unit_test(denormals_are_flushed_inside_and_the_callers_state_comes_back),
        cmocka_unit_test(regions_follow_each_other_and_run_side_by_side),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
