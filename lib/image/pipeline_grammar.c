/* SPDX-License-Identifier: MIT */
/* What each step is called and takes, with torchvision's standards. */
#include "image/pipeline.h"

#include <math.h>

enum { LARGEST = 16384 };

/* ---- words ------------------------------------------------------------------------------------------------------- */

#define FILTERS(slot) \
    { "nearest", slot, 0, RN_FILTER_NEAREST, 0, 0, true }, \
    { \
        "bilinear", slot, 0, RN_FILTER_BILINEAR, 0, 0, true \
    }
#define ALL_FILTERS(slot) \
    FILTERS(slot), { "bicubic", slot, 0, RN_FILTER_BICUBIC, 0, 0, true }, \
        { "box", slot, 0, RN_FILTER_BOX, 0, 0, true }, { "hamming", slot, 0, RN_FILTER_HAMMING, 0, 0, true }, \
    { \
        "lanczos", slot, 0, RN_FILTER_LANCZOS, 0, 0, true \
    }
#define FILL(slot) \
    { \
        "fill", slot, 3, 0, 0, 255, true \
    }
#define BEYOND(slot) \
    { "constant", slot, 0, RN_BEYOND_FILL, 0, 0, true }, { "edge", slot, 0, RN_BEYOND_EDGE, 0, 0, true }, \
        { "reflect", slot, 0, RN_BEYOND_REFLECT, 0, 0, true }, \
    { \
        "symmetric", slot, 0, RN_BEYOND_SYMMETRIC, 0, 0, true \
    }
#define END \
    { \
        NULL, 0, 0, 0, 0, 0, false \
    }

static const rn_step_word of_resize[] = { ALL_FILTERS(RN_RESIZE_FILTER),
                                          { "max_size", RN_RESIZE_MOST, 1, 0, 1, LARGEST, true },
                                          { "draft", RN_RESIZE_DRAFT, 0, 1, 0, 0, true },
                                          END };
static const rn_step_word of_crop[] = { { "padding", RN_CROP_PADDING, 1, 0, 0, LARGEST, true },
                                        { "pad_if_needed", RN_CROP_IF_NEEDED, 0, 1, 0, 0, true },
                                        FILL(RN_CROP_FILL),
                                        BEYOND(RN_CROP_BEYOND),
                                        END };
static const rn_step_word of_resized_crop[] = { { "scale", RN_RESIZED_SCALE, 2, 0, 0, 1, false },
                                                { "ratio", RN_RESIZED_RATIO, 2, 0, 0.001, 1000, false },
                                                ALL_FILTERS(RN_RESIZED_FILTER),
                                                END };
static const rn_step_word of_pad[] = { FILL(RN_PAD_FILL), BEYOND(RN_PAD_BEYOND), END };
static const rn_step_word of_blur[] = { { "sigma", RN_BLUR_SIGMA, 2, 1, 0.001, 1000, false }, END };
static const rn_step_word of_rotation[] = { FILTERS(RN_ROTATION_FILTER),
                                            { "expand", RN_ROTATION_EXPANDS, 0, 1, 0, 0, true },
                                            FILL(RN_ROTATION_FILL),
                                            { "center", RN_ROTATION_CENTRE, 2, 0, -LARGEST, LARGEST, false },
                                            END };
static const rn_step_word of_affine[] = { { "translate", RN_AFFINE_TRANSLATE, 2, 0, 0, 1, false },
                                          { "scale", RN_AFFINE_SCALE, 2, 0, 0.001, 1000, false },
                                          { "shear", RN_AFFINE_SHEAR, 4, 0, -89, 89, false },
                                          FILTERS(RN_AFFINE_FILTER),
                                          FILL(RN_AFFINE_FILL),
                                          END };
static const rn_step_word of_perspective[] = { FILTERS(RN_PERSPECTIVE_FILTER), FILL(RN_PERSPECTIVE_FILL), END };
static const rn_step_word of_erasing[] = { { "scale", RN_ERASING_SCALE, 2, 0, 0, 1, false },
                                           { "ratio", RN_ERASING_RATIO, 2, 0, 0.001, 1000, false },
                                           { "value", RN_ERASING_VALUE, 3, 0, -1e6, 1e6, false },
                                           { "random", RN_ERASING_NORMAL, 0, 1, 0, 0, true },
                                           END };

