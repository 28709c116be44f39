/* SPDX-License-Identifier: MIT */
/*
 * Colour, as torchvision has it on Pillow's images. Brightness, contrast and saturation blend with a degenerate picture (black, the mean grey, the
 * grey picture); hue turns the H of Pillow's 8-bit HSV. Sources: Pillow, ImageEnhance.py, src/libImaging/Blend.c and Convert.c.
 */
#include "image/pixels.h"

#include <math.h>

static size_t count_of(const rn_pixels *pixels)
{
    return (size_t)pixels->width * (size_t)pixels->height;
}

/* ITU-R 601-2 luma in 16 fractional bits. */
static uint8_t luma(const uint8_t *rgb)
{
    return (uint8_t)((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16);
}

/* degenerate + factor * (value - degenerate), cut off, not rounded. */
static uint8_t blend(int32_t degenerate, int32_t value, float factor)
{
    const float mixed = (float)degenerate + factor * (float)(value - degenerate);

    return mixed <= 0 ? 0 : mixed >= 255 ? 255 : (uint8_t)mixed;
}

static void blend_with_grey(rn_pixels *pixels, int32_t grey, float factor)
{
    uint8_t table[256];
    const size_t count = count_of(pixels) * 3;

    for (int32_t v = 0; v < 256; v++)
        table[v] = blend(grey, v, factor);
    for (size_t i = 0; i < count; i++)
        pixels->rgb[i] = table[pixels->rgb[i]];
}

void rn_pixels_brightness(rn_pixels *pixels, float factor)
{
    blend_with_grey(pixels, 0, factor);
}

void rn_pixels_contrast(rn_pixels *pixels, float factor)
{
    const size_t count = count_of(pixels);
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += luma(pixels->rgb + 3 * i);
    blend_with_grey(pixels, (int32_t)((double)sum / (double)count + 0.5), factor);
}

void rn_pixels_saturation(rn_pixels *pixels, float factor)
{
    const size_t count = count_of(pixels);

    for (size_t i = 0; i < count; i++) {
        uint8_t *const rgb = pixels->rgb + 3 * i;
        const uint8_t grey = luma(rgb);

        for (int c = 0; c < 3; c++)
            rgb[c] = blend(grey, rgb[c], factor);
    }
}

void rn_pixels_greyscale(rn_pixels *pixels)
{
    const size_t count = count_of(pixels);

    for (size_t i = 0; i < count; i++) {
        uint8_t *const rgb = pixels->rgb + 3 * i;

        rgb[0] = rgb[1] = rgb[2] = luma(rgb);
    }
}

static void rgb_to_hsv(uint8_t *hsv, const uint8_t *rgb)
{
    const uint8_t r = rgb[0], g = rgb[1], b = rgb[2];
    const uint8_t most = r > g ? (r > b ? r : b) : (g > b ? g : b), least = r < g ? (r < b ? r : b) : (g < b ? g : b);

    hsv[0] = hsv[1] = 0;
    hsv[2] = most;
    if (most == least)
        return;
    const float range = (float)(most - least);
    const float rc = (float)(most - r) / range, gc = (float)(most - g) / range, bc = (float)(most - b) / range;
    const float sixth = r == most ? bc - gc : (float)(g == most ? 2.0 + (double)rc - (double)bc : 4.0 + (double)gc - (double)rc);
    const float hue = (float)fmod((double)sixth / 6.0 + 1.0, 1.0);

    hsv[0] = (uint8_t)((double)hue * 255.0);
    hsv[1] = (uint8_t)((double)(range / (float)most) * 255.0);
}

static void hsv_to_rgb(uint8_t *rgb, const uint8_t *hsv)
{
    if (hsv[1] == 0) {
        rgb[0] = rgb[1] = rgb[2] = hsv[2];
        return;
    }
    /* float where Pillow keeps a float, double where it computes in double. */
    const double turned = (double)(float)hsv[0] * 6.0 / 255.0, whole = floor(turned), v = hsv[2];
    const float part = (float)(turned - whole), saturation = (float)((double)hsv[1] / 255.0);
    const uint8_t p = (uint8_t)round(v * (1.0 - saturation)), q = (uint8_t)round(v * (1.0 - saturation * part));
    const uint8_t t = (uint8_t)round(v * (1.0 - saturation * (1.0 - part)));
    const uint8_t corner[6][3] = { { hsv[2], t, p }, { q, hsv[2], p }, { p, hsv[2], t }, { p, q, hsv[2] }, { t, p, hsv[2] }, { hsv[2], p, q } };

    for (int c = 0; c < 3; c++)
        rgb[c] = corner[(int)whole % 6][c];
}

void rn_pixels_hue(rn_pixels *pixels, double turn)
{
    const size_t count = count_of(pixels);
    const uint8_t shift = (uint8_t)((int32_t)(turn * 255) & 255); /* numpy's uint8 of a negative number wraps */

    for (size_t i = 0; i < count; i++) {
        uint8_t hsv[3];

        rgb_to_hsv(hsv, pixels->rgb + 3 * i);
        hsv[0] = (uint8_t)(hsv[0] + shift);
        hsv_to_rgb(pixels->rgb + 3 * i, hsv);
    }
}
