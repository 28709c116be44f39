/* SPDX-License-Identifier: MIT */
/* The container: names, outputs, and errors that stay. */
#include "graph/graph.h"
#include "support/support.h"

static rn_graph *new_graph(rn_context *context)
{
    rn_graph *graph = NULL;

    require_ok(context, rn_graph_create(&graph, context));
    return graph;
}

/* Builds the graph, which must be refused with this status and a message that has these words; destroys it. */
static void require_refusal(rn_context *context, rn_graph *graph, rn_status expected, const char *words)
{
    rn_model *model = (rn_model *)&expected;

    require_status(context, rn_model_build(&model, graph, "test", NULL), expected);
    assert_null(model);
    if (strstr(rn_context_message(context), words) == NULL)
        fail_msg("the message '%s' lacks '%s'", rn_context_message(context), words);
    rn_graph_destroy(graph);
}

static void names_are_joined_with_dots(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_graph *graph = new_graph(context);
    rn_value x = rn_graph_input(graph, "images", 3, 8, 8, NULL), inner;
    rn_model *model = NULL;

    (void)state;
    rn_graph_enter(graph, "layer1");
    rn_graph_enter(graph, "0.part");
    x = rn_conv2d(graph, x, "conv", 4, 3, NULL);
    inner = rn_graph_leave(graph, rn_relu(graph, x, NULL));
    x = rn_graph_leave(graph, inner);
    assert_int_equal(x.index, inner.index);
    x = rn_conv2d(graph, x, "last", 2, 1, NULL);
    rn_graph_output(graph, "maps", x);
    require_ok(context, rn_model_build(&model, graph, "test", NULL));
    rn_graph_destroy(graph);

    assert_string_equal(rn_parameters_name(rn_model_parameters(model), 0), "layer1.0.part.conv.weight");
    assert_string_equal(rn_parameters_name(rn_model_parameters(model), 1), "last.weight");
    assert_int_equal(rn_model_find_value(model, "layer1.0.part.conv"), 1);
    assert_int_equal(rn_model_find_value(model, "layer1.0.part"), 2);
    assert_int_equal(rn_model_find_value(model, "layer1"), 2);
    assert_string_equal(rn_model_layer_name(model, 2), "layer1.0.part.relu");
    assert_int_equal(rn_model_find_value(model, "last"), 3);
    assert_int_equal(rn_model_find_value(model, "maps"), 3);
    assert_int_equal(rn_model_find_value(model, ""), -1);
    assert_int_equal(rn_model_find_value(model, "layer"), -1);
    rn_model_destroy(model);
    rn_context_destroy(context);
}

static void the_first_error_stays_and_later_calls_do_nothing(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_graph *graph = new_graph(context);
    rn_value x = rn_graph_input(graph, "images", 3, 8, 8, NULL);

    (void)state;
    rn_graph_enter(graph, "block");
    x = rn_conv2d(graph, x, "wrong", 4, 9, NULL);
    assert_true(x.index < 0);
    assert_int_equal(rn_value_channels(graph, x), 0);
    x = rn_batch_norm2d(graph, x, "bn", RN_OPTIONS(rn_batch_norm2d, .eps = -1));
    assert_true(x.index < 0);
    x = rn_graph_leave(graph, rn_add(graph, rn_relu(graph, x, NULL), x, NULL));
    assert_true(x.index < 0);
    x = rn_linear(graph, rn_flatten(graph, x, NULL), "fc", 10, NULL);
    rn_graph_output(graph, "logits", x);
    rn_graph_head(graph, "fc");
    require_refusal(context, graph, RN_SHAPE, "block.wrong");
    rn_context_destroy(context);
}

