/* SPDX-License-Identifier: MIT */
#include "run/networks.h"
#include "run/soft_loss.h"

enum { N = 3, CLASSES = 4 };

/* A network that is its input: (N, 4, 1, 1) flattened, through a linear layer set to the identity. */
static rn_model *identity_network(rn_context *context, int log_softmax)
{
    rn_graph *g = NULL;
    rn_model *model = NULL;
    rn_tensor *eye = NULL;
    const int64_t shape[2] = { CLASSES, CLASSES };
    size_t weight;
    rn_value x;

    require_ok(context, rn_graph_create(&g, context));
    x = rn_flatten(g, rn_graph_input(g, "images", CLASSES, 1, 1, NULL), NULL);
    x = rn_linear(g, x, "fc", CLASSES, RN_OPTIONS(rn_linear, .no_bias = 1));
    rn_graph_output(g, "logits", log_softmax ? rn_log_softmax(g, x, NULL) : x);
    require_ok(context, rn_model_build(&model, g, "identity", NULL));
    rn_graph_destroy(g);
    require_ok(context, rn_tensor_create(&eye, context, RN_FLOAT32, 2, shape, RN_ROW_MAJOR));
    for (int i = 0; i < CLASSES; i++)
        ((float *)rn_tensor_data(eye))[i * CLASSES + i] = 1;
    require_ok(context, rn_parameters_find(&weight, rn_model_parameters(model), "fc.weight"));
    require_ok(context, rn_parameters_write(rn_model_parameters(model), weight, eye));
    rn_tensor_destroy(eye);
    return model;
}

typedef struct fixture {
    rn_context *context;
    rn_model *model;
    rn_session *session;
    rn_tensor *images, *labels;
} fixture;

static const float logits[N][CLASSES] = { { 1, -2, 3, 0.5f },
                                          { 1000, 999, -1000, 0 },
                                          { -0.25f, -0.25f, -0.25f, -0.25f } };
static const int64_t answers[N] = { 2, 1, 3 };

static void begin(fixture *f, int log_softmax)
{
    const int64_t shape[4] = { N, CLASSES, 1, 1 }, count = N;

    f->context = rn_test_context(1, RN_ISA_AUTO);
    f->model = identity_network(f->context, log_softmax);
    require_ok(f->context,
               rn_session_create(&f->session, f->context, f->model, RN_OPTIONS(rn_session, .mode = RN_TRAIN)));
    require_ok(f->context, rn_tensor_create(&f->images, f->context, RN_FLOAT32, 4, shape, RN_CHANNELS_LAST));
    require_ok(f->context, rn_tensor_create(&f->labels, f->context, RN_INT64, 1, &count, RN_ROW_MAJOR));
    memcpy(rn_tensor_data(f->images), logits, sizeof logits);
    memcpy(rn_tensor_data(f->labels), answers, sizeof answers);
    require_ok(f->context, rn_session_forward(f->session, f->images));
}

static void end(fixture *f)
{
    rn_tensor_destroy(f->images);
    rn_tensor_destroy(f->labels);
    rn_session_destroy(f->session);
    rn_model_destroy(f->model);
    rn_context_destroy(f->context);
}

/* mean of -log softmax in long double */
static double expected_loss(void)
{
    long double sum = 0;

    for (int n = 0; n < N; n++) {
        long double total = 0;

        for (int j = 0; j < CLASSES; j++)
            total += expl((long double)logits[n][j] - logits[n][answers[n]]);
        sum += logl(total);
    }
    return (double)(sum / N);
}

static void cross_entropy_is_the_mean_of_minus_log_softmax(void **state)
{
    fixture f;
    double loss;
    rn_tensor *gradient;

    (void)state;
    begin(&f, 0);
    require_ok(f.context, rn_cross_entropy(&loss, f.session, f.labels, NULL));
    assert_true(fabs(loss - expected_loss()) < 1e-6 * expected_loss());
    require_ok(f.context, rn_session_gradient(&gradient, f.session, 0));
    for (int64_t n = 0; n < N; n++) {
        double total = 0;

        for (int64_t j = 0; j < CLASSES; j++) {
            double value;

            require_ok(f.context, rn_tensor_get(gradient, (const int64_t[]){ n, j }, &value));
            total += value;
            if (n == 2)
                assert_true(fabs(value - (0.25 - (j == 3)) / N) < 1e-7);
        }
        assert_true(fabs(total) < 1e-7);
    }
    end(&f);
}

static void nll_takes_log_probabilities_and_refuses_logits(void **state)
{
    fixture f;
    double loss;

    (void)state;
    begin(&f, 1);
    require_ok(f.context, rn_nll_loss(&loss, f.session, f.labels, NULL));
    assert_true(fabs(loss - expected_loss()) < 1e-6 * expected_loss());
    require_ok(f.context, rn_session_backward(f.session));
    end(&f);
    begin(&f, 0);
    require_status(f.context, rn_nll_loss(&loss, f.session, f.labels, NULL), RN_INVALID_ARGUMENT);
    require_status(f.context, rn_session_backward(f.session), RN_STATE);
    end(&f);
}

