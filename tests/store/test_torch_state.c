/* SPDX-License-Identifier: MIT */
/*
 * Optimizer state that PyTorch wrote (fixtures/, made by make_fixtures.py): training goes on with PyTorch's numbers,
 * and what does not fit is refused with the parameter's name and changes nothing.
 */
#include "optim/trained.h"
#include "optim/schedule.h"
#include "support/one_context.h"
#include "support/support.h"

enum { STOPPED = 10, END = 20 };

static rn_checkpoint *fixture(const char *name)
{
    rn_checkpoint *file = NULL;
    char path[128];

    snprintf(path, sizeof path, "store/fixtures/%s.pth", name);
    require_ok(context, rn_checkpoint_open(&file, context, rn_test_fixture(path), NULL));
    return file;
}

static void set(rn_checkpoint *file, const char *key, const char *value)
{
    require_ok(context, rn_checkpoint_set_metadata(file, key, value));
}

static void load_values(rn_parameters *parameters, const rn_checkpoint *file)
{
    for (size_t i = 0; i < parameters->count; i++) {
        char name[128];

        snprintf(name, sizeof name, "state_dict.%s", parameters->entry[i].name);
        require_ok(context, rn_parameters_write(parameters, i, rn_checkpoint_find(file, name)));
    }
}

/* A sum of ten steps' roundings: 1e-6 of the numbers. */
static void check_values(const rn_parameters *parameters, const rn_checkpoint *file)
{
    for (size_t i = 0; i < parameters->count; i++) {
        float ours[48], theirs[48];
        const size_t count = (size_t)parameters->entry[i].count;
        char name[128];

        snprintf(name, sizeof name, "expected.%s", parameters->entry[i].name);
        require_ok(context, rn_tensor_read(parameters->entry[i].value, RN_FLOAT32, ours, count * sizeof *ours));
        require_ok(context, rn_tensor_read(rn_checkpoint_find(file, name), RN_FLOAT32, theirs, count * sizeof *ours));
        for (size_t k = 0; k < count; k++) {
            if (!(fabsf(ours[k] - theirs[k]) <= 1e-7f + 1e-6f * fabsf(theirs[k])))
                fail_msg("element %zu of %s is %.9g instead of %.9g", k, name, (double)ours[k], (double)theirs[k]);
        }
    }
}

typedef struct run {
    rn_parameters *parameters;
    rn_optimizer *optimizer;
    rn_scheduler *scheduler;
} run;

/* Takes the optimizer over, which has been made over the parameters. */
static run begin(rn_parameters *parameters, rn_optimizer *optimizer)
{
    run r = { parameters, optimizer, NULL };

    require_ok(context, rn_step_lr_create(&r.scheduler, optimizer, RN_OPTIONS(rn_step_lr, .step_size = 100)));
    return r;
}

static run begin_adam(const rn_adam_options *options)
{
    rn_parameters *const parameters = rn_test_trained(context);
    rn_optimizer *optimizer = NULL;

    require_ok(context, rn_adam_create(&optimizer, parameters, options));
    return begin(parameters, optimizer);
}

static run begin_sgd(const rn_sgd_options *options)
{
    rn_parameters *const parameters = rn_test_trained(context);
    rn_optimizer *optimizer = NULL;

    require_ok(context, rn_sgd_create(&optimizer, parameters, options));
    return begin(parameters, optimizer);
}

static run begin_other(rn_status (*create)(rn_optimizer **, rn_parameters *, const rn_adamw_options *),
                       rn_status (*other)(rn_optimizer **, rn_parameters *, const rn_rmsprop_options *))
{
    rn_parameters *const parameters = rn_test_trained(context);
    rn_optimizer *optimizer = NULL;

    require_ok(context, create != NULL ? create(&optimizer, parameters, NULL) : other(&optimizer, parameters, NULL));
    return begin(parameters, optimizer);
}

static void end(run *r)
{
    rn_scheduler_destroy(r->scheduler);
    rn_optimizer_destroy(r->optimizer);
    rn_parameters_release(r->parameters);
}

