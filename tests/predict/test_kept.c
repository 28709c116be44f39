/* SPDX-License-Identifier: MIT */
/* The session that a model keeps for its predictions: what it saves, what it must not change, when it goes. */
#define _POSIX_C_SOURCE 200809L
#include "graph/graph.h"
#include "predict/colours.h"
#define RN_TEST_THREADS 2
#include "support/one_context.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static rn_context *counting_context(rn_test_allocator *allocator)
{
    return rn_test_allocator_context(allocator, 1);
}

/* The probabilities of all six classes, in the order of the answer. */
static void predict_photo(double probability[6], rn_context *own, rn_model *model, const rn_image *image)
{
    rn_predictions *found = NULL;

    require_ok(own, rn_predict_image(&found, model, image, RN_OPTIONS(rn_predict, .top = 6)));
    for (size_t i = 0; i < 6; i++)
        probability[i] = rn_predictions_probability(found, 0, i);
    rn_predictions_destroy(found);
}

static void predict_in_session(double probability[6], rn_session *session, rn_context *own, const rn_image *image)
{
    rn_predictions *found = NULL;

    require_ok(own, rn_session_predict_image(&found, session, image, RN_OPTIONS(rn_predict, .top = 6)));
    for (size_t i = 0; i < 6; i++)
        probability[i] = rn_predictions_probability(found, 0, i);
    rn_predictions_destroy(found);
}

static void a_second_photo_costs_what_it_costs_in_a_warm_session(void **state)
{
    rn_test_allocator allocator;
    rn_context *const own = counting_context(&allocator);
    rn_model *const model = colours_model(own, true);
    rn_image *const image = colours_photo(own, 10, 20, 200);
    rn_session *session = NULL;
    double first[6], second[6], warm[6];
    long calls, warm_calls, live;

    (void)state;
    require_ok(own, rn_session_create(&session, own, model, NULL));
    predict_in_session(warm, session, own, image);
    warm_calls = -allocator.calls;
    predict_in_session(warm, session, own, image);
    warm_calls += allocator.calls;

    calls = -allocator.calls;
    predict_photo(first, own, model, image);
    calls += allocator.calls;
    assert_true(calls > warm_calls);
    for (int i = 0; i < 3; i++) {
        live = allocator.live;
        calls = -allocator.calls;
        predict_photo(second, own, model, image);
        calls += allocator.calls;
        assert_int_equal(calls, warm_calls);
        assert_int_equal(allocator.live, live);
        assert_memory_equal(second, first, sizeof first);
        assert_memory_equal(second, warm, sizeof warm);
    }
    print_message("%ld allocations for a further photo\n", calls);
    rn_session_destroy(session);
    rn_image_destroy(image);
    rn_model_destroy(model);
    rn_context_destroy(own);
    assert_int_equal(allocator.live, 0);
}

/* The model's own session after each kind of change, against a session made for the occasion. */
static void require_as_fresh(double probability[6], rn_context *own, rn_model *model, const rn_image *image)
{
    rn_session *session = NULL;
    double fresh[6];

    predict_photo(probability, own, model, image);
    require_ok(own, rn_session_create(&session, own, model, NULL));
    predict_in_session(fresh, session, own, image);
    rn_session_destroy(session);
    assert_memory_equal(probability, fresh, sizeof fresh);
}

static void weights_written_and_loaded_are_seen(void **state)
{
    rn_model *const model = colours_model(context, true);
    rn_image *const image = colours_photo(context, 10, 20, 200);
    rn_checkpoint *saved = NULL;
    rn_tensor *weights = NULL;
    double before[6], written[6], loaded[6];
    size_t index;

    (void)state;
    require_as_fresh(before, context, model, image);
    require_ok(context, rn_checkpoint_create(&saved, context));
    require_ok(context, rn_model_state_dict(saved, model));
    require_ok(context, rn_parameters_find(&index, rn_model_parameters(model), "fc.weight"));
    require_ok(context, rn_tensor_create(&weights, context, RN_FLOAT32, 2, (const int64_t[]){ 6, 3 }, RN_ROW_MAJOR));
    rn_test_fill(rn_tensor_data(weights), 18, 5);
    require_ok(context, rn_parameters_write(rn_model_parameters(model), index, weights));
    require_as_fresh(written, context, model, image);
    assert_memory_not_equal(written, before, sizeof before);
    require_ok(context, rn_model_load_checkpoint(model, saved, NULL));
    require_as_fresh(loaded, context, model, image);
    assert_memory_equal(loaded, before, sizeof before);
    rn_tensor_destroy(weights);
    rn_checkpoint_destroy(saved);
    rn_image_destroy(image);
    rn_model_destroy(model);
}

