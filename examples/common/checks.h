/* SPDX-License-Identifier: MIT */
/* What makes the numbers of a training worth less than they look: said as warnings before it begins. */
#ifndef EXAMPLES_CHECKS_H
#define EXAMPLES_CHECKS_H

#include "common/args.h"

/*
 * Warns if there is one class only, if validation photos are training photos, too (the same bytes; files are read only
 * where one of each has the same size), and if the model's two pipelines resize photos to scales that differ by more
 * than a quarter. Gives the number of warnings.
 */
int checks_warn(const args_program *program, const rn_dataset *train, const rn_dataset *valid, const rn_model *model);

#endif
