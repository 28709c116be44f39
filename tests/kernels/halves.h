/* SPDX-License-Identifier: MIT */
/*
 * Grids of halves, the bfloat16 numbers of which a map of halves has two in the place of a float (ops/map.h): their
 * channels and pitch count floats, that is pairs, so that guard pages and gaps are those of any grid.
 */
#ifndef RN_TESTS_KERNELS_HALVES_H
#define RN_TESTS_KERNELS_HALVES_H

#include "kernels/gemm_kernels.h"
#include "kernels/grid.h"

/* The products of pairs that can run here, the CPU's and the tests' emulation, into `tables`; gives how many. */
int rn_test_pair_tables(const rn_gemm_kernels *tables[2]);

/* To the nearest, ties to even; NaN stays NaN. Denormals are rounded as other numbers are. */
uint16_t rn_test_half_of(float value);
float rn_test_float_of(uint16_t half);

/* Half `channel` of a row of pairs. */
uint16_t rn_test_half_at(const rn_test_grid *halves, int64_t row, int64_t channel);

/* Makes the elements what they are as halves. */
void rn_test_grid_round(const rn_test_grid *grid);
/* Two floats to a pair: `halves` has half as many channels. */
void rn_test_grid_narrow(const rn_test_grid *halves, const rn_test_grid *from);
/* Every half becomes a NaN. */
void rn_test_halves_set_nan(const rn_test_grid *halves);
/* Fails the test unless the halves are the roundings of the floats (any NaN is as good as another). */
void rn_test_halves_check(const rn_test_grid *halves, const rn_test_grid *floats, const char *what);

#endif
