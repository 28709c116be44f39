/* SPDX-License-Identifier: MIT */
/* The memory of pixels, and how many of them are handled. */
#include "image/pixels.h"

#include <string.h>

rn_status rn_check_picture_size(const rn_workbench *bench, int64_t width, int64_t height, const char *name,
                                rn_message *message)
{
    if (width < 1 || height < 1)
        return rn_fail(message, RN_FORMAT, "%s: a picture of %lld x %lld pixels", name, (long long)width,
                       (long long)height);
    if (width > rn_bench_pixels(bench) / height)
        return rn_fail(message, RN_UNSUPPORTED, "%s: %lld x %lld pixels, at most %lld are handled (rn_image_options)",
                       name, (long long)width, (long long)height, (long long)rn_bench_pixels(bench));
    return RN_OK;
}

rn_status rn_pixels_create(rn_pixels *pixels, const rn_workbench *bench, int64_t width, int64_t height,
                           rn_message *message)
{
    *pixels = (rn_pixels){ .bench = bench };
    if (width < 1 || height < 1)
        return rn_fail(message, RN_FORMAT, "a picture of %lld x %lld pixels", (long long)width, (long long)height);
    if (width > rn_bench_pixels(bench) / height)
        return rn_fail(message, RN_UNSUPPORTED, "a picture of %lld x %lld pixels: at most %lld pixels are handled",
                       (long long)width, (long long)height, (long long)rn_bench_pixels(bench));
    pixels->rgb = rn_allocate(&bench->allocator, (size_t)(width * height) * 3 + RN_PIXEL_SLACK);
    if (pixels->rgb == NULL)
        return rn_fail(message, RN_NO_MEMORY, "no memory for a picture of %lld x %lld pixels", (long long)width,
                       (long long)height);
    pixels->width = (int32_t)width;
    pixels->height = (int32_t)height;
    return RN_OK;
}

rn_status rn_pixels_from_rows(rn_pixels *pixels, const rn_workbench *bench, int32_t width, int32_t height,
                              const uint8_t *rows, size_t pitch, rn_message *message)
{
    const size_t row = width > 0 ? (size_t)width * 3 : 0;
    rn_status status;

    *pixels = (rn_pixels){ .bench = bench };
    if (rows == NULL || width < 1 || height < 1 || (pitch != 0 && pitch < row) || pitch > PTRDIFF_MAX / (size_t)height)
        return rn_fail(message, RN_INVALID_ARGUMENT,
                       "an image needs pixels, a size and a pitch of at least width * 3 that memory has room for");
    status = rn_pixels_create(pixels, bench, width, height, message);
    for (int32_t y = 0; y < height && status == RN_OK; y++)
        memcpy(pixels->rgb + (size_t)y * row, rows + (size_t)y * (pitch == 0 ? row : pitch), row);
    return status;
}

void rn_pixels_release(rn_pixels *pixels)
{
    if (pixels->rgb != NULL && !pixels->is_borrowed)
        rn_release(&pixels->bench->allocator, pixels->rgb);
    pixels->rgb = NULL;
}

void rn_pixels_replace(rn_pixels *pixels, rn_pixels *other)
{
    rn_pixels_release(pixels);
    *pixels = *other;
    other->rgb = NULL;
}