/* Loads all with the file's hyperparameters, steps on to the end, and has PyTorch's numbers. */
static void goes_on(run *r, const char *name, int stopped)
{
    rn_checkpoint *const file = fixture(name);

    load_values(r->parameters, file);
    require_ok(context,
               rn_optimizer_load_state_dict(r->optimizer, file, RN_OPTIONS(rn_optimizer_load, .hyperparameters = 1)));
    require_ok(context,
               rn_scheduler_load_state_dict(r->scheduler, file, RN_OPTIONS(rn_scheduler_load, .hyperparameters = 1)));
    assert_int_equal(rn_scheduler_epoch(r->scheduler), stopped);
    for (int step = stopped; step < END; step++) {
        rn_test_trained_gradients(r->parameters, step);
        require_ok(context, rn_optimizer_step(r->optimizer));
        require_ok(context, rn_scheduler_step(r->scheduler, NULL));
    }
    check_values(r->parameters, file);
    assert_true(fabs(rn_optimizer_lr(r->optimizer, 0) - strtod(rn_checkpoint_metadata(file, "expected_lr"), NULL)) <
                1e-15);
    rn_checkpoint_destroy(file);
    end(r);
}

static void training_goes_on_where_pytorch_stood(void **state)
{
    run r;

    (void)state;
    r = begin_adam(NULL);
    goes_on(&r, "adam", STOPPED);
    r = begin_adam(NULL); /* a parameter that had no gradient yet has no state */
    goes_on(&r, "adam_early", 3);
    r = begin_sgd(NULL); /* momentum comes from the file */
    goes_on(&r, "sgd", STOPPED);
    r = begin_sgd(RN_OPTIONS(rn_sgd, .momentum = 0.9)); /* and goes with it */
    goes_on(&r, "sgd_plain", STOPPED);
    r = begin_other(rn_adamw_create, NULL);
    goes_on(&r, "adamw", STOPPED);
    r = begin_other(NULL, rn_rmsprop_create); /* what it keeps follows from the file's momentum and centered */
    goes_on(&r, "rmsprop", STOPPED);
    r = begin_other(NULL, rn_rmsprop_create);
    goes_on(&r, "rmsprop_plain", STOPPED);
}

static void groups_are_those_of_pytorch(void **state)
{
    const rn_parameter_group groups[] = { { sizeof *groups, "fc", NULL, 0, 0 },
                                          { sizeof *groups, "conv1", NULL, 0, 0 } };
    const rn_parameter_group swapped[] = { groups[1], groups[0] };
    run r = begin_adam(RN_OPTIONS(rn_adam, .groups = groups, .group_count = 2));
    rn_checkpoint *file;

    (void)state;
    goes_on(&r, "groups", STOPPED);
    file = fixture("groups");
    r = begin_adam(NULL);
    require_status(context, rn_optimizer_load_state_dict(r.optimizer, file, NULL), RN_STATE);
    assert_non_null(strstr(rn_context_message(context), "3 parameters in 2 groups"));
    end(&r);
    r = begin_adam(RN_OPTIONS(rn_adam, .groups = swapped, .group_count = 2));
    require_status(context, rn_optimizer_load_state_dict(r.optimizer, file, NULL), RN_STATE);
    end(&r);
    set(file, "optimizer.param_groups.1.betas.0", "0.5"); /* this optimizer has one pair of betas */
    r = begin_adam(RN_OPTIONS(rn_adam, .groups = groups, .group_count = 2));
    require_status(context,
                   rn_optimizer_load_state_dict(r.optimizer, file, RN_OPTIONS(rn_optimizer_load, .hyperparameters = 1)),
                   RN_UNSUPPORTED);
    assert_non_null(strstr(rn_context_message(context), "differ in betas.0"));
    require_ok(context, rn_optimizer_load_state_dict(r.optimizer, file, NULL));
    end(&r);
    rn_checkpoint_destroy(file);
}

/* ---- hyperparameters --------------------------------------------------------------------------------------------- */

