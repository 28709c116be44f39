/* SPDX-License-Identifier: MIT */
/* PNG by zlib: each row is the difference to the pixel on the left (PNG, 3rd edition, 9.2, filter Sub). */
#include "report/thumbnail.h"

#include <string.h>
#include <zlib.h>

const char rn_thumbnail_type[] = "image/png";

enum { ROW = RN_THUMBNAIL_SIDE * 3 + 1 };

static void put_32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Length, type and check sum around data that lie in their place already; gives the end. */
static uint8_t *put_chunk(uint8_t *at, const char *type, size_t nbytes)
{
    put_32(at, (uint32_t)nbytes);
    memcpy(at + 4, type, 4);
    put_32(at + 8 + nbytes, (uint32_t)crc32(0, at + 4, (uInt)nbytes + 4));
    return at + 12 + nbytes;
}

static void filter(uint8_t *to, const uint8_t *rgb)
{
    for (int y = 0; y < RN_THUMBNAIL_SIDE; y++, to += ROW, rgb += ROW - 1) {
        to[0] = 1;
        for (int x = 0; x < ROW - 1; x++)
            to[x + 1] = (uint8_t)(rgb[x] - (x >= 3 ? rgb[x - 3] : 0));
    }
}

size_t rn_thumbnail_write(uint8_t *file, const uint8_t *rgb)
{
    static const uint8_t signature[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
    static const uint8_t head[13] = { 0, 0, 0, RN_THUMBNAIL_SIDE, 0, 0, 0, RN_THUMBNAIL_SIDE, 8, 2 };
    uint8_t rows[ROW * RN_THUMBNAIL_SIDE], *at = file + sizeof signature;
    uLongf nbytes = RN_THUMBNAIL_BYTES - 128;

    memcpy(file, signature, sizeof signature);
    memcpy(at + 8, head, sizeof head);
    at = put_chunk(at, "IHDR", sizeof head);
    filter(rows, rgb);
    if (compress2(at + 8, &nbytes, rows, sizeof rows, Z_BEST_COMPRESSION) != Z_OK)
        return 0;
    at = put_chunk(at, "IDAT", nbytes);
    at = put_chunk(at, "IEND", 0);
    return (size_t)(at - file);
}
