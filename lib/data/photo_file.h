/* SPDX-License-Identifier: MIT */
/*
 * A file of prepared photos: a head, and records one behind the other, each with a checksum of itself and one of its
 * pixels. Records are appended by several threads at once; a process that is killed leaves a hole or a part of one, and
 * the next one goes on from there. Nothing in the file is believed before its checksum is right. One process at a time.
 */
#ifndef RN_DATA_PHOTO_FILE_H
#define RN_DATA_PHOTO_FILE_H

#include "context/context.h"

#include <stdatomic.h>

/* What stands in front of a photo's pixels, width * height * 3 bytes. */
typedef struct rn_photo_record {
    uint64_t key[2]; /* which photo, as it was then */
    int32_t width, height;
    uint32_t is_deep_grey; /* pixels.h */
    uint32_t pixels_check; /* CRC-32 */
    uint32_t mark, check;  /* CRC-32 of all the above */
} rn_photo_record;

enum { RN_PHOTO_FILE_HEAD = 24 }; /* bytes in front of the first record */

typedef struct rn_photo_file {
    rn_context *context; /* for memory, the log and messages: not used while threads read and write */
    char *path;
    int handle;            /* -1: another process has it */
    atomic_ullong end;     /* where the next record goes */
    atomic_bool full;      /* writing failed: nothing more is written */
    atomic_size_t damaged; /* photos that were not what their checksums say, since it was said last */
    bool said_full;
} rn_photo_file;

typedef void (*rn_photo_found)(void *payload, const rn_photo_record *record, uint64_t at);

/*
 * Opens or makes the file and calls `found` for each of its records. `id` is of what was done to the photos: a file of
 * another is begun anew, which the log says, as it says where records are damaged, and if another process has it (RN_OK
 * then, and every read and write fails). RN_IO; RN_FORMAT: it is something else, and untouched. RN_NO_MEMORY.
 */
rn_status rn_photo_file_open(rn_photo_file *file, rn_context *context, const char *path, uint64_t id,
                             rn_photo_found found, void *payload);
/* Throws all records away. RN_IO. */
rn_status rn_photo_file_begin(rn_photo_file *file, uint64_t id);
/* Bytes of a record and its pixels. */
size_t rn_photo_record_bytes(const rn_photo_record *record);
/* The pixels of the record at `at`; false if they are not there as they were written. */
bool rn_photo_file_read(rn_photo_file *file, uint64_t at, const rn_photo_record *record, uint8_t *pixels);
/* Appends a record, whose checksums and mark are filled in, or writes the pixels of that at *at, if it is not 0, again.
 * False if they are others, or nothing can be written. */
bool rn_photo_file_write(rn_photo_file *file, uint64_t *at, rn_photo_record *record, const uint8_t *pixels);
/* Says in the log what reading and writing have met since it was called last. */
void rn_photo_file_say(rn_photo_file *file);
/* A zeroed file is fine. */
void rn_photo_file_close(rn_photo_file *file);

#endif
