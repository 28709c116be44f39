/* SPDX-License-Identifier: MIT */
/*
 * Pooling: torch.nn.MaxPool2d, AvgPool2d, AdaptiveAvgPool2d. Shapes are those of the maps; dx is overwritten, or added
 * to if `accumulate`. Maps are of the same kind of numbers; of an adaptive pool x may be of halves and y of floats.
 */
#ifndef RN_OPS_POOL_H
#define RN_OPS_POOL_H

#include "context/context.h"
#include "ops/map.h"

typedef struct rn_pool2d {
    int32_t kernel, stride, padding; /* kernel <= 15 for max pooling, so that a place in the window fits a byte */
    bool exclude_padding;
} rn_pool2d;

/*
 * argmax: n*h*w*c bytes of y, the place (row * kernel + column) of the first maximum in its window; NULL: not kept. NaN
 * wins.
 */
void rn_max_pool_forward(const rn_context *context, const rn_pool2d *pool, const rn_map *x, const rn_map *y,
                         uint8_t *argmax);
void rn_max_pool_backward(const rn_context *context, const rn_pool2d *pool, const rn_map *dy, const uint8_t *argmax,
                          const rn_map *dx, bool accumulate);
/*
 * A window's sum is divided by its size, the window being cut to the padded input (only ceil_mode lets it hang over),
 * or to the input if exclude_padding: PyTorch's count_include_pad.
 */
void rn_avg_pool_forward(const rn_context *context, const rn_pool2d *pool, const rn_map *x, const rn_map *y);
void rn_avg_pool_backward(const rn_context *context, const rn_pool2d *pool, const rn_map *dy, const rn_map *dx,
                          bool accumulate);
/* Window i of `out` covers [floor(i * in / out), ceil((i + 1) * in / out)). */
void rn_adaptive_avg_pool_forward(const rn_context *context, const rn_map *x, const rn_map *y);
void rn_adaptive_avg_pool_backward(const rn_context *context, const rn_map *dy, const rn_map *dx, bool accumulate);

#endif
