/* SPDX-License-Identifier: MIT */
/*
 * Which decoder a file is for, told by its first bytes; and whether a PNG is whole. stb_image does not check its
 * checksums: what is damaged or cut short is refused here, so that nobody trains on half a picture.
 */
#include "image/pixels.h"

#include <string.h>
#include <zlib.h>

static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
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
 * is continued with black, as Pillow has it, in a copy of the file (whose checksums nobody reads any more).
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
    memset(copy + data + length, 0, WHOLE - length);
    memcpy(copy + data + WHOLE, bytes + data + length, nbytes - data - length);
    status = rn_pixels_decode_stb(pixels, bench, copy, nbytes + WHOLE - length, name, message);
    rn_release(&bench->allocator, copy);
    return status;
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

    *pixels = (rn_pixels){ .bench = bench };
    if (nbytes >= sizeof jpeg && memcmp(bytes, jpeg, sizeof jpeg) == 0) {
        const rn_status status = rn_pixels_decode_jpeg(pixels, bench, bytes, nbytes, name, message);

        pixels->orientation = rn_exif_orientation(bytes, nbytes);
        return status;
    }
    if (nbytes >= sizeof png && memcmp(bytes, png, sizeof png) == 0) {
        enum { DEPTH = 24, COLOUR = 25 }; /* in the first chunk, IHDR */
        const rn_status status = decode_png(pixels, bench, bytes, nbytes, name, message);

        pixels->is_deep_grey = status == RN_OK && bytes[DEPTH] == 16 && bytes[COLOUR] == 0;
        return status;
    }
    if (nbytes >= 2 && bytes[0] == 'B' && bytes[1] == 'M')
        return rn_pixels_decode_bmp(pixels, bench, bytes, nbytes, name, message);
    return fail_unknown(bytes, nbytes, name, message);
}