/* Allocations of a load of the model's own weights. */
static long calls_of_load(rn_test_allocator *allocator, rn_context *own, rn_model *model, const rn_checkpoint *weights)
{
    const long calls = allocator->calls;

    require_ok(own, rn_model_load_checkpoint(model, weights, NULL));
    return allocator->calls - calls;
}

/* A session of somebody's is served while the second set is being made; the kept one is not. */
static void a_load_takes_no_second_set_for_the_kept_session(void **state)
{
    rn_test_allocator allocator;
    rn_context *const own = counting_context(&allocator);
    rn_model *const model = colours_model(own, true), *const other = colours_model(own, true);
    rn_image *const image = colours_photo(own, 10, 20, 200);
    rn_checkpoint *weights = NULL;
    rn_session *session = NULL;
    double probability[6];
    long alone;
    size_t bytes;

    (void)state;
    require_ok(own, rn_checkpoint_create(&weights, own));
    require_ok(own, rn_model_state_dict(weights, other));
    calls_of_load(&allocator, own, model, weights); /* takes the message's and other first-time memory */
    alone = calls_of_load(&allocator, own, model, weights);
    predict_photo(probability, own, model, image);
    bytes = allocator.bytes;
    assert_int_equal(calls_of_load(&allocator, own, model, weights), alone);
    assert_true(allocator.bytes == bytes);
    require_ok(own, rn_session_create(&session, own, model, NULL));
    assert_true(calls_of_load(&allocator, own, model, weights) > alone);
    rn_session_destroy(session);
    rn_checkpoint_destroy(weights);
    rn_image_destroy(image);
    rn_model_destroy(other);
    rn_model_destroy(model);
    rn_context_destroy(own);
    assert_int_equal(allocator.live, 0);
}

static void training_has_the_memory_of_the_kept_session(void **state)
{
    rn_test_allocator allocator;
    rn_context *const own = counting_context(&allocator);
    rn_model *const model = colours_model(own, true);
    rn_image *const image = colours_photo(own, 10, 20, 200);
    rn_session *training = NULL, *inference = NULL;
    rn_tensor *images = NULL, *labels = NULL;
    double before[6], after[6], loss;
    const long without = allocator.live;

    (void)state;
    predict_photo(before, own, model, image);
    assert_true(allocator.live > without);
    require_ok(own, rn_session_create(&inference, own, model, NULL)); /* leaves it alone */
    rn_session_destroy(inference);
    assert_true(allocator.live > without);
    require_ok(own, rn_session_create(&training, own, model, RN_OPTIONS(rn_session, .mode = RN_TRAIN)));
    rn_session_destroy(training);
    assert_int_equal(allocator.live, without);

    require_ok(own, rn_session_create(&training, own, model, RN_OPTIONS(rn_session, .mode = RN_TRAIN)));
    require_ok(own, rn_tensor_create(&images, own, RN_FLOAT32, 4, (const int64_t[]){ 2, 3, 4, 4 }, RN_ROW_MAJOR));
    require_ok(own, rn_tensor_create(&labels, own, RN_INT64, 1, (const int64_t[]){ 2 }, RN_ROW_MAJOR));
    rn_test_fill(rn_tensor_data(images), 2 * 3 * 4 * 4, 1);
    require_ok(own, rn_tensor_write(labels, RN_INT64, (const int64_t[]){ 1, 2 }, 2 * sizeof(int64_t)));
    require_ok(own, rn_session_forward(training, images));
    require_as_fresh(after, own, model, image); /* between forward and backward */
    assert_memory_equal(after, before, sizeof before);
    require_ok(own, rn_cross_entropy(&loss, training, labels, NULL));
    require_ok(own, rn_session_backward(training));
    require_as_fresh(after, own, model, image);
    assert_memory_equal(after, before, sizeof before);
    rn_session_destroy(training);
    require_as_fresh(after, own, model, image);
    assert_memory_equal(after, before, sizeof before);
    rn_tensor_destroy(images);
    rn_tensor_destroy(labels);
    rn_image_destroy(image);
    rn_model_destroy(model);
    rn_context_destroy(own);
    assert_int_equal(allocator.live, 0);
}

