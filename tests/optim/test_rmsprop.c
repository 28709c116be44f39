/* SPDX-License-Identifier: MIT */
/* RMSprop against torch.optim.RMSprop, what it keeps, and its options. */
#include "optim/rule.h"

#include "optim/fixtures.h"
#include "optim/trained.h"

#define RN_TEST_THREADS 2
#include "support/one_context.h"

static void steps_are_those_of_pytorch(void **state)
{
    const struct {
        rn_rmsprop_options options;
        rn_test_trajectory expected;
    } cases[] = {
        { *RN_OPTIONS(rn_rmsprop, .lr = 0),
          { "rmsprop", 0, 0, rmsprop_first, rmsprop_last, { rmsprop_slot0 }, rmsprop_lr } },
        { *RN_OPTIONS(rn_rmsprop, .lr = 1e-3, .alpha = 0.9, .momentum = 0.8, .weight_decay = 0.05),
          { "rmsprop, momentum, StepLR",
            7,
            0.3,
            rmsprop_momentum_first,
            rmsprop_momentum_last,
            { rmsprop_momentum_slot0, rmsprop_momentum_slot1 },
            rmsprop_momentum_lr } },
        { *RN_OPTIONS(rn_rmsprop, .lr = 1e-3, .eps = 1e-3, .centered = 1),
          { "rmsprop, centred",
            0,
            0,
            rmsprop_centered_first,
            rmsprop_centered_last,
            { rmsprop_centered_slot0, rmsprop_centered_slot1 },
            rmsprop_centered_lr } },
        { *RN_OPTIONS(rn_rmsprop, .lr = 1e-3, .alpha = 0.95, .momentum = 0.5, .weight_decay = 0.01, .centered = 1),
          { "rmsprop, all",
            0,
            0,
            rmsprop_all_first,
            rmsprop_all_last,
            { rmsprop_all_slot0, rmsprop_all_slot1, rmsprop_all_slot2 },
            rmsprop_all_lr } },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rn_parameters *const p = rn_test_trained(context);
        rn_optimizer *rmsprop;

        require_ok(context, rn_rmsprop_create(&rmsprop, p, &cases[i].options));
        rn_test_trained_follow(rmsprop, &cases[i].expected);
        rn_optimizer_destroy(rmsprop);
        rn_parameters_release(p);
    }
}

static void it_keeps_what_its_numbers_need(void **state)
{
    static const char *const names[4][3] = { { "square_avg" },
                                             { "square_avg", "momentum_buffer" },
                                             { "square_avg", "grad_avg" },
                                             { "square_avg", "momentum_buffer", "grad_avg" } };
    rn_parameters *const p = rn_test_trained(context);

    (void)state;
    for (int which = 0; which < 4; which++) {
        rn_optimizer *rmsprop;
        int32_t slot = 0;

        require_ok(context,
                   rn_rmsprop_create(&rmsprop, p,
                                     RN_OPTIONS(rn_rmsprop, .momentum = which & 1 ? 0.5 : 0, .centered = which >> 1)));
        for (; slot < 3 && names[which][slot] != NULL; slot++)
            assert_string_equal(rn_optimizer_slot_name(rmsprop, slot), names[which][slot]);
        assert_int_equal(rn_optimizer_slot_count(rmsprop), slot);
        assert_null(rn_optimizer_slot_name(rmsprop, slot));
        rn_optimizer_destroy(rmsprop);
    }
    rn_parameters_release(p);
}

/* Gradients that do not change have no variance, which rounding puts on either side of 0: PyTorch's NaN is not taken
 * over. */
static void a_variance_of_nothing_is_no_nan(void **state)
{
    rn_parameters *const p = rn_test_trained(context);
    rn_optimizer *rmsprop;

    (void)state;
    require_ok(context, rn_rmsprop_create(&rmsprop, p,
                                          RN_OPTIONS(rn_rmsprop, .lr = 1e-6, .alpha = 0.5, .eps = 1, .centered = 1)));
    for (int step = 0; step < 60; step++) {
        rn_test_trained_gradients(p, 7);
        require_ok(context, rn_optimizer_step(rmsprop));
        for (int64_t k = 0; k < p->entry[TRAINED_CONV].count; k++)
            assert_true(isfinite(rn_parameters_floats(p, TRAINED_CONV)[k]));
    }
    rn_optimizer_destroy(rmsprop);
    rn_parameters_release(p);
}

static void senseless_options_are_refused(void **state)
{
    const rn_rmsprop_options bad[] = {
        *RN_OPTIONS(rn_rmsprop, .lr = -1),
        *RN_OPTIONS(rn_rmsprop, .alpha = 1),
        *RN_OPTIONS(rn_rmsprop, .alpha = NAN),
        *RN_OPTIONS(rn_rmsprop, .eps = -1),
        *RN_OPTIONS(rn_rmsprop, .momentum = -1),
        *RN_OPTIONS(rn_rmsprop, .weight_decay = INFINITY),
        *RN_OPTIONS(rn_rmsprop, .pattern = "no"),
        *RN_OPTIONS(rn_rmsprop, .reserved = 1),
        { .struct_size = 3 },
    };
    rn_parameters *const p = rn_test_trained(context);
    rn_optimizer *rmsprop;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rmsprop = (rn_optimizer *)(void *)p;
        require_status(context, rn_rmsprop_create(&rmsprop, p, &bad[i]), RN_INVALID_ARGUMENT);
        assert_null(rmsprop);
    }
    assert_int_equal(rn_rmsprop_create(NULL, p, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_rmsprop_create(&rmsprop, NULL, NULL), RN_INVALID_ARGUMENT);
    rn_parameters_release(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_those_of_pytorch),
        cmocka_unit_test(it_keeps_what_its_numbers_need),
        cmocka_unit_test(a_variance_of_nothing_is_no_nan),
        cmocka_unit_test(senseless_options_are_refused),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
