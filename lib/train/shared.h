/* SPDX-License-Identifier: MIT */
/* What the processes of a run do together besides training batches (slices.h). */
#ifndef RN_TRAIN_SHARED_H
#define RN_TRAIN_SHARED_H

#include "train/train.h"

/* ---- alike.c: RN_STATE in all processes, naming what differs ----------------------------------------------------- */

/* Library, instructions, network, weights, photos and options. */
rn_status rn_trainer_compare(rn_trainer *trainer);
/* What a fit was called with, and what is trainable. */
rn_status rn_trainer_compare_phase(rn_trainer *trainer, const rn_phase *wanted, const rn_fit_options *options);

/* ---- share.c: what process 0 has becomes everybody's ------------------------------------------------------------- */

rn_status rn_share_values(rn_team *team, rn_model *model);
/* What it found in the directory: the state, where the run stands, the weights. */
rn_status rn_share_run(rn_trainer *trainer);
/* State, rates and epoch of the trainer's optimizer and scheduler. */
rn_status rn_share_optimizer(rn_trainer *trainer);

/* The average of the weights, if there is one: its statistics are those that process 0 saw. */
rn_status rn_share_average(rn_trainer *trainer);

/* ---- validation.c ------------------------------------------------------------------------------------------------ */

/* An rn_share_function of the team: process r of P has batches r, r + P, r + 2 P, ... */
bool rn_validation_share(size_t batch, size_t position, size_t positions, const void *team);
/* rn_evaluate_session of the trainer's validation, with the average of the weights where there is one. By all processes
 * the sums of batches are added in their order; `after` is called in all equally often. */
rn_status rn_trainer_validate(rn_metrics *metrics, rn_trainer *trainer, rn_batch_function after, void *payload);

#endif
