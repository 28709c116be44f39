/* SPDX-License-Identifier: MIT */
/* Products of bfloat16 on CPUs that have none. */
#ifndef RN_TESTS_BFLOAT16_H
#define RN_TESTS_BFLOAT16_H

#include "kernels/gemm_kernels.h"
#include <resnet/context.h>

/* gemm_bf16_emulated.c, rows_bf16_emulated.c; on x86-64 they take AVX2. */
extern const rn_gemm_kernels rn_test_gemm_bf16;
extern const rn_row_kernels rn_test_rows_halves;

/*
 * Sessions of the context that ask for bfloat16 get it, by emulation if its CPU or its set has no such products. Sets
 * whose float32 kernels have other bits than AVX-512's stay without; elsewhere than on x86-64 the baseline has it.
 */
void rn_test_emulate_bfloat16(rn_context *context);

#endif
