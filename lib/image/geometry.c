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

/* Where a side of the output begins in the input (negative: black before it), as torchvision's center_crop. */
static int32_t crop_start(int32_t in, int32_t out)
{
    return out > in ? -((out - in) / 2) : half_to_even(in - out);
}

rn_status rn_pixels_centre_crop(rn_pixels *pixels, int32_t height, int32_t width, rn_message *message)
{
    const int32_t top = crop_start(pixels->height, height), left = crop_start(pixels->width, width);
    const int32_t from = left < 0 ? 0 : left, to = left + width < pixels->width ? left + width : pixels->width;
    rn_pixels cropped;
    rn_status status;

    if (height == pixels->height && width == pixels->width)
        return RN_OK;
    status = rn_pixels_create(&cropped, pixels->allocator, width, height, message);
    if (status != RN_OK)
        return status;
    memset(cropped.rgb, 0, (size_t)width * (size_t)height * 3);
    for (int32_t y = 0; y < height; y++)
        if (y + top >= 0 && y + top < pixels->height)
            memcpy(pixel(&cropped, y, from - left), pixel(pixels, y + top, from), (size_t)(to - from) * 3);
    rn_pixels_replace(pixels, &cropped);
    return RN_OK;
}

static double rounded_15(double x)
{
    return round(x * 1e15) / 1e15;
}

static int64_t fixed_16(double x)
{
    return (int64_t)floor(x * 65536.0 + 0.5);
}

/*
 * Pillow's Image.rotate(degrees) without expanding: output pixel (x, y) takes input pixel M (x + 1/2, y + 1/2), M the rotation by -degrees about the
 * centre, in 16.16 fixed point; black where that lies outside. Source: Pillow, Image.rotate and affine_fixed in src/libImaging/Geometry.c.
 */
rn_status rn_pixels_rotate(rn_pixels *pixels, double degrees, rn_message *message)
{
    static const double radian = 3.14159265358979323846 / 180;
    double turn = fmod(degrees, 360.0);
    rn_pixels rotated;
    rn_status status;

    turn = turn < 0 ? turn + 360 : turn;
    if (turn == 0)
        return RN_OK;
    status = rn_pixels_create(&rotated, pixels->allocator, pixels->width, pixels->height, message);
    if (status != RN_OK)
        return status;
    const double c = rounded_15(cos(-turn * radian)), s = rounded_15(sin(-turn * radian));
    const double cx = pixels->width / 2.0, cy = pixels->height / 2.0;
    const double shift_x = c * -cx + s * -cy + cx, shift_y = -s * -cx + c * -cy + cy;
    const int64_t ax = fixed_16(c), ay = fixed_16(-s), bx = fixed_16(s), by = fixed_16(c);
    int64_t line_x = fixed_16(shift_x + c * 0.5 + s * 0.5), line_y = fixed_16(shift_y - s * 0.5 + c * 0.5);

    memset(rotated.rgb, 0, (size_t)rotated.width * (size_t)rotated.height * 3);
    for (int32_t y = 0; y < rotated.height; y++, line_x += bx, line_y += by) {
        int64_t at_x = line_x, at_y = line_y;
        uint8_t *to = pixel(&rotated, y, 0);

        for (int32_t x = 0; x < rotated.width; x++, at_x += ax, at_y += ay, to += 3) {
            /* Flooring division by 65536, said without shifting negative numbers. */
            if (at_x < 0 || at_y < 0 || at_x / 65536 >= pixels->width || at_y / 65536 >= pixels->height)
                continue;
            memcpy(to, pixel(pixels, at_y / 65536, at_x / 65536), 3);
        }
    }
    rn_pixels_replace(pixels, &rotated);
    return RN_OK;
}

void rn_pixels_flip_horizontal(rn_pixels *pixels)
{
    for (int32_t y = 0; y < pixels->height; y++)
        for (int32_t x = 0; x < pixels->width / 2; x++) {
            uint8_t *const a = pixel(pixels, y, x), *const b = pixel(pixels, y, pixels->width - 1 - x);
            uint8_t kept[3];

            memcpy(kept, a, 3);
            memcpy(a, b, 3);
            memcpy(b, kept, 3);
        }
}

rn_status rn_pixels_flip_vertical(rn_pixels *pixels, rn_message *message)
{
    const size_t line = (size_t)pixels->width * 3;
    uint8_t *const kept = rn_allocate(pixels->allocator, line);

    if (kept == NULL)
        return rn_fail(message, RN_NO_MEMORY, "no memory to flip a picture");
    for (int32_t y = 0; y < pixels->height / 2; y++) {
        uint8_t *const a = pixel(pixels, y, 0), *const b = pixel(pixels, pixels->height - 1 - y, 0);

        memcpy(kept, a, line);
        memcpy(a, b, line);
        memcpy(b, kept, line);
    }
    rn_release(pixels->allocator, kept);
    return RN_OK;
}
