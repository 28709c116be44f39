/* SPDX-License-Identifier: MIT */
/*
 * The directory of a run: its lock, and the decision to begin, to go on or to refuse. Of several processes the first
 * decides.
 *
 *   last.safetensors   best or history   resume   what happens
 *   no                 no                any      a new run
 *   any                any               no       RN_STATE unless all are absent: nothing is overwritten
 *   no                 yes               yes      RN_STATE: no run of ours leaves this, as last is written first
 *   yes                any               yes      the run goes on, if it is the same run
 *   without a batch    no                any      a new run: the old one ended before its first batch was done
 */
#define _POSIX_C_SOURCE 200809L
#include "train/shared.h"

#include "base/file.h"
#include "store/keys.h"
#include <string.h>
#include <unistd.h>

static rn_status name_files(rn_trainer *trainer)
{
    const rn_allocator *allocator = &trainer->context->allocator;

    trainer->directory = rn_copy_string(allocator, trainer->options.directory);
    trainer->best_path = rn_path_join(allocator, trainer->options.directory, "best.safetensors");
    trainer->last_path = rn_path_join(allocator, trainer->options.directory, "last.safetensors");
    trainer->history_path = rn_path_join(allocator, trainer->options.directory, "history.jsonl");
    trainer->times_path = rn_path_join(allocator, trainer->options.directory, "times.jsonl");
    if (trainer->directory == NULL || trainer->best_path == NULL || trainer->last_path == NULL ||
        trainer->history_path == NULL || trainer->times_path == NULL)
        return rn_fail(&trainer->context->message, RN_NO_MEMORY, "no memory for the paths in %s",
                       trainer->options.directory);
    return RN_OK;
}

/* Makes and locks the directory, so that two processes cannot write one run. */
static rn_status lock_directory(rn_trainer *trainer)
{
    const rn_allocator *allocator = &trainer->context->allocator;
    rn_message *message = &trainer->context->message;
    rn_status status = rn_directory_make(trainer->directory, message);
    char *lock_path;

    if (status != RN_OK)
        return status;
    lock_path = rn_path_join(allocator, trainer->directory, ".lock");
    if (lock_path == NULL)
        status = rn_fail(message, RN_NO_MEMORY, "no memory for the paths in %s", trainer->directory);
    else
        status = rn_file_lock(&trainer->lock, lock_path, message);
    trainer->locked = status == RN_OK;
    rn_release(allocator, lock_path);
    return status;
}

/* True if (phase, epoch) of a best file is not before the place where the state stands: a run killed between writing
 * best and last leaves such a one, and writes it once more. */
static bool is_ahead(const rn_train_state *state, const char *phase, int32_t epoch)
{
    const rn_phase *const open = rn_train_state_open_phase(state), *const named =
                                                                       rn_train_state_find_phase(state, phase);

    return named != NULL && named == open && epoch >= state->epoch;
}

/* best.safetensors is there, whole, and the one that the state speaks of, or one of the phase that is open (*ahead). */
static rn_status check_best(bool *ahead, const rn_trainer *trainer, const rn_train_state *state)
{
    const rn_allocator *const allocator = &trainer->context->allocator;
    rn_message *const message = &trainer->context->message;
    rn_checkpoint *file = NULL;
    char *phase = NULL;
    int32_t epoch = 0;
    uint64_t id = 0;
    const char *text;
    rn_status status;

    *ahead = false;
    if (!state->best.exists)
        return RN_OK;
    status = rn_checkpoint_open(&file, trainer->context, trainer->best_path, NULL);
    if (status == RN_OK)
        status = rn_file_check_seal(file, trainer->best_path, message);
    if (status == RN_OK) {
        text = rn_checkpoint_metadata(file, RN_KEY_STATE);
        status = text != NULL ? rn_best_read(&id, &phase, &epoch, text, allocator, message)
                              : rn_fail(message, RN_FORMAT, "%s is not of a run", trainer->best_path);
    }
    *ahead = status == RN_OK && id != state->best.id && is_ahead(state, phase, epoch);
    if (status == RN_OK && id != state->best.id && !*ahead)
        status = rn_fail(
            message, RN_FORMAT, "%s holds other weights (%016llx) than the best ones that %s belongs with (%016llx)",
            trainer->best_path, (unsigned long long)id, trainer->last_path, (unsigned long long)state->best.id);
    rn_release(allocator, phase);
    rn_checkpoint_destroy(file);
    return status;
}

