/* SPDX-License-Identifier: MIT */
/* What freezing marks: parameters, batch norms and dropouts, by pattern. */
#include "graph/graph.h"
#include "support/support.h"

static rn_context *context;
static rn_model *model;

static rn_value block(rn_graph *graph, rn_value x, const char *name)
{
    rn_graph_enter(graph, name);
    x = rn_conv2d(graph, x, "conv1", 4, 3, RN_OPTIONS(rn_conv2d, .padding = 1, .bias = 1));
    x = rn_relu(graph, rn_batch_norm2d(graph, x, "bn1", NULL), NULL);
    return rn_graph_leave(graph, rn_dropout(graph, x, "drop", 0.5, NULL));
}

static int begin_with_head(const char *head)
{
    rn_graph *graph = NULL;
    rn_value x;
    rn_status status;

    context = rn_test_context(1, RN_ISA_AUTO);
    if (rn_graph_create(&graph, context) != RN_OK)
        return -1;
    x = rn_graph_input(graph, "images", 3, 8, 8, NULL);
    x = block(graph, block(graph, x, "layer1"), "layer10");
    x = rn_dropout(graph, rn_flatten(graph, rn_adaptive_avg_pool2d(graph, x, 1, 1, NULL), NULL), "fc.0", 0.5, NULL);
    x = rn_linear(graph, rn_linear(graph, x, "fc.1", 5, NULL), "fc2", 3, NULL);
    rn_graph_output(graph, "logits", x);
    if (head != NULL)
        rn_graph_head(graph, head);
    status = rn_model_build(&model, graph, "test", NULL);
    rn_graph_destroy(graph);
    return status == RN_OK ? 0 : -1;
}

static int begin(void **state)
{
    (void)state;
    return begin_with_head("fc");
}

static int begin_headless(void **state)
{
    (void)state;
    return begin_with_head(NULL);
}

static int end(void **state)
{
    (void)state;
    rn_model_destroy(model);
    rn_context_destroy(context);
    return 0;
}

static bool is_trainable(const char *name)
{
    size_t index = 0;

    require_ok(context, rn_parameters_find(&index, rn_model_parameters(model), name));
    return rn_parameters_is_trainable(rn_model_parameters(model), index) != 0;
}

static bool is_frozen(const char *layer)
{
    const int32_t index = rn_model_find_value(model, layer);

    assert_true(index >= 0);
    return model->graph->layer[index].frozen;
}

static int64_t trainable(void)
{
    return rn_parameters_elements(rn_model_parameters(model), 1);
}

static void a_prefix_freezes_all_below_it_and_no_other(void **state)
{
    const uint64_t before = model->freeze_version;

    (void)state;
    require_ok(context, rn_model_freeze(model, "layer1"));
    assert_false(is_trainable("layer1.conv1.weight"));
    assert_false(is_trainable("layer1.conv1.bias"));
    assert_false(is_trainable("layer1.bn1.weight"));
    assert_true(is_frozen("layer1.bn1"));
    assert_true(is_frozen("layer1.drop"));
    assert_true(is_trainable("layer10.conv1.weight"));
    assert_false(is_frozen("layer10.bn1"));
    assert_false(is_frozen("layer10.drop"));
    assert_true(is_trainable("fc.1.weight"));
    assert_int_equal(model->freeze_version, before + 1);
}

static void freezing_what_is_frozen_changes_no_version(void **state)
{
    uint64_t version;

    (void)state;
    require_ok(context, rn_model_freeze(model, "layer1"));
    version = model->freeze_version;
    require_ok(context, rn_model_freeze(model, "layer1.*"));
    assert_int_equal(model->freeze_version, version);
    require_ok(context, rn_model_unfreeze(model, "layer10"));
    assert_int_equal(model->freeze_version, version);
    require_ok(context, rn_model_unfreeze(model, "layer1"));
    assert_int_equal(model->freeze_version, version + 1);
}

static void a_batch_norm_stands_still_when_all_its_parameters_do(void **state)
{
    (void)state;
    require_ok(context, rn_model_freeze(model, "*.bn1.weight"));
    assert_false(is_trainable("layer1.bn1.weight"));
    assert_true(is_trainable("layer1.bn1.bias"));
    assert_false(is_frozen("layer1.bn1"));
    require_ok(context, rn_model_freeze(model, "layer1.bn1.bias"));
    assert_true(is_frozen("layer1.bn1"));
    assert_false(is_frozen("layer10.bn1"));
    /* and moves again when all of them do */
    require_ok(context, rn_model_unfreeze(model, "layer1.bn1.bias"));
    assert_true(is_frozen("layer1.bn1"));
    require_ok(context, rn_model_unfreeze(model, "layer1.bn1.weight"));
    assert_false(is_frozen("layer1.bn1"));
}

