/* SPDX-License-Identifier: MIT */
/*
 * PyTorch's oldest container (torch/serialization.py, legacy_load): a tar archive of
 *   storages   how many; for each the pickle (key, location, type), the number of elements (8 bytes), the elements;
 *              then, in a pickle, views of storages: [(key, root key, offset, length)]
 *   tensors    how many; for each the pickle (key, storage key, class), rank (4 bytes and 4 unused), sizes, strides,
 *              offset (8 bytes each)
 *   pickle     the object; a persistent id is a tensor's key
 *   sys_info   about the machine
 * Some writers leave `tensors` out and rebuild tensors in the pickle as the later containers do.
 */
#include "checkpoint/torch.h"

#include <string.h>

enum { BLOCK = 512 };

typedef struct tar_member {
    const unsigned char *bytes;
    size_t nbytes, at;
} tar_member;

typedef struct described_tensor {
    char *key;
    rn_torch_layout layout;
} described_tensor;

typedef struct torch_tar {
    rn_reader *reader;
    tar_member storages_member, tensors_member, pickle_member, system_member;
    rn_torch_storages storages;
    described_tensor *tensors;
    size_t count, capacity;
    rn_name_index index; /* of the tensors */
} torch_tar;

/* ---- the archive ----------------------------------------------------------------------------------------------- */

/* Octal digits with spaces or a zero byte at the end. */
static bool octal(uint64_t *value, const unsigned char *digits, size_t count)
{
    size_t i = 0;

    *value = 0;
    while (i < count && digits[i] == ' ')
        i++;
    const size_t first = i;
    for (; i < count && digits[i] >= '0' && digits[i] <= '7'; i++) {
        if (*value >> 60 != 0)
            return false;
        *value = *value << 3 | (uint64_t)(digits[i] - '0');
    }
    return i > first && (i == count || digits[i] == ' ' || digits[i] == '\0');
}

bool rn_tar_recognise(const unsigned char *bytes, size_t nbytes)
{
    uint64_t sum = 0, written;

    if (nbytes < BLOCK || !octal(&written, bytes + 148, 8))
        return false;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : bytes[i];
    return sum == written && bytes[0] != 0;
}

static rn_status damaged(const torch_tar *tar, const char *what)
{
    return rn_fail(&tar->reader->context->message, RN_FORMAT, "%s: damaged tar archive: %s", tar->reader->path, what);
}

static rn_status list_members(torch_tar *tar)
{
    const rn_reader *reader = tar->reader;
    const struct {
        const char *name;
        tar_member *member;
    } wanted[] = {
        { "storages", &tar->storages_member },
        { "tensors", &tar->tensors_member },
        { "pickle", &tar->pickle_member },
        { "sys_info", &tar->system_member },
    };
    size_t at = 0;

    while (reader->nbytes - at >= BLOCK && reader->bytes[at] != 0) {
        const unsigned char *header = reader->bytes + at;
        uint64_t size;

        if (!rn_tar_recognise(header, BLOCK) || !octal(&size, header + 124, 12))
            return damaged(tar, "a header's checksum or size is wrong");
        at += BLOCK;
        if (size > reader->nbytes - at)
            return damaged(tar, "a member reaches beyond the end of the file");
        const bool file = header[156] == '0' || header[156] == '\0';
        const char *name = (const char *)header;
        if (strncmp(name, "./", 2) == 0)
            name += 2;
        for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
            if (file && strncmp(name, wanted[i].name, 98) == 0)
                *wanted[i].member = (tar_member){ .bytes = reader->bytes + at, .nbytes = (size_t)size };
        const size_t padded = ((size_t)size + BLOCK - 1) / BLOCK * BLOCK;
        at += padded < reader->nbytes - at ? padded : reader->nbytes - at;
    }
    if (tar->pickle_member.bytes == NULL || tar->storages_member.bytes == NULL)
        return rn_fail(&reader->context->message, RN_FORMAT,
                       "%s: a tar archive without 'pickle' and 'storages': not a file of torch.save", reader->path);
    return RN_OK;
}