/* The names that people see: those of the run, unless others were given. */
static rn_status keep_display_names(rn_trainer *trainer, const rn_checkpoint *file)
{
    const rn_classes *const ours = rn_model_classes(trainer->model);
    rn_classes *theirs = NULL;
    bool given = false, differ = false;
    rn_status status = rn_file_classes(&theirs, trainer->context, file, trainer->last_path);

    for (size_t i = 0; status == RN_OK && theirs != NULL && i < rn_classes_count(ours); i++) {
        given = given || strcmp(rn_classes_name(ours, i), rn_classes_folder(ours, i)) != 0;
        differ = differ || strcmp(rn_classes_name(ours, i), rn_classes_name(theirs, i)) != 0;
    }
    if (status == RN_OK && differ && !given)
        status = rn_model_set_classes(trainer->model, theirs);
    else if (status == RN_OK && differ)
        rn_context_log(trainer->context, RN_LOG_WARNING,
                       "the classes have other display names than in %s; those given now are used", trainer->last_path);
    rn_classes_destroy(theirs);
    return status;
}

/* What last.safetensors says, checked whole. */
static rn_status read_last(rn_checkpoint **file, rn_train_state *found, const rn_trainer *trainer)
{
    rn_message *const message = &trainer->context->message;
    rn_status status = rn_checkpoint_open(file, trainer->context, trainer->last_path, NULL);

    if (status == RN_OK && rn_training_state_text(*file) == NULL)
        status = rn_fail(message, RN_FORMAT, "%s is not a training file", trainer->last_path);
    if (status == RN_OK)
        status = rn_file_check_seal(*file, trainer->last_path, message);
    if (status == RN_OK)
        status = rn_train_state_read(found, rn_training_state_text(*file), &trainer->context->allocator, message);
    return status;
}

/* A phase of which no batch was done binds nobody: another may begin in its place, with the same weights. */
static bool drop_empty_phase(rn_train_state *state, const rn_allocator *allocator)
{
    if (rn_train_state_open_phase(state) == NULL || state->epoch > 0 || state->batch > 0)
        return false;
    rn_release(allocator, state->phase[--state->phase_count].name);
    return true;
}

/* A fit that averages and keeps its last weights ends with their average, which stands beside them in the file. */
static rn_status take_average(const rn_trainer *trainer, const rn_checkpoint *file)
{
    rn_ema *ema = NULL;
    rn_status status;

    if (rn_checkpoint_metadata(file, RN_KEY_EMA) == NULL)
        return RN_OK;
    status = rn_ema_create(&ema, rn_model_parameters(trainer->model), NULL);
    if (status == RN_OK)
        status = rn_ema_load_state_dict(ema, file);
    if (status == RN_OK)
        status = rn_ema_swap(ema);
    rn_ema_destroy(ema);
    return status;
}

/*
 * No weight comes of validation photos: others, as where a damaged one was taken out, do not lock a run. But a best
 * that is ahead of the state is to be written once more, and only the same photos are sure to find it the best again.
 */
static rn_status accept_validation(const rn_trainer *trainer, const rn_train_state *found, bool ahead)
{
    if (found->valid_photos == trainer->state.valid_photos)
        return RN_OK;
    if (ahead)
        return rn_fail(&trainer->context->message, RN_STATE,
                       "%s was begun with other validation photos, and ended while it wrote its best: they are needed "
                       "for one more epoch",
                       trainer->last_path);
    rn_context_log(trainer->context, RN_LOG_WARNING,
                   "%s was begun with other validation photos: the figures of its epochs so far, and the best of them, "
                   "are of those, what follows is of the ones that are there now",
                   trainer->last_path);
    return RN_OK;
}