static void a_batch_norm_and_a_dropout_go_by_their_names(void **state)
{
    (void)state;
    require_ok(context, rn_model_freeze(model, "layer?.bn1"));
    assert_true(is_frozen("layer1.bn1"));
    assert_false(is_trainable("layer1.bn1.bias"));
    assert_true(is_trainable("layer1.conv1.weight"));
    assert_false(is_frozen("layer10.bn1"));
    require_ok(context, rn_model_freeze(model, "*.drop"));
    assert_true(is_frozen("layer10.drop"));
    assert_true(is_frozen("layer1.drop"));
    assert_false(is_frozen("fc.0"));
}

static void everything_can_be_frozen_and_unfrozen(void **state)
{
    const int64_t all = rn_parameters_elements(rn_model_parameters(model), 0);

    (void)state;
    assert_int_equal(trainable(), all);
    require_ok(context, rn_model_freeze(model, "*"));
    assert_int_equal(trainable(), 0);
    assert_true(is_frozen("fc.0"));
    require_ok(context, rn_model_unfreeze(model, "*"));
    assert_int_equal(trainable(), all);
    assert_false(is_frozen("fc.0"));
    assert_false(is_frozen("layer1.bn1"));
    assert_false(is_frozen("layer1.drop"));
}

static void the_backbone_is_all_but_the_head(void **state)
{
    (void)state;
    require_ok(context, rn_model_freeze_backbone(model));
    assert_false(is_trainable("layer1.conv1.weight"));
    assert_true(is_frozen("layer10.bn1"));
    assert_true(is_frozen("layer10.drop"));
    assert_true(is_trainable("fc.1.weight"));
    assert_true(is_trainable("fc.1.bias"));
    assert_false(is_frozen("fc.0"));
    assert_false(is_trainable("fc2.weight")); /* "fc" is no part of the name fc2 */
    assert_int_equal(trainable(), 4 * 5 + 5);
}

static void a_head_that_was_frozen_stays_so(void **state)
{
    (void)state;
    require_ok(context, rn_model_freeze(model, "fc.1.bias"));
    require_ok(context, rn_model_freeze_backbone(model));
    assert_false(is_trainable("fc.1.bias"));
    assert_int_equal(trainable(), 4 * 5);
}

