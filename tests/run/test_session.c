/* SPDX-License-Identifier: MIT */
#include "run/networks.h"

#include <pthread.h>

typedef struct training {
    rn_context *context;
    rn_model *model;
    rn_session *session;
    rn_optimizer *adam;
    rn_tensor *images, *labels;
} training;

static void begin_with(training *t, rn_context *context, double dropout, int64_t batch)
{
    t->context = context;
    t->model = residual_network(context, dropout);
    require_ok(context, rn_session_create(&t->session, context, t->model,
                                          RN_OPTIONS(rn_session, .mode = RN_TRAIN, .input_gradient = 1)));
    require_ok(context, rn_adam_create(&t->adam, rn_model_parameters(t->model), RN_OPTIONS(rn_adam, .lr = 1e-3)));
    t->images = residual_images(context, batch, 5);
    t->labels = residual_labels(context, batch, 2);
}

static void begin(training *t, int32_t threads, rn_isa isa, double dropout)
{
    begin_with(t, rn_test_context(threads, isa), dropout, 6);
}

static void end(training *t)
{
    rn_tensor_destroy(t->images);
    rn_tensor_destroy(t->labels);
    rn_optimizer_destroy(t->adam);
    rn_session_destroy(t->session);
    rn_model_destroy(t->model);
    rn_context_destroy(t->context);
}

static double backward(training *t)
{
    double loss;

    require_ok(t->context, rn_session_forward(t->session, t->images));
    require_ok(t->context, rn_cross_entropy(&loss, t->session, t->labels));
    require_ok(t->context, rn_session_backward(t->session));
    return loss;
}

static double step(training *t)
{
    const double loss = backward(t);

    require_ok(t->context, rn_optimizer_step(t->adam));
    return loss;
}

/* All parameters and buffers, one after the other, as floats. The caller frees. */
static float *all_values(training *t, size_t *count)
{
    rn_parameters *const parameters = rn_model_parameters(t->model);
    float *values;
    size_t at = 0;

    *count = 0;
    for (size_t i = 0; i < rn_parameters_count(parameters); i++)
        *count += (size_t)rn_tensor_count(rn_parameters_value(parameters, i));
    values = malloc(*count * sizeof *values);
    for (size_t i = 0; i < rn_parameters_count(parameters); i++) {
        const rn_tensor *const value = rn_parameters_value(parameters, i);
        const size_t length = (size_t)rn_tensor_count(value);

        require_ok(t->context, rn_tensor_read(value, RN_FLOAT32, values + at, length * sizeof *values));
        at += length;
    }
    return values;
}

/* ---- bits ------------------------------------------------------------------------------------------------------ */

static void require_same_after_steps(const training *a_in, const training *b_in)
{
    training a = *a_in, b = *b_in;
    size_t count, other;
    float *x, *y;

    for (int i = 0; i < 10; i++)
        assert_true(step(&a) == step(&b));
    x = all_values(&a, &count);
    y = all_values(&b, &other);
    assert_int_equal(count, other);
    assert_memory_equal(x, y, count * sizeof *x);
    free(x);
    free(y);
}

static void ten_steps_give_the_same_bits_for_any_number_of_threads(void **state)
{
    (void)state;
    for (int32_t threads = 2; threads <= 7; threads += threads == 3 ? 4 : 1) {
        training a, b;

        begin(&a, 1, RN_ISA_AUTO, 0.5);
        begin(&b, threads, RN_ISA_AUTO, 0.5);
        require_same_after_steps(&a, &b);
        end(&a);
        end(&b);
    }
}

static void avx2_and_avx512_give_the_same_bits(void **state)
{
    training a, b;

    (void)state;
    if (!rn_test_has_isa(RN_ISA_AVX512)) {
        print_message("skipped: the host has no AVX-512\n");
        skip();
    }
    begin(&a, 1, RN_ISA_AVX2, 0.5);
    begin(&b, 2, RN_ISA_AVX512, 0.5);
    require_same_after_steps(&a, &b);
    end(&a);
    end(&b);
}

