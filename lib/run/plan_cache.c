/* SPDX-License-Identifier: MIT */
#include "run/plan_cache.h"

static int32_t tensor_count(int32_t outputs)
{
    return 2 * outputs + 1;
}

/* Tensors go with their plan, and when the arena moves. */
static void forget_tensors(rn_cached_plan *slot, int32_t outputs)
{
    for (int32_t i = 0; slot->tensor != NULL && i < tensor_count(outputs); i++) {
        rn_tensor_destroy(slot->tensor[i]);
        slot->tensor[i] = NULL;
    }
}

void rn_plan_cache_release(rn_plan_cache *cache, rn_context *context, int32_t outputs)
{
    for (int32_t i = 0; i < RN_CACHED_PLANS; i++) {
        forget_tensors(&cache->slot[i], outputs);
        rn_release(&context->allocator, cache->slot[i].tensor);
        rn_plan_destroy(cache->slot[i].plan);
    }
    rn_storage_release(cache->arena);
}

/* What is frozen, and who steps in backward, decide what backward needs; inference has none. */
static bool is_outdated(const rn_plan *plan, const rn_plan_request *request)
{
    return request->training &&
           (plan->freeze_version != request->model->freeze_version || plan->optimizers != request->optimizers);
}

static bool fits(const rn_plan *plan, const rn_plan_request *request)
{
    return plan != NULL && plan->tape.batch == request->batch && plan->height == request->height &&
           plan->width == request->width && !is_outdated(plan, request);
}

/* The slot of a plan for this shape, or of the one to be replaced: an empty one, an outdated one, the least recently
 * used. */
static rn_cached_plan *find_slot(rn_plan_cache *cache, const rn_plan_request *request)
{
    rn_cached_plan *oldest = &cache->slot[0];

    for (int32_t i = 0; i < RN_CACHED_PLANS; i++)
        if (fits(cache->slot[i].plan, request))
            return &cache->slot[i];
    for (int32_t i = 0; i < RN_CACHED_PLANS; i++) {
        rn_cached_plan *const slot = &cache->slot[i];

        if (slot->plan == NULL || is_outdated(slot->plan, request))
            return slot;
        if (slot->plan->used < oldest->plan->used)
            oldest = slot;
    }
    return oldest;
}

static void release_arena(rn_storage *storage)
{
    rn_release(&storage->context->allocator, storage->memory);
}

static void bind_plans(rn_plan_cache *cache)
{
    for (int32_t i = 0; i < RN_CACHED_PLANS; i++) {
        rn_plan *const plan = cache->slot[i].plan;

        if (plan != NULL && cache->arena != NULL && plan->tape.arena_bytes <= cache->arena_bytes)
            plan->tape.arena = cache->arena->memory;
    }
}

/* An arena of at least this size; the old one is given up first, so that the two never exist at once. */
static rn_status grow_arena(rn_plan_cache *cache, size_t nbytes, rn_context *context, int32_t outputs)
{
    rn_status status;
    void *memory;

    if (cache->arena != NULL && nbytes <= cache->arena_bytes)
        return RN_OK;
    for (int32_t i = 0; i < RN_CACHED_PLANS; i++)
        forget_tensors(&cache->slot[i], outputs);
    rn_storage_release(cache->arena);
    cache->arena = NULL;
    cache->arena_bytes = 0;
    memory = rn_allocate(&context->allocator, nbytes);
    if (memory == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for a plan of %zu bytes", nbytes);
    status = rn_storage_create(&cache->arena, context, memory, release_arena, NULL);
    if (status != RN_OK) {
        rn_release(&context->allocator, memory);
        return status;
    }
    cache->arena_bytes = nbytes;
    return RN_OK;
}

/* Puts a new plan into the slot; the slot is empty after a failure. */
static rn_status replace_plan(rn_cached_plan *slot, const rn_plan_request *request)
{
    rn_plan *made;
    rn_status status = rn_plan_create(&made, request);

    if (status == RN_OK)
        status = rn_tape_prepare(&made->tape);
    if (status != RN_OK) {
        rn_plan_destroy(made);
        return status;
    }
    forget_tensors(slot, request->output_count);
    rn_plan_destroy(slot->plan);
    slot->plan = made;
    if (slot->tensor == NULL)
        slot->tensor = rn_allocate_zeroed(&request->context->allocator, (size_t)tensor_count(request->output_count),
                                          sizeof *slot->tensor);
    if (slot->tensor != NULL)
        return RN_OK;
    rn_plan_destroy(slot->plan);
    slot->plan = NULL;
    return rn_fail(&request->context->message, RN_NO_MEMORY, "no memory for a plan");
}

rn_status rn_plan_cache_find(rn_cached_plan **slot, rn_plan_cache *cache, const rn_plan_request *request)
{
    rn_cached_plan *const found = find_slot(cache, request);
    rn_status status = fits(found->plan, request) ? RN_OK : replace_plan(found, request);

    /* An allocation that failed since may have taken the arena away: it is asked for even where the plan was there. */
    if (status == RN_OK)
        status = grow_arena(cache, found->plan->tape.arena_bytes, request->context, request->output_count);
    if (status != RN_OK)
        return status;
    bind_plans(cache);
    found->plan->used = ++cache->clock;
    *slot = found;
    return RN_OK;
}
