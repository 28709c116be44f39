/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "common/checks.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- validation photos that are training photos ------------------------------------------------------------------ */

typedef struct photo {
    const char *path;
    uint64_t size, hash; /* hash: 0 until it is needed */
    int is_valid;
} photo;

static int compare_photos(const void *a, const void *b)
{
    const photo *x = a, *y = b;

    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->is_valid - y->is_valid;
}

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/; of a file that cannot be read 0: the training will say so. */
static uint64_t hash_file(const char *path)
{
    unsigned char bytes[16384];
    uint64_t hash = 0xcbf29ce484222325u;
    FILE *file = fopen(path, "rb");
    size_t count;

    if (file == NULL)
        return 0;
    while ((count = fread(bytes, 1, sizeof bytes, file)) > 0)
        for (size_t i = 0; i < count; i++)
            hash = (hash ^ bytes[i]) * 0x100000001b3u;
    fclose(file);
    return hash;
}

static photo *add_photos(photo *to, const rn_dataset *photos, int is_valid)
{
    for (size_t i = 0; i < rn_dataset_count(photos); i++) {
        struct stat info;

        if (stat(rn_dataset_path(photos, i), &info) == 0)
            *to++ = (photo){ rn_dataset_path(photos, i), (uint64_t)info.st_size, 0, is_valid };
    }
    return to;
}

/* Hashes the photos of one size, which lie side by side, if they are of both kinds. */
static void hash_equal_sizes(photo *photos, size_t count)
{
    size_t begin = 0;

    for (size_t i = 1; i <= count; i++) {
        if (i < count && photos[i].size == photos[begin].size)
            continue;
        if (photos[begin].is_valid != photos[i - 1].is_valid)
            for (size_t j = begin; j < i; j++)
                photos[j].hash = hash_file(photos[j].path);
        begin = i;
    }
}

static int warn_of_shared_photos(const args_program *program, const rn_dataset *train, const rn_dataset *valid)
{
    const photo *last = NULL, *first_shared = NULL, *original = NULL; /* last: the last training photo seen */
    size_t count = 0;
    photo *photos = malloc((rn_dataset_count(train) + rn_dataset_count(valid) + 1) * sizeof *photos);
    photo *end;

    if (photos == NULL)
        return 0;
    end = add_photos(add_photos(photos, train, 0), valid, 1);
    qsort(photos, (size_t)(end - photos), sizeof *photos, compare_photos);
    hash_equal_sizes(photos, (size_t)(end - photos));
    qsort(photos, (size_t)(end - photos), sizeof *photos, compare_photos);
    for (const photo *at = photos; at < end; at++) {
        if (!at->is_valid) {
            last = at;
        } else if (last != NULL && at->hash != 0 && at->size == last->size && at->hash == last->hash) {
            count++;
            original = original != NULL ? original : last;
            first_shared = first_shared != NULL ? first_shared : at;
        }
    }
    if (count > 0)
        text_line(stderr,
                  "%s: warning: %zu of %zu validation photos are training photos, too (%s is %s): what is known by "
                  "heart counts as recognised",
                  program->name, count, rn_dataset_count(valid), first_shared->path, original->path);
    free(photos);
    return count > 0;
}

/* ---- classes and scale ------------------------------------------------------------------------------------------- */

static int warn_of_one_class(const args_program *program, const rn_dataset *train)
{
    const rn_classes *classes = rn_dataset_classes(train);

    if (rn_classes_count(classes) > 1)
        return 0;
    text_line(stderr, "%s: warning: there is one class only (%s): every answer is right, and nothing is learned",
              program->name, rn_classes_name(classes, 0));
    return 1;
}

/* The shorter side, in pixels, that the last Resize of a pipeline gives a photo; 0 if there is none. */
static long scale_of(const rn_pipeline *pipeline)
{
    static const char step[] = "Resize(";
    const char *text = pipeline != NULL ? rn_pipeline_text(pipeline) : "";
    long scale = 0;

    while ((text = strstr(text, step)) != NULL) {
        char *end;
        long other;

        text += sizeof step - 1;
        scale = strtol(text, &end, 10);
        other = *end == ',' ? strtol(end + 1, NULL, 10) : scale;
        scale = other < scale ? other : scale;
    }
    return scale;
}

static int warn_of_scales(const args_program *program, const rn_model *model)
{
    const rn_pipeline *train = rn_model_training_pipeline(model), *valid = rn_model_pipeline(model);
    const long a = scale_of(train), b = scale_of(valid);

    if (train == NULL || valid == NULL || (4 * a <= 5 * b && 4 * b <= 5 * a))
        return 0;
    text_line(stderr,
              "%s: warning: training photos are seen at another scale than validation photos: \"%s\" against \"%s\"",
              program->name, rn_pipeline_text(train), rn_pipeline_text(valid));
    return 1;
}

int checks_warn(const args_program *program, const rn_dataset *train, const rn_dataset *valid, const rn_model *model)
{
    return warn_of_one_class(program, train) + warn_of_shared_photos(program, train, valid) +
           warn_of_scales(program, model);
}
