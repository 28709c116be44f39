/* SPDX-License-Identifier: MIT */
/*
 * What the blocks of the manuals find: photos of two colours and weights of networks that have learnt nothing, under
 * the names that the manuals use, in the working directory.
 */
#include <resnet/resnet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { SIDE = 64 };

static void must(rn_status status, const rn_context *context)
{
    if (status != RN_OK) {
        fprintf(stderr, "fixture: %s\n", rn_context_message(context));
        exit(1);
    }
}

/* Stripes on a colour: no two numbers give the same file. */
static void photo(rn_context *context, const char *path, int reddish, int number)
{
    static uint8_t pixels[SIDE * SIDE * 3];
    rn_image *image;

    for (int i = 0; i < SIDE * SIDE; i++) {
        const int stripe = (i % SIDE * (number + 1) + i / SIDE) / 8 % 2 * 60;

        pixels[3 * i] = (uint8_t)(reddish ? 190 : stripe);
        pixels[3 * i + 1] = (uint8_t)(60 + stripe + number);
        pixels[3 * i + 2] = (uint8_t)(reddish ? stripe : 190);
    }
    must(rn_image_create(&image, context, SIDE, SIDE, pixels, 0), context);
    must(rn_image_write_png(image, path), context);
    rn_image_destroy(image);
}

static void folder(rn_context *context, const char *path, const char *const *classes, int first, int count)
{
    char name[256];

    mkdir(path, 0777);
    for (int label = 0; label < 2; label++) {
        snprintf(name, sizeof name, "%s/%s", path, classes[label]);
        mkdir(name, 0777);
        for (int i = first; i < first + count; i++) {
            snprintf(name, sizeof name, "%s/%s/image_%05d.jpg", path, classes[label], i + 1);
            photo(context, name, label == 0, i);
        }
    }
}

static void weights(rn_context *context, const char *network, const char *path)
{
    rn_model *model;

    must(rn_model_create(&model, context, network, NULL), context);
    must(rn_model_save(model, path, RN_OPTIONS(rn_model_save, .format = RN_FORMAT_TORCH)), context);
    rn_model_destroy(model);
}

int main(void)
{
    static const char *const numbers[] = { "1", "2" }, *const own[] = { "roses", "tulips" };
    rn_context *context;
    FILE *labels = fopen("cat_to_name.json", "w");

    if (labels == NULL || fputs("{\"1\": \"pink primrose\", \"2\": \"hard-leaved pocket orchid\"}\n", labels) < 0 ||
        fclose(labels) != 0 || rn_context_create(&context, NULL) != RN_OK)
        return 1;
    mkdir("flower_data", 0777);
    folder(context, "flower_data/train", numbers, 0, 5);
    folder(context, "flower_data/valid", numbers, 5, 3);
    folder(context, "photos", own, 0, 10);
    photo(context, "photo.jpg", 1, 20);
    weights(context, "resnet18", "resnet18-f37072fd.pth");
    weights(context, "squeezenet1_1", "squeezenet1_1-b8a52dc0.pth");
    rn_context_destroy(context);
    return 0;
}
