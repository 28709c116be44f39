/* SPDX-License-Identifier: MIT */
/* StepLR: when it multiplies, what a rate set in between does, how it is resumed. */
#include "optim/schedule.h"

#include "optim/trained.h"
#include "support/support.h"

static rn_context *context;
static rn_parameters *parameters;
static rn_optimizer *optimizer;

static int make_optimizer(void **state)
{
    (void)state;
    context = rn_test_context(1, RN_ISA_AUTO);
    parameters = rn_test_trained(context);
    require_ok(context, rn_adam_create(&optimizer, parameters, RN_OPTIONS(rn_adam, .lr = 1)));
    return 0;
}

static int drop_optimizer(void **state)
{
    (void)state;
    rn_optimizer_destroy(optimizer);
    rn_parameters_release(parameters);
    rn_context_destroy(context);
    return 0;
}

static void the_rate_falls_after_every_step_size_epochs(void **state)
{
    rn_scheduler *s;

    (void)state;
    require_ok(context, rn_step_lr_create(&s, optimizer, RN_OPTIONS(rn_step_lr, .step_size = 3, .gamma = 0.5)));
    for (int epoch = 0; epoch < 12; epoch++) {
        assert_int_equal(rn_scheduler_epoch(s), epoch);
        assert_true(rn_optimizer_lr(optimizer, 0) == ldexp(1, -(epoch / 3)));
        require_ok(context, rn_scheduler_step(s, NULL));
    }
    rn_scheduler_destroy(s);
}

static void defaults_are_seven_epochs_and_a_tenth(void **state)
{
    rn_scheduler *s;

    (void)state;
    require_ok(context, rn_step_lr_create(&s, optimizer, NULL));
    for (int epoch = 0; epoch < 6; epoch++)
        require_ok(context, rn_scheduler_step(s, NULL));
    assert_true(rn_optimizer_lr(optimizer, 0) == 1);
    require_ok(context, rn_scheduler_step(s, NULL));
    assert_true(rn_optimizer_lr(optimizer, 0) == 0.1);
    rn_scheduler_destroy(s);
}

/* The tutorial hands StepLR the epoch's loss, which PyTorch took for an epoch: a loss of -50 was a rate of 1e7. */
static void a_loss_does_not_steer_it(void **state)
{
    static const double losses[] = { 0.7, -0.5, -50, 14, 0 };
    rn_scheduler *s;

    (void)state;
    require_ok(context, rn_step_lr_create(&s, optimizer, RN_OPTIONS(rn_step_lr, .step_size = 1)));
    for (int epoch = 0; epoch < 5; epoch++) {
        require_ok(context, rn_scheduler_step(s, RN_OPTIONS(rn_scheduler_step, .metric = losses[epoch])));
        assert_true(fabs(rn_optimizer_lr(optimizer, 0) * pow(10, epoch + 1) - 1) < 1e-12);
    }
    rn_scheduler_destroy(s);
}

static void a_rate_set_in_between_is_scaled_from_there(void **state)
{
    rn_scheduler *s;

    (void)state;
    require_ok(context, rn_step_lr_create(&s, optimizer, RN_OPTIONS(rn_step_lr, .step_size = 2, .gamma = 0.5)));
    require_ok(context, rn_scheduler_step(s, NULL));
    require_ok(context, rn_optimizer_set_lr(optimizer, 0, 8));
    require_ok(context, rn_scheduler_step(s, NULL));
    assert_true(rn_optimizer_lr(optimizer, 0) == 4);
    rn_scheduler_destroy(s);
}

static void a_restored_scheduler_goes_on(void **state)
{
    rn_scheduler *s;

    (void)state;
    require_ok(context, rn_step_lr_create(&s, optimizer, RN_OPTIONS(rn_step_lr, .step_size = 7)));
    s->epoch = 6;
    require_ok(context, rn_optimizer_set_lr(optimizer, 0, 0.5));
    assert_int_equal(rn_scheduler_epoch(s), 6);
    assert_true(rn_optimizer_lr(optimizer, 0) == 0.5);
    require_ok(context, rn_scheduler_step(s, NULL));
    assert_true(fabs(rn_optimizer_lr(optimizer, 0) - 0.05) <= 1e-17);
    rn_scheduler_destroy(s);
}

static void it_keeps_its_optimizer_alive(void **state)
{
    rn_scheduler *s;

    (void)state;
    require_ok(context, rn_step_lr_create(&s, optimizer, NULL));
    rn_optimizer_destroy(optimizer);
    optimizer = NULL;
    require_ok(context, rn_scheduler_step(s, NULL));
    rn_scheduler_destroy(s);
}

static void nonsense_is_refused(void **state)
{
    rn_scheduler *s = (rn_scheduler *)(void *)optimizer;

    (void)state;
    require_status(context, rn_step_lr_create(&s, optimizer, RN_OPTIONS(rn_step_lr, .step_size = -1)),
                   RN_INVALID_ARGUMENT);
    assert_null(s);
    require_status(context, rn_step_lr_create(&s, optimizer, RN_OPTIONS(rn_step_lr, .gamma = NAN)),
                   RN_INVALID_ARGUMENT);
    require_status(context, rn_step_lr_create(&s, optimizer, RN_OPTIONS(rn_step_lr, .gamma = -0.1)),
                   RN_INVALID_ARGUMENT);
    assert_int_equal(rn_step_lr_create(NULL, optimizer, NULL), RN_INVALID_ARGUMENT);
    s = (rn_scheduler *)(void *)optimizer;
    assert_int_equal(rn_step_lr_create(&s, NULL, NULL), RN_INVALID_ARGUMENT);
    assert_null(s);
    assert_int_equal(rn_scheduler_step(NULL, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_scheduler_epoch(NULL), 0);
    rn_scheduler_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_rate_falls_after_every_step_size_epochs, make_optimizer, drop_optimizer),
        cmocka_unit_test_setup_teardown(defaults_are_seven_epochs_and_a_tenth, make_optimizer, drop_optimizer),
        cmocka_unit_test_setup_teardown(a_loss_does_not_steer_it, make_optimizer, drop_optimizer),
        cmocka_unit_test_setup_teardown(a_rate_set_in_between_is_scaled_from_there, make_optimizer, drop_optimizer),
        cmocka_unit_test_setup_teardown(a_restored_scheduler_goes_on, make_optimizer, drop_optimizer),
        cmocka_unit_test_setup_teardown(it_keeps_its_optimizer_alive, make_optimizer, drop_optimizer),
        cmocka_unit_test_setup_teardown(nonsense_is_refused, make_optimizer, drop_optimizer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
