/* SPDX-License-Identifier: MIT */
/*
 * PNG (and JPEG in a build without libjpeg-turbo) by stb_image, which allocates from the C library. Its other
 * formats and its file reading are compiled out; its symbols are local.
 */
#include "image/pixels.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * What stb_image may take for the picture that this thread decodes; its hooks have no other way to know. A block begins
 * with its size, in front of what stb_image sees.
 */
typedef struct stb_budget {
    uint64_t left;
    bool exceeded;
} stb_budget;

static _Thread_local stb_budget budget;

enum { BLOCK_HEAD = 16 }; /* keeps malloc's alignment */

static void *stb_take(size_t nbytes)
{
    unsigned char *block;

    if (nbytes > budget.left) {
        budget.exceeded = true;
        return NULL;
    }
    block = malloc(nbytes + BLOCK_HEAD);
    if (block == NULL)
        return NULL;
    budget.left -= nbytes;
    memcpy(block, &nbytes, sizeof nbytes);
    return block + BLOCK_HEAD;
}

static void stb_give(void *memory)
{
    size_t nbytes;

    if (memory == NULL)
        return;
    memcpy(&nbytes, (unsigned char *)memory - BLOCK_HEAD, sizeof nbytes);
    budget.left += nbytes;
    free((unsigned char *)memory - BLOCK_HEAD);
}

static void *stb_grow(void *memory, size_t old_bytes, size_t nbytes)
{
    void *const grown = stb_take(nbytes);

    if (grown == NULL)
        return NULL;
    if (memory != NULL)
        memcpy(grown, memory, old_bytes < nbytes ? old_bytes : nbytes);
    stb_give(memory);
    return grown;
}

#define STBI_MALLOC(nbytes) stb_take(nbytes)
#define STBI_REALLOC_SIZED(memory, old_bytes, nbytes) stb_grow(memory, old_bytes, nbytes)
#define STBI_FREE(memory) stb_give(memory)
#define STB_IMAGE_IMPLEMENTATION
#define STBIDEF static inline __attribute__((unused))
#define STBI_ONLY_PNG
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
 * As stbi_load_from_memory with three channels. That loses the picture if there is no memory to make 8 bits of its 16,
 * so it is done here, in place.
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

/*
 * What an honest picture may take at once, worked out from its size in whole units of a JPEG (at most 32 x 32 pixels).
 * Most is needed by an interlaced PNG of four channels of 16 bits, 8 bytes a pixel: stb_image does not count the filter
 * bytes of seven passes, so that its raw data grow by doubling (8 and 16), and then 16 of them stay beside the picture
 * (8) and the largest pass (4). Chunks are collected by doubling, too.
 */
static uint64_t honest_memory(int64_t width, int64_t height, size_t nbytes)
{
    const uint64_t across = ((uint64_t)width + 31) / 32 * 32, down = ((uint64_t)height + 31) / 32 * 32;

    return 28 * across * down + 4 * (uint64_t)nbytes + (1 << 20);
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
    budget = (stb_budget){ 1 << 20, false };
    errno = 0; /* malloc sets it, and stb_image says nothing else of memory */
    if (stbi_info_from_memory(bytes, (int)nbytes, &width, &height, &channels) == 0)
        return errno == ENOMEM ? rn_fail(message, RN_NO_MEMORY, "%s: no memory to decode it", name)
                               : rn_fail(message, RN_FORMAT, "%s: not a picture that can be decoded", name);
    status = rn_check_picture_size(bench, width, height, name, message);
    if (status != RN_OK)
        return status;
    budget = (stb_budget){ honest_memory(width, height, nbytes), false };
    errno = 0;
    decoded = load(bytes, (int)nbytes, &width, &height);
    if (decoded == NULL && budget.exceeded)
        return rn_fail(message, RN_FORMAT, "%s: it holds more data than a picture of its size", name);
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
