/* SPDX-License-Identifier: MIT */
/* Parameter groups: who is in which, at what rate; and clipping, which sees all of them. */
#include "optim/rule.h"

#include "optim/fixtures.h"
#include "optim/one_trained.h"

#define GROUP(...) ((rn_parameter_group){ .struct_size = sizeof(rn_parameter_group), __VA_ARGS__ })

static void each_group_has_its_rate(void **state)
{
    const rn_parameter_group groups[] = { GROUP(.except = "fc", .lr = 1e-4, .weight_decay = RN_ZERO),
                                          GROUP(.pattern = "fc.weight"), GROUP(.pattern = "fc.bias", .lr = RN_ZERO) };
    rn_optimizer *sgd = NULL;
    rn_scheduler *scheduler = NULL;

    (void)state;
    require_ok(context,
               rn_sgd_create(&sgd, parameters,
                             RN_OPTIONS(rn_sgd, .lr = 0.5, .weight_decay = 0.25, .groups = groups, .group_count = 3)));
    assert_int_equal(rn_optimizer_group_count(sgd), 3);
    assert_true(rn_optimizer_lr(sgd, 0) == 1e-4 && rn_optimizer_lr(sgd, 1) == 0.5 && rn_optimizer_lr(sgd, 2) == 0);
    assert_true(sgd->group[0].weight_decay == 0 && sgd->group[1].weight_decay == 0.25);
    assert_true(isnan(rn_optimizer_lr(sgd, 3)));
    assert_int_equal(sgd->group_of[TRAINED_CONV], 0);
    assert_int_equal(sgd->group_of[TRAINED_MEAN], -1); /* a buffer */
    assert_int_equal(sgd->group_of[TRAINED_WEIGHT], 1);
    assert_int_equal(sgd->group_of[TRAINED_BIAS], 2);

    /* A step takes each group's, StepLR scales all of them, and one that was set by hand from there. */
    rn_test_trained_gradients(parameters, 9);
    for (int round = 0; round < 2; round++) {
        const float value = rn_parameters_floats(parameters, TRAINED_CONV)[0];
        const float gradient = rn_parameters_gradient_floats(parameters, TRAINED_CONV)[0];
        const float bias = rn_parameters_floats(parameters, TRAINED_BIAS)[0];

        require_ok(context, rn_optimizer_step(sgd));
        require_near(rn_parameters_floats(parameters, TRAINED_CONV)[0], value - rn_optimizer_lr(sgd, 0) * gradient,
                     1e-7, "conv");
        assert_true(rn_parameters_floats(parameters, TRAINED_BIAS)[0] == bias);
        rn_test_trained_gradients(parameters, 9);
    }
    require_ok(context, rn_step_lr_create(&scheduler, sgd, RN_OPTIONS(rn_step_lr, .step_size = 1, .gamma = 0.5)));
    require_ok(context, rn_optimizer_set_lr(sgd, 1, 2));
    require_ok(context, rn_scheduler_step(scheduler, NULL));
    assert_true(rn_optimizer_lr(sgd, 0) == 0.5e-4 && rn_optimizer_lr(sgd, 1) == 1);
    require_status(context, rn_optimizer_set_lr(sgd, 3, 1), RN_INVALID_ARGUMENT);
    rn_scheduler_destroy(scheduler);
    rn_optimizer_destroy(sgd);
}

/* Each parameter in a group of its own. */
static void steps_are_those_of_pytorch(void **state)
{
    const rn_parameter_group of_adamw[] = { GROUP(.pattern = "conv1", .lr = 1e-3, .weight_decay = RN_ZERO),
                                            GROUP(.pattern = "fc.weight"), GROUP(.pattern = "fc.bias", .lr = 0.1) };
    const rn_parameter_group of_sgd[] = { GROUP(.except = "fc", .lr = 1e-3),
                                          GROUP(.pattern = "fc.weight", .weight_decay = 0.1),
                                          GROUP(.pattern = "fc.bias") };
    const rn_test_trajectory adamw = {
        "adamw, groups", 7, 0.3, adamw_groups_first, adamw_groups_last, { adamw_groups_slot0, adamw_groups_slot1 },
        adamw_groups_lr
    };
    const rn_test_trajectory sgd = { "sgd, groups",        10,           0.1, sgd_groups_first, sgd_groups_last,
                                     { sgd_groups_slot0 }, sgd_groups_lr };
    rn_optimizer *optimizer;

    (void)state;
    require_ok(context, rn_adamw_create(&optimizer, parameters,
                                        RN_OPTIONS(rn_adamw, .lr = 1e-2, .groups = of_adamw, .group_count = 3)));
    rn_test_trained_follow(optimizer, &adamw);
    rn_optimizer_destroy(optimizer);
    rn_parameters_release(parameters);
    parameters = rn_test_trained(context);
    require_ok(context,
               rn_sgd_create(&optimizer, parameters,
                             RN_OPTIONS(rn_sgd, .lr = 1e-2, .momentum = 0.9, .groups = of_sgd, .group_count = 3)));
    rn_test_trained_follow(optimizer, &sgd);
    rn_optimizer_destroy(optimizer);
}

