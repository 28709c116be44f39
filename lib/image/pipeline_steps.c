/* SPDX-License-Identifier: MIT */
/*
 * Steps on pixels. What is drawn, and from what range, is torchvision's (transforms.py, autoaugment.py); the generator
 * is ours, so that a draw depends on (seed, epoch, sample) alone.
 */
#include "image/augment.h"
#include "image/pipeline.h"
#include "image/warp.h"

#include <math.h>

static double uniform_between(rn_random *random, double lowest, double highest)
{
    return lowest + (highest - lowest) * rn_random_uniform(random);
}

static double draw_range(rn_random *random, const double *range)
{
    return uniform_between(random, range[0], range[1]);
}

static int32_t draw_whole(rn_random *random, int32_t lowest, int32_t highest)
{
    return lowest + (int32_t)rn_random_below(random, (uint64_t)(highest - lowest) + 1);
}

static bool happens(rn_random *random, double probability)
{
    return rn_random_uniform(random) < probability;
}

static void set_fill(rn_warp *warp, const double *fill)
{
    for (int c = 0; c < 3; c++)
        warp->fill[c] = (uint8_t)fill[c];
}

/* ---- sizes and crops --------------------------------------------------------------------------------------------- */

/*
 * torchvision's size of Resize: the shorter side is number[0], the longer one int(number[0] * longer / shorter), unless
 * that is more than max_size.
 */
static rn_status resized_size(const rn_transform *step, const rn_pixels *pixels, int32_t *height, int32_t *width,
                              rn_message *message)
{
    const bool wide = pixels->width > pixels->height;
    const double shorter = wide ? pixels->height : pixels->width, longer = wide ? pixels->width : pixels->height;
    const double most = step->number[RN_RESIZE_MOST];
    double small = step->number[0], large = step->number[0] * longer / shorter;

    *height = (int32_t)step->number[0];
    *width = (int32_t)step->number[1];
    if (step->count == 2)
        return RN_OK;
    if (large > RN_STANDARD_PIXELS)
        return rn_fail(message, RN_UNSUPPORTED, "a picture of %d x %d pixels is too narrow to be resized",
                       (int)pixels->width, (int)pixels->height);
    large = trunc(large);
    if (most > 0 && large > most) {
        small = trunc(most * small / large);
        large = most;
    }
    if (small < 1)
        return rn_fail(message, RN_UNSUPPORTED, "a picture of %d x %d pixels is too narrow to be resized",
                       (int)pixels->width, (int)pixels->height);
    *height = (int32_t)(wide ? small : large);
    *width = (int32_t)(wide ? large : small);
    return RN_OK;
}

/* The second of two sides is the first if it is left out. */
static int32_t side(const rn_transform *step, int32_t index)
{
    return (int32_t)step->number[step->count > index ? index : 0];
}

/* Whether `next` crops something that lies inside a picture of this size: then nothing else need be computed. */
static bool crops_inside(rn_crop *crop, const rn_transform *next, int32_t height, int32_t width)
{
    if (next == NULL || next->kind != RN_TRANSFORM_CENTER_CROP)
        return false;
    *crop = rn_crop_centre(height, width, side(next, 0), side(next, 1));
    return crop->height <= height && crop->width <= width;
}

static rn_status resize(const rn_transform *step, const rn_transform *next, bool *taken, rn_pixels *pixels,
                        rn_message *message)
{
    int32_t height, width;
    rn_crop crop;
    const rn_status status = resized_size(step, pixels, &height, &width, message);

    if (status != RN_OK)
        return status;
    *taken = crops_inside(&crop, next, height, width);
    return rn_pixels_resize(pixels, height, width, (rn_filter)step->number[RN_RESIZE_FILTER], *taken ? &crop : NULL,
                            message);
}

static rn_status random_crop(const rn_transform *step, rn_pixels *pixels, rn_random *random, rn_message *message)
{
    const int32_t height = side(step, 0), width = side(step, 1), padding = (int32_t)step->number[RN_CROP_PADDING];
    const rn_beyond beyond = (rn_beyond)step->number[RN_CROP_BEYOND];
    const bool pads = step->number[RN_CROP_IF_NEEDED] != 0;
    const int32_t more_x = pads && width > pixels->width + 2 * padding ? width - pixels->width - 2 * padding : 0,
                  more_y = pads && height > pixels->height + 2 * padding ? height - pixels->height - 2 * padding : 0;
    const rn_crop padded = { -padding - more_y, -padding - more_x, pixels->height + 2 * (padding + more_y),
                             pixels->width + 2 * (padding + more_x) };
    rn_crop crop = { 0, 0, height, width };

    if (padded.height < height || padded.width < width)
        return rn_fail(
            message, RN_SHAPE,
            "RandomCrop(%d, %d) of a picture of %d x %d pixels: pad_if_needed would pad it, Resize enlarge it",
            (int)height, (int)width, (int)pixels->height, (int)pixels->width);
    crop.top = padded.top + draw_whole(random, 0, padded.height - height);
    crop.left = padded.left + draw_whole(random, 0, padded.width - width);
    if (beyond != RN_BEYOND_FILL)
        return rn_pixels_crop_extended(pixels, &crop, beyond, padding, padding, message);
    return rn_pixels_crop_filled(pixels, &crop, step->number + RN_CROP_FILL, message);
}