/* ---- steps ------------------------------------------------------------------------------------------------------- */

static const double half[] = { 0.5 }, tenth[] = { 0.1 }, no_jitter[] = { 0, 0, 0, 0 },
                    resize[] = { 0, 0, RN_FILTER_BILINEAR, 0, 0 }, crop[] = { 0, 0, 0, 0, 0, 0, 0, RN_BEYOND_FILL },
                    resized_crop[] = { 0, 0, 0.08, 1, 0.75, 1.33333333333333, RN_FILTER_BILINEAR },
                    pad[] = { 0, 0, 0, 0, 0, 0, 0, RN_BEYOND_FILL },
                    rotation[] = { 0, 0, RN_FILTER_NEAREST, 0, 0, 0, 0, RN_NO_CENTRE, RN_NO_CENTRE },
                    blur[] = { 0, 0, 0.1, 2 }, affine[] = { 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, RN_FILTER_NEAREST, 0, 0, 0 },
                    perspective[] = { 0.5, 0.5, RN_FILTER_BILINEAR, 0, 0, 0 }, posterize[] = { 0, 0.5 },
                    augment[] = { 2, 9 }, erasing[] = { 0.5, 0.02, 0.33, 0.3, 3.3, 0, 0, 0, 0 };

/* name, numbers that stand by themselves, their bounds, whole?, numbers in all, filled from, standards, words */
static const rn_step_grammar kinds[RN_TRANSFORM_KINDS] = {
    [RN_TRANSFORM_EXIF_TRANSPOSE] = { "ExifTranspose", 0, 0, 0, 0, false, 0, 0, NULL, NULL },
    [RN_TRANSFORM_RESIZE] = { "Resize", 1, 2, 1, LARGEST, true, 5, 2, resize, of_resize },
    [RN_TRANSFORM_CENTER_CROP] = { "CenterCrop", 1, 2, 1, LARGEST, true, 2, 2, NULL, NULL },
    [RN_TRANSFORM_RANDOM_CROP] = { "RandomCrop", 1, 2, 1, LARGEST, true, 8, 2, crop, of_crop },
    [RN_TRANSFORM_RANDOM_RESIZED_CROP] = { "RandomResizedCrop", 1, 2, 1, LARGEST, true, 7, 2, resized_crop,
                                           of_resized_crop },
    [RN_TRANSFORM_PAD] = { "Pad", 1, 4, 0, LARGEST, true, 8, 4, pad, of_pad },
    [RN_TRANSFORM_RANDOM_ROTATION] = { "RandomRotation", 1, 2, -360, 360, false, 9, 2, rotation, of_rotation },
    [RN_TRANSFORM_RANDOM_AFFINE] = { "RandomAffine", 1, 2, -360, 360, false, 14, 2, affine, of_affine },
    [RN_TRANSFORM_RANDOM_PERSPECTIVE] = { "RandomPerspective", 0, 2, 0, 1, false, 6, 0, perspective, of_perspective },
    [RN_TRANSFORM_RANDOM_HORIZONTAL_FLIP] = { "RandomHorizontalFlip", 0, 1, 0, 1, false, 1, 0, half, NULL },
    [RN_TRANSFORM_RANDOM_VERTICAL_FLIP] = { "RandomVerticalFlip", 0, 1, 0, 1, false, 1, 0, half, NULL },
    [RN_TRANSFORM_COLOR_JITTER] = { "ColorJitter", 0, 4, 0, 100, false, 4, 0, no_jitter, NULL },
    [RN_TRANSFORM_GAUSSIAN_BLUR] = { "GaussianBlur", 1, 2, 1, 255, true, 4, 2, blur, of_blur },
    [RN_TRANSFORM_GRAYSCALE] = { "Grayscale", 0, 0, 0, 0, false, 0, 0, NULL, NULL },
    [RN_TRANSFORM_RANDOM_GRAYSCALE] = { "RandomGrayscale", 0, 1, 0, 1, false, 1, 0, tenth, NULL },
    [RN_TRANSFORM_RANDOM_INVERT] = { "RandomInvert", 0, 1, 0, 1, false, 1, 0, half, NULL },
    [RN_TRANSFORM_RANDOM_POSTERIZE] = { "RandomPosterize", 1, 2, 0, 8, false, 2, 1, posterize, NULL },
    [RN_TRANSFORM_RANDOM_SOLARIZE] = { "RandomSolarize", 1, 2, 0, 256, false, 2, 1, posterize, NULL },
    [RN_TRANSFORM_RANDOM_ADJUST_SHARPNESS] = { "RandomAdjustSharpness", 1, 2, 0, 100, false, 2, 1, posterize, NULL },
    [RN_TRANSFORM_RANDOM_AUTOCONTRAST] = { "RandomAutocontrast", 0, 1, 0, 1, false, 1, 0, half, NULL },
    [RN_TRANSFORM_RANDOM_EQUALIZE] = { "RandomEqualize", 0, 1, 0, 1, false, 1, 0, half, NULL },
    [RN_TRANSFORM_TRIVIAL_AUGMENT_WIDE] = { "TrivialAugmentWide", 0, 0, 0, 0, false, 0, 0, NULL, NULL },
    [RN_TRANSFORM_RAND_AUGMENT] = { "RandAugment", 0, 2, 0, 30, true, 2, 0, augment, NULL },
    [RN_TRANSFORM_TO_TENSOR] = { "ToTensor", 0, 0, 0, 0, false, 0, 0, NULL, NULL },
    [RN_TRANSFORM_NORMALIZE] = { "Normalize", 6, 6, -1e6, 1e6, false, 6, 6, NULL, NULL },
    [RN_TRANSFORM_RANDOM_ERASING] = { "RandomErasing", 0, 1, 0, 1, false, 9, 0, erasing, of_erasing },
};

