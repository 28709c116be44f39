/* SPDX-License-Identifier: MIT */
/* Adam and AdamW against torch.optim's, and their options. */
#include "optim/rule.h"

#include "optim/fixtures.h"
#include "optim/trained.h"

#define RN_TEST_THREADS 2
#include "support/one_context.h"

static void steps_are_those_of_pytorch(void **state)
{
    const struct {
        rn_adam_options options;
        rn_test_trajectory expected;
    } cases[] = {
        { *RN_OPTIONS(rn_adam, .lr = 1e-2),
          { "adam", 0, 0, adam_first, adam_last, { adam_slot0, adam_slot1 }, adam_lr } },
        { *RN_OPTIONS(rn_adam, .lr = 1e-2),
          { "adam, StepLR",
            7,
            0.3,
            adam_step_lr_first,
            adam_step_lr_last,
            { adam_step_lr_slot0, adam_step_lr_slot1 },
            adam_step_lr_lr } },
        { *RN_OPTIONS(rn_adam, .lr = 1e-3, .beta1 = 0.8, .beta2 = 0.99, .eps = 1e-3, .weight_decay = 0.1),
          { "adam, weight decay",
            0,
            0,
            adam_weight_decay_first,
            adam_weight_decay_last,
            { adam_weight_decay_slot0, adam_weight_decay_slot1 },
            adam_weight_decay_lr } },
        { *RN_OPTIONS(rn_adam, .beta1 = RN_ZERO, .beta2 = 0.5),
          { "adam, beta1 = 0",
            0,
            0,
            adam_without_momentum_first,
            adam_without_momentum_last,
            { adam_without_momentum_slot0, adam_without_momentum_slot1 },
            adam_without_momentum_lr } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rn_parameters *const p = rn_test_trained(context);
        rn_optimizer *adam;

        require_ok(context, rn_adam_create(&adam, p, &cases[i].options));
        rn_test_trained_follow(adam, &cases[i].expected);
        rn_optimizer_destroy(adam);
        rn_parameters_release(p);
    }
}

static void adamw_decays_the_parameter_itself(void **state)
{
    const struct {
        rn_adamw_options options;
        rn_test_trajectory expected;
    } cases[] = {
        { *RN_OPTIONS(rn_adamw, .lr = 1e-2),
          { "adamw, StepLR", 7, 0.3, adamw_first, adamw_last, { adamw_slot0, adamw_slot1 }, adamw_lr } },
        { *RN_OPTIONS(rn_adamw, .lr = 1e-2, .beta1 = 0.8, .beta2 = 0.99, .eps = 1e-3, .weight_decay = 0.3),
          { "adamw, weight decay",
            0,
            0,
            adamw_weight_decay_first,
            adamw_weight_decay_last,
            { adamw_weight_decay_slot0, adamw_weight_decay_slot1 },
            adamw_weight_decay_lr } },
        { *RN_OPTIONS(rn_adamw, .lr = 1e-2, .weight_decay = RN_ZERO),
          { "adamw without decay is adam", 0, 0, adam_first, adam_last, { adam_slot0, adam_slot1 }, adam_lr } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rn_parameters *const p = rn_test_trained(context);
        rn_optimizer *adamw;

        require_ok(context, rn_adamw_create(&adamw, p, &cases[i].options));
        assert_string_equal(rn_optimizer_rule_name(adamw), "adamw");
        rn_test_trained_follow(adamw, &cases[i].expected);
        rn_optimizer_destroy(adamw);
        rn_parameters_release(p);
    }
}

static void zero_options_are_the_defaults_of_pytorch(void **state)
{
    rn_parameters *const p = rn_test_trained(context);
    rn_optimizer *adam;

    (void)state;
    require_ok(context, rn_adam_create(&adam, p, NULL));
    assert_true(rn_optimizer_lr(adam, 0) == 1e-3 && adam->beta1 == 0.9 && adam->beta2 == 0.999 && adam->eps == 1e-8);
    assert_true(adam->group[0].weight_decay == 0 && rn_optimizer_group_count(adam) == 1);
    assert_string_equal(rn_optimizer_rule_name(adam), "adam");
    assert_int_equal(rn_optimizer_slot_count(adam), 2);
    assert_string_equal(rn_optimizer_slot_name(adam, 0), "exp_avg");
    assert_string_equal(rn_optimizer_slot_name(adam, 1), "exp_avg_sq");
    assert_null(rn_optimizer_slot_name(adam, 2));
    rn_optimizer_destroy(adam);
    rn_parameters_release(p);
}

static void senseless_options_are_refused(void **state)
{
    const rn_adam_options bad[] = {
        { .struct_size = sizeof bad[0], .lr = -1 },           { .struct_size = sizeof bad[0], .lr = NAN },
        { .struct_size = sizeof bad[0], .lr = INFINITY },     { .struct_size = sizeof bad[0], .beta1 = 1 },
        { .struct_size = sizeof bad[0], .beta2 = -0.1 },      { .struct_size = sizeof bad[0], .beta2 = NAN },
        { .struct_size = sizeof bad[0], .eps = -1e-8 },       { .struct_size = sizeof bad[0], .weight_decay = NAN },
        { .struct_size = sizeof bad[0], .pattern = "fc2.*" }, { .struct_size = 3 },
    };
    rn_parameters *const p = rn_test_trained(context);
    rn_optimizer *adam;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        adam = (rn_optimizer *)(void *)p;
        require_status(context, rn_adam_create(&adam, p, &bad[i]), RN_INVALID_ARGUMENT);
        assert_null(adam);
    }
    assert_int_equal(rn_adam_create(NULL, p, NULL), RN_INVALID_ARGUMENT);
    adam = (rn_optimizer *)(void *)p;
    assert_int_equal(rn_adam_create(&adam, NULL, NULL), RN_INVALID_ARGUMENT);
    assert_null(adam);
    require_status(context, rn_adamw_create(&adam, p, RN_OPTIONS(rn_adamw, .weight_decay = -1)), RN_INVALID_ARGUMENT);
    assert_non_null(strstr(rn_context_message(context), "AdamW: "));
    assert_int_equal(rn_adamw_create(NULL, p, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_adamw_create(&adam, NULL, NULL), RN_INVALID_ARGUMENT);
    rn_parameters_release(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_those_of_pytorch),
        cmocka_unit_test(adamw_decays_the_parameter_itself),
        cmocka_unit_test(zero_options_are_the_defaults_of_pytorch),
        cmocka_unit_test(senseless_options_are_refused),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
