/* SPDX-License-Identifier: MIT */
/* Blocks of im2col rows times packed weights (conv_product.h). */
#include "ops/conv_product.h"

#include <string.h>

#include "ops/conv_band.h"

enum {
    LINE_SPARE = 64 /* that the gather kernels ask for */
};

/* The remainder of a * b. */
static int64_t product_remainder(int64_t a, int64_t b, int64_t divisor)
{
    return a % divisor * (b % divisor) % divisor;
}

void rn_spread_blocks(rn_side *longer, rn_side *shorter, int64_t others, int64_t threads)
{
    rn_side *const sides[2] = { longer, shorter };
    const int64_t wanted = threads == 1 ? 1 : 2 * threads; /* units */

    for (int i = 0; i < 2; i++) {
        const int64_t rest = rn_least(wanted, sides[1 - i]->blocks) * rn_least(wanted, others);
        const int64_t remainder = product_remainder(sides[1 - i]->blocks, others, threads);
        const int64_t count = rn_most(sides[i]->blocks, rn_least(sides[i]->panels, rn_divide_up(wanted, rest)));
        int64_t even = count; /* as many units for each thread, if that is near */

        while (even < sides[i]->panels && even < count + threads && product_remainder(even, remainder, threads) != 0)
            even++;
        sides[i]->blocks = product_remainder(even, remainder, threads) == 0 ? even : count;
    }
}

/* Not a power of two, so that the rows of a tile fall on different cache sets. */
static int64_t tile_pitch_of(const rn_gemm_kernels *gemm, int64_t panels)
{
    return rn_round_up(panels * gemm->nr, RN_FLOATS_A_LINE) + RN_FLOATS_A_LINE;
}

/* From a formed row to the next: off each other's cache sets. */
static int64_t formed_pitch(const rn_gather *gather)
{
    return rn_round_up(gather->channels, RN_FLOATS_A_LINE) + RN_FLOATS_A_LINE;
}

/*
 * Rows of the largest product that a block of whole lines may have; 0: rows are to be packed, because
 *   - windows are dilated, sums are deeper than a block, or the band or the tiles of a line do not fit;
 *   - lines are so short that tiles, which end with a line, would be less than half full;
 *   - single pixels lie a multiple of 4 KiB apart: a tile's rows would drive each other out of the one set of the
 *     first-level cache that all of them fall on.
 */
static int64_t direct_rows_most(const rn_gemm_kernels *gemm, const rn_gather *largest, int64_t tile_pitch)
{
    enum { SETS_FLOATS = 4096 / sizeof(float) };
    const int64_t one = rn_band_floats(largest, 1), another = rn_most(1, rn_band_floats(largest, 2) - one);
    const bool single = largest->window_h == 1 && largest->window_w == 1;
    const bool one_line = single && largest->stride_h == 1 && largest->stride_w == 1; /* the whole map */

    if (largest->is_formed)
        return rn_most(1, gemm->blocks.rows / formed_pitch(largest));
    if ((!single && (largest->dilation_h != 1 || largest->dilation_w != 1)) ||
        rn_gather_depth(largest) > gemm->blocks.depth || one > gemm->blocks.rows ||
        largest->out_w > gemm->blocks.tiles / tile_pitch || (!one_line && 2 * largest->out_w < gemm->mr) ||
        (single && largest->floats == 0 && largest->stride_w * largest->channels % SETS_FLOATS == 0))
        return 0;
    return (1 + (gemm->blocks.rows - one) / another) * largest->out_w;
}

/* Of a block of `lines` lines. Products with smaller windows than the largest may be of single pixels. */
static int64_t band_floats_most(const rn_gather *largest, int64_t lines)
{
    return rn_most(rn_band_floats(largest, rn_least(lines, largest->out_h)), rn_band_floats_of_singles(largest, lines));
}

static bool needs_no_packing(const rn_gemm_kernels *gemm, const rn_product_shape *shape)
{
    const int64_t panels = rn_divide_up(shape->columns, gemm->nr),
                  blocks = rn_divide_up(panels, rn_most(1, gemm->blocks.columns / gemm->nr));

    return direct_rows_most(gemm, &shape->largest, tile_pitch_of(gemm, rn_divide_up(panels, blocks))) > 0;
}

const rn_gemm_kernels *rn_product_kernels(const rn_context *context, const rn_conv_plan *plan,
                                          rn_product_shape (*shape)(const rn_gemm_kernels *gemm, const rn_conv *conv,
                                                                    int64_t batch))
{
    if (plan->wants_pairs && plan->conv.groups == 1 && !plan->conv.is_formed) {
        const rn_product_shape of_pairs = shape(context->pairs, &plan->conv, plan->batch);

        if (needs_no_packing(context->pairs, &of_pairs))
            return context->pairs;
    }
    return context->kernels->gemm;
}

