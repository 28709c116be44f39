/* SPDX-License-Identifier: MIT */
/* A table of gemm_body.h and gemm_floats.h for a tile that no instruction set has: the build names it and compiles it
 * once for each. */
#include "kernels/gemm_body.h"
#include "kernels/gemm_floats.h"

extern const rn_gemm_kernels RN_TABLE;
static const rn_float_kernels floats = RN_FLOATS_TABLE;
const rn_gemm_kernels RN_TABLE = RN_GEMM_TABLE(&floats);
