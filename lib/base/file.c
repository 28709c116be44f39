/* SPDX-License-Identifier: MIT */
/* Reading files whole, mapping them, and locks between processes. */
#define _GNU_SOURCE
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens a regular file; O_NONBLOCK so that a pipe without a writer is refused and not waited for. */
static rn_status open_regular(int *handle, struct stat *info, const char *path, rn_message *message)
{
    *info = (struct stat){ 0 };
    do
        *handle = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    while (*handle < 0 && errno == EINTR);
    if (*handle < 0)
        return rn_fail(message, RN_IO, "%s: %s", path, strerror(errno));
    if (fstat(*handle, info) != 0) {
        rn_fail(message, RN_IO, "%s: %s", path, strerror(errno));
    } else if (S_ISDIR(info->st_mode)) {
        rn_fail(message, RN_IO, "%s: is a directory", path);
    } else if (!S_ISREG(info->st_mode)) {
        rn_fail(message, RN_IO, "%s: not a regular file", path);
    } else {
        return RN_OK;
    }
    close(*handle);
    return RN_IO;
}

/* Reads until `size` bytes or the end of the file. */
static ssize_t read_fully(int handle, char *bytes, size_t size)
{
    size_t got = 0;

    while (got < size) {
        const ssize_t n = read(handle, bytes + got, size - got);

        if (n == 0)
            break;
        if (n > 0)
            got += (size_t)n;
        else if (errno != EINTR)
            return -1;
    }
    return (ssize_t)got;
}

rn_status rn_file_read(void **bytes, size_t *nbytes, const rn_allocator *allocator, const char *path, size_t limit,
                       rn_message *message)
{
    struct stat info;
    char *content = NULL;
    size_t capacity = 0, got = 0, wanted;
    rn_status status;
    int handle;

    *bytes = NULL;
    *nbytes = 0;
    status = open_regular(&handle, &info, path, message);
    if (status != RN_OK)
        return status;
    wanted = info.st_size >= 0 && (uintmax_t)info.st_size < limit ? (size_t)info.st_size : limit;
    /* The size is a guess only: the file may grow, and those of the kernel say 0. One byte more than wanted tells. */
    for (;;) {
        char *grown;
        ssize_t n;

        if (!rn_size_add(&capacity, wanted, 2) ||
            (grown = rn_grow_array(allocator, content, got, capacity, 1)) == NULL) {
            status = rn_fail(message, RN_NO_MEMORY, "%s: no memory for %zu bytes", path, wanted);
            goto out;
        }
        content = grown;
        n = read_fully(handle, content + got, wanted + 1 - got);
        if (n < 0) {
            status = rn_fail(message, RN_IO, "%s: %s", path, strerror(errno));
            goto out;
        }
        got += (size_t)n;
        if (got <= wanted)
            break;
        if (wanted == limit) {
            status = rn_fail(message, RN_FORMAT, "%s: more than %zu bytes, the limit for such a file", path, limit);
            goto out;
        }
        wanted = wanted < 4096 ? 4096 : wanted <= limit / 2 ? 2 * wanted : limit;
        if (wanted > limit)
            wanted = limit;
    }
    content[got] = '\0';
    *bytes = content;
    *nbytes = got;
    content = NULL;
out:
    rn_release(allocator, content);
    close(handle);
    return status;
}

rn_status rn_file_map(rn_mapping *mapping, const char *path, rn_message *message)
{
    struct stat info;
    rn_status status;
    int handle;
    void *base;

    *mapping = (rn_mapping){ .bytes = (const unsigned char *)"", .nbytes = 0, .base = NULL };
    status = open_regular(&handle, &info, path, message);
    if (status != RN_OK)
        return status;
    if (info.st_size == 0)
        goto out; /* mmap refuses nothing */
    if ((uintmax_t)info.st_size > PTRDIFF_MAX) {
        status = rn_fail(message, RN_NO_MEMORY, "%s: too large to be mapped", path);
        goto out;
    }
    base = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, handle, 0);
    if (base == MAP_FAILED) {
        status = rn_fail(message, errno == ENOMEM ? RN_NO_MEMORY : RN_IO, "%s: %s", path, strerror(errno));
        goto out;
    }
    *mapping = (rn_mapping){ .bytes = base, .nbytes = (size_t)info.st_size, .base = base };
out:
    close(handle);
    return status;
}

void rn_file_unmap(rn_mapping *mapping)
{
    if (mapping->base != NULL)
        munmap(mapping->base, mapping->nbytes);
    *mapping = (rn_mapping){ 0 };
}

rn_status rn_file_lock(int *handle, const char *path, rn_message *message)
{
    int opened, answer;

    *handle = -1;
    do
        opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
    while (opened < 0 && errno == EINTR);
    if (opened < 0)
        return rn_fail(message, RN_IO, "%s: %s", path, strerror(errno));
    do
        answer = flock(opened, LOCK_EX | LOCK_NB);
    while (answer != 0 && errno == EINTR);
    if (answer != 0) {
        const rn_status status =
            errno == EWOULDBLOCK ? rn_fail(message, RN_BUSY, "%s: locked, another run is using this directory", path)
                                 : rn_fail(message, RN_IO, "%s: %s", path, strerror(errno));

        close(opened);
        return status;
    }
    *handle = opened;
    return RN_OK;
}

void rn_file_unlock(int handle)
{
    if (handle >= 0)
        close(handle);
}
