/* SPDX-License-Identifier: MIT */
#include "run/kinds.h"

#include "run/derive.h"

const rn_kind rn_op_conv = { "convolution", rn_derive_conv, false };
const rn_kind rn_op_combine = { "combination", rn_derive_combine, false };
const rn_kind rn_op_moments = { "moments", NULL, true };
const rn_kind rn_op_norm = { "batch norm", NULL, true };
const rn_kind rn_op_max_pool = { "max pool", rn_derive_max_pool, false };
const rn_kind rn_op_avg_pool = { "average pool", rn_derive_avg_pool, false };
const rn_kind rn_op_adaptive_avg_pool = { "adaptive average pool", rn_derive_adaptive_avg_pool, false };
const rn_kind rn_op_dropout = { "dropout", rn_derive_dropout, true };
const rn_kind rn_op_flatten = { "flatten", rn_derive_flatten, false };
const rn_kind rn_op_shortcut_a = { "shortcut A", rn_derive_shortcut_a, false };
const rn_kind rn_op_log_softmax = { "log-softmax", rn_derive_log_softmax, false };
const rn_kind rn_op_join = { "join", rn_derive_join, false };

const rn_kind rn_op_loss = { "loss", NULL, true };
const rn_kind rn_op_conv_backward = { "convolution backward", NULL, true };
const rn_kind rn_op_channel_sums = { "channel sums", NULL, true };
const rn_kind rn_op_norm_sums = { "batch norm sums", NULL, true };
const rn_kind rn_op_max_pool_backward = { "max pool backward", NULL, false };
const rn_kind rn_op_avg_pool_backward = { "average pool backward", NULL, false };
const rn_kind rn_op_adaptive_avg_pool_backward = { "adaptive average pool backward", NULL, false };
const rn_kind rn_op_flatten_backward = { "flatten backward", NULL, false };
const rn_kind rn_op_shortcut_a_backward = { "shortcut A backward", NULL, false };
const rn_kind rn_op_log_softmax_backward = { "log-softmax backward", NULL, false };
const rn_kind rn_op_gradient_ready = { "gradient ready", NULL, false };
