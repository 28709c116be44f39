/* SPDX-License-Identifier: MIT */
/*
 * Reading safetensors (github.com/huggingface/safetensors): the header's length (8 bytes), a JSON object
 *   { "__metadata__": { text: text }, name: { "dtype": "F32", "shape": [..], "data_offsets": [begin, end] }, ... }
 * padded with spaces, then the bytes of all tensors, row-major, without holes and without overlap. Every rule of the
 * reference implementation's validation holds here too; unknown members of a tensor's object are ignored as they are
 * there.
 */
#include "checkpoint/checkpoint.h"

#include "base/json.h"
#include <stdlib.h>
#include <string.h>

/*
 * JSON_MEMORY: bytes that cJSON takes for one of the header, from the C library and not from the caller's allocator: it
 * has one pair of hooks for the whole process. The most is an array of digits, two bytes for an item of 64 and what
 * malloc adds. JSON_WORK: the checks, the parser, and the names that are hashed.
 */
enum { PREFIX = 8, JSON_MEMORY = 48, JSON_WORK = 64 };

typedef struct tensor_entry {
    const char *name; /* inside the JSON tree */
    rn_dtype dtype;
    int32_t rank;
    int64_t shape[RN_MAX_RANK];
    uint64_t begin, end; /* in the part behind the header */
} tensor_entry;

typedef struct header {
    const rn_reader *reader;
    rn_json *json;
    size_t data; /* where the part behind the header begins */
    tensor_entry *entry;
    size_t count;
} header;

static const struct {
    const char *name;
    rn_dtype dtype;
} dtypes[] = {
    { "F32", RN_FLOAT32 }, { "F64", RN_FLOAT64 }, { "F16", RN_FLOAT16 }, { "BF16", RN_BFLOAT16 }, { "I64", RN_INT64 },
    { "I32", RN_INT32 },   { "I16", RN_INT16 },   { "I8", RN_INT8 },     { "U8", RN_UINT8 },      { "BOOL", RN_BOOL },
};

static rn_status refuse(const header *h, rn_status status, const char *name, const char *what)
{
    return rn_fail(&h->reader->context->message, status, "%s: tensor '%s' %s", h->reader->path, name, what);
}

static rn_status read_dtype(const header *h, tensor_entry *entry, const rn_json *value)
{
    const char *name = rn_json_string(value);

    if (name == NULL)
        return refuse(h, RN_FORMAT, entry->name, "has no dtype");
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++)
        if (strcmp(dtypes[i].name, name) == 0) {
            entry->dtype = dtypes[i].dtype;
            return RN_OK;
        }
    return rn_fail(&h->reader->context->message, RN_UNSUPPORTED, "%s: tensor '%s' is of type %s, which is not read",
                   h->reader->path, entry->name, name);
}

static rn_status read_shape(const header *h, tensor_entry *entry, const rn_json *value)
{
    uint64_t size;

    if (!rn_json_is_array(value))
        return refuse(h, RN_FORMAT, entry->name, "has no shape");
    entry->rank = 0;
    for (const rn_json *item = rn_json_first(value); item != NULL; item = rn_json_next(item)) {
        if (!rn_json_size(&size, item))
            return refuse(h, RN_FORMAT, entry->name, "has a size that is not a whole number up to 2^53");
        if (entry->rank == RN_MAX_RANK)
            return refuse(h, RN_UNSUPPORTED, entry->name, "has more than 8 dimensions");
        entry->shape[entry->rank++] = (int64_t)size;
    }
    return RN_OK;
}

static rn_status read_offsets(const header *h, tensor_entry *entry, const rn_json *value)
{
    const rn_json *begin = rn_json_is_array(value) ? rn_json_first(value) : NULL;
    const rn_json *end = begin == NULL ? NULL : rn_json_next(begin);

    if (end == NULL || rn_json_next(end) != NULL || !rn_json_size(&entry->begin, begin) ||
        !rn_json_size(&entry->end, end))
        return refuse(h, RN_FORMAT, entry->name, "has no data_offsets of two whole numbers up to 2^53");
    if (entry->end < entry->begin || entry->end > h->reader->nbytes - h->data)
        return refuse(h, RN_FORMAT, entry->name, "lies outside the file, which may have been cut off");
    return RN_OK;
}

