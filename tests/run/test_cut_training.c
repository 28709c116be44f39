/* SPDX-License-Identifier: MIT */
/* Training behind a layer: on features as on images, and the gradient of what was given. */
#include "run/cut.h"

#define RN_TEST_THREADS 2
#include "support/one_context.h"

/* ---- training ---------------------------------------------------------------------------------------------------- */

/* Everything up to that value stands still. */
static void freeze_up_to(rn_model *model, const char *name)
{
    const int32_t last = rn_model_find_value(model, name);

    for (int32_t i = 0; i <= last; i++) {
        const rn_layer *const layer = &model->graph->layer[i];

        if (layer->weight >= 0 || layer->kind == RN_LAYER_DROPOUT)
            require_ok(context, rn_model_freeze(model, layer->name));
    }
}

static double backward_of(rn_session *session, const rn_tensor *input, const rn_tensor *labels)
{
    double loss;

    require_ok(context, rn_session_forward(session, input));
    require_ok(context, rn_cross_entropy(&loss, session, labels, NULL));
    require_ok(context, rn_session_backward(session));
    return loss;
}

/* Gives how many parameters have a gradient. */
static int require_same_gradients(rn_model *a, rn_model *b)
{
    rn_parameters *const x = rn_model_parameters(a), *const y = rn_model_parameters(b);
    int count = 0;

    for (size_t i = 0; i < rn_parameters_count(x); i++) {
        assert_int_equal(rn_parameters_has_gradient(x, i), rn_parameters_has_gradient(y, i));
        if (!rn_parameters_has_gradient(x, i))
            continue;
        cut_require_same_bits(context, rn_parameters_gradient(x, i), rn_parameters_gradient(y, i));
        count++;
    }
    return count;
}

/* A frozen part runs as inference does: training its features is training the network. */
static void require_same_training(const char *name, int gradients)
{
    rn_model *const a = residual_network(context, 0.5), *const b = residual_network(context, 0.5);
    rn_tensor *const images = residual_images(context, 4, 6), *const labels = residual_labels(context, 4, 1);
    rn_tensor *const features = cut_features(context, a, name, images);
    rn_session *const whole = cut_whole(context, a, name, RN_TRAIN), *const head =
                                                                         cut_behind(context, b, name, RN_TRAIN);

    freeze_up_to(a, name);
    freeze_up_to(b, name);
    for (int i = 0; i < 2; i++) {
        assert_true(backward_of(whole, images, labels) == backward_of(head, features, labels));
        assert_int_equal(require_same_gradients(a, b), gradients);
    }
    rn_session_destroy(head);
    rn_session_destroy(whole);
    rn_tensor_destroy(features);
    rn_tensor_destroy(labels);
    rn_tensor_destroy(images);
    rn_model_destroy(b);
    rn_model_destroy(a);
}

static void a_head_trains_on_features_as_it_does_on_images(void **state)
{
    (void)state;
    require_same_training("layer1", 32 - 9);
    require_same_training("layer2", 32 - 18);
    require_same_training("layer3", 8);
    require_same_training("fire", 2);
}

/* ---- the gradient of the features -------------------------------------------------------------------------------- */

/* The loss of moved features, in a session that trains but whose gradient nobody uses. */
static double loss_of(rn_session *session, const rn_tensor *features, const rn_tensor *labels)
{
    double loss;

    require_ok(context, rn_session_forward(session, features));
    require_ok(context, rn_cross_entropy(&loss, session, labels, NULL));
    return loss;
}

/* Central differences along the gradient itself; kinks make single step sizes noisy, a wrong gradient fits none. */
static double best_difference(rn_session *session, const rn_tensor *features, const rn_tensor *labels,
                              const float *gradient)
{
    const size_t count = (size_t)rn_tensor_count(features);
    rn_tensor *moved = NULL;
    double length = 0, best = INFINITY;

    for (size_t i = 0; i < count; i++)
        length += (double)gradient[i] * gradient[i];
    length = sqrt(length);
    for (double h = 3e-3; h < 0.2; h *= 3) {
        double losses[2];

        for (int side = 0; side < 2; side++) {
            require_ok(context, rn_tensor_convert(&moved, features, RN_FLOAT32, RN_ROW_MAJOR));
            for (size_t i = 0; i < count; i++)
                ((float *)rn_tensor_data(moved))[i] += (float)((side == 0 ? h : -h) * gradient[i] / length);
            losses[side] = loss_of(session, moved, labels);
            rn_tensor_destroy(moved);
        }
        best = fmin(best, fabs((losses[0] - losses[1]) / (2 * h) - length) / length);
    }
    return best;
}

/*
 * Of features without ties: a ReLU's many zeros would be kinks of the pool behind it. Also where nothing is trained:
 * then backward has but this to reach.
 */
