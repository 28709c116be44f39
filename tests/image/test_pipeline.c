/* SPDX-License-Identifier: MIT */
/* Pipelines at work: torchvision's floats, sizes, and random draws that depend on (seed, epoch, sample) alone. */
#include "image/pictures.h"
#include "image/pipeline.h"
#include "support/one_context.h"

static rn_pipeline *make_pipeline(const char *text)
{
    rn_pipeline *pipeline;

    require_ok(context, rn_pipeline_create(&pipeline, context, text));
    return pipeline;
}

static rn_image *make_image(const rn_pixels *pixels)
{
    rn_image *image;

    require_ok(context, rn_image_create(&image, context, pixels->width, pixels->height, pixels->rgb, 0));
    return image;
}

static rn_image *make_noise(int32_t width, int32_t height)
{
    rn_pixels pixels = noise_picture(width, height, 1);
    rn_image *const image = make_image(&pixels);

    rn_pixels_release(&pixels);
    return image;
}

/* The floats of a tensor (3, h, w), channels fastest. */
static const float *floats_of(const rn_tensor *tensor, int64_t height, int64_t width)
{
    const int64_t shape[] = { 3, height, width }, strides[] = { 1, 3 * width, 3 };

    assert_int_equal(rn_tensor_rank(tensor), 3);
    assert_int_equal(rn_tensor_dtype(tensor), RN_FLOAT32);
    assert_memory_equal(rn_tensor_shape(tensor), shape, sizeof shape);
    assert_memory_equal(rn_tensor_strides(tensor), strides, sizeof strides);
    return rn_tensor_const_data(tensor);
}

static void check_floats(const expected_picture *e)
{
    char text[160];
    rn_pixels pixels = load_picture(e->name);
    rn_image *const image = make_image(&pixels);
    rn_pipeline *pipeline;
    rn_tensor *tensor;

    snprintf(text, sizeof text, "Resize(%d), CenterCrop(%d), ToTensor()%s", (int)e->number[0], (int)e->number[1],
             e->number[2] != 0 ? ", Normalize(0.485 0.456 0.406, 0.229 0.224 0.225)" : "");
    pipeline = make_pipeline(text);
    require_ok(context, rn_pipeline_apply(&tensor, context, pipeline, image, NULL));
    if (crc_of(floats_of(tensor, e->height, e->width), (size_t)(e->height * e->width) * 12) != e->crc)
        fail_msg("%s: other floats than torch's", text);
    rn_tensor_destroy(tensor);
    rn_pipeline_destroy(pipeline);
    rn_image_destroy(image);
    rn_pixels_release(&pixels);
}

static void floats_are_those_of_torchvision(void **state)
{
    (void)state;
    for_each_expected("floats", 4, check_floats);
}

static void check_shorter(const expected_picture *e)
{
    char text[64];
    rn_pixels pixels = load_picture(e->name);
    rn_pipeline *pipeline;

    snprintf(text, sizeof text, "Resize(%d), ToTensor()", (int)e->number[0]);
    pipeline = make_pipeline(text);
    assert_int_equal(rn_pipeline_transform(pipeline, &pixels, NULL, NULL), RN_OK);
    require_picture(&pixels, e);
    rn_pipeline_destroy(pipeline);
    rn_pixels_release(&pixels);
}

static void the_shorter_side_is_resized_as_in_torchvision(void **state)
{
    (void)state;
    for_each_expected("shorter", 7, check_shorter);
}

