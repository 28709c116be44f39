/* SPDX-License-Identifier: MIT */
/*
 * What torch_trip.py has done on this side of the border:
 *
 *   torch_trip copy IN OUT FORMAT                    opens a file and saves it, in format 0 or 1 of rn_format
 *   torch_trip resume RULE IN OUT STEPS SCHEDULE     takes a training checkpoint of trained.h's parameters, trains on,
 *                                                    and writes one
 *   torch_trip model RULE NETWORK IN OUT WEIGHTS     takes one of a network of the zoo, and writes it, and the weights
 *                                                    alone
 *
 * RULE is adam, adamw, rmsprop or sgd, SCHEDULE step, multi_step, exponential, linear or cosine.
 */
#include "optim/trained.h"
#include "support/support.h"

#include <resnet/model.h>

static rn_context *context;

static rn_checkpoint *open_file(const char *path)
{
    rn_checkpoint *file = NULL;

    require_ok(context, rn_checkpoint_open(&file, context, path, NULL));
    return file;
}

static void copy(const char *from, const char *to, rn_format format)
{
    rn_checkpoint *const file = open_file(from);

    require_ok(context, rn_checkpoint_save(file, to, format, NULL));
    rn_checkpoint_destroy(file);
}

/* Optimizer and scheduler with the file's state and hyperparameters. */
static void begin(rn_optimizer **optimizer, rn_scheduler **scheduler, rn_parameters *parameters, const char *rule,
                  const rn_checkpoint *file, const char *kind)
{
    static const int64_t milestones[] = { 8, 12, 12, 25 };

    if (strcmp(rule, "sgd") == 0)
        require_ok(context, rn_sgd_create(optimizer, parameters, NULL));
    else if (strcmp(rule, "rmsprop") == 0)
        require_ok(context, rn_rmsprop_create(optimizer, parameters, NULL));
    else
        require_ok(context,
                   (strcmp(rule, "adam") == 0 ? rn_adam_create : rn_adamw_create)(optimizer, parameters, NULL));
    if (strcmp(kind, "multi_step") == 0)
        require_ok(context, rn_multi_step_lr_create(
                                scheduler, *optimizer,
                                RN_OPTIONS(rn_multi_step_lr, .milestones = milestones, .milestone_count = 4)));
    else if (strcmp(kind, "exponential") == 0)
        require_ok(context, rn_exponential_lr_create(scheduler, *optimizer, RN_OPTIONS(rn_exponential_lr, .gamma = 1)));
    else if (strcmp(kind, "linear") == 0)
        require_ok(context, rn_linear_lr_create(scheduler, *optimizer, NULL));
    else if (strcmp(kind, "cosine") == 0)
        require_ok(context, rn_cosine_lr_create(scheduler, *optimizer, RN_OPTIONS(rn_cosine_lr, .t_max = 3)));
    else
        require_ok(context, rn_step_lr_create(scheduler, *optimizer, NULL));
    require_ok(context,
               rn_optimizer_load_state_dict(*optimizer, file, RN_OPTIONS(rn_optimizer_load, .hyperparameters = 1)));
    require_ok(context,
               rn_scheduler_load_state_dict(*scheduler, file, RN_OPTIONS(rn_scheduler_load, .hyperparameters = 1)));
}

static void write_states(rn_checkpoint *out, const rn_optimizer *optimizer, const rn_scheduler *scheduler,
                         const char *path)
{
    require_ok(context, rn_optimizer_state_dict(out, optimizer));
    require_ok(context, rn_scheduler_state_dict(out, scheduler));
    require_ok(context, rn_checkpoint_set_metadata(out, "best_acc", "0.75"));
    require_ok(context, rn_checkpoint_set_metadata(out, "epoch", "12"));
    require_ok(context, rn_training_export(out, path, NULL));
}

static void resume(const char *rule, const char *from, const char *to, int steps, const char *kind)
{
    rn_checkpoint *const in = open_file(from);
    rn_parameters *const parameters = rn_test_trained(context);
    rn_optimizer *optimizer = NULL;
    rn_scheduler *scheduler = NULL;
    rn_checkpoint *out = NULL;
    const bool nested = rn_checkpoint_metadata(in, "rn.nesting") != NULL; /* an optimizer without tensors */
    int epoch;

    for (size_t i = 0; i < parameters->count; i++) {
        char name[128];

        snprintf(name, sizeof name, "%s%s", nested ? "" : "state_dict.", parameters->entry[i].name);
        require_ok(context, rn_parameters_write(parameters, i, rn_checkpoint_find(in, name)));
    }
    begin(&optimizer, &scheduler, parameters, rule, in, kind);
    epoch = (int)rn_scheduler_epoch(scheduler);
    for (int step = epoch; step < epoch + steps; step++) {
        rn_test_trained_gradients(parameters, step);
        require_ok(context, rn_optimizer_step(optimizer));
        require_ok(context, rn_scheduler_step(scheduler, NULL));
    }
    require_ok(context, rn_checkpoint_create(&out, context));
    for (size_t i = 0; i < parameters->count; i++)
        require_ok(context, rn_checkpoint_add(out, parameters->entry[i].name, parameters->entry[i].value));
    write_states(out, optimizer, scheduler, to);
    rn_checkpoint_destroy(out);
    rn_checkpoint_destroy(in);
    rn_scheduler_destroy(scheduler);
    rn_optimizer_destroy(optimizer);
    rn_parameters_release(parameters);
}

static void take_model(const char *rule, const char *network, const char *from, const char *to, const char *weights)
{
    static const char *const folders[] = { "21", "7", "rose" };
    rn_checkpoint *const in = open_file(from);
    rn_optimizer *optimizer = NULL;
    rn_scheduler *scheduler = NULL;
    rn_checkpoint *out = NULL;
    rn_classes *classes = NULL;
    rn_model *model = NULL;

    require_ok(context, rn_classes_create(&classes, context, folders, NULL, 3));
    require_ok(context, rn_model_create(&model, context, network, RN_OPTIONS(rn_model, .classes = classes)));
    require_ok(context, rn_model_load_checkpoint(model, in, NULL));
    begin(&optimizer, &scheduler, rn_model_parameters(model), rule, in, "step");
    require_ok(context, rn_checkpoint_create(&out, context));
    require_ok(context, rn_model_state_dict(out, model));
    write_states(out, optimizer, scheduler, to);
    require_ok(context, rn_model_save(model, weights, RN_OPTIONS(rn_model_save, .format = RN_FORMAT_TORCH)));
    rn_checkpoint_destroy(out);
    rn_checkpoint_destroy(in);
    rn_scheduler_destroy(scheduler);
    rn_optimizer_destroy(optimizer);
    rn_model_destroy(model);
    rn_classes_destroy(classes);
}

static char **arguments;

static void trip(void **state)
{
    (void)state;
    context = rn_test_context(1, RN_ISA_AUTO);
    if (strcmp(arguments[0], "copy") == 0)
        copy(arguments[1], arguments[2], (rn_format)atoi(arguments[3]));
    else if (strcmp(arguments[0], "resume") == 0)
        resume(arguments[1], arguments[2], arguments[3], atoi(arguments[4]), arguments[5]);
    else
        take_model(arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
    rn_context_destroy(context);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(trip) };

    if (argc < 5) {
        fprintf(stderr, "usage: torch_trip copy IN OUT FORMAT | resume RULE IN OUT STEPS SCHEDULE | model RULE NETWORK "
                        "IN OUT WEIGHTS\n");
        return 2;
    }
    arguments = argv + 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