static void every_instruction_set_agrees_with_the_reference(void **state)
{
    training reference;
    float *expected, *got;
    size_t count;

    (void)state;
    begin(&reference, 1, RN_ISA_REFERENCE, 0);
    step(&reference);
    expected = all_values(&reference, &count);
    for (rn_isa isa = RN_ISA_BASELINE; isa <= RN_ISA_AVX512; isa++) {
        training t;

        if (!rn_test_has_isa(isa)) {
            print_message("not on this host: %s\n", rn_isa_name(isa));
            continue;
        }
        begin(&t, 2, isa, 0);
        require_ok(t.context, rn_optimizer_set_lr(
                                  t.adam, 1e-6)); /* Adam's first step is +-lr: a flipped sign must not hide the rest */
        step(&t);
        got = all_values(&t, &count);
        assert_true(rn_test_error(got, expected, count) < 2e-3);
        free(got);
        end(&t);
    }
    free(expected);
    end(&reference);
}

/* The image's logits are the same in a batch and alone. */
static void inference_does_not_depend_on_the_batch(void **state)
{
    training t;
    rn_session *session = NULL;
    const rn_tensor *output = NULL;
    float together[6 * RESIDUAL_CLASSES], alone[RESIDUAL_CLASSES];

    (void)state;
    begin(&t, 2, RN_ISA_AUTO, 0.5);
    step(&t);
    require_ok(t.context, rn_session_create(&session, t.context, t.model, NULL));
    require_ok(t.context, rn_session_forward(session, t.images));
    require_ok(t.context, rn_session_output(&output, session, 0));
    require_ok(t.context, rn_tensor_read(output, RN_FLOAT32, together, sizeof together));
    for (int i = 0; i < 6; i++) {
        rn_tensor *one = NULL;

        require_ok(t.context, rn_tensor_view(&one, t.images, 0, i, 1));
        require_ok(t.context, rn_session_forward(session, one));
        require_ok(t.context, rn_session_output(&output, session, 0));
        require_ok(t.context, rn_tensor_read(output, RN_FLOAT32, alone, sizeof alone));
        assert_memory_equal(alone, together + i * RESIDUAL_CLASSES, sizeof alone);
        rn_tensor_destroy(one);
    }
    rn_session_destroy(session);
    end(&t);
}

/* ---- gradients ------------------------------------------------------------------------------------------------- */

static double loss_of(training *t)
{
    double loss;

    require_ok(t->context, rn_session_forward(t->session, t->images));
    require_ok(t->context, rn_cross_entropy(&loss, t->session, t->labels));
    return loss;
}

/*
 * Central differences along a random direction of one parameter. ReLU and max-pool kinks make single directions noisy,
 * so a parameter passes if the best of a few step sizes agrees; a wrong formula agrees at none.
 */
static void gradients_agree_with_finite_differences(void **state)
{
    training t;
    rn_parameters *parameters;
    int checked = 0;

    (void)state;
    begin(&t, 2, RN_ISA_AUTO, 0);
    parameters = rn_model_parameters(t.model);
    for (size_t i = 0; i < rn_parameters_count(parameters); i++) {
        rn_tensor *value = NULL, *moved = NULL;
        float *direction, *gradient;
        double slope = 0, length = 0, best = 1e9;
        size_t count;

        if (!rn_parameters_is_parameter(parameters, i))
            continue;
        rn_parameters_clear_gradients(parameters);
        backward(&t);
        assert_true(rn_parameters_has_gradient(parameters, i));
        count = (size_t)rn_tensor_count(rn_parameters_value(parameters, i));
        direction = malloc(count * sizeof *direction);
        gradient = malloc(count * sizeof *gradient);
        rn_test_fill(direction, count, (uint32_t)i + 1);
        require_ok(t.context, rn_tensor_read(rn_parameters_gradient(parameters, i), RN_FLOAT32, gradient,
                                             count * sizeof *gradient));
        for (size_t j = 0; j < count; j++) {
            direction[j] += gradient[j] > 0 ? 0.5f : -0.5f;
            length += (double)direction[j] * direction[j];
        }
        for (size_t j = 0; j < count; j++) {
            direction[j] /= (float)sqrt(length);
            slope += (double)gradient[j] * direction[j];
        }
        require_ok(t.context, rn_tensor_convert(&value, rn_parameters_value(parameters, i), RN_FLOAT32, RN_ROW_MAJOR));
        require_ok(t.context, rn_tensor_convert(&moved, value, RN_FLOAT32, RN_ROW_MAJOR));
        for (double h = 3e-4; h < 3e-2; h *= 3) {
            double losses[2];

            for (int side = 0; side < 2; side++) {
                for (size_t j = 0; j < count; j++)
                    ((float *)rn_tensor_data(moved))[j] =
                        ((float *)rn_tensor_data(value))[j] + (float)(side == 0 ? h : -h) * direction[j];
                backward(&t); /* ends the pin of the forward before */
                require_ok(t.context, rn_parameters_write(parameters, i, moved));
                losses[side] = loss_of(&t);
                require_ok(t.context, rn_session_backward(t.session));
            }
            best = fmin(best, fabs((losses[0] - losses[1]) / (2 * h) - slope) / fmax(fabs(slope), 2e-2));
        }
        require_ok(t.context, rn_parameters_write(parameters, i, value));
        if (best > 2e-2)
            fail_msg("%s: slope %g, finite differences off by %g of it", rn_parameters_name(parameters, i), slope,
                     best);
        checked++;
        rn_tensor_destroy(moved);
        rn_tensor_destroy(value);
        free(direction);
        free(gradient);
    }
    assert_true(checked >= 25);
    end(&t);
}

