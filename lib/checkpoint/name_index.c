/* SPDX-License-Identifier: MIT */
/*
 * A hash table with linear probing.
 *
 * Names come from files that may be hostile: a million names chosen to collide under a known hash would take 10^12
 * steps. So the hash is SipHash-1-3 (Aumasson and Bernstein, 2012) under a key made from where the table happens to lie
 * in memory, which the author of a file cannot know. The order of the table is never visible, so results do not depend
 * on the key.
 */
#include "checkpoint/name_index.h"

#include <string.h>

enum { FIRST_CAPACITY = 64 };

static uint64_t rotate(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static uint32_t hash_of(const uint64_t key[2], const char *name)
{
    const size_t length = strlen(name);
    uint64_t v[4] = { key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
                      key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573) };
    size_t at = 0;

    for (; at <= length; at += 8) { /* the last word holds what is left and the length */
        const size_t left = length - at < 8 ? length - at : 8;
        uint64_t word = left < 8 ? (uint64_t)length << 56 : 0;

        for (size_t i = 0; i < left; i++)
            word |= (uint64_t)(unsigned char)name[at + i] << (8 * i);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    const uint64_t hash = v[0] ^ v[1] ^ v[2] ^ v[3];
    return (uint32_t)(hash ^ (hash >> 32));
}

/* The slot that holds the name, or the free one where it belongs. */
static rn_name_slot *slot_of(const rn_name_index *index, const char *name, uint32_t hash)
{
    const size_t mask = index->capacity - 1;
    size_t at = hash & mask;

    while (index->slots[at].name != NULL && (index->slots[at].hash != hash || strcmp(index->slots[at].name, name) != 0))
        at = (at + 1) & mask;
    return &index->slots[at];
}

bool rn_name_index_find(size_t *position, const rn_name_index *index, const char *name)
{
    if (index->count == 0)
        return false;
    const rn_name_slot *slot = slot_of(index, name, hash_of(index->key, name));
    if (slot->name == NULL)
        return false;
    *position = slot->position;
    return true;
}

static bool grow(rn_name_index *index, const rn_allocator *allocator)
{
    const size_t capacity = index->capacity == 0 ? FIRST_CAPACITY : index->capacity * 2;
    rn_name_slot *slots = rn_allocate_zeroed(allocator, capacity, sizeof *slots);

    if (slots == NULL)
        return false;
    for (size_t i = 0; i < index->capacity; i++) {
        const rn_name_slot *old = &index->slots[i];

        if (old->name == NULL)
            continue;
        size_t at = old->hash & (capacity - 1);
        while (slots[at].name != NULL)
            at = (at + 1) & (capacity - 1);
        slots[at] = *old;
    }
    rn_release(allocator, index->slots);
    index->slots = slots;
    index->capacity = capacity;
    return true;
}

bool rn_name_index_insert(rn_name_index *index, const rn_allocator *allocator, const char *name, size_t position)
{
    if (position > UINT32_MAX || (index->count * 2 >= index->capacity && !grow(index, allocator)))
        return false;
    if (index->count == 0) {
        index->key[0] = (uint64_t)(uintptr_t)index->slots * UINT64_C(0x9e3779b97f4a7c15);
        index->key[1] = (uint64_t)(uintptr_t)&position ^ (index->key[0] >> 29);
    }
    const uint32_t hash = hash_of(index->key, name);
    rn_name_slot *slot = slot_of(index, name, hash);
    *slot = (rn_name_slot){ .name = name, .hash = hash, .position = (uint32_t)position };
    index->count++;
    return true;
}

void rn_name_index_clear(rn_name_index *index)
{
    if (index->slots != NULL)
        memset(index->slots, 0, index->capacity * sizeof *index->slots);
    index->count = 0;
}

void rn_name_index_release(rn_name_index *index, const rn_allocator *allocator)
{
    rn_release(allocator, index->slots);
    *index = (rn_name_index){ 0 };
}
