/* SPDX-License-Identifier: MIT */
/*
 * PyTorch's container before 1.6 (torch/serialization.py, _legacy_save): pickles one after the other, then raw
 * storages.
 *   magic number 0x1950a86a20f9469cfc6c, protocol 1001, a dictionary about the machine, the object, a list of keys;
 *   then for each key: the number of elements (8 bytes), the elements.
 * Only the object says of what type a storage is, so the sizes come from its persistent ids.
 */
#include "checkpoint/torch.h"
#include "checkpoint/zip_archive.h"

#include <string.h>

enum { PROTOCOL = 1001 };

typedef struct torch_legacy {
    rn_reader *reader;
    size_t at;
    rn_torch_storages storages;
} torch_legacy;

static rn_status read_pickle(rn_pickle *pickle, torch_legacy *legacy)
{
    const rn_reader *reader = legacy->reader;
    rn_status status = rn_pickle_read(pickle, reader->budget, reader->path, reader->bytes + legacy->at,
                                      reader->nbytes - legacy->at, &reader->context->message);

    if (status == RN_OK)
        legacy->at += pickle->consumed;
    return status;
}

static bool is_magic(const rn_pickle_value *value)
{
    static const unsigned char magic[10] = { 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19 };

    return value->type == RN_PICKLE_LONG && value->length == sizeof magic &&
           memcmp(value->as.text, magic, sizeof magic) == 0;
}

static bool is_protocol(const rn_pickle_value *value)
{
    return value->type == RN_PICKLE_INTEGER && value->as.integer == PROTOCOL;
}

static bool is_little_endian(const rn_pickle_value *value)
{
    const rn_pickle_value *little = rn_pickle_member(value, "little_endian");

    return little == NULL || little->type != RN_PICKLE_BOOL || little->as.integer != 0;
}

static rn_status read_preamble(torch_legacy *legacy)
{
    static const struct {
        bool (*check)(const rn_pickle_value *value);
        rn_status status;
        const char *otherwise;
    } parts[] = {
        { is_magic, RN_FORMAT,
          "a pickle, but not one of torch.save: load it in Python, then torch.save a dictionary of its tensors" },
        { is_protocol, RN_UNSUPPORTED, "another protocol of torch.save than 1001" },
        { is_little_endian, RN_UNSUPPORTED, "was written on a big-endian machine; those files are not read" },
    };

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        rn_pickle pickle;
        rn_status status = read_pickle(&pickle, legacy);

        if (status != RN_OK)
            return status;
        const bool fine = parts[i].check(&pickle.root);
        rn_pickle_release(&pickle);
        if (!fine)
            return rn_fail(&legacy->reader->context->message, parts[i].status, "%s: %s", legacy->reader->path,
                           parts[i].otherwise);
    }
    return RN_OK;
}

/* Enters each storage that the object names, still without its bytes. */
static rn_status declare_storages(torch_legacy *legacy, const rn_pickle *object)
{
    rn_torch_storage_id id;

    for (size_t i = 0; i < object->persistent.count; i++) {
        rn_status status = rn_torch_storage_id_read(&id, legacy->reader, &object->persistent.value[i]);

        if (status != RN_OK)
            return status;
        const rn_torch_storage *known = rn_torch_storages_find(&legacy->storages, id.key);
        if (known != NULL && (known->dtype != id.dtype || known->width != id.width))
            return rn_fail(&legacy->reader->context->message, RN_UNSUPPORTED,
                           "%s: the storage '%s' is used with two element types", legacy->reader->path, id.key);
        if (known == NULL)
            status = rn_torch_storages_add(&legacy->storages, legacy->reader,
                                           &(rn_torch_storage){ .dtype = id.dtype, .width = id.width }, id.key);
        if (status != RN_OK)
            return status;
    }
    return RN_OK;
}

