/* SPDX-License-Identifier: MIT */
/*
 * Beginning a fit: which phase it is, and an optimizer and a scheduler for it, fresh or from last.safetensors. A new
 * optimizer for each phase, so that what an earlier one set (its rate, its moments, its idea of what is trainable)
 * cannot reach into the next.
 */
#include "train/fit.h"
#include "train/shared.h"

/* More epochs than it was begun with: the last phase of a run goes on where its last epoch ended. */
static rn_status may_extend(const rn_trainer *trainer, const rn_phase *known, const rn_phase *wanted,
                            const rn_fit_options *options)
{
    const rn_train_state *const state = &trainer->state;
    rn_message *const message = &trainer->context->message;

    if (rn_phase_schedule_ends(options))
        return rn_fail(message, RN_STATE,
                       "the rates of phase \"%s\" were laid out for %d epochs: it cannot go on for %d. Call a phase of "
                       "another name",
                       known->name, known->epochs, wanted->epochs);
    if (known != &state->phase[state->phase_count - 1])
        return rn_fail(message, RN_STATE,
                       "phase \"%s\" cannot go on for %d epochs: phase \"%s\" has followed it. Call a phase of another "
                       "name",
                       known->name, wanted->epochs, state->phase[state->phase_count - 1].name);
    if (known->complete && trainer->at_start)
        return rn_fail(
            message, RN_STATE,
            "phase \"%s\" cannot go on for %d epochs: another has begun after it. Call a phase of another name",
            known->name, wanted->epochs);
    if (known->complete && trainer->directory == NULL)
        return rn_fail(message, RN_STATE, "phase \"%s\" is complete; without a directory it cannot go on", known->name);
    return RN_OK;
}

rn_status rn_phase_decide(rn_phase **phase, rn_trainer *trainer, const rn_phase *wanted, const rn_fit_options *options)
{
    rn_message *message = &trainer->context->message;
    rn_phase *known = rn_train_state_find_phase(&trainer->state, wanted->name);
    const rn_phase *open = rn_train_state_open_phase(&trainer->state);

    *phase = known;
    if (trainer->failed)
        return rn_fail(
            message, RN_STATE,
            "an earlier fit failed: make a new trainer, which can resume from the directory if there is one");
    if (known != NULL) {
        const rn_status status = rn_phase_check_same(known, wanted, message);

        if (status != RN_OK)
            return status;
        if (wanted->epochs > known->epochs)
            return may_extend(trainer, known, wanted, options);
        return known->complete && known->used
                   ? rn_fail(message, RN_STATE, "a phase \"%s\" was trained already", known->name)
                   : RN_OK;
    }
    if (open != NULL)
        return rn_fail(message, RN_STATE,
                       "phase \"%s\" was interrupted and comes first: call it again (its callback may end it)",
                       open->name);
    return RN_OK;
}

/* Weights, optimizer and scheduler of the phase that was interrupted. */
static rn_status read_last(rn_trainer *trainer)
{
    rn_checkpoint *file = NULL;
    rn_status status = rn_checkpoint_open(&file, trainer->context, trainer->last_path, NULL);

    if (status == RN_OK)
        status = rn_training_load(trainer->model,
                                  &(rn_training_state){ .optimizer = trainer->optimizer,
                                                        .scheduler = trainer->scheduler,
                                                        .ema = trainer->ema },
                                  file);
    rn_checkpoint_destroy(file);
    return status;
}

/* Weights, optimizer and scheduler of the phase that was interrupted. */
static rn_status load_last(rn_trainer *trainer)
{
    rn_status status = rn_team_agree(&trainer->team, rn_team_leads(&trainer->team) ? read_last(trainer) : RN_OK);

    if (status == RN_OK)
        status = rn_share_values(&trainer->team, trainer->model);
    return status == RN_OK ? rn_share_optimizer(trainer) : status;
}

/*
 * A phase that never ran: from here on the state has it open, and last.safetensors, too, with the weights that training
 * begins with. So there is something to resume, no best is ever without a last, and a best of this phase may take the
 * place of the one that it began with.
 */
static rn_status begin_new(rn_phase **phase, rn_trainer *trainer, const rn_phase *wanted)
{
    rn_train_state *const state = &trainer->state;
    const rn_allocator *const allocator = &trainer->context->allocator;
    rn_status status = rn_train_state_add_phase(state, wanted, allocator, &trainer->context->message);

    if (status != RN_OK)
        return status;
    status = rn_trainer_save_last(trainer);
    if (status == RN_OK)
        *phase = &state->phase[state->phase_count - 1];
    else
        rn_release(allocator, state->phase[--state->phase_count].name);
    return status;
}

/* Opens the phase for the epochs that were added, in last.safetensors, too: a best of theirs is then never without it.
 */
static rn_status extend(rn_trainer *trainer, rn_phase *phase, const rn_phase *wanted)
{
    const rn_phase before = *phase;
    const int32_t epoch = trainer->state.epoch;
    rn_status status;

    if (wanted->epochs <= phase->epochs)
        return RN_OK;
    phase->epochs = wanted->epochs;
    if (phase->complete) {
        trainer->state.epoch = phase->done;
        phase->complete = false;
        phase->done = 0;
    }
    status = rn_trainer_save_last(trainer);
    if (status != RN_OK) {
        *phase = before;
        trainer->state.epoch = epoch;
    }
    return status;
}

rn_status rn_phase_begin(rn_phase **phase, rn_trainer *trainer, const rn_phase *wanted, const rn_fit_options *options)
{
    rn_message *message = &trainer->context->message;
    rn_phase begun = *wanted;
    rn_status status;

    begun.trainable = rn_trainable_id(trainer->model);
    if (rn_parameters_elements(rn_model_parameters(trainer->model), 1) == 0)
        return rn_fail(message, RN_STATE, "nothing is trainable: rn_model_unfreeze");
    if (*phase != NULL && (*phase)->trainable != begun.trainable)
        return rn_fail(message, RN_STATE, "phase \"%s\" was begun with other parameters trainable", wanted->name);
    rn_parameters_clear_gradients(rn_model_parameters(trainer->model));
    if (trainer->optimizer != NULL) /* cancelled in this process: everything is still here */
        return extend(trainer, *phase, wanted);
    status = rn_phase_make_optimizer(trainer, wanted, options);
    if (status == RN_OK)
        status = *phase != NULL ? load_last(trainer) : begin_new(phase, trainer, &begun);
    if (status == RN_OK)
        status = extend(trainer, *phase, wanted);
    if (status != RN_OK)
        rn_phase_release_optimizer(trainer);
    return status;
}
