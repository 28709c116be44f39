/* SPDX-License-Identifier: MIT */
/* Colour: torchvision's pixels on Pillow's images. */
#include "image/pictures.h"

/* Applies `change` with the number of the line. */
static void check_with(const expected_picture *e, void (*change)(rn_pixels *pixels, float factor))
{
    rn_pixels pixels = load_picture(e->name);

    change(&pixels, (float)e->number[0]);
    require_picture(&pixels, e);
    rn_pixels_release(&pixels);
}

static void check_brightness(const expected_picture *e)
{
    check_with(e, rn_pixels_brightness);
}

static void check_contrast(const expected_picture *e)
{
    check_with(e, rn_pixels_contrast);
}

static void check_saturation(const expected_picture *e)
{
    check_with(e, rn_pixels_saturation);
}

static void check_hue(const expected_picture *e)
{
    rn_pixels pixels = load_picture(e->name);

    rn_pixels_hue(&pixels, e->number[0]);
    require_picture(&pixels, e);
    rn_pixels_release(&pixels);
}

static void check_greyscale(const expected_picture *e)
{
    rn_pixels pixels = load_picture(e->name);

    rn_pixels_greyscale(&pixels);
    require_picture(&pixels, e);
    rn_pixels_release(&pixels);
}

static void brightness_is_pillows(void **state)
{
    (void)state;
    for_each_expected("brightness", 12, check_brightness);
}

static void contrast_is_pillows(void **state)
{
    (void)state;
    for_each_expected("contrast", 12, check_contrast);
}

static void saturation_is_pillows(void **state)
{
    (void)state;
    for_each_expected("saturation", 12, check_saturation);
}

static void hue_is_torchvisions(void **state)
{
    (void)state;
    for_each_expected("hue", 11, check_hue);
}

static void greyscale_is_pillows(void **state)
{
    (void)state;
    for_each_expected("greyscale", 1, check_greyscale);
}

static void grey_has_no_hue_to_turn(void **state)
{
    rn_pixels pixels = noise_picture(16, 16, 1), copy;

    (void)state;
    rn_pixels_greyscale(&pixels);
    copy = copy_pixels(&pixels);
    rn_pixels_hue(&pixels, 0.3);
    rn_pixels_saturation(&pixels, 3);
    require_same_pixels(&pixels, &copy);
    rn_pixels_release(&pixels);
    rn_pixels_release(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brightness_is_pillows), cmocka_unit_test(contrast_is_pillows),
        cmocka_unit_test(saturation_is_pillows), cmocka_unit_test(hue_is_torchvisions),
        cmocka_unit_test(greyscale_is_pillows),  cmocka_unit_test(grey_has_no_hue_to_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
