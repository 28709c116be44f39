/* SPDX-License-Identifier: MIT */
/*
 * Features: what the frozen part of a network makes of a photo is computed once and kept. The numbers that a kept
 * feature gives are those that computing it anew would give, whatever batch it was computed in (docs/architecture.md,
 * "Same bits"), so that keeping changes no result.
 */
#ifndef RN_TRAIN_FEATURES_H
#define RN_TRAIN_FEATURES_H

#include "data/dataset.h"
#include <resnet/session.h>

/* Of the photos of one loader. feature_file.c looks into it. */
typedef struct rn_features rn_features;
struct rn_features {
    rn_context *context;
    const rn_model *model;
    rn_session *session; /* images in, features out */
    rn_loader *loader;
    int32_t layers;              /* of the frozen part */
    uint64_t version;            /* of its parameters, for which the rows hold */
    float **row;                 /* by view and sample; NULL: not kept */
    uint64_t *id;                /* of each, for a file; NULL: there is none */
    size_t samples, count, kept; /* count: rows that there may be */
    size_t fresh;                /* rows that were kept since they were last written to a file */
    size_t row_bytes;            /* 0 before the first is computed */
    size_t *budget;
    rn_tensor *batch; /* channels last, without gaps: a row lies in one piece */
    size_t capacity;  /* rows that it has room for */
};

/*
 * `session` (kept alive by the caller) has the one output rn_model_frozen_layer(model). From now on the loader does not
 * read photos whose features are kept. `budget` is what is left of the bytes that they may take, also for others.
 * RN_NO_MEMORY.
 */
rn_status rn_features_create(rn_features **features, rn_model *model, rn_session *session, rn_loader *loader,
                             size_t *budget);
/* rn_loader_next; where the frozen part has changed, what was kept is forgotten. `features` NULL: rn_loader_next. */
rn_status rn_features_next(const rn_batch **batch, rn_loader *loader, rn_features *features);
/* What the batch is for a session that begins behind the frozen part; borrowed until the next call. `features` NULL:
 * the images. Errors as rn_session_forward. */
rn_status rn_features_of_batch(const rn_tensor **input, rn_features *features, const rn_batch *batch);
/* The size of a row, as for an image of the network's own size. RN_NO_MEMORY. */
rn_status rn_features_settle_rows(rn_features *features);
/* Keeps a row as number `index` (view * samples + sample), if there is room; without memory for it life goes on. */
void rn_features_keep(rn_features *features, size_t index, const void *data);
/* True if the rows are those of the frozen part as it is now. */
bool rn_features_hold(const rn_features *features);
/* How many are kept now; 0 for NULL. */
size_t rn_features_kept(const rn_features *features);
/* Gives the budget back what it took. NULL is fine. */
void rn_features_destroy(rn_features *features);

#endif