rn_product_blocks rn_product_blocks_for(const rn_context *context, const rn_gemm_kernels *gemm,
                                        const rn_product_shape *shape)
{
    const rn_gather *const largest = &shape->largest;
    const int64_t depth = rn_gather_depth(largest), passes = rn_most(1, rn_divide_up(depth, gemm->blocks.depth));
    const int64_t all = rn_most(1, shape->images * largest->out_h * largest->out_w);
    rn_product_blocks b = { .gemm = gemm,
                            .products = shape->products,
                            .depth = rn_round_up(rn_most(1, rn_divide_up(depth, passes)), gemm->unit) };
    rn_side rows, columns = { .panels = rn_divide_up(shape->columns, gemm->nr) };
    int64_t rows_most, grain, lines;

    columns.blocks = rn_divide_up(columns.panels, rn_most(1, gemm->blocks.columns / gemm->nr));
    b.tile_pitch = tile_pitch_of(gemm, rn_divide_up(columns.panels, columns.blocks));
    rows_most = direct_rows_most(gemm, largest, b.tile_pitch);
    b.direct = rows_most > 0;
    grain = b.direct && !largest->is_formed ? rn_most(1, largest->out_w) : 1;
    rows_most = rn_least(b.direct ? rows_most : gemm->blocks.rows / b.depth, gemm->blocks.tiles / b.tile_pitch);
    rows.panels = rn_divide_up(all, b.direct ? grain : gemm->mr);
    rows.blocks = rn_divide_up(rows.panels, rn_most(1, rows_most / (b.direct ? grain : gemm->mr)));
    /* Cutting rows reads the weights again, cutting columns the rows. */
    rn_spread_blocks(shape->columns > all ? &columns : &rows, shape->columns > all ? &rows : &columns, shape->products,
                     context->pool.threads);
    b.row_blocks = rows.blocks;
    b.column_blocks = columns.blocks;
    lines = rn_divide_up(all / grain, b.row_blocks);
    b.rows_most = lines * grain;
    b.tile_pitch = tile_pitch_of(gemm, rn_divide_up(columns.panels, b.column_blocks));
    b.row_floats = rn_round_up(largest->is_formed ? b.rows_most * formed_pitch(largest)
                               : b.direct         ? band_floats_most(largest, lines)
                                                  : b.rows_most * b.depth,
                               RN_FLOATS_A_LINE);
    b.tile_floats = b.rows_most * b.tile_pitch;
    b.thread_floats = b.row_floats + b.tile_floats + rn_round_up(b.depth + LINE_SPARE, RN_FLOATS_A_LINE);
    return b;
}

/* A description of each product, and room for each thread. */
static size_t described_bytes(const rn_product_blocks *blocks)
{
    return ((size_t)blocks->products * sizeof(rn_product) + RN_ALIGNMENT - 1) / RN_ALIGNMENT * RN_ALIGNMENT;
}

size_t rn_product_workspace(const rn_context *context, const rn_product_blocks *blocks)
{
    return described_bytes(blocks) + (size_t)context->pool.threads * (size_t)blocks->thread_floats * sizeof(float);
}

int64_t rn_product_packed_floats(const rn_gemm_kernels *gemm, const rn_conv *conv, int64_t columns, int64_t channels)
{
    const size_t taps = (size_t)conv->kernel_h * (size_t)conv->kernel_w;
    const size_t padded = (size_t)rn_round_up(columns, gemm->nr);
    size_t depth, panels, floats;

    if (!rn_size_multiply(&depth, taps, (size_t)channels) || !rn_size_multiply(&panels, (size_t)conv->groups, padded) ||
        !rn_size_multiply(&floats, panels, depth) || (uint64_t)floats > INT64_MAX)
        return INT64_MAX;
    return (int64_t)floats;
}

typedef struct call {
    const rn_gemm_kernels *gemm;
    const rn_row_kernels *rows, *halves; /* halves: of products of pairs alone */
    const rn_product_blocks *blocks;
    const rn_product *products;
    float *threads;
} call;

/* Rows [begin, end) in panels of nearly equal height. */
typedef struct row_range {
    int64_t begin, end, panels;
} row_range;

static int64_t panel_begin(const row_range *rows, int64_t panel)
{
    return (rows->end - rows->begin) * panel / rows->panels;
}

/* Floats from a pixel of the output to its column `column`. */
static int64_t floats_to(const rn_product *product, int64_t column)
{
    return product->is_halved ? column / 2 : column;
}

static bool evenly_spaced(const rn_steps *steps, const rn_gather *grid)
{
    return steps->line == grid->out_w * steps->pixel && steps->image == grid->out_h * steps->line;
}

