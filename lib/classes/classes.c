/* SPDX-License-Identifier: MIT */
/* The class table: two arrays of strings over one block of text. */
#include "classes/classes.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CLASSES = 1000000 };

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

/* Looking ------------------------------------------------------------------------------------------------------ */

rn_context *rn_classes_context(const rn_classes *classes)
{
    return classes->context;
}

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
