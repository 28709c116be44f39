/* SPDX-License-Identifier: MIT */
/* A hand-written loop that is interrupted and goes on by public calls alone ends in the bits of one that never stopped.
 */
#include "optim/optimizer.h"
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
    require_ok(t->context, rn_model_load_checkpoint(t->model, file, NULL));
    require_ok(t->context, rn_optimizer_load_state_dict(t->adam, file, NULL));
    require_ok(t->context, rn_scheduler_load_state_dict(scheduler, file, NULL));
    rn_session_set_step_count(t->session, strtoull(rn_checkpoint_metadata(file, "mine.steps"), NULL, 10));
    rn_checkpoint_destroy(file);
}

/* ---- rules ------------------------------------------------------------------------------------------------------ */

/* Of the step count alone: nothing is kept. */
static rn_status decay(const rn_parameter_update *u, void *payload)
{
    (void)payload;
    for (int64_t i = 0; i < u->count; i++)
        u->value[i] -= (float)(u->lr / (double)u->step) * u->gradient[i];
    return RN_OK;
}

/* Lion, https://arxiv.org/abs/2302.06675 */
static rn_status lion(const rn_parameter_update *u, void *payload)
{
    (void)payload;
    for (int64_t i = 0; i < u->count; i++) {
        const float mixed = 0.9f * u->state[0][i] + 0.1f * u->gradient[i];

        u->value[i] -= (float)u->lr * (float)((mixed > 0) - (mixed < 0));
        u->state[0][i] = 0.99f * u->state[0][i] + 0.01f * u->gradient[i];
    }
    return RN_OK;
}

typedef enum rule { ADAM, DECAY, LION, RULES } rule;

static void begin(training *t, rule which, int threads)
{
    static const char *const states[] = { "exp_avg" };

    training_begin(t, threads, RN_ISA_AUTO, 0.5);
    if (which == ADAM)
        return;
    rn_optimizer_destroy(t->adam);
    require_ok(t->context,
               rn_optimizer_create(&t->adam, rn_model_parameters(t->model),
                                   which == DECAY
                                       ? RN_OPTIONS(rn_rule, .name = "decay", .update = decay, .lr = 1e-2)
                                       : RN_OPTIONS(rn_rule, .name = "lion", .update = lion, .lr = 1e-2,
                                                    .state_names = states, .state_count = 1, .element_wise = 1)));
}

