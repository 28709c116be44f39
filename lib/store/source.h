/* SPDX-License-Identifier: MIT */
/*
 * Where in a file the state dict of a network lies. A training script's checkpoint holds more than one
 * ({'state_dict': ..., 'best_acc': ..., 'optimizer': ...}), so that its tensors are called "state_dict.conv1.weight",
 * or holds two that fit (a model and its average).
 */
#ifndef RN_STORE_SOURCE_H
#define RN_STORE_SOURCE_H

#include "graph/graph.h"
#include "store/report.h"
#include <resnet/checkpoint.h>

typedef struct rn_load_source {
    const rn_model *model;
    const rn_checkpoint *file;
    const char *prefix; /* the report's */
    size_t length;
} rn_load_source;

/* A tensor that an entry can take. */
bool rn_value_fits(const rn_parameter *entry, const rn_tensor *tensor);
/* The tensor of a parameter, or NULL. */
const rn_tensor *rn_source_find(const rn_load_source *source, const char *name);
/* True if the head of the file has another size, or the policy says so anyway. */
bool rn_source_skips_head(const rn_load_source *source, int32_t policy);
/*
 * Finds the state dict and writes its prefix, and the candidates if there are several, into the report.
 * RN_INVALID_ARGUMENT: no such prefix, or several fit and nothing decides. `path` is for messages.
 */
rn_status rn_source_locate(rn_load_source *source, rn_load_report *report, const rn_load_options *options,
                           const char *path);

#endif
