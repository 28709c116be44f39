/* SPDX-License-Identifier: MIT */
/*
 * The directory of a run: its lock, and the decision to begin, to go on or to refuse.
 *
 *   last.safetensors   best or history   resume   what happens
 *   no                 no                any      a new run
 *   any                any               no       RN_STATE unless all are absent: nothing is overwritten
 *   no                 yes               yes      RN_STATE: no run of ours leaves this, as last is written first
 *   yes                any               yes      the run goes on, if it is the same run
 */
#define _POSIX_C_SOURCE 200809L
#include "train/train.h"

#include "base/file.h"
#include <string.h>
#include <unistd.h>

/* Makes and locks the directory, so that two processes cannot write one run. */
static rn_status lock_directory(rn_trainer *trainer)
{
    const rn_allocator *allocator = &trainer->context->allocator;
    rn_message *message = &trainer->context->message;
    rn_status status = rn_directory_make(trainer->options.directory, message);
    char *lock_path;

    if (status != RN_OK)
        return status;
    trainer->directory = rn_copy_string(allocator, trainer->options.directory);
    trainer->best_path = rn_path_join(allocator, trainer->options.directory, "best.safetensors");
    trainer->last_path = rn_path_join(allocator, trainer->options.directory, "last.safetensors");
    trainer->history_path = rn_path_join(allocator, trainer->options.directory, "history.jsonl");
    lock_path = rn_path_join(allocator, trainer->options.directory, ".lock");
    if (trainer->directory == NULL || trainer->best_path == NULL || trainer->last_path == NULL ||
        trainer->history_path == NULL || lock_path == NULL)
        status = rn_fail(message, RN_NO_MEMORY, "no memory for the paths in %s", trainer->options.directory);
    else
        status = rn_file_lock(&trainer->lock, lock_path, message);
    trainer->locked = status == RN_OK;
    rn_release(allocator, lock_path);
    return status;
}

/* Takes the state and the weights of last.safetensors over. */
static rn_status take_up_last(rn_trainer *trainer)
{
    const rn_allocator *allocator = &trainer->context->allocator;
    rn_message *message = &trainer->context->message;
    rn_checkpoint *file = NULL;
    rn_train_state found = { 0 };
    rn_status status = rn_checkpoint_open(&file, trainer->context, trainer->last_path, NULL);

    if (status == RN_OK && rn_training_state_text(file) == NULL)
        status = rn_fail(message, RN_FORMAT, "%s is not a training file", trainer->last_path);
    if (status == RN_OK)
        status = rn_train_state_read(&found, rn_training_state_text(file), allocator, message);
    if (status == RN_OK)
        status = rn_train_state_same_run(&trainer->state, &found, trainer->last_path, message);
    if (status == RN_OK)
        status = rn_training_load(trainer->model, &(rn_training_state){ 0 }, file);
    if (status == RN_OK) {
        const rn_train_state mine = trainer->state;

        trainer->state = found;
        found = mine;
        trainer->has_last = true;
    }
    rn_train_state_release(&found, allocator);
    rn_checkpoint_destroy(file);
    return status;
}

static rn_status begin_or_resume(rn_trainer *trainer)
{
    rn_message *message = &trainer->context->message;
    const bool last = access(trainer->last_path, F_OK) == 0;
    const bool others = access(trainer->best_path, F_OK) == 0 || access(trainer->history_path, F_OK) == 0;
    rn_status status;

    if (!last && !others)
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
    return status;
}

rn_status rn_trainer_take_directory(rn_trainer *trainer)
{
    rn_status status = lock_directory(trainer);

    if (status == RN_OK)
        status = begin_or_resume(trainer);
    /* Under the lock nobody is writing what a killed process left. */
    for (size_t i = 0; status == RN_OK && i < 3; i++) {
        const char *const files[3] = { trainer->best_path, trainer->last_path, trainer->history_path };

        status = rn_file_replace_clean(&trainer->context->allocator, files[i], &trainer->context->message);
    }
    return status;
}
