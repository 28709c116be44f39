/* SPDX-License-Identifier: MIT */
/*
 * BMP, whole: headers of OS/2 and Windows, palettes, 16 to 32 bits a pixel with masks, run lengths. What a file means
 * where the format leaves it open is as Pillow has it (BmpImagePlugin.py): colours that a palette lacks are black,
 * alpha is dropped, the last row need not be padded, run lengths end where the picture does. Sources: Microsoft,
 * "Bitmap Storage" and BITMAPV5HEADER; J. Summers, "BMP Suite".
 *
 * Beyond Pillow: masks may be any that do not overlap, palettes of greys serve any number of bits, and run lengths may
 * leave a row empty.
 */
#include "image/pixels.h"

#include <string.h>

enum { FILE_HEADER = 14, OS2_HEADER = 12, COLOURS = 256 };
enum { COMPRESSION_NONE, COMPRESSION_RLE8, COMPRESSION_RLE4, COMPRESSION_MASKS };

typedef struct bitmap {
    const uint8_t *bytes;
    size_t nbytes, offset; /* of the pixels */
    uint32_t header, width, height, bits, compression, colours;
    bool top_down;
    uint32_t mask[3]; /* of R, G, B in a pixel of 16 bits and more */
    uint8_t palette[COLOURS][3];
} bitmap;

static uint32_t get_16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get_32(const uint8_t *p)
{
    return get_16(p) | get_16(p + 2) << 16;
}

static rn_status fail_short(const char *name, rn_message *message)
{
    return rn_fail(message, RN_FORMAT, "%s: the BMP is cut short", name);
}

/* ---- headers ----------------------------------------------------------------------------------------------------- */

static bool is_known_header(uint32_t nbytes)
{
    static const uint32_t known[] = { OS2_HEADER, 40, 52, 56, 64, 108, 124 };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (nbytes == known[i])
            return true;
    return false;
}

static void read_fields(bitmap *b)
{
    const uint8_t *const field = b->bytes + FILE_HEADER;

    b->offset = get_32(b->bytes + 10);
    if (b->header == OS2_HEADER) {
        b->width = get_16(field + 4);
        b->height = get_16(field + 6);
        b->bits = get_16(field + 10);
    } else {
        b->width = get_32(field + 4);
        b->height = get_32(field + 8);
        b->top_down = field[11] == 0xff; /* a negative height */
        if (b->top_down)
            b->height = 0 - b->height;
        b->bits = get_16(field + 14);
        b->compression = get_32(field + 16);
        b->colours = get_32(field + 32);
    }
    if (b->colours == 0 && b->bits <= 8)
        b->colours = 1u << b->bits;
}

static rn_status check_fields(const bitmap *b, const char *name, rn_message *message)
{
    static const char *const names[] = { [4] = "JPEG", [5] = "PNG" };

    if (b->width == 0 || b->height == 0 || b->width > RN_MAX_PIXELS || b->height > RN_MAX_PIXELS)
        return rn_fail(message, RN_FORMAT, "%s: not a BMP that makes sense", name);
    if (b->bits != 1 && b->bits != 4 && b->bits != 8 && b->bits != 16 && b->bits != 24 && b->bits != 32)
        return rn_fail(message, RN_FORMAT, "%s: a BMP of %d bits a pixel", name, (int)b->bits);
    if (b->compression > COMPRESSION_MASKS)
        return rn_fail(message, RN_FORMAT, "%s: a BMP compressed as %s, which is not read", name,
                       b->compression < sizeof names / sizeof names[0] ? names[b->compression] : "nobody knows what");
    if ((b->compression == COMPRESSION_MASKS) != (b->bits > 8) && b->compression != COMPRESSION_NONE)
        return rn_fail(message, RN_FORMAT, "%s: a BMP of %d bits a pixel cannot be compressed like this", name,
                       (int)b->bits);
    if (b->bits <= 8 && b->colours > COLOURS)
        return rn_fail(message, RN_FORMAT, "%s: a BMP with a palette of %lu colours", name, (unsigned long)b->colours);
    return RN_OK;
}