static void gradients_add_up_until_they_are_used(void **state)
{
    training t;
    size_t index, count;
    float *once, *twice;

    (void)state;
    begin(&t, 1, RN_ISA_AUTO, 0);
    require_ok(t.context, rn_parameters_find(&index, rn_model_parameters(t.model), "layer2.conv2.weight"));
    count = (size_t)rn_tensor_count(rn_parameters_value(rn_model_parameters(t.model), index));
    once = malloc(count * sizeof *once);
    twice = malloc(count * sizeof *twice);
    backward(&t);
    require_ok(t.context, rn_tensor_read(rn_parameters_gradient(rn_model_parameters(t.model), index), RN_FLOAT32, once,
                                         count * sizeof *once));
    backward(&t);
    require_ok(t.context, rn_tensor_read(rn_parameters_gradient(rn_model_parameters(t.model), index), RN_FLOAT32, twice,
                                         count * sizeof *twice));
    for (size_t i = 0; i < count; i++)
        once[i] *= 2;
    assert_true(rn_test_error(twice, once, count) < 1e-5);
    require_ok(t.context, rn_optimizer_step(t.adam));
    assert_null(rn_parameters_gradient(rn_model_parameters(t.model), index));
    free(once);
    free(twice);
    end(&t);
}

/* ---- freezing -------------------------------------------------------------------------------------------------- */

static void what_is_frozen_keeps_its_bytes_in_training(void **state)
{
    training t;
    rn_parameters *parameters;
    float *before, *after;
    size_t count, at = 0, changed = 0;

    (void)state;
    begin(&t, 2, RN_ISA_AUTO, 0.5);
    parameters = rn_model_parameters(t.model);
    for (int i = 0; i < 3; i++)
        step(&t);
    require_ok(t.context, rn_model_freeze_backbone(t.model));
    before = all_values(&t, &count);
    for (int i = 0; i < 3; i++)
        step(&t);
    after = all_values(&t, &count);
    for (size_t i = 0; i < rn_parameters_count(parameters); i++) {
        const size_t length = (size_t)rn_tensor_count(rn_parameters_value(parameters, i));

        if (strncmp(rn_parameters_name(parameters, i), "fc.", 3) == 0)
            changed += memcmp(before + at, after + at, length * sizeof *before) != 0;
        else
            assert_memory_equal(before + at, after + at, length * sizeof *before);
        at += length;
    }
    assert_int_equal(changed, 2);
    free(before);
    before = after;
    require_ok(t.context, rn_model_unfreeze(t.model, "*"));
    step(&t);
    after = all_values(&t, &count);
    at = 0;
    for (size_t i = 0; i < rn_parameters_count(parameters); i++) {
        const size_t length = (size_t)rn_tensor_count(rn_parameters_value(parameters, i));

        assert_memory_not_equal(before + at, after + at, length * sizeof *before); /* everything trains again */
        at += length;
    }
    free(before);
    free(after);
    end(&t);
}

