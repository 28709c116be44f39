/* SPDX-License-Identifier: MIT */
/*
 * The sum of the gradients of a batch's slices, in one binary tree whoever computes them:
 *
 *      (((g0 + g1) + (g2 + g3)) + ((g4 + g5) + (g6 + g7)))
 *
 * A process adds the subtree of its own slices as a binary counter counts: with slice i it adds as many of the sums
 * that it kept as i ends in ones, to the last slice all of them, gradient by gradient while backward makes them; the
 * rest is buckets.h's. An optimizer may make its step on what has come while the rest is on its way.
 */
#ifndef RN_TRAIN_TREE_H
#define RN_TRAIN_TREE_H

#include "optim/optimizer.h"
#include "run/session.h"
#include "train/team.h"

typedef struct rn_tree {
    rn_team *team;             /* borrowed */
    rn_parameters *parameters; /* borrowed */
    int32_t slices;            /* of this process: a power of two */
    size_t floats;             /* of all gradients, for which there is room below */
    float **kept;              /* [l]: the sum of 2^l slices; log2 of the slices of them */
    float *before;             /* of the batches before it of a step; NULL: never asked for */
    bool adds;                 /* these are added in the end */
    float *received;
    size_t *missing;
    bool *reached;          /* parameters that backward has reached in this batch */
    bool *taken;            /* parameters whose gradient of the last slice is in the sum */
    bool stepped;           /* parameters have made the optimizer's step: they are no longer those before the batch */
    double seconds, waited; /* of the last sum: in exchanges, and how long it was waited for them */
} rn_tree;

rn_status rn_tree_create(rn_tree *tree, rn_team *team, rn_parameters *parameters, int32_t slices);
void rn_tree_release(rn_tree *tree);

/* Before the first slice of a batch. `adds`: gradients that are there will be added to its sum. RN_NO_MEMORY. */
rn_status rn_tree_begin(rn_tree *tree, bool adds);
/* Takes the gradients of slice `index` of this process in, which is not the last; one without photos (`empty`) counts
 * as zero. */
void rn_tree_add(rn_tree *tree, int32_t index, bool empty);
/*
 * Runs the last slice's backward in `session` (NULL: it has no photos), and makes the gradients the sum over all
 * processes' slices. `source`: a process whose slices had photos, if one had none; else -1.
 *
 * `optimizer`, where there are other processes, all had photos and nothing is added: makes its step on parameters as
 * their sums are there, and uses the gradients up, so that in the end all have stepped or the call fails. NULL: nobody
 * does.
 */
rn_status rn_tree_finish(rn_tree *tree, rn_session *session, int32_t source, rn_optimizer *optimizer);

#endif
