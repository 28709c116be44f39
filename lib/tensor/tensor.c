/* SPDX-License-Identifier: MIT */
/* Tensors: shape and strides over shared storage, whole copies and single elements. */
#include "tensor/tensor.h"

#include "tensor/convert.h"

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

/* Copying ------------------------------------------------------------------------------------------------------ */

rn_status rn_tensor_copy(rn_tensor *target, const rn_tensor *source)
{
    char have[128], want[128];

    if (target == NULL)
        return rn_fail_null("rn_tensor_copy", "target");
    if (source == NULL)
        return rn_fail(&target->context->message, RN_INVALID_ARGUMENT, "rn_tensor_copy: source is NULL");
    if (!rn_tensor_same_shape(target, source))
        return rn_fail(&target->context->message, RN_SHAPE, "a tensor of shape %s cannot take one of shape %s",
                       rn_shape_text(want, sizeof want, target->rank, target->shape),
                       rn_shape_text(have, sizeof have, source->rank, source->shape));
    rn_copy_elements(target->data, target->dtype, target->strides, source->data, source->dtype, source->strides,
                     target->rank, target->shape);
    return RN_OK;
}

rn_status rn_tensor_convert(rn_tensor **copy, const rn_tensor *source, rn_dtype dtype, rn_order order)
{
    rn_status status;

    if (copy != NULL)
        *copy = NULL;
    if (source == NULL)
        return rn_fail_null("rn_tensor_convert", "source");
    if (copy == NULL)
        return rn_fail(&source->context->message, RN_INVALID_ARGUMENT, "rn_tensor_convert: no place for the copy");
    status = rn_tensor_create(copy, source->context, dtype, source->rank, source->shape, order);
    return status == RN_OK ? rn_tensor_copy(*copy, source) : status;
}

static rn_status check_stack(rn_context *context, const rn_tensor *const *tensors, size_t count)
{
    rn_message *const message = &context->message;

    if (tensors == NULL || count < 1 || count > INT32_MAX)
        return rn_fail(message, RN_INVALID_ARGUMENT, "rn_tensor_stack: %zu tensors", tensors != NULL ? count : 0);
    for (size_t i = 0; i < count; i++) {
        if (tensors[i] == NULL)
            return rn_fail(message, RN_INVALID_ARGUMENT, "rn_tensor_stack: tensor %zu is NULL", i);
        if (tensors[i]->dtype != tensors[0]->dtype || !rn_tensor_same_shape(tensors[i], tensors[0]))
            return rn_fail(message, RN_SHAPE, "rn_tensor_stack: tensor %zu has another shape or type than the first",
                           i);
    }
    if (tensors[0]->rank == RN_MAX_RANK)
        return rn_fail(message, RN_SHAPE, "rn_tensor_stack: tensors of rank %d cannot have one dimension more",
                       RN_MAX_RANK);
    return RN_OK;
}

