/* SPDX-License-Identifier: MIT */
/* The row kernels with vectors of 4 floats. */
#define RN_LANES 4
#define RN_ROW_TABLE rn_rows_baseline
#include "kernels/row_body.h"