static rn_status read_entry(const header *h, tensor_entry *entry, const rn_json *value)
{
    static const struct {
        const char *name;
        rn_status (*read)(const header *h, tensor_entry *entry, const rn_json *value);
    } members[] = { { "dtype", read_dtype }, { "shape", read_shape }, { "data_offsets", read_offsets } };
    bool seen[3] = { false, false, false };
    size_t nbytes;
    int64_t count;

    *entry = (tensor_entry){ .name = rn_json_name(value) };
    if (!rn_json_is_object(value))
        return refuse(h, RN_FORMAT, entry->name, "is not described by an object");
    for (const rn_json *item = rn_json_first(value); item != NULL; item = rn_json_next(item))
        for (size_t i = 0; i < 3; i++) {
            if (strcmp(rn_json_name(item), members[i].name) != 0)
                continue;
            if (seen[i])
                return refuse(h, RN_FORMAT, entry->name, "is described twice");
            seen[i] = true;
            rn_status status = members[i].read(h, entry, item);
            if (status != RN_OK)
                return status;
        }
    if (!seen[0] || !seen[1] || !seen[2])
        return refuse(h, RN_FORMAT, entry->name, "lacks a dtype, a shape or data_offsets");
    if (!rn_shape_bytes(&nbytes, &count, entry->rank, entry->shape, rn_dtype_size(entry->dtype)) ||
        nbytes != entry->end - entry->begin)
        return refuse(h, RN_FORMAT, entry->name, "has offsets that do not fit its shape");
    return RN_OK;
}

static rn_status read_metadata(const header *h, const rn_json *metadata)
{
    rn_checkpoint *checkpoint = h->reader->checkpoint;
    rn_message *message = &h->reader->context->message;

    if (!rn_json_is_object(metadata))
        return rn_fail(message, RN_FORMAT, "%s: __metadata__ is not an object", h->reader->path);
    for (const rn_json *item = rn_json_first(metadata); item != NULL; item = rn_json_next(item)) {
        const char *key = rn_json_name(item), *value = rn_json_string(item);

        if (value == NULL)
            return rn_fail(message, RN_FORMAT, "%s: the metadata '%s' is not text", h->reader->path, key);
        if (rn_checkpoint_metadata(checkpoint, key) != NULL)
            return rn_fail(message, RN_FORMAT, "%s: the metadata '%s' is there twice", h->reader->path, key);
        rn_status status = rn_checkpoint_set_metadata(checkpoint, key, value);
        if (status != RN_OK)
            return status;
    }
    return RN_OK;
}

static rn_status parse_header(header *h)
{
    const rn_reader *reader = h->reader;
    rn_message *message = &reader->context->message;
    const uint64_t length = rn_get_u64(reader->bytes);
    rn_message reason;

    if (length > RN_CHECKPOINT_HEADER_BYTES)
        return rn_fail(message, RN_FORMAT, "%s: its header of %llu bytes is longer than %d", reader->path,
                       (unsigned long long)length, RN_CHECKPOINT_HEADER_BYTES);
    if (length > reader->nbytes - PREFIX)
        return rn_fail(message, RN_FORMAT,
                       "%s: its header of %llu bytes is longer than the file, which may have been cut off",
                       reader->path, (unsigned long long)length);
    h->data = PREFIX + (size_t)length;
    if (!rn_budget_memory(reader->budget, rn_budget_product((size_t)length, JSON_MEMORY)) ||
        !rn_budget_work(reader->budget, rn_budget_product((size_t)length, JSON_WORK)))
        return rn_budget_settle(reader->budget, RN_FORMAT, reader->path, message);
    rn_status status = rn_json_parse(&h->json, (const char *)reader->bytes + PREFIX, (size_t)length, &reason);
    if (status != RN_OK)
        return rn_fail(message, status, "%s: the header of safetensors is damaged: %s", reader->path, reason.text);
    return rn_json_is_object(h->json)
               ? RN_OK
               : rn_fail(message, RN_FORMAT, "%s: the header of safetensors is not an object", reader->path);
}

