/* SPDX-License-Identifier: MIT */
/* What a dataset is. */
#ifndef RN_DATA_DATASET_H
#define RN_DATA_DATASET_H

#include "context/context.h"
#include "data/endings.h"
#include <resnet/dataset.h>

typedef struct rn_photo {
    char *path;
    int64_t label;
} rn_photo;

struct rn_dataset {
    rn_references references; /* a loader keeps its dataset */
    rn_context *context;      /* retained */
    rn_classes *classes;
    rn_photo *photo;
    size_t count, capacity;
    rn_passed_over passed;
};

void rn_dataset_retain(rn_dataset *dataset);

#endif
