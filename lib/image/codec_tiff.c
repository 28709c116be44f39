/* SPDX-License-Identifier: MIT */
/*
 * TIFF by libtiff, the first picture of a file, as Pillow's convert('RGB') has it: strips and tiles, samples together
 * or in planes, 1 to 16 bits, grey, palette, RGB and CMYK, greys of any width, YCbCr; upper bytes of 12 and 16 bits,
 * signed, 32-bit and floating-point greys cut off, alpha dropped, and where colours were multiplied by it, divided by
 * it first; turned upright, since Pillow does that with TIFF. libtiff allocates from the C library and is told how
 * much; its messages come here, for it asks each open file's own handlers (TIFFOpenOptions, libtiff 4.5) before those
 * of the process.
 */
#include "image/pixels.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <tiffio.h>

enum { SAMPLES = 6 }; /* of a pixel, at most */

/* What a block (a strip or a tile) may take beside the picture's own, and what a compressed file may claim however
 * short it is, and for each of its bytes. */
static const uint64_t free_bytes = (uint64_t)1 << 24, free_pixels = (uint64_t)1 << 24, pixels_a_byte = 4096;

/* What is read, and how its samples lie. */
typedef struct decoder {
    TIFF *tiff;
    const uint8_t *bytes;
    size_t nbytes;
    uint64_t position;
    char reason[128]; /* of the first failure, or a warning while pixels were decoded */
    bool decodes, failed;
    uint32_t width, height, block_width, block_height;
    uint32_t block_rows; /* that a block has which libtiff made RGB of */
    uint16_t bits, samples, colour, planes, compression, orientation, alpha;
    uint16_t format; /* of samples */
    bool is_tiled;
    bool is_rgba; /* libtiff makes RGB of it, in blocks of pixels that begin at the bottom */
    const uint16_t *palette[3];
    uint8_t *block;     /* one, or of planes as many as there are channels */
    size_t block_bytes; /* of one plane */
    size_t pitch;       /* bytes of a row of it */
} decoder;

/* ---- libtiff's view of a file in memory -------------------------------------------------------------------------- */

static tmsize_t read_bytes(thandle_t handle, void *to, tmsize_t count)
{
    decoder *const d = handle;
    const uint64_t left = d->position < d->nbytes ? d->nbytes - d->position : 0;
    const uint64_t taken = count < 0 ? 0 : (uint64_t)count < left ? (uint64_t)count : left;

    if (taken > 0)
        memcpy(to, d->bytes + d->position, (size_t)taken);
    d->position += taken;
    return (tmsize_t)taken;
}

static tmsize_t write_nothing(thandle_t handle, void *from, tmsize_t count)
{
    (void)handle;
    (void)from;
    (void)count;
    return -1;
}

static toff_t seek_to(thandle_t handle, toff_t offset, int from)
{
    decoder *const d = handle;

    d->position = from == SEEK_SET ? offset : from == SEEK_CUR ? d->position + offset : d->nbytes + offset;
    return d->position;
}

