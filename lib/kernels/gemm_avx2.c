/* SPDX-License-Identifier: MIT */
/* The matrix kernels for AVX2 with FMA: 6 x 16 tiles in 12 of the 16 registers. */
#define RN_WIDTH 8
#define RN_ROWS 6
#define RN_VECTORS 2
#include "kernels/gemm_body.h"
#include "kernels/gemm_floats.h"

#if !defined(__AVX2__) || !defined(__FMA__)
#error "the build compiles this file with AVX2 and FMA"
#endif

const rn_float_kernels rn_floats_avx2 = RN_FLOATS_TABLE;
const rn_gemm_kernels rn_gemm_avx2 = RN_GEMM_TABLE(&rn_floats_avx2);
