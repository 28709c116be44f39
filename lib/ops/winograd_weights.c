/* SPDX-License-Identifier: MIT */
/*
 * Winograd's gradient of the weights: sums over all tiles of the products, plane by plane, of transformed gradients and
 * transformed inputs, then back to 3 x 3.
 *
 * Few weights: the tiles are cut into chunks by a rule of the shape. A unit of work is a chunk and a range of output
 * channels; it transforms a stretch of tiles, adds to its sums, [36][out][in] in L2, and ends with the chunk's part of
 * dw; a fixed tree adds the parts up. Many weights: a stretch of tiles, its length a rule of the shape, is transformed
 * by all threads and then read by all; a unit is a range of output and of input channels, and dw has one stretch added
 * after the other. A sum of a plane is one chain over the tiles of a chunk or stretch.
 */
#include <string.h>

#include "ops/conv_algorithm.h"
#include "ops/integers.h"
#include "ops/winograd_halves.h"
#include "ops/winograd_product.h"

enum {
    PAD = 16,
    CHUNKED_MOST = 128 * 128, /* in * out */
    CHUNK_PRODUCT = 65536,    /* chunks = this / (in * out) */
    CHUNKS_MOST = 16,
    CHUNK_TILES_LEAST = 8,
    TILE_FLOATS = 6 * 1024,                /* of both operands of a plane's stretch, for a chunk in L2 */
    STRETCH_FLOATS = 2 * 1024 * 1024 / 36, /* the same, for all threads: 8 MB of all planes */
    OUT_RANGE = 64,
    IN_RANGE = RN_GEMM_NR_MOST
};

/* From the layer's shape and the number of tiles alone. */
static int64_t chunks_for(const rn_conv *conv, int64_t tiles)
{
    return rn_most(
        1, rn_least(rn_least(CHUNKS_MOST, CHUNK_PRODUCT / conv->in_c / conv->out_c), tiles / CHUNK_TILES_LEAST));
}

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

static rn_winograd_sums choose(const rn_context *context, const rn_conv *conv, int64_t batch)
{
    const rn_gemm_kernels *const gemm = context->kernels->gemm;
    const rn_tiling tiling = rn_tiling_of(batch, conv->out_h, conv->out_w);
    const int64_t tiles = rn_tile_count(&tiling), in = rn_round_up(conv->in_c, IN_RANGE),
                  out = rn_round_up(conv->out_c, RN_FLOATS_A_LINE);
    rn_winograd_sums s = { .is_chunked = conv->in_c * conv->out_c <= CHUNKED_MOST,
                           .chunks = 1,
                           .out_ranges = 1,
                           .in_ranges = 1,
                           .nothing = in };
    int64_t operands;

    s.tiles = (s.is_chunked ? TILE_FLOATS : STRETCH_FLOATS) / (in + out);
    if (s.is_chunked) {
        s.chunks = chunks_for(conv, tiles);
        s.tiles = rn_least(rn_divide_up(tiles, s.chunks), rn_most(s.tiles, CHUNK_TILES_LEAST));
        s.out_ranges = s.chunks >= context->pool.threads ? 1
                                                         : rn_least(rn_divide_up(conv->out_c, gemm->mr),
                                                                    rn_divide_up(context->pool.threads, s.chunks));
    } else {
        s.tiles = rn_divide_up(tiles, rn_divide_up(tiles, rn_most(1, s.tiles)));
        s.out_ranges = rn_divide_up(conv->out_c, OUT_RANGE);
        s.in_ranges = rn_divide_up(conv->in_c, IN_RANGE);
    }
    s.out_pitch = out + PAD;
    s.in_step = s.tiles * gemm->nr + PAD;
    s.sum_pitch = s.is_chunked ? in : IN_RANGE;
    s.in_plane = in / gemm->nr * s.in_step + PAD;
    s.out_plane = s.tiles * s.out_pitch + PAD;
    s.sum_plane = rn_divide_up(conv->out_c, s.out_ranges) * s.sum_pitch + PAD;
    operands = RN_WINOGRAD_PLANES * (s.in_plane + s.out_plane);
    s.thread_floats = RN_WINOGRAD_PLANES * s.sum_plane + (s.is_chunked ? operands : 0);
    s.shared_floats = s.is_chunked ? 0 : operands;
    return s;
}

static size_t partial_bytes(const rn_conv *conv, const rn_winograd_sums *sums)
{
    const size_t floats = (size_t)sums->chunks * (size_t)(conv->out_c * RN_WINOGRAD_TAPS * conv->in_c);

    return sums->chunks == 1 ? 0 : (floats * sizeof(float) + RN_ALIGNMENT - 1) / RN_ALIGNMENT * RN_ALIGNMENT;
}

