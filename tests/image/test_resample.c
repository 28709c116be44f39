/* SPDX-License-Identifier: MIT */
/* Resizing: Pillow's pixels, and parts of a picture as of the whole. */
#include "image/pictures.h"

static void check_resize(const expected_picture *e)
{
    rn_pixels pixels = load_picture(e->name);

    assert_int_equal(
        rn_pixels_resize(&pixels, (int32_t)e->number[0], (int32_t)e->number[1], RN_FILTER_BILINEAR, NULL, NULL), RN_OK);
    require_picture(&pixels, e);
    rn_pixels_release(&pixels);
}

static void pixels_are_those_of_pillow(void **state)
{
    (void)state;
    for_each_expected("resize", 13, check_resize);
}

static void a_part_is_cut_from_the_whole(void **state)
{
    static const int32_t sizes[][2] = { { 40, 50 }, { 97, 50 }, { 40, 131 }, { 97, 131 }, { 200, 170 }, { 97, 200 } };

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int32_t k = 0; k < 12; k++) {
            const int32_t h = sizes[i][0], w = sizes[i][1];
            const rn_crop part = { k * 3, k * 4, h - k * 3 - k % 2, w - k * 4 - k % 3 };
            rn_pixels whole = load_picture("scene.png"), cut = copy_pixels(&whole);

            assert_int_equal(rn_pixels_resize(&whole, h, w, RN_FILTER_BILINEAR, NULL, NULL), RN_OK);
            assert_int_equal(rn_pixels_crop(&whole, &part, NULL), RN_OK);
            assert_int_equal(rn_pixels_resize(&cut, h, w, RN_FILTER_BILINEAR, &part, NULL), RN_OK);
            require_same_pixels(&whole, &cut);
            rn_pixels_release(&whole);
            rn_pixels_release(&cut);
        }
}

static void one_colour_stays_that_colour(void **state)
{
    (void)state;
    for (int32_t value = 0; value < 256; value += 51)
        for (int32_t size = 1; size < 40; size += 3) {
            rn_pixels pixels = noise_picture(37, 23, 1);

            memset(pixels.rgb, value, 37 * 23 * 3);
            assert_int_equal(rn_pixels_resize(&pixels, size, 41 - size, RN_FILTER_BILINEAR, NULL, NULL), RN_OK);
            for (int32_t i = 0; i < size * (41 - size) * 3; i++)
                assert_int_equal(pixels.rgb[i], value);
            rn_pixels_release(&pixels);
        }
}

static void the_same_size_changes_nothing(void **state)
{
    rn_pixels pixels = load_picture("square.png"), copy = copy_pixels(&pixels);
    const uint8_t *const memory = pixels.rgb;

    (void)state;
    assert_int_equal(rn_pixels_resize(&pixels, 40, 40, RN_FILTER_BILINEAR, NULL, NULL), RN_OK);
    assert_ptr_equal(pixels.rgb, memory);
    require_same_pixels(&pixels, &copy);
    rn_pixels_release(&pixels);
    rn_pixels_release(&copy);
}

static void very_long_pictures_come_through(void **state)
{
    rn_pixels pixels = noise_picture(1 << 20, 1, 3);

    (void)state;
    assert_int_equal(rn_pixels_resize(&pixels, 3, 2, RN_FILTER_BILINEAR, NULL, NULL), RN_OK);
    for (int i = 0; i < 18; i++) /* the mean of noise */
        assert_in_range(pixels.rgb[i], 120, 135);
    rn_pixels_release(&pixels);
}

static void too_many_pixels_are_refused(void **state)
{
    rn_pixels pixels = noise_picture(8, 8, 3);
    rn_message message;

    (void)state;
    assert_int_equal(rn_pixels_resize(&pixels, 1 << 15, (1 << 13) + 1, RN_FILTER_BILINEAR, NULL, &message),
                     RN_UNSUPPORTED);
    assert_non_null(strstr(message.text, "at most 178956970"));
    rn_pixels_release(&pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_are_those_of_pillow),      cmocka_unit_test(a_part_is_cut_from_the_whole),
        cmocka_unit_test(one_colour_stays_that_colour),    cmocka_unit_test(the_same_size_changes_nothing),
        cmocka_unit_test(very_long_pictures_come_through), cmocka_unit_test(too_many_pixels_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
