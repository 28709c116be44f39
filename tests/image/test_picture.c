/* SPDX-License-Identifier: MIT */
/* Tensors back to pictures, and pictures as PNG, which stb_image reads back. */
#include "image/pictures.h"
#include "support/one_context.h"

#include <sys/stat.h>
#include <unistd.h>

static rn_image *image_of(const rn_pixels *pixels)
{
    rn_image *image;

    require_ok(context, rn_image_create(&image, context, pixels->width, pixels->height, pixels->rgb, 0));
    return image;
}

static void require_same_image(const rn_image *a, const rn_image *b)
{
    require_same_pixels(&a->pixels, &b->pixels);
}

/* All bytes in all channels, through the published means and deviations and others. */
static void what_was_normalised_comes_back(void **state)
{
    static const char *const texts[] = { "ToTensor()", "ToTensor(), Normalize(0.485 0.456 0.406, 0.229 0.224 0.225)",
                                         "ToTensor(), Normalize(-3 0 100, 0.001 7 12), RandomErasing(0)" };
    rn_pixels pixels = noise_picture(256, 3, 1);

    (void)state;
    for (int i = 0; i < 256 * 3 * 3; i++)
        pixels.rgb[i] = (uint8_t)(i / 3);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        rn_image *const image = image_of(&pixels), *back;
        const rn_draw draw = { 1, 1, 1 };
        rn_pipeline *pipeline;
        rn_tensor *tensor;

        require_ok(context, rn_pipeline_create(&pipeline, context, texts[i]));
        require_ok(context, rn_pipeline_apply(&tensor, context, pipeline, image, &draw));
        require_ok(context, rn_image_from_tensor(&back, context, tensor, pipeline));
        require_same_image(image, back);
        rn_image_destroy(back);
        rn_tensor_destroy(tensor);
        rn_pipeline_destroy(pipeline);
        rn_image_destroy(image);
    }
    rn_pixels_release(&pixels);
}

/* Rows of channels, as PyTorch has them, and values that no byte stands for. */
static void any_strides_and_values_will_do(void **state)
{
    const int64_t shape[] = { 3, 2, 2 };
    const float values[] = { -1, 0, 0.5f, 2, NAN, INFINITY, -INFINITY, 1, 0.0019f, 0.002f, 0.998f, 0.9981f };
    const uint8_t expected[] = { 0, 0, 0, 0, 255, 1, 128, 0, 254, 255, 255, 255 };
    rn_tensor *tensor;
    rn_image *image;

    (void)state;
    require_ok(context, rn_tensor_create(&tensor, context, RN_FLOAT32, 3, shape, RN_ROW_MAJOR));
    require_ok(context, rn_tensor_write(tensor, RN_FLOAT32, values, sizeof values));
    require_ok(context, rn_image_from_tensor(&image, context, tensor, NULL));
    assert_memory_equal(rn_image_pixels(image), expected, sizeof expected);
    rn_image_destroy(image);
    rn_tensor_destroy(tensor);
}

static void what_is_no_picture_is_refused(void **state)
{
    const int64_t shapes[][4] = { { 1, 2, 2, 0 }, { 3, 0, 2, 0 }, { 1, 3, 2, 2 } };
    const int32_t ranks[] = { 3, 3, 4 };
    rn_image *image;

    (void)state;
    for (int i = 0; i < 3; i++) {
        rn_tensor *tensor;

        require_ok(context, rn_tensor_create(&tensor, context, RN_FLOAT32, ranks[i], shapes[i], RN_ROW_MAJOR));
        require_status(context, rn_image_from_tensor(&image, context, tensor, NULL), RN_SHAPE);
        assert_null(image);
        rn_tensor_destroy(tensor);
    }
    require_status(context, rn_image_from_tensor(&image, context, NULL, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_image_from_tensor(NULL, context, NULL, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_image_write_png(NULL, "x.png"), RN_INVALID_ARGUMENT);
}

static void write_and_read(const rn_pixels *pixels, const char *path)
{
    rn_image *const image = image_of(pixels), *again;

    require_ok(context, rn_image_write_png(image, path));
    require_ok(context, rn_image_read(&again, context, path, NULL));
    require_same_image(image, again);
    rn_image_destroy(again);
    rn_image_destroy(image);
}

/* The reader checks every checksum. Noise is as large as it was, a scene smaller. */
static void a_png_holds_the_same_picture(void **state)
{
    const char *const path = rn_test_path(rn_test_directory(), "picture.png");
    rn_pixels scene = load_picture("scene.png"), noise = noise_picture(211, 97, 5);
    struct stat file;

    (void)state;
    for (int32_t width = 1; width < 9; width++) {
        rn_pixels small = noise_picture(width, 9 - width, 3);

        write_and_read(&small, path);
        rn_pixels_release(&small);
    }
    write_and_read(&noise, path);
    write_and_read(&scene, path);
    assert_int_equal(stat(path, &file), 0);
    assert_true(file.st_size < scene.width * scene.height * 3);
    rn_pixels_release(&noise);
    rn_pixels_release(&scene);
}

static void a_file_is_replaced_whole_or_not_at_all(void **state)
{
    const char *const directory = rn_test_directory(), *const missing = rn_test_path(directory, "nowhere/picture.png");
    rn_pixels pixels = noise_picture(5, 5, 1);
    rn_image *const image = image_of(&pixels);

    (void)state;
    require_status(context, rn_image_write_png(image, missing), RN_IO);
    require_status(context, rn_image_write_png(image, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(access(missing, F_OK), -1);
    rn_image_destroy(image);
    rn_pixels_release(&pixels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_normalised_comes_back),         cmocka_unit_test(any_strides_and_values_will_do),
        cmocka_unit_test(what_is_no_picture_is_refused),          cmocka_unit_test(a_png_holds_the_same_picture),
        cmocka_unit_test(a_file_is_replaced_whole_or_not_at_all),
    };

    return cmocka_run_group_tests_name("image/picture", tests, make_context, drop_context);
}
