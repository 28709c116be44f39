/* SPDX-License-Identifier: MIT */
/* What is kept of an evaluation: shared by evaluate.c, which runs it, scores.c, which counts, and reports. */
#ifndef RN_TRAIN_EVALUATION_H
#define RN_TRAIN_EVALUATION_H

#include "base/memory.h"
#include "context/context.h"
#include "data/dataset.h"
#include <resnet/evaluation.h>

/* Of one photo. */
typedef struct rn_answer {
    double probability, label_probability; /* NaN: none */
    int32_t predicted, rank;               /* -1: none */
    bool counted;                          /* it decoded */
} rn_answer;

/* Part of the confusion matrix. */
typedef struct rn_cell {
    int32_t label, predicted;
    int64_t count;
} rn_cell;

/* Of a class. */
typedef struct rn_class_counts {
    int64_t support, predicted, correct;
} rn_class_counts;

struct rn_evaluation_result {
    rn_dataset *dataset; /* retained */
    rn_context *context; /* retained */
    size_t photos, classes;
    rn_answer *answer;      /* a photo */
    rn_class_counts *class; /* a class */
    rn_cell *cell;          /* by label, then predicted */
    size_t cell_count;
    size_t *mistake; /* photos, the surest first */
    size_t mistake_count;
    int64_t counted, correct;
};

/* Room for the answers of a model of `classes` classes, in the dataset's context; all photos are skipped so far.
 * RN_NO_MEMORY. */
rn_status rn_result_begin(rn_evaluation_result **result, rn_dataset *dataset, size_t classes, rn_message *message);
/* The answer for a photo: its row of logits, without gaps. */
void rn_result_add(rn_evaluation_result *result, size_t photo, const float *row);
/* Counts and sorts, after the last answer. RN_NO_MEMORY. */
rn_status rn_result_finish(rn_evaluation_result *result, rn_message *message);

#endif
