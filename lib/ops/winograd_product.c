/* SPDX-License-Identifier: MIT */
#include "ops/winograd_product.h"

#include <string.h>

#include "ops/integers.h"
#include "ops/matrix.h"
#include "ops/winograd_halves.h"

enum {
    PAD = 16,               /* keeps planes and rows of a power of two of floats off each other's cache sets */
    ROWS_TRANSPOSED = 16,   /* at a time */
    KEPT_MOST = 128 * 128,  /* weights a tap whose planes are kept */
    TILE_FLOATS = 6 * 1024, /* of inputs and outputs of one plane's block of tiles: L2 holds 36 of them */
    TILES_LEAST = 14,
    SHARED_FLOATS = 4 * 1024 * 1024, /* of transformed inputs that all threads read */
    CHAIN = 128                      /* channels of a chain, and of a block of weights in L2 */
};

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

static int64_t panels_of(const rn_gemm_kernels *gemm, const rn_winograd_weights *weights)
{
    return rn_divide_up(rn_winograd_columns(weights), gemm->nr);
}

/* Tiles of a block, so that threads have as many blocks each. */
static int64_t even_tiles(int64_t tiles, int64_t wanted, int64_t threads)
{
    const int64_t blocks = rn_round_up(rn_divide_up(tiles, rn_most(1, wanted)), threads);

    return rn_most(1, rn_divide_up(tiles, blocks));
}

/* Groups of tiles, so that panels times groups are work for all threads. */
static int64_t groups_for(int64_t panels, int64_t threads)
{
    int64_t groups = 1;

    while (groups < threads && panels * groups % threads != 0 && panels * groups < 4 * threads)
        groups++;
    return groups;
}

/* Blocks of tiles from input to output: how many tiles a thread's L2 holds. */
static void choose_kept(rn_winograd_blocks *b, int64_t tiles, int64_t columns, int64_t threads)
{
    b->out_pitch = columns + PAD;
    b->tiles = even_tiles(tiles, rn_most(TILES_LEAST, TILE_FLOATS / (b->chains * b->in_pitch + b->out_pitch)), threads);
    b->groups = 1;
}

/* Stretches of tiles that all threads read, and panels of weights. */
static void choose_shared(rn_winograd_blocks *b, int64_t tiles, int64_t panels, int64_t nr, int64_t threads)
{
    const int64_t fitting = SHARED_FLOATS / RN_WINOGRAD_PLANES / (b->chains * b->in_pitch),
                  stretches = rn_divide_up(tiles, rn_least(tiles, rn_most(TILES_LEAST, fitting)));

    b->out_pitch = nr;
    b->tiles = rn_divide_up(tiles, stretches);
    b->groups = groups_for(panels, threads);
    b->weight_plane = CHAIN * nr + PAD;
}

