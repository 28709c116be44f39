/* SPDX-License-Identifier: MIT */
/* One sample: from a file, or from what a caller's function gives, to floats, on a thread of its own. */
#ifndef RN_DATA_SAMPLE_H
#define RN_DATA_SAMPLE_H

#include "data/block_cache.h"
#include "data/photo_cache.h"
#include "image/image.h"
#include "image/pipeline.h"
#include <resnet/dataset.h>

/* What a thread decodes with; zeroed before its first use. */
typedef struct rn_decoder {
    rn_block_cache cache;
    rn_workbench bench;
    bool saw_deep_grey; /* a picture of 16-bit greys (pixels.h) */
} rn_decoder;

/* Before the samples of a group, on the thread that decodes them. */
void rn_decoder_begin(rn_decoder *decoder, const rn_context *context);
/* Gives back its memory. */
void rn_decoder_end(rn_decoder *decoder);

typedef struct rn_sample_source {
    const char *name;        /* for messages; the path of a file */
    rn_sample_function read; /* NULL: a file */
    void *payload;
    size_t index;                /* that it is asked for */
    rn_photo_cache *cache;       /* or NULL */
    size_t place;                /* in it */
    const rn_pipeline *pipeline; /* NULL: decoded, and nothing else */
    rn_draw draw;
    int32_t height, width; /* that must come out */
} rn_sample_source;

/*
 * height * width * 3 floats, channels fastest. RN_IO, RN_FORMAT, RN_UNSUPPORTED, RN_NO_MEMORY, RN_SHAPE for another
 * size, and what the function answers, with a message that names the sample. Touches nothing that another thread may
 * use.
 */
rn_status rn_sample_load(float *floats, rn_decoder *decoder, const rn_sample_source *source, rn_message *message);

/* Gives a sample as rn_sample_give_pixels does, from planes without gaps: one of greys, or three. */
rn_status rn_sample_give_planes(rn_sample *sample, int32_t width, int32_t height, int32_t planes, const uint8_t *bytes);

#endif
