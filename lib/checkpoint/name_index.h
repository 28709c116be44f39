/* SPDX-License-Identifier: MIT */
/* Finds a name's position among a million: an open hash table of borrowed names. */
#ifndef RN_CHECKPOINT_NAME_INDEX_H
#define RN_CHECKPOINT_NAME_INDEX_H

#include "base/memory.h"
#include <stdint.h>

typedef struct rn_name_slot {
    const char *name; /* NULL: free */
    uint32_t hash;
    uint32_t position;
} rn_name_slot;

typedef struct rn_name_index { /* all zero: empty */
    rn_name_slot *slots;
    size_t capacity, count; /* capacity: a power of two, at most half full */
    uint64_t key[2];        /* of the hash; set at the first insertion */
} rn_name_index;

/* True and the position if the name is there. */
bool rn_name_index_find(size_t *position, const rn_name_index *index, const char *name);
/* The name must not be there yet and must outlive the index. false without memory; nothing has changed then. */
bool rn_name_index_insert(rn_name_index *index, const rn_allocator *allocator, const char *name, size_t position);
/* Forgets all names, keeps the memory. */
void rn_name_index_clear(rn_name_index *index);
void rn_name_index_release(rn_name_index *index, const rn_allocator *allocator);

#endif
