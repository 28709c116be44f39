/* SPDX-License-Identifier: MIT */
/* How a fit begins: shared by fit.c, which runs it, and what gets it ready. */
#ifndef RN_TRAIN_FIT_H
#define RN_TRAIN_FIT_H

#include "train/train.h"

/* ---- phase_options.c --------------------------------------------------------------------------------------------- */

/* The options as a struct of this library's size and as a phase with every default filled in. Its name and what the
 * options point to are still the caller's. */
rn_status rn_phase_read(rn_phase *phase, rn_fit_options *options, const rn_fit_options *given, rn_message *message);
/* Going on means going on with the same, or for longer: RN_STATE names what differs from the first call. */
rn_status rn_phase_check_same(const rn_phase *known, const rn_phase *wanted, rn_message *message);

/* ---- schedule.c -------------------------------------------------------------------------------------------------- */

/* True if the rate may change with every step of the optimizer, and not with epochs. */
bool rn_phase_steps_by_batch(const rn_fit_options *options);
/* The optimizer has made a step: so does a schedule by batch. Behind the last rate of one cycle comes none. */
rn_status rn_phase_stepped(rn_trainer *trainer, const rn_phase *phase, const rn_fit_options *options);
/* True if the rates depend on how many epochs there are. */
bool rn_phase_schedule_ends(const rn_fit_options *options);
/* Makes optimizer and scheduler; on failure the first may be there. */
rn_status rn_phase_make_optimizer(rn_trainer *trainer, const rn_phase *phase, const rn_fit_options *options);
void rn_phase_release_optimizer(rn_trainer *trainer);

/* ---- phase.c ----------------------------------------------------------------------------------------------------- */

/* Which phase of the state a call means; NULL: a new one. RN_STATE where it may not run. */
rn_status rn_phase_decide(rn_phase **phase, rn_trainer *trainer, const rn_phase *wanted, const rn_fit_options *options);
/* Makes the trainer ready to train *phase, or a new phase if that is NULL, which is then stored there. */
rn_status rn_phase_begin(rn_phase **phase, rn_trainer *trainer, const rn_phase *wanted, const rn_fit_options *options);

#endif