const rn_step_grammar *rn_step_grammar_of(rn_transform_kind kind)
{
    return &kinds[kind];
}

/* ---- what single bounds do not say ------------------------------------------------------------------------------- */

static rn_status check_range(const rn_transform *step, int32_t slot, rn_message *message)
{
    return step->number[slot] <= step->number[slot + 1]
               ? RN_OK
               : rn_fail(message, RN_FORMAT, "%s: a range from %g to %g", kinds[step->kind].name, step->number[slot],
                         step->number[slot + 1]);
}

static rn_status check_ranges(const rn_transform *step, const int32_t *slots, int32_t count, rn_message *message)
{
    rn_status status = RN_OK;

    for (int32_t i = 0; i < count && status == RN_OK; i++)
        status = check_range(step, slots[i], message);
    return status;
}

/* One angle is a range around 0. */
static rn_status check_angles(const rn_transform *step, rn_message *message)
{
    if (step->count == 2)
        return check_range(step, 0, message);
    return step->number[0] >= 0
               ? RN_OK
               : rn_fail(message, RN_FORMAT, "%s: %g is not possible", kinds[step->kind].name, step->number[0]);
}

static rn_status check_affine(const rn_transform *step, rn_message *message)
{
    static const int32_t ranges[] = { RN_AFFINE_SCALE, RN_AFFINE_SHEAR, RN_AFFINE_SHEAR + 2 };
    const rn_status status = check_angles(step, message);

    return status == RN_OK ? check_ranges(step, ranges, 3, message) : status;
}

static rn_status check_blur(const rn_transform *step, rn_message *message)
{
    for (int32_t i = 0; i < step->count; i++)
        if (fmod(step->number[i], 2) == 0)
            return rn_fail(message, RN_FORMAT, "GaussianBlur: a kernel's sides are odd, not %g", step->number[i]);
    return check_range(step, RN_BLUR_SIGMA, message);
}

/* The second of two numbers, a probability. */
static rn_status check_probability(const rn_transform *step, rn_message *message)
{
    if (step->kind == RN_TRANSFORM_RANDOM_POSTERIZE &&
        (step->number[0] < 1 || step->number[0] != floor(step->number[0])))
        return rn_fail(message, RN_FORMAT, "RandomPosterize: %g bits", step->number[0]);
    return step->number[1] <= 1
               ? RN_OK
               : rn_fail(message, RN_FORMAT, "%s: a probability of %g", kinds[step->kind].name, step->number[1]);
}

