/* SPDX-License-Identifier: MIT */
#include "train/shared.h"

#include "base/mix.h"

#include <resnet/version.h>

/* AVX2 and AVX-512 give the same bits. */
static uint64_t instruction_class(const rn_context *context)
{
    const rn_isa isa = rn_context_isa(context);

    return isa == RN_ISA_AVX512 ? RN_ISA_AVX2 : isa;
}

static uint64_t classes_id(const rn_classes *classes)
{
    uint64_t id = 4;

    for (size_t i = 0; i < rn_classes_count(classes); i++)
        id = rn_mix_text(id, rn_classes_folder(classes, i));
    return id;
}

rn_status rn_trainer_compare(rn_trainer *trainer)
{
    const rn_train_state *const state = &trainer->state;
    const rn_trainer_options *const options = &trainer->options;
    const rn_team_item items[] = {
        /* First, alone: other versions may have other items. */
        { "version of the library", (uint64_t)rn_version_number() },
        { "version of the numerical rules", (uint64_t)rn_numerics_version() },
        { "class of instruction sets", instruction_class(trainer->context) },
        { "way of computing convolutions", trainer->context->direct_convolutions },
        { "precision", state->bfloat16 },
        { "network", rn_mix_text(5, state->network) },
        { "class table", classes_id(rn_model_classes(trainer->model)) },
        { "set of weights to begin with", rn_weights_id(trainer->model) },
        { "preprocessing", rn_mix_text(rn_mix_text(6, state->pipeline), state->training_pipeline) },
        { "set of training photos", state->train_photos },
        { "set of validation photos", state->valid_photos },
        { "batch size", (uint64_t)state->batch_size },
        { "number of slices", (uint64_t)state->slices },
        { "number of views of a photo", (uint64_t)state->views },
        { "wish for balanced classes", state->balanced },
        { "seed", state->seed },
        { "treatment of bad photos", (uint64_t)options->bad_photos },
        { "answer to whether there is a directory", options->directory != NULL },
        { "wish for the last weights or the best", options->keep_last != 0 },
    };

    return rn_team_compare(&trainer->team, items, sizeof items / sizeof items[0]);
}

rn_status rn_trainer_compare_phase(rn_trainer *trainer, const rn_phase *wanted, const rn_fit_options *options)
{
    uint64_t settings = 7;
    const double numbers[] = { wanted->lr,          wanted->lr_gamma,  wanted->weight_decay,
                               wanted->momentum,    wanted->clip_norm, (double)wanted->lr_step_epochs,
                               wanted->epochs,      wanted->optimizer, options->stop_patience,
                               options->stop_delta, options->monitor };

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        settings = rn_mix_number(settings, numbers[i]);
    settings = rn_mix(rn_mix(rn_mix(settings, wanted->schedule), wanted->groups), wanted->loss);
    const rn_team_item items[] = {
        { "name of the phase", rn_mix_text(8, wanted->name) },
        { "set of options of the phase", settings },
        { "set of trainable parameters", rn_trainable_id(trainer->model) },
    };

    return rn_team_compare(&trainer->team, items, sizeof items / sizeof items[0]);
}
