/* SPDX-License-Identifier: MIT */
/* What a session demands and promises: the order of calls, memory, use from several threads. */
#include "run/training.h"

#include <pthread.h>

/* ---- order of calls -------------------------------------------------------------------------------------------- */

static void calls_out_of_order_are_refused(void **state)
{
    training t;
    const rn_tensor *output;
    rn_tensor *gradient;
    double loss;

    (void)state;
    training_begin(&t, 1, RN_ISA_AUTO, 0);
    require_status(t.context, rn_session_output(&output, t.session, 0), RN_STATE);
    require_status(t.context, rn_session_backward(t.session), RN_STATE);
    require_status(t.context, rn_cross_entropy(&loss, t.session, t.labels, NULL), RN_STATE);
    require_status(t.context, rn_optimizer_step(t.adam), RN_STATE);
    require_ok(t.context, rn_session_forward(t.session, t.images));
    require_status(t.context, rn_session_backward(t.session), RN_STATE); /* no loss */
    require_status(t.context, rn_model_freeze(t.model, "*"), RN_STATE);  /* pinned */
    require_status(t.context, rn_session_gradient(&gradient, t.session, 1), RN_INVALID_ARGUMENT);
    require_ok(t.context, rn_cross_entropy(&loss, t.session, t.labels, NULL));
    require_ok(t.context, rn_session_backward(t.session));
    require_status(t.context, rn_session_backward(t.session), RN_STATE);
    require_status(t.context, rn_cross_entropy(&loss, t.session, t.labels, NULL), RN_STATE);
    require_ok(t.context, rn_model_freeze(t.model, "*"));
    require_ok(t.context, rn_session_forward(t.session, t.images));
    require_ok(t.context, rn_cross_entropy(&loss, t.session, t.labels, NULL));
    if (rn_session_backward(t.session) != RN_OK)
        assert_non_null(strstr(rn_context_message(t.context), "trainable"));
    training_end(&t);
}

static void images_that_do_not_fit_are_refused(void **state)
{
    const int64_t wrong_channels[4] = { 1, 4, 9, 9 }, too_small[4] = { 1, 3, 1, 1 };
    training t;
    rn_tensor *wrong = NULL;
    const rn_tensor *output = NULL;
    rn_session *session = NULL;
    static const char *const names[] = { "layer1", "logits" }, *const unknown[] = { "layer9" };

    (void)state;
    training_begin(&t, 1, RN_ISA_AUTO, 0);
    require_ok(t.context, rn_tensor_create(&wrong, t.context, RN_FLOAT32, 4, wrong_channels, RN_ROW_MAJOR));
    require_status(t.context, rn_session_forward(t.session, wrong), RN_SHAPE);
    rn_tensor_destroy(wrong);
    require_ok(t.context, rn_tensor_create(&wrong, t.context, RN_FLOAT32, 4, too_small, RN_ROW_MAJOR));
    require_status(t.context, rn_session_forward(t.session, wrong), RN_SHAPE);
    rn_tensor_destroy(wrong);
    require_status(
        t.context,
        rn_session_create(&session, t.context, t.model, RN_OPTIONS(rn_session, .outputs = unknown, .output_count = 1)),
        RN_INVALID_ARGUMENT);
    /* a count without names would be a wish that is passed over */
    require_status(t.context,
                   rn_session_create(&session, t.context, t.model, RN_OPTIONS(rn_session, .output_count = 1)),
                   RN_INVALID_ARGUMENT);
    require_ok(t.context, rn_session_create(&session, t.context, t.model,
                                            RN_OPTIONS(rn_session, .outputs = names, .output_count = 2)));
    require_ok(t.context, rn_session_forward(session, t.images));
    require_ok(t.context, rn_session_output(&output, session, 0));
    assert_int_equal(rn_tensor_rank(output), 4);
    assert_int_equal(rn_tensor_shape(output)[1], 8);
    require_ok(t.context, rn_session_output(&output, session, 1));
    assert_int_equal(rn_tensor_shape(output)[1], RESIDUAL_CLASSES);
    rn_session_destroy(session);
    training_end(&t);
}

/* ---- memory ---------------------------------------------------------------------------------------------------- */

static void a_steady_step_allocates_nothing(void **state)
{
    rn_test_allocator counter = { .fail_at = -1 };
    rn_context *context = NULL;
    rn_tensor *small = NULL, *small_labels = NULL;
    training t;
    long calls = 0;

    (void)state;
    assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 2, .allocate = rn_test_allocate,
                                                            .release = rn_test_release, .allocator_payload = &counter)),
                     RN_OK);
    training_begin_with(&t, context, 0.5, 6);
    require_ok(context, rn_tensor_view(&small, t.images, 0, 0, 4));
    require_ok(context, rn_tensor_view(&small_labels, t.labels, 0, 0, 4));
    for (int i = 0; i < 7; i++) {
        const rn_tensor *output;
        rn_tensor *const full = t.images, *const labels = t.labels;

        if (i == 2)
            calls = counter.calls; /* an epoch's two batch sizes have been met */
        t.images = small;
        t.labels = small_labels;
        training_step(&t);
        require_ok(context, rn_session_output(&output, t.session, 0));
        assert_int_equal(rn_tensor_shape(output)[0], 4);
        t.images = full;
        t.labels = labels;
        training_step(&t);
        require_ok(context, rn_session_output(&output, t.session, 0));
        assert_int_equal(rn_tensor_shape(output)[0], 6);
    }
    assert_int_equal(counter.calls, calls);
    rn_tensor_destroy(small);
    rn_tensor_destroy(small_labels);
    training_end(&t);
    assert_int_equal(counter.live, 0);
}

