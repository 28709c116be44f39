/* SPDX-License-Identifier: MIT */
/*
 * Pooling. Forward, a unit of work is a line of output pixels; backward, a line of input pixels, each of which gathers
 * from the windows that cover it in their order, so that every element has one owner. Output pixel o of a window of
 * `kernel` covers the input pixels [o * stride - padding, o * stride - padding + kernel), cut to the input.
 */
#include "ops/pool.h"

#include "ops/integers.h"
#include "ops/matrix.h"

typedef enum pool_kind { MAX, AVERAGE, ADAPTIVE } pool_kind;

enum { PIECE = 256 /* channels that are made floats in between, of adaptive pools of halves */ };

typedef struct pool_job {
    const rn_row_kernels *kernels, *floats; /* of x, and of maps of floats */
    pool_kind kind;
    rn_pool2d pool;        /* MAX, AVERAGE */
    const rn_map *x, *y;   /* or their gradients */
    const uint8_t *argmax; /* MAX, backward */
    uint8_t *argmax_out;   /* MAX, forward; NULL: not wanted */
    bool accumulate;
} pool_job;

static float *pixel(const rn_map *map, int64_t n, int64_t h, int64_t w)
{
    return map->data + ((n * map->h + h) * map->w + w) * map->pitch;
}

/* ---- which pixels see each other ------------------------------------------------------------------------------- */

/* Pixels [first, end) along one side. */
typedef struct span {
    int64_t first, end;
} span;

/*
 * Adaptive: input pixels [floor(out * in_size / out_size), ceil((out + 1) * in_size / out_size)). With the sizes
 * exchanged these are the output pixels whose windows cover an input pixel, since floor(o I / O) <= i means
 * o < (i + 1) O / I, and ceil((o + 1) I / O) > i means o + 1 > i O / I.
 */
static span adaptive(int64_t out, int64_t in_size, int64_t out_size)
{
    return (span){ out * in_size / out_size, ((out + 1) * in_size + out_size - 1) / out_size };
}

/* Where the full window of an output pixel begins. */
static int64_t window_start(const rn_pool2d *pool, int64_t out)
{
    return out * pool->stride - pool->padding;
}

/* Input pixels of an output pixel. */
static span covered(const pool_job *job, int64_t out, int64_t in_size, int64_t out_size)
{
    const int64_t start = window_start(&job->pool, out), end = start + job->pool.kernel;

    if (job->kind == ADAPTIVE)
        return adaptive(out, in_size, out_size);
    return (span){ start < 0 ? 0 : start, end < in_size ? end : in_size };
}

/* Output pixels whose windows cover an input pixel. */
static span covering(const pool_job *job, int64_t in, int64_t in_size, int64_t out_size)
{
    const rn_pool2d *const pool = &job->pool;
    int64_t from, last;

    if (job->kind == ADAPTIVE)
        return adaptive(in, out_size, in_size);
    from = in + pool->padding - pool->kernel + 1;
    last = (in + pool->padding) / pool->stride;
    return (span){ from <= 0 ? 0 : (from + pool->stride - 1) / pool->stride,
                   last + 1 < out_size ? last + 1 : out_size };
}

/*
 * The side of an average's window that counts: what of it is covered, or, of AVERAGE with padding included, what of it
 * is on the padded input, as PyTorch cuts windows that ceil_mode lets hang over.
 */
static int64_t counted(const pool_job *job, int64_t out, int64_t in_size, int64_t out_size)
{
    const span inside = covered(job, out, in_size, out_size);
    const int64_t start = window_start(&job->pool, out), end = start + job->pool.kernel,
                  most = in_size + job->pool.padding;

    if (job->kind == ADAPTIVE || job->pool.exclude_padding)
        return inside.end - inside.first;
    return (end < most ? end : most) - start;
}

static float divisor_of(const pool_job *job, int64_t h, int64_t w)
{
    return (float)(counted(job, h, job->x->h, job->y->h) * counted(job, w, job->x->w, job->y->w));
}

