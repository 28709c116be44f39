/* SPDX-License-Identifier: MIT */
/* The row kernels for maps of bfloat16 numbers, which want nothing of a CPU that it has not, for any machine. */
#include "support/bfloat16.h"

#define RN_LANES 8
#define RN_HALVES
#define RN_ROW_TABLE rn_test_rows_halves
#include "kernels/row_body.h"