void rn_winograd_plan_weights(rn_conv_plan *plan, const rn_context *context)
{
    rn_winograd_sums *const s = &plan->winograd.weights;
    size_t threads, floats;

    *s = choose(context, &plan->conv, plan->batch);
    if (!rn_size_multiply(&threads, (size_t)context->pool.threads, (size_t)s->thread_floats) ||
        !rn_size_add(&floats, threads, (size_t)(s->nothing + s->shared_floats)) ||
        !rn_size_multiply(&plan->weights_bytes, floats, sizeof(float)) ||
        !rn_size_add(&plan->weights_bytes, plan->weights_bytes, partial_bytes(&plan->conv, s)))
        plan->weights_bytes = SIZE_MAX;
}

/* ---- one stretch of tiles ---------------------------------------------------------------------------------------- */

typedef struct call {
    const rn_context *context;
    const rn_kernels *kernels;
    const rn_conv *conv;
    const rn_winograd_sums *sums;
    const rn_map *x, *dy;
    rn_tiling tiling;
    float *dw, *partials, *nothing, *shared, *threads;
    bool accumulate;
    int64_t first, tiles; /* of the stretch, if not chunked */
} call;

/* Operands of a stretch: gradients [36][tile][out], inputs [36][panel][tile][nr]. */
typedef struct operands {
    float *gradients, *inputs;
} operands;

static operands operands_at(const call *c, float *floats)
{
    return (operands){ floats, floats + RN_WINOGRAD_PLANES * c->sums->out_plane };
}

/* Transforms tile `index` as tile `t` of a stretch; of its gradients channels [out, out_end). */
static void transform(const call *c, int64_t index, operands to, int64_t t, int64_t out, int64_t out_end)
{
    const rn_tile tile = rn_tile_at(&c->tiling, index);
    const rn_map *const dy = c->dy;
    const rn_winograd_tile gradients = { tile.height, tile.width, to.gradients + t * c->sums->out_pitch,
                                         c->sums->out_plane };
    const int64_t nr = c->kernels->gemm->nr, outs = out_end - out, stored = rn_round_up(outs, RN_FLOATS_A_LINE);
    const float *const pixel = dy->data + ((tile.image * dy->h + tile.y) * dy->w + tile.x) * dy->pitch;

    if (dy->is_halved)
        rn_winograd_halves_gradient(c->context, &gradients, pixel, out, dy->pitch, dy->w * dy->pitch, outs, stored);
    else
        c->kernels->winograd->gradient(&gradients, pixel + out, dy->pitch, dy->w * dy->pitch, outs, stored);
    for (int64_t channel = 0, panel = 0; channel < c->x->c; channel += nr, panel++)
        rn_winograd_read(c->context, c->x, c->conv->padding_h, c->conv->padding_w, &tile, channel,
                         rn_least(nr, c->x->c - channel), nr, c->nothing, to.inputs + panel * c->sums->in_step + t * nr,
                         c->sums->in_plane);
}

static void zero_rows(float *sums, int64_t rows, int64_t columns, int64_t pitch)
{
    for (int64_t r = 0; r < rows; r++)
        memset(sums + r * pitch, 0, (size_t)columns * sizeof *sums);
}

/*
 * sums[p][o][i] = (accumulate: sums +) the products of tiles [begin, begin + count) for `outs` output channels, whose
 * gradients begin at `left`, and input panels [panel, panel_end).
 */
static void multiply(const call *c, int64_t begin, int64_t count, const float *left, const float *inputs, int64_t outs,
                     int64_t panel, int64_t panel_end, bool accumulate, float *sums)
{
    const rn_gemm_kernels *const gemm = c->kernels->gemm;
    const rn_winograd_sums *const s = c->sums;
    const int64_t heights = rn_divide_up(outs, gemm->mr);

    for (int p = 0; p < RN_WINOGRAD_PLANES; p++) {
        const rn_tile_range range = rn_tiles_of_plane(&c->tiling, begin, begin + count, p);

        if (range.begin == range.end && !accumulate)
            zero_rows(sums + p * c->sums->sum_plane, outs, (panel_end - panel) * gemm->nr, s->sum_pitch);
        for (int64_t h = 0; range.begin < range.end && h < heights; h++) {
            const int64_t o = outs * h / heights, height = outs * (h + 1) / heights - o;

            for (int64_t k = panel; k < panel_end; k++)
                gemm->multiply_weights(height, range.end - range.begin,
                                       left + p * c->sums->out_plane + range.begin * s->out_pitch + o, s->out_pitch,
                                       inputs + p * c->sums->in_plane + k * s->in_step + range.begin * gemm->nr,
                                       sums + p * c->sums->sum_plane + o * s->sum_pitch + (k - panel) * gemm->nr,
                                       s->sum_pitch, accumulate);
        }
    }
}

/* Back to 3 x 3: into dw[o][tap][i], of output channel o = 0 and input channel i = 0. */
static void finish(const call *c, const float *sums, int64_t outs, int64_t ins, float *dw, bool accumulate)
{
    const int64_t in = c->conv->in_c;

    for (int64_t o = 0; o < outs; o++)
        c->kernels->winograd->weight_gradient(ins, sums + o * c->sums->sum_pitch, c->sums->sum_plane,
                                              dw + o * RN_WINOGRAD_TAPS * in, in, accumulate);
}

