/* SPDX-License-Identifier: MIT */
/* What the readers of all containers share: numbers, the budget, tensors that view the file or copies of it. */
#include "checkpoint/checkpoint.h"

#include <string.h>

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
