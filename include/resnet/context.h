/* SPDX-License-Identifier: MIT */
/*
 * rn_context: threads, memory, instruction set, seed, log and the message of the last failure. The library has no
 * globals; everything is made from a context.
 *
 * Thread safety: one context serves one thread at a time; two contexts never meet and may run side by side. An object
 * belongs to the context it was made from; a model alone may be shared by sessions of other contexts (session.h).
 *
 * Lifetime: objects keep their context alive (a reference count inside), so destruction works in any order.
 *
 * Fork: a child must not use a context that its parent made, since OpenMP's threads do not survive fork(). Make a new
 * context in the child, before the parent process has run any parallel work, or call exec.
 */
#ifndef RESNET_CONTEXT_H
#define RESNET_CONTEXT_H

#include <resnet/export.h>
#include <resnet/options.h>
#include <resnet/status.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rn_context rn_context;

/* Instruction sets, weakest first. AVX2 and AVX-512 give the same bits; the two others have no fused multiply-add. */
typedef enum rn_isa {
    RN_ISA_AUTO = 0,      /* the best that the CPU and the operating system offer */
    RN_ISA_REFERENCE = 1, /* plain loops in the order of the definition: slow, for checking */
    RN_ISA_BASELINE = 2,  /* whatever the compiler's baseline is (SSE2 on x86-64) */
    RN_ISA_AVX2 = 3,      /* AVX2 with FMA */
    RN_ISA_AVX512 = 4     /* AVX-512 F, BW, DQ, VL */
} rn_isa;

typedef enum rn_log_level {
    RN_LOG_WARNING = 0, /* something that the caller should look at; the call succeeded */
    RN_LOG_INFO = 1
} rn_log_level;

/* Gives memory of `bytes` bytes aligned to `alignment` (a power of two), or NULL. */
typedef void *(*rn_allocate_function)(size_t bytes, size_t alignment, void *payload);
/* Takes back what the allocate function gave. Never called with NULL. */
typedef void (*rn_release_function)(void *memory, void *payload);
/* Receives one line without a line end. Runs on the thread that made the call. */
typedef void (*rn_log_function)(rn_log_level level, const char *line, void *payload);

typedef struct rn_context_options {
    size_t struct_size;
    int32_t threads; /* 0: the CPUs that affinity and cgroup quota allow this process; RN_THREADS overrides */
    int32_t isa;   /* an rn_isa: the best one that may be used; RN_ISA (reference, baseline, avx2, avx512) overrides */
    uint64_t seed; /* default seed of everything random that is made from this context */
    rn_allocate_function allocate; /* NULL: the C library. Both hooks or none. They serve the library's own memory; that
                                      of libjpeg, stb_image, cJSON, and of photos while threads decode them, is the C
                                      library's */
    rn_release_function release;
    void *allocator_payload;
    rn_log_function log; /* NULL: silence */
    void *log_payload;
} rn_context_options;

/*
 * Makes a context. The caller destroys it.
 * RN_INVALID_ARGUMENT: threads negative or over 1024, an unknown instruction set, one allocator hook without the other,
 * or an environment variable (RN_THREADS, RN_ISA) that is not understood. RN_UNSUPPORTED: an instruction set that this
 * CPU lacks was asked for. RN_NO_MEMORY. On failure *context is NULL.
 */
RN_API rn_status rn_context_create(rn_context **context, const rn_context_options *options);

/* Lets go of the context; the memory goes with the last object made from it. NULL is fine. */
RN_API void rn_context_destroy(rn_context *context);

/* What the last failure was, in one line for a person; "" if nothing failed yet. Borrowed until the next call. NULL is
 * fine. */
RN_API const char *rn_context_message(const rn_context *context);

RN_API int32_t rn_context_threads(const rn_context *context);
RN_API rn_isa rn_context_isa(const rn_context *context);
RN_API uint64_t rn_context_seed(const rn_context *context);

/* "reference", "baseline", "avx2", "avx512". Static string. */
RN_API const char *rn_isa_name(rn_isa isa);

#ifdef __cplusplus
}
#endif

#endif