/* Behind the header of 40 bytes, else within the header; all zero means what it means without masks. */
static rn_status read_masks(bitmap *b, size_t *end, const char *name, rn_message *message)
{
    static const uint32_t of_15[3] = { 0x7c00, 0x3e0, 0x1f }, of_24[3] = { 0xff0000, 0xff00, 0xff };
    uint32_t given[3] = { 0 };

    memcpy(b->mask, b->bits == 16 ? of_15 : of_24, sizeof b->mask);
    if (b->compression != COMPRESSION_MASKS)
        return RN_OK;
    if (b->header == 40)
        *end += sizeof given;
    if (b->nbytes < *end)
        return fail_short(name, message);
    for (int c = 0; c < 3; c++)
        given[c] = get_32(b->bytes + FILE_HEADER + 40 + 4 * c);
    if (given[0] == 0 && given[1] == 0 && given[2] == 0 && b->bits == 32)
        return RN_OK;
    for (int c = 0; c < 3; c++) {
        const uint32_t low = given[c] & (0 - given[c]), ones = low == 0 ? 0 : given[c] / low;

        if (ones == 0 || (ones & (ones + 1)) != 0 || (given[c] & given[(c + 1) % 3]) != 0 ||
            (uint64_t)given[c] >> b->bits != 0)
            return rn_fail(message, RN_FORMAT, "%s: a BMP with masks that make no sense", name);
        b->mask[c] = given[c];
    }
    return RN_OK;
}

/* B, G, R and from Windows on an unused byte. Behind its end stands black, or further greys if colour i is grey i. */
static void read_palette(bitmap *b, size_t *end)
{
    const size_t entry = b->header == OS2_HEADER ? 3 : 4, left = (b->nbytes - *end) / entry;
    const uint8_t *const from = b->bytes + *end;
    bool is_grey = b->colours != 2;

    for (size_t i = 0; i < COLOURS; i++)
        for (size_t c = 0; c < 3; c++) {
            const bool is_there = i < b->colours && i < left;

            b->palette[i][c] = is_there ? from[i * entry + 2 - c] : is_grey ? (uint8_t)i : 0;
            is_grey = is_grey && b->palette[i][c] == i;
        }
    *end += b->colours * entry;
    if (b->offset == (size_t)FILE_HEADER + b->header) /* some writers forget the palette */
        b->offset = *end;
}

static rn_status read_header(bitmap *b, const char *name, rn_message *message)
{
    size_t end;
    rn_status status;

    if (b->nbytes < FILE_HEADER + OS2_HEADER)
        return fail_short(name, message);
    b->header = get_32(b->bytes + FILE_HEADER);
    if (!is_known_header(b->header))
        return rn_fail(message, RN_FORMAT, "%s: a BMP with a header of %lu bytes, which nobody uses", name,
                       (unsigned long)b->header);
    end = (size_t)FILE_HEADER + b->header;
    if (b->nbytes < end)
        return fail_short(name, message);
    read_fields(b);
    status = check_fields(b, name, message);
    if (status == RN_OK && b->bits > 8)
        status = read_masks(b, &end, name, message);
    else if (status == RN_OK)
        read_palette(b, &end);
    if (b->offset == 0)
        b->offset = end;
    return status != RN_OK || b->offset <= b->nbytes ? status : fail_short(name, message);
}

/* ---- rows of pixels ---------------------------------------------------------------------------------------------- */

static uint8_t *row_of(const rn_pixels *pixels, const bitmap *b, uint32_t row)
{
    const uint32_t line = b->top_down ? row : b->height - 1 - row;

    return pixels->rgb + (size_t)line * b->width * 3;
}

