/* SPDX-License-Identifier: MIT */
/* Reads, decodes and prepares one sample. All memory comes from the cache of the thread. */
#include "data/sample.h"

#include "base/file.h"

static const size_t max_photo_file = (size_t)1 << 30;

void rn_decoder_begin(rn_decoder *decoder, const rn_context *context)
{
    decoder->bench = rn_workbench_make(context, rn_block_cache_allocator(&decoder->cache));
}

void rn_decoder_end(rn_decoder *decoder)
{
    rn_block_cache_clear(&decoder->cache);
}

static rn_status prepare(float *floats, rn_pixels *pixels, const rn_sample_source *source, rn_message *message)
{
    rn_message reason;
    const rn_status status = rn_pipeline_transform(source->pipeline, pixels, &source->draw, &reason);

    if (status != RN_OK)
        return rn_fail(message, status, "%s: %s", source->path, reason.text);
    if (pixels->height != source->height || pixels->width != source->width)
        return rn_fail(message, RN_SHAPE, "%s: %d x %d pixels, the batch has %d x %d", source->path, (int)pixels->width,
                       (int)pixels->height, (int)source->width, (int)source->height);
    rn_pipeline_to_floats(source->pipeline, pixels, floats);
    return RN_OK;
}

rn_status rn_sample_load(float *floats, const rn_decoder *decoder, const rn_sample_source *source, rn_message *message)
{
    const rn_workbench *const bench = &decoder->bench;
    rn_pixels pixels = { 0 };
    void *bytes = NULL;
    size_t nbytes = 0;
    rn_status status = rn_file_read(&bytes, &nbytes, &bench->allocator, source->path, max_photo_file, message);

    if (status == RN_OK)
        status = rn_pixels_decode(&pixels, bench, bytes, nbytes, source->path, message);
    rn_release(&bench->allocator, bytes);
    if (status == RN_OK)
        status = prepare(floats, &pixels, source, message);
    rn_pixels_release(&pixels);
    return status;
}
