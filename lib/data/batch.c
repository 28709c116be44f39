/* SPDX-License-Identifier: MIT */
/* What a batch and a loader tell of themselves. */
#include "data/loader.h"

double rn_loader_seconds(const rn_loader *loader)
{
    return loader->seconds;
}

size_t rn_loader_views(const rn_loader *loader)
{
    return loader->options.views > 0 ? (size_t)loader->options.views : 1;
}

size_t rn_loader_view(const rn_loader *loader)
{
    return loader->options.views > 0 ? (size_t)rn_group_epoch_of_draws(loader) : 0;
}

const rn_dataset *rn_loader_dataset(const rn_loader *loader)
{
    return loader->dataset;
}

const rn_pipeline *rn_loader_pipeline(const rn_loader *loader)
{
    return loader->pipeline;
}

uint64_t rn_loader_seed(const rn_loader *loader)
{
    return loader->options.seed;
}

bool rn_batch_was_read(const rn_batch *batch, size_t index)
{
    return !batch->samples[index].known;
}

size_t rn_batch_number(const rn_batch *batch)
{
    return batch->number;
}

size_t rn_batch_positions(const rn_batch *batch)
{
    return batch->positions;
}

size_t rn_batch_position(const rn_batch *batch, size_t index)
{
    return batch->samples[index].position;
}

size_t rn_loader_skipped(const rn_loader *loader)
{
    return loader == NULL ? 0 : loader->skipped;
}

size_t rn_loader_batches(const rn_loader *loader)
{
    return loader == NULL ? 0 : loader->batches;
}

const rn_tensor *rn_batch_images(const rn_batch *batch)
{
    return batch == NULL ? NULL : batch->images;
}

const rn_tensor *rn_batch_labels(const rn_batch *batch)
{
    return batch == NULL ? NULL : batch->labels;
}

size_t rn_batch_size(const rn_batch *batch)
{
    return batch == NULL ? 0 : batch->size;
}

size_t rn_batch_sample(const rn_batch *batch, size_t index)
{
    return batch == NULL || index >= batch->size ? SIZE_MAX : batch->samples[index].index;
}
