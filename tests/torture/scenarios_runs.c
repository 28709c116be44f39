/* SPDX-License-Identifier: MIT */
/* Models, datasets and whole runs. */
#include "store/store.h"
#include "torture/torture.h"
#include "train/runs.h"
#include "train/train.h"

#include <unistd.h>

#define INSIDE(place, name) rn_test_path((place)->directory, name)

static const char *photos(void)
{
    static const char *directory;

    if (directory == NULL)
        directory = rn_test_photo_directory();
    return directory;
}

static void make_tiny(torture_place *place)
{
    require_ok(place->context,
               rn_image_folder_open(&place->train, place->context, rn_test_path(photos(), "train"), NULL));
    require_ok(place->context,
               rn_image_folder_open(&place->valid, place->context, rn_test_path(photos(), "valid"), NULL));
    place->model = rn_test_network(place->context, rn_dataset_classes(place->train), 5);
}

static void make_zoo_model(torture_place *place)
{
    static const char *const folders[] = { "a", "b" };
    rn_classes *classes;

    require_ok(place->context, rn_classes_create(&classes, place->context, folders, NULL, 2));
    require_ok(place->context, rn_model_create(&place->model, place->context, "cifar_resnet20",
                                               RN_OPTIONS(rn_model, .classes = classes, .height = 16, .width = 16)));
    rn_classes_destroy(classes);
}

static rn_status save_model(torture_place *place)
{
    return rn_model_save(place->model, INSIDE(place, "target"), NULL);
}

static void put_model(torture_place *place)
{
    make_zoo_model(place);
    require_ok(place->context, rn_model_save(place->model, INSIDE(place, "model"), NULL));
}

static rn_status open_model(torture_place *place)
{
    rn_model *model;
    const rn_status status = rn_model_open(&model, place->context, INSIDE(place, "model"), NULL);

    rn_model_destroy(model);
    return status;
}

/* All or nothing: a load that fails leaves every value as it was. */
static rn_status load_model(torture_place *place)
{
    const uint64_t before = rn_weights_id(place->model);
    const rn_status status = rn_model_load(place->model, INSIDE(place, "model"), NULL);

    return status != RN_OK && rn_weights_id(place->model) != before ? RN_INTERNAL : status;
}

static void put_other_model(torture_place *place)
{
    put_model(place);
    require_ok(place->context, rn_tensor_fill(((rn_model *)place->model)->graph->parameters->entry[0].value, 0.5));
}

/* A warm-up and milestones: what of the schedulers takes memory. */
static rn_status make_schedule(rn_scheduler **schedule, rn_optimizer *optimizer)
{
    static const int64_t milestones[] = { 2, 4, 4 };
    rn_scheduler *parts[2] = { NULL };
    rn_status status = rn_linear_lr_create(&parts[0], optimizer, NULL);

    if (status == RN_OK)
        status = rn_multi_step_lr_create(&parts[1], optimizer,
                                         RN_OPTIONS(rn_multi_step_lr, .milestones = milestones, .milestone_count = 3));
    if (status == RN_OK)
        status = rn_sequential_lr_create(
            schedule, optimizer,
            RN_OPTIONS(rn_sequential_lr, .schedulers = parts, .scheduler_count = 2, .milestones = milestones));
    if (status != RN_OK) {
        rn_scheduler_destroy(parts[0]);
        rn_scheduler_destroy(parts[1]);
    }
    return status;
}

static rn_status save_training(torture_place *place)
{
    rn_training_state state = { .state = "{\"epoch\": 3}" };
    rn_status status =
        rn_adam_create(&state.optimizer, rn_model_parameters(place->model), RN_OPTIONS(rn_adam, .lr = 0.1));

    if (status == RN_OK)
        status = make_schedule(&state.scheduler, state.optimizer);
    if (status == RN_OK)
        status = rn_training_save(place->model, &state, INSIDE(place, "target"));
    rn_scheduler_destroy(state.scheduler);
    rn_optimizer_destroy(state.optimizer);
    return status;
}

static void put_training(torture_place *place)
{
    make_tiny(place);
    require_ok(place->context, save_training(place));
}

static void put_states(torture_place *place)
{
    rn_optimizer *adam = NULL;

    make_tiny(place);
    require_ok(place->context, rn_checkpoint_create(&place->file, place->context));
    require_ok(place->context, rn_adam_create(&adam, rn_model_parameters(place->model), NULL));
    require_ok(place->context, rn_model_state_dict(place->file, place->model));
    require_ok(place->context, rn_optimizer_state_dict(place->file, adam));
    rn_optimizer_destroy(adam);
}

static rn_status export_training(torture_place *place)
{
    return rn_training_export(place->file, INSIDE(place, "target"), NULL);
}

static rn_status load_training(torture_place *place)
{
    rn_training_state state = { 0 };
    rn_checkpoint *file = NULL;
    rn_status status =
        rn_adam_create(&state.optimizer, rn_model_parameters(place->model), RN_OPTIONS(rn_adam, .lr = 0.2));

    if (status == RN_OK)
        status = make_schedule(&state.scheduler, state.optimizer);
    if (status == RN_OK)
        status = rn_checkpoint_open(&file, place->context, INSIDE(place, "target"), NULL);
    if (status == RN_OK)
        status = rn_training_load(place->model, &state, file);
    rn_checkpoint_destroy(file);
    rn_scheduler_destroy(state.scheduler);
    rn_optimizer_destroy(state.optimizer);
    return status;
}

