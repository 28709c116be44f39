/* SPDX-License-Identifier: MIT */
/*
 * Beginning a fit: which phase it is, and an optimizer and a scheduler for it, fresh or from last.safetensors. A new
 * optimizer for each phase, so that what an earlier one set (its rate, its moments, its idea of what is trainable)
 * cannot reach into the next.
 */
#include "train/fit.h"

#include "base/options.h"
#include "base/text.h"
#include <math.h>
#include <string.h>

enum { EPOCHS_LIMIT = 1000000000 };

RN_NO_TAIL_PADDING(rn_fit_options, clip_norm);

/* A name that the state can carry: JSON is UTF-8, anything else would come back changed. */
static rn_status check_name(const char *name, rn_message *message)
{
    if (*name != '\0' && rn_text_is_utf8(name))
        return RN_OK;
    return rn_fail(message, RN_INVALID_ARGUMENT, "the name of a phase must be text in UTF-8 and not empty");
}

rn_status rn_phase_read(rn_phase *phase, const rn_fit_options *given, rn_message *message)
{
    rn_fit_options options;
    const rn_status status = rn_options_read(&options, sizeof options, given, message);

    if (status != RN_OK)
        return status;
    *phase = (rn_phase){
        .name =
            (char *)(options.phase != NULL ? options.phase : "fit"), /* the caller's until it is added to the state */
        .lr = rn_option_number(options.lr, 1e-3),
        .lr_gamma = rn_option_number(options.lr_gamma, 0.1),
        .weight_decay = rn_option_number(options.weight_decay, options.optimizer == RN_OPTIMIZER_ADAMW ? 1e-2 : 0),
        .momentum = rn_option_number(options.momentum, 0),
        .clip_norm = rn_option_number(options.clip_norm, 0),
        .lr_step_epochs = options.lr_step_epochs != 0 ? options.lr_step_epochs : 7,
        .epochs = options.epochs != 0 ? options.epochs : 20,
        .optimizer = options.optimizer,
    };
    if (phase->epochs < 0 || phase->epochs > EPOCHS_LIMIT)
        return rn_fail(message, RN_INVALID_ARGUMENT, "%d epochs make no sense", phase->epochs);
    if (phase->lr_step_epochs < 0 || phase->lr_step_epochs > EPOCHS_LIMIT)
        return rn_fail(message, RN_INVALID_ARGUMENT, "lr_step_epochs %lld makes no sense",
                       (long long)phase->lr_step_epochs);
    if (phase->optimizer < RN_OPTIMIZER_ADAM || phase->optimizer > RN_OPTIMIZER_RMSPROP)
        return rn_fail(message, RN_INVALID_ARGUMENT, "%d is no rn_optimizer_kind", phase->optimizer);
    if (!isfinite(phase->clip_norm) || phase->clip_norm < 0)
        return rn_fail(message, RN_INVALID_ARGUMENT, "gradients cannot be clipped to %g", phase->clip_norm);
    if (phase->momentum != 0 && phase->optimizer != RN_OPTIMIZER_SGD && phase->optimizer != RN_OPTIMIZER_RMSPROP)
        return rn_fail(message, RN_INVALID_ARGUMENT, "momentum is for RN_OPTIMIZER_SGD and RN_OPTIMIZER_RMSPROP only");
    return check_name(phase->name, message);
}

/* Going on means going on with the same, or for longer: what differs from the first call is named. */
static rn_status check_same_options(const rn_phase *known, const rn_phase *wanted, rn_message *message)
{
    const char *differs = NULL;

    if (known->lr != wanted->lr)
        differs = "learning rate";
    else if (known->lr_gamma != wanted->lr_gamma || known->lr_step_epochs != wanted->lr_step_epochs)
        differs = "learning rate schedule";
    else if (known->optimizer != wanted->optimizer || known->weight_decay != wanted->weight_decay ||
             known->momentum != wanted->momentum || known->clip_norm != wanted->clip_norm)
        differs = "optimizer";
    if (differs != NULL)
        return rn_fail(message, RN_STATE,
                       "phase \"%s\" of this run was begun with another %s: to train on with this one, finish it and "
                       "call a phase of another name",
                       known->name, differs);
    if (wanted->epochs < known->epochs)
        return rn_fail(message, RN_STATE, "phase \"%s\" of this run was begun for %d epochs: it cannot end after %d",
                       known->name, known->epochs, wanted->epochs);
    return RN_OK;
}