static void everything_but_the_head(void **state)
{
    rn_optimizer *adam = NULL;

    (void)state;
    require_ok(context, rn_adam_create(&adam, parameters, RN_OPTIONS(rn_adam, .except = "fc")));
    assert_int_equal(adam->group_of[TRAINED_CONV], 0);
    assert_int_equal(adam->group_of[TRAINED_WEIGHT], -1);
    rn_optimizer_destroy(adam);
    require_status(context, rn_adam_create(&adam, parameters, RN_OPTIONS(rn_adam, .pattern = "fc", .except = "fc.*")),
                   RN_INVALID_ARGUMENT);
    assert_null(adam);
    /* A slip of the pen: without a word the head would be trained, too. */
    require_status(context, rn_adam_create(&adam, parameters, RN_OPTIONS(rn_adam, .except = "fcc")),
                   RN_INVALID_ARGUMENT);
    assert_non_null(strstr(rn_context_message(context), "'fcc'"));
    assert_null(adam);
}

static void senseless_groups_are_refused(void **state)
{
    const rn_parameter_group twice[] = { GROUP(.pattern = "fc.*"), GROUP(.pattern = "*.bias") };
    const rn_parameter_group nothing[] = { GROUP(.pattern = "conv1"), GROUP(.pattern = "layer9") };
    const rn_parameter_group negative[] = { GROUP(.lr = -1) };
    const rn_parameter_group unsized[] = { { .pattern = "fc" } };
    rn_optimizer *made = NULL;

    (void)state;
    require_status(context, rn_adam_create(&made, parameters, RN_OPTIONS(rn_adam, .groups = twice, .group_count = 2)),
                   RN_INVALID_ARGUMENT);
    assert_non_null(strstr(rn_context_message(context), "'fc.bias' is in two parameter groups, 'fc.*' and '*.bias'"));
    require_status(context, rn_adam_create(&made, parameters, RN_OPTIONS(rn_adam, .groups = nothing, .group_count = 2)),
                   RN_INVALID_ARGUMENT);
    assert_non_null(strstr(rn_context_message(context), "layer9"));
    require_status(context,
                   rn_adam_create(&made, parameters, RN_OPTIONS(rn_adam, .groups = negative, .group_count = 1)),
                   RN_INVALID_ARGUMENT);
    require_status(context, rn_adam_create(&made, parameters, RN_OPTIONS(rn_adam, .groups = unsized, .group_count = 1)),
                   RN_INVALID_ARGUMENT);
    require_status(context, rn_adam_create(&made, parameters, RN_OPTIONS(rn_adam, .groups = twice)),
                   RN_INVALID_ARGUMENT);
    require_status(
        context,
        rn_adam_create(&made, parameters, RN_OPTIONS(rn_adam, .groups = nothing, .group_count = 1, .pattern = "fc")),
        RN_INVALID_ARGUMENT);
    assert_null(made);
}

static double norm_of(void)
{
    double sum = 0;

    for (size_t i = 0; i < TRAINED_ENTRIES; i++)
        for (int64_t k = 0; rn_parameters_has_gradient(parameters, i) && k < parameters->entry[i].count; k++)
            sum += pow(rn_parameters_gradient_floats(parameters, i)[k], 2);
    return sqrt(sum);
}

static void gradients_are_clipped_together(void **state)
{
    const double whole = (rn_test_trained_gradients(parameters, 9), norm_of());
    double norm = 0, element;
    rn_tensor *gradient;

    (void)state;
    require_ok(context, rn_clip_gradient_norm(&norm, parameters, 2 * whole, NULL));
    require_near(norm, whole, 1e-12, "norm");
    require_near(norm_of(), whole, 1e-12, "not clipped");
    require_ok(context, rn_clip_gradient_norm(&norm, parameters, 0.5 * whole, NULL));
    require_near(norm, whole, 1e-12, "norm before");
    require_near(norm_of(), 0.5 * whole * whole / (whole + 1e-6), 1e-6, "clipped");
    /* A caller's own change, before the step. */
    gradient = rn_parameters_mutable_gradient(parameters, TRAINED_BIAS);
    require_ok(context, rn_tensor_fill(gradient, 7));
    require_ok(context, rn_clip_gradient_value(parameters, 3, RN_OPTIONS(rn_clip, .pattern = "fc.bias")));
    require_ok(context, rn_tensor_get(gradient, (const int64_t[]){ 1 }, &element));
    assert_true(element == 3);
    require_ok(context, rn_tensor_fill(gradient, INFINITY));
    require_status(context, rn_clip_gradient_norm(&norm, parameters, 1, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_clip_gradient_norm(NULL, parameters, 0, NULL), RN_INVALID_ARGUMENT);
    rn_parameters_clear_gradients(parameters);
    require_status(context, rn_clip_gradient_norm(NULL, parameters, 1, NULL), RN_STATE);
    assert_null(rn_parameters_mutable_gradient(parameters, TRAINED_BIAS));
    assert_int_equal(rn_clip_gradient_value(NULL, 1, NULL), RN_INVALID_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_group_has_its_rate, make_parameters, drop_parameters),
        cmocka_unit_test_setup_teardown(steps_are_those_of_pytorch, make_parameters, drop_parameters),
        cmocka_unit_test_setup_teardown(everything_but_the_head, make_parameters, drop_parameters),
        cmocka_unit_test_setup_teardown(senseless_groups_are_refused, make_parameters, drop_parameters),
        cmocka_unit_test_setup_teardown(gradients_are_clipped_together, make_parameters, drop_parameters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
