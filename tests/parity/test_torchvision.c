/* SPDX-License-Identifier: MIT */
/*
 * torchvision's networks with the same weights on both sides, dropout off: logits in inference to 1e-4, the losses of
 * five Adam steps to 1e-4, and free-running gradients to 3e-2, since a ReLU whose input is nearly zero may go either
 * way (docs/architecture.md, numerics). The answers are PyTorch's in double. RESNET_PARITY may name a folder with the
 * answers for other networks (make_fixtures.py FOLDER makes those for the rest of the zoo).
 */
#define _POSIX_C_SOURCE 200809L
#include "graph/graph.h"
#include "parity/oracle.h"

enum { CLASSES = 10, MOST_PARAMETERS = 800, STEPS = 5 };

typedef struct family {
    rn_context *context;
    rn_checkpoint *answers;
    const char *name;
    uint32_t salt;
    rn_model *model;
    rn_tensor *images, *labels;
    double lr, logits_error, loss_error, gradient_error, norm_error;
} family;

static void without_dropout(const family *f)
{
    for (size_t i = 0; i < rn_model_layer_count(f->model); i++) {
        const char *const name = rn_model_layer_name(f->model, i);

        if (f->model->graph->layer[i].kind == RN_LAYER_DROPOUT)
            require_ok(f->context, rn_model_freeze(f->model, name));
    }
}

static void begin(family *f, const char *name)
{
    char key[64];
    long long batch, height, width;
    const char *shape, *lr;

    f->name = name;
    f->salt = oracle_salt(f->answers, name);
    snprintf(key, sizeof key, "%s/shape", name);
    shape = rn_checkpoint_metadata(f->answers, key);
    assert_non_null(shape);
    assert_int_equal(sscanf(shape, "%lld 3 %lld %lld", &batch, &height, &width), 3);
    snprintf(key, sizeof key, "%s/lr", name);
    lr = rn_checkpoint_metadata(f->answers, key);
    assert_non_null(lr);
    f->lr = strtod(lr, NULL);
    require_ok(f->context, rn_model_create(&f->model, f->context, name,
                                           RN_OPTIONS(rn_model, .class_count = CLASSES, .height = (int32_t)height,
                                                      .width = (int32_t)width)));
    oracle_fill_parameters(f->context, f->model, f->salt);
    without_dropout(f);
    snprintf(key, sizeof key, "%s/x", name);
    f->images = oracle_tensor(f->context, key, 4, (const int64_t[]){ batch, 3, height, width }, 1.7f, 0, f->salt);
    snprintf(key, sizeof key, "%s/labels", name);
    f->labels = oracle_labels(f->context, key, batch, CLASSES, f->salt);
}

static void end(family *f)
{
    rn_tensor_destroy(f->labels);
    rn_tensor_destroy(f->images);
    rn_model_destroy(f->model);
}

static double answer_error(const family *f, const char *what, const float *got, size_t count)
{
    char key[64];
    const rn_tensor *answer;
    float *const wanted = malloc(count * sizeof *wanted);
    double error;

    snprintf(key, sizeof key, "%s/%s", f->name, what);
    answer = rn_checkpoint_find(f->answers, key);
    assert_non_null(answer);
    assert_non_null(wanted);
    assert_int_equal(rn_tensor_count(answer), count);
    assert_int_equal(rn_tensor_read(answer, RN_FLOAT32, wanted, count * sizeof *wanted), RN_OK);
    error = rn_test_error(got, wanted, count);
    free(wanted);
    return error;
}

static void check_logits(family *f)
{
    rn_session *session = NULL;
    const rn_tensor *logits = NULL;
    float *values;
    size_t count;

    require_ok(f->context, rn_session_create(&session, f->context, f->model, NULL));
    require_ok(f->context, rn_session_forward(session, f->images));
    require_ok(f->context, rn_session_output(&logits, session, 0));
    count = (size_t)rn_tensor_count(logits);
    values = malloc(count * sizeof *values);
    assert_non_null(values);
    assert_int_equal(rn_tensor_read(logits, RN_FLOAT32, values, count * sizeof *values), RN_OK);
    f->logits_error = answer_error(f, "eval", values, count);
    free(values);
    if (!(f->logits_error <= 1e-4))
        fail_msg("%s: logits are off by %.3g of the largest", f->name, f->logits_error);
    rn_session_destroy(session);
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

static void note(double *worst, double error)
{
    *worst = error > *worst || isnan(error) ? error : *worst;
}

/* The norm of every parameter's gradient; the answers are in the order of the network. */
static void check_norms(family *f, const rn_parameters *parameters)
{
    char key[64];
    const rn_tensor *answer;
    float norms[MOST_PARAMETERS];
    size_t seen = 0, answers_count;
    double least = 0; /* a bias in front of a batch norm has no gradient but rounding */

    snprintf(key, sizeof key, "%s/norms", f->name);
    answer = rn_checkpoint_find(f->answers, key);
    assert_non_null(answer);
    answers_count = (size_t)rn_tensor_count(answer);
    assert_in_range(answers_count, 1, MOST_PARAMETERS);
    assert_int_equal(rn_tensor_read(answer, RN_FLOAT32, norms, answers_count * sizeof norms[0]), RN_OK);
    for (size_t i = 0; i < answers_count; i++)
        least = fmax(least, 1e-5 * (double)norms[i]);
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
        note(&f->norm_error, fabs(got - (double)norms[seen]) / fmax(least, (double)norms[seen]));
        if (!(f->norm_error <= 3e-2))
            fail_msg("%s of %s: the gradient's norm is %.6g instead of %.6g", rn_parameters_name(parameters, i),
                     f->name, got, (double)norms[seen]);
        seen++;
    }
    assert_int_equal(seen, answers_count);
}

