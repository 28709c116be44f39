/* SPDX-License-Identifier: MIT */
/*
 * The kinds of operations, with the operands of each (tape.h has their names; those in brackets may be absent).
 *
 * A kind from outside is a rn_kind with a derivation rule and rows of a backend. It is put into a plan between
 * rn_plan_begin and rn_plan_finish by giving the operation that makes a value a new view, which the new operation reads
 * to write the old one. Gradients of parameters are operands that are added to; rn_tape_begin_gradient says whether to
 * overwrite.
 */
#ifndef RN_RUN_KINDS_H
#define RN_RUN_KINDS_H

#include "run/tape.h"

/* ---- forward ----------------------------------------------------------------------------------------------------- */

/* Y = relu?(conv(X, WEIGHTS) [SCALE] + [SHIFT] + [OTHER]); also linear layers. With FORM_SCALE and FORM_SHIFT, here and
 * in backward, relu(FORM_SCALE X + FORM_SHIFT) stands for X. */
extern const rn_kind rn_op_conv;
/* Y = relu?(X [where MASK > 0] [SCALE] [+ BESIDE_SCALE (BESIDE - MEAN)] [+ SHIFT] [+ OTHER]); or Y += that */
extern const rn_kind rn_op_combine;
extern const rn_kind rn_op_moments;  /* MEAN, VARIANCE of the batch, of X */
extern const rn_kind rn_op_norm;     /* INVERSE, SCALE, SHIFT of MEAN, VARIANCE, GAMMA, BETA; running statistics move */
extern const rn_kind rn_op_max_pool; /* Y, [ARGMAX] of X */
extern const rn_kind rn_op_avg_pool;
extern const rn_kind rn_op_adaptive_avg_pool;
extern const rn_kind rn_op_dropout; /* Y of X; in backward the same draw on a gradient */
extern const rn_kind rn_op_flatten;
extern const rn_kind rn_op_shortcut_a;
extern const rn_kind rn_op_log_softmax;
extern const rn_kind rn_op_join; /* Y = X, a part of a concatenation and its place there; mostly the same memory */

/* ---- losses and backward ----------------------------------------------------------------------------------------- */

extern const rn_kind rn_op_loss; /* DY = 0, where whoever computes the loss of output Y writes its gradient */
/* [DWEIGHTS] of X and DY; [DX] of DY and WEIGHTS. With BESIDE (and both of them) SCALE DY + BESIDE_SCALE (BESIDE -
 * MEAN) + SHIFT stands for DY. */
extern const rn_kind rn_op_conv_backward;
extern const rn_kind rn_op_channel_sums; /* DBETA = sums of DY */
/* DY masked in place by [Y], or by [SCALE X + SHIFT], or only read; [DGAMMA], [DBETA] and SLOPES of DY, X, MEAN, INVERSE
 * and GAMMA */
extern const rn_kind rn_op_norm_sums;
extern const rn_kind rn_op_max_pool_backward; /* DX of DY, ARGMAX */
extern const rn_kind rn_op_avg_pool_backward;
extern const rn_kind rn_op_adaptive_avg_pool_backward;
extern const rn_kind rn_op_flatten_backward;
extern const rn_kind rn_op_shortcut_a_backward;
extern const rn_kind rn_op_log_softmax_backward; /* DX of DY, Y */
extern const rn_kind rn_op_gradient_ready;       /* DWEIGHTS has its last value of this backward */

#endif
