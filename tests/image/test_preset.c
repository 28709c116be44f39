/* SPDX-License-Identifier: MIT */
/* Pairs of pipelines by name: their texts, that both fit each other, and what is refused. */
#include "image/pipeline.h"
#include "support/one_context.h"

#include <math.h>

#define IMAGENET "ToTensor(), Normalize(0.485 0.456 0.406, 0.229 0.224 0.225)"
#define CROPPED "Resize(256), CenterCrop(224), " IMAGENET

typedef struct pair {
    const char *name, *training, *validation;
} pair;

static void require_pair(const pair *expected, int32_t height, int32_t width, const rn_pipeline *like)
{
    rn_pipeline *training, *validation;

    require_ok(context, rn_pipeline_preset(&training, &validation, context, expected->name, height, width, like));
    assert_string_equal(rn_pipeline_text(training), expected->training);
    assert_string_equal(rn_pipeline_text(validation), expected->validation);
    assert_false(rn_pipeline_is_random(validation));
    rn_pipeline_destroy(training);
    rn_pipeline_destroy(validation);
}

static void names_stand_for_these_texts(void **state)
{
    static const pair pairs[] = {
        { "tutorial",
          "Resize(256), RandomRotation(45), CenterCrop(224), RandomHorizontalFlip(0.5), RandomVerticalFlip(0.5), "
          "ColorJitter(0.2, 0.1, 0.1, 0.1), RandomGrayscale(0.025), " IMAGENET,
          CROPPED },
        { "reference", "RandomResizedCrop(224), RandomHorizontalFlip(0.5), " IMAGENET, CROPPED },
        { "light", "RandomResizedCrop(224, scale 0.5 1), RandomHorizontalFlip(0.5), " IMAGENET, CROPPED },
        { "strong",
          "RandomResizedCrop(224), RandomHorizontalFlip(0.5), TrivialAugmentWide(), " IMAGENET ", RandomErasing(0.1)",
          CROPPED },
        { "none", CROPPED, CROPPED },
        { "cifar", "RandomCrop(224, padding 28), RandomHorizontalFlip(0.5), " IMAGENET, IMAGENET },
        { "mirrored", "RandomHorizontalFlip(0.5), " IMAGENET, IMAGENET },
    };
    const size_t count = sizeof pairs / sizeof pairs[0];

    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(rn_pipeline_preset_name(i), pairs[i].name);
        require_pair(&pairs[i], 224, 224, NULL);
    }
    assert_null(rn_pipeline_preset_name(count));
    assert_null(rn_pipeline_preset_name(SIZE_MAX));
}

static void sizes_are_the_callers(void **state)
{
    static const pair wide = { "none", "Resize(256), CenterCrop(96, 224), " IMAGENET,
                               "Resize(256), CenterCrop(96, 224), " IMAGENET },
                      cifar = { "cifar", "RandomCrop(32, padding 4), RandomHorizontalFlip(0.5), " IMAGENET, IMAGENET };

    (void)state;
    require_pair(&wide, 96, 224, NULL);
    require_pair(&cifar, 32, 32, NULL);
}

static void means_are_those_of_another_pipeline(void **state)
{
    static const pair halves = { "none", "Resize(34), CenterCrop(30), ToTensor(), Normalize(0.5 0.5 0.5, 0.25 1 1)",
                                 "Resize(34), CenterCrop(30), ToTensor(), Normalize(0.5 0.5 0.5, 0.25 1 1)" },
                      bare = { "strong",
                               "RandomResizedCrop(30), RandomHorizontalFlip(0.5), TrivialAugmentWide(), ToTensor(), "
                               "RandomErasing(0.1)",
                               "Resize(34), CenterCrop(30), ToTensor()" };
    rn_pipeline *like;

    (void)state;
    require_ok(context, rn_pipeline_create(&like, context, "Pad(3), ToTensor(), Normalize(.5 .5 .5, .25 1 1)"));
    require_pair(&halves, 30, 30, like);
    rn_pipeline_destroy(like);
    require_ok(context, rn_pipeline_create(&like, context, "ToTensor()"));
    require_pair(&bare, 30, 30, like);
    rn_pipeline_destroy(like);
}

