/* SPDX-License-Identifier: MIT */
/* The residual network of networks.h with a session, an optimizer and a batch, for tests of whole steps. */
#ifndef RN_TESTS_RUN_TRAINING_H
#define RN_TESTS_RUN_TRAINING_H

#include "run/networks.h"

typedef struct training {
    rn_context *context;
    rn_model *model;
    rn_session *session;
    rn_optimizer *adam;
    rn_tensor *images, *labels;
} training;

/* The training owns the context. */
void training_begin_with(training *t, rn_context *context, double dropout, int64_t batch);
void training_begin(training *t, int32_t threads, rn_isa isa, double dropout);
void training_end(training *t);

/* Forward, cross entropy, backward; gives the loss. A step also updates the parameters. */
double training_backward(training *t);
double training_step(training *t);

/* All parameters and buffers, one after the other, as floats. The caller frees. */
float *training_all_values(training *t, size_t *count);

#endif