static rn_status pad(const rn_transform *step, rn_pixels *pixels, rn_message *message)
{
    /* One number is for all sides, two are for left and right, top and bottom. */
    const int32_t left = side(step, 0), top = side(step, 1), right = step->count == 4 ? side(step, 2) : left,
                  bottom = step->count == 4 ? side(step, 3) : top;
    const rn_crop all = { -top, -left, pixels->height + top + bottom, pixels->width + left + right };
    const rn_beyond beyond = (rn_beyond)step->number[RN_PAD_BEYOND];

    if (beyond != RN_BEYOND_FILL)
        return rn_pixels_crop_extended(pixels, &all, beyond, 0, 0, message);
    return rn_pixels_crop_filled(pixels, &all, step->number + RN_PAD_FILL, message);
}

/* Python's round: halves go to the even number. */
static double round_even(double x)
{
    return nearbyint(x);
}

/* A part of the picture: ten tries, then the largest in the middle that has an allowed shape. */
static rn_crop draw_part(const rn_transform *step, const rn_pixels *pixels, rn_random *random)
{
    const double height = pixels->height, width = pixels->width, *const ratio = step->number + RN_RESIZED_RATIO;
    const double logarithms[2] = { log(ratio[0]), log(ratio[1]) };
    double h = height, w = width;

    for (int attempt = 0; attempt < 10; attempt++) {
        const double area = height * width * draw_range(random, step->number + RN_RESIZED_SCALE),
                     shape = exp(draw_range(random, logarithms));

        w = round_even(sqrt(area * shape));
        h = round_even(sqrt(area / shape));
        if (w > 0 && w <= width && h > 0 && h <= height) {
            const int32_t top = draw_whole(random, 0, (int32_t)(height - h));

            return (rn_crop){ top, draw_whole(random, 0, (int32_t)(width - w)), (int32_t)h, (int32_t)w };
        }
    }
    w = width / height > ratio[1] ? fmax(1, round_even(height * ratio[1])) : width;
    h = width / height < ratio[0] ? fmax(1, round_even(width / ratio[0])) : height;
    return (rn_crop){ (int32_t)((height - h) / 2), (int32_t)((width - w) / 2), (int32_t)h, (int32_t)w };
}

static rn_status random_resized_crop(const rn_transform *step, rn_pixels *pixels, rn_random *random,
                                     rn_message *message)
{
    const rn_crop part = draw_part(step, pixels, random);
    const rn_status status = rn_pixels_crop(pixels, &part, message);

    return status != RN_OK ? status
                           : rn_pixels_resize(pixels, side(step, 0), side(step, 1),
                                              (rn_filter)step->number[RN_RESIZED_FILTER], NULL, message);
}

/* ---- maps -------------------------------------------------------------------------------------------------------- */

static double draw_angle(const rn_transform *step, rn_random *random)
{
    const double lowest = step->count == 2 ? step->number[0] : -step->number[0];

    return uniform_between(random, lowest, step->number[step->count - 1]);
}

static rn_status rotate(const rn_transform *step, const rn_transform *next, bool *taken, rn_pixels *pixels,
                        rn_random *random, rn_message *message)
{
    const double *const centre = step->number + RN_ROTATION_CENTRE;
    rn_warp warp = rn_warp_rotation(pixels->height, pixels->width, draw_angle(step, random),
                                    centre[0] == RN_NO_CENTRE ? NULL : centre, step->number[RN_ROTATION_EXPANDS] != 0);
    rn_crop crop;

    warp.is_bilinear = step->number[RN_ROTATION_FILTER] == RN_FILTER_BILINEAR;
    set_fill(&warp, step->number + RN_ROTATION_FILL);
    *taken = crops_inside(&crop, next, warp.height, warp.width);
    return rn_pixels_warp(pixels, &warp, *taken ? &crop : NULL, message);
}

