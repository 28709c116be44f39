/* SPDX-License-Identifier: MIT */
/*
 * JPEG by libjpeg-turbo with its defaults (islow DCT, fancy upsampling), which are Pillow's: the same pixels. CMYK
 * becomes RGB as Pillow's convert('RGB') has it, with Adobe's inverted inks. libjpeg allocates from the C library; its
 * errors come back by longjmp and end here.
 */
#include "image/pixels.h"

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h>

const char rn_jpeg_decoder[] = "libjpeg-turbo";

enum { MAX_SCANS = 100 }; /* a progressive file has about ten */

/* Each scan goes over the whole picture: how many pixels all may, however short the file is, and for each of its bytes.
 * Ten scans of one colour take a byte for 1700. */
static const uint64_t scanned_pixels = (uint64_t)1 << 28, scanned_pixels_a_byte = 4096;

typedef struct decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    char reason[JMSG_LENGTH_MAX];
    rn_pixels pixels;
    uint8_t *row; /* of CMYK */
    size_t nbytes;
    bool damaged;
} decoder;

static decoder *decoder_of(j_common_ptr jpeg)
{
    return jpeg->client_data;
}

static void fail_decoding(j_common_ptr jpeg)
{
    jpeg->err->format_message(jpeg, decoder_of(jpeg)->reason);
    longjmp(decoder_of(jpeg)->failed, 1);
}

/* Warnings after which some pixels are invented. Others, such as stray bytes before a marker, harm nothing. */
static void note_warning(j_common_ptr jpeg, int level)
{
    decoder *const d = decoder_of(jpeg);

    if (level >= 0 || d->damaged)
        return;
    switch (jpeg->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
        d->damaged = true;
        jpeg->err->format_message(jpeg, d->reason);
        break;
    default: break;
    }
}

/* A small file may ask for a great many passes over a great picture. */
static void limit_scans(j_common_ptr jpeg)
{
    decoder *const d = decoder_of(jpeg);
    const uint64_t pixels = (uint64_t)d->jpeg.image_width * d->jpeg.image_height;
    const uint64_t most = (scanned_pixels + scanned_pixels_a_byte * d->nbytes) / (pixels + 1) + 1;
    const int scans = most < MAX_SCANS ? (int)most : MAX_SCANS;

    if (d->jpeg.input_scan_number > scans) {
        snprintf(d->reason, sizeof d->reason, "over %d scans", scans);
        longjmp(d->failed, 1);
    }
}

static void be_silent(j_common_ptr jpeg)
{
    (void)jpeg;
}

/* Inks come inverted: v means 255 - ink. */
static void cmyk_to_rgb(uint8_t *rgb, const uint8_t *cmyk, int32_t width)
{
    for (int32_t x = 0; x < width; x++) {
        const uint32_t light = cmyk[4 * x + 3];

        for (int i = 0; i < 3; i++)
            rgb[3 * x + i] = rn_light_of_inks(255u - cmyk[4 * x + i], light);
    }
}

/* Arithmetic coding says much with nothing: what a file may claim however short it is, and for each of its bytes. */
static const uint64_t arithmetic_pixels = (uint64_t)1 << 24, arithmetic_pixels_a_byte = 4096;

/*
 * Every unit of at most 32 x 32 pixels takes a bit at least (but in arithmetic coding): a file that is shorter was cut,
 * or makes its size up to cost its reader memory.
 */
static bool is_too_short(const struct jpeg_decompress_struct *jpeg, size_t nbytes)
{
    const uint64_t across = ((uint64_t)jpeg->image_width + 31) / 32, down = ((uint64_t)jpeg->image_height + 31) / 32;

    if (jpeg->arith_code)
        return (uint64_t)jpeg->image_width * jpeg->image_height > arithmetic_pixels + arithmetic_pixels_a_byte * nbytes;
    return across * down > (uint64_t)nbytes * 8;
}

