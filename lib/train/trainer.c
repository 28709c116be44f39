/* SPDX-License-Identifier: MIT */
/*
 * Making a trainer: the class tables agree, the loaders, what tells this run from others. run_directory.c decides
 * whether it begins or goes on.
 */
#include "train/shared.h"
#include "train/slices.h"

#include "base/file.h"
#include "base/options.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

RN_NO_TAIL_PADDING(rn_progress, loading_seconds);
RN_NO_TAIL_PADDING(rn_trainer_options, feature_file);

static rn_status check_options(const rn_trainer_options *options, const rn_model *model, rn_message *message)
{
    if (options->views < 0 || options->views > RN_STATE_VIEWS)
        return rn_fail(message, RN_INVALID_ARGUMENT, "%d views of each photo: 0 to %d are possible",
                       (int)options->views, (int)RN_STATE_VIEWS);
    if (options->batch_size < 0)
        return rn_fail(message, RN_INVALID_ARGUMENT, "a batch of %d photos makes no sense", options->batch_size);
    if (options->resume != 0 && options->directory == NULL)
        return rn_fail(message, RN_INVALID_ARGUMENT, "there is no directory to resume from");
    if (options->feature_file != NULL && options->collective != NULL)
        return rn_fail(message, RN_UNSUPPORTED, "a file of features of several processes");
    if ((options->directory != NULL && options->directory[0] == '\0') ||
        (options->feature_file != NULL && options->feature_file[0] == '\0'))
        return rn_fail(message, RN_INVALID_ARGUMENT, "the name of the directory, or of feature_file, is empty");
    if (rn_check_precision(options->precision, message) != RN_OK)
        return RN_INVALID_ARGUMENT;
    if (rn_model_pipeline(model) == NULL || rn_model_training_pipeline(model) == NULL)
        return rn_fail(message, RN_STATE,
                       "the model lacks its preprocessing: rn_model_set_pipeline, rn_model_set_training_pipeline");
    return RN_OK;
}

/*
 * The model's table and those of both datasets must agree; a model without a table takes that of the training photos.
 */
static rn_status agree_on_classes(rn_model *model, const rn_dataset *train, const rn_dataset *valid,
                                  rn_message *message)
{
    rn_status status = RN_OK;

    if (rn_model_classes(model) == NULL)
        status = rn_model_set_classes(model, rn_dataset_classes(train));
    if (status == RN_OK)
        status = rn_same_classes(rn_model_classes(model), rn_dataset_classes(train), "training", message);
    if (status == RN_OK)
        status = rn_same_classes(rn_model_classes(model), rn_dataset_classes(valid), "validation", message);
    return status;
}

static rn_status make_loaders(rn_trainer *trainer, rn_dataset *train, rn_dataset *valid)
{
    const rn_trainer_options *options = &trainer->options;
    int64_t height, width;
    rn_status status;

    rn_model_input_size(trainer->model, NULL, &height, &width);
    status = rn_loader_create(&trainer->train, train, rn_model_training_pipeline(trainer->model),
                              RN_OPTIONS(rn_loader, .seed = trainer->state.seed, .batch_size = options->batch_size,
                                         .shuffle = 1, .bad_photos = options->bad_photos, .avoid_single = 1,
                                         .height = (int32_t)height, .width = (int32_t)width, .views = options->views,
                                         .balanced = trainer->state.balanced));

    if (status != RN_OK)
        return status;
    return rn_loader_create(&trainer->valid, valid, rn_model_pipeline(trainer->model),
                            RN_OPTIONS(rn_loader, .batch_size = options->batch_size, .bad_photos = options->bad_photos,
                                       .height = (int32_t)height, .width = (int32_t)width));
}

