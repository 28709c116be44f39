/* SPDX-License-Identifier: MIT */
/* What a dataset is. */
#ifndef RN_DATA_DATASET_H
#define RN_DATA_DATASET_H

#include "context/context.h"
#include "data/endings.h"
#include <resnet/dataset.h>

typedef struct rn_photo {
    char *name; /* of a file: the path. Of a subset: the parent's */
    int32_t label;
    uint32_t index; /* what a function is asked for */
} rn_photo;

enum { RN_MAX_PHOTOS = 1 << 24 };

struct rn_dataset {
    rn_references references; /* a loader keeps its dataset */
    rn_context *context;      /* retained */
    rn_dataset *parent;       /* of a subset: whose names and payload these are, itself no subset; retained */
    rn_classes *classes;
    rn_photo *photo;
    size_t count, capacity;
    rn_passed_over passed;
    bool said_deep_grey; /* in the log, once */
    /* of a dataset of the caller's; read NULL: files */
    rn_sample_function read;
    void *payload;
    void (*release)(void *payload); /* or NULL */
};

/* An empty dataset. RN_NO_MEMORY. */
rn_status rn_dataset_begin(rn_dataset **dataset, rn_context *context);
/* Adds a photo, taking `name` over, also on failure; NULL is a failure. RN_FORMAT: there are RN_MAX_PHOTOS already. */
rn_status rn_dataset_add(rn_dataset *dataset, char *name, int64_t label);
/* Room for `count` photos of an empty dataset. RN_NO_MEMORY. */
rn_status rn_dataset_reserve(rn_dataset *dataset, size_t count);
void rn_dataset_retain(rn_dataset *dataset);

/*
 * Samples whose pictures nobody needs, because what becomes of them is known: where the function says so they are not
 * read, and their rows of a batch's images hold anything. The loader's threads call it at once. NULL: all are read.
 */
typedef bool (*rn_known_function)(size_t sample, const void *payload);
void rn_loader_set_known(rn_loader *loader, rn_known_function known, const void *payload);
const rn_dataset *rn_loader_dataset(const rn_loader *loader);
/* In how many ways samples are prepared that come again (1: options.views is 0), and in which of them now. */
size_t rn_loader_views(const rn_loader *loader);
size_t rn_loader_view(const rn_loader *loader);
/* How long all calls of rn_loader_next have waited for photos. */
double rn_loader_seconds(const rn_loader *loader);
const rn_pipeline *rn_loader_pipeline(const rn_loader *loader);
uint64_t rn_loader_seed(const rn_loader *loader);
/* False if sample `index` of the batch is known, or another's. */
bool rn_batch_was_read(const rn_batch *batch, size_t index);

/* Bytes that prepared photos may still take; several loaders may share them. */
typedef atomic_size_t rn_photo_room;
/* What rn_loader_options.cache_size means. */
size_t rn_photo_room_of(size_t cache_size);
/* The loader keeps prepared photos, as by rn_loader_options.cache_file (NULL: in memory); `room` outlives it. */
rn_status rn_loader_keep_photos(rn_loader *loader, const char *path, rn_photo_room *room);

/*
 * Which samples are this process's, where several share an epoch: `position` of the `positions` that batch `batch` has
 * before bad photos are left out. The others are not read. With a share every batch is handed out, also one of which
 * nothing is left. The loader's threads call it at once. NULL: all are.
 */
typedef bool (*rn_share_function)(size_t batch, size_t position, size_t positions, const void *payload);
void rn_loader_set_share(rn_loader *loader, rn_share_function share, const void *payload);
/* Which batch of the epoch it is, its positions, and where in them sample `index` stands. */
size_t rn_batch_number(const rn_batch *batch);
size_t rn_batch_positions(const rn_batch *batch);
size_t rn_batch_position(const rn_batch *batch, size_t index);
/* Samples [begin, begin + count) of the loader's last batch, as a batch; borrowed until the next call. RN_NO_MEMORY. */
rn_status rn_loader_part(const rn_batch **part, rn_loader *loader, size_t begin, size_t count);

#endif
