/* SPDX-License-Identifier: MIT */
/*
 * Batches that are mixed (mixing.h) before they are trained. The draw is that of (seed, epoch of the run, batch); a
 * batch in slices is mixed within each of them, with one draw, so that nothing depends on the processes.
 */
#include "train/fit.h"

#include "tensor/tensor.h"
#include <resnet/mixing.h>

bool rn_fit_mixes(const rn_fit_options *options)
{
    return options->mixup > 0 || options->cutmix > 0;
}

void rn_fit_release_mixed(rn_fit *f)
{
    rn_tensor_destroy(f->mixed);
    rn_tensor_destroy(f->targets);
    rn_tensor_destroy(f->mixed_labels);
}

/* Room for a batch, which may have one sample more than its size; and tensors of `count` samples. */
static rn_status size_tensors(rn_fit *f, const rn_tensor *images)
{
    rn_context *const context = f->trainer->context;
    int64_t room[4] = { f->trainer->state.batch_size + (int64_t)1, images->shape[1], images->shape[2],
                        images->shape[3] };
    const int64_t rows[2] = { room[0], rn_model_class_count(f->trainer->model) };
    rn_status status = RN_OK;

    if (f->mixed == NULL)
        status = rn_tensor_create(&f->mixed, context, RN_FLOAT32, 4, room, RN_CHANNELS_LAST);
    if (status == RN_OK && f->targets == NULL)
        status = rn_tensor_create(&f->targets, context, RN_FLOAT32, 2, rows, RN_ROW_MAJOR);
    if (status == RN_OK && f->mixed_labels == NULL)
        status = rn_tensor_create(&f->mixed_labels, context, RN_INT64, 1, rows, RN_ROW_MAJOR);
    if (status == RN_OK)
        f->mixed->shape[0] = f->targets->shape[0] = f->mixed_labels->shape[0] = images->shape[0];
    return status;
}

/* The class of the greatest share, the first of equals. */
static void settle_labels(rn_fit *f)
{
    const int64_t classes = f->targets->shape[1];
    const float *const rows = rn_tensor_const_data(f->targets);
    int64_t *const labels = rn_tensor_data(f->mixed_labels);

    for (int64_t n = 0; n < f->targets->shape[0]; n++)
        labels[n] = rn_row_argmax(rows + n * classes, classes, 1);
}

rn_status rn_fit_mix(rn_ready_batch *ready, rn_fit *f, const rn_batch *batch)
{
    const rn_tensor *const images = rn_batch_images(batch);
    const rn_train_state *const state = &f->trainer->state;
    rn_mixture mix = { .struct_size = sizeof mix };
    rn_status status =
        rn_mix_draw(&mix, f->trainer->context, rn_train_state_total_epoch(state), rn_batch_number(batch),
                    images->shape[2], images->shape[3],
                    RN_OPTIONS(rn_mix, .mixup = f->options.mixup, .cutmix = f->options.cutmix, .seed = state->seed));

    if (status == RN_OK)
        status = size_tensors(f, images);
    if (status == RN_OK)
        status = rn_mix_images(f->mixed, images, &mix);
    if (status == RN_OK)
        status = rn_mix_labels(f->targets, rn_batch_labels(batch), &mix);
    if (status != RN_OK)
        return status;
    settle_labels(f);
    *ready = (rn_ready_batch){ f->mixed, f->targets, f->mixed_labels };
    return RN_OK;
}
