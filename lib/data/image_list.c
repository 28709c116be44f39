/* SPDX-License-Identifier: MIT */
/* Lists of photos with their labels. The rows are read first; then labels become classes, and photos that come with two
 * labels are looked for. */
#define _POSIX_C_SOURCE 200809L
#include "base/file.h"
#include "base/options.h"
#include "data/dataset.h"
#include "data/list_labels.h"
#include "data/list_text.h"
#include <resnet/dataset_files.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

RN_NO_TAIL_PADDING(rn_image_list_options, reserved);

static const size_t max_list = (size_t)1 << 30;

typedef struct listing {
    rn_dataset *dataset;
    rn_message *message;
    const rn_image_list_options *options;
    const char *list;
    int root_length;           /* of what relative paths follow: of options->root, or of the beginning of `list` */
    rn_list_label *labels;     /* one for each photo */
    size_t capacity;           /* of labels */
    size_t path, label;        /* columns, from 0 */
    size_t missing, left_line; /* rows left out, and the first of them */
} listing;

/* ---- columns ----------------------------------------------------------------------------------------------------- */

static bool is_header_word(const char *text)
{
    static const char *const words[] = { "path",      "file",     "filename",   "file_name",  "filepath",
                                         "file_path", "image",    "image_path", "image_name", "image_id",
                                         "img",       "img_path", "id",         "name" };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(text, words[i]) == 0)
            return true;
    return false;
}

static bool is_header(const listing *l, const rn_list_row *row)
{
    const rn_image_list_options *const o = l->options;

    if (o->header != RN_LIST_HEADER_AUTO)
        return o->header == RN_LIST_HEADER_YES;
    return o->path_column != NULL || o->label_column != NULL ||
           (l->path < row->count && is_header_word(row->field[l->path]));
}

/* The column of that name. */
static rn_status find_column(size_t *column, const listing *l, const rn_list_row *row, const char *name)
{
    char names[256] = "";
    size_t used = 0;

    if (name == NULL)
        return RN_OK;
    for (size_t i = 0; i < row->count && i < RN_LIST_COLUMNS; i++) {
        if (strcmp(row->field[i], name) == 0) {
            *column = i;
            return RN_OK;
        }
        if (used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "", row->field[i]);
    }
    return rn_fail(l->message, RN_FORMAT, "%s:%zu: no column is called '%s'; there are %s", l->list, row->line, name,
                   names);
}

