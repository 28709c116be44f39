/* SPDX-License-Identifier: MIT */
/*
 * fashion_mnist: writes pictures of Debian's package dataset-fashion-mnist (28 x 28, grey, IDX packed by gzip) out as
 * folders of PNG files, for quickstart.sh. Which ones are taken is fixed: the first of each class, training pictures
 * from the training set, the others from the test set.
 */
#define _POSIX_C_SOURCE 200809L
#include "common/args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TRY(call) \
    do { \
        if ((status = (call)) != RN_OK) \
            goto out; \
    } while (0)

enum { SIDE = 28, PIXELS = 3 * SIDE * SIDE, CLASSES = 10, BATCH = 100, PATH_SIZE = 4096, NAME_SIZE = 64 };

static const char *const class_names[CLASSES] = { "t-shirt", "trouser", "pullover", "dress", "coat",
                                                  "sandal",  "shirt",   "sneaker",  "bag",   "ankle-boot" };

static int failed(const char *path, const char *why)
{
    text_line(stderr, "fashion_mnist: %s: %s", path, why);
    return 1;
}

static int make_directory(const char *path)
{
    return mkdir(path, 0777) != 0 && errno != EEXIST ? failed(path, strerror(errno)) : 0;
}

static rn_status open_pictures(rn_dataset **set, rn_context *context, const char *source, const char *part)
{
    char images[PATH_SIZE], labels[PATH_SIZE];
    rn_classes *classes;
    rn_status status = rn_classes_create(&classes, context, class_names, NULL, CLASSES);

    if (status != RN_OK)
        return status;
    snprintf(images, sizeof images, "%s/%s-images-idx3-ubyte.gz", source, part);
    snprintf(labels, sizeof labels, "%s/%s-labels-idx1-ubyte.gz", source, part);
    status = rn_idx_open(set, context, images, labels, RN_OPTIONS(rn_idx, .classes = classes));
    rn_classes_destroy(classes);
    return status;
}

/* The first `wanted` pictures of each class, and the class's folder. 0 after a line that says what is missing. */
static size_t choose(size_t *indices, const rn_dataset *set, const char *folder, const char *classes, int32_t wanted)
{
    char path[PATH_SIZE + NAME_SIZE];
    size_t chosen = 0;

    for (const char *digit = classes; *digit != '\0'; digit++) {
        int32_t found = 0;

        snprintf(path, sizeof path, "%s/%s", folder, class_names[*digit - '0']);
        if (make_directory(path) != 0)
            return 0;
        for (size_t i = 0; i < rn_dataset_count(set) && found < wanted; i++)
            if (rn_dataset_label(set, i) == *digit - '0') {
                indices[chosen++] = i;
                found++;
            }
        if (found < wanted) {
            failed(path, "there are not so many pictures of this class");
            return 0;
        }
    }
    return chosen;
}

/* Picture `index` of the batch as FOLDER/class/00000.png, numbered as in the set. */
static rn_status write_picture(rn_context *context, const rn_batch *batch, size_t index, const float *floats,
                               const rn_dataset *chosen, const size_t *indices, const char *folder)
{
    const size_t sample = rn_batch_sample(batch, index);
    const int64_t shape[] = { 3, SIDE, SIDE };
    float pixels[PIXELS];
    char path[PATH_SIZE + NAME_SIZE];
    rn_tensor *tensor = NULL;
    rn_image *image = NULL;
    rn_status status;

    memcpy(pixels, floats + index * PIXELS, sizeof pixels);
    snprintf(path, sizeof path, "%s/%s/%05zu.png", folder, class_names[rn_dataset_label(chosen, sample)],
             indices[sample]);
    TRY(rn_tensor_wrap(&tensor, context, RN_FLOAT32, 3, shape, RN_ROW_MAJOR, pixels, sizeof pixels));
    TRY(rn_image_from_tensor(&image, context, tensor, NULL));
    status = rn_image_write_png(image, path);
out:
    rn_image_destroy(image);
    rn_tensor_destroy(tensor);
    return status;
}

