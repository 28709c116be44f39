/* SPDX-License-Identifier: MIT */
/* Telling formats apart, and what is checked of PNG: that the file is whole. */
#include "image/pictures.h"

static const char *const png_files[] = { "rgb.png",        "palette4.png", "palette_short.png",
                                         "interlaced.png", "rgb16.png",    "bilevel.png" };

static void check_decoding(const expected_picture *e)
{
    rn_pixels pixels = load_picture(e->name);

#ifdef RN_WITHOUT_JPEG
    if (strstr(e->name, ".jpg") != NULL) { /* stb_image's pixels are its own */
        assert_int_equal(pixels.width, e->width);
        assert_int_equal(pixels.height, e->height);
        rn_pixels_release(&pixels);
        return;
    }
#endif
    require_picture(&pixels, e);
    rn_pixels_release(&pixels);
}

static void fixtures_have_pillows_pixels(void **state)
{
    (void)state;
    for_each_expected("decode", 27, check_decoding);
}

static rn_status decode(rn_pixels *pixels, const uint8_t *bytes, size_t nbytes, rn_message *message)
{
    return decode_exactly(rn_pixels_decode, pixels, bytes, nbytes, message);
}

static void what_is_cut_short_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof png_files / sizeof *png_files; i++)
        require_refused_when_cut(rn_pixels_decode, png_files[i], 101);
}

/* Every byte of a PNG is under a checksum, or is one, or a length, or the signature. */
static void a_changed_bit_of_a_png_is_noticed(void **state)
{
    size_t nbytes;

    (void)state;
    for (size_t i = 0; i < sizeof png_files / sizeof *png_files; i++) {
        uint8_t *const bytes = read_picture_file(png_files[i], &nbytes);

        for (size_t at = 0; at < nbytes; at += at < 300 ? 1 : 97) {
            rn_pixels pixels;
            rn_message message;

            bytes[at] ^= (uint8_t)(1u << at % 8);
            if (decode(&pixels, bytes, nbytes, &message) != RN_FORMAT)
                fail_msg("%s: byte %zu was changed and nothing said", png_files[i], at);
            bytes[at] ^= (uint8_t)(1u << at % 8);
        }
        free(bytes);
    }
}

static void what_follows_the_end_does_not_matter(void **state)
{
    (void)state;
    require_end_ignored(rn_pixels_decode, "rgb.png");
}

/* The picture with a chunk in front of its first IDAT has the same pixels. */
static void require_chunk_ignored(const char *file, const uint8_t *chunk, size_t length)
{
    size_t nbytes, at = 8;
    uint8_t *const bytes = read_picture_file(file, &nbytes), *const longer = malloc(nbytes + length);
    rn_pixels a, b;
    rn_message message;

    assert_non_null(longer);
    while (memcmp(bytes + at + 4, "IDAT", 4) != 0)
        at += 12 + ((size_t)bytes[at + 2] << 8 | bytes[at + 3]);
    memcpy(longer, bytes, at);
    memcpy(longer + at, chunk, length);
    memcpy(longer + at + length, bytes + at, nbytes - at);
    assert_int_equal(decode(&a, bytes, nbytes, &message), RN_OK);
    if (decode(&b, longer, nbytes + length, &message) != RN_OK)
        fail_msg("%s: %s", file, message.text);
    require_same_pixels(&a, &b);
    rn_pixels_release(&a);
    rn_pixels_release(&b);
    free(longer);
    free(bytes);
}

/* As libpng and Pillow have it: colours do not depend on them. */
static void transparencies_that_fit_nothing_do_no_harm(void **state)
{
    static const uint8_t beside_alpha[] = "\0\0\0\6tRNS\0\1\0\2\0\3\xc9\x4b\xab\xf5";
    uint8_t too_long[312] = "\0\0\1\x2ctRNS";

    (void)state;
    memcpy(too_long + 308, "\xba\xc9\x47\x50", 4);
    require_chunk_ignored("rgba.png", beside_alpha, sizeof beside_alpha - 1);
    require_chunk_ignored("rgb.png", beside_alpha, sizeof beside_alpha - 1);
    require_chunk_ignored("rgb16.png", beside_alpha, sizeof beside_alpha - 1);
    require_chunk_ignored("palette.png", too_long, sizeof too_long);
    require_chunk_ignored("palette_short.png", too_long, sizeof too_long);
}