static void every_misuse_is_refused_by_name(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_graph *graph;
    rn_value x;

    (void)state;
    graph = new_graph(context);
    rn_relu(graph, (rn_value){ 0 }, NULL);
    require_refusal(context, graph, RN_INVALID_ARGUMENT, "rn_graph_input");

    graph = new_graph(context);
    rn_graph_input(graph, "images", 3, 8, 8, NULL);
    rn_graph_input(graph, "images", 3, 8, 8, NULL);
    require_refusal(context, graph, RN_UNSUPPORTED, "one input");

    graph = new_graph(context);
    rn_graph_input(graph, "images", 3, 0, 8, NULL);
    require_refusal(context, graph, RN_INVALID_ARGUMENT, "(3, 0, 8)");

    graph = new_graph(context);
    rn_graph_input(graph, "images", 3, 8, 8, NULL);
    rn_conv2d(graph, (rn_value){ 7 }, "c", 4, 3, NULL);
    require_refusal(context, graph, RN_INVALID_ARGUMENT, "conv2d c: its input is not a value");

    graph = new_graph(context);
    x = rn_graph_input(graph, "images", 3, 8, 8, NULL);
    rn_conv2d(graph, x, "\xff", 3, 1, NULL); /* no file could hold it, which training must not find out at its end */
    require_refusal(context, graph, RN_INVALID_ARGUMENT, "is not a name");

    graph = new_graph(context);
    x = rn_graph_input(graph, "images", 3, 8, 8, NULL);
    rn_conv2d(graph, rn_conv2d(graph, x, "c", 3, 1, NULL), "c", 3, 1, NULL);
    require_refusal(context, graph, RN_INVALID_ARGUMENT, "two layers 'c'");

    graph = new_graph(context);
    x = rn_graph_input(graph, "images", 3, 8, 8, NULL);
    rn_conv2d(graph, x, "a..b", 3, 1, NULL);
    require_refusal(context, graph, RN_INVALID_ARGUMENT, "a..b");

    graph = new_graph(context);
    x = rn_graph_input(graph, "images", 3, 8, 8, NULL);
    rn_dropout(graph, x, NULL, 0.5, NULL);
    require_refusal(context, graph, RN_INVALID_ARGUMENT, "dropout");

    graph = new_graph(context);
    x = rn_graph_input(graph, "images", 3, 8, 8, NULL);
    rn_graph_leave(graph, x);
    require_refusal(context, graph, RN_INVALID_ARGUMENT, "without rn_graph_enter");

    graph = new_graph(context);
    x = rn_graph_input(graph, "images", 3, 8, 8, NULL);
    rn_graph_enter(graph, "open");
    rn_graph_output(graph, "logits", x);
    require_refusal(context, graph, RN_INVALID_ARGUMENT, "'open' without rn_graph_leave");

    graph = new_graph(context);
    rn_graph_enter(graph, "");
    require_refusal(context, graph, RN_INVALID_ARGUMENT, "rn_graph_enter");

    graph = new_graph(context);
    for (int i = 0; i <= RN_GRAPH_DEPTH; i++)
        rn_graph_enter(graph, "x");
    require_refusal(context, graph, RN_INVALID_ARGUMENT, "levels");

    graph = new_graph(context);
    x = rn_graph_input(graph, "images", 3, 8, 8, NULL);
    rn_graph_output(graph, "logits", x);
    rn_graph_output(graph, "logits", x);
    require_refusal(context, graph, RN_INVALID_ARGUMENT, "two outputs 'logits'");

    graph = new_graph(context);
    rn_graph_input(graph, "images", 3, 8, 8, NULL);
    rn_graph_output(graph, "logits", (rn_value){ -1 });
    require_refusal(context, graph, RN_INVALID_ARGUMENT, "output 'logits'");

    graph = new_graph(context);
    rn_graph_input(graph, "images", 3, 8, 8, NULL);
    require_refusal(context, graph, RN_INVALID_ARGUMENT, "no output");

    graph = new_graph(context);
    x = rn_graph_input(graph, "images", 3, 8, 8, NULL);
    rn_graph_output(graph, "logits", x);
    rn_graph_head(graph, "fc");
    require_refusal(context, graph, RN_INVALID_ARGUMENT, "head 'fc'");

    graph = new_graph(context);
    x = rn_graph_input(graph, "images", 3, 8, 8, NULL);
    rn_graph_auxiliary_output(graph, "aux", x, NULL);
    require_refusal(context, graph, RN_INVALID_ARGUMENT, "before the first rn_graph_output");

    graph = new_graph(context);
    x = rn_graph_input(graph, "images", 3, 8, 8, NULL);
    rn_graph_output(graph, "logits", x);
    rn_graph_auxiliary_output(graph, "logits", x, NULL);
    require_refusal(context, graph, RN_INVALID_ARGUMENT, "two outputs 'logits'");

    graph = new_graph(context);
    x = rn_graph_input(graph, "images", 3, 8, 8, NULL);
    rn_graph_output(graph, "logits", x);
    rn_graph_auxiliary_output(graph, "aux", x, RN_OPTIONS(rn_auxiliary_output, .loss_weight = -1));
    require_refusal(context, graph, RN_INVALID_ARGUMENT, "weight -1");
    rn_context_destroy(context);
}

static void a_graph_makes_one_model_and_may_go_before_it(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_graph *graph = new_graph(context);
    rn_model *model = NULL, *second = NULL;
    rn_value x = rn_conv2d(graph, rn_graph_input(graph, "images", 3, 8, 8, NULL), "c", 4, 3, NULL);

    (void)state;
    rn_graph_output(graph, "maps", x);
    require_ok(context, rn_model_build(&model, graph, "test", NULL));
    assert_true(rn_relu(graph, x, NULL).index < 0);
    require_status(context, rn_model_build(&second, graph, "test", NULL), RN_STATE);
    assert_null(second);
    assert_int_equal(model->graph->count, 2);
    rn_graph_destroy(graph);
    rn_context_destroy(context); /* before the model: it keeps both alive */
    assert_int_equal(rn_parameters_count(rn_model_parameters(model)), 1);
    rn_model_destroy(model);
}

