/* SPDX-License-Identifier: MIT */
/* SGD against torch.optim.SGD, and its options. */
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

typedef struct sgd_case {
    const char *what;
    rn_sgd_options options;
    int64_t step_size;
    double gamma;
    const float *first, *last, *momentum_buffer;
    double lr;
} sgd_case;

static void run(const sgd_case *it)
{
    rn_parameters *const p = rn_test_trained(context);
    rn_optimizer *sgd;
    rn_scheduler *step_lr = NULL;

    require_ok(context, rn_sgd_create(&sgd, p, &it->options));
    if (it->step_size > 0)
        require_ok(context, rn_step_lr_create(&step_lr, sgd,
                                              RN_OPTIONS(rn_step_lr, .step_size = it->step_size, .gamma = it->gamma)));
    for (int step = 0; step < TRAINED_STEPS; step++) {
        rn_test_trained_gradients(p, step);
        require_ok(context, rn_optimizer_step(sgd));
        if (step_lr != NULL)
            require_ok(context, rn_scheduler_step(step_lr));
        if (step == 0)
            rn_test_trained_check(p, it->first, it->what);
    }
    rn_test_trained_check(p, it->last, it->what);
    if (it->momentum_buffer != NULL)
        rn_test_trained_check_slot(sgd, 0, it->momentum_buffer, it->what);
    assert_true(fabs(rn_optimizer_lr(sgd) - it->lr) <= 1e-15);
    rn_scheduler_destroy(step_lr);
    rn_optimizer_destroy(sgd);
    rn_parameters_release(p);
}

static void steps_are_those_of_pytorch(void **state)
{
    const sgd_case cases[] = {
        { "sgd", *RN_OPTIONS(rn_sgd, .lr = 0.1), 0, 0, sgd_first, sgd_last, NULL, sgd_lr },
        { "sgd, momentum, StepLR", *RN_OPTIONS(rn_sgd, .lr = 1e-2, .momentum = 0.9), 10, 0.1, sgd_momentum_first,
          sgd_momentum_last, sgd_momentum_slot0, sgd_momentum_lr },
        { "sgd, dampening", *RN_OPTIONS(rn_sgd, .lr = 1e-2, .momentum = 0.9, .dampening = 0.4, .weight_decay = 0.05), 0,
          0, sgd_dampening_first, sgd_dampening_last, sgd_dampening_slot0, sgd_dampening_lr },
        { "sgd, Nesterov", *RN_OPTIONS(rn_sgd, .lr = 1e-2, .momentum = 0.7, .weight_decay = 0.01, .nesterov = 1), 1,
          0.9, sgd_nesterov_first, sgd_nesterov_last, sgd_nesterov_slot0, sgd_nesterov_lr },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        run(&cases[i]);
}

static void without_momentum_nothing_is_kept(void **state)
{
    rn_parameters *const p = rn_test_trained(context);
    rn_optimizer *sgd;
    rn_tensor *tensor;

    (void)state;
    require_ok(context, rn_sgd_create(&sgd, p, NULL));
    assert_true(rn_optimizer_lr(sgd) == 1e-3);
    assert_string_equal(rn_optimizer_rule_name(sgd), "sgd");
    assert_int_equal(rn_optimizer_slot_count(sgd), 0);
    rn_test_trained_gradients(p, 0);
    require_ok(context, rn_optimizer_step(sgd));
    require_ok(context, rn_optimizer_slot(&tensor, sgd, TRAINED_CONV, 0));
    assert_null(tensor);
    rn_optimizer_destroy(sgd);
    rn_parameters_release(p);
}

static void senseless_options_are_refused(void **state)
{
    const rn_sgd_options bad[] = {
        { .struct_size = sizeof bad[0], .lr = -1 },
        { .struct_size = sizeof bad[0], .lr = NAN },
        { .struct_size = sizeof bad[0], .momentum = -0.1 },
        { .struct_size = sizeof bad[0], .dampening = INFINITY },
        { .struct_size = sizeof bad[0], .weight_decay = -1 },
        { .struct_size = sizeof bad[0], .nesterov = 1 },
        { .struct_size = sizeof bad[0], .nesterov = 1, .momentum = 0.9, .dampening = 0.1 },
        { .struct_size = sizeof bad[0], .pattern = "nothing" },
    };
    rn_parameters *const p = rn_test_trained(context);
    rn_optimizer *sgd;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        sgd = (rn_optimizer *)(void *)p;
        require_status(context, rn_sgd_create(&sgd, p, &bad[i]), RN_INVALID_ARGUMENT);
        assert_null(sgd);
    }
    assert_int_equal(rn_sgd_create(NULL, p, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_sgd_create(&sgd, NULL, NULL), RN_INVALID_ARGUMENT);
    rn_parameters_release(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_those_of_pytorch),
        cmocka_unit_test(without_momentum_nothing_is_kept),
        cmocka_unit_test(senseless_options_are_refused),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