/* Sessions of others keep the model, and with it the kept session, until they go; predictions keep neither. */
static void the_kept_session_goes_with_the_last_reference_of_the_model(void **state)
{
    rn_test_allocator allocator;
    rn_context *const own = counting_context(&allocator);
    const long empty = allocator.live;
    rn_model *const model = colours_model(own, true);
    rn_image *const image = colours_photo(own, 10, 20, 200);
    rn_session *session = NULL;
    rn_predictions *found = NULL;
    long live;

    (void)state;
    require_ok(context, rn_session_create(&session, context, model, NULL));
    require_ok(own, rn_predict_image(&found, model, image, NULL));
    rn_image_destroy(image);
    live = allocator.live;
    rn_model_destroy(model);
    assert_int_equal(allocator.live, live);
    rn_session_destroy(session);
    assert_string_equal(rn_predictions_name(found, 0, 0), "blue");
    rn_predictions_destroy(found);
    assert_int_equal(allocator.live, empty);
    rn_context_destroy(own);
    assert_int_equal(allocator.live, 0);
}

static void several_models_keep_a_session_each(void **state)
{
    rn_model *const model[2] = { colours_model(context, true), colours_model(context, false) };
    rn_image *const image = colours_photo(context, 10, 20, 200);
    double first[2][6], second[2][6];

    (void)state;
    for (size_t i = 0; i < 6; i++)
        rn_parameters_floats(model[1]->graph->parameters, 1)[i] = (float)i;
    rn_parameters_written(model[1]->graph->parameters, 1);
    for (int i = 0; i < 2; i++)
        predict_photo(first[i], context, model[i], image);
    for (int i = 0; i < 2; i++)
        predict_photo(second[i], context, model[i], image);
    assert_memory_equal(first, second, sizeof first);
    assert_memory_not_equal(first[0], first[1], sizeof first[0]);
    rn_model_destroy(model[0]);
    predict_photo(second[0], context, model[1], image);
    assert_memory_equal(second[0], first[1], sizeof first[1]);
    rn_model_destroy(model[1]);
    rn_image_destroy(image);
}

/* Photos that are refused leave the session where it is; one for which there is no memory lets it go. */
static void a_failed_prediction_leaves_a_usable_model(void **state)
{
    rn_test_allocator allocator;
    rn_context *const own = counting_context(&allocator);
    rn_model *const model = colours_model(own, true);
    rn_image *const image = colours_photo(own, 10, 20, 200);
    const long without = allocator.live;
    rn_predictions *found = NULL;
    double before[6], after[6];
    long kept;
    bool whole = false;

    (void)state;
    predict_photo(before, own, model, image);
    kept = allocator.live;
    require_status(own, rn_predict_file(&found, model, "/nowhere/at/all.jpg", NULL), RN_IO);
    assert_int_equal(allocator.live, kept);
    require_status(own, rn_predict_image(&found, model, image, RN_OPTIONS(rn_predict, .top = -1)), RN_INVALID_ARGUMENT);
    assert_int_equal(allocator.live, kept);
    for (long n = 0; !whole; n++) { /* of a photo in a warm session */
        rn_status status;

        allocator.fail_at = allocator.calls + n;
        status = rn_predict_image(&found, model, image, NULL);
        whole = allocator.calls <= allocator.fail_at;
        allocator.fail_at = -1;
        require_status(own, status, whole ? RN_OK : RN_NO_MEMORY);
        rn_predictions_destroy(found);
        assert_int_equal(allocator.live, whole ? kept : without);
        predict_photo(after, own, model, image);
        assert_memory_equal(after, before, sizeof before);
        assert_int_equal(allocator.live, kept);
    }
    rn_image_destroy(image);
    rn_model_destroy(model);
    rn_context_destroy(own);
    assert_int_equal(allocator.live, 0);
}

