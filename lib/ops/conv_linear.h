/* SPDX-License-Identifier: MIT */
/*
 * Convolutions of a single pixel: linear layers. Each weight is used once for every sample and for nothing else, so what
 * is packed are the samples, and the weights, which may take more memory than all the rest of a network (vgg16: 495 of
 * 553 MB), are read where they lie and never copied as a whole. Sums have the same chains as those of any other
 * convolution, and so the same bits. The gradient of the weights is conv_weights.c's.
 */
#ifndef RN_OPS_CONV_LINEAR_H
#define RN_OPS_CONV_LINEAR_H

#include "ops/conv.h"

size_t rn_linear_forward_workspace(const rn_context *context, const rn_conv *conv, int64_t batch);
void rn_linear_forward(const rn_context *context, const rn_conv *conv, const rn_map *x, const float *weights,
                       const rn_conv_epilogue *epilogue, const rn_map *y, void *workspace);
size_t rn_linear_backward_data_workspace(const rn_context *context, const rn_conv *conv, int64_t batch);
void rn_linear_backward_data(const rn_context *context, const rn_conv *conv, const rn_map *dy, const float *weights,
                             const rn_map *dx, bool accumulate, void *workspace);

#endif
