/* SPDX-License-Identifier: MIT */
/*
 * The context that the tests of a program use, which give make_context and drop_context to CMocka as set-up and
 * tear-down of each test or of all together. RN_TEST_THREADS, defined before, is its number of threads (0: default).
 */
#ifndef RN_TESTS_ONE_CONTEXT_H
#define RN_TESTS_ONE_CONTEXT_H

#include "support/support.h"

#ifndef RN_TEST_THREADS
#define RN_TEST_THREADS 1
#endif

static rn_context *context;

static int make_context(void **state)
{
    (void)state;
    context = rn_test_context(RN_TEST_THREADS, RN_ISA_AUTO);
    return 0;
}

static int drop_context(void **state)
{
    (void)state;
    rn_context_destroy(context);
    return 0;
}

#endif