static int close_nothing(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t size_of(thandle_t handle)
{
    return ((decoder *)handle)->nbytes;
}

/* ---- messages ---------------------------------------------------------------------------------------------------- */

static void note(decoder *d, const char *format, va_list arguments)
{
    if (!d->failed)
        vsnprintf(d->reason, sizeof d->reason, format, arguments);
    d->failed = true;
}

/* The answer 1: the handlers of the process need not hear of it. */
static int note_error(TIFF *tiff, void *with, const char *module, const char *format, va_list arguments)
{
    (void)tiff;
    (void)module;
    note(with, format, arguments);
    return 1;
}

/* While pixels are decoded a warning says that some were invented; before, that some tag is not known. */
static int note_warning(TIFF *tiff, void *with, const char *module, const char *format, va_list arguments)
{
    decoder *const d = with;

    (void)tiff;
    (void)module;
    if (d->decodes)
        note(d, format, arguments);
    return 1;
}

static rn_status open_tiff(decoder *d, const char *name, rn_message *message)
{
    TIFFOpenOptions *const options = TIFFOpenOptionsAlloc();

    if (options == NULL)
        return rn_fail(message, RN_NO_MEMORY, "%s: no memory to decode it", name);
    TIFFOpenOptionsSetErrorHandlerExtR(options, note_error, d);
    TIFFOpenOptionsSetWarningHandlerExtR(options, note_warning, d);
    TIFFOpenOptionsSetMaxSingleMemAlloc(options, (tmsize_t)(4 * (uint64_t)d->nbytes + free_bytes));
    d->tiff = TIFFClientOpenExt("picture", "rm", d, read_bytes, write_nothing, seek_to, close_nothing, size_of, NULL,
                                NULL, options);
    TIFFOpenOptionsFree(options);
    return d->tiff != NULL ? RN_OK : rn_fail(message, RN_FORMAT, "%s: %s", name, d->reason);
}

/* ---- what the tags say ------------------------------------------------------------------------------------------- */

static rn_status fail_kind(const decoder *d, const char *name, rn_message *message)
{
    return rn_fail(message, RN_FORMAT,
                   "%s: a TIFF of a kind that is not read: colours of kind %d, %d samples of %d bits, format %d, "
                   "compression %d",
                   name, (int)d->colour, (int)d->samples, (int)d->bits, (int)d->format, (int)d->compression);
}

static int32_t channels_of(const decoder *d)
{
    return d->colour == PHOTOMETRIC_RGB         ? 3 + (d->alpha == EXTRASAMPLE_ASSOCALPHA)
           : d->colour == PHOTOMETRIC_YCBCR     ? 3
           : d->colour == PHOTOMETRIC_SEPARATED ? 4
                                                : 1;
}

/* Of a picture of one channel, whose bytes lie in the order that Pillow reads: not all it opens, nor do we. */
static bool is_wide_grey(const decoder *d)
{
    const bool is_big = TIFFIsBigEndian(d->tiff) != 0;

    if (d->colour != PHOTOMETRIC_MINISBLACK || d->samples != 1)
        return false;
    switch (d->format) {
    case SAMPLEFORMAT_UINT: return !is_big && (d->bits == 12 || d->bits == 32);
    case SAMPLEFORMAT_INT: return d->bits == 8 || d->bits == 16 || d->bits == 32;
    default: return d->format == SAMPLEFORMAT_IEEEFP && d->bits == 32;
    }
}

/* Without compression Pillow reads what has a colour a pixel. */
static bool is_known_ycbcr(decoder *d)
{
    uint16_t across = 2, down = 2;

    TIFFGetFieldDefaulted(d->tiff, TIFFTAG_YCBCRSUBSAMPLING, &across, &down);
    d->is_rgba = d->compression != COMPRESSION_NONE;
    return d->samples == 3 && d->bits == 8 && d->planes == PLANARCONFIG_CONTIG &&
           (d->is_rgba || (across == 1 && down == 1));
}

static bool is_kind_known(decoder *d)
{
    const bool is_grey = d->colour == PHOTOMETRIC_MINISWHITE || d->colour == PHOTOMETRIC_MINISBLACK,
               is_single = is_grey || d->colour == PHOTOMETRIC_PALETTE,
               is_small = d->bits == 1 || d->bits == 2 || d->bits == 4;

    if (is_wide_grey(d))
        return true;
    if (d->format != SAMPLEFORMAT_UINT || d->samples > SAMPLES || d->samples < channels_of(d) ||
        d->compression == COMPRESSION_OJPEG)
        return false;
    if (d->colour == PHOTOMETRIC_YCBCR)
        return is_known_ycbcr(d);
    if (!is_single && d->colour != PHOTOMETRIC_RGB && d->colour != PHOTOMETRIC_SEPARATED)
        return false;
    if (is_small)
        return is_single && d->samples == 1;
    if (is_grey && d->alpha == EXTRASAMPLE_ASSOCALPHA) /* Pillow does not make RGB of it */
        return false;
    /* Pillow takes 16 bits where white is 0 for those where black is. */
    return d->bits == 8 || (d->bits == 16 && d->colour != PHOTOMETRIC_PALETTE && d->colour != PHOTOMETRIC_MINISWHITE);
}

static rn_status read_tags(decoder *d, const char *name, rn_message *message)
{
    uint16_t extra_count = 0, *extra = NULL;
    TIFF *const t = d->tiff;

    TIFFGetField(t, TIFFTAG_IMAGEWIDTH, &d->width);
    TIFFGetField(t, TIFFTAG_IMAGELENGTH, &d->height);
    TIFFGetFieldDefaulted(t, TIFFTAG_BITSPERSAMPLE, &d->bits);
    TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLESPERPIXEL, &d->samples);
    TIFFGetFieldDefaulted(t, TIFFTAG_PLANARCONFIG, &d->planes);
    TIFFGetFieldDefaulted(t, TIFFTAG_COMPRESSION, &d->compression);
    TIFFGetFieldDefaulted(t, TIFFTAG_SAMPLEFORMAT, &d->format);
    TIFFGetFieldDefaulted(t, TIFFTAG_ORIENTATION, &d->orientation);
    TIFFGetField(t, TIFFTAG_PHOTOMETRIC, &d->colour);
    if (TIFFGetField(t, TIFFTAG_EXTRASAMPLES, &extra_count, &extra) && extra_count > 0)
        d->alpha = extra[0];
    if (d->colour == PHOTOMETRIC_YCBCR && d->compression == COMPRESSION_JPEG && d->planes == PLANARCONFIG_CONTIG &&
        d->samples == 3) {
        TIFFSetField(t, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
        d->colour = PHOTOMETRIC_RGB;
    }
    if (!is_kind_known(d))
        return fail_kind(d, name, message);
    if (d->is_rgba)
        TIFFSetField(t, TIFFTAG_ORIENTATION, ORIENTATION_TOPLEFT); /* libtiff would turn each block by itself */
    if (d->colour == PHOTOMETRIC_PALETTE &&
        !TIFFGetField(t, TIFFTAG_COLORMAP, &d->palette[0], &d->palette[1], &d->palette[2]))
        return rn_fail(message, RN_FORMAT, "%s: the TIFF has no palette", name);
    return RN_OK;
}

/* Sizes, and memory for one block. */
static rn_status prepare(decoder *d, const rn_workbench *bench, const char *name, rn_message *message)
{
    const rn_status status = rn_check_picture_size(bench, d->width, d->height, name, message);
    const uint64_t count = (uint64_t)d->width * d->height, bits = count * d->samples * d->bits;
    uint64_t block;
    size_t all;

    if (status != RN_OK)
        return status;
    if (d->compression == COMPRESSION_NONE ? bits / 8 > d->nbytes : count > free_pixels + pixels_a_byte * d->nbytes)
        return rn_fail(message, RN_FORMAT, "%s: cut short: %zu bytes cannot hold %u x %u pixels", name, d->nbytes,
                       d->width, d->height);
    d->is_tiled = TIFFIsTiled(d->tiff) != 0;
    d->block_width = d->width;
    TIFFGetFieldDefaulted(d->tiff, TIFFTAG_ROWSPERSTRIP, &d->block_height);
    if (d->is_tiled) {
        TIFFGetField(d->tiff, TIFFTAG_TILEWIDTH, &d->block_width);
        TIFFGetField(d->tiff, TIFFTAG_TILELENGTH, &d->block_height);
    }
    d->block_height = d->is_tiled || d->block_height < d->height ? d->block_height : d->height;
    if (d->block_height == 0)
        d->block_height = 1;
    d->pitch = ((size_t)d->block_width * (d->planes == PLANARCONFIG_SEPARATE ? 1 : d->samples) * d->bits + 7) / 8;
    block = d->is_tiled ? TIFFTileSize64(d->tiff) : TIFFStripSize64(d->tiff);
    if (d->is_rgba) {
        d->pitch = (size_t)d->block_width * sizeof(uint32_t);
        block = (uint64_t)d->block_width * d->block_height;
        block = block <= 4 * count + free_bytes ? block * sizeof(uint32_t) : UINT64_MAX;
    }
    if (block == 0 || d->block_width == 0 || block > 16 * count + free_bytes || block / d->block_height < d->pitch)
        return rn_fail(message, RN_FORMAT, "%s: the TIFF's parts are larger than the picture", name);
    d->block_bytes = (size_t)block;
    if (rn_size_multiply(&all, d->block_bytes, d->planes == PLANARCONFIG_SEPARATE ? (size_t)channels_of(d) : 1))
        d->block = rn_allocate(&bench->allocator, all);
    return d->block != NULL ? RN_OK : rn_fail(message, RN_NO_MEMORY, "%s: no memory to decode it", name);
}

/* ---- pixels ------------------------------------------------------------------------------------------------------ */

/* A signed, long or floating-point grey, as a byte; what is no number is black. */
static uint8_t cut_off(const uint8_t *bytes, const decoder *d)
{
    int16_t small;
    int32_t whole;
    float value;

    if (d->format == SAMPLEFORMAT_IEEEFP) {
        memcpy(&value, bytes, sizeof value);
    } else if (d->bits == 16) {
        memcpy(&small, bytes, sizeof small);
        value = small;
    } else {
        memcpy(&whole, bytes, sizeof whole);
        value = (float)whole;
    }
    return (uint8_t)(value >= 255 ? 255 : value > 0 ? value : 0);
}

/* Sample `c` of a pixel of the block: its upper byte, or its few bits. */
static uint32_t sample(const decoder *d, uint32_t y, uint32_t x, int32_t c)
{
    const bool apart = d->planes == PLANARCONFIG_SEPARATE;
    const size_t index = apart ? x : (size_t)x * d->samples + (size_t)c;
    const uint8_t *const row = d->block + (apart ? (size_t)c * d->block_bytes : 0) + (size_t)y * d->pitch;
    uint16_t wide;

    if (d->bits == 8)
        return row[index];
    if (d->bits == 12)
        return index % 2 == 0 ? row[index / 2 * 3] : (row[index / 2 * 3 + 1] & 15u) << 4 | row[index / 2 * 3 + 2] >> 4;
    if (d->bits == 32 || d->format == SAMPLEFORMAT_INT)
        return cut_off(row + index * d->bits / 8, d);
    if (d->bits == 16) {
        memcpy(&wide, row + 2 * index, sizeof wide);
        return wide >> 8;
    }
    return row[index * d->bits / 8] >> (8 - d->bits - index * d->bits % 8) & ((1u << d->bits) - 1);
}

static uint8_t undo_alpha(uint32_t value, uint32_t alpha)
{
    const uint32_t whole = alpha == 0 ? 0 : value * 255 / alpha;

    return (uint8_t)(alpha == 255 ? value : whole > 255 ? 255 : whole);
}

/* Pillow's YCbCr: factors of 1/64, rounded upwards. */
static int32_t part_of(double factor, uint32_t value)
{
    return (int32_t)(((double)value - 128) * factor * 64 + 0.5);
}

static uint8_t clipped(int32_t value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void convert_ycbcr(uint8_t *rgb, const uint32_t *s)
{
    const int32_t y = (int32_t)s[0];

    rgb[0] = clipped(y + (part_of(1.402, s[2]) >> 6));
    rgb[1] = clipped(y + ((part_of(-0.34414, s[1]) + part_of(-0.71414, s[2])) >> 6));
    rgb[2] = clipped(y + (part_of(1.772, s[1]) >> 6));
}

static void convert_pixel(uint8_t *rgb, const decoder *d, uint32_t y, uint32_t x)
{
    const int32_t channels = channels_of(d);
    uint32_t s[4] = { 0 };

    if (d->is_rgba) {
        memcpy(rgb, d->block + (size_t)(d->block_rows - 1 - y) * d->pitch + (size_t)x * sizeof(uint32_t), 3);
        return;
    }
    for (int32_t c = 0; c < channels; c++)
        s[c] = sample(d, y, x, c);
    if (d->colour == PHOTOMETRIC_YCBCR) {
        convert_ycbcr(rgb, s);
        return;
    }
    if (d->bits < 8 && d->colour != PHOTOMETRIC_PALETTE) /* greys, stretched */
        s[0] = s[0] * 255 / ((1u << d->bits) - 1);
    for (int32_t c = 0; c < 3; c++)
        switch (d->colour) {
        case PHOTOMETRIC_PALETTE: rgb[c] = (uint8_t)(d->palette[c][s[0]] >> 8); break;
        case PHOTOMETRIC_RGB: rgb[c] = channels == 4 ? undo_alpha(s[c], s[3]) : (uint8_t)s[c]; break;
        case PHOTOMETRIC_SEPARATED: rgb[c] = rn_light_of_inks(s[c], 255 - s[3]); break;
        default: rgb[c] = (uint8_t)(d->colour == PHOTOMETRIC_MINISWHITE ? 255 - s[0] : s[0]);
        }
}

static bool read_block(decoder *d, uint32_t top, uint32_t left)
{
    const int32_t planes = d->planes == PLANARCONFIG_SEPARATE ? channels_of(d) : 1;
    const uint32_t rows = d->height - top < d->block_height ? d->height - top : d->block_height;

    if (d->is_rgba) {
        uint32_t *const pixels = (uint32_t *)(void *)d->block;

        d->block_rows = d->is_tiled ? d->block_height : rows;
        return (d->is_tiled ? TIFFReadRGBATileExt(d->tiff, left, top, pixels, 1)
                            : TIFFReadRGBAStripExt(d->tiff, top, pixels, 1)) != 0 &&
               !d->failed;
    }
    for (int32_t p = 0; p < planes; p++) {
        uint8_t *const to = d->block + (size_t)p * d->block_bytes;
        const tmsize_t wanted = d->is_tiled ? (tmsize_t)d->block_bytes : (tmsize_t)TIFFVStripSize64(d->tiff, rows);
        const tmsize_t got =
            d->is_tiled ? TIFFReadEncodedTile(d->tiff, TIFFComputeTile(d->tiff, left, top, 0, (uint16_t)p), to, wanted)
                        : TIFFReadEncodedStrip(d->tiff, TIFFComputeStrip(d->tiff, top, (uint16_t)p), to, wanted);

        if (got != wanted || d->failed)
            return false;
    }
    return true;
}

static bool read_blocks(rn_pixels *pixels, decoder *d)
{
    for (uint64_t top = 0; top < d->height; top += d->block_height)
        for (uint64_t left = 0; left < d->width; left += d->block_width) {
            if (!read_block(d, (uint32_t)top, (uint32_t)left))
                return false;
            for (uint32_t y = 0; y < d->block_height && top + y < d->height; y++)
                for (uint32_t x = 0; x < d->block_width && left + x < d->width; x++)
                    convert_pixel(pixels->rgb + ((size_t)(top + y) * d->width + (size_t)left + x) * 3, d, y, x);
        }
    return true;
}

static rn_status decode(rn_pixels *pixels, decoder *d, const char *name, rn_message *message)
{
    rn_status status = open_tiff(d, name, message);

    if (status == RN_OK)
        status = read_tags(d, name, message);
    if (status == RN_OK)
        status = prepare(d, pixels->bench, name, message);
    if (status == RN_OK)
        status = rn_pixels_create(pixels, pixels->bench, d->width, d->height, message);
    if (status != RN_OK)
        return status;
    d->decodes = true;
    d->failed = false;
    if (!read_blocks(pixels, d))
        return rn_fail(message, RN_FORMAT, "%s: damaged or cut short: %s", name, d->failed ? d->reason : "a part is");
    pixels->orientation = d->orientation <= 8 ? d->orientation : 1;
    status = rn_pixels_make_upright(pixels, message);
    pixels->is_deep_grey = d->bits > 8 && d->colour == PHOTOMETRIC_MINISBLACK;
    return status;
}

rn_status rn_pixels_decode_tiff(rn_pixels *pixels, const rn_workbench *bench, const uint8_t *bytes, size_t nbytes,
                                const char *name, rn_message *message)
{
    decoder d = { .bytes = bytes, .nbytes = nbytes };
    rn_status status;

    *pixels = (rn_pixels){ .bench = bench };
    status = decode(pixels, &d, name, message);
    if (d.tiff != NULL)
        TIFFClose(d.tiff);
    rn_release(&bench->allocator, d.block);
    if (status != RN_OK)
        rn_pixels_release(pixels);
    else
        pixels->orientation = 0; /* of a JPEG alone anything is said */
    return status;
}
