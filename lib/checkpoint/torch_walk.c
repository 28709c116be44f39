/* SPDX-License-Identifier: MIT */
/* The dotted name of the value being looked at, and the tensors that were found, in order. */
#include "checkpoint/torch_walk.h"

#include <string.h>

/* Units of the budget's work: how often the bytes of a name are gone over. */
enum { TEXT_WORK = 4, FIRST_NAME = 256 };

rn_message *rn_walk_message(const rn_torch_walk *w)
{
    return &w->reader->context->message;
}

const rn_allocator *rn_walk_allocator(const rn_torch_walk *w)
{
    return &w->reader->budget->allocator;
}

rn_status rn_walk_no_memory(const rn_torch_walk *w)
{
    return rn_fail(rn_walk_message(w), RN_NO_MEMORY, "%s: no memory for '%s'", w->reader->path, w->name);
}

rn_status rn_walk_begin(rn_torch_walk *w)
{
    w->name = rn_allocate(rn_walk_allocator(w), FIRST_NAME);
    if (w->name == NULL)
        return rn_fail(rn_walk_message(w), RN_NO_MEMORY, "%s: no memory", w->reader->path);
    w->name_capacity = FIRST_NAME;
    w->name[0] = '\0';
    return RN_OK;
}

void rn_walk_end(rn_torch_walk *w)
{
    const rn_allocator *allocator = rn_walk_allocator(w);

    for (size_t i = 0; i < w->count; i++) {
        rn_release(allocator, w->found[i].name);
        rn_tensor_destroy(w->found[i].tensor);
    }
    rn_release(allocator, w->found);
    rn_release(allocator, w->name);
}

rn_status rn_walk_enter(size_t *length, rn_torch_walk *w, const char *part, size_t part_length)
{
    const size_t needed = w->length + part_length + 2;
    rn_status status = rn_reader_work(w->reader, part_length);

    *length = w->length;
    if (status != RN_OK)
        return status;
    if (needed > w->name_capacity) {
        const size_t capacity = needed * 2;
        char *grown = rn_grow_array(rn_walk_allocator(w), w->name, w->length + 1, capacity, 1);

        if (grown == NULL)
            return rn_walk_no_memory(w);
        w->name = grown;
        w->name_capacity = capacity;
    }
    if (w->length > 0)
        w->name[w->length++] = '.';
    memcpy(w->name + w->length, part, part_length);
    w->length += part_length;
    w->name[w->length] = '\0';
    return RN_OK;
}

void rn_walk_leave(rn_torch_walk *w, size_t length)
{
    w->length = length;
    w->name[length] = '\0';
}

/* May this tensor be kept at all? */
static rn_status admit(const rn_torch_walk *w)
{
    if (w->length == 0)
        return rn_fail(rn_walk_message(w), RN_UNSUPPORTED,
                       "%s: holds a tensor without a name, not a dictionary of tensors", w->reader->path);
    if (w->count >= RN_CHECKPOINT_TENSORS)
        return rn_fail(rn_walk_message(w), RN_FORMAT, "%s: more than %d tensors", w->reader->path,
                       RN_CHECKPOINT_TENSORS);
    return rn_reader_work(w->reader, rn_budget_product(w->length, TEXT_WORK));
}

static rn_status make_room(rn_torch_walk *w)
{
    const size_t capacity = w->capacity == 0 ? 64 : w->capacity * 2;

    if (w->count < w->capacity)
        return RN_OK;
    void *grown = rn_grow_array(rn_walk_allocator(w), w->found, w->count, capacity, sizeof *w->found);
    if (grown == NULL)
        return rn_walk_no_memory(w);
    w->found = grown;
    w->capacity = capacity;
    return RN_OK;
}

rn_status rn_walk_keep(rn_torch_walk *w, rn_tensor *tensor)
{
    rn_status status = admit(w);
    char *name = NULL;

    if (status == RN_OK)
        status = make_room(w);
    if (status == RN_OK && (name = rn_copy_string(rn_walk_allocator(w), w->name)) == NULL)
        status = rn_walk_no_memory(w);
    if (status != RN_OK) {
        rn_tensor_destroy(tensor);
        return status;
    }
    w->found[w->count++] = (rn_found_tensor){ .name = name, .tensor = tensor };
    return RN_OK;
}
