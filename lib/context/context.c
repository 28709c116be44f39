/* SPDX-License-Identifier: MIT */
/* The context: what it is asked for, what the environment overrides, and what this machine and this build have. */
#define _GNU_SOURCE
#include "context/context.h"

#include "base/cpu.h"
#include "base/options.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_THREADS = 1024 };

RN_NO_TAIL_PADDING(rn_context_options, precision);

/* The best first. */
static const struct {
    rn_isa isa;
    const char *name;
} isas[] = {
    { RN_ISA_AVX512, "avx512" },
    { RN_ISA_AVX2, "avx2" },
    { RN_ISA_BASELINE, "baseline" },
    { RN_ISA_REFERENCE, "reference" },
};

enum { ISAS = sizeof isas / sizeof isas[0] };

const char *rn_isa_name(rn_isa isa)
{
    for (int i = 0; i < ISAS; i++) {
        if (isas[i].isa == isa)
            return isas[i].name;
    }
    return isa == RN_ISA_AUTO ? "auto" : "unknown";
}

uint32_t rn_isa_available(void)
{
    const uint32_t cpu = rn_cpu_isas();
    uint32_t set = 0;

    for (int i = 0; i < ISAS; i++) {
        if ((cpu & (uint32_t)isas[i].isa) != 0 && rn_kernels_for(isas[i].isa) != NULL)
            set |= (uint32_t)isas[i].isa;
    }
    return set;
}

