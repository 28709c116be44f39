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

enum { COLOURS = 1 << 15, GUARDED = 64, GUARD = 0xa5 };

/* Colours of all kinds, `count` of them, and bytes behind that nobody may touch. */
static uint8_t *some_colours(size_t count, uint32_t seed)
{
    rn_pixels noise = noise_picture((int32_t)count + 1, 1, seed);
    uint8_t *const rgb = malloc(count * 3 + GUARDED);

    assert_non_null(rgb);
    memcpy(rgb, noise.rgb, count * 3);
    for (size_t i = 0; i < count; i += 3) /* greys, and two channels alike */
        rgb[3 * i + 1] = rgb[3 * i + i % 2 * 2];
    memset(rgb + count * 3, GUARD, GUARDED);
    rn_pixels_release(&noise);
    return rgb;
}

/* `way` 0 to 3: each of the kernels. */
static void act(const rn_colour_kernels *kernels, int way, uint8_t *rgb, size_t count, int number)
{
    switch (way) {
    case 0: kernels->blend(rgb, count * 3, (uint8_t)(number * 17), (float)number / 4); break;
    case 1: kernels->saturation(rgb, count, (float)number / 4); break;
    case 2: kernels->hue(rgb, count, (uint8_t)(number * 29)); break;
    default: /* the sum, where the test sees it */
        rgb[0] = (uint8_t)kernels->sum_greys(rgb, count);
        rgb[1] = (uint8_t)(kernels->sum_greys(rgb, count) >> 8);
    }
}

static void every_instruction_set_has_the_same_bits(void **state)
{
    (void)state;
    for (rn_isa isa = RN_ISA_BASELINE; isa <= RN_ISA_AVX512; isa = (rn_isa)(2 * isa)) {
        if (!rn_test_has_isa(isa))
            continue;
        for (int i = 0; i < 40; i++)
            for (size_t count = 1; count < COLOURS; count = count * 3 + (size_t)i) {
                uint8_t *const a = some_colours(count, (uint32_t)i), *const b = some_colours(count, (uint32_t)i);

                act(&rn_colour_baseline, i % 4, a, count, i / 4);
                act(rn_colour_kernels_for(isa), i % 4, b, count, i / 4);
                assert_memory_equal(a, b, count * 3 + GUARDED);
                for (size_t k = 0; k < GUARDED; k++)
                    assert_int_equal(b[count * 3 + k], GUARD);
                free(a);
                free(b);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(brightness_is_pillows),
        cmocka_unit_test(contrast_is_pillows),
        cmocka_unit_test(saturation_is_pillows),
        cmocka_unit_test(hue_is_torchvisions),
        cmocka_unit_test(greyscale_is_pillows),
        cmocka_unit_test(grey_has_no_hue_to_turn),
        cmocka_unit_test(every_instruction_set_has_the_same_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
