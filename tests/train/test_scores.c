/* SPDX-License-Identifier: MIT */
/* Counts of answers against scikit-learn's (make_scores.py), and what scikit-learn leaves open. */
#include "train/evaluation.h"
#include "train/runs.h"
#include "train/scores.h"

static rn_status read_nothing(rn_sample *sample, size_t index, void *payload)
{
    (void)index;
    (void)payload;
    return rn_sample_fail(sample, RN_IO, "there are no pictures here");
}

static rn_dataset *labelled(rn_context *context, const int64_t *of, size_t count, size_t classes)
{
    static const char *const folders[] = { "a", "b", "c", "d", "e", "f", "g" };
    rn_classes *table;
    rn_dataset *dataset;

    require_ok(context, rn_classes_create(&table, context, folders, NULL, classes));
    require_ok(context, rn_dataset_create(&dataset, context,
                                          RN_OPTIONS(rn_dataset, .classes = table, .count = count, .labels = of,
                                                     .read = read_nothing)));
    rn_classes_destroy(table);
    return dataset;
}

static rn_evaluation_result *counted(rn_context *context, const float *rows, const int64_t *of, size_t count,
                                     size_t classes)
{
    rn_dataset *const dataset = labelled(context, of, count, classes);
    rn_evaluation_result *result;

    require_ok(context, rn_result_begin(&result, dataset, classes, &context->message));
    for (size_t i = 0; i < count; i++)
        rn_result_add(result, i, rows + i * classes);
    require_ok(context, rn_result_finish(result, &context->message));
    rn_dataset_destroy(dataset); /* the result keeps it */
    return result;
}

static void near(double value, double expected)
{
    if (!(fabs(value - expected) <= 1e-12))
        fail_msg("%.17g, not %.17g", value, expected);
}

static void confusions_are_those_of_sklearn(void **state)
{
    rn_context *const context = rn_test_context(1, 0);
    rn_evaluation_result *const result = counted(context, logits, labels, PHOTOS, CLASSES);
    int64_t label, predicted, count, last = -1, sum = 0;

    (void)state;
    for (int64_t l = 0; l < CLASSES; l++)
        for (int64_t p = 0; p < CLASSES; p++)
            assert_int_equal(rn_evaluation_confusion(result, l, p), confusion[l * CLASSES + p]);
    for (size_t i = 0; i < rn_evaluation_cell_count(result); i++) {
        assert_int_equal(rn_evaluation_cell(&label, &predicted, &count, result, i), RN_OK);
        assert_true(label * CLASSES + predicted > last);
        last = label * CLASSES + predicted;
        assert_int_equal(count, confusion[last]);
        sum += count;
    }
    assert_int_equal(sum, PHOTOS);
    assert_int_equal(rn_evaluation_confusion(result, 0, CLASSES), 0);
    assert_int_equal(rn_evaluation_confusion(result, -1, 0), 0);
    assert_int_equal(rn_evaluation_cell(&label, &predicted, &count, result, rn_evaluation_cell_count(result)),
                     RN_INVALID_ARGUMENT);
    rn_evaluation_result_destroy(result);
    rn_context_destroy(context);
}

static void scores_are_those_of_sklearn(void **state)
{
    rn_context *const context = rn_test_context(1, 0);
    rn_evaluation_result *const result = counted(context, logits, labels, PHOTOS, CLASSES);
    rn_class_scores scores = { .struct_size = sizeof scores };

    (void)state;
    for (size_t c = 0; c < CLASSES; c++) {
        assert_int_equal(rn_evaluation_class(&scores, result, c), RN_OK);
        assert_int_equal(scores.support, support[c]);
        assert_int_equal(scores.correct, confusion[c * CLASSES + c]);
        near(scores.precision, precision[c]);
        near(scores.recall, recall[c]);
        near(scores.f1, f1[c]);
    }
    for (int32_t average = RN_AVERAGE_MACRO; average <= RN_AVERAGE_WEIGHTED; average++) {
        const double *const expected = average == RN_AVERAGE_MACRO ? macro : weighted;

        assert_int_equal(rn_evaluation_average(&scores, result, average), RN_OK);
        near(scores.precision, expected[0]);
        near(scores.recall, expected[1]);
        near(scores.f1, expected[2]);
        assert_int_equal(scores.support, PHOTOS);
        assert_int_equal(scores.predicted, PHOTOS);
    }
    for (int64_t k = 1; k < CLASSES; k++)
        near(rn_evaluation_top(result, k), top[k - 1]);
    near(rn_evaluation_top(result, INT64_MAX), 1);
    assert_true(isnan(rn_evaluation_top(result, 0)));
    rn_evaluation_result_destroy(result);
    rn_context_destroy(context);
}