/*
 * Asks for the memory that a tile will go to, so that it has come into L2 by the time the block is finished: the last
 * pass over a large map would otherwise wait for it line by line.
 */
static void fetch_output(const rn_product *product, int64_t m, int64_t rows, int64_t column, int64_t columns)
{
    if (!evenly_spaced(&product->out_steps, &product->gather))
        return;
    for (int64_t r = m; r < m + rows; r++)
        for (int64_t j = floats_to(product, column); j < floats_to(product, column + columns); j += RN_FLOATS_A_LINE)
            __builtin_prefetch(product->out + r * product->out_steps.pixel + j, 1);
}

/* One tile, straight into the tile buffer; `a` is its rows' operand. */
static void multiply_tile(const call *c, const rn_product *product, const rn_gemm_rows *a, int64_t m, int64_t rows,
                          int64_t panel, int64_t k, int64_t count, float *tile)
{
    const int64_t nr = c->gemm->nr, depth = rn_gather_depth(&product->gather);

    if (k + count == depth)
        fetch_output(product, m, rows, panel * nr, rn_least(nr, product->columns - panel * nr));
    c->gemm->multiply(rows, count, a, product->packed + (panel * depth + k) * nr, tile, c->blocks->tile_pitch,
                      k > 0 ? RN_GEMM_CONTINUE : RN_GEMM_FRESH);
}

/*
 * Tiles of the rows and of panels [begin, end) of weights: k in passes, each of which packs its part of the rows anew.
 */
static void multiply_packed(const call *c, const rn_product *product, const row_range *rows, int64_t begin, int64_t end,
                            float *thread)
{
    const rn_gemm_kernels *const gemm = c->gemm;
    const int64_t depth = rn_gather_depth(&product->gather), pitch = c->blocks->tile_pitch;
    float *const tile = thread + c->blocks->row_floats, *const line = tile + c->blocks->tile_floats;

    for (int64_t k = 0; k < depth; k += c->blocks->depth) {
        const int64_t count = rn_least(c->blocks->depth, depth - k), stored = rn_round_up(count, gemm->unit);

        for (int64_t p = 0; p < rows->panels; p++) {
            const int64_t first = panel_begin(rows, p), height = panel_begin(rows, p + 1) - first;

            rn_gather_panel(&product->gather, gemm, thread + first * stored, rows->begin + first, height, k, k + count,
                            line);
        }
        for (int64_t panel = begin; panel < end; panel++)
            for (int64_t p = 0; p < rows->panels; p++) {
                const int64_t first = panel_begin(rows, p), height = panel_begin(rows, p + 1) - first;
                const rn_gemm_rows a = { thread + first * stored, gemm->unit, gemm->unit, height * gemm->unit };

                multiply_tile(c, product, &a, rows->begin + first, height, panel, k, count,
                              tile + first * pitch + (panel - begin) * gemm->nr);
            }
    }
}

/* Tiles of a stretch that begins at row m. */
static void multiply_stretch(const call *c, const rn_product *product, const rn_stretch *stretch, int64_t m,
                             int64_t begin, int64_t end, float *tile)
{
    const int64_t width = stretch->width, tiles = rn_divide_up(width, c->gemm->mr);

    for (int64_t panel = begin; panel < end; panel++)
        for (int64_t line = 0; line < stretch->lines; line++)
            for (int64_t t = 0; t < tiles; t++) {
                const int64_t first = width * t / tiles, height = width * (t + 1) / tiles - first;
                const int64_t row = line * width + first;
                rn_gemm_rows a = stretch->rows;

                a.first += line * stretch->line_step + first * a.step;
                multiply_tile(c, product, &a, m + row, height, panel, 0, rn_gather_depth(&product->gather),
                              tile + row * c->blocks->tile_pitch + (panel - begin) * c->gemm->nr);
            }
}

/* The rows formed into the band. */
static rn_stretch form_rows(const call *c, const rn_product *product, const row_range *rows, float *band)
{
    const rn_gather *const gather = &product->gather;
    const int64_t pitch = formed_pitch(gather), count = rows->end - rows->begin;
    const rn_row_combine form = {
        .a = { (float *)(uintptr_t)gather->data + rows->begin * gather->pitch, gather->pitch },
        .ka = product->form.scale,
        .c = product->form.shift,
        .relu = true,
        .out = { band, pitch },
    };

    c->rows->combine(count, gather->channels, &form);
    return (rn_stretch){ { band, pitch, gather->channels, 0 }, 1, count, 0 };
}

