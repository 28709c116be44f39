/* SPDX-License-Identifier: MIT */
#include "data/folders.h"

#include <sys/stat.h>

void make_folder(const char *root, const char *name)
{
    char path[2048];

    assert_true(snprintf(path, sizeof path, "%s/%s/", root, name) < (int)sizeof path);
    for (char *at = path + strlen(root) + 1; *at != '\0'; at++)
        if (*at == '/') {
            *at = '\0';
            mkdir(path, 0755);
            *at = '/';
        }
}

static FILE *create(const char *root, const char *name)
{
    char path[2048];
    FILE *file;

    snprintf(path, sizeof path, "%s", name);
    if (strrchr(path, '/') != NULL) {
        *strrchr(path, '/') = '\0';
        make_folder(root, path);
    }
    snprintf(path, sizeof path, "%s/%s", root, name);
    file = fopen(path, "wb");
    assert_non_null(file);
    return file;
}

static void put(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

void write_photo(const char *root, const char *name, int32_t width, int32_t height, uint8_t seed)
{
    enum { HEADER = 54 };
    const size_t row = ((size_t)width * 3 + 3) / 4 * 4, nbytes = HEADER + row * (size_t)height;
    uint8_t *const bmp = calloc(1, nbytes);
    FILE *const file = create(root, name);

    assert_non_null(bmp);
    memcpy(bmp, "BM", 2);
    put(bmp + 10, HEADER);
    put(bmp + 14, 40);
    put(bmp + 18, (uint32_t)width);
    put(bmp + 22, (uint32_t)height);
    bmp[26] = 1;
    bmp[28] = 24;
    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++) {
            uint8_t *const bgr = bmp + HEADER + row * (size_t)y + 3 * (size_t)x;
            const bool first = x == 0 && y == height - 1; /* rows go upwards */

            bgr[0] = first ? 3 : (uint8_t)(255 - seed);
            bgr[1] = first ? 2 : (uint8_t)(2 * seed);
            bgr[2] = first ? 1 : seed;
        }
    assert_int_equal(fwrite(bmp, 1, nbytes, file), nbytes);
    fclose(file);
    free(bmp);
}

void write_text(const char *root, const char *name, const char *text)
{
    FILE *const file = create(root, name);

    fputs(text, file);
    fclose(file);
}

const char *make_numbered_photos(int count)
{
    const char *const root = rn_test_directory();

    for (int i = 0; i < count; i++) {
        char name[64];

        snprintf(name, sizeof name, "%s/photo_%03d.bmp", i < (count + 1) / 2 ? "a" : "b", i);
        write_photo(root, name, 8, 6, (uint8_t)i);
    }
    return root;
}

rn_dataset *open_folder(rn_context *context, const char *root)
{
    rn_dataset *dataset;

    require_ok(context, rn_image_folder_open(&dataset, context, root, NULL));
    return dataset;
}

rn_pipeline *make_pipeline(rn_context *context, const char *text)
{
    rn_pipeline *pipeline;

    require_ok(context, rn_pipeline_create(&pipeline, context, text));
    return pipeline;
}