static void what_matches_nothing_is_refused(void **state)
{
    const uint64_t before = model->freeze_version;

    (void)state;
    require_status(context, rn_model_freeze(model, "layer2"), RN_INVALID_ARGUMENT);
    assert_non_null(strstr(rn_context_message(context), "layer2"));
    require_status(context, rn_model_unfreeze(model, "layer"), RN_INVALID_ARGUMENT);
    require_status(context, rn_model_freeze(model, ""), RN_INVALID_ARGUMENT);
    require_status(context, rn_model_freeze(model, "layer1.bn1.running_mean"),
                   RN_INVALID_ARGUMENT); /* a buffer goes with its layer */
    require_status(context, rn_model_freeze(model, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_model_unfreeze(model, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_model_freeze(NULL, "*"), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_model_unfreeze(NULL, "*"), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_model_freeze_backbone(NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(model->freeze_version, before);
    assert_int_equal(trainable(), rn_parameters_elements(rn_model_parameters(model), 0));
}

static void a_model_without_a_head_has_no_backbone(void **state)
{
    (void)state;
    require_status(context, rn_model_freeze_backbone(model), RN_STATE);
    assert_false(rn_model_in_head(model, "fc"));
    assert_int_equal(trainable(), rn_parameters_elements(rn_model_parameters(model), 0));
}

static void nothing_is_frozen_between_forward_and_backward(void **state)
{
    rn_parameters *parameters = rn_model_parameters(model);

    (void)state;
    atomic_fetch_add(&parameters->pins, 1);
    require_status(context, rn_model_unfreeze(model, "*"), RN_STATE);
    require_status(context, rn_model_freeze(model, "*"), RN_STATE);
    atomic_fetch_sub(&parameters->pins, 1);
    assert_int_equal(trainable(), rn_parameters_elements(parameters, 0));
    require_ok(context, rn_model_freeze(model, "*"));
}

static void a_gradient_from_before_does_not_outlive_freezing(void **state)
{
    rn_parameters *parameters = rn_model_parameters(model);

    (void)state;
    require_ok(context, rn_parameters_gradients_ready(parameters));
    parameters->entry[0].has_gradient = true;
    parameters->entry[parameters->count - 1].has_gradient = true;
    require_ok(context, rn_model_freeze(model, "layer1"));
    assert_int_equal(rn_parameters_has_gradient(parameters, 0), 0);
    require_ok(context, rn_model_unfreeze(model, "layer1"));
    assert_int_equal(rn_parameters_has_gradient(parameters, 0), 0);
}

static void require_frozen_layer(const char *name)
{
    const char *const found = rn_model_frozen_layer(model);

    if (name == NULL)
        assert_null(found);
    else
        assert_string_equal(found, name);
}

static void the_frozen_part_ends_in_front_of_what_moves(void **state)
{
    (void)state;
    require_frozen_layer(NULL);
    require_ok(context, rn_model_freeze(model, "layer10")); /* what lies in front of it moves */
    require_frozen_layer(NULL);
    require_ok(context, rn_model_freeze(model, "layer1.conv1"));
    require_frozen_layer("layer1.conv1");
    require_ok(context, rn_model_freeze(model, "layer1.bn1"));
    require_frozen_layer("layer1.relu"); /* the dropout draws */
    require_ok(context, rn_model_freeze_backbone(model));
    require_frozen_layer("flatten");
    require_ok(context, rn_model_freeze(model, "fc"));
    require_frozen_layer("fc2"); /* not named by "fc" and in the head */
    require_ok(context, rn_model_unfreeze(model, "layer1.conv1.bias"));
    require_frozen_layer(NULL);
    assert_null(rn_model_frozen_layer(NULL));
}

/* A shortcut, or an output, that reaches around a layer: what lies behind sees the image through more than that
 * layer. */
static void the_frozen_part_ends_where_one_value_leads_on(void **state)
{
    rn_graph *graph = NULL;
    rn_value x, y;

    (void)state;
    rn_model_destroy(model);
    model = NULL;
    require_ok(context, rn_graph_create(&graph, context));
    x = rn_conv2d(graph, rn_graph_input(graph, "images", 3, 8, 8, NULL), "stem", 4, 1, NULL);
    y = rn_conv2d(graph, rn_conv2d(graph, x, "a", 4, 1, NULL), "b", 4, 1, NULL);
    x = rn_conv2d(graph, rn_add(graph, x, y, RN_OPTIONS(rn_add, .name = "sum")), "c", 4, 1, NULL);
    rn_graph_output(graph, "early", x);
    rn_graph_output(graph, "late", rn_conv2d(graph, rn_conv2d(graph, x, "d", 4, 1, NULL), "e", 4, 1, NULL));
    require_ok(context, rn_model_build(&model, graph, "test", NULL));
    rn_graph_destroy(graph);
    require_ok(context, rn_model_freeze(model, "*"));
    require_ok(context, rn_model_unfreeze(model, "e"));
    require_frozen_layer("c"); /* d is frozen, but "early" goes around it */
    require_ok(context, rn_model_unfreeze(model, "c"));
    require_frozen_layer("sum");
    require_ok(context, rn_model_unfreeze(model, "b"));
    require_frozen_layer("stem"); /* the sum goes around a */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_prefix_freezes_all_below_it_and_no_other),
        TEST(freezing_what_is_frozen_changes_no_version),
        TEST(a_batch_norm_stands_still_when_all_its_parameters_do),
        TEST(a_batch_norm_and_a_dropout_go_by_their_names),
        TEST(everything_can_be_frozen_and_unfrozen),
        TEST(the_backbone_is_all_but_the_head),
        TEST(a_head_that_was_frozen_stays_so),
        TEST(what_matches_nothing_is_refused),
        cmocka_unit_test_setup_teardown(a_model_without_a_head_has_no_backbone, begin_headless, end),
        TEST(nothing_is_frozen_between_forward_and_backward),
        TEST(a_gradient_from_before_does_not_outlive_freezing),
        TEST(the_frozen_part_ends_in_front_of_what_moves),
        TEST(the_frozen_part_ends_where_one_value_leads_on),
    };

    return cmocka_run_group_tests_name("graph/freeze", tests, NULL, NULL);
}
