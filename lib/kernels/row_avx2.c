/* SPDX-License-Identifier: MIT */
/* The row kernels with vectors of 8 floats. */
#define RN_LANES 8
#define RN_ROW_TABLE rn_rows_avx2
#include "kernels/row_body.h"

#if !defined(__AVX2__)
#error "the build compiles this file with AVX2"
#endif
