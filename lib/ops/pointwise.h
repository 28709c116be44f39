/* SPDX-License-Identifier: MIT */
/*
 * Element by element: dropout, log-softmax, and the layers that only move elements. Maps of one call have the
 * same shape unless said.
 */
#ifndef RN_OPS_POINTWISE_H
#define RN_OPS_POINTWISE_H

#include "context/context.h"
#include "ops/map.h"

/*
 * y = keep(element) ? x / (1 - p) : 0, where keep is a pure function of (seed, step, layer, element's position in NCHW
 * order). p in [0, 1]. x may be y. The backward pass is the same call on gradients.
 */
typedef struct rn_dropout_draw {
    double probability;
    uint64_t seed, step, layer;
} rn_dropout_draw;
void rn_dropout_apply(const rn_context *context, const rn_dropout_draw *draw, const rn_map *x, const rn_map *y);

/* (n, h, w, c) to (n, 1, 1, c*h*w) in PyTorch's order c, h, w; and the opposite, for gradients. */
void rn_flatten_forward(const rn_context *context, const rn_map *x, const rn_map *y);
void rn_flatten_backward(const rn_context *context, const rn_map *dy, const rn_map *dx, bool accumulate);

/*
 * Shortcut A: y[.., oh, ow, before + c] = x[.., oh*stride, ow*stride, c], other channels zero;
 * before = (y.c - x.c) / 2.
 */
void rn_shortcut_a_forward(const rn_context *context, int32_t stride, const rn_map *x, const rn_map *y);
void rn_shortcut_a_backward(const rn_context *context, int32_t stride, const rn_map *dy, const rn_map *dx,
                            bool accumulate);

/* Along channels of maps with h = w = 1, in double inside. y may be x. */
void rn_log_softmax_forward(const rn_context *context, const rn_map *x, const rn_map *y);
/* dx = dy - exp(y) * sum(dy). */
void rn_log_softmax_backward(const rn_context *context, const rn_map *dy, const rn_map *y, const rn_map *dx,
                             bool accumulate);

#endif
