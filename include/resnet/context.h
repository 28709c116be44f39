/* SPDX-License-Identifier: MIT */
/*
 * rn_context: threads, memory, instruction set, seed, log and the message of the last failure. Everything is made from
 * a context, and nothing is set anywhere else.
 *
 * Thread safety: one context serves one thread at a time; two contexts never meet and may run side by side. An object
 * belongs to the context it was made from; a model alone may be shared by sessions of other contexts (session.h).
 *
 * Lifetime: objects keep their context alive (a reference count inside), so destruction works in any order.
 *
 * Fork: OpenMP's threads, be they the library's or the host program's, do not survive fork(). In a child that was
 * forked after the library was loaded everything works, with the parent's contexts as with new ones, but on the calling
 * thread alone (the bits are the same). A server that wants threads in its children loads the library there, or calls
 * exec. Another thread that is within the library while its process forks leaves what it works on (its context, its
 * session) half done in the child.
 *
 * Unloading: the shared library stays mapped after dlclose, since OpenMP's threads do.
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

/* Instruction sets: bits of a set. AVX2 and AVX-512 give the same bits of results; the two others have no fused
 * multiply-add. New ones are appended; their order says nothing. */
typedef enum rn_isa {
    RN_ISA_AUTO = 0,      /* as a set: all but the reference */
    RN_ISA_REFERENCE = 1, /* plain loops in the order of the definition: slow, for checking */
    RN_ISA_BASELINE = 2,  /* whatever the compiler's baseline is (SSE2 on x86-64) */
    RN_ISA_AVX2 = 4,      /* AVX2 with FMA */
    RN_ISA_AVX512 = 8     /* AVX-512 F, BW, DQ, VL */
} rn_isa;

/* How convolutions are computed where there is a choice. Either gives the same bits for any number of threads. */
typedef enum rn_convolution {
    /* The fastest: 3 x 3 windows with stride 1, on maps of 6 x 6 pixels and more, by Winograd's minimal filtering,
     * whose sums are rounded otherwise (rms error at most 2e-6 of the results' rms for normal numbers). An infinity or
     * NaN makes NaNs of all outputs of the tiles that see it, up to three pixels further than its windows reach. */
    RN_CONVOLUTION_AUTO = 0,
    /* Sums in the order of the definition: an infinity or NaN reaches the windows that see it and no others. */
    RN_CONVOLUTION_DIRECT = 1
} rn_convolution;

/*
 * In what numbers networks compute. Parameters, their gradients, the optimizer's state, batch-norm statistics, sums of
 * products, outputs and losses are float32 in either. With bfloat16 the operands of convolutions are rounded to
 * bfloat16 (8 bits of mantissa, to the nearest) before they are multiplied, forward and backward. In float32 stay
 * convolutions that are grouped or dilated, whose maps are narrower than 7 pixels, or whose outputs are sums over more
 * than 5120 inputs, and those that Winograd makes as fast (rn_convolution). Linear layers, and convolutions of maps of
 * a single pixel, which are the same, multiply bfloat16 forward where they are not trained, in inference and frozen; a
 * model then holds a rounded copy of their weights, half as large as they are. Trained ones and their gradients stay
 * in float32. In training, what layers keep for backward and the gradients of maps are stored as bfloat16, as in
 * PyTorch's autocast (https://pytorch.org/docs/stable/amp.html), between such convolutions, Winograd's among them,
 * batch norms, ReLUs, sums, max and average pools; what is frozen, and inference, hands on float32. Results have the
 * same bits for any number of threads. Where the CPU lacks the instructions (AVX512_BF16), or another instruction set
 * was chosen, sessions compute in float32, say so through the log, and rn_session_precision answers it.
 */
typedef enum rn_precision {
    RN_PRECISION_DEFAULT = 0, /* the context's; of a context: float32 */
    RN_PRECISION_FLOAT32 = 1,
    RN_PRECISION_BFLOAT16 = 2
} rn_precision;

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
    int32_t threads; /* at most 1024. 0: OMP_NUM_THREADS if set, else the CPUs that affinity, OMP_PLACES or
                        GOMP_CPU_AFFINITY and the cgroup's quota allow this process. RN_THREADS overrides all */
    uint32_t isas; /* rn_isa bits: the sets that may be used, of which the best is. RN_ISA overrides: names with commas
                        between them (reference, baseline, avx2, avx512) */
    uint64_t seed; /* default seed of everything random that is made from this context */
    rn_allocate_function allocate; /* NULL: the C library. Both hooks or none. They serve the library's own memory; that
                                      of libjpeg, stb_image, cJSON, and of photos while threads decode them, is the C
                                      library's. What is prepared of a model's weights (packed, folded) is allocated
                                      and released through the hooks of the model's context by whichever thread runs
                                      or destroys a session of it: where threads share a model, its hooks must be safe
                                      to be called from several at once */
    rn_release_function release;
    void *allocator_payload;
    rn_log_function log; /* NULL: silence */
    void *log_payload;
    char *message;              /* if not NULL: receives why rn_context_create failed, or "" */
    size_t message_size;        /* bytes there, the final zero included; 0 with a NULL message */
    rn_convolution convolution; /* RN_CONVOLUTION ("auto" or "direct") overrides */
    rn_precision precision;     /* of sessions and trainers that do not say their own */
} rn_context_options;

/*
 * Makes a context. The caller destroys it. RN_INVALID_ARGUMENT: threads negative or over 1024, an unknown instruction
 * set, way of convolution or precision, one allocator hook without the other, or an environment variable (RN_THREADS,
 * RN_ISA, RN_CONVOLUTION) that is not understood. RN_UNSUPPORTED: this CPU or this build has none of the instruction
 * sets. RN_NO_MEMORY. On failure *context is NULL and options->message says why.
 */
RN_API rn_status rn_context_create(rn_context **context, const rn_context_options *options);

/* Lets go of the context; the memory goes with the last object made from it. NULL is fine. */
RN_API void rn_context_destroy(rn_context *context);

/* What the last failure was, in one line for a person: of this context or, where the last call of this thread that
 * failed was handed NULL in place of its object, of that call. "" if nothing failed yet. Borrowed until the next call.
 * NULL is fine. */
RN_API const char *rn_context_message(const rn_context *context);

RN_API int32_t rn_context_threads(const rn_context *context);
/* The instruction set in use. */
RN_API rn_isa rn_context_isa(const rn_context *context);
RN_API uint64_t rn_context_seed(const rn_context *context);
/* What sessions that do not say their own precision compute in: that of the options, float32 if the CPU lacks it. */
RN_API rn_precision rn_context_precision(const rn_context *context);

/* The instruction sets (rn_isa bits) that both this CPU and this build have. Any thread. */
RN_API uint32_t rn_isa_available(void);
/* "reference", "baseline", "avx2", "avx512", "auto" for 0, "unknown" for anything else. Static string, any thread. */
RN_API const char *rn_isa_name(rn_isa isa);

#ifdef __cplusplus
}
#endif

#endif
