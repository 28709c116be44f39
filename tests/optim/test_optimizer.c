/* SPDX-License-Identifier: MIT */
/* What all optimizers share: whom a step updates and when it may, state by parameter, memory, resuming. */
#include "optim/rule.h"

#include "optim/trained.h"
#include "support/support.h"

static rn_test_allocator counter;
static rn_context *context;
static rn_parameters *parameters;

static rn_context *counted_context(int32_t threads)
{
    rn_context *made;

    counter = (rn_test_allocator){ .fail_at = -1 };
    assert_int_equal(rn_context_create(&made, RN_OPTIONS(rn_context, .threads = threads, .allocate = rn_test_allocate,
                                                         .release = rn_test_release, .allocator_payload = &counter)),
                     RN_OK);
    return made;
}

static int make_parameters(void **state)
{
    (void)state;
    context = counted_context(1);
    parameters = rn_test_trained(context);
    return 0;
}

static int drop_parameters(void **state)
{
    (void)state;
    rn_parameters_release(parameters);
    rn_context_destroy(context);
    assert_int_equal(counter.live, 0);
    return 0;
}

static rn_optimizer *adam(const char *pattern)
{
    rn_optimizer *made;

    require_ok(context, rn_adam_create(&made, parameters, RN_OPTIONS(rn_adam, .lr = 0.01, .pattern = pattern)));
    return made;
}

typedef struct snapshot {
    float values[64];
    uint64_t versions[TRAINED_ENTRIES];
} snapshot;

static snapshot take(void)
{
    snapshot s;

    memcpy(s.values, rn_parameters_floats(parameters, 0), sizeof s.values);
    for (size_t i = 0; i < TRAINED_ENTRIES; i++)
        s.versions[i] = parameters->entry[i].version;
    return s;
}

/* Bit i: entry i changed; its version and its bytes must say the same. */
static int changed(const snapshot *before)
{
    const snapshot now = take();
    int bits = 0;

    for (size_t i = 0; i < TRAINED_ENTRIES; i++) {
        const rn_parameter *const e = &parameters->entry[i];
        const bool other =
            memcmp(now.values + e->offset, before->values + e->offset, (size_t)e->count * sizeof(float)) != 0;

        assert_int_equal(other, now.versions[i] != before->versions[i]);
        bits |= other << i;
    }
    return bits;
}

enum { CONV = 1 << TRAINED_CONV, WEIGHT = 1 << TRAINED_WEIGHT, BIAS = 1 << TRAINED_BIAS };

static void a_step_updates_what_is_trainable_covered_and_has_a_gradient(void **state)
{
    rn_optimizer *const all = adam(NULL), *const head = adam("fc");
    snapshot before = take();

    (void)state;
    rn_test_trained_gradients(parameters, 9);
    require_ok(context, rn_optimizer_step(head));
    assert_int_equal(changed(&before), WEIGHT | BIAS);
    assert_true(parameters->entry[TRAINED_CONV].has_gradient);
    assert_false(parameters->entry[TRAINED_WEIGHT].has_gradient);
    before = take();
    require_ok(context, rn_optimizer_step(all)); /* what is left of the gradients */
    assert_int_equal(changed(&before), CONV);
    before = take();
    require_status(context, rn_optimizer_step(all), RN_STATE);
    assert_int_equal(changed(&before), 0);
    rn_test_trained_gradients(parameters, 9);
    parameters->entry[TRAINED_WEIGHT].trainable = false;
    require_ok(context, rn_optimizer_step(all));
    assert_int_equal(changed(&before), CONV | BIAS);
    assert_int_equal(all->state[TRAINED_CONV].steps, 2);
    assert_int_equal(all->state[TRAINED_BIAS].steps, 1);
    assert_int_equal(all->state[TRAINED_WEIGHT].steps, 0);
    assert_null(all->state[TRAINED_WEIGHT].slot[0]);
    rn_optimizer_destroy(all);
    rn_optimizer_destroy(head);
}

