/* SPDX-License-Identifier: MIT */
/* Files: reading whole with a bound, mapping, and replacing as a whole. */
#ifndef RN_BASE_FILE_H
#define RN_BASE_FILE_H

#include "base/memory.h"
#include "base/message.h"

/*
 * Reads the whole file; a zero byte follows the content. RN_IO (with the path and the reason), RN_FORMAT: over
 * `limit` bytes, RN_NO_MEMORY. Release with the allocator.
 */
rn_status rn_file_read(void **bytes, size_t *nbytes, const rn_allocator *allocator, const char *path, size_t limit,
                       rn_message *message);

/* A read-only, private mapping. An empty file gives a valid pointer and size 0. RN_IO: also not a regular file. */
typedef struct rn_mapping {
    const unsigned char *bytes;
    size_t nbytes;
    void *base; /* for unmapping; NULL if nothing is mapped */
} rn_mapping;
rn_status rn_file_map(rn_mapping *mapping, const char *path, rn_message *message);
void rn_file_unmap(rn_mapping *mapping);

/*
 * Replacing a file: write into a temporary file beside it, flush it to the disk, rename it over `path`, flush the
 * directory. Until commit `path` is untouched; abandon (or a failed commit) removes the temporary file. The
 * permissions are those that open() gives a new file. A symbolic link is replaced, not followed.
 */
typedef struct rn_replacement rn_replacement;
rn_status rn_file_replace_begin(rn_replacement **replacement, const rn_allocator *allocator, const char *path,
                                rn_message *message);
/* Buffered. An error stays: later writes do nothing and commit reports it. */
rn_status rn_file_replace_write(rn_replacement *replacement, const void *bytes, size_t nbytes);
rn_status rn_file_replace_commit(rn_replacement *replacement, rn_message *message); /* releases it in every case */
void rn_file_replace_abandon(rn_replacement *replacement);                          /* NULL is fine */

/*
 * Removes what earlier processes, killed while they replaced `path`, left beside it. Only for who knows that nobody
 * replaces it now, such as the holder of its directory's lock. RN_NO_MEMORY; RN_IO: the directory cannot be read. What
 * cannot be removed does no harm and is left.
 */
rn_status rn_file_replace_clean(const rn_allocator *allocator, const char *path, rn_message *message);

/* Makes a directory and its parents; fine if it exists. */
rn_status rn_directory_make(const char *path, rn_message *message);
/* directory + "/" + name with one slash between them, or NULL without memory. */
char *rn_path_join(const rn_allocator *allocator, const char *directory, const char *name);

/*
 * Names in a directory, sorted by byte, without "." and "..". `only_directories`: 1 keeps directories, 0 keeps what
 * is not a directory; links are followed. Each name and the array are released with rn_names_release.
 */
typedef struct rn_names {
    char **name;
    size_t count;
} rn_names;
rn_status rn_directory_list(rn_names *names, const rn_allocator *allocator, const char *path, bool only_directories,
                            rn_message *message);
void rn_names_release(rn_names *names, const rn_allocator *allocator);

/* A handle's lock so that two runs do not write one directory: RN_BUSY if another process holds it. */
rn_status rn_file_lock(int *handle, const char *path, rn_message *message);
void rn_file_unlock(int handle);

#endif
