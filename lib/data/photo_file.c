/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "data/photo_file.h"

#include "image/pixels.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* In the bytes' order of the machine: a file of another one has another mark, and is begun anew. */
typedef struct head {
    char magic[16];
    uint64_t id;
} head;

_Static_assert(sizeof(head) == RN_PHOTO_FILE_HEAD, "what others count with");

static const char magic[16] = "libresnet photos";
enum { MARK = 0x72654350 };

static bool read_at(int handle, void *bytes, size_t nbytes, uint64_t at)
{
    char *to = bytes;

    while (nbytes > 0) {
        const ssize_t n = pread(handle, to, nbytes, (off_t)at);

        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
        to += n > 0 ? n : 0;
        at += n > 0 ? (uint64_t)n : 0;
        nbytes -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

static bool write_at(int handle, const void *bytes, size_t nbytes, uint64_t at)
{
    const char *from = bytes;

    while (nbytes > 0) {
        const ssize_t n = pwrite(handle, from, nbytes, (off_t)at);

        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
        from += n > 0 ? n : 0;
        at += n > 0 ? (uint64_t)n : 0;
        nbytes -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

static uint32_t check_of(const void *bytes, size_t nbytes)
{
    return (uint32_t)crc32_z(0, bytes, nbytes);
}

static uint32_t check_of_record(const rn_photo_record *record)
{
    return check_of(record, offsetof(rn_photo_record, check));
}

static size_t pixel_bytes(const rn_photo_record *record)
{
    return (size_t)record->width * (size_t)record->height * 3;
}

size_t rn_photo_record_bytes(const rn_photo_record *record)
{
    return sizeof *record + pixel_bytes(record);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static rn_status fail_with_errno(const rn_photo_file *file)
{
    return rn_fail(&file->context->message, RN_IO, "%s: %s", file->path, strerror(errno));
}

rn_status rn_photo_file_begin(rn_photo_file *file, uint64_t id)
{
    head h = { .id = id };

    memcpy(h.magic, magic, sizeof magic);
    atomic_store(&file->end, sizeof h);
    if (ftruncate(file->handle, 0) != 0 || !write_at(file->handle, &h, sizeof h, 0))
        return fail_with_errno(file);
    return RN_OK;
}

/* Sizes that a picture may have, all of it within the file. */
static bool is_whole(const rn_photo_record *record, uint64_t at, uint64_t size)
{
    return record->mark == MARK && record->check == check_of_record(record) && record->width > 0 &&
           record->height > 0 && record->width <= RN_MAX_PIXELS / record->height &&
           rn_photo_record_bytes(record) <= size - at;
}

/* What stands behind the first record that is not whole is lost: nobody knows where the next one begins. */
static rn_status find_records(rn_photo_file *file, uint64_t size, rn_photo_found found, void *payload)
{
    rn_photo_record record;
    uint64_t at = sizeof(head);

    while (size - at >= sizeof record && read_at(file->handle, &record, sizeof record, at) &&
           is_whole(&record, at, size)) {
        found(payload, &record, at);
        at += rn_photo_record_bytes(&record);
    }
    atomic_store(&file->end, at);
    if (at == size)
        return RN_OK;
    rn_context_log(file->context, RN_LOG_WARNING,
                   "%s: damaged or cut short at byte %llu; the photos from there on are decoded again", file->path,
                   (unsigned long long)at);
    return ftruncate(file->handle, (off_t)at) == 0 ? RN_OK : fail_with_errno(file);
}

static rn_status take_up(rn_photo_file *file, uint64_t id, rn_photo_found found, void *payload)
{
    struct stat info;
    head h;

    if (fstat(file->handle, &info) != 0)
        return fail_with_errno(file);
    if (!S_ISREG(info.st_mode))
        return rn_fail(&file->context->message, RN_IO, "%s: not a regular file", file->path);
    if (info.st_size == 0)
        return rn_photo_file_begin(file, id);
    if (!read_at(file->handle, &h, sizeof h, 0) || memcmp(h.magic, magic, sizeof magic) != 0)
        return rn_fail(&file->context->message, RN_FORMAT,
                       "%s: is there, and no file of prepared photos; it is left as it is", file->path);
    if (h.id == id)
        return find_records(file, (uint64_t)info.st_size, found, payload);
    rn_context_log(file->context, RN_LOG_INFO,
                   "%s: its photos were prepared in another way, or by another version; it is begun anew", file->path);
    return rn_photo_file_begin(file, id);
}

rn_status rn_photo_file_open(rn_photo_file *file, rn_context *context, const char *path, uint64_t id,
                             rn_photo_found found, void *payload)
{
    *file = (rn_photo_file){ .context = context, .handle = -1 };
    file->path = rn_copy_string(&context->allocator, path);
    if (file->path == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "%s: no memory for a name", path);
    do
        file->handle = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
    while (file->handle < 0 && errno == EINTR);
    if (file->handle < 0)
        return fail_with_errno(file);
    if (flock(file->handle, LOCK_EX | LOCK_NB) == 0)
        return take_up(file, id, found, payload);
    if (errno != EWOULDBLOCK)
        return fail_with_errno(file);
    rn_context_log(context, RN_LOG_WARNING, "%s: in use by another process; photos are decoded again and again", path);
    close(file->handle);
    file->handle = -1;
    return RN_OK;
}

/* ---- photos ------------------------------------------------------------------------------------------------------ */

bool rn_photo_file_read(rn_photo_file *file, uint64_t at, const rn_photo_record *record, uint8_t *pixels)
{
    const size_t nbytes = pixel_bytes(record);

    if (read_at(file->handle, pixels, nbytes, at + sizeof *record) && check_of(pixels, nbytes) == record->pixels_check)
        return true;
    atomic_fetch_add(&file->damaged, 1);
    return false;
}

bool rn_photo_file_write(rn_photo_file *file, uint64_t *at, rn_photo_record *record, const uint8_t *pixels)
{
    const size_t nbytes = pixel_bytes(record);
    const uint32_t check = check_of(pixels, nbytes);
    const bool again = *at != 0;

    if (file->handle < 0 || atomic_load(&file->full) || (again && check != record->pixels_check))
        return false;
    if (!again) {
        record->mark = MARK;
        record->pixels_check = check;
        record->check = check_of_record(record);
        *at = atomic_fetch_add(&file->end, sizeof *record + nbytes);
    }
    if (write_at(file->handle, pixels, nbytes, *at + sizeof *record) &&
        (again || write_at(file->handle, record, sizeof *record, *at)))
        return true;
    atomic_store(&file->full, true);
    return false;
}

void rn_photo_file_say(rn_photo_file *file)
{
    const size_t damaged = atomic_exchange(&file->damaged, 0);

    if (damaged > 0)
        rn_context_log(file->context, RN_LOG_WARNING, "%s: %zu photos are damaged, and decoded again", file->path,
                       damaged);
    if (atomic_load(&file->full) && !file->said_full)
        rn_context_log(file->context, RN_LOG_WARNING, "%s: cannot be written; no more photos are kept", file->path);
    file->said_full = atomic_load(&file->full);
}

void rn_photo_file_close(rn_photo_file *file)
{
    if (file->path == NULL)
        return;
    rn_release(&file->context->allocator, file->path);
    if (file->handle >= 0)
        close(file->handle);
    *file = (rn_photo_file){ .handle = -1 };
}
