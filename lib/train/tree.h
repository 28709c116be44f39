/* SPDX-License-Identifier: MIT */
/*
 * The sum of the gradients of a batch's slices, in one binary tree whoever computes them:
 *
 *      (((g0 + g1) + (g2 + g3)) + ((g4 + g5) + (g6 + g7)))
 *
 * A process adds the subtree of its own slices as a binary counter counts: with slice i it adds as many of the sums that
 * it kept as i ends in ones. The rest is added along a hypercube, in halves: in step d = 1, 2, 4, ... process r hands
 * process r ^ d half of the numbers that it still holds and adds that half of the other's, and then the finished parts
 * go back the same way. Each process sends 2 (P - 1) / P of the gradients in all. a + b and b + a have the same bits, so
 * that it does not matter who adds.
 *
 * R. Thakur, R. Rabenseifner, W. Gropp, "Optimization of Collective Communication Operations in MPICH", 2005
 */
#ifndef RN_TRAIN_TREE_H
#define RN_TRAIN_TREE_H

#include "params/parameters.h"
#include "train/team.h"

typedef struct rn_tree {
    rn_team *team;             /* borrowed */
    rn_parameters *parameters; /* borrowed */
    int32_t slices;            /* of this process: a power of two */
    size_t floats;             /* of all gradients, for which there is room below */
    float **kept;              /* [l]: the sum of 2^l slices; log2 of the slices of them */
    float *received;
    bool *reached; /* parameters that backward has reached in this batch */
} rn_tree;

rn_status rn_tree_create(rn_tree *tree, rn_team *team, rn_parameters *parameters, int32_t slices);
void rn_tree_release(rn_tree *tree);

/* Before the first slice of a batch. RN_NO_MEMORY. */
rn_status rn_tree_begin(rn_tree *tree);
/* Takes the gradients of slice `index` of this process in; one without photos (`empty`) counts as zero. */
void rn_tree_add(rn_tree *tree, int32_t index, bool empty);
/* After the last: the gradients become the sum over all processes' slices. `source`: a process whose slices had photos,
 * if one had none; else -1. */
rn_status rn_tree_finish(rn_tree *tree, int32_t source);

#endif