/* The same without packing, a stretch of rows after the other. */
static void multiply_direct(const call *c, const rn_product *product, const row_range *rows, int64_t begin, int64_t end,
                            float *thread)
{
    for (int64_t m = rows->begin; m < rows->end;) {
        const rn_stretch stretch = product->gather.is_formed
                                       ? form_rows(c, product, rows, thread)
                                       : rn_gather_stretch(&product->gather, c->gemm, m, rows->end - m, thread);

        multiply_stretch(c, product, &stretch, m, begin, end,
                         thread + c->blocks->row_floats + (m - rows->begin) * c->blocks->tile_pitch);
        m += stretch.lines * stretch.width;
    }
}

static int64_t place_of(const rn_steps *steps, const rn_gather_pixel *pixel)
{
    return pixel->image * steps->image + pixel->i * steps->line + pixel->j * steps->pixel;
}

/*
 * Lets the rows of the tile buffer out: all at once where pixels are evenly spaced, a line of the map at a time where
 * they are not.
 */
static void finish_block(const call *c, const rn_product *product, const row_range *rows, int64_t column,
                         int64_t columns, float *tile)
{
    const rn_row_kernels *const kernels = product->is_halved ? c->halves : c->rows;
    const rn_gather *const grid = &product->gather;
    const bool at_once = evenly_spaced(&product->out_steps, grid) &&
                         (product->residual == NULL || evenly_spaced(&product->residual_steps, grid));

    for (int64_t m = rows->begin; m < rows->end;) {
        const rn_gather_pixel pixel = rn_gather_pixel_at(grid, m);
        const int64_t count = at_once ? rows->end - m : rn_least(rows->end - m, grid->out_w - pixel.j);
        rn_row_combine finish = {
            .a = { tile + (m - rows->begin) * c->blocks->tile_pitch, c->blocks->tile_pitch },
            .ka = product->scale != NULL ? product->scale + column : NULL,
            .c = product->shift != NULL ? product->shift + column : NULL,
            .out = { product->out + place_of(&product->out_steps, &pixel) + floats_to(product, column),
                     product->out_steps.pixel },
            .relu = product->relu,
        };

        if (product->residual != NULL)
            finish.other = (rn_matrix){ product->residual + place_of(&product->residual_steps, &pixel) +
                                            floats_to(product, column),
                                        product->residual_steps.pixel };
        kernels->finish(count, columns, &finish);
        m += count;
    }
}

/* Unit u is block u / products of product u % products: a thread's range mixes the products, which differ in cost. */
static void run_unit(const call *c, int64_t unit, float *thread)
{
    const rn_product_blocks *const b = c->blocks;
    const rn_product *const product = &c->products[unit % b->products];
    const int64_t block = unit / b->products, row_block = block / b->column_blocks,
                  column_block = block % b->column_blocks;
    const int64_t nr = c->gemm->nr;
    int64_t count, grain, panels, panel, panel_end;
    row_range rows;

    grain = b->direct && !rn_gather_whole_map(&product->gather) ? product->gather.out_w : 1;
    count = product->images * product->gather.out_h * (product->gather.out_w / rn_most(1, grain)); /* of grains */
    panels = rn_divide_up(product->columns, nr);
    panel = panels * column_block / b->column_blocks;
    panel_end = panels * (column_block + 1) / b->column_blocks;
    rows.begin = (count / b->row_blocks * row_block + rn_least(row_block, count % b->row_blocks)) * grain;
    rows.end = rows.begin + (count / b->row_blocks + (row_block < count % b->row_blocks)) * grain;
    rows.panels = rn_divide_up(rows.end - rows.begin, c->gemm->mr);
    if (rows.begin == rows.end || panel == panel_end)
        return;
    if (rn_gather_depth(&product->gather) == 0)
        memset(thread + b->row_floats, 0, (size_t)b->tile_floats * sizeof(float));
    else if (b->direct)
        multiply_direct(c, product, &rows, panel, panel_end, thread);
    else
        multiply_packed(c, product, &rows, panel, panel_end, thread);
    finish_block(c, product, &rows, panel * nr, rn_least(product->columns, panel_end * nr) - panel * nr,
                 thread + b->row_floats);
}

static void run_units(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const call *const c = payload;

    for (int64_t unit = begin; unit < end; unit++)
        run_unit(c, unit, c->threads + thread * c->blocks->thread_floats);
}

void rn_product_run(const rn_context *context, const rn_product_blocks *blocks, rn_product_describe describe,
                    const void *pass, void *workspace)
{
    rn_product *const products = workspace;
    call c = { .gemm = blocks->gemm,
               .rows = context->kernels->rows,
               .halves = blocks->gemm->pairs != NULL ? blocks->gemm->pairs->halves : NULL,
               .blocks = blocks,
               .products = products,
               .threads = (float *)(void *)((char *)workspace + described_bytes(blocks)) };

    for (int64_t i = 0; i < blocks->products; i++)
        describe(&products[i], pass, i);
    rn_parallel(&context->pool, blocks->products * blocks->row_blocks * blocks->column_blocks, run_units, &c);
}