/* A variable that is set and not empty, else NULL. */
static const char *environment(const char *name)
{
    const char *const value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* The order of context.h: RN_THREADS, the option, OMP_NUM_THREADS, the CPUs. */
static rn_status choose_threads(int32_t *threads, int32_t wanted, rn_message *message)
{
    const char *const value = environment("RN_THREADS");
    bool is_wish = false;

    if (wanted < 0 || wanted > MAX_THREADS)
        return rn_fail(message, RN_INVALID_ARGUMENT, "%d threads were asked for; 1 to %d are possible", (int)wanted,
                       MAX_THREADS);
    if (value != NULL) {
        const size_t digits = strspn(value, "0123456789");

        wanted = digits <= 4 && value[digits] == '\0' ? (int32_t)strtol(value, NULL, 10) : 0;
        if (wanted < 1 || wanted > MAX_THREADS)
            return rn_fail(message, RN_INVALID_ARGUMENT,
                           "the environment variable RN_THREADS is \"%.100s\"; a number from 1 to %d is possible",
                           value, MAX_THREADS);
    }
    if (wanted == 0) {
        wanted = rn_parallel_wish(&is_wish);
        if (!is_wish)
            wanted = rn_cpu_count(wanted);
    }
    *threads = wanted < 1 ? 1 : wanted < MAX_THREADS ? wanted : MAX_THREADS;
    return RN_OK;
}

/* The set that RN_ISA names; 0 if it is not understood. */
static uint32_t read_isas(const char *text)
{
    uint32_t set = 0;

    for (;;) {
        const size_t length = strcspn(text, ",");
        uint32_t found = 0;

        for (int i = 0; i < ISAS; i++) {
            if (strlen(isas[i].name) == length && strncmp(isas[i].name, text, length) == 0)
                found = (uint32_t)isas[i].isa;
        }
        if (found == 0)
            return 0;
        set |= found;
        if (text[length] == '\0')
            return set;
        text += length + 1;
    }
}

static rn_status choose_kernels(const rn_kernels **kernels, uint32_t wanted, rn_message *message)
{
    const uint32_t all = RN_ISA_REFERENCE | RN_ISA_BASELINE | RN_ISA_AVX2 | RN_ISA_AVX512;
    const uint32_t available = rn_isa_available();
    const char *const value = environment("RN_ISA");

    if ((wanted & ~all) != 0)
        return rn_fail(message, RN_INVALID_ARGUMENT, "0x%x is no set of instruction sets", (unsigned)wanted);
    if (value != NULL && (wanted = read_isas(value)) == 0)
        return rn_fail(message, RN_INVALID_ARGUMENT,
                       "the environment variable RN_ISA is \"%.100s\"; reference, baseline, avx2 and avx512 are "
                       "possible, with commas between them",
                       value);
    if (wanted == 0)
        wanted = all & ~(uint32_t)RN_ISA_REFERENCE;
    for (int i = 0; i < ISAS; i++) {
        if ((wanted & available & (uint32_t)isas[i].isa) != 0) {
            *kernels = rn_kernels_for(isas[i].isa);
            return RN_OK;
        }
    }
    return rn_fail(message, RN_UNSUPPORTED,
                   "this CPU or this build of the library lacks the instruction set that was "
                   "asked for (%s)",
                   value != NULL ? value : rn_isa_name((rn_isa)wanted));
}

static rn_status choose_convolution(bool *is_direct, rn_convolution wanted, rn_message *message)
{
    const char *const value = environment("RN_CONVOLUTION");

    if (wanted != RN_CONVOLUTION_AUTO && wanted != RN_CONVOLUTION_DIRECT)
        return rn_fail(message, RN_INVALID_ARGUMENT, "%d is no way to compute convolutions", (int)wanted);
    *is_direct = wanted == RN_CONVOLUTION_DIRECT;
    if (value == NULL)
        return RN_OK;
    *is_direct = strcmp(value, "direct") == 0;
    if (!*is_direct && strcmp(value, "auto") != 0)
        return rn_fail(message, RN_INVALID_ARGUMENT,
                       "the environment variable RN_CONVOLUTION is \"%.100s\"; auto and direct are possible", value);
    return RN_OK;
}

static rn_status create(rn_context **context, const rn_context_options *o, rn_message *message)
{
    rn_allocator allocator = rn_default_allocator();
    const rn_kernels *kernels = NULL;
    rn_context *made;
    int32_t threads = 1;
    bool is_direct = false;
    rn_status status;

    if ((o->allocate == NULL) != (o->release == NULL))
        return rn_fail(message, RN_INVALID_ARGUMENT, "one of the two memory hooks is NULL");
    if ((status = choose_threads(&threads, o->threads, message)) != RN_OK ||
        (status = choose_kernels(&kernels, o->isas, message)) != RN_OK ||
        (status = choose_convolution(&is_direct, o->convolution, message)) != RN_OK)
        return status;
    if (o->allocate != NULL)
        allocator = (rn_allocator){ o->allocate, o->release, o->allocator_payload };
    made = rn_allocate_zeroed(&allocator, 1, sizeof *made);
    if (made == NULL)
        return rn_fail(message, RN_NO_MEMORY, "no memory for a context");
    rn_references_init(&made->references);
    made->allocator = allocator;
    made->pool.threads = threads;
    made->kernels = kernels;
    made->pairs = rn_cpu_has_bf16() ? rn_pair_kernels_for(kernels->isa) : NULL;
    made->direct_convolutions = is_direct;
    made->precision = o->precision;
    made->seed = o->seed;
    made->log = o->log;
    made->log_payload = o->log_payload;
    *context = made;
    return RN_OK;
}

/* Where the caller wants the sentence, also if other options are refused; nowhere if the struct is none of ours. */
static void tell(const rn_context_options *options, const rn_message *message)
{
    if (options != NULL && options->struct_size >= sizeof *options && options->struct_size <= RN_OPTIONS_LIMIT &&
        options->message != NULL)
        rn_text_copy(options->message, options->message_size, message->text);
}

rn_status rn_context_create(rn_context **context, const rn_context_options *options)
{
    rn_message message = { "" };
    rn_context_options o;
    rn_status status;

    if (context == NULL) {
        rn_fail(&message, RN_INVALID_ARGUMENT, "rn_context_create: context is NULL");
        tell(options, &message);
        return rn_fail_null("rn_context_create", "context");
    }
    *context = NULL;
    status = rn_options_read(&o, sizeof o, options, &message);
    if (status == RN_OK && (o.message == NULL) != (o.message_size == 0))
        status = rn_fail(&message, RN_INVALID_ARGUMENT, "a buffer for the message and its size belong together");
    if (status == RN_OK)
        status = rn_check_precision((int32_t)o.precision, &message);
    if (status == RN_OK)
        status = create(context, &o, &message);
    tell(options, &message);
    return status;
}

rn_status rn_check_precision(int32_t precision, rn_message *message)
{
    if (precision == RN_PRECISION_DEFAULT || precision == RN_PRECISION_FLOAT32 || precision == RN_PRECISION_BFLOAT16)
        return RN_OK;
    return rn_fail(message, RN_INVALID_ARGUMENT, "%d is no precision", (int)precision);
}

rn_precision rn_context_precision(const rn_context *context)
{
    return context != NULL && rn_context_wants_pairs(context, RN_PRECISION_DEFAULT) ? RN_PRECISION_BFLOAT16
                                                                                    : RN_PRECISION_FLOAT32;
}

bool rn_context_asks_for_pairs(const rn_context *context, int32_t wanted)
{
    return (wanted != RN_PRECISION_DEFAULT ? wanted : (int32_t)context->precision) == RN_PRECISION_BFLOAT16;
}

bool rn_context_wants_pairs(const rn_context *context, int32_t wanted)
{
    return rn_context_asks_for_pairs(context, wanted) && context->pairs != NULL;
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
    const char *const null_call = rn_null_sentence();

    if (null_call != NULL)
        return null_call;
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
