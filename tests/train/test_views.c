/* SPDX-License-Identifier: MIT */
/* Evaluations of several views, against each view taken by hand through the public calls. */
#include "train/runs.h"

static const char *photos;

enum { COUNT = RUN_CLASSES * RUN_VALID, NUMBERS = COUNT * RUN_CLASSES };

static const char random_text[] =
    "RandomResizedCrop(8), RandomHorizontalFlip(0.5), ToTensor(), Normalize(0.4 0.4 0.4, 0.2 0.2 0.2)";

static int make_photos(void **state)
{
    (void)state;
    photos = rn_test_photo_directory();
    return 0;
}

/* Adds the probabilities of one view of a photo, mirrored by hand or not. */
static void add_view(double *sum, rn_test_run *run, rn_session *session, const rn_pipeline *pipeline, size_t index,
                     uint64_t seed, uint64_t epoch, int mirrored)
{
    rn_image *image;
    rn_tensor *view, *other, *batch;
    rn_predictions *predictions;

    require_ok(run->context, rn_image_read(&image, run->context, rn_dataset_path(run->valid, index), NULL));
    require_ok(run->context, rn_pipeline_apply(&view, run->context, pipeline, image, &(rn_draw){ seed, epoch, index }));
    require_ok(run->context, rn_tensor_convert(&other, view, RN_FLOAT32, RN_ROW_MAJOR));
    for (int64_t c = 0; mirrored && c < 3; c++)
        for (int64_t y = 0; y < RUN_SIDE; y++)
            for (int64_t x = 0; x < RUN_SIDE; x++) {
                double value;

                require_ok(run->context, rn_tensor_get(view, (int64_t[]){ c, y, RUN_SIDE - 1 - x }, &value));
                require_ok(run->context, rn_tensor_set(other, (int64_t[]){ c, y, x }, value));
            }
    require_ok(run->context, rn_tensor_stack(&batch, run->context, (const rn_tensor *const[]){ other }, 1));
    require_ok(run->context, rn_session_predict(&predictions, session, batch, NULL));
    for (size_t rank = 0; rank < RUN_CLASSES; rank++)
        sum[rn_predictions_index(predictions, 0, rank)] += rn_predictions_probability(predictions, 0, rank);
    rn_predictions_destroy(predictions);
    rn_tensor_destroy(batch);
    rn_tensor_destroy(other);
    rn_tensor_destroy(view);
    rn_image_destroy(image);
}

/* What rn_evaluate makes of these options is the mean that is taken here. */
static void same_as_by_hand(const rn_pipeline *pipeline, rn_test_run *run, int32_t draws, int mirror)
{
    rn_evaluation answer = { .struct_size = sizeof answer };
    rn_evaluated_photo photo = { .struct_size = sizeof photo };
    rn_evaluation_result *result;
    rn_session *session;
    float logits[NUMBERS];
    double loss = 0;
    int right = 0;

    require_ok(run->context, rn_session_create(&session, run->context, run->model, NULL));
    require_ok(run->context, rn_evaluate(&answer, run->model, run->valid,
                                         RN_OPTIONS(rn_evaluate, .logits = logits, .logits_count = NUMBERS,
                                                    .batch_size = 5, .result = &result, .pipeline = pipeline,
                                                    .draws = draws, .mirror = mirror, .seed = 9)));
    for (size_t i = 0; i < COUNT; i++) {
        const int64_t label = rn_dataset_label(run->valid, i);
        double sum[RUN_CLASSES] = { 0 };
        int views = 0, best = 0;

        for (int32_t k = 0; k < (draws > 0 ? draws : 1); k++)
            for (int m = 0; m <= mirror; m++, views++)
                add_view(sum, run, session, pipeline, i, 9, (uint64_t)k, m);
        assert_int_equal(rn_evaluation_photo(&photo, result, i), RN_OK);
        for (int c = 0; c < RUN_CLASSES; c++) {
            assert_true(fabs(exp(logits[i * RUN_CLASSES + (size_t)c]) - sum[c] / views) < 1e-6);
            best = sum[c] > sum[best] ? c : best;
        }
        assert_int_equal(photo.predicted, best);
        assert_true(fabs(photo.label_probability - sum[label] / views) < 1e-6);
        loss -= log(sum[label] / views);
        right += best == label;
    }
    assert_true(fabs(answer.loss - loss / COUNT) < 1e-6);
    assert_true(answer.accuracy == (double)right / COUNT);
    assert_true(rn_evaluation_top(result, 1) == answer.accuracy);
    rn_evaluation_result_destroy(result);
    rn_session_destroy(session);
}

