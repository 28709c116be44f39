/* SPDX-License-Identifier: MIT */
#include "run/networks.h"
#include "run/plan.h"

static rn_plan *plan_of(rn_context *context, rn_model *model, rn_prepared *prepared, bool training)
{
    const int32_t output = rn_model_find_value(model, "logits");
    const rn_plan_request request = { .context = context,
                                      .model = model,
                                      .prepared = prepared,
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

static int count_kind(const rn_plan *plan, const rn_step_kind *kind)
{
    int count = 0;

    for (int32_t i = 0; i < plan->step_count; i++)
        count += plan->step[i].kind == kind;
    return count;
}

static int count_differentiated(const rn_plan *plan)
{
    int count = 0;

    for (int32_t i = 0; i < plan->step_count; i++)
        count += plan->step[i].differentiates;
    return count;
}

/* The network has 1 + 2 + 3 + 2 convolutions with batch norms, 3 of a fire module, one linear layer. */
enum { NORMS = 8, CONVS = 8 + 3 + 1 };

static void inference_folds_every_batch_norm_sum_and_relu(void **state)
{
    rn_context *const context = rn_test_context(1, RN_ISA_AUTO);
    rn_model *const model = residual_network(context, 0.5);
    rn_prepared *const prepared = calloc((size_t)model->graph->count, sizeof *prepared);
    rn_plan *const plan = plan_of(context, model, prepared, false);

    (void)state;
    assert_int_equal(count_kind(plan, &rn_step_conv), CONVS);
    assert_int_equal(count_kind(plan, &rn_step_batch_norm), 0);
    assert_int_equal(count_kind(plan, &rn_step_affine), 0);
    assert_int_equal(count_kind(plan, &rn_step_sum), 0);
    assert_int_equal(count_kind(plan, &rn_step_dropout), 0);
    assert_int_equal(count_differentiated(plan), 0);
    rn_plan_destroy(plan);
    free(prepared);
    rn_model_destroy(model);
    rn_context_destroy(context);
}

static void training_keeps_batch_norms_with_their_sums_and_relus(void **state)
{
    rn_context *const context = rn_test_context(1, RN_ISA_AUTO);
    rn_model *const model = residual_network(context, 0.5);
    rn_prepared *const prepared = calloc((size_t)model->graph->count, sizeof *prepared);
    rn_plan *const plan = plan_of(context, model, prepared, true);

    (void)state;
    assert_int_equal(count_kind(plan, &rn_step_conv), CONVS);
    assert_int_equal(count_kind(plan, &rn_step_batch_norm), NORMS);
    assert_int_equal(count_kind(plan, &rn_step_sum), 0);
    assert_int_equal(count_kind(plan, &rn_step_dropout), 1);
    assert_int_equal(count_differentiated(plan), plan->step_count);
    rn_plan_destroy(plan);
    free(prepared);
    rn_model_destroy(model);
    rn_context_destroy(context);
}

static void a_frozen_backbone_runs_as_inference_and_backward_stops_above_it(void **state)
{
    rn_context *const context = rn_test_context(1, RN_ISA_AUTO);
    rn_model *const model = residual_network(context, 0.5);
    rn_prepared *const prepared = calloc((size_t)model->graph->count, sizeof *prepared);
    rn_plan *plan, *inference;

    (void)state;
    require_ok(context, rn_model_freeze_backbone(model));
    plan = plan_of(context, model, prepared, true);
    inference = plan_of(context, model, prepared, false);
    assert_int_equal(count_kind(plan, &rn_step_batch_norm), 0);
    assert_int_equal(count_kind(plan, &rn_step_dropout), 0); /* "drop" lies in the backbone */
    assert_int_equal(count_differentiated(plan), 1);
    assert_true(plan->arena_bytes < inference->arena_bytes + 65536);
    rn_plan_destroy(inference);
    rn_plan_destroy(plan);
    free(prepared);
    rn_model_destroy(model);
    rn_context_destroy(context);
}

static void parts_of_a_concatenation_are_written_in_place(void **state)
{
    rn_context *const context = rn_test_context(1, RN_ISA_AUTO);
    rn_model *const model = residual_network(context, 0);
    rn_prepared *const prepared = calloc((size_t)model->graph->count, sizeof *prepared);
    rn_plan *const plan = plan_of(context, model, prepared, true);
    const int32_t fire = rn_model_find_value(model, "fire");
    int parts = 0, gradients = 0;

    (void)state;
    for (int32_t i = 0; i < plan->value_count; i++) {
        parts += plan->value[i].parent == fire;
        gradients += plan->value[i].parent == fire && plan->value[i].gradient_of == fire;
    }
    assert_int_equal(parts, 3);
    assert_int_equal(gradients, 3); /* others read the squeeze layer's value, too, but before: they add to the slice */
    rn_plan_destroy(plan);
    free(prepared);
    rn_model_destroy(model);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inference_folds_every_batch_norm_sum_and_relu),
        cmocka_unit_test(training_keeps_batch_norms_with_their_sums_and_relus),
        cmocka_unit_test(a_frozen_backbone_runs_as_inference_and_backward_stops_above_it),
        cmocka_unit_test(parts_of_a_concatenation_are_written_in_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