/* The tutorial makes its second optimizer of the list from before: what it unfreezes never moves. */
static void what_is_unfrozen_later_is_trained_by_the_same_optimizer(void **state)
{
    rn_optimizer *made;
    snapshot before;

    (void)state;
    parameters->entry[TRAINED_CONV].trainable = false;
    made = adam(NULL);
    before = take();
    rn_test_trained_gradients(parameters, 9);
    require_ok(context, rn_optimizer_step(made));
    assert_int_equal(changed(&before), WEIGHT | BIAS);
    before = take();
    parameters->entry[TRAINED_CONV].trainable = true;
    rn_test_trained_gradients(parameters, 9);
    require_ok(context, rn_optimizer_step(made));
    assert_int_equal(changed(&before), CONV | WEIGHT | BIAS);
    rn_optimizer_destroy(made);
}

static void no_step_between_forward_and_backward(void **state)
{
    rn_optimizer *const all = adam(NULL);
    const snapshot before = take();

    (void)state;
    rn_test_trained_gradients(parameters, 9);
    atomic_store(&parameters->pins, 1);
    require_status(context, rn_optimizer_step(all), RN_STATE);
    atomic_store(&parameters->pins, 0);
    assert_int_equal(changed(&before), 0);
    require_ok(context, rn_optimizer_step(all));
    assert_int_equal(rn_optimizer_step(NULL), RN_INVALID_ARGUMENT);
    rn_optimizer_destroy(all);
}

static void only_the_first_step_allocates(void **state)
{
    rn_optimizer *const all = adam(NULL);
    long calls;

    (void)state;
    rn_test_trained_gradients(parameters, 9);
    require_ok(context, rn_optimizer_step(all));
    for (int step = 10; step < 14; step++) {
        rn_test_trained_gradients(parameters, step);
        calls = counter.calls;
        require_ok(context, rn_optimizer_step(all));
        assert_int_equal(counter.calls, calls);
    }
    rn_optimizer_destroy(all);
}

/* Each allocation fails in turn: a step changes nothing then, and the next one does what it would have done. */
static void a_step_without_memory_changes_nothing(void **state)
{
    (void)state;
    for (long fail = 0;; fail++) {
        rn_optimizer *const all = adam(NULL);
        const snapshot before = take();
        rn_status status;

        rn_test_trained_gradients(parameters, 9);
        counter.fail_at = counter.calls + fail;
        status = rn_optimizer_step(all);
        counter.fail_at = -1;
        if (status == RN_OK) {
            assert_true(fail >= 6); /* three parameters with two slots */
            rn_optimizer_destroy(all);
            return;
        }
        require_status(context, status, RN_NO_MEMORY);
        assert_int_equal(changed(&before), 0);
        require_ok(context, rn_optimizer_step(all));
        assert_int_equal(changed(&before), CONV | WEIGHT | BIAS);
        rn_optimizer_destroy(all);
    }
}

static void creation_without_memory_leaks_nothing(void **state)
{
    long fail = 0;
    rn_status status;

    (void)state;
    do {
        const long live = counter.live;
        rn_optimizer *made = NULL;
        rn_scheduler *step_lr = NULL;

        counter.fail_at = counter.calls + fail++;
        status = rn_sgd_create(&made, parameters, NULL);
        if (status == RN_OK)
            status = rn_step_lr_create(&step_lr, made, NULL);
        counter.fail_at = -1;
        assert_true(status == RN_OK || status == RN_NO_MEMORY);
        rn_scheduler_destroy(step_lr);
        rn_optimizer_destroy(made);
        assert_int_equal(counter.live, live);
    } while (status != RN_OK);
    assert_true(fail > 4);
}

static void parameters_outlive_their_owner(void **state)
{
    rn_optimizer *all;

    (void)state;
    context = counted_context(1);
    parameters = rn_test_trained(context);
    all = adam(NULL);
    rn_test_trained_gradients(parameters, 9);
    rn_parameters_release(parameters);
    rn_context_destroy(context);
    assert_int_equal(rn_optimizer_step(all), RN_OK);
    rn_optimizer_destroy(all);
    assert_int_equal(counter.live, 0);
}

