/* SPDX-License-Identifier: MIT */
/* Each allocation fails in turn, alone and with all that follow: RN_NO_MEMORY, nothing leaked. */
#include "image/pictures.h"

typedef rn_status (*trial)(rn_context *context);

/* Runs `try` with allocation n failing, for every n that it makes. */
static void sweep(trial try, int least)
{
    rn_test_allocator allocator = { .fail_at = -1 };
    rn_context *context;

    assert_int_equal(
        rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 1, .allocate = rn_test_allocate,
                                               .release = rn_test_release, .allocator_payload = &allocator)),
        RN_OK);
    const long before = allocator.live;

    for (int sticky = 0; sticky < 2; sticky++)
        for (long n = 0;; n++) {
            allocator.calls = 0;
            allocator.fail_at = n;
            allocator.sticky = sticky;
            const rn_status status = try(context);

            assert_int_equal(allocator.live, before);
            if (status == RN_OK) {
                assert_true(allocator.calls <= n);
                assert_true(n >= least);
                break;
            }
            if (status != RN_NO_MEMORY)
                fail_msg("allocation %ld: %s, %s", n, rn_status_string(status), rn_context_message(context));
        }
    allocator.fail_at = -1;
    rn_context_destroy(context);
    assert_int_equal(allocator.live, 0);
}

static rn_status read_one(rn_context *context, const char *name)
{
    char path[64];
    rn_image *image;
    rn_status status;

    snprintf(path, sizeof path, "image/fixtures/%s", name);
    status = rn_image_read(&image, context, rn_test_fixture(path));
    if (status != RN_OK)
        assert_null(image);
    rn_image_destroy(image);
    return status;
}

static rn_status read_jpeg(rn_context *context)
{
    return read_one(context, "rgb420.jpg");
}

static rn_status read_cmyk(rn_context *context)
{
    return read_one(context, "cmyk.jpg");
}

static rn_status read_short_palette(rn_context *context)
{
    return read_one(context, "palette_short.png");
}

static rn_status read_bmp(rn_context *context)
{
    return read_one(context, "rgb.bmp");
}

static rn_status create_pipeline(rn_context *context)
{
    rn_pipeline *pipeline;
    const rn_status status = rn_pipeline_create(&pipeline, context, "Resize(8), ToTensor()");

    if (status != RN_OK)
        assert_null(pipeline);
    rn_pipeline_destroy(pipeline);
    return status;
}

static rn_status apply_pipeline(rn_context *context)
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
                                    "ColorJitter(0.1, 0.1, 0.1, 0.1), Resize(9, 16), CenterCrop(5), ToTensor()");
    if (status == RN_OK)
        status = rn_pipeline_apply(&tensor, pipeline, image, &draw);
    if (status != RN_OK)
        assert_null(tensor);
    rn_tensor_destroy(tensor);
    rn_pipeline_destroy(pipeline);
    rn_image_destroy(image);
    return status;
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    sweep(read_jpeg, 3);
    sweep(read_cmyk, 3);
    sweep(read_short_palette, 4);
    sweep(read_bmp, 3);
    sweep(create_pipeline, 2);
    sweep(apply_pipeline, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_failed_allocation_is_survived) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
