/* SPDX-License-Identifier: MIT */
/* The class table: two arrays of strings over one block of text. */
#include "classes/classes.h"

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CLASSES = 1000000, LABELS_LIMIT = 1 << 26 };

struct rn_classes {
    rn_context *context;
    size_t count;
    const char **folder, **name; /* one array: the folders, then the names */
    char *text;
};

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* No folder may be missing, empty, without a text that a file can hold, or there twice. */
static rn_status check_folders(rn_context *context, const char *const *folders, size_t count)
{
    const char **const sorted = rn_allocate_array(&context->allocator, count, sizeof *sorted);
    rn_status status = RN_OK;

    if (sorted == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for %zu classes", count);
    for (size_t i = 0; i < count; i++) {
        if (folders[i] == NULL || folders[i][0] == '\0') {
            status = rn_fail(&context->message, RN_INVALID_ARGUMENT, "the folder of class %zu is %s", i,
                             folders[i] == NULL ? "NULL" : "empty");
            goto out;
        }
        if (!rn_text_is_utf8(folders[i])) {
            status = rn_fail(&context->message, RN_INVALID_ARGUMENT, "the folder of class %zu is not UTF-8", i);
            goto out;
        }
        sorted[i] = folders[i];
    }
    qsort(sorted, count, sizeof *sorted, compare_texts);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(sorted[i - 1], sorted[i]) == 0) {
            status = rn_fail(&context->message, RN_INVALID_ARGUMENT, "two classes have the folder %s", sorted[i]);
            goto out;
        }
    }
out:
    rn_release(&context->allocator, sorted);
    return status;
}

/* Bytes of all strings with their final zeros. */
static bool add_lengths(size_t *bytes, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!rn_size_add(bytes, *bytes, strlen(texts[i]) + 1))
            return false;
    }
    return true;
}

static char *append_texts(const char **target, char *text, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const size_t bytes = strlen(texts[i]) + 1;

        memcpy(text, texts[i], bytes);
        target[i] = text;
        text += bytes;
    }
    return text;
}

/* The table of arguments that have been checked. */
static rn_status make(rn_classes **classes, rn_context *context, const char *const *folders, const char *const *names,
                      size_t count)
{
    rn_classes *const made = rn_allocate_zeroed(&context->allocator, 1, sizeof *made);
    size_t bytes = 0;

    if (made == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for %zu classes", count);
    rn_context_retain(context);
    made->context = context;
    made->count = count;
    if (add_lengths(&bytes, folders, count) && add_lengths(&bytes, names, count)) {
        made->folder = rn_allocate_array(&context->allocator, count, 2 * sizeof *made->folder);
        made->text = rn_allocate(&context->allocator, bytes);
    }
    if (made->folder == NULL || made->text == NULL) {
        rn_classes_destroy(made);
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for %zu classes", count);
    }
    made->name = made->folder + count;
    append_texts(made->name, append_texts(made->folder, made->text, folders, count), names, count);
    *classes = made;
    return RN_OK;
}

rn_status rn_classes_create(rn_classes **classes, rn_context *context, const char *const *folders,
                            const char *const *names, size_t count)
{
    rn_status status;

    if (classes != NULL)
        *classes = NULL;
    if (context == NULL)
        return rn_fail_null("rn_classes_create", "context");
    if (classes == NULL || folders == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_classes_create: %s is NULL",
                       folders == NULL ? "folders" : "classes");
    if (count == 0 || count > MAX_CLASSES)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "a table has 1 to %d classes, not %zu", MAX_CLASSES,
                       count);
    for (size_t i = 0; names != NULL && i < count; i++) {
        if (names[i] == NULL)
            return rn_fail(&context->message, RN_INVALID_ARGUMENT, "the name of class %zu is NULL", i);
        if (!rn_text_is_utf8(names[i]))
            return rn_fail(&context->message, RN_INVALID_ARGUMENT, "the name of class %zu is not UTF-8", i);
    }
    status = check_folders(context, folders, count);
    return status == RN_OK ? make(classes, context, folders, names != NULL ? names : folders, count) : status;
}

rn_status rn_classes_copy(rn_classes **copy, const rn_classes *classes, rn_context *context)
{
    *copy = NULL;
    return make(copy, context, classes->folder, classes->name, classes->count);
}

/* Labels ------------------------------------------------------------------------------------------------------- */

typedef struct label {
    const char *folder, *name; /* name: NULL if the value is no string */
} label;

static int compare_labels(const void *a, const void *b)
{
    return strcmp(((const label *)a)->folder, ((const label *)b)->folder);
}

