/* SPDX-License-Identifier: MIT */
/*
 * A group of batches, decoded at once: its samples are split over the context's threads while no network runs. Errors
 * are kept by sample, so that nothing depends on the threads. Decoding takes its memory from a cache of its thread.
 */
#include "data/loader.h"

#include "base/clock.h"

/* ---- batches and slots ----------------------------------------------------------------------------------------- */

size_t rn_group_batch_begin(const rn_loader *loader, size_t batch)
{
    return batch * (size_t)loader->options.batch_size;
}

size_t rn_group_batch_end(const rn_loader *loader, size_t batch)
{
    return batch + 1 == loader->batches ? loader->sampler.length : rn_group_batch_begin(loader, batch + 1);
}

size_t rn_group_image_floats(const rn_loader *loader)
{
    return (size_t)loader->height * (size_t)loader->width * 3;
}

float *rn_group_floats(const rn_loader *loader, size_t slot)
{
    return (float *)loader->floats->memory + slot * rn_group_image_floats(loader);
}

/* The batch that a place in the epoch's order is of. */
static size_t batch_at(const rn_loader *loader, size_t place)
{
    const size_t batch = place / (size_t)loader->options.batch_size;

    return batch < loader->batches ? batch : loader->batches - 1;
}

/* Nobody needs the sample's picture: what becomes of it is known, or it is another process's. */
static bool is_passed_over(const rn_loader *loader, size_t slot)
{
    const rn_loaded *const s = &loader->samples[slot];

    if (loader->share != NULL) {
        const size_t batch = batch_at(loader, rn_group_batch_begin(loader, loader->group_begin) + slot);

        if (!loader->share(batch, s->position, rn_group_batch_end(loader, batch) - rn_group_batch_begin(loader, batch),
                           loader->share_payload))
            return true;
    }
    return loader->known != NULL && loader->known(s->index, loader->known_payload);
}

/* ---- decoding -------------------------------------------------------------------------------------------------- */

/* What augmentation is drawn for: a sample that comes several times is not to look the same each time, unless it has so
 * many looks and no more. */
static uint64_t draw_of(const rn_loader *loader, const rn_loaded *s)
{
    return loader->sampler.sums != NULL && loader->options.views == 0 ? s->place : s->index;
}

uint64_t rn_group_epoch_of_draws(const rn_loader *loader)
{
    return loader->options.views > 0 ? loader->epoch % (uint64_t)loader->options.views : loader->epoch;
}

static void load_samples(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const rn_loader *const loader = payload;
    rn_decoder *const decoder = &loader->decoders[thread];

    rn_decoder_begin(decoder, loader->context);
    decoder->bench.max_pixels = loader->options.max_pixels;
    rn_pipeline_draft(loader->pipeline, &decoder->bench.draft_height, &decoder->bench.draft_width);
    for (int64_t slot = begin; slot < end; slot++) {
        rn_loaded *const s = &loader->samples[slot];
        const rn_photo *const photo = &loader->dataset->photo[s->index];
        const rn_sample_source source = { .name = photo->name,
                                          .read = loader->dataset->read,
                                          .payload = loader->dataset->payload,
                                          .index = photo->index,
                                          .cache = loader->cache,
                                          .place = s->index,
                                          .pipeline = loader->pipeline,
                                          .draw = { loader->options.seed, rn_group_epoch_of_draws(loader),
                                                    draw_of(loader, s) },
                                          .height = loader->height,
                                          .width = loader->width };

        s->known = is_passed_over(loader, (size_t)slot);
        s->status =
            s->known ? RN_OK
                     : rn_sample_load(rn_group_floats(loader, (size_t)slot), decoder, &source, &loader->messages[slot]);
        loader->labels[slot] = photo->label;
    }
}

/* What torchvision makes of most of them is white: worth a word, once a dataset. */
static void say_deep_greys(const rn_loader *loader)
{
    rn_dataset *const whole = loader->dataset->parent != NULL ? loader->dataset->parent : loader->dataset;

    for (int32_t i = 0; i < loader->context->pool.threads && !whole->said_deep_grey; i++) {
        if (!loader->decoders[i].saw_deep_grey)
            continue;
        whole->said_deep_grey = true;
        rn_context_log(
            loader->context, RN_LOG_WARNING,
            "pictures of greys of over 8 bits: those of 12 and 16 are read by their upper 8, where Pillow's "
            "convert('RGB') cuts them off at 255, so that torchvision sees them nearly white; signed, 32-bit "
            "and floating-point ones are cut off at 0 and 255, as there");
    }
}

