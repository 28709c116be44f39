/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "data/photo_cache.h"

#include "base/mix.h"
#include "data/photo_file.h"

#include <stdlib.h>
#include <sys/stat.h>

/* A photo's way. Fields are written on the way to KEPT for the first time, and read from then on. */
enum { MISSING, BUSY, KEPT, DAMAGED };

typedef struct entry {
    atomic_int state;
    rn_photo_record record;
    uint8_t *pixels; /* in memory */
    uint64_t at;     /* or in the file */
} entry;

struct rn_photo_cache {
    rn_context *context; /* the loader's, which keeps it */
    entry *entry;
    size_t count;
    rn_photo_room *room;
    bool has_file;
    rn_photo_file file;
};

/* ---- room -------------------------------------------------------------------------------------------------------- */

size_t rn_photo_room_of(size_t cache_size)
{
    return cache_size != 0 ? cache_size : (size_t)4 << 30;
}

static bool take_room(rn_photo_room *room, size_t nbytes)
{
    size_t left = atomic_load(room);

    while (left >= nbytes)
        if (atomic_compare_exchange_weak(room, &left, left - nbytes))
            return true;
    return false;
}

/* ---- what a file has --------------------------------------------------------------------------------------------- */

/* A photo by what a file system says of it: two fingerprints, so that none is taken for another by accident. */
static void find_key(uint64_t key[2], const char *path, uint64_t id)
{
    struct stat info;

    key[0] = key[1] = 0;
    if (stat(path, &info) != 0)
        return; /* it will not be decoded either */
    for (int i = 0; i < 2; i++) {
        key[i] = rn_mix_text(i == 0 ? id : ~id, path);
        key[i] = rn_mix(rn_mix(key[i], (uint64_t)info.st_size), (uint64_t)info.st_ino);
        key[i] = rn_mix(rn_mix(key[i], (uint64_t)info.st_mtim.tv_sec), (uint64_t)info.st_mtim.tv_nsec);
    }
}

typedef struct match {
    rn_photo_cache *cache;
    entry **sorted; /* by key */
    uint64_t live;  /* bytes of records that some photo of the dataset has */
} match;

static int compare_keys(const uint64_t *a, const uint64_t *b)
{
    const int first = a[0] != b[0];

    return a[!first] < b[!first] ? -1 : a[!first] > b[!first];
}

static int compare_entries(const void *a, const void *b)
{
    const entry *const *const one = a, *const *const other = b;

    return compare_keys((*one)->record.key, (*other)->record.key);
}