/* ---- members --------------------------------------------------------------------------------------------------- */

static rn_status read_pickle(rn_pickle *pickle, const torch_tar *tar, tar_member *member)
{
    rn_context *context = tar->reader->context;
    rn_status status = rn_pickle_read(pickle, tar->reader->budget, tar->reader->path, member->bytes + member->at,
                                      member->nbytes - member->at, &context->message);

    if (status == RN_OK)
        member->at += pickle->consumed;
    return status;
}

/* A pickle that holds a whole number. */
static rn_status read_count(int64_t *count, const torch_tar *tar, tar_member *member)
{
    rn_pickle pickle;
    rn_status status = read_pickle(&pickle, tar, member);

    if (status != RN_OK)
        return status;
    *count = pickle.root.type == RN_PICKLE_INTEGER ? pickle.root.as.integer : -1;
    rn_pickle_release(&pickle);
    return *count < 0 ? damaged(tar, "a count is missing") : RN_OK;
}

static rn_status check_system(torch_tar *tar)
{
    rn_pickle pickle;

    if (tar->system_member.bytes == NULL)
        return RN_OK;
    rn_status status = read_pickle(&pickle, tar, &tar->system_member);
    if (status != RN_OK)
        return status;
    const rn_pickle_value *little = rn_pickle_member(&pickle.root, "little_endian");
    if (little != NULL && little->type == RN_PICKLE_BOOL && little->as.integer == 0)
        status = rn_fail(&tar->reader->context->message, RN_UNSUPPORTED,
                         "%s: was written on a big-endian machine; those files are not read", tar->reader->path);
    rn_pickle_release(&pickle);
    return status;
}

static bool take_number(int64_t *number, tar_member *member)
{
    if (member->nbytes - member->at < 8)
        return false;
    const uint64_t bits = rn_get_u64(member->bytes + member->at);
    member->at += 8;
    *number = bits > INT64_MAX ? -1 : (int64_t)bits;
    return *number >= 0;
}

static rn_status load_storage(torch_tar *tar, tar_member *member)
{
    rn_reader *reader = tar->reader;
    rn_torch_storage storage = { 0 };
    char key[RN_TORCH_KEY];
    rn_pickle pickle;
    int64_t count;
    rn_status status = read_pickle(&pickle, tar, member);

    if (status != RN_OK)
        return status;
    const rn_pickle_items *items = rn_pickle_sequence(&pickle.root);
    const bool fine = items != NULL && items->count == 3 && rn_torch_key(key, tar->reader, &items->value[0]) &&
                      items->value[2].type == RN_PICKLE_GLOBAL && items->value[2].as.global->kind == RN_GLOBAL_STORAGE;
    if (fine)
        storage.dtype = items->value[2].as.global->dtype;
    rn_pickle_release(&pickle);
    if (!fine || !take_number(&count, member) ||
        (uint64_t)count > (member->nbytes - member->at) / rn_dtype_size(storage.dtype))
        return damaged(tar, "a storage is cut off or has no type");
    storage.nbytes = (size_t)count * rn_dtype_size(storage.dtype);
    status = rn_reader_view(&storage.owner, &storage.data, reader, (size_t)(member->bytes - reader->bytes) + member->at,
                            storage.nbytes, rn_dtype_size(storage.dtype));
    member->at += storage.nbytes;
    if (status != RN_OK)
        return status;
    status = rn_torch_storages_add(&tar->storages, reader, &storage, key);
    if (status != RN_OK)
        rn_storage_release(storage.owner);
    return status;
}

