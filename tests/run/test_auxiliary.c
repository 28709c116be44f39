/* SPDX-License-Identifier: MIT */
/* Outputs that only training has, and parts of a network that no output needs. */
#include "run/session.h"

#include "support/one_context.h"

enum { SIDE = 8, CLASSES = 4 };

/* A convolution, then the logits; behind the convolution a second classifier that needs maps of 5 x 5. */
static rn_model *two_outputs(void)
{
    rn_graph *g = NULL;
    rn_model *model = NULL;
    rn_value x, aux;

    require_ok(context, rn_graph_create(&g, context));
    x = rn_relu(g, rn_conv2d(g, rn_graph_input(g, "images", 3, SIDE, SIDE, NULL), "conv", 6, 3, NULL), NULL);
    aux = rn_batch_norm2d(g, rn_conv2d(g, x, "aux.conv", 5, 5, NULL), "aux.bn", NULL);
    aux = rn_flatten(g, rn_adaptive_avg_pool2d(g, rn_relu(g, aux, NULL), 1, 1, NULL), NULL);
    aux = rn_linear(g, aux, "aux.fc", CLASSES, NULL);
    x = rn_flatten(g, rn_adaptive_avg_pool2d(g, x, 1, 1, NULL), NULL);
    x = rn_linear(g, x, "fc", CLASSES, NULL);
    rn_graph_output(g, "logits", x);
    rn_graph_auxiliary_output(g, "aux", aux, RN_OPTIONS(rn_auxiliary_output, .loss_weight = 0.25));
    require_ok(context, rn_model_build(&model, g, "two", RN_OPTIONS(rn_model, .seed = 3)));
    rn_graph_destroy(g);
    return model;
}

static rn_tensor *images(int64_t batch, int64_t side)
{
    rn_tensor *made = NULL;

    require_ok(context, rn_tensor_create(&made, context, RN_FLOAT32, 4, (const int64_t[]){ batch, 3, side, side },
                                         RN_ROW_MAJOR));
    rn_test_fill(rn_tensor_data(made), (size_t)rn_tensor_count(made), 9);
    return made;
}

static void a_model_says_what_its_losses_weigh(void **state)
{
    rn_model *const model = two_outputs();

    (void)state;
    assert_string_equal(rn_model_output_name(model, 1), "aux");
    assert_true(rn_model_loss_weight(model, 0) == 1 && rn_model_loss_weight(model, 1) == 0.25);
    assert_true(rn_model_loss_weight(model, 2) == 0 && rn_model_loss_weight(NULL, 0) == 0);
    rn_model_destroy(model);
}

/* A map that is too small for the second classifier is not too small for the first. */
static void inference_does_not_run_the_auxiliary_part(void **state)
{
    rn_model *const model = two_outputs();
    rn_tensor *const small = images(2, 5), *const large = images(2, SIDE);
    const char *const aux[] = { "aux" };
    rn_session *session = NULL;
    const rn_tensor *output = NULL;

    (void)state;
    require_ok(context, rn_session_create(&session, context, model, NULL));
    require_ok(context, rn_session_forward(session, small));
    require_ok(context, rn_session_output(&output, session, 0));
    require_status(context, rn_session_output(&output, session, 1), RN_INVALID_ARGUMENT);
    rn_session_destroy(session);
    /* Asked for by name it is there. */
    require_ok(context,
               rn_session_create(&session, context, model, RN_OPTIONS(rn_session, .outputs = aux, .output_count = 1)));
    require_ok(context, rn_session_forward(session, large));
    require_ok(context, rn_session_output(&output, session, 0));
    assert_int_equal(rn_tensor_shape(output)[1], CLASSES);
    require_status(context, rn_session_forward(session, small), RN_SHAPE);
    rn_session_destroy(session);
    /* And so it is in training. */
    require_ok(context, rn_session_create(&session, context, model, RN_OPTIONS(rn_session, .mode = RN_TRAIN)));
    require_ok(context, rn_session_forward(session, large));
    require_ok(context, rn_session_output(&output, session, 1));
    require_status(context, rn_session_forward(session, small), RN_SHAPE);
    rn_session_destroy(session);
    rn_tensor_destroy(small);
    rn_tensor_destroy(large);
    rn_model_destroy(model);
}

static const char *gradients_of(const rn_model *model, char text[64])
{
    const rn_parameters *const parameters = model->graph->parameters;

    text[0] = '\0';
    for (size_t i = 0; i < parameters->count; i++)
        if (rn_parameters_has_gradient(parameters, i))
            strcat(strcat(text, rn_parameters_name(parameters, i)), " ");
    return text;
}

static int32_t operations_of(const rn_session *session)
{
    return session->current->plan->tape.operations;
}

/* Nothing of the rest is run, trained, or counted: its batch norm stands still. */
static void what_no_output_needs_is_not_run(void **state)
{
    rn_model *const model = two_outputs();
    rn_tensor *const x = images(2, SIDE);
    const char *const conv[] = { "conv" }, *const logits[] = { "logits" };
    const int64_t labels[] = { 0, 3 };
    rn_tensor *label_tensor = NULL;
    rn_session *session = NULL;
    size_t tracked = 0;
    double loss, batches;
    char text[64];

    (void)state;
    require_ok(context, rn_tensor_wrap(&label_tensor, context, RN_INT64, 1, (const int64_t[]){ 2 }, RN_ROW_MAJOR,
                                       (void *)(uintptr_t)labels, sizeof labels));
    require_ok(context, rn_session_create(&session, context, model, NULL));
    require_ok(context, rn_session_forward(session, x));
    assert_int_equal(operations_of(session), 3); /* conv + ReLU, pooling, linear */
    rn_session_destroy(session);
    require_ok(context,
               rn_session_create(&session, context, model, RN_OPTIONS(rn_session, .outputs = conv, .output_count = 1)));
    require_ok(context, rn_session_forward(session, x));
    assert_int_equal(operations_of(session), 1);
    rn_session_destroy(session);
    require_ok(context,
               rn_session_create(&session, context, model,
                                 RN_OPTIONS(rn_session, .outputs = logits, .output_count = 1, .mode = RN_TRAIN)));
    require_ok(context, rn_session_forward(session, x));
    require_ok(context, rn_cross_entropy(&loss, session, label_tensor, NULL));
    require_ok(context, rn_session_backward(session));
    assert_string_equal(gradients_of(model, text), "conv.weight fc.weight fc.bias ");
    require_ok(context, rn_parameters_find(&tracked, model->graph->parameters, "aux.bn.num_batches_tracked"));
    require_ok(context, rn_tensor_get(rn_parameters_value(model->graph->parameters, tracked), NULL, &batches));
    assert_true(batches == 0);
    rn_session_destroy(session);
    rn_tensor_destroy(label_tensor);
    rn_tensor_destroy(x);
    rn_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_says_what_its_losses_weigh),
        cmocka_unit_test(inference_does_not_run_the_auxiliary_part),
        cmocka_unit_test(what_no_output_needs_is_not_run),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
