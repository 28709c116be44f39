/* SPDX-License-Identifier: MIT */
/*
 * Prepared photos: what the steps of a pipeline that draw nothing at random make of a photo, its first ones, is kept as
 * bytes, in memory or in a file, so that the photo is not decoded again. What is kept are the bytes that decoding
 * gives, so that keeping changes no result. The first ones stay: of an order that is another in every epoch, none is a
 * better choice.
 */
#ifndef RN_DATA_PHOTO_CACHE_H
#define RN_DATA_PHOTO_CACHE_H

#include "data/dataset.h"
#include "image/pipeline.h"

typedef struct rn_photo_cache rn_photo_cache;

/*
 * For the photos of a dataset, by their index, in this pipeline; `max_pixels` is that of their decoding. `path` NULL:
 * in memory, of the C library, as threads ask for it. `room` is what is left of the bytes that they may take, also for
 * others; the caller keeps it. Neither dataset nor pipeline is kept. RN_UNSUPPORTED: a file for photos that have none
 * by which they could be told. RN_NO_MEMORY, RN_IO, RN_FORMAT.
 */
rn_status rn_photo_cache_create(rn_photo_cache **cache, const rn_dataset *dataset, const rn_pipeline *pipeline,
                                int64_t max_pixels, const char *path, rn_photo_room *room);
/* The photo as rn_pipeline_begin left it; false if it is not kept. Safe from several threads. */
bool rn_photo_cache_take(rn_photo_cache *cache, size_t index, rn_pixels *pixels, const rn_workbench *bench);
/* Keeps it if there is room. Safe from several threads. */
void rn_photo_cache_keep(rn_photo_cache *cache, size_t index, const rn_pixels *pixels);
/* Says in the log what is worth it since it was called last. */
void rn_photo_cache_say(rn_photo_cache *cache);
/* Gives the room back what memory it took. NULL is fine. */
void rn_photo_cache_destroy(rn_photo_cache *cache);

#endif