static rn_status random_affine(const rn_transform *step, rn_pixels *pixels, rn_random *random, rn_message *message)
{
    const double *const n = step->number;
    const double far_x = n[RN_AFFINE_TRANSLATE] * pixels->width, far_y = n[RN_AFFINE_TRANSLATE + 1] * pixels->height;
    rn_affine affine = { .degrees = draw_angle(step, random) };
    rn_warp warp;

    affine.translate[0] = round_even(uniform_between(random, -far_x, far_x));
    affine.translate[1] = round_even(uniform_between(random, -far_y, far_y));
    affine.scale = draw_range(random, n + RN_AFFINE_SCALE);
    affine.shear[0] = draw_range(random, n + RN_AFFINE_SHEAR);
    affine.shear[1] = draw_range(random, n + RN_AFFINE_SHEAR + 2);
    warp = rn_warp_affine(pixels->height, pixels->width, &affine);
    warp.is_bilinear = n[RN_AFFINE_FILTER] == RN_FILTER_BILINEAR;
    set_fill(&warp, n + RN_AFFINE_FILL);
    return rn_pixels_warp(pixels, &warp, NULL, message);
}

/* Each corner moves inwards by up to so large a part of half a side. */
static rn_status random_perspective(const rn_transform *step, rn_pixels *pixels, rn_random *random, rn_message *message)
{
    const int32_t width = pixels->width, height = pixels->height;
    const int32_t far_x = (int32_t)(step->number[0] * (width / 2)), far_y = (int32_t)(step->number[0] * (height / 2));
    int32_t corner[4][2];
    rn_warp warp;

    if (!happens(random, step->number[1]))
        return RN_OK;
    for (int i = 0; i < 4; i++) {
        const int32_t x = draw_whole(random, 0, far_x), y = draw_whole(random, 0, far_y);

        corner[i][0] = i == 1 || i == 2 ? width - 1 - x : x;
        corner[i][1] = i >= 2 ? height - 1 - y : y;
    }
    if (!rn_warp_perspective(&warp, height, width, (const int32_t(*)[2])corner))
        return RN_OK; /* corners that fell together */
    warp.is_bilinear = step->number[RN_PERSPECTIVE_FILTER] == RN_FILTER_BILINEAR;
    set_fill(&warp, step->number + RN_PERSPECTIVE_FILL);
    return rn_pixels_warp(pixels, &warp, NULL, message);
}

/* ---- colour ------------------------------------------------------------------------------------------------------ */

/* Factors are drawn first, then the order in which they act. */
static void jitter(rn_pixels *pixels, const double *strength, rn_random *random)
{
    double factor[4];
    int order[4] = { 0, 1, 2, 3 };

    for (int i = 0; i < 3; i++)
        factor[i] = uniform_between(random, strength[i] < 1 ? 1 - strength[i] : 0, 1 + strength[i]);
    factor[3] = uniform_between(random, -strength[3], strength[3]);
    for (uint64_t i = 3; i > 0; i--) {
        const uint64_t j = rn_random_below(random, i + 1);
        const int kept = order[i];

        order[i] = order[j];
        order[j] = kept;
    }
    for (int i = 0; i < 4; i++) {
        if (strength[order[i]] == 0)
            continue;
        switch (order[i]) {
        case 0: rn_pixels_brightness(pixels, (float)factor[0]); break;
        case 1: rn_pixels_contrast(pixels, (float)factor[1]); break;
        case 2: rn_pixels_saturation(pixels, (float)factor[2]); break;
        default: rn_pixels_hue(pixels, factor[3]); break;
        }
    }
}

static rn_status blur(const rn_transform *step, rn_pixels *pixels, rn_random *random, rn_message *message)
{
    const double sigma = draw_range(random, step->number + RN_BLUR_SIGMA);

    return rn_pixels_gaussian_blur(pixels, side(step, 0), side(step, 1), sigma, sigma, message);
}

static rn_status augment(rn_pixels *pixels, int32_t bin, bool wide, rn_random *random, rn_message *message)
{
    const rn_augmentation operation = (rn_augmentation)draw_whole(random, 0, RN_AUGMENTATIONS - 1);
    const int32_t drawn = wide ? draw_whole(random, 0, RN_AUGMENT_STRENGTHS - 1) : bin;
    const double strength = rn_augment_strength(operation, drawn, wide, pixels->height, pixels->width);
    const bool turns = rn_augment_is_signed(operation) && draw_whole(random, 0, 1) == 1;

    return rn_pixels_augment(pixels, operation, turns ? -strength : strength, message);
}