/* Number of input pixel (h, w) in the full window of output pixel (i, j), which argmax counts in. */
static int32_t place_in_window(const rn_pool2d *pool, int64_t h, int64_t w, int64_t i, int64_t j)
{
    return (int32_t)((h - window_start(pool, i)) * pool->kernel + w - window_start(pool, j));
}

/* ---- forward --------------------------------------------------------------------------------------------------- */

/* From halves to floats: what a global pool makes is what linear layers read. */
static bool widens(const pool_job *job)
{
    return job->x->is_halved && !job->y->is_halved;
}

static void mean_of_halves(const pool_job *job, const rn_window *window, int64_t channels, float divisor, float *y)
{
    double total[PIECE], line[PIECE];

    for (int64_t c = 0; c < channels; c += PIECE) {
        const int64_t count = rn_least(PIECE, channels - c);

        for (int64_t i = 0; i < window->height; i++) {
            const rn_matrix pixels = { (float *)(uintptr_t)window->first + i * window->row_pitch + c / 2,
                                       window->pixel_pitch };

            job->kernels->column_sums(window->width, count, pixels, line);
            for (int64_t j = 0; j < count; j++)
                total[j] = i == 0 ? line[j] : total[j] + line[j];
        }
        for (int64_t j = 0; j < count; j++)
            y[c + j] = (float)(total[j] / (double)divisor);
    }
}

static void pool_pixel(const pool_job *job, int64_t n, int64_t h, int64_t w, span rows)
{
    const rn_map *const x = job->x, *const y = job->y;
    const span columns = covered(job, w, x->w, y->w);
    const rn_window window = { pixel(x, n, rows.first, columns.first), rows.end - rows.first,
                               columns.end - columns.first, x->pitch, x->w * x->pitch };

    if (job->kind == MAX)
        job->kernels->max_window(y->c, &window, place_in_window(&job->pool, rows.first, columns.first, h, w),
                                 job->pool.kernel, pixel(y, n, h, w),
                                 job->argmax_out == NULL ? NULL : job->argmax_out + ((n * y->h + h) * y->w + w) * y->c);
    else if (widens(job))
        mean_of_halves(job, &window, y->c, divisor_of(job, h, w), pixel(y, n, h, w));
    else
        job->kernels->mean_window(y->c, &window, divisor_of(job, h, w), pixel(y, n, h, w));
}

static void pool_lines(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const pool_job *const job = payload;

    (void)thread;
    for (int64_t line = begin; line < end; line++) {
        const int64_t n = line / job->y->h, h = line % job->y->h;
        const span rows = covered(job, h, job->x->h, job->y->h);

        for (int64_t w = 0; w < job->y->w; w++)
            pool_pixel(job, n, h, w, rows);
    }
}

static void forward(const rn_context *context, pool_job job)
{
    job.kernels = rn_rows_of(context, job.x);
    job.floats = context->kernels->rows;
    rn_parallel(&context->pool, job.y->n * job.y->h, pool_lines, &job);
}

void rn_max_pool_forward(const rn_context *context, const rn_pool2d *pool, const rn_map *x, const rn_map *y,
                         uint8_t *argmax)
{
    forward(context, (pool_job){ .kind = MAX, .pool = *pool, .x = x, .y = y, .argmax_out = argmax });
}

void rn_avg_pool_forward(const rn_context *context, const rn_pool2d *pool, const rn_map *x, const rn_map *y)
{
    forward(context, (pool_job){ .kind = AVERAGE, .pool = *pool, .x = x, .y = y });
}

void rn_adaptive_avg_pool_forward(const rn_context *context, const rn_map *x, const rn_map *y)
{
    forward(context, (pool_job){ .kind = ADAPTIVE, .x = x, .y = y });
}

/* ---- backward -------------------------------------------------------------------------------------------------- */

/*
 * What is handed back to one input pixel: the windows are collected and added up by one call, or by several with the
 * same bits where many windows overlap.
 */
enum { GATHERED = 16 };

typedef struct gatherer {
    const pool_job *job;
    float *dx;
    int64_t count;
    bool accumulate;
    rn_pool_source source[GATHERED];
} gatherer;

