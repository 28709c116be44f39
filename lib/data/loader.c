/* SPDX-License-Identifier: MIT */
/*
 * Loading batches. A group of batches is decoded at once, its samples split over the context's threads, when the
 * network is not running; then the batches are handed out one by one. No thread decodes while others compute: on a few
 * cores a third busy thread makes every parallel layer wait for a time slice.
 *
 * What a sample becomes depends on (seed, epoch, sample) only (for samples that are drawn by weights, on their place in
 * the epoch instead), and errors are kept by sample, so that nothing depends on the threads. Decoding takes its memory
 * from a cache of its thread; all else is allocated when the loader is made.
 */
#include "base/options.h"
#include "data/loader.h"

#include <string.h>

RN_NO_TAIL_PADDING(rn_loader_options, cache_file);

static size_t count_batches(const rn_loader *loader)
{
    const size_t count = loader->sampler.length, size = (size_t)loader->options.batch_size;
    const size_t batches = (count + size - 1) / size;

    return loader->options.avoid_single && batches > 1 && count % size == 1 ? batches - 1 : batches;
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

static rn_status check_options(rn_loader_options *options, rn_context *context)
{
    options->batch_size = options->batch_size == 0 ? 8 : options->batch_size;
    options->seed = options->seed == 0 ? context->seed : options->seed;
    if (options->batch_size < 1 || options->batch_size > 65536)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "a batch size of %d: 1 to 65536 are possible",
                       (int)options->batch_size);
    if (options->max_pixels < 0 || options->max_pixels > RN_MAX_PIXELS)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "a limit of %lld pixels: 1 to %d are possible",
                       (long long)options->max_pixels, RN_MAX_PIXELS);
    if (options->views < 0)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "%d views of each sample", (int)options->views);
    if (options->bad_photos != RN_BAD_PHOTO_FAILS && options->bad_photos != RN_BAD_PHOTO_IS_SKIPPED)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "no such treatment of bad photos: %d",
                       (int)options->bad_photos);
    return RN_OK;
}

/* The images' size: the pipeline's, or the one that the options name where it depends on the photo. */
static rn_status settle_size(rn_loader *loader, const rn_pipeline *pipeline)
{
    rn_message *const message = &loader->context->message;
    const int32_t height = loader->options.height, width = loader->options.width;

    rn_pipeline_output_size(pipeline, &loader->height, &loader->width);
    if (loader->height == 0 || loader->width == 0) {
        loader->height = height;
        loader->width = width;
    }
    if (loader->height < 1 || loader->width < 1 || loader->height > 16384 || loader->width > 16384)
        return rn_fail(message, RN_INVALID_ARGUMENT,
                       "photos of one batch have one size, and that of '%s' depends on the photo",
                       rn_pipeline_text(pipeline));
    if ((height != 0 && height != loader->height) || (width != 0 && width != loader->width))
        return rn_fail(message, RN_SHAPE, "'%s' gives %d x %d pixels, not %d x %d", rn_pipeline_text(pipeline),
                       (int)loader->width, (int)loader->height, (int)width, (int)height);
    return RN_OK;
}

