/* SPDX-License-Identifier: MIT */
/*
 * Keeping: the best weights, in best.safetensors or in memory, and last.safetensors.
 *
 * Best is written first, then last, which names by its fingerprint the best that it belongs to. A run killed between
 * the two leaves a best that is newer than last: the resumed run computes that epoch again, to the same bits, and
 * writes the same best once more. Whoever loads the best compares fingerprints, so that a file from elsewhere cannot
 * slip in. Of several processes the first writes and reads; the others learn how it went.
 */
#include "train/shared.h"

#include "base/json.h"

static rn_status best_to_memory(rn_trainer *trainer)
{
    const rn_parameters *parameters = rn_model_parameters(trainer->model);
    const size_t count = rn_parameters_count(parameters);
    rn_status status = RN_OK;

    if (trainer->best_values == NULL)
        trainer->best_values = rn_allocate_zeroed(&trainer->context->allocator, count, sizeof *trainer->best_values);
    if (trainer->best_values == NULL)
        return rn_fail(&trainer->context->message, RN_NO_MEMORY, "no memory for a copy of the best weights");
    for (size_t i = 0; i < count && status == RN_OK; i++) {
        const rn_tensor *value = rn_parameters_value(parameters, i);

        if (trainer->best_values[i] == NULL)
            status = rn_tensor_convert(&trainer->best_values[i], value, rn_tensor_dtype(value), RN_ROW_MAJOR);
        else
            status = rn_tensor_copy(trainer->best_values[i], value);
    }
    return status;
}

static rn_status write_best(const rn_trainer *trainer)
{
    char *text;
    rn_status status = rn_best_write(&text, &trainer->state, &trainer->context->message);
    if (status == RN_OK) {
        status = rn_model_save_with_state(trainer->model, text, trainer->best_path);
        rn_json_release_text(text);
    }
    return status;
}

rn_status rn_trainer_keep_best(rn_trainer *trainer)
{
    trainer->state.best.id = rn_weights_id(trainer->model);
    if (trainer->directory == NULL)
        return best_to_memory(trainer);
    return rn_team_agree(&trainer->team, rn_team_leads(&trainer->team) ? write_best(trainer) : RN_OK);
}

static rn_status best_from_memory(rn_trainer *trainer)
{
    rn_parameters *parameters = rn_model_parameters(trainer->model);
    rn_status status = RN_OK;

    for (size_t i = 0; i < rn_parameters_count(parameters) && status == RN_OK; i++)
        status = rn_parameters_write(parameters, i, trainer->best_values[i]);
    return status;
}

rn_status rn_trainer_read_best(const rn_trainer *trainer)
{
    rn_status status;
    uint64_t id;

    status = rn_model_load(trainer->model, trainer->best_path, NULL);
    if (status != RN_OK)
        return status;
    id = rn_weights_id(trainer->model);
    if (id != trainer->state.best.id)
        return rn_fail(&trainer->context->message, RN_FORMAT,
                       "%s holds other weights (%016llx) than the best ones that %s belongs with (%016llx)",
                       trainer->best_path, (unsigned long long)id, trainer->last_path,
                       (unsigned long long)trainer->state.best.id);
    return RN_OK;
}

rn_status rn_trainer_load_best(rn_trainer *trainer)
{
    rn_status status;

    if (trainer->directory == NULL)
        return best_from_memory(trainer);
    status = rn_team_agree(&trainer->team, rn_team_leads(&trainer->team) ? rn_trainer_read_best(trainer) : RN_OK);
    return status == RN_OK ? rn_share_values(&trainer->team, trainer->model) : status;
}

static rn_status write_last(const rn_trainer *trainer)
{
    rn_training_state file = { .optimizer = trainer->optimizer, .scheduler = trainer->scheduler };
    char *text;
    rn_status status = rn_train_state_write(&text, &trainer->state, &trainer->context->message);
    if (status != RN_OK)
        return status;
    file.state = text;
    status = rn_training_save(trainer->model, &file, trainer->last_path);
    rn_json_release_text(text);
    return status;
}

rn_status rn_trainer_save_last(rn_trainer *trainer)
{
    rn_status status;

    if (trainer->directory == NULL)
        return RN_OK;
    status = rn_team_agree(&trainer->team, rn_team_leads(&trainer->team) ? write_last(trainer) : RN_OK);
    if (status == RN_OK)
        trainer->at_start = false;
    return status;
}
