/* SPDX-License-Identifier: MIT */
/* The orientation of photos: where it is written, what it means, and data that lies. */
#include "image/pictures.h"
#include "image/pipeline.h"
#include "support/one_context.h"

/* tiny.jpg with EXIF data behind its first marker. */
static uint8_t *with_exif(const char *name, const uint8_t *tiff, size_t tiff_bytes, size_t *nbytes)
{
    size_t plain;
    uint8_t *const bytes = read_picture_file(name, &plain);
    const size_t segment = 10 + tiff_bytes;
    uint8_t *const made = malloc(plain + segment);

    assert_non_null(made);
    memcpy(made, bytes, 2);
    memcpy(made + 2, "\xff\xe1\0\0Exif\0\0", 10);
    made[4] = (uint8_t)((segment - 2) >> 8);
    made[5] = (uint8_t)(segment - 2);
    memcpy(made + 12, tiff, tiff_bytes);
    memcpy(made + 2 + segment, bytes + 2, plain - 2);
    free(bytes);
    *nbytes = plain + segment;
    return made;
}

/* Two entries, the second of which is the orientation. */
static size_t make_tiff(uint8_t tiff[64], bool little, uint32_t tag, uint32_t type, uint32_t value)
{
    static const uint8_t big_head[] = { 'M', 'M', 0, '*', 0, 0, 0, 8, 0, 2, 1, 0x0f, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0 },
                         little_head[] = { 'I', 'I', '*', 0, 8, 0, 0, 0, 2, 0, 0x0f, 1, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0 };
    const uint32_t numbers[] = { tag, type, 0, 1, value, 0 }; /* 16 bits each; the count has 32 */

    memcpy(tiff, little ? little_head : big_head, sizeof big_head);
    for (size_t i = 0; i < 6; i++) {
        const uint32_t n = little && (i == 2 || i == 3) ? numbers[5 - i] : numbers[i];

        tiff[22 + 2 * i + (little ? 1 : 0)] = (uint8_t)(n >> 8);
        tiff[22 + 2 * i + (little ? 0 : 1)] = (uint8_t)n;
    }
    return 34;
}

static int32_t orientation_of(const uint8_t *tiff, size_t tiff_bytes)
{
    size_t nbytes;
    uint8_t *const bytes = with_exif("rgb420.jpg", tiff, tiff_bytes, &nbytes);
    rn_pixels pixels;
    rn_message message;
    int32_t orientation;

    assert_int_equal(decode_exactly(rn_pixels_decode, &pixels, bytes, nbytes, &message), RN_OK);
    orientation = pixels.orientation;
    rn_pixels_release(&pixels);
    free(bytes);
    return orientation;
}

static void orientations_are_read_in_both_orders(void **state)
{
    uint8_t tiff[64];

    (void)state;
    for (uint32_t value = 0; value < 12; value++)
        for (int little = 0; little < 2; little++) {
            const size_t length = make_tiff(tiff, little != 0, 0x0112, 3, value);

            assert_int_equal(orientation_of(tiff, length), value >= 1 && value <= 8 ? (int32_t)value : 1);
        }
    assert_int_equal(orientation_of(tiff, make_tiff(tiff, true, 0x0113, 3, 6)), 1);
    assert_int_equal(orientation_of(tiff, make_tiff(tiff, true, 0x0112, 4, 6)), 1);
}

static void other_pictures_have_none(void **state)
{
    rn_pixels plain = load_picture("rgb420.jpg"), png = load_picture("rgb.png"), turned = load_picture("turned.jpg");

    (void)state;
    assert_int_equal(plain.orientation, 1);
    assert_int_equal(png.orientation, 0);
    assert_int_equal(turned.orientation, 6);
    rn_pixels_release(&plain);
    rn_pixels_release(&png);
    rn_pixels_release(&turned);
}

