/* SPDX-License-Identifier: MIT */
#include "train/runs.h"

static const char *photos;

enum { COUNT = RUN_CLASSES * RUN_VALID };

static int make_photos(void **state)
{
    (void)state;
    photos = rn_test_photo_directory();
    return 0;
}

static void loss_and_accuracy_are_those_of_the_logits(void **state)
{
    rn_test_run run = rn_test_run_open(photos, 1);
    rn_evaluation answer = { .struct_size = sizeof answer };
    float logits[COUNT * RUN_CLASSES];
    double loss = 0;
    int right = 0;

    (void)state;
    require_ok(run.context, rn_evaluate(&answer, run.model, run.valid,
                                        RN_OPTIONS(rn_evaluate, .logits = logits, .logits_count = COUNT * RUN_CLASSES,
                                                   .batch_size = 5)));
    for (int i = 0; i < COUNT; i++) {
        const float *row = logits + i * RUN_CLASSES;
        const int64_t label = rn_dataset_label(run.valid, (size_t)i);
        double sum = 0;
        int best = 0;

        for (int c = 0; c < RUN_CLASSES; c++) {
            sum += exp(row[c]);
            best = row[c] > row[best] ? c : best;
        }
        loss += log(sum) - row[label];
        right += best == label;
    }
    assert_int_equal(answer.count, COUNT);
    assert_int_equal(answer.skipped, 0);
    assert_true(answer.accuracy == (double)right / COUNT);
    assert_true(fabs(answer.loss - loss / COUNT) < 1e-6); /* float logits of order 1 */
    rn_test_run_close(&run);
}

static void the_batch_size_does_not_matter(void **state)
{
    rn_test_run run = rn_test_run_open(photos, 1);
    float one[COUNT * RUN_CLASSES], all[COUNT * RUN_CLASSES];
    rn_evaluation answer = { .struct_size = sizeof answer };

    (void)state;
    require_ok(run.context, rn_evaluate(&answer, run.model, run.valid,
                                        RN_OPTIONS(rn_evaluate, .logits = one, .logits_count = COUNT * RUN_CLASSES,
                                                   .batch_size = 1)));
    require_ok(run.context, rn_evaluate(&answer, run.model, run.valid,
                                        RN_OPTIONS(rn_evaluate, .logits = all, .logits_count = COUNT * RUN_CLASSES,
                                                   .batch_size = COUNT)));
    assert_memory_equal(one, all, sizeof one);
    rn_test_run_close(&run);
}

static void a_photo_that_does_not_decode_fails_or_is_skipped(void **state)
{
    const char *mine = rn_test_photo_directory();
    rn_test_run run;
    rn_evaluation answer = { .struct_size = sizeof answer };
    float logits[COUNT * RUN_CLASSES];

    (void)state;
    rn_test_write_file(rn_test_path(mine, "valid/class1/valid_001.bmp"), "BM", 2);
    run = rn_test_run_open(mine, 1);
    require_status(run.context, rn_evaluate(&answer, run.model, run.valid, NULL), RN_FORMAT);
    assert_non_null(strstr(rn_context_message(run.context), "valid_001.bmp"));
    require_ok(run.context, rn_evaluate(&answer, run.model, run.valid,
                                        RN_OPTIONS(rn_evaluate, .logits = logits, .logits_count = COUNT * RUN_CLASSES,
                                                   .bad_photos = RN_BAD_PHOTO_IS_SKIPPED)));
    assert_int_equal(answer.count, COUNT - 1);
    assert_int_equal(answer.skipped, 1);
    for (int i = 0; i < COUNT * RUN_CLASSES; i++)
        assert_int_equal(isnan(logits[i]) != 0, i / RUN_CLASSES == RUN_VALID + 1);
    rn_test_run_close(&run);
}

static void what_does_not_fit_is_refused(void **state)
{
    const char *more = rn_test_directory();
    rn_test_run run = rn_test_run_open(photos, 1);
    rn_evaluation answer = { .struct_size = sizeof answer };
    rn_evaluation_result *result = (rn_evaluation_result *)(void *)&answer; /* what a variable happened to hold */
    rn_dataset *four = NULL;
    float logits[1];

    (void)state;
    rn_test_photos(more, "valid", RUN_CLASSES + 1, 1, RUN_SIDE, 1);
    require_ok(run.context, rn_image_folder_open(&four, run.context, rn_test_path(more, "valid"), NULL));
    require_status(run.context, rn_evaluate(&answer, run.model, four, NULL), RN_SHAPE);
    require_status(
        run.context,
        rn_evaluate(&answer, run.model, run.valid, RN_OPTIONS(rn_evaluate, .logits = logits, .logits_count = 1)),
        RN_SHAPE);
    require_status(run.context,
                   rn_evaluate(&answer, run.model, run.valid, RN_OPTIONS(rn_evaluate, .batch_size = INT32_MAX)),
                   RN_INVALID_ARGUMENT);
    assert_int_equal(rn_evaluate(&answer, NULL, run.valid, NULL), RN_INVALID_ARGUMENT);
    require_status(run.context, rn_evaluate(NULL, run.model, run.valid, NULL), RN_INVALID_ARGUMENT);
    require_status(run.context, rn_evaluate(&answer, run.model, NULL, RN_OPTIONS(rn_evaluate, .result = &result)),
                   RN_INVALID_ARGUMENT);
    assert_null(result);
    answer.struct_size = 0;
    require_status(run.context, rn_evaluate(&answer, run.model, run.valid, NULL), RN_INVALID_ARGUMENT);
    rn_dataset_destroy(four);
    rn_test_run_close(&run);
}

