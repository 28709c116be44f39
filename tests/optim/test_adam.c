/* SPDX-License-Identifier: MIT */
/* Adam against torch.optim.Adam, and its options. */
#include "optim/rule.h"

#include "optim/fixtures.h"
#include "optim/trained.h"
#include "support/support.h"

static rn_context *context;

static int make_context(void **state)
{
    (void)state;
    context = rn_test_context(2, RN_ISA_AUTO);
    return 0;
}

static int drop_context(void **state)
{
    (void)state;
    rn_context_destroy(context);
    return 0;
}

typedef struct adam_case {
    const char *what;
    rn_adam_options options;
    int64_t step_size;
    double gamma;
    const float *first, *last, *exp_avg, *exp_avg_sq;
    double lr;
} adam_case;

static void run(const adam_case *it)
{
    rn_parameters *const p = rn_test_trained(context);
    rn_optimizer *adam;
    rn_scheduler *step_lr = NULL;

    require_ok(context, rn_adam_create(&adam, p, &it->options));
    if (it->step_size > 0)
        require_ok(context, rn_step_lr_create(&step_lr, adam,
                                              RN_OPTIONS(rn_step_lr, .step_size = it->step_size, .gamma = it->gamma)));
    for (int step = 0; step < TRAINED_STEPS; step++) {
        rn_test_trained_gradients(p, step);
        require_ok(context, rn_optimizer_step(adam));
        if (step_lr != NULL)
            require_ok(context, rn_scheduler_step(step_lr));
        if (step == 0)
            rn_test_trained_check(p, it->first, it->what);
    }
    rn_test_trained_check(p, it->last, it->what);
    rn_test_trained_check_slot(adam, 0, it->exp_avg, it->what);
    rn_test_trained_check_slot(adam, 1, it->exp_avg_sq, it->what);
    assert_true(fabs(rn_optimizer_lr(adam) - it->lr) <= 1e-15);
    rn_scheduler_destroy(step_lr);
    rn_optimizer_destroy(adam);
    rn_parameters_release(p);
}

static void steps_are_those_of_pytorch(void **state)
{
    const adam_case cases[] = {
        { "adam", *RN_OPTIONS(rn_adam, .lr = 1e-2), 0, 0, adam_first, adam_last, adam_slot0, adam_slot1, adam_lr },
        { "adam, StepLR", *RN_OPTIONS(rn_adam, .lr = 1e-2), 7, 0.3, adam_step_lr_first, adam_step_lr_last,
          adam_step_lr_slot0, adam_step_lr_slot1, adam_step_lr_lr },
        { "adam, weight decay",
          *RN_OPTIONS(rn_adam, .lr = 1e-3, .beta1 = 0.8, .beta2 = 0.99, .eps = 1e-3, .weight_decay = 0.1), 0, 0,
          adam_weight_decay_first, adam_weight_decay_last, adam_weight_decay_slot0, adam_weight_decay_slot1,
          adam_weight_decay_lr },
        { "adam, beta1 = 0", *RN_OPTIONS(rn_adam, .beta1 = RN_ZERO, .beta2 = 0.5), 0, 0, adam_without_momentum_first,
          adam_without_momentum_last, adam_without_momentum_slot0, adam_without_momentum_slot1,
          adam_without_momentum_lr },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        run(&cases[i]);
}

static void zero_options_are_the_defaults_of_pytorch(void **state)
{
    rn_parameters *const p = rn_test_trained(context);
    rn_optimizer *adam;

    (void)state;
    require_ok(context, rn_adam_create(&adam, p, NULL));
    assert_true(adam->lr == 1e-3 && adam->beta1 == 0.9 && adam->beta2 == 0.999 && adam->eps == 1e-8);
    assert_true(adam->weight_decay == 0 && adam->initial_lr == 1e-3);
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
    assert_int_equal(rn_adam_create(&adam, NULL, NULL), RN_INVALID_ARGUMENT);
    rn_parameters_release(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_those_of_pytorch),
        cmocka_unit_test(zero_options_are_the_defaults_of_pytorch),
        cmocka_unit_test(senseless_options_are_refused),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