rn_status rn_loader_create(rn_loader **loader, rn_dataset *dataset, const rn_pipeline *pipeline,
                           const rn_loader_options *options)
{
    rn_context *context;
    rn_loader_options read;
    rn_loader *made;
    rn_status status;

    if (loader == NULL)
        return rn_fail_null("rn_loader_create", "loader");
    *loader = NULL;
    if (dataset == NULL)
        return rn_fail_null("rn_loader_create", "dataset");
    context = dataset->context;
    if (pipeline == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "a loader needs a pipeline");
    status = rn_options_read(&read, sizeof read, options, &context->message);
    if (status == RN_OK)
        status = check_options(&read, context);
    if (status != RN_OK)
        return status;
    made = rn_allocate_zeroed(&context->allocator, 1, sizeof *made);
    if (made == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for a loader");
    rn_context_retain(context);
    rn_dataset_retain(dataset);
    made->context = context;
    made->dataset = dataset;
    made->options = read;
    status = rn_sampler_create(&made->sampler, dataset, &read);
    if (status == RN_OK)
        status = settle_size(made, pipeline);
    if (status == RN_OK)
        status = rn_pipeline_copy(&made->pipeline, pipeline, context);
    if (status == RN_OK)
        status = rn_group_allocate(made);
    if (status == RN_OK && (read.cache_size > 0 || read.cache_file != NULL)) {
        atomic_init(&made->room, rn_photo_room_of(read.cache_size));
        status = rn_loader_keep_photos(made, read.cache_file, &made->room);
    }
    if (status != RN_OK) {
        rn_loader_destroy(made);
        return status;
    }
    made->options.weights = NULL; /* the caller's */
    made->options.cache_file = NULL;
    made->batches = count_batches(made);
    *loader = made;
    return RN_OK;
}

void rn_loader_destroy(rn_loader *loader)
{
    if (loader == NULL)
        return;
    rn_context *const context = loader->context;
    const rn_allocator *const allocator = &context->allocator;

    rn_group_release(loader);
    rn_photo_cache_destroy(loader->cache);
    rn_sampler_release(&loader->sampler, allocator);
    rn_pipeline_destroy(loader->pipeline);
    rn_dataset_destroy(loader->dataset);
    rn_release(allocator, loader);
    rn_context_release(context);
}

/* ---- epochs ---------------------------------------------------------------------------------------------------- */

rn_status rn_loader_start(rn_loader *loader, uint64_t epoch)
{
    if (loader == NULL)
        return rn_fail_null("rn_loader_start", "loader");
    loader->epoch = epoch;
    loader->started = true;
    loader->next = loader->group_begin = loader->group_end = 0;
    loader->skipped = 0;
    rn_sampler_order(loader->order, &loader->sampler, epoch);
    return RN_OK;
}

rn_status rn_loader_skip(rn_loader *loader, size_t batches)
{
    if (loader == NULL)
        return rn_fail_null("rn_loader_skip", "loader");
    if (!loader->started)
        return rn_fail(&loader->context->message, RN_STATE, "the loader was not started");
    if (batches > loader->batches - loader->next)
        return rn_fail(&loader->context->message, RN_INVALID_ARGUMENT, "the epoch has no %zu batches left", batches);
    loader->next += batches;
    return RN_OK;
}

/* The first sample that makes the call fail, or RN_OK. The group is decoded anew at the next call. */
static rn_status report_failure(rn_loader *loader, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        const rn_status status = loader->samples[i].status;

        if (status == RN_OK || (loader->options.bad_photos == RN_BAD_PHOTO_IS_SKIPPED && status != RN_NO_MEMORY))
            continue;
        loader->group_end = loader->group_begin;
        return rn_fail(&loader->context->message, status, "%s", loader->messages[i].text);
    }
    return RN_OK;
}

/* Closes the gaps that bad photos leave among the slots [first, first + count); how many are left. */
static size_t skip_bad_photos(rn_loader *loader, size_t first, size_t count)
{
    size_t kept = first;

    for (size_t i = first; i < first + count; i++) {
        if (loader->samples[i].status != RN_OK) {
            rn_context_log(loader->context, RN_LOG_WARNING, "skipped: %s", loader->messages[i].text);
            loader->skipped++;
            continue;
        }
        if (kept != i) {
            memcpy(rn_group_floats(loader, kept), rn_group_floats(loader, i),
                   rn_group_image_floats(loader) * sizeof(float));
            loader->labels[kept] = loader->labels[i];
            loader->samples[kept] = loader->samples[i];
        }
        kept++;
    }
    return kept - first;
}

rn_status rn_loader_next(const rn_batch **batch, rn_loader *loader)
{
    size_t first, count;
    rn_status status;

    if (batch == NULL)
        return rn_fail_null("rn_loader_next", "batch");
    *batch = NULL;
    if (loader == NULL)
        return rn_fail_null("rn_loader_next", "loader");
    if (!loader->started)
        return rn_fail(&loader->context->message, RN_STATE, "the loader was not started");
    do {
        if (loader->next == loader->batches)
            return RN_END;
        if (loader->next < loader->group_begin || loader->next >= loader->group_end)
            rn_group_decode(loader);
        first = rn_group_batch_begin(loader, loader->next) - rn_group_batch_begin(loader, loader->group_begin);
        count = rn_group_batch_end(loader, loader->next) - rn_group_batch_begin(loader, loader->next);
        status = report_failure(loader, first, count);
        if (status != RN_OK)
            return status;
        count = skip_bad_photos(loader, first, count);
        loader->next++;
    } while (count == 0 && loader->share == NULL);
    loader->batch.number = loader->next - 1;
    loader->batch.positions =
        rn_group_batch_end(loader, loader->batch.number) - rn_group_batch_begin(loader, loader->batch.number);
    rn_group_show(&loader->batch, loader, first, count);
    *batch = &loader->batch;
    return RN_OK;
}

rn_status rn_loader_keep_photos(rn_loader *loader, const char *path, rn_photo_room *room)
{
    return rn_photo_cache_create(&loader->cache, loader->dataset, loader->pipeline, loader->options.max_pixels, path,
                                 room);
}

void rn_loader_set_share(rn_loader *loader, rn_share_function share, const void *payload)
{
    loader->share = share;
    loader->share_payload = payload;
    loader->group_begin = loader->group_end = 0;
}

void rn_loader_set_known(rn_loader *loader, rn_known_function known, const void *payload)
{
    loader->known = known;
    loader->known_payload = payload;
    loader->group_begin = loader->group_end = 0; /* who knows less now needs pictures that were passed over */
}
