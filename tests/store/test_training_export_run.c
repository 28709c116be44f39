/* SPDX-License-Identifier: MIT */
/* Training checkpoints for PyTorch made of a trainer's files, and states that none is made of. */
#include "checkpoint/saving.h"
#include "store/exports.h"

/* How often a text stands in a file. */
static int occurrences(const char *path, const char *text)
{
    size_t nbytes;
    unsigned char *const bytes = whole_file(&nbytes, path);
    int count = 0;

    for (size_t i = 0; i + strlen(text) <= nbytes; i++)
        count += memcmp(bytes + i, text, strlen(text)) == 0;
    free(bytes);
    return count;
}

/* ---- files of a trainer ------------------------------------------------------------------------------------------ */

static rn_model *make_model(rn_context *context)
{
    static const char *const folders[] = { "21", "7", "rose" }, *const names[] = { "fire lily", "moon orchid", "rose" };
    rn_classes *classes = NULL;
    rn_graph *graph = NULL;
    rn_model *model = NULL;
    rn_value x;

    require_ok(context, rn_classes_create(&classes, context, folders, names, 3));
    require_ok(context, rn_graph_create(&graph, context));
    x = rn_flatten(graph, rn_graph_input(graph, "images", 3, 2, 2, NULL), NULL);
    rn_graph_output(graph, "logits", rn_linear(graph, x, "fc", 3, NULL));
    rn_graph_head(graph, "fc");
    require_ok(context, rn_model_build(&model, graph, "small", RN_OPTIONS(rn_model, .classes = classes)));
    rn_graph_destroy(graph);
    rn_classes_destroy(classes);
    return model;
}

/* The run's text is the trainer's; its best is shown. */
static rn_checkpoint *trainers_file(rn_context *context, const char *text)
{
    const char *const path = rn_test_path(rn_test_directory(), "last.safetensors");
    rn_model *const model = make_model(context);
    rn_training_state parts = { .state = text };
    rn_checkpoint *file = NULL;

    require_ok(context, rn_sgd_create(&parts.optimizer, rn_model_parameters(model), NULL));
    require_ok(context, rn_step_lr_create(&parts.scheduler, parts.optimizer, NULL));
    require_ok(context, rn_training_save(model, &parts, path));
    require_ok(context, rn_checkpoint_open(&file, context, path, NULL));
    rn_scheduler_destroy(parts.scheduler);
    rn_optimizer_destroy(parts.optimizer);
    rn_model_destroy(model);
    return file;
}

static void a_trainers_file_becomes_the_tutorials(void **unused)
{
    rn_context *const context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *state = trainers_file(context, "{\"best\":{\"accuracy\":0.875}}"), *file;
    const char *path;

    (void)unused;
    file = exported(context, state, NULL);
    require_text(file, "mapping.21", "0");
    require_text(file, "mapping.7", "1");
    require_text(file, "mapping.rose", "2");
    require_text(file, "class_to_name.21", "fire lily");
    require_text(file, "best_acc", "0.875");
    require_text(file, "arch", "small");
    require_text(file, "optimizer.param_groups.0.params.1", "1");
    require_text(file, "optimizer.param_groups.0.nesterov", "false");
    assert_non_null(rn_checkpoint_find(file, "fc.weight")); /* SGD without momentum keeps nothing */
    rn_checkpoint_destroy(file);
    rn_checkpoint_destroy(state);
    state = trainers_file(context, "{\"accuracy\":0.5,\"epoch\":3}"); /* as best.safetensors has it */
    file = exported(context, state, NULL);
    require_text(file, "best_acc", "0.5");
    rn_checkpoint_destroy(file);
    require_ok(context, rn_checkpoint_set_metadata(state, "best_acc", "0.625")); /* the caller knows better */
    require_ok(context, rn_checkpoint_set_metadata(state, "arch", "mine"));
    require_ok(context, rn_checkpoint_set_metadata(state, "class_to_name", "none"));
    path = export_to_file(context, state, NULL);
    require_ok(context, rn_checkpoint_open(&file, context, path, NULL));
    require_text(file, "best_acc", "0.625");
    require_text(file, "arch", "mine");
    require_text(file, "class_to_name", "none");
    assert_int_equal(occurrences(path, "best_acc"), 1);
    assert_int_equal(occurrences(path, "arch") - occurrences(path, "archive"), 1);
    assert_int_equal(occurrences(path, "class_to_name"), 1);
    rn_checkpoint_destroy(file);
    rn_checkpoint_destroy(state);
    rn_context_destroy(context);
}

/* ---- what is refused --------------------------------------------------------------------------------------------- */

static void refused(rn_context *context, const rn_checkpoint *state, rn_status expected, const char *words)
{
    const char *const path = rn_test_path(rn_test_directory(), "refused.pth");

    require_status(context, rn_training_export(state, path, NULL), expected);
    if (strstr(rn_context_message(context), words) == NULL)
        fail_msg("the message '%s' lacks '%s'", rn_context_message(context), words);
    assert_null(fopen(path, "rb"));
}