static rn_status load_storage(torch_legacy *legacy, const rn_pickle_value *value)
{
    rn_reader *reader = legacy->reader;
    rn_message *message = &reader->context->message;
    char key[RN_TORCH_KEY];

    if (!rn_torch_key(key, reader, value))
        return rn_fail(message, RN_FORMAT, "%s: a storage's key is damaged", reader->path);
    rn_torch_storage *storage = rn_torch_storages_find(&legacy->storages, key);
    if (storage == NULL || storage->owner != NULL)
        return rn_fail(message, RN_FORMAT, "%s: the storage '%s' is listed twice or belongs to nothing", reader->path,
                       key);
    if (reader->nbytes - legacy->at < 8)
        return rn_fail(message, RN_FORMAT, "%s: ends before the storage '%s': it was cut off", reader->path, key);
    const uint64_t count = rn_get_u64(reader->bytes + legacy->at);
    const size_t element = storage->width;
    legacy->at += 8;
    if (count > (reader->nbytes - legacy->at) / element)
        return rn_fail(message, RN_FORMAT, "%s: ends inside the storage '%s': it was cut off", reader->path, key);
    storage->nbytes = (size_t)count * element;
    rn_status status = rn_reader_view(&storage->owner, &storage->data, reader, legacy->at, storage->nbytes, element);
    legacy->at += storage->nbytes;
    return status;
}

static rn_status load_storages(torch_legacy *legacy)
{
    rn_pickle keys;
    rn_status status = read_pickle(&keys, legacy);

    if (status != RN_OK)
        return status;
    const rn_pickle_items *items = rn_pickle_sequence(&keys.root);
    if (items == NULL)
        status = rn_fail(&legacy->reader->context->message, RN_FORMAT, "%s: there is no list of storages",
                         legacy->reader->path);
    for (size_t i = 0; status == RN_OK && i < items->count; i++)
        status = load_storage(legacy, &items->value[i]);
    rn_pickle_release(&keys);
    return status;
}

/* More may follow, another object for instance, but no zip archive: programs would disagree about what the file
 * holds. */
static rn_status check_rest(const torch_legacy *legacy)
{
    const rn_reader *reader = legacy->reader;
    const size_t rest = reader->nbytes - legacy->at;
    rn_status status = rn_reader_work(reader, rest < UINT16_MAX ? rest : UINT16_MAX);

    if (status == RN_OK && rn_zip_recognise_end(reader->bytes + legacy->at, rest))
        status = rn_fail(&reader->context->message, RN_FORMAT,
                         "%s: is a file of torch.save before 1.6 and a zip archive at once", reader->path);
    return status;
}

static rn_status find_storage(const rn_torch_storage **storage, void *payload, const char *key, rn_dtype dtype)
{
    const torch_legacy *legacy = payload;

    *storage = rn_torch_storages_find(&legacy->storages, key);
    if (*storage == NULL || (*storage)->owner == NULL || (*storage)->dtype != dtype ||
        (*storage)->width != rn_dtype_size(dtype))
        return rn_fail(&legacy->reader->context->message, RN_FORMAT, "%s: the storage '%s' is missing",
                       legacy->reader->path, key);
    return RN_OK;
}

rn_status rn_torch_legacy_read(rn_reader *reader)
{
    torch_legacy legacy = { .reader = reader };
    const rn_torch_source source = { .find = find_storage, .payload = &legacy };
    rn_pickle object = { 0 };
    rn_status status = read_preamble(&legacy);

    if (status == RN_OK)
        status = read_pickle(&object, &legacy);
    if (status == RN_OK)
        status = declare_storages(&legacy, &object);
    if (status == RN_OK)
        status = load_storages(&legacy);
    if (status == RN_OK)
        status = check_rest(&legacy);
    if (status == RN_OK)
        status = rn_torch_object_read(reader, &object.root, &source);
    rn_pickle_release(&object);
    rn_torch_storages_release(&legacy.storages, &reader->budget->allocator);
    return status;
}
