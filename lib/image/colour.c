/* SPDX-License-Identifier: MIT */
/*
 * Colour, as torchvision has it on Pillow's images. Brightness, contrast and saturation blend with a degenerate picture
 * (black, the mean grey, the grey picture); hue turns the H of Pillow's 8-bit HSV. Sources: Pillow, ImageEnhance.py,
 * src/libImaging/Blend.c and Convert.c.
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

static void blend_with_grey(rn_pixels *pixels, int32_t grey, float factor)
{
    uint8_t table[256];
    const size_t count = count_of(pixels) * 3;

    for (int32_t v = 0; v < 256; v++)
        table[v] = rn_byte_blend(grey, v, factor);
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
            rgb[c] = rn_byte_blend(grey, rgb[c], factor);
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

/* What Pillow's conversion from HSV needs of a hue: which of the six corners of the colour hexagon, and how far past
 * it. */
typedef struct hue_place {
    float part;
    uint8_t corner;
} hue_place;

static void fill_places(hue_place place[256])
{
    for (int h = 0; h < 256; h++) {
        const double turned = (double)(float)h * 6.0 / 255.0, whole = floor(turned);

        place[h] = (hue_place){ (float)(turned - whole), (uint8_t)((int)whole % 6) };
    }
}

/* The hue of a pixel that is not grey, in 255ths of a turn. Float where Pillow keeps a float, double where it computes
 * in double. */
static uint8_t hue_of(const uint8_t *rgb, uint8_t most, float range)
{
    const float r = (float)(most - rgb[0]) / range, g = (float)(most - rgb[1]) / range,
                b = (float)(most - rgb[2]) / range;
    const float sixth = rgb[0] == most   ? b - g
                        : rgb[1] == most ? (float)(2.0 + (double)r - (double)b)
                                         : (float)(4.0 + (double)g - (double)r);
    const double turned = (double)sixth / 6.0 + 1.0; /* in [5/6, 11/6]: fmod(turned, 1) is a subtraction */

    return (uint8_t)((double)(float)(turned >= 1.0 ? turned - 1.0 : turned) * 255.0);
}

/* round() of a number that is not negative, without a call. */
static uint8_t rounded(double x)
{
    const int32_t whole = (int32_t)x;

    return (uint8_t)(whole + (x - whole >= 0.5));
}

static void turn_pixel(uint8_t *rgb, uint8_t shift, const hue_place *places)
{
    /* Where v, p, q and t of HSV go, by corner. */
    static const uint8_t order[6][3] = { { 0, 3, 1 }, { 2, 0, 1 }, { 1, 0, 3 }, { 1, 2, 0 }, { 3, 1, 0 }, { 0, 1, 2 } };
    const uint8_t r = rgb[0], g = rgb[1], b = rgb[2];
    const uint8_t most = r > g ? (r > b ? r : b) : (g > b ? g : b), least = r < g ? (r < b ? r : b) : (g < b ? g : b);

    if (most == least)
        return;
    const float range = (float)(most - least);
    const uint8_t saturation = (uint8_t)((double)(range / (float)most) * 255.0);
    const hue_place place = places[(uint8_t)(hue_of(rgb, most, range) + shift)];
    const float s = (float)((double)saturation / 255.0);
    const double v = most;
    const uint8_t value[4] = { most, rounded(v * (1.0 - s)), rounded(v * (1.0 - s * place.part)),
                               rounded(v * (1.0 - s * (1.0 - place.part))) };

    for (int c = 0; c < 3; c++)
        rgb[c] = saturation == 0 ? most : value[order[place.corner][c]];
}

void rn_pixels_hue(rn_pixels *pixels, double turn)
{
    const size_t count = count_of(pixels);
    const uint8_t shift = (uint8_t)((int32_t)(turn * 255) & 255); /* numpy's uint8 of a negative number wraps */
    hue_place places[256];

    fill_places(places);
    for (size_t i = 0; i < count; i++)
        turn_pixel(pixels->rgb + 3 * i, shift, places);
}