/* Cut anywhere, and with any byte changed, it gives an orientation and reads nothing outside (a sanitizer's word). */
static void data_that_lies_does_no_harm(void **state)
{
    uint8_t tiff[64];
    const size_t length = make_tiff(tiff, true, 0x0112, 3, 6);

    (void)state;
    for (size_t cut = 0; cut <= length; cut++)
        assert_in_range(orientation_of(tiff, cut), 1, 8);
    for (size_t at = 0; at < length; at++)
        for (int value = 0; value < 256; value += 51) {
            const uint8_t kept = tiff[at];

            tiff[at] = (uint8_t)value;
            assert_in_range(orientation_of(tiff, length), 1, 8);
            tiff[at] = kept;
        }
    for (size_t nbytes = 0; nbytes < 20; nbytes++) {
        uint8_t *const bytes = malloc(nbytes + 1);

        memset(bytes, 0xff, nbytes + 1);
        assert_int_equal(rn_exif_orientation(bytes, nbytes), 1);
        free(bytes);
    }
}

/* The place of pixel (x, y) of a picture of w x h, once it is upright: CIPA DC-008, 4.6.4. */
static void upright_place(int orientation, int32_t x, int32_t y, int32_t w, int32_t h, int32_t *to_x, int32_t *to_y)
{
    switch (orientation) { /* where the row and the column begin */
    case 2: *to_x = w - 1 - x, *to_y = y; break;
    case 3: *to_x = w - 1 - x, *to_y = h - 1 - y; break;
    case 4: *to_x = x, *to_y = h - 1 - y; break;
    case 5: *to_x = y, *to_y = x; break;
    case 6: *to_x = h - 1 - y, *to_y = x; break;
    case 7: *to_x = h - 1 - y, *to_y = w - 1 - x; break;
    case 8: *to_x = y, *to_y = w - 1 - x; break;
    default: *to_x = x, *to_y = y;
    }
}

static void each_orientation_is_made_upright(void **state)
{
    enum { WIDTH = 7, HEIGHT = 4 };

    (void)state;
    for (int orientation = 0; orientation <= 8; orientation++) {
        rn_pixels pixels = noise_picture(WIDTH, HEIGHT, 3), before = copy_pixels(&pixels);

        pixels.orientation = orientation;
        assert_int_equal(rn_pixels_make_upright(&pixels, NULL), RN_OK);
        assert_int_equal(pixels.width, orientation >= 5 ? HEIGHT : WIDTH);
        for (int32_t y = 0; y < HEIGHT; y++)
            for (int32_t x = 0; x < WIDTH; x++) {
                int32_t to_x, to_y;

                upright_place(orientation, x, y, WIDTH, HEIGHT, &to_x, &to_y);
                assert_memory_equal(pixels.rgb + (to_y * pixels.width + to_x) * 3, before.rgb + (y * WIDTH + x) * 3, 3);
            }
        rn_pixels_release(&pixels);
        rn_pixels_release(&before);
    }
}

/* A photo on its side: as it lies without the step, upright with it. */
static void a_pipeline_turns_photos_upright(void **state)
{
    rn_pipeline *plain, *turning;
    rn_image *image;
    rn_tensor *tensor;

    (void)state;
    require_ok(context, rn_pipeline_create(&plain, context, "ToTensor()"));
    require_ok(context, rn_pipeline_create(&turning, context, "ExifTranspose(), ToTensor()"));
    assert_int_equal(rn_pipeline_is_random(turning), 0);
    require_ok(context, rn_image_read(&image, context, rn_test_fixture("image/fixtures/turned.jpg"), NULL));
    assert_int_equal(rn_image_orientation(image), 6);
    assert_int_equal(rn_image_orientation(NULL), 0);
    require_ok(context, rn_pipeline_apply(&tensor, context, plain, image, NULL));
    assert_int_equal(rn_tensor_shape(tensor)[2], 61);
    rn_tensor_destroy(tensor);
    require_ok(context, rn_pipeline_apply(&tensor, context, turning, image, NULL));
    assert_int_equal(rn_tensor_shape(tensor)[2], 47);
    rn_tensor_destroy(tensor);
    rn_image_destroy(image);
    rn_pipeline_destroy(turning);
    rn_pipeline_destroy(plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orientations_are_read_in_both_orders), cmocka_unit_test(other_pictures_have_none),
        cmocka_unit_test(data_that_lies_does_no_harm),          cmocka_unit_test(each_orientation_is_made_upright),
        cmocka_unit_test(a_pipeline_turns_photos_upright),
    };

    return cmocka_run_group_tests_name("image/exif", tests, make_context, drop_context);
}
