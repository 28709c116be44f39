/* SPDX-License-Identifier: MIT */
/*
 * Colour, as torchvision has it on Pillow's images. Brightness, contrast and saturation blend with a degenerate picture
 * (black, the mean grey, the grey picture); hue turns the H of Pillow's 8-bit HSV. Sources: Pillow, ImageEnhance.py,
 * src/libImaging/Blend.c and Convert.c.
 */
#include "image/pixels.h"

const rn_colour_kernels *rn_colour_kernels_for(rn_isa isa)
{
#if defined(RN_HAVE_AVX2)
    if (isa >= RN_ISA_AVX2)
        return &rn_colour_avx2;
#else
    (void)isa;
#endif
    return &rn_colour_baseline;
}

static size_t count_of(const rn_pixels *pixels)
{
    return (size_t)pixels->width * (size_t)pixels->height;
}

static void blend_with_grey(const rn_pixels *pixels, uint8_t grey, float factor)
{
    pixels->bench->colour->blend(pixels->rgb, count_of(pixels) * 3, grey, factor);
}

void rn_pixels_brightness(rn_pixels *pixels, float factor)
{
    blend_with_grey(pixels, 0, factor);
}

void rn_pixels_contrast(rn_pixels *pixels, float factor)
{
    const size_t count = count_of(pixels);
    const uint64_t sum = pixels->bench->colour->sum_greys(pixels->rgb, count);

    blend_with_grey(pixels, (uint8_t)((double)sum / (double)count + 0.5), factor);
}

void rn_pixels_saturation(rn_pixels *pixels, float factor)
{
    pixels->bench->colour->saturation(pixels->rgb, count_of(pixels), factor);
}

/* All grey, nothing of the colour. */
void rn_pixels_greyscale(rn_pixels *pixels)
{
    rn_pixels_saturation(pixels, 0);
}

void rn_pixels_hue(rn_pixels *pixels, double turn)
{
    const int32_t shift = (int32_t)(turn * 255) & 255; /* numpy's uint8 of a negative number wraps */

    pixels->bench->colour->hue(pixels->rgb, count_of(pixels), (uint8_t)shift);
}