void rn_group_decode(rn_loader *loader)
{
    const double begun = rn_clock_seconds();
    const size_t end = loader->next + loader->group_batches;
    size_t first, count;

    loader->group_begin = loader->next;
    loader->group_end = end < loader->batches ? end : loader->batches;
    first = rn_group_batch_begin(loader, loader->group_begin);
    count = rn_group_batch_end(loader, loader->group_end - 1) - first;
    for (size_t slot = 0; slot < count; slot++) {
        const size_t place = first + slot;

        loader->samples[slot] =
            (rn_loaded){ .index = loader->order[place],
                         .place = place,
                         .position = place - rn_group_batch_begin(loader, batch_at(loader, place)) };
    }
    rn_parallel(&loader->context->pool, (int64_t)count, load_samples, loader);
    say_deep_greys(loader);
    if (loader->cache != NULL)
        rn_photo_cache_say(loader->cache);
    loader->seconds += rn_clock_seconds() - begun;
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

/* The tensors of a batch, which are moved over the group's slots. */
static rn_status make_windows(rn_batch *batch, const rn_loader *loader)
{
    const int64_t shape[4] = { 1, 3, loader->height, loader->width };
    rn_status status;

    status = rn_tensor_over(&batch->images, loader->floats, loader->floats->memory, RN_FLOAT32, 4, shape, NULL,
                            RN_CHANNELS_LAST);
    if (status == RN_OK)
        status = rn_tensor_wrap(&batch->labels, loader->context, RN_INT64, 1, shape, RN_ROW_MAJOR, loader->labels,
                                sizeof *loader->labels);
    if (status != RN_OK) {
        rn_tensor_destroy(batch->images);
        batch->images = NULL;
    }
    return status;
}

rn_status rn_group_allocate(rn_loader *loader)
{
    const rn_allocator *const allocator = &loader->context->allocator;
    const size_t batch = (size_t)loader->options.batch_size, threads = (size_t)loader->context->pool.threads;
    /* At a group's end a thread waits for half a photo on average: of eight photos a thread that is 6 % of the time. */
    const size_t ahead = 8 * threads > batch ? 8 * threads : batch;
    size_t slots, nbytes;
    rn_status status;

    loader->group_batches = (ahead + batch - 1) / batch;
    slots = loader->group_batches * batch + 1;
    slots = slots < loader->sampler.length ? slots : loader->sampler.length;
    if (!rn_size_multiply(&nbytes, slots, rn_group_image_floats(loader) * sizeof(float)))
        return rn_fail(&loader->context->message, RN_NO_MEMORY, "batches of this size do not fit the address space");
    status = rn_storage_allocate(&loader->floats, loader->context, nbytes);
    if (status != RN_OK)
        return status;
    loader->labels = rn_allocate_zeroed(allocator, slots, sizeof *loader->labels);
    loader->samples = rn_allocate_zeroed(allocator, slots, sizeof *loader->samples);
    loader->messages = rn_allocate_zeroed(allocator, slots, sizeof *loader->messages);
    loader->order = rn_allocate_array(allocator, loader->sampler.length, sizeof *loader->order);
    loader->decoders = rn_allocate_zeroed(allocator, threads, sizeof *loader->decoders);
    if (loader->labels == NULL || loader->samples == NULL || loader->messages == NULL || loader->order == NULL ||
        loader->decoders == NULL)
        return rn_fail(&loader->context->message, RN_NO_MEMORY, "no memory for a loader");
    return make_windows(&loader->batch, loader);
}

void rn_group_release(rn_loader *loader)
{
    const rn_context *const context = loader->context;
    const rn_allocator *const allocator = &context->allocator;

    for (int32_t i = 0; loader->decoders != NULL && i < context->pool.threads; i++)
        rn_decoder_end(&loader->decoders[i]);
    rn_release(allocator, loader->decoders);
    rn_tensor_destroy(loader->batch.images);
    rn_tensor_destroy(loader->batch.labels);
    rn_tensor_destroy(loader->part.images);
    rn_tensor_destroy(loader->part.labels);
    rn_storage_release(loader->floats);
    rn_release(allocator, loader->labels);
    rn_release(allocator, loader->samples);
    rn_release(allocator, loader->messages);
    rn_release(allocator, loader->order);
}

void rn_group_show(rn_batch *batch, const rn_loader *loader, size_t first, size_t count)
{
    batch->size = count;
    batch->samples = loader->samples + first;
    batch->images->data = (char *)(void *)rn_group_floats(loader, first);
    batch->images->shape[0] = (int64_t)count;
    batch->labels->data = (char *)(void *)(loader->labels + first);
    batch->labels->shape[0] = (int64_t)count;
}

rn_status rn_loader_part(const rn_batch **part, rn_loader *loader, size_t begin, size_t count)
{
    rn_status status = RN_OK;

    *part = NULL;
    if (loader->part.images == NULL)
        status = make_windows(&loader->part, loader);
    if (status != RN_OK)
        return status;
    loader->part.number = loader->batch.number;
    loader->part.positions = loader->batch.positions;
    rn_group_show(&loader->part, loader, (size_t)(loader->batch.samples - loader->samples) + begin, count);
    *part = &loader->part;
    return RN_OK;
}
