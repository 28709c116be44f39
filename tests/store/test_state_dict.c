/* SPDX-License-Identifier: MIT */
/* A hand-written loop that is interrupted and goes on by public calls alone ends in the bits of one that never stopped. */
#include "run/training.h"
#include "support/support.h"

enum { STEPS = 6, STOP = 3 };

/* The loop's own scheduler: a step counts as an epoch. */
static void run_steps(training *t, rn_scheduler *scheduler, int steps)
{
    for (int i = 0; i < steps; i++) {
        double norm;

        training_backward(t);
        require_ok(t->context, rn_clip_gradient_norm(&norm, rn_model_parameters(t->model), 0.5, NULL));
        require_ok(t->context, rn_optimizer_step(t->adam));
        require_ok(t->context, rn_scheduler_step(scheduler, NULL));
    }
}

static rn_scheduler *make_scheduler(training *t)
{
    rn_scheduler *scheduler = NULL;

    require_ok(t->context,
               rn_step_lr_create(&scheduler, t->adam, RN_OPTIONS(rn_step_lr, .step_size = 2, .gamma = 0.5)));
    return scheduler;
}

static void save(training *t, const rn_scheduler *scheduler, const char *path)
{
    rn_checkpoint *file = NULL;
    char steps[32];

    snprintf(steps, sizeof steps, "%llu", (unsigned long long)rn_session_step_count(t->session));
    require_ok(t->context, rn_checkpoint_create(&file, t->context));
    require_ok(t->context, rn_model_state_dict(file, t->model));
    require_ok(t->context, rn_optimizer_state_dict(file, t->adam));
    require_ok(t->context, rn_scheduler_state_dict(file, scheduler));
    require_ok(t->context, rn_checkpoint_set_metadata(file, "mine.steps", steps));
    require_ok(t->context, rn_checkpoint_save(file, path, RN_FORMAT_SAFETENSORS, NULL));
    rn_checkpoint_destroy(file);
}

static void load(training *t, rn_scheduler *scheduler, const char *path)
{
    rn_checkpoint *file = NULL;

    require_ok(t->context, rn_checkpoint_open(&file, t->context, path, NULL));
    require_ok(t->context, rn_model_load_checkpoint(t->model, file, RN_OPTIONS(rn_load, .allow_surplus = 1)));
    require_ok(t->context, rn_optimizer_load_state_dict(t->adam, file));
    require_ok(t->context, rn_scheduler_load_state_dict(scheduler, file));
    rn_session_set_step_count(t->session, strtoull(rn_checkpoint_metadata(file, "mine.steps"), NULL, 10));
    rn_checkpoint_destroy(file);
}

static void interrupted_and_resumed_it_ends_in_the_same_bits(void **state)
{
    const char *const path = rn_test_path(rn_test_directory(), "mine.safetensors");
    training whole, first, second;
    rn_scheduler *scheduler;
    float *expected, *values;
    size_t count, other;

    (void)state;
    training_begin(&whole, 1, RN_ISA_AUTO, 0.5);
    scheduler = make_scheduler(&whole);
    run_steps(&whole, scheduler, STEPS);
    expected = training_all_values(&whole, &count);
    rn_scheduler_destroy(scheduler);
    training_end(&whole);

    training_begin(&first, 2, RN_ISA_AUTO, 0.5);
    scheduler = make_scheduler(&first);
    run_steps(&first, scheduler, STOP);
    save(&first, scheduler, path);
    rn_scheduler_destroy(scheduler);
    training_end(&first);

    training_begin(&second, 1, RN_ISA_AUTO, 0.5);
    scheduler = make_scheduler(&second);
    training_step(&second); /* of another run: nothing of it may remain */
    load(&second, scheduler, path);
    assert_int_equal(rn_scheduler_epoch(scheduler), STOP);
    run_steps(&second, scheduler, STEPS - STOP);
    values = training_all_values(&second, &other);
    assert_int_equal(count, other);
    assert_memory_equal(values, expected, count * sizeof *values);
    rn_scheduler_destroy(scheduler);
    training_end(&second);
    free(values);
    free(expected);
}

static void what_is_no_state_is_refused(void **state)
{
    training t;
    rn_checkpoint *empty = NULL;
    rn_scheduler *scheduler;
    rn_optimizer *sgd = NULL;

    (void)state;
    training_begin(&t, 1, RN_ISA_AUTO, 0);
    scheduler = make_scheduler(&t);
    require_ok(t.context, rn_checkpoint_create(&empty, t.context));
    require_status(t.context, rn_optimizer_load_state_dict(t.adam, empty), RN_FORMAT);
    require_status(t.context, rn_scheduler_load_state_dict(scheduler, empty), RN_FORMAT);
    training_step(&t);
    require_ok(t.context, rn_optimizer_state_dict(empty, t.adam));
    require_status(t.context, rn_optimizer_state_dict(empty, t.adam), RN_INVALID_ARGUMENT);
    require_ok(t.context, rn_sgd_create(&sgd, rn_model_parameters(t.model), NULL));
    require_status(t.context, rn_optimizer_load_state_dict(sgd, empty), RN_STATE);
    assert_int_equal(rn_optimizer_state_dict(NULL, NULL), RN_INVALID_ARGUMENT);
    rn_optimizer_destroy(sgd);
    rn_checkpoint_destroy(empty);
    rn_scheduler_destroy(scheduler);
    training_end(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interrupted_and_resumed_it_ends_in_the_same_bits),
        cmocka_unit_test(what_is_no_state_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
