/* SPDX-License-Identifier: MIT */
/* Looking at all samples of a dataset: a group at a time is decoded by all threads, and what failed is written down in
 * the order of the samples. */
#include "base/options.h"
#include "data/dataset.h"
#include "data/sample.h"

RN_NO_TAIL_PADDING(rn_scan_options, reserved);

typedef struct failure {
    size_t sample;
    rn_status status;
    char *message;
} failure;

struct rn_scan {
    rn_dataset *dataset; /* retained */
    failure *failures;
    size_t count, capacity;
};

enum { GROUP = 64 }; /* samples a thread: few messages, and few waits for the slowest thread */

typedef struct work {
    const rn_dataset *dataset;
    rn_decoder *decoders; /* one a thread */
    size_t first;         /* of the group */
    rn_status *statuses;  /* of the group */
    rn_message *messages;
    int64_t max_pixels;
} work;

static void look(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const work *const w = payload;
    rn_decoder *const decoder = &w->decoders[thread];

    rn_decoder_begin(decoder, w->dataset->context);
    decoder->bench.max_pixels = w->max_pixels;
    for (int64_t i = begin; i < end; i++) {
        const rn_photo *const photo = &w->dataset->photo[w->first + (size_t)i];
        const rn_sample_source source = {
            .name = photo->name, .read = w->dataset->read, .payload = w->dataset->payload, .index = photo->index
        };

        w->statuses[i] = rn_sample_load(NULL, decoder, &source, &w->messages[i]);
    }
}

static rn_status add_failure(rn_scan *scan, size_t sample, rn_status status, const char *text)
{
    rn_context *const context = scan->dataset->context;
    char *const message = rn_copy_string(&context->allocator, text);

    if (message != NULL && scan->count == scan->capacity) {
        const size_t capacity = scan->capacity * 2 + 16;
        failure *const grown = rn_grow_array(&context->allocator, scan->failures, scan->count, capacity, sizeof *grown);

        if (grown != NULL) {
            scan->failures = grown;
            scan->capacity = capacity;
        }
    }
    if (message == NULL || scan->count == scan->capacity) {
        rn_release(&context->allocator, message);
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for a list of bad photos");
    }
    scan->failures[scan->count++] = (failure){ sample, status, message };
    return RN_OK;
}

/* In a quick scan every picture of more than a pixel is refused as too large, which then is what was to be known. */
static rn_status note_group(rn_scan *scan, const work *w, size_t count, bool quick)
{
    rn_status status = RN_OK;

    for (size_t i = 0; i < count && status == RN_OK; i++) {
        if (w->statuses[i] == RN_OK || (quick && w->statuses[i] == RN_UNSUPPORTED))
            continue;
        status = w->statuses[i] == RN_NO_MEMORY
                     ? rn_fail(&scan->dataset->context->message, RN_NO_MEMORY, "%s", w->messages[i].text)
                     : add_failure(scan, w->first + i, w->statuses[i], w->messages[i].text);
    }
    return status;
}

static rn_status look_at_all(rn_scan *scan, work *w, size_t slots, const rn_scan_options *o)
{
    rn_context *const context = scan->dataset->context;
    const size_t all = scan->dataset->count;
    rn_status status = RN_OK;

    for (w->first = 0; w->first < all && status == RN_OK; w->first += slots) {
        const size_t left = all - w->first, count = left < slots ? left : slots;

        rn_parallel(&context->pool, (int64_t)count, look, w);
        status = note_group(scan, w, count, o->quick != 0);
        if (status == RN_OK && o->progress != NULL && o->progress(w->first + count, all, o->payload) != 0)
            status = rn_fail(&context->message, RN_CANCELLED, "the scan was ended after %zu of %zu samples",
                             w->first + count, all);
    }
    return status;
}

