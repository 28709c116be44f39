/* SPDX-License-Identifier: MIT */
/*
 * PNG. Each row is filtered in the way whose bytes, as signed numbers, have the least sum of magnitudes, the heuristic
 * of the specification (PNG, 3rd edition, 12.7), then deflated by zlib.
 */
#include "image/png.h"

#include <string.h>
#include <zlib.h>

enum { FILTERS = 5, PIXEL = 3 };

typedef struct sink {
    rn_png_sink write;
    void *payload;
} sink;

/* The one of left, above and upper left that is nearest to left + above - upper left. */
static int32_t paeth(int32_t left, int32_t above, int32_t corner)
{
    const int32_t to_left = above - corner, to_above = left - corner, to_corner = to_left + to_above;
    const int32_t a = to_left < 0 ? -to_left : to_left, b = to_above < 0 ? -to_above : to_above,
                  c = to_corner < 0 ? -to_corner : to_corner;

    return a <= b && a <= c ? left : b <= c ? above : corner;
}

/* A row as filter `kind` has it; gives the sum of magnitudes. */
static uint64_t filter_row(uint8_t *to, int kind, const uint8_t *row, const uint8_t *previous, size_t nbytes)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < nbytes; i++) {
        const int32_t left = i >= PIXEL ? row[i - PIXEL] : 0, above = previous != NULL ? previous[i] : 0,
                      corner = i >= PIXEL && previous != NULL ? previous[i - PIXEL] : 0;
        const int32_t guess[FILTERS] = { 0, left, above, (left + above) / 2, paeth(left, above, corner) };

        to[i] = (uint8_t)(row[i] - guess[kind]);
        sum += to[i] < 128 ? to[i] : 256u - to[i];
    }
    return sum;
}

/* The filter's number, then the row; `scratch` has room for a row. */
static void choose_filter(uint8_t *to, uint8_t *scratch, const uint8_t *row, const uint8_t *previous, size_t nbytes)
{
    uint64_t least = UINT64_MAX;

    for (int kind = 0; kind < FILTERS; kind++) {
        const uint64_t sum = filter_row(scratch, kind, row, previous, nbytes);

        if (sum >= least)
            continue;
        least = sum;
        to[0] = (uint8_t)kind;
        memcpy(to + 1, scratch, nbytes);
    }
}

static void put_32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void write_chunk(const sink *to, const char *type, const uint8_t *data, size_t nbytes)
{
    uint8_t head[8], check[4];

    put_32(head, (uint32_t)nbytes);
    memcpy(head + 4, type, 4);
    put_32(check, (uint32_t)crc32(crc32(0, head + 4, 4), data, (uInt)nbytes));
    to->write(head, sizeof head, to->payload);
    to->write(data, nbytes, to->payload);
    to->write(check, sizeof check, to->payload);
}

/* Deflates all rows into chunks of a buffer each. False: zlib has no memory. */
static bool write_rows(const sink *to, const uint8_t *rgb, int32_t width, int32_t height, uint8_t *rows)
{
    const size_t nbytes = (size_t)width * PIXEL;
    uint8_t *const line = rows, *const scratch = rows + rn_png_row_bytes(width);
    uint8_t part[4096];
    z_stream stream = { .next_out = part, .avail_out = sizeof part };
    bool fits = deflateInit(&stream, Z_DEFAULT_COMPRESSION) == Z_OK;

    for (int32_t y = 0; y <= height && fits; y++) {
        const bool is_end = y == height;
        const uint8_t *const row = rgb + (size_t)(is_end ? 0 : y) * nbytes;
        int answer = Z_OK;

        if (!is_end)
            choose_filter(line, scratch, row, y > 0 ? row - nbytes : NULL, nbytes);
        stream.next_in = line;
        stream.avail_in = is_end ? 0 : (uInt)(nbytes + 1);
        do {
            answer = deflate(&stream, is_end ? Z_FINISH : Z_NO_FLUSH);
            if (stream.avail_out == 0 || answer == Z_STREAM_END) {
                write_chunk(to, "IDAT", part, sizeof part - stream.avail_out);
                stream.next_out = part;
                stream.avail_out = sizeof part;
            }
            fits = answer == Z_OK || answer == Z_STREAM_END || answer == Z_BUF_ERROR;
        } while (fits && (is_end ? answer != Z_STREAM_END : stream.avail_in > 0));
    }
    deflateEnd(&stream);
    return fits;
}

static void write_head(const sink *to, int32_t width, int32_t height)
{
    static const uint8_t signature[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
    uint8_t head[13] = { [8] = 8, [9] = 2 }; /* 8 bits; red, green, blue */

    put_32(head, (uint32_t)width);
    put_32(head + 4, (uint32_t)height);
    to->write(signature, sizeof signature, to->payload);
    write_chunk(to, "IHDR", head, sizeof head);
}

size_t rn_png_row_bytes(int32_t width)
{
    return (size_t)width * PIXEL + 1;
}

bool rn_png_write(const uint8_t *rgb, int32_t width, int32_t height, uint8_t *rows, rn_png_sink write, void *payload)
{
    const sink to = { write, payload };

    write_head(&to, width, height);
    if (!write_rows(&to, rgb, width, height, rows))
        return false;
    write_chunk(&to, "IEND", rows, 0);
    return true;
}
