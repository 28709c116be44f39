/* SPDX-License-Identifier: MIT */
/*
 * torchvision's networks with the same weights on both sides: logits in inference to 1e-4, the loss of a training step
 * to 1e-4, and free-running gradients to 3e-2, since a ReLU whose input is nearly zero may go either way
 * (docs/architecture.md, numerics).
 */
#include "parity/oracle.h"

enum { CLASSES = 10, MOST_PARAMETERS = 200 };

static const char *const slices[] = { "conv1.weight",        "layer1.0.conv2.weight", "layer2.0.downsample.0.weight",
                                      "layer3.1.bn1.weight", "layer4.1.conv1.weight", "fc.weight" };

static rn_model *make(rn_context *context, const char *name, uint32_t salt)
{
    rn_model *model = NULL;

    require_ok(context, rn_model_create(&model, context, name, RN_OPTIONS(rn_model, .class_count = CLASSES)));
    oracle_fill_parameters(context, model, salt);
    return model;
}

static rn_tensor *images_of(rn_context *context, const char *name, int64_t batch, uint32_t salt)
{
    const int64_t shape[4] = { batch, 3, 64, 64 };
    char key[64];

    snprintf(key, sizeof key, "%s/x", name);
    return oracle_tensor(context, key, 4, shape, 1.7f, 0, salt);
}

static void check_logits(const char *name, int64_t batch)
{
    rn_context *context = rn_test_context(2, RN_ISA_AUTO);
    rn_checkpoint *answers = oracle_open(context, "torchvision");
    const uint32_t salt = oracle_salt(answers, name);
    rn_model *model = make(context, name, salt);
    rn_tensor *images = images_of(context, name, batch, salt);
    rn_session *session = NULL;
    const rn_tensor *logits = NULL;

    require_ok(context, rn_session_create(&session, context, model, NULL));
    require_ok(context, rn_session_forward(session, images));
    require_ok(context, rn_session_output(&logits, session, 0));
    oracle_expect(answers, logits, 1e-4, "%s/eval", name);
    rn_session_destroy(session);
    rn_tensor_destroy(images);
    rn_model_destroy(model);
    rn_checkpoint_destroy(answers);
    rn_context_destroy(context);
}

static double norm(const float *values, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += (double)values[i] * (double)values[i];
    return sqrt(sum);
}

static float *read_gradient(const rn_parameters *parameters, size_t index, size_t *count)
{
    const rn_tensor *gradient = rn_parameters_gradient(parameters, index);
    float *values;

    if (gradient == NULL)
        fail_msg("%s has no gradient", rn_parameters_name(parameters, index));
    *count = (size_t)rn_tensor_count(gradient);
    values = malloc(*count * sizeof *values);
    assert_non_null(values);
    assert_int_equal(rn_tensor_read(gradient, RN_FLOAT32, values, *count * sizeof *values), RN_OK);
    return values;
}

/* The norm of every parameter's gradient; the answers are in the order of the network. */
static void check_norms(const rn_checkpoint *answers, const rn_parameters *parameters, const char *name)
{
    char key[64];
    const rn_tensor *answer;
    float norms[MOST_PARAMETERS];
    size_t seen = 0, answers_count;

    snprintf(key, sizeof key, "%s/norms", name);
    answer = rn_checkpoint_find(answers, key);
    assert_non_null(answer);
    answers_count = (size_t)rn_tensor_count(answer);
    assert_in_range(answers_count, 1, MOST_PARAMETERS);
    assert_int_equal(rn_tensor_read(answer, RN_FLOAT32, norms, answers_count * sizeof norms[0]), RN_OK);
    for (size_t i = 0; i < rn_parameters_count(parameters); i++) {
        size_t count = 0;
        float *values;
        double got;

        if (!rn_parameters_is_parameter(parameters, i))
            continue;
        assert_true(seen < answers_count);
        values = read_gradient(parameters, i, &count);
        got = norm(values, count);
        free(values);
        if (!(fabs(got - (double)norms[seen]) <= 3e-2 * (double)norms[seen]))
            fail_msg("%s: the gradient's norm is %.6g instead of %.6g", rn_parameters_name(parameters, i), got,
                     (double)norms[seen]);
        seen++;
    }
    assert_int_equal(seen, answers_count);
}

