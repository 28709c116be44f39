/* SPDX-License-Identifier: MIT */
/* The matrix kernels for AVX-512: 14 x 32 tiles in 28 of the 32 registers. */
#define RN_WIDTH 16
#define RN_ROWS 14
#define RN_VECTORS 2
#include "kernels/gemm_body.h"
#include "kernels/gemm_floats.h"

#if !defined(__AVX512F__) || !defined(__AVX512VL__)
#error "the build compiles this file with AVX-512"
#endif

const rn_float_kernels rn_floats_avx512 = RN_FLOATS_TABLE;
const rn_gemm_kernels rn_gemm_avx512 = RN_GEMM_TABLE(&rn_floats_avx512);
