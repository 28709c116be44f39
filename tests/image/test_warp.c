/* SPDX-License-Identifier: MIT */
/* Rotations, affine maps, perspectives: what must hold of any picture (test_transforms.c has torchvision's pixels). */
#include "image/pictures.h"
#include "image/warp.h"

static rn_status turn(rn_pixels *pixels, double degrees, const rn_crop *crop)
{
    const rn_warp warp = rn_warp_rotation(pixels->height, pixels->width, degrees, NULL, false);

    return rn_pixels_warp(pixels, &warp, crop, NULL);
}

static void check_rotation(const expected_picture *e)
{
    rn_pixels pixels = load_picture(e->name);

    assert_int_equal(turn(&pixels, e->number[0], NULL), RN_OK);
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

        assert_int_equal(turn(&whole, degrees, NULL), RN_OK);
        assert_int_equal(rn_pixels_crop(&whole, &part, NULL), RN_OK);
        assert_int_equal(turn(&cut, degrees, &part), RN_OK);
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
    assert_int_equal(turn(&pixels, 90, NULL), RN_OK);
    for (int32_t y = 0; y < 29; y++)
        for (int32_t x = 0; x < 29; x++)
            assert_memory_equal(pixels.rgb + (y * 29 + x) * 3, copy.rgb + (x * 29 + 28 - y) * 3, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(turn(&pixels, 90, NULL), RN_OK);
    require_same_pixels(&pixels, &copy);
    rn_pixels_release(&pixels);
    rn_pixels_release(&copy);
}

/* A frame that holds all of it: no pixel of the picture is lost at a right angle. */
static void a_frame_grows_with_the_picture(void **state)
{
    (void)state;
    for (int bilinear = 0; bilinear < 2; bilinear++) {
        rn_pixels pixels = noise_picture(31, 16, 6), copy = copy_pixels(&pixels);

        for (int i = 0; i < 4; i++) {
            rn_warp warp = rn_warp_rotation(pixels.height, pixels.width, 90, NULL, true);

            warp.is_bilinear = bilinear != 0;
            assert_int_equal(warp.height, i % 2 == 0 ? 31 : 16);
            assert_int_equal(warp.width, i % 2 == 0 ? 16 : 31);
            assert_int_equal(rn_pixels_warp(&pixels, &warp, NULL, NULL), RN_OK);
        }
        require_same_pixels(&pixels, &copy);
        rn_pixels_release(&pixels);
        rn_pixels_release(&copy);
    }
}

/* Maps that move nothing, by every way there is. */
static void what_moves_nothing_changes_nothing(void **state)
{
    (void)state;
    for (int way = 0; way < 6; way++) {
        rn_pixels pixels = noise_picture(23, 34, 8), copy = copy_pixels(&pixels);
        const int32_t corner[4][2] = { { 0, 0 }, { 22, 0 }, { 22, 33 }, { 0, 33 } };
        const rn_affine none = { .scale = 1, .from_corner = way == 0 };
        rn_warp warp = rn_warp_affine(34, 23, &none);

        if (way >= 2)
            warp = rn_warp_rotation(34, 23, 360, NULL, way >= 4);
        if (way == 5)
            assert_true(rn_warp_perspective(&warp, 34, 23, corner));
        warp.is_bilinear = way == 3;
        assert_int_equal(rn_pixels_warp(&pixels, &warp, NULL, NULL), RN_OK);
        require_same_pixels(&pixels, &copy);
        rn_pixels_release(&pixels);
        rn_pixels_release(&copy);
    }
}

/* Beyond 32768 pixels steps are no longer of 16 bits. */
static void long_pictures_are_turned_too(void **state)
{
    rn_pixels pixels = noise_picture(40000, 3, 2), copy = copy_pixels(&pixels);

    (void)state;
    for (int quarter = 0; quarter < 4; quarter++) {
        const rn_warp warp = rn_warp_rotation(pixels.height, pixels.width, 90, NULL, true);

        assert_int_equal(rn_pixels_warp(&pixels, &warp, NULL, NULL), RN_OK);
    }
    require_same_pixels(&pixels, &copy);
    rn_pixels_release(&pixels);
    rn_pixels_release(&copy);
}

/* Work grows with the pixels: adding steps up anew for each of these rows would take an hour. */
static void tall_pictures_take_no_longer(void **state)
{
    enum { TALL = 3000000, MOVED = 1000001 };
    rn_pixels pixels = noise_picture(1, TALL, 2), before = copy_pixels(&pixels);
    const rn_affine down = { .scale = 1, .translate = { 0, MOVED } };
    const rn_warp warp = rn_warp_affine(TALL, 1, &down);

    (void)state;
    assert_int_equal(rn_pixels_warp(&pixels, &warp, NULL, NULL), RN_OK);
    assert_memory_equal(pixels.rgb + (size_t)MOVED * 3, before.rgb, (size_t)(TALL - MOVED) * 3);
    rn_pixels_release(&pixels);
    rn_pixels_release(&before);
}

static void corners_that_fall_together_are_no_map(void **state)
{
    const int32_t corner[4][2] = { { 3, 3 }, { 3, 3 }, { 3, 3 }, { 3, 3 } };
    rn_warp warp;

    (void)state;
    assert_false(rn_warp_perspective(&warp, 20, 20, corner));
}

static void what_lies_outside_is_filled(void **state)
{
    rn_pixels pixels = noise_picture(20, 20, 1);
    const rn_affine away = { .scale = 1, .translate = { 15, 0 } };
    rn_warp warp = rn_warp_affine(20, 20, &away);

    (void)state;
    memcpy(warp.fill, "\1\2\3", 3);
    assert_int_equal(rn_pixels_warp(&pixels, &warp, NULL, NULL), RN_OK);
    for (int32_t y = 0; y < 20; y++)
        for (int32_t x = 0; x < 15; x++)
            assert_memory_equal(pixels.rgb + (y * 20 + x) * 3, "\1\2\3", 3);
    rn_pixels_release(&pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rotations_are_those_of_pillow),
        cmocka_unit_test(a_part_of_a_rotation_is_cut_from_the_whole),
        cmocka_unit_test(right_angles_move_every_pixel),
        cmocka_unit_test(a_frame_grows_with_the_picture),
        cmocka_unit_test(what_moves_nothing_changes_nothing),
        cmocka_unit_test(long_pictures_are_turned_too),
        cmocka_unit_test(tall_pictures_take_no_longer),
        cmocka_unit_test(corners_that_fall_together_are_no_map),
        cmocka_unit_test(what_lies_outside_is_filled),
    };

    return cmocka_run_group_tests_name("image/warp", tests, NULL, NULL);
}