static void labels_out_of_range_or_of_another_type_are_refused(void **state)
{
    fixture f;
    double loss;
    rn_tensor *wrong = NULL;
    const int64_t count = N;

    (void)state;
    begin(&f, 0);
    ((int64_t *)rn_tensor_data(f.labels))[1] = CLASSES;
    require_status(f.context, rn_cross_entropy(&loss, f.session, f.labels, NULL), RN_INVALID_ARGUMENT);
    ((int64_t *)rn_tensor_data(f.labels))[1] = -1;
    require_status(f.context, rn_cross_entropy(&loss, f.session, f.labels, NULL), RN_INVALID_ARGUMENT);
    require_ok(f.context, rn_tensor_create(&wrong, f.context, RN_INT32, 1, &count, RN_ROW_MAJOR));
    require_status(f.context, rn_cross_entropy(&loss, f.session, wrong, NULL), RN_SHAPE);
    rn_tensor_destroy(wrong);
    require_status(f.context, rn_session_backward(f.session), RN_STATE);
    end(&f);
}

static void targets_are_those_of_pytorch(void **state)
{
    static const struct {
        int weighted;
        double smoothing, loss;
        const double (*gradient)[CLASSES];
    } cases[] = { { 0, 0, soft_plain, soft_plain_gradient },
                  { 1, 0, soft_weighted, soft_weighted_gradient },
                  { 1, 0.1, soft_smoothed, soft_smoothed_gradient } };
    const int64_t shape[2] = { N, CLASSES }, count = CLASSES;
    rn_tensor *targets, *weights, *gradient;
    fixture f;

    (void)state;
    begin(&f, 0);
    require_ok(f.context, rn_tensor_create(&targets, f.context, RN_FLOAT32, 2, shape, RN_ROW_MAJOR));
    memcpy(rn_tensor_data(targets), soft_targets, sizeof soft_targets);
    require_ok(f.context, rn_tensor_create(&weights, f.context, RN_FLOAT32, 1, &count, RN_ROW_MAJOR));
    memcpy(rn_tensor_data(weights), soft_weights, sizeof soft_weights);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double loss;

        require_ok(f.context, rn_cross_entropy(&loss, f.session, targets,
                                               RN_OPTIONS(rn_loss, .label_smoothing = cases[i].smoothing,
                                                          .class_weights = cases[i].weighted ? weights : NULL)));
        assert_true(fabs(loss - cases[i].loss) <= 1e-12 * cases[i].loss);
        require_ok(f.context, rn_session_gradient(&gradient, f.session, 0));
        for (int n = 0; n < N; n++)
            for (int j = 0; j < CLASSES; j++) {
                const float ours = ((const float *)rn_tensor_const_data(
                    gradient))[n * rn_tensor_strides(gradient)[0] + j * rn_tensor_strides(gradient)[1]];

                assert_true(fabs(ours - cases[i].gradient[n][j]) <= 1e-7);
            }
    }
    ((float *)rn_tensor_data(targets))[5] = NAN;
    require_status(f.context, rn_cross_entropy(&(double){ 0 }, f.session, targets, NULL), RN_INVALID_ARGUMENT);
    ((float *)rn_tensor_data(targets))[5] = -0.5F;
    require_status(f.context, rn_cross_entropy(&(double){ 0 }, f.session, targets, NULL), RN_INVALID_ARGUMENT);
    ((float *)rn_tensor_data(targets))[5] = 0.5F;
    require_status(f.context, rn_cross_entropy(&(double){ 0 }, f.session, targets, RN_OPTIONS(rn_loss, .ignores = 1)),
                   RN_INVALID_ARGUMENT);
    require_status(f.context, rn_nll_loss(&(double){ 0 }, f.session, targets, NULL), RN_SHAPE);
    rn_tensor_destroy(targets);
    require_ok(f.context, rn_tensor_create(&targets, f.context, RN_FLOAT32, 2, (int64_t[2]){ N, 3 }, RN_ROW_MAJOR));
    require_status(f.context, rn_cross_entropy(&(double){ 0 }, f.session, targets, NULL), RN_SHAPE);
    rn_tensor_destroy(targets);
    rn_tensor_destroy(weights);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cross_entropy_is_the_mean_of_minus_log_softmax),
        cmocka_unit_test(targets_are_those_of_pytorch),
        cmocka_unit_test(nll_takes_log_probabilities_and_refuses_logits),
        cmocka_unit_test(labels_out_of_range_or_of_another_type_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
