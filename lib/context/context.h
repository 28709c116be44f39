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
    bool direct_convolutions;
    uint64_t seed;
    rn_log_function log;
    void *log_payload;
    rn_message message;
};

void rn_context_retain(rn_context *context);
#define rn_context_release rn_context_destroy

#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
void rn_context_log(rn_context *context, rn_log_level level, const char *format, ...);

#endif
