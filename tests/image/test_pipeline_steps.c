/* SPDX-License-Identifier: MIT */
/* What random steps draw: from the whole of their ranges and nothing beyond, the same for the same draw. */
#include "image/pictures.h"
#include "image/pipeline.h"
#include "support/one_context.h"

static rn_pipeline *make_pipeline(const char *text)
{
    rn_pipeline *pipeline;

    require_ok(context, rn_pipeline_create(&pipeline, context, text));
    return pipeline;
}

static rn_status transform(const char *text, rn_pixels *pixels, uint64_t sample, rn_message *message)
{
    rn_pipeline *const pipeline = make_pipeline(text);
    const rn_draw draw = { 5, 1, sample };
    const rn_status status = rn_pipeline_transform(pipeline, pixels, &draw, message);

    rn_pipeline_destroy(pipeline);
    return status;
}

/* Red is the column, green the row. */
static rn_pixels coordinates(int32_t width, int32_t height)
{
    rn_pixels pixels = noise_picture(width, height, 1);

    for (int32_t y = 0; y < height; y++)
        for (int32_t x = 0; x < width; x++) {
            pixels.rgb[(y * width + x) * 3] = (uint8_t)(x + 1);
            pixels.rgb[(y * width + x) * 3 + 1] = (uint8_t)(y + 1);
        }
    return pixels;
}

/* CIFAR's: four black pixels on each side, then any window of the size. */
static void crops_come_from_everywhere(void **state)
{
    int seen_x[9] = { 0 }, seen_y[9] = { 0 };

    (void)state;
    for (uint64_t sample = 0; sample < 400; sample++) {
        rn_pixels pixels = coordinates(32, 32), whole = copy_pixels(&pixels);
        int32_t left, top;
        rn_crop crop;

        assert_int_equal(transform("RandomCrop(32, padding 4), ToTensor()", &pixels, sample, NULL), RN_OK);
        left = pixels.rgb[(16 * 32 + 16) * 3] - 17;
        top = pixels.rgb[(16 * 32 + 16) * 3 + 1] - 17;
        assert_true(left >= -4 && left <= 4 && top >= -4 && top <= 4);
        crop = (rn_crop){ top, left, 32, 32 };
        assert_int_equal(rn_pixels_crop(&whole, &crop, NULL), RN_OK);
        require_same_pixels(&pixels, &whole);
        seen_x[left + 4]++;
        seen_y[top + 4]++;
        rn_pixels_release(&pixels);
        rn_pixels_release(&whole);
    }
    for (int i = 0; i < 9; i++)
        assert_true(seen_x[i] > 15 && seen_y[i] > 15); /* 44 expected of each, deviation 6.3 */
}

static void a_small_picture_is_refused_or_padded(void **state)
{
    rn_pixels pixels = coordinates(20, 30);
    rn_message message;

    (void)state;
    assert_int_equal(transform("RandomCrop(32), ToTensor()", &pixels, 1, &message), RN_SHAPE);
    assert_non_null(strstr(message.text, "pad_if_needed"));
    assert_int_equal(transform("RandomCrop(32, pad_if_needed, fill 1 2 3), ToTensor()", &pixels, 1, NULL), RN_OK);
    assert_int_equal(pixels.width, 32);
    assert_int_equal(pixels.height, 32);
    rn_pixels_release(&pixels);
}

/* Parts of the area from 0.1 to 0.5, shapes from 1/2 to 2: what is kept of rows and columns tells. */
static void parts_have_their_area_and_shape(void **state)
{
    double least = 1, most = 0;

    (void)state;
    for (uint64_t sample = 0; sample < 500; sample++) {
        rn_pixels pixels = coordinates(200, 150);
        double width, height, area;

        assert_int_equal(
            transform("RandomResizedCrop(40, scale 0.1 0.5, ratio 0.5 2, nearest), ToTensor()", &pixels, sample, NULL),
            RN_OK);
        assert_true(pixels.width == 40 && pixels.height == 40);
        /* Between the first and the last column lie 39 / 40 of the part. */
        width = (pixels.rgb[39 * 3] - pixels.rgb[0]) * 40 / 39.0;
        height = (pixels.rgb[39 * 40 * 3 + 1] - pixels.rgb[1]) * 40 / 39.0;
        area = width * height / (200 * 150);
        assert_true(width / height > 0.45 && width / height < 2.2);
        least = area < least ? area : least;
        most = area > most ? area : most;
        rn_pixels_release(&pixels);
    }
    assert_true(least > 0.08 && least < 0.13);
    assert_true(most > 0.46 && most < 0.53);
}

