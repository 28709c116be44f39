/* SPDX-License-Identifier: MIT */
/*
 * Fingerprints (base/mix.h) of weights, photos and what is trainable. Numbers go in by value, so that the byte order of
 * the machine does not matter.
 */
#include "train/train.h"

#include "base/mix.h"

#include <string.h>

static uint64_t mix_values(uint64_t id, const rn_tensor *tensor)
{
    const char *data = rn_tensor_const_data(tensor);
    const int64_t count = rn_tensor_count(tensor);

    if (rn_tensor_dtype(tensor) == RN_FLOAT32) {
        for (int64_t i = 0; i < count; i++) {
            uint32_t word;

            memcpy(&word, data + 4 * i, sizeof word);
            id = rn_mix(id, word);
        }
    } else {
        for (int64_t i = 0; i < count; i++) {
            uint64_t word;

            memcpy(&word, data + 8 * i, sizeof word);
            id = rn_mix(id, word);
        }
    }
    return id;
}

uint64_t rn_weights_id(rn_model *model)
{
    const rn_parameters *parameters = rn_model_parameters(model);
    uint64_t id = 1;

    /* Values are float32 or int64 and lie without gaps: the order in memory is as good as any. */
    for (size_t i = 0; i < rn_parameters_count(parameters); i++)
        id = mix_values(rn_mix_text(id, rn_parameters_name(parameters, i)), rn_parameters_value(parameters, i));
    return id;
}

uint64_t rn_trainable_id(rn_model *model)
{
    const rn_parameters *parameters = rn_model_parameters(model);
    uint64_t id = 2;

    for (size_t i = 0; i < rn_parameters_count(parameters); i++)
        if (rn_parameters_is_trainable(parameters, i))
            id = rn_mix_text(id, rn_parameters_name(parameters, i));
    return id;
}

uint64_t rn_photos_id(const rn_dataset *dataset)
{
    uint64_t id = 3;

    for (size_t i = 0; i < rn_dataset_count(dataset); i++) {
        const char *const name = rn_dataset_sample_name(dataset, i);
        const char *const slash = rn_dataset_path(dataset, i) != NULL ? strrchr(name, '/') : NULL;

        id = rn_mix_text(id, slash != NULL ? slash + 1 : name);
        id = rn_mix(id, (uint64_t)rn_dataset_label(dataset, i));
    }
    return id;
}

rn_status rn_same_classes(const rn_classes *ours, const rn_classes *theirs, const char *what, rn_message *message)
{
    const size_t count = rn_classes_count(ours);

    if (rn_classes_count(theirs) != count)
        return rn_fail(message, RN_SHAPE, "the model has %zu classes, the %s photos have %zu", count, what,
                       rn_classes_count(theirs));
    for (size_t i = 0; i < count; i++)
        if (strcmp(rn_classes_folder(ours, i), rn_classes_folder(theirs, i)) != 0)
            return rn_fail(message, RN_SHAPE, "class %zu is \"%s\" in the model and \"%s\" in the %s photos", i,
                           rn_classes_folder(ours, i), rn_classes_folder(theirs, i), what);
    return RN_OK;
}
