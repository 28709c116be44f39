/* SPDX-License-Identifier: MIT */
/*
 * Training files: the state dicts of model, optimizer and scheduler (the public calls that a hand-written loop has),
 * and the trainer's own text, sealed.
 */
#include "store/store.h"
#include "checkpoint/checkpoint.h"
#include "store/keys.h"
#include "store/state.h"

#include <string.h>

/* ---- writing --------------------------------------------------------------------------------------------------- */

static rn_status write_state(rn_checkpoint *file, const rn_training_state *state)
{
    rn_status status = rn_checkpoint_set_metadata(file, RN_KEY_KIND, RN_KIND_TRAINING);

    if (status == RN_OK)
        status = rn_checkpoint_set_metadata(file, RN_KEY_STATE, state->state);
    if (status == RN_OK && state->optimizer != NULL)
        status = rn_optimizer_state_dict(file, state->optimizer);
    if (status == RN_OK && state->scheduler != NULL)
        status = rn_scheduler_state_dict(file, state->scheduler);
    if (status == RN_OK && state->ema != NULL)
        status = rn_ema_state_dict(file, state->ema);
    return status;
}

rn_status rn_training_save(const rn_model *model, const rn_training_state *state, const char *path)
{
    rn_checkpoint *file = NULL;
    rn_status status;

    if (model == NULL)
        return rn_fail_null("rn_training_save", "model");
    if (state == NULL || state->state == NULL || path == NULL)
        return rn_fail(&model->context->message, RN_INVALID_ARGUMENT, "rn_training_save: %s is NULL",
                       path == NULL ? "path" : "state");
    status = rn_checkpoint_create(&file, model->context);
    if (status == RN_OK)
        status = rn_model_state_dict(file, model);
    if (status == RN_OK)
        status = write_state(file, state);
    if (status == RN_OK)
        status = rn_file_seal(file);
    if (status == RN_OK)
        status = rn_checkpoint_save(file, path, RN_FORMAT_SAFETENSORS, NULL);
    rn_checkpoint_destroy(file);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

static bool is_training_file(const rn_checkpoint *file)
{
    const char *const kind = rn_checkpoint_metadata(file, RN_KEY_KIND);

    return kind != NULL && strcmp(kind, RN_KIND_TRAINING) == 0;
}

const char *rn_training_state_text(const rn_checkpoint *file)
{
    return file != NULL && is_training_file(file) ? rn_checkpoint_metadata(file, RN_KEY_STATE) : NULL;
}

static bool same_tables(const rn_classes *a, const rn_classes *b)
{
    const size_t count = a != NULL ? rn_classes_count(a) : 0;

    if (count != (b != NULL ? rn_classes_count(b) : 0))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rn_classes_folder(a, i), rn_classes_folder(b, i)) != 0)
            return false;
    }
    return true;
}

static rn_status check_identity(const rn_model *model, const rn_checkpoint *file)
{
    rn_context *const context = model->context;
    const char *const network = rn_checkpoint_metadata(file, RN_KEY_NETWORK);
    rn_classes *classes = NULL;
    rn_status status;

    if (!is_training_file(file) || network == NULL)
        return rn_fail(&context->message, RN_FORMAT, "the file is no training file");
    if (strcmp(network, model->name) != 0)
        return rn_fail(&context->message, RN_STATE, "the training file is of %s, the model is %s", network,
                       model->name);
    status = rn_file_classes(&classes, context, file, "the training file");
    if (status == RN_OK && !same_tables(classes, rn_model_classes(model)))
        status = rn_fail(&context->message, RN_STATE, "the training file's class table differs from the model's");
    rn_classes_destroy(classes);
    return status;
}

rn_status rn_training_load(rn_model *model, const rn_training_state *state, const rn_checkpoint *file)
{
    int64_t epoch;
    rn_status status;

    if (model == NULL)
        return rn_fail_null("rn_training_load", "model");
    if (state == NULL || file == NULL || (state->scheduler != NULL && state->optimizer == NULL))
        return rn_fail(&model->context->message, RN_INVALID_ARGUMENT,
                       "rn_training_load: state, file or the scheduler's optimizer is NULL");
    epoch = rn_scheduler_epoch(state->scheduler);
    status = check_identity(model, file);
    if (status == RN_OK)
        status = rn_model_take(model, file, NULL, "the training file", true);
    if (status == RN_OK && state->scheduler != NULL)
        status = rn_own_scheduler_load(state->scheduler, file);
    if (status == RN_OK && state->optimizer != NULL) {
        status = rn_own_state_load(state->optimizer, file);
        if (status != RN_OK && state->scheduler != NULL)
            state->scheduler->epoch = epoch;
    }
    if (status == RN_OK && state->ema != NULL)
        status = rn_ema_load_state_dict(state->ema, file);
    return status == RN_OK ? rn_model_load_checkpoint(model, file, NULL) : status;
}
