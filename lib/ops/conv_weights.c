/* SPDX-License-Identifier: MIT */
/*
 * The gradient of the weights: dw[o, k] = sum over output pixels m of dy[m, o] * col(x)[m, k], in the layout of the
 * weights.
 *
 * The sum over m is cut into a fixed number of chunks, each a chain of multiply-adds in ascending m; their partial sums
 * are added in a fixed binary tree. A unit of work is a chunk and a range of columns k: it packs the columns of a
 * stretch of rows into its thread's L2 and multiplies them by panels of dy, which are packed as they are needed. How k
 * and m are cut into ranges and stretches does not change a bit.
 */
#include "ops/conv.h"

#include "ops/conv_product.h"

enum {
    CHUNKS_MOST = 16,
    CHUNK_PRODUCT = 65536, /* chunks = this / (in * out): few weights mean few units otherwise */
    CHUNK_ROWS_LEAST = 64,
    UNITS_WANTED = 64,          /* of 32 columns each */
    STRETCH_FLOATS = 80 * 1024, /* packed columns of a stretch */
    STRETCH_ROWS = 448,
    RANGE_COLUMNS = 576,
    PAD = 16, /* keeps panels of a power of two of floats off each other's cache sets */
    LINE_SPARE = 64
};

typedef struct weight_blocks {
    int64_t depth, outs, rows; /* of a group: columns k, channels o, pixels m */
    int64_t chunks;
    int64_t ranges, range_panels; /* of columns, in panels of nr */
    int64_t stretch;              /* rows packed at once */
    int64_t panel_floats, thread_floats;
} weight_blocks;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* From the layer's shape and the number of pixels alone. */
static int64_t chunks_for(const rn_conv *conv, int64_t depth, int64_t outs, int64_t rows)
{
    const int64_t by_size = CHUNK_PRODUCT / most(1, conv->in_c / conv->groups * outs),
                  by_units = UNITS_WANTED / rn_divide_up(depth, 32);

    return most(1, least(least(CHUNKS_MOST, most(by_size, by_units)), rows / CHUNK_ROWS_LEAST));
}

static weight_blocks choose_blocks(const rn_context *context, const rn_conv *conv, int64_t batch)
{
    const rn_gemm_kernels *const gemm = context->kernels->gemm;
    const int64_t threads = context->pool.threads;
    weight_blocks b = { .depth = conv->kernel_h * conv->kernel_w * (conv->in_c / conv->groups),
                        .outs = conv->out_c / conv->groups,
                        .rows = batch * conv->out_h * conv->out_w };
    const int64_t panels = rn_divide_up(b.depth, gemm->nr);
    int64_t ranges;

    b.chunks = chunks_for(conv, b.depth, b.outs, b.rows);
    b.ranges = rn_divide_up(panels, most(1, RANGE_COLUMNS / gemm->nr));
    for (ranges = b.ranges; ranges < least(panels, b.ranges + threads); ranges++)
        if (ranges * b.chunks * conv->groups % threads == 0)
            break;
    b.ranges = ranges * b.chunks * conv->groups % threads == 0 || b.ranges * b.chunks < threads ? least(ranges, panels)
                                                                                                : b.ranges;
    b.range_panels = rn_divide_up(panels, b.ranges);
    b.ranges = rn_divide_up(panels, b.range_panels);
    b.stretch = most(gemm->unit, least(STRETCH_ROWS, STRETCH_FLOATS / (b.range_panels * gemm->nr)));
    b.stretch = least(b.stretch, rn_divide_up(b.rows, b.chunks));
    b.stretch = most(1, b.stretch);
    b.panel_floats = rn_round_up(b.stretch * gemm->nr, PAD) + PAD;
    b.thread_floats = b.range_panels * b.panel_floats + rn_round_up(b.stretch * gemm->mr, PAD) +
                      rn_round_up(gemm->mr * gemm->nr, PAD) + rn_round_up(b.range_panels * gemm->nr + LINE_SPARE, PAD);
    return b;
}

