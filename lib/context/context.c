/* SPDX-License-Identifier: MIT */
/* The context: what it is asked for, what the environment overrides, and what this machine and this build have. */
#define _GNU_SOURCE
#include "context/context.h"

#include "base/cpu.h"
#include "base/options.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_THREADS = 1024 };

RN_NO_TAIL_PADDING(rn_context_options, log_payload);

static const char *const isa_names[] = {
    [RN_ISA_AUTO] = "auto", [RN_ISA_REFERENCE] = "reference", [RN_ISA_BASELINE] = "baseline",
    [RN_ISA_AVX2] = "avx2", [RN_ISA_AVX512] = "avx512",
};

const char *rn_isa_name(rn_isa isa)
{
    const size_t index = (size_t)isa;

    return index < sizeof isa_names / sizeof isa_names[0] ? isa_names[index] : "unknown";
}

/* A variable that is set and not empty, else NULL. */
static const char *environment(const char *name)
{
    const char *const value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

static rn_status choose_threads(int32_t *threads, int32_t wanted)
{
    const char *const value = environment("RN_THREADS");

    if (wanted < 0 || wanted > MAX_THREADS)
        return RN_INVALID_ARGUMENT;
    if (value != NULL) {
        const size_t digits = strspn(value, "0123456789");

        wanted = digits <= 4 && value[digits] == '\0' ? (int32_t)strtol(value, NULL, 10) : 0;
        if (wanted < 1 || wanted > MAX_THREADS)
            return RN_INVALID_ARGUMENT;
    }
    if (wanted == 0)
        wanted = rn_cpu_count();
    *threads = wanted < MAX_THREADS ? wanted : MAX_THREADS;
    return RN_OK;
}

static rn_status choose_kernels(const rn_kernels **kernels, int32_t wanted)
{
    const char *const value = environment("RN_ISA");
    const rn_isa best = rn_cpu_isa();

    if (wanted < RN_ISA_AUTO || wanted > RN_ISA_AVX512)
        return RN_INVALID_ARGUMENT;
    if (value != NULL) {
        for (wanted = RN_ISA_AVX512; wanted > RN_ISA_AUTO && strcmp(value, isa_names[wanted]) != 0; wanted--)
            ;
        if (wanted == RN_ISA_AUTO)
            return RN_INVALID_ARGUMENT;
    }
    if (wanted != RN_ISA_AUTO) {
        *kernels = wanted <= (int32_t)best ? rn_kernels_for((rn_isa)wanted) : NULL;
        return *kernels != NULL ? RN_OK : RN_UNSUPPORTED;
    }
    /* A build may lack what the CPU has; the baseline is always there. */
    for (int32_t isa = (int32_t)best; isa >= RN_ISA_BASELINE; isa--) {
        *kernels = rn_kernels_for((rn_isa)isa);
        if (*kernels != NULL)
            return RN_OK;
    }
    return RN_INTERNAL;
}

rn_status rn_context_create(rn_context **context, const rn_context_options *options)
{
    rn_context_options o;
    rn_allocator allocator = rn_default_allocator();
    const rn_kernels *kernels = NULL;
    rn_context *made;
    int32_t threads;
    rn_status status;

    if (context == NULL)
        return RN_INVALID_ARGUMENT;
    *context = NULL;
    status = rn_options_read(&o, sizeof o, options, NULL);
    if (status != RN_OK)
        return status;
    if ((o.allocate == NULL) != (o.release == NULL))
        return RN_INVALID_ARGUMENT;
    status = choose_threads(&threads, o.threads);
    if (status != RN_OK)
        return status;
    status = choose_kernels(&kernels, o.isa);
    if (status != RN_OK)
        return status;
    if (o.allocate != NULL)
        allocator = (rn_allocator){ o.allocate, o.release, o.allocator_payload };
    made = rn_allocate_zeroed(&allocator, 1, sizeof *made);
    if (made == NULL)
        return RN_NO_MEMORY;
    rn_references_init(&made->references);
    made->allocator = allocator;
    made->pool.threads = threads;
    made->kernels = kernels;
    made->seed = o.seed;
    made->log = o.log;
    made->log_payload = o.log_payload;
    *context = made;
    return RN_OK;
}

void rn_context_retain(rn_context *context)
{
    rn_retain(&context->references);
}

void rn_context_destroy(rn_context *context)
{
    if (context != NULL && rn_let_go(&context->references)) {
        const rn_allocator allocator = context->allocator;

        rn_release(&allocator, context);
    }
}

const char *rn_context_message(const rn_context *context)
{
    return context != NULL ? context->message.text : "";
}

int32_t rn_context_threads(const rn_context *context)
{
    return context != NULL ? context->pool.threads : 0;
}

rn_isa rn_context_isa(const rn_context *context)
{
    return context != NULL ? context->kernels->isa : RN_ISA_AUTO;
}

uint64_t rn_context_seed(const rn_context *context)
{
    return context != NULL ? context->seed : 0;
}

void rn_context_log(rn_context *context, rn_log_level level, const char *format, ...)
{
    rn_message line;
    va_list arguments;

    if (context->log == NULL)
        return;
    va_start(arguments, format);
    rn_message_write(&line, format, arguments);
    va_end(arguments);
    context->log(level, line.text, context->log_payload);
}
