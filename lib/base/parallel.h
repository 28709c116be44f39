/* SPDX-License-Identifier: MIT */
/*
 * Threads. This file's source is the only one that knows OpenMP.
 *
 * Work is a range of units. Thread t of T begins with [count*t/T, count*(t+1)/T), in pieces, and then helps the others:
 * which thread computes a unit, and with which neighbours in one call, is not known beforehand. It never changes a bit,
 * so results must not depend on it: a unit owns its outputs. Denormals are flushed inside and the caller's
 * floating-point state is restored.
 *
 * In a forked child OpenMP's threads may not exist and a region would wait for them for ever: there everything runs on
 * the caller's thread, with the same bits.
 */
#ifndef RN_BASE_PARALLEL_H
#define RN_BASE_PARALLEL_H

#include <stdbool.h>
#include <stdint.h>

typedef struct rn_pool {
    int32_t threads; /* >= 1 */
} rn_pool;

/*
 * How many threads OpenMP's environment means: OMP_NUM_THREADS if it is set, else the CPUs that OMP_PLACES,
 * GOMP_CPU_AFFINITY and the process's affinity mask leave (with OMP_PROC_BIND the runtime binds the first thread to one
 * of them, so that this thread's mask says less), at most OMP_THREAD_LIMIT. *is_wish: the number was asked for. 0
 * without OpenMP.
 */
int32_t rn_parallel_wish(bool *is_wish);

/* Units [begin, end) on thread `thread` of [0, pool->threads), which may be called several times. */
typedef void (*rn_work)(void *payload, int64_t begin, int64_t end, int32_t thread);

/*
 * Runs all units and waits. count <= 0 does nothing; count 1 or one thread runs on the caller's thread, in one call.
 * Not to be nested.
 */
void rn_parallel(const rn_pool *pool, int64_t count, rn_work work, void *payload);

#endif
