/* SPDX-License-Identifier: MIT */
/* stb_image behind its wrapper: kinds of PNG that must come out alike, and failures that leave nothing behind. */
#include "image/pictures.h"

static void kinds_of_png_hold_the_same_picture(void **state)
{
    static const char *const same[] = { "rgba.png", "rgb16.png", "interlaced.png", "rgb.bmp" };
    rn_pixels expected = load_picture("rgb.png");

    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        rn_pixels pixels = load_picture(same[i]);

        require_same_pixels(&pixels, &expected);
        rn_pixels_release(&pixels);
    }
    rn_pixels_release(&expected);
}

static void require_grey(const char *name, bool bilevel)
{
    rn_pixels pixels = load_picture(name);

    for (size_t i = 0; i < 61 * 47; i++) {
        const uint8_t *const rgb = pixels.rgb + 3 * i;

        assert_true(rgb[0] == rgb[1] && rgb[1] == rgb[2]);
        if (bilevel)
            assert_true(rgb[0] == 0 || rgb[0] == 255);
    }
    rn_pixels_release(&pixels);
}

static void grey_becomes_rgb(void **state)
{
    (void)state;
    require_grey("grey.png", false);
    require_grey("grey_alpha.png", false);
    require_grey("grey.bmp", false);
    require_grey("bilevel.png", true);
    require_grey("bilevel.bmp", true);
}

static void what_is_no_picture_is_refused_by_name(void **state)
{
    static const char *const files[] = { "", "BM", "\x89PNG\r\n\x1a\n", "GIF89a", "P6 1 1 255 rgb" };

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        rn_pixels pixels;
        rn_message message;

        assert_int_equal(
            rn_pixels_decode_stb(&pixels, plain_bench(), (const uint8_t *)files[i], strlen(files[i]), "odd", &message),
            RN_FORMAT);
        assert_null(pixels.rgb);
        assert_non_null(strstr(message.text, "odd: "));
    }
}

#ifndef RN_WITHOUT_JPEG
static void jpeg_is_not_compiled_in(void **state)
{
    size_t nbytes;
    uint8_t *const bytes = read_picture_file("rgb420.jpg", &nbytes);
    rn_pixels pixels;

    (void)state;
    assert_int_equal(rn_pixels_decode_stb(&pixels, plain_bench(), bytes, nbytes, "photo", NULL), RN_FORMAT);
    free(bytes);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_of_png_hold_the_same_picture),
        cmocka_unit_test(grey_becomes_rgb),
        cmocka_unit_test(what_is_no_picture_is_refused_by_name),
#ifndef RN_WITHOUT_JPEG
        cmocka_unit_test(jpeg_is_not_compiled_in),
#endif
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
