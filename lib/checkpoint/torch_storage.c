/* SPDX-License-Identifier: MIT */
/*
 * Storages by key, and tensors placed in them: everything a file claims about offsets, sizes and strides is checked
 * here.
 */
#include "checkpoint/torch.h"

#include <stdio.h>
#include <string.h>

rn_torch_storage *rn_torch_storages_find(const rn_torch_storages *storages, const char *key)
{
    size_t position;

    return rn_name_index_find(&position, &storages->index, key) ? &storages->storage[position] : NULL;
}

rn_status rn_torch_storages_add(rn_torch_storages *storages, const rn_reader *reader, const rn_torch_storage *storage,
                                const char *key)
{
    const rn_allocator *allocator = &reader->budget->allocator;
    rn_message *message = &reader->context->message;
    size_t position;

    if (rn_name_index_find(&position, &storages->index, key))
        return rn_fail(message, RN_FORMAT, "%s: there are two storages '%s'", reader->path, key);
    if (storages->count == storages->capacity) {
        const size_t capacity = storages->capacity == 0 ? 32 : storages->capacity * 2;
        void *grown = rn_grow_array(allocator, storages->storage, storages->count, capacity, sizeof *storages->storage);

        if (grown == NULL)
            return rn_fail(message, RN_NO_MEMORY, "%s: no memory for the storage '%s'", reader->path, key);
        storages->storage = grown;
        storages->capacity = capacity;
    }
    char *copy = rn_copy_string(allocator, key);
    if (copy == NULL || !rn_name_index_insert(&storages->index, allocator, copy, storages->count)) {
        rn_release(allocator, copy);
        return rn_fail(message, RN_NO_MEMORY, "%s: no memory for the storage '%s'", reader->path, key);
    }
    storages->storage[storages->count] = *storage;
    storages->storage[storages->count++].key = copy;
    return RN_OK;
}

void rn_torch_storages_release(rn_torch_storages *storages, const rn_allocator *allocator)
{
    for (size_t i = 0; i < storages->count; i++) {
        rn_release(allocator, storages->storage[i].key);
        rn_storage_release(storages->storage[i].owner);
    }
    rn_release(allocator, storages->storage);
    rn_name_index_release(&storages->index, allocator);
    *storages = (rn_torch_storages){ 0 };
}

bool rn_torch_key(char key[RN_TORCH_KEY], const rn_reader *reader, const rn_pickle_value *value)
{
    if (value->type != RN_PICKLE_TEXT && value->type != RN_PICKLE_INTEGER && value->type != RN_PICKLE_LONG)
        return false;
    return value->length < RN_TORCH_KEY && rn_budget_work(reader->budget, rn_pickle_print_work(value)) &&
           rn_pickle_print(key, RN_TORCH_KEY, value) && key[0] != '\0';
}

static bool whole_number(int64_t *number, const rn_pickle_value *value)
{
    if (value->type != RN_PICKLE_INTEGER || value->as.integer < 0)
        return false;
    *number = value->as.integer;
    return true;
}

/* (view key, offset, length), or None. */
static bool read_view(rn_torch_storage_id *id, const rn_pickle_value *value)
{
    if (value->type == RN_PICKLE_NONE)
        return true;
    const rn_pickle_items *view = rn_pickle_sequence(value);
    return view != NULL && view->count == 3 && whole_number(&id->start, &view->value[1]) &&
           whole_number(&id->length, &view->value[2]) && id->length <= id->count && id->start <= id->count - id->length;
}

