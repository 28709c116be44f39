/* SPDX-License-Identifier: MIT */
/*
 * Walks a tensor in row-major order. What already lies so goes out as it is; the rest is gathered row by row (a row
 * runs along the last dimension) into a small buffer.
 */
#include "checkpoint/row_major.h"

#include <string.h>

enum { BUFFER = 1 << 14 };

typedef struct gather {
    rn_byte_sink sink;
    void *payload;
    size_t element, used;
    unsigned char buffer[BUFFER];
} gather;

/* The dimensions along which steps are taken. Those of one element may have any stride, which must not be multiplied.
 */
typedef struct stepping {
    int32_t rank;
    int64_t shape[RN_MAX_RANK], step[RN_MAX_RANK]; /* steps in bytes */
} stepping;

size_t rn_row_major_bytes(const rn_tensor *tensor)
{
    return (size_t)rn_tensor_count(tensor) * rn_dtype_size(tensor->dtype);
}

/* Dimensions of one element may have any stride. */
static bool is_row_major(const rn_tensor *tensor)
{
    int64_t expected = 1;

    for (int32_t i = tensor->rank; i-- > 0;) {
        if (tensor->shape[i] != 1 && tensor->strides[i] != expected)
            return false;
        expected *= tensor->shape[i];
    }
    return true;
}

static void flush(gather *g)
{
    g->sink(g->payload, g->buffer, g->used);
    g->used = 0;
}

/* memcpy of a constant size becomes one load and one store. */
static void copy_row(unsigned char *target, const char *source, size_t element, size_t count, int64_t step)
{
    switch (element) {
    case 1:
        for (size_t i = 0; i < count; i++)
            memcpy(target + i, source + (int64_t)i * step, 1);
        break;
    case 2:
        for (size_t i = 0; i < count; i++)
            memcpy(target + 2 * i, source + (int64_t)i * step, 2);
        break;
    case 4:
        for (size_t i = 0; i < count; i++)
            memcpy(target + 4 * i, source + (int64_t)i * step, 4);
        break;
    default:
        for (size_t i = 0; i < count; i++)
            memcpy(target + 8 * i, source + (int64_t)i * step, 8);
    }
}

static void add_row(gather *g, const char *row, size_t count, int64_t step)
{
    while (count > 0) {
        const size_t room = (sizeof g->buffer - g->used) / g->element;
        const size_t now = count < room ? count : room;

        copy_row(g->buffer + g->used, row, g->element, now, step);
        g->used += now * g->element;
        row += (int64_t)now * step;
        count -= now;
        if (g->used == sizeof g->buffer)
            flush(g);
    }
}

static void find_steps(stepping *s, const rn_tensor *tensor)
{
    s->rank = 0;
    for (int32_t i = 0; i < tensor->rank; i++)
        if (tensor->shape[i] != 1) {
            s->shape[s->rank] = tensor->shape[i];
            s->step[s->rank++] = tensor->strides[i] * (int64_t)rn_dtype_size(tensor->dtype);
        }
}

/* The next row: the last index but one counts up, with carry. False after the last. */
static bool advance(const stepping *s, int64_t *index, int64_t *offset)
{
    for (int32_t i = s->rank - 1; i-- > 0;) {
        if (++index[i] < s->shape[i]) {
            *offset += s->step[i];
            return true;
        }
        *offset -= s->step[i] * (s->shape[i] - 1);
        index[i] = 0;
    }
    return false;
}

void rn_row_major(const rn_tensor *tensor, rn_byte_sink sink, void *payload)
{
    const size_t nbytes = rn_row_major_bytes(tensor);
    int64_t index[RN_MAX_RANK] = { 0 }, offset = 0;

    if (nbytes == 0)
        return;
    if (is_row_major(tensor)) {
        sink(payload, tensor->data, nbytes);
        return;
    }
    gather g = { .sink = sink, .payload = payload, .element = rn_dtype_size(tensor->dtype) };
    stepping s;
    find_steps(&s, tensor);
    const int32_t last = s.rank - 1; /* a single element is row-major, so there is one */
    do
        add_row(&g, tensor->data + offset, (size_t)s.shape[last], s.step[last]);
    while (advance(&s, index, &offset));
    flush(&g);
}
