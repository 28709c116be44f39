/* SPDX-License-Identifier: MIT */
/* The row kernels with vectors of 16 floats. */
#define RN_LANES 16
#define RN_ROW_TABLE rn_rows_avx512
#include "kernels/row_body.h"

#if !defined(__AVX512F__) || !defined(__AVX512BW__) || !defined(__AVX512DQ__) || !defined(__AVX512VL__)
#error "the build compiles this file with AVX-512 F, BW, DQ and VL"
#endif
