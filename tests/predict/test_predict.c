/* SPDX-License-Identifier: MIT */
/* Predictions: probabilities, order, names; from logits, from a picture, from a file. */
#include "predict/colours.h"
#include "support/one_context.h"

/* Rows of six logits each. */
static rn_tensor *make_logits(const float *values, int64_t rows)
{
    rn_tensor *tensor = NULL;

    require_ok(context, rn_tensor_create(&tensor, context, RN_FLOAT32, 2, (const int64_t[]){ rows, 6 }, RN_ROW_MAJOR));
    require_ok(context, rn_tensor_write(tensor, RN_FLOAT32, values, (size_t)rows * 6 * sizeof *values));
    return tensor;
}

static void logits_become_probabilities_in_order(void **state)
{
    static const float values[] = { 0, 0, 0, 0, 0, 0, 1, 3, -2, 2, 0, -1 };
    static const int64_t order[] = { 1, 3, 0, 4, 5, 2 };
    static const char *const folders[] = { "3", "5", "21" }, *const names[] = { "green", "pink", "red" };
    rn_model *model = colours_model(context, true);
    rn_tensor *logits = make_logits(values, 2);
    rn_predictions *found = NULL;
    double sum = 0, scale = 0;

    (void)state;
    for (int i = 6; i < 12; i++)
        scale += exp((double)values[i]);
    require_ok(context, rn_predict_logits(&found, model, logits, RN_OPTIONS(rn_predict, .top = 100)));
    assert_int_equal(rn_predictions_rows(found), 2);
    assert_int_equal(rn_predictions_count(found), 6);
    assert_int_equal(rn_predictions_index(found, 0, 5), 5); /* the first row's equals, by index */
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(rn_predictions_index(found, 1, i), order[i]);
        assert_true(fabs(rn_predictions_probability(found, 1, i) - exp((double)values[6 + order[i]]) / scale) < 1e-15);
        sum += rn_predictions_probability(found, 1, i);
    }
    assert_true(fabs(sum - 1) < 1e-15);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(rn_predictions_folder(found, 1, i), folders[i]);
        assert_string_equal(rn_predictions_name(found, 1, i), names[i]);
    }
    assert_int_equal(rn_predictions_index(found, 1, 6), -1);
    assert_null(rn_predictions_folder(found, 1, 6));
    assert_null(rn_predictions_name(found, 1, SIZE_MAX));
    assert_true(rn_predictions_probability(found, 1, 6) == 0);
    assert_int_equal(rn_predictions_index(found, 2, 0), -1);
    rn_predictions_destroy(found);
    rn_tensor_destroy(logits);
    rn_model_destroy(model);
}

/* Differences that float32 has not, and numbers beyond it. */
static void logits_in_double_are_read_in_double(void **state)
{
    static const double rows[2][6] = { { 1.000000001, 1, 0.5, 0, 0, 0 }, { 1e300, 0, -1, 0, 0, -1e300 } };
    rn_model *model = colours_model(context, true);
    rn_tensor *logits = NULL;
    rn_predictions *found = NULL;
    double scale = 0;

    (void)state;
    require_ok(context, rn_tensor_create(&logits, context, RN_FLOAT64, 2, (const int64_t[]){ 2, 6 }, RN_ROW_MAJOR));
    require_ok(context, rn_tensor_write(logits, RN_FLOAT64, rows, sizeof rows));
    require_ok(context, rn_predict_logits(&found, model, logits, NULL));
    for (int i = 0; i < 6; i++)
        scale += exp(rows[0][i]);
    assert_true(fabs(rn_predictions_probability(found, 0, 0) - exp(rows[0][0]) / scale) < 1e-15);
    assert_int_equal(rn_predictions_index(found, 0, 0), 0);
    assert_true(rn_predictions_probability(found, 1, 0) == 1);
    rn_predictions_destroy(found);
    rn_tensor_destroy(logits);
    rn_model_destroy(model);
}

