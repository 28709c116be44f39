/* SPDX-License-Identifier: MIT */
/*
 * The object that was saved becomes named tensors and metadata.
 *
 * Dictionaries give dotted names ("layer1" + "." + "0.conv1.weight"), lists and tuples count (".0", ".1"). What all
 * tensors have in common at the root is taken off: one key of the outermost dictionary, then "module." of DataParallel.
 * Values that are neither tensors nor numbers, truth values or strings (None, types, devices, bytes) are left out.
 *
 * The tree may share values and even hold itself, so depth is limited and every visit is charged to the file's budget,
 * with the bytes of keys and texts that are looked at again.
 */
#include "checkpoint/torch.h"

#include <string.h>

/* Units of the budget's work: how often the bytes of names and texts are gone over, and what does not depend on them.
 */
enum { TEXT_WORK = 4, VISIT_WORK = 128, TENSOR_WORK = 512 };

typedef struct found_tensor {
    char *name;
    rn_tensor *tensor;
} found_tensor;

typedef struct walk {
    rn_reader *reader;
    const rn_torch_source *source;
    found_tensor *found;
    size_t count, capacity;
    char *name; /* of the value being looked at, with its zero */
    size_t length, name_capacity;
} walk;

static rn_message *message_of(const walk *w)
{
    return &w->reader->context->message;
}

static rn_status no_memory(const walk *w)
{
    return rn_fail(message_of(w), RN_NO_MEMORY, "%s: no memory for '%s'", w->reader->path, w->name);
}

static const rn_allocator *allocator_of(const walk *w)
{
    return &w->reader->budget->allocator;
}

