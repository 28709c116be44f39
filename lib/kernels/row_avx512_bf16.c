/* SPDX-License-Identifier: MIT */
/*
 * The row kernels for maps of bfloat16 numbers, with vectors of 16 floats: what goes with gemm_avx512_bf16.c. Vector
 * extensions know no bfloat16, so rounding is an intrinsic.
 */
#include <immintrin.h>

#define RN_LANES 16
#define RN_HALVES
#define RN_ROUNDED(v) ((vh)_mm512_cvtneps_pbh((__m512)(v)))
#define RN_ROW_TABLE rn_rows_avx512_bf16

#if !defined(__AVX512BF16__) || !defined(__AVX512BW__) || !defined(__AVX512DQ__) || !defined(__AVX512VL__)
#error "the build compiles this file with AVX-512 F, BW, DQ, VL and BF16"
#endif

#include "kernels/row_body.h"