static void equal_logits_go_by_index(void **state)
{
    static const float values[] = { 0, 7, 7, 0, 7, 0, 1e-20f, 2e-20f, 1e-20f, 5, 5, 2e-20f };
    static const int64_t order[2][6] = { { 1, 2, 4, 0, 3, 5 },
                                         { 3, 4, 1, 5, 0, 2 } }; /* 2e-20 comes before 1e-20, however close */
    rn_model *model = colours_model(context, true);
    rn_tensor *logits = make_logits(values, 2);
    rn_predictions *found = NULL;

    (void)state;
    require_ok(context, rn_predict_logits(&found, model, logits, RN_OPTIONS(rn_predict, .top = 6)));
    for (size_t row = 0; row < 2; row++)
        for (size_t i = 0; i < 6; i++)
            assert_int_equal(rn_predictions_index(found, row, i), order[row][i]);
    rn_predictions_destroy(found);
    rn_tensor_destroy(logits);
    rn_model_destroy(model);
}

static void five_are_given_unless_asked_otherwise(void **state)
{
    static const float values[] = { 1, 2, 3, 4, 5, 6 };
    rn_model *model = colours_model(context, true);
    rn_tensor *logits = make_logits(values, 1);
    rn_predictions *found = NULL;

    (void)state;
    require_ok(context, rn_predict_logits(&found, model, logits, NULL));
    assert_int_equal(rn_predictions_count(found), 5);
    rn_predictions_destroy(found);
    require_ok(context, rn_predict_logits(&found, model, logits, RN_OPTIONS(rn_predict, .top = 1)));
    assert_int_equal(rn_predictions_count(found), 1);
    assert_int_equal(rn_predictions_index(found, 0, 0), 5);
    rn_predictions_destroy(found);
    rn_tensor_destroy(logits);
    rn_model_destroy(model);
}

static void extreme_logits_are_no_trouble(void **state)
{
    static const float values[] = { 3e38f, -3e38f, 0, -INFINITY, 3e38f, 1 };
    rn_model *model = colours_model(context, true);
    rn_tensor *logits = make_logits(values, 1);
    rn_predictions *found = NULL;

    (void)state;
    require_ok(context, rn_predict_logits(&found, model, logits, RN_OPTIONS(rn_predict, .top = 6)));
    assert_true(rn_predictions_probability(found, 0, 0) == 0.5 && rn_predictions_probability(found, 0, 1) == 0.5);
    assert_int_equal(rn_predictions_index(found, 0, 1), 4);
    assert_int_equal(rn_predictions_index(found, 0, 5), 3);
    assert_true(rn_predictions_probability(found, 0, 5) == 0);
    rn_predictions_destroy(found);
    rn_tensor_destroy(logits);
    rn_model_destroy(model);
}

static void a_diverged_network_is_reported(void **state)
{
    static const float values[] = {
        1, 2, NAN, 4, 5, 6, 1, 2, 3, INFINITY, 5, 6, -INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY, -INFINITY
    };
    rn_model *model = colours_model(context, true);

    (void)state;
    for (int row = 0; row < 3; row++) {
        rn_tensor *logits = make_logits(values + 6 * row, 1);
        rn_predictions *found = (rn_predictions *)&row;

        require_status(context, rn_predict_logits(&found, model, logits, NULL), RN_INVALID_ARGUMENT);
        assert_null(found);
        rn_tensor_destroy(logits);
    }
    rn_model_destroy(model);
}

static void a_server_thread_keeps_to_its_own_context(void **state)
{
    rn_test_allocator allocator = { .fail_at = -1 };
    rn_context *own = NULL;
    rn_model *model = colours_model(context, true);
    rn_predictions *found = NULL;
    rn_tensor *logits = NULL;
    char before[256];
    long live;

    (void)state;
    require_ok(NULL, rn_context_create(&own, RN_OPTIONS(rn_context, .threads = 1, .allocate = rn_test_allocate,
                                                        .release = rn_test_release, .allocator_payload = &allocator)));
    require_ok(own, rn_tensor_create(&logits, own, RN_FLOAT32, 2, (const int64_t[]){ 1, 6 }, RN_ROW_MAJOR));
    snprintf(before, sizeof before, "%s", rn_context_message(context));
    require_status(own, rn_predict_logits(NULL, model, logits, NULL), RN_INVALID_ARGUMENT);
    assert_non_null(strstr(rn_context_message(own), "predictions is NULL"));
    assert_string_equal(rn_context_message(context), before);
    live = allocator.live;
    require_ok(own, rn_predict_logits(&found, model, logits, NULL));
    assert_true(allocator.live > live);
    rn_predictions_destroy(found);
    rn_tensor_destroy(logits);
    rn_context_destroy(own);
    assert_int_equal(allocator.live, 0);
    rn_model_destroy(model);
}