/* A crop that follows a step which moves pixels is done with it: as if a step stood between. */
static void a_crop_may_be_done_early(void **state)
{
    static const char *const pairs[][2] = {
        { "Resize(40), CenterCrop(32), ToTensor()", "Resize(40), RandomHorizontalFlip(0), CenterCrop(32), ToTensor()" },
        { "Resize(40), CenterCrop(40, 55), ToTensor()",
          "Resize(40), RandomHorizontalFlip(0), CenterCrop(40, 55), ToTensor()" },
        { "Resize(40), CenterCrop(64), ToTensor()", "Resize(40), RandomHorizontalFlip(0), CenterCrop(64), ToTensor()" },
        { "Resize(40, 30), CenterCrop(33), ToTensor()",
          "Resize(40, 30), RandomHorizontalFlip(0), CenterCrop(33), ToTensor()" },
        { "RandomRotation(90), CenterCrop(64), ToTensor()",
          "RandomRotation(90), RandomHorizontalFlip(0), CenterCrop(64), ToTensor()" },
        { "RandomRotation(90), CenterCrop(120), ToTensor()",
          "RandomRotation(90), RandomHorizontalFlip(0), CenterCrop(120), ToTensor()" },
        { "RandomRotation(0), CenterCrop(64), ToTensor()", "RandomHorizontalFlip(0), CenterCrop(64), ToTensor()" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        rn_pixels a = load_picture("scene.png"), b = copy_pixels(&a);
        rn_pipeline *const early = make_pipeline(pairs[i][0]), *const late = make_pipeline(pairs[i][1]);
        const rn_draw draw = { 1, 2, i };

        assert_int_equal(rn_pipeline_transform(early, &a, &draw, NULL), RN_OK);
        assert_int_equal(rn_pipeline_transform(late, &b, &draw, NULL), RN_OK);
        require_same_pixels(&a, &b);
        rn_pipeline_destroy(early);
        rn_pipeline_destroy(late);
        rn_pixels_release(&a);
        rn_pixels_release(&b);
    }
}

static void require_size(const char *text, int32_t height, int32_t width)
{
    rn_pipeline *const pipeline = make_pipeline(text);
    int32_t h = -1, w = -1;

    rn_pipeline_output_size(pipeline, &h, &w);
    if (h != height || w != width)
        fail_msg("%s: %d x %d", text, h, w);
    rn_pipeline_destroy(pipeline);
}

static void the_output_size_is_known_where_it_can_be(void **state)
{
    (void)state;
    require_size("ToTensor()", 0, 0);
    require_size("Resize(256), ToTensor()", 0, 0);
    require_size("Resize(20, 30), ToTensor()", 20, 30);
    require_size("Resize(256), CenterCrop(224), ToTensor()", 224, 224);
    require_size("CenterCrop(10, 12), RandomRotation(3), ToTensor()", 10, 12);
    require_size("CenterCrop(10), Resize(7), ToTensor()", 7, 7);
    require_size("CenterCrop(10, 12), Resize(7), ToTensor()", 0, 0);
    require_size("Resize(9, 9), Resize(7), CenterCrop(3, 4), ToTensor()", 3, 4);
}

static void randomness_is_known(void **state)
{
    static const char *const random[] = { "RandomRotation(1)", "RandomHorizontalFlip(0.5)", "RandomVerticalFlip(0.5)",
                                          "ColorJitter(0.1)", "RandomGrayscale(0.2)" };
    rn_pipeline *pipeline = make_pipeline("Resize(8), CenterCrop(4), ToTensor(), Normalize(0 0 0, 1 1 1)");

    (void)state;
    assert_int_equal(rn_pipeline_is_random(pipeline), 0);
    rn_pipeline_destroy(pipeline);
    for (size_t i = 0; i < sizeof random / sizeof *random; i++) {
        char text[64];
        rn_image *const image = make_noise(8, 8);
        rn_tensor *tensor;

        snprintf(text, sizeof text, "%s, ToTensor()", random[i]);
        pipeline = make_pipeline(text);
        assert_int_equal(rn_pipeline_is_random(pipeline), 1);
        require_status(context, rn_pipeline_apply(&tensor, context, pipeline, image, NULL), RN_INVALID_ARGUMENT);
        assert_null(tensor);
        rn_pipeline_destroy(pipeline);
        rn_image_destroy(image);
    }
}

static uint32_t crc_with(const rn_pipeline *pipeline, const rn_image *image, const rn_draw *draw)
{
    rn_tensor *tensor;
    uint32_t crc;

    require_ok(context, rn_pipeline_apply(&tensor, context, pipeline, image, draw));
    crc = crc_of(floats_of(tensor, 24, 24), 24 * 24 * 12);
    rn_tensor_destroy(tensor);
    return crc;
}

static void draws_depend_on_seed_epoch_and_sample_alone(void **state)
{
    rn_pipeline *const pipeline =
        make_pipeline("Resize(30), RandomRotation(45), CenterCrop(24), RandomHorizontalFlip(), "
                      "RandomVerticalFlip(), ColorJitter(0.2, 0.1, 0.1, 0.1), RandomGrayscale(), ToTensor()");
    rn_image *const image = make_noise(40, 50);
    const rn_draw draws[] = { { 1, 2, 3 }, { 1, 2, 4 }, { 1, 3, 3 },
                              { 2, 2, 3 }, { 1, 3, 2 }, { UINT64_C(1) << 40, 2, 3 } };
    uint32_t crc[6];

    (void)state;
    for (int i = 0; i < 6; i++)
        crc[i] = crc_with(pipeline, image, &draws[i]);
    for (int i = 5; i >= 0; i--) {
        assert_int_equal(crc_with(pipeline, image, &draws[i]), crc[i]);
        for (int j = 0; j < i; j++)
            assert_int_not_equal(crc[i], crc[j]);
    }
    rn_image_destroy(image);
    rn_pipeline_destroy(pipeline);
}

/* Of 2000 draws with probability p, the number lies within five standard deviations. */
static void require_frequency(const char *step, double p)
{
    char text[64];
    rn_pixels before = noise_picture(4, 4, 1);
    rn_pipeline *pipeline;
    int changed = 0;

    snprintf(text, sizeof text, "%s(%g), ToTensor()", step, p);
    pipeline = make_pipeline(text);
    for (uint64_t sample = 0; sample < 2000; sample++) {
        rn_pixels pixels = copy_pixels(&before);
        const rn_draw draw = { 7, 0, sample };

        assert_int_equal(rn_pipeline_transform(pipeline, &pixels, &draw, NULL), RN_OK);
        changed += memcmp(pixels.rgb, before.rgb, 4 * 4 * 3) != 0;
        rn_pixels_release(&pixels);
    }
    if (fabs(changed - 2000 * p) > 5 * sqrt(2000 * p * (1 - p)))
        fail_msg("%s: %d of 2000", text, changed);
    rn_pipeline_destroy(pipeline);
    rn_pixels_release(&before);
}

static void steps_happen_with_their_probability(void **state)
{
    static const char *const steps[] = { "RandomHorizontalFlip", "RandomVerticalFlip", "RandomGrayscale" };

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        require_frequency(steps[i], 0);
        require_frequency(steps[i], 0.3);
        require_frequency(steps[i], 1);
    }
}