/* The first elements of some gradients, in PyTorch's order. */
static void check_slice(const rn_checkpoint *answers, const rn_parameters *parameters, const char *name,
                        const char *parameter)
{
    enum { MOST = 256 };
    char key[128];
    const rn_tensor *answer;
    float wanted[MOST], *values;
    size_t index = 0, count = 0, length;
    double size, difference;

    snprintf(key, sizeof key, "%s/gradient/%s", name, parameter);
    answer = rn_checkpoint_find(answers, key);
    assert_non_null(answer);
    length = (size_t)rn_tensor_count(answer);
    assert_in_range(length, 1, MOST);
    assert_int_equal(rn_tensor_read(answer, RN_FLOAT32, wanted, length * sizeof wanted[0]), RN_OK);
    assert_int_equal(rn_parameters_find(&index, parameters, parameter), RN_OK);
    values = read_gradient(parameters, index, &count);
    assert_true(count >= length);
    size = norm(wanted, length);
    for (size_t i = 0; i < length; i++)
        wanted[i] -= values[i];
    difference = norm(wanted, length);
    free(values);
    if (!(difference <= 3e-2 * size))
        fail_msg("%s of %s: off by %.3g", parameter, name, difference / size);
}

static void check_training_step(const char *name, int64_t batch)
{
    rn_context *context = rn_test_context(2, RN_ISA_AUTO);
    rn_checkpoint *answers = oracle_open(context, "torchvision");
    const uint32_t salt = oracle_salt(answers, name);
    rn_model *model = make(context, name, salt);
    rn_tensor *images = images_of(context, name, batch, salt), *labels;
    rn_session *session = NULL;
    char key[64];
    double loss = 0;

    snprintf(key, sizeof key, "%s/labels", name);
    labels = oracle_labels(context, key, batch, CLASSES, salt);
    require_ok(context, rn_session_create(&session, context, model, RN_OPTIONS(rn_session, .mode = RN_TRAIN)));
    require_ok(context, rn_session_forward(session, images));
    require_ok(context, rn_cross_entropy(&loss, session, labels, NULL));
    oracle_expect_number(answers, loss, 1e-4, "%s/loss", name);
    require_ok(context, rn_session_backward(session));
    check_norms(answers, rn_model_parameters(model), name);
    for (size_t i = 0; i < sizeof slices / sizeof slices[0]; i++)
        check_slice(answers, rn_model_parameters(model), name, slices[i]);
    rn_session_destroy(session);
    rn_tensor_destroy(labels);
    rn_tensor_destroy(images);
    rn_model_destroy(model);
    rn_checkpoint_destroy(answers);
    rn_context_destroy(context);
}

static void resnet18_gives_the_logits(void **state)
{
    (void)state;
    check_logits("resnet18", 4);
}

static void resnet50_gives_the_logits(void **state)
{
    (void)state;
    check_logits("resnet50", 4);
}

static void squeezenet1_0_gives_the_logits(void **state)
{
    (void)state;
    check_logits("squeezenet1_0", 2);
}

static void resnet18_gives_the_gradients(void **state)
{
    (void)state;
    check_training_step("resnet18", 4);
}

static void resnet50_gives_the_gradients(void **state)
{
    (void)state;
    check_training_step("resnet50", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resnet18_gives_the_logits),      cmocka_unit_test(resnet50_gives_the_logits),
        cmocka_unit_test(squeezenet1_0_gives_the_logits), cmocka_unit_test(resnet18_gives_the_gradients),
        cmocka_unit_test(resnet50_gives_the_gradients),
    };

    return cmocka_run_group_tests_name("torchvision", tests, NULL, NULL);
}