static void goes_on_in_the_same_bits(rule which)
{
    const char *const path = rn_test_path(rn_test_directory(), "mine.safetensors");
    training whole, first, second;
    rn_scheduler *scheduler;
    float *expected, *values;
    size_t count, other;

    begin(&whole, which, 1);
    scheduler = make_scheduler(&whole);
    run_steps(&whole, scheduler, STEPS);
    expected = training_all_values(&whole, &count);
    rn_scheduler_destroy(scheduler);
    training_end(&whole);

    begin(&first, which, 2);
    scheduler = make_scheduler(&first);
    run_steps(&first, scheduler, STOP);
    save(&first, scheduler, path);
    rn_scheduler_destroy(scheduler);
    training_end(&first);

    begin(&second, which, 1);
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

static void interrupted_and_resumed_it_ends_in_the_same_bits(void **state)
{
    (void)state;
    for (rule which = ADAM; which < RULES; which++)
        goes_on_in_the_same_bits(which);
}

static float *all_tensors(const rn_checkpoint *file, size_t *nbytes)
{
    char *bytes = NULL;

    *nbytes = 0;
    for (size_t i = 0; i < rn_checkpoint_count(file); i++) {
        const rn_tensor *const tensor = rn_checkpoint_tensor(file, i);
        const size_t more = (size_t)rn_tensor_count(tensor) * (rn_tensor_dtype(tensor) == RN_FLOAT32 ? 4 : 8);

        bytes = realloc(bytes, *nbytes + more);
        assert_non_null(bytes);
        memcpy(bytes + *nbytes, rn_tensor_const_data(tensor), more);
        *nbytes += more;
    }
    return (float *)(void *)bytes;
}

/* Weights and moments are not copied, and yet a state dict is that of the moment it was made. */
static void a_state_dict_stands_still_while_training_goes_on(void **state)
{
    rn_checkpoint *file = NULL;
    float *before, *after;
    size_t nbytes, other;
    training t;

    (void)state;
    training_begin(&t, 1, RN_ISA_AUTO, 0);
    training_step(&t);
    require_ok(t.context, rn_checkpoint_create(&file, t.context));
    require_ok(t.context, rn_model_state_dict(file, t.model));
    require_ok(t.context, rn_optimizer_state_dict(file, t.adam));
    before = all_tensors(file, &nbytes);
    training_step(&t);
    training_step(&t);
    after = all_tensors(file, &other);
    assert_int_equal(nbytes, other);
    assert_memory_equal(before, after, nbytes);
    free(before);
    free(after);
    training_end(&t); /* the dict outlives what it was taken from */
    assert_non_null(rn_checkpoint_find(file, rn_checkpoint_name(file, 0)));
    rn_checkpoint_destroy(file);
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
    require_status(t.context, rn_optimizer_load_state_dict(t.adam, empty, NULL), RN_FORMAT);
    require_status(t.context, rn_scheduler_load_state_dict(scheduler, empty, NULL), RN_FORMAT);
    training_step(&t);
    require_ok(t.context, rn_optimizer_state_dict(empty, t.adam));
    require_status(t.context, rn_optimizer_state_dict(empty, t.adam), RN_INVALID_ARGUMENT);
    require_ok(t.context, rn_sgd_create(&sgd, rn_model_parameters(t.model), NULL));
    require_status(t.context, rn_optimizer_load_state_dict(sgd, empty, NULL), RN_STATE);
    assert_int_equal(rn_optimizer_state_dict(NULL, NULL), RN_INVALID_ARGUMENT);
    rn_optimizer_destroy(sgd);
    rn_checkpoint_destroy(empty);
    rn_scheduler_destroy(scheduler);
    training_end(&t);
}

/* ---- what a state takes the place of ---------------------------------------------------------------------------- */

static double slot_element(training *t, const rn_optimizer *optimizer, const char *name)
{
    rn_checkpoint *file = NULL;
    const rn_tensor *tensor;
    int64_t index[RN_MAX_RANK] = { 0 };
    double value = NAN;

    require_ok(t->context, rn_checkpoint_create(&file, t->context));
    require_ok(t->context, rn_optimizer_state_dict(file, optimizer));
    tensor = rn_checkpoint_find(file, name);
    if (tensor != NULL)
        require_ok(t->context, rn_tensor_get(tensor, index, &value));
    rn_checkpoint_destroy(file);
    return value;
}

/* The names of the first and the last parameter, which every network has. */
static void ends(training *t, const char **first, const char **last)
{
    const rn_parameters *const p = rn_model_parameters(t->model);

    *first = *last = NULL;
    for (size_t i = 0; i < rn_parameters_count(p); i++)
        if (rn_parameters_is_parameter(p, i)) {
            *first = *first != NULL ? *first : rn_parameters_name(p, i);
            *last = rn_parameters_name(p, i);
        }
}

/* The state is of a head that was trained alone; the optimizer that takes it has trained everything. */
static void what_the_state_does_not_name_is_forgotten(void **state)
{
    training t;
    rn_checkpoint *file = NULL;
    const char *first, *last;
    char moment[256], head[256];

    (void)state;
    training_begin(&t, 1, RN_ISA_AUTO, 0);
    ends(&t, &first, &last);
    snprintf(moment, sizeof moment, "optimizer.exp_avg.%s", first);
    snprintf(head, sizeof head, "optimizer.exp_avg.%s", last);
    require_ok(t.context, rn_model_freeze(t.model, "*"));
    require_ok(t.context, rn_model_unfreeze(t.model, last));
    training_step(&t);
    require_ok(t.context, rn_checkpoint_create(&file, t.context));
    require_ok(t.context, rn_optimizer_state_dict(file, t.adam));
    assert_null(rn_checkpoint_find(file, moment));
    require_ok(t.context, rn_model_unfreeze(t.model, "*"));
    training_step(&t);
    assert_false(isnan(slot_element(&t, t.adam, moment)));
    require_ok(t.context, rn_optimizer_load_state_dict(t.adam, file, NULL));
    assert_true(isnan(slot_element(&t, t.adam, moment)));
    assert_false(isnan(slot_element(&t, t.adam, head)));
    rn_checkpoint_destroy(file);
    training_end(&t);
}

/* Each time would be a copy of the tensors: what a file may ask for again and again it may not ask for at all. */
static void a_parameter_is_recorded_once(void **state)
{
    training t;
    rn_checkpoint *file = NULL;
    const char *first, *last;
    char text[512];

    (void)state;
    training_begin(&t, 1, RN_ISA_AUTO, 0);
    ends(&t, &first, &last);
    training_step(&t);
    require_ok(t.context, rn_checkpoint_create(&file, t.context));
    require_ok(t.context, rn_optimizer_state_dict(file, t.adam));
    snprintf(text, sizeof text, "{\"rule\":\"adam\",\"lr\":0.5,\"steps\":{\"%s\":1,\"%s\":1}}", first, first);
    require_ok(t.context, rn_checkpoint_set_metadata(file, "rn.optimizer", text));
    require_status(t.context, rn_optimizer_load_state_dict(t.adam, file, NULL), RN_FORMAT);
    assert_non_null(strstr(rn_context_message(t.context), first));
    assert_true(rn_optimizer_lr(t.adam, 0) != 0.5);
    snprintf(text, sizeof text, "{\"rule\":\"adam\",\"lr\":0.5,\"steps\":{\"%s\":1,\"%s\":1}}", first, last);
    require_ok(t.context, rn_checkpoint_set_metadata(file, "rn.optimizer", text));
    require_ok(t.context, rn_optimizer_load_state_dict(t.adam, file, NULL));
    assert_true(rn_optimizer_lr(t.adam, 0) == 0.5);
    rn_checkpoint_destroy(file);
    training_end(&t);
}

/* Of two halves of one network the second would take the first one's rule, rates and step counts away. */
static void a_checkpoint_holds_one_optimizer(void **state)
{
    training t;
    rn_checkpoint *file = NULL;
    rn_optimizer *sgd = NULL;
    const char *first, *last;

    (void)state;
    training_begin(&t, 1, RN_ISA_AUTO, 0);
    ends(&t, &first, &last);
    require_ok(t.context, rn_checkpoint_create(&file, t.context));
    require_ok(t.context, rn_sgd_create(&sgd, rn_model_parameters(t.model), RN_OPTIONS(rn_sgd, .pattern = last)));
    require_ok(t.context, rn_optimizer_state_dict(file, sgd));
    require_status(t.context, rn_optimizer_state_dict(file, t.adam), RN_INVALID_ARGUMENT);
    require_ok(t.context, rn_optimizer_load_state_dict(sgd, file, NULL));
    rn_optimizer_destroy(sgd);
    rn_checkpoint_destroy(file);
    training_end(&t);
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

typedef struct loading {
    rn_optimizer *optimizer;
    const rn_checkpoint *file;
} loading;

static rn_status load_again(void *payload)
{
    const loading *const l = payload;
    rn_optimizer_state *const before = l->optimizer->state;
    const double lr = rn_optimizer_lr(l->optimizer, 0);
    const rn_status status = rn_optimizer_load_state_dict(l->optimizer, l->file, NULL);

    if (status != RN_OK)
        assert_true(l->optimizer->state == before && rn_optimizer_lr(l->optimizer, 0) == lr);
    return status;
}

static void without_memory_the_optimizer_keeps_what_it_has(void **state)
{
    rn_test_allocator allocator = { .fail_at = -1 };
    rn_checkpoint *file = NULL;
    loading again;
    training t;

    (void)state;
    training_begin_with(&t, rn_test_allocator_context(&allocator, 1), 0, 2);
    training_step(&t);
    require_ok(t.context, rn_checkpoint_create(&file, t.context));
    require_ok(t.context, rn_optimizer_state_dict(file, t.adam));
    again = (loading){ t.adam, file };
    require_ok(t.context, load_again(&again)); /* from here on optimizer and file share no memory */
    require_ok(t.context, rn_optimizer_set_lr(t.adam, 0, 0.125));
    rn_test_fail_each(&allocator, load_again, &again, 10);
    rn_checkpoint_destroy(file);
    training_end(&t);
    assert_int_equal(allocator.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interrupted_and_resumed_it_ends_in_the_same_bits),
        cmocka_unit_test(a_state_dict_stands_still_while_training_goes_on),
        cmocka_unit_test(what_is_no_state_is_refused),
        cmocka_unit_test(what_the_state_does_not_name_is_forgotten),
        cmocka_unit_test(a_parameter_is_recorded_once),
        cmocka_unit_test(a_checkpoint_holds_one_optimizer),
        cmocka_unit_test(without_memory_the_optimizer_keeps_what_it_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
