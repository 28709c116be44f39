/* SPDX-License-Identifier: MIT */
/*
 * Programs compute with emulated products of bfloat16 (support/gemm_bf16_emulated.c) where the CPU has none:
 *
 *   LD_PRELOAD=build/release/tests/bin/libemulate_bf16.so build/release/bin/resnet evaluate ... --precision bf16
 *
 * It stands before the library's rn_context_create and reaches into what that makes, so it goes with the library of its
 * own build alone. Numbers are those of a CPU with the products (tests/bits), times are not.
 */
#define _GNU_SOURCE
#include "context/context.h"
#include "support/bfloat16.h"

#include <dlfcn.h>
#include <string.h>

rn_status rn_context_create(rn_context **context, const rn_context_options *options)
{
    void *const symbol = dlsym(RTLD_NEXT, "rn_context_create");
    rn_status (*create)(rn_context * *context, const rn_context_options *options);
    rn_status status;

    if (symbol == NULL)
        return RN_UNSUPPORTED;
    memcpy(&create, &symbol, sizeof create); /* C has no conversion of objects to functions */
    status = create(context, options);
    if (status == RN_OK)
        rn_test_emulate_bfloat16(*context);
    return status;
}
