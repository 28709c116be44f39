/* SPDX-License-Identifier: MIT */
/*
 * Walking folders. What was visited is told by device and inode in a hash table: two links a level would otherwise
 * double the paths with each level.
 */
#define _GNU_SOURCE
#include "data/walk.h"

#include "data/endings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct place {
    dev_t device;
    ino_t inode;
    bool used;
} place;

typedef struct walk {
    const rn_allocator *allocator;
    rn_message *message;
    rn_names *found;
    size_t capacity; /* of found */
    place *places;
    size_t slots; /* a power of two, at most half of them used */
} walk;

static rn_status no_memory(const walk *w)
{
    return rn_fail(w->message, RN_NO_MEMORY, "no memory for the list of folders");
}

/* Where `wanted` is, or where it would be put. */
static place *find_place(place *places, size_t slots, const place *wanted)
{
    size_t at = (size_t)(((uint64_t)wanted->inode ^ (uint64_t)wanted->device << 32) * 0x9e3779b97f4a7c15u >> 32);

    for (at &= slots - 1; places[at].used; at = (at + 1) & (slots - 1))
        if (places[at].device == wanted->device && places[at].inode == wanted->inode)
            break;
    return &places[at];
}

static rn_status make_room(walk *w)
{
    const size_t slots = w->slots > 0 ? 2 * w->slots : 64;
    place *places;

    if (2 * (w->found->count + 1) <= w->slots)
        return RN_OK;
    places = rn_allocate_zeroed(w->allocator, slots, sizeof *places);
    if (places == NULL)
        return no_memory(w);
    for (size_t i = 0; i < w->slots; i++)
        if (w->places[i].used)
            *find_place(places, slots, &w->places[i]) = w->places[i];
    rn_release(w->allocator, w->places);
    w->places = places;
    w->slots = slots;
    return RN_OK;
}

static rn_status append(walk *w, const char *folder)
{
    rn_names *const found = w->found;

    if (found->count == w->capacity) {
        const size_t wanted = w->capacity * 2 + 16;
        char **const grown = rn_grow_array(w->allocator, found->name, found->count, wanted, sizeof *grown);

        if (grown == NULL)
            return no_memory(w);
        found->name = grown;
        w->capacity = wanted;
    }
    found->name[found->count] = rn_copy_string(w->allocator, folder);
    if (found->name[found->count] == NULL)
        return no_memory(w);
    found->count++;
    return RN_OK;
}

/* Adds the folder to what was found; `*again`: it was there by another path. */
static rn_status enter(bool *again, walk *w, const char *folder)
{
    struct stat info;
    place wanted, *slot;
    rn_status status;

    *again = false;
    if (stat(folder, &info) != 0)
        return rn_fail(w->message, RN_IO, "%s: %s", folder, strerror(errno));
    status = make_room(w);
    if (status != RN_OK)
        return status;
    wanted = (place){ .device = info.st_dev, .inode = info.st_ino, .used = true };
    slot = find_place(w->places, w->slots, &wanted);
    *again = slot->used;
    if (*again)
        return RN_OK;
    if (w->found->count == RN_WALK_FOLDERS)
        return rn_fail(w->message, RN_FORMAT, "%s: over %d folders in one", folder, (int)RN_WALK_FOLDERS);
    *slot = wanted;
    return append(w, folder);
}

static rn_status visit(walk *w, const char *folder, int depth)
{
    rn_names below = { 0 };
    bool again;
    rn_status status = enter(&again, w, folder);

    if (status != RN_OK || again)
        return status;
    if (depth == RN_WALK_DEPTH)
        return rn_fail(w->message, RN_FORMAT, "%s: folders more than %d deep", folder, (int)RN_WALK_DEPTH);
    status = rn_directory_list(&below, w->allocator, folder, true, w->message);
    for (size_t i = 0; i < below.count && status == RN_OK; i++) {
        char *path;

        if (rn_is_hidden(below.name[i]))
            continue;
        path = rn_path_join(w->allocator, folder, below.name[i]);
        status = path == NULL ? no_memory(w) : visit(w, path, depth + 1);
        rn_release(w->allocator, path);
    }
    rn_names_release(&below, w->allocator);
    return status;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

rn_status rn_walk(rn_names *folders, const rn_allocator *allocator, const char *root, rn_message *message)
{
    walk w = { .allocator = allocator, .message = message, .found = folders };
    rn_status status;

    *folders = (rn_names){ 0 };
    status = visit(&w, root, 0);
    rn_release(allocator, w.places);
    if (status != RN_OK)
        rn_names_release(folders, allocator);
    else
        qsort(folders->name, folders->count, sizeof *folders->name, compare_paths);
    return status;
}