static void a_mirror_image_counts_half(void **state)
{
    rn_test_run run = rn_test_run_open(photos, 1);

    (void)state;
    same_as_by_hand(rn_model_pipeline(run.model), &run, 0, 1);
    rn_test_run_close(&run);
}

static void draws_are_those_of_their_number(void **state)
{
    rn_test_run run = rn_test_run_open(photos, 1);
    rn_pipeline *pipeline;

    (void)state;
    require_ok(run.context, rn_pipeline_create(&pipeline, run.context, random_text));
    same_as_by_hand(pipeline, &run, 3, 0);
    same_as_by_hand(pipeline, &run, 2, 1);
    rn_pipeline_destroy(pipeline);
    rn_test_run_close(&run);
}

/* Threads, batches and the dataset's other photos change no bit; other seeds do. */
static void the_same_whatever_runs_beside(void **state)
{
    rn_test_run run = rn_test_run_open(photos, 1);
    rn_evaluation answer = { .struct_size = sizeof answer };
    float one[NUMBERS], all[NUMBERS];

    (void)state;
    require_ok(run.context, rn_evaluate(&answer, run.model, run.valid,
                                        RN_OPTIONS(rn_evaluate, .logits = one, .logits_count = NUMBERS, .batch_size = 1,
                                                   .draws = 4)));
    require_ok(run.context, rn_evaluate(&answer, run.model, run.valid,
                                        RN_OPTIONS(rn_evaluate, .logits = all, .logits_count = NUMBERS,
                                                   .batch_size = COUNT, .draws = 4)));
    assert_memory_equal(one, all, sizeof one);
    require_ok(run.context, rn_evaluate(&answer, run.model, run.valid,
                                        RN_OPTIONS(rn_evaluate, .logits = one, .logits_count = NUMBERS, .batch_size = 1,
                                                   .draws = 4, .seed = 3)));
    assert_memory_not_equal(one, all, sizeof one);
    rn_test_run_close(&run);
}

static void a_result_costs_the_others_no_bit(void **state)
{
    rn_test_run run = rn_test_run_open(photos, 1);
    rn_evaluation plain = { .struct_size = sizeof plain }, rich = plain;
    rn_evaluation_result *result;

    (void)state;
    require_ok(run.context, rn_evaluate(&plain, run.model, run.valid, NULL));
    require_ok(run.context, rn_evaluate(&rich, run.model, run.valid, RN_OPTIONS(rn_evaluate, .result = &result)));
    assert_memory_equal(&plain, &rich, sizeof plain);
    rn_test_run_close(&run); /* the result keeps what it needs */
    assert_true(rn_evaluation_top(result, 1) == plain.accuracy);
    assert_non_null(strstr(rn_dataset_path(rn_evaluation_dataset(result), 0), "valid_000.bmp"));
    rn_evaluation_result_destroy(result);
}

