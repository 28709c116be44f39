/* SPDX-License-Identifier: MIT */
/* Counts of classes, and scikit-learn's balanced weights. */
#include "data/folders.h"
#include "support/one_context.h"

/* Folders a, b, c with 1, 4 and 3 files. */
static const char *make_classes(void)
{
    static const char names[] = "abbbbccc";
    const char *const root = rn_test_directory();

    for (size_t i = 0; i < sizeof names - 1; i++) {
        char name[32];

        snprintf(name, sizeof name, "%c/%zu.jpg", names[i], i);
        write_text(root, name, "");
    }
    return root;
}

/* n_samples / (n_classes * np.bincount(y)), as scikit-learn's page of compute_class_weight has it: of eight samples in
 * three classes 8 / (3 * 1), 8 / (3 * 4), 8 / (3 * 3). */
static void weights_are_those_of_scikit_learn(void **state)
{
    static const double expected[] = { 2.66666667, 0.66666667, 0.88888889 };
    rn_dataset *const dataset = open_folder(context, make_classes());
    rn_tensor *weights;
    size_t counts[3];

    (void)state;
    require_ok(context, rn_dataset_class_counts(counts, 3, dataset));
    assert_true(counts[0] == 1 && counts[1] == 4 && counts[2] == 3);
    require_ok(context, rn_dataset_class_weights(&weights, dataset));
    assert_int_equal(rn_tensor_dtype(weights), RN_FLOAT32);
    assert_int_equal(rn_tensor_rank(weights), 1);
    assert_int_equal(rn_tensor_count(weights), 3);
    for (int64_t i = 0; i < 3; i++) {
        double weight;

        require_ok(context, rn_tensor_get(weights, &i, &weight));
        assert_true(fabs(weight - expected[i]) < 1e-7);
    }
    rn_tensor_destroy(weights);
    rn_dataset_destroy(dataset);
}

static void a_class_without_a_sample_has_no_weight(void **state)
{
    rn_dataset *const whole = open_folder(context, make_classes());
    rn_dataset *part;
    rn_tensor *weights = (rn_tensor *)(void *)context;
    size_t counts[3];

    (void)state;
    require_ok(context, rn_dataset_subset(&part, whole, (const size_t[]){ 0, 5, 6 }, 3));
    require_ok(context, rn_dataset_class_counts(counts, 3, part));
    assert_true(counts[0] == 1 && counts[1] == 0 && counts[2] == 2);
    require_status(context, rn_dataset_class_weights(&weights, part), RN_SHAPE);
    assert_null(weights);
    assert_non_null(strstr(rn_context_message(context), "class 1, b, has no sample"));
    rn_dataset_destroy(part);
    rn_dataset_destroy(whole);
}

static void arguments_are_checked(void **state)
{
    rn_dataset *const dataset = open_folder(context, make_classes());
    rn_tensor *weights;
    size_t counts[4];

    (void)state;
    require_status(context, rn_dataset_class_counts(counts, 4, dataset), RN_SHAPE);
    require_status(context, rn_dataset_class_counts(counts, 2, dataset), RN_SHAPE);
    assert_int_equal(rn_dataset_class_counts(NULL, 3, dataset), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_dataset_class_counts(counts, 3, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_dataset_class_weights(NULL, dataset), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_dataset_class_weights(&weights, NULL), RN_INVALID_ARGUMENT);
    assert_null(weights);
    rn_dataset_destroy(dataset);
}

static rn_status make_weights(void *payload)
{
    rn_tensor *weights;
    const rn_status status = rn_dataset_class_weights(&weights, payload);

    assert_true((weights == NULL) == (status != RN_OK));
    rn_tensor_destroy(weights);
    return status;
}

static void every_failed_allocation_is_survived(void **state)
{
    rn_test_allocator allocator;
    rn_context *const own = rn_test_allocator_context(&allocator, 1);
    rn_dataset *const dataset = open_folder(own, make_classes());

    (void)state;
    rn_test_fail_each(&allocator, make_weights, dataset, 3);
    rn_dataset_destroy(dataset);
    rn_context_destroy(own);
    assert_int_equal(allocator.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_those_of_scikit_learn),
        cmocka_unit_test(a_class_without_a_sample_has_no_weight),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