static void photos_have_their_probabilities_and_mistakes_their_order(void **state)
{
    rn_context *const context = rn_test_context(1, 0);
    rn_evaluation_result *const result = counted(context, logits, labels, PHOTOS, CLASSES);
    rn_evaluated_photo photo = { .struct_size = sizeof photo };
    double last = 1;
    size_t wrong = 0;

    (void)state;
    for (size_t i = 0; i < PHOTOS; i++) {
        assert_int_equal(rn_evaluation_photo(&photo, result, i), RN_OK);
        assert_int_equal(photo.label, labels[i]);
        near(photo.probability, probability[i]);
        near(photo.label_probability, label_probability[i]);
        assert_int_equal(photo.rank == 0, photo.predicted == photo.label);
        assert_int_equal(photo.skipped, 0);
        wrong += photo.rank != 0;
    }
    assert_int_equal(rn_evaluation_mistake_count(result), wrong);
    for (size_t i = 0; i < wrong; i++) {
        const size_t index = rn_evaluation_mistake(result, i);

        assert_int_equal(rn_evaluation_photo(&photo, result, index), RN_OK);
        assert_true(photo.predicted != photo.label && photo.probability <= last);
        last = photo.probability;
    }
    assert_true(rn_evaluation_mistake(result, wrong) == SIZE_MAX);
    rn_evaluation_result_destroy(result);
    rn_context_destroy(context);
}

static void equals_and_what_is_no_number(void **state)
{
    const float rows[] = {
        1,         1,        1,  /* of equals the first is the answer */
        NAN,       1,        2,  /* no answer */
        0,         INFINITY, 0,  /* sure, and wrong */
        0,         0,        0,  /* skipped below */
        -INFINITY, 0,        -1, /* a probability of 0 */
        2,         2,        1,  /* as sure as the first one's answer would be, were it wrong */
    };
    const int64_t of[] = { 2, 1, 0, 0, 0, 1 };
    rn_context *const context = rn_test_context(1, 0);
    rn_dataset *const dataset = labelled(context, of, 6, 3);
    rn_evaluated_photo photo = { .struct_size = sizeof photo };
    rn_evaluation_result *result;

    (void)state;
    require_ok(context, rn_result_begin(&result, dataset, 3, &context->message));
    for (size_t i = 0; i < 6; i++)
        if (i != 3)
            rn_result_add(result, i, rows + 3 * i);
    require_ok(context, rn_result_finish(result, &context->message));
    assert_int_equal(rn_evaluation_photo(&photo, result, 0), RN_OK);
    assert_int_equal(photo.predicted, 0);
    assert_int_equal(photo.rank, 2);
    near(photo.probability, 1.0 / 3);
    assert_int_equal(rn_evaluation_photo(&photo, result, 1), RN_OK);
    assert_int_equal(photo.predicted, -1);
    assert_int_equal(photo.rank, -1);
    assert_true(isnan(photo.probability) && isnan(photo.label_probability));
    assert_int_equal(rn_evaluation_photo(&photo, result, 2), RN_OK);
    assert_true(photo.probability == 1 && photo.label_probability == 0);
    assert_int_equal(rn_evaluation_photo(&photo, result, 3), RN_OK);
    assert_int_equal(photo.skipped, 1);
    assert_int_equal(photo.predicted, -1);
    assert_int_equal(rn_evaluation_photo(&photo, result, 4), RN_OK);
    assert_true(photo.label_probability == 0);
    assert_int_equal(rn_evaluation_confusion(result, 1, -1), 1);
    assert_int_equal(rn_evaluation_mistake_count(result), 4);
    assert_int_equal(rn_evaluation_mistake(result, 0), 2);
    near(rn_evaluation_top(result, 1), 0);
    near(rn_evaluation_top(result, 2), 0.4);
    near(rn_evaluation_top(result, 3), 0.8);
    rn_evaluation_result_destroy(result);
    rn_dataset_destroy(dataset);
    rn_context_destroy(context);
}

static void wrong_arguments_are_refused_and_older_structs_served(void **state)
{
    rn_context *const context = rn_test_context(1, 0);
    rn_evaluation_result *const result = counted(context, logits, labels, PHOTOS, CLASSES);
    rn_evaluated_photo photo = { .struct_size = offsetof(rn_evaluated_photo, rank), .rank = 77 };
    rn_class_scores scores = { 0 };

    (void)state;
    assert_int_equal(rn_evaluation_photo(&photo, result, 0), RN_OK);
    assert_int_equal(photo.struct_size, offsetof(rn_evaluated_photo, rank));
    assert_int_equal(photo.label, labels[0]);
    assert_int_equal(photo.rank, 77);
    assert_int_equal(rn_evaluation_photo(&photo, result, PHOTOS), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_evaluation_photo(&photo, NULL, 0), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_evaluation_photo(NULL, result, 0), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_evaluation_class(&scores, result, 0), RN_INVALID_ARGUMENT); /* no struct_size */
    scores.struct_size = sizeof scores;
    assert_int_equal(rn_evaluation_class(&scores, result, CLASSES), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_evaluation_average(&scores, result, 2), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_evaluation_average(&scores, NULL, 0), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_evaluation_mistake_count(NULL), 0);
    assert_null(rn_evaluation_dataset(NULL));
    assert_int_equal(rn_dataset_count(rn_evaluation_dataset(result)), PHOTOS);
    rn_evaluation_result_destroy(NULL);
    rn_evaluation_result_destroy(result);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(confusions_are_those_of_sklearn),
        cmocka_unit_test(scores_are_those_of_sklearn),
        cmocka_unit_test(photos_have_their_probabilities_and_mistakes_their_order),
        cmocka_unit_test(equals_and_what_is_no_number),
        cmocka_unit_test(wrong_arguments_are_refused_and_older_structs_served),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