/* More epochs than it was begun with: the last phase of a run goes on where its last epoch ended. */
static rn_status may_extend(const rn_trainer *trainer, const rn_phase *known, const rn_phase *wanted)
{
    const rn_train_state *const state = &trainer->state;
    rn_message *const message = &trainer->context->message;

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

rn_status rn_phase_decide(rn_phase **phase, rn_trainer *trainer, const rn_phase *wanted)
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
        const rn_status status = check_same_options(known, wanted, message);

        if (status != RN_OK)
            return status;
        if (wanted->epochs > known->epochs)
            return may_extend(trainer, known, wanted);
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

static rn_status make_optimizer(rn_trainer *trainer, const rn_phase *phase)
{
    rn_parameters *parameters = rn_model_parameters(trainer->model);
    const double lr = phase->lr != 0 ? phase->lr : RN_ZERO; /* here 0 is a rate, in options the default */
    const double decay = phase->weight_decay != 0 ? phase->weight_decay : RN_ZERO;
    rn_optimizer **const made = &trainer->optimizer;
    rn_status status;

    if (phase->optimizer == RN_OPTIMIZER_SGD)
        status = rn_sgd_create(made, parameters,
                               RN_OPTIONS(rn_sgd, .lr = lr, .momentum = phase->momentum, .weight_decay = decay));
    else if (phase->optimizer == RN_OPTIMIZER_RMSPROP)
        status = rn_rmsprop_create(
            made, parameters, RN_OPTIONS(rn_rmsprop, .lr = lr, .momentum = phase->momentum, .weight_decay = decay));
    else if (phase->optimizer == RN_OPTIMIZER_ADAMW)
        status = rn_adamw_create(made, parameters, RN_OPTIONS(rn_adamw, .lr = lr, .weight_decay = decay));
    else
        status = rn_adam_create(made, parameters, RN_OPTIONS(rn_adam, .lr = lr, .weight_decay = decay));
    if (status == RN_OK)
        status = rn_step_lr_create(&trainer->scheduler, trainer->optimizer,
                                   RN_OPTIONS(rn_step_lr, .step_size = phase->lr_step_epochs,
                                              .gamma = phase->lr_gamma != 0 ? phase->lr_gamma : RN_ZERO));
    return status;
}

void rn_phase_release_optimizer(rn_trainer *trainer)
{
    rn_scheduler_destroy(trainer->scheduler);
    rn_optimizer_destroy(trainer->optimizer);
    trainer->scheduler = NULL;
    trainer->optimizer = NULL;
}

/* Weights, optimizer and scheduler of the phase that was interrupted. */
static rn_status load_last(rn_trainer *trainer)
{
    rn_checkpoint *file = NULL;
    rn_status status = rn_checkpoint_open(&file, trainer->context, trainer->last_path, NULL);

    if (status == RN_OK)
        status = rn_training_load(
            trainer->model, &(rn_training_state){ .optimizer = trainer->optimizer, .scheduler = trainer->scheduler },
            file);
    rn_checkpoint_destroy(file);
    return status;
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

rn_status rn_phase_begin(rn_phase **phase, rn_trainer *trainer, const rn_phase *wanted)
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
    status = make_optimizer(trainer, wanted);
    if (status == RN_OK)
        status = *phase != NULL ? load_last(trainer) : begin_new(phase, trainer, &begun);
    if (status == RN_OK)
        status = extend(trainer, *phase, wanted);
    if (status != RN_OK)
        rn_phase_release_optimizer(trainer);
    return status;
}
