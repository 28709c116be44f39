/* SPDX-License-Identifier: MIT */
/*
 * fashion_mnist: writes pictures of Debian's package dataset-fashion-mnist out as folders of PNG files, for
 * quickstart.sh.
 *
 * Format: http://yann.lecun.com/exdb/mnist/ (IDX, gzipped): big-endian magic number and sizes, then bytes. The pictures
 * are 28 x 28, grey. Which ones are taken is fixed: the first of each class, training pictures from the training set,
 * the others from the test set.
 */
#define _POSIX_C_SOURCE 200809L
#include "common/args.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
#include <stb/stb_image_write.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

enum { SIDE = 28, CLASSES = 10, PATH_SIZE = 4096 };

static const char *const class_names[CLASSES] = { "t-shirt", "trouser", "pullover", "dress", "coat",
                                                  "sandal",  "shirt",   "sneaker",  "bag",   "ankle-boot" };

typedef struct pictures {
    unsigned char *pixels, *labels; /* count x SIDE x SIDE; count */
    uint32_t count;
} pictures;

static int failed(const char *path, const char *why)
{
    text_line(stderr, "fashion_mnist: %s: %s", path, why);
    return 1;
}

static uint32_t big_endian(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/*
 * Reads one IDX file whose items have `item` bytes after `header` bytes of head; *count becomes the number of items, or
 * must equal it if not 0.
 */
static int read_idx(unsigned char **items, uint32_t *count, const char *path, uint32_t magic, unsigned header,
                    size_t item)
{
    unsigned char head[16];
    gzFile file = gzopen(path, "rb");
    int answer = 0;

    if (file == NULL)
        return failed(path, "cannot be opened; Debian's package dataset-fashion-mnist has it");
    if (gzread(file, head, header) != (int)header || big_endian(head) != magic ||
        (*count != 0 && *count != big_endian(head + 4)) ||
        (header == 16 && (big_endian(head + 8) != SIDE || big_endian(head + 12) != SIDE)))
        answer = failed(path, "is not the file that was expected");
    if (answer == 0) {
        *count = big_endian(head + 4);
        *items = *count <= 1000000 ? malloc(*count * item + 1) : NULL;
        if (*items == NULL || gzread(file, *items, (unsigned)(*count * item)) != (int)(*count * item))
            answer = failed(path, "cannot be read to its end");
    }
    gzclose(file);
    return answer;
}

static int read_pictures(pictures *set, const char *source, const char *part)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof path, "%s/%s-images-idx3-ubyte.gz", source, part);
    if (read_idx(&set->pixels, &set->count, path, 0x803, 16, SIDE * SIDE) != 0)
        return 1;
    snprintf(path, sizeof path, "%s/%s-labels-idx1-ubyte.gz", source, part);
    return read_idx(&set->labels, &set->count, path, 0x801, 8, 1);
}

static int make_directory(const char *path)
{
    return mkdir(path, 0777) != 0 && errno != EEXIST ? failed(path, strerror(errno)) : 0;
}

/* The first `wanted` pictures of class `label` as OUT/part/class/00000.png, numbered as in the set. */
static int write_class(const pictures *set, const char *out, const char *part, int label, int32_t wanted)
{
    char path[PATH_SIZE];
    int32_t written = 0;

    snprintf(path, sizeof path, "%s/%s", out, part);
    if (make_directory(path) != 0)
        return 1;
    snprintf(path, sizeof path, "%s/%s/%s", out, part, class_names[label]);
    if (make_directory(path) != 0)
        return 1;
    for (uint32_t i = 0; i < set->count && written < wanted; i++) {
        if (set->labels[i] != label)
            continue;
        snprintf(path, sizeof path, "%s/%s/%s/%05u.png", out, part, class_names[label], i);
        if (!stbi_write_png(path, SIDE, SIDE, 1, set->pixels + (size_t)i * SIDE * SIDE, SIDE))
            return failed(path, "cannot be written");
        written++;
    }
    return written == wanted ? 0 : failed(path, "there are not so many pictures of this class");
}

static int write_part(const char *source, const char *file_part, const char *out, const char *part, const char *classes,
                      int32_t wanted)
{
    pictures set = { 0 };
    int answer = read_pictures(&set, source, file_part);

    for (const char *digit = classes; *digit != '\0' && answer == 0; digit++)
        answer = write_class(&set, out, part, *digit - '0', wanted);
    free(set.pixels);
    free(set.labels);
    return answer;
}

int main(int argc, char **argv)
{
    const char *source = "/usr/share/datasets/fashion-mnist", *classes = "0123456789";
    int32_t train = 100, valid = 100;
    const args_option options[] = {
        { "source", ARGS_TEXT, &source, "DIR", "where the package's files lie (/usr/share/datasets/fashion-mnist)" },
        { "classes", ARGS_TEXT, &classes, "DIGITS", "which classes, e.g. 0135 (all ten)" },
        { "train", ARGS_COUNT, &train, "N", "training pictures of each class (100)" },
        { "valid", ARGS_COUNT, &valid, "N", "validation pictures of each class (100)" },
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
    if (*classes == '\0' || strspn(classes, "0123456789") != strlen(classes))
        return args_usage(&program, "--classes is made of the digits 0 to 9");
    if (make_directory(argv[1]) != 0 || write_part(source, "train", argv[1], "train", classes, train) != 0 ||
        write_part(source, "t10k", argv[1], "valid", classes, valid) != 0)
        return EXIT_FAILED;
    return 0;
}
