/* SPDX-License-Identifier: MIT */
/*
 * Which decoder a file is for, told by its first bytes; and, for PNG and BMP, whether it is whole. stb_image does not
 * check a PNG's checksums, reads zeros behind the end of a BMP, and colours of no palette: what is damaged or cut short
 * is refused here, so that nobody trains on half a picture.
 */
#include "image/pixels.h"

#include <string.h>
#include <zlib.h>

static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t little_endian(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* Walks the chunks (PNG specification, section 5): length, type, data, CRC of type and data, up to IEND. `*palette`:
 * where the last PLTE chunk begins, or 0. */
static rn_status check_png(size_t *palette, const uint8_t *bytes, size_t nbytes, const char *name, rn_message *message)
{
    size_t at = 8;

    *palette = 0;
    for (;;) {
        uint32_t length;

        if (nbytes - at < 12)
            return rn_fail(message, RN_FORMAT, "%s: the PNG is cut short", name);
        length = big_endian(bytes + at);
        if (length > nbytes - at - 12)
            return rn_fail(message, RN_FORMAT, "%s: the PNG is cut short", name);
        if (crc32(0, bytes + at + 4, length + 4) != big_endian(bytes + at + 8 + length))
            return rn_fail(message, RN_FORMAT, "%s: a checksum of the PNG is wrong", name);
        if (memcmp(bytes + at + 4, "CgBI", 4) == 0) /* blue and red change places, colours are multiplied by alpha */
            return rn_fail(message, RN_FORMAT, "%s: Apple's private form of PNG, which is not read", name);
        if (memcmp(bytes + at + 4, "PLTE", 4) == 0)
            *palette = at;
        if (memcmp(bytes + at + 4, "IEND", 4) == 0)
            return RN_OK;
        at += 12 + (size_t)length;
    }
}

/*
 * stb_image looks colours up without asking how many the palette has, in memory that it did not clear. A short palette
 * is continued with greys, as Pillow has it, in a copy of the file (whose checksums nobody reads any more).
 */
static rn_status decode_png(rn_pixels *pixels, const rn_workbench *bench, const uint8_t *bytes, size_t nbytes,
                            const char *name, rn_message *message)
{
    enum { WHOLE = 256 * 3 };
    size_t palette, data, length;
    uint8_t *copy;
    rn_status status = check_png(&palette, bytes, nbytes, name, message);

    if (status != RN_OK)
        return status;
    length = palette == 0 ? WHOLE : big_endian(bytes + palette);
    if (length >= WHOLE || length % 3 != 0 || length == 0)
        return rn_pixels_decode_stb(pixels, bench, bytes, nbytes, name, message);
    copy = rn_allocate(&bench->allocator, nbytes + WHOLE); /* nbytes counts bytes in memory: no overflow */
    if (copy == NULL)
        return rn_fail(message, RN_NO_MEMORY, "%s: no memory for a palette", name);
    data = palette + 8;
    memcpy(copy, bytes, data + length);
    copy[palette + 2] = WHOLE >> 8;
    copy[palette + 3] = WHOLE & 255;
    for (size_t i = length; i < WHOLE; i++)
        copy[data + i] = (uint8_t)(i / 3);
    memcpy(copy + data + WHOLE, bytes + data + length, nbytes - data - length);
    status = rn_pixels_decode_stb(pixels, bench, copy, nbytes + WHOLE - length, name, message);
    rn_release(&bench->allocator, copy);
    return status;
}

/* Where a BMP's pixels lie and of what kind they are. */
typedef struct bitmap {
    uint64_t offset, header, width, height, bits, row;
} bitmap;

static void read_bitmap(bitmap *b, const uint8_t *bytes)
{
    b->offset = little_endian(bytes + 10);
    b->header = little_endian(bytes + 14);
    if (b->header == 12) {
        b->width = bytes[18] | (uint64_t)bytes[19] << 8;
        b->height = bytes[20] | (uint64_t)bytes[21] << 8;
        b->bits = bytes[24] | (uint64_t)bytes[25] << 8;
    } else {
        const uint32_t height = little_endian(bytes + 22);

        b->width = little_endian(bytes + 18);
        b->height = height > INT32_MAX ? (uint64_t)UINT32_MAX + 1 - height : height; /* negative: top row first */
        b->bits = bytes[28] | (uint64_t)bytes[29] << 8;
    }
    b->row = (b->width * b->bits + 31) / 32 * 4;
}

/* Every pixel has a colour in the palette, which lies between the header and the pixels. */
static bool palette_suffices(const bitmap *b, const uint8_t *bytes)
{
    const uint64_t colours = b->offset < 14 + b->header ? 0 : (b->offset - 14 - b->header) / 4, per_byte = 8 / b->bits;

    if (colours >= (uint64_t)1 << b->bits)
        return true;
    for (uint64_t y = 0; y < b->height; y++)
        for (uint64_t x = 0; x < b->width; x++) {
            const uint8_t byte = bytes[b->offset + y * b->row + x / per_byte];
            const uint64_t shift = 8 - b->bits * (x % per_byte + 1);

            if (((uint64_t)byte >> shift) % ((uint64_t)1 << b->bits) >= colours)
                return false;
        }
    return true;
}

/* How a BMP is compressed, if stb_image cannot read it so. */
static const char *bitmap_compression(const bitmap *b, const uint8_t *bytes, size_t nbytes)
{
    static const char *const names[] = { NULL, "RLE8", "RLE4", NULL, "JPEG", "PNG" }; /* 3: masks, no compression */
    const uint32_t compression = b->header >= 40 && nbytes >= 34 ? little_endian(bytes + 30) : 0;

    return compression < sizeof names / sizeof names[0] ? names[compression] : NULL;
}

/* The pixel rows of an uncompressed BMP must lie inside the file; stb_image refuses the compressed ones. */
static rn_status check_bmp(const uint8_t *bytes, size_t nbytes, const char *name, rn_message *message)
{
    bitmap b;

    if (nbytes < 30)
        return rn_fail(message, RN_FORMAT, "%s: the BMP is cut short", name);
    read_bitmap(&b, bytes);
    if (b.width == 0 || b.height == 0 || b.width > RN_MAX_PIXELS || b.header > 124)
        return rn_fail(message, RN_FORMAT, "%s: not a BMP that makes sense", name);
    if (b.bits != 1 && b.bits != 4 && b.bits != 8 && b.bits != 16 && b.bits != 24 && b.bits != 32)
        return rn_fail(message, RN_FORMAT, "%s: a BMP of %d bits a pixel", name, (int)b.bits);
    if (bitmap_compression(&b, bytes, nbytes) != NULL)
        return rn_fail(message, RN_FORMAT, "%s: a BMP compressed as %s, which is not read", name,
                       bitmap_compression(&b, bytes, nbytes));
    if (b.offset > nbytes || b.row > (nbytes - b.offset) / b.height)
        return rn_fail(message, RN_FORMAT, "%s: the BMP is cut short", name);
    if (b.bits <= 8 && b.header == 12) /* stb_image mistakes the size of its palette */
        return rn_fail(message, RN_FORMAT, "%s: an OS/2 BMP with a palette, which is not read", name);
    if (b.bits <= 8 && !palette_suffices(&b, bytes))
        return rn_fail(message, RN_FORMAT, "%s: the BMP has pixels without a colour in its palette", name);
    return RN_OK;
}

/* What lies under a photo's name though it is none: said by its first bytes, so that people know what to do with it. */
static const char *other_format(const uint8_t *bytes, size_t nbytes)
{
    static const struct {
        size_t at;
        const char magic[24], *name;
    } known[] = {
        { 8, "WEBP", "WebP" },
        { 0, "GIF8", "GIF" },
        { 0, "II*", "TIFF" },
        { 0, "MM\0*", "TIFF" },
        { 4, "ftypavif", "AVIF" },
        { 4, "ftypheic", "HEIC" },
        { 4, "ftypheix", "HEIC" },
        { 4, "ftypmif1", "HEIF" },
        { 0, "P5\n", "PGM" },
        { 0, "P6\n", "PPM" },
        { 0, "%PDF", "PDF" },
        { 0, "version https://git-lfs", "a pointer of Git LFS; git lfs pull fetches the photo" },
        { 0, "<!DOCTYPE", "a web page" },
        { 0, "<html", "a web page" },
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        /* The last byte of none is 0, one in between may be. */
        size_t length = sizeof known[i].magic;

        while (known[i].magic[length - 1] == '\0')
            length--;
        if (nbytes >= known[i].at + length && memcmp(bytes + known[i].at, known[i].magic, length) == 0)
            return known[i].name;
    }
    return NULL;
}

static rn_status fail_unknown(const uint8_t *bytes, size_t nbytes, const char *name, rn_message *message)
{
    const char *const other = other_format(bytes, nbytes);

    if (nbytes == 0)
        return rn_fail(message, RN_FORMAT, "%s: the file is empty", name);
    return other != NULL ? rn_fail(message, RN_FORMAT, "%s: neither JPEG nor PNG nor BMP, but %s", name, other)
                         : rn_fail(message, RN_FORMAT, "%s: neither JPEG nor PNG nor BMP", name);
}

rn_status rn_pixels_decode(rn_pixels *pixels, const rn_workbench *bench, const uint8_t *bytes, size_t nbytes,
                           const char *name, rn_message *message)
{
    static const uint8_t png[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' }, jpeg[3] = { 0xff, 0xd8, 0xff };
    rn_status status;

    *pixels = (rn_pixels){ .bench = bench };
    if (nbytes >= sizeof jpeg && memcmp(bytes, jpeg, sizeof jpeg) == 0)
        return rn_pixels_decode_jpeg(pixels, bench, bytes, nbytes, name, message);
    if (nbytes >= sizeof png && memcmp(bytes, png, sizeof png) == 0)
        return decode_png(pixels, bench, bytes, nbytes, name, message);
    if (nbytes < 2 || bytes[0] != 'B' || bytes[1] != 'M')
        return fail_unknown(bytes, nbytes, name, message);
    status = check_bmp(bytes, nbytes, name, message);
    return status != RN_OK ? status : rn_pixels_decode_stb(pixels, bench, bytes, nbytes, name, message);
}
