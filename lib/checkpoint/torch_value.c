/* SPDX-License-Identifier: MIT */
/*
 * The object that was saved becomes named tensors and metadata.
 *
 * Dictionaries give dotted names ("layer1" + "." + "0.conv1.weight"), lists and tuples count (".0", ".1"). What all
 * tensors have in common at the root is taken off: one key of the outermost dictionary, then "module." of DataParallel.
 * Values that are neither tensors nor numbers, truth values or strings (None, types, devices, bytes) are left out.
 * torch_tensor.c knows the calls that make tensors, torch_module.c looks into modules, and torch_opaque.c says what
 * was passed over because nobody knows it.
 *
 * The tree may share values and even hold itself, so depth is limited and every visit is charged to the file's budget,
 * with the bytes of keys and texts that are looked at again.
 */
#include "checkpoint/torch_walk.h"

#include "base/text.h"

#include <string.h>

/* Units of the budget's work: how often the bytes of texts are gone over, and what does not depend on them. */
enum { TEXT_WORK = 4, VISIT_WORK = 128 };

static rn_status visit(rn_torch_walk *w, const rn_pickle_value *value, int depth);
static rn_status visit_entry(rn_torch_walk *w, const rn_pickle_value *key, const rn_pickle_value *value, int depth);

static rn_status add_text(rn_torch_walk *w, const rn_pickle_value *value)
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
    if (size > sizeof small && (printed = rn_allocate(rn_walk_allocator(w), size)) == NULL)
        return rn_walk_no_memory(w);
    if (rn_pickle_print(printed, size, value))
        status = rn_checkpoint_set_metadata(w->reader->checkpoint, w->name, printed);
    if (printed != small)
        rn_release(rn_walk_allocator(w), printed);
    return status;
}

static rn_status visit_sequence(rn_torch_walk *w, const rn_pickle_items *items, int depth)
{
    rn_status status = RN_OK;

    for (size_t i = 0; i < items->count && status == RN_OK; i++) {
        const rn_pickle_value index = { .type = RN_PICKLE_INTEGER, .as.integer = (int64_t)i };
        char part[32];
        size_t length;

        (void)rn_pickle_print(part, sizeof part, &index);
        status = rn_walk_enter(&length, w, part, strlen(part));
        if (status == RN_OK)
            status = visit(w, &items->value[i], depth + 1);
        rn_walk_leave(w, length);
    }
    return status;
}

static rn_status visit_entries(rn_torch_walk *w, const rn_pickle_items *items, int depth)
{
    rn_status status = RN_OK;

    for (size_t i = 0; i + 1 < items->count && status == RN_OK; i += 2)
        status = visit_entry(w, &items->value[i], &items->value[i + 1], depth);
    return status;
}

/* What nobody knows is a module, filled like a dictionary, or passed over. */
static rn_status visit_stranger(rn_torch_walk *w, const rn_pickle_value *value, int depth)
{
    bool module;
    const rn_status status = rn_walk_is_module(&module, w, value);

    if (status != RN_OK)
        return status;
    if (module)
        return rn_walk_visit_module(w, value, visit_entry, depth);
    return rn_pickle_entries(value) != NULL ? visit_entries(w, rn_pickle_entries(value), depth)
                                            : rn_walk_pass_over(w, rn_pickle_opaque(value));
}

/* A parameter that Python 2 wrote has its tensor in its state. */
static rn_status visit_parameter(rn_torch_walk *w, const rn_pickle_call *call, int depth)
{
    const rn_pickle_items *items = call->arguments->count > 0 ? call->arguments : rn_pickle_sequence(&call->state);

    if (items == NULL || items->count == 0)
        return rn_fail(rn_walk_message(w), RN_FORMAT, "%s: parameter '%s' has no data", w->reader->path, w->name);
    return visit(w, &items->value[0], depth + 1);
}

static rn_status visit_call(rn_torch_walk *w, const rn_pickle_value *value, int depth)
{
    const rn_pickle_call *call = value->as.call;

    switch (call->function->kind) {
    case RN_GLOBAL_TENSOR: return rn_walk_add_rebuilt(w, call->function, call->arguments);
    case RN_GLOBAL_SUBCLASS: return rn_walk_add_subclass(w, call->arguments);
    case RN_GLOBAL_PARAMETER: return visit_parameter(w, call, depth);
    case RN_GLOBAL_NUMPY_SCALAR: return add_text(w, value);
    case RN_GLOBAL_SIZE:
        return rn_pickle_sequence(value) == NULL ? RN_OK : visit_sequence(w, rn_pickle_sequence(value), depth);
    case RN_GLOBAL_SCRIPT:
    case RN_GLOBAL_STRANGER:
    case RN_GLOBAL_UNSUPPORTED: return visit_stranger(w, value, depth);
    default: return RN_OK; /* a device, a type: no tensor and no number */
    }
}

/* Something outside the pickle: a tensor where the container has them by key, else a storage, which is none. */
static rn_status visit_persistent(rn_torch_walk *w, const rn_pickle_value *id)
{
    rn_torch_storage_id storage;
    rn_torch_layout layout;
    rn_status status;

    if (w->source->describe == NULL) {
        if (rn_torch_unread_storage(id) != NULL)
            return rn_walk_pass_over(w, rn_torch_unread_storage(id));
        status = rn_torch_storage_id_read(&storage, w->reader, id);
        return status == RN_OK ? rn_walk_pass_over(w, storage.type) : status;
    }
    status = w->source->describe(&layout, w->source->payload, id);
    return status == RN_OK ? rn_walk_add_layout(w, &layout) : status;
}

