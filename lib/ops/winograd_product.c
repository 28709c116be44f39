/* SPDX-License-Identifier: MIT */
#include "ops/winograd_product.h"

#include <string.h>

#include "ops/conv_gather.h"

enum {
    FLOATS_A_LINE = RN_ALIGNMENT / sizeof(float),
    PAD = 16,               /* keeps planes and rows of a power of two of floats off each other's cache sets */
    NR_MOST = 32,           /* columns of a panel */
    ROWS_TRANSPOSED = 16,   /* at a time */
    KEPT_MOST = 128 * 128,  /* weights a tap whose planes are kept */
    TILE_FLOATS = 6 * 1024, /* of inputs and outputs of one plane's block of tiles: L2 holds 36 of them */
    TILES_LEAST = 14,
    SHARED_FLOATS = 4 * 1024 * 1024, /* of transformed inputs that all threads read */
    CHAIN = 128                      /* channels of a chain, and of a block of weights in L2 */
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

static int64_t panels_of(const rn_gemm_kernels *gemm, const rn_winograd_weights *weights)
{
    return rn_divide_up(rn_winograd_columns(weights), gemm->nr);
}

static bool is_kept(const rn_winograd_weights *weights)
{
    return weights->in * weights->out <= KEPT_MOST;
}

/* Tiles of a block, so that threads have as many blocks each. */
static int64_t even_tiles(int64_t tiles, int64_t wanted, int64_t threads)
{
    const int64_t blocks = rn_round_up(rn_divide_up(tiles, most(1, wanted)), threads);

    return most(1, rn_divide_up(tiles, blocks));
}

/* Groups of tiles, so that panels times groups are work for all threads. */
static int64_t groups_for(int64_t panels, int64_t threads)
{
    int64_t groups = 1;

    while (groups < threads && panels * groups % threads != 0 && panels * groups < 4 * threads)
        groups++;
    return groups;
}

rn_winograd_blocks rn_winograd_blocks_for(const rn_context *context, const rn_winograd_weights *weights, int64_t images,
                                          int64_t h, int64_t w)
{
    const rn_gemm_kernels *const gemm = context->kernels->gemm;
    const rn_tiling tiling = rn_tiling_of(images, h, w);
    const int64_t reduced = rn_winograd_reduced(weights), panels = panels_of(gemm, weights),
                  tiles = rn_tile_count(&tiling);
    rn_winograd_blocks b = { .is_kept = is_kept(weights),
                             .chains = rn_divide_up(reduced, CHAIN),
                             .in_pitch = rn_round_up(least(reduced, CHAIN), FLOATS_A_LINE) + PAD,
                             .nothing = rn_round_up(reduced, FLOATS_A_LINE) };
    int64_t in_plane, out_plane;

    if (b.is_kept) {
        b.out_pitch = panels * gemm->nr + PAD;
        b.tiles = even_tiles(tiles, most(TILES_LEAST, TILE_FLOATS / (b.chains * b.in_pitch + b.out_pitch)),
                             context->pool.threads);
        b.groups = 1;
    } else {
        b.out_pitch = gemm->nr;
        b.tiles = least(tiles, most(TILES_LEAST, SHARED_FLOATS / RN_WINOGRAD_PLANES / (b.chains * b.in_pitch)));
        b.tiles = rn_divide_up(tiles, rn_divide_up(tiles, b.tiles));
        b.groups = groups_for(panels, context->pool.threads);
    }
    in_plane = b.chains * b.tiles * b.in_pitch + PAD;
    out_plane = rn_divide_up(b.tiles, b.groups) * b.out_pitch + PAD;
    b.thread_floats = RN_WINOGRAD_PLANES * out_plane;
    if (b.is_kept) {
        b.thread_floats += RN_WINOGRAD_PLANES * in_plane;
    } else {
        b.shared_floats = RN_WINOGRAD_PLANES * in_plane;
        b.weight_rows = least(reduced, CHAIN);
        b.thread_floats += RN_WINOGRAD_PLANES * (b.weight_rows * gemm->nr + PAD);
    }
    return b;
}

static int64_t packed_plane(const rn_gemm_kernels *gemm, const rn_winograd_weights *weights)
{
    return panels_of(gemm, weights) * gemm->nr * rn_winograd_reduced(weights) + PAD;
}

static int64_t panel_floats(const rn_gemm_kernels *gemm, const rn_winograd_weights *weights)
{
    return RN_WINOGRAD_TAPS * weights->in * gemm->nr;
}

int64_t rn_winograd_packed_floats(const rn_context *context, const rn_winograd_blocks *blocks,
                                  const rn_winograd_weights *weights)
{
    const rn_gemm_kernels *const gemm = context->kernels->gemm;

    if (blocks->is_kept)
        return RN_WINOGRAD_PLANES * packed_plane(gemm, weights);
    return weights->is_turned ? 0 : panels_of(gemm, weights) * panel_floats(gemm, weights);
}

size_t rn_winograd_workspace(const rn_context *context, const rn_winograd_blocks *blocks)
{
    size_t threads, floats, bytes;

    if (!rn_size_multiply(&threads, (size_t)context->pool.threads, (size_t)blocks->thread_floats) ||
        !rn_size_add(&floats, threads, (size_t)(blocks->nothing + blocks->shared_floats)) ||
        !rn_size_multiply(&bytes, floats, sizeof(float)))
        return SIZE_MAX;
    return bytes;
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

/* Planes of rows [first, first + count) of a panel of columns, of turned weights or of packed panels. */
static void transform_weights(const rn_kernels *kernels, const rn_winograd_pass *pass, int64_t panel, int64_t first,
                              int64_t count, float *planes, int64_t plane_pitch)
{
    const rn_gemm_kernels *const gemm = kernels->gemm;
    const rn_winograd_weights *const weights = &pass->weights;
    const int64_t in = weights->in, nr = gemm->nr, row_pitch = RN_WINOGRAD_TAPS * in;

    if (weights->is_turned)
        kernels->winograd->weights(count, least(nr, in - panel * nr), nr,
                                   weights->data + first * row_pitch + (RN_WINOGRAD_TAPS - 1) * in + panel * nr,
                                   row_pitch, -in, planes, plane_pitch);
    else
        kernels->winograd->weights(count, nr, nr, pass->packed + panel * panel_floats(gemm, weights) + first * nr, nr,
                                   in * nr, planes, plane_pitch);
}

typedef struct pack_job {
    const rn_kernels *kernels;
    const rn_winograd_weights *weights;
    float *packed;
} pack_job;

/* Units are ROWS_TRANSPOSED rows of a panel's planes. */
static void pack_planes(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const pack_job *const job = payload;
    const rn_winograd_weights *const weights = job->weights;
    const rn_gemm_kernels *const gemm = job->kernels->gemm;
    const int64_t reduced = rn_winograd_reduced(weights), pieces = rn_divide_up(reduced, ROWS_TRANSPOSED),
                  nr = gemm->nr, in = weights->in, row_pitch = RN_WINOGRAD_TAPS * in,
                  pitch = packed_plane(gemm, weights);
    _Alignas(RN_ALIGNMENT) float taps[RN_WINOGRAD_TAPS * ROWS_TRANSPOSED * NR_MOST];

    (void)thread;
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t panel = unit / pieces, first = unit % pieces * ROWS_TRANSPOSED,
                      rows = least(ROWS_TRANSPOSED, reduced - first),
                      columns = least(nr, rn_winograd_columns(weights) - panel * nr);
        float *const planes = job->packed + (panel * reduced + first) * nr;

        if (weights->is_turned) {
            const rn_winograd_pass pass = { .weights = *weights };

            transform_weights(job->kernels, &pass, panel, first, rows, planes, pitch);
            continue;
        }
        for (int tap = 0; tap < RN_WINOGRAD_TAPS; tap++)
            gemm->transpose(taps + tap * ROWS_TRANSPOSED * nr,
                            weights->data + panel * nr * row_pitch + tap * in + first, row_pitch, rows, columns);
        job->kernels->winograd->weights(rows, nr, nr, taps, nr, ROWS_TRANSPOSED * nr, planes, pitch);
    }
}

/* Units are panels. */
static void pack_panels(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const pack_job *const job = payload;
    const rn_gemm_kernels *const gemm = job->kernels->gemm;
    const int64_t depth = RN_WINOGRAD_TAPS * job->weights->in;

    (void)thread;
    for (int64_t panel = begin; panel < end; panel++)
        gemm->transpose(job->packed + panel * panel_floats(gemm, job->weights),
                        job->weights->data + panel * gemm->nr * depth, depth, depth,
                        least(gemm->nr, job->weights->out - panel * gemm->nr));
}

void rn_winograd_pack(const rn_context *context, const rn_winograd_blocks *blocks, const rn_winograd_weights *weights,
                      float *packed)
{
    pack_job job = { context->kernels, weights, packed };
    const int64_t panels = panels_of(context->kernels->gemm, weights);

    if (blocks->is_kept)
        rn_parallel(&context->pool, panels * rn_divide_up(rn_winograd_reduced(weights), ROWS_TRANSPOSED), pack_planes,
                    &job);
    else
        rn_parallel(&context->pool, panels, pack_panels, &job);
}

/* ---- tiles ------------------------------------------------------------------------------------------------------- */

void rn_winograd_read(const rn_winograd_kernels *kernels, const rn_map *x, int64_t padding_h, int64_t padding_w,
                      const rn_tile *tile, int64_t first, int64_t channels, int64_t stored, const float *nothing,
                      float *planes, int64_t plane_pitch)
{
    const rn_winograd_tile to = { tile->height, tile->width, planes, plane_pitch };
    const float *pixel[RN_WINOGRAD_PLANES];

    for (int64_t i = 0; i < tile->height + 2; i++)
        for (int64_t j = 0; j < tile->width + 2; j++) {
            const int64_t y = tile->y - padding_h + i, column = tile->x - padding_w + j;
            const bool is_inside = y >= 0 && y < x->h && column >= 0 && column < x->w;

            pixel[i * RN_WINOGRAD_SIDE + j] =
                is_inside ? x->data + ((tile->image * x->h + y) * x->w + column) * x->pitch + first : nothing;
        }
    kernels->input(&to, pixel, channels, stored);
}

typedef struct call {
    const rn_kernels *kernels;
    const rn_winograd_blocks *blocks;
    const rn_winograd_pass *pass;
    rn_tiling tiling;
    int64_t first, tiles; /* of the range whose inputs are transformed together, if weights are not kept */
    int64_t in_chain, in_plane, out_plane;
    float *nothing, *shared, *threads;
} call;

static void read_tiles(const call *c, int64_t begin, int64_t end, float *planes)
{
    const rn_winograd_pass *const pass = c->pass;

    for (int64_t t = begin; t < end; t++, planes += c->blocks->in_pitch) {
        const rn_tile tile = rn_tile_at(&c->tiling, t);

        for (int64_t chain = 0; chain < c->blocks->chains; chain++) {
            const int64_t channels = least(CHAIN, pass->x->c - chain * CHAIN);

            rn_winograd_read(c->kernels->winograd, pass->x, pass->padding_h, pass->padding_w, &tile, chain * CHAIN,
                             channels, rn_round_up(channels, FLOATS_A_LINE), c->nothing, planes + chain * c->in_chain,
                             c->in_plane);
        }
    }
}

/* The outputs of tiles [begin, end), columns from `column` on. */
static void write_tiles(const call *c, int64_t begin, int64_t end, int64_t column, int64_t columns, float *planes)
{
    const rn_map *const y = c->pass->y, *const residual = c->pass->epilogue->residual;
    const rn_conv_epilogue *const e = c->pass->epilogue;
    rn_row_combine finish = { .ka = e->scale != NULL ? e->scale + column : NULL,
                              .c = e->shift != NULL ? e->shift + column : NULL,
                              .relu = e->relu };

    for (int64_t t = begin; t < end; t++, planes += c->blocks->out_pitch) {
        const rn_tile tile = rn_tile_at(&c->tiling, t);
        const rn_winograd_tile from = { tile.height, tile.width, planes, c->out_plane };
        const int64_t row = (tile.image * y->h + tile.y) * y->w + tile.x;

        finish.out = (rn_matrix){ y->data + row * y->pitch + column, y->pitch };
        if (residual != NULL)
            finish.other = (rn_matrix){ residual->data + row * residual->pitch + column, residual->pitch };
        c->kernels->winograd->output(&from, columns, &finish, y->w * finish.out.pitch, y->w * finish.other.pitch);
    }
}

/*
 * Planes of outputs of tiles [begin, end) and a panel of columns: `in` and `out` are those of tile `begin`, `weights`
 * the panel's first plane, `depth` rows deep.
 */
static void multiply_plane(const call *c, rn_tile_range range, int64_t depth, const float *in, const float *weights,
                           float *out, rn_gemm_start start)
{
    const rn_gemm_kernels *const gemm = c->kernels->gemm;
    const int64_t count = range.end - range.begin, panels = rn_divide_up(count, gemm->mr),
                  in_pitch = c->blocks->in_pitch, out_pitch = c->blocks->out_pitch;

    for (int64_t p = 0; p < panels; p++) {
        const int64_t first = range.begin + count * p / panels, height = range.begin + count * (p + 1) / panels - first;
        const rn_gemm_rows rows = { in + first * in_pitch, in_pitch, depth, 0 };

        gemm->multiply(height, depth, &rows, weights, out + first * out_pitch, out_pitch, start);
    }
}

/* ---- kept weights ------------------------------------------------------------------------------------------------ */

static void run_block(const call *c, int64_t begin, int64_t end, float *in)
{
    const rn_winograd_weights *const weights = &c->pass->weights;
    const rn_gemm_kernels *const gemm = c->kernels->gemm;
    const int64_t panels = panels_of(gemm, weights), reduced = rn_winograd_reduced(weights),
                  plane = packed_plane(gemm, weights);
    float *const out = in + RN_WINOGRAD_PLANES * c->in_plane;

    read_tiles(c, begin, end, in);
    for (int p = 0; p < RN_WINOGRAD_PLANES; p++) {
        const rn_tile_range range = rn_tiles_of_plane(&c->tiling, begin, end, p);

        for (int64_t panel = 0; panel < panels; panel++)
            for (int64_t k = 0; k < reduced; k += CHAIN)
                multiply_plane(c, range, least(CHAIN, reduced - k), in + p * c->in_plane + k / CHAIN * c->in_chain,
                               c->pass->packed + p * plane + (panel * reduced + k) * gemm->nr,
                               out + p * c->out_plane + panel * gemm->nr, k > 0 ? RN_GEMM_ADD : RN_GEMM_FRESH);
    }
    write_tiles(c, begin, end, 0, rn_winograd_columns(weights), out);
}

/* Units are blocks of tiles. */
static void run_blocks(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const call *const c = payload;
    const int64_t tiles = rn_tile_count(&c->tiling), blocks = rn_divide_up(tiles, c->blocks->tiles);

    for (int64_t unit = begin; unit < end; unit++)
        run_block(c, tiles * unit / blocks, tiles * (unit + 1) / blocks,
                  c->threads + thread * c->blocks->thread_floats);
}

/* ---- weights made on the way ------------------------------------------------------------------------------------- */

/* Units are tiles. */
static void run_reads(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const call *const c = payload;

    (void)thread;
    read_tiles(c, c->first + begin, c->first + end, c->shared + begin * c->blocks->in_pitch);
}

static void run_panel(const call *c, int64_t panel, int64_t begin, int64_t end, float *thread)
{
    const rn_winograd_weights *const weights = &c->pass->weights;
    const int64_t reduced = rn_winograd_reduced(weights), nr = c->kernels->gemm->nr, step = c->blocks->weight_rows,
                  weight_plane = step * nr + PAD;
    float *const out = thread + RN_WINOGRAD_PLANES * weight_plane;

    for (int64_t first = 0; first < reduced; first += step) {
        const int64_t depth = least(step, reduced - first);

        transform_weights(c->kernels, c->pass, panel, first, depth, thread, weight_plane);
        for (int p = 0; p < RN_WINOGRAD_PLANES; p++)
            multiply_plane(c, rn_tiles_of_plane(&c->tiling, c->first + begin, c->first + end, p), depth,
                           c->shared + p * c->in_plane + first / CHAIN * c->in_chain + begin * c->blocks->in_pitch,
                           thread + p * weight_plane, out + p * c->out_plane, first > 0 ? RN_GEMM_ADD : RN_GEMM_FRESH);
    }
    write_tiles(c, c->first + begin, c->first + end, panel * nr, least(nr, rn_winograd_columns(weights) - panel * nr),
                out);
}

/* Units are panels of columns, and in them groups of tiles. */
static void run_panels(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const call *const c = payload;
    const int64_t groups = c->blocks->groups;

    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t group = unit % groups;

        run_panel(c, unit / groups, c->tiles * group / groups, c->tiles * (group + 1) / groups,
                  c->threads + thread * c->blocks->thread_floats);
    }
}