/* ---- chunks ------------------------------------------------------------------------------------------------------ */

static void run_chunk(const call *c, int64_t chunk, int64_t range, float *sums)
{
    const rn_winograd_sums *const s = c->sums;
    const rn_conv *const conv = c->conv;
    const int64_t tiles = rn_tile_count(&c->tiling), begin = tiles * chunk / s->chunks,
                  end = tiles * (chunk + 1) / s->chunks;
    const int64_t out = conv->out_c * range / s->out_ranges, out_end = conv->out_c * (range + 1) / s->out_ranges,
                  outs = out_end - out, panels = rn_divide_up(conv->in_c, c->kernels->gemm->nr);
    const int64_t weights = conv->out_c * RN_WINOGRAD_TAPS * conv->in_c;
    float *const dw = (s->chunks > 1 ? c->partials + chunk * weights : c->dw) + out * RN_WINOGRAD_TAPS * conv->in_c;
    const operands stretch = operands_at(c, sums + RN_WINOGRAD_PLANES * c->sums->sum_plane);

    for (int64_t t = begin; t < end; t += s->tiles) {
        const int64_t count = rn_least(s->tiles, end - t);

        for (int64_t i = 0; i < count; i++)
            transform(c, t + i, stretch, i, out, out_end);
        multiply(c, t, count, stretch.gradients, stretch.inputs, outs, 0, panels, t > begin, sums);
    }
    finish(c, sums, outs, conv->in_c, dw, s->chunks == 1 && c->accumulate);
}

/* Units are chunks and ranges of output channels. */
static void run_chunks(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const call *const c = payload;

    for (int64_t unit = begin; unit < end; unit++)
        run_chunk(c, unit / c->sums->out_ranges, unit % c->sums->out_ranges,
                  c->threads + thread * c->sums->thread_floats);
}

/* ---- stretches of all threads ------------------------------------------------------------------------------------ */

/* Units are tiles. */
static void run_transforms(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const call *const c = payload;

    (void)thread;
    for (int64_t t = begin; t < end; t++)
        transform(c, c->first + t, operands_at(c, c->shared), t, 0, c->conv->out_c);
}

/* Units are ranges of output and input channels. */
static void run_ranges(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const call *const c = payload;
    const rn_winograd_sums *const s = c->sums;
    const rn_conv *const conv = c->conv;
    const operands shared = operands_at(c, c->shared);
    const int64_t nr = c->kernels->gemm->nr, panels = rn_divide_up(conv->in_c, nr);
    float *const sums = c->threads + thread * s->thread_floats;

    for (int64_t unit = begin; unit < end; unit++) {
        const int64_t range = unit / s->in_ranges, first = unit % s->in_ranges * IN_RANGE;
        const int64_t out = conv->out_c * range / s->out_ranges, outs = conv->out_c * (range + 1) / s->out_ranges - out;

        multiply(c, c->first, c->tiles, shared.gradients + out, shared.inputs, outs, first / nr,
                 rn_least(panels, (first + IN_RANGE) / nr), false, sums);
        finish(c, sums, outs, rn_least(IN_RANGE, conv->in_c - first),
               c->dw + out * RN_WINOGRAD_TAPS * conv->in_c + first, c->accumulate || c->first > 0);
    }
}

void rn_winograd_backward_weights(const rn_context *context, const rn_conv_plan *plan, const rn_map *x,
                                  const rn_map *dy, float *dw, bool accumulate, void *workspace)
{
    const rn_winograd_sums *const s = &plan->winograd.weights;
    const rn_conv *const conv = &plan->conv;
    call c = { .context = context,
               .kernels = context->kernels,
               .conv = conv,
               .sums = s,
               .x = x,
               .dy = dy,
               .tiling = rn_tiling_of(dy->n, dy->h, dy->w),
               .dw = dw,
               .partials = workspace,
               .accumulate = accumulate };
    const int64_t tiles = rn_tile_count(&c.tiling);

    c.nothing = c.partials + partial_bytes(conv, s) / sizeof(float);
    c.shared = c.nothing + s->nothing;
    c.threads = c.shared + s->shared_floats;
    memset(c.nothing, 0, (size_t)s->nothing * sizeof *c.nothing);
    if (s->is_chunked) {
        rn_parallel(&context->pool, s->chunks * s->out_ranges, run_chunks, &c);
        if (s->chunks > 1)
            rn_add_weight_chunks(context, c.partials, s->chunks, conv->out_c * RN_WINOGRAD_TAPS * conv->in_c, dw,
                                 accumulate);
        return;
    }
    for (; c.first < tiles; c.first += c.tiles) {
        c.tiles = rn_least(s->tiles, tiles - c.first);
        rn_parallel(&context->pool, c.tiles, run_transforms, &c);
        rn_parallel(&context->pool, s->out_ranges * s->in_ranges, run_ranges, &c);
    }
}
