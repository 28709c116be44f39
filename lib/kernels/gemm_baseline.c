/* SPDX-License-Identifier: MIT */
/* The matrix kernels for whatever the compiler's baseline is: vectors of four floats (SSE2 on x86-64, NEON on AArch64).
 */
#define RN_WIDTH 4
#define RN_ROWS 6
#define RN_VECTORS 2
#include "kernels/gemm_body.h"
#include "kernels/gemm_floats.h"

const rn_float_kernels rn_floats_baseline = RN_FLOATS_TABLE;
const rn_gemm_kernels rn_gemm_baseline = RN_GEMM_TABLE(&rn_floats_baseline);
