/* SPDX-License-Identifier: MIT */
/*
 * The pickle of a state dict: protocol 2, an OrderedDict of tensors, in the words that torch.load(weights_only=True)
 * understands.
 */
#ifndef RN_CHECKPOINT_PICKLER_H
#define RN_CHECKPOINT_PICKLER_H

#include "checkpoint/bytes.h"
#include "checkpoint/checkpoint.h"

/* Tensor i is the storage "i". */
void rn_pickle_write(rn_bytes *out, const rn_checkpoint *checkpoint);

#endif