void rn_winograd_run(const rn_context *context, const rn_winograd_blocks *blocks, const rn_winograd_pass *pass,
                     void *workspace)
{
    call c = { .kernels = context->kernels,
               .blocks = blocks,
               .pass = pass,
               .tiling = rn_tiling_of(pass->y->n, pass->y->h, pass->y->w),
               .in_chain = blocks->tiles * blocks->in_pitch,
               .in_plane = blocks->chains * blocks->tiles * blocks->in_pitch + PAD,
               .out_plane = rn_divide_up(blocks->tiles, blocks->groups) * blocks->out_pitch + PAD,
               .nothing = workspace };
    const int64_t tiles = rn_tile_count(&c.tiling);

    c.shared = c.nothing + blocks->nothing;
    c.threads = c.shared + blocks->shared_floats;
    memset(c.nothing, 0, (size_t)blocks->nothing * sizeof *c.nothing);
    if (blocks->is_kept) {
        rn_parallel(&context->pool, rn_divide_up(tiles, blocks->tiles), run_blocks, &c);
        return;
    }
    for (; c.first < tiles; c.first += c.tiles) {
        c.tiles = least(blocks->tiles, tiles - c.first);
        rn_parallel(&context->pool, c.tiles, run_reads, &c);
        rn_parallel(&context->pool, panels_of(context->kernels->gemm, &pass->weights) * blocks->groups, run_panels, &c);
    }
}
