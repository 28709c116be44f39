/* SPDX-License-Identifier: MIT */
/*
 * What the tests of row kernels for maps of halves share: the tables of them, and operands that lie once as halves,
 * guarded and with gaps, and once as the floats that those are, for a table of floats to say what must come out.
 */
#ifndef RN_TESTS_KERNELS_ROW_HALVES_H
#define RN_TESTS_KERNELS_ROW_HALVES_H

#include "kernels/halves.h"
#include "kernels/rows.h"

extern const rn_row_kernels *row_halves[2];
extern int row_halves_count;
int row_find_halves(void **state);

/* A form's channels are pairs here. */
typedef struct row_both {
    rn_test_grid halves, floats;
} row_both;

/* Poisoned; and filled, with some NaN, infinities and large numbers where the form has odd ones. */
row_both row_both_empty(const row_form *f);
row_both row_both_filled(const row_form *f, uint32_t seed);
/* One number for each channel, floats. */
rn_test_grid row_both_vector(const row_form *f, uint32_t seed);
void row_both_copy(const row_both *to, const row_both *from);
void row_both_check(const row_both *both, const char *what);
void row_both_release(row_both *both, int count);

#endif
