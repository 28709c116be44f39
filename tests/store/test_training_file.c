/* SPDX-License-Identifier: MIT */
/* Training files: a run goes on from its file as if it had never stopped; a file of another run changes nothing. */
#include "store/store.h"
#include "support/one_context.h"

/* A run of two epochs: model, optimizer and scheduler. */
typedef struct run {
    rn_model *model;
    rn_optimizer *optimizer;
    rn_scheduler *scheduler;
} run;

static rn_model *make_model(rn_context *own, const char *name, const char *second_folder)
{
    const char *folders[] = { "daisy", second_folder };
    rn_classes *classes = NULL;
    rn_graph *graph = NULL;
    rn_model *model = NULL;
    rn_value x;

    require_ok(own, rn_classes_create(&classes, own, folders, NULL, 2));
    require_ok(own, rn_graph_create(&graph, own));
    x = rn_batch_norm2d(graph, rn_conv2d(graph, rn_graph_input(graph, "images", 3, 8, 8, NULL), "conv", 4, 3, NULL),
                        "bn", NULL);
    x = rn_flatten(graph, rn_adaptive_avg_pool2d(graph, x, 1, 1, NULL), NULL);
    rn_graph_output(graph, "logits", rn_linear(graph, x, "fc", 2, NULL));
    rn_graph_head(graph, "fc");
    require_ok(own, rn_model_build(&model, graph, name, RN_OPTIONS(rn_model, .classes = classes)));
    rn_graph_destroy(graph);
    rn_classes_destroy(classes);
    return model;
}

static run make_run(rn_context *own, bool adam)
{
    run made = { .model = make_model(own, "small", "rose") };

    if (adam)
        require_ok(own,
                   rn_adam_create(&made.optimizer, rn_model_parameters(made.model), RN_OPTIONS(rn_adam, .lr = 0.1)));
    else
        require_ok(own, rn_sgd_create(&made.optimizer, rn_model_parameters(made.model),
                                      RN_OPTIONS(rn_sgd, .lr = 0.1, .momentum = 0.9)));
    require_ok(
        own, rn_step_lr_create(&made.scheduler, made.optimizer, RN_OPTIONS(rn_step_lr, .step_size = 2, .gamma = 0.3)));
    return made;
}

static void end_run(run *over)
{
    rn_scheduler_destroy(over->scheduler);
    rn_optimizer_destroy(over->optimizer);
    rn_model_destroy(over->model);
}

/* One optimizer step with made-up gradients of the trainable parameters. */
static void step(run *running, uint32_t seed)
{
    rn_parameters *parameters = rn_model_parameters(running->model);

    require_ok(context, rn_parameters_gradients_ready(parameters));
    for (size_t i = 0; i < parameters->count; i++) {
        if (!rn_parameters_is_trainable(parameters, i))
            continue;
        rn_test_fill(rn_parameters_gradient_floats(parameters, i), (size_t)parameters->entry[i].count,
                     seed + (uint32_t)i);
        parameters->entry[i].has_gradient = true;
    }
    require_ok(context, rn_optimizer_step(running->optimizer));
}

/* Three steps in three epochs, the first one of the head alone. */
static void train(run *running)
{
    require_ok(context, rn_model_freeze_backbone(running->model));
    step(running, 1);
    require_ok(context, rn_scheduler_step(running->scheduler, NULL));
    require_ok(context, rn_model_unfreeze(running->model, "*"));
    for (uint32_t i = 2; i < 4; i++) {
        step(running, i);
        require_ok(context, rn_scheduler_step(running->scheduler, NULL));
    }
}

static void require_same_values(const rn_model *a, const rn_model *b)
{
    const rn_parameters *x = a->graph->parameters, *y = b->graph->parameters;

    for (size_t i = 0; i < x->count; i++)
        assert_memory_equal(rn_tensor_const_data(x->entry[i].value), rn_tensor_const_data(y->entry[i].value),
                            (size_t)x->entry[i].count * rn_dtype_size(rn_tensor_dtype(x->entry[i].value)));
}

