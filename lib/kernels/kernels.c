/* SPDX-License-Identifier: MIT */
/* The tables that this build has. The build defines RN_HAVE_AVX2 and RN_HAVE_AVX512 where it compiles their files. */
#include "kernels/kernels.h"

#include <stddef.h>

static const rn_kernels tables[] = {
    { RN_ISA_REFERENCE, &rn_gemm_reference, &rn_rows_reference, NULL },
    { RN_ISA_BASELINE, &rn_gemm_baseline, &rn_rows_baseline, &rn_winograd_baseline },
#if defined(RN_HAVE_AVX2)
    { RN_ISA_AVX2, &rn_gemm_avx2, &rn_rows_avx2, &rn_winograd_avx2 },
#endif
#if defined(RN_HAVE_AVX512)
    { RN_ISA_AVX512, &rn_gemm_avx512, &rn_rows_avx512, &rn_winograd_avx512 },
#endif
};

const rn_kernels *rn_kernels_for(rn_isa isa)
{
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        if (tables[i].isa == isa)
            return &tables[i];
    }
    return NULL;
}

const rn_gemm_kernels *rn_pair_kernels_for(rn_isa isa)
{
#if defined(RN_HAVE_AVX512_BF16)
    return isa == RN_ISA_AVX512 ? &rn_gemm_avx512_bf16 : NULL;
#else
    (void)isa;
    return NULL;
#endif
}