/* All of a picture that has the shape asked for; the largest part in the middle of one that cannot have it. */
static void a_part_may_be_the_whole(void **state)
{
    static const char *const whole = "RandomResizedCrop(20, scale 1 1, ratio 1 1), ToTensor()";
    rn_pixels square = coordinates(50, 50), resized = copy_pixels(&square), wide = coordinates(90, 30),
              middle = copy_pixels(&wide);
    const rn_crop crop = { 0, 30, 30, 30 };

    (void)state;
    assert_int_equal(transform(whole, &square, 1, NULL), RN_OK);
    assert_int_equal(rn_pixels_resize(&resized, 20, 20, RN_FILTER_BILINEAR, NULL, NULL), RN_OK);
    require_same_pixels(&square, &resized);
    assert_int_equal(transform(whole, &wide, 1, NULL), RN_OK);
    assert_int_equal(rn_pixels_crop(&middle, &crop, NULL), RN_OK);
    assert_int_equal(rn_pixels_resize(&middle, 20, 20, RN_FILTER_BILINEAR, NULL, NULL), RN_OK);
    require_same_pixels(&wide, &middle);
    rn_pixels_release(&square);
    rn_pixels_release(&resized);
    rn_pixels_release(&wide);
    rn_pixels_release(&middle);
}

static void padding_goes_to_its_sides(void **state)
{
    static const struct {
        const char *text;
        rn_crop crop;
    } cases[] = { { "Pad(2), ToTensor()", { -2, -2, 14, 24 } },
                  { "Pad(2, 5), ToTensor()", { -5, -2, 20, 24 } },
                  { "Pad(1, 2, 3, 4), ToTensor()", { -2, -1, 16, 24 } } };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rn_pixels pixels = coordinates(20, 10), expected = copy_pixels(&pixels);

        assert_int_equal(transform(cases[i].text, &pixels, 0, NULL), RN_OK);
        assert_int_equal(rn_pixels_crop(&expected, &cases[i].crop, NULL), RN_OK);
        require_same_pixels(&pixels, &expected);
        rn_pixels_release(&pixels);
        rn_pixels_release(&expected);
    }
}

static void the_longer_side_may_be_limited(void **state)
{
    rn_pixels pixels = coordinates(200, 50), other = coordinates(200, 50);

    (void)state;
    assert_int_equal(transform("Resize(40, max_size 100), ToTensor()", &pixels, 0, NULL), RN_OK);
    assert_int_equal(pixels.width, 100);
    assert_int_equal(pixels.height, 25);
    assert_int_equal(transform("Resize(40, max_size 161), ToTensor()", &other, 0, NULL), RN_OK);
    assert_int_equal(other.width, 160);
    assert_int_equal(other.height, 40);
    rn_pixels_release(&pixels);
    rn_pixels_release(&other);
}

/* CIFAR's crop with a mirrored border: a window of the padded picture, which shows more of it than the black one. */
static void crops_see_the_mirrored_border(void **state)
{
    static const struct {
        const char *text;
        rn_beyond beyond;
        int32_t padding;
    } cases[] = { { "RandomCrop(32, padding 4, reflect), ToTensor()", RN_BEYOND_REFLECT, 4 },
                  { "RandomCrop(32, padding 4, symmetric), ToTensor()", RN_BEYOND_SYMMETRIC, 4 },
                  { "RandomCrop(40, pad_if_needed, padding 4, edge), ToTensor()", RN_BEYOND_EDGE, 4 } };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (uint64_t sample = 0; sample < 50; sample++) {
            rn_pixels pixels = coordinates(32, 32), padded = copy_pixels(&pixels);
            const rn_crop all = { -4, -4, 40, 40 };
            rn_crop crop = { 0, 0, 0, 0 };
            bool found = false;

            assert_int_equal(transform(cases[i].text, &pixels, sample, NULL), RN_OK);
            assert_int_equal(rn_pixels_crop_extended(&padded, &all, cases[i].beyond, 0, 0, NULL), RN_OK);
            crop.height = pixels.height;
            crop.width = pixels.width;
            for (; crop.top + crop.height <= 40 && !found; crop.top++)
                for (crop.left = 0; crop.left + crop.width <= 40 && !found; crop.left++) {
                    rn_pixels part = copy_pixels(&padded);

                    assert_int_equal(rn_pixels_crop(&part, &crop, NULL), RN_OK);
                    found = memcmp(part.rgb, pixels.rgb, (size_t)part.width * (size_t)part.height * 3) == 0;
                    rn_pixels_release(&part);
                }
            assert_true(found);
            rn_pixels_release(&pixels);
            rn_pixels_release(&padded);
        }
}

