/* SPDX-License-Identifier: MIT */
/* WebP: Pillow's pixels, and files that are cut or lie. */
#include "image/pictures.h"

static void fixtures_have_pillows_pixels(void **state)
{
    (void)state;
    for_each_format(".webp", 6, check_format);
}

static void what_is_cut_short_is_refused(void **state)
{
    (void)state;
    require_refused_when_cut(rn_pixels_decode, "formats/lossy.webp", 13);
    require_refused_when_cut(rn_pixels_decode, "formats/alpha.webp", 13);
    require_refused_when_cut(rn_pixels_decode, "formats/lossless.webp", 13);
    require_refused_when_cut(rn_pixels_decode, "formats/animated.webp", 13);
    require_end_ignored(rn_pixels_decode, "formats/lossy.webp");
}

/* 16384 x 16384 pixels in 20 bytes, and a canvas of 2^24 x 2^24. */
static void claims_are_checked_before_memory_is_taken(void **state)
{
    static const uint8_t lossless[] = "RIFF\x18\0\0\0WEBPVP8L\x0c\0\0\0\x2f\xff\xff\xff\x0f\0\0\0\0\0\0\0",
                         animated[] = "RIFF\x2e\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\xff\xff\xff\xff\xff\xff"
                                      "ANIM\x06\0\0\0\0\0\0\0\0\0"
                                      "ANMF\0\0\0\0";
    rn_pixels pixels;
    rn_message message;

    (void)state;
    assert_int_not_equal(decode_exactly(rn_pixels_decode, &pixels, lossless, sizeof lossless - 1, &message), RN_OK);
    assert_int_not_equal(decode_exactly(rn_pixels_decode, &pixels, animated, sizeof animated - 1, &message), RN_OK);
}

/* A canvas made large in a whole file. */
static void a_canvas_has_a_limit(void **state)
{
    size_t nbytes;
    uint8_t *const bytes = read_picture_file("formats/animated.webp", &nbytes);
    rn_workbench bench = *plain_bench();
    rn_pixels pixels;
    rn_message message;

    (void)state;
    bench.max_pixels = 32 * 21 - 1;
    assert_int_equal(rn_pixels_decode(&pixels, &bench, bytes, nbytes, "file", &message), RN_UNSUPPORTED);
    bench.max_pixels = 32 * 21;
    assert_int_equal(rn_pixels_decode(&pixels, &bench, bytes, nbytes, "file", &message), RN_OK);
    rn_pixels_release(&pixels);
    memcpy(bytes + 24, "\xff\x2f\0\xff\x1f\0", 6); /* 12288 x 8192 */
    assert_int_equal(decode_exactly(rn_pixels_decode, &pixels, bytes, nbytes, &message), RN_FORMAT);
    assert_non_null(strstr(message.text, "cannot hold 12288 x 8192 pixels"));
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixtures_have_pillows_pixels),
        cmocka_unit_test(what_is_cut_short_is_refused),
        cmocka_unit_test(claims_are_checked_before_memory_is_taken),
        cmocka_unit_test(a_canvas_has_a_limit),
    };

    return cmocka_run_group_tests_name("image/codec_webp", tests, NULL, NULL);
}
