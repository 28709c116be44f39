/* SPDX-License-Identifier: MIT */
/* Tensors: shape and strides over shared storage. What is done with their elements is in elements.c. */
#include "tensor/tensor.h"

#include <stdio.h>
#include <string.h>

/* Shapes ------------------------------------------------------------------------------------------------------- */

void rn_order_strides(int64_t *strides, int32_t rank, const int64_t *shape, rn_order order)
{
    static const int32_t channels_last[4] = { 1, 3, 2, 0 }; /* axes, the fastest first */
    int64_t stride = 1;

    for (int32_t i = 0; i < rank; i++) {
        const int32_t axis = order == RN_CHANNELS_LAST && rank == 4 ? channels_last[i] : rank - 1 - i;

        strides[axis] = stride;
        stride *= shape[axis] > 0 ? shape[axis] : 1;
    }
}

bool rn_tensor_same_shape(const rn_tensor *a, const rn_tensor *b)
{
    return a->rank == b->rank &&
           (a->rank == 0 || memcmp(a->shape, b->shape, (size_t)a->rank * sizeof a->shape[0]) == 0);
}

const char *rn_shape_text(char *text, size_t size, int32_t rank, const int64_t *shape)
{
    size_t used = 0;

    if (size == 0)
        return "";
    text[0] = '\0';
    for (int32_t i = 0; i < rank && used < size; i++) {
        const int written = snprintf(text + used, size - used, "%s%lld", i == 0 ? "(" : ", ", (long long)shape[i]);

        used += written > 0 ? (size_t)written : 0;
    }
    if (used < size) /* a tuple of one has its comma, as PyTorch prints it */
        snprintf(text + used, size - used, "%s", rank == 0 ? "()" : rank == 1 ? ",)" : ")");
    return text;
}

/* What a shape needs, or the reason why it cannot be. */
static rn_status measure(size_t *nbytes, rn_context *context, rn_dtype dtype, int32_t rank, const int64_t *shape,
                         rn_order order)
{
    int64_t count;

    *nbytes = 0;
    if (rn_dtype_size(dtype) == 0)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "%d is no element type", (int)dtype);
    if (rank < 0 || rank > RN_MAX_RANK)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "a tensor has 0 to %d dimensions, not %d", RN_MAX_RANK,
                       (int)rank);
    if (rank > 0 && shape == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "a tensor of rank %d needs a shape", (int)rank);
    if (order != RN_ROW_MAJOR && order != RN_CHANNELS_LAST)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "%d is no order of elements", (int)order);
    for (int32_t i = 0; i < rank; i++) {
        if (shape[i] < 0)
            return rn_fail(&context->message, RN_INVALID_ARGUMENT, "size %lld of dimension %d is negative",
                           (long long)shape[i], (int)i);
    }
    if (order == RN_CHANNELS_LAST && rank != 4)
        return rn_fail(&context->message, RN_SHAPE, "channels-last order needs 4 dimensions, not %d", (int)rank);
    if (!rn_shape_bytes(nbytes, &count, rank, shape, rn_dtype_size(dtype)))
        return rn_fail(&context->message, RN_NO_MEMORY, "a tensor of such a shape does not fit into memory");
    return RN_OK;
}

/* Making ------------------------------------------------------------------------------------------------------- */

