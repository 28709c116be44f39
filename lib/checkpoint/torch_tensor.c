/* SPDX-License-Identifier: MIT */
/* The calls that stand for tensors: rebuild functions of torch/_utils.py and torch/_tensor.py. */
#include "checkpoint/torch_walk.h"

#include <string.h>

enum { TENSOR_WORK = 512, MEMBER_WORK = 32 /* an entry of a dictionary that is looked through */ };

rn_status rn_walk_add_layout(rn_torch_walk *w, const rn_torch_layout *layout)
{
    rn_tensor *tensor = NULL;
    rn_status status = rn_reader_work(w->reader, TENSOR_WORK);

    if (status == RN_OK)
        status = rn_torch_place(&tensor, w->reader, w->name, layout);
    return status == RN_OK ? rn_walk_keep(w, tensor) : status;
}

/* A tuple of whole numbers: sizes or strides. */
static bool read_sizes(int64_t sizes[RN_MAX_RANK], size_t rank, const rn_pickle_value *value)
{
    const rn_pickle_items *items = rn_pickle_sequence(value);

    if (items == NULL || items->count != rank)
        return false;
    for (size_t i = 0; i < rank; i++) {
        if (items->value[i].type != RN_PICKLE_INTEGER || items->value[i].as.integer < 0)
            return false;
        sizes[i] = items->value[i].as.integer;
    }
    return true;
}

/* Offset, size and strides of a rebuilt tensor. */
static rn_status read_geometry(rn_torch_layout *layout, const rn_torch_walk *w, const rn_pickle_items *arguments)
{
    const rn_pickle_items *size = rn_pickle_sequence(&arguments->value[2]);

    if (size == NULL || arguments->value[1].type != RN_PICKLE_INTEGER)
        return rn_fail(rn_walk_message(w), RN_FORMAT, "%s: tensor '%s' has no shape", w->reader->path, w->name);
    if (size->count > RN_MAX_RANK)
        return rn_fail(rn_walk_message(w), RN_UNSUPPORTED, "%s: tensor '%s' has %zu dimensions; at most %d are read",
                       w->reader->path, w->name, size->count, RN_MAX_RANK);
    if (!read_sizes(layout->shape, size->count, &arguments->value[2]) ||
        !read_sizes(layout->strides, size->count, &arguments->value[3]))
        return rn_fail(rn_walk_message(w), RN_FORMAT, "%s: tensor '%s' has an impossible shape or strides",
                       w->reader->path, w->name);
    layout->offset = arguments->value[1].as.integer;
    layout->rank = (int32_t)size->count;
    return RN_OK;
}

/*
 * The seventh argument says that a tensor means the negated or conjugated numbers of its storage (torch/_utils.py,
 * set_tensor_metadata). Such views are rare; reading them as they lie would give other values than PyTorch.
 */
static rn_status is_lazy_view(bool *lazy, const rn_torch_walk *w, const rn_pickle_items *arguments)
{
    static const char *const flags[] = { "neg", "conj" };
    const rn_pickle_value *metadata = arguments->count > 6 ? &arguments->value[6] : NULL;

    *lazy = false;
    if (metadata == NULL || metadata->type != RN_PICKLE_DICTIONARY)
        return RN_OK;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        const rn_pickle_value *flag = rn_pickle_member(metadata, flags[i]);

        *lazy = *lazy || (flag != NULL && (flag->type != RN_PICKLE_BOOL || flag->as.integer != 0));
    }
    return rn_reader_work(w->reader, rn_budget_product(metadata->as.items->count, MEMBER_WORK));
}

/*
 * _rebuild_tensor_v2(storage, offset, size, strides, requires_grad, hooks, metadata): some writers give the storage's
 * id without making it a persistent one.
 */
rn_status rn_walk_add_rebuilt(rn_torch_walk *w, const rn_pickle_global *function, const rn_pickle_items *arguments)
{
    rn_torch_layout layout = { 0 };
    rn_torch_storage_id id;

    if (arguments->count < 4)
        return rn_fail(rn_walk_message(w), RN_FORMAT, "%s: tensor '%s' is incomplete", w->reader->path, w->name);
    const rn_pickle_value *storage = &arguments->value[0];
    if (storage->type == RN_PICKLE_PERSISTENT)
        storage = &storage->as.items->value[0];
    if (rn_torch_unread_storage(storage) != NULL)
        return rn_walk_pass_over(w, rn_torch_unread_storage(storage));
    bool lazy;
    rn_status status = is_lazy_view(&lazy, w, arguments);
    if (status == RN_OK && lazy)
        return rn_walk_pass_over(w, function);
    if (status == RN_OK)
        status = rn_torch_storage_id_read(&id, w->reader, storage);
    if (status == RN_OK)
        status = read_geometry(&layout, w, arguments);
    if (status == RN_OK)
        status = w->source->find(&layout.storage, w->source->payload, id.key, id.dtype);
    if (status != RN_OK)
        return status;
    if ((uint64_t)id.count > layout.storage->nbytes / rn_dtype_size(id.dtype))
        return rn_fail(rn_walk_message(w), RN_FORMAT,
                       "%s: tensor '%s': its storage '%s' holds %zu bytes, less than the %lld elements that it should",
                       w->reader->path, w->name, id.key, layout.storage->nbytes, (long long)id.count);
    layout.dtype = id.dtype;
    layout.start = id.start;
    layout.length = id.length;
    return rn_walk_add_layout(w, &layout);
}

/* (function, type, arguments, state): a tensor of a class of its own. Plain ones are read, whatever their attributes.
 */
rn_status rn_walk_add_subclass(rn_torch_walk *w, const rn_pickle_items *arguments)
{
    if (arguments->count < 3 || arguments->value[0].type != RN_PICKLE_GLOBAL ||
        rn_pickle_sequence(&arguments->value[2]) == NULL)
        return rn_fail(rn_walk_message(w), RN_FORMAT, "%s: tensor '%s' is incomplete", w->reader->path, w->name);
    if (arguments->value[0].as.global->kind != RN_GLOBAL_TENSOR)
        return rn_walk_pass_over(w, arguments->value[0].as.global);
    return rn_walk_add_rebuilt(w, arguments->value[0].as.global, rn_pickle_sequence(&arguments->value[2]));
}
