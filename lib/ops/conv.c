/* SPDX-License-Identifier: MIT */
/* The table of algorithms, in the order in which they are tried, and what all of them begin with. */
#include "ops/conv_algorithm.h"

static const rn_conv_algorithm *const algorithms[] = { &rn_conv_depthwise, &rn_conv_linear, &rn_conv_winograd,
                                                       &rn_conv_gemm };

rn_conv_plan rn_conv_plan_for(const rn_context *context, const rn_conv *conv, int64_t batch, bool wants_pairs)
{
    rn_conv_plan plan = {
        .conv = *conv, .batch = batch, .wants_pairs = wants_pairs && context->pairs != NULL, .algorithm = &rn_conv_gemm
    };

    for (size_t i = sizeof algorithms / sizeof *algorithms; i-- > 0;)
        if (algorithms[i]->suits(context, conv))
            plan.algorithm = algorithms[i];
    plan.algorithm->plan(&plan, context);
    return plan;
}

/* Then rn_conv_gemm is the algorithm. */
bool rn_conv_forms(const rn_conv *conv)
{
    return conv->kernel_h == 1 && conv->kernel_w == 1 && conv->stride_h == 1 && conv->stride_w == 1 &&
           conv->padding_h == 0 && conv->padding_w == 0 && conv->groups == 1 && conv->in_h * conv->in_w > 1;
}

/*
 * Units are chunks of whole rows (conv_joint.c), which are to give each thread as much. More channels than a range
 * would mean short stretches, between which dw comes from memory. Where dx is the larger map, there is more to write
 * than dy would cost, and finished rows of it are better let out at once (conv_product.h).
 */
bool rn_conv_joins(const rn_context *context, const rn_conv *conv, int64_t batch)
{
    const int64_t chunks = rn_weight_chunks(conv, batch), threads = context->pool.threads;

    return rn_conv_forms(conv) && conv->in_c < conv->out_c && conv->out_c <= context->kernels->gemm->blocks.range &&
           (chunks % threads == 0 || chunks >= 4 * threads);
}

/* Winograd's transforms widen what they read; products of pairs take it as it lies. */
bool rn_conv_takes_halves(const rn_conv_plan *plan)
{
    return plan->wants_pairs && !plan->conv.is_formed && !plan->conv.is_joint &&
           (plan->algorithm == &rn_conv_winograd ||
            (plan->algorithm == &rn_conv_gemm && plan->forward.gemm->pairs != NULL && plan->data.gemm->pairs != NULL));
}

const void *rn_conv_layout(const rn_context *context, const rn_conv_plan *plan)
{
    return plan->forward.gemm != NULL ? plan->forward.gemm : context->kernels->gemm;
}

void rn_conv_pack(const rn_context *context, const rn_conv_plan *plan, const float *weights, float *packed)
{
    if (plan->packed_count > 0)
        plan->algorithm->pack(context, plan, weights, packed);
}

void rn_conv_forward(const rn_context *context, const rn_conv_plan *plan, const rn_map *x, const float *packed,
                     const rn_conv_epilogue *epilogue, const rn_map *y, void *workspace)
{
    plan->algorithm->forward(context, plan, x, packed, epilogue, y, workspace);
}

void rn_conv_backward_data(const rn_context *context, const rn_conv_plan *plan, const rn_map *dy, const float *weights,
                           const rn_map *dx, bool accumulate, void *workspace)
{
    plan->algorithm->backward_data(context, plan, dy, weights, dx, accumulate, workspace);
}

void rn_conv_backward_weights(const rn_context *context, const rn_conv_plan *plan, const rn_map *x, const rn_map *dy,
                              float *dw, bool accumulate, void *workspace)
{
    plan->algorithm->backward_weights(context, plan, x, dy, dw, accumulate, workspace);
}

void rn_conv_backward_weights_formed(const rn_context *context, const rn_conv_plan *plan, const rn_map *x,
                                     const rn_conv_form *form, const rn_map *dy, float *dw, bool accumulate,
                                     void *workspace)
{
    rn_gemm_backward_weights_formed(context, plan, x, form, dy, dw, accumulate, workspace);
}

void rn_conv_backward_joint(const rn_context *context, const rn_conv_plan *plan, const rn_conv_joint *joint,
                            void *workspace)
{
    rn_gemm_backward_joint(context, plan, joint, workspace);
}