static void hyperparameters_stay_the_callers_unless_asked_for(void **state)
{
    rn_checkpoint *const file = fixture("adam");
    run r = begin_adam(RN_OPTIONS(rn_adam, .lr = 0.5, .beta1 = 0.25, .weight_decay = 0.125));

    (void)state;
    require_ok(context, rn_optimizer_load_state_dict(r.optimizer, file, NULL));
    require_ok(context, rn_scheduler_load_state_dict(r.scheduler, file, NULL));
    assert_true(rn_optimizer_lr(r.optimizer, 0) == 0.5 && r.optimizer->beta1 == 0.25);
    assert_true(r.optimizer->group[0].weight_decay == 0.125);
    assert_true(r.scheduler->number[0] == 100);
    assert_int_equal(rn_scheduler_epoch(r.scheduler), STOPPED);
    assert_int_equal(r.optimizer->state[TRAINED_CONV].steps, STOPPED);
    assert_int_equal(r.optimizer->state[TRAINED_BIAS].steps, STOPPED - TRAINED_BIAS_BEGINS);
    require_ok(context,
               rn_optimizer_load_state_dict(r.optimizer, file, RN_OPTIONS(rn_optimizer_load, .hyperparameters = 1)));
    assert_true(fabs(rn_optimizer_lr(r.optimizer, 0) - 0.003) < 1e-15); /* after one step of StepLR */
    assert_true(r.optimizer->beta1 == 0.8 && r.optimizer->beta2 == 0.99 && r.optimizer->eps == 1e-3);
    assert_true(r.optimizer->group[0].weight_decay == 0);
    assert_string_equal(rn_checkpoint_metadata(file, "optimizer.param_groups.0.betas.0"), "0.8"); /* shown */
    end(&r);
    rn_checkpoint_destroy(file);
}

/* ---- which parameters -------------------------------------------------------------------------------------------- */

static void require_head(const run *r)
{
    assert_null(r->optimizer->state[TRAINED_CONV].slot[0]);
    assert_int_equal(r->optimizer->state[TRAINED_CONV].steps, 0);
    assert_int_equal(r->optimizer->state[TRAINED_WEIGHT].steps, STOPPED);
    assert_int_equal(r->optimizer->state[TRAINED_BIAS].steps, STOPPED - TRAINED_BIAS_BEGINS);
}

/* The file is optimizer.state_dict() alone, of Adam over model.fc.parameters(). */
static void the_head_alone_is_found_by_its_shapes(void **state)
{
    rn_checkpoint *const file = fixture("head");
    run r = begin_adam(RN_OPTIONS(rn_adam, .pattern = "fc"));

    (void)state;
    require_ok(context, rn_optimizer_load_state_dict(r.optimizer, file, NULL));
    require_head(&r);
    end(&r);
    r = begin_adam(NULL); /* covers everything: what the file does not name is as before its first step */
    require_ok(context, rn_optimizer_load_state_dict(r.optimizer, file, NULL));
    require_head(&r);
    require_ok(context, rn_optimizer_load_state_dict(
                            r.optimizer, file,
                            RN_OPTIONS(rn_optimizer_load, .prefix = "", .pattern = "fc", .hyperparameters = 1)));
    require_head(&r);
    require_status(context,
                   rn_optimizer_load_state_dict(r.optimizer, file, RN_OPTIONS(rn_optimizer_load, .pattern = "conv1")),
                   RN_STATE);
    require_status(context,
                   rn_optimizer_load_state_dict(r.optimizer, file, RN_OPTIONS(rn_optimizer_load, .pattern = "head")),
                   RN_INVALID_ARGUMENT);
    end(&r);
    r = begin_adam(RN_OPTIONS(rn_adam, .pattern = "conv1"));
    require_status(context, rn_optimizer_load_state_dict(r.optimizer, file, NULL), RN_STATE);
    require_status(context,
                   rn_optimizer_load_state_dict(r.optimizer, file, RN_OPTIONS(rn_optimizer_load, .pattern = "fc")),
                   RN_STATE);
    assert_non_null(strstr(rn_context_message(context), "fc.weight, which the run's optimizer does not cover"));
    end(&r);
    rn_checkpoint_destroy(file);
}

/* ---- a state written down by hand -------------------------------------------------------------------------------- */

static void add(rn_checkpoint *file, const char *name, int32_t rank, const int64_t *shape, rn_dtype dtype)
{
    rn_tensor *tensor = NULL;

    require_ok(context, rn_tensor_create(&tensor, context, dtype, rank, shape, RN_ROW_MAJOR));
    require_ok(context, rn_tensor_fill(tensor, 3));
    require_ok(context, rn_checkpoint_add(file, name, tensor));
    rn_tensor_destroy(tensor);
}

