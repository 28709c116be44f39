/* SPDX-License-Identifier: MIT */
/* Plans that keep to a limit: as much memory as there is, and no more time than that takes. */
#include "run/plan.h"

static rn_status create(rn_plan **plan, const rn_plan_request *request)
{
    const rn_status status = rn_plan_begin(plan, request);

    return status == RN_OK ? rn_plan_finish(plan, request) : status;
}

/* Replaces *plan, which may be NULL, by one of that request that makes `recompute` maps again. */
static rn_status replace(rn_plan **plan, rn_plan_request *request, int32_t recompute)
{
    rn_plan_destroy(*plan);
    request->recompute = recompute;
    return create(plan, request);
}

static bool fits(const rn_plan *plan, const rn_plan_request *request)
{
    return rn_plan_bytes(plan) <= request->memory_limit;
}

/* The fewest maps made again that will do, where `most`, *plan's, will: by halving, since more need less memory. */
static rn_status use_the_limit(rn_plan **plan, rn_plan_request *request)
{
    int32_t least = 0, most = (*plan)->recomputed;
    rn_status status = RN_OK;

    while (status == RN_OK && least < most) {
        const int32_t middle = least + (most - least) / 2;

        status = replace(plan, request, middle);
        if (status == RN_OK && fits(*plan, request))
            most = middle;
        else
            least = middle + 1;
    }
    return status == RN_OK && (*plan)->recomputed != most ? replace(plan, request, most) : status;
}

rn_status rn_plan_create(rn_plan **plan, const rn_plan_request *request)
{
    rn_plan_request within = *request;
    rn_status status = create(plan, request);

    if (status != RN_OK || request->memory_limit == 0 || fits(*plan, request))
        return status;
    status = replace(plan, &within, INT32_MAX);
    if (status == RN_OK && !fits(*plan, request)) {
        within.portion_bytes = 1;
        status = replace(plan, &within, INT32_MAX);
    }
    if (status == RN_OK && !fits(*plan, request)) {
        status = rn_fail(&request->context->message, RN_NO_MEMORY,
                         "a batch of %lld at %lld x %lld needs %zu bytes at least, and the limit is %zu",
                         (long long)request->batch, (long long)request->height, (long long)request->width,
                         rn_plan_bytes(*plan), request->memory_limit);
        rn_plan_destroy(*plan);
        *plan = NULL;
        return status;
    }
    return status == RN_OK ? use_the_limit(plan, &within) : status;
}
