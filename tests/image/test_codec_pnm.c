/* SPDX-License-Identifier: MIT */
/* PBM, PGM and PPM: Pillow's pixels, and files that lie. */
#include "image/pictures.h"

static void fixtures_have_pillows_pixels(void **state)
{
    (void)state;
    for_each_format(".pbm", 2, check_format);
    for_each_format(".pgm", 6, check_format);
    for_each_format(".ppm", 3, check_format);
}

static void what_is_cut_short_is_refused(void **state)
{
    static const char *const names[] = { "formats/raw.pbm", "formats/raw.pgm", "formats/deep.pgm",
                                         "formats/raw1000.ppm", "formats/plain.pbm" };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        require_refused_when_cut(rn_pixels_decode, names[i], 7);
}

typedef struct text_file {
    const char *text;
    uint8_t first[3]; /* the first pixel */
} text_file;

static void texts_are_read_as_pillow_reads_them(void **state)
{
    static const text_file files[] = {
        { "P1 2 1 10", { 0, 0, 0 } },
        { "P1\n2 1\n0#1\n1", { 255, 255, 255 } },
        { "P2 1 1 7 7", { 255, 255, 255 } },
        { "P2 1 1 2 1", { 128, 128, 128 } },      /* 127.5, to the even number */
        { "P2 1 1 510 507", { 254, 254, 254 } },  /* the upper byte of 65149.5, to the even number */
        { "P2 1 1 255 1#2\n3 ", { 13, 13, 13 } }, /* a comment stands within a number */
        { "P3#c\r1 1 255 1 2 3", { 0, 0, 0 } },
        { "P3 #c\r1 1 255 1 2 003", { 1, 2, 3 } },
        { "P3 1 1 255\n\v\f\t1\r2\n3 and so on", { 1, 2, 3 } },
        { "P6 1 1 255 abc", { 'a', 'b', 'c' } },
        { "P5 1 1 100 \xff", { 255, 255, 255 } }, /* more than the most */
    };

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const bool is_unknown = files[i].text[2] == '#'; /* Pillow reads "P3#c" as the kind */
        rn_pixels pixels;
        rn_message message;
        const rn_status status =
            decode_exactly(rn_pixels_decode, &pixels, (const uint8_t *)files[i].text, strlen(files[i].text), &message);

        assert_int_equal(status, is_unknown ? RN_FORMAT : RN_OK);
        if (status == RN_OK)
            assert_memory_equal(pixels.rgb, files[i].first, 3);
        rn_pixels_release(&pixels);
    }
}

static void texts_that_lie_are_refused(void **state)
{
    static const struct {
        const char *text;
        rn_status status;
    } files[] = {
        { "P1 ", RN_FORMAT },
        { "P1 1", RN_FORMAT },
        { "P1 1 1 ", RN_FORMAT },
        { "P1 1 1 2", RN_FORMAT },
        { "P1 0 1 1", RN_FORMAT },
        { "P2 1 1 0 0", RN_FORMAT },
        { "P2 1 1 65536 0", RN_FORMAT },
        { "P2 1 1 10 11", RN_FORMAT },
        { "P2 1 1 10 -1", RN_FORMAT },
        { "P2 1 1 10 1x", RN_FORMAT },
        { "P2 2 1 10 1   ", RN_FORMAT },
        { "P2 1 1 10 00000000001", RN_FORMAT }, /* eleven digits */
        { "P2 -1 1 10 1", RN_FORMAT },
        { "P2 1 1 #", RN_FORMAT },
        { "P6 1000 1000 255 abc", RN_FORMAT },
        { "P3 1000 1000 255 1 2 3", RN_FORMAT },
        { "P6 9999999999 9999999999 255 abc", RN_UNSUPPORTED },
        { "P4 1073741824 2 a", RN_UNSUPPORTED },
    };

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        rn_pixels pixels;
        rn_message message;
        const rn_status status =
            decode_exactly(rn_pixels_decode, &pixels, (const uint8_t *)files[i].text, strlen(files[i].text), &message);

        if (status != files[i].status)
            fail_msg("\"%s\": %s", files[i].text, rn_status_string(status));
    }
}

static void greys_of_16_bits_are_known_for_it(void **state)
{
    rn_pixels deep = load_picture("formats/deep.pgm"), small = load_picture("formats/raw100.pgm");

    (void)state;
    assert_true(deep.is_deep_grey);
    assert_false(small.is_deep_grey);
    rn_pixels_release(&deep);
    rn_pixels_release(&small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixtures_have_pillows_pixels),        cmocka_unit_test(what_is_cut_short_is_refused),
        cmocka_unit_test(texts_are_read_as_pillow_reads_them), cmocka_unit_test(texts_that_lie_are_refused),
        cmocka_unit_test(greys_of_16_bits_are_known_for_it),
    };

    return cmocka_run_group_tests_name("image/codec_pnm", tests, NULL, NULL);
}
