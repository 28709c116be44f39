/* SPDX-License-Identifier: MIT */
/*
 * What a loader is: an order (sampler.h), and a group of batches that are decoded at once (group.c), from which they
 * are handed out one by one (loader.c).
 */
#ifndef RN_DATA_LOADER_H
#define RN_DATA_LOADER_H

#include "data/dataset.h"
#include "data/photo_cache.h"
#include "data/sample.h"
#include "data/sampler.h"
#include "tensor/tensor.h"

/* What became of one sample of the group. */
typedef struct rn_loaded {
    size_t index;    /* in the dataset */
    size_t place;    /* in the epoch */
    size_t position; /* in the batch */
    rn_status status;
    bool known; /* not read */
} rn_loaded;

struct rn_batch {
    rn_tensor *images, *labels; /* windows into the group, moved from batch to batch */
    size_t size;
    size_t number, positions; /* which batch of the epoch, and its samples before bad photos were left out */
    const rn_loaded *samples;
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
    rn_loaded *samples;      /* of the group; those of a batch begin at its first slot */
    rn_message *messages;    /* one a thread would mix samples up: one a sample of the group */
    rn_decoder *decoders;    /* one a thread */
    rn_photo_cache *cache;   /* or NULL */
    rn_photo_room room;      /* of it, unless somebody else has that */
    rn_known_function known; /* or NULL */
    const void *known_payload;
    rn_share_function share; /* or NULL */
    const void *share_payload;
    size_t skipped;
    double seconds; /* that decoding took */
    rn_batch batch, part;
};

/* ---- group.c ----------------------------------------------------------------------------------------------------- */

/* The places of a batch in the epoch: [begin, end). The last batch may take a lone sample more. */
size_t rn_group_batch_begin(const rn_loader *loader, size_t batch);
size_t rn_group_batch_end(const rn_loader *loader, size_t batch);
/* Where a slot's image lies, and how many floats it has. */
float *rn_group_floats(const rn_loader *loader, size_t slot);
size_t rn_group_image_floats(const rn_loader *loader);

/* Makes room for a group, in which batches have this size, and the batch that is handed out. RN_NO_MEMORY. */
rn_status rn_group_allocate(rn_loader *loader);
/* Gives it back. */
void rn_group_release(rn_loader *loader);
/* Decodes the batches from the next one on. What fails is kept by sample. */
void rn_group_decode(rn_loader *loader);
/* The batch becomes the `count` slots from `first` on. */
void rn_group_show(rn_batch *batch, const rn_loader *loader, size_t first, size_t count);
/* The epoch in which augmentation is drawn (options.views). */
uint64_t rn_group_epoch_of_draws(const rn_loader *loader);

#endif