/* The first elements of a gradient, in PyTorch's order. */
static void check_slice(family *f, const rn_parameters *parameters, size_t index, const rn_tensor *answer)
{
    enum { MOST = 64 };
    float wanted[MOST], *values;
    size_t count = 0, length = (size_t)rn_tensor_count(answer);
    double size, difference;

    assert_in_range(length, 1, MOST);
    assert_int_equal(rn_tensor_read(answer, RN_FLOAT32, wanted, length * sizeof wanted[0]), RN_OK);
    values = read_gradient(parameters, index, &count);
    assert_true(count >= length);
    size = norm(wanted, length);
    for (size_t i = 0; i < length; i++)
        wanted[i] -= values[i];
    difference = norm(wanted, length);
    free(values);
    note(&f->gradient_error, size > 0 ? difference / size : difference);
    if (!(difference <= 3e-2 * size))
        fail_msg("%s of %s: off by %.3g", rn_parameters_name(parameters, index), f->name, difference / size);
}

static void check_slices(family *f, const rn_parameters *parameters)
{
    char key[160];
    int seen = 0;

    for (size_t i = 0; i < rn_parameters_count(parameters); i++) {
        const rn_tensor *answer;

        snprintf(key, sizeof key, "%s/gradient/%s", f->name, rn_parameters_name(parameters, i));
        answer = rn_checkpoint_find(f->answers, key);
        if (answer == NULL)
            continue;
        check_slice(f, parameters, i, answer);
        seen++;
    }
    assert_int_equal(seen, 5);
}

static void check_training(family *f)
{
    rn_parameters *const parameters = rn_model_parameters(f->model);
    rn_session *session = NULL;
    rn_optimizer *adam = NULL;
    float losses[STEPS];

    require_ok(f->context, rn_session_create(&session, f->context, f->model, RN_OPTIONS(rn_session, .mode = RN_TRAIN)));
    require_ok(f->context, rn_adam_create(&adam, parameters, RN_OPTIONS(rn_adam, .lr = f->lr)));
    for (int step = 0; step < STEPS; step++) {
        require_ok(f->context, rn_session_forward(session, f->images));
        losses[step] = (float)oracle_loss(f->context, session, f->model, f->labels);
        require_ok(f->context, rn_session_backward(session));
        if (step == 0) {
            check_norms(f, parameters);
            check_slices(f, parameters);
        }
        require_ok(f->context, rn_optimizer_step(adam));
    }
    f->loss_error = answer_error(f, "losses", losses, STEPS);
    if (!(f->loss_error <= 1e-4))
        fail_msg("%s: a loss of five steps is off by %.3g of the largest", f->name, f->loss_error);
    rn_optimizer_destroy(adam);
    rn_session_destroy(session);
}

/* Sanitizers slow these down to minutes; the smaller ones run the same code there. */
static bool is_too_large(const family *f)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    const int64_t batch = rn_tensor_shape(f->images)[0];

    return rn_parameters_elements(rn_model_parameters(f->model), 0) > 30000000 ||
           rn_model_multiply_adds(f->model) * batch > INT64_C(10000000000);
#else
    (void)f;
    return false;
#endif
}

static rn_checkpoint *open_answers(rn_context *context)
{
    const char *const folder = getenv("RESNET_PARITY");
    rn_checkpoint *answers = NULL;

    if (folder == NULL)
        return oracle_open(context, "torchvision");
    require_ok(context, rn_checkpoint_open(&answers, context, rn_test_path(folder, "torchvision.safetensors"), NULL));
    return answers;
}

static void networks_are_those_of_torchvision(void **state)
{
    family f = { .context = rn_test_context(2, RN_ISA_AUTO) };
    char names[1024], *next = NULL;

    (void)state;
    f.answers = open_answers(f.context);
    snprintf(names, sizeof names, "%s", rn_checkpoint_metadata(f.answers, "networks"));
    for (char *name = strtok_r(names, " ", &next); name != NULL; name = strtok_r(NULL, " ", &next)) {
        family one = { .context = f.context, .answers = f.answers };

        begin(&one, name);
        if (is_too_large(&one)) {
            print_message("%s is left to builds without sanitizers\n", name);
        } else {
            check_logits(&one);
            check_training(&one);
            print_message("%-18s logits %.1e  losses %.1e  gradients %.1e  norms %.1e\n", name, one.logits_error,
                          one.loss_error, one.gradient_error, one.norm_error);
        }
        end(&one);
    }
    rn_checkpoint_destroy(f.answers);
    rn_context_destroy(f.context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_are_those_of_torchvision),
    };

    return cmocka_run_group_tests_name("torchvision", tests, NULL, NULL);
}