/* From the first row; *is_photo: it is none of names. */
static rn_status settle_columns(bool *is_photo, listing *l, const rn_list_row *row)
{
    rn_status status = RN_OK;

    *is_photo = !is_header(l, row);
    if (!*is_photo)
        status = find_column(&l->path, l, row, l->options->path_column);
    if (status == RN_OK && !*is_photo)
        status = find_column(&l->label, l, row, l->options->label_column);
    if (status != RN_OK)
        return status;
    if (l->path == l->label)
        return rn_fail(l->message, RN_INVALID_ARGUMENT, "%s: column %zu cannot be both the path and the label", l->list,
                       l->path + 1);
    if (l->path >= row->count || l->label >= row->count)
        return rn_fail(l->message, RN_FORMAT, "%s:%zu: has %zu column%s; paths are in column %zu, labels in column %zu",
                       l->list, row->line, row->count, row->count == 1 ? "" : "s", l->path + 1, l->label + 1);
    return RN_OK;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static rn_status add_label(listing *l, const char *text, size_t line)
{
    if (l->dataset->count == l->capacity) {
        const size_t capacity = l->capacity * 2 + 256;
        rn_list_label *const grown =
            rn_grow_array(&l->dataset->context->allocator, l->labels, l->capacity, capacity, sizeof *grown);

        if (grown == NULL)
            return rn_fail(l->message, RN_NO_MEMORY, "%s: no memory for its labels", l->list);
        l->labels = grown;
        l->capacity = capacity;
    }
    l->labels[l->dataset->count] = (rn_list_label){ text, line };
    return RN_OK;
}

/* Of the row's photo. RN_END: it is not there, and is to be left out. */
static rn_status find_photo(char path[PATH_MAX], const listing *l, const rn_list_row *row)
{
    const rn_image_list_options *const o = l->options;
    const char *const given = row->field[l->path];
    const bool joins = given[0] != '/' && l->root_length > 0;
    const char *const root = o->root != NULL ? o->root : l->list;
    struct stat info;
    const int length =
        snprintf(path, PATH_MAX, "%.*s%s%s%s", joins ? l->root_length : 0, root,
                 joins && root[l->root_length - 1] != '/' ? "/" : "", given, o->ending != NULL ? o->ending : "");

    if (given[0] == '\0' || row->field[l->label][0] == '\0')
        return rn_fail(l->message, RN_FORMAT, "%s:%zu: the %s is empty", l->list, row->line,
                       given[0] == '\0' ? "path" : "label");
    if (length < 0 || length >= PATH_MAX)
        return rn_fail(l->message, RN_FORMAT, "%s:%zu: a path of over %d bytes", l->list, row->line, PATH_MAX - 1);
    if (stat(path, &info) != 0) {
        if (o->skip_missing && (errno == ENOENT || errno == ENOTDIR))
            return RN_END;
        return rn_fail(l->message, RN_IO, "%s:%zu: %s: %s", l->list, row->line, path, strerror(errno));
    }
    return S_ISREG(info.st_mode)
               ? RN_OK
               : rn_fail(l->message, RN_IO, "%s:%zu: %s: not a regular file", l->list, row->line, path);
}

static rn_status add_photo(listing *l, const rn_list_row *row)
{
    char path[PATH_MAX];
    rn_status status = find_photo(path, l, row);

    if (status == RN_END) {
        l->left_line = l->missing++ == 0 ? row->line : l->left_line;
        return RN_OK;
    }
    if (status == RN_OK)
        status = add_label(l, row->field[l->label], row->line);
    return status == RN_OK ? rn_dataset_add(l->dataset, rn_copy_string(&l->dataset->context->allocator, path), 0)
                           : status;
}

static rn_status read_rows(listing *l, char *bytes, size_t nbytes)
{
    rn_list_text text;
    rn_list_row row;
    bool is_photo = true, is_first = true;
    rn_status status = rn_list_text_begin(&text, bytes, nbytes, (char)l->options->separator, l->list, l->message);

    while (status == RN_OK && (status = rn_list_text_next(&row, &text)) == RN_OK) {
        if (is_first)
            status = settle_columns(&is_photo, l, &row);
        if (status == RN_OK && (is_photo || !is_first))
            status = add_photo(l, &row);
        is_first = false;
    }
    if (status != RN_END)
        return status;
    if (l->missing > 0)
        rn_context_log(l->dataset->context, RN_LOG_WARNING,
                       "%s: %zu row%s left out, the first in line %zu: no such photo", l->list, l->missing,
                       l->missing == 1 ? " was" : "s were", l->left_line);
    return l->dataset->count > 0 ? RN_OK
                                 : rn_fail(l->message, RN_FORMAT, "%s: %s", l->list,
                                           l->missing > 0 ? "none of its photos is there" : "no row in it");
}

/* ---- photos that come twice -------------------------------------------------------------------------------------- */

typedef struct place {
    const char *path;
    size_t row;
} place;

static int compare_places(const void *first, const void *second)
{
    const place *const a = first, *const b = second;
    const int order = strcmp(a->path, b->path);

    return order != 0 ? order : a->row < b->row ? -1 : 1;
}

static rn_status refuse_two_labels(const listing *l)
{
    const rn_dataset *const dataset = l->dataset;
    const rn_allocator *const allocator = &dataset->context->allocator;
    place *const places = rn_allocate_array(allocator, dataset->count, sizeof *places);
    rn_status status = RN_OK;

    if (places == NULL)
        return rn_fail(l->message, RN_NO_MEMORY, "%s: no memory for its list of photos", l->list);
    for (size_t i = 0; i < dataset->count; i++)
        places[i] = (place){ dataset->photo[i].name, i };
    qsort(places, dataset->count, sizeof *places, compare_places);
    for (size_t i = 1; i < dataset->count && status == RN_OK; i++) {
        const size_t a = places[i - 1].row, b = places[i].row;

        if (strcmp(places[i - 1].path, places[i].path) == 0 && dataset->photo[a].label != dataset->photo[b].label)
            status =
                rn_fail(l->message, RN_FORMAT, "%s:%zu: %s has the label '%s' here and '%s' in line %zu", l->list,
                        l->labels[b].line, places[i].path, l->labels[b].text, l->labels[a].text, l->labels[a].line);
    }
    rn_release(allocator, places);
    return status;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static rn_status check_column(const char *name, int32_t number, rn_message *message)
{
    if (number < 0 || number > RN_LIST_COLUMNS || (name != NULL && number != 0))
        return rn_fail(message, RN_INVALID_ARGUMENT, "column %d%s%s: a name, or a number from 1 to %d", (int)number,
                       name != NULL ? ", and also " : "", name != NULL ? name : "", (int)RN_LIST_COLUMNS);
    return RN_OK;
}

static rn_status check_options(const rn_image_list_options *o, rn_message *message)
{
    rn_status status = check_column(o->path_column, o->path_number, message);

    if (status == RN_OK)
        status = check_column(o->label_column, o->label_number, message);
    if (status == RN_OK)
        status = rn_options_reserved(o->reserved, "rn_image_list_open", message);
    if (status != RN_OK)
        return status;
    if (o->separator != 0 && (o->separator < 0 || o->separator > 127 || strchr(",;\t ", (char)o->separator) == NULL))
        return rn_fail(message, RN_INVALID_ARGUMENT, "a list cannot be separated by the character %d",
                       (int)o->separator);
    if (o->header < RN_LIST_HEADER_AUTO || o->header > RN_LIST_HEADER_NO ||
        (o->header == RN_LIST_HEADER_NO && (o->path_column != NULL || o->label_column != NULL)))
        return rn_fail(message, RN_INVALID_ARGUMENT, "a header of kind %d%s", (int)o->header,
                       o->header == RN_LIST_HEADER_NO ? ": none has columns by name" : "");
    return RN_OK;
}

static rn_status fill(rn_dataset *dataset, const char *list, const rn_image_list_options *o)
{
    const rn_allocator *const allocator = &dataset->context->allocator;
    const char *const slash = strrchr(list, '/');
    listing l = { .dataset = dataset,
                  .message = &dataset->context->message,
                  .options = o,
                  .list = list,
                  .path = o->path_number > 0 ? (size_t)o->path_number - 1 : 0,
                  .label = o->label_number > 0 ? (size_t)o->label_number - 1 : 1 };
    const size_t root_length = o->root != NULL ? strlen(o->root) : slash != NULL ? (size_t)(slash - list) + 1 : 0;
    void *bytes;
    size_t nbytes;
    rn_status status;

    if (root_length >= PATH_MAX)
        return rn_fail(l.message, RN_INVALID_ARGUMENT, "%s: a folder's path of %zu bytes", list, root_length);
    l.root_length = (int)root_length;
    status = rn_file_read(&bytes, &nbytes, allocator, list, max_list, l.message);
    if (status == RN_OK)
        status = read_rows(&l, bytes, nbytes);
    if (status == RN_OK)
        status = rn_list_labels_apply(dataset, l.labels, o->classes, list);
    if (status == RN_OK)
        status = refuse_two_labels(&l);
    rn_release(allocator, l.labels);
    rn_release(allocator, bytes);
    return status;
}

rn_status rn_image_list_open(rn_dataset **dataset, rn_context *context, const char *path,
                             const rn_image_list_options *options)
{
    rn_image_list_options o;
    rn_dataset *made;
    rn_status status;

    if (dataset == NULL)
        return rn_fail_null("rn_image_list_open", "dataset");
    *dataset = NULL;
    if (context == NULL)
        return rn_fail_null("rn_image_list_open", "context");
    if (path == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "no path of a list");
    status = rn_options_read(&o, sizeof o, options, &context->message);
    if (status == RN_OK)
        status = check_options(&o, &context->message);
    if (status == RN_OK)
        status = rn_dataset_begin(&made, context);
    if (status != RN_OK)
        return status;
    status = fill(made, path, &o);
    if (status != RN_OK) {
        rn_dataset_destroy(made);
        return status;
    }
    *dataset = made;
    return RN_OK;
}