/* (key, root key, offset, length): another name for part of a storage. */
static rn_status add_view(torch_tar *tar, const rn_pickle_value *value)
{
    const rn_pickle_items *items = rn_pickle_sequence(value);
    char key[RN_TORCH_KEY], root_key[RN_TORCH_KEY];

    if (items == NULL || items->count != 4 || !rn_torch_key(key, tar->reader, &items->value[0]) ||
        !rn_torch_key(root_key, tar->reader, &items->value[1]) || items->value[2].type != RN_PICKLE_INTEGER ||
        items->value[3].type != RN_PICKLE_INTEGER)
        return damaged(tar, "a view of a storage is incomplete");
    const rn_torch_storage *root = rn_torch_storages_find(&tar->storages, root_key);
    const int64_t offset = items->value[2].as.integer, length = items->value[3].as.integer;
    if (root == NULL)
        return damaged(tar, "a view of a storage that is not there");
    const size_t element = rn_dtype_size(root->dtype), held = root->nbytes / element;
    if (offset < 0 || length < 0 || (uint64_t)length > held || (uint64_t)offset > held - (uint64_t)length)
        return damaged(tar, "a view does not lie inside its storage");
    rn_torch_storage view = *root;
    view.data += (size_t)offset * element;
    view.nbytes = (size_t)length * element;
    rn_storage_retain(view.owner);
    rn_status status = rn_torch_storages_add(&tar->storages, tar->reader, &view, key);
    if (status != RN_OK)
        rn_storage_release(view.owner);
    return status;
}

static rn_status load_storages(torch_tar *tar)
{
    tar_member *member = &tar->storages_member;
    rn_pickle views;
    int64_t count;
    rn_status status = read_count(&count, tar, member);

    for (int64_t i = 0; i < count && status == RN_OK; i++)
        status = load_storage(tar, member);
    if (status != RN_OK || member->at == member->nbytes)
        return status;
    status = read_pickle(&views, tar, member);
    if (status != RN_OK)
        return status;
    const rn_pickle_items *items = rn_pickle_sequence(&views.root);
    for (size_t i = 0; items != NULL && i < items->count && status == RN_OK; i++)
        status = add_view(tar, &items->value[i]);
    rn_pickle_release(&views);
    return status;
}

static rn_status add_tensor(torch_tar *tar, const char *key, const rn_torch_layout *layout)
{
    const rn_allocator *allocator = &tar->reader->budget->allocator;
    size_t position;

    if (tar->count == RN_CHECKPOINT_TENSORS || rn_name_index_find(&position, &tar->index, key))
        return damaged(tar, "two tensors of one key, or too many");
    if (tar->count == tar->capacity) {
        const size_t capacity = tar->capacity == 0 ? 32 : tar->capacity * 2;
        void *grown = rn_grow_array(allocator, tar->tensors, tar->count, capacity, sizeof *tar->tensors);

        if (grown == NULL)
            return rn_fail(&tar->reader->context->message, RN_NO_MEMORY, "%s: no memory for its tensors",
                           tar->reader->path);
        tar->tensors = grown;
        tar->capacity = capacity;
    }
    char *copy = rn_copy_string(allocator, key);
    if (copy == NULL || !rn_name_index_insert(&tar->index, allocator, copy, tar->count)) {
        rn_release(allocator, copy);
        return rn_fail(&tar->reader->context->message, RN_NO_MEMORY, "%s: no memory for its tensors",
                       tar->reader->path);
    }
    tar->tensors[tar->count++] = (described_tensor){ .key = copy, .layout = *layout };
    return RN_OK;
}