/* One of the loaders keeps prepared photos, in the file that is its own. */
static rn_status keep_photos(rn_trainer *trainer, rn_loader *loader, const char *ending)
{
    const rn_allocator *const allocator = &trainer->context->allocator;
    const char *const name = trainer->options.cache_file;
    const size_t size = name != NULL ? strlen(name) + 32 : 0;
    char *path = NULL;
    rn_status status;

    if (name != NULL) {
        path = rn_allocate(allocator, size);
        if (path == NULL)
            return rn_fail(&trainer->context->message, RN_NO_MEMORY, "no memory for a name");
        if (trainer->team.engine.rank > 0)
            snprintf(path, size, "%s%s.%d", name, ending, (int)trainer->team.engine.rank);
        else
            snprintf(path, size, "%s%s", name, ending);
    }
    status = rn_loader_keep_photos(loader, path, &trainer->photo_room);
    rn_release(allocator, path);
    return status;
}

static rn_status cache_photos(rn_trainer *trainer)
{
    rn_status status = RN_OK;

    if (trainer->options.cache_size > 0 || trainer->options.cache_file != NULL) {
        atomic_init(&trainer->photo_room, rn_photo_room_of(trainer->options.cache_size));
        status = keep_photos(trainer, trainer->train, "");
        if (status == RN_OK)
            status = keep_photos(trainer, trainer->valid, ".valid");
    }
    trainer->options.cache_file = NULL; /* the caller's */
    return status;
}

/* Batches of training are cut into slices, of which this process reads its own, and every so many-th of validation. */
static rn_status share_work(rn_trainer *trainer)
{
    rn_status status = rn_slices_create(&trainer->slices, trainer->model, &trainer->team, trainer->state.slices);

    if (status != RN_OK)
        return status;
    rn_loader_set_share(trainer->train, rn_slices_share, trainer->slices);
    rn_loader_set_share(trainer->valid, rn_validation_share, &trainer->team);
    if (trainer->state.batch_size < 2 * trainer->state.slices && rn_team_leads(&trainer->team))
        rn_context_log(trainer->context, RN_LOG_WARNING,
                       "batches of %d photos in %d slices: batch norms see less than two photos at a time",
                       (int)trainer->state.batch_size, (int)trainer->state.slices);
    return RN_OK;
}

static rn_status identify_run(rn_trainer *trainer, const rn_dataset *train, const rn_dataset *valid)
{
    const rn_allocator *allocator = &trainer->context->allocator;
    rn_train_state *state = &trainer->state;

    state->bfloat16 = rn_context_wants_pairs(trainer->context, trainer->options.precision);
    state->seed = trainer->options.seed != 0 ? trainer->options.seed : trainer->context->seed;
    state->batch_size = trainer->options.batch_size != 0 ? trainer->options.batch_size : 8;
    state->views = trainer->options.views;
    state->balanced = trainer->options.balanced != 0;
    state->slices = trainer->options.slices;
    if (state->slices == 0 && trainer->options.collective != NULL)
        state->slices = 8;
    state->train_photos = rn_photos_id(train);
    state->valid_photos = rn_photos_id(valid);
    state->network = rn_copy_string(allocator, rn_model_name(trainer->model));
    state->pipeline = rn_copy_string(allocator, rn_pipeline_text(rn_model_pipeline(trainer->model)));
    state->training_pipeline = rn_copy_string(allocator, rn_pipeline_text(rn_model_training_pipeline(trainer->model)));
    if (trainer->options.feature_file != NULL)
        trainer->feature_path = rn_copy_string(allocator, trainer->options.feature_file);
    if ((trainer->options.feature_file != NULL && trainer->feature_path == NULL) || state->network == NULL ||
        state->pipeline == NULL || state->training_pipeline == NULL)
        return rn_fail(&trainer->context->message, RN_NO_MEMORY, "no memory for the state of the training");
    return RN_OK;
}