/* The members of the object, sorted, so that a large table is not searched once for each class from its start. */
static rn_status sort_labels(label **labels, size_t *count, rn_context *context, const rn_json *object,
                             const char *path)
{
    size_t at = 0;

    *count = rn_json_count(object);
    *labels = rn_allocate_array(&context->allocator, *count, sizeof **labels);
    if (*labels == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "%s: no memory for %zu labels", path, *count);
    for (const rn_json *item = rn_json_first(object); item != NULL; item = rn_json_next(item))
        (*labels)[at++] = (label){ rn_json_name(item), rn_json_string(item) };
    qsort(*labels, *count, sizeof **labels, compare_labels);
    for (size_t i = 1; i < *count; i++) {
        if (compare_labels(&(*labels)[i - 1], &(*labels)[i]) == 0)
            return rn_fail(&context->message, RN_FORMAT, "%s: has folder %s twice", path, (*labels)[i].folder);
    }
    return RN_OK;
}

static rn_status find_names(const char **names, const rn_classes *classes, const label *labels, size_t count,
                            const char *path)
{
    rn_message *const message = &classes->context->message;

    for (size_t i = 0; i < classes->count; i++) {
        const label wanted = { classes->folder[i], NULL };
        const label *const found = bsearch(&wanted, labels, count, sizeof wanted, compare_labels);

        if (found == NULL)
            return rn_fail(message, RN_FORMAT, "%s: has no name for folder %s", path, wanted.folder);
        if (found->name == NULL)
            return rn_fail(message, RN_FORMAT, "%s: the name of folder %s is not a string", path, wanted.folder);
        names[i] = found->name;
    }
    return RN_OK;
}

/* The parsed file, which must hold an object. */
static rn_status read_object(rn_json **json, rn_context *context, const char *path)
{
    rn_message reason;
    void *bytes;
    size_t nbytes;
    rn_status status = rn_file_read(&bytes, &nbytes, &context->allocator, path, LABELS_LIMIT, &context->message);

    *json = NULL;
    if (status != RN_OK)
        return status;
    status = rn_json_parse(json, bytes, nbytes, &reason);
    rn_release(&context->allocator, bytes);
    if (status != RN_OK)
        return rn_fail(&context->message, status, "%s: %s", path, reason.text);
    return rn_json_is_object(*json)
               ? RN_OK
               : rn_fail(&context->message, RN_FORMAT, "%s: is not an object {\"folder\": \"name\", ...}", path);
}

rn_status rn_classes_label(rn_classes **labelled, const rn_classes *classes, const char *json_path)
{
    rn_context *context;
    rn_json *json = NULL;
    label *labels = NULL;
    const char **names = NULL;
    size_t count;
    rn_status status;

    if (labelled != NULL)
        *labelled = NULL;
    if (classes == NULL)
        return rn_fail_null("rn_classes_label", "classes");
    context = classes->context;
    if (labelled == NULL || json_path == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_classes_label: %s is NULL",
                       json_path == NULL ? "json_path" : "labelled");
    status = read_object(&json, context, json_path);
    if (status != RN_OK)
        goto out;
    status = sort_labels(&labels, &count, context, json, json_path);
    if (status != RN_OK)
        goto out;
    names = rn_allocate_array(&context->allocator, classes->count, sizeof *names);
    if (names == NULL) {
        status = rn_fail(&context->message, RN_NO_MEMORY, "no memory for %zu names", classes->count);
        goto out;
    }
    status = find_names(names, classes, labels, count, json_path);
    if (status == RN_OK)
        status = make(labelled, context, classes->folder, names, classes->count);
out:
    rn_release(&context->allocator, names);
    rn_release(&context->allocator, labels);
    rn_json_destroy(json);
    return status;
}

/* Looking ------------------------------------------------------------------------------------------------------ */

size_t rn_classes_count(const rn_classes *classes)
{
    return classes != NULL ? classes->count : 0;
}

const char *rn_classes_folder(const rn_classes *classes, size_t index)
{
    return classes != NULL && index < classes->count ? classes->folder[index] : NULL;
}

const char *rn_classes_name(const rn_classes *classes, size_t index)
{
    return classes != NULL && index < classes->count ? classes->name[index] : NULL;
}

void rn_classes_destroy(rn_classes *classes)
{
    if (classes != NULL) {
        rn_context *const context = classes->context;

        rn_release(&context->allocator, classes->folder);
        rn_release(&context->allocator, classes->text);
        rn_release(&context->allocator, classes);
        rn_context_release(context);
    }
}
