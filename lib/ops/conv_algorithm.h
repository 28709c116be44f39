/* SPDX-License-Identifier: MIT */
/*
 * An algorithm for convolutions: what suits it, what it settles beforehand, and the passes. Depthwise and products of
 * matrices give the same bits: an output is one chain of multiply-adds over the window in its order, a gradient of a
 * weight is chunks of such chains that a fixed tree adds up. Winograd and linear layers have sums of their own. Which
 * one runs is a rule of the shape and of the context's options, so that bits depend on nothing else.
 */
#ifndef RN_OPS_CONV_ALGORITHM_H
#define RN_OPS_CONV_ALGORITHM_H

#include "ops/conv.h"

typedef struct rn_conv_algorithm {
    const char *name;
    bool (*suits)(const rn_context *context, const rn_conv *conv);
    /* Fills in packed_count, bytes and blocks of a plan whose conv and batch are set. */
    void (*plan)(rn_conv_plan *plan, const rn_context *context);
    void (*pack)(const rn_context *context, const rn_conv_plan *plan, const float *weights, float *packed);
    void (*forward)(const rn_context *context, const rn_conv_plan *plan, const rn_map *x, const float *packed,
                    const rn_conv_epilogue *epilogue, const rn_map *y, void *workspace);
    void (*backward_data)(const rn_context *context, const rn_conv_plan *plan, const rn_map *dy, const float *weights,
                          const rn_map *dx, bool accumulate, void *workspace);
    void (*backward_weights)(const rn_context *context, const rn_conv_plan *plan, const rn_map *x, const rn_map *dy,
                             float *dw, bool accumulate, void *workspace);
} rn_conv_algorithm;

extern const rn_conv_algorithm rn_conv_depthwise; /* conv_depthwise.c */
extern const rn_conv_algorithm rn_conv_linear;    /* conv_linear.c */
extern const rn_conv_algorithm rn_conv_winograd;  /* conv_winograd.c */
extern const rn_conv_algorithm rn_conv_gemm;      /* conv_gemm.c: any */

/* ---- between the algorithms' files ------------------------------------------------------------------------------- */

/* conv_gemm_data.c */
void rn_gemm_plan_data(rn_conv_plan *plan, const rn_context *context);
void rn_gemm_backward_data(const rn_context *context, const rn_conv_plan *plan, const rn_map *dy, const float *weights,
                           const rn_map *dx, bool accumulate, void *workspace);

/* winograd_weights.c */
void rn_winograd_plan_weights(rn_conv_plan *plan, const rn_context *context);
void rn_winograd_backward_weights(const rn_context *context, const rn_conv_plan *plan, const rn_map *x,
                                  const rn_map *dy, float *dw, bool accumulate, void *workspace);

/* conv_weights.c: the gradient of the weights as a product of matrices, of pairs where the plan's forward is; the number of chunks, a rule of the shape; and
 * chunks of partial sums [chunks][count] added up into dw. */
void rn_gemm_plan_weights(rn_conv_plan *plan, const rn_context *context);
void rn_gemm_backward_weights(const rn_context *context, const rn_conv_plan *plan, const rn_map *x, const rn_map *dy,
                              float *dw, bool accumulate, void *workspace);
void rn_gemm_backward_weights_formed(const rn_context *context, const rn_conv_plan *plan, const rn_map *x,
                                     const rn_conv_form *form, const rn_map *dy, float *dw, bool accumulate,
                                     void *workspace);
int64_t rn_weight_chunks(const rn_conv *conv, int64_t batch);
void rn_add_weight_chunks(const rn_context *context, float *partials, int64_t chunks, int64_t count, float *dw,
                          bool accumulate);

static inline int64_t rn_conv_group_in(const rn_conv *conv)
{
    return conv->in_c / conv->groups;
}

static inline int64_t rn_conv_group_out(const rn_conv *conv)
{
    return conv->out_c / conv->groups;
}

#endif
