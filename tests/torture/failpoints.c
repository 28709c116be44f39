/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "torture/failpoints.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_HANDLES = 256 };

const char *const fail_kind_name[FAIL_KINDS] = { "allocation", "open",  "read",       "mmap",  "stat",
                                                 "directory",  "lock",  "write",      "fsync", "rename",
                                                 "close",      "short", "interrupted" };

static long counts[FAIL_KINDS], wanted;
static fail_kind wanted_kind;
static int armed;
static atomic_long live_blocks;
static long live_mappings;

void fail_begin(fail_kind kind, long number)
{
    memset(counts, 0, sizeof counts);
    wanted_kind = kind;
    wanted = number;
    armed = 1;
}

const long *fail_end(void)
{
    armed = 0;
    return counts;
}

fail_holdings fail_held(void)
{
    fail_holdings held = { .blocks = atomic_load(&live_blocks), .mappings = live_mappings };

    for (int i = 0; i < MOST_HANDLES; i++)
        held.handles += fcntl(i, F_GETFD) >= 0;
    return held;
}

/* Counts a call; true, with errno set, if it is the one. */
static int fails(fail_kind kind, int error)
{
    if (!armed)
        return 0;
    if (counts[kind]++ != wanted || kind != wanted_kind)
        return 0;
    errno = error;
    return 1;
}

/* ---- memory ----------------------------------------------------------------------------------------------------- */

#ifdef RN_TORTURE_SANITIZED

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
int __real_posix_memalign(void **memory, size_t alignment, size_t bytes);

void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t bytes);

void *__wrap_malloc(size_t bytes)
{
    return fails(FAIL_ALLOCATION, ENOMEM) ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t bytes)
{
    return fails(FAIL_ALLOCATION, ENOMEM) ? NULL : __real_calloc(count, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return fails(FAIL_ALLOCATION, ENOMEM) ? NULL : __real_realloc(memory, bytes);
}

int __wrap_posix_memalign(void **memory, size_t alignment, size_t bytes)
{
    return fails(FAIL_ALLOCATION, ENOMEM) ? ENOMEM : __real_posix_memalign(memory, alignment, bytes);
}

#else

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *memory);

static void *counted(void *memory)
{
    if (memory != NULL)
        atomic_fetch_add(&live_blocks, 1);
    return memory;
}

void *malloc(size_t bytes)
{
    return fails(FAIL_ALLOCATION, ENOMEM) ? NULL : counted(__libc_malloc(bytes));
}

void *calloc(size_t count, size_t bytes)
{
    return fails(FAIL_ALLOCATION, ENOMEM) ? NULL : counted(__libc_calloc(count, bytes));
}

void *realloc(void *memory, size_t bytes)
{
    void *grown;

    if (memory == NULL)
        return malloc(bytes);
    if (bytes == 0) {
        free(memory);
        return NULL;
    }
    grown = fails(FAIL_ALLOCATION, ENOMEM) ? NULL : __libc_realloc(memory, bytes);
    return grown;
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    return fails(FAIL_ALLOCATION, ENOMEM) ? NULL : counted(__libc_memalign(alignment, bytes));
}

int posix_memalign(void **memory, size_t alignment, size_t bytes)
{
    void *const made = aligned_alloc(alignment, bytes);

    if (made == NULL)
        return ENOMEM;
    *memory = made;
    return 0;
}

void free(void *memory)
{
    if (memory != NULL)
        atomic_fetch_sub(&live_blocks, 1);
    __libc_free(memory);
}

#endif

/* ---- files ------------------------------------------------------------------------------------------------------ */

int __real_open(const char *path, int flags, ...);
ssize_t __real_read(int handle, void *bytes, size_t nbytes);
ssize_t __real_write(int handle, const void *bytes, size_t nbytes);
void *__real_mmap(void *at, size_t nbytes, int protection, int flags, int handle, off_t offset);
int __real_munmap(void *at, size_t nbytes);
int __real_stat(const char *path, struct stat *info);
int __real_fstat(int handle, struct stat *info);
DIR *__real_opendir(const char *path);
struct dirent *__real_readdir(DIR *directory);
int __real_mkdir(const char *path, mode_t mode);
int __real_flock(int handle, int operation);
int __real_fsync(int handle);
int __real_rename(const char *from, const char *to);
int __real_close(int handle);
FILE *__real_fopen(const char *path, const char *mode);

