/* SPDX-License-Identifier: MIT */
/* Small networks that the tests of the run room share. */
#ifndef RN_TESTS_RUN_NETWORKS_H
#define RN_TESTS_RUN_NETWORKS_H

#include "support/support.h"

enum { RESIDUAL_SIZE = 9, RESIDUAL_CLASSES = 5 };

/*
 * conv, batch norm, ReLU; a residual block whose shortcut is a projection, one whose shortcut is the identity, one with
 * shortcut A; a fire module (concatenation); pooling of all kinds; dropout; linear head "fc". Everything that a plan
 * can fuse, share or add occurs.
 */
rn_model *residual_network(rn_context *context, double dropout);

/* `batch` images and labels for it, from a seed. */
rn_tensor *residual_images(rn_context *context, int64_t batch, uint32_t seed);
rn_tensor *residual_labels(rn_context *context, int64_t batch, uint32_t seed);

#endif
