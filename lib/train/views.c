/* SPDX-License-Identifier: MIT */
/*
 * Test-time augmentation: K loaders, each in an epoch of its own and so with draws of its own, run side by side, so
 * that memory grows with the batch and not with the dataset. With one view the loss is rn_cross_entropy's, to the bit.
 */
#include "train/views.h"

#include "ops/softmax.h"

#include <math.h>
#include <string.h>

/* ---- making ------------------------------------------------------------------------------------------------------ */

static rn_status make_loaders(rn_views *views, rn_model *model, rn_dataset *dataset, const rn_evaluate_options *options)
{
    int64_t height, width;
    rn_status status = RN_OK;

    rn_model_input_size(model, NULL, &height, &width);
    for (size_t k = 0; k < views->draws && status == RN_OK; k++) {
        status = rn_loader_create(&views->loader[k], dataset, options->pipeline,
                                  RN_OPTIONS(rn_loader, .batch_size = options->batch_size, .seed = options->seed,
                                             .bad_photos = options->bad_photos, .height = (int32_t)height,
                                             .width = (int32_t)width));
        if (status == RN_OK)
            status = rn_loader_start(views->loader[k], k);
    }
    return status;
}

rn_status rn_views_begin(rn_views *views, rn_model *model, rn_dataset *dataset, const rn_evaluate_options *options)
{
    const rn_allocator *const allocator = &model->context->allocator;
    const size_t batch = options->batch_size > 0 ? (size_t)options->batch_size : 8;
    size_t numbers;
    rn_status status;

    *views = (rn_views){ .context = model->context,
                         .dataset = dataset,
                         .draws = options->draws > 0 ? (size_t)options->draws : 1,
                         .classes = (size_t)rn_model_class_count(model),
                         .mirror = options->mirror != 0 };
    views->loader = rn_allocate_zeroed(allocator, views->draws, sizeof *views->loader);
    status = views->loader != NULL ? make_loaders(views, model, dataset, options)
                                   : rn_fail(&model->context->message, RN_NO_MEMORY, "no memory for loaders");
    if (status == RN_OK && rn_size_multiply(&numbers, batch, views->classes)) { /* a batch that a loader would take */
        views->row = rn_allocate_array(allocator, numbers, sizeof *views->row);
        if (views->draws > 1 || views->mirror)
            views->sum = rn_allocate_array(allocator, numbers, sizeof *views->sum);
    }
    if (status == RN_OK && (views->row == NULL || ((views->draws > 1 || views->mirror) && views->sum == NULL)))
        status =
            rn_fail(&model->context->message, RN_NO_MEMORY, "no memory for the logits of a batch of %zu photos", batch);
    if (status == RN_OK)
        status = rn_session_create(&views->session, model->context, model, NULL);
    if (status != RN_OK)
        rn_views_end(views);
    return status;
}

void rn_views_end(rn_views *views)
{
    const rn_allocator *const allocator = &views->context->allocator;

    rn_session_destroy(views->session);
    for (size_t k = 0; views->loader != NULL && k < views->draws; k++)
        rn_loader_destroy(views->loader[k]);
    rn_release(allocator, views->loader);
    rn_release(allocator, views->row);
    rn_release(allocator, views->sum);
}

/* ---- one view ---------------------------------------------------------------------------------------------------- */

/* Output 0 of a forward, row after row. */
static rn_status take_rows(rn_views *views)
{
    const rn_tensor *logits;
    const float *data;
    const int64_t *shape, *strides;
    const rn_status status = rn_session_output(&logits, views->session, 0);

    if (status != RN_OK)
        return status;
    data = rn_tensor_const_data(logits);
    shape = rn_tensor_shape(logits);
    strides = rn_tensor_strides(logits);
    for (int64_t i = 0; i < shape[0]; i++)
        for (int64_t c = 0; c < shape[1]; c++)
            views->row[i * shape[1] + c] = data[i * strides[0] + c * strides[1]];
    return RN_OK;
}

static rn_status see_once(rn_views *views)
{
    rn_status status = rn_session_forward(views->session, rn_batch_images(views->batch));

    if (status == RN_OK)
        status = rn_cross_entropy(&views->loss, views->session, rn_batch_labels(views->batch), NULL);
    return status == RN_OK ? take_rows(views) : status;
}

