/* SPDX-License-Identifier: MIT */
/* Maps and gradients that are formed while they are read: the same bits as if they lay somewhere, in less memory. */
#include "run/kinds.h"
#include "run/session.h"

#define RN_TEST_THREADS 2
#include "support/one_context.h"

enum { SIDE = 12, CLASSES = 4, BATCH = 3, WIDE = 24 };

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

/* A residual block whose last convolution and shortcut widen; "wide" and "short" end with what is behind them. */
static rn_model *widening_network(void)
{
    rn_graph *g = NULL;
    rn_model *model = NULL;
    rn_value x, y;

    require_ok(context, rn_graph_create(&g, context));
    x = rn_graph_input(g, "images", 3, SIDE, SIDE, NULL);
    x = rn_relu(g, rn_batch_norm2d(g, rn_conv2d(g, x, "conv", 7, 3, NULL), "norm", NULL), NULL);
    y = rn_conv2d(g, x, "narrow", 5, 1, NULL);
    y = rn_relu(g, rn_batch_norm2d(g, y, "norm1", NULL), NULL);
    rn_graph_enter(g, "wide");
    y = rn_graph_leave(g, rn_conv2d(g, y, "conv", WIDE, 1, NULL));
    y = rn_batch_norm2d(g, y, "norm2", NULL);
    rn_graph_enter(g, "short");
    x = rn_graph_leave(g, rn_conv2d(g, x, "conv", WIDE, 1, NULL));
    x = rn_batch_norm2d(g, x, "norm3", NULL);
    x = rn_relu(g, rn_add(g, x, y, NULL), NULL);
    x = rn_linear(g, rn_flatten(g, rn_adaptive_avg_pool2d(g, x, 1, 1, NULL), NULL), "fc", CLASSES, NULL);
    rn_graph_output(g, "logits", x);
    rn_graph_head(g, "fc");
    require_ok(context, rn_model_build(&model, g, "gradients that are formed", RN_OPTIONS(rn_model, .seed = 4)));
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

static int count_joint(const rn_tape *tape)
{
    int count = 0;

    for (int32_t i = 0; i < tape->operations; i++)
        count += tape->operation[i].kind == &rn_op_conv_backward && tape->operation[i].as.conv.is_joint;
    return count;
}

/* A network, the values that it is asked for, and what is formed then. */
typedef struct question {
    rn_model *(*network)(void);
    const char *outputs[3];
    size_t output_count;
    const char *parameter; /* of `count` numbers, which are looked at */
    size_t count;
    int formed, joint; /* convolutions, one way; in one pass backward */
} question;

enum { MOST_NUMBERS = 190 };

/* Two steps, and what has become of a parameter. */
typedef struct outcome {
    float numbers[MOST_NUMBERS];
    double loss;
    size_t arena;
} outcome;

static void take_outcome(outcome *out, const rn_tape *tape, const question *asked, rn_model *model)
{
    size_t index;

    assert_int_equal(count_formed(tape, &rn_op_conv), asked->formed);
    assert_int_equal(count_formed(tape, &rn_op_conv_backward), asked->formed);
    assert_int_equal(count_joint(tape), asked->joint);
    out->arena = tape->arena_bytes;
    require_ok(context, rn_parameters_find(&index, rn_model_parameters(model), asked->parameter));
    assert_in_range(asked->count, 1, MOST_NUMBERS);
    memcpy(out->numbers, rn_parameters_floats(tape->parameters, index), asked->count * sizeof(float));
}

static outcome train(const question *asked)
{
    static const int64_t shape[4] = { BATCH, 3, SIDE, SIDE }, count = BATCH;
    rn_model *const model = asked->network();
    rn_session *session = NULL;
    rn_optimizer *sgd = NULL;
    rn_tensor *images = NULL, *labels = NULL;
    outcome out = { { 0 }, 0, 0 };

    require_ok(context, rn_tensor_create(&images, context, RN_FLOAT32, 4, shape, RN_CHANNELS_LAST));
    require_ok(context, rn_tensor_create(&labels, context, RN_INT64, 1, &count, RN_ROW_MAJOR));
    rn_test_fill(rn_tensor_data(images), (size_t)rn_tensor_count(images), 9);
    for (int64_t i = 0; i < BATCH; i++)
        ((int64_t *)rn_tensor_data(labels))[i] = i % CLASSES;
    require_ok(context, rn_session_create(&session, context, model,
                                          RN_OPTIONS(rn_session, .mode = RN_TRAIN, .outputs = asked->outputs,
                                                     .output_count = asked->output_count)));
    require_ok(context, rn_sgd_create(&sgd, rn_model_parameters(model), RN_OPTIONS(rn_sgd, .lr = 0.1)));
    for (int step = 0; step < 2; step++) {
        require_ok(context, rn_session_forward(session, images));
        require_ok(context, rn_cross_entropy(&out.loss, session, labels, NULL));
        require_ok(context, rn_session_backward(session));
        require_ok(context, rn_optimizer_step(sgd));
    }
    take_outcome(&out, &session->current->plan->tape, asked, model);
    rn_tensor_destroy(images);
    rn_tensor_destroy(labels);
    rn_optimizer_destroy(sgd);
    rn_session_destroy(session);
    rn_model_destroy(model);
    return out;
}

static void check_same(const outcome *a, const outcome *b)
{
    assert_true(a->loss == b->loss);
    assert_memory_equal(a->numbers, b->numbers, sizeof a->numbers);
}

/* With "body" among the outputs nothing is formed. */
static void a_formed_map_changes_no_bit_and_takes_no_room(void **state)
{
    const question in_reader = { network, { "logits" }, 1, "pointwise.weight", 10 * 19, 1, 0 };
    const question in_map = { network, { "logits", "body" }, 2, "pointwise.weight", 10 * 19, 0, 0 };
    const outcome formed = train(&in_reader), kept = train(&in_map);

    (void)state;
    check_same(&formed, &kept);
    assert_true(formed.arena + (size_t)(BATCH * SIDE * SIDE * 19) * sizeof(float) <= kept.arena);
}

/* With what is in front of the batch norms among the outputs their gradients have a place. */
static void a_joint_pass_changes_no_bit(void **state)
{
    const question joint = { widening_network, { "logits" }, 1, "narrow.weight", 5 * 7, 1, 2 };
    const question shortcut = { widening_network, { "logits", "wide" }, 2, "narrow.weight", 5 * 7, 1, 1 };
    const question neither = { widening_network, { "logits", "wide", "short" }, 3, "narrow.weight", 5 * 7, 1, 0 };
    const outcome both = train(&joint), one = train(&shortcut), none = train(&neither);

    (void)state;
    check_same(&both, &none);
    check_same(&one, &none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_formed_map_changes_no_bit_and_takes_no_room),
        cmocka_unit_test(a_joint_pass_changes_no_bit),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
