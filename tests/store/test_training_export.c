/* SPDX-License-Identifier: MIT */
/*
 * Training checkpoints for PyTorch: what is in them and under which names, and that training goes on from them in the
 * same bits. torch_trip.py asks PyTorch itself.
 */
#include "checkpoint/saving.h"
#include "run/training.h"
#include "store/exports.h"

enum { STEPS = 6, STOP = 3 };

static void step(training *t, rn_scheduler *scheduler, int steps)
{
    for (int i = 0; i < steps; i++) {
        training_step(t);
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

static rn_checkpoint *state_of(training *t, const rn_scheduler *scheduler)
{
    rn_checkpoint *file = NULL;

    require_ok(t->context, rn_checkpoint_create(&file, t->context));
    require_ok(t->context, rn_model_state_dict(file, t->model));
    require_ok(t->context, rn_optimizer_state_dict(file, t->adam));
    require_ok(t->context, rn_scheduler_state_dict(file, scheduler));
    return file;
}

/* ---- going on ---------------------------------------------------------------------------------------------------- */

typedef enum rule { ADAM, SGD, SGD_PLAIN, ADAMW, RMSPROP, RMSPROP_PLAIN, RULES } rule;

static void begin(training *t, rule which, bool defaults)
{
    training_begin(t, 1, RN_ISA_AUTO, 0);
    rn_optimizer_destroy(t->adam);
    if (which == ADAM)
        require_ok(t->context, rn_adam_create(&t->adam, rn_model_parameters(t->model),
                                              defaults ? NULL
                                                       : RN_OPTIONS(rn_adam, .lr = 0.02, .beta1 = 0.8, .beta2 = 0.9,
                                                                    .eps = 1e-4, .weight_decay = 0.01)));
    else if (which == ADAMW)
        require_ok(t->context, rn_adamw_create(&t->adam, rn_model_parameters(t->model),
                                               defaults ? NULL : RN_OPTIONS(rn_adamw, .lr = 0.02, .beta1 = 0.8)));
    else if (which == RMSPROP)
        require_ok(t->context, rn_rmsprop_create(&t->adam, rn_model_parameters(t->model),
                                                 defaults ? NULL
                                                          : RN_OPTIONS(rn_rmsprop, .lr = 0.002, .alpha = 0.8,
                                                                       .momentum = 0.5, .centered = 1)));
    else if (which == RMSPROP_PLAIN)
        require_ok(t->context, rn_rmsprop_create(&t->adam, rn_model_parameters(t->model),
                                                 defaults ? NULL : RN_OPTIONS(rn_rmsprop, .lr = 0.002)));
    else
        require_ok(t->context,
                   rn_sgd_create(&t->adam, rn_model_parameters(t->model),
                                 defaults ? NULL
                                          : RN_OPTIONS(rn_sgd, .lr = 0.02, .weight_decay = 0.01,
                                                       .momentum = which == SGD ? 0.9 : 0, .nesterov = which == SGD)));
}

/* Exported after STOP steps and taken back by an optimizer of other hyperparameters, which asks for the file's. */
static void goes_on_in_the_same_bits(rule which)
{
    training first, second;
    rn_scheduler *scheduler;
    rn_checkpoint *state, *file;
    float *expected, *values;
    size_t count, other;

    begin(&first, which, false);
    scheduler = make_scheduler(&first);
    step(&first, scheduler, STOP);
    state = state_of(&first, scheduler);
    file = exported(first.context, state, NULL);
    step(&first, scheduler, STEPS - STOP);
    expected = training_all_values(&first, &count);
    rn_scheduler_destroy(scheduler);

    begin(&second, which, true);
    scheduler = make_scheduler(&second);
    training_step(&second);
    require_ok(second.context, rn_model_load_checkpoint(second.model, file, NULL));
    require_ok(second.context,
               rn_optimizer_load_state_dict(second.adam, file, RN_OPTIONS(rn_optimizer_load, .hyperparameters = 1)));
    require_ok(second.context, rn_scheduler_load_state_dict(scheduler, file, NULL));
    step(&second, scheduler, STEPS - STOP);
    values = training_all_values(&second, &other);
    assert_int_equal(count, other);
    assert_memory_equal(values, expected, count * sizeof *values);
    rn_scheduler_destroy(scheduler);
    rn_checkpoint_destroy(file);
    rn_checkpoint_destroy(state);
    training_end(&first);
    training_end(&second);
    free(values);
    free(expected);
}

static void training_goes_on_from_an_exported_file_in_the_same_bits(void **state)
{
    (void)state;
    for (rule which = ADAM; which < RULES; which++)
        goes_on_in_the_same_bits(which);
}

/* Kinds that PyTorch's form is not known of are left out, and said to be. */
static void note(rn_log_level level, const char *line, void *payload)
{
    if (level == RN_LOG_WARNING)
        snprintf(payload, 256, "%s", line);
}

static void a_scheduler_that_is_not_written_is_spoken_of(void **unused)
{
    training t;
    rn_scheduler *plateau = NULL;
    rn_checkpoint *state, *file;
    rn_context *listening = NULL;
    char heard[256] = "";

    (void)unused;
    begin(&t, ADAM, false);
    require_ok(t.context, rn_plateau_lr_create(&plateau, t.adam, NULL));
    require_ok(NULL,
               rn_context_create(&listening, RN_OPTIONS(rn_context, .threads = 1, .log = note, .log_payload = heard)));
    require_ok(listening, rn_checkpoint_create(&state, listening));
    require_ok(listening, rn_optimizer_state_dict(state, t.adam));
    require_ok(listening, rn_scheduler_state_dict(state, plateau));
    file = exported(listening, state, NULL);
    assert_null(rn_checkpoint_metadata(file, "scheduler.last_epoch"));
    assert_non_null(rn_checkpoint_metadata(file, "optimizer.param_groups.0.lr"));
    assert_non_null(strstr(heard, "the scheduler 'plateau' is left out"));
    rn_checkpoint_destroy(file);
    rn_checkpoint_destroy(state);
    rn_scheduler_destroy(plateau);
    rn_context_destroy(listening);
    training_end(&t);
}

/* ---- what is in it ----------------------------------------------------------------------------------------------- */

static void names_and_numbers_are_those_of_a_training_script(void **unused)
{
    training t;
    rn_scheduler *scheduler;
    rn_checkpoint *state, *file;
    const rn_parameters *parameters;
    size_t number = 0;

    (void)unused;
    begin(&t, ADAM, false);
    scheduler = make_scheduler(&t);
    step(&t, scheduler, STOP);
    state = state_of(&t, scheduler);
    require_ok(t.context, rn_checkpoint_set_metadata(state, "epoch", "12"));
    require_ok(t.context, rn_checkpoint_set_metadata(state, "loss", "0.1"));
    require_ok(t.context, rn_checkpoint_set_metadata(state, "below", "-7"));
    require_ok(t.context, rn_checkpoint_set_metadata(state, "best_acc", "1e-05"));
    require_ok(t.context, rn_checkpoint_set_metadata(state, "frozen", "true"));
    require_ok(t.context, rn_checkpoint_set_metadata(state, "note", "-of 007"));
    require_ok(t.context, rn_checkpoint_set_metadata(state, "code", "007"));
    require_ok(t.context, rn_checkpoint_set_metadata(state, "empty", ""));
    file = exported(t.context, state, NULL);
    require_text(file, "epoch", "12");
    require_text(file, "loss", "0.1");
    require_text(file, "below", "-7");
    require_text(file, "best_acc", "1e-05");
    require_text(file, "frozen", "true");
    require_text(file, "note", "-of 007");
    require_text(file, "code", "007");
    require_text(file, "empty", "");
    require_text(file, "arch", rn_model_name(t.model));
    require_text(file, "optimizer.param_groups.0.lr", "0.01"); /* halved once */
    require_text(file, "optimizer.param_groups.0.initial_lr", "0.02");
    require_text(file, "optimizer.param_groups.0.betas.1", "0.9");
    require_text(file, "optimizer.param_groups.0.eps", "0.0001");
    require_text(file, "optimizer.param_groups.0.weight_decay", "0.01");
    require_text(file, "optimizer.param_groups.0.amsgrad", "false");
    require_text(file, "optimizer.param_groups.0.maximize", "false");
    assert_null(rn_checkpoint_metadata(file, "optimizer.param_groups.0.foreach")); /* None */
    require_text(file, "scheduler.last_epoch", "3");
    require_text(file, "scheduler.step_size", "2");
    require_text(file, "scheduler.gamma", "0.5");
    require_text(file, "scheduler.base_lrs.0", "0.02");
    require_text(file, "scheduler._last_lr.0", "0.01");
    require_text(file, "scheduler._step_count", "4");
    parameters = rn_model_parameters(t.model);
    for (size_t i = 0; i < rn_parameters_count(parameters); i++) {
        char name[256];
        double steps = 0;

        snprintf(name, sizeof name, "state_dict.%s", rn_parameters_name(parameters, i));
        assert_true(rn_tensor_same_shape(rn_checkpoint_find(file, name), rn_parameters_value(parameters, i)));
        assert_int_equal(rn_tensor_dtype(rn_checkpoint_find(file, name)),
                         rn_tensor_dtype(rn_parameters_value(parameters, i)));
        if (!rn_parameters_is_parameter(parameters, i))
            continue;
        snprintf(name, sizeof name, "optimizer.state.%zu.exp_avg_sq", number);
        assert_true(rn_tensor_same_shape(rn_checkpoint_find(file, name), rn_parameters_value(parameters, i)));
        snprintf(name, sizeof name, "optimizer.state.%zu.step", number++);
        assert_int_equal(rn_tensor_rank(rn_checkpoint_find(file, name)), 0);
        assert_int_equal(rn_tensor_dtype(rn_checkpoint_find(file, name)), RN_FLOAT32);
        require_ok(t.context, rn_tensor_get(rn_checkpoint_find(file, name), NULL, &steps));
        assert_true(steps == STOP);
    }
    assert_int_equal(rn_checkpoint_count(file), rn_parameters_count(parameters) + 3 * number);
    rn_checkpoint_destroy(file);

    file =
        exported(t.context, state,
                 RN_OPTIONS(rn_training_export, .model_key = "model", .optimizer_key = "optim", .scheduler_key = "lr"));
    require_text(file, "lr.last_epoch", "3");
    require_text(file, "optim.param_groups.0.lr", "0.01");
    assert_non_null(strstr(rn_checkpoint_name(file, 0), "model."));
    rn_checkpoint_destroy(file);
    rn_checkpoint_destroy(state);
    rn_scheduler_destroy(scheduler);
    training_end(&t);
}

/* The head in a group of its own comes first, whatever its place in the network; what is frozen has no state. */
static void groups_number_their_parameters_one_after_the_other(void **unused)
{
    training t;
    rn_checkpoint *state = NULL, *file;
    const rn_parameters *parameters;
    const char *last = NULL;
    rn_parameter_group groups[2] = { { .struct_size = sizeof *groups, .lr = 0.5 }, { .struct_size = sizeof *groups } };
    char name[128];
    size_t count = 0;

    (void)unused;
    training_begin(&t, 1, RN_ISA_AUTO, 0);
    parameters = rn_model_parameters(t.model);
    for (size_t i = 0; i < rn_parameters_count(parameters); i++) {
        if (rn_parameters_is_parameter(parameters, i)) {
            last = rn_parameters_name(parameters, i);
            count++;
        }
    }
    groups[0].pattern = groups[1].except = last;
    rn_optimizer_destroy(t.adam);
    require_ok(t.context, rn_adam_create(&t.adam, rn_model_parameters(t.model),
                                         RN_OPTIONS(rn_adam, .lr = 0.25, .groups = groups, .group_count = 2)));
    require_ok(t.context, rn_model_freeze(t.model, "*"));
    require_ok(t.context, rn_model_unfreeze(t.model, last));
    training_step(&t);
    require_ok(t.context, rn_checkpoint_create(&state, t.context));
    require_ok(t.context, rn_optimizer_state_dict(state, t.adam));
    file = exported(t.context, state, NULL);
    assert_non_null(rn_checkpoint_find(file, "state.0.exp_avg")); /* all tensors lie under 'optimizer' */
    assert_int_equal(rn_checkpoint_count(file), 3);
    require_ok(t.context, rn_optimizer_load_state_dict(t.adam, file, NULL));
    require_text(file, "optimizer.param_groups.0.params.0", "0");
    assert_null(rn_checkpoint_metadata(file, "optimizer.param_groups.0.params.1"));
    require_text(file, "optimizer.param_groups.0.lr", "0.5");
    require_text(file, "optimizer.param_groups.1.params.0", "1");
    require_text(file, "optimizer.param_groups.1.lr", "0.25");
    snprintf(name, sizeof name, "optimizer.param_groups.1.params.%zu", count - 2);
    assert_non_null(rn_checkpoint_metadata(file, name));
    snprintf(name, sizeof name, "optimizer.param_groups.1.params.%zu", count - 1);
    assert_null(rn_checkpoint_metadata(file, name));
    rn_checkpoint_destroy(file);
    rn_checkpoint_destroy(state);
    training_end(&t);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

typedef struct transfer {
    training *t;
    rn_checkpoint *state;
    const char *path;
} transfer;

static rn_status export_again(void *payload)
{
    const transfer *const it = payload;

    return rn_training_export(it->state, it->path, NULL);
}

static rn_status import_again(void *payload)
{
    const transfer *const it = payload;

    return rn_optimizer_load_state_dict(it->t->adam, it->state, RN_OPTIONS(rn_optimizer_load, .hyperparameters = 1));
}

static void a_lack_of_memory_is_one(void **unused)
{
    rn_test_allocator allocator = { .fail_at = -1 };
    transfer it = { .path = rn_test_path(rn_test_directory(), "again.pth") };
    rn_scheduler *scheduler;
    training t;

    (void)unused;
    training_begin_with(&t, rn_test_allocator_context(&allocator, 1), 0, 2);
    scheduler = make_scheduler(&t);
    step(&t, scheduler, 1);
    it.t = &t;
    it.state = state_of(&t, scheduler);
    rn_test_fail_each(&allocator, export_again, &it, 20);
    rn_checkpoint_destroy(it.state);
    require_ok(t.context, rn_checkpoint_open(&it.state, t.context, it.path, NULL));
    require_ok(t.context, import_again(&it));
    rn_test_fail_each(&allocator, import_again, &it, 20);
    rn_checkpoint_destroy(it.state);
    rn_scheduler_destroy(scheduler);
    training_end(&t);
    assert_int_equal(allocator.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scheduler_that_is_not_written_is_spoken_of),
        cmocka_unit_test(training_goes_on_from_an_exported_file_in_the_same_bits),
        cmocka_unit_test(names_and_numbers_are_those_of_a_training_script),
        cmocka_unit_test(groups_number_their_parameters_one_after_the_other),
        cmocka_unit_test(a_lack_of_memory_is_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
