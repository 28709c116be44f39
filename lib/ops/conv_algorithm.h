/* SPDX-License-Identifier: MIT */
/*
 * An algorithm for convolutions: what suits it, what it settles beforehand, and the passes. Depthwise and products of
 * matrices give the same bits: an output is one chain of multiply-adds over the window in its order, a gradient of a
 * weight is chunks of such chains that a fixed tree adds up. Winograd and linear layers have sums of their own. Which
 * one runs is a rule of the shape and of the context's options, so that bits depend on nothing else.
 */
#ifndef RN_OPS_CONV_ALGORITHM_H
#define RN_OPS_CONV_ALGORITHM_H

#include "kernels/row_kernels.h"
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

/* conv_gemm_data.c: among other things, the weights as products for dx want them, and their bytes, in whole lines */
void rn_gemm_plan_data(rn_conv_plan *plan, const rn_context *context);
size_t rn_gemm_data_packed_bytes(const rn_gemm_kernels *gemm, const rn_conv *conv);
void rn_gemm_pack_data(const rn_context *context, const rn_gemm_kernels *gemm, const rn_conv *conv,
                       const float *weights, float *packed);
void rn_gemm_backward_data(const rn_context *context, const rn_conv_plan *plan, const rn_map *dy, const float *weights,
                           const rn_map *dx, bool accumulate, void *workspace);

/* winograd_weights.c */
void rn_winograd_plan_weights(rn_conv_plan *plan, const rn_context *context);
void rn_winograd_backward_weights(const rn_context *context, const rn_conv_plan *plan, const rn_map *x,
                                  const rn_map *dy, float *dw, bool accumulate, void *workspace);

/* conv_weights.c: the gradient of the weights as a product of matrices, of pairs where the plan's forward is; and, with
 * that, the joint pass. */
void rn_gemm_plan_weights(rn_conv_plan *plan, const rn_context *context);
void rn_gemm_backward_weights(const rn_context *context, const rn_conv_plan *plan, const rn_map *x, const rn_map *dy,
                              float *dw, bool accumulate, void *workspace);
void rn_gemm_backward_weights_formed(const rn_context *context, const rn_conv_plan *plan, const rn_map *x,
                                     const rn_conv_form *form, const rn_map *dy, float *dw, bool accumulate,
                                     void *workspace);
void rn_gemm_backward_joint(const rn_context *context, const rn_conv_plan *plan, const rn_conv_joint *joint,
                            void *workspace);

/* weight_chunks.c: their number, a rule of the shape; and partial sums [chunks][count] added up into dw. */
int64_t rn_weight_chunks(const rn_conv *conv, int64_t batch);
void rn_add_weight_chunks(const rn_context *context, float *partials, int64_t chunks, int64_t count, float *dw,
                          bool accumulate);

/* conv_joint.c: rows [m, m + rows) of dy formed into `dy`, and of dx made of them; `tile` has room for mr x nr. */
void rn_joint_form(const rn_row_kernels *kernels, const rn_conv_joint *joint, int64_t m, int64_t rows, rn_matrix dy);
void rn_joint_data(const rn_gemm_kernels *gemm, const rn_conv_joint *joint, const float *packed, int64_t m,
                   int64_t rows, rn_matrix dy, float *tile);

static inline int64_t rn_conv_group_in(const rn_conv *conv)
{
    return conv->in_c / conv->groups;
}

static inline int64_t rn_conv_group_out(const rn_conv *conv)
{
    return conv->out_c / conv->groups;
}

#endif
