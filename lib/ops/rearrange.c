/* SPDX-License-Identifier: MIT */
/* Layers that only move elements: flattening in PyTorch's order, and shortcut A of the ResNet paper. */
#include "ops/pointwise.h"

typedef struct move_job {
    const rn_map *image, *other; /* the (n, h, w, c) side and the flat or strided side */
    int32_t stride;
    bool accumulate;
} move_job;

static void put(float *target, float value, bool accumulate)
{
    *target = accumulate ? *target + value : value;
}

/* ---- flatten: flat[c * h * w + p] = image[p][c] ------------------------------------------------------------------ */

/* Units are pixels. */
static void flatten_pixels(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const move_job *const job = payload;
    const int64_t size = job->image->h * job->image->w;

    (void)thread;
    for (int64_t row = begin; row < end; row++) {
        const float *const from = job->image->data + row * job->image->pitch;
        float *const to = job->other->data + row / size * job->other->pitch + row % size;

        for (int64_t c = 0; c < job->image->c; c++)
            to[c * size] = from[c];
    }
}

void rn_flatten_forward(const rn_context *context, const rn_map *x, const rn_map *y)
{
    move_job job = { .image = x, .other = y };

    rn_parallel(&context->pool, rn_map_rows(x), flatten_pixels, &job);
}

static void unflatten_pixels(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const move_job *const job = payload;
    const int64_t size = job->image->h * job->image->w;

    (void)thread;
    for (int64_t row = begin; row < end; row++) {
        const float *const from = job->other->data + row / size * job->other->pitch + row % size;
        float *const to = job->image->data + row * job->image->pitch;

        for (int64_t c = 0; c < job->image->c; c++)
            put(&to[c], from[c * size], job->accumulate);
    }
}

void rn_flatten_backward(const rn_context *context, const rn_map *dy, const rn_map *dx, bool accumulate)
{
    move_job job = { .image = dx, .other = dy, .accumulate = accumulate };

    rn_parallel(&context->pool, rn_map_rows(dx), unflatten_pixels, &job);
}

/* ---- shortcut A -------------------------------------------------------------------------------------------------- */

static int64_t channels_before(const rn_map *x, const rn_map *y)
{
    return (y->c - x->c) / 2;
}

/* Units are output pixels. */
static void shorten_pixels(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const move_job *const job = payload;
    const rn_map *const x = job->image, *const y = job->other;
    const int64_t before = channels_before(x, y);

    (void)thread;
    for (int64_t row = begin; row < end; row++) {
        const int64_t n = row / (y->h * y->w), h = row / y->w % y->h * job->stride, w = row % y->w * job->stride;
        const float *const from = x->data + ((n * x->h + h) * x->w + w) * x->pitch;
        float *const to = y->data + row * y->pitch;

        for (int64_t c = 0; c < y->c; c++)
            to[c] = c >= before && c < before + x->c ? from[c - before] : 0;
    }
}

void rn_shortcut_a_forward(const rn_context *context, int32_t stride, const rn_map *x, const rn_map *y)
{
    move_job job = { .image = x, .other = y, .stride = stride };

    rn_parallel(&context->pool, rn_map_rows(y), shorten_pixels, &job);
}

/* Units are input pixels; those between the strides have no gradient. */
static void lengthen_pixels(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const move_job *const job = payload;
    const rn_map *const dx = job->image, *const dy = job->other;
    const int64_t before = channels_before(dx, dy);

    (void)thread;
    for (int64_t row = begin; row < end; row++) {
        const int64_t n = row / (dx->h * dx->w), h = row / dx->w % dx->h, w = row % dx->w;
        const bool read =
            h % job->stride == 0 && w % job->stride == 0 && h / job->stride < dy->h && w / job->stride < dy->w;
        const float *const from =
            read ? dy->data + ((n * dy->h + h / job->stride) * dy->w + w / job->stride) * dy->pitch + before : NULL;
        float *const to = dx->data + row * dx->pitch;

        for (int64_t c = 0; c < dx->c; c++)
            put(&to[c], read ? from[c] : 0, job->accumulate);
    }
}

void rn_shortcut_a_backward(const rn_context *context, int32_t stride, const rn_map *dy, const rn_map *dx,
                            bool accumulate)
{
    move_job job = { .image = dx, .other = dy, .stride = stride, .accumulate = accumulate };

    rn_parallel(&context->pool, rn_map_rows(dx), lengthen_pixels, &job);
}
