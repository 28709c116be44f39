/* SPDX-License-Identifier: MIT */
/*
 * Placement: a buffer lives from the first operation that has it as an operand to the last, and buffers whose lives do
 * not meet may share bytes of the arena. Buffers are placed largest first, each at the lowest offset that is free over
 * its life.
 */
#include "run/tape.h"

#include <stdlib.h>

/* ---- lives ------------------------------------------------------------------------------------------------------- */

static void extend(rn_buffer *buffer, int32_t time)
{
    if (time < buffer->first)
        buffer->first = time;
    if (time > buffer->last)
        buffer->last = time;
}

static void find_lives(rn_tape *tape)
{
    for (int32_t i = 0; i < tape->operations; i++) {
        for (int j = 0; j < RN_OPERANDS; j++) {
            rn_buffer *const buffer = &tape->buffer[tape->view[tape->operation[i].operand[j].view].buffer];

            if (!rn_has(&tape->operation[i], j))
                continue;
            extend(buffer, i);
            if (i < tape->portion_end && buffer->of_images && !buffer->portioned) { /* every portion comes by again */
                extend(buffer, 0);
                extend(buffer, tape->portion_end - 1);
            }
        }
    }
    for (int32_t i = 0; i < tape->buffers; i++) {
        if (tape->buffer[i].from_start)
            extend(&tape->buffer[i], 0);
        if (tape->buffer[i].to_end)
            extend(&tape->buffer[i], tape->operations);
    }
}

static bool is_placed(const rn_buffer *buffer)
{
    return buffer->place == RN_IN_ARENA && buffer->first <= buffer->last;
}

/* False: more than an address space holds. */
static bool count_bytes(const rn_tape *tape, rn_buffer *buffer)
{
    const int64_t images = !buffer->of_images ? 1 : buffer->portioned ? tape->portion : tape->batch;
    size_t pixels, numbers;

    if (!rn_size_multiply(&pixels, (size_t)images, (size_t)buffer->h) ||
        !rn_size_multiply(&pixels, pixels, (size_t)buffer->w) ||
        !rn_size_multiply(&numbers, pixels, (size_t)buffer->c) ||
        !rn_size_multiply(&buffer->nbytes, numbers, buffer->element) || buffer->nbytes > SIZE_MAX / 4)
        return false;
    buffer->nbytes = (buffer->nbytes + RN_ALIGNMENT - 1) / RN_ALIGNMENT * RN_ALIGNMENT;
    return true;
}

/* ---- places in the arena ----------------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    const rn_buffer *const x = *(rn_buffer *const *)a, *const y = *(rn_buffer *const *)b;

    if (x->nbytes != y->nbytes)
        return x->nbytes < y->nbytes ? 1 : -1;
    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return (x > y) - (x < y); /* both of one array */
}

static int by_offset(const void *a, const void *b)
{
    const rn_buffer *const x = *(rn_buffer *const *)a, *const y = *(rn_buffer *const *)b;

    return (x->offset > y->offset) - (x->offset < y->offset);
}

/*
 * The lowest offset at which `buffer` meets none of the placed buffers that live when it lives; SIZE_MAX: the sum
 * overflows.
 */
static size_t lowest_offset(const rn_buffer *buffer, rn_buffer **neighbours, size_t count)
{
    size_t offset = 0;

    qsort(neighbours, count, sizeof *neighbours, by_offset);
    for (size_t i = 0; i < count; i++) {
        const rn_buffer *const other = neighbours[i];
        size_t end;

        if (!rn_size_add(&end, offset, buffer->nbytes))
            return SIZE_MAX;
        if (end <= other->offset)
            break;
        if (other->offset + other->nbytes > offset)
            offset = other->offset + other->nbytes;
    }
    return rn_size_add(&(size_t){ 0 }, offset, buffer->nbytes) ? offset : SIZE_MAX;
}

/* Places order[0, count), largest first; false: more than an address space holds. `neighbours` has room for all. */
static bool place_in_order(rn_tape *tape, rn_buffer **order, size_t count, rn_buffer **neighbours)
{
    qsort(order, count, sizeof *order, by_size);
    for (size_t i = 0; i < count; i++) {
        rn_buffer *const buffer = order[i];
        size_t near = 0;

        for (size_t j = 0; j < i; j++)
            if (order[j]->first <= buffer->last && buffer->first <= order[j]->last)
                neighbours[near++] = order[j];
        buffer->offset = lowest_offset(buffer, neighbours, near);
        if (buffer->offset == SIZE_MAX)
            return false;
        if (buffer->offset + buffer->nbytes > tape->arena_bytes)
            tape->arena_bytes = buffer->offset + buffer->nbytes;
    }
    return true;
}

rn_status rn_tape_place(rn_tape *tape)
{
    const rn_allocator *const allocator = &tape->context->allocator;
    rn_buffer **const order = rn_allocate_array(allocator, (size_t)tape->buffers + 1, sizeof *order);
    rn_buffer **const neighbours = rn_allocate_array(allocator, (size_t)tape->buffers + 1, sizeof *neighbours);
    const bool has_room = order != NULL && neighbours != NULL;
    bool fits = true;
    size_t count = 0;

    find_lives(tape);
    for (int32_t i = 0; i < tape->buffers && has_room; i++) {
        if (!is_placed(&tape->buffer[i]))
            continue;
        fits = count_bytes(tape, &tape->buffer[i]) && fits;
        order[count++] = &tape->buffer[i];
    }
    fits = has_room && fits && place_in_order(tape, order, count, neighbours);
    rn_release(allocator, neighbours);
    rn_release(allocator, order);
    if (!has_room)
        return rn_fail(&tape->context->message, RN_NO_MEMORY, "no memory for a plan");
    return fits ? RN_OK
                : rn_fail(&tape->context->message, RN_NO_MEMORY, "a batch of this size does not fit the address space");
}
