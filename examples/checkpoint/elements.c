/* SPDX-License-Identifier: MIT */
#include "checkpoint/elements.h"

#include <string.h>

int64_t elements_bytes(const rn_tensor *tensor)
{
    return rn_tensor_count(tensor) * (int64_t)rn_dtype_size(rn_tensor_dtype(tensor));
}

void elements_begin(elements *walk, const rn_tensor *tensor)
{
    const int64_t *shape = rn_tensor_shape(tensor), *strides = rn_tensor_strides(tensor);

    *walk = (elements){ .data = rn_tensor_const_data(tensor),
                        .size = rn_dtype_size(rn_tensor_dtype(tensor)),
                        .left = rn_tensor_count(tensor) };
    for (int32_t i = 0; i < rn_tensor_rank(tensor) && walk->left > 0; i++) {
        const int32_t outer = walk->rank - 1;
        int64_t stride;

        if (shape[i] == 1) /* its stride may be any number, too large to be multiplied */
            continue;
        stride = strides[i] * (int64_t)walk->size;
        if (outer >= 0 && walk->stride[outer] == stride * shape[i]) {
            walk->shape[outer] *= shape[i];
            walk->stride[outer] = stride;
        } else {
            walk->shape[walk->rank] = shape[i];
            walk->stride[walk->rank++] = stride;
        }
    }
    if (walk->rank == 0)
        walk->shape[walk->rank++] = 1;
}

/* Elements one behind the other in the innermost dimension. */
static void copy_run(unsigned char *bytes, const char *from, const elements *walk, size_t count)
{
    const int64_t stride = walk->stride[walk->rank - 1];

    if (stride == (int64_t)walk->size)
        memcpy(bytes, from, count * walk->size);
    else
        for (size_t i = 0; i < count; i++)
            memcpy(bytes + i * walk->size, from + (int64_t)i * stride, walk->size);
}

static void move_on(elements *walk, size_t count)
{
    int32_t at = walk->rank - 1;

    walk->left -= (int64_t)count;
    walk->index[at] += (int64_t)count;
    while (at > 0 && walk->index[at] == walk->shape[at]) {
        walk->index[at--] = 0;
        walk->index[at]++;
    }
}

size_t elements_next(elements *walk, unsigned char bytes[ELEMENTS_BYTES])
{
    size_t done = 0;

    while (done < ELEMENTS_PIECE && walk->left > 0) {
        const int32_t last = walk->rank - 1;
        const int64_t row = walk->shape[last] - walk->index[last];
        const size_t room = ELEMENTS_PIECE - done, count = row < (int64_t)room ? (size_t)row : room;
        const char *from = walk->data;

        for (int32_t i = 0; i < walk->rank; i++)
            from += walk->index[i] * walk->stride[i];
        copy_run(bytes + done * walk->size, from, walk, count);
        move_on(walk, count);
        done += count;
    }
    return done;
}

rn_status elements_numbers(double numbers[ELEMENTS_PIECE], rn_context *context, rn_dtype dtype, unsigned char *bytes,
                           size_t count)
{
    const int64_t shape = (int64_t)count;
    rn_tensor *piece = NULL;
    rn_status status =
        rn_tensor_wrap(&piece, context, dtype, 1, &shape, RN_ROW_MAJOR, bytes, count * rn_dtype_size(dtype));

    if (status == RN_OK)
        status = rn_tensor_read(piece, RN_FLOAT64, numbers, count * sizeof *numbers);
    rn_tensor_destroy(piece);
    return status;
}
