/* SPDX-License-Identifier: MIT */
/* The elements of tensors: whole copies, stacks, row-major data of the caller's, single ones. */
#include "tensor/tensor.h"

#include "tensor/convert.h"

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
