/* SPDX-License-Identifier: MIT */
#include "image/augment.h"

#include "image/warp.h"

#include <math.h>

/* ---- strengths --------------------------------------------------------------------------------------------------- */

/* Of 31 numbers from `first` to `last`, in float as torch.linspace counts them from either end. */
static double in_steps(double first, double last, int32_t bin)
{
    const float from = (float)first, to = (float)last, step = (to - from) / (RN_AUGMENT_STRENGTHS - 1);

    return (double)(bin < RN_AUGMENT_STRENGTHS / 2 ? from + step * (float)bin
                                                   : to - step * (float)(RN_AUGMENT_STRENGTHS - 1 - bin));
}

double rn_augment_strength(rn_augmentation operation, int32_t bin, bool wide, int32_t height, int32_t width)
{
    switch (operation) {
    case RN_AUGMENT_SHEAR_X:
    case RN_AUGMENT_SHEAR_Y: return in_steps(0, wide ? 0.99 : 0.3, bin);
    case RN_AUGMENT_TRANSLATE_X: return in_steps(0, wide ? 32 : 150.0 / 331.0 * width, bin);
    case RN_AUGMENT_TRANSLATE_Y: return in_steps(0, wide ? 32 : 150.0 / 331.0 * height, bin);
    case RN_AUGMENT_ROTATE: return in_steps(0, wide ? 135 : 30, bin);
    case RN_AUGMENT_BRIGHTNESS:
    case RN_AUGMENT_COLOR:
    case RN_AUGMENT_CONTRAST:
    case RN_AUGMENT_SHARPNESS: return in_steps(0, wide ? 0.99 : 0.9, bin);
    case RN_AUGMENT_POSTERIZE: /* bits; halves go to the even number */
        return 8 - nearbyint((double)((float)bin / (wide ? 5.0f : 7.5f)));
    case RN_AUGMENT_SOLARIZE: return in_steps(255, 0, bin);
    default: return 0;
    }
}

bool rn_augment_is_signed(rn_augmentation operation)
{
    return operation >= RN_AUGMENT_SHEAR_X && operation <= RN_AUGMENT_SHARPNESS;
}

/* ---- operations -------------------------------------------------------------------------------------------------- */

static rn_status warp(rn_pixels *pixels, const rn_affine *affine, rn_message *message)
{
    const rn_warp map = rn_warp_affine(pixels->height, pixels->width, affine);

    return rn_pixels_warp(pixels, &map, NULL, message);
}

static double degrees_of_slope(double slope)
{
    return atan(slope) * (180 / 3.14159265358979323846);
}

static rn_status rotate(rn_pixels *pixels, double degrees, rn_message *message)
{
    const rn_warp map = rn_warp_rotation(pixels->height, pixels->width, degrees, NULL, false);

    return rn_pixels_warp(pixels, &map, NULL, message);
}

rn_status rn_pixels_augment(rn_pixels *pixels, rn_augmentation operation, double strength, rn_message *message)
{
    rn_affine affine = { .scale = 1 };

    switch (operation) {
    case RN_AUGMENT_SHEAR_X:
    case RN_AUGMENT_SHEAR_Y:
        affine.shear[operation == RN_AUGMENT_SHEAR_Y] = degrees_of_slope(strength);
        affine.from_corner = true;
        return warp(pixels, &affine, message);
    case RN_AUGMENT_TRANSLATE_X:
    case RN_AUGMENT_TRANSLATE_Y:
        affine.translate[operation == RN_AUGMENT_TRANSLATE_Y] = trunc(strength);
        return warp(pixels, &affine, message);
    case RN_AUGMENT_ROTATE: return rotate(pixels, strength, message);
    case RN_AUGMENT_BRIGHTNESS: rn_pixels_brightness(pixels, (float)(1 + strength)); return RN_OK;
    case RN_AUGMENT_COLOR: rn_pixels_saturation(pixels, (float)(1 + strength)); return RN_OK;
    case RN_AUGMENT_CONTRAST: rn_pixels_contrast(pixels, (float)(1 + strength)); return RN_OK;
    case RN_AUGMENT_SHARPNESS: return rn_pixels_sharpness(pixels, (float)(1 + strength), message);
    case RN_AUGMENT_POSTERIZE: rn_pixels_posterize(pixels, (int32_t)strength); return RN_OK;
    case RN_AUGMENT_SOLARIZE: rn_pixels_solarize(pixels, strength); return RN_OK;
    case RN_AUGMENT_AUTOCONTRAST: rn_pixels_autocontrast(pixels); return RN_OK;
    case RN_AUGMENT_EQUALIZE: rn_pixels_equalize(pixels); return RN_OK;
    default: return RN_OK;
    }
}