/* A grey picture under ColorJitter(b): brightness 1 - b to 1 + b, evenly. */
static void jitter_stays_within_its_range(void **state)
{
    rn_pipeline *const pipeline = make_pipeline("ColorJitter(0.2), ToTensor()");
    int low = 0;

    (void)state;
    for (uint64_t sample = 0; sample < 2000; sample++) {
        rn_pixels pixels = noise_picture(2, 1, 1);
        const rn_draw draw = { 7, 0, sample };

        memset(pixels.rgb, 200, 6);
        assert_int_equal(rn_pipeline_transform(pipeline, &pixels, &draw, NULL), RN_OK);
        assert_in_range(pixels.rgb[0], 159, 240);
        low += pixels.rgb[0] < 180; /* a quarter of the range */
        rn_pixels_release(&pixels);
    }
    assert_in_range(low, 500 - 97, 500 + 97); /* five standard deviations */
    rn_pipeline_destroy(pipeline);
}

static void all_instruction_sets_give_the_same_bits(void **state)
{
    rn_image *const image = make_noise(61, 50);
    uint32_t crc = 0;

    (void)state;
    for (rn_isa isa = RN_ISA_REFERENCE; isa <= RN_ISA_AVX512; isa = (rn_isa)(2 * isa)) {
        rn_context *own;
        rn_pipeline *pipeline;
        rn_tensor *tensor;
        uint32_t found;

        if (!rn_test_has_isa(isa))
            continue;
        own = rn_test_context(1, isa);
        require_ok(own, rn_pipeline_create(&pipeline, own, "Resize(31), CenterCrop(24), ToTensor()"));
        require_ok(own, rn_pipeline_apply(&tensor, own, pipeline, image, NULL));
        found = crc_of(floats_of(tensor, 24, 24), 24 * 24 * 12);
        assert_true(crc == 0 || crc == found);
        crc = found;
        rn_tensor_destroy(tensor);
        rn_pipeline_destroy(pipeline);
        rn_context_destroy(own);
    }
    rn_image_destroy(image);
}

static void a_copy_is_equal_and_its_own(void **state)
{
    rn_context *const other = rn_test_context(1, RN_ISA_BASELINE);
    rn_pipeline *const pipeline = make_pipeline("Resize(256), ToTensor(), Normalize(0.1 0.2 0.3, 0.4 0.5 0.6)");
    rn_pipeline *copy;

    (void)state;
    require_ok(other, rn_pipeline_copy(&copy, pipeline, other));
    assert_string_equal(rn_pipeline_text(copy), rn_pipeline_text(pipeline));
    assert_memory_equal(copy->table, pipeline->table, sizeof copy->table);
    rn_pipeline_destroy(pipeline);
    rn_context_destroy(other);
    assert_string_equal(rn_pipeline_text(copy), "Resize(256), ToTensor(), Normalize(0.1 0.2 0.3, 0.4 0.5 0.6)");
    rn_pipeline_destroy(copy);
}