/* Each allocation of a training step fails in turn: the call answers RN_NO_MEMORY, nothing leaks, and the step succeeds
 * afterwards. */
static void every_allocation_of_a_step_may_fail(void **state)
{
    int finished = 0;

    (void)state;
    for (long n = 0; !finished && n < 2000; n++) {
        rn_test_allocator counter = { .fail_at = -1 };
        rn_context *context = NULL;
        training t = { 0 };
        rn_status status;
        double loss;

        assert_int_equal(
            rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 1, .allocate = rn_test_allocate,
                                                   .release = rn_test_release, .allocator_payload = &counter)),
            RN_OK);
        training_begin_with(&t, context, 0.5, 6);
        counter.fail_at = counter.calls + n;
        status = rn_session_forward(t.session, t.images);
        if (status == RN_OK)
            status = rn_cross_entropy(&loss, t.session, t.labels, NULL);
        if (status == RN_OK)
            status = rn_session_backward(t.session);
        if (status == RN_OK)
            status = rn_optimizer_step(t.adam);
        finished = status == RN_OK && counter.calls <= counter.fail_at;
        assert_true(status == RN_NO_MEMORY || finished);
        counter.fail_at = -1;
        training_step(&t);
        training_end(&t);
        assert_int_equal(counter.live, 0);
    }
    assert_true(finished);
}

static void a_plan_says_its_bytes_before_it_takes_them(void **state)
{
    rn_test_allocator counter = { .fail_at = -1 };
    rn_context *context = NULL;
    training t;
    size_t small = 0, large = 0;

    (void)state;
    assert_int_equal(rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 1, .allocate = rn_test_allocate,
                                                            .release = rn_test_release, .allocator_payload = &counter)),
                     RN_OK);
    training_begin_with(&t, context, 0.5, 6);
    require_ok(context, rn_session_plan_bytes(&small, t.session, 1, RESIDUAL_SIZE, RESIDUAL_SIZE));
    require_ok(context, rn_session_plan_bytes(&large, t.session, 8, RESIDUAL_SIZE, RESIDUAL_SIZE));
    assert_true(small > 0 && large > small);
    require_status(context, rn_session_plan_bytes(&large, t.session, 0, RESIDUAL_SIZE, RESIDUAL_SIZE),
                   RN_INVALID_ARGUMENT);
    training_end(&t);
    assert_int_equal(counter.live, 0);
}

/* ---- side by side ---------------------------------------------------------------------------------------------- */

static void *train_alone(void *payload)
{
    training t;

    training_begin(&t, 1, RN_ISA_AUTO, 0.5);
    for (int i = 0; i < 20; i++)
        *(double *)payload = training_step(&t);
    training_end(&t);
    return NULL;
}

static void two_contexts_train_on_two_threads(void **state)
{
    pthread_t threads[2];
    double losses[2] = { 0, 1 };

    (void)state;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, train_alone, &losses[i]), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_true(losses[0] == losses[1]);
}

/* One model, a session a thread, as a server has it. */
typedef struct server {
    rn_model *model;
    float logits[6 * RESIDUAL_CLASSES];
} server;

static void *serve(void *payload)
{
    server *const s = payload;
    rn_context *const context = rn_test_context(1, RN_ISA_AUTO);
    rn_tensor *const images = residual_images(context, 6, 5);
    rn_session *session = NULL;
    const rn_tensor *output = NULL;

    require_ok(context, rn_session_create(&session, context, s->model, NULL));
    for (int i = 0; i < 20; i++)
        require_ok(context, rn_session_forward(session, images));
    require_ok(context, rn_session_output(&output, session, 0));
    require_ok(context, rn_tensor_read(output, RN_FLOAT32, s->logits, sizeof s->logits));
    rn_session_destroy(session);
    rn_tensor_destroy(images);
    rn_context_destroy(context);
    return NULL;
}

static void threads_share_a_model(void **state)
{
    rn_context *const context = rn_test_context(1, RN_ISA_AUTO);
    server servers[3] = { { .model = residual_network(context, 0.5) } };
    pthread_t threads[3];

    (void)state;
    servers[1].model = servers[2].model = servers[0].model;
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, serve, &servers[i]), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_memory_equal(servers[0].logits, servers[1].logits, sizeof servers[0].logits);
    assert_memory_equal(servers[0].logits, servers[2].logits, sizeof servers[0].logits);
    rn_model_destroy(servers[0].model);
    rn_context_destroy(context);
}

static void destruction_works_in_any_order(void **state)
{
    training t;

    (void)state;
    training_begin(&t, 1, RN_ISA_AUTO, 0);
    rn_context_destroy(t.context);
    rn_model_destroy(t.model);
    assert_int_equal(rn_session_forward(t.session, t.images), RN_OK);
    rn_session_destroy(t.session);
    rn_optimizer_destroy(t.adam);
    rn_tensor_destroy(t.images);
    rn_tensor_destroy(t.labels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_out_of_order_are_refused),
        cmocka_unit_test(images_that_do_not_fit_are_refused),
        cmocka_unit_test(a_steady_step_allocates_nothing),
        cmocka_unit_test(every_allocation_of_a_step_may_fail),
        cmocka_unit_test(a_plan_says_its_bytes_before_it_takes_them),
        cmocka_unit_test(two_contexts_train_on_two_threads),
        cmocka_unit_test(threads_share_a_model),
        cmocka_unit_test(destruction_works_in_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
