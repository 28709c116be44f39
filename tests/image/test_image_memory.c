/* SPDX-License-Identifier: MIT */
/* Each allocation fails in turn, alone and with all that follow: RN_NO_MEMORY, nothing leaked. */
#include "image/pictures.h"

static rn_status read_one(rn_context *context, const char *name)
{
    char path[64];
    rn_image *image;
    rn_status status;

    snprintf(path, sizeof path, "image/fixtures/%s", name);
    status = rn_image_read(&image, context, rn_test_fixture(path), NULL);
    if (status != RN_OK)
        assert_null(image);
    rn_image_destroy(image);
    return status;
}

static rn_status read_jpeg(void *context)
{
    return read_one(context, "rgb420.jpg");
}

static rn_status read_cmyk(void *context)
{
    return read_one(context, "cmyk.jpg");
}

static rn_status read_short_palette(void *context)
{
    return read_one(context, "palette_short.png");
}

static rn_status read_bmp(void *context)
{
    return read_one(context, "rgb.bmp");
}

static rn_status read_pnm(void *context)
{
    return read_one(context, "formats/raw.ppm");
}

#ifdef RN_WITH_TIFF
static rn_status read_tiff(void *context)
{
    return read_one(context, "formats/turned6.tif");
}
#endif

#ifdef RN_WITH_WEBP
static rn_status read_webp(void *context)
{
    return read_one(context, "formats/alpha.webp");
}
#endif

static rn_status create_pipeline(void *context)
{
    rn_pipeline *pipeline;
    const rn_status status = rn_pipeline_create(&pipeline, context, "Resize(8), ToTensor()");

    if (status != RN_OK)
        assert_null(pipeline);
    rn_pipeline_destroy(pipeline);
    return status;
}

static rn_status apply_pipeline(void *context)
{
    static const uint8_t grey[30 * 20 * 3] = { 0 };
    const rn_draw draw = { 1, 2, 3 };
    rn_pipeline *pipeline = NULL;
    rn_image *image = NULL;
    rn_tensor *tensor = NULL;
    rn_status status = rn_image_create(&image, context, 30, 20, grey, 0);

    if (status == RN_OK)
        status = rn_pipeline_create(&pipeline, context,
                                    "Resize(15), RandomRotation(45), CenterCrop(16), RandomVerticalFlip(1), "
                                    "ColorJitter(0.1, 0.1, 0.1, 0.1), GaussianBlur(3), Pad(2, reflect), Resize(9, 16), "
                                    "CenterCrop(5), ToTensor()");
    if (status == RN_OK)
        status = rn_pipeline_apply(&tensor, context, pipeline, image, &draw);
    if (status != RN_OK)
        assert_null(tensor);
    rn_tensor_destroy(tensor);
    rn_pipeline_destroy(pipeline);
    rn_image_destroy(image);
    return status;
}

static void every_failed_allocation_is_survived(void **state)
{
    rn_test_allocator allocator;
    rn_context *const context = rn_test_allocator_context(&allocator, 1);

    (void)state;
    rn_test_fail_each(&allocator, read_jpeg, context, 3);
    rn_test_fail_each(&allocator, read_cmyk, context, 3);
    rn_test_fail_each(&allocator, read_short_palette, context, 4);
    rn_test_fail_each(&allocator, read_bmp, context, 3);
    rn_test_fail_each(&allocator, read_pnm, context, 3);
#ifdef RN_WITH_TIFF
    rn_test_fail_each(&allocator, read_tiff, context, 5);
#endif
#ifdef RN_WITH_WEBP
    rn_test_fail_each(&allocator, read_webp, context, 3);
#endif
    rn_test_fail_each(&allocator, create_pipeline, context, 2);
    rn_test_fail_each(&allocator, apply_pipeline, context, 16);
    rn_context_destroy(context);
    assert_int_equal(allocator.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_failed_allocation_is_survived) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
