/* SPDX-License-Identifier: MIT */
/*
 * PNG and BMP (and JPEG in a build without libjpeg-turbo) by stb_image, which allocates from the C library. Its other
 * formats and its file reading are compiled out; its symbols are local.
 */
#include "image/pixels.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#define STB_IMAGE_IMPLEMENTATION
#define STBIDEF static inline __attribute__((unused))
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#ifdef RN_WITHOUT_JPEG
#define STBI_ONLY_JPEG
#endif
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_MAX_DIMENSIONS (1 << 24)
#define STBI_NO_FAILURE_STRINGS
#define STBI_ASSERT(condition) ((void)0) /* hostile files must not end the program */
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wpedantic"
#endif
#include <stb/stb_image.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

/*
 * As stbi_load_from_memory with three channels. That loses the picture if there is no memory to make 8 bits of its 16, so
 * it is done here, in place.
 */
static uint8_t *load(const uint8_t *bytes, int nbytes, int *width, int *height)
{
    uint16_t *wide;
    uint8_t *narrow;
    int channels;

    if (!stbi_is_16_bit_from_memory(bytes, nbytes))
        return stbi_load_from_memory(bytes, nbytes, width, height, &channels, 3);
    wide = stbi_load_16_from_memory(bytes, nbytes, width, height, &channels, 3);
    narrow = (uint8_t *)wide;
    if (wide != NULL)
        for (size_t i = 0; i < (size_t)*width * (size_t)*height * 3; i++)
            narrow[i] = (uint8_t)(wide[i] >> 8);
    return narrow;
}

rn_status rn_pixels_decode_stb(rn_pixels *pixels, const rn_workbench *bench, const uint8_t *bytes, size_t nbytes,
                               const char *name, rn_message *message)
{
    int width = 0, height = 0, channels = 0;
    uint8_t *decoded;
    rn_status status;

    *pixels = (rn_pixels){ .bench = bench };
    if (nbytes > INT_MAX)
        return rn_fail(message, RN_UNSUPPORTED, "%s: a picture file of over 2 GiB", name);
    if (stbi_info_from_memory(bytes, (int)nbytes, &width, &height, &channels) == 0)
        return rn_fail(message, RN_FORMAT, "%s: not a picture that can be decoded", name);
    /* A BMP with the top row first has a negative height. */
    status = rn_check_picture_size(width, height < 0 ? -(int64_t)height : height, name, message);
    if (status != RN_OK)
        return status;
    errno = 0; /* malloc sets it, and stb_image says nothing else of memory */
    decoded = load(bytes, (int)nbytes, &width, &height);
    if (decoded == NULL && errno == ENOMEM)
        return rn_fail(message, RN_NO_MEMORY, "%s: no memory to decode it", name);
    if (decoded == NULL)
        return rn_fail(message, RN_FORMAT, "%s: damaged, or of a kind that is not read", name);
    status = rn_pixels_create(pixels, bench, width, height, message);
    if (status == RN_OK)
        memcpy(pixels->rgb, decoded, (size_t)width * (size_t)height * 3);
    stbi_image_free(decoded);
    return status;
}
