/* SPDX-License-Identifier: MIT */
/* What steps of training compute: bits, gradients, what is frozen. */
#include "run/training.h"

/* ---- bits ------------------------------------------------------------------------------------------------------ */

static void require_same_after_steps(const training *a_in, const training *b_in)
{
    training a = *a_in, b = *b_in;
    size_t count, other;
    float *x, *y;

    for (int i = 0; i < 10; i++)
        assert_true(training_step(&a) == training_step(&b));
    x = training_all_values(&a, &count);
    y = training_all_values(&b, &other);
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

        training_begin(&a, 1, RN_ISA_AUTO, 0.5);
        training_begin(&b, threads, RN_ISA_AUTO, 0.5);
        require_same_after_steps(&a, &b);
        training_end(&a);
        training_end(&b);
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
    training_begin(&a, 1, RN_ISA_AVX2, 0.5);
    training_begin(&b, 2, RN_ISA_AVX512, 0.5);
    require_same_after_steps(&a, &b);
    training_end(&a);
    training_end(&b);
}

static void every_instruction_set_agrees_with_the_reference(void **state)
{
    training reference;
    float *expected, *got;
    size_t count;

    (void)state;
    training_begin(&reference, 1, RN_ISA_REFERENCE, 0);
    training_step(&reference);
    expected = training_all_values(&reference, &count);
    for (rn_isa isa = RN_ISA_BASELINE; isa <= RN_ISA_AVX512; isa = (rn_isa)(2 * isa)) {
        training t;

        if (!rn_test_has_isa(isa)) {
            print_message("not on this host: %s\n", rn_isa_name(isa));
            continue;
        }
        training_begin(&t, 2, isa, 0);
        require_ok(t.context,
                   rn_optimizer_set_lr(t.adam, 0,
                                       1e-6)); /* Adam's first step is +-lr: a flipped sign must not hide the rest */
        training_step(&t);
        got = training_all_values(&t, &count);
        assert_true(rn_test_error(got, expected, count) < 2e-3);
        free(got);
        training_end(&t);
    }
    free(expected);
    training_end(&reference);
}

/* The image's logits are the same in a batch and alone. */
static void inference_does_not_depend_on_the_batch(void **state)
{
    training t;
    rn_session *session = NULL;
    const rn_tensor *output = NULL;
    float together[6 * RESIDUAL_CLASSES], alone[RESIDUAL_CLASSES];

    (void)state;
    training_begin(&t, 2, RN_ISA_AUTO, 0.5);
    training_step(&t);
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
    training_end(&t);
}

/* Row-major images give the same bits as channels-last ones. */
static void the_order_of_the_images_memory_does_not_matter(void **state)
{
    training a, b;
    rn_tensor *row_major = NULL;

    (void)state;
    training_begin(&a, 1, RN_ISA_AUTO, 0.5);
    training_begin(&b, 1, RN_ISA_AUTO, 0.5);
    require_ok(b.context, rn_tensor_convert(&row_major, b.images, RN_FLOAT32, RN_ROW_MAJOR));
    rn_tensor_destroy(b.images);
    b.images = row_major;
    require_same_after_steps(&a, &b);
    training_end(&a);
    training_end(&b);
}

/* ---- gradients ------------------------------------------------------------------------------------------------- */

