/* SPDX-License-Identifier: MIT */
#include "image/operations.h"

#include "image/augment.h"
#include "image/warp.h"

#include <math.h>
#include <string.h>

static void set_fill(rn_warp *warp, const double *fill)
{
    for (int c = 0; c < 3; c++)
        warp->fill[c] = (uint8_t)fill[c];
}

/* height, width, filter */
static rn_status resize(rn_pixels *pixels, const double *n)
{
    return rn_pixels_resize(pixels, (int32_t)n[0], (int32_t)n[1], (rn_filter)n[2], NULL, NULL);
}

/* top, left, height, width, fill */
static rn_status crop(rn_pixels *pixels, const double *n)
{
    const rn_crop part = { (int32_t)n[0], (int32_t)n[1], (int32_t)n[2], (int32_t)n[3] };

    return rn_pixels_crop_filled(pixels, &part, n + 4, NULL);
}

/* padding on all sides, then on left and right, on top and bottom; an rn_beyond */
static rn_status extend(rn_pixels *pixels, const double *n)
{
    const int32_t first = (int32_t)n[0], x = first + (int32_t)n[1], y = first + (int32_t)n[2];
    const rn_crop all = { -y, -x, pixels->height + 2 * y, pixels->width + 2 * x };

    return rn_pixels_crop_extended(pixels, &all, (rn_beyond)n[3], first, first, NULL);
}

/* width, height, sigma x y */
static rn_status blur(rn_pixels *pixels, const double *n)
{
    return rn_pixels_gaussian_blur(pixels, (int32_t)n[0], (int32_t)n[1], n[2], n[3], NULL);
}

/* degrees, bilinear, expand, fill, centre (NaN: the middle) */
static rn_status rotate(rn_pixels *pixels, const double *n)
{
    rn_warp warp = rn_warp_rotation(pixels->height, pixels->width, n[0], isnan(n[6]) ? NULL : n + 6, n[2] != 0);

    warp.is_bilinear = n[1] != 0;
    set_fill(&warp, n + 3);
    return rn_pixels_warp(pixels, &warp, NULL, NULL);
}

/* degrees, translate x y, scale, shear x y, bilinear, fill, from the corner */
static rn_status affine(rn_pixels *pixels, const double *n)
{
    const rn_affine map = { n[0], n[3], { n[4], n[5] }, { n[1], n[2] }, n[10] != 0 };
    rn_warp warp = rn_warp_affine(pixels->height, pixels->width, &map);

    warp.is_bilinear = n[6] != 0;
    set_fill(&warp, n + 7);
    return rn_pixels_warp(pixels, &warp, NULL, NULL);
}

/* x and y of four corners, bilinear, fill */
static rn_status perspective(rn_pixels *pixels, const double *n)
{
    int32_t corner[4][2];
    rn_warp warp;

    for (int i = 0; i < 8; i++)
        corner[i / 2][i % 2] = (int32_t)n[i];
    if (!rn_warp_perspective(&warp, pixels->height, pixels->width, (const int32_t(*)[2])corner))
        return RN_UNSUPPORTED;
    warp.is_bilinear = n[8] != 0;
    set_fill(&warp, n + 9);
    return rn_pixels_warp(pixels, &warp, NULL, NULL);
}

/* operation, strength */
static rn_status augment(rn_pixels *pixels, const double *n)
{
    return rn_pixels_augment(pixels, (rn_augmentation)n[0], n[1], NULL);
}

#define SIMPLE(name, call) \
    static rn_status name(rn_pixels *pixels, const double *n) \
    { \
        (void)n; \
        call; \
        return RN_OK; \
    }
SIMPLE(posterize, rn_pixels_posterize(pixels, (int32_t)n[0]))
SIMPLE(solarize, rn_pixels_solarize(pixels, n[0]))
SIMPLE(invert, rn_pixels_invert(pixels))
SIMPLE(autocontrast, rn_pixels_autocontrast(pixels))
SIMPLE(equalize, rn_pixels_equalize(pixels))
SIMPLE(brightness, rn_pixels_brightness(pixels, (float)n[0]))
SIMPLE(contrast, rn_pixels_contrast(pixels, (float)n[0]))
SIMPLE(saturation, rn_pixels_saturation(pixels, (float)n[0]))
SIMPLE(hue, rn_pixels_hue(pixels, n[0]))
SIMPLE(greyscale, rn_pixels_greyscale(pixels))
SIMPLE(mirror, rn_pixels_flip_horizontal(pixels))
SIMPLE(upside, rn_pixels_flip_vertical(pixels))

static rn_status sharpness(rn_pixels *pixels, const double *n)
{
    return rn_pixels_sharpness(pixels, (float)n[0], NULL);
}

bool do_operation(rn_pixels *pixels, const char *operation, const double *number, rn_status *status)
{
    static const struct {
        const char *name;
        rn_status (*act)(rn_pixels *pixels, const double *number);
    } operations[] = {
        { "resize", resize },
        { "crop", crop },
        { "extend", extend },
        { "blur", blur },
        { "rotate", rotate },
        { "affine", affine },
        { "perspective", perspective },
        { "augment", augment },
        { "posterize", posterize },
        { "solarize", solarize },
        { "invert", invert },
        { "autocontrast", autocontrast },
        { "equalize", equalize },
        { "brightness", brightness },
        { "contrast", contrast },
        { "saturation", saturation },
        { "hue", hue },
        { "greyscale", greyscale },
        { "mirror", mirror },
        { "upside", upside },
        { "sharpness", sharpness },
    };

    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if (strcmp(operations[i].name, operation) == 0) {
            *status = operations[i].act(pixels, number);
            return true;
        }
    return false;
}