static rn_status open_image_folder(torture_place *place)
{
    rn_dataset *dataset;
    const rn_status status = rn_image_folder_open(&dataset, place->context, rn_test_path(photos(), "train"), NULL);

    rn_dataset_destroy(dataset);
    return status;
}

static rn_status load_batches(torture_place *place)
{
    rn_loader *loader;
    rn_status status = rn_loader_create(&loader, place->train, rn_model_pipeline(place->model),
                                        RN_OPTIONS(rn_loader, .batch_size = 8));

    if (status == RN_OK)
        status = rn_loader_start(loader, 0);
    for (const rn_batch *batch = NULL; status == RN_OK;) {
        status = rn_loader_next(&batch, loader);
        if (status != RN_OK || batch == NULL)
            break;
    }
    rn_loader_destroy(loader);
    return status == RN_END ? RN_OK : status;
}

static rn_status write_history(torture_place *place)
{
    const rn_allocator allocator = rn_default_allocator();
    const rn_phase phase = { .name = (char *)"all", .epochs = 1 };
    const rn_history_row row = { .train_loss = 2, .valid_loss = 1.5, .lr = 0.01 };
    rn_train_state state = { 0 };
    rn_status status = rn_train_state_add_phase(&state, &phase, &allocator, NULL);

    (void)place;
    if (status == RN_OK)
        status = rn_train_state_add_row(&state, &row, &allocator, NULL);
    if (status == RN_OK)
        status = rn_history_write(&state, INSIDE(place, "target"), &allocator, NULL);
    rn_train_state_release(&state, &allocator);
    return status;
}

static rn_status train_or_resume(torture_place *place, int resume)
{
    rn_trainer *trainer;
    rn_status status = rn_trainer_create(
        &trainer, place->model, place->train, place->valid,
        RN_OPTIONS(rn_trainer, .directory = INSIDE(place, "run"), .resume = resume, .batch_size = RUN_TRAIN * 2));

    if (status == RN_OK)
        status = rn_trainer_fit(trainer, RN_OPTIONS(rn_fit, .phase = "all", .epochs = 1, .lr = 1e-2));
    rn_trainer_destroy(trainer);
    return status;
}

static rn_status train(torture_place *place)
{
    return train_or_resume(place, 0);
}

static rn_status resume(torture_place *place)
{
    return train_or_resume(place, 1);
}

static int32_t cancel(const rn_progress *progress, void *payload)
{
    (void)progress;
    (void)payload;
    return 1;
}

static void begin_run(torture_place *place)
{
    rn_trainer *trainer;

    make_tiny(place);
    require_ok(place->context, rn_trainer_create(&trainer, place->model, place->train, place->valid,
                                                 RN_OPTIONS(rn_trainer, .directory = INSIDE(place, "run"),
                                                            .batch_size = RUN_TRAIN * 2, .progress = cancel)));
    require_status(place->context, rn_trainer_fit(trainer, RN_OPTIONS(rn_fit, .phase = "all", .epochs = 1, .lr = 1e-2)),
                   RN_CANCELLED);
    rn_trainer_destroy(trainer);
}

/* Whatever failed, the run goes on from there and ends as one that nothing happened to. */
static void run_can_be_finished(torture_place *place)
{
    static const char *undisturbed;
    torture_place again = { .directory = place->directory, .context = rn_test_context(1, RN_ISA_AUTO) };

    make_tiny(&again);
    require_ok(again.context, train_or_resume(&again, 1));
    rn_model_destroy(again.model);
    rn_dataset_destroy(again.train);
    rn_dataset_destroy(again.valid);
    if (undisturbed == NULL) {
        undisturbed = rn_test_directory();
        for (int i = 0; i < 3; i++) {
            static const char *const names[] = { "best.safetensors", "last.safetensors", "history.jsonl" };

            rn_test_copy_file(rn_test_path(undisturbed, names[i]), rn_test_path(INSIDE(place, "run"), names[i]));
        }
    }
    rn_test_same_results(INSIDE(place, "run"), undisturbed);
    rn_context_destroy(again.context);
}

static rn_status predict(torture_place *place)
{
    rn_predictions *predictions;
    const rn_status status =
        rn_predict_file(&predictions, place->model, rn_test_path(photos(), "train/class0/train_000.bmp"), NULL);

    rn_predictions_destroy(predictions);
    return status;
}

const torture_scenario torture_runs[] = {
    { "save a model", make_zoo_model, save_model, NULL, "target" },
    { "open a model", put_model, open_model, NULL, NULL },
    { "load a model", put_other_model, load_model, NULL, NULL },
    { "save a training file", make_tiny, save_training, NULL, "target" },
    { "export a training", put_states, export_training, NULL, "target" },
    { "load a training file", put_training, load_training, NULL, NULL },
    { "open an image folder", NULL, open_image_folder, NULL, NULL },
    { "load batches", make_tiny, load_batches, NULL, NULL },
    { "write a history", NULL, write_history, NULL, "target" },
    { "train", make_tiny, train, run_can_be_finished, NULL },
    { "resume", begin_run, resume, run_can_be_finished, NULL },
    { "predict", make_tiny, predict, NULL, NULL },
    { 0 },
};
