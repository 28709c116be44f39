/* SPDX-License-Identifier: MIT */
/*
 * Threads. This file's source is the only one that knows OpenMP.
 *
 * Work is a range of units, split statically: thread t of T gets [count*t/T, count*(t+1)/T). Who computes a unit
 * never changes its bits, so results must not depend on the split: a unit owns its outputs. Denormals are flushed
 * inside and the caller's floating-point state is restored.
 */
#ifndef RN_BASE_PARALLEL_H
#define RN_BASE_PARALLEL_H

#include <stdint.h>

typedef struct rn_pool {
    int32_t threads; /* >= 1 */
} rn_pool;

/* Units [begin, end) on thread `thread` of [0, pool->threads). */
typedef void (*rn_work)(void *payload, int64_t begin, int64_t end, int32_t thread);

/*
 * Runs all units and waits. count <= 0 does nothing; count 1 or one thread runs on the caller's thread. Not to be
 * nested.
 */
void rn_parallel(const rn_pool *pool, int64_t count, rn_work work, void *payload);

#endif
