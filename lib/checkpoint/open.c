/* SPDX-License-Identifier: MIT */
/*
 * Opening: the file is mapped, its first bytes tell the container, a reader fills the checkpoint.
 *
 * Tensors whose bytes lie aligned in the file view the mapping, so that a safetensors file of any size opens in the
 * time that its header takes. A file that another process shortens in place takes the mapped pages with it; files that
 * are replaced by renaming, as this library does it, stay whole.
 */
#include "checkpoint/checkpoint.h"

#include "base/file.h"
#include "base/options.h"
#include <string.h>

RN_NO_TAIL_PADDING(rn_checkpoint_open_options, struct_size);

/* What people hand over instead of a checkpoint, by its first bytes. */
typedef struct known_stranger {
    const char *start;
    size_t length;
    const char *what;
} known_stranger;

static const known_stranger strangers[] = {
    { "version https://git-lfs", 23,
      "a git-lfs pointer, not the weights themselves: fetch them with 'git lfs pull' or download the file again" },
    { "<!DOCTYPE", 9, "a web page: the download gave a page instead of the file" },
    { "<!doctype", 9, "a web page: the download gave a page instead of the file" },
    { "<html", 5, "a web page: the download gave a page instead of the file" },
    { "<?xml", 5, "an XML text, perhaps the answer of a server instead of the file" },
    { "\x1f\x8b", 2, "gzip-compressed: unpack it first" },
    { "\xfd"
      "7zXZ",
      5, "xz-compressed: unpack it first" },
    { "\x89HDF", 4, "an HDF5 file (Keras), which is not read" },
    { "GGUF", 4, "a GGUF file, which is not read" },
    { "\x93NUMPY", 6, "a NumPy array, not a checkpoint" },
};

uint16_t rn_get_u16(const unsigned char *bytes)
{
    return (uint16_t)(bytes[0] | (unsigned)bytes[1] << 8);
}

uint32_t rn_get_u32(const unsigned char *bytes)
{
    return (uint32_t)rn_get_u16(bytes) | (uint32_t)rn_get_u16(bytes + 2) << 16;
}

uint64_t rn_get_u64(const unsigned char *bytes)
{
    return (uint64_t)rn_get_u32(bytes) | (uint64_t)rn_get_u32(bytes + 4) << 32;
}

rn_status rn_reader_work(const rn_reader *reader, size_t units)
{
    return rn_budget_work(reader->budget, units)
               ? RN_OK
               : rn_budget_settle(reader->budget, RN_FORMAT, reader->path, &reader->context->message);
}

rn_status rn_reader_allocate(rn_storage **storage, const rn_reader *reader, size_t nbytes)
{
    *storage = NULL;
    if (nbytes > SIZE_MAX / 2 || !rn_budget_memory(reader->budget, nbytes + sizeof **storage + 2 * RN_ALIGNMENT))
        return rn_budget_settle(reader->budget, RN_FORMAT, reader->path, &reader->context->message);
    rn_status status = rn_reader_work(reader, nbytes); /* it is zeroed */
    return status == RN_OK ? rn_storage_allocate(storage, reader->context, nbytes) : status;
}

rn_status rn_reader_tensor(rn_tensor **tensor, const rn_reader *reader, rn_storage *storage, void *data, rn_dtype dtype,
                           int32_t rank, const int64_t *shape, const int64_t *strides)
{
    size_t nbytes;
    int64_t count;

    if (!rn_shape_bytes(&nbytes, &count, rank, shape, rn_dtype_size(dtype)))
        return rn_fail(&reader->context->message, RN_FORMAT, "%s: a tensor is too large", reader->path);
    if (!rn_budget_elements(reader->budget, nbytes) ||
        !rn_budget_memory(reader->budget, sizeof **tensor + RN_ALIGNMENT))
        return rn_budget_settle(reader->budget, RN_FORMAT, reader->path, &reader->context->message);
    return rn_tensor_over(tensor, storage, data, dtype, rank, shape, strides, RN_ROW_MAJOR);
}

rn_status rn_reader_view(rn_storage **owner, char **data, rn_reader *reader, size_t offset, size_t nbytes,
                         size_t alignment)
{
    const unsigned char *start = reader->bytes + offset;

    if ((uintptr_t)start % alignment == 0) {
        rn_storage_retain(reader->file);
        *owner = reader->file;
        *data = (char *)(uintptr_t)start; /* tensors of a checkpoint are const for their users */
        return RN_OK;
    }
    if (nbytes > reader->copy_bytes)
        return rn_fail(&reader->context->message, RN_FORMAT, "%s: the parts of the file overlap", reader->path);
    rn_status status = rn_reader_allocate(owner, reader, nbytes);
    if (status != RN_OK)
        return status;
    reader->copy_bytes -= nbytes;
    *data = (*owner)->memory;
    if (nbytes > 0)
        memcpy(*data, start, nbytes);
    return RN_OK;
}

