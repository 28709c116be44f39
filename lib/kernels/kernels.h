/* SPDX-License-Identifier: MIT */
/*
 * The tables of hot loops, one for each instruction set. A kernel sees raw pointers and sizes: no memory, no threads,
 * no status.
 *
 * The loops are written once (gemm_body.h, row_body.h) in plain C with the compiler's vector extensions and compiled
 * once per instruction set by the files that carry its name. The reference table is separate: definition-order loops,
 * never tuned.
 */
#ifndef RN_KERNELS_KERNELS_H
#define RN_KERNELS_KERNELS_H

#include "kernels/gemm_kernels.h"
#include "kernels/row_kernels.h"
#include "kernels/winograd_kernels.h"
#include <resnet/context.h>

typedef struct rn_kernels {
    rn_isa isa;
    const rn_gemm_kernels *gemm;
    const rn_row_kernels *rows;
    const rn_winograd_kernels *winograd; /* NULL: the reference has none */
} rn_kernels;

/* The matrix kernels for products of bfloat16 pairs that go with a set, or NULL. The caller has checked the CPU. */
const rn_gemm_kernels *rn_pair_kernels_for(rn_isa isa);
/* The table of an instruction set that this build has, or NULL. The caller has checked the CPU. */
const rn_kernels *rn_kernels_for(rn_isa isa);

#endif
