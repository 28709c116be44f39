/* SPDX-License-Identifier: MIT */
/* What rn_trainer_create warns of, and what it does not. */
#include "train/runs.h"

/* Creates a trainer over the photos below the two folders; the warnings that came of it. */
static rn_test_warnings create(const char *train_folder, const char *valid_folder, const char *training_pipeline)
{
    rn_dataset *train = NULL, *valid = NULL;
    rn_trainer *trainer = NULL;
    rn_context *context = NULL;
    rn_test_warnings said = { 0 };
    rn_model *model;

    require_ok(NULL, rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 1, .log = rn_test_note_warning,
                                                            .log_payload = &said)));
    require_ok(context, rn_image_folder_open(&train, context, train_folder, NULL));
    require_ok(context, rn_image_folder_open(&valid, context, valid_folder, NULL));
    model = rn_test_network(context, rn_dataset_classes(train), 1);
    if (training_pipeline != NULL)
        require_ok(context, rn_model_set_training_pipeline(model, training_pipeline));
    require_ok(context, rn_trainer_create(&trainer, model, train, valid, NULL));
    rn_trainer_destroy(trainer);
    rn_model_destroy(model);
    rn_dataset_destroy(train);
    rn_dataset_destroy(valid);
    rn_context_destroy(context);
    return said;
}

static void require_warning(rn_test_warnings said, const char *text)
{
    if (said.count != 1 || strstr(said.last, text) == NULL)
        fail_msg("%d warnings, the last of them \"%s\"; expected one: \"%s\"", said.count, said.last, text);
}

static const char *part(const char *photos, const char *name)
{
    return rn_test_path(photos, name);
}

/* All photos have one size in bytes, and none is another. */
static void a_fit_training_is_not_warned_of(void **state)
{
    const char *const photos = rn_test_photo_directory();

    (void)state;
    assert_int_equal(create(part(photos, "train"), part(photos, "valid"), NULL).count, 0);
}

static void one_class_is_warned_of(void **state)
{
    const char *const photos = rn_test_directory();

    (void)state;
    rn_test_photos(photos, "train", 1, 5, RUN_SIDE, 1);
    rn_test_photos(photos, "valid", 1, 4, RUN_SIDE, 2);
    require_warning(create(part(photos, "train"), part(photos, "valid"), NULL), "one class only (class0)");
}

static void the_same_photos_are_warned_of(void **state)
{
    const char *const photos = rn_test_photo_directory();
    const char *const original = rn_test_path(photos, "train/class1/train_002.bmp"), *const copy = rn_test_path(
                                                                                         photos,
                                                                                         "valid/class1/copy.bmp");
    size_t size;
    char *bytes;

    (void)state;
    rn_test_copy_file(copy, original);
    require_warning(create(part(photos, "train"), part(photos, "valid"), NULL),
                    "1 of 13 validation photos are training photos, too");
    /* The ends agree, as those of pictures with a white border may, and something else does not. */
    bytes = rn_test_file(original, &size);
    bytes[60] ^= 1;
    rn_test_write_file(copy, bytes, size);
    free(bytes);
    assert_int_equal(create(part(photos, "train"), part(photos, "valid"), NULL).count, 0);
    require_warning(create(part(photos, "train"), part(photos, "train"), NULL),
                    "21 of 21 validation photos are training photos, too");
}

/* Pictures whose last 4096 bytes are the same: only the whole tells them apart. */
static void large_photos_are_read_whole(void **state)
{
    const char *const photos = rn_test_photo_directory();
    const char *const train = rn_test_path(photos, "train/class0/z.bmp"), *const valid = rn_test_path(
                                                                              photos, "valid/class0/z.bmp");
    char *const bytes = calloc(1, 30000);

    (void)state;
    assert_non_null(bytes);
    rn_test_write_file(train, bytes, 30000);
    bytes[20000] = 1;
    rn_test_write_file(valid, bytes, 30000);
    assert_int_equal(create(part(photos, "train"), part(photos, "valid"), NULL).count, 0);
    bytes[20000] = 0;
    rn_test_write_file(valid, bytes, 30000);
    require_warning(create(part(photos, "train"), part(photos, "valid"), NULL), "1 of 13 validation");
    free(bytes);
}

static void classes_of_few_photos_are_warned_of(void **state)
{
    const char *const photos = rn_test_directory();

    (void)state;
    rn_test_photos(photos, "train", 10, 4, RUN_SIDE, 1);
    rn_test_photos(photos, "valid", 10, 1, RUN_SIDE, 2);
    require_warning(create(part(photos, "train"), part(photos, "valid"), NULL),
                    "10 of 10 classes have fewer than 5 training photos (class0: 4, class1: 4, ");
    require_warning(create(part(photos, "train"), part(photos, "valid"), NULL), "class7: 4, ...): they are");
    rn_test_photos(photos, "train", 9, 5, RUN_SIDE, 1);
    require_warning(create(part(photos, "train"), part(photos, "valid"), NULL),
                    "1 of 10 classes have fewer than 5 training photos (class9: 4): they are");
    rn_test_photos(photos, "train", 10, 5, RUN_SIDE, 1);
    assert_int_equal(create(part(photos, "train"), part(photos, "valid"), NULL).count, 0);
}

static void a_training_pipeline_without_a_resize_is_warned_of(void **state)
{
    const char *photos = rn_test_directory();

    (void)state;
    rn_test_photos(photos, "train", 2, 5, 17, 1);
    rn_test_photos(photos, "valid", 2, 5, 17, 2);
    require_warning(create(part(photos, "train"), part(photos, "valid"), "CenterCrop(8), ToTensor()"),
                    "the training pipeline resizes no photo (\"CenterCrop(8), ToTensor()\"): of ");
    require_warning(create(part(photos, "train"), part(photos, "valid"), "CenterCrop(8), ToTensor()"),
                    "whose shorter side has 17 pixels, the network sees 8 x 8.");
    photos = rn_test_photo_directory(); /* of 8 x 8: there is nothing to resize */
    assert_int_equal(create(part(photos, "train"), part(photos, "valid"), "CenterCrop(8), ToTensor()").count, 0);
}

static void another_scale_is_warned_of(void **state)
{
    const char *const photos = rn_test_photo_directory(), *const train = part(photos, "train"),
                      *const valid = part(photos, "valid");

    (void)state;
    require_warning(create(train, valid, "Resize(16), CenterCrop(8), ToTensor()"), "at another scale");
    require_warning(create(train, valid, "Resize(8, 16), Resize(12), CenterCrop(8), ToTensor()"), "at another scale");
    assert_int_equal(create(train, valid, "Resize(8, 10), CenterCrop(8), ToTensor()").count, 0);
    assert_int_equal(create(train, valid, "Resize(10, 9), CenterCrop(8), ToTensor()").count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fit_training_is_not_warned_of),
        cmocka_unit_test(one_class_is_warned_of),
        cmocka_unit_test(the_same_photos_are_warned_of),
        cmocka_unit_test(large_photos_are_read_whole),
        cmocka_unit_test(classes_of_few_photos_are_warned_of),
        cmocka_unit_test(a_training_pipeline_without_a_resize_is_warned_of),
        cmocka_unit_test(another_scale_is_warned_of),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
