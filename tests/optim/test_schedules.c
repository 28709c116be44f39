/* SPDX-License-Identifier: MIT */
/* The rates of all schedulers against those of torch.optim.lr_scheduler, what they refuse, and how they are resumed. */
#include "optim/schedule.h"

#include "optim/fixtures.h"
#include "optim/trained.h"
#include "support/support.h"

static rn_context *context;
static rn_parameters *parameters;
static rn_optimizer *optimizer;

static const rn_parameter_group groups[] = { { sizeof *groups, "conv1", NULL, 1, 0 },
                                             { sizeof *groups, "fc", NULL, 0.25, 0 } };

static int make_optimizer(void **state)
{
    (void)state;
    context = rn_test_context(1, RN_ISA_AUTO);
    parameters = rn_test_trained(context);
    require_ok(context,
               rn_adam_create(&optimizer, parameters, RN_OPTIONS(rn_adam, .groups = groups, .group_count = 2)));
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

/* ---- every kind, as make_fixtures.py makes it -------------------------------------------------------------------- */

static rn_status multi_step(rn_scheduler **s)
{
    return rn_multi_step_lr_create(
        s, optimizer,
        RN_OPTIONS(rn_multi_step_lr, .milestones = (int64_t[]){ 3, 8, 8, 21 }, .milestone_count = 4, .gamma = 0.3));
}

static rn_status exponential(rn_scheduler **s)
{
    return rn_exponential_lr_create(s, optimizer, RN_OPTIONS(rn_exponential_lr, .gamma = 0.9));
}

static rn_status linear(rn_scheduler **s)
{
    return rn_linear_lr_create(s, optimizer,
                               RN_OPTIONS(rn_linear_lr, .start_factor = 0.25, .end_factor = 0.75, .total_iters = 9));
}

static rn_status linear_default(rn_scheduler **s)
{
    return rn_linear_lr_create(s, optimizer, NULL);
}

static rn_status cosine(rn_scheduler **s)
{
    return rn_cosine_lr_create(s, optimizer, RN_OPTIONS(rn_cosine_lr, .t_max = 13));
}

static rn_status cosine_min(rn_scheduler **s)
{
    return rn_cosine_lr_create(s, optimizer, RN_OPTIONS(rn_cosine_lr, .t_max = 40, .eta_min = 0.05));
}

static rn_status one_cycle(rn_scheduler **s)
{
    require_ok(context, rn_optimizer_set_lr(optimizer, 0, 0.5));
    require_ok(context, rn_optimizer_set_lr(optimizer, 1, 0.125));
    return rn_one_cycle_lr_create(s, optimizer, RN_OPTIONS(rn_one_cycle_lr, .total_steps = SCHEDULE_STEPS));
}

static rn_status one_cycle_linear(rn_scheduler **s)
{
    return rn_one_cycle_lr_create(s, optimizer,
                                  RN_OPTIONS(rn_one_cycle_lr, .max_lr = 2, .total_steps = 50, .pct_start = 0.2,
                                             .div_factor = 10, .final_div_factor = 100, .base_momentum = 0.5,
                                             .max_momentum = 0.9, .linear = 1));
}

static rn_status one_cycle_three(rn_scheduler **s)
{
    return rn_one_cycle_lr_create(
        s, optimizer,
        RN_OPTIONS(rn_one_cycle_lr, .max_lr = 2, .total_steps = SCHEDULE_STEPS, .three_phase = 1, .keep_momentum = 1));
}

static rn_status plateau(rn_scheduler **s)
{
    return rn_plateau_lr_create(s, optimizer, RN_OPTIONS(rn_plateau_lr, .factor = 0.5, .patience = 2, .min_lr = 0.02));
}

static rn_status plateau_rises(rn_scheduler **s)
{
    return rn_plateau_lr_create(s, optimizer,
                                RN_OPTIONS(rn_plateau_lr, .factor = 0.7, .patience = -1, .threshold = 0.05,
                                           .cooldown = 3, .rises = 1, .absolute = 1));
}

static rn_status warm_cosine(rn_scheduler **s)
{
    rn_scheduler *parts[2];

    require_ok(context, rn_linear_lr_create(&parts[0], optimizer,
                                            RN_OPTIONS(rn_linear_lr, .start_factor = 0.01, .total_iters = 6)));
    require_ok(context,
               rn_cosine_lr_create(&parts[1], optimizer, RN_OPTIONS(rn_cosine_lr, .t_max = 34, .eta_min = 0.01)));
    return rn_sequential_lr_create(
        s, optimizer,
        RN_OPTIONS(rn_sequential_lr, .schedulers = parts, .scheduler_count = 2, .milestones = (int64_t[]){ 6 }));
}

static rn_status three_parts(rn_scheduler **s)
{
    rn_scheduler *parts[3];

    require_ok(context, rn_linear_lr_create(&parts[0], optimizer,
                                            RN_OPTIONS(rn_linear_lr, .start_factor = 0.5, .total_iters = 4)));
    require_ok(context, rn_step_lr_create(&parts[1], optimizer, RN_OPTIONS(rn_step_lr, .step_size = 3, .gamma = 0.5)));
    require_ok(context, rn_exponential_lr_create(&parts[2], optimizer, RN_OPTIONS(rn_exponential_lr, .gamma = 0.8)));
    return rn_sequential_lr_create(
        s, optimizer,
        RN_OPTIONS(rn_sequential_lr, .schedulers = parts, .scheduler_count = 3, .milestones = (int64_t[]){ 7, 20 }));
}

#define KIND(name) \
    { \
#name, name, schedule_##name, NULL \
    }
#define KIND_OF_MOMENTUM(name) \
    { \
#name, name, schedule_##name, schedule_##name##_momentum \
    }

static const struct kind {
    const char *name;
    rn_status (*make)(rn_scheduler **);
    const double *rates;    /* of both groups, before and after each step */
    const double *momentum; /* likewise; NULL: it stays 0.9 */
} kinds[] = {
    KIND(multi_step),
    KIND(exponential),
    KIND(linear),
    KIND(linear_default),
    KIND(cosine),
    KIND(cosine_min),
    KIND_OF_MOMENTUM(one_cycle),
    KIND_OF_MOMENTUM(one_cycle_linear),
    KIND_OF_MOMENTUM(one_cycle_three),
    KIND(plateau),
    KIND(plateau_rises),
    KIND(warm_cosine),
    KIND(three_parts),
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

static void require_rate(const struct kind *kind, int step)
{
    for (size_t g = 0; g < 2; g++) {
        const double rate = rn_optimizer_lr(optimizer, g), expected = kind->rates[2 * (size_t)step + g];

        if (!(fabs(rate - expected) <= 1e-13 * fabs(expected)))
            fail_msg("%s: group %zu after %d steps has %.17g instead of %.17g", kind->name, g, step, rate, expected);
    }
    if (!(fabs(optimizer->beta1 - (kind->momentum != NULL ? kind->momentum[step] : 0.9)) <= 1e-14))
        fail_msg("%s: beta1 after %d steps is %.17g", kind->name, step, optimizer->beta1);
}

static void step_once(rn_scheduler *s, int step)
{
    require_ok(context, rn_scheduler_step(s, RN_OPTIONS(rn_scheduler_step, .metric = schedule_metrics[step])));
}

static void rates_are_those_of_pytorch(void **state)
{
    for (size_t k = 0; k < KINDS; k++) {
        rn_scheduler *s;

        make_optimizer(state);
        require_ok(context, kinds[k].make(&s));
        for (int step = 0; step <= SCHEDULE_STEPS; step++) {
            require_rate(&kinds[k], step);
            assert_int_equal(rn_scheduler_epoch(s), step);
            if (step < SCHEDULE_STEPS)
                step_once(s, step);
        }
        rn_scheduler_destroy(s);
        drop_optimizer(state);
    }
}

/* Stopped after any step and taken up by an optimizer and a scheduler that are made anew: the same doubles. */
static void a_restored_scheduler_goes_on_to_the_same_bits(void **state)
{
    for (size_t k = 0; k < KINDS; k++) {
        for (int stop = 0; stop < SCHEDULE_STEPS; stop += 1 + stop / 4) {
            double rates[SCHEDULE_STEPS][3];
            rn_checkpoint *file;
            rn_scheduler *s;

            make_optimizer(state);
            require_ok(context, kinds[k].make(&s));
            require_ok(context, rn_checkpoint_create(&file, context));
            for (int step = 0; step < SCHEDULE_STEPS; step++) {
                if (step == stop) {
                    require_ok(context, rn_optimizer_state_dict(file, optimizer));
                    require_ok(context, rn_scheduler_state_dict(file, s));
                }
                step_once(s, step);
                rates[step][0] = rn_optimizer_lr(optimizer, 0);
                rates[step][1] = rn_optimizer_lr(optimizer, 1);
                rates[step][2] = optimizer->beta1;
            }
            rn_scheduler_destroy(s);
            rn_optimizer_destroy(optimizer);
            require_ok(context,
                       rn_adam_create(&optimizer, parameters, RN_OPTIONS(rn_adam, .groups = groups, .group_count = 2)));
            require_ok(context, kinds[k].make(&s));
            require_ok(context, rn_optimizer_load_state_dict(optimizer, file, NULL));
            require_ok(context, rn_scheduler_load_state_dict(s, file, NULL));
            for (int step = stop; step < SCHEDULE_STEPS; step++) {
                step_once(s, step);
                if (rates[step][0] != rn_optimizer_lr(optimizer, 0) ||
                    rates[step][1] != rn_optimizer_lr(optimizer, 1) || rates[step][2] != optimizer->beta1)
                    fail_msg("%s, stopped after %d steps, differs after %d", kinds[k].name, stop, step + 1);
            }
            rn_scheduler_destroy(s);
            rn_checkpoint_destroy(file);
            drop_optimizer(state);
        }
    }
}

static void a_state_of_another_kind_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    for (size_t k = 0; k < KINDS; k++) {
        rn_scheduler *s, *other;
        rn_checkpoint *file;
        rn_status status;

        require_ok(context, kinds[k].make(&s));
        step_once(s, 0);
        require_ok(context, rn_checkpoint_create(&file, context));
        require_ok(context, rn_scheduler_state_dict(file, s));
        require_ok(context, kinds[(k + 1) % KINDS].make(&other));
        status = rn_scheduler_load_state_dict(other, file, NULL);
        if (strcmp(s->schedule->name, other->schedule->name) != 0) {
            require_status(context, status, RN_STATE);
            assert_int_equal(rn_scheduler_epoch(other), 0);
        }
        rn_checkpoint_destroy(file);
        rn_scheduler_destroy(s);
        rn_scheduler_destroy(other);
    }
}

static void a_state_that_lacks_something_is_refused(void **state)
{
    static const struct {
        size_t kind;
        const char *text;
    } cases[] = {
        { 0, "{\"kind\":\"multi_step\"}" },
        { 0, "{\"kind\":\"multi_step\",\"epoch\":-1}" },
        { 0, "{\"kind\":7,\"epoch\":1}" },
        { 9, "{\"kind\":\"plateau\",\"epoch\":1}" },
        { 9, "{\"kind\":\"plateau\",\"epoch\":1,\"num_bad_epochs\":0,\"cooldown_counter\":0,\"best\":\"low\"}" },
        { 11, "{\"kind\":\"sequential\",\"epoch\":1}" },
        { 11, "{\"kind\":\"sequential\",\"epoch\":1,\"parts\":[{\"kind\":\"linear\",\"epoch\":1}]}" },
        { 11, "{\"kind\":\"sequential\",\"epoch\":1,\"parts\":[{\"kind\":\"linear\",\"epoch\":1},"
              "{\"kind\":\"cosine\",\"epoch\":1},{\"kind\":\"cosine\",\"epoch\":1}]}" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rn_checkpoint *file;
        rn_scheduler *s;

        require_ok(context, kinds[cases[i].kind].make(&s));
        require_ok(context, rn_checkpoint_create(&file, context));
        require_ok(context, rn_checkpoint_set_metadata(file, "rn.scheduler", cases[i].text));
        require_status(context, rn_scheduler_load_state_dict(s, file, NULL), RN_FORMAT);
        assert_int_equal(rn_scheduler_epoch(s), 0);
        rn_checkpoint_destroy(file);
        rn_scheduler_destroy(s);
    }
}

static void nonsense_is_refused(void **state)
{
    rn_scheduler *s, *parts[2];

    (void)state;
#define REFUSED(kind, ...) \
    require_status(context, rn_##kind##_lr_create(&s, optimizer, RN_OPTIONS(rn_##kind##_lr, __VA_ARGS__)), \
                   RN_INVALID_ARGUMENT); \
    assert_null(s)
    REFUSED(multi_step, .gamma = 0.1);
    REFUSED(multi_step, .milestones = (int64_t[]){ 0, 1 }, .milestone_count = 2);
    REFUSED(multi_step, .milestones = (int64_t[]){ 3, 2 }, .milestone_count = 2);
    REFUSED(exponential, .gamma = 0);
    REFUSED(exponential, .gamma = NAN);
    REFUSED(linear, .start_factor = 1.5);
    REFUSED(linear, .end_factor = -1);
    REFUSED(linear, .total_iters = -1);
    REFUSED(cosine, .eta_min = 0.1);
    REFUSED(cosine, .t_max = INT64_MAX);
    REFUSED(cosine, .t_max = 3, .eta_min = INFINITY);
    REFUSED(step, .step_size = INT64_MAX);
    REFUSED(one_cycle, .max_lr = 1);
    REFUSED(one_cycle, .total_steps = 9, .pct_start = 1.5);
    REFUSED(one_cycle, .total_steps = 9, .max_momentum = 1);
    REFUSED(one_cycle, .total_steps = 9, .max_lr = -1);
    REFUSED(one_cycle, .total_steps = 9, .reserved = 1);
    REFUSED(plateau, .factor = 1);
    REFUSED(plateau, .cooldown = -1);
    REFUSED(sequential, .scheduler_count = 2);
    assert_non_null(strstr(rn_context_message(context), "two schedulers"));
    require_ok(context, cosine(&parts[0]));
    parts[1] = parts[0];
    REFUSED(sequential, .schedulers = parts, .scheduler_count = 2, .milestones = (int64_t[]){ 3 });
    require_ok(context, plateau(&parts[1]));
    REFUSED(sequential, .schedulers = parts, .scheduler_count = 2, .milestones = (int64_t[]){ 3 });
    require_status(context, rn_scheduler_step(parts[1], NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_scheduler_step(parts[1], RN_OPTIONS(rn_scheduler_step, .metric = NAN)),
                   RN_INVALID_ARGUMENT);
    assert_int_equal(rn_scheduler_epoch(parts[1]), 0);
    rn_scheduler_destroy(parts[1]);
    require_ok(context, exponential(&parts[1]));
    REFUSED(sequential, .schedulers = parts, .scheduler_count = 2, .milestones = (int64_t[]){ 0 });
    rn_scheduler_destroy(parts[0]);
    rn_scheduler_destroy(parts[1]);
    assert_int_equal(rn_multi_step_lr_create(NULL, optimizer, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_one_cycle_lr_create(&s, NULL, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_plateau_lr_create(NULL, optimizer, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_sequential_lr_create(&s, NULL, NULL), RN_INVALID_ARGUMENT);
}

/* Three steps, of which not one is in the part that rises. */
static void a_short_cycle_is_that_of_pytorch(void **state)
{
    rn_scheduler *s;

    (void)state;
    require_ok(context,
               rn_one_cycle_lr_create(&s, optimizer, RN_OPTIONS(rn_one_cycle_lr, .max_lr = 1, .total_steps = 3)));
    for (int step = 0; step <= 3; step++) {
        assert_true(fabs(rn_optimizer_lr(optimizer, 0) / schedule_one_cycle_short[2 * step] - 1) < 1e-10);
        assert_true(fabs(optimizer->beta1 - schedule_one_cycle_short_momentum[step]) < 1e-14);
        if (step < 3)
            require_ok(context, rn_scheduler_step(s, NULL));
    }
    rn_scheduler_destroy(s);
}

static void a_cycle_has_an_end_and_takes_the_momentum_of_the_rule(void **state)
{
    rn_optimizer *sgd;
    rn_scheduler *s;

    (void)state;
    require_ok(context, rn_sgd_create(&sgd, parameters, NULL));
    require_ok(context, rn_one_cycle_lr_create(&s, sgd, RN_OPTIONS(rn_one_cycle_lr, .total_steps = 10)));
    assert_true(sgd->momentum == 0.95 && fabs(rn_optimizer_lr(sgd, 0) - 1e-3 / 25) < 1e-18);
    for (int step = 0; step < 10; step++)
        require_ok(context, rn_scheduler_step(s, NULL));
    require_status(context, rn_scheduler_step(s, NULL), RN_STATE);
    rn_scheduler_destroy(s);
    rn_optimizer_destroy(sgd);
    require_ok(context, rn_sgd_create(&sgd, parameters, NULL));
    rn_test_trained_gradients(parameters, 9);
    require_ok(context, rn_optimizer_step(sgd));
    require_status(context, rn_one_cycle_lr_create(&s, sgd, RN_OPTIONS(rn_one_cycle_lr, .total_steps = 10)), RN_STATE);
    require_ok(context,
               rn_one_cycle_lr_create(&s, sgd, RN_OPTIONS(rn_one_cycle_lr, .total_steps = 10, .keep_momentum = 1)));
    assert_true(sgd->momentum == 0);
    rn_scheduler_destroy(s);
    rn_optimizer_destroy(sgd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_optimizer, drop_optimizer)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_are_those_of_pytorch),
        cmocka_unit_test(a_restored_scheduler_goes_on_to_the_same_bits),
        TEST(a_state_of_another_kind_is_refused_and_changes_nothing),
        TEST(a_state_that_lacks_something_is_refused),
        TEST(nonsense_is_refused),
        TEST(a_short_cycle_is_that_of_pytorch),
        TEST(a_cycle_has_an_end_and_takes_the_momentum_of_the_rule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