static void without_a_table_the_number_is_the_name(void **state)
{
    static const float values[] = { 1, 2, 9, 4, 5, 6 };
    rn_model *model = colours_model(context, false);
    rn_tensor *logits = make_logits(values, 1);
    rn_predictions *found = NULL;

    (void)state;
    require_ok(context, rn_predict_logits(&found, model, logits, NULL));
    assert_string_equal(rn_predictions_folder(found, 0, 0), "2");
    assert_string_equal(rn_predictions_name(found, 0, 0), "2");
    rn_predictions_destroy(found);
    rn_tensor_destroy(logits);
    rn_model_destroy(model);
}

static void predictions_outlive_their_model(void **state)
{
    static const float values[] = { 1, 2, 9, 4, 5, 6 };
    rn_model *model = colours_model(context, true);
    rn_tensor *logits = make_logits(values, 1);
    rn_predictions *found = NULL;

    (void)state;
    require_ok(context, rn_predict_logits(&found, model, logits, NULL));
    rn_tensor_destroy(logits);
    rn_model_destroy(model);
    assert_string_equal(rn_predictions_name(found, 0, 0), "blue");
    rn_predictions_destroy(found);
}

static void a_picture_is_classified(void **state)
{
    rn_model *model = colours_model(context, true);
    rn_image *image = colours_photo(context, 10, 20, 200);
    rn_predictions *found = NULL;
    /* logits: 10 and 5 times each channel mean, whatever Resize does to a picture of one colour */
    const double mean[] = { 10 / 255.0, 20 / 255.0, 200 / 255.0 };
    double scale = 0;

    (void)state;
    for (int i = 0; i < 3; i++)
        scale += exp(10 * mean[i]) + exp(5 * mean[i]);
    require_ok(context, rn_predict_image(&found, model, image, RN_OPTIONS(rn_predict, .top = 2)));
    assert_int_equal(rn_predictions_count(found), 2);
    assert_string_equal(rn_predictions_name(found, 0, 0), "blue");
    assert_string_equal(rn_predictions_name(found, 0, 1), "navy");
    assert_true(fabs(rn_predictions_probability(found, 0, 0) - exp(10 * mean[2]) / scale) < 1e-5);
    rn_predictions_destroy(found);
    rn_image_destroy(image);
    rn_model_destroy(model);
}

/* A 24-bit BMP of 4 x 4 pixels of one colour. */
static const char *write_bmp(const char *path, uint8_t red, uint8_t green, uint8_t blue)
{
    unsigned char bytes[54 + 4 * 4 * 3] = {
        'B', 'M', sizeof bytes, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1, 0, 24
    };
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    for (size_t i = 54; i < sizeof bytes; i += 3) {
        bytes[i] = blue;
        bytes[i + 1] = green;
        bytes[i + 2] = red;
    }
    assert_int_equal(fwrite(bytes, 1, sizeof bytes, file), sizeof bytes);
    fclose(file);
    return path;
}

static void a_photo_is_classified(void **state)
{
    const char *path = write_bmp(rn_test_path(rn_test_directory(), "photo.bmp"), 200, 20, 10);
    rn_model *model = colours_model(context, true);
    rn_predictions *found = NULL;

    (void)state;
    require_ok(context, rn_predict_file(&found, model, path, NULL));
    assert_string_equal(rn_predictions_name(found, 0, 0), "red");
    assert_string_equal(rn_predictions_folder(found, 0, 0), "21");
    rn_predictions_destroy(found);
    require_status(context, rn_predict_file(&found, model, "/nowhere/at/all.jpg", NULL), RN_IO);
    assert_null(found);
    rn_model_destroy(model);
}