static double loss_of(training *t)
{
    double loss;

    require_ok(t->context, rn_session_forward(t->session, t->images));
    require_ok(t->context, rn_cross_entropy(&loss, t->session, t->labels, NULL));
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
    training_begin(&t, 2, RN_ISA_AUTO, 0);
    parameters = rn_model_parameters(t.model);
    for (size_t i = 0; i < rn_parameters_count(parameters); i++) {
        rn_tensor *value = NULL, *moved = NULL;
        float *direction, *gradient;
        double slope = 0, length = 0, best = 1e9;
        size_t count;

        if (!rn_parameters_is_parameter(parameters, i))
            continue;
        rn_parameters_clear_gradients(parameters);
        training_backward(&t);
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
                training_backward(&t); /* ends the pin of the forward before */
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
    training_end(&t);
}

static void gradients_add_up_until_they_are_used(void **state)
{
    training t;
    size_t index, count;
    float *once, *twice;

    (void)state;
    training_begin(&t, 1, RN_ISA_AUTO, 0);
    require_ok(t.context, rn_parameters_find(&index, rn_model_parameters(t.model), "layer2.conv2.weight"));
    count = (size_t)rn_tensor_count(rn_parameters_value(rn_model_parameters(t.model), index));
    once = malloc(count * sizeof *once);
    twice = malloc(count * sizeof *twice);
    training_backward(&t);
    require_ok(t.context, rn_tensor_read(rn_parameters_gradient(rn_model_parameters(t.model), index), RN_FLOAT32, once,
                                         count * sizeof *once));
    training_backward(&t);
    require_ok(t.context, rn_tensor_read(rn_parameters_gradient(rn_model_parameters(t.model), index), RN_FLOAT32, twice,
                                         count * sizeof *twice));
    for (size_t i = 0; i < count; i++)
        once[i] *= 2;
    assert_true(rn_test_error(twice, once, count) < 1e-5);
    require_ok(t.context, rn_optimizer_step(t.adam));
    assert_null(rn_parameters_gradient(rn_model_parameters(t.model), index));
    free(once);
    free(twice);
    training_end(&t);
}

/* ---- freezing -------------------------------------------------------------------------------------------------- */

static void what_is_frozen_keeps_its_bytes_in_training(void **state)
{
    training t;
    rn_parameters *parameters;
    float *before, *after;
    size_t count, at = 0, changed = 0;

    (void)state;
    training_begin(&t, 2, RN_ISA_AUTO, 0.5);
    parameters = rn_model_parameters(t.model);
    for (int i = 0; i < 3; i++)
        training_step(&t);
    require_ok(t.context, rn_model_freeze_backbone(t.model));
    before = training_all_values(&t, &count);
    for (int i = 0; i < 3; i++)
        training_step(&t);
    after = training_all_values(&t, &count);
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
    training_step(&t);
    after = training_all_values(&t, &count);
    at = 0;
    for (size_t i = 0; i < rn_parameters_count(parameters); i++) {
        const size_t length = (size_t)rn_tensor_count(rn_parameters_value(parameters, i));

        assert_memory_not_equal(before + at, after + at, length * sizeof *before); /* everything trains again */
        at += length;
    }
    free(before);
    free(after);
    training_end(&t);
}

/* A frozen part in the middle passes gradients on to what lies below it, through folded batch norms and shared sums. */
static void gradients_pass_through_a_frozen_middle(void **state)
{
    training whole, part;
    size_t index, count;
    float *a, *b;
    int frozen_norms = 0;

    (void)state;
    training_begin(&whole, 1, RN_ISA_AUTO, 0);
    training_begin(&part, 1, RN_ISA_AUTO, 0);
    /* With running statistics equal in both, freezing layer2's parameters alone must not change conv1's gradient. */
    require_ok(whole.context, rn_model_freeze(whole.model, "*"));
    require_ok(part.context, rn_model_freeze(part.model, "*"));
    require_ok(whole.context, rn_model_unfreeze(whole.model, "*conv*"));
    require_ok(part.context, rn_model_unfreeze(part.model, "conv1"));
    training_backward(&whole);
    training_backward(&part);
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
    training_end(&whole);
    training_end(&part);
}

/* Wherever a plan's arrays happen to grow, the plan is whole: networks of one layer more each, past the first
 * growth. */
static void training_works_at_every_length_of_a_network(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    const int64_t shape[] = { 2, 3, 2, 2 };
    rn_tensor *images;

    (void)state;
    require_ok(context, rn_tensor_create(&images, context, RN_FLOAT32, 4, shape, RN_CHANNELS_LAST));
    for (int length = 0; length < 80; length++) {
        rn_session *session;
        rn_tensor *gradient;
        rn_model *model;
        rn_graph *graph;
        rn_value x;

        require_ok(context, rn_graph_create(&graph, context));
        x = rn_conv2d(graph, rn_graph_input(graph, "images", 3, 2, 2, NULL), "conv", 4, 1, NULL);
        for (int i = 0; i < length; i++)
            x = rn_avg_pool2d(graph, x, 1, NULL);
        rn_graph_output(graph, "maps", x);
        require_ok(context, rn_model_build(&model, graph, "chain", NULL));
        require_ok(context, rn_session_create(&session, context, model, RN_OPTIONS(rn_session, .mode = RN_TRAIN)));
        require_ok(context, rn_session_forward(session, images));
        require_ok(context, rn_session_gradient(&gradient, session, 0));
        require_ok(context, rn_session_backward(session));
        rn_session_destroy(session);
        rn_model_destroy(model);
        rn_graph_destroy(graph);
    }
    rn_tensor_destroy(images);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_steps_give_the_same_bits_for_any_number_of_threads),
        cmocka_unit_test(avx2_and_avx512_give_the_same_bits),
        cmocka_unit_test(every_instruction_set_agrees_with_the_reference),
        cmocka_unit_test(inference_does_not_depend_on_the_batch),
        cmocka_unit_test(the_order_of_the_images_memory_does_not_matter),
        cmocka_unit_test(gradients_agree_with_finite_differences),
        cmocka_unit_test(gradients_add_up_until_they_are_used),
        cmocka_unit_test(what_is_frozen_keeps_its_bytes_in_training),
        cmocka_unit_test(gradients_pass_through_a_frozen_middle),
        cmocka_unit_test(training_works_at_every_length_of_a_network),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
