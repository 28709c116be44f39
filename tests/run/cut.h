/* SPDX-License-Identifier: MIT */
/* Sessions that begin behind a layer, and whole ones that give what those begin with: for tests of cut networks. */
#ifndef RN_TESTS_RUN_CUT_H
#define RN_TESTS_RUN_CUT_H

#include "run/networks.h"
#include "run/session.h"

/* The whole network with outputs "logits" and `features`. */
rn_session *cut_whole(rn_context *context, rn_model *model, const char *features, rn_mode mode);
/* What lies behind `input`, with output "logits", in training also with the gradient of what it is given. */
rn_session *cut_behind(rn_context *context, rn_model *model, const char *input, rn_mode mode);

/* A copy of an output, in the memory of whoever keeps it. */
rn_tensor *cut_kept(rn_context *context, rn_session *session, size_t index);
/* What inference gives as the value of that layer. */
rn_tensor *cut_features(rn_context *context, rn_model *model, const char *name, const rn_tensor *images);

/* Row-major; the caller frees. */
float *cut_numbers(rn_context *context, const rn_tensor *tensor);
void cut_require_same_bits(rn_context *context, const rn_tensor *a, const rn_tensor *b);

#endif
