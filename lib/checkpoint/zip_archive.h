/* SPDX-License-Identifier: MIT */
/* A zip archive in memory: its entries by name, and their bytes. */
#ifndef RN_CHECKPOINT_ZIP_ARCHIVE_H
#define RN_CHECKPOINT_ZIP_ARCHIVE_H

#include "checkpoint/checkpoint.h"

typedef struct rn_zip_entry {
    char *name;
    uint64_t place;          /* of its local header */
    uint64_t packed, nbytes; /* in the archive, and unpacked */
    uint32_t crc;
    bool deflated;
} rn_zip_entry;

typedef struct rn_zip_archive {
    rn_reader *reader;
    rn_zip_entry *entry;
    size_t count;
    rn_name_index index;
    uint64_t entries_end; /* where the directory begins */
    size_t unread_bytes;  /* of the file: an entry is read once, and no two share bytes */
} rn_zip_archive;

/* Opens reader->bytes, which must stay where they are. Close in every case. */
rn_status rn_zip_open(rn_zip_archive *archive, rn_reader *reader);
void rn_zip_close(rn_zip_archive *archive);

/* The bytes end as an archive does: programs that look for one there find it, whatever comes first. */
bool rn_zip_recognise_end(const unsigned char *bytes, size_t nbytes);

/* NULL if there is none of that name. */
const rn_zip_entry *rn_zip_find(const rn_zip_archive *archive, const char *name);
/*
 * The entry's bytes, aligned for elements of `alignment` bytes, after checking their CRC (0 stands for none). *owner is
 * retained for the caller.
 */
rn_status rn_zip_bytes(rn_storage **owner, char **data, rn_zip_archive *archive, const rn_zip_entry *entry,
                       size_t alignment);

/* zip_inflate.c: the same for an entry whose deflated bytes begin at `place`, without looking at its CRC. */
rn_status rn_zip_unpack(rn_storage **owner, char **data, rn_zip_archive *archive, const rn_zip_entry *entry,
                        size_t place);

#endif