/* Three steps, state through its slots into another optimizer, three more steps: the same bits as six. */
static void restored_state_goes_on_with_the_same_bits(void **state)
{
    rn_optimizer *first, *second;
    snapshot expected, middle;

    (void)state;
    for (int rule = 0; rule < 2; rule++) {
        const rn_sgd_options momentum = { .struct_size = sizeof momentum, .momentum = 0.9, .dampening = 0.5 };

        require_ok(context,
                   rule == 0 ? rn_adam_create(&first, parameters, NULL) : rn_sgd_create(&first, parameters, &momentum));
        require_ok(context, rule == 0 ? rn_adam_create(&second, parameters, NULL)
                                      : rn_sgd_create(&second, parameters, &momentum));
        for (int step = 4; step < 7; step++) {
            rn_test_trained_gradients(parameters, step);
            require_ok(context, rn_optimizer_step(first));
        }
        middle = take();
        for (size_t i = 0; i < TRAINED_ENTRIES; i++)
            for (int32_t slot = 0; slot < rn_optimizer_slot_count(first); slot++) {
                rn_tensor *tensor;

                require_ok(context, rn_optimizer_slot(&tensor, first, i, slot));
                if (tensor != NULL)
                    require_ok(context, rn_optimizer_restore(second, i, slot, tensor, first->state[i].steps));
                rn_tensor_destroy(tensor);
            }
        for (int step = 7; step < 10; step++) {
            rn_test_trained_gradients(parameters, step);
            require_ok(context, rn_optimizer_step(first));
        }
        expected = take();
        memcpy(rn_parameters_floats(parameters, 0), middle.values, sizeof middle.values);
        for (int step = 7; step < 10; step++) {
            rn_test_trained_gradients(parameters, step);
            require_ok(context, rn_optimizer_step(second));
        }
        assert_memory_equal(rn_parameters_floats(parameters, 0), expected.values, sizeof expected.values);
        rn_optimizer_destroy(first);
        rn_optimizer_destroy(second);
    }
}

static void restoring_what_does_not_fit_is_refused(void **state)
{
    static const int64_t other[] = { 3 }, bias[] = { 2 };
    rn_optimizer *const all = adam(NULL);
    rn_tensor *wrong, *right, *none;

    (void)state;
    require_ok(context, rn_tensor_create(&wrong, context, RN_FLOAT32, 1, other, RN_ROW_MAJOR));
    require_ok(context, rn_tensor_create(&right, context, RN_FLOAT32, 1, bias, RN_ROW_MAJOR));
    require_status(context, rn_optimizer_restore(all, TRAINED_BIAS, 0, wrong, 1), RN_SHAPE);
    require_status(context, rn_optimizer_restore(all, TRAINED_BIAS, 2, right, 1), RN_INVALID_ARGUMENT);
    require_status(context, rn_optimizer_restore(all, TRAINED_BIAS, -1, right, 1), RN_INVALID_ARGUMENT);
    require_status(context, rn_optimizer_restore(all, TRAINED_BIAS, 0, right, -1), RN_INVALID_ARGUMENT);
    require_status(context, rn_optimizer_restore(all, TRAINED_ENTRIES, 0, right, 1), RN_INVALID_ARGUMENT);
    require_status(context, rn_optimizer_restore(all, TRAINED_MEAN, 0, right, 1), RN_INVALID_ARGUMENT);
    require_ok(context, rn_optimizer_restore(all, TRAINED_BIAS, 0, right, 1));
    require_ok(context, rn_optimizer_slot(&none, all, TRAINED_ENTRIES, 0));
    assert_null(none);
    rn_tensor_destroy(wrong);
    rn_tensor_destroy(right);
    rn_optimizer_destroy(all);
}

