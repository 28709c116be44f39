/* SPDX-License-Identifier: MIT */
/* What a file may cost: three numbers that only fall, and an allocator that makes one of them fall. */
#include "base/budget.h"

#include <stdint.h>

static void *allocate(size_t nbytes, size_t alignment, void *payload)
{
    rn_budget *const budget = payload;
    const size_t blocks = nbytes / RN_ALIGNMENT + 1; /* small blocks cost more than they hold */

    if (nbytes > SIZE_MAX - RN_ALIGNMENT || !rn_budget_memory(budget, blocks * RN_ALIGNMENT))
        return NULL;
    return budget->source->allocate(nbytes, alignment, budget->source->payload);
}

static void release(void *memory, void *payload)
{
    const rn_budget *const budget = payload;

    budget->source->release(memory, budget->source->payload);
}

static rn_budget_limit limit_of(size_t nbytes, size_t per_byte, size_t anyway)
{
    const size_t allowed = nbytes > (SIZE_MAX - anyway) / per_byte ? SIZE_MAX : nbytes * per_byte + anyway;

    return (rn_budget_limit){ .allowed = allowed, .left = allowed };
}

void rn_budget_init(rn_budget *budget, const rn_allocator *source, size_t nbytes)
{
    *budget = (rn_budget){ .allocator = { .allocate = allocate, .release = release, .payload = budget },
                           .source = source,
                           .nbytes = nbytes };
    budget->memory = limit_of(nbytes, RN_BUDGET_MEMORY_PER_BYTE, RN_BUDGET_MEMORY_ANYWAY);
    budget->work = limit_of(nbytes, RN_BUDGET_WORK_PER_BYTE, RN_BUDGET_WORK_ANYWAY);
    budget->elements = limit_of(nbytes, RN_BUDGET_ELEMENTS_PER_BYTE, RN_BUDGET_ELEMENTS_ANYWAY);
}

static bool spend(rn_budget_limit *limit, size_t amount)
{
    if (limit->passed || amount > limit->left) {
        limit->passed = true;
        return false;
    }
    limit->left -= amount;
    return true;
}

bool rn_budget_memory(rn_budget *budget, size_t nbytes)
{
    return spend(&budget->memory, nbytes);
}

bool rn_budget_work(rn_budget *budget, size_t units)
{
    return spend(&budget->work, units);
}

bool rn_budget_elements(rn_budget *budget, size_t nbytes)
{
    return spend(&budget->elements, nbytes);
}

size_t rn_budget_product(size_t count, size_t each)
{
    size_t product;

    return rn_size_multiply(&product, count, each) ? product : SIZE_MAX;
}

void rn_budget_return(rn_budget *budget, size_t nbytes)
{
    budget->memory.left += nbytes;
}

rn_status rn_budget_settle(const rn_budget *budget, rn_status status, const char *path, rn_message *message)
{
    if (budget->memory.passed)
        return rn_fail(
            message, RN_FORMAT,
            "%s: reading it needs far more memory than its size justifies: more than %zu bytes, the limit of "
            "a file of %zu bytes",
            path, budget->memory.allowed, budget->nbytes);
    if (budget->work.passed)
        return rn_fail(
            message, RN_FORMAT,
            "%s: its values or bytes repeat far more often than its size justifies: more than %zu steps, the limit of "
            "a file of %zu bytes",
            path, budget->work.allowed, budget->nbytes);
    if (budget->elements.passed)
        return rn_fail(message, RN_FORMAT,
                       "%s: its tensors are far larger than its size justifies: more than %zu bytes of elements, the "
                       "limit of a file of %zu bytes",
                       path, budget->elements.allowed, budget->nbytes);
    return status;
}
