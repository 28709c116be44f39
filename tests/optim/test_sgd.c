/* SPDX-License-Identifier: MIT */
/* SGD against torch.optim.SGD, and its options. */
#include "optim/rule.h"

#include "optim/fixtures.h"
#include "optim/trained.h"

#define RN_TEST_THREADS 2
#include "support/one_context.h"

static void steps_are_those_of_pytorch(void **state)
{
    const struct {
        rn_sgd_options options;
        rn_test_trajectory expected;
    } cases[] = {
        { *RN_OPTIONS(rn_sgd, .lr = 0.1), { "sgd", 0, 0, sgd_first, sgd_last, { NULL }, sgd_lr } },
        { *RN_OPTIONS(rn_sgd, .lr = 1e-2, .momentum = 0.9),
          { "sgd, momentum, StepLR",
            10,
            0.1,
            sgd_momentum_first,
            sgd_momentum_last,
            { sgd_momentum_slot0 },
            sgd_momentum_lr } },
        { *RN_OPTIONS(rn_sgd, .lr = 1e-2, .momentum = 0.9, .dampening = 0.4, .weight_decay = 0.05),
          { "sgd, dampening",
            0,
            0,
            sgd_dampening_first,
            sgd_dampening_last,
            { sgd_dampening_slot0 },
            sgd_dampening_lr } },
        { *RN_OPTIONS(rn_sgd, .lr = 1e-2, .momentum = 0.7, .weight_decay = 0.01, .nesterov = 1),
          { "sgd, Nesterov", 1, 0.9, sgd_nesterov_first, sgd_nesterov_last, { sgd_nesterov_slot0 }, sgd_nesterov_lr } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rn_parameters *const p = rn_test_trained(context);
        rn_optimizer *sgd;

        require_ok(context, rn_sgd_create(&sgd, p, &cases[i].options));
        rn_test_trained_follow(sgd, &cases[i].expected);
        rn_optimizer_destroy(sgd);
        rn_parameters_release(p);
    }
}

static void without_momentum_nothing_is_kept(void **state)
{
    rn_parameters *const p = rn_test_trained(context);
    rn_optimizer *sgd;
    rn_tensor *tensor;

    (void)state;
    require_ok(context, rn_sgd_create(&sgd, p, NULL));
    assert_true(rn_optimizer_lr(sgd, 0) == 1e-3);
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