static void save_run(const run *running, const char *path)
{
    require_ok(context, rn_training_save(running->model,
                                         &(rn_training_state){ .optimizer = running->optimizer,
                                                               .scheduler = running->scheduler,
                                                               .state = "{\"epoch\": 3}" },
                                         path));
}

static rn_status load_run(run *running, const char *path)
{
    rn_checkpoint *file = NULL;
    rn_status status;

    require_ok(context, rn_checkpoint_open(&file, context, path, NULL));
    status = rn_training_load(
        running->model, &(rn_training_state){ .optimizer = running->optimizer, .scheduler = running->scheduler }, file);
    rn_checkpoint_destroy(file);
    return status;
}

static void a_run_goes_on_as_if_it_had_never_stopped(void **state)
{
    (void)state;
    for (int adam = 0; adam < 2; adam++) {
        const char *path = rn_test_path(rn_test_directory(), "last.safetensors");
        run first = make_run(context, adam), second = make_run(context, adam);

        train(&first);
        save_run(&first, path);
        require_ok(context, load_run(&second, path));
        require_same_values(first.model, second.model);
        assert_true(rn_optimizer_lr(second.optimizer, 0) == rn_optimizer_lr(first.optimizer, 0));
        assert_true(rn_optimizer_lr(second.optimizer, 0) < 0.05);
        assert_int_equal(rn_scheduler_epoch(second.scheduler), 3);
        for (uint32_t i = 4; i < 8; i++) {
            step(&first, i);
            step(&second, i);
            require_ok(context, rn_scheduler_step(first.scheduler, NULL));
            require_ok(context, rn_scheduler_step(second.scheduler, NULL));
        }
        require_same_values(first.model, second.model);
        assert_true(rn_optimizer_lr(second.optimizer, 0) == rn_optimizer_lr(first.optimizer, 0));
        end_run(&first);
        end_run(&second);
    }
}

static void a_training_file_is_also_a_file_of_weights(void **state)
{
    const char *path = rn_test_path(rn_test_directory(), "last.safetensors");
    run first = make_run(context, true);
    rn_model *other = make_model(context, "small", "rose");

    (void)state;
    train(&first);
    save_run(&first, path);
    require_ok(context, rn_model_load(other, path, NULL)); /* the optimizer's tensors are no surplus */
    require_same_values(first.model, other);
    rn_model_destroy(other);
    end_run(&first);
}

static void state_text_comes_back(void **state)
{
    const char *directory = rn_test_directory(), *path = rn_test_path(directory, "last"),
               *best = rn_test_path(directory, "best");
    run first = make_run(context, true);
    rn_checkpoint *file = NULL;

    (void)state;
    save_run(&first, path);
    require_ok(context, rn_checkpoint_open(&file, context, path, NULL));
    assert_string_equal(rn_training_state_text(file), "{\"epoch\": 3}");
    rn_checkpoint_destroy(file);
    require_ok(context, rn_model_save_with_state(first.model, "{}", best));
    require_ok(context, rn_checkpoint_open(&file, context, best, NULL));
    assert_null(rn_training_state_text(file));
    rn_checkpoint_destroy(file);
    assert_null(rn_training_state_text(NULL));
    end_run(&first);
}

static void a_completed_phase_has_no_optimizer(void **state)
{
    const char *path = rn_test_path(rn_test_directory(), "last.safetensors");
    run first = make_run(context, true), second = make_run(context, true);
    rn_checkpoint *file = NULL;

    (void)state;
    train(&first);
    require_ok(context, rn_training_save(first.model, &(rn_training_state){ .state = "{}" }, path));
    require_ok(context, rn_checkpoint_open(&file, context, path, NULL));
    require_ok(context, rn_training_load(second.model, &(rn_training_state){ 0 }, file));
    require_same_values(first.model, second.model);
    require_status(context, rn_training_load(second.model, &(rn_training_state){ .optimizer = second.optimizer }, file),
                   RN_FORMAT);
    rn_checkpoint_destroy(file);
    end_run(&first);
    end_run(&second);
}

/* ---- files of another run ---------------------------------------------------------------------------------------- */

/*
 * Loads into a fresh run, which must be refused with these words and change nothing; `other` (may be NULL) takes the
 * model's place.
 */