/* The first place of the sorted entries whose key is not below this one. */
static size_t lower_bound(const match *m, const uint64_t *key)
{
    size_t low = 0, high = m->cache->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (compare_keys(m->sorted[middle]->record.key, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* A photo may be in the dataset several times. */
static void take_record(void *payload, const rn_photo_record *record, uint64_t at)
{
    match *const m = payload;
    const size_t first = lower_bound(m, record->key);

    for (size_t i = first; i < m->cache->count && compare_keys(m->sorted[i]->record.key, record->key) == 0; i++) {
        entry *const e = m->sorted[i];

        if (i == first)
            m->live += rn_photo_record_bytes(record);
        e->record = *record;
        e->at = at;
        atomic_store(&e->state, KEPT);
    }
}

static void forget(rn_photo_cache *cache)
{
    for (size_t i = 0; i < cache->count; i++)
        atomic_store(&cache->entry[i].state, MISSING);
}

/* A file that holds mostly photos that are gone, or have changed, is begun anew: nothing else makes room in it. */
static rn_status open_file(rn_photo_cache *cache, const char *path, uint64_t id, match *m)
{
    rn_status status = rn_photo_file_open(&cache->file, cache->context, path, id, take_record, m);
    uint64_t taken;

    cache->has_file = true;
    if (status != RN_OK || cache->file.handle < 0)
        return status;
    taken = atomic_load(&cache->file.end);
    if (m->live < (taken - RN_PHOTO_FILE_HEAD) / 2) {
        rn_context_log(cache->context, RN_LOG_INFO,
                       "%s: most of its photos are not in this folder, or have changed since; it is begun anew", path);
        forget(cache);
        status = rn_photo_file_begin(&cache->file, id);
        taken = 0;
    }
    atomic_fetch_sub(cache->room, taken < atomic_load(cache->room) ? (size_t)taken : atomic_load(cache->room));
    return status;
}

static rn_status use_file(rn_photo_cache *cache, const rn_dataset *dataset, const char *path, uint64_t id)
{
    const rn_allocator *const allocator = &cache->context->allocator;
    match m = { .cache = cache };
    rn_status status;

    if (dataset->read != NULL)
        return rn_fail(&cache->context->message, RN_UNSUPPORTED,
                       "%s: only photos that have a file each can be kept in one (cache_file)", path);
    m.sorted = rn_allocate_array(allocator, cache->count, sizeof *m.sorted);
    if (m.sorted == NULL)
        return rn_fail(&cache->context->message, RN_NO_MEMORY, "no memory to look up %zu photos", cache->count);
    for (size_t i = 0; i < cache->count; i++) {
        find_key(cache->entry[i].record.key, dataset->photo[i].name, id);
        m.sorted[i] = &cache->entry[i];
    }
    qsort(m.sorted, cache->count, sizeof *m.sorted, compare_entries);
    status = open_file(cache, path, id, &m);
    rn_release(allocator, m.sorted);
    return status;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

rn_status rn_photo_cache_create(rn_photo_cache **cache, const rn_dataset *dataset, const rn_pipeline *pipeline,
                                int64_t max_pixels, const char *path, rn_photo_room *room)
{
    rn_context *const context = dataset->context;
    rn_photo_cache *const made = rn_allocate_zeroed(&context->allocator, 1, sizeof *made);
    rn_status status = RN_OK;

    *cache = NULL;
    if (made == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for prepared photos");
    made->context = context;
    made->room = room;
    made->count = dataset->count;
    made->entry = rn_allocate_zeroed(&context->allocator, made->count, sizeof *made->entry);
    if (made->entry == NULL)
        status = rn_fail(&context->message, RN_NO_MEMORY, "no memory for prepared photos");
    else if (path != NULL)
        status = use_file(made, dataset, path, rn_mix(rn_pipeline_head_id(pipeline), (uint64_t)max_pixels));
    if (status == RN_OK)
        *cache = made;
    else
        rn_photo_cache_destroy(made);
    return status;
}

void rn_photo_cache_destroy(rn_photo_cache *cache)
{
    if (cache == NULL)
        return;
    const rn_allocator *const allocator = &cache->context->allocator, memory = rn_default_allocator();

    for (size_t i = 0; cache->entry != NULL && i < cache->count; i++)
        if (cache->entry[i].pixels != NULL) {
            atomic_fetch_add(cache->room, rn_photo_record_bytes(&cache->entry[i].record));
            rn_release(&memory, cache->entry[i].pixels);
        }
    rn_photo_file_close(&cache->file);
    rn_release(allocator, cache->entry);
    rn_release(allocator, cache);
}

/* ---- photos ------------------------------------------------------------------------------------------------------ */

bool rn_photo_cache_take(rn_photo_cache *cache, size_t index, rn_pixels *pixels, const rn_workbench *bench)
{
    entry *const e = &cache->entry[index];
    rn_message ignored;

    if (atomic_load(&e->state) != KEPT)
        return false;
    if (rn_pixels_create(pixels, bench, e->record.width, e->record.height, &ignored) != RN_OK)
        return false;
    pixels->is_deep_grey = e->record.is_deep_grey != 0;
    if (!cache->has_file) {
        memcpy(pixels->rgb, e->pixels, rn_photo_record_bytes(&e->record) - sizeof e->record);
        return true;
    }
    if (rn_photo_file_read(&cache->file, e->at, &e->record, pixels->rgb))
        return true;
    atomic_store(&e->state, DAMAGED);
    rn_pixels_release(pixels);
    return false;
}

/* A photo that comes several times in a batch may be met by several threads: the first one keeps it. */
static bool begin_keeping(entry *e, int *from)
{
    *from = MISSING;
    if (atomic_compare_exchange_strong(&e->state, from, BUSY))
        return true;
    return *from == DAMAGED && atomic_compare_exchange_strong(&e->state, from, BUSY);
}

void rn_photo_cache_keep(rn_photo_cache *cache, size_t index, const rn_pixels *pixels)
{
    const rn_allocator memory = rn_default_allocator();
    entry *const e = &cache->entry[index];
    const size_t nbytes = (size_t)pixels->width * (size_t)pixels->height * 3, all = sizeof e->record + nbytes;
    int from;
    bool kept;

    if (!begin_keeping(e, &from))
        return;
    if (from == DAMAGED) { /* written again where it is: nothing of the entry changes */
        const bool same = e->record.width == pixels->width && e->record.height == pixels->height;

        kept = same && rn_photo_file_write(&cache->file, &e->at, &e->record, pixels->rgb);
        atomic_store(&e->state, kept ? KEPT : DAMAGED);
        return;
    }
    kept = take_room(cache->room, all);
    if (kept) {
        e->record.width = pixels->width;
        e->record.height = pixels->height;
        e->record.is_deep_grey = pixels->is_deep_grey;
        if (cache->has_file) {
            kept = rn_photo_file_write(&cache->file, &e->at, &e->record, pixels->rgb);
        } else {
            e->pixels = rn_allocate(&memory, nbytes);
            kept = e->pixels != NULL;
            if (kept)
                memcpy(e->pixels, pixels->rgb, nbytes);
        }
        if (!kept)
            atomic_fetch_add(cache->room, all);
    }
    atomic_store(&e->state, kept ? KEPT : MISSING);
}

void rn_photo_cache_say(rn_photo_cache *cache)
{
    if (cache->has_file)
        rn_photo_file_say(&cache->file);
}