static rn_status rand_augment(const rn_transform *step, rn_pixels *pixels, rn_random *random, rn_message *message)
{
    rn_status status = RN_OK;

    for (int32_t i = 0; i < (int32_t)step->number[0] && status == RN_OK; i++)
        status = augment(pixels, (int32_t)step->number[1], false, random, message);
    return status;
}

/* ---- one of them ------------------------------------------------------------------------------------------------- */

bool rn_step_is_random(const rn_transform *step)
{
    switch (step->kind) {
    case RN_TRANSFORM_EXIF_TRANSPOSE:
    case RN_TRANSFORM_RESIZE:
    case RN_TRANSFORM_CENTER_CROP:
    case RN_TRANSFORM_PAD:
    case RN_TRANSFORM_GRAYSCALE:
    case RN_TRANSFORM_TO_TENSOR:
    case RN_TRANSFORM_NORMALIZE: return false;
    case RN_TRANSFORM_GAUSSIAN_BLUR: return step->number[RN_BLUR_SIGMA] != step->number[RN_BLUR_SIGMA + 1];
    default: return true;
    }
}

/* Steps that happen with the probability that is their last number. */
static rn_status apply_perhaps(const rn_transform *step, rn_pixels *pixels, rn_random *random, rn_message *message)
{
    if (!happens(random, step->number[step->count - 1]))
        return RN_OK;
    switch (step->kind) {
    case RN_TRANSFORM_RANDOM_HORIZONTAL_FLIP: rn_pixels_flip_horizontal(pixels); return RN_OK;
    case RN_TRANSFORM_RANDOM_VERTICAL_FLIP: rn_pixels_flip_vertical(pixels); return RN_OK;
    case RN_TRANSFORM_RANDOM_GRAYSCALE: rn_pixels_greyscale(pixels); return RN_OK;
    case RN_TRANSFORM_RANDOM_INVERT: rn_pixels_invert(pixels); return RN_OK;
    case RN_TRANSFORM_RANDOM_POSTERIZE: rn_pixels_posterize(pixels, (int32_t)step->number[0]); return RN_OK;
    case RN_TRANSFORM_RANDOM_SOLARIZE: rn_pixels_solarize(pixels, step->number[0]); return RN_OK;
    case RN_TRANSFORM_RANDOM_ADJUST_SHARPNESS: return rn_pixels_sharpness(pixels, (float)step->number[0], message);
    case RN_TRANSFORM_RANDOM_AUTOCONTRAST: rn_pixels_autocontrast(pixels); return RN_OK;
    default: rn_pixels_equalize(pixels); return RN_OK;
    }
}

rn_status rn_step_apply(const rn_transform *step, const rn_transform *next, bool *taken, rn_pixels *pixels,
                        rn_random *random, rn_message *message)
{
    rn_crop crop;

    *taken = false;
    switch (step->kind) {
    case RN_TRANSFORM_EXIF_TRANSPOSE: return rn_pixels_make_upright(pixels, message);
    case RN_TRANSFORM_RESIZE: return resize(step, next, taken, pixels, message);
    case RN_TRANSFORM_CENTER_CROP:
        crop = rn_crop_centre(pixels->height, pixels->width, side(step, 0), side(step, 1));
        return rn_pixels_crop(pixels, &crop, message);
    case RN_TRANSFORM_RANDOM_CROP: return random_crop(step, pixels, random, message);
    case RN_TRANSFORM_RANDOM_RESIZED_CROP: return random_resized_crop(step, pixels, random, message);
    case RN_TRANSFORM_PAD: return pad(step, pixels, message);
    case RN_TRANSFORM_RANDOM_ROTATION: return rotate(step, next, taken, pixels, random, message);
    case RN_TRANSFORM_RANDOM_AFFINE: return random_affine(step, pixels, random, message);
    case RN_TRANSFORM_RANDOM_PERSPECTIVE: return random_perspective(step, pixels, random, message);
    case RN_TRANSFORM_COLOR_JITTER: jitter(pixels, step->number, random); return RN_OK;
    case RN_TRANSFORM_GAUSSIAN_BLUR: return blur(step, pixels, random, message);
    case RN_TRANSFORM_GRAYSCALE: rn_pixels_greyscale(pixels); return RN_OK;
    case RN_TRANSFORM_TRIVIAL_AUGMENT_WIDE: return augment(pixels, 0, true, random, message);
    case RN_TRANSFORM_RAND_AUGMENT: return rand_augment(step, pixels, random, message);
    case RN_TRANSFORM_TO_TENSOR:
    case RN_TRANSFORM_NORMALIZE:
    case RN_TRANSFORM_RANDOM_ERASING: return RN_OK; /* they come at the end, together */
    default: return apply_perhaps(step, pixels, random, message);
    }
}