/* ---- several ----------------------------------------------------------------------------------------------------- */

static rn_status add_view(rn_views *views, const rn_tensor *images)
{
    const size_t count = (size_t)rn_tensor_shape(images)[0], classes = views->classes;
    rn_status status = rn_session_forward(views->session, images);

    if (status == RN_OK)
        status = take_rows(views);
    for (size_t i = 0; status == RN_OK && i < count; i++) {
        const float *const row = views->row + i * classes;
        const rn_softmax softmax = rn_softmax_of(row, (int64_t)classes);

        for (size_t c = 0; c < classes; c++)
            views->sum[i * classes + c] += exp((double)row[c] - softmax.largest) / softmax.sum;
    }
    return status;
}

/* Turns float32 (N, C, H, W) round, left and right. */
static void flip(rn_tensor *images)
{
    const int64_t *const n = rn_tensor_shape(images), *const stride = rn_tensor_strides(images);
    float *const data = rn_tensor_data(images);

    for (int64_t i = 0; i < n[0] * n[1] * n[2]; i++) {
        float *const line = data + i / (n[1] * n[2]) * stride[0] + i / n[2] % n[1] * stride[1] + i % n[2] * stride[2];

        for (int64_t left = 0, right = n[3] - 1; left < right; left++, right--) {
            const float kept = line[left * stride[3]];

            line[left * stride[3]] = line[right * stride[3]];
            line[right * stride[3]] = kept;
        }
    }
}

static rn_status add_mirrored(rn_views *views, const rn_tensor *images)
{
    rn_tensor *copy;
    rn_status status = rn_tensor_convert(&copy, images, RN_FLOAT32, RN_CHANNELS_LAST);

    if (status != RN_OK)
        return status;
    flip(copy);
    status = add_view(views, copy);
    rn_tensor_destroy(copy);
    return status;
}

/* Loader k's batch, which holds the photos that the first one's holds. */
static rn_status next_of(const rn_batch **batch, const rn_views *views, size_t k)
{
    const rn_status status = rn_loader_next(batch, views->loader[k]);
    bool same = status == RN_OK && rn_batch_size(*batch) == rn_batch_size(views->batch);

    if (status != RN_OK && status != RN_END)
        return status;
    for (size_t i = 0; same && i < rn_batch_size(*batch); i++)
        same = rn_batch_sample(*batch, i) == rn_batch_sample(views->batch, i);
    return same ? RN_OK : rn_fail(&views->context->message, RN_FORMAT, "photos have changed while they were read");
}

/* The mean of the views' probabilities, and the loss of that. */
static void settle(rn_views *views)
{
    const size_t count = rn_batch_size(views->batch), classes = views->classes;
    const double seen = (double)views->draws * (views->mirror ? 2 : 1);
    const rn_tensor *const labels = rn_batch_labels(views->batch);
    const int64_t *const label = rn_tensor_const_data(labels), stride = rn_tensor_strides(labels)[0];
    double loss = 0;

    for (size_t i = 0; i < count * classes; i++)
        views->row[i] = (float)log(views->sum[i] / seen);
    for (size_t i = 0; i < count; i++)
        loss -= log(views->sum[i * classes + (size_t)label[(int64_t)i * stride]] / seen);
    views->loss = loss / (double)count;
}

static rn_status see_all(rn_views *views)
{
    rn_status status = RN_OK;

    memset(views->sum, 0, rn_batch_size(views->batch) * views->classes * sizeof *views->sum);
    for (size_t k = 0; k < views->draws && status == RN_OK; k++) {
        const rn_batch *batch = views->batch;

        if (k > 0)
            status = next_of(&batch, views, k);
        if (status == RN_OK)
            status = add_view(views, rn_batch_images(batch));
        if (status == RN_OK && views->mirror)
            status = add_mirrored(views, rn_batch_images(batch));
    }
    if (status == RN_OK)
        settle(views);
    return status;
}

rn_status rn_views_next(rn_views *views)
{
    const rn_status status = rn_loader_next(&views->batch, views->loader[0]);

    if (status != RN_OK)
        return status;
    return views->sum != NULL ? see_all(views) : see_once(views);
}
