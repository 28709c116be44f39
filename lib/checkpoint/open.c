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

static rn_status refuse(const rn_reader *reader)
{
    rn_message *message = &reader->context->message;
    const char *const what = rn_checkpoint_stranger(reader->bytes, reader->nbytes);

    if (reader->nbytes == 0)
        return rn_fail(message, RN_FORMAT, "%s: the file is empty", reader->path);
    if (what != NULL)
        return rn_fail(message, RN_FORMAT, "%s: this is %s", reader->path, what);
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