/* What each process does by itself, before the others are asked. */
static rn_status set_up_alone(rn_trainer *trainer, rn_dataset *train, rn_dataset *valid)
{
    rn_message *message = &trainer->context->message;
    rn_status status = check_options(&trainer->options, trainer->model, message);

    if (status == RN_OK)
        status = agree_on_classes(trainer->model, train, valid, message);
    if (status == RN_OK)
        status = identify_run(trainer, train, valid);
    if (status == RN_OK)
        status = make_loaders(trainer, train, valid);
    if (status == RN_OK)
        status = cache_photos(trainer);
    if (status == RN_OK && trainer->state.slices != 0)
        status = share_work(trainer);
    return status;
}

static rn_status set_up(rn_trainer *trainer, rn_dataset *train, rn_dataset *valid)
{
    rn_team *const team = &trainer->team;
    rn_status status = rn_team_agree(team, set_up_alone(trainer, train, valid));

    if (status == RN_OK && team->engine.size > 1)
        status = rn_trainer_compare(trainer);
    if (status == RN_OK && trainer->options.directory != NULL)
        status = rn_trainer_take_directory(trainer);
    trainer->options.directory = NULL; /* the caller's */
    trainer->options.collective = NULL;
    trainer->options.feature_file = NULL;
    if (status == RN_OK && rn_team_leads(team))
        status = rn_trainer_say_doubts(trainer, train, valid);
    return rn_team_agree(team, status);
}

rn_status rn_trainer_create(rn_trainer **trainer, rn_model *model, rn_dataset *train, rn_dataset *valid,
                            const rn_trainer_options *given)
{
    rn_trainer_options options;
    rn_trainer *made;
    rn_team team;
    rn_status status;

    if (trainer == NULL)
        return rn_fail_null("rn_trainer_create", "trainer");
    *trainer = NULL;
    if (model == NULL)
        return rn_fail_null("rn_trainer_create", "model");
    if (train == NULL || valid == NULL)
        return rn_fail(&model->context->message, RN_INVALID_ARGUMENT, "a trainer needs training and validation photos");
    status = rn_options_read(&options, sizeof options, given, &model->context->message);
    if (status == RN_OK)
        status = rn_team_begin(&team, model->context, options.collective);
    if (status != RN_OK)
        return status;
    made = rn_allocate_zeroed(&model->context->allocator, 1, sizeof *made);
    if (made == NULL)
        return rn_team_end(&team, rn_fail(&model->context->message, RN_NO_MEMORY, "no memory for a trainer"));
    made->team = team;
    made->context = model->context;
    rn_context_retain(made->context);
    made->model = model;
    rn_model_retain(model);
    made->options = options;
    status = rn_team_end(&made->team, set_up(made, train, valid));
    if (status == RN_OK)
        *trainer = made;
    else
        rn_trainer_destroy(made);
    return status;
}

void rn_trainer_destroy(rn_trainer *trainer)
{
    rn_context *context;

    if (trainer == NULL)
        return;
    context = trainer->context;
    rn_ema_destroy(trainer->ema);
    rn_scheduler_destroy(trainer->scheduler);
    rn_optimizer_destroy(trainer->optimizer);
    rn_trainer_drop_sessions(trainer);
    rn_slices_destroy(trainer->slices);
    rn_loader_destroy(trainer->train);
    rn_loader_destroy(trainer->valid);
    rn_values_release(trainer->best_values, trainer->model);
    rn_train_state_release(&trainer->state, &context->allocator);
    if (trainer->locked)
        rn_file_unlock(trainer->lock);
    rn_release(&context->allocator, trainer->directory);
    rn_release(&context->allocator, trainer->best_path);
    rn_release(&context->allocator, trainer->last_path);
    rn_release(&context->allocator, trainer->history_path);
    rn_release(&context->allocator, trainer->times_path);
    rn_release(&context->allocator, trainer->feature_path);
    rn_model_destroy(trainer->model);
    rn_release(&context->allocator, trainer);
    rn_context_release(context);
}

double rn_trainer_best_accuracy(const rn_trainer *trainer)
{
    return trainer != NULL && trainer->state.best.exists ? trainer->state.best.accuracy : NAN;
}