int __wrap_open(const char *path, int flags, ...);
ssize_t __wrap_read(int handle, void *bytes, size_t nbytes);
ssize_t __wrap_write(int handle, const void *bytes, size_t nbytes);
void *__wrap_mmap(void *at, size_t nbytes, int protection, int flags, int handle, off_t offset);
int __wrap_munmap(void *at, size_t nbytes);
int __wrap_stat(const char *path, struct stat *info);
int __wrap_fstat(int handle, struct stat *info);
DIR *__wrap_opendir(const char *path);
struct dirent *__wrap_readdir(DIR *directory);
int __wrap_mkdir(const char *path, mode_t mode);
int __wrap_flock(int handle, int operation);
int __wrap_fsync(int handle);
int __wrap_rename(const char *from, const char *to);
int __wrap_close(int handle);
FILE *__wrap_fopen(const char *path, const char *mode);

int __wrap_open(const char *path, int flags, ...)
{
    va_list arguments;
    int mode = 0;

    if (fails(FAIL_INTERRUPTED, EINTR) || fails(FAIL_OPEN, EMFILE))
        return -1;
    va_start(arguments, flags);
    if (flags & O_CREAT)
        mode = va_arg(arguments, int);
    va_end(arguments);
    return __real_open(path, flags, mode);
}

ssize_t __wrap_read(int handle, void *bytes, size_t nbytes)
{
    if (fails(FAIL_INTERRUPTED, EINTR) || fails(FAIL_READ, EIO))
        return -1;
    return __real_read(handle, bytes, nbytes > 1 && fails(FAIL_SHORT, 0) ? 1 : nbytes);
}

ssize_t __wrap_write(int handle, const void *bytes, size_t nbytes)
{
    if (fails(FAIL_INTERRUPTED, EINTR) || fails(FAIL_WRITE, ENOSPC))
        return -1;
    return __real_write(handle, bytes, nbytes > 1 && fails(FAIL_SHORT, 0) ? 1 : nbytes);
}

void *__wrap_mmap(void *at, size_t nbytes, int protection, int flags, int handle, off_t offset)
{
    void *mapped;

    if (fails(FAIL_MAP, ENODEV))
        return MAP_FAILED;
    mapped = __real_mmap(at, nbytes, protection, flags, handle, offset);
    live_mappings += mapped != MAP_FAILED;
    return mapped;
}

int __wrap_munmap(void *at, size_t nbytes)
{
    live_mappings--;
    return __real_munmap(at, nbytes);
}

int __wrap_stat(const char *path, struct stat *info)
{
    return fails(FAIL_STAT, EIO) ? -1 : __real_stat(path, info);
}

int __wrap_fstat(int handle, struct stat *info)
{
    return fails(FAIL_STAT, EIO) ? -1 : __real_fstat(handle, info);
}

DIR *__wrap_opendir(const char *path)
{
    return fails(FAIL_DIRECTORY, EIO) ? NULL : __real_opendir(path);
}

struct dirent *__wrap_readdir(DIR *directory)
{
    return fails(FAIL_DIRECTORY, EIO) ? NULL : __real_readdir(directory);
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    return fails(FAIL_DIRECTORY, EIO) ? -1 : __real_mkdir(path, mode);
}

int __wrap_flock(int handle, int operation)
{
    return fails(FAIL_INTERRUPTED, EINTR) || fails(FAIL_LOCK, ENOLCK) ? -1 : __real_flock(handle, operation);
}

int __wrap_fsync(int handle)
{
    return fails(FAIL_FSYNC, EIO) ? -1 : __real_fsync(handle);
}

int __wrap_rename(const char *from, const char *to)
{
    return fails(FAIL_RENAME, EIO) ? -1 : __real_rename(from, to);
}

int __wrap_close(int handle)
{
    if (!fails(FAIL_CLOSE, EIO))
        return __real_close(handle);
    __real_close(handle);
    errno = EIO;
    return -1;
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
    return fails(FAIL_OPEN, EMFILE) ? NULL : __real_fopen(path, mode);
}
