/* SPDX-License-Identifier: MIT */
#include "train/runs.h"
#include "train/train.h"

#include <sys/stat.h>
#include <unistd.h>

static void weights_have_an_id_that_any_element_changes(void **state)
{
    const char *photos = *state;
    rn_test_run run = rn_test_run_open(photos, 1);
    rn_parameters *parameters = rn_model_parameters(run.model);
    const uint64_t id = rn_weights_id(run.model);

    assert_true(rn_weights_id(run.model) == id);
    for (size_t i = 0; i < rn_parameters_count(parameters); i++) {
        const rn_tensor *value = rn_parameters_value(parameters, i);
        rn_tensor *changed = NULL, *kept = NULL;
        int64_t at[RN_MAX_RANK] = { 0 };
        double element;

        for (int32_t d = 0; d < rn_tensor_rank(value); d++)
            at[d] = rn_tensor_shape(value)[d] - 1;
        require_ok(run.context, rn_tensor_convert(&changed, value, rn_tensor_dtype(value), RN_ROW_MAJOR));
        require_ok(run.context, rn_tensor_convert(&kept, value, rn_tensor_dtype(value), RN_ROW_MAJOR));
        require_ok(run.context, rn_tensor_get(changed, at, &element));
        require_ok(run.context, rn_tensor_set(changed, at, element + 1));
        require_ok(run.context, rn_parameters_write(parameters, i, changed));
        assert_true(rn_weights_id(run.model) != id);
        require_ok(run.context, rn_parameters_write(parameters, i, kept));
        assert_true(rn_weights_id(run.model) == id);
        rn_tensor_destroy(kept);
        rn_tensor_destroy(changed);
    }
    rn_test_run_close(&run);
}

static void the_trainable_set_has_an_id(void **state)
{
    rn_test_run run = rn_test_run_open(*state, 1);
    const uint64_t everything = rn_trainable_id(run.model);

    require_ok(run.context, rn_model_freeze_backbone(run.model));
    assert_true(rn_trainable_id(run.model) != everything);
    require_ok(run.context, rn_model_unfreeze(run.model, "*"));
    assert_true(rn_trainable_id(run.model) == everything);
    rn_test_run_close(&run);
}

static uint64_t photos_id(rn_context *context, const char *folder)
{
    rn_dataset *dataset = NULL;
    uint64_t id;

    require_ok(context, rn_image_folder_open(&dataset, context, folder, NULL));
    id = rn_photos_id(dataset);
    rn_dataset_destroy(dataset);
    return id;
}

static void photos_have_an_id_that_does_not_depend_on_where_they_lie(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    const char *here = rn_test_photo_directory(), *there = rn_test_photo_directory();
    const char *folder = rn_test_path(here, "train"), *other = rn_test_path(there, "train");
    uint64_t id;

    (void)state;
    id = photos_id(context, folder);
    assert_true(photos_id(context, other) == id);
    assert_true(photos_id(context, rn_test_path(here, "valid")) != id);
    assert_int_equal(rename(rn_test_path(other, "class1/train_000.bmp"), rn_test_path(other, "class1/train_0000.bmp")),
                     0);
    assert_true(photos_id(context, other) != id);
    assert_int_equal(
        rename(rn_test_path(folder, "class1/train_006.bmp"), rn_test_path(folder, "class2/train_0060.bmp")), 0);
    assert_true(photos_id(context, folder) != id);
    rn_context_destroy(context);
}

static void class_tables_are_compared_by_folder(void **state)
{
    static const char *const folders[] = { "a", "b", "c" }, *const others[] = { "a", "x", "c" },
                             *const names[] = { "1", "2", "3" };
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_classes *table = NULL, *other = NULL, *named = NULL, *shorter = NULL;
    rn_message message;

    (void)state;
    require_ok(context, rn_classes_create(&table, context, folders, NULL, 3));
    require_ok(context, rn_classes_create(&other, context, others, NULL, 3));
    require_ok(context, rn_classes_create(&named, context, folders, names, 3));
    require_ok(context, rn_classes_create(&shorter, context, folders, NULL, 2));
    assert_int_equal(rn_same_classes(table, named, "training", &message), RN_OK);
    assert_int_equal(rn_same_classes(table, shorter, "training", &message), RN_SHAPE);
    assert_int_equal(rn_same_classes(table, other, "training", &message), RN_SHAPE);
    assert_non_null(strstr(message.text, "\"x\""));
    assert_non_null(strstr(message.text, "training"));
    rn_classes_destroy(shorter);
    rn_classes_destroy(named);
    rn_classes_destroy(other);
    rn_classes_destroy(table);
    rn_context_destroy(context);
}

static int make_photos(void **state)
{
    *state = (void *)rn_test_photo_directory();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_have_an_id_that_any_element_changes),
        cmocka_unit_test(the_trainable_set_has_an_id),
        cmocka_unit_test(photos_have_an_id_that_does_not_depend_on_where_they_lie),
        cmocka_unit_test(class_tables_are_compared_by_folder),
    };

    return cmocka_run_group_tests(tests, make_photos, NULL);
}
