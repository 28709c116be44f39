/* SPDX-License-Identifier: MIT */
/*
 * Pooling. Forward, a unit of work is a line of output pixels; backward, a line of input pixels, each of which gathers
 * from the windows that cover it in their order, so that every element has one owner. Output pixel o of a window of
 * `kernel` covers the input pixels [o * stride - padding, o * stride - padding + kernel), cut to the input.
 */
#include "ops/pool.h"

#include "kernels/row_kernels.h"

typedef struct pool_job {
    const rn_row_kernels *kernels;
    rn_pool2d pool;
    const rn_map *x, *y;   /* or their gradients */
    const uint8_t *argmax; /* backward */
    bool accumulate;
    uint8_t *argmax_out; /* forward */
} pool_job;

/* Input pixels [first, end) of an output pixel along one side, and its place in the full window. */
typedef struct span {
    int64_t first, end, place;
} span;

static span covered(int64_t out, const rn_pool2d *pool, int64_t in_size)
{
    const int64_t start = out * pool->stride - pool->padding;
    span s = { start < 0 ? 0 : start, start + pool->kernel < in_size ? start + pool->kernel : in_size, 0 };

    s.place = s.first - start;
    return s;
}

/* Output pixels [first, end) whose windows cover an input pixel. */
static span covering(int64_t in, const rn_pool2d *pool, int64_t out_size)
{
    const int64_t from = in + pool->padding - pool->kernel + 1, last = (in + pool->padding) / pool->stride;
    span s = { from <= 0 ? 0 : (from + pool->stride - 1) / pool->stride, last + 1 < out_size ? last + 1 : out_size, 0 };

    return s;
}

static float *pixel(const rn_map *map, int64_t n, int64_t h, int64_t w)
{
    return map->data + ((n * map->h + h) * map->w + w) * map->pitch;
}

static rn_window window_of(const rn_map *x, int64_t n, span rows, span columns)
{
    return (rn_window){ pixel(x, n, rows.first, columns.first), rows.end - rows.first, columns.end - columns.first,
                        x->pitch, x->w * x->pitch };
}

static void run_lines(const rn_context *context, const rn_map *lines, rn_work work, pool_job *job)
{
    rn_parallel(&context->pool, lines->n * lines->h, work, job);
}

/*
 * What is handed back to one input pixel: the windows are collected and added up by one call, or by several with the
 * same bits where many windows overlap.
 */
typedef void (*gather_kernel)(int64_t channels, int64_t count, const rn_pool_source *sources, bool accumulate,
                              float *dx);

enum { GATHERED = 16 };

typedef struct gatherer {
    gather_kernel kernel;
    float *dx;
    int64_t channels, count;
    bool accumulate;
    rn_pool_source source[GATHERED];
} gatherer;

static void flush(gatherer *g)
{
    g->kernel(g->channels, g->count, g->source, g->accumulate, g->dx);
    g->accumulate = true;
    g->count = 0;
}

static void hand_back(gatherer *g, rn_pool_source source)
{
    if (g->count == GATHERED)
        flush(g);
    g->source[g->count++] = source;
}

static void begin_pixel(gatherer *g, const pool_job *job, gather_kernel kernel, float *dx)
{
    g->kernel = kernel;
    g->dx = dx;
    g->channels = job->x->c;
    g->count = 0;
    g->accumulate = job->accumulate;
}

/* ---- maximum ----------------------------------------------------------------------------------------------------- */

static void max_lines(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const pool_job *const job = payload;

    (void)thread;
    for (int64_t line = begin; line < end; line++) {
        const int64_t n = line / job->y->h, h = line % job->y->h;
        const span rows = covered(h, &job->pool, job->x->h);

        for (int64_t w = 0; w < job->y->w; w++) {
            const span columns = covered(w, &job->pool, job->x->w);
            const rn_window window = window_of(job->x, n, rows, columns);

            job->kernels->max_window(job->y->c, &window, (int32_t)(rows.place * job->pool.kernel + columns.place),
                                     job->pool.kernel, pixel(job->y, n, h, w),
                                     job->argmax_out == NULL ? NULL
                                                             : job->argmax_out + (line * job->y->w + w) * job->y->c);
        }
    }
}