static void null_is_answered(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_graph *graph = (rn_graph *)&context;
    const rn_value x = { 0 };

    (void)state;
    assert_int_equal(rn_graph_create(&graph, NULL), RN_INVALID_ARGUMENT);
    assert_null(graph);
    assert_int_equal(rn_graph_create(NULL, context), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_graph_create(NULL, NULL), RN_INVALID_ARGUMENT);
    rn_graph_destroy(NULL);
    rn_graph_enter(NULL, "x");
    rn_graph_output(NULL, "x", x);
    rn_graph_head(NULL, "x");
    assert_true(rn_graph_leave(NULL, x).index < 0);
    assert_true(rn_graph_input(NULL, "images", 1, 1, 1, NULL).index < 0);
    assert_true(rn_conv2d(NULL, x, "c", 1, 1, NULL).index < 0);
    assert_true(rn_batch_norm2d(NULL, x, "c", NULL).index < 0);
    assert_true(rn_linear(NULL, x, "c", 1, NULL).index < 0);
    assert_true(rn_relu(NULL, x, NULL).index < 0);
    assert_true(rn_max_pool2d(NULL, x, 1, NULL).index < 0);
    assert_true(rn_avg_pool2d(NULL, x, 1, NULL).index < 0);
    assert_true(rn_adaptive_avg_pool2d(NULL, x, 1, 1, NULL).index < 0);
    assert_true(rn_dropout(NULL, x, "d", 0, NULL).index < 0);
    assert_true(rn_add(NULL, x, x, NULL).index < 0);
    assert_true(rn_concat(NULL, &x, 1, NULL).index < 0);
    assert_true(rn_flatten(NULL, x, NULL).index < 0);
    assert_true(rn_shortcut_a(NULL, x, 1, 1, NULL).index < 0);
    assert_true(rn_log_softmax(NULL, x, NULL).index < 0);
    assert_int_equal(rn_value_channels(NULL, x), 0);
    assert_int_equal(rn_value_height(NULL, x), 0);
    assert_int_equal(rn_value_width(NULL, x), 0);
    rn_context_destroy(context);
}

/* Writes a graph with every kind of call and builds it. */
static rn_status write_and_build(rn_model **model, rn_context *context)
{
    rn_graph *graph = NULL;
    rn_value x, pair[2];
    rn_status status = rn_graph_create(&graph, context);

    if (status != RN_OK)
        return status;
    x = rn_graph_input(graph, "images", 3, 8, 8, NULL);
    rn_graph_enter(graph, "body");
    x = rn_relu(graph, rn_batch_norm2d(graph, rn_conv2d(graph, x, "conv", 4, 3, NULL), "bn", NULL), NULL);
    pair[0] = rn_add(graph, x, x, NULL);
    pair[1] = rn_max_pool2d(graph, x, 3, RN_OPTIONS(rn_pool2d, .stride = 1, .padding = 1));
    x = rn_graph_leave(graph, rn_concat(graph, pair, 2, NULL));
    x = rn_dropout(graph, rn_shortcut_a(graph, x, 16, 2, NULL), "drop", 0.5, NULL);
    x = rn_flatten(graph, rn_adaptive_avg_pool2d(graph, rn_avg_pool2d(graph, x, 2, NULL), 1, 1, NULL), NULL);
    x = rn_log_softmax(graph, rn_linear(graph, x, "fc", 5, NULL), NULL);
    rn_graph_output(graph, "logits", x);
    rn_graph_head(graph, "fc");
    status = rn_model_build(model, graph, "test", NULL);
    rn_graph_destroy(graph);
    return status;
}

static void every_failing_allocation_is_answered(void **state)
{
    bool built = false;

    (void)state;
    for (int sticky = 0; sticky < 2; sticky++, built = false) {
        for (long fail_at = 0; !built; fail_at++) {
            rn_test_allocator allocator = { .fail_at = -1, .sticky = sticky };
            rn_context *context = NULL;
            rn_model *model = NULL;

            require_ok(NULL, rn_context_create(
                                 &context, RN_OPTIONS(rn_context, .threads = 1, .allocate = rn_test_allocate,
                                                      .release = rn_test_release, .allocator_payload = &allocator)));
            allocator.fail_at = allocator.calls + fail_at;
            if (write_and_build(&model, context) == RN_OK)
                built = allocator.calls <= allocator.fail_at;
            else
                assert_null(model);
            rn_model_destroy(model);
            rn_context_destroy(context);
            assert_int_equal(allocator.live, 0);
            assert_true(fail_at < 10000);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_joined_with_dots),
        cmocka_unit_test(the_first_error_stays_and_later_calls_do_nothing),
        cmocka_unit_test(every_misuse_is_refused_by_name),
        cmocka_unit_test(a_graph_makes_one_model_and_may_go_before_it),
        cmocka_unit_test(null_is_answered),
        cmocka_unit_test(every_failing_allocation_is_answered),
    };

    return cmocka_run_group_tests_name("graph/graph", tests, NULL, NULL);
}
