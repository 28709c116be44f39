/* SPDX-License-Identifier: MIT */
/* A table of 8 rows, as another instruction set might have. */
#define RN_WIDTH 4
#define RN_ROWS 8
#define RN_VECTORS 2
#include "kernels/gemm_body.h"

extern const rn_gemm_kernels rn_test_gemm_8;
const rn_gemm_kernels rn_test_gemm_8 = RN_GEMM_TABLE;