static rn_status refuse(const rn_reader *reader)
{
    rn_message *message = &reader->context->message;

    if (reader->nbytes == 0)
        return rn_fail(message, RN_FORMAT, "%s: the file is empty", reader->path);
    for (size_t i = 0; i < sizeof strangers / sizeof strangers[0]; i++) {
        const known_stranger *stranger = &strangers[i];

        if (reader->nbytes >= stranger->length && memcmp(reader->bytes, stranger->start, stranger->length) == 0)
            return rn_fail(message, RN_FORMAT, "%s: this is %s", reader->path, stranger->what);
    }
    return rn_fail(message, RN_FORMAT,
                   "%s: its %zu bytes are neither safetensors nor a file of torch.save (zip, legacy or tar)",
                   reader->path, reader->nbytes);
}

static rn_status read_as(const char *container, rn_status (*read)(rn_reader *), rn_reader *reader)
{
    reader->checkpoint->container = container;
    return read(reader);
}

static rn_status read_container(rn_reader *reader)
{
    const unsigned char *bytes = reader->bytes;
    const size_t nbytes = reader->nbytes;

    if (nbytes > 8 && bytes[8] == '{' && bytes[7] == 0 && bytes[6] == 0)
        return read_as("safetensors", rn_safetensors_read, reader);
    if (nbytes >= 4 && memcmp(bytes, "PK\3\4", 4) == 0)
        return read_as("torch zip", rn_torch_zip_read, reader);
    if (nbytes >= 2 && bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5)
        return read_as("torch legacy", rn_torch_legacy_read, reader);
    if (rn_tar_recognise(bytes, nbytes))
        return read_as("torch tar", rn_torch_tar_read, reader);
    return refuse(reader);
}

rn_status rn_checkpoint_read(rn_checkpoint **checkpoint, rn_context *context, const char *path, const void *bytes,
                             size_t nbytes, rn_storage *owner)
{
    rn_budget budget;
    rn_checkpoint *made;
    rn_status status = rn_checkpoint_create(&made, context);

    *checkpoint = NULL;
    if (status != RN_OK)
        return status;
    rn_reader reader = {
        .checkpoint = made, .context = context, .path = path, .bytes = bytes, .nbytes = nbytes, .file = owner
    };
    rn_budget_init(&budget, &context->allocator, nbytes);
    made->budget = reader.budget = &budget;
    reader.copy_bytes = nbytes;
    status = rn_budget_settle(&budget, read_container(&reader), path, &context->message);
    made->budget = NULL;
    if (status != RN_OK) {
        rn_checkpoint_destroy(made);
        return status;
    }
    *checkpoint = made;
    return RN_OK;
}

static void unmap(rn_storage *storage)
{
    const rn_allocator *allocator = &storage->context->allocator;

    rn_file_unmap(storage->payload);
    rn_release(allocator, storage->payload);
}

rn_status rn_checkpoint_open(rn_checkpoint **checkpoint, rn_context *context, const char *path,
                             const rn_checkpoint_open_options *options)
{
    rn_checkpoint_open_options o;
    rn_storage *owner = NULL;
    rn_status status;

    if (checkpoint != NULL)
        *checkpoint = NULL;
    if (context == NULL)
        return rn_fail_null("rn_checkpoint_open", "context");
    if (checkpoint == NULL || path == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_checkpoint_open: %s is NULL",
                       path == NULL ? "path" : "checkpoint");
    status = rn_options_read(&o, sizeof o, options, &context->message);
    if (status != RN_OK)
        return status;
    if (!RN_CHECKPOINT_READABLE)
        return rn_fail(&context->message, RN_UNSUPPORTED, "%s: checkpoints are little-endian, and this machine is not",
                       path);
    rn_mapping *mapping = rn_allocate(&context->allocator, sizeof *mapping);
    if (mapping == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "%s: no memory", path);
    status = rn_file_map(mapping, path, &context->message);
    if (status == RN_OK) {
        status = rn_storage_create(&owner, context, mapping->base, unmap, mapping);
        if (status != RN_OK)
            rn_file_unmap(mapping);
    }
    if (status != RN_OK) {
        rn_release(&context->allocator, mapping);
        return status;
    }
    status = rn_checkpoint_read(checkpoint, context, path, mapping->bytes, mapping->nbytes, owner);
    rn_storage_release(owner);
    return status;
}