/* The greatest size and the longest numbers. */
static void the_longest_text_fits(void **state)
{
    rn_pipeline *like, *training, *validation;

    (void)state;
    require_ok(context,
               rn_pipeline_create(&like, context,
                                  "ToTensor(), Normalize(-0.123456789012345 -0.123456789012345 -0.123456789012345, "
                                  "0.123456789012345 0.123456789012345 0.123456789012345)"));
    for (size_t i = 0; rn_pipeline_preset_name(i) != NULL; i++) {
        int32_t height, width;

        require_ok(context,
                   rn_pipeline_preset(&training, &validation, context, rn_pipeline_preset_name(i), 14336, 14336, like));
        assert_memory_equal(rn_pipeline_find(training, RN_TRANSFORM_NORMALIZE)->number,
                            rn_pipeline_find(like, RN_TRANSFORM_NORMALIZE)->number, 6 * sizeof(double));
        rn_pipeline_output_size(validation, &height, &width);
        assert_true(height == width && (height == 0 || height == 14336));
        rn_pipeline_destroy(training);
        rn_pipeline_destroy(validation);
    }
    rn_pipeline_destroy(like);
}

/* The shorter side that the whole photo would have. */
static double scale_of(const rn_pipeline *pipeline)
{
    const rn_transform *const resize = rn_pipeline_find(pipeline, RN_TRANSFORM_RESIZE),
                              *const part = rn_pipeline_find(pipeline, RN_TRANSFORM_RANDOM_RESIZED_CROP);

    if (part != NULL)
        return part->number[0] / sqrt((part->number[RN_RESIZED_SCALE] + part->number[RN_RESIZED_SCALE + 1]) / 2);
    return resize != NULL ? resize->number[0] : 0;
}

static void both_show_photos_at_one_scale(void **state)
{
    rn_pipeline *training, *validation;

    (void)state;
    for (size_t i = 0; rn_pipeline_preset_name(i) != NULL; i++) {
        double a, b;

        require_ok(context,
                   rn_pipeline_preset(&training, &validation, context, rn_pipeline_preset_name(i), 224, 224, NULL));
        a = scale_of(training);
        b = scale_of(validation);
        assert_true(4 * a <= 5 * b && 4 * b <= 5 * a); /* beyond that a trainer warns */
        rn_pipeline_destroy(training);
        rn_pipeline_destroy(validation);
    }
}

static void require_refused(const char *name, int32_t height, int32_t width, rn_status status, const char *reason)
{
    rn_pipeline *training = (rn_pipeline *)(void *)context, *validation = training;

    require_status(context, rn_pipeline_preset(&training, &validation, context, name, height, width, NULL), status);
    assert_true(training == NULL && validation == NULL);
    assert_non_null(strstr(rn_context_message(context), reason));
}

static void what_cannot_be_is_refused(void **state)
{
    rn_pipeline *one = NULL;

    (void)state;
    require_refused("heavy", 224, 224, RN_INVALID_ARGUMENT, "no preset 'heavy' of pipelines, only tutorial, reference");
    require_refused("Tutorial", 224, 224, RN_INVALID_ARGUMENT, "mirrored");
    require_refused(NULL, 224, 224, RN_INVALID_ARGUMENT, "name is NULL");
    require_refused("none", 0, 224, RN_INVALID_ARGUMENT, "0 x 224");
    require_refused("none", 224, 14337, RN_INVALID_ARGUMENT, "1 to 14336");
    require_refused("light", 224, 200, RN_UNSUPPORTED, "square");
    assert_int_equal(rn_pipeline_preset(&one, NULL, context, "none", 8, 8, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_pipeline_preset(NULL, &one, context, "none", 8, 8, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_pipeline_preset(&one, &one, NULL, "none", 8, 8, NULL), RN_INVALID_ARGUMENT);
}

static rn_status make_pair(void *with)
{
    rn_pipeline *training, *validation;
    const rn_status status = rn_pipeline_preset(&training, &validation, with, "tutorial", 32, 32, NULL);

    if (status != RN_OK)
        assert_true(training == NULL && validation == NULL);
    rn_pipeline_destroy(training);
    rn_pipeline_destroy(validation);
    return status;
}

static void every_failed_allocation_is_survived(void **state)
{
    rn_test_allocator allocator;
    rn_context *const with = rn_test_allocator_context(&allocator, 1);

    (void)state;
    rn_test_fail_each(&allocator, make_pair, with, 4);
    rn_context_destroy(with);
    assert_int_equal(allocator.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_stand_for_these_texts),         cmocka_unit_test(sizes_are_the_callers),
        cmocka_unit_test(means_are_those_of_another_pipeline), cmocka_unit_test(the_longest_text_fits),
        cmocka_unit_test(both_show_photos_at_one_scale),       cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests_name("image/preset", tests, make_context, drop_context);
}
