/* SPDX-License-Identifier: MIT */
/* Maps that are formed while they are read: the same bits as if they lay somewhere, in less memory. */
#include "run/kinds.h"
#include "run/session.h"

#define RN_TEST_THREADS 2
#include "support/one_context.h"

enum { SIDE = 12, CLASSES = 4, BATCH = 3 };

/* What "body" ends with is read by a convolution of single pixels alone. */
static rn_model *network(void)
{
    rn_graph *g = NULL;
    rn_model *model = NULL;
    rn_value x;

    require_ok(context, rn_graph_create(&g, context));
    x = rn_graph_input(g, "images", 3, SIDE, SIDE, NULL);
    rn_graph_enter(g, "body");
    x = rn_conv2d(g, x, "conv", 19, 3, RN_OPTIONS(rn_conv2d, .padding = 1));
    x = rn_graph_leave(g, rn_relu(g, rn_batch_norm2d(g, x, "norm", NULL), NULL));
    x = rn_conv2d(g, x, "pointwise", 10, 1, NULL);
    x = rn_relu(g, rn_batch_norm2d(g, x, "norm2", NULL), NULL);
    x = rn_linear(g, rn_flatten(g, rn_adaptive_avg_pool2d(g, x, 1, 1, NULL), NULL), "fc", CLASSES, NULL);
    rn_graph_output(g, "logits", x);
    rn_graph_head(g, "fc");
    require_ok(context, rn_model_build(&model, g, "a map that is formed", RN_OPTIONS(rn_model, .seed = 3)));
    rn_graph_destroy(g);
    return model;
}

static int count_formed(const rn_tape *tape, const rn_kind *kind)
{
    int count = 0;

    for (int32_t i = 0; i < tape->operations; i++)
        count += tape->operation[i].kind == kind && tape->operation[i].as.conv.is_formed;
    return count;
}

/* Two steps, and what has become of a parameter; with "body" among the outputs nothing is formed. */
typedef struct outcome {
    float weights[10 * 19];
    double loss;
    size_t arena;
} outcome;

static outcome train(size_t outputs)
{
    static const char *const names[] = { "logits", "body" };
    static const int64_t shape[4] = { BATCH, 3, SIDE, SIDE }, count = BATCH;
    rn_model *const model = network();
    rn_session *session = NULL;
    rn_optimizer *sgd = NULL;
    rn_tensor *images = NULL, *labels = NULL;
    size_t index;
    outcome out;

    require_ok(context, rn_tensor_create(&images, context, RN_FLOAT32, 4, shape, RN_CHANNELS_LAST));
    require_ok(context, rn_tensor_create(&labels, context, RN_INT64, 1, &count, RN_ROW_MAJOR));
    rn_test_fill(rn_tensor_data(images), (size_t)rn_tensor_count(images), 9);
    for (int64_t i = 0; i < BATCH; i++)
        ((int64_t *)rn_tensor_data(labels))[i] = i % CLASSES;
    require_ok(context,
               rn_session_create(&session, context, model,
                                 RN_OPTIONS(rn_session, .mode = RN_TRAIN, .outputs = names, .output_count = outputs)));
    require_ok(context, rn_sgd_create(&sgd, rn_model_parameters(model), RN_OPTIONS(rn_sgd, .lr = 0.1)));
    for (int step = 0; step < 2; step++) {
        require_ok(context, rn_session_forward(session, images));
        require_ok(context, rn_cross_entropy(&out.loss, session, labels, NULL));
        require_ok(context, rn_session_backward(session));
        require_ok(context, rn_optimizer_step(sgd));
    }
    assert_int_equal(count_formed(&session->current->plan->tape, &rn_op_conv), outputs == 1);
    assert_int_equal(count_formed(&session->current->plan->tape, &rn_op_conv_backward), outputs == 1);
    out.arena = session->current->plan->tape.arena_bytes;
    require_ok(context, rn_parameters_find(&index, rn_model_parameters(model), "pointwise.weight"));
    memcpy(out.weights, rn_parameters_floats(session->current->plan->tape.parameters, index), sizeof out.weights);
    rn_tensor_destroy(images);
    rn_tensor_destroy(labels);
    rn_optimizer_destroy(sgd);
    rn_session_destroy(session);
    rn_model_destroy(model);
    return out;
}

static void a_formed_map_changes_no_bit_and_takes_no_room(void **state)
{
    const outcome formed = train(1), kept = train(2);

    (void)state;
    assert_true(formed.loss == kept.loss);
    assert_memory_equal(formed.weights, kept.weights, sizeof kept.weights);
    assert_true(formed.arena + (size_t)(BATCH * SIDE * SIDE * 19) * sizeof(float) <= kept.arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_formed_map_changes_no_bit_and_takes_no_room),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
