/* SPDX-License-Identifier: MIT */
/* What the files of steps share. */
#ifndef RN_RUN_STEP_H
#define RN_RUN_STEP_H

#include "run/plan.h"

/* A parameter's floats; NULL for index -1. */
float *rn_plan_floats(const rn_plan *plan, int32_t parameter);
/* A parameter's gradient, about to be written, or added to if *accumulate: nobody has used it up yet. */
float *rn_plan_begin_gradient(rn_plan *plan, int32_t parameter, bool *accumulate);
/* True if the step's batch norm runs on running statistics, so that it is a scale and a shift. */
bool rn_step_folds(const rn_step *step);
/* Packs weights and folds batch norms anew if what they were made from has changed. */
void rn_step_refresh(const rn_plan *plan, const rn_step *step);
/* Hands g on to the sum's other operand, unless that is the same memory. */
void rn_step_hand_on(rn_plan *plan, const rn_step *step, const rn_map *g);

#endif
