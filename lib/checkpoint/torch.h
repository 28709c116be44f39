/* SPDX-License-Identifier: MIT */
/* What the three containers of PyTorch have in common: storages by key, and a tree of values that becomes tensors. */
#ifndef RN_CHECKPOINT_TORCH_H
#define RN_CHECKPOINT_TORCH_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/pickle.h"

enum { RN_TORCH_KEY = 256 }; /* bytes of a storage's key with its zero */

typedef struct rn_torch_storage {
    char *key;
    rn_storage *owner; /* retained */
    char *data;        /* aligned for its elements */
    size_t nbytes;
    rn_dtype dtype; /* where the container says it; else 0 */
    size_t width;   /* bytes of an element of the legacy container, whether it is read or not */
} rn_torch_storage;

typedef struct rn_torch_storages {
    rn_torch_storage *storage;
    size_t count, capacity;
    rn_name_index index;
} rn_torch_storages;

/* NULL if there is none of that key. */
rn_torch_storage *rn_torch_storages_find(const rn_torch_storages *storages, const char *key);
/* Takes one reference of storage->owner over on success; the key is copied. RN_FORMAT: the key is taken. */
rn_status rn_torch_storages_add(rn_torch_storages *storages, const rn_reader *reader, const rn_torch_storage *storage,
                                const char *key);
void rn_torch_storages_release(rn_torch_storages *storages, const rn_allocator *allocator);

/* Where a tensor lies in a storage, in elements. */
typedef struct rn_torch_layout {
    const rn_torch_storage *storage;
    rn_dtype dtype;
    int64_t start, length; /* the part of the storage that it may use */
    int64_t offset;        /* from start */
    int32_t rank;
    int64_t shape[RN_MAX_RANK], strides[RN_MAX_RANK];
} rn_torch_layout;

/* How the values of one container find their data. */
typedef struct rn_torch_source {
    /* The storage of a key, whose elements are of this type. RN_FORMAT if there is none. Borrowed. */
    rn_status (*find)(const rn_torch_storage **storage, void *payload, const char *key, rn_dtype dtype);
    /* The tensor behind a persistent id (tar only, else NULL). */
    rn_status (*describe)(rn_torch_layout *layout, void *payload, const rn_pickle_value *id);
    void *payload;
} rn_torch_source;

/*
 * ('storage', type, key, location, numel[, (view key, offset, length)]), the persistent id of a storage. RN_FORMAT: it
 * is something else; RN_UNSUPPORTED: elements of an unknown width.
 */
typedef struct rn_torch_storage_id {
    char key[RN_TORCH_KEY];
    const rn_pickle_global *type;
    rn_dtype dtype; /* of its elements, where they are read */
    size_t width;   /* bytes of an element */
    int64_t count;  /* elements of the whole storage */
    int64_t start, length;
} rn_torch_storage_id;
rn_status rn_torch_storage_id_read(rn_torch_storage_id *id, const rn_reader *reader, const rn_pickle_value *value);
/*
 * What makes the storage of this id unreadable: an object in the id's place, or an element type that is not read. NULL:
 * nothing.
 */
const rn_pickle_global *rn_torch_unread_storage(const rn_pickle_value *id);

/* A key is text or a number. False: it is neither, too long, or more work than the budget has left. */
bool rn_torch_key(char key[RN_TORCH_KEY], const rn_reader *reader, const rn_pickle_value *value);

/* The object behind a checkpoint becomes named tensors and metadata in reader->checkpoint. */
rn_status rn_torch_object_read(rn_reader *reader, const rn_pickle_value *root, const rn_torch_source *source);

/*
 * A tensor over its storage, after checking that every element lies inside and charging all of them. Strides along
 * which no step is ever taken become those of row-major order: a file may claim any.
 */
rn_status rn_torch_place(rn_tensor **tensor, const rn_reader *reader, const char *name, const rn_torch_layout *layout);

#endif
