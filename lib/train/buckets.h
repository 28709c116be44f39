/* SPDX-License-Identifier: MIT */
/*
 * The sum of an array of floats over the processes, in buckets. Each is added along a hypercube, in halves: in step d =
 * 1, 2, 4, ... process r hands process r ^ d half of the numbers that it still holds and adds that half of the other's,
 * and then the finished parts go back the same way. Each process sends 2 (P - 1) / P of the array in all. a + b and
 * b + a have the same bits, so that it does not matter who adds, and how the array is cut does not matter at all.
 *
 * The buckets go from the last to the first, in all processes, as backward makes gradients. Where the engine may be
 * called from another thread a thread of its own exchanges each as soon as its numbers are there; else all are
 * exchanged in the end.
 *
 *   backward    [ layer 9 ][ layer 8 ][ layer 7 ][ layer 6 ] ... [ layer 0 ]
 *   arrive           |          |           |          |              |
 *   exchanges        [ bucket 5 ]     [ bucket 4 ][ bucket 3 ] ...    [ bucket 0 ] end
 *                                                           next, next, ...   next
 *                                                                     what is left to wait for
 *
 * R. Thakur, R. Rabenseifner, W. Gropp, "Optimization of Collective Communication Operations in MPICH", 2005
 */
#ifndef RN_TRAIN_BUCKETS_H
#define RN_TRAIN_BUCKETS_H

#include "train/team.h"

#include <pthread.h>

/* Floats of a bucket: more bytes than a network's delay is worth, less than a cache. */
enum { RN_BUCKET = 1 << 19 };

typedef struct rn_buckets {
    rn_team *team; /* borrowed, as all memory */
    float *floats;
    size_t count;
    float *received; /* RN_BUCKET floats */
    size_t *missing; /* of each bucket: numbers that are not there yet */
    double seconds;  /* in exchanges, and adding what they brought */
    double waited;   /* how long rn_buckets_next and rn_buckets_end took */
    /* Of the thread, if there is one. */
    bool threaded, stopped;
    bool done;     /* what is not summed will not be any more */
    size_t summed; /* numbers from here on are */
    size_t taken;  /* as rn_buckets_next has told */
    pthread_t thread;
    pthread_mutex_t lock; /* of missing, stopped, done and summed */
    pthread_cond_t changed;
} rn_buckets;

static inline size_t rn_bucket_count(size_t floats)
{
    return (floats + RN_BUCKET - 1) / RN_BUCKET;
}

/* Of an array of which nothing is there; `buckets` is filled but for team, floats, count, received and missing. */
void rn_buckets_begin(rn_buckets *buckets);
/* Numbers [begin, begin + count) are there, each once. */
void rn_buckets_arrive(rn_buckets *buckets, size_t begin, size_t count);
/* There will be no more: the array is not to be summed. */
void rn_buckets_stop(rn_buckets *buckets);
/*
 * When all numbers have arrived: waits until more of them are summed than at the last call, and *begin is where these
 * begin. False: all are known, or there will be no more.
 */
bool rn_buckets_next(size_t *begin, rn_buckets *buckets);
/* Waits until all is summed, or stopped. RN_IO: a process was lost. */
rn_status rn_buckets_end(rn_buckets *buckets);

/* sum += other, on the threads of `pool`. */
void rn_add_floats(const rn_context *context, const rn_pool *pool, float *sum, const float *other, size_t count);

#endif