/* Adam over as many parameters, with old PyTorch's numbers of them and number of steps, and no state. */
static rn_checkpoint *by_hand(const char *const *ids, size_t count)
{
    rn_checkpoint *file = NULL;

    require_ok(context, rn_checkpoint_create(&file, context));
    for (size_t i = 0; i < count; i++) {
        char key[64];

        snprintf(key, sizeof key, "o.param_groups.0.params.%zu", i);
        set(file, key, ids[i]);
    }
    set(file, "o.param_groups.0.lr", "0.01");
    set(file, "o.param_groups.0.betas.0", "0.9");
    set(file, "o.param_groups.0.betas.1", "0.999");
    set(file, "o.param_groups.0.eps", "1e-08");
    set(file, "o.param_groups.0.weight_decay", "0.5");
    set(file, "o.param_groups.0.amsgrad", "false");
    return file;
}

static void parameters_may_be_numbered_by_their_addresses(void **state)
{
    static const char *const ids[] = { "140233108324576", "7", "9" };
    rn_checkpoint *const file = by_hand(ids, 3);
    run r = begin_adam(NULL);

    (void)state;
    add(file, "o.state.7.exp_avg", 2, (const int64_t[]){ 2, 5 }, RN_FLOAT16);
    add(file, "o.state.7.exp_avg_sq", 2, (const int64_t[]){ 2, 5 }, RN_BFLOAT16);
    set(file, "o.state.7.step", "12");
    add(file, "o.state.140233108324576.exp_avg", 4, (const int64_t[]){ 4, 3, 2, 2 }, RN_FLOAT64);
    add(file, "o.state.140233108324576.exp_avg_sq", 4, (const int64_t[]){ 4, 3, 2, 2 }, RN_FLOAT32);
    add(file, "o.state.140233108324576.step", 0, NULL, RN_INT64);
    require_ok(context, rn_optimizer_load_state_dict(r.optimizer, file, NULL));
    assert_int_equal(r.optimizer->state[TRAINED_CONV].steps, 3);
    assert_int_equal(r.optimizer->state[TRAINED_WEIGHT].steps, 12);
    assert_int_equal(r.optimizer->state[TRAINED_BIAS].steps, 0);
    assert_true(r.optimizer->state[TRAINED_WEIGHT].slot[0][9] == 3 &&
                r.optimizer->state[TRAINED_CONV].slot[0][47] == 3);
    set(file, "o.param_groups.0.params.2", "7");
    require_status(context, rn_optimizer_load_state_dict(r.optimizer, file, NULL), RN_FORMAT);
    assert_non_null(strstr(rn_context_message(context), "parameter 7 twice"));
    end(&r);
    rn_checkpoint_destroy(file);
}

/* Must be refused with these words, and leaves the optimizer as it was. */
static void refused(const rn_checkpoint *file, run *r, rn_status expected, const char *words)
{
    rn_optimizer_state *const before = r->optimizer->state;
    const double lr = rn_optimizer_lr(r->optimizer, 0), eps = r->optimizer->eps;

    require_status(
        context, rn_optimizer_load_state_dict(r->optimizer, file, RN_OPTIONS(rn_optimizer_load, .hyperparameters = 1)),
        expected);
    if (strstr(rn_context_message(context), words) == NULL)
        fail_msg("the message '%s' lacks '%s'", rn_context_message(context), words);
    assert_ptr_equal(r->optimizer->state, before);
    assert_true(rn_optimizer_lr(r->optimizer, 0) == lr && r->optimizer->eps == eps);
    assert_int_equal(r->optimizer->state[TRAINED_CONV].steps, 1);
}

/* With one entry set to another text (NULL: removed), and back. */
static void refused_with(rn_checkpoint *file, run *r, const char *key, const char *value, rn_status expected,
                         const char *words)
{
    const char *const before = rn_checkpoint_metadata(file, key);
    char kept[64] = "";

    snprintf(kept, sizeof kept, "%s", before != NULL ? before : "");
    set(file, key, value);
    refused(file, r, expected, words);
    set(file, key, before != NULL ? kept : NULL);
}