static void skipped_photos_count_nowhere(void **state)
{
    const char *mine = rn_test_photo_directory();
    rn_test_run run;
    rn_evaluation answer = { .struct_size = sizeof answer };
    rn_evaluated_photo photo = { .struct_size = sizeof photo };
    rn_evaluation_result *result;

    (void)state;
    rn_test_write_file(rn_test_path(mine, "valid/class1/valid_001.bmp"), "BM", 2);
    run = rn_test_run_open(mine, 1);
    require_ok(run.context, rn_evaluate(&answer, run.model, run.valid,
                                        RN_OPTIONS(rn_evaluate, .result = &result, .draws = 2,
                                                   .bad_photos = RN_BAD_PHOTO_IS_SKIPPED)));
    assert_int_equal(answer.count, COUNT - 1);
    assert_int_equal(answer.skipped, 1);
    assert_int_equal(rn_evaluation_photo(&photo, result, RUN_VALID + 1), RN_OK);
    assert_int_equal(photo.skipped, 1);
    assert_true(rn_evaluation_top(result, 1) == answer.accuracy);
    rn_evaluation_result_destroy(result);
    require_status(run.context, rn_evaluate(&answer, run.model, run.valid, RN_OPTIONS(rn_evaluate, .result = &result)),
                   RN_FORMAT);
    assert_null(result);
    rn_test_run_close(&run);
}

static void what_makes_no_sense_is_refused(void **state)
{
    rn_test_run run = rn_test_run_open(photos, 1);
    rn_evaluation answer = { .struct_size = sizeof answer };
    rn_pipeline *pipeline, *larger;

    (void)state;
    require_ok(run.context, rn_pipeline_create(&pipeline, run.context, random_text));
    require_ok(run.context, rn_pipeline_create(&larger, run.context, "Resize(9, 9), ToTensor()"));
    require_status(run.context, rn_evaluate(&answer, run.model, run.valid, RN_OPTIONS(rn_evaluate, .draws = -1)),
                   RN_INVALID_ARGUMENT);
    require_status(run.context, rn_evaluate(&answer, run.model, run.valid, RN_OPTIONS(rn_evaluate, .draws = 257)),
                   RN_INVALID_ARGUMENT);
    require_status(run.context,
                   rn_evaluate(&answer, run.model, run.valid, RN_OPTIONS(rn_evaluate, .pipeline = pipeline)),
                   RN_INVALID_ARGUMENT);
    require_status(run.context,
                   rn_evaluate(&answer, run.model, run.valid,
                               RN_OPTIONS(rn_evaluate, .pipeline = rn_model_pipeline(run.model), .draws = 2)),
                   RN_INVALID_ARGUMENT);
    require_status(run.context, rn_evaluate(&answer, run.model, run.valid, RN_OPTIONS(rn_evaluate, .pipeline = larger)),
                   RN_SHAPE);
    rn_pipeline_destroy(pipeline);
    rn_pipeline_destroy(larger);
    rn_test_run_close(&run);
}

static rn_status evaluate_all(void *payload)
{
    rn_test_run *const run = payload;
    rn_evaluation answer = { .struct_size = sizeof answer };
    rn_evaluation_result *result;
    const rn_status status = rn_evaluate(&answer, run->model, run->valid,
                                         RN_OPTIONS(rn_evaluate, .result = &result, .draws = 2, .mirror = 1));

    assert_true((status == RN_OK) == (result != NULL));
    rn_evaluation_result_destroy(result);
    return status;
}

static void every_allocation_may_fail(void **state)
{
    rn_test_allocator allocator = { .fail_at = -1 };
    rn_test_run run = { .context = rn_test_allocator_context(&allocator, 1) };

    (void)state;
    require_ok(run.context, rn_image_folder_open(&run.valid, run.context, rn_test_path(photos, "valid"), NULL));
    run.model = rn_test_network(run.context, rn_dataset_classes(run.valid), 5);
    rn_test_fail_each(&allocator, evaluate_all, &run, 15);
    rn_test_run_close(&run);
    assert_int_equal(allocator.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mirror_image_counts_half),    cmocka_unit_test(draws_are_those_of_their_number),
        cmocka_unit_test(the_same_whatever_runs_beside), cmocka_unit_test(a_result_costs_the_others_no_bit),
        cmocka_unit_test(skipped_photos_count_nowhere),  cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, make_photos, NULL);
}
