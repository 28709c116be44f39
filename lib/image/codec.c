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

/* Where the last of its kind begins; 0: there is none. */
typedef struct png_chunks {
    size_t palette, transparency;
} png_chunks;

/* Walks the chunks (PNG specification, section 5): length, type, data, CRC of type and data, up to IEND. */
static rn_status check_png(png_chunks *chunks, const uint8_t *bytes, size_t nbytes, const char *name,
                           rn_message *message)
{
    size_t at = 8;

    *chunks = (png_chunks){ 0 };
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
            chunks->palette = at;
        if (memcmp(bytes + at + 4, "tRNS", 4) == 0)
            chunks->transparency = at;
        if (memcmp(bytes + at + 4, "IEND", 4) == 0)
            return RN_OK;
        at += 12 + (size_t)length;
    }
}

/*
 * stb_image looks colours up without asking how many the palette has, in memory that it did not clear: a short palette
 * is continued with black, as Pillow has it. And it refuses a list of transparencies that is too long or stands beside
 * alpha, which makes no difference to colours: the list goes by a name that nobody knows. Both in a copy of the file,
 * whose checksums nobody reads any more.
 */
static rn_status decode_whole_png(rn_pixels *pixels, const rn_workbench *bench, const uint8_t *bytes, size_t nbytes,
                                  const char *name, rn_message *message)
{
    enum { WHOLE = 256 * 3 };
    png_chunks chunks;
    size_t length;
    uint8_t *copy;
    rn_status status = check_png(&chunks, bytes, nbytes, name, message);

    if (status != RN_OK)
        return status;
    length = chunks.palette == 0 ? WHOLE : big_endian(bytes + chunks.palette);
    if (length % 3 != 0 || length == 0 || length > WHOLE)
        length = WHOLE;
    if (length == WHOLE && chunks.transparency == 0)
        return rn_pixels_decode_stb(pixels, bench, bytes, nbytes, name, message);
    copy = rn_allocate(&bench->allocator, nbytes + WHOLE); /* nbytes counts bytes in memory: no overflow */
    if (copy == NULL)
        return rn_fail(message, RN_NO_MEMORY, "%s: no memory for a palette", name);
    memcpy(copy, bytes, nbytes);
    if (chunks.transparency != 0)
        memcpy(copy + chunks.transparency + 4, "tNIL", 4);
    if (length < WHOLE) {
        uint8_t *const data = copy + chunks.palette + 8;

        memmove(data + WHOLE, data + length, nbytes - chunks.palette - 8 - length);
        memset(data + length, 0, WHOLE - length);
        copy[chunks.palette + 2] = WHOLE >> 8;
        copy[chunks.palette + 3] = WHOLE & 255;
    }
    status = rn_pixels_decode_stb(pixels, bench, copy, nbytes + WHOLE - length, name, message);
    rn_release(&bench->allocator, copy);
    return status;
}

static rn_status decode_png(rn_pixels *pixels, const rn_workbench *bench, const uint8_t *bytes, size_t nbytes,
                            const char *name, rn_message *message)
{
    enum { DEPTH = 24, COLOUR = 25 }; /* in the first chunk, IHDR */
    const rn_status status = decode_whole_png(pixels, bench, bytes, nbytes, name, message);

    pixels->is_deep_grey = status == RN_OK && bytes[DEPTH] == 16 && bytes[COLOUR] == 0;
    return status;
}

/* ---- formats ----------------------------------------------------------------------------------------------------- */

static rn_status decode_jpeg(rn_pixels *pixels, const rn_workbench *bench, const uint8_t *bytes, size_t nbytes,
                             const char *name, rn_message *message)
{
    const rn_status status = rn_pixels_decode_jpeg(pixels, bench, bytes, nbytes, name, message);

    pixels->orientation = rn_exif_orientation(bytes, nbytes);
    return status;
}

#ifdef RN_WITH_WEBP
#define WEBP "WebP", rn_pixels_decode_webp
#define AND_WEBP ", WebP"
#else
#define WEBP "WebP, for which this build lacks libwebp (RESNET_WITH_WEBP)", NULL
#define AND_WEBP ""
#endif
#ifdef RN_WITH_TIFF
#define TIFF "TIFF", rn_pixels_decode_tiff
#define AND_TIFF ", TIFF"
#else
#define TIFF "TIFF, for which this build lacks libtiff (RESNET_WITH_TIFF)", NULL
#define AND_TIFF ""
#endif

