/* SPDX-License-Identifier: MIT */
/* Optimizers whose rule the caller wrote. */
#include "optim/optimizer.h"

#include "optim/one_trained.h"

#include <stdatomic.h>

/* SGD with momentum, written by a user: must be ours to the bit where both round alike. */
static rn_status momentum(const rn_parameter_update *update, void *payload)
{
    ++*(int *)payload;
    assert_int_equal(update->offset, 0);
    for (int64_t i = 0; i < update->count; i++) {
        update->state[0][i] = 0.5f * update->state[0][i] + update->gradient[i];
        update->value[i] -= (float)update->lr * update->state[0][i];
    }
    return RN_OK;
}

static void a_rule_of_ones_own(void **state)
{
    static const char *const names[] = { "velocity" };
    /* No tensor could be called so when the state is saved. */
    static const char *const bad[][2] = { { "a", "a" }, { "a", "b.c" }, { "a", "\xff" }, { "a", "" }, { "a", NULL } };
    rn_parameters *const same = rn_test_trained(context);
    rn_optimizer *own = NULL, *sgd = NULL;
    rn_checkpoint *dict = NULL;
    int calls = 0;

    (void)state;
    require_ok(context, rn_optimizer_create(&own, parameters,
                                            RN_OPTIONS(rn_rule, .name = "mine", .state_names = names, .state_count = 1,
                                                       .update = momentum, .payload = &calls, .lr = 0.1)));
    require_ok(context, rn_sgd_create(&sgd, same, RN_OPTIONS(rn_sgd, .lr = 0.1, .momentum = 0.5)));
    for (int step = TRAINED_BIAS_BEGINS; step < TRAINED_BIAS_BEGINS + 5; step++) {
        rn_test_trained_gradients(parameters, step);
        rn_test_trained_gradients(same, step);
        require_ok(context, rn_optimizer_step(own));
        require_ok(context, rn_optimizer_step(sgd));
    }
    assert_int_equal(calls, 5 * 3);
    for (size_t i = 0; i < TRAINED_ENTRIES; i++)
        for (int64_t k = 0; k < parameters->entry[i].count; k++)
            require_near(rn_parameters_floats(parameters, i)[k], rn_parameters_floats(same, i)[k], 1e-6, "value");
    require_ok(context, rn_checkpoint_create(&dict, context));
    require_ok(context, rn_optimizer_state_dict(dict, own));
    assert_non_null(rn_checkpoint_find(dict, "optimizer.velocity.fc.weight"));
    require_ok(context, rn_optimizer_load_state_dict(own, dict, NULL));
    require_status(context, rn_optimizer_load_state_dict(sgd, dict, NULL), RN_STATE);
    rn_checkpoint_destroy(dict);
    rn_optimizer_destroy(sgd);
    rn_optimizer_destroy(own);
    require_status(context, rn_optimizer_create(&own, parameters, RN_OPTIONS(rn_rule, .name = "mine")),
                   RN_INVALID_ARGUMENT);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        require_status(context,
                       rn_optimizer_create(&own, parameters,
                                           RN_OPTIONS(rn_rule, .name = "mine", .update = momentum,
                                                      .state_names = bad[i], .state_count = 2)),
                       RN_INVALID_ARGUMENT);
    require_status(context,
                   rn_optimizer_create(&own, parameters, RN_OPTIONS(rn_rule, .name = "my.own", .update = momentum)),
                   RN_INVALID_ARGUMENT);
    require_status(context,
                   rn_optimizer_create(&own, parameters, RN_OPTIONS(rn_rule, .name = "adam", .update = momentum)),
                   RN_INVALID_ARGUMENT);
    require_status(context,
                   rn_optimizer_create(&own, parameters,
                                       RN_OPTIONS(rn_rule, .name = "mine", .update = momentum, .pattern = "nothing")),
                   RN_INVALID_ARGUMENT);
    require_status(
        context,
        rn_optimizer_create(&own, parameters, RN_OPTIONS(rn_rule, .name = "mine", .update = momentum, .reserved = 1)),
        RN_INVALID_ARGUMENT);
    rn_parameters_release(same);
}

/* ---- failure ---------------------------------------------------------------------------------------------------- */

typedef struct failing {
    const char *at;
    int released;
} failing;

static rn_status fail_at(const rn_parameter_update *update, void *payload)
{
    const failing *const f = payload;

    if (f->at != NULL && strcmp(update->name, f->at) == 0)
        return RN_UNSUPPORTED;
    for (int64_t i = 0; i < update->count; i++)
        update->value[i] = (float)update->step;
    return RN_OK;
}

static void release(void *payload)
{
    ((failing *)payload)->released++;
}