/* A frozen part in the middle passes gradients on to what lies below it, through folded batch norms and shared sums. */
static void gradients_pass_through_a_frozen_middle(void **state)
{
    training whole, part;
    size_t index, count;
    float *a, *b;
    int frozen_norms = 0;

    (void)state;
    begin(&whole, 1, RN_ISA_AUTO, 0);
    begin(&part, 1, RN_ISA_AUTO, 0);
    /* With running statistics equal in both, freezing layer2's parameters alone must not change conv1's gradient. */
    require_ok(whole.context, rn_model_freeze(whole.model, "*"));
    require_ok(part.context, rn_model_freeze(part.model, "*"));
    require_ok(whole.context, rn_model_unfreeze(whole.model, "*conv*"));
    require_ok(part.context, rn_model_unfreeze(part.model, "conv1"));
    backward(&whole);
    backward(&part);
    require_ok(whole.context, rn_parameters_find(&index, rn_model_parameters(whole.model), "conv1.weight"));
    count = (size_t)rn_tensor_count(rn_parameters_value(rn_model_parameters(whole.model), index));
    a = malloc(count * sizeof *a);
    b = malloc(count * sizeof *b);
    require_ok(whole.context, rn_tensor_read(rn_parameters_gradient(rn_model_parameters(whole.model), index),
                                             RN_FLOAT32, a, count * sizeof *a));
    require_ok(part.context, rn_tensor_read(rn_parameters_gradient(rn_model_parameters(part.model), index), RN_FLOAT32,
                                            b, count * sizeof *b));
    assert_memory_equal(a, b, count * sizeof *a);
    for (size_t i = 0; i < rn_parameters_count(rn_model_parameters(part.model)); i++)
        frozen_norms += rn_parameters_has_gradient(rn_model_parameters(part.model), i);
    assert_int_equal(frozen_norms, 1);
    free(a);
    free(b);
    end(&whole);
    end(&part);
}

/* ---- order of calls -------------------------------------------------------------------------------------------- */

static void calls_out_of_order_are_refused(void **state)
{
    training t;
    const rn_tensor *output;
    rn_tensor *gradient;
    double loss;

    (void)state;
    begin(&t, 1, RN_ISA_AUTO, 0);
    require_status(t.context, rn_session_output(&output, t.session, 0), RN_STATE);
    require_status(t.context, rn_session_backward(t.session), RN_STATE);
    require_status(t.context, rn_cross_entropy(&loss, t.session, t.labels), RN_STATE);
    require_status(t.context, rn_optimizer_step(t.adam), RN_STATE);
    require_ok(t.context, rn_session_forward(t.session, t.images));
    require_status(t.context, rn_session_backward(t.session), RN_STATE); /* no loss */
    require_status(t.context, rn_model_freeze(t.model, "*"), RN_STATE);  /* pinned */
    require_status(t.context, rn_session_gradient(&gradient, t.session, 1), RN_INVALID_ARGUMENT);
    require_ok(t.context, rn_cross_entropy(&loss, t.session, t.labels));
    require_ok(t.context, rn_session_backward(t.session));
    require_status(t.context, rn_session_backward(t.session), RN_STATE);
    require_status(t.context, rn_cross_entropy(&loss, t.session, t.labels), RN_STATE);
    require_ok(t.context, rn_model_freeze(t.model, "*"));
    require_ok(t.context, rn_session_forward(t.session, t.images));
    require_ok(t.context, rn_cross_entropy(&loss, t.session, t.labels));
    if (rn_session_backward(t.session) != RN_OK)
        assert_non_null(strstr(rn_context_message(t.context), "trainable"));
    end(&t);
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
    begin(&t, 1, RN_ISA_AUTO, 0);
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
    require_ok(t.context, rn_session_create(&session, t.context, t.model,
                                            RN_OPTIONS(rn_session, .outputs = names, .output_count = 2)));
    require_ok(t.context, rn_session_forward(session, t.images));
    require_ok(t.context, rn_session_output(&output, session, 0));
    assert_int_equal(rn_tensor_rank(output), 4);
    assert_int_equal(rn_tensor_shape(output)[1], 8);
    require_ok(t.context, rn_session_output(&output, session, 1));
    assert_int_equal(rn_tensor_shape(output)[1], RESIDUAL_CLASSES);
    rn_session_destroy(session);
    end(&t);
}

