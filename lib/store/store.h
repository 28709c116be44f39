/* SPDX-License-Identifier: MIT */
/*
 * Model files and training files: the only room that knows metadata keys.
 *
 * A model file is safetensors: the parameters under their names, and metadata
 *   rn.kind             "model" | "training"
 *   rn.network          its name in the zoo, or that of a network of one's own
 *   rn.class_count      how many logits
 *   rn.classes          JSON [[folder, name], ...]; absent without a class table
 *   rn.pipeline         and rn.training_pipeline: text (image.h); absent where the model has none
 *   rn.input            JSON [channels, height, width]
 *   rn.numerics         version of the numerical rules
 * A training file is a model file with, besides,
 *   optimizer.<slot>.<parameter>    tensors
 *   ema.<parameter or buffer>       tensors, where weights are averaged
 *   rn.state            JSON: what the trainer needs to go on; store looks for the best accuracy, for other programs
 *   rn.optimizer        JSON: rule, its numbers, those of each group, parameters by group, steps by parameter
 *   rn.scheduler        JSON: epoch, step_size, gamma; of other schedules than StepLR their kind and numbers
 *   rn.ema              how often the average was asked to take weights in
 *   rn.features         in a file of features alone: 16 hexadecimal digits of the frozen part
 *   rn.digest           16 hexadecimal digits over all tensors and all other metadata; also in a model file that a
 *                       trainer wrote
 */
#ifndef RN_STORE_STORE_H
#define RN_STORE_STORE_H

#include "graph/graph.h"
#include "optim/optimizer.h"
#include <resnet/ema.h>

/*
 * The parts a training file has beyond its model; optimizer, scheduler (a completed phase) and average may be NULL.
 * state: JSON text of the trainer.
 */
typedef struct rn_training_state {
    rn_optimizer *optimizer;
    rn_scheduler *scheduler;
    rn_ema *ema;
    const char *state;
} rn_training_state;

rn_status rn_training_save(const rn_model *model, const rn_training_state *state, const char *path);
/*
 * Checks network name and class table (RN_STATE if they differ), then loads optimizer, scheduler and average, if given,
 * and values. Once the file fits, only a lack of memory can stop it half way: the values are the last to change.
 */
rn_status rn_training_load(rn_model *model, const rn_training_state *state, const rn_checkpoint *file);
/* The state text of a training file, borrowed from it; NULL: not a training file. */
const char *rn_training_state_text(const rn_checkpoint *file);
/* The same as rn_model_save with one more metadata entry rn.state; NULL: none. */
rn_status rn_model_save_with_state(const rn_model *model, const char *state, const char *path);

/* Writes the digest of all that the file holds into it, as its last entry; and compares it: RN_FORMAT, also where there
 * is none. */
rn_status rn_file_seal(rn_checkpoint *file);
rn_status rn_file_check_seal(const rn_checkpoint *file, const char *path, rn_message *message);
/* The class table that a file carries; *classes NULL if it has none. RN_FORMAT. `path` is for the message. */
rn_status rn_file_classes(rn_classes **classes, rn_context *context, const rn_checkpoint *file, const char *path);
/* The table that a script of PyTorch's wrote beside a head of `count` outputs; *classes NULL if there is none.
 * RN_NO_MEMORY. */
rn_status rn_file_class_dictionary(rn_classes **classes, rn_context *context, const rn_checkpoint *file, size_t count);
/* rn_model_load_checkpoint with a name of the file for messages; `check_only`: nothing is loaded. */
rn_status rn_model_take(rn_model *model, const rn_checkpoint *file, const rn_load_options *options, const char *path,
                        bool check_only);

#endif
