/* SPDX-License-Identifier: MIT */
/*
 * A zip archive of stored entries, each aligned to 64 bytes as PyTorch does it, written through an atomic replacement.
 */
#ifndef RN_CHECKPOINT_ZIP_WRITE_H
#define RN_CHECKPOINT_ZIP_WRITE_H

#include "base/file.h"
#include "checkpoint/bytes.h"

typedef struct rn_zip_writer {
    rn_replacement *file;
    uint64_t at, entries;
    rn_bytes directory;
} rn_zip_writer;

void rn_zip_writer_init(rn_zip_writer *writer, rn_replacement *file, const rn_allocator *allocator);
void rn_zip_writer_release(rn_zip_writer *writer);
/* Begins an entry of known size and CRC-32; exactly so many bytes follow through rn_zip_writer_bytes. */
void rn_zip_writer_entry(rn_zip_writer *writer, const char *name, uint64_t nbytes, uint32_t crc);
void rn_zip_writer_bytes(rn_zip_writer *writer, const void *bytes, size_t nbytes);
/* Writes the directory. False: there was no memory for it, and the file must be abandoned. */
bool rn_zip_writer_finish(rn_zip_writer *writer);

#endif
