/* SPDX-License-Identifier: MIT */
/* Images as callers see them. */
#define _GNU_SOURCE
#include "image/pictures.h"
#include "support/one_context.h"

#include <sys/stat.h>

static void an_image_is_made_from_pixels(void **state)
{
    const uint8_t pixels[] = { 1, 2, 3, 4, 5, 6, 99, 99, 7, 8, 9, 10, 11, 12, 99 };
    const uint8_t expected[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
    rn_image *image;

    (void)state;
    require_ok(context, rn_image_create(&image, context, 2, 2, pixels, 8));
    assert_int_equal(rn_image_width(image), 2);
    assert_int_equal(rn_image_height(image), 2);
    assert_memory_equal(rn_image_pixels(image), expected, sizeof expected);
    rn_image_destroy(image);
    require_ok(context, rn_image_create(&image, context, 1, 4, pixels, 0));
    assert_memory_equal(rn_image_pixels(image), pixels, 12);
    rn_image_destroy(image);
}

static void sizes_that_make_no_sense_are_refused(void **state)
{
    const uint8_t pixels[12] = { 0 };
    rn_image *image;

    (void)state;
    require_status(context, rn_image_create(&image, context, 0, 1, pixels, 0), RN_INVALID_ARGUMENT);
    require_status(context, rn_image_create(&image, context, 1, -1, pixels, 0), RN_INVALID_ARGUMENT);
    require_status(context, rn_image_create(&image, context, 2, 2, pixels, 5), RN_INVALID_ARGUMENT);
    require_status(context, rn_image_create(&image, context, 2, 2, pixels, SIZE_MAX / 2), RN_INVALID_ARGUMENT);
    require_status(context, rn_image_create(&image, context, 2, 2, pixels, SIZE_MAX), RN_INVALID_ARGUMENT);
    require_status(context, rn_image_create(&image, context, 2, 2, NULL, 0), RN_INVALID_ARGUMENT);
    require_status(context, rn_image_create(&image, context, INT32_MAX, INT32_MAX, pixels, 0), RN_UNSUPPORTED);
    require_status(context, rn_image_create(&image, context, (1 << 28) + 1, 1, pixels, 0), RN_UNSUPPORTED);
    assert_null(image);
    assert_int_equal(rn_image_create(NULL, context, 1, 1, pixels, 0), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_image_create(&image, NULL, 1, 1, pixels, 0), RN_INVALID_ARGUMENT);
}

static void a_file_is_read(void **state)
{
    rn_pixels expected = load_picture("rgb420.jpg");
    rn_image *image;

    (void)state;
    require_ok(context, rn_image_read(&image, context, rn_test_fixture("image/fixtures/rgb420.jpg"), NULL));
    require_same_pixels(&image->pixels, &expected);
    rn_image_destroy(image);
    rn_pixels_release(&expected);
}

static void require_refusal(const char *path, rn_status status)
{
    rn_image *image = (rn_image *)(void *)context;

    require_status(context, rn_image_read(&image, context, path, NULL), status);
    assert_null(image);
    assert_non_null(strstr(rn_context_message(context), path));
}

static void a_refusal_names_the_file(void **state)
{
    const char *const directory = rn_test_directory();
    const char *const empty = rn_test_path(directory, "empty.jpg"), *const text = rn_test_path(directory, "text.png");
    FILE *file = fopen(empty, "wb");

    (void)state;
    assert_non_null(file);
    fclose(file);
    file = fopen(text, "wb");
    assert_non_null(file);
    fputs("not a picture", file);
    fclose(file);
    require_refusal(rn_test_path(directory, "absent.jpg"), RN_IO);
    require_refusal(directory, RN_IO);
    require_refusal(empty, RN_FORMAT);
    require_refusal(text, RN_FORMAT);
    assert_int_equal(mkfifo(rn_test_path(directory, "pipe.jpg"), 0600), 0);
    require_refusal(rn_test_path(directory, "pipe.jpg"), RN_IO);
}

static void bytes_are_decoded_under_a_name(void **state)
{
    rn_image *image;

    (void)state;
    require_status(context, rn_image_decode(&image, context, "rubbish", 7, "upload 17", NULL), RN_FORMAT);
    assert_non_null(strstr(rn_context_message(context), "upload 17"));
    require_status(context, rn_image_decode(&image, context, "rubbish", 7, NULL, NULL), RN_FORMAT);
    require_status(context, rn_image_decode(&image, context, "", 0, NULL, NULL), RN_FORMAT);
    assert_non_null(strstr(rn_context_message(context), "empty"));
    require_status(context, rn_image_decode(&image, context, NULL, 7, NULL, NULL), RN_INVALID_ARGUMENT);
    assert_null(image);
}

static void arguments_are_checked(void **state)
{
    rn_image *image = (rn_image *)(void *)context;

    (void)state;
    assert_int_equal(rn_image_read(NULL, context, "x", NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_image_read(&image, NULL, "x", NULL), RN_INVALID_ARGUMENT);
    assert_null(image);
    require_status(context, rn_image_read(&image, context, NULL, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_image_decode(NULL, context, "x", 1, NULL, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_image_decode(&image, NULL, "x", 1, NULL, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_image_width(NULL), 0);
    assert_int_equal(rn_image_height(NULL), 0);
    assert_null(rn_image_pixels(NULL));
    rn_image_destroy(NULL);
}

static void an_image_keeps_its_context_alive(void **state)
{
    const uint8_t pixel[] = { 1, 2, 3 };
    rn_context *own = rn_test_context(1, RN_ISA_BASELINE);
    rn_image *image;

    (void)state;
    require_ok(own, rn_image_create(&image, own, 1, 1, pixel, 0));
    rn_context_destroy(own);
    assert_memory_equal(rn_image_pixels(image), pixel, 3);
    rn_image_destroy(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_is_made_from_pixels),
        cmocka_unit_test(sizes_that_make_no_sense_are_refused),
        cmocka_unit_test(a_file_is_read),
        cmocka_unit_test(a_refusal_names_the_file),
        cmocka_unit_test(bytes_are_decoded_under_a_name),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(an_image_keeps_its_context_alive),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
