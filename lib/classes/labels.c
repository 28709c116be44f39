/* SPDX-License-Identifier: MIT */
/* Display names out of JSON. All forms become pairs {key, name}, sorted so that a large table is not searched once for
 * each class from its start, but for the list, which has no keys. */
#include "classes/classes.h"

#include "base/file.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_LIMIT = 1 << 26 };

typedef struct label {
    const char *key;
    const char *name; /* NULL: the value is none */
} label;

/* What is being done. */
typedef struct labelling {
    const rn_classes *classes;
    size_t count; /* of classes */
    const char *path;
    rn_message *message;
    const char **names; /* of the classes, once they are found */
    label *labels;
    size_t label_count;
} labelling;

static int compare_labels(const void *a, const void *b)
{
    return strcmp(((const label *)a)->key, ((const label *)b)->key);
}

static rn_status sort_labels(const labelling *l)
{
    qsort(l->labels, l->label_count, sizeof *l->labels, compare_labels);
    for (size_t i = 1; i < l->label_count; i++)
        if (compare_labels(&l->labels[i - 1], &l->labels[i]) == 0)
            return rn_fail(l->message, RN_FORMAT, "%s: has %s twice", l->path, l->labels[i].key);
    return RN_OK;
}

/* The label of class i, by its index or its folder, or NULL. */
static const label *find_label(const labelling *l, size_t i, bool by_index)
{
    char number[24];
    label wanted = { rn_classes_folder(l->classes, i), NULL };

    if (by_index) {
        snprintf(number, sizeof number, "%zu", i);
        wanted.key = number;
    }
    return bsearch(&wanted, l->labels, l->label_count, sizeof wanted, compare_labels);
}

/* True if each class has its label there. */
static bool has_all(const labelling *l, bool by_index)
{
    size_t found = 0;

    while (found < l->count && find_label(l, found, by_index) != NULL)
        found++;
    return found == l->count && (!by_index || l->label_count == l->count);
}

static rn_status take_names(const labelling *l, bool by_index)
{
    for (size_t i = 0; i < l->count; i++) {
        const char *const folder = rn_classes_folder(l->classes, i);
        const label *const found = find_label(l, i, by_index);

        if (found == NULL)
            return rn_fail(l->message, RN_FORMAT, "%s: has no name for folder %s", l->path, folder);
        if (found->name == NULL)
            return rn_fail(l->message, RN_FORMAT, "%s: the name of folder %s is not a string", l->path, folder);
        l->names[i] = found->name;
    }
    return RN_OK;
}

/* ---- {"folder": "name"} and {"0": "name"} ------------------------------------------------------------------------ */

static rn_status refuse_two_meanings(const labelling *l)
{
    for (size_t i = 0; i < l->count; i++) {
        const char *const by_folder = find_label(l, i, false)->name, *const by_index = find_label(l, i, true)->name;

        if (by_folder != by_index && (by_folder == NULL || by_index == NULL || strcmp(by_folder, by_index) != 0))
            return rn_fail(
                l->message, RN_FORMAT,
                "%s: class %zu has the folder %s, and both are keys: say which is meant by a list of names in "
                "the order of the classes",
                l->path, i, rn_classes_folder(l->classes, i));
    }
    return RN_OK;
}

static rn_status name_by_key(labelling *l, const rn_json *object)
{
    rn_status status;
    bool by_folder, by_index;

    for (const rn_json *item = rn_json_first(object); item != NULL; item = rn_json_next(item))
        l->labels[l->label_count++] = (label){ rn_json_name(item), rn_json_string(item) };
    status = sort_labels(l);
    if (status != RN_OK)
        return status;
    by_folder = has_all(l, false);
    by_index = has_all(l, true);
    if (by_folder && by_index)
        status = refuse_two_meanings(l);
    return status == RN_OK ? take_names(l, by_index && !by_folder) : status;
}

/* ---- {"0": ["folder", "name"]} ----------------------------------------------------------------------------------- */

static rn_status add_pairs(labelling *l, const rn_json *object, bool by_index)
{
    l->label_count = 0;
    for (const rn_json *item = rn_json_first(object); item != NULL; item = rn_json_next(item)) {
        const char *const folder = rn_json_string(rn_json_first(item));
        const char *const name = rn_json_string(rn_json_next(rn_json_first(item)));

        if (rn_json_count(item) != 2 || folder == NULL || name == NULL)
            return rn_fail(l->message, RN_FORMAT, "%s: %s is not a pair [\"folder\", \"name\"]", l->path,
                           rn_json_name(item));
        l->labels[l->label_count++] = (label){ by_index ? rn_json_name(item) : folder, name };
    }
    return sort_labels(l);
}

static rn_status name_by_pairs(labelling *l, const rn_json *object)
{
    rn_status status = add_pairs(l, object, true);
    const bool is_indexed = status == RN_OK && has_all(l, true);

    if (status == RN_OK)
        status = add_pairs(l, object, false);
    if (status == RN_OK && is_indexed && !has_all(l, false)) {
        status = add_pairs(l, object, true);
        return status == RN_OK ? take_names(l, true) : status;
    }
    return status == RN_OK ? take_names(l, false) : status;
}

/* ---- {"name": 0} ------------------------------------------------------------------------------------------------- */

