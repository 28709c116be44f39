/* SPDX-License-Identifier: MIT */
#include "train/features.h"

#include "graph/graph.h"
#include "tensor/tensor.h"

#include <string.h>

/* Rises with every write to one of the frozen part's parameters. */
static uint64_t frozen_version(const rn_features *features)
{
    const rn_graph *const graph = features->model->graph;
    const rn_parameter *const entry = graph->parameters->entry;
    uint64_t version = 0;

    for (int32_t i = 0; i < features->layers; i++) {
        const rn_layer *const layer = &graph->layer[i];
        const int32_t index[4] = { layer->weight, layer->bias, layer->running_mean, layer->running_var };

        for (int32_t j = 0; j < 4; j++)
            version += index[j] >= 0 ? entry[index[j]].version : 0;
    }
    return version;
}

/* Where the row of a sample, as it is prepared now, is kept. */
static float **row_of_sample(const rn_features *features, size_t sample)
{
    return &features->row[rn_loader_view(features->loader) * features->samples + sample];
}

static bool is_kept(size_t sample, const void *payload)
{
    const rn_features *const features = payload;

    return *row_of_sample(features, sample) != NULL;
}

rn_status rn_features_create(rn_features **features, rn_model *model, rn_session *session, rn_loader *loader,
                             size_t *budget)
{
    rn_context *const context = model->context;
    const size_t samples = rn_dataset_count(rn_loader_dataset(loader));
    rn_features *const made = rn_allocate_zeroed(&context->allocator, 1, sizeof *made);

    *features = NULL;
    if (made == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for features");
    made->context = context;
    made->model = model;
    made->session = session;
    made->loader = loader;
    made->layers = rn_model_find_value(model, rn_model_frozen_layer(model)) + 1;
    made->version = frozen_version(made);
    made->samples = samples;
    made->budget = budget;
    if (rn_size_multiply(&made->count, samples, rn_loader_views(loader)))
        made->row = rn_allocate_zeroed(&context->allocator, made->count, sizeof *made->row);
    if (made->row == NULL) {
        rn_features_destroy(made);
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for the features of %zu photos", samples);
    }
    rn_loader_set_known(loader, is_kept, made);
    *features = made;
    return RN_OK;
}

static void forget(rn_features *features)
{
    for (size_t i = 0; i < features->count; i++) {
        rn_release(&features->context->allocator, features->row[i]);
        features->row[i] = NULL;
    }
    *features->budget += features->kept * features->row_bytes;
    features->kept = 0;
}

void rn_features_destroy(rn_features *features)
{
    if (features == NULL)
        return;
    rn_context *const context = features->context;

    if (features->row != NULL) {
        rn_loader_set_known(features->loader, NULL, NULL);
        forget(features);
    }
    rn_release(&context->allocator, features->row);
    rn_release(&context->allocator, features->id);
    rn_tensor_destroy(features->batch);
    rn_release(&context->allocator, features);
}

bool rn_features_hold(const rn_features *features)
{
    return features->version == frozen_version(features);
}

size_t rn_features_kept(const rn_features *features)
{
    return features == NULL ? 0 : features->kept;
}

/* ---- a batch --------------------------------------------------------------------------------------------------- */

rn_status rn_features_next(const rn_batch **batch, rn_loader *loader, rn_features *features)
{
    if (features != NULL && !rn_features_hold(features)) {
        forget(features);
        features->version = frozen_version(features);
        rn_loader_set_known(loader, is_kept, features);
    }
    return rn_loader_next(batch, loader);
}

/* The batch of features becomes one of `size` rows shaped as those of `output`; NULL: as those that were there. */
static rn_status size_batch(rn_features *features, const rn_tensor *output, size_t size)
{
    int64_t shape[RN_MAX_RANK];
    int32_t rank;
    rn_status status;

    if (size <= features->capacity) {
        features->batch->shape[0] = (int64_t)size;
        return RN_OK;
    }
    output = output != NULL ? output : features->batch;
    rank = output->rank;
    memcpy(shape, output->shape, sizeof shape);
    shape[0] = (int64_t)size;
    rn_tensor_destroy(features->batch);
    features->batch = NULL;
    features->capacity = 0;
    status = rn_tensor_create(&features->batch, features->context, RN_FLOAT32, rank, shape,
                              rank == 4 ? RN_CHANNELS_LAST : RN_ROW_MAJOR);
    if (status != RN_OK)
        return status;
    features->capacity = size;
    features->row_bytes = (size_t)features->batch->strides[0] * sizeof(float);
    return RN_OK;
}

rn_status rn_features_settle_rows(rn_features *features)
{
    const rn_value_shape *const shape = &features->model->graph->layer[features->layers - 1].shape;
    const int64_t sizes[4] = { 1, shape->c, shape->h, shape->w };
    rn_tensor like = { .rank = shape->flat ? 2 : 4 };

    memcpy(like.shape, sizes, sizeof sizes);
    return size_batch(features, &like, 1);
}

static char *row_of(const rn_features *features, size_t index)
{
    return features->batch->data + index * features->row_bytes;
}

void rn_features_keep(rn_features *features, size_t index, const void *data)
{
    float **const row = &features->row[index];

    if (*row != NULL || *features->budget < features->row_bytes)
        return;
    *row = rn_allocate_array(&features->context->allocator, features->row_bytes, 1);
    if (*row == NULL)
        return;
    memcpy(*row, data, features->row_bytes);
    *features->budget -= features->row_bytes;
    features->kept++;
    features->fresh++;
}

/* Computes the features of images [begin, begin + count) of the batch into its rows. */
static rn_status compute(rn_features *features, const rn_batch *batch, size_t begin, size_t count)
{
    rn_tensor images = *rn_batch_images(batch), rows;
    const rn_tensor *output;
    rn_status status;

    images.data += begin * (size_t)images.strides[0] * sizeof(float);
    images.shape[0] = (int64_t)count;
    status = rn_session_forward(features->session, &images);
    if (status == RN_OK)
        status = rn_session_output(&output, features->session, 0);
    if (status == RN_OK)
        status = size_batch(features, output, rn_batch_size(batch));
    if (status != RN_OK)
        return status;
    rows = *features->batch;
    rows.data = row_of(features, begin);
    rows.shape[0] = (int64_t)count;
    status = rn_tensor_copy(&rows, output);
    for (size_t i = begin; status == RN_OK && i < begin + count; i++)
        rn_features_keep(features, (size_t)(row_of_sample(features, rn_batch_sample(batch, i)) - features->row),
                         row_of(features, i));
    return status;
}

rn_status rn_features_of_batch(const rn_tensor **input, rn_features *features, const rn_batch *batch)
{
    const size_t size = rn_batch_size(batch);
    size_t read = 0;
    rn_status status = RN_OK;

    *input = rn_batch_images(batch);
    if (features == NULL)
        return RN_OK;
    for (size_t i = 0; i < size; i++)
        read += rn_batch_was_read(batch, i);
    if (read == size)
        status = compute(features, batch, 0, size);
    else
        status = size_batch(features, NULL, size);
    for (size_t i = 0; status == RN_OK && read < size && i < size; i++) {
        if (rn_batch_was_read(batch, i))
            status = compute(features, batch, i, 1);
        else
            memcpy(row_of(features, i), *row_of_sample(features, rn_batch_sample(batch, i)), features->row_bytes);
    }
    *input = features->batch;
    return status;
}
