/* SPDX-License-Identifier: MIT */
/*
 * Pairs of pipelines by name. Their texts have places: {crop} for the size of what comes out, {resize} for 256/224 of
 * its longer side, {border} for an eighth of its height, {end} for ToTensor and the Normalize of another pipeline.
 */
#include "image/pipeline.h"

#include <stdio.h>
#include <string.h>

#define CROPPED "Resize({resize}), CenterCrop({crop}), {end}"

static const struct preset {
    const char *name, *training, *validation;
    bool is_square; /* what the training draws has the shapes of square results */
} presets[] = {
    { "tutorial",
      "Resize({resize}), RandomRotation(45), CenterCrop({crop}), RandomHorizontalFlip(), RandomVerticalFlip(), "
      "ColorJitter(0.2, 0.1, 0.1, 0.1), RandomGrayscale(0.025), {end}",
      CROPPED, false },
    { "reference", "RandomResizedCrop({crop}), RandomHorizontalFlip(), {end}", CROPPED, true },
    { "light", "RandomResizedCrop({crop}, scale 0.5 1), RandomHorizontalFlip(), {end}", CROPPED, true },
    { "strong", "RandomResizedCrop({crop}), RandomHorizontalFlip(), TrivialAugmentWide(), {end}, RandomErasing(0.1)",
      CROPPED, true },
    { "none", CROPPED, CROPPED, false },
    { "cifar", "RandomCrop({crop}, padding {border}), RandomHorizontalFlip(), {end}", "{end}", false },
    { "mirrored", "RandomHorizontalFlip(), {end}", "{end}", false },
};

enum { PRESETS = sizeof presets / sizeof presets[0], TEXT = 768, END = 256, MAX_SIDE = 14336 }; /* 256/224 are 16384 */

const char *rn_pipeline_preset_name(size_t index)
{
    return index < PRESETS ? presets[index].name : NULL;
}

static rn_status fail_unknown(const char *name, rn_message *message)
{
    char names[128] = "";

    for (size_t i = 0; i < PRESETS; i++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i > 0 ? ", " : "", presets[i].name);
    return rn_fail(message, RN_INVALID_ARGUMENT, "there is no preset '%.40s' of pipelines, only %s", name, names);
}

static rn_status find_preset(const struct preset **found, const char *name, int32_t height, int32_t width,
                             rn_message *message)
{
    const struct preset *preset = presets;

    if (name == NULL)
        return rn_fail(message, RN_INVALID_ARGUMENT, "rn_pipeline_preset: name is NULL");
    while (preset < presets + PRESETS && strcmp(preset->name, name) != 0)
        preset++;
    if (preset == presets + PRESETS)
        return fail_unknown(name, message);
    if (height < 1 || width < 1 || height > MAX_SIDE || width > MAX_SIDE)
        return rn_fail(message, RN_INVALID_ARGUMENT, "a pipeline for %d x %d pixels: 1 to %d are possible", (int)height,
                       (int)width, (int)MAX_SIDE);
    if (preset->is_square && height != width)
        return rn_fail(message, RN_UNSUPPORTED,
                       "the preset '%s' is for square results, not for %d x %d; tutorial and none are for any", name,
                       (int)height, (int)width);
    *found = preset;
    return RN_OK;
}

/* "ToTensor()", with the Normalize of `like` behind it. */
static void print_end(char text[END], const rn_pipeline *like)
{
    static const rn_transform imagenet = { RN_TRANSFORM_NORMALIZE, 6, { 0.485, 0.456, 0.406, 0.229, 0.224, 0.225 } };
    const rn_transform *const normalise = like != NULL ? rn_pipeline_find(like, RN_TRANSFORM_NORMALIZE) : &imagenet;
    rn_pipeline end = { .step = { { .kind = RN_TRANSFORM_TO_TENSOR } }, .count = 1 };

    if (normalise != NULL)
        end.step[end.count++] = *normalise;
    rn_pipeline_print(&end, text, END);
}

static int print_place(char *to, size_t size, char place, int32_t height, int32_t width, const char *end)
{
    const int64_t longer = height > width ? height : width;

    switch (place) {
    case 'r': return snprintf(to, size, "%d", (int)((2 * 256 * longer + 224) / (2 * 224))); /* rounded */
    case 'b': return snprintf(to, size, "%d", (int)(height / 8));
    case 'e': return snprintf(to, size, "%s", end);
    default:
        return height == width ? snprintf(to, size, "%d", (int)height)
                               : snprintf(to, size, "%d, %d", (int)height, (int)width);
    }
}

/* The longest text of the table with the longest numbers fits TEXT. */
static rn_status create_from(rn_pipeline **pipeline, rn_context *context, const char *from, int32_t height,
                             int32_t width, const char *end)
{
    char text[TEXT];
    size_t length = 0;

    while (*from != '\0') {
        if (*from != '{') {
            text[length++] = *from++;
            continue;
        }
        length += (size_t)print_place(text + length, TEXT - length, from[1], height, width, end);
        from = strchr(from, '}') + 1;
    }
    text[length] = '\0';
    return rn_pipeline_create(pipeline, context, text);
}

rn_status rn_pipeline_preset(rn_pipeline **training, rn_pipeline **validation, rn_context *context, const char *name,
                             int32_t height, int32_t width, const rn_pipeline *like)
{
    const struct preset *preset = NULL;
    char end[END];
    rn_status status;

    if (training != NULL)
        *training = NULL;
    if (validation != NULL)
        *validation = NULL;
    if (training == NULL || validation == NULL || context == NULL)
        return rn_fail_null("rn_pipeline_preset", context == NULL ? "context" : "a pipeline's place");
    status = find_preset(&preset, name, height, width, &context->message);
    if (status != RN_OK)
        return status;
    print_end(end, like);
    status = create_from(training, context, preset->training, height, width, end);
    if (status == RN_OK)
        status = create_from(validation, context, preset->validation, height, width, end);
    if (status != RN_OK) {
        rn_pipeline_destroy(*training);
        *training = NULL;
    }
    return status;
}