/* Writes a little-endian number into a header. */
static void put(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> 8 * i);
}

/* A picture with one number of its header changed. */
static rn_status decode_changed(const char *name, size_t offset, uint32_t value, rn_message *message)
{
    size_t nbytes;
    uint8_t *const bytes = read_picture_file(name, &nbytes);
    rn_pixels pixels;
    rn_status status;

    put(bytes + offset, value);
    status = decode(&pixels, bytes, nbytes, message);
    if (status == RN_OK)
        rn_pixels_release(&pixels);
    free(bytes);
    return status;
}

static void bitmaps_that_lie_are_refused(void **state)
{
    enum { OFFSET = 10, HEADER = 14, WIDTH = 18, HEIGHT = 22, BITS = 28, COMPRESSION = 30 };
    rn_message message;

    (void)state;
    assert_int_equal(decode_changed("rgb.bmp", WIDTH, 61, &message), RN_OK);
    assert_int_equal(decode_changed("rgb.bmp", WIDTH, 62, &message), RN_FORMAT);
    assert_int_equal(decode_changed("rgb.bmp", WIDTH, 0, &message), RN_FORMAT);
    assert_int_equal(decode_changed("rgb.bmp", WIDTH, UINT32_MAX, &message), RN_FORMAT);
    assert_int_equal(decode_changed("rgb.bmp", HEIGHT, 48, &message), RN_FORMAT);
    assert_int_equal(decode_changed("rgb.bmp", HEIGHT, UINT32_MAX - 46, &message), RN_OK); /* -47: top row first */
    assert_int_equal(decode_changed("rgb.bmp", HEIGHT, 0x80000000u, &message), RN_FORMAT);
    assert_int_equal(decode_changed("rgb.bmp", OFFSET, 1000000, &message), RN_FORMAT);
    assert_int_equal(decode_changed("rgb.bmp", HEADER, 41, &message), RN_FORMAT);
    assert_int_equal(decode_changed("rgb.bmp", HEADER, 12, &message), RN_FORMAT);
    assert_int_equal(decode_changed("rgb.bmp", BITS, 0, &message), RN_FORMAT);
    assert_int_equal(decode_changed("rgb.bmp", BITS, 7, &message), RN_FORMAT);
    assert_int_equal(decode_changed("rgb.bmp", COMPRESSION, 4, &message), RN_FORMAT);
    assert_non_null(strstr(message.text, "JPEG"));
}

static void a_bitmap_with_the_top_row_first_is_turned(void **state)
{
    size_t nbytes;
    uint8_t *const bytes = read_picture_file("rgb.bmp", &nbytes);
    rn_pixels up, down;
    rn_message message;

    (void)state;
    assert_int_equal(decode(&up, bytes, nbytes, &message), RN_OK);
    put(bytes + 22, UINT32_MAX - 46);
    assert_int_equal(decode(&down, bytes, nbytes, &message), RN_OK);
    rn_pixels_flip_vertical(&down);
    require_same_pixels(&up, &down);
    rn_pixels_release(&up);
    rn_pixels_release(&down);
    free(bytes);
}

