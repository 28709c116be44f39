/* SPDX-License-Identifier: MIT */
/* Sums over processes: in the order of the tree, whenever the numbers arrive, with a thread of its own or without. */
#include "train/buckets.h"
#include "train/processes.h"

enum { COUNT = 3 * RN_BUCKET + 17 };

static const char *photos;

static int make_photos(void **state)
{
    (void)state;
    photos = rn_test_photo_directory();
    return 0;
}

/* Of many sizes, with a denormal here and there, which sums flush. */
static float *numbers_of(int rank)
{
    float *const numbers = malloc(COUNT * sizeof *numbers);
    uint32_t state = (uint32_t)rank + 1;

    for (size_t i = 0; i < COUNT; i++) {
        state = state * 1664525u + 1013904223u;
        numbers[i] = ((float)(state >> 8) - 8388608.0f) * (float)(1 + i % 7 * i % 11) / 3;
    }
    for (size_t i = (size_t)rank; i < COUNT; i += 1000)
        numbers[i] = 1e-41f;
    return numbers;
}

/* (((n0 + n1) + (n2 + n3)) + ...), as ranks halve. */
static float expected_at(float *const *numbers, int count, size_t i)
{
    float sum[PROCESSES];

    for (int r = 0; r < count; r++)
        sum[r] = fabsf(numbers[r][i]) < 1e-37f ? 0 : numbers[r][i];
    for (; count > 1; count /= 2)
        for (int r = 0; r < count / 2; r++)
            sum[r] = sum[2 * r] + sum[2 * r + 1];
    return sum[0];
}

static float *sums[PROCESSES];

static rn_buckets buckets_over(rn_team *team, float *floats)
{
    return (rn_buckets){ .team = team,
                         .floats = floats,
                         .count = COUNT,
                         .received = malloc(RN_BUCKET * sizeof(float)),
                         .missing = malloc(rn_bucket_count(COUNT) * sizeof(size_t)) };
}

static void release(rn_buckets *buckets)
{
    free(buckets->received);
    free(buckets->missing);
}

/* Pieces of many sizes, from the last to the first or, in odd processes, the other way round. */
static void arrive(rn_buckets *buckets, bool from_first)
{
    size_t done = 0;

    for (size_t piece = 1; done < COUNT; piece = piece * 3 + 1) {
        const size_t count = piece < COUNT - done ? piece : COUNT - done;

        rn_buckets_arrive(buckets, from_first ? done : COUNT - done - count, count);
        done += count;
    }
}

static bool follows(int rank)
{
    return rank % 3 != 0;
}

/* What is said to be summed goes down to 0, and is the caller's from then on: it is negated at once. */
static bool follow(rn_buckets *buckets)
{
    size_t begin, last = COUNT;

    while (rn_buckets_next(&begin, buckets)) {
        if (begin >= last || begin % RN_BUCKET != 0)
            return false;
        for (size_t i = begin; i < last; i++)
            buckets->floats[i] = -buckets->floats[i];
        last = begin;
    }
    return buckets->team->broken || last == 0;
}

static rn_status sum_up(rn_test_process *process)
{
    rn_buckets buckets;
    rn_team team;
    rn_status status = rn_team_begin(&team, process->run.context, process->options.collective);

    if (status != RN_OK)
        return status;
    buckets = buckets_over(&team, sums[process->rank]);
    rn_buckets_begin(&buckets);
    arrive(&buckets, process->rank % 2 != 0);
    if (follows(process->rank) && !follow(&buckets))
        return RN_INTERNAL;
    status = rn_buckets_end(&buckets);
    if (status == RN_OK && !(buckets.seconds > 0 && buckets.waited >= 0))
        status = RN_INTERNAL;
    release(&buckets);
    return rn_team_end(&team, status);
}

static void run(int count, unsigned threads, long cut_at, rn_status (*work)(rn_test_process *), rn_status expected)
{
    const rn_trainer_options options = { 0 };
    rn_test_process process[PROCESSES];
    rn_test_wire wire = { .threads = threads, .cut_at = cut_at };

    for (int r = 0; r < count; r++)
        sums[r] = numbers_of(r);
    rn_test_processes_open(process, count, photos, &options);
    rn_test_processes_run(process, count, &wire, work);
    for (int r = 0; r < count; r++)
        require_status(process[r].run.context, process[r].status, expected);
    rn_test_processes_close(process, count);
}

static void sums_are_those_of_the_tree(void **state)
{
    static const unsigned threads[] = { 0, ~0u, 0xa };
    float *numbers[PROCESSES];

    (void)state;
    for (int r = 0; r < PROCESSES; r++)
        numbers[r] = numbers_of(r);
    for (int count = 2; count <= PROCESSES; count *= 2) {
        run(count, threads[count % 3], 0, sum_up, RN_OK);
        for (int r = 0; r < count; r++) {
            for (size_t i = 0; i < COUNT; i += r == 0 ? 1 : 97)
                if ((follows(r) ? -sums[r][i] : sums[r][i]) != expected_at(numbers, count, i))
                    fail_msg("process %d of %d: number %zu is %g", r, count, i, (double)sums[r][i]);
            free(sums[r]);
        }
    }
    for (int r = 0; r < PROCESSES; r++)
        free(numbers[r]);
}

static void a_process_that_is_lost_ends_the_sum(void **state)
{
    (void)state;
    for (unsigned threads = 0; threads < 4; threads++) {
        run(2, threads, 3, sum_up, RN_IO);
        free(sums[0]);
        free(sums[1]);
    }
}

/* Nothing arrives: both stop, and nobody waits. */
static rn_status stop(rn_test_process *process)
{
    rn_buckets buckets;
    rn_team team;
    rn_status status = rn_team_begin(&team, process->run.context, process->options.collective);

    if (status != RN_OK)
        return status;
    buckets = buckets_over(&team, sums[process->rank]);
    rn_buckets_begin(&buckets);
    rn_buckets_arrive(&buckets, 0, RN_BUCKET);
    rn_buckets_stop(&buckets);
    status = rn_buckets_end(&buckets);
    release(&buckets);
    return status;
}

static void a_sum_that_is_stopped_ends(void **state)
{
    (void)state;
    for (unsigned threads = 0; threads < 4; threads += 3) {
        float *const before = numbers_of(0);

        run(2, threads, 0, stop, RN_OK);
        assert_memory_equal(sums[0], before, COUNT * sizeof *before);
        free(before);
        free(sums[0]);
        free(sums[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_those_of_the_tree),
        cmocka_unit_test(a_process_that_is_lost_ends_the_sum),
        cmocka_unit_test(a_sum_that_is_stopped_ends),
    };

    return cmocka_run_group_tests(tests, make_photos, NULL);
}