static rn_status read_entries(header *h)
{
    const rn_reader *reader = h->reader;
    const size_t members = rn_json_count(h->json);
    bool has_metadata = false;

    if (members > RN_CHECKPOINT_TENSORS + 1)
        return rn_fail(&reader->context->message, RN_FORMAT, "%s: more than %d tensors", reader->path,
                       RN_CHECKPOINT_TENSORS);
    h->entry = rn_allocate_array(&reader->budget->allocator, members, sizeof *h->entry);
    if (h->entry == NULL)
        return rn_fail(&reader->context->message, RN_NO_MEMORY, "%s: no memory for %zu tensors", reader->path, members);
    for (const rn_json *item = rn_json_first(h->json); item != NULL; item = rn_json_next(item)) {
        rn_status status;

        if (strcmp(rn_json_name(item), "__metadata__") == 0) {
            if (has_metadata)
                return rn_fail(&reader->context->message, RN_FORMAT, "%s: __metadata__ is there twice", reader->path);
            has_metadata = true;
            status = read_metadata(h, item);
        } else {
            status = read_entry(h, &h->entry[h->count], item);
            h->count++;
        }
        if (status != RN_OK)
            return status;
    }
    return RN_OK;
}

static int by_place(const void *a, const void *b)
{
    const tensor_entry *const *x = a, *const *y = b;

    if ((*x)->begin != (*y)->begin)
        return (*x)->begin < (*y)->begin ? -1 : 1;
    return ((*x)->end > (*y)->end) - ((*x)->end < (*y)->end); /* empty ones come first */
}

/* In the order of the file each tensor begins where the one before it ends, and the last ends with the file. */
static rn_status check_places(const header *h)
{
    const rn_allocator *allocator = &h->reader->budget->allocator;
    const uint64_t nbytes = h->reader->nbytes - h->data;
    uint64_t end = 0;
    rn_status status = RN_OK;
    const tensor_entry **sorted = rn_allocate_array(allocator, h->count, sizeof *sorted);

    if (sorted == NULL)
        return rn_fail(&h->reader->context->message, RN_NO_MEMORY, "%s: no memory for %zu tensors", h->reader->path,
                       h->count);
    for (size_t i = 0; i < h->count; i++)
        sorted[i] = &h->entry[i];
    if (h->count > 1)
        qsort(sorted, h->count, sizeof *sorted, by_place);
    for (size_t i = 0; i < h->count && status == RN_OK; i++) {
        if (sorted[i]->begin != end)
            status = refuse(h, RN_FORMAT, sorted[i]->name,
                            sorted[i]->begin < end ? "overlaps the one before it" : "leaves a hole before it");
        end = sorted[i]->end;
    }
    if (status == RN_OK && end != nbytes)
        status = rn_fail(&h->reader->context->message, RN_FORMAT, "%s: %llu bytes at its end belong to no tensor",
                         h->reader->path, (unsigned long long)(nbytes - end));
    rn_release(allocator, sorted);
    return status;
}

static rn_status deliver(const header *h, rn_reader *reader)
{
    for (size_t i = 0; i < h->count; i++) {
        const tensor_entry *entry = &h->entry[i];
        rn_storage *owner = NULL;
        rn_tensor *tensor = NULL;
        char *data;

        if (entry->name[0] == '\0')
            return rn_fail(&reader->context->message, RN_UNSUPPORTED, "%s: a tensor has an empty name", reader->path);
        if (rn_checkpoint_find(reader->checkpoint, entry->name) != NULL)
            return refuse(h, RN_FORMAT, entry->name, "is there twice");
        rn_status status = rn_reader_view(&owner, &data, reader, h->data + (size_t)entry->begin,
                                          (size_t)(entry->end - entry->begin), rn_dtype_size(entry->dtype));
        if (status == RN_OK)
            status = rn_reader_tensor(&tensor, reader, owner, data, entry->dtype, entry->rank, entry->shape, NULL);
        rn_storage_release(owner);
        if (status == RN_OK)
            status = rn_checkpoint_take(reader->checkpoint, entry->name, tensor);
        if (status != RN_OK) {
            rn_tensor_destroy(tensor);
            return status;
        }
    }
    return RN_OK;
}

rn_status rn_safetensors_read(rn_reader *reader)
{
    header h = { .reader = reader };
    rn_status status = parse_header(&h);

    if (status == RN_OK)
        status = read_entries(&h);
    if (status == RN_OK)
        status = check_places(&h);
    if (status == RN_OK)
        status = deliver(&h, reader);
    rn_release(&reader->budget->allocator, h.entry);
    rn_json_destroy(h.json);
    return status;
}
