/* SPDX-License-Identifier: MIT */
/* What a context holds. Rooms from here up take it for memory, threads, kernels and the message. */
#ifndef RN_CONTEXT_CONTEXT_H
#define RN_CONTEXT_CONTEXT_H

#include "base/memory.h"
#include "base/message.h"
#include "base/parallel.h"
#include "kernels/kernels.h"

struct rn_context {
    rn_references references;
    rn_allocator allocator;
    rn_pool pool;
    const rn_kernels *kernels;
    const rn_gemm_kernels *pairs; /* products of bfloat16; NULL: this CPU, or the chosen set, has none */
    bool direct_convolutions;
    rn_precision precision;
    uint64_t seed;
    rn_log_function log;
    void *log_payload;
    rn_message message;
};

void rn_context_retain(rn_context *context);
#define rn_context_release rn_context_destroy

/* RN_INVALID_ARGUMENT: there is no such precision. */
rn_status rn_check_precision(int32_t precision, rn_message *message);
/* `wanted`, or the context's own: asked for, and what the CPU has of it. */
bool rn_context_asks_for_pairs(const rn_context *context, int32_t wanted);
bool rn_context_wants_pairs(const rn_context *context, int32_t wanted);

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
void rn_context_log(rn_context *context, rn_log_level level, const char *format, ...);

#endif