rn_winograd_blocks rn_winograd_blocks_for(const rn_context *context, const rn_winograd_weights *weights, int64_t images,
                                          int64_t h, int64_t w)
{
    const int64_t nr = context->kernels->gemm->nr, reduced = rn_winograd_reduced(weights),
                  panels = panels_of(context->kernels->gemm, weights), threads = context->pool.threads;
    const rn_tiling tiling = rn_tiling_of(images, h, w);
    rn_winograd_blocks b = { .is_kept = weights->in * weights->out <= KEPT_MOST,
                             .chains = rn_divide_up(reduced, CHAIN),
                             .in_pitch = rn_round_up(rn_least(reduced, CHAIN), RN_FLOATS_A_LINE) + PAD,
                             .nothing = rn_round_up(reduced, RN_FLOATS_A_LINE) };
    int64_t inputs;

    if (b.is_kept)
        choose_kept(&b, rn_tile_count(&tiling), panels * nr, threads);
    else
        choose_shared(&b, rn_tile_count(&tiling), panels, nr, threads);
    b.in_chain = b.tiles * b.in_pitch;
    b.in_plane = b.chains * b.in_chain + PAD;
    b.out_plane = rn_divide_up(b.tiles, b.groups) * b.out_pitch + PAD;
    inputs = RN_WINOGRAD_PLANES * b.in_plane;
    b.shared_floats = b.is_kept ? 0 : inputs;
    b.thread_floats = RN_WINOGRAD_PLANES * (b.out_plane + b.weight_plane) + (b.is_kept ? inputs : 0);
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

/* Planes of rows [first, first + count) of a panel of turned weights. */
static void transform_turned(const rn_kernels *kernels, const rn_winograd_weights *weights, int64_t panel,
                             int64_t first, int64_t count, float *planes, int64_t plane_pitch)
{
    const int64_t in = weights->in, nr = kernels->gemm->nr, row_pitch = RN_WINOGRAD_TAPS * in;

    kernels->winograd->weights(count, rn_least(nr, in - panel * nr), nr,
                               weights->data + first * row_pitch + (RN_WINOGRAD_TAPS - 1) * in + panel * nr, row_pitch,
                               -in, planes, plane_pitch);
}

/* The same of straight ones, which are transposed first: at most ROWS_TRANSPOSED. */
static void transform_straight(const rn_kernels *kernels, const rn_winograd_weights *weights, int64_t panel,
                               int64_t first, int64_t count, float *planes, int64_t plane_pitch)
{
    const int64_t in = weights->in, nr = kernels->gemm->nr, row_pitch = RN_WINOGRAD_TAPS * in,
                  columns = rn_least(nr, weights->out - panel * nr);
    _Alignas(RN_ALIGNMENT) float taps[RN_WINOGRAD_TAPS * ROWS_TRANSPOSED * RN_GEMM_NR_MOST];

    for (int tap = 0; tap < RN_WINOGRAD_TAPS; tap++)
        kernels->gemm->floats->transpose(taps + tap * ROWS_TRANSPOSED * nr,
                                         weights->data + panel * nr * row_pitch + tap * in + first, row_pitch, count,
                                         columns);
    kernels->winograd->weights(count, nr, nr, taps, nr, ROWS_TRANSPOSED * nr, planes, plane_pitch);
}

/* The same of packed panels. */
static void transform_packed(const rn_kernels *kernels, const rn_winograd_weights *weights, const float *packed,
                             int64_t panel, int64_t first, int64_t count, float *planes, int64_t plane_pitch)
{
    const int64_t nr = kernels->gemm->nr;

    kernels->winograd->weights(count, nr, nr, packed + panel * panel_floats(kernels->gemm, weights) + first * nr, nr,
                               weights->in * nr, planes, plane_pitch);
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
    const int64_t reduced = rn_winograd_reduced(job->weights), pieces = rn_divide_up(reduced, ROWS_TRANSPOSED),
                  pitch = packed_plane(job->kernels->gemm, job->weights);

    (void)thread;
    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t panel = unit / pieces, first = unit % pieces * ROWS_TRANSPOSED,
                      rows = rn_least(ROWS_TRANSPOSED, reduced - first);
        float *const planes = job->packed + (panel * reduced + first) * job->kernels->gemm->nr;

        if (job->weights->is_turned)
            transform_turned(job->kernels, job->weights, panel, first, rows, planes, pitch);
        else
            transform_straight(job->kernels, job->weights, panel, first, rows, planes, pitch);
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
        gemm->floats->transpose(job->packed + panel * panel_floats(gemm, job->weights),
                                job->weights->data + panel * gemm->nr * depth, depth, depth,
                                rn_least(gemm->nr, job->weights->out - panel * gemm->nr));
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

void rn_winograd_read(const rn_context *context, const rn_map *x, int64_t padding_h, int64_t padding_w,
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
                is_inside ? x->data + ((tile->image * x->h + y) * x->w + column) * x->pitch + rn_map_floats(x, first)
                          : nothing;
        }
    if (x->is_halved)
        rn_winograd_halves_input(context, &to, pixel, nothing, channels, stored);
    else
        context->kernels->winograd->input(&to, pixel, channels, stored);
}

typedef struct call {
    const rn_context *context;
    const rn_kernels *kernels;
    const rn_winograd_blocks *blocks;
    const rn_winograd_pass *pass;
    rn_tiling tiling;
    int64_t first, tiles; /* of the range whose inputs are transformed together, if weights are not kept */
    float *nothing, *shared, *threads;
} call;

static void read_tiles(const call *c, int64_t begin, int64_t end, float *planes)
{
    const rn_winograd_pass *const pass = c->pass;

    for (int64_t t = begin; t < end; t++, planes += c->blocks->in_pitch) {
        const rn_tile tile = rn_tile_at(&c->tiling, t);

        for (int64_t chain = 0; chain < c->blocks->chains; chain++) {
            const int64_t channels = rn_least(CHAIN, pass->x->c - chain * CHAIN);

            rn_winograd_read(c->context, pass->x, pass->padding_h, pass->padding_w, &tile, chain * CHAIN, channels,
                             rn_round_up(channels, RN_FLOATS_A_LINE), c->nothing, planes + chain * c->blocks->in_chain,
                             c->blocks->in_plane);
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
        const rn_winograd_tile from = { tile.height, tile.width, planes, c->blocks->out_plane };
        const int64_t row = (tile.image * y->h + tile.y) * y->w + tile.x;

        finish.out = rn_matrix_part(y, row, column);
        finish.other = rn_matrix_part(residual, row, column);
        if (y->is_halved)
            rn_winograd_halves_output(c->context, &from, columns, &finish, y->w * finish.out.pitch,
                                      y->w * finish.other.pitch);
        else
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
    float *const out = in + RN_WINOGRAD_PLANES * c->blocks->in_plane;

    read_tiles(c, begin, end, in);
    for (int p = 0; p < RN_WINOGRAD_PLANES; p++) {
        const rn_tile_range range = rn_tiles_of_plane(&c->tiling, begin, end, p);

        for (int64_t panel = 0; panel < panels; panel++)
            for (int64_t k = 0; k < reduced; k += CHAIN)
                multiply_plane(c, range, rn_least(CHAIN, reduced - k),
                               in + p * c->blocks->in_plane + k / CHAIN * c->blocks->in_chain,
                               c->pass->packed + p * plane + (panel * reduced + k) * gemm->nr,
                               out + p * c->blocks->out_plane + panel * gemm->nr, k > 0 ? RN_GEMM_ADD : RN_GEMM_FRESH);
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

static void run_panel(const call *c, int64_t panel, int64_t begin, int64_t end, float *planes)
{
    const rn_winograd_blocks *const b = c->blocks;
    const rn_winograd_weights *const weights = &c->pass->weights;
    const int64_t reduced = rn_winograd_reduced(weights), nr = c->kernels->gemm->nr;
    float *const out = planes + RN_WINOGRAD_PLANES * b->weight_plane;

    for (int64_t first = 0; first < reduced; first += CHAIN) {
        const int64_t depth = rn_least(CHAIN, reduced - first);
        const float *const in = c->shared + first / CHAIN * b->in_chain + begin * b->in_pitch;

        if (weights->is_turned)
            transform_turned(c->kernels, weights, panel, first, depth, planes, b->weight_plane);
        else
            transform_packed(c->kernels, weights, c->pass->packed, panel, first, depth, planes, b->weight_plane);
        for (int p = 0; p < RN_WINOGRAD_PLANES; p++)
            multiply_plane(c, rn_tiles_of_plane(&c->tiling, c->first + begin, c->first + end, p), depth,
                           in + p * b->in_plane, planes + p * b->weight_plane, out + p * b->out_plane,
                           first > 0 ? RN_GEMM_ADD : RN_GEMM_FRESH);
    }
    write_tiles(c, c->first + begin, c->first + end, panel * nr,
                rn_least(nr, rn_winograd_columns(weights) - panel * nr), out);
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
    call c = { .context = context,
               .kernels = context->kernels,
               .blocks = blocks,
               .pass = pass,
               .tiling = rn_tiling_of(pass->y->n, pass->y->h, pass->y->w),
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
        c.tiles = rn_least(blocks->tiles, tiles - c.first);
        rn_parallel(&context->pool, c.tiles, run_reads, &c);
        rn_parallel(&context->pool, panels_of(context->kernels->gemm, &pass->weights) * blocks->groups, run_panels, &c);
    }
}
