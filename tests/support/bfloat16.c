/* SPDX-License-Identifier: MIT */
#include "support/bfloat16.h"

#include "context/context.h"

void rn_test_emulate_bfloat16(rn_context *context)
{
#ifdef __x86_64__
    const uint32_t sets = RN_ISA_AVX2 | RN_ISA_AVX512;
#else
    const uint32_t sets = RN_ISA_BASELINE;
#endif

    if (context->pairs == NULL && ((uint32_t)context->kernels->isa & sets) != 0)
        context->pairs = &rn_test_gemm_bf16;
}