static void sizes_are_limited(void **state)
{
    rn_message message;

    (void)state;
    assert_int_equal(
        rn_check_picture_size(&(const rn_workbench){ .max_pixels = 1 << 28 }, 1 << 14, 1 << 14, "x", &message), RN_OK);
    assert_int_equal(
        rn_check_picture_size(&(const rn_workbench){ .max_pixels = 1 << 28 }, 1 << 14, (1 << 14) + 1, "x", &message),
        RN_UNSUPPORTED);
    assert_int_equal(
        rn_check_picture_size(&(const rn_workbench){ .max_pixels = 1 << 28 }, INT64_MAX, INT64_MAX, "x", &message),
        RN_UNSUPPORTED);
    assert_int_equal(rn_check_picture_size(&(const rn_workbench){ .max_pixels = 1 << 28 }, 0, 5, "x", &message),
                     RN_FORMAT);
    assert_int_equal(rn_check_picture_size(&(const rn_workbench){ .max_pixels = 1 << 28 }, 5, -1, "x", &message),
                     RN_FORMAT);
}

static void other_formats_are_named_as_unknown(void **state)
{
    static const char *const others[] = { "GIF89a.............", "P7 1 1 255 rgb", "P6", "P61 1 255 rgb",
                                          "RIFF....WEBQVP8 ",    "II*\1",          "B",  "\xff\xd8",
                                          "\x89PNG\r\n\x1a" };

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        rn_pixels pixels;
        rn_message message;

        assert_int_equal(decode(&pixels, (const uint8_t *)others[i], strlen(others[i]), &message), RN_FORMAT);
        assert_non_null(strstr(message.text, "none of JPEG, PNG, BMP, PNM"));
    }
}

static void known_formats_are_told_by_their_names(void **state)
{
    static const struct {
        const char *bytes, *name;
    } cases[] = {
#ifndef RN_WITH_WEBP
        { "RIFF....WEBPVP8 ", "but WebP, for which this build lacks libwebp" },
#endif
#ifndef RN_WITH_TIFF
        { "MM.*............", "but TIFF, for which this build lacks libtiff" },
#endif
        { "GIF89a..........", "but GIF" },
        { "....ftypheic....", "but HEIC" },
        { "....ftyphevc....", "but HEIC" },
        { "....ftypavif....", "but AVIF" },
        { "....ftypmif1....", "but HEIF" },
        { "....ftypisom....", "but a film" },
        { "\xff\x0a..........", "but JPEG XL" },
        { "....JXL \r\n\x87\n....", "but JPEG XL" },
        { "....jP  \r\n\x87\n....", "but JPEG 2000" },
        { "8BPS............", "but a Photoshop file" },
        { "qoif............", "but QOI" },
        { "PK\3\4............", "but a ZIP archive" },
        { "%PDF-1.7........", "but PDF" },
        { "version https://git-lfs.github.com/spec/v1", "git lfs pull" },
        { "<!DOCTYPE html>.", "but a web page" },
        { "\xef\xbb\xbf \n<HTML>.", "but a web page" },
        { "<svg xmlns=", "but SVG" },
        { "<?xml version=\"1.0\"?>", "but XML, perhaps SVG" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rn_pixels pixels;
        rn_message message;
        char bytes[64];

        snprintf(bytes, sizeof bytes, "%s", cases[i].bytes);
        if (memcmp(bytes, "MM.", 3) == 0)
            bytes[2] = '\0';
        assert_int_equal(decode(&pixels, (const uint8_t *)bytes, strlen(cases[i].bytes), &message), RN_FORMAT);
        if (strstr(message.text, cases[i].name) == NULL)
            fail_msg("\"%s\" is not in: %s", cases[i].name, message.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fixtures_have_pillows_pixels),
        cmocka_unit_test(what_is_cut_short_is_refused),
        cmocka_unit_test(a_changed_bit_of_a_png_is_noticed),
        cmocka_unit_test(what_follows_the_end_does_not_matter),
        cmocka_unit_test(transparencies_that_fit_nothing_do_no_harm),
        cmocka_unit_test(bitmaps_that_lie_are_refused),
        cmocka_unit_test(a_bitmap_with_the_top_row_first_is_turned),
        cmocka_unit_test(sizes_are_limited),
        cmocka_unit_test(other_formats_are_named_as_unknown),
        cmocka_unit_test(known_formats_are_told_by_their_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