static void other_sizes_of_photos_take_turns(void **state)
{
    rn_model *const model = colours_model(context, true);
    rn_image *const image = colours_photo(context, 10, 20, 200);
    static const char *const pipelines[] = { "Resize(4), CenterCrop(4), ToTensor()", "ToTensor()" };
    double probability[2][6], again[6];

    (void)state;
    for (int i = 0; i < 2; i++) {
        require_ok(context, rn_model_set_pipeline(model, pipelines[i]));
        require_as_fresh(probability[i], context, model, image);
    }
    for (int i = 0; i < 2; i++) {
        require_ok(context, rn_model_set_pipeline(model, pipelines[i]));
        predict_photo(again, context, model, image);
        assert_memory_equal(again, probability[i], sizeof again);
    }
    rn_image_destroy(image);
    rn_model_destroy(model);
}

typedef struct trainings {
    rn_model *model;
    atomic_int stop;
    int made;
} trainings;

static void *make_trainings(void *payload)
{
    trainings *const job = payload;
    rn_context *const own = rn_test_context(1, RN_ISA_AUTO);

    while (job->made < 20 || !job->stop) {
        rn_session *training = NULL;

        require_ok(own, rn_session_create(&training, own, job->model, RN_OPTIONS(rn_session, .mode = RN_TRAIN)));
        rn_session_destroy(training);
        job->made++;
    }
    rn_context_destroy(own);
    return NULL;
}

/* A training session of another thread releases the kept session only while no prediction runs in it. */
static void a_training_begins_in_another_thread_meanwhile(void **state)
{
    rn_model *const model = colours_model(context, true);
    rn_image *const image = colours_photo(context, 10, 20, 200);
    trainings job = { .model = model };
    double before[6], after[6];
    pthread_t thread;

    (void)state;
    predict_photo(before, context, model, image);
    assert_int_equal(pthread_create(&thread, NULL, make_trainings, &job), 0);
    for (int i = 0; i < 200; i++) {
        predict_photo(after, context, model, image);
        assert_memory_equal(after, before, sizeof before);
    }
    job.stop = 1;
    pthread_join(thread, NULL);
    rn_image_destroy(image);
    rn_model_destroy(model);
}

static void a_forked_child_goes_on_with_the_kept_session(void **state)
{
    rn_model *const model = colours_model(context, true);
    rn_image *const image = colours_photo(context, 10, 20, 200);
    double before[6], after[6];
    int status = -1;
    pid_t child;

    (void)state;
    predict_photo(before, context, model, image);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        rn_predictions *found = NULL;
        bool same = rn_predict_image(&found, model, image, RN_OPTIONS(rn_predict, .top = 6)) == RN_OK;

        for (size_t i = 0; i < 6; i++)
            same = same && rn_predictions_probability(found, 0, i) == before[i];
        rn_predictions_destroy(found);
        rn_image_destroy(image);
        rn_model_destroy(model);
        _exit(same ? 0 : 1);
    }
    assert_true(waitpid(child, &status, 0) == child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    predict_photo(after, context, model, image);
    assert_memory_equal(after, before, sizeof before);
    rn_image_destroy(image);
    rn_model_destroy(model);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_context, drop_context)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_second_photo_costs_what_it_costs_in_a_warm_session),
        TEST(weights_written_and_loaded_are_seen),
        TEST(a_load_takes_no_second_set_for_the_kept_session),
        TEST(training_has_the_memory_of_the_kept_session),
        TEST(the_kept_session_goes_with_the_last_reference_of_the_model),
        TEST(several_models_keep_a_session_each),
        TEST(a_failed_prediction_leaves_a_usable_model),
        TEST(other_sizes_of_photos_take_turns),
        TEST(a_training_begins_in_another_thread_meanwhile),
        TEST(a_forked_child_goes_on_with_the_kept_session),
    };

    return cmocka_run_group_tests_name("predict/kept", tests, NULL, NULL);
}