rn_status rn_tensor_over(rn_tensor **tensor, rn_storage *storage, void *data, rn_dtype dtype, int32_t rank,
                         const int64_t *shape, const int64_t *strides, rn_order order)
{
    rn_context *const context = storage->context;
    rn_tensor *const made = rn_allocate_zeroed(&context->allocator, 1, sizeof *made);

    *tensor = NULL;
    if (made == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for a tensor");
    rn_context_retain(context);
    rn_storage_retain(storage);
    made->context = context;
    made->storage = storage;
    made->data = data;
    made->dtype = dtype;
    made->rank = rank;
    for (int32_t i = 0; i < rank; i++)
        made->shape[i] = shape[i];
    if (strides == NULL)
        rn_order_strides(made->strides, rank, shape, order);
    for (int32_t i = 0; i < rank && strides != NULL; i++)
        made->strides[i] = strides[i];
    *tensor = made;
    return RN_OK;
}

rn_status rn_tensor_create(rn_tensor **tensor, rn_context *context, rn_dtype dtype, int32_t rank, const int64_t *shape,
                           rn_order order)
{
    rn_storage *storage;
    size_t nbytes;
    rn_status status;

    if (tensor != NULL)
        *tensor = NULL;
    if (context == NULL)
        return rn_fail_null("rn_tensor_create", "context");
    if (tensor == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_tensor_create: no place for the tensor");
    status = measure(&nbytes, context, dtype, rank, shape, order);
    if (status != RN_OK)
        return status;
    status = rn_storage_allocate(&storage, context, nbytes);
    if (status != RN_OK)
        return status;
    status = rn_tensor_over(tensor, storage, storage->memory, dtype, rank, shape, NULL, order);
    rn_storage_release(storage); /* the tensor holds it */
    return status;
}

rn_status rn_tensor_wrap(rn_tensor **tensor, rn_context *context, rn_dtype dtype, int32_t rank, const int64_t *shape,
                         rn_order order, void *data, size_t nbytes)
{
    rn_storage *storage;
    size_t needed;
    rn_status status;

    if (tensor != NULL)
        *tensor = NULL;
    if (context == NULL)
        return rn_fail_null("rn_tensor_wrap", "context");
    if (tensor == NULL || data == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_tensor_wrap: %s is NULL",
                       tensor == NULL ? "tensor" : "data");
    status = measure(&needed, context, dtype, rank, shape, order);
    if (status != RN_OK)
        return status;
    if (needed > nbytes)
        return rn_fail(&context->message, RN_SHAPE, "the shape needs %zu bytes, but the memory to wrap has %zu", needed,
                       nbytes);
    status = rn_storage_create(&storage, context, data, NULL, NULL);
    if (status != RN_OK)
        return status;
    status = rn_tensor_over(tensor, storage, data, dtype, rank, shape, NULL, order);
    rn_storage_release(storage);
    return status;
}

rn_status rn_tensor_view(rn_tensor **tensor, rn_tensor *base, int32_t axis, int64_t start, int64_t length)
{
    int64_t shape[RN_MAX_RANK];
    char *data;

    if (tensor != NULL)
        *tensor = NULL;
    if (base == NULL)
        return rn_fail_null("rn_tensor_view", "base");
    if (tensor == NULL)
        return rn_fail(&base->context->message, RN_INVALID_ARGUMENT, "rn_tensor_view: no place for the view");
    if (axis < 0 || axis >= base->rank)
        return rn_fail(&base->context->message, RN_SHAPE, "axis %d of a tensor of rank %d", (int)axis, (int)base->rank);
    if (start < 0 || length < 0 || start > base->shape[axis] || length > base->shape[axis] - start)
        return rn_fail(&base->context->message, RN_SHAPE, "%lld elements from %lld along an axis of %lld",
                       (long long)length, (long long)start, (long long)base->shape[axis]);
    memcpy(shape, base->shape, sizeof shape);
    shape[axis] = length;
    data = base->data; /* of an empty window it stays: nothing is there to point at */
    if (rn_tensor_count(base) > 0 && length > 0)
        data += start * base->strides[axis] * (int64_t)rn_dtype_size(base->dtype);
    return rn_tensor_over(tensor, base->storage, data, base->dtype, base->rank, shape, base->strides, RN_ROW_MAJOR);
}

void rn_tensor_destroy(rn_tensor *tensor)
{
    if (tensor != NULL) {
        rn_context *const context = tensor->context;

        rn_storage_release(tensor->storage);
        rn_release(&context->allocator, tensor);
        rn_context_release(context);
    }
}

/* Looking ------------------------------------------------------------------------------------------------------ */

rn_dtype rn_tensor_dtype(const rn_tensor *tensor)
{
    return tensor != NULL ? tensor->dtype : (rn_dtype)0;
}

int32_t rn_tensor_rank(const rn_tensor *tensor)
{
    return tensor != NULL ? tensor->rank : 0;
}

const int64_t *rn_tensor_shape(const rn_tensor *tensor)
{
    return tensor != NULL ? tensor->shape : NULL;
}

const int64_t *rn_tensor_strides(const rn_tensor *tensor)
{
    return tensor != NULL ? tensor->strides : NULL;
}

int64_t rn_tensor_count(const rn_tensor *tensor)
{
    int64_t count = 1;

    if (tensor == NULL)
        return 0;
    for (int32_t i = 0; i < tensor->rank; i++)
        count *= tensor->shape[i];
    return count;
}

rn_device rn_tensor_device(const rn_tensor *tensor)
{
    (void)tensor; /* there is no other yet */
    return RN_DEVICE_CPU;
}

rn_status rn_tensor_map(void **data, rn_tensor *tensor, rn_access access)
{
    if (data != NULL)
        *data = NULL;
    if (tensor == NULL)
        return rn_fail_null("rn_tensor_map", "tensor");
    if (data == NULL || access < RN_ACCESS_READ || access > RN_ACCESS_READ_WRITE)
        return rn_fail(&tensor->context->message, RN_INVALID_ARGUMENT, "rn_tensor_map: %s",
                       data == NULL ? "data is NULL" : "no such access");
    if (tensor->mapped)
        return rn_fail(&tensor->context->message, RN_STATE, "rn_tensor_map: the tensor is mapped already");
    tensor->mapped = true;
    *data = tensor->data;
    return RN_OK;
}

rn_status rn_tensor_unmap(rn_tensor *tensor)
{
    if (tensor == NULL)
        return rn_fail_null("rn_tensor_unmap", "tensor");
    if (!tensor->mapped)
        return rn_fail(&tensor->context->message, RN_STATE, "rn_tensor_unmap: the tensor is not mapped");
    tensor->mapped = false;
    return RN_OK;
}

void *rn_tensor_data(rn_tensor *tensor)
{
    return tensor != NULL ? tensor->data : NULL;
}

const void *rn_tensor_const_data(const rn_tensor *tensor)
{
    return tensor != NULL ? tensor->data : NULL;
}