static void a_rule_that_fails_ends_the_step(void **state)
{
    failing f = { .at = "fc.weight" };
    rn_scheduler *scheduler = NULL;
    rn_optimizer *own = NULL;

    (void)state;
    require_ok(context, rn_optimizer_create(
                            &own, parameters,
                            RN_OPTIONS(rn_rule, .name = "mine", .update = fail_at, .payload = &f, .release = release)));
    rn_test_trained_gradients(parameters, TRAINED_BIAS_BEGINS);
    require_status(context, rn_optimizer_step(own), RN_UNSUPPORTED);
    assert_non_null(strstr(rn_context_message(context), "'mine' failed at fc.weight"));
    assert_false(rn_parameters_has_gradient(parameters, TRAINED_CONV));
    assert_true(rn_parameters_has_gradient(parameters, TRAINED_WEIGHT));
    assert_true(rn_parameters_has_gradient(parameters, TRAINED_BIAS));
    assert_true(rn_parameters_floats(parameters, TRAINED_CONV)[0] == 1);
    assert_int_equal(own->state[TRAINED_WEIGHT].steps, 0);
    /* What was left is stepped on by the next call. */
    f.at = NULL;
    require_ok(context, rn_optimizer_step(own));
    assert_true(rn_parameters_floats(parameters, TRAINED_BIAS)[1] == 1);
    assert_int_equal(own->state[TRAINED_CONV].steps, 1);
    require_status(context, rn_optimizer_step(own), RN_STATE);
    /* The payload goes with the last who needs it. */
    require_ok(context, rn_step_lr_create(&scheduler, own, NULL));
    rn_optimizer_destroy(own);
    assert_int_equal(f.released, 0);
    rn_scheduler_destroy(scheduler);
    assert_int_equal(f.released, 1);
    require_status(context,
                   rn_optimizer_create(&own, parameters,
                                       RN_OPTIONS(rn_rule, .name = "mine", .update = fail_at, .payload = &f,
                                                  .release = release, .pattern = "nothing")),
                   RN_INVALID_ARGUMENT);
    assert_int_equal(f.released, 1);
}

/* ---- parts ------------------------------------------------------------------------------------------------------ */

enum { NUMBERS = 3 * 4096 + 5 };

typedef struct parts {
    atomic_int calls;
    int64_t bad; /* the part with this number fails; -1: none */
} parts;

/* The momentum rule, which also knows where its numbers lie. */
static rn_status part(const rn_parameter_update *update, void *payload)
{
    parts *const p = payload;

    atomic_fetch_add(&p->calls, 1);
    for (int64_t i = 0; i < update->count; i++) {
        assert_true(update->gradient[i] == (float)(update->offset + i));
        update->state[0][i] += update->gradient[i];
        update->state[1][i] += (float)update->step;
        update->value[i] = 2 * update->state[0][i] + update->state[1][i];
    }
    return p->bad >= update->offset && p->bad < update->offset + update->count ? RN_IO : RN_OK;
}

/* More than one unit of work, so that threads have something to share. */
static rn_parameters *make_long(rn_context *own)
{
    const int64_t shape[1] = { NUMBERS };
    rn_parameters *made = NULL;
    size_t index;

    require_ok(own, rn_parameters_create(&made, own));
    require_ok(own, rn_parameters_declare(&index, made, "long", true, RN_FLOAT32, 1, shape));
    require_ok(own, rn_parameters_finish(made));
    require_ok(own, rn_parameters_gradients_ready(made));
    return made;
}

static void set_gradient(rn_parameters *p)
{
    for (int64_t i = 0; i < NUMBERS; i++)
        rn_parameters_gradient_floats(p, 0)[i] = (float)i;
    p->entry[0].has_gradient = true;
}

static void threads_share_an_element_wise_rule(void **state)
{
    static const char *const names[] = { "sum", "steps" };

    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        rn_context *const own = rn_test_context(threads, RN_ISA_AUTO);
        rn_parameters *const p = make_long(own);
        parts calls = { .bad = -1 };
        rn_optimizer *rule = NULL;

        require_ok(own, rn_optimizer_create(&rule, p,
                                            RN_OPTIONS(rn_rule, .name = "parts", .state_names = names, .state_count = 2,
                                                       .update = part, .payload = &calls, .element_wise = 1)));
        set_gradient(p);
        require_ok(own, rn_optimizer_step(rule));
        assert_true(threads == 1 ? atomic_load(&calls.calls) == 1 : atomic_load(&calls.calls) >= threads);
        set_gradient(p);
        require_ok(own, rn_optimizer_step(rule));
        for (int64_t i = 0; i < NUMBERS; i++)
            assert_true(rn_parameters_floats(p, 0)[i] == 4 * (float)i + 3);
        set_gradient(p);
        calls.bad = NUMBERS - 1;
        require_status(own, rn_optimizer_step(rule), RN_IO);
        assert_true(rn_parameters_has_gradient(p, 0));
        rn_optimizer_destroy(rule);
        rn_parameters_release(p);
        rn_context_destroy(own);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_rule_of_ones_own, make_parameters, drop_parameters),
        cmocka_unit_test_setup_teardown(a_rule_that_fails_ends_the_step, make_parameters, drop_parameters),
        cmocka_unit_test(threads_share_an_element_wise_rule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
