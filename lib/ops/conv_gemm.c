/* SPDX-License-Identifier: MIT */
/* Any convolution, as products of an im2col matrix with packed weights: forward (conv_product.h does it). */
#include "ops/conv_algorithm.h"
#include "ops/conv_product.h"

/* In floats or pairs. */
static int64_t forward_depth(const rn_gemm_kernels *gemm, const rn_conv *conv)
{
    return (int64_t)conv->kernel_h * conv->kernel_w * rn_gemm_channels(gemm, rn_conv_group_in(conv));
}

typedef struct pack_job {
    const rn_gemm_kernels *gemm;
    const rn_conv *conv;
    const float *weights;
    float *packed;
} pack_job;

/* Weights of `columns` output channels from `first` on. Pairs are of one tap's channels. */
static void pack_panel(const pack_job *job, float *to, int64_t first, int64_t columns)
{
    const rn_gemm_kernels *const gemm = job->gemm;
    const int64_t taps = (int64_t)job->conv->kernel_h * job->conv->kernel_w, channels = rn_conv_group_in(job->conv),
                  pitch = taps * channels;
    const float *const from = job->weights + first * pitch;

    if (gemm->pairs == NULL)
        gemm->floats->transpose(to, from, pitch, pitch, columns);
    for (int64_t tap = 0; gemm->pairs != NULL && tap < taps; tap++)
        gemm->pairs->transpose(to + tap * rn_gemm_channels(gemm, channels) * gemm->nr, from + tap * channels, pitch,
                               channels, columns);
}

/* Units are panels of nr output channels. */
static void pack_panels(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const pack_job *const job = payload;
    const int64_t nr = job->gemm->nr, depth = forward_depth(job->gemm, job->conv),
                  columns = rn_conv_group_out(job->conv), panels = rn_divide_up(columns, nr);

    (void)thread;
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t group = unit / panels, first = unit % panels * nr;

        pack_panel(job, job->packed + unit * depth * nr, group * columns + first,
                   columns - first < nr ? columns - first : nr);
    }
}

static void pack(const rn_context *context, const rn_conv_plan *plan, const float *weights, float *packed)
{
    const rn_conv *const conv = &plan->conv;
    pack_job job = { plan->forward.gemm, conv, weights, packed };

    rn_parallel(&context->pool, conv->groups * rn_divide_up(rn_conv_group_out(conv), job.gemm->nr), pack_panels, &job);
}

static rn_product_shape forward_shape(const rn_gemm_kernels *gemm, const rn_conv *conv, int64_t batch)
{
    const rn_map nowhere = { .pitch = conv->in_c };

    return (rn_product_shape){ conv->groups, batch, rn_conv_group_out(conv),
                               rn_gather_for(gemm, rn_gather_windows(conv, &nowhere, 0)) };
}

typedef struct forward_pass {
    const rn_gemm_kernels *gemm;
    const rn_conv *conv;
    const rn_map *x, *y;
    const float *packed;
    int64_t packed_group;
    const rn_conv_epilogue *epilogue;
} forward_pass;

static void describe_forward(rn_product *product, const void *payload, int64_t group)
{
    const forward_pass *const pass = payload;
    const rn_conv *const conv = pass->conv;
    const rn_conv_epilogue *const e = pass->epilogue;
    const int64_t channel = group * rn_conv_group_out(conv);

    *product = (rn_product){
        .gather = rn_gather_for(pass->gemm, rn_gather_windows(conv, pass->x, group)),
        .images = pass->y->n,
        .form = e->form,
        .packed = pass->packed + group * pass->packed_group,
        .columns = rn_conv_group_out(conv),
        .scale = e->scale == NULL ? NULL : e->scale + channel,
        .shift = e->shift == NULL ? NULL : e->shift + channel,
        .relu = e->relu,
        .is_halved = pass->y->is_halved,
        .out = pass->y->data + channel,
        .out_steps = rn_steps_of(pass->y),
        .residual = e->residual == NULL ? NULL : e->residual->data + channel,
    };
    if (e->residual != NULL)
        product->residual_steps = rn_steps_of(e->residual);
}

static void forward(const rn_context *context, const rn_conv_plan *plan, const rn_map *x, const float *packed,
                    const rn_conv_epilogue *epilogue, const rn_map *y, void *workspace)
{
    const forward_pass pass = {
        plan->forward.gemm, &plan->conv, x, y, packed, plan->packed_count / plan->conv.groups, epilogue
    };

    rn_product_run(context, &plan->forward, describe_forward, &pass, workspace);
}

/* ---- the algorithm ----------------------------------------------------------------------------------------------- */

static bool suits(const rn_context *context, const rn_conv *conv)
{
    (void)context;
    (void)conv;
    return true;
}

static void plan_passes(rn_conv_plan *plan, const rn_context *context)
{
    const rn_conv *const conv = &plan->conv;
    const rn_gemm_kernels *const gemm = rn_product_kernels(context, plan, forward_shape);
    const rn_product_shape shape = forward_shape(gemm, conv, plan->batch);

    plan->packed_count =
        rn_product_packed_floats(gemm, conv, rn_conv_group_out(conv), rn_gemm_channels(gemm, rn_conv_group_in(conv)));
    plan->forward = rn_product_blocks_for(context, gemm, &shape);
    plan->forward_bytes = rn_product_workspace(context, &plan->forward);
    rn_gemm_plan_data(plan, context);
    rn_gemm_plan_weights(plan, context);
}

const rn_conv_algorithm rn_conv_gemm = {
    "gemm", suits, plan_passes, pack, forward, rn_gemm_backward_data, rn_gemm_backward_weights,
};
