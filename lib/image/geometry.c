/* SPDX-License-Identifier: MIT */
/* Cropping and flipping, with torchvision's rounding. */
#include "image/pixels.h"

#include <string.h>

static uint8_t *pixel(const rn_pixels *pixels, int64_t y, int64_t x)
{
    return pixels->rgb + (y * pixels->width + x) * 3;
}

/* Python's int(round(x / 2)): halves go to the even number. */
static int32_t half_to_even(int32_t x)
{
    return x % 2 == 0 ? x / 2 : (x / 2) % 2 == 0 ? x / 2 : x / 2 + 1;
}

/* Where a side of the output begins in the input (negative: black before it). */
static int32_t crop_start(int32_t in, int32_t out)
{
    return out > in ? -((out - in) / 2) : half_to_even(in - out);
}

/* Where only one side is too short, torchvision pads that one and then crops: the same sums. */
rn_crop rn_crop_centre(int32_t height, int32_t width, int32_t wanted_height, int32_t wanted_width)
{
    return (rn_crop){ crop_start(height, wanted_height), crop_start(width, wanted_width), wanted_height, wanted_width };
}

/* Room for the crop, all of it of one colour where it reaches beyond the picture. */
static rn_status create_cropped(rn_pixels *cropped, const rn_pixels *pixels, const rn_crop *crop, const double *fill,
                                rn_message *message)
{
    const bool beyond = crop->top < 0 || crop->left < 0 || crop->height > pixels->height - crop->top ||
                        crop->width > pixels->width - crop->left;
    const rn_status status = rn_pixels_create(cropped, pixels->bench, crop->width, crop->height, message);

    if (status != RN_OK || !beyond)
        return status;
    for (size_t i = 0; i < (size_t)crop->width * (size_t)crop->height * 3; i++)
        cropped->rgb[i] = (uint8_t)fill[i % 3];
    return RN_OK;
}

rn_status rn_pixels_crop_filled(rn_pixels *pixels, const rn_crop *crop, const double *fill, rn_message *message)
{
    const int32_t from = crop->left < 0 ? 0 : crop->left, end = crop->left + crop->width,
                  to = end < pixels->width ? end : pixels->width;
    rn_pixels cropped;
    rn_status status;

    if (crop->top == 0 && crop->left == 0 && crop->height == pixels->height && crop->width == pixels->width)
        return RN_OK;
    status = create_cropped(&cropped, pixels, crop, fill, message);
    if (status != RN_OK)
        return status;
    for (int32_t y = 0; y < crop->height; y++)
        if (y + crop->top >= 0 && y + crop->top < pixels->height && from < to)
            memcpy(pixel(&cropped, y, from - crop->left), pixel(pixels, y + crop->top, from), (size_t)(to - from) * 3);
    rn_pixels_replace(pixels, &cropped);
    return RN_OK;
}

rn_status rn_pixels_crop(rn_pixels *pixels, const rn_crop *crop, rn_message *message)
{
    static const double black[3] = { 0, 0, 0 };

    return rn_pixels_crop_filled(pixels, crop, black, message);
}

/* ---- orientation ------------------------------------------------------------------------------------------------- */

/* Columns become rows. */
static rn_status transpose(rn_pixels *pixels, rn_message *message)
{
    rn_pixels turned;
    const rn_status status = rn_pixels_create(&turned, pixels->bench, pixels->height, pixels->width, message);

    if (status != RN_OK)
        return status;
    for (int32_t y = 0; y < turned.height; y++)
        for (int32_t x = 0; x < turned.width; x++)
            memcpy(pixel(&turned, y, x), pixel(pixels, x, y), 3);
    rn_pixels_replace(pixels, &turned);
    return RN_OK;
}

/* 2 mirrored, 4 upside down, 3 both; 5, 6, 8 and 7 the same behind a transposition (CIPA DC-008, 4.6.4). */
rn_status rn_pixels_make_upright(rn_pixels *pixels, rn_message *message)
{
    const int32_t orientation = pixels->orientation;
    const bool mirrors = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7,
               turns = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
    const rn_status status = orientation >= 5 ? transpose(pixels, message) : RN_OK;

    if (status != RN_OK)
        return status;
    if (mirrors)
        rn_pixels_flip_horizontal(pixels);
    if (turns)
        rn_pixels_flip_vertical(pixels);
    pixels->orientation = 1;
    return RN_OK;
}

/* ---- flipping -------------------------------------------------------------------------------------------------- */

static void swap_bytes(uint8_t *a, uint8_t *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t kept = a[i];

        a[i] = b[i];
        b[i] = kept;
    }
}

void rn_pixels_flip_horizontal(rn_pixels *pixels)
{
    for (int32_t y = 0; y < pixels->height; y++)
        for (int32_t x = 0; x < pixels->width / 2; x++)
            swap_bytes(pixel(pixels, y, x), pixel(pixels, y, pixels->width - 1 - x), 3);
}

void rn_pixels_flip_vertical(rn_pixels *pixels)
{
    for (int32_t y = 0; y < pixels->height / 2; y++)
        swap_bytes(pixel(pixels, y, 0), pixel(pixels, pixels->height - 1 - y, 0), (size_t)pixels->width * 3);
}
