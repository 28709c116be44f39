/* SPDX-License-Identifier: MIT */
/* How a fit begins: shared by fit.c, which runs it, and phase.c. */
#ifndef RN_TRAIN_FIT_H
#define RN_TRAIN_FIT_H

#include "train/train.h"

/* The options as a phase with every default filled in. Its name is still the caller's string. */
rn_status rn_phase_read(rn_phase *phase, const rn_fit_options *given, rn_message *message);
/* Which phase of the state a call means; NULL: a new one. RN_STATE where it may not run. */
rn_status rn_phase_decide(rn_phase **phase, rn_trainer *trainer, const rn_phase *wanted);
/* Makes the trainer ready to train *phase, or a new phase if that is NULL, which is then stored there. */
rn_status rn_phase_begin(rn_phase **phase, rn_trainer *trainer, const rn_phase *wanted);
void rn_phase_release_optimizer(rn_trainer *trainer);

#endif