/* class_to_idx of another table says so by its own names: they are folders here, of other classes. */
static rn_status refuse_other_order(const labelling *l)
{
    rn_status status;

    for (size_t i = 0; i < l->count; i++)
        l->labels[i] = (label){ l->names[i], NULL };
    status = sort_labels(l);
    if (status != RN_OK)
        return status;
    for (size_t i = 0; i < l->count; i++) {
        const char *const folder = rn_classes_folder(l->classes, i);

        if (strcmp(l->names[i], folder) != 0 && find_label(l, i, false) != NULL)
            return rn_fail(l->message, RN_FORMAT, "%s: gives %s another index than the %zu that its folder has here",
                           l->path, folder, i);
    }
    return RN_OK;
}

static rn_status name_by_value(labelling *l, const rn_json *object)
{
    for (const rn_json *item = rn_json_first(object); item != NULL; item = rn_json_next(item)) {
        uint64_t index;

        if (!rn_json_size(&index, item) || index >= l->count || l->names[index] != NULL)
            return rn_fail(l->message, RN_FORMAT, "%s: the index of %s is no number below %zu, or comes twice", l->path,
                           rn_json_name(item), l->count);
        l->names[index] = rn_json_name(item);
        l->label_count++;
    }
    for (size_t i = 0; i < l->count; i++)
        if (l->names[i] == NULL)
            return rn_fail(l->message, RN_FORMAT, "%s: has no name with the index %zu, for folder %s", l->path, i,
                           rn_classes_folder(l->classes, i));
    return refuse_other_order(l);
}

/* ---- ["name"] ---------------------------------------------------------------------------------------------------- */

static rn_status name_by_place(const labelling *l, const rn_json *array)
{
    size_t i = 0;

    if (rn_json_count(array) != l->count)
        return rn_fail(l->message, RN_FORMAT, "%s: a list of %zu names for %zu classes", l->path, rn_json_count(array),
                       l->count);
    for (const rn_json *item = rn_json_first(array); item != NULL; item = rn_json_next(item), i++) {
        l->names[i] = rn_json_string(item);
        if (l->names[i] == NULL)
            return rn_fail(l->message, RN_FORMAT, "%s: entry %zu of the list is not a string", l->path, i);
    }
    return RN_OK;
}

/* ---- any of them ------------------------------------------------------------------------------------------------- */

static rn_status find_names(labelling *l, const rn_json *json)
{
    const rn_json *const first = rn_json_first(json);
    double number;

    if (rn_json_is_array(json))
        return name_by_place(l, json);
    if (!rn_json_is_object(json))
        return rn_fail(l->message, RN_FORMAT,
                       "%s: neither an object such as {\"folder\": \"name\", ...} nor a list of names", l->path);
    if (rn_json_is_array(first))
        return name_by_pairs(l, json);
    return rn_json_number(&number, first) ? name_by_value(l, json) : name_by_key(l, json);
}

static rn_status read_json(rn_json **json, rn_context *context, const char *path)
{
    rn_message reason;
    void *bytes;
    size_t nbytes;
    rn_status status = rn_file_read(&bytes, &nbytes, &context->allocator, path, FILE_LIMIT, &context->message);

    if (status != RN_OK)
        return status;
    status = rn_json_parse(json, bytes, nbytes, &reason);
    rn_release(&context->allocator, bytes);
    return status == RN_OK ? RN_OK : rn_fail(&context->message, status, "%s: %s", path, reason.text);
}

static rn_status label_classes(rn_classes **labelled, labelling *l, rn_context *context, const rn_json *json)
{
    const rn_allocator *const allocator = &context->allocator;
    const size_t members = rn_json_count(json), labels = members > l->count ? members : l->count;
    const char **const folders = rn_allocate_array(allocator, l->count, sizeof *folders);
    rn_status status;

    l->names = rn_allocate_zeroed(allocator, l->count, sizeof *l->names);
    l->labels = rn_allocate_array(allocator, labels, sizeof *l->labels);
    status = folders != NULL && l->names != NULL && l->labels != NULL
                 ? find_names(l, json)
                 : rn_fail(l->message, RN_NO_MEMORY, "%s: no memory for %zu names", l->path, labels);
    for (size_t i = 0; i < l->count && status == RN_OK; i++)
        folders[i] = rn_classes_folder(l->classes, i);
    if (status == RN_OK)
        status = rn_classes_create(labelled, context, folders, l->names, l->count);
    rn_release(allocator, l->labels);
    rn_release(allocator, l->names);
    rn_release(allocator, folders);
    return status;
}

rn_status rn_classes_label(rn_classes **labelled, const rn_classes *classes, const char *json_path)
{
    rn_context *context;
    rn_json *json = NULL;
    rn_status status;

    if (labelled != NULL)
        *labelled = NULL;
    if (classes == NULL)
        return rn_fail_null("rn_classes_label", "classes");
    context = rn_classes_context(classes);
    if (labelled == NULL || json_path == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_classes_label: %s is NULL",
                       json_path == NULL ? "json_path" : "labelled");
    labelling l = {
        .classes = classes, .count = rn_classes_count(classes), .path = json_path, .message = &context->message
    };

    status = read_json(&json, context, json_path);
    if (status == RN_OK)
        status = label_classes(labelled, &l, context, json);
    rn_json_destroy(json);
    return status;
}
