/* SPDX-License-Identifier: MIT */
/* Networks whose maps are of halves, or for some reason are not, and what holds of any plan with maps of halves. */
#ifndef RN_TESTS_RUN_HALVING_H
#define RN_TESTS_RUN_HALVING_H

#include "run/plan.h"
#include "support/support.h"

enum { HALVING_SIDE = 20, HALVING_CLASSES = 5 };

/* A stem, a residual block and a pool, which take halves; then layers and maps that do not, down to single pixels. */
rn_model *halving_network(rn_context *context);
/*
 * Names of its values of halves; and of those of floats, NULL last: of groups, beside those, or of odd channels; what
 * an adaptive pool makes, and single pixels. A batch norm wants alike what it reads and what it makes.
 */
extern const char *const halving_halved[], *const halving_floats[];
enum { BEHIND_STEM = 2, BEHIND_BLOCK = 6, BEHIND_SUM = 8 }; /* in the first list */

/* "frozen.conv" is read by a trained layer, and what a frozen batch norm makes of it, "frozen", by another. */
rn_model *forked_network(rn_context *context);
/* "left" and "right" are of odd channels, side by side in "both" of even ones, but neither begins and ends with a
 * pair. */
rn_model *odd_parts_network(rn_context *context);
/* No map of it is of an even number of channels. */
rn_model *odd_network(rn_context *context);

/* What a buffer of halves must be, and what views of it must; and no operation meets what the backend cannot take. */
void check_plan(const rn_plan *plan, const rn_backend *backend);

#endif