static rn_status fill(rn_scan *scan, const rn_scan_options *o)
{
    rn_context *const context = scan->dataset->context;
    const rn_allocator *const allocator = &context->allocator;
    const size_t threads = (size_t)context->pool.threads, slots = GROUP * threads;
    work w = { .dataset = scan->dataset,
               .decoders = rn_allocate_zeroed(allocator, threads, sizeof *w.decoders),
               .statuses = rn_allocate_array(allocator, slots, sizeof *w.statuses),
               .messages = rn_allocate_array(allocator, slots, sizeof *w.messages),
               .max_pixels = o->quick ? 1 : o->max_pixels };
    const bool memory = w.decoders != NULL && w.statuses != NULL && w.messages != NULL;
    const rn_status status =
        memory ? look_at_all(scan, &w, slots, o) : rn_fail(&context->message, RN_NO_MEMORY, "no memory for a scan");

    for (size_t i = 0; w.decoders != NULL && i < threads; i++)
        rn_decoder_end(&w.decoders[i]);
    rn_release(allocator, w.decoders);
    rn_release(allocator, w.statuses);
    rn_release(allocator, w.messages);
    return status;
}

rn_status rn_dataset_scan(rn_scan **scan, rn_dataset *dataset, const rn_scan_options *options)
{
    rn_scan_options o;
    rn_scan *made;
    rn_status status;

    if (scan == NULL)
        return rn_fail_null("rn_dataset_scan", "scan");
    *scan = NULL;
    if (dataset == NULL)
        return rn_fail_null("rn_dataset_scan", "dataset");
    rn_message *const message = &dataset->context->message;

    status = rn_options_read(&o, sizeof o, options, message);
    if (status == RN_OK)
        status = rn_options_reserved(o.reserved, "rn_dataset_scan", message);
    if (status == RN_OK && (o.max_pixels < 0 || o.max_pixels > RN_MAX_PIXELS))
        status = rn_fail(message, RN_INVALID_ARGUMENT, "a limit of %lld pixels: 1 to %d are possible",
                         (long long)o.max_pixels, (int)RN_MAX_PIXELS);
    if (status != RN_OK)
        return status;
    made = rn_allocate_zeroed(&dataset->context->allocator, 1, sizeof *made);
    if (made == NULL)
        return rn_fail(message, RN_NO_MEMORY, "no memory for a scan");
    rn_dataset_retain(dataset);
    made->dataset = dataset;
    status = fill(made, &o);
    if (status != RN_OK) {
        rn_scan_destroy(made);
        return status;
    }
    *scan = made;
    return RN_OK;
}

size_t rn_scan_count(const rn_scan *scan)
{
    return scan == NULL ? 0 : scan->count;
}

size_t rn_scan_sample(const rn_scan *scan, size_t index)
{
    return scan == NULL || index >= scan->count ? SIZE_MAX : scan->failures[index].sample;
}

rn_status rn_scan_status(const rn_scan *scan, size_t index)
{
    return scan == NULL || index >= scan->count ? RN_OK : scan->failures[index].status;
}

const char *rn_scan_message(const rn_scan *scan, size_t index)
{
    return scan == NULL || index >= scan->count ? NULL : scan->failures[index].message;
}

rn_status rn_scan_good(rn_dataset **good, const rn_scan *scan)
{
    size_t *indices;
    size_t count = 0, bad = 0;
    rn_status status;

    if (good == NULL)
        return rn_fail_null("rn_scan_good", "good");
    *good = NULL;
    if (scan == NULL)
        return rn_fail_null("rn_scan_good", "scan");
    rn_context *const context = scan->dataset->context;

    if (scan->count == scan->dataset->count)
        return rn_fail(&context->message, RN_SHAPE, "not one of %zu samples is good", scan->count);
    indices = rn_allocate_array(&context->allocator, scan->dataset->count, sizeof *indices);
    if (indices == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for a list of good photos");
    for (size_t i = 0; i < scan->dataset->count; i++) {
        if (rn_scan_sample(scan, bad) == i)
            bad++;
        else
            indices[count++] = i;
    }
    status = rn_dataset_subset(good, scan->dataset, indices, count);
    rn_release(&context->allocator, indices);
    return status;
}

void rn_scan_destroy(rn_scan *scan)
{
    if (scan == NULL)
        return;
    const rn_allocator *const allocator = &scan->dataset->context->allocator;
    rn_dataset *const dataset = scan->dataset;

    for (size_t i = 0; i < scan->count; i++)
        rn_release(allocator, scan->failures[i].message);
    rn_release(allocator, scan->failures);
    rn_release(allocator, scan);
    rn_dataset_destroy(dataset);
}
