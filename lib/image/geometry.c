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

/* ---- what lies beyond -------------------------------------------------------------------------------------------- */

int32_t rn_position_within(int64_t at, int64_t count, rn_beyond beyond)
{
    const int64_t twice = beyond == RN_BEYOND_SYMMETRIC, period = 2 * (count - 1 + twice); /* there and back */
    int64_t phase;

    if (beyond == RN_BEYOND_EDGE || count == 1)
        return (int32_t)(at < 0 ? 0 : at < count ? at : count - 1);
    phase = at % period < 0 ? at % period + period : at % period;
    return (int32_t)(phase < count ? phase : period - twice - phase);
}

/* Of each output its input. Padding twice is not padding once by more: the second mirrors what the first made. */
static void find_positions(int32_t *position, int32_t first, int32_t outputs, int32_t count, int32_t padded,
                           rn_beyond beyond)
{
    for (int32_t i = 0; i < outputs; i++) {
        const int64_t all = count + 2 * (int64_t)padded, at = (int64_t)first + i + padded;

        position[i] = rn_position_within((int64_t)rn_position_within(at, all, beyond) - padded, count, beyond);
    }
}

rn_status rn_pixels_crop_extended(rn_pixels *pixels, const rn_crop *crop, rn_beyond beyond, int32_t rows,
                                  int32_t columns, rn_message *message)
{
    const rn_allocator *const allocator = &pixels->bench->allocator;
    int32_t *const row = rn_allocate_array(allocator, (size_t)crop->height + (size_t)crop->width, sizeof *row),
                   *const column = row + crop->height;
    rn_pixels cropped;
    rn_status status;

    if (row == NULL)
        return rn_fail(message, RN_NO_MEMORY, "no memory to pad a picture");
    status = rn_pixels_create(&cropped, pixels->bench, crop->width, crop->height, message);
    if (status == RN_OK) {
        find_positions(row, crop->top, crop->height, pixels->height, rows, beyond);
        find_positions(column, crop->left, crop->width, pixels->width, columns, beyond);
        for (int32_t y = 0; y < crop->height; y++)
            for (int32_t x = 0; x < crop->width; x++)
                memcpy(pixel(&cropped, y, x), pixel(pixels, row[y], column[x]), 3);
        rn_pixels_replace(pixels, &cropped);
    }
    rn_release(allocator, row);
    return status;
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
