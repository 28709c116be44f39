/* SPDX-License-Identifier: MIT */
/*
 * The sessions of a trainer, and which of them begin behind the frozen part of the network: validation wherever there
 * is one, training where the same photo is prepared alike in every epoch. What is frozen may change at any time, by
 * the progress callback too; then they are made anew.
 */
#include "train/feature_file.h"
#include "train/train.h"

#include "base/memory.h"
#include "graph/graph.h"

enum { FEATURE_MEMORY = 256 << 20 };

void rn_trainer_drop_sessions(rn_trainer *trainer)
{
    rn_features_destroy(trainer->train_features);
    rn_features_destroy(trainer->valid_features);
    rn_session_destroy(trainer->frozen);
    rn_session_destroy(trainer->training);
    rn_session_destroy(trainer->inference);
    trainer->train_features = trainer->valid_features = NULL;
    trainer->frozen = trainer->training = trainer->inference = NULL;
}

rn_status rn_trainer_make_session(rn_session **session, const rn_trainer *trainer, rn_mode mode, const char *input,
                                  const char *output)
{
    return rn_session_create(session, trainer->context, trainer->model,
                             RN_OPTIONS(rn_session, .mode = mode, .seed = trainer->state.seed, .input = input,
                                        .outputs = output != NULL ? &output : NULL, .output_count = output != NULL,
                                        .precision = trainer->options.precision,
                                        .memory_limit = trainer->options.memory_limit));
}

/* The sessions in front of and behind `layer`, and what is kept between them. */
static rn_status make_halves(rn_trainer *trainer, const char *layer)
{
    const bool alike = trainer->state.views > 0 || !rn_pipeline_is_random(rn_loader_pipeline(trainer->train));
    const bool repeats = alike && !trainer->mixes;
    rn_status status = rn_trainer_make_session(&trainer->frozen, trainer, RN_INFER, NULL, layer);

    if (alike && trainer->mixes)
        rn_context_log(trainer->context, RN_LOG_INFO, "training photos are mixed: no features of them are kept");
    trainer->feature_budget =
        trainer->options.feature_memory != 0 ? trainer->options.feature_memory : (size_t)FEATURE_MEMORY;
    if (status == RN_OK)
        status = rn_features_create(&trainer->valid_features, trainer->model, trainer->frozen, trainer->valid,
                                    &trainer->feature_budget);
    if (status == RN_OK && repeats)
        status = rn_features_create(&trainer->train_features, trainer->model, trainer->frozen, trainer->train,
                                    &trainer->feature_budget);
    if (status == RN_OK)
        status = rn_trainer_make_session(&trainer->inference, trainer, RN_INFER, layer, NULL);
    if (status == RN_OK)
        status = rn_trainer_make_session(&trainer->training, trainer, RN_TRAIN, repeats ? layer : NULL, NULL);
    if (status == RN_OK && trainer->feature_path != NULL)
        status = rn_feature_file_read((rn_features *const[]){ trainer->train_features, trainer->valid_features },
                                      trainer->feature_path);
    return status;
}

void rn_trainer_file_features(rn_trainer *trainer)
{
    if (trainer->feature_path != NULL)
        rn_feature_file_write((rn_features *const[]){ trainer->train_features, trainer->valid_features },
                              trainer->feature_path);
}

rn_status rn_trainer_settle_sessions(rn_trainer *trainer)
{
    const uint64_t freezing = trainer->model->freeze_version;
    const char *layer;
    uint64_t steps;
    rn_status status;

    if (trainer->training != NULL && trainer->freezing == freezing)
        return RN_OK;
    steps = trainer->training != NULL ? rn_session_step_count(trainer->training) : trainer->state.step_count;
    layer = trainer->options.feature_memory != RN_FEATURES_NONE ? rn_model_frozen_layer(trainer->model) : NULL;
    rn_trainer_drop_sessions(trainer);
    trainer->freezing = freezing;
    if (layer != NULL) {
        status = make_halves(trainer, layer);
    } else {
        status = rn_trainer_make_session(&trainer->training, trainer, RN_TRAIN, NULL, NULL);
        if (status == RN_OK)
            status = rn_trainer_make_session(&trainer->inference, trainer, RN_INFER, NULL, NULL);
    }
    if (status == RN_OK)
        rn_session_set_step_count(trainer->training, steps);
    else
        rn_trainer_drop_sessions(trainer);
    return status;
}
