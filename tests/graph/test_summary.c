/* SPDX-License-Identifier: MIT */
/* The summary table, to the letter. */
#include "graph/graph.h"
#include "support/support.h"

static const char expected[] = "small\n"
                               "===============================================================================\n"
                               "Layer    Kind                Output shape                 Parameters  Trainable\n"
                               "===============================================================================\n"
                               "images   Input               (N, 3, 8, 8)                          -  -\n"
                               "a.conv1  Conv2d              (N, 16, 4, 4)                       448  no\n"
                               "a.bn1    BatchNorm2d         (N, 16, 4, 4)                        32  partly\n"
                               "a.relu   ReLU                (N, 16, 4, 4)                         -  -\n"
                               "drop     Dropout             (N, 16, 4, 4)                         -  no\n"
                               "flatten  Flatten             (N, 256)                              -  -\n"
                               "fc       Linear              (N, 10)                           2,570  yes\n"
                               "===============================================================================\n"
                               "Parameters:                    3,050\n"
                               "Trainable parameters:          2,586\n"
                               "Frozen parameters:               464\n";

static rn_model *make_model(rn_context *context)
{
    rn_graph *graph = NULL;
    rn_model *model = NULL;
    rn_value x;

    require_ok(context, rn_graph_create(&graph, context));
    x = rn_graph_input(graph, "images", 3, 8, 8, NULL);
    rn_graph_enter(graph, "a");
    x = rn_conv2d(graph, x, "conv1", 16, 3, RN_OPTIONS(rn_conv2d, .stride = 2, .padding = 1, .bias = 1));
    x = rn_graph_leave(graph, rn_relu(graph, rn_batch_norm2d(graph, x, "bn1", NULL), NULL));
    x = rn_flatten(graph, rn_dropout(graph, x, "drop", 0.5, NULL), NULL);
    rn_graph_output(graph, "logits", rn_linear(graph, x, "fc", 10, NULL));
    require_ok(context, rn_model_build(&model, graph, "small", NULL));
    rn_graph_destroy(graph);
    require_ok(context, rn_model_freeze(model, "a.conv1"));
    require_ok(context, rn_model_freeze(model, "a.bn1.bias"));
    require_ok(context, rn_model_freeze(model, "drop"));
    return model;
}

static void the_table_has_every_layer_and_the_totals(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_model *model = make_model(context);
    char text[4096];
    size_t length = 0;

    (void)state;
    require_ok(context, rn_model_summary(model, text, sizeof text, &length));
    assert_string_equal(text, expected);
    assert_int_equal(length, strlen(expected));
    rn_model_destroy(model);
    rn_context_destroy(context);
}

static void a_short_buffer_gets_the_beginning_and_the_whole_length(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_model *model = make_model(context);
    size_t length = 0;

    (void)state;
    for (size_t size = 1; size <= sizeof expected; size++) {
        char *const text = malloc(size); /* of its own, so that a sanitizer sees a byte too many */

        assert_non_null(text);
        require_ok(context, rn_model_summary(model, text, size, &length));
        assert_int_equal(length, strlen(expected));
        assert_int_equal(strlen(text), size - 1);
        assert_memory_equal(text, expected, size - 1);
        free(text);
    }
    require_ok(context, rn_model_summary(model, NULL, 0, &length));
    assert_int_equal(length, strlen(expected));
    require_ok(context, rn_model_summary(model, NULL, 0, NULL));
    require_status(context, rn_model_summary(model, NULL, 8, &length), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_model_summary(NULL, NULL, 0, &length), RN_INVALID_ARGUMENT);
    assert_int_equal(length, 0);
    rn_model_destroy(model);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_has_every_layer_and_the_totals),
        cmocka_unit_test(a_short_buffer_gets_the_beginning_and_the_whole_length),
    };

    return cmocka_run_group_tests_name("graph/summary", tests, NULL, NULL);
}
