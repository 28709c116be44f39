/* SPDX-License-Identifier: MIT */
/* The context and the parameter store that the tests of a program use, set up anew for each. */
#ifndef RN_TESTS_OPTIM_ONE_TRAINED_H
#define RN_TESTS_OPTIM_ONE_TRAINED_H

#include "optim/trained.h"
#include "support/support.h"

static void require_near(double value, double expected, double bound, const char *what)
{
    if (!(fabs(value - expected) <= bound))
        fail_msg("%s: %.17g instead of %.17g", what, value, expected);
}

static rn_context *context;
static rn_parameters *parameters;

static int make_parameters(void **state)
{
    (void)state;
    context = rn_test_context(1, RN_ISA_AUTO);
    parameters = rn_test_trained(context);
    return 0;
}

static int drop_parameters(void **state)
{
    (void)state;
    rn_parameters_release(parameters);
    rn_context_destroy(context);
    return 0;
}

#endif
