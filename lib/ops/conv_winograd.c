/* SPDX-License-Identifier: MIT */
/*
 * 3 x 3 convolutions with stride 1 by Winograd's minimal filtering (kernels/winograd_kernels.h). A rule of the shape,
 * and of what the caller allows, says which: never the batch, the threads or the pass.
 *
 * Errors. Let u = 2^-24, and |B|, |G|, |A| be the transforms with absolute values. An output is at most
 *   (c + n) u |A|^T [ sum over c channels of (|G| |g| |G|^T) . (|B|^T |d| |B|) ] |A|
 * off, n = 32: at most 5 roundings (of constants, products and sums) a side in each of the three transforms, and two
 * more, where the sum in the order of the definition has 9 c u sum |g| |d|. tests/ops holds every output to the first
 * bound. It is a worst case: of normal numbers the rms error is 1e-7 to 1.2e-6 of the results' rms in the shapes of the
 * tests, which hold it to 2e-6.
 *
 * An infinity or a NaN in x makes NaNs of the outputs of all tiles that see it, up to three pixels further than its own
 * windows reach.
 */
#include "ops/conv_algorithm.h"
#include "ops/winograd_product.h"

enum {
    CHANNELS_LEAST = 16,    /* fewer would leave vectors half empty */
    CHANNELS_MOST = 1 << 20 /* products of two, and what they are multiplied by, can be counted */
};

static bool suits(const rn_context *context, const rn_conv *conv)
{
    return context->kernels->winograd != NULL && !context->direct_convolutions &&
           RN_GEMM_NR_MOST % context->kernels->gemm->nr == 0 && conv->kernel_h == 3 && conv->kernel_w == 3 &&
           conv->stride_h == 1 && conv->stride_w == 1 && conv->dilation == 1 && conv->groups == 1 &&
           conv->padding_h <= 2 && conv->padding_w <= 2 && conv->in_c >= CHANNELS_LEAST &&
           conv->out_c >= CHANNELS_LEAST && conv->in_c <= CHANNELS_MOST && conv->out_c <= CHANNELS_MOST &&
           rn_tile_side_suits(conv->out_h) && rn_tile_side_suits(conv->out_w) && rn_tile_side_suits(conv->in_h) &&
           rn_tile_side_suits(conv->in_w);
}

static rn_winograd_weights weights_of(const rn_conv *conv, const float *data, bool is_turned)
{
    return (rn_winograd_weights){ data, conv->in_c, conv->out_c, is_turned };
}

/* Kept planes of the turned weights, in whole cache lines. */
static size_t turned_bytes(const rn_context *context, const rn_conv_plan *plan)
{
    const rn_winograd_weights weights = weights_of(&plan->conv, NULL, true);
    const size_t floats = (size_t)rn_winograd_packed_floats(context, &plan->winograd.data, &weights);

    return (floats * sizeof(float) + RN_ALIGNMENT - 1) / RN_ALIGNMENT * RN_ALIGNMENT;
}

static void plan_passes(rn_conv_plan *plan, const rn_context *context)
{
    const rn_conv *const conv = &plan->conv;
    const rn_winograd_weights straight = weights_of(conv, NULL, false), turned = weights_of(conv, NULL, true);

    plan->winograd.forward = rn_winograd_blocks_for(context, &straight, plan->batch, conv->out_h, conv->out_w);
    plan->winograd.data = rn_winograd_blocks_for(context, &turned, plan->batch, conv->in_h, conv->in_w);
    plan->packed_count = rn_winograd_packed_floats(context, &plan->winograd.forward, &straight);
    plan->forward_bytes = rn_winograd_workspace(context, &plan->winograd.forward);
    if (!rn_size_add(&plan->data_bytes, turned_bytes(context, plan),
                     rn_winograd_workspace(context, &plan->winograd.data)))
        plan->data_bytes = SIZE_MAX;
    rn_winograd_plan_weights(plan, context);
}

static void pack(const rn_context *context, const rn_conv_plan *plan, const float *weights, float *packed)
{
    const rn_winograd_weights straight = weights_of(&plan->conv, weights, false);

    rn_winograd_pack(context, &plan->winograd.forward, &straight, packed);
}

static void forward(const rn_context *context, const rn_conv_plan *plan, const rn_map *x, const float *packed,
                    const rn_conv_epilogue *epilogue, const rn_map *y, void *workspace)
{
    const rn_conv *const conv = &plan->conv;
    const rn_winograd_pass pass = { .x = x,
                                    .y = y,
                                    .padding_h = conv->padding_h,
                                    .padding_w = conv->padding_w,
                                    .weights = weights_of(conv, NULL, false),
                                    .packed = packed,
                                    .epilogue = epilogue };

    rn_winograd_run(context, &plan->winograd.forward, &pass, workspace);
}

static void backward_data(const rn_context *context, const rn_conv_plan *plan, const rn_map *dy, const float *weights,
                          const rn_map *dx, bool accumulate, void *workspace)
{
    const rn_conv *const conv = &plan->conv;
    const rn_conv_epilogue epilogue = { .residual = accumulate ? dx : NULL };
    const rn_winograd_pass pass = { .x = dy,
                                    .y = dx,
                                    .padding_h = 2 - conv->padding_h,
                                    .padding_w = 2 - conv->padding_w,
                                    .weights = weights_of(conv, weights, true),
                                    .packed = workspace,
                                    .epilogue = &epilogue };

    if (plan->winograd.data.is_kept)
        rn_winograd_pack(context, &plan->winograd.data, &pass.weights, workspace);
    rn_winograd_run(context, &plan->winograd.data, &pass, (char *)workspace + turned_bytes(context, plan));
}

const rn_conv_algorithm rn_conv_winograd = {
    "winograd", suits, plan_passes, pack, forward, backward_data, rn_winograd_backward_weights,
};
