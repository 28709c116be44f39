/* SPDX-License-Identifier: MIT */
#include "support/support.h"
#include "train/train.h"

static rn_tensor *tensor_of(rn_context *context, rn_dtype dtype, int32_t rank, const int64_t *shape, const void *data,
                            size_t size)
{
    rn_tensor *tensor = NULL;

    require_ok(context, rn_tensor_create(&tensor, context, dtype, rank, shape, RN_ROW_MAJOR));
    require_ok(context, rn_tensor_write(tensor, dtype, data, size));
    return tensor;
}

static void nothing_counted_is_not_a_number(void **state)
{
    const rn_metrics none = { 0 };

    (void)state;
    assert_true(isnan(rn_metrics_loss(&none)));
    assert_true(isnan(rn_metrics_accuracy(&none)));
}

static void batches_weigh_what_they_hold(void **state)
{
    static const float three[] = { 1, 2, 0, 5, 4, 3, 0, 0, 1 }, one[] = { 0, 0, 7 };
    static const int64_t labels_of_three[] = { 1, 2, 2 }, label_of_one[] = { 2 };
    const int64_t shape[] = { 3, 3 }, single[] = { 1, 3 };
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_tensor *logits = tensor_of(context, RN_FLOAT32, 2, shape, three, sizeof three);
    rn_tensor *labels = tensor_of(context, RN_INT64, 1, shape, labels_of_three, sizeof labels_of_three);
    rn_tensor *last_logits = tensor_of(context, RN_FLOAT32, 2, single, one, sizeof one);
    rn_tensor *last_labels = tensor_of(context, RN_INT64, 1, single, label_of_one, sizeof label_of_one);
    rn_metrics metrics = { 0 };

    (void)state;
    rn_metrics_add(&metrics, 0.5, logits, labels);
    assert_int_equal(metrics.correct, 2);
    rn_metrics_add(&metrics, 2.5, last_logits, last_labels);
    assert_int_equal(metrics.count, 4);
    assert_true(rn_metrics_loss(&metrics) == (3 * 0.5 + 2.5) / 4);
    assert_true(rn_metrics_accuracy(&metrics) == 0.75);
    rn_tensor_destroy(last_labels);
    rn_tensor_destroy(last_logits);
    rn_tensor_destroy(labels);
    rn_tensor_destroy(logits);
    rn_context_destroy(context);
}

static void the_first_of_equal_logits_is_the_answer_and_nan_is_none(void **state)
{
    static const float rows[] = { 1, 1, 0, NAN, 2, 0, 0, NAN, 0 };
    static const int64_t right[] = { 0, 1, 0 };
    const int64_t shape[] = { 3, 3 };
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_tensor *logits = tensor_of(context, RN_FLOAT32, 2, shape, rows, sizeof rows);
    rn_tensor *labels = tensor_of(context, RN_INT64, 1, shape, right, sizeof right);
    rn_metrics metrics = { 0 };

    (void)state;
    rn_metrics_add(&metrics, 1, logits, labels);
    assert_int_equal(metrics.correct, 1);
    rn_tensor_destroy(labels);
    rn_tensor_destroy(logits);
    rn_context_destroy(context);
}

static void strides_of_the_logits_are_followed(void **state)
{
    static const float columns[] = { 0, 9, 5, 1 }; /* rows (0, 5) and (9, 1) */
    static const int64_t right[] = { 1, 0 };
    const int64_t shape[] = { 2, 2 }, strides[] = { 1, 2 };
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_tensor *labels = tensor_of(context, RN_INT64, 1, shape, right, sizeof right), *logits = NULL;
    rn_storage *storage = NULL;
    rn_metrics metrics = { 0 };

    (void)state;
    require_ok(context, rn_storage_create(&storage, context, (void *)columns, NULL, NULL));
    require_ok(context, rn_tensor_over(&logits, storage, (void *)columns, RN_FLOAT32, 2, shape, strides, RN_ROW_MAJOR));
    rn_metrics_add(&metrics, 1, logits, labels);
    assert_int_equal(metrics.correct, 2);
    rn_tensor_destroy(logits);
    rn_storage_release(storage);
    rn_tensor_destroy(labels);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_counted_is_not_a_number),
        cmocka_unit_test(batches_weigh_what_they_hold),
        cmocka_unit_test(the_first_of_equal_logits_is_the_answer_and_nan_is_none),
        cmocka_unit_test(strides_of_the_logits_are_followed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
