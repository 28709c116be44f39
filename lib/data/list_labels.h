/* SPDX-License-Identifier: MIT */
/* What the labels of a list mean. */
#ifndef RN_DATA_LIST_LABELS_H
#define RN_DATA_LIST_LABELS_H

#include "data/dataset.h"

/* What stands beside a photo of the list. */
typedef struct rn_list_label {
    const char *text;
    size_t line;
} rn_list_label;

/*
 * Gives the dataset its classes, and each of its photos, in their order, the class of its label, by the rules of
 * <resnet/dataset_files.h>. `classes` may be NULL. RN_SHAPE, RN_FORMAT with the line; RN_NO_MEMORY.
 */
rn_status rn_list_labels_apply(rn_dataset *dataset, const rn_list_label *labels, const rn_classes *classes,
                               const char *list);

#endif