/* What a step leaves as it is, the next may write: into a copy. */
static void the_image_stays_as_it_was(void **state)
{
    static const char *const texts[] = { "Resize(20), RandomVerticalFlip(1), ToTensor()",
                                         "CenterCrop(20), Grayscale(), ToTensor()", "RandomInvert(1), ToTensor()",
                                         "Resize(20), CenterCrop(20), ColorJitter(0.5, 0.5, 0.5, 0.2), ToTensor()" };
    const rn_draw draw = { 1, 2, 3 };
    rn_pixels pixels = noise_picture(20, 20, 1);
    rn_image *const image = make_image(&pixels);

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        rn_pipeline *const pipeline = make_pipeline(texts[i]);
        rn_tensor *tensor;

        require_ok(context, rn_pipeline_apply(&tensor, context, pipeline, image, &draw));
        assert_memory_equal(rn_image_pixels(image), pixels.rgb, 20 * 20 * 3);
        assert_true(floats_of(tensor, 20, 20)[0] != (float)pixels.rgb[0] / 255);
        rn_tensor_destroy(tensor);
        rn_pipeline_destroy(pipeline);
    }
    rn_image_destroy(image);
    rn_pixels_release(&pixels);
}

static void a_picture_too_narrow_to_resize_is_refused(void **state)
{
    rn_pipeline *const pipeline = make_pipeline("Resize(16384), ToTensor()");
    rn_image *const image = make_noise(20000, 1);
    rn_tensor *tensor;

    (void)state;
    require_status(context, rn_pipeline_apply(&tensor, context, pipeline, image, NULL), RN_UNSUPPORTED);
    assert_null(tensor);
    rn_image_destroy(image);
    rn_pipeline_destroy(pipeline);
}

static void arguments_are_checked(void **state)
{
    rn_pipeline *pipeline = make_pipeline("ToTensor()");
    rn_image *const image = make_noise(2, 2);
    rn_tensor *tensor = (rn_tensor *)(void *)context;
    int32_t side = 5;

    (void)state;
    assert_int_equal(rn_pipeline_apply(NULL, context, pipeline, image, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_pipeline_apply(&tensor, context, NULL, image, NULL), RN_INVALID_ARGUMENT);
    assert_null(tensor);
    require_status(context, rn_pipeline_apply(&tensor, context, pipeline, NULL, NULL), RN_INVALID_ARGUMENT);
    rn_pipeline_output_size(pipeline, NULL, NULL);
    rn_pipeline_output_size(NULL, &side, NULL);
    assert_int_equal(side, 0);
    rn_pipeline_destroy(pipeline);
    assert_int_equal(rn_pipeline_create(NULL, context, "ToTensor()"), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_pipeline_create(&pipeline, NULL, "ToTensor()"), RN_INVALID_ARGUMENT);
    require_status(context, rn_pipeline_create(&pipeline, context, NULL), RN_INVALID_ARGUMENT);
    assert_null(pipeline);
    assert_null(rn_pipeline_text(NULL));
    assert_int_equal(rn_pipeline_is_random(NULL), 0);
    rn_pipeline_destroy(NULL);
    rn_image_destroy(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_are_those_of_torchvision),
        cmocka_unit_test(the_shorter_side_is_resized_as_in_torchvision),
        cmocka_unit_test(a_crop_may_be_done_early),
        cmocka_unit_test(the_output_size_is_known_where_it_can_be),
        cmocka_unit_test(randomness_is_known),
        cmocka_unit_test(draws_depend_on_seed_epoch_and_sample_alone),
        cmocka_unit_test(steps_happen_with_their_probability),
        cmocka_unit_test(jitter_stays_within_its_range),
        cmocka_unit_test(all_instruction_sets_give_the_same_bits),
        cmocka_unit_test(a_copy_is_equal_and_its_own),
        cmocka_unit_test(the_image_stays_as_it_was),
        cmocka_unit_test(a_picture_too_narrow_to_resize_is_refused),
        cmocka_unit_test(arguments_are_checked),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