static rn_status write_pictures(rn_context *context, rn_dataset *chosen, const size_t *indices, const char *folder)
{
    static float floats[BATCH * PIXELS];
    rn_pipeline *pipeline = NULL;
    rn_loader *loader = NULL;
    const rn_batch *batch;
    rn_status status;

    TRY(rn_pipeline_create(&pipeline, context, "ToTensor()"));
    TRY(rn_loader_create(&loader, chosen, pipeline,
                         RN_OPTIONS(rn_loader, .batch_size = BATCH, .height = SIDE, .width = SIDE)));
    TRY(rn_loader_start(loader, 0));
    while ((status = rn_loader_next(&batch, loader)) == RN_OK) {
        const size_t count = rn_batch_size(batch);

        TRY(rn_tensor_read(rn_batch_images(batch), RN_FLOAT32, floats, count * PIXELS * sizeof(float)));
        for (size_t i = 0; i < count; i++)
            TRY(write_picture(context, batch, i, floats, chosen, indices, folder));
    }
out:
    rn_loader_destroy(loader);
    rn_pipeline_destroy(pipeline);
    return status == RN_END ? RN_OK : status;
}

static int write_part(const args_program *program, rn_context *context, const char *source, const char *file_part,
                      const char *folder, const char *classes, int32_t wanted)
{
    rn_dataset *set = NULL, *chosen = NULL;
    size_t *indices = NULL, count;
    rn_status status = open_pictures(&set, context, source, file_part);
    int answer = EXIT_FAILED;

    if (status != RN_OK) {
        answer = args_failed(program, status, context);
        failed(source, "Debian's package dataset-fashion-mnist has its files");
        goto out;
    }
    indices = malloc((size_t)CLASSES * rn_dataset_count(set) * sizeof *indices);
    if (indices == NULL)
        failed(source, "no memory for a list of its pictures");
    if (indices == NULL || make_directory(folder) != 0)
        goto out;
    count = choose(indices, set, folder, classes, wanted);
    if (count == 0) {
        answer = wanted == 0 ? 0 : EXIT_FAILED;
        goto out;
    }
    TRY(rn_dataset_subset(&chosen, set, indices, count));
    TRY(write_pictures(context, chosen, indices, folder));
    answer = 0;
out:
    if (set != NULL && status != RN_OK)
        answer = args_failed(program, status, context);
    free(indices);
    rn_dataset_destroy(chosen);
    rn_dataset_destroy(set);
    return answer;
}

static int write_both(const args_program *program, const char *source, const char *out, const char *classes,
                      const int32_t wanted[2])
{
    static const char *const file_parts[] = { "train", "t10k" }, *const parts[] = { "train", "valid" };
    char folder[PATH_SIZE];
    rn_context *context;
    int answer = 0;

    if (make_directory(out) != 0 || !args_context(&context, program, 1, 0, RN_PRECISION_FLOAT32))
        return EXIT_FAILED;
    for (size_t i = 0; i < 2 && answer == 0; i++) {
        snprintf(folder, sizeof folder, "%s/%s", out, parts[i]);
        answer = write_part(program, context, source, file_parts[i], folder, classes, wanted[i]);
    }
    rn_context_destroy(context);
    return answer;
}

int main(int argc, char **argv)
{
    const char *source = "/usr/share/datasets/fashion-mnist", *classes = "0123456789";
    int32_t wanted[2] = { 100, 100 };
    const args_option options[] = {
        { "source", ARGS_TEXT, &source, "DIR", "where the package's files lie (/usr/share/datasets/fashion-mnist)" },
        { "classes", ARGS_TEXT, &classes, "DIGITS", "which classes, e.g. 0135 (all ten)" },
        { "train", ARGS_COUNT, &wanted[0], "N", "training pictures of each class (100)" },
        { "valid", ARGS_COUNT, &wanted[1], "N", "validation pictures of each class (100)" },
    };
    const args_program program = {
        .name = "fashion_mnist",
        .usage = "OUT [options]",
        .about = "Writes Fashion-MNIST as OUT/train/CLASS/*.png and OUT/valid/CLASS/*.png.",
        .options = options,
        .option_count = sizeof options / sizeof options[0],
    };
    const int answer = args_read(&program, &argc, argv);

    if (answer >= 0)
        return answer;
    if (argc != 2)
        return args_usage(&program, "give one folder to write to");
    if (*classes == '\0' || strspn(classes, "0123456789") != strlen(classes) || strlen(classes) > CLASSES)
        return args_usage(&program, "--classes is made of the digits 0 to 9");
    return write_both(&program, source, argv[1], classes, wanted);
}
