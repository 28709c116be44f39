/* SPDX-License-Identifier: MIT */
/* Cropping and flipping: torchvision's pixels, and what must hold of any picture. */
#include "image/pictures.h"

static void check_crop(const expected_picture *e)
{
    rn_pixels pixels = load_picture(e->name);
    const rn_crop crop = rn_crop_centre(pixels.height, pixels.width, (int32_t)e->number[0], (int32_t)e->number[1]);

    assert_int_equal(rn_pixels_crop(&pixels, &crop, NULL), RN_OK);
    require_picture(&pixels, e);
    rn_pixels_release(&pixels);
}

static void crops_are_those_of_torchvision(void **state)
{
    (void)state;
    for_each_expected("crop", 12, check_crop);
}

/* int(round(x / 2.0)) of Python: 0, 0, 1, 2, 2, 2, 3, 4, 4, ... */
static void a_crop_begins_where_python_rounds(void **state)
{
    static const int32_t starts[] = { 0, 0, 1, 2, 2, 2, 3, 4, 4, 4, 5, 6 };

    (void)state;
    for (int32_t i = 0; i < 12; i++) {
        const rn_crop crop = rn_crop_centre(10 + i, 20, 10, 20), padded = rn_crop_centre(10, 20, 10 + i, 20);

        assert_int_equal(crop.top, starts[i]);
        assert_int_equal(crop.left, 0);
        assert_int_equal(padded.top, -(i / 2));
    }
}

static void what_a_crop_adds_is_black(void **state)
{
    rn_pixels pixels = noise_picture(3, 2, 1), copy = copy_pixels(&pixels);
    const rn_crop crop = { -1, -2, 5, 9 };

    (void)state;
    assert_int_equal(rn_pixels_crop(&pixels, &crop, NULL), RN_OK);
    for (int32_t y = 0; y < 5; y++)
        for (int32_t x = 0; x < 9; x++)
            for (int32_t c = 0; c < 3; c++) {
                const bool inside = y >= 1 && y < 3 && x >= 2 && x < 5;

                assert_int_equal(pixels.rgb[(y * 9 + x) * 3 + c], inside ? copy.rgb[((y - 1) * 3 + x - 2) * 3 + c] : 0);
            }
    rn_pixels_release(&pixels);
    rn_pixels_release(&copy);
}

static void check_mirror(const expected_picture *e)
{
    rn_pixels pixels = load_picture(e->name);

    rn_pixels_flip_horizontal(&pixels);
    require_picture(&pixels, e);
    rn_pixels_release(&pixels);
}

static void check_upside(const expected_picture *e)
{
    rn_pixels pixels = load_picture(e->name);

    rn_pixels_flip_vertical(&pixels);
    require_picture(&pixels, e);
    rn_pixels_release(&pixels);
}

static void flips_are_those_of_torchvision(void **state)
{
    (void)state;
    for_each_expected("mirror", 2, check_mirror);
    for_each_expected("upside", 2, check_upside);
}

static void flipped_twice_is_unchanged(void **state)
{
    (void)state;
    for (int32_t size = 1; size < 6; size++) {
        rn_pixels pixels = noise_picture(size, 7 - size, 9), copy = copy_pixels(&pixels);

        for (int i = 0; i < 2; i++) {
            rn_pixels_flip_horizontal(&pixels);
            rn_pixels_flip_vertical(&pixels);
        }
        require_same_pixels(&pixels, &copy);
        rn_pixels_release(&pixels);
        rn_pixels_release(&copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crops_are_those_of_torchvision), cmocka_unit_test(a_crop_begins_where_python_rounds),
        cmocka_unit_test(what_a_crop_adds_is_black),      cmocka_unit_test(flips_are_those_of_torchvision),
        cmocka_unit_test(flipped_twice_is_unchanged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
