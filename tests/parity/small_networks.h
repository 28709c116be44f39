/* SPDX-License-Identifier: MIT */
/* The small networks of make_fixtures.py (SmallResidual, ...), written with the library's calls. */
#ifndef RN_TESTS_PARITY_SMALL_NETWORKS_H
#define RN_TESTS_PARITY_SMALL_NETWORKS_H

#include "support/support.h"

enum { SMALL_CLASSES = 5 };

rn_model *small_residual(rn_context *context);
rn_model *small_fire(rn_context *context);
rn_model *small_dense(rn_context *context);
rn_model *small_inception(rn_context *context);
rn_model *small_next(rn_context *context);

#endif