static void an_older_struct_gets_what_it_has_room_for(void **state)
{
    rn_test_run run = rn_test_run_open(photos, 1);
    rn_evaluation answer = { .struct_size = offsetof(rn_evaluation, count), .count = 77, .skipped = 78 };

    (void)state;
    require_ok(run.context, rn_evaluate(&answer, run.model, run.valid, NULL));
    assert_true(answer.accuracy >= 0 && answer.loss > 0);
    assert_int_equal(answer.count, 77);
    assert_int_equal(answer.skipped, 78);
    rn_test_run_close(&run);
}

typedef struct looks {
    size_t done[8], count;
    int calls, cancel_at;
} looks;

static int32_t look(size_t done, size_t count, void *payload)
{
    looks *const l = payload;

    assert_true(l->calls < 8);
    l->done[l->calls] = done;
    l->count = count;
    return l->calls++ == l->cancel_at;
}

/* After every batch; photos that are skipped count as looked at. */
static void the_caller_sees_how_far_it_is_and_may_cancel(void **state)
{
    const char *const mine = rn_test_photo_directory();
    rn_evaluation answer = { .struct_size = sizeof answer };
    rn_evaluation_result *result;
    looks l = { .cancel_at = -1 };
    rn_test_run run;

    (void)state;
    rn_test_write_file(rn_test_path(mine, "valid/class2/zz.bmp"), "BM", 2);
    run = rn_test_run_open(mine, 1);
    require_ok(run.context, rn_evaluate(&answer, run.model, run.valid,
                                        RN_OPTIONS(rn_evaluate, .batch_size = 5, .progress = look, .payload = &l,
                                                   .bad_photos = RN_BAD_PHOTO_IS_SKIPPED)));
    assert_int_equal(l.calls, 3);
    assert_int_equal(l.count, COUNT + 1);
    assert_int_equal(l.done[0], 5);
    assert_int_equal(l.done[1], 10);
    assert_int_equal(l.done[2], COUNT + 1);
    l = (looks){ .cancel_at = 1 };
    require_status(
        run.context,
        rn_evaluate(&answer, run.model, run.valid,
                    RN_OPTIONS(rn_evaluate, .batch_size = 5, .progress = look, .payload = &l, .result = &result)),
        RN_CANCELLED);
    assert_int_equal(l.calls, 2);
    assert_null(result);
    assert_non_null(strstr(rn_context_message(run.context), "after 10 of 13 photos"));
    rn_test_run_close(&run);
}

static void every_allocation_may_fail(void **state)
{
    rn_test_allocator allocator = { .fail_at = -1 };
    rn_test_run run = { 0 };
    rn_evaluation answer = { .struct_size = sizeof answer };
    rn_status status = RN_NO_MEMORY;
    long live, sweep = 0;

    (void)state;
    assert_int_equal(
        rn_context_create(&run.context, RN_OPTIONS(rn_context, .threads = 1, .allocate = rn_test_allocate,
                                                   .release = rn_test_release, .allocator_payload = &allocator)),
        RN_OK);
    require_ok(run.context, rn_image_folder_open(&run.valid, run.context, rn_test_path(photos, "valid"), NULL));
    run.model = rn_test_network(run.context, rn_dataset_classes(run.valid), 5);
    live = allocator.live;
    for (; status == RN_NO_MEMORY; sweep++) {
        allocator.calls = 0;
        allocator.fail_at = sweep;
        status = rn_evaluate(&answer, run.model, run.valid, NULL);
        assert_int_equal(allocator.live, live);
    }
    assert_int_equal(status, RN_OK);
    assert_true(sweep > 10);
    allocator.fail_at = -1;
    rn_test_run_close(&run);
    assert_int_equal(allocator.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_and_accuracy_are_those_of_the_logits),
        cmocka_unit_test(the_batch_size_does_not_matter),
        cmocka_unit_test(a_photo_that_does_not_decode_fails_or_is_skipped),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(an_older_struct_gets_what_it_has_room_for),
        cmocka_unit_test(the_caller_sees_how_far_it_is_and_may_cancel),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, make_photos, NULL);
}