void rn_max_pool_forward(const rn_context *context, const rn_pool2d *pool, const rn_map *x, const rn_map *y,
                         uint8_t *argmax)
{
    pool_job job = { .kernels = context->kernels->rows, .pool = *pool, .x = x, .y = y, .argmax_out = argmax };

    run_lines(context, y, max_lines, &job);
}

static void max_gather_lines(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const pool_job *const job = payload;
    const rn_map *const dx = job->x, *const dy = job->y;
    const int32_t kernel = job->pool.kernel, stride = job->pool.stride, padding = job->pool.padding;
    gatherer g;

    (void)thread;
    for (int64_t line = begin; line < end; line++) {
        const int64_t n = line / dx->h, h = line % dx->h;
        const span rows = covering(h, &job->pool, dy->h);

        for (int64_t w = 0; w < dx->w; w++) {
            const span columns = covering(w, &job->pool, dy->w);

            begin_pixel(&g, job, job->kernels->max_gather, pixel(dx, n, h, w));
            for (int64_t i = rows.first; i < rows.end; i++)
                for (int64_t j = columns.first; j < columns.end; j++)
                    hand_back(&g,
                              (rn_pool_source){
                                  .dy = pixel(dy, n, i, j),
                                  .argmax = job->argmax + ((n * dy->h + i) * dy->w + j) * dy->c,
                                  .place = (int32_t)((h + padding - i * stride) * kernel + w + padding - j * stride),
                              });
            flush(&g);
        }
    }
}

void rn_max_pool_backward(const rn_context *context, const rn_pool2d *pool, const rn_map *dy, const uint8_t *argmax,
                          const rn_map *dx, bool accumulate)
{
    pool_job job = {
        .kernels = context->kernels->rows, .pool = *pool, .x = dx, .y = dy, .argmax = argmax, .accumulate = accumulate
    };

    run_lines(context, dx, max_gather_lines, &job);
}

/* ---- average ----------------------------------------------------------------------------------------------------- */

/*
 * The side of a window that counts: cut to the padded input, as PyTorch does for windows that ceil_mode lets hang over,
 * or to the input.
 */
static int64_t counted(int64_t out, const rn_pool2d *pool, int64_t in_size)
{
    const int64_t start = out * pool->stride - pool->padding, end = start + pool->kernel;
    const span inside = covered(out, pool, in_size);

    if (pool->exclude_padding)
        return inside.end - inside.first;
    return (end < in_size + pool->padding ? end : in_size + pool->padding) - start;
}

static float divisor_of(const pool_job *job, int64_t h, int64_t w)
{
    return (float)(counted(h, &job->pool, job->x->h) * counted(w, &job->pool, job->x->w));
}

static void average_lines(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const pool_job *const job = payload;

    (void)thread;
    for (int64_t line = begin; line < end; line++) {
        const int64_t n = line / job->y->h, h = line % job->y->h;
        const span rows = covered(h, &job->pool, job->x->h);

        for (int64_t w = 0; w < job->y->w; w++) {
            const rn_window window = window_of(job->x, n, rows, covered(w, &job->pool, job->x->w));

            job->kernels->mean_window(job->y->c, &window, divisor_of(job, h, w), pixel(job->y, n, h, w));
        }
    }
}

void rn_avg_pool_forward(const rn_context *context, const rn_pool2d *pool, const rn_map *x, const rn_map *y)
{
    pool_job job = { .kernels = context->kernels->rows, .pool = *pool, .x = x, .y = y };

    run_lines(context, y, average_lines, &job);
}