/* Floats that are handed back to halves. */
static void flush_to_halves(const gatherer *g)
{
    const int64_t channels = g->job->x->c;
    rn_pool_source source[GATHERED];
    float sums[PIECE];

    for (int64_t c = 0; c < channels; c += PIECE) {
        const int64_t count = rn_least(PIECE, channels - c);
        const rn_matrix dx = { g->dx + c / 2, 0 };
        const rn_row_combine add = { .a = { sums, 0 },
                                     .other = g->accumulate ? dx : (rn_matrix){ NULL, 0 },
                                     .out = dx };

        for (int64_t i = 0; i < g->count; i++) {
            source[i] = g->source[i];
            source[i].dy += c;
        }
        g->job->floats->mean_gather(count, g->count, source, false, sums);
        g->job->kernels->finish(1, count, &add);
    }
}

static void flush(gatherer *g)
{
    const rn_row_kernels *const kernels = g->job->kernels;
    const int64_t channels = g->job->x->c;

    if (widens(g->job))
        flush_to_halves(g);
    else if (g->job->kind == MAX)
        kernels->max_gather(channels, g->count, g->source, g->accumulate, g->dx);
    else
        kernels->mean_gather(channels, g->count, g->source, g->accumulate, g->dx);
    g->accumulate = true;
    g->count = 0;
}

static void hand_back(gatherer *g, rn_pool_source source)
{
    if (g->count == GATHERED)
        flush(g);
    g->source[g->count++] = source;
}

/* What output pixel (i, j) hands back to input pixel (h, w). */
static rn_pool_source source_of(const pool_job *job, int64_t n, int64_t i, int64_t j, int64_t h, int64_t w)
{
    const rn_map *const dy = job->y;

    if (job->kind != MAX)
        return (rn_pool_source){ .dy = pixel(dy, n, i, j), .divisor = divisor_of(job, i, j) };
    return (rn_pool_source){ .dy = pixel(dy, n, i, j),
                             .argmax = job->argmax + ((n * dy->h + i) * dy->w + j) * dy->c,
                             .place = place_in_window(&job->pool, h, w, i, j) };
}

static void gather_pixel(const pool_job *job, int64_t n, int64_t h, int64_t w, span rows)
{
    const span columns = covering(job, w, job->x->w, job->y->w);
    gatherer g;

    g.job = job;
    g.dx = pixel(job->x, n, h, w);
    g.count = 0;
    g.accumulate = job->accumulate;
    for (int64_t i = rows.first; i < rows.end; i++)
        for (int64_t j = columns.first; j < columns.end; j++)
            hand_back(&g, source_of(job, n, i, j, h, w));
    flush(&g);
}

static void gather_lines(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const pool_job *const job = payload;

    (void)thread;
    for (int64_t line = begin; line < end; line++) {
        const int64_t n = line / job->x->h, h = line % job->x->h;
        const span rows = covering(job, h, job->x->h, job->y->h);

        for (int64_t w = 0; w < job->x->w; w++)
            gather_pixel(job, n, h, w, rows);
    }
}

static void backward(const rn_context *context, pool_job job)
{
    job.kernels = rn_rows_of(context, job.x);
    job.floats = context->kernels->rows;
    rn_parallel(&context->pool, job.x->n * job.x->h, gather_lines, &job);
}

void rn_max_pool_backward(const rn_context *context, const rn_pool2d *pool, const rn_map *dy, const uint8_t *argmax,
                          const rn_map *dx, bool accumulate)
{
    backward(context,
             (pool_job){ .kind = MAX, .pool = *pool, .x = dx, .y = dy, .argmax = argmax, .accumulate = accumulate });
}

void rn_avg_pool_backward(const rn_context *context, const rn_pool2d *pool, const rn_map *dy, const rn_map *dx,
                          bool accumulate)
{
    backward(context, (pool_job){ .kind = AVERAGE, .pool = *pool, .x = dx, .y = dy, .accumulate = accumulate });
}

void rn_adaptive_avg_pool_backward(const rn_context *context, const rn_map *dy, const rn_map *dx, bool accumulate)
{
    backward(context, (pool_job){ .kind = ADAPTIVE, .x = dx, .y = dy, .accumulate = accumulate });
}