/* Blurring draws its deviation from the range; a range of one value draws nothing, as a pipeline says. */
static void a_blur_is_one_of_its_deviations(void **state)
{
    rn_pixels whole = load_picture("scene.png"), least = copy_pixels(&whole), most = copy_pixels(&whole);
    rn_pipeline *fixed = make_pipeline("GaussianBlur(7, 3, sigma 1.5 1.5), ToTensor()"),
                *drawn = make_pipeline("GaussianBlur(7, 3), ToTensor()");
    rn_pixels small = noise_picture(3, 50, 1);
    rn_message message;

    (void)state;
    assert_false(rn_pipeline_is_random(fixed));
    assert_true(rn_pipeline_is_random(drawn));
    assert_int_equal(rn_pipeline_transform(fixed, &least, NULL, NULL), RN_OK);
    assert_int_equal(rn_pixels_gaussian_blur(&most, 7, 3, 1.5, 1.5, NULL), RN_OK);
    require_same_pixels(&least, &most);
    assert_int_equal(rn_pipeline_transform(fixed, &small, NULL, &message), RN_SHAPE);
    assert_non_null(strstr(message.text, "GaussianBlur(7, 3) of a picture of 3 x 50 pixels"));
    rn_pixels_release(&small);
    rn_pixels_release(&whole);
    rn_pixels_release(&least);
    rn_pixels_release(&most);
    rn_pipeline_destroy(fixed);
    rn_pipeline_destroy(drawn);
}

/* Each changes the picture in some draws, is the same for the same draw, and keeps the size. */
static void steps_are_functions_of_the_draw(void **state)
{
    static const char *const steps[] = {
        "RandomAffine(30, translate 0.2 0.2, scale 0.7 1.3, shear -10 10 -5 5)",
        "RandomAffine(30, bilinear, fill 9 9 9)",
        "RandomPerspective(0.6, 1)",
        "RandomPerspective(0.6, 1, nearest)",
        "RandomRotation(20, 40, bilinear)",
        "RandomRotation(20, 40, center 0 0)",
        "GaussianBlur(5, sigma 0.5 2)",
        "RandomInvert(1)",
        "RandomPosterize(2, 1)",
        "RandomSolarize(100, 1)",
        "RandomAdjustSharpness(2, 1)",
        "RandomAutocontrast(1)",
        "RandomEqualize(1)",
        "Grayscale()",
        "TrivialAugmentWide()",
        "RandAugment(2, 9)",
    };

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        char text[128];
        int changed = 0;

        snprintf(text, sizeof text, "%s, ToTensor()", steps[i]);
        for (uint64_t sample = 0; sample < 40; sample++) {
            rn_pixels before = load_picture("scene.png"), a = copy_pixels(&before), b = copy_pixels(&before);

            assert_int_equal(transform(text, &a, sample, NULL), RN_OK);
            assert_int_equal(transform(text, &b, sample, NULL), RN_OK);
            require_same_pixels(&a, &b);
            assert_int_equal(a.width, before.width);
            assert_int_equal(a.height, before.height);
            changed += memcmp(a.rgb, before.rgb, (size_t)a.width * (size_t)a.height * 3) != 0;
            rn_pixels_release(&before);
            rn_pixels_release(&a);
            rn_pixels_release(&b);
        }
        if (changed < 30)
            fail_msg("%s: changed %d of 40", steps[i], changed);
    }
}

static void nothing_to_augment_changes_nothing(void **state)
{
    rn_pixels before = load_picture("scene.png"), after = copy_pixels(&before);

    (void)state;
    assert_int_equal(
        transform("RandAugment(0, 9), RandomPerspective(0.5, 0), RandomInvert(0), ToTensor()", &after, 3, NULL), RN_OK);
    require_same_pixels(&before, &after);
    rn_pixels_release(&before);
    rn_pixels_release(&after);
}