static void require_refusal(const char *path, rn_model *other, bool adam, rn_status expected, const char *words)
{
    run fresh = make_run(context, adam);
    rn_model *untouched = make_model(context, "small", "rose");
    rn_checkpoint *file = NULL;

    require_ok(context, rn_checkpoint_open(&file, context, path, NULL));
    require_status(context,
                   rn_training_load(other != NULL ? other : fresh.model,
                                    &(rn_training_state){ .optimizer = fresh.optimizer, .scheduler = fresh.scheduler },
                                    file),
                   expected);
    if (strstr(rn_context_message(context), words) == NULL)
        fail_msg("the message '%s' lacks '%s'", rn_context_message(context), words);
    rn_checkpoint_destroy(file);
    require_same_values(fresh.model, untouched);
    assert_true(rn_optimizer_lr(fresh.optimizer, 0) == 0.1);
    assert_int_equal(rn_scheduler_epoch(fresh.scheduler), 0);
    for (size_t i = 0; i < fresh.optimizer->parameters->count; i++)
        assert_null(fresh.optimizer->state[i].slot[0]);
    rn_model_destroy(untouched);
    end_run(&fresh);
}

static void files_of_another_run_are_refused(void **state)
{
    const char *directory = rn_test_directory(), *path = rn_test_path(directory, "last"),
               *best = rn_test_path(directory, "best");
    run first = make_run(context, true);
    rn_model *network = make_model(context, "large", "rose"), *table = make_model(context, "small", "tulip");

    (void)state;
    train(&first);
    save_run(&first, path);
    require_refusal(path, network, true, RN_STATE, "of small, the model is large");
    require_refusal(path, table, true, RN_STATE, "class table");
    require_refusal(path, NULL, false, RN_STATE, "adam");
    require_ok(context, rn_model_save(first.model, best, NULL));
    require_refusal(best, NULL, true, RN_FORMAT, "no training file");
    rn_model_destroy(network);
    rn_model_destroy(table);
    end_run(&first);
}

static void damaged_metadata_is_refused(void **state)
{
    static const struct {
        const char *key, *value;
        rn_status status;
        const char *words;
    } wrong[] = {
        { "rn.optimizer", NULL, RN_FORMAT, "rn.optimizer" },
        { "rn.optimizer", "{", RN_FORMAT, "rn.optimizer" },
        { "rn.optimizer", "[]", RN_FORMAT, "rn.optimizer" },
        { "rn.optimizer", "{\"rule\": \"adam\", \"lr\": 0.1}", RN_FORMAT, "steps" },
        { "rn.optimizer", "{\"rule\": \"adam\", \"lr\": \"fast\", \"steps\": {}}", RN_FORMAT, "lr" },
        { "rn.optimizer", "{\"rule\": \"adam\", \"lr\": -1, \"steps\": {}}", RN_FORMAT, "lr" },
        { "rn.optimizer", "{\"rule\": \"adam\", \"lr\": 1e999, \"steps\": {}}", RN_FORMAT, "" },
        { "rn.optimizer", "{\"rule\": \"adam\", \"lr\": 0.1, \"steps\": {\"conv.bias\": 3}}", RN_SHAPE, "conv.bias" },
        { "rn.optimizer", "{\"rule\": \"adam\", \"lr\": 0.1, \"steps\": {\"bn.running_var\": 3}}", RN_FORMAT,
          "bn.running_var" },
        { "rn.optimizer", "{\"rule\": \"adam\", \"lr\": 0.1, \"steps\": {\"fc.bias\": 0}}", RN_FORMAT, "fc.bias" },
        { "rn.optimizer", "{\"rule\": \"adam\", \"lr\": 0.1, \"steps\": {\"fc.bias\": 2.5}}", RN_FORMAT, "fc.bias" },
        { "rn.optimizer", "{\"rule\": \"adam\", \"lr\": 0.1, \"steps\": {\"fc.bias\": 1e17}}", RN_FORMAT, "fc.bias" },
        { "rn.scheduler", NULL, RN_FORMAT, "rn.scheduler" },
        { "rn.scheduler", "{\"epoch\": -1}", RN_FORMAT, "epoch" },
        { "rn.classes", "[[\"daisy\", \"daisy\"]]", RN_STATE, "class table" },
        { "rn.classes", "[[", RN_FORMAT, "rn.classes" },
        { "rn.classes", NULL, RN_STATE, "class table" },
    };
    const char *directory = rn_test_directory(), *good = rn_test_path(directory, "good"),
               *bad = rn_test_path(directory, "bad");
    run first = make_run(context, true);

    (void)state;
    train(&first);
    save_run(&first, good);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        rn_checkpoint *file = NULL;

        require_ok(context, rn_checkpoint_open(&file, context, good, NULL));
        require_ok(context, rn_checkpoint_set_metadata(file, wrong[i].key, wrong[i].value));
        require_ok(context, rn_checkpoint_save(file, bad, RN_FORMAT_SAFETENSORS, NULL));
        rn_checkpoint_destroy(file);
        require_refusal(bad, NULL, true, wrong[i].status, wrong[i].words);
    }
    end_run(&first);
}

