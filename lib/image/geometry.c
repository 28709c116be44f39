/* SPDX-License-Identifier: MIT */
/* Cropping, rotating, flipping, with torchvision's and Pillow's rounding. */
#include "image/pixels.h"

#include <math.h>
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

rn_status rn_pixels_crop(rn_pixels *pixels, const rn_crop *crop, rn_message *message)
{
    const int32_t from = crop->left < 0 ? 0 : crop->left;
    const int32_t end = crop->left + crop->width, to = end < pixels->width ? end : pixels->width;
    rn_pixels cropped;
    rn_status status;

    if (crop->top == 0 && crop->left == 0 && crop->height == pixels->height && crop->width == pixels->width)
        return RN_OK;
    status = rn_pixels_create(&cropped, pixels->bench, crop->width, crop->height, message);
    if (status != RN_OK)
        return status;
    if (crop->width > to - from || crop->top < 0 || crop->height > pixels->height - crop->top)
        memset(cropped.rgb, 0, (size_t)crop->width * (size_t)crop->height * 3);
    for (int32_t y = 0; y < crop->height; y++)
        if (y + crop->top >= 0 && y + crop->top < pixels->height)
            memcpy(pixel(&cropped, y, from - crop->left), pixel(pixels, y + crop->top, from), (size_t)(to - from) * 3);
    rn_pixels_replace(pixels, &cropped);
    return RN_OK;
}

/* ---- rotating -------------------------------------------------------------------------------------------------- */

static double rounded_15(double x)
{
    return round(x * 1e15) / 1e15;
}

static int64_t fixed_16(double x)
{
    return (int64_t)floor(x * 65536.0 + 0.5);
}

/* Where output pixels lie in the input, in 16.16 fixed point: that of (0, 0), and the steps along a row and a column.
 */
typedef struct lattice {
    int64_t x, y, row_x, row_y, column_x, column_y;
} lattice;

/*
 * Pillow's Image.rotate without expanding: output pixel (x, y) takes input pixel M (x + 1/2, y + 1/2), where M is the
 * rotation by -turn about the centre. Pillow treats right angles apart; they come out the same here. Source: Pillow,
 * Image.rotate and affine_fixed in src/libImaging/Geometry.c.
 */
static lattice make_lattice(int32_t width, int32_t height, double turn)
{
    static const double radian = 3.14159265358979323846 / 180;
    const double c = rounded_15(cos(-(turn * radian))), s = rounded_15(sin(-(turn * radian)));
    const double centre_x = width / 2.0, centre_y = height / 2.0;
    const double shift_x = c * -centre_x + s * -centre_y + centre_x,
                 shift_y = -s * -centre_x + c * -centre_y + centre_y;

    return (lattice){ .x = fixed_16(shift_x + c * 0.5 + s * 0.5),
                      .y = fixed_16(shift_y + -s * 0.5 + c * 0.5),
                      .row_x = fixed_16(c),
                      .row_y = fixed_16(-s),
                      .column_x = fixed_16(s),
                      .column_y = fixed_16(c) };
}

static void rotate_row(uint8_t *to, const rn_pixels *from, int64_t x, int64_t y, const lattice *l, int32_t width)
{
    /* As unsigned numbers, what is negative is too large: one comparison a side. */
    const uint64_t end_x = (uint64_t)from->width << 16, end_y = (uint64_t)from->height << 16;
    const size_t pitch = (size_t)from->width * 3;
    uint64_t at_x = (uint64_t)x, at_y = (uint64_t)y;

    for (int32_t i = 0; i < width; i++, to += 3) {
        if (at_x < end_x && at_y < end_y)
            memcpy(to, from->rgb + (size_t)(at_y >> 16) * pitch + (size_t)(at_x >> 16) * 3, 3);
        at_x += (uint64_t)l->row_x;
        at_y += (uint64_t)l->row_y;
    }
}

rn_status rn_pixels_rotate(rn_pixels *pixels, double degrees, const rn_crop *crop, rn_message *message)
{
    const rn_crop all = { 0, 0, pixels->height, pixels->width }, *const part = crop != NULL ? crop : &all;
    const double turn = fmod(degrees, 360.0);
    rn_pixels rotated;
    rn_status status;
    lattice l;

    if (turn == 0)
        return rn_pixels_crop(pixels, part, message);
    status = rn_pixels_create(&rotated, pixels->bench, part->width, part->height, message);
    if (status != RN_OK)
        return status;
    memset(rotated.rgb, 0, (size_t)part->width * (size_t)part->height * 3);
    l = make_lattice(pixels->width, pixels->height, turn < 0 ? turn + 360 : turn);
    for (int32_t i = 0; i < part->height; i++) {
        const int64_t y = (int64_t)part->top + i, x = part->left;

        rotate_row(pixel(&rotated, i, 0), pixels, l.x + y * l.column_x + x * l.row_x,
                   l.y + y * l.column_y + x * l.row_y, &l, part->width);
    }
    rn_pixels_replace(pixels, &rotated);
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