static void what_is_no_state_of_this_rule_is_refused_whole(void **state)
{
    rn_checkpoint *const file = fixture("adam"), *const sgd = fixture("sgd");
    run r = begin_adam(RN_OPTIONS(rn_adam, .lr = 0.5));

    (void)state;
    rn_test_trained_gradients(r.parameters, 0);
    require_ok(context, rn_optimizer_step(r.optimizer));
    refused(sgd, &r, RN_STATE, "no 'betas.0'");
    refused_with(file, &r, "optimizer.param_groups.0.amsgrad", "true", RN_STATE, "amsgrad");
    refused_with(file, &r, "optimizer.param_groups.0.amsgrad", NULL, RN_STATE, "no 'amsgrad'"); /* RAdam */
    refused_with(file, &r, "optimizer.param_groups.0.maximize", "true", RN_STATE, "maximize");
    set(file, "optimizer.param_groups.0.decoupled_weight_decay", "true");
    refused_with(file, &r, "optimizer.param_groups.0.weight_decay", "0.01", RN_STATE, "AdamW");
    set(file, "optimizer.param_groups.0.decoupled_weight_decay", NULL);
    refused_with(file, &r, "optimizer.state.1.mu_product", "0.5", RN_STATE, "'mu_product'"); /* NAdam */
    refused_with(file, &r, "optimizer.state.1.step", "1.5", RN_FORMAT, "1.5 steps");
    refused_with(file, &r, "optimizer.state.1.step", "many", RN_FORMAT, "steps");
    refused_with(file, &r, "optimizer.state.first.step", "1", RN_FORMAT, "no parameter's");
    refused_with(file, &r, "optimizer.state.9.step", "1", RN_FORMAT, "parameter 9, which is in no group");
    refused_with(file, &r, "optimizer.param_groups.0.params.3", "3", RN_STATE, "4 parameters");
    refused_with(file, &r, "optimizer.param_groups.0.params.1", "x", RN_FORMAT, "params.1");
    refused_with(file, &r, "optimizer.param_groups.0.lr", "-1", RN_FORMAT, "lr -1");
    refused_with(file, &r, "optimizer.param_groups.0.betas.1", "1", RN_FORMAT, "betas.1");
    refused_with(file, &r, "optimizer.param_groups.0.eps", "small", RN_FORMAT, "eps' is no number");
    end(&r);
    r = begin_sgd(NULL);
    require_status(context, rn_optimizer_load_state_dict(r.optimizer, sgd, NULL), RN_STATE);
    assert_non_null(strstr(rn_context_message(context), "without momentum"));
    end(&r);
    rn_checkpoint_destroy(file);
    rn_checkpoint_destroy(sgd);
}

static void a_state_that_does_not_fit_names_the_parameter(void **state)
{
    static const char *const ids[] = { "0", "1", "2" };
    rn_checkpoint *file = by_hand(ids, 3);
    run r = begin_adam(RN_OPTIONS(rn_adam, .lr = 0.5));

    (void)state;
    rn_test_trained_gradients(r.parameters, 0);
    require_ok(context, rn_optimizer_step(r.optimizer));
    add(file, "o.state.1.exp_avg", 2, (const int64_t[]){ 2, 5 }, RN_FLOAT32);
    refused(file, &r, RN_FORMAT, "lacks 'step' of fc.weight");
    set(file, "o.state.1.step", "4");
    refused(file, &r, RN_FORMAT, "lacks 'exp_avg_sq' of fc.weight");
    add(file, "o.state.1.exp_avg_sq", 2, (const int64_t[]){ 5, 2 }, RN_FLOAT32);
    refused(file, &r, RN_SHAPE, "exp_avg_sq of fc.weight: float32 (5, 2) in the file, float32 (2, 5) in the model");
    rn_checkpoint_destroy(file);
    file = by_hand(ids, 3);
    set(file, "o.state.2.step", "4");
    add(file, "o.state.2.exp_avg", 1, (const int64_t[]){ 2 }, RN_INT64);
    add(file, "o.state.2.exp_avg_sq", 1, (const int64_t[]){ 2 }, RN_FLOAT32);
    refused(file, &r, RN_SHAPE, "exp_avg of fc.bias: int64");
    end(&r);
    r = begin_adam(RN_OPTIONS(rn_adam, .pattern = "conv1")); /* the file's covers everything, in one way only */
    require_status(context, rn_optimizer_load_state_dict(r.optimizer, file, NULL), RN_STATE);
    assert_non_null(strstr(rn_context_message(context), "fc.bias, which the run's optimizer does not cover"));
    rn_checkpoint_destroy(file);
    end(&r);
}