static int64_t partial_floats(const rn_conv *conv, const weight_blocks *b)
{
    return b->chunks > 1 ? b->chunks * conv->out_c * b->depth : 0;
}

size_t rn_conv_backward_weights_workspace(const rn_context *context, const rn_conv *conv, int64_t batch)
{
    const weight_blocks b = choose_blocks(context, conv, batch);
    size_t partials, threads, total;

    if (!rn_size_multiply(&partials, (size_t)rn_round_up(partial_floats(conv, &b), PAD), sizeof(float)) ||
        !rn_size_multiply(&threads, (size_t)(context->pool.threads * b.thread_floats), sizeof(float)) ||
        !rn_size_add(&total, partials, threads))
        return SIZE_MAX;
    return total;
}

typedef struct weight_pass {
    const rn_gemm_kernels *gemm;
    const rn_conv *conv;
    weight_blocks blocks;
    const rn_map *x, *dy;
    float *dw, *partials, *threads;
    bool accumulate;
} weight_pass;

static rn_gather columns_of(const weight_pass *pass, int64_t group)
{
    const rn_conv *const conv = pass->conv;
    const int64_t channels = conv->in_c / conv->groups;

    return (rn_gather){ .data = pass->x->data + group * channels,
                        .pitch = pass->x->pitch,
                        .channels = channels,
                        .in_h = conv->in_h,
                        .in_w = conv->in_w,
                        .out_h = conv->out_h,
                        .out_w = conv->out_w,
                        .window_h = conv->kernel_h,
                        .window_w = conv->kernel_w,
                        .stride_h = conv->stride_h,
                        .stride_w = conv->stride_w,
                        .offset_h = -conv->padding_h,
                        .offset_w = -conv->padding_w };
}

/* One unit: where it reads and writes. */
typedef struct weight_unit {
    int64_t group, begin, end; /* rows m */
    int64_t column, columns;   /* k */
    float *target;             /* of the group's o = 0, k = 0 */
    bool accumulate;
} weight_unit;

static weight_unit unit_at(const weight_pass *pass, int64_t index)
{
    const weight_blocks *const b = &pass->blocks;
    const int64_t range = index % b->ranges, chunk = index / b->ranges % b->chunks, nr = pass->gemm->nr;
    weight_unit u = { .group = index / b->ranges / b->chunks, .column = range * b->range_panels * nr };

    u.columns = least(b->range_panels * nr, b->depth - u.column);
    u.begin = b->rows / b->chunks * chunk + least(chunk, b->rows % b->chunks);
    u.end = u.begin + b->rows / b->chunks + (chunk < b->rows % b->chunks);
    u.target = (b->chunks > 1 ? pass->partials + chunk * pass->conv->out_c * b->depth : pass->dw) +
               u.group * b->outs * b->depth;
    u.accumulate = b->chunks == 1 && pass->accumulate;
    return u;
}

/* A tile at the right edge: computed beside dw, so that no column of the next row is touched. */
static void multiply_edge(const rn_gemm_kernels *gemm, int64_t rows, int64_t depth, const float *a, const float *b,
                          float *c, int64_t ldc, int64_t columns, bool accumulate, float *tile)
{
    if (accumulate)
        gemm->copy(tile, gemm->nr, c, ldc, rows, columns);
    gemm->multiply_weights(rows, depth, a, b, tile, gemm->nr, accumulate);
    for (int64_t r = 0; r < rows; r++)
        gemm->copy(c + r * ldc, columns, tile + r * gemm->nr, gemm->nr, 1, columns);
}

