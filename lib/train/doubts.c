/* SPDX-License-Identifier: MIT */
/*
 * What makes a training's figures mean less than they seem to, said in the log: one class only or few photos of one,
 * validation photos that are training photos, too, and photos that training sees at another scale than validation or
 * not resized at all.
 *
 * Photos are the same if their bytes are. Only files of one size in both sets are opened at all; of those the ends are
 * compared, which in a JPEG differ where anything does; and only what agrees there is read whole.
 */
#define _POSIX_C_SOURCE 200809L
#include "train/train.h"

#include "base/mix.h"
#include "image/pipeline.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files that are opened for it, and bytes at their ends. */
enum { LOOKED_INTO = 1 << 16, END_BYTES = 4096 };

typedef struct photo {
    const char *path;
    uint64_t size, end, whole; /* fingerprints; 0: not made, and equal to no other */
    bool is_valid;
} photo;

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* Equal files lie side by side, those of training first. */
static int compare_photos(const void *a, const void *b)
{
    const photo *const x = a, *const y = b;
    int order = compare_numbers(x->size, y->size);

    order = order != 0 ? order : compare_numbers(x->end, y->end);
    order = order != 0 ? order : compare_numbers(x->whole, y->whole);
    return order != 0 ? order : x->is_valid - y->is_valid;
}

/* A fingerprint of the last `count` bytes of a file of `size`; 0 if they cannot be read. */
static uint64_t mix_end(const char *path, uint64_t size, uint64_t count)
{
    unsigned char bytes[END_BYTES];
    uint64_t at = size - count, id = 1;
    const int handle = open(path, O_RDONLY | O_CLOEXEC);

    if (handle < 0)
        return 0;
    while (at < size) {
        const ssize_t got = pread(handle, bytes, sizeof bytes, (off_t)at);

        if (got <= 0)
            break;
        for (ssize_t i = 0; i < got; i++)
            id = rn_mix(id, bytes[i]);
        at += (uint64_t)got;
    }
    close(handle);
    return at < size ? 0 : id != 0 ? id : 1;
}

static photo *add_photos(photo *to, const rn_dataset *photos, bool is_valid)
{
    for (size_t i = 0; i < rn_dataset_count(photos); i++) {
        const char *const path = rn_dataset_path(photos, i);
        struct stat info;

        if (path != NULL && stat(path, &info) == 0 && info.st_size > 0)
            *to++ = (photo){ .path = path, .size = (uint64_t)info.st_size, .is_valid = is_valid };
    }
    return to;
}

/*
 * Looks closer at the photos that agree so far, if some are of both kinds: at their ends, then at the whole. `files`
 * falls with each.
 */
static void look_closer(photo *photos, size_t count, bool whole, size_t *files)
{
    size_t begin = 0;

    qsort(photos, count, sizeof *photos, compare_photos);
    for (size_t i = 1; i <= count; i++) {
        if (i < count && photos[i].size == photos[begin].size && photos[i].end == photos[begin].end)
            continue;
        const bool worthwhile = photos[begin].is_valid != photos[i - 1].is_valid && (!whole || photos[begin].end != 0);

        for (size_t k = begin; worthwhile && k<i && * files> 0; k++, --*files) {
            photo *const p = &photos[k];

            if (whole)
                p->whole = mix_end(p->path, p->size, p->size);
            else
                p->end = mix_end(p->path, p->size, p->size < END_BYTES ? p->size : END_BYTES);
        }
        begin = i;
    }
}

static void say_shared_photos(rn_context *context, const photo *photos, size_t count, size_t of)
{
    const photo *training = NULL, *shared = NULL, *original = NULL; /* training: the last training photo seen */
    size_t shared_count = 0;

    for (const photo *at = photos; at < photos + count; at++) {
        if (!at->is_valid) {
            training = at;
        } else if (training != NULL && at->whole != 0 && at->size == training->size && at->whole == training->whole) {
            shared_count++;
            original = original != NULL ? original : training;
            shared = shared != NULL ? shared : at;
        }
    }
    if (shared_count > 0)
        rn_context_log(context, RN_LOG_WARNING,
                       "%zu of %zu validation photos are training photos, too (%s is %s): what is known by heart "
                       "counts as recognised",
                       shared_count, of, shared->path, original->path);
}

