/* SPDX-License-Identifier: MIT */
/*
 * Replacing a file as a whole: temporary file beside it, fsync, rename, fsync of the directory. Whenever the process
 * or the machine stops, `path` is either what it was or what it should become.
 */
#define _GNU_SOURCE
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_SIZE = 1 << 16, ATTEMPTS = 1000 };

struct rn_replacement {
    rn_allocator allocator;
    char *path, *temporary;
    int handle;
    int error; /* errno of the first failure, 0 so far */
    size_t buffered;
    unsigned char buffer[BUFFER_SIZE];
};

/* Makes a file that was not there: the process number keeps processes apart, the attempt the threads of one. */
static rn_status create_temporary(rn_replacement *r, size_t size)
{
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        snprintf(r->temporary, size, "%s.%ld-%d.tmp", r->path, (long)getpid(), attempt);
        do
            r->handle = open(r->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        while (r->handle < 0 && errno == EINTR);
        if (r->handle >= 0)
            return RN_OK;
        if (errno != EEXIST)
            break;
    }
    return RN_IO;
}

static void dispose(rn_replacement *r)
{
    const rn_allocator allocator = r->allocator;

    if (r->handle >= 0) {
        close(r->handle);
        unlink(r->temporary);
    }
    rn_release(&allocator, r->temporary);
    rn_release(&allocator, r->path);
    rn_release(&allocator, r);
}

rn_status rn_file_replace_begin(rn_replacement **replacement, const rn_allocator *allocator, const char *path,
                                rn_message *message)
{
    const size_t suffix = 64;
    rn_replacement *const r = rn_allocate(allocator, sizeof *r);
    struct stat info;
    size_t size;
    rn_status status = RN_OK;

    *replacement = NULL;
    if (r == NULL)
        return rn_fail(message, RN_NO_MEMORY, "%s: no memory to write it", path);
    r->allocator = *allocator;
    r->handle = -1;
    r->error = 0;
    r->buffered = 0;
    r->path = rn_copy_string(allocator, path);
    r->temporary = rn_size_add(&size, strlen(path), suffix) ? rn_allocate(allocator, size) : NULL;
    if (r->path == NULL || r->temporary == NULL) {
        status = rn_fail(message, RN_NO_MEMORY, "%s: no memory to write it", path);
    } else if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) {
        /* A rename would replace a device by a file. */
        status = rn_fail(message, RN_IO, "%s: is there and not a regular file", path);
    } else if (create_temporary(r, size) != RN_OK) {
        status = rn_fail(message, RN_IO, "%s: not written: %s", path, strerror(errno));
    }
    if (status != RN_OK) {
        dispose(r);
        return status;
    }
    *replacement = r;
    return RN_OK;
}

/*
 * write() beyond RLIMIT_FSIZE raises SIGXFSZ, which ends a process that does not expect it. How the process takes
 * signals is not ours to change, so it is held back in this thread alone and taken away again; what is left is EFBIG.
 * One that was pending before came from somebody else and stays.
 */
static ssize_t write_without_signal(int handle, const void *bytes, size_t nbytes)
{
    const struct timespec now = { 0 };
    sigset_t excess, pending, before;
    bool foreign;
    ssize_t n;
    int error;

    sigemptyset(&excess);
    sigaddset(&excess, SIGXFSZ);
    if ((error = pthread_sigmask(SIG_BLOCK, &excess, &before)) != 0) {
        errno = error;
        return -1;
    }
    foreign = sigpending(&pending) == 0 && sigismember(&pending, SIGXFSZ) == 1;
    n = write(handle, bytes, nbytes);
    error = errno;
    if (n < 0 && error == EFBIG && !foreign)
        while (sigtimedwait(&excess, NULL, &now) < 0 && errno == EINTR)
            continue;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return n;
}

