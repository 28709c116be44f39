/* SPDX-License-Identifier: MIT */
/*
 * The few plans that a session keeps, for the input shapes that it has met. They share one arena, as large as the
 * largest needs; when it grows, every plan is pointed into the new one. A shape that was met before allocates nothing.
 */
#ifndef RN_RUN_PLAN_CACHE_H
#define RN_RUN_PLAN_CACHE_H

#include "run/plan.h"

enum { RN_CACHED_PLANS = 4 }; /* an epoch has two batch sizes, validation may add others */

/* A plan, and tensors over its maps in the arena, made when they are first asked for: of the outputs, of the outputs'
 * gradients, of the input's gradient. */
typedef struct rn_cached_plan {
    rn_plan *plan;
    rn_tensor **tensor; /* 2 * outputs + 1 */
} rn_cached_plan;

typedef struct rn_plan_cache {
    rn_cached_plan slot[RN_CACHED_PLANS];
    rn_storage *arena;
    size_t arena_bytes;
    uint64_t clock;
} rn_plan_cache;

/* The slot of a plan for the request, made if there is none; a slot that was given before may be replaced. The request
 * differs in batch, height and width only from call to call. */
rn_status rn_plan_cache_find(rn_cached_plan **slot, rn_plan_cache *cache, const rn_plan_request *request);
/* Everything but the cache itself. */
void rn_plan_cache_release(rn_plan_cache *cache, rn_context *context, int32_t outputs);

#endif