/* Row-major images give the same bits as channels-last ones. */
static void the_order_of_the_images_memory_does_not_matter(void **state)
{
    training a, b;
    rn_tensor *row_major = NULL;

    (void)state;
    begin(&a, 1, RN_ISA_AUTO, 0.5);
    begin(&b, 1, RN_ISA_AUTO, 0.5);
    require_ok(b.context, rn_tensor_convert(&row_major, b.images, RN_FLOAT32, RN_ROW_MAJOR));
    rn_tensor_destroy(b.images);
    b.images = row_major;
    require_same_after_steps(&a, &b);
    end(&a);
    end(&b);
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
    begin_with(&t, context, 0.5, 6);
    require_ok(context, rn_tensor_view(&small, t.images, 0, 0, 4));
    require_ok(context, rn_tensor_view(&small_labels, t.labels, 0, 0, 4));
    for (int i = 0; i < 7; i++) {
        const rn_tensor *output;
        rn_tensor *const full = t.images, *const labels = t.labels;

        if (i == 2)
            calls = counter.calls; /* an epoch's two batch sizes have been met */
        t.images = small;
        t.labels = small_labels;
        step(&t);
        require_ok(context, rn_session_output(&output, t.session, 0));
        assert_int_equal(rn_tensor_shape(output)[0], 4);
        t.images = full;
        t.labels = labels;
        step(&t);
        require_ok(context, rn_session_output(&output, t.session, 0));
        assert_int_equal(rn_tensor_shape(output)[0], 6);
    }
    assert_int_equal(counter.calls, calls);
    rn_tensor_destroy(small);
    rn_tensor_destroy(small_labels);
    end(&t);
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
        begin_with(&t, context, 0.5, 6);
        counter.fail_at = counter.calls + n;
        status = rn_session_forward(t.session, t.images);
        if (status == RN_OK)
            status = rn_cross_entropy(&loss, t.session, t.labels);
        if (status == RN_OK)
            status = rn_session_backward(t.session);
        if (status == RN_OK)
            status = rn_optimizer_step(t.adam);
        finished = status == RN_OK && counter.calls <= counter.fail_at;
        assert_true(status == RN_NO_MEMORY || finished);
        counter.fail_at = -1;
        step(&t);
        end(&t);
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
    begin_with(&t, context, 0.5, 6);
    require_ok(context, rn_session_plan_bytes(&small, t.session, 1, RESIDUAL_SIZE, RESIDUAL_SIZE));
    require_ok(context, rn_session_plan_bytes(&large, t.session, 8, RESIDUAL_SIZE, RESIDUAL_SIZE));
    assert_true(small > 0 && large > small);
    require_status(context, rn_session_plan_bytes(&large, t.session, 0, RESIDUAL_SIZE, RESIDUAL_SIZE),
                   RN_INVALID_ARGUMENT);
    end(&t);
    assert_int_equal(counter.live, 0);
}

/* ---- side by side ---------------------------------------------------------------------------------------------- */

static void *train_alone(void *payload)
{
    training t;

    begin(&t, 1, RN_ISA_AUTO, 0.5);
    for (int i = 0; i < 20; i++)
        *(double *)payload = step(&t);
    end(&t);
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
    begin(&t, 1, RN_ISA_AUTO, 0);
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
        cmocka_unit_test(ten_steps_give_the_same_bits_for_any_number_of_threads),
        cmocka_unit_test(avx2_and_avx512_give_the_same_bits),
        cmocka_unit_test(every_instruction_set_agrees_with_the_reference),
        cmocka_unit_test(inference_does_not_depend_on_the_batch),
        cmocka_unit_test(gradients_agree_with_finite_differences),
        cmocka_unit_test(gradients_add_up_until_they_are_used),
        cmocka_unit_test(what_is_frozen_keeps_its_bytes_in_training),
        cmocka_unit_test(gradients_pass_through_a_frozen_middle),
        cmocka_unit_test(calls_out_of_order_are_refused),
        cmocka_unit_test(images_that_do_not_fit_are_refused),
        cmocka_unit_test(the_order_of_the_images_memory_does_not_matter),
        cmocka_unit_test(a_steady_step_allocates_nothing),
        cmocka_unit_test(every_allocation_of_a_step_may_fail),
        cmocka_unit_test(a_plan_says_its_bytes_before_it_takes_them),
        cmocka_unit_test(two_contexts_train_on_two_threads),
        cmocka_unit_test(threads_share_a_model),
        cmocka_unit_test(destruction_works_in_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