static void where_it_lies_is_found_or_chosen(void **state)
{
    rn_checkpoint *const file = fixture("adam");
    run r = begin_adam(NULL);

    (void)state;
    set(file, "second.param_groups.0.params.0", "0");
    require_status(context, rn_optimizer_load_state_dict(r.optimizer, file, NULL), RN_INVALID_ARGUMENT);
    assert_non_null(strstr(rn_context_message(context), "'optimizer', 'second'"));
    require_ok(context,
               rn_optimizer_load_state_dict(r.optimizer, file, RN_OPTIONS(rn_optimizer_load, .prefix = "optimizer")));
    require_ok(context,
               rn_optimizer_load_state_dict(r.optimizer, file, RN_OPTIONS(rn_optimizer_load, .prefix = "optimizer.")));
    require_status(context,
                   rn_optimizer_load_state_dict(r.optimizer, file, RN_OPTIONS(rn_optimizer_load, .prefix = "third")),
                   RN_INVALID_ARGUMENT);
    set(file, "lr_schedulers.0.last_epoch", "4");
    require_status(context, rn_scheduler_load_state_dict(r.scheduler, file, NULL), RN_INVALID_ARGUMENT);
    require_status(
        context,
        rn_scheduler_load_state_dict(r.scheduler, file, RN_OPTIONS(rn_scheduler_load, .prefix = "lr_schedulers.0")),
        RN_STATE);
    assert_int_equal(rn_scheduler_epoch(r.scheduler), 0);
    require_ok(context,
               rn_scheduler_load_state_dict(r.scheduler, file, RN_OPTIONS(rn_scheduler_load, .prefix = "scheduler")));
    assert_int_equal(rn_scheduler_epoch(r.scheduler), STOPPED);
    require_status(context,
                   rn_optimizer_load_state_dict(r.optimizer, file, RN_OPTIONS(rn_optimizer_load, .reserved = 1)),
                   RN_INVALID_ARGUMENT);
    end(&r);
    rn_checkpoint_destroy(file);
}

/* Two layers of one shape after each other: a state of one of them could be of either. */
static void what_could_be_two_things_is_asked_back(void **state)
{
    static const char *const names[] = { "a.weight", "b.weight", "c.weight" }, *const ids[] = { "0" };
    rn_checkpoint *const file = by_hand(ids, 1);
    rn_parameters *parameters = NULL;
    rn_optimizer *adam = NULL;
    size_t index;

    (void)state;
    require_ok(context, rn_parameters_create(&parameters, context));
    for (size_t i = 0; i < 3; i++)
        require_ok(context, rn_parameters_declare(&index, parameters, names[i], true, RN_FLOAT32, 1,
                                                  (const int64_t[]){ i == 0 ? 2 : 3 }));
    require_ok(context, rn_parameters_finish(parameters));
    require_ok(context, rn_adam_create(&adam, parameters, NULL));
    require_ok(context, rn_optimizer_load_state_dict(adam, file, NULL)); /* nothing is kept yet: of whatever it was */
    set(file, "o.state.0.step", "4");
    add(file, "o.state.0.exp_avg", 1, (const int64_t[]){ 3 }, RN_FLOAT32);
    add(file, "o.state.0.exp_avg_sq", 1, (const int64_t[]){ 3 }, RN_FLOAT32);
    require_status(context, rn_optimizer_load_state_dict(adam, file, NULL), RN_STATE);
    assert_non_null(strstr(rn_context_message(context), "b.weight or c.weight"));
    require_ok(context, rn_optimizer_load_state_dict(adam, file, RN_OPTIONS(rn_optimizer_load, .pattern = "c")));
    assert_int_equal(adam->state[1].steps, 0);
    assert_int_equal(adam->state[2].steps, 4);
    rn_optimizer_destroy(adam);
    require_ok(context,
               rn_adam_create(&adam, parameters, RN_OPTIONS(rn_adam, .except = "b"))); /* then it is the other */
    require_ok(context, rn_optimizer_load_state_dict(adam, file, NULL));
    assert_int_equal(adam->state[2].steps, 4);
    rn_optimizer_destroy(adam);
    rn_parameters_release(parameters);
    rn_checkpoint_destroy(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_goes_on_where_pytorch_stood),
        cmocka_unit_test(groups_are_those_of_pytorch),
        cmocka_unit_test(hyperparameters_stay_the_callers_unless_asked_for),
        cmocka_unit_test(the_head_alone_is_found_by_its_shapes),
        cmocka_unit_test(parameters_may_be_numbered_by_their_addresses),
        cmocka_unit_test(what_is_no_state_of_this_rule_is_refused_whole),
        cmocka_unit_test(a_state_that_does_not_fit_names_the_parameter),
        cmocka_unit_test(where_it_lies_is_found_or_chosen),
        cmocka_unit_test(what_could_be_two_things_is_asked_back),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