/* Takes the state and the weights of last.safetensors over. */
static rn_status take_up_last(rn_trainer *trainer)
{
    rn_checkpoint *file = NULL;
    rn_train_state found = { 0 };
    bool ahead = false;
    rn_status status = read_last(&file, &found, trainer);

    if (status == RN_OK)
        status = rn_train_state_same_run(&trainer->state, &found, trainer->last_path, &trainer->context->message);
    if (status == RN_OK)
        status = check_best(&ahead, trainer, &found);
    if (status == RN_OK)
        status = accept_validation(trainer, &found, ahead);
    if (status == RN_OK)
        status = rn_training_load(trainer->model, &(rn_training_state){ 0 }, file);
    if (status == RN_OK)
        status = keep_display_names(trainer, file);
    if (status == RN_OK) {
        const rn_train_state mine = trainer->state;

        found.valid_photos = mine.valid_photos;
        trainer->state = found;
        found = mine;
        /* A best that is ahead is of its first epoch: that phase comes first. */
        trainer->at_start = !ahead && drop_empty_phase(&trainer->state, &trainer->context->allocator);
    }
    rn_train_state_release(&found, &trainer->context->allocator);
    /* Between two phases a run stands on the best weights; the file has those of the last epoch. */
    if (status == RN_OK && !trainer->at_start && rn_train_state_open_phase(&trainer->state) == NULL) {
        if (trainer->options.keep_last != 0)
            status = take_average(trainer, file);
        else if (trainer->state.best.exists)
            status = rn_trainer_read_best(trainer);
    }
    rn_checkpoint_destroy(file);
    return status;
}

/* A run that failed before its first batch was done has nothing to lose, and nothing to go on with. */
static bool is_blank(const rn_trainer *trainer)
{
    const rn_message kept = trainer->context->message;
    rn_checkpoint *file = NULL;
    rn_train_state found = { 0 };
    const bool blank = read_last(&file, &found, trainer) == RN_OK && found.phase_count <= 1 && found.row_count == 0 &&
                       found.batch == 0;

    rn_train_state_release(&found, &trainer->context->allocator);
    rn_checkpoint_destroy(file);
    trainer->context->message = kept;
    return blank;
}

static rn_status begin_or_resume(rn_trainer *trainer)
{
    rn_message *message = &trainer->context->message;
    const bool last = access(trainer->last_path, F_OK) == 0;
    const bool others = access(trainer->best_path, F_OK) == 0 || access(trainer->history_path, F_OK) == 0;
    rn_status status;

    if (!others && (!last || is_blank(trainer)))
        return RN_OK;
    if (trainer->options.resume == 0)
        return rn_fail(message, RN_STATE, "%s holds a run already: resume it or take another directory",
                       trainer->directory);
    if (!last)
        return rn_fail(message, RN_STATE,
                       "%s holds no last.safetensors to resume from, and what it holds would be overwritten",
                       trainer->directory);
    status = take_up_last(trainer);
    if (status == RN_OK) /* a kill between last and history left the latter a line short */
        status = rn_history_write(&trainer->state, trainer->history_path, &trainer->context->allocator, message);
    if (status == RN_OK)
        status = rn_times_modernise(trainer->times_path, &trainer->context->allocator, message);
    return status;
}

static rn_status take_directory(rn_trainer *trainer)
{
    rn_status status = lock_directory(trainer);

    if (status == RN_OK)
        status = begin_or_resume(trainer);
    /* Under the lock nobody is writing what a killed process left. */
    for (size_t i = 0; status == RN_OK && i < 4; i++) {
        const char *const files[4] = { trainer->best_path, trainer->last_path, trainer->history_path,
                                       trainer->times_path };

        status = rn_file_replace_clean(&trainer->context->allocator, files[i], &trainer->context->message);
    }
    return status;
}

rn_status rn_trainer_take_directory(rn_trainer *trainer)
{
    rn_status status = name_files(trainer);

    if (status == RN_OK && rn_team_leads(&trainer->team))
        status = take_directory(trainer);
    status = rn_team_agree(&trainer->team, status);
    return status == RN_OK ? rn_share_run(trainer) : status;
}
