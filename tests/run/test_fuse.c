/* SPDX-License-Identifier: MIT */
/* What layers become: fused operations, views of one buffer, and the backward operations derived from them. */
#include "run/kinds.h"
#include "run/networks.h"
#include "run/plan.h"

#define RN_TEST_THREADS 1
#include "support/one_context.h"

static rn_plan *plan_of(rn_model *model, bool training)
{
    const int32_t output = rn_model_find_value(model, "logits");
    const rn_plan_request request = { .context = context,
                                      .model = model,
                                      .outputs = &output,
                                      .output_count = 1,
                                      .batch = 2,
                                      .height = RESIDUAL_SIZE,
                                      .width = RESIDUAL_SIZE,
                                      .training = training };
    rn_plan *plan = NULL;

    require_ok(context, rn_plan_create(&plan, &request));
    return plan;
}

static int count_kind(const rn_plan *plan, const rn_kind *kind)
{
    int count = 0;

    for (int32_t i = 0; i < plan->tape.operations; i++)
        count += plan->tape.operation[i].kind == kind;
    return count;
}

static int count_differentiated(const rn_plan *plan)
{
    int count = 0;

    for (int32_t i = 0; i < plan->tape.loss; i++)
        count += plan->tape.operation[i].has_backward;
    return count;
}

/* The network has 1 + 2 + 3 + 2 convolutions with batch norms, 3 of a fire module, one linear layer. */
enum { NORMS = 8, CONVS = 8 + 3 + 1, TRAINED = 2 * NORMS + CONVS + 4 };

static void inference_folds_every_batch_norm_sum_and_relu(void **state)
{
    rn_model *const model = residual_network(context, 0.5);
    rn_plan *const plan = plan_of(model, false);

    (void)state;
    assert_int_equal(count_kind(plan, &rn_op_conv), CONVS);
    assert_int_equal(count_kind(plan, &rn_op_norm), 0);
    assert_int_equal(count_kind(plan, &rn_op_combine), 0);
    assert_int_equal(count_kind(plan, &rn_op_dropout), 0);
    assert_int_equal(plan->tape.loss, plan->tape.operations);
    assert_int_equal(count_differentiated(plan), 0);
    rn_plan_destroy(plan);
    rn_model_destroy(model);
}

static void training_keeps_batch_norms_with_their_sums_and_relus(void **state)
{
    rn_model *const model = residual_network(context, 0.5);
    rn_plan *const plan = plan_of(model, true);

    (void)state;
    assert_int_equal(count_kind(plan, &rn_op_conv), CONVS);
    assert_int_equal(count_kind(plan, &rn_op_moments), NORMS);
    assert_int_equal(count_kind(plan, &rn_op_norm), NORMS);
    assert_int_equal(count_kind(plan, &rn_op_norm_sums), NORMS);
    assert_int_equal(count_kind(plan, &rn_op_dropout), 2); /* the second on the gradient */
    assert_int_equal(count_kind(plan, &rn_op_loss), 1);
    assert_int_equal(count_kind(plan, &rn_op_gradient_ready), TRAINED);
    assert_int_equal(count_differentiated(plan), plan->tape.loss - 2 * NORMS); /* moments and norms have none */
    rn_plan_destroy(plan);
    rn_model_destroy(model);
}

static void a_frozen_backbone_runs_as_inference_and_backward_stops_above_it(void **state)
{
    rn_model *const model = residual_network(context, 0.5);
    rn_plan *plan, *inference;

    (void)state;
    require_ok(context, rn_model_freeze_backbone(model));
    plan = plan_of(model, true);
    inference = plan_of(model, false);
    assert_int_equal(count_kind(plan, &rn_op_norm), 0);
    assert_int_equal(count_kind(plan, &rn_op_dropout), 0); /* "drop" lies in the backbone */
    assert_int_equal(count_differentiated(plan), 1);
    assert_true(plan->tape.arena_bytes < inference->tape.arena_bytes + 65536);
    rn_plan_destroy(inference);
    rn_plan_destroy(plan);
    rn_model_destroy(model);
}

/* Others read the squeeze layer's value, too, but before: they add to its slice of the gradient. */
static void parts_of_a_concatenation_and_their_gradients_are_views_of_it(void **state)
{
    rn_model *const model = residual_network(context, 0);
    rn_plan *const plan = plan_of(model, true);
    const rn_tape *const tape = &plan->tape;
    const rn_view *const whole = &tape->view[plan->value[rn_model_find_value(model, "fire")].view];
    int parts = 0;

    (void)state;
    assert_true(whole->gradient >= 0);
    for (int32_t i = 0; i < tape->loss; i++) {
        const rn_view *const part = &tape->view[tape->operation[i].operand[RN_X].view];

        if (tape->operation[i].kind != &rn_op_join)
            continue;
        parts++;
        assert_int_equal(part->buffer, whole->buffer);
        assert_int_equal(part->channel, tape->operation[i].as.channel);
        assert_int_equal(tape->view[part->gradient].buffer, tape->view[whole->gradient].buffer);
        assert_int_equal(tape->view[part->gradient].channel, part->channel);
    }
    assert_int_equal(parts, 3);
    rn_plan_destroy(plan);
    rn_model_destroy(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inference_folds_every_batch_norm_sum_and_relu),
        cmocka_unit_test(training_keeps_batch_norms_with_their_sums_and_relus),
        cmocka_unit_test(a_frozen_backbone_runs_as_inference_and_backward_stops_above_it),
        cmocka_unit_test(parts_of_a_concatenation_and_their_gradients_are_views_of_it),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
