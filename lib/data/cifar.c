/* SPDX-License-Identifier: MIT */
/* CIFAR's binary version: https://www.cs.toronto.edu/~kriz/cifar.html */
#include "base/file.h"
#include "base/options.h"
#include "data/raw_pictures.h"
#include <resnet/dataset_files.h>

RN_NO_TAIL_PADDING(rn_cifar_options, reserved);

enum { SIDE = 32, PIXELS = 3 * SIDE * SIDE, CLASSES_OF_10 = 10, MOST_FILES = 1024 };

/* The number of label bytes in front of the pixels, and which of them counts. */
static size_t label_bytes(int32_t kind)
{
    return kind == RN_CIFAR_10 ? 1 : 2;
}

static rn_status read_file(rn_raw_file *file, const rn_raw_pictures *pictures, const char *path, int32_t kind,
                           rn_message *message)
{
    const size_t labels = label_bytes(kind);
    size_t nbytes;
    rn_status status;

    if (path == NULL)
        return rn_fail(message, RN_INVALID_ARGUMENT, "rn_cifar_open: a path is NULL");
    status = rn_file_read(&file->bytes, &nbytes, &pictures->allocator, path, RN_RAW_BYTES, message);
    if (status != RN_OK)
        return status;
    if (nbytes == 0 || nbytes % pictures->step != 0)
        return rn_fail(message, RN_FORMAT,
                       "%s: %zu bytes are no records of %zu bytes, as the binary version of CIFAR-%d has them", path,
                       nbytes, pictures->step, kind == RN_CIFAR_10 ? 10 : 100);
    file->path = path;
    file->pixels = (const uint8_t *)file->bytes + labels;
    file->labels = (const uint8_t *)file->bytes + (kind == RN_CIFAR_100 ? 1 : 0);
    file->count = nbytes / pictures->step;
    return RN_OK;
}

static rn_status read_files(rn_raw_pictures **pictures, rn_context *context, const char *const *paths, size_t count,
                            int32_t kind)
{
    rn_status status = rn_raw_pictures_create(pictures, context, count);

    if (status != RN_OK)
        return status;
    (*pictures)->width = (*pictures)->height = SIDE;
    (*pictures)->planes = 3;
    (*pictures)->step = (*pictures)->label_step = PIXELS + label_bytes(kind);
    for (size_t i = 0; i < count && status == RN_OK; i++)
        status = read_file(&(*pictures)->file[i], *pictures, paths[i], kind, &context->message);
    if (status != RN_OK)
        rn_raw_pictures_destroy(*pictures);
    return status;
}

/* The names of batches.meta.txt where the caller has none. */
static rn_status open_files(rn_dataset **dataset, rn_context *context, rn_raw_pictures *pictures,
                            const rn_cifar_options *o)
{
    static const char *const names[CLASSES_OF_10] = { "airplane", "automobile", "bird",  "cat",  "deer",
                                                      "dog",      "frog",       "horse", "ship", "truck" };
    rn_classes *own = NULL;
    rn_status status = RN_OK;

    if (o->classes == NULL && o->kind == RN_CIFAR_10)
        status = rn_classes_create(&own, context, names, NULL, CLASSES_OF_10);
    if (status != RN_OK) {
        rn_raw_pictures_destroy(pictures);
        return status;
    }
    status = rn_raw_dataset(dataset, context, pictures, own != NULL ? own : o->classes);
    rn_classes_destroy(own);
    return status;
}

static rn_status check(const rn_cifar_options *o, const char *const *paths, size_t count, rn_message *message)
{
    if (paths == NULL || count < 1 || count > MOST_FILES)
        return rn_fail(message, RN_INVALID_ARGUMENT, "rn_cifar_open: %zu files: 1 to %d are possible",
                       paths == NULL ? 0 : count, (int)MOST_FILES);
    if (o->kind < RN_CIFAR_10 || o->kind > RN_CIFAR_100_COARSE)
        return rn_fail(message, RN_INVALID_ARGUMENT, "rn_cifar_open: no such kind: %d", (int)o->kind);
    return rn_options_reserved(o->reserved, "rn_cifar_open", message);
}

rn_status rn_cifar_open(rn_dataset **dataset, rn_context *context, const char *const *paths, size_t count,
                        const rn_cifar_options *options)
{
    rn_cifar_options o;
    rn_raw_pictures *pictures;
    rn_status status;

    if (dataset == NULL)
        return rn_fail_null("rn_cifar_open", "dataset");
    *dataset = NULL;
    if (context == NULL)
        return rn_fail_null("rn_cifar_open", "context");
    status = rn_options_read(&o, sizeof o, options, &context->message);
    if (status == RN_OK)
        status = check(&o, paths, count, &context->message);
    if (status == RN_OK)
        status = read_files(&pictures, context, paths, count, o.kind);
    return status == RN_OK ? open_files(dataset, context, pictures, &o) : status;
}