static void wrong_arguments_are_refused(void **state)
{
    static const float values[] = { 1, 2, 9, 4, 5, 6 };
    rn_model *model = colours_model(context, true);
    rn_image *image = colours_photo(context, 1, 2, 3);
    rn_tensor *logits = make_logits(values, 1), *narrow = NULL;
    rn_predictions *found = NULL;

    (void)state;
    require_ok(context, rn_tensor_create(&narrow, context, RN_FLOAT32, 2, (const int64_t[]){ 1, 5 }, RN_ROW_MAJOR));
    require_status(context, rn_predict_logits(&found, model, narrow, NULL), RN_SHAPE);
    rn_tensor_destroy(narrow);
    require_status(context, rn_predict_logits(&found, model, logits, RN_OPTIONS(rn_predict, .top = -1)),
                   RN_INVALID_ARGUMENT);
    require_status(context, rn_predict_logits(&found, model, logits, RN_OPTIONS(rn_predict, .reserved = 1)),
                   RN_INVALID_ARGUMENT);
    require_status(context, rn_predict_logits(NULL, model, logits, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_predict_logits(&found, model, NULL, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_predict_logits(&found, NULL, logits, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_predict_image(&found, model, NULL, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_predict_image(NULL, model, image, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_predict_image(&found, NULL, image, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_predict_file(&found, model, NULL, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_predict_file(NULL, model, "x", NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_predict_file(&found, NULL, "x", NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_predictions_count(NULL), 0);
    assert_int_equal(rn_predictions_index(NULL, 0, 0), -1);
    assert_null(rn_predictions_name(NULL, 0, 0));
    rn_predictions_destroy(NULL);
    rn_image_destroy(image);
    rn_tensor_destroy(logits);
    rn_model_destroy(model);
}

static void a_model_without_preprocessing_takes_no_photos(void **state)
{
    rn_model *model = NULL;
    rn_graph *graph = NULL;
    rn_image *image = colours_photo(context, 1, 2, 3);
    rn_predictions *found = NULL;

    (void)state;
    require_ok(context, rn_graph_create(&graph, context));
    rn_graph_output(graph, "logits", rn_flatten(graph, rn_graph_input(graph, "images", 3, 1, 1, NULL), NULL));
    require_ok(context, rn_model_build(&model, graph, "bare", NULL));
    rn_graph_destroy(graph);
    require_status(context, rn_predict_image(&found, model, image, NULL), RN_STATE);
    assert_null(found);
    rn_image_destroy(image);
    rn_model_destroy(model);
}

static void every_failing_allocation_is_answered(void **state)
{
    bool whole = false;

    (void)state;
    for (long fail_at = 0; !whole; fail_at++) {
        rn_test_allocator allocator = { .fail_at = -1 };
        rn_context *small = NULL;
        rn_predictions *found = NULL;
        rn_image *image;
        rn_model *model;
        rn_status status;

        require_ok(NULL,
                   rn_context_create(&small, RN_OPTIONS(rn_context, .threads = 1, .allocate = rn_test_allocate,
                                                        .release = rn_test_release, .allocator_payload = &allocator)));
        model = colours_model(small, true);
        assert_non_null(model);
        image = colours_photo(small, 9, 8, 7);
        allocator.fail_at = allocator.calls + fail_at;
        status = rn_predict_image(&found, model, image, NULL);
        whole = allocator.calls <= allocator.fail_at;
        require_status(small, status, whole ? RN_OK : RN_NO_MEMORY);
        assert_int_equal(found != NULL, whole);
        rn_predictions_destroy(found);
        rn_image_destroy(image);
        rn_model_destroy(model);
        rn_context_destroy(small);
        assert_int_equal(allocator.live, 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_context, drop_context)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(logits_become_probabilities_in_order),
        TEST(logits_in_double_are_read_in_double),
        TEST(equal_logits_go_by_index),
        TEST(five_are_given_unless_asked_otherwise),
        TEST(extreme_logits_are_no_trouble),
        TEST(a_diverged_network_is_reported),
        TEST(a_server_thread_keeps_to_its_own_context),
        TEST(without_a_table_the_number_is_the_name),
        TEST(predictions_outlive_their_model),
        TEST(a_picture_is_classified),
        TEST(a_photo_is_classified),
        TEST(wrong_arguments_are_refused),
        TEST(a_model_without_preprocessing_takes_no_photos),
        TEST(every_failing_allocation_is_answered),
    };

    return cmocka_run_group_tests_name("predict/predict", tests, NULL, NULL);
}