static rn_status doubt_photos(rn_context *context, const rn_dataset *train, const rn_dataset *valid)
{
    const rn_allocator *const allocator = &context->allocator;
    size_t room = rn_dataset_count(train) + rn_dataset_count(valid), count, files = LOOKED_INTO;
    photo *const photos = rn_allocate_array(allocator, room, sizeof *photos);

    if (photos == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory to compare %zu photos", room);
    count = (size_t)(add_photos(add_photos(photos, train, false), valid, true) - photos);
    look_closer(photos, count, false, &files);
    look_closer(photos, count, true, &files);
    qsort(photos, count, sizeof *photos, compare_photos);
    say_shared_photos(context, photos, count, rn_dataset_count(valid));
    rn_release(allocator, photos);
    return RN_OK;
}

/*
 * The shorter side, in pixels, that the last step of a pipeline that resizes gives a photo; 0 if there is none. A part
 * of a photo is as a whole one of the same scale: a part a of the area, resized to s, stands for s / sqrt(a).
 */
static double scale_of(const rn_pipeline *pipeline)
{
    double scale = 0;

    for (int32_t i = 0; i < pipeline->count; i++) {
        const rn_transform *const step = &pipeline->step[i];

        const double shorter = step->count > 1 && step->number[1] < step->number[0] ? step->number[1] : step->number[0];

        if (step->kind == RN_TRANSFORM_RESIZE)
            scale = shorter;
        else if (step->kind == RN_TRANSFORM_RANDOM_RESIZED_CROP)
            scale = shorter / sqrt((step->number[RN_RESIZED_SCALE] + step->number[RN_RESIZED_SCALE + 1]) / 2);
    }
    return scale;
}

/* The shorter side of a photo; 0 if there is none, or it cannot be read, which training will speak of. */
static rn_status photo_side(double *side, rn_context *context, const char *path)
{
    const rn_message before = context->message;
    rn_image *image = NULL;
    const rn_status status = path != NULL ? rn_image_read(&image, context, path, NULL) : RN_OK;

    *side = 0;
    if (status == RN_NO_MEMORY)
        return status;
    context->message = before;
    if (image != NULL)
        *side = fmin(rn_image_width(image), rn_image_height(image));
    rn_image_destroy(image);
    return RN_OK;
}

/* Where nothing is resized, the scale is that of the photos, for which the first one stands. */
static rn_status doubt_scales(rn_context *context, const rn_model *model, const char *first)
{
    const rn_pipeline *const train = rn_model_training_pipeline(model), *const valid = rn_model_pipeline(model);
    double a = scale_of(train), b = scale_of(valid), side = 0;
    const bool resized = a != 0;
    int64_t height, width;
    const rn_status status = a == 0 || b == 0 ? photo_side(&side, context, first) : RN_OK;

    if (status != RN_OK)
        return status;
    a = a == 0 ? side : a;
    b = b == 0 ? side : b;
    rn_model_input_size(model, NULL, &height, &width);
    if (!resized && side > 2 * fmax((double)height, (double)width))
        rn_context_log(context, RN_LOG_WARNING,
                       "the training pipeline resizes no photo (\"%s\"): of %s, whose shorter side has %g pixels, the "
                       "network sees %d x %d. As a rule Resize or RandomResizedCrop comes first",
                       rn_pipeline_text(train), first, side, (int)width, (int)height);
    else if (4 * a > 5 * b || 4 * b > 5 * a)
        rn_context_log(context, RN_LOG_WARNING,
                       "training photos are seen at another scale than validation photos: \"%s\" against \"%s\"",
                       rn_pipeline_text(train), rn_pipeline_text(valid));
    return RN_OK;
}

enum { FEW = 5, NAMED = 8 };

static rn_status doubt_counts(rn_context *context, const rn_dataset *train, const rn_classes *classes)
{
    const size_t count = rn_classes_count(classes);
    size_t *const photos = rn_allocate_zeroed(&context->allocator, count, sizeof *photos);
    size_t few = 0, used = 0;
    char names[512] = "";

    if (photos == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory to count the photos of %zu classes", count);
    for (size_t i = 0; i < rn_dataset_count(train); i++) {
        const int64_t label = rn_dataset_label(train, i);

        if (label >= 0 && (size_t)label < count)
            photos[label]++;
    }
    for (size_t c = 0; c < count; c++) {
        if (photos[c] >= FEW)
            continue;
        if (few++ < NAMED && used < sizeof names)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s: %zu", few > 1 ? ", " : "",
                                     rn_classes_name(classes, c), photos[c]);
    }
    if (few > 0)
        rn_context_log(
            context, RN_LOG_WARNING,
            "%zu of %zu classes have fewer than %d training photos (%s%s): they are hardly learned, and their "
            "figures are chance",
            few, count, FEW, names, few > NAMED ? ", ..." : "");
    rn_release(&context->allocator, photos);
    return RN_OK;
}

rn_status rn_trainer_say_doubts(const rn_trainer *trainer, const rn_dataset *train, const rn_dataset *valid)
{
    const rn_classes *const classes = rn_dataset_classes(train);
    rn_status status;

    if (rn_classes_count(classes) == 1)
        rn_context_log(trainer->context, RN_LOG_WARNING,
                       "there is one class only (%s): every answer is right, and nothing is learned",
                       rn_classes_name(classes, 0));
    status =
        doubt_scales(trainer->context, trainer->model, rn_dataset_count(train) > 0 ? rn_dataset_path(train, 0) : NULL);
    if (status == RN_OK)
        status = doubt_counts(trainer->context, train, classes);
    return status == RN_OK ? doubt_photos(trainer->context, train, valid) : status;
}