rn_status rn_step_check(const rn_transform *step, rn_message *message)
{
    static const int32_t of_resized[] = { RN_RESIZED_SCALE, RN_RESIZED_RATIO },
                         of_erased[] = { RN_ERASING_SCALE, RN_ERASING_RATIO };

    switch (step->kind) {
    case RN_TRANSFORM_RESIZE:
        if (step->number[RN_RESIZE_MOST] != 0 && (step->count == 2 || step->number[RN_RESIZE_MOST] <= step->number[0]))
            return rn_fail(message, RN_FORMAT, "Resize: max_size goes with one size, and is greater than that");
        return RN_OK;
    case RN_TRANSFORM_PAD:
        return step->count != 3 ? RN_OK : rn_fail(message, RN_FORMAT, "Pad takes 1, 2 or 4 numbers, not 3");
    case RN_TRANSFORM_RANDOM_RESIZED_CROP: return check_ranges(step, of_resized, 2, message);
    case RN_TRANSFORM_RANDOM_ROTATION: return check_angles(step, message);
    case RN_TRANSFORM_RANDOM_AFFINE: return check_affine(step, message);
    case RN_TRANSFORM_GAUSSIAN_BLUR: return check_blur(step, message);
    case RN_TRANSFORM_RANDOM_POSTERIZE:
    case RN_TRANSFORM_RANDOM_SOLARIZE:
    case RN_TRANSFORM_RANDOM_ADJUST_SHARPNESS: return check_probability(step, message);
    case RN_TRANSFORM_COLOR_JITTER:
        return step->number[3] <= 0.5 ? RN_OK : rn_fail(message, RN_FORMAT, "ColorJitter: hue is at most 0.5");
    case RN_TRANSFORM_NORMALIZE:
        for (int32_t i = 3; i < 6; i++)
            if (step->number[i] <= 0)
                return rn_fail(message, RN_FORMAT, "Normalize: deviations are positive");
        return RN_OK;
    case RN_TRANSFORM_RANDOM_ERASING: return check_ranges(step, of_erased, 2, message);
    default: return RN_OK;
    }
}

/* ToTensor once; behind it Normalize, then RandomErasing, each once at most and nothing else. */
rn_status rn_pipeline_check_order(const rn_pipeline *pipeline, rn_message *message)
{
    int32_t tensors = 0, normalised = 0, erased = 0;

    for (int32_t i = 0; i < pipeline->count; i++) {
        const rn_transform_kind kind = pipeline->step[i].kind;

        if (kind == RN_TRANSFORM_TO_TENSOR)
            tensors++;
        else if (kind == RN_TRANSFORM_NORMALIZE)
            normalised++;
        else if (kind == RN_TRANSFORM_RANDOM_ERASING)
            erased++;
        else if (kind == RN_TRANSFORM_EXIF_TRANSPOSE && i > 0)
            return rn_fail(message, RN_FORMAT, "ExifTranspose stands in front: it is about the photo as it was taken");
        else if (tensors > 0)
            return rn_fail(message, RN_FORMAT, "%s behind ToTensor: it works on 8-bit pixels", kinds[kind].name);
        if (kind == RN_TRANSFORM_RESIZE && pipeline->step[i].number[RN_RESIZE_DRAFT] != 0 &&
            i > (pipeline->step[0].kind == RN_TRANSFORM_EXIF_TRANSPOSE))
            return rn_fail(message, RN_FORMAT, "Resize with draft stands in front: it is about how a file is decoded");
        if (normalised > tensors || normalised > 1 || (erased > 0 && kind == RN_TRANSFORM_NORMALIZE))
            return rn_fail(message, RN_FORMAT, "Normalize stands once, behind ToTensor");
        if (erased > tensors || erased > 1)
            return rn_fail(message, RN_FORMAT, "RandomErasing stands once, at the end");
    }
    return tensors == 1 ? RN_OK : rn_fail(message, RN_FORMAT, "ToTensor stands once in a pipeline");
}