static void read_indices(uint8_t *to, const bitmap *b, const uint8_t *row)
{
    const uint32_t per_byte = 8 / b->bits, largest = (1u << b->bits) - 1;

    for (uint32_t x = 0; x < b->width; x++, to += 3) {
        const uint32_t shift = 8 - b->bits * (x % per_byte + 1);

        memcpy(to, b->palette[((uint32_t)row[x / per_byte] >> shift) & largest], 3);
    }
}

/* A mask's lowest bit and its largest value. */
typedef struct field {
    uint32_t mask, low;
    uint64_t largest;
} field;

static void read_fields_of_pixels(uint8_t *to, const bitmap *b, const uint8_t *row)
{
    const uint32_t pixel_bytes = b->bits / 8;
    field fields[3];

    for (int c = 0; c < 3; c++) {
        fields[c].mask = b->mask[c];
        fields[c].low = b->mask[c] & (0 - b->mask[c]);
        fields[c].largest = b->mask[c] / fields[c].low;
    }
    for (uint32_t x = 0; x < b->width; x++, row += pixel_bytes, to += 3) {
        uint32_t pixel = get_16(row);

        for (uint32_t i = 2; i < pixel_bytes; i++)
            pixel |= (uint32_t)row[i] << 8 * i;
        for (int c = 0; c < 3; c++) {
            const uint64_t value = (pixel & fields[c].mask) / fields[c].low;

            to[c] = (uint8_t)(value * 255 / fields[c].largest);
        }
    }
}

/* B, G, R, and perhaps a byte more: the most frequent kinds. */
static void read_bytes_of_pixels(uint8_t *to, const bitmap *b, const uint8_t *row)
{
    const uint32_t pixel_bytes = b->bits / 8;

    for (uint32_t x = 0; x < b->width; x++, row += pixel_bytes, to += 3) {
        to[0] = row[2];
        to[1] = row[1];
        to[2] = row[0];
    }
}

/* Of a row, without its padding. */
static uint64_t row_bytes(const bitmap *b)
{
    return ((uint64_t)b->width * b->bits + 7) / 8;
}

static uint64_t row_pitch(const bitmap *b)
{
    return (row_bytes(b) + 3) / 4 * 4;
}

static bool has_all_rows(const bitmap *b)
{
    const uint64_t left = b->nbytes - b->offset;

    return left >= row_bytes(b) && (left - row_bytes(b)) / row_pitch(b) >= b->height - 1;
}

static void read_rows(const rn_pixels *pixels, const bitmap *b)
{
    const bool has_bytes = b->bits >= 24 && b->mask[0] == 0xff0000 && b->mask[1] == 0xff00 && b->mask[2] == 0xff;

    for (uint32_t y = 0; y < b->height; y++) {
        const uint8_t *const row = b->bytes + b->offset + y * row_pitch(b);

        if (b->bits <= 8)
            read_indices(row_of(pixels, b, y), b, row);
        else if (has_bytes)
            read_bytes_of_pixels(row_of(pixels, b, y), b, row);
        else
            read_fields_of_pixels(row_of(pixels, b, y), b, row);
    }
}

/* ---- run lengths ------------------------------------------------------------------------------------------------- */

/* Pixels in the order of the file, from the first row there to the last. */
typedef struct run_reader {
    const bitmap *b;
    const rn_pixels *pixels;
    size_t at;            /* in the file */
    uint32_t row, column; /* of the next pixel; row == height: there is none */
    uint64_t x;           /* how far codes have come in their row */
} run_reader;

static uint64_t pixels_left(const run_reader *r)
{
    return (uint64_t)(r->b->height - r->row) * r->b->width - r->column;
}

static void put(run_reader *r, uint32_t index)
{
    if (r->row == r->b->height)
        return;
    memcpy(row_of(r->pixels, r->b, r->row) + (size_t)r->column * 3, r->b->palette[index], 3);
    r->column++;
    if (r->column == r->b->width) {
        r->column = 0;
        r->row++;
    }
}

static void put_many(run_reader *r, uint64_t count, uint32_t even, uint32_t odd)
{
    const uint64_t fitting = count < pixels_left(r) ? count : pixels_left(r);

    for (uint64_t i = 0; i < fitting; i++)
        put(r, i % 2 == 0 ? even : odd);
}