/* Told by what stands at a place. What else lies under photos' names is known, too, so that people are told what they
 * have. */
typedef struct format {
    uint8_t at, length;
    const char *magic, *name;
    rn_status (*decode)(rn_pixels *pixels, const rn_workbench *bench, const uint8_t *bytes, size_t nbytes,
                        const char *name, rn_message *message); /* NULL: it is not read */
} format;

static const format formats[] = {
    { 0, 3, "\xff\xd8\xff", "JPEG", decode_jpeg },
    { 0, 8, "\x89PNG\r\n\x1a\n", "PNG", decode_png },
    { 0, 2, "BM", "BMP", rn_pixels_decode_bmp },
    { 8, 4, "WEBP", WEBP },
    { 0, 4, "II*\0", TIFF },
    { 0, 4, "MM\0*", TIFF },
    { 0, 4, "II+\0", TIFF },
    { 0, 4, "MM\0+", TIFF },
    { 0, 4, "GIF8", "GIF", NULL },
    { 4, 7, "ftypavi", "AVIF", NULL },
    { 4, 7, "ftyphei", "HEIC", NULL },
    { 4, 7, "ftyphev", "HEIC", NULL },
    { 4, 8, "ftypmif1", "HEIF", NULL },
    { 4, 8, "ftypmsf1", "HEIF", NULL },
    { 4, 4, "ftyp", "a film, or a picture like one", NULL },
    { 0, 2, "\xff\x0a", "JPEG XL", NULL },
    { 4, 4, "JXL ", "JPEG XL", NULL },
    { 4, 4, "jP  ", "JPEG 2000", NULL },
    { 0, 4, "\xff\x4f\xff\x51", "JPEG 2000", NULL },
    { 0, 4, "\0\0\1\0", "an icon", NULL },
    { 0, 4, "qoif", "QOI", NULL },
    { 0, 4, "DDS ", "DDS", NULL },
    { 0, 4, "8BPS", "a Photoshop file", NULL },
    { 0, 4, "%PDF", "PDF", NULL },
    { 0, 4, "PK\3\4", "a ZIP archive", NULL },
    { 0, 23, "version https://git-lfs", "a pointer of Git LFS; git lfs pull fetches the photo", NULL },
};

/* These may stand behind spaces, and in letters of any size. */
static const format texts[] = {
    { 0, 4, "<svg", "SVG", NULL },
    { 0, 13, "<!doctype svg", "SVG", NULL },
    { 0, 9, "<!doctype", "a web page", NULL },
    { 0, 5, "<html", "a web page", NULL },
    { 0, 5, "<?xml", "XML, perhaps SVG", NULL },
};

static uint8_t lowered(uint8_t c)
{
    return (uint8_t)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool has_magic(const format *f, const uint8_t *bytes, size_t nbytes, bool any_size)
{
    bool same = nbytes >= (size_t)f->at + f->length;

    for (size_t i = 0; i < f->length && same; i++) {
        const uint8_t byte = bytes[f->at + i];

        same = (any_size ? lowered(byte) : byte) == (uint8_t)f->magic[i];
    }
    return same;
}

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static const format *find_format(const uint8_t *bytes, size_t nbytes)
{
    static const format pnm = { 0, 0, "", "PNM", rn_pixels_decode_pnm };
    size_t at = 0;

    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
        if (has_magic(&formats[i], bytes, nbytes, false))
            return &formats[i];
    if (nbytes >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' && is_space(bytes[2]))
        return &pnm;
    at += nbytes >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* a byte order mark */
    while (at < nbytes && is_space(bytes[at]))
        at++;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (has_magic(&texts[i], bytes + at, nbytes - at, true))
            return &texts[i];
    return NULL;
}

rn_status rn_pixels_decode(rn_pixels *pixels, const rn_workbench *bench, const uint8_t *bytes, size_t nbytes,
                           const char *name, rn_message *message)
{
    const format *const found = find_format(bytes, nbytes);

    *pixels = (rn_pixels){ .bench = bench };
    if (found != NULL && found->decode != NULL)
        return found->decode(pixels, bench, bytes, nbytes, name, message);
    if (nbytes == 0)
        return rn_fail(message, RN_FORMAT, "%s: the file is empty", name);
    return rn_fail(message, RN_FORMAT, "%s: none of JPEG, PNG, BMP, PNM" AND_WEBP AND_TIFF "%s%s", name,
                   found != NULL ? ", but " : "", found != NULL ? found->name : "");
}
