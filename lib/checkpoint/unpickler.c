/* SPDX-License-Identifier: MIT */
/*
 * The machine of the restricted unpickler: a stack, marks in it, a memo (Python's pickletools.py describes it).
 * pickle_opcodes.c and pickle_calls.c say what each opcode does with them, pickle.c runs a pickle.
 *
 * Values live in blocks that are released as a whole, so that shared and even circular values are no matter here (who
 * walks the tree limits its depth). Limits: 64 MiB of pickle, and the budget of the file: a state dict needs about 7
 * bytes of memory for each of its own, lists of small numbers 16 and what doubling wastes.
 */
#include "checkpoint/unpickler.h"

#include "checkpoint/checkpoint.h"
#include <string.h>

enum { FIRST_BLOCK = 1 << 12, LARGEST_BLOCK = 1 << 20 };

#define UNSET UINT32_MAX /* type of a memo entry that nothing was put into */

struct rn_pickle_block {
    rn_pickle_block *next;
    size_t size, used;
    max_align_t data[];
};

rn_status rn_unpickler_damaged(const rn_unpickler *u, const char *what)
{
    return rn_fail(u->message, RN_FORMAT, "%s: damaged pickle at byte %zu: %s", u->path, u->at, what);
}

static rn_status no_memory(const rn_unpickler *u)
{
    return rn_fail(u->message, RN_NO_MEMORY, "%s: no memory for the pickle", u->path);
}

static const rn_allocator *allocator_of(const rn_unpickler *u)
{
    return &u->pickle->budget->allocator;
}

rn_status rn_unpickler_work(rn_unpickler *u, size_t units)
{
    return rn_budget_work(u->pickle->budget, units)
               ? RN_OK
               : rn_budget_settle(u->pickle->budget, RN_FORMAT, u->path, u->message);
}

rn_status rn_unpickler_allocate(void **memory, rn_unpickler *u, size_t nbytes)
{
    rn_pickle_block *block = u->pickle->blocks;

    nbytes = (nbytes + _Alignof(max_align_t) - 1) / _Alignof(max_align_t) * _Alignof(max_align_t);
    if (block == NULL || block->size - block->used < nbytes) {
        size_t size = block == NULL ? FIRST_BLOCK : block->size * 2 < LARGEST_BLOCK ? block->size * 2 : LARGEST_BLOCK;

        if (size < nbytes)
            size = nbytes;
        rn_pickle_block *fresh = rn_allocate(allocator_of(u), sizeof *fresh + size);
        if (fresh == NULL)
            return no_memory(u);
        *fresh = (rn_pickle_block){ .next = block, .size = size };
        u->pickle->blocks = block = fresh;
    }
    *memory = (char *)block->data + block->used;
    block->used += nbytes;
    return RN_OK;
}

/* Makes room for one more element of one of the unpickler's own arrays. */
static rn_status make_room(rn_unpickler *u, void **array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return RN_OK;
    const size_t wanted = *capacity == 0 ? 32 : *capacity * 2;
    void *grown = rn_grow_array(allocator_of(u), *array, count, wanted, size);
    if (grown == NULL)
        return no_memory(u);
    *array = grown;
    *capacity = wanted;
    return RN_OK;
}

rn_status rn_unpickler_push(rn_unpickler *u, rn_pickle_value value)
{
    void *stack = u->stack;
    rn_status status = make_room(u, &stack, u->count, &u->capacity, sizeof *u->stack);

    u->stack = stack;
    if (status == RN_OK)
        u->stack[u->count++] = value;
    return status;
}

size_t rn_unpickler_available(const rn_unpickler *u)
{
    return u->count - (u->mark_count == 0 ? 0 : u->marks[u->mark_count - 1]);
}

const rn_pickle_value *rn_unpickler_pop(rn_unpickler *u, size_t count)
{
    if (rn_unpickler_available(u) < count)
        return NULL;
    u->count -= count;
    return u->stack + u->count;
}

const rn_pickle_value *rn_unpickler_pop_mark(rn_unpickler *u, size_t *count)
{
    static const rn_pickle_value nothing = { 0 };

    if (u->mark_count == 0)
        return NULL;
    *count = rn_unpickler_available(u);
    u->count = u->marks[--u->mark_count];
    return u->stack == NULL ? &nothing : u->stack + u->count;
}

