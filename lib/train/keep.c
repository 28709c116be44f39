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

static rn_status keep_values(rn_trainer *trainer)
{
    trainer->state.best.id = rn_weights_id(trainer->model);
    if (trainer->directory == NULL)
        return rn_values_keep(&trainer->best_values, trainer->model);
    return rn_team_agree(&trainer->team, rn_team_leads(&trainer->team) ? write_best(trainer) : RN_OK);
}

rn_status rn_trainer_keep_best(rn_trainer *trainer)
{
    rn_status status = rn_trainer_swap_average(trainer);
    rn_status back;

    if (status != RN_OK)
        return status;
    status = keep_values(trainer);
    back = rn_trainer_swap_average(trainer);
    return status == RN_OK ? back : status;
}

rn_status rn_trainer_swap_average(rn_trainer *trainer)
{
    return trainer->ema != NULL ? rn_ema_swap(trainer->ema) : RN_OK;
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
        return rn_values_put_back(trainer->model, trainer->best_values);
    status = rn_team_agree(&trainer->team, rn_team_leads(&trainer->team) ? rn_trainer_read_best(trainer) : RN_OK);
    return status == RN_OK ? rn_share_values(&trainer->team, trainer->model) : status;
}

static rn_status write_last(const rn_trainer *trainer)
{
    rn_training_state file = { .optimizer = trainer->optimizer, .scheduler = trainer->scheduler, .ema = trainer->ema };
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
