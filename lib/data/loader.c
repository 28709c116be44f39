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
#include "data/dataset.h"
#include "data/sample.h"
#include "data/sampler.h"
#include "tensor/tensor.h"

#include <string.h>

RN_NO_TAIL_PADDING(rn_loader_options, views);

/* What became of one sample of the group. */
typedef struct sample {
    size_t index;    /* in the dataset */
    size_t place;    /* in the epoch */
    size_t position; /* in the batch */
    rn_status status;
    bool known; /* not read */
} sample;

struct rn_batch {
    rn_tensor *images, *labels; /* windows into the group, moved from batch to batch */
    size_t size;
    size_t number, positions; /* which batch of the epoch, and its samples before bad photos were left out */
    const sample *samples;
};

struct rn_loader {
    rn_context *context; /* retained */
    rn_dataset *dataset; /* retained */
    rn_pipeline *pipeline;
    rn_loader_options options;
    int32_t height, width;
    rn_sampler sampler;
    size_t *order; /* of the epoch */
    uint64_t epoch;
    bool started;
    size_t batches;                /* of an epoch */
    size_t next;                   /* batch to hand out */
    size_t group_batches;          /* batches of a group */
    size_t group_begin, group_end; /* batches decoded */
    rn_storage *floats;
    int64_t *labels;
    sample *samples;         /* of the group; those of a batch begin at its first slot */
    rn_message *messages;    /* one a thread would mix samples up: one a sample of the group */
    rn_decoder *decoders;    /* one a thread */
    rn_known_function known; /* or NULL */
    const void *known_payload;
    rn_share_function share; /* or NULL */
    const void *share_payload;
    size_t skipped;
    rn_batch batch, part;
};

/* ---- batches and slots ----------------------------------------------------------------------------------------- */

static size_t batch_begin(const rn_loader *loader, size_t batch)
{
    return batch * (size_t)loader->options.batch_size;
}

/* The last batch may take a lone sample more. */
static size_t batch_end(const rn_loader *loader, size_t batch)
{
    return batch + 1 == loader->batches ? loader->sampler.length : batch_begin(loader, batch + 1);
}

static size_t count_batches(const rn_loader *loader)
{
    const size_t count = loader->sampler.length, size = (size_t)loader->options.batch_size;
    const size_t batches = (count + size - 1) / size;

    return loader->options.avoid_single && batches > 1 && count % size == 1 ? batches - 1 : batches;
}

static size_t image_floats(const rn_loader *loader)
{
    return (size_t)loader->height * (size_t)loader->width * 3;
}

static float *slot_floats(const rn_loader *loader, size_t slot)
{
    return (float *)loader->floats->memory + slot * image_floats(loader);
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
    const sample *const s = &loader->samples[slot];

    if (loader->share != NULL) {
        const size_t batch = batch_at(loader, batch_begin(loader, loader->group_begin) + slot);

        if (!loader->share(batch, s->position, batch_end(loader, batch) - batch_begin(loader, batch),
                           loader->share_payload))
            return true;
    }
    return loader->known != NULL && loader->known(s->index, loader->known_payload);
}

/* ---- decoding -------------------------------------------------------------------------------------------------- */

/* What augmentation is drawn for: a sample that comes several times is not to look the same each time. */
static uint64_t draw_of(const rn_loader *loader, const sample *s)
{
    return loader->sampler.sums != NULL ? s->place : s->index;
}

static uint64_t epoch_of_draws(const rn_loader *loader)
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
        sample *const s = &loader->samples[slot];
        const rn_photo *const photo = &loader->dataset->photo[s->index];
        const rn_sample_source source = { .name = photo->name,
                                          .read = loader->dataset->read,
                                          .payload = loader->dataset->payload,
                                          .index = photo->index,
                                          .pipeline = loader->pipeline,
                                          .draw = { loader->options.seed, epoch_of_draws(loader), draw_of(loader, s) },
                                          .height = loader->height,
                                          .width = loader->width };

        s->known = is_passed_over(loader, (size_t)slot);
        s->status = s->known
                        ? RN_OK
                        : rn_sample_load(slot_floats(loader, (size_t)slot), decoder, &source, &loader->messages[slot]);
        loader->labels[slot] = photo->label;
    }
}

/* What torchvision would have made of them is white but for the darkest 1/256: worth a word, once a dataset. */
static void say_deep_greys(const rn_loader *loader)
{
    rn_dataset *const whole = loader->dataset->parent != NULL ? loader->dataset->parent : loader->dataset;

    for (int32_t i = 0; i < loader->context->pool.threads && !whole->said_deep_grey; i++) {
        if (!loader->decoders[i].saw_deep_grey)
            continue;
        whole->said_deep_grey = true;
        rn_context_log(loader->context, RN_LOG_WARNING,
                       "pictures of 16-bit greys are read by their upper bytes; Pillow's convert('RGB') cuts them off "
                       "at 255, so that torchvision sees them nearly white");
    }
}