/* A value under its key. */
static rn_status visit_entry(rn_torch_walk *w, const rn_pickle_value *key, const rn_pickle_value *value, int depth)
{
    char part[256];
    const char *text = part;
    size_t text_length, length;
    rn_status status;

    if (key->type == RN_PICKLE_TEXT) {
        status = rn_reader_work(w->reader, rn_pickle_print_work(key)); /* a key may be long, and shared */
        if (status != RN_OK)
            return status;
        if (!rn_bytes_are_text(key->as.text, key->length))
            return rn_walk_pass_over(w, NULL);
        text = key->as.text;
        text_length = key->length;
    } else {
        if (!rn_pickle_print_key(part, sizeof part, key, w->reader->budget))
            return rn_walk_pass_over(w, NULL);
        text_length = strlen(part);
    }
    status = rn_walk_enter(&length, w, text, text_length);
    if (status == RN_OK)
        status = visit(w, value, depth + 1);
    rn_walk_leave(w, length);
    return status;
}

static rn_status visit(rn_torch_walk *w, const rn_pickle_value *value, int depth)
{
    rn_status status = RN_OK;

    if (depth > RN_CHECKPOINT_DEPTH)
        return rn_fail(rn_walk_message(w), RN_FORMAT, "%s: values are nested more than %d deep", w->reader->path,
                       RN_CHECKPOINT_DEPTH);
    status = rn_reader_work(w->reader, VISIT_WORK);
    if (status != RN_OK)
        return status;
    switch (value->type) {
    case RN_PICKLE_DICTIONARY: return visit_entries(w, value->as.items, depth);
    case RN_PICKLE_TUPLE:
    case RN_PICKLE_LIST: return visit_sequence(w, value->as.items, depth);
    case RN_PICKLE_CALL: return visit_call(w, value, depth);
    case RN_PICKLE_GLOBAL:
        return rn_pickle_opaque(value) == NULL ? RN_OK : rn_walk_pass_over(w, rn_pickle_opaque(value));
    case RN_PICKLE_PERSISTENT: return visit_persistent(w, &value->as.items->value[0]);
    default: return add_text(w, value);
    }
}

/* A dictionary or a module: what the tensors of a network may lie in. */
static rn_status is_holder(bool *holder, const rn_torch_walk *w, const rn_pickle_value *value)
{
    *holder = rn_pickle_entries(value) != NULL;
    return *holder ? RN_OK : rn_walk_is_module(holder, w, value);
}

/* *nesting: the only key of the outermost dictionary under which tensors lie, if its value holds a network; else NULL.
 */
static rn_status visit_root(const rn_pickle_value **nesting, rn_torch_walk *w, const rn_pickle_value *root)
{
    rn_status status = RN_OK;
    size_t holders = 0;

    *nesting = NULL;
    const rn_pickle_items *items = rn_pickle_entries(root);
    if (items == NULL)
        return visit(w, root, 0);
    for (size_t i = 0; i + 1 < items->count && status == RN_OK; i += 2) {
        const size_t before = w->count;
        bool holder = false;

        status = visit_entry(w, &items->value[i], &items->value[i + 1], 0);
        if (status == RN_OK && w->count > before) {
            holders++;
            status = is_holder(&holder, w, &items->value[i + 1]);
            *nesting = holder ? &items->value[i] : NULL;
        }
    }
    if (holders != 1)
        *nesting = NULL;
    return status;
}

static bool all_begin_with(const rn_torch_walk *w, size_t skip, const char *prefix)
{
    for (size_t i = 0; i < w->count; i++)
        if (strncmp(w->found[i].name + skip, prefix, strlen(prefix)) != 0 ||
            w->found[i].name[skip + strlen(prefix)] == '\0')
            return false;
    return w->count > 0;
}

/* Hands the tensors to the checkpoint under their names without what all have in common. */
static rn_status deliver(rn_torch_walk *w, const rn_pickle_value *nesting)
{
    static const char parallel[] = "module.";
    rn_checkpoint *checkpoint = w->reader->checkpoint;
    rn_status status = RN_OK;
    char key[256];
    size_t skip = 0, position;

    if (nesting != NULL && rn_pickle_print_key(key, sizeof key, nesting, w->reader->budget) && key[0] != '\0') {
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
            return rn_fail(rn_walk_message(w), RN_FORMAT, "%s: there are two tensors '%s', or one without a name",
                           w->reader->path, name);
        status = rn_checkpoint_take(checkpoint, name, w->found[i].tensor);
        if (status == RN_OK)
            w->found[i].tensor = NULL;
    }
    return status;
}

rn_status rn_torch_object_read(rn_reader *reader, const rn_pickle_value *root, const rn_torch_source *source)
{
    rn_torch_walk w = { .reader = reader, .source = source };
    const rn_pickle_value *nesting = NULL;

    if (root->type != RN_PICKLE_DICTIONARY && root->type != RN_PICKLE_TUPLE && root->type != RN_PICKLE_LIST &&
        root->type != RN_PICKLE_CALL && root->type != RN_PICKLE_PERSISTENT)
        return rn_fail(&reader->context->message, RN_UNSUPPORTED,
                       "%s: holds a single value, not a dictionary of tensors", reader->path);
    rn_status status = rn_walk_begin(&w);
    if (status == RN_OK)
        status = visit_root(&nesting, &w, root);
    if (status == RN_OK)
        status = rn_walk_report_passed(&w);
    if (status == RN_OK)
        status = deliver(&w, nesting);
    rn_walk_end(&w);
    return status;
}
