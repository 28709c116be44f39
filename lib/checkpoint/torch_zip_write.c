/* SPDX-License-Identifier: MIT */
/*
 * Writing PyTorch's zip container: archive/data.pkl, byteorder, one entry a tensor, version. "archive" is the directory
 * that torch.save takes where it does not know the file's name; a fixed one keeps equal contents equal. A tensor is
 * walked twice, for its CRC and for its bytes, so that the file can be written front to back.
 */
#include "checkpoint/checkpoint.h"

#include "checkpoint/pickler.h"
#include "checkpoint/row_major.h"
#include "checkpoint/zip_write.h"
#include <stdio.h>
#include <zlib.h>

static void add_crc(void *payload, const void *bytes, size_t nbytes)
{
    uLong *crc = payload;

    *crc = crc32_z(*crc, bytes, nbytes);
}

static void write_piece(void *payload, const void *bytes, size_t nbytes)
{
    rn_zip_writer_bytes(payload, bytes, nbytes);
}

static void write_small(rn_zip_writer *writer, const char *name, const void *bytes, size_t nbytes)
{
    uLong crc = crc32_z(0, NULL, 0);

    add_crc(&crc, bytes, nbytes);
    rn_zip_writer_entry(writer, name, nbytes, (uint32_t)crc);
    rn_zip_writer_bytes(writer, bytes, nbytes);
}

static void write_tensor(rn_zip_writer *writer, const rn_tensor *tensor, size_t number)
{
    uLong crc = crc32_z(0, NULL, 0);
    char name[40];

    snprintf(name, sizeof name, "archive/data/%zu", number);
    rn_row_major(tensor, add_crc, &crc);
    rn_zip_writer_entry(writer, name, rn_row_major_bytes(tensor), (uint32_t)crc);
    rn_row_major(tensor, write_piece, writer);
}

static rn_status write_file(const rn_checkpoint *checkpoint, const rn_bytes *pickle, const char *path)
{
    rn_context *context = checkpoint->context;
    rn_replacement *file;
    rn_zip_writer writer;
    rn_status status = rn_file_replace_begin(&file, &context->allocator, path, &context->message);

    if (status != RN_OK)
        return status;
    rn_zip_writer_init(&writer, file, &context->allocator);
    write_small(&writer, "archive/data.pkl", pickle->data, pickle->count);
    write_small(&writer, "archive/byteorder", "little", 6);
    for (size_t i = 0; i < checkpoint->tensor_count; i++)
        write_tensor(&writer, checkpoint->tensors[i].tensor, i);
    write_small(&writer, "archive/version", "3\n", 2);
    if (rn_zip_writer_finish(&writer)) {
        status = rn_file_replace_commit(file, &context->message);
    } else {
        rn_file_replace_abandon(file);
        status = rn_fail(&context->message, RN_NO_MEMORY, "%s: no memory for the archive's directory", path);
    }
    rn_zip_writer_release(&writer);
    return status;
}

rn_status rn_torch_zip_write_pickle(const rn_checkpoint *checkpoint, const rn_bytes *pickle, const char *path)
{
    rn_message *const message = &checkpoint->context->message;

    if (pickle->failed)
        return rn_fail(message, RN_NO_MEMORY, "%s: no memory for the pickle", path);
    if (pickle->count > RN_CHECKPOINT_PICKLE_BYTES)
        return rn_fail(message, RN_UNSUPPORTED,
                       "%s: its pickle of %zu bytes would be larger than the %d MiB that are read back", path,
                       pickle->count, (int)(RN_CHECKPOINT_PICKLE_BYTES >> 20));
    return write_file(checkpoint, pickle, path);
}

rn_status rn_torch_zip_write(const rn_checkpoint *checkpoint, const char *path)
{
    rn_bytes pickle;
    rn_status status;

    rn_bytes_init(&pickle, &checkpoint->context->allocator);
    rn_pickle_write(&pickle, checkpoint);
    status = rn_torch_zip_write_pickle(checkpoint, &pickle, path);
    rn_bytes_release(&pickle);
    return status;
}
