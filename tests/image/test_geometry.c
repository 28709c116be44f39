/* SPDX-License-Identifier: MIT */
/* Cropping, rotating and flipping: torchvision's pixels, and what must hold of any picture. */
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

static void check_rotation(const expected_picture *e)
{
    rn_pixels pixels = load_picture(e->name);

    assert_int_equal(rn_pixels_rotate(&pixels, e->number[0], NULL, NULL), RN_OK);
    require_picture(&pixels, e);
    rn_pixels_release(&pixels);
}

static void rotations_are_those_of_pillow(void **state)
{
    (void)state;
    for_each_expected("rotate", 80, check_rotation);
}

static void a_part_of_a_rotation_is_cut_from_the_whole(void **state)
{
    const rn_crop part = { 5, 11, 30, 23 };

    (void)state;
    for (int32_t degrees = -180; degrees <= 180; degrees += 20) {
        rn_pixels whole = noise_picture(47, 38, 2), cut = copy_pixels(&whole);

        assert_int_equal(rn_pixels_rotate(&whole, degrees, NULL, NULL), RN_OK);
        assert_int_equal(rn_pixels_crop(&whole, &part, NULL), RN_OK);
        assert_int_equal(rn_pixels_rotate(&cut, degrees, &part, NULL), RN_OK);
        require_same_pixels(&whole, &cut);
        rn_pixels_release(&whole);
        rn_pixels_release(&cut);
    }
}

/* Counter-clockwise: the top left corner goes to the bottom left. */
static void right_angles_move_every_pixel(void **state)
{
    rn_pixels pixels = noise_picture(29, 29, 4), copy = copy_pixels(&pixels);

    (void)state;
    assert_int_equal(rn_pixels_rotate(&pixels, 90, NULL, NULL), RN_OK);
    for (int32_t y = 0; y < 29; y++)
        for (int32_t x = 0; x < 29; x++)
            assert_memory_equal(pixels.rgb + (y * 29 + x) * 3, copy.rgb + (x * 29 + 28 - y) * 3, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(rn_pixels_rotate(&pixels, 90, NULL, NULL), RN_OK);
    require_same_pixels(&pixels, &copy);
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
        cmocka_unit_test(crops_are_those_of_torchvision),
        cmocka_unit_test(a_crop_begins_where_python_rounds),
        cmocka_unit_test(what_a_crop_adds_is_black),
        cmocka_unit_test(rotations_are_those_of_pillow),
        cmocka_unit_test(a_part_of_a_rotation_is_cut_from_the_whole),
        cmocka_unit_test(right_angles_move_every_pixel),
        cmocka_unit_test(flips_are_those_of_torchvision),
        cmocka_unit_test(flipped_twice_is_unchanged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