/* Writes the good file again without tensor `name` or, if a shape is given, with another in its place. */
static void replace_tensor(const char *good, const char *bad, const char *name, rn_dtype dtype, const int64_t *shape)
{
    rn_checkpoint *file = NULL, *changed = NULL;

    require_ok(context, rn_checkpoint_open(&file, context, good, NULL));
    require_ok(context, rn_checkpoint_create(&changed, context));
    for (size_t i = 0; i < rn_checkpoint_count(file); i++) {
        if (strcmp(rn_checkpoint_name(file, i), name) != 0)
            require_ok(context, rn_checkpoint_add(changed, rn_checkpoint_name(file, i), rn_checkpoint_tensor(file, i)));
    }
    if (shape != NULL) {
        rn_tensor *tensor = NULL;

        require_ok(context, rn_tensor_create(&tensor, context, dtype, 1, shape, RN_ROW_MAJOR));
        require_ok(context, rn_checkpoint_add(changed, name, tensor));
        rn_tensor_destroy(tensor);
    }
    for (size_t i = 0; i < rn_checkpoint_metadata_count(file); i++) {
        const char *key = rn_checkpoint_metadata_key(file, i);

        require_ok(context, rn_checkpoint_set_metadata(changed, key, rn_checkpoint_metadata(file, key)));
    }
    require_ok(context, rn_checkpoint_save(changed, bad, RN_FORMAT_SAFETENSORS, NULL));
    rn_checkpoint_destroy(changed);
    rn_checkpoint_destroy(file);
}

static void damaged_tensors_are_refused_by_name(void **state)
{
    const char *directory = rn_test_directory(), *good = rn_test_path(directory, "good"),
               *bad = rn_test_path(directory, "bad");
    run first = make_run(context, true);

    (void)state;
    train(&first);
    save_run(&first, good);
    replace_tensor(good, bad, "optimizer.exp_avg_sq.fc.bias", RN_FLOAT32, NULL);
    require_refusal(bad, NULL, true, RN_FORMAT, "optimizer.exp_avg_sq.fc.bias");
    replace_tensor(good, bad, "optimizer.exp_avg.fc.bias", RN_FLOAT32, (const int64_t[]){ 3 });
    require_refusal(bad, NULL, true, RN_SHAPE, "exp_avg of fc.bias");
    replace_tensor(good, bad, "optimizer.exp_avg.fc.bias", RN_INT32, (const int64_t[]){ 2 });
    require_refusal(bad, NULL, true, RN_SHAPE, "int32");
    replace_tensor(good, bad, "fc.bias", RN_FLOAT32, NULL);
    require_refusal(bad, NULL, true, RN_SHAPE, "missing: fc.bias");
    replace_tensor(good, bad, "momentum.fc.bias", RN_FLOAT32, (const int64_t[]){ 2 });
    require_refusal(bad, NULL, true, RN_SHAPE, "surplus: momentum.fc.bias");
    end_run(&first);
}

