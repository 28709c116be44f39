/* SPDX-License-Identifier: MIT */
/*
 * What the tests of row kernels share: sizes around the vectors' widths, gaps between rows, guard pages, poisoned
 * outputs and odd numbers, for the kernels of every instruction set, all of which but the reference give the same bits.
 *
 * Bounds: u = 2^-24 for each rounded operation, of which at most 64 in a row are sums; TINY for what is denormal.
 */
#ifndef RN_TESTS_KERNELS_ROWS_H
#define RN_TESTS_KERNELS_ROWS_H

#include "kernels/grid.h"
#include "kernels/kernels.h"
#include "support/support.h"

#define U 5.9604645e-08
#define TINY 1e-43
#define SUM_BOUND (70 * U)

/* The host's instruction sets; row_find_isas is the set-up of a group of tests. */
extern rn_isa row_isas[4];
extern int row_isa_count;
int row_find_isas(void **state);
const rn_row_kernels *row_table(int isa);

typedef struct row_form {
    int64_t rows, channels, gap;
    bool at_end;
    int64_t spoil; /* one odd number in so many; 0: none */
    uint32_t seed;
} row_form;

/*
 * Every number of channels around the widths 4, 8 and 16 and their groups, at either guard page, with odd numbers or
 * without.
 */
void row_for_each_form(void (*test)(const row_form *));

/* NULL: no matrix. */
rn_matrix row_matrix(const rn_test_grid *grid);
rn_test_grid row_empty(const row_form *f);
rn_test_grid row_filled(const row_form *f, uint32_t seed);
/* One number for each channel, without gap. */
rn_test_grid row_vector(const row_form *f, uint32_t seed);
void row_release(rn_test_grid *grids, int count);

/* The first result that is not the reference's is kept, and the others are compared with it. */
typedef struct row_agreement {
    rn_test_grid first;
    bool have;
} row_agreement;

void row_agree(row_agreement *a, int isa, const rn_test_grid *result);
void row_end_agreement(row_agreement *a);

#endif
