/* SPDX-License-Identifier: MIT */
#include "run/training.h"

void training_begin_with(training *t, rn_context *context, double dropout, int64_t batch)
{
    t->context = context;
    t->model = residual_network(context, dropout);
    require_ok(context, rn_session_create(&t->session, context, t->model,
                                          RN_OPTIONS(rn_session, .mode = RN_TRAIN, .input_gradient = 1)));
    require_ok(context, rn_adam_create(&t->adam, rn_model_parameters(t->model), RN_OPTIONS(rn_adam, .lr = 1e-3)));
    t->images = residual_images(context, batch, 5);
    t->labels = residual_labels(context, batch, 2);
}

void training_begin(training *t, int32_t threads, rn_isa isa, double dropout)
{
    training_begin_with(t, rn_test_context(threads, isa), dropout, 6);
}

void training_end(training *t)
{
    rn_tensor_destroy(t->images);
    rn_tensor_destroy(t->labels);
    rn_optimizer_destroy(t->adam);
    rn_session_destroy(t->session);
    rn_model_destroy(t->model);
    rn_context_destroy(t->context);
}

double training_backward(training *t)
{
    double loss;

    require_ok(t->context, rn_session_forward(t->session, t->images));
    require_ok(t->context, rn_cross_entropy(&loss, t->session, t->labels, NULL));
    require_ok(t->context, rn_session_backward(t->session));
    return loss;
}

double training_step(training *t)
{
    const double loss = training_backward(t);

    require_ok(t->context, rn_optimizer_step(t->adam));
    return loss;
}

float *training_all_values(training *t, size_t *count)
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