static void state_of_what_the_optimizer_does_not_cover_is_refused(void **state)
{
    const char *path = rn_test_path(rn_test_directory(), "last.safetensors");
    run first = make_run(context, true), head = { .model = make_model(context, "small", "rose") };

    (void)state;
    train(&first);
    save_run(&first, path);
    require_ok(context,
               rn_adam_create(&head.optimizer, rn_model_parameters(head.model), RN_OPTIONS(rn_adam, .pattern = "fc")));
    require_status(context, load_run(&head, path), RN_STATE);
    assert_non_null(strstr(rn_context_message(context), "conv.weight"));
    end_run(&first);
    end_run(&head);
}

static void wrong_arguments_are_refused(void **state)
{
    run first = make_run(context, true);
    rn_checkpoint *file = NULL;

    (void)state;
    require_ok(context, rn_checkpoint_create(&file, context));
    assert_int_equal(rn_training_save(NULL, NULL, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_training_save(first.model, NULL, "x"), RN_INVALID_ARGUMENT);
    require_status(context, rn_training_save(first.model, &(rn_training_state){ 0 }, "x"), RN_INVALID_ARGUMENT);
    require_status(context, rn_training_save(first.model, &(rn_training_state){ .state = "{}" }, NULL),
                   RN_INVALID_ARGUMENT);
    require_status(context, rn_training_save(first.model, &(rn_training_state){ .state = "{}" }, "/nowhere/at/all"),
                   RN_IO);
    assert_int_equal(rn_training_load(NULL, NULL, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_training_load(first.model, NULL, file), RN_INVALID_ARGUMENT);
    require_status(context, rn_training_load(first.model, &(rn_training_state){ 0 }, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_training_load(first.model, &(rn_training_state){ .scheduler = first.scheduler }, file),
                   RN_INVALID_ARGUMENT);
    require_status(context, rn_training_load(first.model, &(rn_training_state){ 0 }, file), RN_FORMAT);
    rn_checkpoint_destroy(file);
    end_run(&first);
}

static void every_failing_allocation_is_answered(void **state)
{
    const char *directory = rn_test_directory(), *from = rn_test_path(directory, "from"),
               *to = rn_test_path(directory, "to");
    run first = make_run(context, true);
    bool whole = false;

    (void)state;
    train(&first);
    save_run(&first, from);
    end_run(&first);
    for (long fail_at = 0; !whole; fail_at++) {
        rn_test_allocator allocator = { .fail_at = -1 };
        rn_context *small = NULL;
        rn_checkpoint *file = NULL;
        rn_status status;
        run own;

        require_ok(NULL,
                   rn_context_create(&small, RN_OPTIONS(rn_context, .threads = 1, .allocate = rn_test_allocate,
                                                        .release = rn_test_release, .allocator_payload = &allocator)));
        own = make_run(small, true);
        allocator.fail_at = allocator.calls + fail_at;
        status = rn_checkpoint_open(&file, small, from, NULL);
        if (status == RN_OK)
            status = rn_training_load(
                own.model, &(rn_training_state){ .optimizer = own.optimizer, .scheduler = own.scheduler }, file);
        if (status == RN_OK)
            status = rn_training_save(
                own.model,
                &(rn_training_state){ .optimizer = own.optimizer, .scheduler = own.scheduler, .state = "{}" }, to);
        whole = allocator.calls <= allocator.fail_at;
        require_status(small, status, whole ? RN_OK : RN_NO_MEMORY);
        rn_checkpoint_destroy(file);
        end_run(&own);
        rn_context_destroy(small);
        assert_int_equal(allocator.live, 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_context, drop_context)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_run_goes_on_as_if_it_had_never_stopped),
        TEST(a_training_file_is_also_a_file_of_weights),
        TEST(state_text_comes_back),
        TEST(a_completed_phase_has_no_optimizer),
        TEST(files_of_another_run_are_refused),
        TEST(damaged_metadata_is_refused),
        TEST(damaged_tensors_are_refused_by_name),
        TEST(state_of_what_the_optimizer_does_not_cover_is_refused),
        TEST(wrong_arguments_are_refused),
        TEST(every_failing_allocation_is_answered),
    };

    return cmocka_run_group_tests_name("store/training_file", tests, NULL, NULL);
}