rn_status rn_tensor_stack(rn_tensor **tensor, rn_context *context, const rn_tensor *const *tensors, size_t count)
{
    int64_t shape[RN_MAX_RANK];
    const rn_tensor *first;
    rn_status status;

    if (tensor != NULL)
        *tensor = NULL;
    if (context == NULL)
        return rn_fail_null("rn_tensor_stack", "context");
    if (tensor == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_tensor_stack: no place for the tensor");
    status = check_stack(context, tensors, count);
    if (status != RN_OK)
        return status;
    first = tensors[0];
    shape[0] = (int64_t)count;
    for (int32_t i = 0; i < first->rank; i++)
        shape[i + 1] = first->shape[i];
    status = rn_tensor_create(tensor, context, first->dtype, first->rank + 1, shape,
                              first->rank == 3 ? RN_CHANNELS_LAST : RN_ROW_MAJOR);
    for (size_t i = 0; status == RN_OK && i < count; i++)
        rn_copy_elements((*tensor)->data + (int64_t)i * (*tensor)->strides[0] * (int64_t)rn_dtype_size(first->dtype),
                         first->dtype, (*tensor)->strides + 1, tensors[i]->data, first->dtype, tensors[i]->strides,
                         first->rank, first->shape);
    return status;
}

/* The strides of row-major data of `nbytes` bytes that hold exactly the elements of the tensor. */
static rn_status row_major(int64_t *strides, const rn_tensor *tensor, rn_dtype dtype, const void *data, size_t nbytes)
{
    rn_message *const message = &tensor->context->message;
    size_t needed;
    int64_t count;

    if (rn_dtype_size(dtype) == 0)
        return rn_fail(message, RN_INVALID_ARGUMENT, "%d is no element type", (int)dtype);
    if (!rn_shape_bytes(&needed, &count, tensor->rank, tensor->shape, rn_dtype_size(dtype)))
        return rn_fail(message, RN_SHAPE, "the elements as %s would not fit into memory", rn_dtype_name(dtype));
    if (needed != nbytes)
        return rn_fail(message, RN_SHAPE, "the elements are %zu bytes as %s, not %zu", needed, rn_dtype_name(dtype),
                       nbytes);
    if (data == NULL && nbytes > 0)
        return rn_fail(message, RN_INVALID_ARGUMENT, "data is NULL");
    rn_order_strides(strides, tensor->rank, tensor->shape, RN_ROW_MAJOR);
    return RN_OK;
}

rn_status rn_tensor_read(const rn_tensor *tensor, rn_dtype dtype, void *data, size_t nbytes)
{
    int64_t strides[RN_MAX_RANK];
    rn_status status;

    if (tensor == NULL)
        return rn_fail_null("rn_tensor_read", "tensor");
    status = row_major(strides, tensor, dtype, data, nbytes);
    if (status == RN_OK)
        rn_copy_elements(data, dtype, strides, tensor->data, tensor->dtype, tensor->strides, tensor->rank,
                         tensor->shape);
    return status;
}

rn_status rn_tensor_write(rn_tensor *tensor, rn_dtype dtype, const void *data, size_t nbytes)
{
    int64_t strides[RN_MAX_RANK];
    rn_status status;

    if (tensor == NULL)
        return rn_fail_null("rn_tensor_write", "tensor");
    status = row_major(strides, tensor, dtype, data, nbytes);
    if (status == RN_OK)
        rn_copy_elements(tensor->data, tensor->dtype, tensor->strides, data, dtype, strides, tensor->rank,
                         tensor->shape);
    return status;
}

rn_status rn_tensor_fill(rn_tensor *tensor, double value)
{
    static const int64_t nowhere[RN_MAX_RANK] = { 0 }; /* strides of zero: the same element everywhere */

    if (tensor == NULL)
        return rn_fail_null("rn_tensor_fill", "tensor");
    rn_copy_elements(tensor->data, tensor->dtype, tensor->strides, (const char *)&value, RN_FLOAT64, nowhere,
                     tensor->rank, tensor->shape);
    return RN_OK;
}

/* Single elements ---------------------------------------------------------------------------------------------- */

static rn_status element(char **address, const rn_tensor *tensor, const int64_t *index)
{
    int64_t offset = 0;

    *address = NULL;
    if (index == NULL && tensor->rank > 0)
        return rn_fail(&tensor->context->message, RN_INVALID_ARGUMENT,
                       "an element of a tensor of rank %d needs an index", (int)tensor->rank);
    for (int32_t i = 0; i < tensor->rank; i++) {
        if (index[i] < 0 || index[i] >= tensor->shape[i])
            return rn_fail(&tensor->context->message, RN_SHAPE, "index %lld in dimension %d of %lld",
                           (long long)index[i], (int)i, (long long)tensor->shape[i]);
        offset += index[i] * tensor->strides[i];
    }
    *address = tensor->data + offset * (int64_t)rn_dtype_size(tensor->dtype);
    return RN_OK;
}

rn_status rn_tensor_get(const rn_tensor *tensor, const int64_t *index, double *value)
{
    char *address;
    rn_status status;

    if (tensor == NULL)
        return rn_fail_null("rn_tensor_get", "tensor");
    if (value == NULL)
        return rn_fail(&tensor->context->message, RN_INVALID_ARGUMENT, "rn_tensor_get: no place for the value");
    status = element(&address, tensor, index);
    if (status == RN_OK)
        rn_copy_elements((char *)value, RN_FLOAT64, NULL, address, tensor->dtype, NULL, 0, NULL);
    return status;
}

rn_status rn_tensor_set(rn_tensor *tensor, const int64_t *index, double value)
{
    char *address;
    rn_status status;

    if (tensor == NULL)
        return rn_fail_null("rn_tensor_set", "tensor");
    status = element(&address, tensor, index);
    if (status == RN_OK)
        rn_copy_elements(address, tensor->dtype, NULL, (const char *)&value, RN_FLOAT64, NULL, 0, NULL);
    return status;
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