static void write_fully(rn_replacement *r, const unsigned char *bytes, size_t nbytes)
{
    while (nbytes > 0 && r->error == 0) {
        const ssize_t n = write_without_signal(r->handle, bytes, nbytes);

        if (n > 0) {
            bytes += n;
            nbytes -= (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            r->error = n == 0 ? EIO : errno;
        }
    }
}

static void flush_buffer(rn_replacement *r)
{
    write_fully(r, r->buffer, r->buffered);
    r->buffered = 0;
}

rn_status rn_file_replace_write(rn_replacement *r, const void *bytes, size_t nbytes)
{
    if (nbytes > sizeof r->buffer - r->buffered)
        flush_buffer(r);
    if (nbytes > sizeof r->buffer) {
        write_fully(r, bytes, nbytes);
    } else if (nbytes > 0) {
        memcpy(r->buffer + r->buffered, bytes, nbytes);
        r->buffered += nbytes;
    }
    return r->error == 0 ? RN_OK : RN_IO;
}

/* Flushes the directory of `path`, so that the new name survives a loss of power. 0 or errno. */
static int flush_directory(char *path)
{
    char *const slash = strrchr(path, '/');
    int handle, error = 0;

    if (slash == NULL)
        handle = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    else if (slash == path)
        handle = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    else {
        *slash = '\0';
        handle = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        *slash = '/';
    }
    if (handle < 0)
        return 0; /* one may write into a directory that one may not read */
    if (fsync(handle) != 0 && errno != EINVAL && errno != ENOTSUP && errno != EROFS)
        error = errno;
    close(handle);
    return error;
}

rn_status rn_file_replace_commit(rn_replacement *r, rn_message *message)
{
    rn_status status = RN_OK;
    int error, closed;

    flush_buffer(r);
    if (r->error == 0 && fsync(r->handle) != 0 && errno != EINVAL && errno != ENOTSUP)
        r->error = errno;
    closed = close(r->handle); /* not again after EINTR: Linux has closed it */
    r->handle = -1;
    if (r->error == 0 && closed != 0 && errno != EINTR)
        r->error = errno;
    if (r->error == 0 && rename(r->temporary, r->path) != 0)
        r->error = errno;
    if (r->error != 0) {
        unlink(r->temporary);
        status = rn_fail(message, RN_IO, "%s: not written: %s", r->path, strerror(r->error));
    } else if ((error = flush_directory(r->path)) != 0) {
        status = rn_fail(message, RN_IO, "%s: written, but its directory could not be flushed to the disk: %s", r->path,
                         strerror(error));
    }
    dispose(r);
    return status;
}

void rn_file_replace_abandon(rn_replacement *replacement)
{
    if (replacement != NULL)
        dispose(replacement);
}

/* True for "base.123-4.tmp", the names of create_temporary. */
static bool is_leftover(const char *name, const char *base)
{
    static const char digits[] = "0123456789";
    const size_t length = strlen(base);
    const char *process, *attempt;

    if (strncmp(name, base, length) != 0 || name[length] != '.')
        return false;
    process = name + length + 1;
    attempt = process + strspn(process, digits);
    if (attempt == process || *attempt++ != '-' || strspn(attempt, digits) == 0)
        return false;
    return strcmp(attempt + strspn(attempt, digits), ".tmp") == 0;
}

rn_status rn_file_replace_clean(const rn_allocator *allocator, const char *path, rn_message *message)
{
    const char *const slash = strrchr(path, '/'), *const base = slash != NULL ? slash + 1 : path;
    char *const directory = rn_copy_string(allocator, slash != NULL ? path : ".");
    rn_names names = { 0 };
    rn_status status;

    if (directory == NULL)
        return rn_fail(message, RN_NO_MEMORY, "no memory to clean up beside %s", path);
    if (slash != NULL)
        directory[base - path] = '\0'; /* with its slash */
    status = rn_directory_list(&names, allocator, directory, false, message);
    for (size_t i = 0; i < names.count && status == RN_OK; i++) {
        char *leftover;

        if (!is_leftover(names.name[i], base))
            continue;
        leftover = rn_path_join(allocator, directory, names.name[i]);
        if (leftover == NULL)
            status = rn_fail(message, RN_NO_MEMORY, "no memory to clean up beside %s", path);
        else
            unlink(leftover);
        rn_release(allocator, leftover);
    }
    rn_names_release(&names, allocator);
    rn_release(allocator, directory);
    return status;
}
