/* SPDX-License-Identifier: MIT */
/* What tests share: CMocka with its includes, a context, places for files, data that may be absent, an allocator that
 * fails. */
#ifndef RN_TESTS_SUPPORT_H
#define RN_TESTS_SUPPORT_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <resnet/resnet.h>

/* Fails the test with the context's message if a call does not answer RN_OK. */
#define require_ok(context, call) require_status(context, call, RN_OK)
/* Fails the test unless a call answers `expected`. */
#define require_status(context, call, expected) \
    rn_require_status((context), (call), (expected), #call, __FILE__, __LINE__)
void rn_require_status(const rn_context *context, rn_status status, rn_status expected, const char *call,
                       const char *file, int line);

/* A context with this many threads and instruction set (0: defaults). Fails the test if it cannot be had. */
rn_context *rn_test_context(int32_t threads, rn_isa isa);
/* The same, whose sessions compute in this precision; bfloat16 by emulation where the CPU lacks it (bfloat16.h). */
rn_context *rn_test_context_of(int32_t threads, rn_isa isa, rn_precision precision);
/* True if the host runs it. */
int rn_test_has_isa(rn_isa isa);
/* True if the host itself multiplies bfloat16, as a program finds it. */
int rn_test_has_bfloat16(void);
/* Skips the test, saying so, if contexts cannot even emulate it. */
void rn_test_need_bfloat16(void);

/* A fresh directory that is removed when the test program ends; the text lives until then. */
const char *rn_test_directory(void);
/* directory/name; lives until the test program ends. */
const char *rn_test_path(const char *directory, const char *name);
/* A path below tests/, for committed fixtures: rn_test_fixture("parity/fixtures/conv.safetensors"). */
const char *rn_test_fixture(const char *name);
/* A path below the real data (environment variable RESNET_TEST_DATA, else ../shared/data beside the checkout), or skips
 * the test, saying so, if it is not there. */
const char *rn_test_data(const char *name);
/* The same, but NULL where the data is absent. */
const char *rn_test_data_or_null(const char *name);

/* Deterministic numbers, roughly normal, for filling arrays. */
void rn_test_fill(float *values, size_t count, uint32_t seed);
/* Largest |a - b| over the largest |b| (1 if all are 0). */
double rn_test_error(const float *a, const float *b, size_t count);

/* An allocator whose calls can be counted and, from the n-th on, made to fail. Every block carries a guard. */
typedef struct rn_test_allocator {
    long calls, live, failures; /* live: blocks that are out */
    size_t bytes;               /* in them */
    long fail_at; /* the number of the call that fails, counted from 0, and all after it if sticky; -1: none */
    int sticky;
} rn_test_allocator;
void *rn_test_allocate(size_t bytes, size_t alignment, void *payload);
void rn_test_release(void *memory, void *payload);

/* A context with this allocator, which does not fail yet. */
rn_context *rn_test_allocator_context(rn_test_allocator *allocator, int32_t threads);

/* Lets call 0, 1, 2, ... of the allocator fail, first alone, then with all that follow it, until `attempt` succeeds.
 * Until then it must answer RN_NO_MEMORY; whatever it answers, it must leave as many blocks as it found. Fails the test
 * if less than `least` calls could fail. */
void rn_test_fail_each(rn_test_allocator *allocator, rn_status (*attempt)(void *payload), void *payload, long least);

#endif
