/* SPDX-License-Identifier: MIT */
/* Photos that are no files: two heaps of pixels in memory, light and dark, and a network that learns to tell them. */
#include <resnet/resnet.h>
#include <stdio.h>
#include <string.h>

enum { PHOTOS = 16, SIDE = 32 };

typedef struct album {
    uint8_t pixels[PHOTOS][SIDE * SIDE * 3];
    int64_t label[PHOTOS];
} album;

/* Several threads at once: it reads, and nothing else. */
static rn_status read_photo(rn_sample *sample, size_t index, void *payload)
{
    const album *a = payload;

    return rn_sample_give_pixels(sample, SIDE, SIDE, a->pixels[index], 0);
}

static void fill(album *a)
{
    for (int i = 0; i < PHOTOS; i++) {
        a->label[i] = i % 2;
        memset(a->pixels[i], i % 2 ? 200 + i : 30 + i, sizeof a->pixels[i]);
    }
}

int main(void)
{
    static const char *const names[] = { "dark", "light" };
    static album photos;
    rn_context *context = NULL;
    rn_classes *classes = NULL;
    rn_dataset *dataset = NULL;
    rn_model *model = NULL;
    rn_trainer *trainer = NULL;
    int failed;

    fill(&photos);
    failed =
        rn_context_create(&context, RN_OPTIONS(rn_context, .seed = 1)) != RN_OK ||
        rn_classes_create(&classes, context, names, NULL, 2) != RN_OK ||
        rn_dataset_create(&dataset, context,
                          RN_OPTIONS(rn_dataset, .classes = classes, .count = PHOTOS, .labels = photos.label,
                                     .read = read_photo, .payload = &photos)) != RN_OK ||
        rn_model_create(&model, context, "cifar_resnet20", RN_OPTIONS(rn_model, .classes = classes)) != RN_OK ||
        rn_trainer_create(&trainer, model, dataset, dataset, NULL) != RN_OK ||
        rn_trainer_fit(trainer, RN_OPTIONS(rn_fit, .epochs = 3, .lr = 1e-2)) != RN_OK;
    if (failed)
        fprintf(stderr, "%s\n", rn_context_message(context));
    else
        printf("learned from memory, accuracy %.2f\n", rn_trainer_best_accuracy(trainer));
    rn_trainer_destroy(trainer);
    rn_model_destroy(model);
    rn_dataset_destroy(dataset);
    rn_classes_destroy(classes);
    rn_context_destroy(context);
    return failed;
}
