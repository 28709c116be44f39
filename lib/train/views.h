/* SPDX-License-Identifier: MIT */
/*
 * Batches of answers for a dataset. A photo may be seen several times: in several random draws of its pipeline, each
 * with its mirror image if wished. Its probabilities are then the mean of those of all views, and its logits their
 * logarithms.
 */
#ifndef RN_TRAIN_VIEWS_H
#define RN_TRAIN_VIEWS_H

#include "train/train.h"

enum { RN_MAX_DRAWS = 256 };

typedef struct rn_views {
    rn_context *context;
    const rn_dataset *dataset;
    rn_session *session;
    rn_loader **loader; /* one a draw; all give the same photos at the same time */
    size_t draws, classes;
    bool mirror;
    const rn_batch *batch; /* of the first loader */
    float *row;            /* of logits, for each photo of the batch */
    double *sum;           /* of probabilities over the views, likewise; NULL: there is one view */
    double loss;           /* mean over the batch */
} rn_views;

/* Ready for the first batch. `options` with a pipeline; on failure there is nothing to end. */
rn_status rn_views_begin(rn_views *views, rn_model *model, rn_dataset *dataset, const rn_evaluate_options *options);
/* The next batch, its rows of logits and its loss. RN_END after the last. */
rn_status rn_views_next(rn_views *views);
void rn_views_end(rn_views *views);

#endif