static rn_status load_tensor(torch_tar *tar, tar_member *member)
{
    rn_torch_layout layout = { 0 };
    char key[RN_TORCH_KEY], storage_key[RN_TORCH_KEY];
    rn_pickle pickle;
    rn_status status = read_pickle(&pickle, tar, member);

    if (status != RN_OK)
        return status;
    const rn_pickle_items *items = rn_pickle_sequence(&pickle.root);
    const bool fine = items != NULL && items->count == 3 && rn_torch_key(key, tar->reader, &items->value[0]) &&
                      rn_torch_key(storage_key, tar->reader, &items->value[1]);
    rn_pickle_release(&pickle);
    if (!fine || member->nbytes - member->at < 8)
        return damaged(tar, "a tensor is cut off");
    layout.storage = rn_torch_storages_find(&tar->storages, storage_key);
    if (layout.storage == NULL)
        return damaged(tar, "a tensor's storage is not there");
    const uint32_t rank = rn_get_u32(member->bytes + member->at);
    member->at += 8;
    if (rank > RN_MAX_RANK)
        return rn_fail(&tar->reader->context->message, RN_UNSUPPORTED,
                       "%s: a tensor has %lu dimensions; at most %d are read", tar->reader->path, (unsigned long)rank,
                       RN_MAX_RANK);
    bool complete = true;
    for (uint32_t i = 0; i < rank; i++)
        complete = complete && take_number(&layout.shape[i], member);
    for (uint32_t i = 0; i < rank; i++)
        complete = complete && take_number(&layout.strides[i], member);
    if (!complete || !take_number(&layout.offset, member))
        return damaged(tar, "a tensor has an impossible shape or strides");
    layout.dtype = layout.storage->dtype;
    layout.length = (int64_t)(layout.storage->nbytes / rn_dtype_size(layout.dtype));
    layout.rank = (int32_t)rank;
    return add_tensor(tar, key, &layout);
}

static rn_status load_tensors(torch_tar *tar)
{
    int64_t count = 0;
    rn_status status = RN_OK;

    if (tar->tensors_member.bytes != NULL)
        status = read_count(&count, tar, &tar->tensors_member);
    for (int64_t i = 0; i < count && status == RN_OK; i++)
        status = load_tensor(tar, &tar->tensors_member);
    return status;
}

/* ---- the object ------------------------------------------------------------------------------------------------ */

static rn_status find_storage(const rn_torch_storage **storage, void *payload, const char *key, rn_dtype dtype)
{
    const torch_tar *tar = payload;

    *storage = rn_torch_storages_find(&tar->storages, key);
    if (*storage == NULL || (*storage)->dtype != dtype)
        return rn_fail(&tar->reader->context->message, RN_FORMAT, "%s: the storage '%s' is missing or of another type",
                       tar->reader->path, key);
    return RN_OK;
}

static rn_status describe_tensor(rn_torch_layout *layout, void *payload, const rn_pickle_value *id)
{
    const torch_tar *tar = payload;
    char key[RN_TORCH_KEY];
    size_t position;

    if (!rn_torch_key(key, tar->reader, id) || !rn_name_index_find(&position, &tar->index, key))
        return damaged(tar, "the pickle names a tensor that is not there");
    *layout = tar->tensors[position].layout;
    return RN_OK;
}

static rn_status read_object(torch_tar *tar)
{
    const rn_torch_source source = { .find = find_storage, .describe = describe_tensor, .payload = tar };
    rn_pickle pickle;
    rn_status status = read_pickle(&pickle, tar, &tar->pickle_member);

    if (status != RN_OK)
        return status;
    status = rn_torch_object_read(tar->reader, &pickle.root, &source);
    rn_pickle_release(&pickle);
    return status;
}

rn_status rn_torch_tar_read(rn_reader *reader)
{
    torch_tar tar = { .reader = reader };
    const rn_allocator *allocator = &reader->budget->allocator;
    rn_status status = list_members(&tar);

    if (status == RN_OK)
        status = check_system(&tar);
    if (status == RN_OK)
        status = load_storages(&tar);
    if (status == RN_OK)
        status = load_tensors(&tar);
    if (status == RN_OK)
        status = read_object(&tar);
    for (size_t i = 0; i < tar.count; i++)
        rn_release(allocator, tar.tensors[i].key);
    rn_release(allocator, tar.tensors);
    rn_name_index_release(&tar.index, allocator);
    rn_torch_storages_release(&tar.storages, allocator);
    return status;
}