/* Pillow's JpegImageFile.draft: what the size is divided by. */
static unsigned int draft_divisor(const rn_workbench *bench, const struct jpeg_decompress_struct *jpeg)
{
    unsigned int divisor = 8, across, down;

    if (bench->draft_width <= 0 || bench->draft_height <= 0)
        return 1;
    across = jpeg->image_width / (unsigned int)bench->draft_width;
    down = jpeg->image_height / (unsigned int)bench->draft_height;
    while (divisor > 1 && (across < divisor || down < divisor))
        divisor /= 2;
    return divisor;
}

/* Sizes, and memory for the pixels. */
static rn_status prepare(decoder *d, size_t nbytes, const char *name, rn_message *message)
{
    struct jpeg_decompress_struct *const jpeg = &d->jpeg;
    rn_status status = rn_check_picture_size(d->pixels.bench, jpeg->image_width, jpeg->image_height, name, message);

    if (status != RN_OK)
        return status;
    if (is_too_short(jpeg, nbytes))
        return rn_fail(message, RN_FORMAT, "%s: cut short: %zu bytes cannot hold %u x %u pixels", name, nbytes,
                       jpeg->image_width, jpeg->image_height);
    jpeg->scale_num = 1;
    jpeg->scale_denom = draft_divisor(d->pixels.bench, jpeg);
    jpeg_calc_output_dimensions(jpeg);
    status = rn_pixels_create(&d->pixels, d->pixels.bench, jpeg->output_width, jpeg->output_height, message);
    if (status != RN_OK || jpeg->num_components != 4)
        return status;
    d->row = rn_allocate_array(&d->pixels.bench->allocator, jpeg->output_width, 4);
    return d->row != NULL ? RN_OK : rn_fail(message, RN_NO_MEMORY, "%s: no memory for a row", name);
}

/* Everything that may longjmp. */
static rn_status decode(decoder *d, const uint8_t *bytes, size_t nbytes, const char *name, rn_message *message)
{
    struct jpeg_decompress_struct *const jpeg = &d->jpeg;
    rn_status status;

    jpeg_create_decompress(jpeg);
    d->progress.progress_monitor = limit_scans;
    jpeg->progress = &d->progress;
    jpeg_mem_src(jpeg, bytes, (unsigned long)nbytes);
    jpeg_read_header(jpeg, TRUE);
    status = prepare(d, nbytes, name, message);
    if (status != RN_OK)
        return status;
    jpeg->out_color_space = jpeg->num_components == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height && !d->damaged) {
        uint8_t *const target = d->pixels.rgb + (size_t)jpeg->output_scanline * jpeg->output_width * 3;
        JSAMPROW row = d->row != NULL ? d->row : target;

        jpeg_read_scanlines(jpeg, &row, 1);
        if (d->row != NULL)
            cmyk_to_rgb(target, d->row, d->pixels.width);
    }
    return RN_OK; /* what is damaged behind the last row is nobody's pixel */
}

/* setjmp has a function of its own, so that no variable of its frame changes before the longjmp. */
static rn_status decode_guarded(decoder *d, const uint8_t *bytes, size_t nbytes, const char *name, rn_message *message)
{
    if (setjmp(d->failed) != 0)
        return rn_fail(message, d->errors.msg_code == JERR_OUT_OF_MEMORY ? RN_NO_MEMORY : RN_FORMAT, "%s: %s", name,
                       d->reason);
    return decode(d, bytes, nbytes, name, message);
}

rn_status rn_pixels_decode_jpeg(rn_pixels *pixels, const rn_workbench *bench, const uint8_t *bytes, size_t nbytes,
                                const char *name, rn_message *message)
{
    decoder d = { .pixels = { .bench = bench }, .nbytes = nbytes };
    rn_status status;

    d.jpeg.err = jpeg_std_error(&d.errors);
    d.errors.error_exit = fail_decoding;
    d.errors.emit_message = note_warning;
    d.errors.output_message = be_silent;
    d.jpeg.client_data = &d;
    status = decode_guarded(&d, bytes, nbytes, name, message);
    if (status == RN_OK && d.damaged)
        status = rn_fail(message, RN_FORMAT, "%s: damaged or cut short: %s", name, d.reason);
    jpeg_destroy_decompress(&d.jpeg);
    rn_release(&bench->allocator, d.row);
    if (status != RN_OK)
        rn_pixels_release(&d.pixels);
    *pixels = d.pixels;
    return status;
}