const unsigned char *rn_unpickler_take(rn_unpickler *u, size_t count)
{
    if (u->nbytes - u->at < count)
        return NULL;
    u->at += count;
    return u->bytes + u->at - count;
}

rn_status rn_unpickler_take_line(const unsigned char **line, size_t *length, rn_unpickler *u)
{
    const unsigned char *start = u->bytes + u->at;
    const size_t left = u->nbytes - u->at;
    const unsigned char *end = memchr(start, '\n', left < RN_UNPICKLER_LINE ? left : RN_UNPICKLER_LINE);

    if (end == NULL)
        return rn_unpickler_damaged(u, "a line has no end");
    *line = start;
    *length = (size_t)(end - start);
    u->at += *length + 1;
    return RN_OK;
}

rn_status rn_unpickler_append(rn_unpickler *u, rn_pickle_items *items, const rn_pickle_value *values, size_t count)
{
    if (count > items->capacity - items->count) {
        const size_t capacity = items->count + (count > items->count ? count : items->count);
        void *memory;
        rn_status status = rn_unpickler_allocate(
            &memory, u, capacity * sizeof *values); /* both are below the pickle's bytes: no overflow */

        if (status != RN_OK)
            return status;
        if (items->count > 0)
            memcpy(memory, items->value, items->count * sizeof *values);
        items->value = memory;
        items->capacity = capacity;
    }
    if (count > 0)
        memcpy(items->value + items->count, values, count * sizeof *values);
    items->count += count;
    return RN_OK;
}

rn_status rn_unpickler_make(rn_pickle_value *made, rn_unpickler *u, rn_pickle_type type, const rn_pickle_value *values,
                            size_t count)
{
    void *memory;
    rn_status status = rn_unpickler_allocate(&memory, u, sizeof(rn_pickle_items));

    if (status != RN_OK)
        return status;
    rn_pickle_items *items = memory;
    *items = (rn_pickle_items){ 0 };
    *made = (rn_pickle_value){ .type = type, .as.items = items };
    return rn_unpickler_append(u, items, values, count);
}

rn_status rn_unpickler_push_made(rn_unpickler *u, rn_pickle_type type, const rn_pickle_value *values, size_t count)
{
    rn_pickle_value made;
    rn_status status = rn_unpickler_make(&made, u, type, values, count);

    return status == RN_OK ? rn_unpickler_push(u, made) : status;
}

/* Numbers of the memo are dealt in order by every pickler, so they stay below the number of opcodes. */
rn_status rn_unpickler_put(rn_unpickler *u, size_t index)
{
    if (rn_unpickler_available(u) == 0 || index >= u->opcodes)
        return rn_unpickler_damaged(u, "the memo is used out of order");
    if (index >= u->memo_capacity) {
        const size_t wanted = index + 1 > u->memo_capacity * 2 ? index + 32 : u->memo_capacity * 2;
        rn_pickle_value *memo = rn_grow_array(allocator_of(u), u->memo, u->memo_capacity, wanted, sizeof *memo);

        if (memo == NULL)
            return no_memory(u);
        for (size_t i = u->memo_capacity; i < wanted; i++)
            memo[i] = (rn_pickle_value){ .type = UNSET };
        u->memo = memo;
        u->memo_capacity = wanted;
    }
    u->memo[index] = u->stack[u->count - 1];
    return RN_OK;
}

rn_status rn_unpickler_recall(rn_unpickler *u, size_t index)
{
    if (index >= u->memo_capacity || u->memo[index].type == UNSET)
        return rn_unpickler_damaged(u, "the memo has no such value");
    return rn_unpickler_push(u, u->memo[index]);
}

rn_status rn_unpickler_mark(rn_unpickler *u)
{
    void *marks = u->marks;
    rn_status status = make_room(u, &marks, u->mark_count, &u->mark_capacity, sizeof *u->marks);

    u->marks = marks;
    if (status == RN_OK)
        u->marks[u->mark_count++] = u->count;
    return status;
}

void rn_pickle_release(rn_pickle *pickle)
{
    for (rn_pickle_block *block = pickle->blocks, *next; block != NULL; block = next) {
        next = block->next;
        rn_release(&pickle->budget->allocator, block);
    }
    if (pickle->budget != NULL)
        rn_budget_return(pickle->budget, pickle->charged);
    *pickle = (rn_pickle){ 0 };
}