rn_status rn_torch_storage_id_read(rn_torch_storage_id *id, const rn_reader *reader, const rn_pickle_value *value)
{
    rn_message *message = &reader->context->message;
    const rn_pickle_items *items = rn_pickle_sequence(value);

    if (items == NULL || items->count < 5 || items->count > 6 || !rn_pickle_is_text(&items->value[0], "storage"))
        return rn_fail(message, RN_FORMAT, "%s: the pickle refers to something outside that is not a storage",
                       reader->path);
    const rn_pickle_value *type = &items->value[1];
    if (type->type == RN_PICKLE_GLOBAL && rn_pickle_opaque(type) != NULL && type->as.global->dtype == 0)
        return rn_fail(message, RN_UNSUPPORTED, "%s: elements of a %s.%s are not read", reader->path,
                       type->as.global->module, type->as.global->name);
    if (type->type != RN_PICKLE_GLOBAL || type->as.global->dtype == 0)
        return rn_fail(message, RN_FORMAT, "%s: a storage has no type", reader->path);
    if (!rn_torch_key(id->key, reader, &items->value[2]) || !whole_number(&id->count, &items->value[4]))
        return rn_fail(message, RN_FORMAT, "%s: a storage has no key or no size", reader->path);
    id->type = type->as.global;
    id->dtype = id->type->dtype;
    id->width = rn_dtype_size(id->dtype) * (id->type->kind == RN_GLOBAL_PAIRS ? 2 : 1);
    id->start = 0;
    id->length = id->count;
    if (items->count == 6 && !read_view(id, &items->value[5]))
        return rn_fail(message, RN_FORMAT, "%s: a view of the storage '%s' does not lie inside it", reader->path,
                       id->key);
    return RN_OK;
}

const rn_pickle_global *rn_torch_unread_storage(const rn_pickle_value *id)
{
    const rn_pickle_items *items = rn_pickle_sequence(id);

    if (items == NULL)
        return rn_pickle_opaque(id);
    return items->count < 2 ? NULL : rn_pickle_opaque(&items->value[1]);
}

/* The largest index that the shape and strides reach, -1 if there are no elements; false on overflow. */
static bool last_element(int64_t *last, const rn_torch_layout *layout)
{
    int64_t reach = layout->offset;

    for (int32_t i = 0; i < layout->rank; i++)
        if (layout->shape[i] == 0) {
            *last = -1;
            return true;
        }
    for (int32_t i = 0; i < layout->rank; i++) {
        const int64_t steps = layout->shape[i] - 1, stride = layout->strides[i];

        if (steps > 0 && stride > 0 && steps > (INT64_MAX - reach) / stride)
            return false;
        reach += steps * (steps > 0 ? stride : 0);
    }
    *last = reach;
    return true;
}

/* A stride that is not stepped along may be anything, and multiplying it would overflow. */
static void tame_strides(int64_t *strides, const rn_torch_layout *layout, bool empty)
{
    rn_order_strides(strides, layout->rank, layout->shape, RN_ROW_MAJOR);
    for (int32_t i = 0; i < layout->rank; i++)
        if (!empty && (layout->shape[i] > 1 || layout->strides[i] <= layout->length))
            strides[i] = layout->strides[i];
}

rn_status rn_torch_place(rn_tensor **tensor, const rn_reader *reader, const char *name, const rn_torch_layout *layout)
{
    rn_message *message = &reader->context->message;
    const size_t element = rn_dtype_size(layout->dtype);
    const size_t held = layout->storage->nbytes / element;
    int64_t strides[RN_MAX_RANK], count, last;
    size_t nbytes;

    if (layout->length < 0 || layout->start < 0 || (uint64_t)layout->length > held ||
        (uint64_t)layout->start > held - (uint64_t)layout->length)
        return rn_fail(message, RN_FORMAT,
                       "%s: tensor '%s': its storage '%s' holds %zu elements, not the %lld that it should",
                       reader->path, name, layout->storage->key, held, (long long)layout->length);
    if (!rn_shape_bytes(&nbytes, &count, layout->rank, layout->shape, element) || layout->offset < 0 ||
        !last_element(&last, layout))
        return rn_fail(message, RN_FORMAT, "%s: tensor '%s' is too large or has a negative size", reader->path, name);
    if (last >= layout->length)
        return rn_fail(message, RN_FORMAT, "%s: tensor '%s' reaches element %lld of a storage of %lld", reader->path,
                       name, (long long)last, (long long)layout->length);
    const int64_t first = last < 0 ? layout->start : layout->start + layout->offset;
    tame_strides(strides, layout, last < 0);
    return rn_reader_tensor(tensor, reader, layout->storage->owner, layout->storage->data + (size_t)first * element,
                            layout->dtype, layout->rank, layout->shape, strides);
}