static void optimizer_refused(rn_context *context, rn_checkpoint *state, const char *json, rn_status expected,
                              const char *words)
{
    require_ok(context, rn_checkpoint_set_metadata(state, "rn.optimizer", json));
    refused(context, state, expected, words);
}

static void states_that_do_not_fit_together_are_refused(void **unused)
{
    rn_context *const context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *const state = trainers_file(context, "{}");
    const rn_tensor *const weight = rn_checkpoint_find(state, "fc.weight");

    (void)unused;
    assert_int_equal(rn_training_export(NULL, "x", NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_training_export(state, NULL, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_training_export(state, "x", RN_OPTIONS(rn_training_export, .model_key = "scheduler")),
                   RN_INVALID_ARGUMENT);
    require_status(context, rn_training_export(state, "x", RN_OPTIONS(rn_training_export, .model_key = "best_acc")),
                   RN_INVALID_ARGUMENT);
    require_status(context, rn_training_export(state, "/nowhere/at/all", NULL), RN_IO);
    require_ok(context, rn_checkpoint_set_metadata(state, "optimizer", "mine"));
    refused(context, state, RN_INVALID_ARGUMENT, "'optimizer'");
    require_ok(context, rn_checkpoint_set_metadata(state, "optimizer", NULL));
    require_ok(context, rn_checkpoint_set_metadata(state, "optim.param_groups.0.lr", "0.5"));
    refused(context, state, RN_FORMAT, "PyTorch's form already");
    require_ok(context, rn_checkpoint_set_metadata(state, "optim.param_groups.0.lr", NULL));
    require_ok(context, rn_checkpoint_set_metadata(state, "rn.scheduler", "{\"epoch\":1}"));
    refused(context, state, RN_FORMAT, "step_size");
    require_ok(context, rn_checkpoint_set_metadata(state, "rn.scheduler", NULL));

#define SGD "{\"rule\":\"sgd\",\"lr\":1,\"weight_decay\":0,\"momentum\":0.5,\"dampening\":0,"
    optimizer_refused(context, state, "[]", RN_FORMAT, "no JSON object");
    optimizer_refused(context, state, "{\"rule\":\"lion\",\"steps\":{}}", RN_UNSUPPORTED, "'lion'");
    optimizer_refused(context, state, "{\"rule\":\"sgd\",\"lr\":1,\"steps\":{}}", RN_FORMAT, "older version");
    optimizer_refused(context, state, SGD "\"groups\":[1],\"steps\":{}}", RN_FORMAT, "no list");
    optimizer_refused(context, state, SGD "\"groups\":[[1]],\"steps\":{}}", RN_FORMAT, "no list");
    optimizer_refused(context, state, SGD "\"groups\":[[],[]],\"steps\":{}}", RN_FORMAT, "'lr.1'");
    optimizer_refused(context, state, SGD "\"groups\":[[]],\"steps\":{\"fc.weight\":1}}", RN_FORMAT, "in no group");
    optimizer_refused(context, state, SGD "\"groups\":[[\"fc.weight\"]],\"steps\":{\"fc.weight\":1}}", RN_FORMAT,
                      "lacks the tensor optimizer.momentum_buffer.fc.weight");
    optimizer_refused(context, state, SGD "\"groups\":[[\"fc.weight\"]],\"steps\":{\"fc.weight\":0.5}}", RN_FORMAT,
                      "whole number");
    optimizer_refused(context, state, "{\"rule\":\"adam\",\"lr\":1,\"weight_decay\":0,\"groups\":[[]],\"steps\":{}}",
                      RN_FORMAT, "'beta1'");
    require_ok(context, rn_checkpoint_add(state, "optimizer.momentum_buffer.fc.weight", weight));
    optimizer_refused(context, state, SGD "\"groups\":[[\"fc.weight\"]],\"steps\":{\"fc.weight\":1,\"fc.weight\":1}}",
                      RN_FORMAT, "twice");
    optimizer_refused(context, state, SGD "\"groups\":[[\"fc.weight\",\"fc.weight\"]],\"steps\":{\"fc.weight\":1}}",
                      RN_FORMAT, "twice");
    optimizer_refused(context, state,
                      "{\"rule\":\"sgd\",\"lr\":1,\"weight_decay\":0,\"momentum\":0,\"dampening\":0,"
                      "\"groups\":[[\"fc.weight\",\"fc.weight\"]],\"steps\":{\"fc.weight\":1}}",
                      RN_FORMAT, "has twice the parameter fc.weight");
    optimizer_refused(context, state, SGD "\"groups\":[[\"fc.bias\"]],\"steps\":{}}", RN_FORMAT, "in no group");
    require_ok(context, rn_checkpoint_set_metadata(state, "rn.optimizer",
                                                   SGD "\"groups\":[[\"fc.weight\"]],\"steps\":{\"fc.weight\":1}}"));
    rn_checkpoint_destroy(exported(context, state, NULL));
#undef SGD
    rn_checkpoint_destroy(state);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trainers_file_becomes_the_tutorials),
        cmocka_unit_test(states_that_do_not_fit_together_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