static void require_right_gradient(const char *name, bool frozen)
{
    rn_model *const model = residual_network(context, 0);
    rn_tensor *const images = residual_images(context, 4, 6), *const labels = residual_labels(context, 4, 1);
    rn_tensor *const features = cut_features(context, model, name, images);
    rn_session *const session = cut_behind(context, model, name, RN_TRAIN);
    const rn_tensor *gradient = NULL;
    float *numbers;

    if (frozen)
        require_ok(context, rn_model_freeze(model, "*"));
    rn_test_fill(rn_tensor_data(features), (size_t)rn_tensor_count(features), 23);
    backward_of(session, features, labels);
    require_ok(context, rn_session_input_gradient(&gradient, session, 0));
    assert_int_equal(rn_tensor_rank(gradient), rn_tensor_rank(features));
    for (int32_t i = 0; i < rn_tensor_rank(features); i++)
        assert_int_equal(rn_tensor_shape(gradient)[i], rn_tensor_shape(features)[i]);
    numbers = cut_numbers(context, gradient);
    assert_true(best_difference(session, features, labels, numbers) < 5e-3);
    free(numbers);
    rn_session_destroy(session);
    rn_tensor_destroy(features);
    rn_tensor_destroy(labels);
    rn_tensor_destroy(images);
    rn_model_destroy(model);
}

static void features_have_a_gradient(void **state)
{
    static const char *const names[] = { "conv1", "layer1", "layer3", "fire.squeeze", "fire", "flatten" };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        require_right_gradient(names[i], false);
        require_right_gradient(names[i], true);
    }
}

/* By the definition of a convolution, from its input and the gradient of its output. */
static rn_tensor *gradient_of_weights(const rn_tensor *images, const rn_tensor *gradient, int64_t outputs)
{
    const int64_t n = rn_tensor_shape(images)[0], size = RESIDUAL_SIZE, taps = 3;
    float *const x = cut_numbers(context, images), *const g = cut_numbers(context, gradient);
    rn_tensor *made = NULL;

    require_ok(context, rn_tensor_create(&made, context, RN_FLOAT32, 4, (const int64_t[]){ outputs, 3, taps, taps },
                                         RN_ROW_MAJOR));
    for (int64_t i = 0; i < outputs * 3 * taps * taps; i++) {
        const int64_t o = i / (3 * taps * taps), c = i / (taps * taps) % 3, kh = i / taps % taps, kw = i % taps;
        double sum = 0;

        for (int64_t at = 0; at < n * size * size; at++) {
            const int64_t image = at / (size * size), h = at / size % size + kh - 1, w = at % size + kw - 1;

            if (h >= 0 && w >= 0 && h < size && w < size)
                sum += (double)x[((image * 3 + c) * size + h) * size + w] *
                       g[(image * outputs + o) * size * size + at % (size * size)];
        }
        ((float *)rn_tensor_data(made))[i] = (float)sum;
    }
    free(x);
    free(g);
    return made;
}

/* What the whole network's backward makes of it tells that it is its own gradient. */
static void the_first_convolution_has_the_gradient_of_its_features(void **state)
{
    rn_model *const a = residual_network(context, 0.5), *const b = residual_network(context, 0.5);
    rn_tensor *const images = residual_images(context, 4, 6), *const labels = residual_labels(context, 4, 1);
    rn_tensor *const features = cut_features(context, a, "conv1", images);
    rn_session *const whole = cut_whole(context, a, "conv1", RN_TRAIN), *const head =
                                                                            cut_behind(context, b, "conv1", RN_TRAIN);
    const rn_tensor *gradient = NULL;
    rn_tensor *expected;
    float *x, *y;
    size_t index;

    (void)state;
    backward_of(whole, images, labels);
    backward_of(head, features, labels);
    require_ok(context, rn_session_input_gradient(&gradient, head, 0));
    expected = gradient_of_weights(images, gradient, 8);
    require_ok(context, rn_parameters_find(&index, rn_model_parameters(a), "conv1.weight"));
    x = cut_numbers(context, rn_parameters_gradient(rn_model_parameters(a), index));
    y = cut_numbers(context, expected);
    assert_true(rn_test_error(x, y, (size_t)rn_tensor_count(expected)) < 2e-6);
    free(x);
    free(y);
    rn_tensor_destroy(expected);
    rn_session_destroy(head);
    rn_session_destroy(whole);
    rn_tensor_destroy(features);
    rn_tensor_destroy(labels);
    rn_tensor_destroy(images);
    rn_model_destroy(b);
    rn_model_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_trains_on_features_as_it_does_on_images),
        cmocka_unit_test(features_have_a_gradient),
        cmocka_unit_test(the_first_convolution_has_the_gradient_of_its_features),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