static void decode_group(rn_loader *loader)
{
    const size_t end = loader->next + loader->group_batches;
    size_t first, count;

    loader->group_begin = loader->next;
    loader->group_end = end < loader->batches ? end : loader->batches;
    first = batch_begin(loader, loader->group_begin);
    count = batch_end(loader, loader->group_end - 1) - first;
    for (size_t slot = 0; slot < count; slot++) {
        const size_t place = first + slot;

        loader->samples[slot] = (sample){ .index = loader->order[place],
                                          .place = place,
                                          .position = place - batch_begin(loader, batch_at(loader, place)) };
    }
    rn_parallel(&loader->context->pool, (int64_t)count, load_samples, loader);
    say_deep_greys(loader);
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

static rn_status allocate_group(rn_loader *loader)
{
    const rn_allocator *const allocator = &loader->context->allocator;
    const size_t batch = (size_t)loader->options.batch_size, threads = (size_t)loader->context->pool.threads;
    const size_t ahead = 4 * threads > batch ? 4 * threads : batch;
    size_t slots, nbytes;
    rn_status status;

    loader->group_batches = (ahead + batch - 1) / batch;
    slots = loader->group_batches * batch + 1;
    slots = slots < loader->sampler.length ? slots : loader->sampler.length;
    if (!rn_size_multiply(&nbytes, slots, image_floats(loader) * sizeof(float)))
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

static rn_status check_options(rn_loader_options *options, rn_context *context)
{
    options->batch_size = options->batch_size == 0 ? 8 : options->batch_size;
    options->seed = options->seed == 0 ? context->seed : options->seed;
    if (options->batch_size < 1 || options->batch_size > 65536)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "a batch size of %d", (int)options->batch_size);
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
        status = allocate_group(made);
    if (status != RN_OK) {
        rn_loader_destroy(made);
        return status;
    }
    made->options.weights = NULL; /* the caller's */
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
            memcpy(slot_floats(loader, kept), slot_floats(loader, i), image_floats(loader) * sizeof(float));
            loader->labels[kept] = loader->labels[i];
            loader->samples[kept] = loader->samples[i];
        }
        kept++;
    }
    return kept - first;
}

/* The batch is the `count` slots from `first` on. */
static void show_slots(rn_batch *batch, const rn_loader *loader, size_t first, size_t count)
{
    batch->size = count;
    batch->samples = loader->samples + first;
    batch->images->data = (char *)(void *)slot_floats(loader, first);
    batch->images->shape[0] = (int64_t)count;
    batch->labels->data = (char *)(void *)(loader->labels + first);
    batch->labels->shape[0] = (int64_t)count;
}

rn_status rn_loader_next(const rn_batch **batch, rn_loader *loader)
{
    size_t first, count;
    rn_status status;

    if (batch == NULL || loader == NULL)
        return rn_fail_null("rn_loader_next", batch == NULL ? "batch" : "loader");
    *batch = NULL;
    if (!loader->started)
        return rn_fail(&loader->context->message, RN_STATE, "the loader was not started");
    do {
        if (loader->next == loader->batches)
            return RN_END;
        if (loader->next < loader->group_begin || loader->next >= loader->group_end)
            decode_group(loader);
        first = batch_begin(loader, loader->next) - batch_begin(loader, loader->group_begin);
        count = batch_end(loader, loader->next) - batch_begin(loader, loader->next);
        status = report_failure(loader, first, count);
        if (status != RN_OK)
            return status;
        count = skip_bad_photos(loader, first, count);
        loader->next++;
    } while (count == 0 && loader->share == NULL);
    loader->batch.number = loader->next - 1;
    loader->batch.positions = batch_end(loader, loader->batch.number) - batch_begin(loader, loader->batch.number);
    show_slots(&loader->batch, loader, first, count);
    *batch = &loader->batch;
    return RN_OK;
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
    show_slots(&loader->part, loader, (size_t)(loader->batch.samples - loader->samples) + begin, count);
    *part = &loader->part;
    return RN_OK;
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

size_t rn_loader_views(const rn_loader *loader)
{
    return loader->options.views > 0 ? (size_t)loader->options.views : 1;
}

size_t rn_loader_view(const rn_loader *loader)
{
    return loader->options.views > 0 ? (size_t)epoch_of_draws(loader) : 0;
}

const rn_dataset *rn_loader_dataset(const rn_loader *loader)
{
    return loader->dataset;
}

const rn_pipeline *rn_loader_pipeline(const rn_loader *loader)
{
    return loader->pipeline;
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