/* One rectangle of a tenth of the area, square, of one colour; all else as without. */
static void a_rectangle_is_erased(void **state)
{
    enum { SIDE = 40, ERASED = 13 }; /* round(sqrt(160)) */
    rn_pipeline *const pipeline = make_pipeline("ToTensor(), RandomErasing(1, scale 0.1 0.1, ratio 1 1, value 7 8 9)"),
                       *const plain = make_pipeline("ToTensor()");
    rn_pixels pixels = noise_picture(SIDE, SIDE, 2);
    float *const floats = malloc(SIDE * SIDE * 3 * sizeof *floats), *const without =
                                                                        malloc(SIDE * SIDE * 3 * sizeof *without);

    (void)state;
    assert_true(floats != NULL && without != NULL);
    rn_pipeline_to_floats(plain, &pixels, NULL, without);
    for (uint64_t sample = 0; sample < 50; sample++) {
        const rn_draw draw = { 5, 1, sample };
        int count = 0, first = -1, last = -1;

        rn_pipeline_to_floats(pipeline, &pixels, &draw, floats);
        for (int i = 0; i < SIDE * SIDE; i++) {
            if (memcmp(floats + 3 * i, without + 3 * i, 12) == 0)
                continue;
            assert_true(floats[3 * i] == 7 && floats[3 * i + 1] == 8 && floats[3 * i + 2] == 9);
            first = first < 0 ? i : first;
            last = i;
            count++;
        }
        assert_int_equal(count, ERASED * ERASED);
        assert_int_equal(last - first, (ERASED - 1) * (SIDE + 1));
    }
    free(floats);
    free(without);
    rn_pixels_release(&pixels);
    rn_pipeline_destroy(plain);
    rn_pipeline_destroy(pipeline);
}

/* Mean 0, deviation 1, and as many beyond two deviations as there should be. */
static void erased_floats_may_be_normal(void **state)
{
    enum { SIDE = 100, COUNT = 50 * 50 * 3 };
    rn_pipeline *const pipeline = make_pipeline("ToTensor(), RandomErasing(1, scale 0.25 0.25, ratio 1 1, random)");
    rn_pixels pixels = noise_picture(SIDE, SIDE, 2);
    float *const floats = malloc(SIDE * SIDE * 3 * sizeof *floats);
    const rn_draw draw = { 5, 1, 7 };
    double sum = 0, squares = 0;
    int count = 0, far = 0;

    (void)state;
    assert_non_null(floats);
    rn_pipeline_to_floats(pipeline, &pixels, &draw, floats);
    for (int i = 0; i < SIDE * SIDE * 3; i++) {
        const double x = (double)floats[i];

        if (x == (double)((float)pixels.rgb[i] / 255.0f))
            continue;
        sum += x;
        squares += x * x;
        far += x > 2 || x < -2;
        count++;
    }
    assert_int_equal(count, COUNT);
    assert_true(sum / COUNT > -0.05 && sum / COUNT < 0.05);        /* four deviations of the mean */
    assert_true(squares / COUNT > 0.93 && squares / COUNT < 1.07); /* and of the variance */
    assert_true(far > 260 && far < 420);                           /* 341 are expected, deviation 18 */
    free(floats);
    rn_pixels_release(&pixels);
    rn_pipeline_destroy(pipeline);
}

static void sizes_are_known_where_they_can_be(void **state)
{
    static const struct {
        const char *text;
        int32_t height, width;
    } cases[] = {
        { "RandomResizedCrop(24), ToTensor()", 24, 24 },
        { "RandomCrop(24, 20), RandomRotation(5), ToTensor()", 24, 20 },
        { "RandomCrop(24, 20), RandomRotation(5, expand), ToTensor()", 0, 0 },
        { "CenterCrop(24, 20), Pad(1, 2), ToTensor()", 28, 22 },
        { "CenterCrop(24, 20), Pad(1, 2, 3, 4), ToTensor()", 30, 24 },
        { "Pad(3), ToTensor()", 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rn_pipeline *const pipeline = make_pipeline(cases[i].text);
        int32_t height, width;

        rn_pipeline_output_size(pipeline, &height, &width);
        if (height != cases[i].height || width != cases[i].width)
            fail_msg("%s: %d x %d", cases[i].text, (int)height, (int)width);
        rn_pipeline_destroy(pipeline);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crops_come_from_everywhere),        cmocka_unit_test(a_small_picture_is_refused_or_padded),
        cmocka_unit_test(parts_have_their_area_and_shape),   cmocka_unit_test(a_part_may_be_the_whole),
        cmocka_unit_test(padding_goes_to_its_sides),         cmocka_unit_test(the_longer_side_may_be_limited),
        cmocka_unit_test(steps_are_functions_of_the_draw),   cmocka_unit_test(nothing_to_augment_changes_nothing),
        cmocka_unit_test(crops_see_the_mirrored_border),     cmocka_unit_test(a_blur_is_one_of_its_deviations),
        cmocka_unit_test(erased_floats_may_be_normal),       cmocka_unit_test(a_rectangle_is_erased),
        cmocka_unit_test(sizes_are_known_where_they_can_be),
    };

    return cmocka_run_group_tests_name("image/pipeline_steps", tests, make_context, drop_context);
}
