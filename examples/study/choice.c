/* SPDX-License-Identifier: MIT */
#include "study/choice.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the threads of the context read; it holds nothing that was made under the context, as they must not use that. */
typedef struct choice {
    size_t count;
    char **paths;
    int64_t *labels;
} choice;

static void release(void *payload)
{
    choice *c = payload;

    for (size_t i = 0; c->paths != NULL && i < c->count; i++)
        free(c->paths[i]);
    free(c->paths);
    free(c->labels);
    free(c);
}

/* The whole file; NULL if it cannot be read. */
static void *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    unsigned char *bytes = NULL;
    long end;

    if (file == NULL)
        return NULL;
    if (fseek(file, 0, SEEK_END) == 0 && (end = ftell(file)) > 0 && fseek(file, 0, SEEK_SET) == 0 &&
        (bytes = malloc((size_t)end)) != NULL) {
        *size = fread(bytes, 1, (size_t)end, file);
        if (*size != (size_t)end) {
            free(bytes);
            bytes = NULL;
        }
    }
    fclose(file);
    return bytes;
}

static rn_status read_sample(rn_sample *sample, size_t index, void *payload)
{
    const choice *c = payload;
    size_t size;
    void *bytes = read_file(c->paths[index], &size);
    rn_status status;

    if (bytes == NULL)
        return rn_sample_fail(sample, RN_IO, "cannot be read");
    status = rn_sample_give_file(sample, bytes, size);
    free(bytes);
    return status;
}

/* 0: no memory. */
static int add(choice *c, const char *path, int64_t label)
{
    const size_t size = strlen(path) + 1;

    c->paths[c->count] = malloc(size);
    if (c->paths[c->count] == NULL)
        return 0;
    memcpy(c->paths[c->count], path, size);
    c->labels[c->count++] = label;
    return 1;
}

/* The folder's samples come class by class, sorted by path. NULL: no memory. */
static choice *choose(const rn_dataset *folder, int32_t limit)
{
    const size_t all = rn_dataset_count(folder);
    choice *c = calloc(1, sizeof *c);
    int32_t taken = 0;
    int whole;

    if (c == NULL)
        return NULL;
    c->paths = calloc(all, sizeof *c->paths);
    c->labels = calloc(all, sizeof *c->labels);
    whole = c->paths != NULL && c->labels != NULL;
    for (size_t i = 0; whole && i < all; i++) {
        if (i > 0 && rn_dataset_label(folder, i) != rn_dataset_label(folder, i - 1))
            taken = 0;
        if (taken++ < limit)
            whole = add(c, rn_dataset_path(folder, i), rn_dataset_label(folder, i));
    }
    if (whole)
        return c;
    release(c);
    return NULL;
}

/* Named by what comes after the folder, so that a folder which was moved is the same set of photos to a resumed run. */
static rn_status make_dataset(rn_dataset **dataset, rn_context *context, choice *c, const rn_classes *classes,
                              size_t folder_length)
{
    const char **names = calloc(c->count, sizeof *names);
    rn_status status = RN_NO_MEMORY;

    for (size_t i = 0; names != NULL && i < c->count; i++)
        names[i] = c->paths[i] + folder_length;
    if (names != NULL)
        status = rn_dataset_create(dataset, context,
                                   RN_OPTIONS(rn_dataset, .classes = classes, .count = c->count, .labels = c->labels,
                                              .names = names, .read = read_sample, .payload = c, .release = release));
    free(names);
    return status;
}

rn_status choice_open(rn_dataset **dataset, rn_context *context, const char *path, const rn_classes *classes,
                      int32_t limit)
{
    rn_dataset *folder = NULL;
    choice *c;
    rn_status status = rn_image_folder_open(&folder, context, path, RN_OPTIONS(rn_image_folder, .classes = classes));

    if (status != RN_OK || limit == 0) {
        *dataset = folder;
        return status;
    }
    c = choose(folder, limit);
    status = c != NULL ? make_dataset(dataset, context, c, rn_dataset_classes(folder), strlen(path)) : RN_NO_MEMORY;
    if (status != RN_OK && c != NULL)
        release(c);
    rn_dataset_destroy(folder);
    return status;
}