static void the_rate_can_be_set_to_anything_finite_from_zero_on(void **state)
{
    rn_optimizer *const all = adam(NULL);
    const snapshot before = take();

    (void)state;
    require_ok(context, rn_optimizer_set_lr(all, 0, 0));
    rn_test_trained_gradients(parameters, 9);
    require_ok(context, rn_optimizer_step(all));
    assert_memory_equal(rn_parameters_floats(parameters, 0), before.values, sizeof before.values);
    require_status(context, rn_optimizer_set_lr(all, 0, -1e-9), RN_INVALID_ARGUMENT);
    require_status(context, rn_optimizer_set_lr(all, 0, INFINITY), RN_INVALID_ARGUMENT);
    require_status(context, rn_optimizer_set_lr(all, 0, NAN), RN_INVALID_ARGUMENT);
    assert_true(rn_optimizer_lr(all, 0) == 0);
    assert_int_equal(rn_optimizer_set_lr(NULL, 0, 1), RN_INVALID_ARGUMENT);
    assert_true(isnan(rn_optimizer_lr(NULL, 0)));
    rn_optimizer_destroy(all);
    rn_optimizer_destroy(NULL);
}

/* A parameter of several units of work, and not a multiple of them. */
static void any_number_of_threads_gives_the_same_bits(void **state)
{
    static const int64_t shape[] = { 20011 };
    static const int32_t threads[] = { 1, 2, 3, 7 };
    static float first[20011];

    (void)state;
    for (int rule = 0; rule < 2; rule++)
        for (int k = 0; k < 4; k++) {
            rn_context *const own = rn_test_context(threads[k], RN_ISA_AUTO);
            rn_parameters *p;
            rn_optimizer *o;
            size_t index;

            require_ok(own, rn_parameters_create(&p, own));
            require_ok(own, rn_parameters_declare(&index, p, "weight", true, RN_FLOAT32, 1, shape));
            require_ok(own, rn_parameters_finish(p));
            require_ok(own, rn_parameters_gradients_ready(p));
            require_ok(own, rule == 0 ? rn_adam_create(&o, p, NULL)
                                      : rn_sgd_create(&o, p, RN_OPTIONS(rn_sgd, .momentum = 0.9)));
            rn_test_fill(rn_parameters_floats(p, 0), 20011, 1);
            for (uint32_t step = 0; step < 3; step++) {
                rn_test_fill(rn_parameters_gradient_floats(p, 0), 20011, 2 + step);
                p->entry[0].has_gradient = true;
                require_ok(own, rn_optimizer_step(o));
            }
            if (k == 0)
                memcpy(first, rn_parameters_floats(p, 0), sizeof first);
            assert_memory_equal(first, rn_parameters_floats(p, 0), sizeof first);
            rn_optimizer_destroy(o);
            rn_parameters_release(p);
            rn_context_destroy(own);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_step_updates_what_is_trainable_covered_and_has_a_gradient, make_parameters,
                                        drop_parameters),
        cmocka_unit_test_setup_teardown(what_is_unfrozen_later_is_trained_by_the_same_optimizer, make_parameters,
                                        drop_parameters),
        cmocka_unit_test_setup_teardown(no_step_between_forward_and_backward, make_parameters, drop_parameters),
        cmocka_unit_test_setup_teardown(only_the_first_step_allocates, make_parameters, drop_parameters),
        cmocka_unit_test_setup_teardown(a_step_without_memory_changes_nothing, make_parameters, drop_parameters),
        cmocka_unit_test_setup_teardown(creation_without_memory_leaks_nothing, make_parameters, drop_parameters),
        cmocka_unit_test_setup_teardown(restored_state_goes_on_with_the_same_bits, make_parameters, drop_parameters),
        cmocka_unit_test_setup_teardown(restoring_what_does_not_fit_is_refused, make_parameters, drop_parameters),
        cmocka_unit_test_setup_teardown(the_rate_can_be_set_to_anything_finite_from_zero_on, make_parameters,
                                        drop_parameters),
        cmocka_unit_test(parameters_outlive_their_owner),
        cmocka_unit_test(any_number_of_threads_gives_the_same_bits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
