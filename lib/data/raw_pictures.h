/* SPDX-License-Identifier: MIT */
/* A dataset of pictures without a code: bytes in memory, all of one size. */
#ifndef RN_DATA_RAW_PICTURES_H
#define RN_DATA_RAW_PICTURES_H

#include "data/dataset.h"

/* The pictures of a file, one every `step` bytes. */
typedef struct rn_raw_file {
    const char *path;      /* for names and messages, while the dataset is made */
    void *bytes;           /* released with the dataset */
    const uint8_t *pixels; /* of the first picture: planes without gaps */
    const uint8_t *labels; /* a byte for each, every `label_step` bytes; read while the dataset is made */
    size_t count;
} rn_raw_file;

typedef struct rn_raw_pictures {
    rn_allocator allocator; /* of the bytes, the files and this */
    rn_raw_file *file;
    size_t files;
    size_t step, label_step;
    int32_t width, height, planes; /* 1 or 3 */
} rn_raw_pictures;

enum { RN_RAW_BYTES = INT32_MAX }; /* of a file */

/* Room for so many files. RN_NO_MEMORY. */
rn_status rn_raw_pictures_create(rn_raw_pictures **pictures, rn_context *context, size_t files);
void rn_raw_pictures_destroy(rn_raw_pictures *pictures); /* NULL is fine */
/*
 * Takes the pictures over, also on failure. `classes` NULL: "0" to the highest label. RN_SHAPE: a label that is no
 * class; RN_FORMAT: no picture, or over RN_MAX_PHOTOS; RN_NO_MEMORY.
 */
rn_status rn_raw_dataset(rn_dataset **dataset, rn_context *context, rn_raw_pictures *pictures,
                         const rn_classes *classes);

#endif
