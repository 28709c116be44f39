/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "common/photos.h"
#include "common/language.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

/* The folders that lead to one, so that a circle of links is seen. */
typedef struct trail {
    const struct trail *up;
    dev_t device;
    ino_t number;
} trail;

static int add_folder(photo_list *list, const char *path, const struct stat *info, const trail *up);

static int ends_with(const char *name, const char *const *endings)
{
    const char *const dot = strrchr(name, '.');

    for (; dot != NULL && *endings != NULL; endings++)
        if (strcasecmp(dot, *endings) == 0)
            return 1;
    return 0;
}

static int add_file(photo_list *list, const char *path)
{
    if (list->count == list->room) {
        const size_t room = list->room > 0 ? 2 * list->room : 64;
        char **const more = realloc(list->path, room * sizeof *more);

        if (more == NULL)
            return ENOMEM;
        list->path = more;
        list->room = room;
    }
    list->path[list->count] = strdup(path);
    return list->path[list->count] != NULL ? (list->count++, 0) : ENOMEM;
}

/* One name of a folder. */
static int add_entry(photo_list *list, const char *path, const char *name, const trail *above)
{
    /* A build without WebP or TIFF names such a photo when it tries to read it. */
    static const char *const ours[] = { ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".png",  ".bmp", ".ppm",
                                        ".pgm", ".pbm",  ".pnm", ".webp", ".tif", ".tiff", NULL };
    static const char *const others[] = { ".gif", ".heic", ".heif", ".avif", ".jxl", ".jp2", NULL };
    const size_t size = strlen(path) + strlen(name) + 2;
    char *const whole = malloc(size);
    struct stat info;
    int error = 0;

    if (whole == NULL)
        return ENOMEM;
    snprintf(whole, size, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/", name);
    if (stat(whole, &info) == 0 && S_ISDIR(info.st_mode))
        error = add_folder(list, whole, &info, above);
    else if (ends_with(name, ours))
        error = add_file(list, whole);
    else
        list->passed_over += (size_t)ends_with(name, others);
    free(whole);
    return error;
}

static int is_shown(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int add_folder(photo_list *list, const char *path, const struct stat *info, const trail *up)
{
    const trail here = { up, info->st_dev, info->st_ino };
    struct dirent **entry = NULL;
    int count, error = 0;

    for (const trail *t = up; t != NULL; t = t->up)
        if (t->device == here.device && t->number == here.number)
            return 0;
    count = scandir(path, &entry, is_shown, compare_names);
    if (count < 0)
        return errno;
    for (int i = 0; i < count; i++) {
        if (error == 0)
            error = add_entry(list, path, entry[i]->d_name, &here);
        free(entry[i]);
    }
    free(entry);
    return error;
}

int photos_add(photo_list *list, const char *path)
{
    struct stat info;

    if (*path != '\0' && stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return add_folder(list, path, &info, NULL);
    return add_file(list, path);
}

void photos_release(photo_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->path[i]);
    free(list->path);
    *list = (photo_list){ 0 };
}

static int names_one(const rn_dataset *dataset, const char *message)
{
    const size_t count = dataset != NULL ? rn_dataset_count(dataset) : 0;

    for (size_t i = 0; i < count; i++)
        if (strstr(message, rn_dataset_sample_name(dataset, i)) != NULL)
            return 1;
    return 0;
}

const char *photos_advice(char *text, size_t size, const rn_model *model, const rn_dataset *photos, const char *message)
{
    int64_t height, width;

    if (!names_one(photos, message))
        return NULL;
    if (model == NULL || strstr(message, " pixels, the batch has ") == NULL)
        return _("; --skip-bad-photos leaves such photos out");
    rn_model_input_size(model, NULL, &height, &width);
    snprintf(text, size, _(". A pipeline brings photos to the network's size: --pipeline \"Resize(%lld, %lld), %s\""),
             (long long)height, (long long)width,
             rn_model_pipeline(model) != NULL ? rn_pipeline_text(rn_model_pipeline(model)) : "ToTensor()");
    return text;
}
