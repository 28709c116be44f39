/* SPDX-License-Identifier: MIT */
/* A table of gemm_body.h for a tile that no instruction set has: the build names it and compiles it once for each. */
#include "kernels/gemm_body.h"

extern const rn_gemm_kernels RN_TABLE;
const rn_gemm_kernels RN_TABLE = RN_GEMM_TABLE;