/* Adds "." and a part to the name; *length is what to go back to. */
static rn_status enter(size_t *length, walk *w, const char *part, size_t part_length)
{
    const size_t needed = w->length + part_length + 2;
    rn_status status = rn_reader_work(w->reader, part_length);

    *length = w->length;
    if (status != RN_OK)
        return status;
    if (needed > w->name_capacity) {
        const size_t capacity = needed * 2;
        char *grown = rn_grow_array(allocator_of(w), w->name, w->length + 1, capacity, 1);

        if (grown == NULL)
            return no_memory(w);
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

static void leave(walk *w, size_t length)
{
    w->length = length;
    w->name[length] = '\0';
}

/* Takes the tensor over in every case. */
static rn_status keep(walk *w, rn_tensor *tensor)
{
    const rn_allocator *allocator = allocator_of(w);
    rn_status status = RN_OK;
    char *name = NULL;

    if (w->length == 0)
        status = rn_fail(message_of(w), RN_UNSUPPORTED,
                         "%s: holds a tensor without a name, not a dictionary of tensors", w->reader->path);
    else if (w->count >= RN_CHECKPOINT_TENSORS)
        status = rn_fail(message_of(w), RN_FORMAT, "%s: more than %d tensors", w->reader->path, RN_CHECKPOINT_TENSORS);
    else
        status = rn_reader_work(w->reader, rn_budget_product(w->length, TEXT_WORK));
    if (status == RN_OK && w->count == w->capacity) {
        const size_t capacity = w->capacity == 0 ? 64 : w->capacity * 2;
        void *grown = rn_grow_array(allocator, w->found, w->count, capacity, sizeof *w->found);

        if (grown == NULL) {
            status = no_memory(w);
        } else {
            w->found = grown;
            w->capacity = capacity;
        }
    }
    if (status == RN_OK && (name = rn_copy_string(allocator, w->name)) == NULL)
        status = no_memory(w);
    if (status != RN_OK) {
        rn_tensor_destroy(tensor);
        return status;
    }
    w->found[w->count++] = (found_tensor){ .name = name, .tensor = tensor };
    return RN_OK;
}

static rn_status add_layout(walk *w, const rn_torch_layout *layout)
{
    rn_tensor *tensor = NULL;
    rn_status status = rn_reader_work(w->reader, TENSOR_WORK);

    if (status == RN_OK)
        status = rn_torch_place(&tensor, w->reader, w->name, layout);
    return status == RN_OK ? keep(w, tensor) : status;
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

/*
 * _rebuild_tensor_v2(storage, offset, size, strides, requires_grad, hooks): some writers give the storage's id without
 * making it a persistent one.
 */
static rn_status add_rebuilt(walk *w, const rn_pickle_items *arguments)
{
    rn_torch_layout layout = { 0 };
    rn_torch_storage_id id;

    if (arguments->count < 4)
        return rn_fail(message_of(w), RN_FORMAT, "%s: tensor '%s' is incomplete", w->reader->path, w->name);
    const rn_pickle_value *storage = &arguments->value[0];
    if (storage->type == RN_PICKLE_PERSISTENT)
        storage = &storage->as.items->value[0];
    rn_status status = rn_torch_storage_id_read(&id, w->reader, storage);
    if (status != RN_OK)
        return status;
    const rn_pickle_items *size = rn_pickle_sequence(&arguments->value[2]);
    if (size == NULL || arguments->value[1].type != RN_PICKLE_INTEGER)
        return rn_fail(message_of(w), RN_FORMAT, "%s: tensor '%s' has no shape", w->reader->path, w->name);
    if (size->count > RN_MAX_RANK)
        return rn_fail(message_of(w), RN_UNSUPPORTED, "%s: tensor '%s' has %zu dimensions; at most %d are read",
                       w->reader->path, w->name, size->count, RN_MAX_RANK);
    if (!read_sizes(layout.shape, size->count, &arguments->value[2]) ||
        !read_sizes(layout.strides, size->count, &arguments->value[3]))
        return rn_fail(message_of(w), RN_FORMAT, "%s: tensor '%s' has an impossible shape or strides", w->reader->path,
                       w->name);
    status = w->source->find(&layout.storage, w->source->payload, id.key, id.dtype);
    if (status != RN_OK)
        return status;
    if ((uint64_t)id.count > layout.storage->nbytes / rn_dtype_size(id.dtype))
        return rn_fail(message_of(w), RN_FORMAT,
                       "%s: tensor '%s': its storage '%s' holds %zu bytes, less than the %lld elements that it should",
                       w->reader->path, w->name, id.key, layout.storage->nbytes, (long long)id.count);
    layout.dtype = id.dtype;
    layout.start = id.start;
    layout.length = id.length;
    layout.offset = arguments->value[1].as.integer;
    layout.rank = (int32_t)size->count;
    return add_layout(w, &layout);
}

static rn_status visit(walk *w, const rn_pickle_value *value, int depth);

/* (function, type, arguments, state): a tensor of a class of its own. Plain ones are read, whatever their attributes.
 */
static rn_status add_subclass(walk *w, const rn_pickle_items *arguments)
{
    if (arguments->count < 3 || arguments->value[0].type != RN_PICKLE_GLOBAL ||
        rn_pickle_sequence(&arguments->value[2]) == NULL)
        return rn_fail(message_of(w), RN_FORMAT, "%s: tensor '%s' is incomplete", w->reader->path, w->name);
    if (arguments->value[0].as.global->kind != RN_GLOBAL_TENSOR)
        return rn_fail(message_of(w), RN_UNSUPPORTED, "%s: tensor '%s' is of a class that is not read", w->reader->path,
                       w->name);
    return add_rebuilt(w, rn_pickle_sequence(&arguments->value[2]));
}

static rn_status add_text(walk *w, const rn_pickle_value *value)
{
    const bool text = value->type == RN_PICKLE_TEXT;
    char small[256];
    char *printed = small;
    const size_t size = text && value->length >= sizeof small ? (size_t)value->length + 1 : sizeof small;
    const size_t work = rn_pickle_print_work(value);
    rn_status status;

    if (w->length == 0 || work == 0)
        return RN_OK; /* the whole file is one number, or nothing to keep */
    status = rn_reader_work(w->reader, rn_budget_product(w->length + work, TEXT_WORK));
    if (status != RN_OK)
        return status;
    if (size > sizeof small && (printed = rn_allocate(allocator_of(w), size)) == NULL)
        return no_memory(w);
    if (rn_pickle_print(printed, size, value))
        status = rn_checkpoint_set_metadata(w->reader->checkpoint, w->name, printed);
    if (printed != small)
        rn_release(allocator_of(w), printed);
    return status;
}

static rn_status visit_sequence(walk *w, const rn_pickle_items *items, int depth)
{
    rn_status status = RN_OK;

    for (size_t i = 0; i < items->count && status == RN_OK; i++) {
        const rn_pickle_value index = { .type = RN_PICKLE_INTEGER, .as.integer = (int64_t)i };
        char part[32];
        size_t length;

        (void)rn_pickle_print(part, sizeof part, &index);
        status = enter(&length, w, part, strlen(part));
        if (status == RN_OK)
            status = visit(w, &items->value[i], depth + 1);
        leave(w, length);
    }
    return status;
}

static rn_status visit_call(walk *w, const rn_pickle_value *value, int depth)
{
    const rn_pickle_call *call = value->as.call;

    switch (call->function->kind) {
    case RN_GLOBAL_TENSOR: return add_rebuilt(w, call->arguments);
    case RN_GLOBAL_SUBCLASS: return add_subclass(w, call->arguments);
    case RN_GLOBAL_PARAMETER:
        if (call->arguments->count == 0)
            return rn_fail(message_of(w), RN_FORMAT, "%s: parameter '%s' has no data", w->reader->path, w->name);
        return visit(w, &call->arguments->value[0], depth + 1);
    case RN_GLOBAL_NUMPY_SCALAR: return add_text(w, value);
    case RN_GLOBAL_SIZE:
        return rn_pickle_sequence(value) == NULL ? RN_OK : visit_sequence(w, rn_pickle_sequence(value), depth);
    default: return RN_OK; /* a device, a type: no tensor and no number */
    }
}

static rn_status visit_entry(walk *w, const rn_pickle_value *key, const rn_pickle_value *value, int depth)
{
    char part[256];
    const char *text = part;
    size_t text_length, length;
    rn_status status;

    status = rn_reader_work(w->reader, rn_pickle_print_work(key)); /* a key may be long, and shared */
    if (status != RN_OK)
        return status;
    if (key->type == RN_PICKLE_TEXT && rn_text_is_clean(key->as.text, key->length)) {
        text = key->as.text;
        text_length = key->length;
    } else if (key->type != RN_PICKLE_TEXT && rn_pickle_print(part, sizeof part, key)) {
        text_length = strlen(part);
    } else {
        return rn_fail(message_of(w), RN_UNSUPPORTED, "%s: a key of the dictionary '%s' is neither text nor a number",
                       w->reader->path, w->name);
    }
    status = enter(&length, w, text, text_length);
    if (status == RN_OK)
        status = visit(w, value, depth + 1);
    leave(w, length);
    return status;
}

static rn_status visit(walk *w, const rn_pickle_value *value, int depth)
{
    rn_status status = RN_OK;
    rn_torch_layout layout;

    if (depth > RN_CHECKPOINT_DEPTH)
        return rn_fail(message_of(w), RN_FORMAT, "%s: values are nested more than %d deep", w->reader->path,
                       RN_CHECKPOINT_DEPTH);
    status = rn_reader_work(w->reader, VISIT_WORK);
    if (status != RN_OK)
        return status;
    switch (value->type) {
    case RN_PICKLE_DICTIONARY:
        for (size_t i = 0; i + 1 < value->as.items->count && status == RN_OK; i += 2)
            status = visit_entry(w, &value->as.items->value[i], &value->as.items->value[i + 1], depth);
        return status;
    case RN_PICKLE_TUPLE:
    case RN_PICKLE_LIST: return visit_sequence(w, value->as.items, depth);
    case RN_PICKLE_CALL: return visit_call(w, value, depth);
    case RN_PICKLE_PERSISTENT:
        if (w->source->describe == NULL)
            return rn_fail(message_of(w), RN_UNSUPPORTED, "%s: '%s' is a bare storage, not a tensor", w->reader->path,
                           w->name);
        status = w->source->describe(&layout, w->source->payload, &value->as.items->value[0]);
        return status == RN_OK ? add_layout(w, &layout) : status;
    default: return add_text(w, value);
    }
}

/* *nesting: the only key of the outermost dictionary under which tensors lie, if its value is a dictionary; else NULL.
 */
static rn_status visit_root(const rn_pickle_value **nesting, walk *w, const rn_pickle_value *root)
{
    rn_status status = RN_OK;
    size_t holders = 0;

    *nesting = NULL;
    if (root->type != RN_PICKLE_DICTIONARY)
        return visit(w, root, 0);
    const rn_pickle_items *items = root->as.items;
    for (size_t i = 0; i + 1 < items->count && status == RN_OK; i += 2) {
        const size_t before = w->count;

        status = visit_entry(w, &items->value[i], &items->value[i + 1], 0);
        if (w->count > before) {
            holders++;
            *nesting = items->value[i + 1].type == RN_PICKLE_DICTIONARY ? &items->value[i] : NULL;
        }
    }
    if (holders != 1)
        *nesting = NULL;
    return status;
}

static bool all_begin_with(const walk *w, size_t skip, const char *prefix)
{
    for (size_t i = 0; i < w->count; i++)
        if (strncmp(w->found[i].name + skip, prefix, strlen(prefix)) != 0 ||
            w->found[i].name[skip + strlen(prefix)] == '\0')
            return false;
    return w->count > 0;
}

/* Hands the tensors to the checkpoint under their names without what all have in common. */
static rn_status deliver(walk *w, const rn_pickle_value *nesting)
{
    static const char parallel[] = "module.";
    rn_checkpoint *checkpoint = w->reader->checkpoint;
    rn_status status = RN_OK;
    char key[256];
    size_t skip = 0, position;

    if (nesting != NULL && rn_pickle_print(key, sizeof key, nesting) && key[0] != '\0') {
        skip = strlen(key) + 1;
        status = rn_checkpoint_set_metadata(checkpoint, "rn.nesting", key);
    }
    if (status == RN_OK && all_begin_with(w, skip, parallel)) {
        skip += sizeof parallel - 1;
        status = rn_checkpoint_set_metadata(checkpoint, "rn.prefix", parallel);
    }
    for (size_t i = 0; i < w->count && status == RN_OK; i++) {
        const char *name = w->found[i].name + skip;

        if (name[0] == '\0' || rn_name_index_find(&position, &checkpoint->tensor_index, name))
            return rn_fail(message_of(w), RN_FORMAT, "%s: there are two tensors '%s', or one without a name",
                           w->reader->path, name);
        status = rn_checkpoint_take(checkpoint, name, w->found[i].tensor);
        if (status == RN_OK)
            w->found[i].tensor = NULL;
    }
    return status;
}

rn_status rn_torch_object_read(rn_reader *reader, const rn_pickle_value *root, const rn_torch_source *source)
{
    const rn_allocator *allocator = &reader->budget->allocator;
    walk w = { .reader = reader, .source = source };
    const rn_pickle_value *nesting = NULL;
    rn_status status = RN_OK;

    if (root->type != RN_PICKLE_DICTIONARY && root->type != RN_PICKLE_TUPLE && root->type != RN_PICKLE_LIST &&
        root->type != RN_PICKLE_CALL && root->type != RN_PICKLE_PERSISTENT)
        return rn_fail(&reader->context->message, RN_UNSUPPORTED,
                       "%s: holds a single value, not a dictionary of tensors", reader->path);
    w.name_capacity = 256;
    w.name = rn_allocate(allocator, w.name_capacity);
    if (w.name == NULL)
        return rn_fail(&reader->context->message, RN_NO_MEMORY, "%s: no memory", reader->path);
    w.name[0] = '\0';
    status = visit_root(&nesting, &w, root);
    if (status == RN_OK)
        status = deliver(&w, nesting);
    for (size_t i = 0; i < w.count; i++) {
        rn_release(allocator, w.found[i].name);
        rn_tensor_destroy(w.found[i].tensor);
    }
    rn_release(allocator, w.found);
    rn_release(allocator, w.name);
    return status;
}
