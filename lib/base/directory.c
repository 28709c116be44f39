/* SPDX-License-Identifier: MIT */
/* Directories: making, listing in an order that no file system decides, and joining paths. */
#define _GNU_SOURCE
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static rn_status make_one(const char *path, rn_message *message)
{
    struct stat info;
    int error;

    if (mkdir(path, 0777) == 0)
        return RN_OK;
    error = errno;
    if (stat(path, &info) == 0) {
        if (S_ISDIR(info.st_mode))
            return RN_OK;
        error = ENOTDIR;
    }
    return rn_fail(message, RN_IO, "%s: %s", path, strerror(error));
}

rn_status rn_directory_make(const char *path, rn_message *message)
{
    char part[PATH_MAX];
    const size_t length = strlen(path);

    if (length == 0 || length >= sizeof part)
        return rn_fail(message, RN_IO, "%s: %s", path, strerror(length == 0 ? ENOENT : ENAMETOOLONG));
    memcpy(part, path, length + 1);
    for (size_t i = 1; i < length; i++) {
        rn_status status;

        if (part[i] != '/' || part[i - 1] == '/')
            continue;
        part[i] = '\0';
        status = make_one(part, message);
        part[i] = '/';
        if (status != RN_OK)
            return status;
    }
    return make_one(part, message);
}

char *rn_path_join(const rn_allocator *allocator, const char *directory, const char *name)
{
    const size_t first = strlen(directory), second = strlen(name);
    const size_t slash = first > 0 && directory[first - 1] == '/' ? 0 : 1;
    size_t bytes;
    char *path;

    if (!rn_size_add(&bytes, first, second) || !rn_size_add(&bytes, bytes, slash + 1))
        return NULL;
    path = rn_allocate(allocator, bytes);
    if (path == NULL)
        return NULL;
    memcpy(path, directory, first);
    path[first] = '/';
    memcpy(path + first + slash, name, second + 1);
    return path;
}

/* Links are followed; what cannot be looked at, such as a link to nowhere, is no directory. */
static bool is_directory(DIR *parent, const struct dirent *entry)
{
    struct stat info;

    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
        return entry->d_type == DT_DIR;
    return fstatat(dirfd(parent), entry->d_name, &info, 0) == 0 && S_ISDIR(info.st_mode);
}

static rn_status append_name(rn_names *names, size_t *capacity, const rn_allocator *allocator, const char *name)
{
    if (names->count == *capacity) {
        const size_t wanted = *capacity > 0 ? 2 * *capacity : 64;
        char **const grown = rn_grow_array(allocator, names->name, names->count, wanted, sizeof *grown);

        if (grown == NULL)
            return RN_NO_MEMORY;
        names->name = grown;
        *capacity = wanted;
    }
    names->name[names->count] = rn_copy_string(allocator, name);
    if (names->name[names->count] == NULL)
        return RN_NO_MEMORY;
    names->count++;
    return RN_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

rn_status rn_directory_list(rn_names *names, const rn_allocator *allocator, const char *path, bool only_directories,
                            rn_message *message)
{
    DIR *const directory = opendir(path);
    rn_status status = RN_OK;
    size_t capacity = 0;

    *names = (rn_names){ 0 };
    if (directory == NULL)
        return rn_fail(message, errno == ENOMEM ? RN_NO_MEMORY : RN_IO, "%s: %s", path, strerror(errno));
    for (;;) {
        const struct dirent *entry;

        errno = 0;
        entry = readdir(directory);
        if (entry == NULL && errno != 0) {
            status = rn_fail(message, RN_IO, "%s: %s", path, strerror(errno));
            goto out;
        }
        if (entry == NULL)
            break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            is_directory(directory, entry) != only_directories)
            continue;
        status = append_name(names, &capacity, allocator, entry->d_name);
        if (status != RN_OK) {
            rn_fail(message, status, "%s: no memory for its list of names", path);
            goto out;
        }
    }
    if (names->count > 0)
        qsort(names->name, names->count, sizeof *names->name, compare_names);
out:
    closedir(directory);
    if (status != RN_OK)
        rn_names_release(names, allocator);
    return status;
}

void rn_names_release(rn_names *names, const rn_allocator *allocator)
{
    for (size_t i = 0; i < names->count; i++)
        rn_release(allocator, names->name[i]);
    rn_release(allocator, names->name);
    *names = (rn_names){ 0 };
}
