/* SPDX-License-Identifier: MIT */
/* Reads, decodes and prepares one sample. All memory comes from the cache of the thread. */
#include "data/sample.h"

#include "base/file.h"

static const size_t max_photo_file = (size_t)1 << 30;

struct rn_sample {
    const rn_sample_source *source;
    rn_decoder *decoder;
    float *floats;
    rn_message *message;
    rn_status status; /* of giving it, or why it cannot be given; says so in *message unless RN_OK */
    bool given;
};

void rn_decoder_begin(rn_decoder *decoder, const rn_context *context)
{
    decoder->bench = rn_workbench_make(context, rn_block_cache_allocator(&decoder->cache));
}

void rn_decoder_end(rn_decoder *decoder)
{
    rn_block_cache_clear(&decoder->cache);
}

/* From what rn_pipeline_begin left to floats. */
static rn_status finish(const rn_sample *sample, rn_pixels *pixels, rn_message *reason)
{
    const rn_sample_source *const source = sample->source;
    const rn_status status = rn_pipeline_finish(source->pipeline, pixels, &source->draw, reason);

    if (status != RN_OK)
        return status;
    if (pixels->height != source->height || pixels->width != source->width)
        return rn_fail(reason, RN_SHAPE, "%d x %d pixels, the batch has %d x %d", (int)pixels->width,
                       (int)pixels->height, (int)source->width, (int)source->height);
    rn_pipeline_to_floats(source->pipeline, pixels, &source->draw, sample->floats);
    return RN_OK;
}

/* Pixels to floats; takes the pixels over. */
static rn_status prepare(const rn_sample *sample, rn_pixels *pixels, bool is_begun)
{
    const rn_sample_source *const source = sample->source;
    const bool is_deep_grey = pixels->is_deep_grey;
    rn_status status = RN_OK;
    rn_message reason;

    sample->decoder->saw_deep_grey = sample->decoder->saw_deep_grey || is_deep_grey;
    if (source->pipeline != NULL) {
        if (!is_begun)
            status = rn_pipeline_begin(source->pipeline, pixels, &reason);
        pixels->is_deep_grey = is_deep_grey;
        if (status == RN_OK && !is_begun && source->cache != NULL)
            rn_photo_cache_keep(source->cache, source->place, pixels);
        if (status == RN_OK)
            status = finish(sample, pixels, &reason);
        if (status != RN_OK)
            rn_fail(sample->message, status, "%s: %s", source->name, reason.text);
    }
    rn_pixels_release(pixels);
    return status;
}

static rn_status decode(const rn_sample *sample, const void *bytes, size_t nbytes)
{
    rn_pixels pixels = { 0 };
    const rn_status status =
        rn_pixels_decode(&pixels, &sample->decoder->bench, bytes, nbytes, sample->source->name, sample->message);

    return status == RN_OK ? prepare(sample, &pixels, false) : status;
}

/* ---- a file ------------------------------------------------------------------------------------------------------ */

static rn_status load_file(const rn_sample *sample)
{
    const rn_allocator *const allocator = &sample->decoder->bench.allocator;
    void *bytes = NULL;
    size_t nbytes = 0;
    rn_status status = rn_file_read(&bytes, &nbytes, allocator, sample->source->name, max_photo_file, sample->message);

    if (status == RN_OK)
        status = decode(sample, bytes, nbytes);
    rn_release(allocator, bytes);
    return status;
}

/* ---- what a function gives --------------------------------------------------------------------------------------- */

/* True if the sample may be given now; else its status says why not. */
static bool begin_giving(rn_sample *sample)
{
    if (sample->given)
        sample->status = rn_fail(sample->message, RN_STATE, "%s: the sample was given twice", sample->source->name);
    else
        sample->given = true;
    return sample->status == RN_OK;
}

rn_status rn_sample_give_file(rn_sample *sample, const void *bytes, size_t nbytes)
{
    if (sample == NULL)
        return rn_fail_null("rn_sample_give_file", "sample");
    if (!begin_giving(sample))
        return sample->status;
    if (bytes == NULL)
        sample->status = rn_fail(sample->message, RN_INVALID_ARGUMENT, "%s: no bytes", sample->source->name);
    else if (nbytes > max_photo_file)
        sample->status =
            rn_fail(sample->message, RN_FORMAT, "%s: a picture of %zu bytes", sample->source->name, nbytes);
    else
        sample->status = decode(sample, bytes, nbytes);
    return sample->status;
}

rn_status rn_sample_give_pixels(rn_sample *sample, int32_t width, int32_t height, const uint8_t *pixels, size_t pitch)
{
    rn_pixels own = { 0 };
    rn_message reason;

    if (sample == NULL)
        return rn_fail_null("rn_sample_give_pixels", "sample");
    if (!begin_giving(sample))
        return sample->status;
    sample->status = rn_pixels_from_rows(&own, &sample->decoder->bench, width, height, pixels, pitch, &reason);
    sample->status = sample->status == RN_OK
                         ? prepare(sample, &own, false)
                         : rn_fail(sample->message, sample->status, "%s: %s", sample->source->name, reason.text);
    return sample->status;
}

rn_status rn_sample_give_planes(rn_sample *sample, int32_t width, int32_t height, int32_t planes, const uint8_t *bytes)
{
    const size_t count = (size_t)width * (size_t)height, step = planes == 1 ? 0 : count;
    rn_pixels own;
    rn_message reason;

    if (!begin_giving(sample))
        return sample->status;
    sample->status = rn_pixels_create(&own, &sample->decoder->bench, width, height, &reason);
    if (sample->status != RN_OK)
        return rn_fail(sample->message, sample->status, "%s: %s", sample->source->name, reason.text);
    for (size_t i = 0; i < count; i++)
        for (size_t c = 0; c < 3; c++)
            own.rgb[3 * i + c] = bytes[i + c * step];
    sample->status = prepare(sample, &own, false);
    return sample->status;
}

rn_status rn_sample_fail(rn_sample *sample, rn_status status, const char *why)
{
    if (sample == NULL)
        return rn_fail_null("rn_sample_fail", "sample");
    if (status == RN_OK || status == RN_END)
        status = RN_IO;
    sample->status = rn_fail(sample->message, status, "%s: %s", sample->source->name, why != NULL ? why : "no reason");
    return status;
}

static rn_status load_given(rn_sample *sample)
{
    const rn_sample_source *const source = sample->source;
    rn_status answer = source->read(sample, source->index, source->payload);

    answer = answer == RN_END ? RN_IO : answer;
    if (sample->status != RN_OK)
        return sample->status;
    if (answer != RN_OK)
        return rn_fail(sample->message, answer, "%s: the function that reads it answered %s", source->name,
                       rn_status_string(answer));
    if (!sample->given)
        return rn_fail(sample->message, RN_STATE, "%s: the function that reads it gave nothing", source->name);
    return RN_OK;
}

rn_status rn_sample_load(float *floats, rn_decoder *decoder, const rn_sample_source *source, rn_message *message)
{
    rn_sample sample = { .source = source, .decoder = decoder, .floats = floats, .message = message };
    rn_pixels kept;

    if (source->cache != NULL && rn_photo_cache_take(source->cache, source->place, &kept, &decoder->bench))
        return prepare(&sample, &kept, true);
    return source->read == NULL ? load_file(&sample) : load_given(&sample);
}