static void multiply_stretch(const weight_pass *pass, const weight_unit *u, int64_t m, int64_t rows, bool accumulate,
                             float *thread)
{
    const rn_gemm_kernels *const gemm = pass->gemm;
    const weight_blocks *const b = &pass->blocks;
    float *const panel = thread + b->range_panels * b->panel_floats, *const tile =
                                                                         panel +
                                                                         rn_round_up(b->stretch * gemm->mr, PAD);
    const float *const dy = pass->dy->data + m * pass->dy->pitch + u->group * b->outs;
    const int64_t panels = rn_divide_up(b->outs, gemm->mr);

    for (int64_t p = 0; p < panels; p++) {
        const int64_t o = b->outs * p / panels, height = b->outs * (p + 1) / panels - o;

        gemm->copy(panel, height, dy + o, pass->dy->pitch, rows, height);
        for (int64_t k = 0; k < u->columns; k += gemm->nr) {
            float *const target = u->target + o * b->depth + u->column + k;
            const float *const columns = thread + k / gemm->nr * b->panel_floats;

            if (k + gemm->nr <= u->columns)
                gemm->multiply_weights(height, rows, panel, columns, target, b->depth, accumulate);
            else
                multiply_edge(gemm, height, rows, panel, columns, target, b->depth, u->columns - k, accumulate, tile);
        }
    }
}

static void run_weight_units(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const weight_pass *const pass = payload;
    const weight_blocks *const b = &pass->blocks;
    float *const own = pass->threads + thread * b->thread_floats;
    float *const line = own + b->thread_floats - rn_round_up(b->range_panels * pass->gemm->nr + LINE_SPARE, PAD);

    for (int64_t index = begin; index < end; index++) {
        const weight_unit u = unit_at(pass, index);
        const rn_gather gather = columns_of(pass, u.group);

        for (int64_t m = u.begin; m < u.end; m += b->stretch) {
            const int64_t rows = least(b->stretch, u.end - m);

            rn_gather_columns(&gather, pass->gemm, own, b->panel_floats, m, rows, u.column, u.column + u.columns, line);
            multiply_stretch(pass, &u, m, rows, u.accumulate || m > u.begin, own);
        }
    }
}

/* ---- adding the chunks up -------------------------------------------------------------------------------------- */

typedef struct sum_job {
    const rn_row_kernels *rows;
    float *dw, *partials;
    int64_t chunks, count;
    bool accumulate;
} sum_job;

static void add_range(const rn_row_kernels *rows, float *to, float *from, int64_t count)
{
    const rn_matrix a = { to, count }, b = { from, count };

    rows->sum(1, count, a, b, false, a);
}

/* Units are pieces of dw that stay in the cache while the tree is walked. */
enum { PIECE = 2048 };

static void add_chunks(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const sum_job *const job = payload;

    (void)thread;
    for (int64_t piece = begin; piece < end; piece++) {
        const int64_t at = piece * PIECE, count = least(PIECE, job->count - at);
        float *const first = job->partials + at;

        for (int64_t gap = 1; gap < job->chunks; gap *= 2)
            for (int64_t chunk = 0; chunk + gap < job->chunks; chunk += 2 * gap)
                add_range(job->rows, first + chunk * job->count, first + (chunk + gap) * job->count, count);
        if (job->accumulate)
            add_range(job->rows, job->dw + at, first, count);
        else
            job->rows->sum(1, count, (rn_matrix){ first, count }, (rn_matrix){ NULL, 0 }, false,
                           (rn_matrix){ job->dw + at, count });
    }
}

void rn_conv_backward_weights(const rn_context *context, const rn_conv *conv, const rn_map *x, const rn_map *dy,
                              float *dw, bool accumulate, void *workspace)
{
    weight_pass pass = { .gemm = context->kernels->gemm,
                         .conv = conv,
                         .blocks = choose_blocks(context, conv, dy->n),
                         .x = x,
                         .dy = dy,
                         .dw = dw,
                         .partials = workspace,
                         .accumulate = accumulate };

    pass.threads = pass.partials + rn_round_up(partial_floats(conv, &pass.blocks), PAD);
    rn_parallel(&context->pool, conv->groups * pass.blocks.chunks * pass.blocks.ranges, run_weight_units, &pass);
    if (pass.blocks.chunks > 1) {
        sum_job job = { context->kernels->rows,          dw,        pass.partials, pass.blocks.chunks,
                        conv->out_c * pass.blocks.depth, accumulate };

        rn_parallel(&context->pool, rn_divide_up(job.count, PIECE), add_chunks, &job);
    }
}
