/* SPDX-License-Identifier: MIT */
/* A table of 11 rows, as another instruction set might have. */
#define RN_WIDTH 4
#define RN_ROWS 11
#define RN_VECTORS 1
#include "kernels/gemm_body.h"

extern const rn_gemm_kernels rn_test_gemm_11;
const rn_gemm_kernels rn_test_gemm_11 = RN_GEMM_TABLE;
