/* SPDX-License-Identifier: MIT */
/*
 * A training checkpoint for PyTorch being written: its pickle, and the tensors of the archive in the order of their
 * storages.
 *
 *   training_export.c    the file: weights, metadata, class table
 *   torch_optimizer.c    the state of an optimizer in PyTorch's form
 *   torch_scheduler.c    and that of a scheduler
 */
#ifndef RN_STORE_TRAINING_EXPORT_H
#define RN_STORE_TRAINING_EXPORT_H

#include "base/json.h"
#include "checkpoint/pickler.h"
#include "optim/optimizer.h"

typedef struct rn_export {
    rn_context *context;
    const rn_checkpoint *source;
    rn_checkpoint *archive; /* tensor i is the storage i */
    rn_pickler pickler;
    rn_bytes pickle;
    rn_json *optimizer, *scheduler; /* what the source says of them; NULL: nothing */
    size_t slots_left;              /* tensors of the optimizer that have not been written */
} rn_export;

/* Writes a tensor, and puts it into the archive. RN_FORMAT: one of that name is there already. */
rn_status rn_export_tensor(rn_export *file, const char *name, const rn_tensor *tensor);

/* The value of the key 'optimizer'. RN_UNSUPPORTED, RN_FORMAT as rn_training_export. */
rn_status rn_export_optimizer(rn_export *file);
/* The scheduler under its key; one that PyTorch's form is not known of is left out, with a warning. */
rn_status rn_export_scheduler(rn_export *file, const char *key);

#endif
