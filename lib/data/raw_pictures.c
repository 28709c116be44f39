/* SPDX-License-Identifier: MIT */
/* Pictures that lie in memory as bytes. */
#include "data/raw_pictures.h"

#include "classes/classes.h"
#include "data/sample.h"

#include <stdio.h>
#include <string.h>

rn_status rn_raw_pictures_create(rn_raw_pictures **pictures, rn_context *context, size_t files)
{
    rn_raw_pictures *const made = rn_allocate_zeroed(&context->allocator, 1, sizeof *made);

    *pictures = made;
    if (made != NULL) {
        made->allocator = context->allocator;
        made->files = files;
        made->file = rn_allocate_zeroed(&context->allocator, files, sizeof *made->file);
    }
    if (made != NULL && made->file != NULL)
        return RN_OK;
    rn_release(&context->allocator, made);
    *pictures = NULL;
    return rn_fail(&context->message, RN_NO_MEMORY, "no memory for a list of %zu files", files);
}

void rn_raw_pictures_destroy(rn_raw_pictures *pictures)
{
    if (pictures == NULL)
        return;
    const rn_allocator allocator = pictures->allocator;

    for (size_t i = 0; i < pictures->files; i++)
        rn_release(&allocator, pictures->file[i].bytes);
    rn_release(&allocator, pictures->file);
    rn_release(&allocator, pictures);
}

static void release_pictures(void *payload)
{
    rn_raw_pictures_destroy(payload);
}

static rn_status give_picture(rn_sample *sample, size_t index, void *payload)
{
    const rn_raw_pictures *const pictures = payload;
    const rn_raw_file *file = pictures->file;

    for (; index >= file->count; file++)
        index -= file->count;
    return rn_sample_give_planes(sample, pictures->width, pictures->height, pictures->planes,
                                 file->pixels + index * pictures->step);
}

/* "0" to the highest label. */
static rn_status count_classes(rn_classes **classes, rn_context *context, const rn_raw_pictures *pictures)
{
    char text[UINT8_MAX + 1][4];
    const char *folders[UINT8_MAX + 1];
    size_t count = 0;

    for (size_t i = 0; i < pictures->files; i++)
        for (size_t k = 0; k < pictures->file[i].count; k++) {
            const size_t label = pictures->file[i].labels[k * pictures->label_step];

            count = label >= count ? label + 1 : count;
        }
    for (size_t i = 0; i < count; i++) {
        snprintf(text[i], sizeof text[i], "%u", (unsigned)i & UINT8_MAX);
        folders[i] = text[i];
    }
    return rn_classes_create(classes, context, folders, NULL, count);
}

static rn_status add_pictures(rn_dataset *dataset, const rn_raw_pictures *pictures, const rn_raw_file *file)
{
    rn_context *const context = dataset->context;
    const char *const slash = strrchr(file->path, '/');
    rn_status status = RN_OK;
    char name[256];

    for (size_t i = 0; i < file->count && status == RN_OK; i++) {
        const int64_t label = file->labels[i * pictures->label_step];

        snprintf(name, sizeof name, "%.200s[%zu]", slash != NULL ? slash + 1 : file->path, i);
        status = (size_t)label < rn_classes_count(dataset->classes)
                     ? rn_dataset_add(dataset, rn_copy_string(&context->allocator, name), label)
                     : rn_fail(&context->message, RN_SHAPE, "%s: picture %zu has the label %d: there are %zu classes",
                               file->path, i, (int)label, rn_classes_count(dataset->classes));
    }
    return status;
}

static rn_status fill(rn_dataset *dataset, const rn_raw_pictures *pictures, const rn_classes *classes)
{
    size_t count = 0;
    rn_status status;

    for (size_t i = 0; i < pictures->files; i++)
        count += pictures->file[i].count; /* of files of less than 2^31 bytes */
    if (count < 1 || count > RN_MAX_PHOTOS)
        return rn_fail(&dataset->context->message, RN_FORMAT, "%s: %zu pictures: 1 to %d are possible",
                       pictures->file[0].path, count, (int)RN_MAX_PHOTOS);
    status = classes != NULL ? rn_classes_copy(&dataset->classes, classes, dataset->context)
                             : count_classes(&dataset->classes, dataset->context, pictures);
    if (status == RN_OK)
        status = rn_dataset_reserve(dataset, count);
    for (size_t i = 0; i < pictures->files && status == RN_OK; i++)
        status = add_pictures(dataset, pictures, &pictures->file[i]);
    return status;
}

rn_status rn_raw_dataset(rn_dataset **dataset, rn_context *context, rn_raw_pictures *pictures,
                         const rn_classes *classes)
{
    rn_dataset *made;
    rn_status status = rn_dataset_begin(&made, context);

    if (status != RN_OK) {
        rn_raw_pictures_destroy(pictures);
        return status;
    }
    made->read = give_picture;
    made->payload = pictures;
    made->release = release_pictures;
    status = fill(made, pictures, classes);
    if (status != RN_OK) {
        rn_dataset_destroy(made);
        return status;
    }
    *dataset = made;
    return RN_OK;
}