/* `count` pixels as they are, padded to an even place in the file. False: the file ends. */
static bool read_literal(run_reader *r, uint64_t count)
{
    const bool nibbles = r->b->compression == COMPRESSION_RLE4;
    const uint64_t wanted = count < pixels_left(r) ? count : pixels_left(r);
    const size_t nbytes = (size_t)(nibbles ? (wanted + 1) / 2 : wanted);

    if (nbytes > r->b->nbytes - r->at)
        return false;
    for (size_t i = 0; i < wanted; i++) {
        const uint8_t byte = r->b->bytes[r->at + (nibbles ? i / 2 : i)];

        put(r, !nibbles ? byte : i % 2 == 0 ? byte >> 4 : byte & 15u);
    }
    r->at += nbytes;
    r->at += r->at % 2;
    r->x += count;
    return true;
}

static void read_run(run_reader *r, uint32_t count, uint8_t byte)
{
    const bool nibbles = r->b->compression == COMPRESSION_RLE4;
    const uint64_t room = r->x < r->b->width ? r->b->width - r->x : 0;
    const uint64_t fitting = count < room ? count : room;

    put_many(r, fitting, nibbles ? byte >> 4 : byte, nibbles ? byte & 15u : byte);
    r->x += fitting;
}

/* What stands behind a 0. False: nothing comes any more. */
static bool read_escape(run_reader *r, uint8_t code)
{
    const uint32_t width = r->b->width;

    switch (code) {
    case 0: /* the end of a row, which a run may have filled */
        if (r->column > 0 || r->x == 0)
            put_many(r, width - r->column, 0, 0);
        r->x = 0;
        return true;
    case 1: return false; /* the end of the picture */
    case 2:               /* so far to the right and so many rows on */
        if (r->b->nbytes - r->at < 2)
            return false;
        put_many(r, r->b->bytes[r->at] + (uint64_t)r->b->bytes[r->at + 1] * width, 0, 0);
        r->at += 2;
        r->x = r->column;
        return true;
    default: return read_literal(r, code);
    }
}

static rn_status read_runs(const rn_pixels *pixels, const bitmap *b, const char *name, rn_message *message)
{
    run_reader r = { .b = b, .pixels = pixels, .at = b->offset };
    bool goes_on = true;

    while (goes_on && pixels_left(&r) > 0 && b->nbytes - r.at >= 2) {
        const uint8_t count = b->bytes[r.at], byte = b->bytes[r.at + 1];

        r.at += 2;
        if (count > 0)
            read_run(&r, count, byte);
        else
            goes_on = read_escape(&r, byte);
        r.at = r.at < b->nbytes ? r.at : b->nbytes;
    }
    return pixels_left(&r) == 0 ? RN_OK : fail_short(name, message);
}

rn_status rn_pixels_decode_bmp(rn_pixels *pixels, const rn_workbench *bench, const uint8_t *bytes, size_t nbytes,
                               const char *name, rn_message *message)
{
    bitmap b = { .bytes = bytes, .nbytes = nbytes };
    rn_status status = read_header(&b, name, message);
    const bool has_runs = b.compression == COMPRESSION_RLE8 || b.compression == COMPRESSION_RLE4;

    *pixels = (rn_pixels){ .bench = bench };
    if (status == RN_OK)
        status = rn_check_picture_size(bench, b.width, b.height, name, message);
    if (status == RN_OK && !has_runs && !has_all_rows(&b))
        status = fail_short(name, message);
    if (status == RN_OK)
        status = rn_pixels_create(pixels, bench, b.width, b.height, message);
    if (status == RN_OK && has_runs)
        status = read_runs(pixels, &b, name, message);
    else if (status == RN_OK)
        read_rows(pixels, &b);
    if (status != RN_OK)
        rn_pixels_release(pixels);
    return status;
}
