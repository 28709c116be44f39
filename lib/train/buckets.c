/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "train/buckets.h"

#include "base/clock.h"
#include <signal.h>

/* ---- adding ------------------------------------------------------------------------------------------------------ */

enum { ROW = 4096 }; /* floats of a unit */

typedef struct addition {
    const rn_row_kernels *rows;
    float *sum;
    const float *other;
    size_t count;
} addition;

static void add_units(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const addition *const a = payload;
    const size_t first = (size_t)begin * ROW, last = (size_t)end * ROW < a->count ? (size_t)end * ROW : a->count;
    const int64_t count = (int64_t)(last - first);
    const rn_matrix sum = { a->sum + first, count };

    (void)thread;
    a->rows->combine(1, count,
                     &(rn_row_combine){ .a = sum, .other = { (float *)a->other + first, count }, .out = sum });
}

void rn_add_floats(const rn_context *context, const rn_pool *pool, float *sum, const float *other, size_t count)
{
    addition a = { context->kernels->rows, sum, other, count };

    rn_parallel(pool, (int64_t)((count + ROW - 1) / ROW), add_units, &a);
}

/* ---- a bucket ---------------------------------------------------------------------------------------------------- */

/* A stretch of floats, and where it is cut for one step: half of it is kept, half goes to the partner. */
typedef struct half {
    float *kept, *given;
    size_t kept_floats, given_floats;
} half;

static half cut(float *floats, size_t count, bool upper)
{
    const size_t low = count / 2, high = count - low;

    return upper ? (half){ floats + low, floats, high, low } : (half){ floats, floats + low, low, high };
}

/* False: a process was lost. */
static bool sum_bucket(const rn_buckets *b, const rn_pool *pool, float *floats, size_t count)
{
    rn_team *const team = b->team;
    const int32_t rank = team->engine.rank, size = team->engine.size;
    half step[8]; /* log2 of RN_TEAM_LIMIT */
    int32_t steps = 0;
    bool there = true;

    for (int32_t d = 1; d < size && there; d *= 2) {
        const half h = cut(floats, count, (rank & d) != 0);

        there = rn_team_reaches(team, rank ^ d, h.given, h.given_floats * sizeof(float), b->received,
                                h.kept_floats * sizeof(float));
        if (there)
            rn_add_floats(team->context, pool, h.kept, b->received, h.kept_floats);
        step[steps++] = h;
        floats = h.kept;
        count = h.kept_floats;
    }
    while (there && steps-- > 0) {
        const half h = step[steps];

        there = rn_team_reaches(team, rank ^ (1 << steps), h.kept, h.kept_floats * sizeof(float), h.given,
                                h.given_floats * sizeof(float));
    }
    return there;
}

static size_t size_of(const rn_buckets *b, size_t bucket)
{
    const size_t left = b->count - bucket * RN_BUCKET;

    return left < RN_BUCKET ? left : RN_BUCKET;
}

/* False: it will not be there. */
static bool wait_for(rn_buckets *b, size_t bucket)
{
    bool goes_on;

    pthread_mutex_lock(&b->lock);
    while (b->missing[bucket] > 0 && !b->stopped)
        pthread_cond_wait(&b->changed, &b->lock);
    goes_on = !b->stopped;
    pthread_mutex_unlock(&b->lock);
    return goes_on;
}

/* The bucket below those that are summed. */
static void sum_next(rn_buckets *b, const rn_pool *pool)
{
    const size_t bucket = rn_bucket_count(b->summed) - 1;
    bool there = wait_for(b, bucket);
    const double begun = rn_clock_seconds();

    there = there && sum_bucket(b, pool, b->floats + bucket * RN_BUCKET, size_of(b, bucket));
    b->seconds += rn_clock_seconds() - begun;
    pthread_mutex_lock(&b->lock);
    if (there)
        b->summed = bucket * RN_BUCKET;
    b->done = !there || bucket == 0;
    pthread_cond_signal(&b->changed); /* when all have arrived it is the other side that may wait */
    pthread_mutex_unlock(&b->lock);
}

/* ---- the thread -------------------------------------------------------------------------------------------------- */

/* The others are computing: it adds by itself. */
static void *run_thread(void *payload)
{
    rn_buckets *const b = payload;

    while (!b->done) /* which none but this thread writes */
        sum_next(b, &(rn_pool){ .threads = 1 });
    return NULL;
}

/* Signals are for the program's own threads. */
static bool start_thread(rn_buckets *b)
{
    sigset_t all, before;
    bool started;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    started = pthread_create(&b->thread, NULL, run_thread, b) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

void rn_buckets_begin(rn_buckets *b)
{
    b->seconds = b->waited = 0;
    b->summed = b->taken = b->count;
    b->done = b->count == 0;
    b->stopped = false;
    for (size_t bucket = 0; bucket < rn_bucket_count(b->count); bucket++)
        b->missing[bucket] = size_of(b, bucket);
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->changed, NULL);
    b->threaded = b->team->engine.any_thread != 0 && start_thread(b); /* without a thread it just takes longer */
}

void rn_buckets_arrive(rn_buckets *b, size_t begin, size_t count)
{
    pthread_mutex_lock(&b->lock);
    while (count > 0) {
        const size_t bucket = begin / RN_BUCKET, room = (bucket + 1) * RN_BUCKET - begin,
                     here = count < room ? count : room;

        b->missing[bucket] -= here;
        begin += here;
        count -= here;
    }
    pthread_cond_signal(&b->changed);
    pthread_mutex_unlock(&b->lock);
}

void rn_buckets_stop(rn_buckets *b)
{
    pthread_mutex_lock(&b->lock);
    b->stopped = true;
    pthread_cond_signal(&b->changed);
    pthread_mutex_unlock(&b->lock);
}

bool rn_buckets_next(size_t *begin, rn_buckets *b)
{
    const double begun = rn_clock_seconds();
    bool more;

    if (!b->threaded && !b->done)
        sum_next(b, &b->team->context->pool);
    pthread_mutex_lock(&b->lock);
    while (b->summed == b->taken && !b->done)
        pthread_cond_wait(&b->changed, &b->lock);
    more = b->summed < b->taken;
    *begin = b->taken = b->summed;
    pthread_mutex_unlock(&b->lock);
    b->waited += rn_clock_seconds() - begun;
    return more;
}

rn_status rn_buckets_end(rn_buckets *b)
{
    const double begun = rn_clock_seconds();

    if (b->threaded)
        pthread_join(b->thread, NULL);
    while (!b->done)
        sum_next(b, &b->team->context->pool);
    b->waited += rn_clock_seconds() - begun;
    pthread_cond_destroy(&b->changed);
    pthread_mutex_destroy(&b->lock);
    return b->team->broken ? rn_team_lost(b->team) : RN_OK;
}
