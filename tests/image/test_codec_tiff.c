/* SPDX-License-Identifier: MIT */
/* TIFF: Pillow's pixels in every layout, files that are cut or lie, and no word to anybody but the caller. */
#include "image/pictures.h"

#include <tiffio.h>

static void fixtures_have_pillows_pixels(void **state)
{
    (void)state;
    for_each_format(".tif", 38, check_format);
}

static void what_is_cut_short_is_refused(void **state)
{
    /* Of most files the directory lies at the end. */
    static const char *const names[] = { "formats/rgb_tiles.tif", "formats/rgb_big.tif", "formats/cmyk_ii.tif",
                                         "formats/lzw.tif",       "formats/jpeg.tif",    "formats/group4.tif" };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        size_t nbytes;
        uint8_t *const bytes = read_picture_file(names[i], &nbytes);

        for (size_t length = 4; length < nbytes - 20; length += 11) {
            rn_pixels pixels;
            rn_message message;

            if (decode_exactly(rn_pixels_decode, &pixels, bytes, length, &message) == RN_OK)
                fail_msg("%s cut to %zu of %zu bytes was not refused", names[i], length, nbytes);
        }
        free(bytes);
    }
}

/* Entry `tag` of the directory of a little-endian file. */
static uint8_t *find_tag(uint8_t *bytes, size_t nbytes, uint16_t tag)
{
    const size_t at = bytes[4] | (size_t)bytes[5] << 8 | (size_t)bytes[6] << 16;
    const size_t count = bytes[at] | (size_t)bytes[at + 1] << 8;

    for (size_t i = 0; i < count && at + 2 + 12 * (i + 1) <= nbytes; i++) {
        uint8_t *const entry = bytes + at + 2 + 12 * i;

        if ((entry[0] | entry[1] << 8) == tag)
            return entry;
    }
    fail_msg("no tag %d", tag);
    return NULL;
}

typedef struct change {
    const char *name;
    uint16_t tag;
    uint32_t value;
    rn_status status;
    const char *reason;
} change;

static void files_that_lie_are_refused(void **state)
{
    static const change changes[] = {
        { "formats/cmyk_ii.tif", TIFFTAG_IMAGEWIDTH, 0x7fffffff, RN_UNSUPPORTED, "pixels" },
        { "formats/cmyk_ii.tif", TIFFTAG_IMAGELENGTH, 0, RN_FORMAT, "" },
        { "formats/cmyk_ii.tif", TIFFTAG_IMAGELENGTH, 4000, RN_FORMAT, "cannot hold" },
        { "formats/rgb_tiles.tif", TIFFTAG_IMAGELENGTH, 4000000, RN_FORMAT, "cannot hold" },
        { "formats/rgb_tiles.tif", TIFFTAG_IMAGELENGTH, 4000, RN_FORMAT, "" },
        { "formats/rgb_tiles.tif", TIFFTAG_TILEWIDTH, 0x7ffff0, RN_FORMAT, "" },
        { "formats/rgb_tiles.tif", TIFFTAG_TILELENGTH, 0, RN_FORMAT, "" },
        { "formats/rgb_tiles.tif", TIFFTAG_TILEWIDTH, 0, RN_FORMAT, "" },
        { "formats/cmyk_ii.tif", TIFFTAG_ROWSPERSTRIP, 0, RN_FORMAT, "" },
        { "formats/cmyk_ii.tif", TIFFTAG_PHOTOMETRIC, 8, RN_FORMAT, "a kind that is not read" },
        { "formats/cmyk_ii.tif", TIFFTAG_SAMPLESPERPIXEL, 3, RN_FORMAT, "" },
        { "formats/cmyk_ii.tif", TIFFTAG_COMPRESSION, 12345, RN_FORMAT, "" },
        { "formats/grey16_ii.tif", TIFFTAG_PHOTOMETRIC, 0, RN_FORMAT, "a kind that is not read" },
        { "formats/grey16_ii.tif", TIFFTAG_BITSPERSAMPLE, 32, RN_FORMAT, "cannot hold" },
        { "formats/grey16_ii.tif", TIFFTAG_BITSPERSAMPLE, 64, RN_FORMAT, "64 bits" },
        { "formats/ycbcr22_tiles.tif", TIFFTAG_TILEWIDTH, 0x7ffff0, RN_FORMAT, "" },
        { "formats/ycbcr22_tiles.tif", TIFFTAG_TILELENGTH, 0x7ffff0, RN_FORMAT, "" },
        { "formats/ycbcr22_tiles.tif", TIFFTAG_COMPRESSION, 1, RN_FORMAT, "a kind that is not read" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        size_t nbytes;
        uint8_t *const bytes = read_picture_file(changes[i].name, &nbytes), *const entry =
                                                                                find_tag(bytes, nbytes, changes[i].tag);
        rn_pixels pixels;
        rn_message message;
        rn_status status;

        for (int k = 0; k < 4; k++)
            entry[8 + k] = (uint8_t)(changes[i].value >> 8 * k);
        status = decode_exactly(rn_pixels_decode, &pixels, bytes, nbytes, &message);
        if (status != changes[i].status || strstr(message.text, changes[i].reason) == NULL)
            fail_msg("%s, tag %d: %s, %s", changes[i].name, changes[i].tag, rn_status_string(status),
                     status == RN_OK ? "" : message.text);
        free(bytes);
    }
}

static int heard;

static void hear(const char *module, const char *format, va_list arguments)
{
    (void)module;
    (void)format;
    (void)arguments;
    heard++;
}

/* The handlers of the process stay, and are not called. */
static void the_process_hears_nothing(void **state)
{
    const TIFFErrorHandler errors = TIFFSetErrorHandler(hear), warnings = TIFFSetWarningHandler(hear);

    (void)state;
    heard = 0;
    files_that_lie_are_refused(state);
    what_is_cut_short_is_refused(state);
    assert_int_equal(heard, 0);
    assert_true(TIFFSetErrorHandler(errors) == hear);
    assert_true(TIFFSetWarningHandler(warnings) == hear);
}

static void the_picture_stands_upright(void **state)
{
    rn_pixels turned = load_picture("formats/turned6.tif"), deep = load_picture("formats/grey16_mm.tif");

    (void)state;
    assert_int_equal(turned.orientation, 0); /* there is nothing left to turn */
    assert_false(turned.is_deep_grey);
    assert_true(deep.is_deep_grey);
    rn_pixels_release(&turned);
    rn_pixels_release(&deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixtures_have_pillows_pixels), cmocka_unit_test(what_is_cut_short_is_refused),
        cmocka_unit_test(files_that_lie_are_refused),   cmocka_unit_test(the_process_hears_nothing),
        cmocka_unit_test(the_picture_stands_upright),
    };

    return cmocka_run_group_tests_name("image/codec_tiff", tests, NULL, NULL);
}