static void average_gather_lines(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const pool_job *const job = payload;
    const rn_map *const dx = job->x, *const dy = job->y;
    gatherer g;

    (void)thread;
    for (int64_t line = begin; line < end; line++) {
        const int64_t n = line / dx->h, h = line % dx->h;
        const span rows = covering(h, &job->pool, dy->h);

        for (int64_t w = 0; w < dx->w; w++) {
            const span columns = covering(w, &job->pool, dy->w);

            begin_pixel(&g, job, job->kernels->mean_gather, pixel(dx, n, h, w));
            for (int64_t i = rows.first; i < rows.end; i++)
                for (int64_t j = columns.first; j < columns.end; j++)
                    hand_back(&g, (rn_pool_source){ .dy = pixel(dy, n, i, j), .divisor = divisor_of(job, i, j) });
            flush(&g);
        }
    }
}

void rn_avg_pool_backward(const rn_context *context, const rn_pool2d *pool, const rn_map *dy, const rn_map *dx,
                          bool accumulate)
{
    pool_job job = { .kernels = context->kernels->rows, .pool = *pool, .x = dx, .y = dy, .accumulate = accumulate };

    run_lines(context, dx, average_gather_lines, &job);
}

/* ---- adaptive average -------------------------------------------------------------------------------------------- */

/*
 * Input pixels of an output pixel: [floor(out * in_size / out_size), ceil((out + 1) * in_size / out_size)). With the
 * sizes exchanged these are the output pixels whose windows cover an input pixel, since floor(o I / O) <= i means
 * o < (i + 1) O / I, and ceil((o + 1) I / O) > i means o + 1 > i O / I.
 */
static span adaptive(int64_t out, int64_t in_size, int64_t out_size)
{
    return (span){ out * in_size / out_size, ((out + 1) * in_size + out_size - 1) / out_size, 0 };
}

static float size_of(span rows, span columns)
{
    return (float)((rows.end - rows.first) * (columns.end - columns.first));
}

static void adaptive_lines(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const pool_job *const job = payload;
    const rn_map *const x = job->x, *const y = job->y;

    (void)thread;
    for (int64_t line = begin; line < end; line++) {
        const int64_t n = line / y->h, h = line % y->h;

        for (int64_t w = 0; w < y->w; w++) {
            const span rows = adaptive(h, x->h, y->h), columns = adaptive(w, x->w, y->w);
            const rn_window window = window_of(x, n, rows, columns);

            job->kernels->mean_window(y->c, &window, size_of(rows, columns), pixel(y, n, h, w));
        }
    }
}

void rn_adaptive_avg_pool_forward(const rn_context *context, const rn_map *x, const rn_map *y)
{
    pool_job job = { .kernels = context->kernels->rows, .x = x, .y = y };

    run_lines(context, y, adaptive_lines, &job);
}

static void adaptive_gather_lines(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const pool_job *const job = payload;
    const rn_map *const dx = job->x, *const dy = job->y;
    gatherer g;

    (void)thread;
    for (int64_t line = begin; line < end; line++) {
        const int64_t n = line / dx->h, h = line % dx->h;
        const span rows = adaptive(h, dy->h, dx->h);

        for (int64_t w = 0; w < dx->w; w++) {
            const span columns = adaptive(w, dy->w, dx->w);

            begin_pixel(&g, job, job->kernels->mean_gather, pixel(dx, n, h, w));
            for (int64_t i = rows.first; i < rows.end; i++)
                for (int64_t j = columns.first; j < columns.end; j++)
                    hand_back(&g, (rn_pool_source){
                                      .dy = pixel(dy, n, i, j),
                                      .divisor = size_of(adaptive(i, dx->h, dy->h), adaptive(j, dx->w, dy->w)) });
            flush(&g);
        }
    }
}

void rn_adaptive_avg_pool_backward(const rn_context *context, const rn_map *dy, const rn_map *dx, bool accumulate)
{
    pool_job job = { .kernels = context->kernels->rows, .x = dx, .y = dy, .accumulate = accumulate };

    run_lines(context, dx, adaptive_gather_lines, &job);
}
