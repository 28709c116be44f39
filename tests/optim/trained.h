/* SPDX-License-Identifier: MIT */
/*
 * A small parameter store with gradients for tests of optimizers: conv1.weight (4, 3, 2, 2), bn1.running_mean (a
 * buffer), fc.weight (2, 5), fc.bias (2). Values and gradients are those of make_fixtures.py.
 */
#ifndef RN_TESTS_OPTIM_TRAINED_H
#define RN_TESTS_OPTIM_TRAINED_H

#include "optim/optimizer.h"

enum { TRAINED_CONV, TRAINED_MEAN, TRAINED_WEIGHT, TRAINED_BIAS, TRAINED_ENTRIES };
enum { TRAINED_STEPS = 30, TRAINED_BIAS_BEGINS = 4 };

rn_parameters *rn_test_trained(rn_context *context);
/* The gradients of step `step`; the bias has none before step TRAINED_BIAS_BEGINS. */
void rn_test_trained_gradients(rn_parameters *parameters, int step);
void rn_test_trained_gradient(rn_parameters *parameters, size_t index, int step);

/* Steps with the fixture's gradients, and what PyTorch has after the first and the last of TRAINED_STEPS. */
typedef struct rn_test_trajectory {
    const char *what;
    int64_t step_size; /* of StepLR; 0: none */
    double gamma;
    const float *first, *last, *slot[3]; /* slot NULL: the rule has none */
    double lr;
} rn_test_trajectory;

/*
 * Fails the test unless the optimizer's steps are the fixture's: both sides round each step, so they may differ by some
 * u = 6e-8 of the numbers that are added up.
 */
void rn_test_trained_follow(rn_optimizer *optimizer, const rn_test_trajectory *expected);

#endif
