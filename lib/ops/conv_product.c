/* SPDX-License-Identifier: MIT */
/* Blocks of im2col rows times packed weights (conv_product.h). Block sizes were chosen on a core with 1 MB of L2. */
#include "ops/conv_product.h"

#include <string.h>

enum {
    FLOATS_A_LINE = RN_ALIGNMENT / sizeof(float),
    DEPTH_MOST = 1152,            /* of a block: a panel of weights this deep stays in L2 while the rows pass over it */
    ROW_FLOATS_MOST = 80 * 1024,  /* packed rows of a block */
    TILE_FLOATS_MOST = 64 * 1024, /* finished tiles of a block */
    COLUMNS_MOST = 512,           /* of a block */
    LINE_SPARE = 64               /* that the gather kernels ask for */
};

typedef struct blocks {
    int64_t row_blocks, column_blocks; /* of each product */
    int64_t rows_most, panels_most;    /* in one of them */
    int64_t depth;                     /* of a pass over k, a multiple of `unit` */
    int64_t tile_pitch;                /* not a power of two, so that the rows of a tile fall on different cache sets */
    int64_t row_floats, tile_floats, thread_floats;
} blocks;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

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
        const int64_t rest = least(wanted, sides[1 - i]->blocks) * least(wanted, others);
        const int64_t remainder = product_remainder(sides[1 - i]->blocks, others, threads);
        const int64_t count = most(sides[i]->blocks, least(sides[i]->panels, rn_divide_up(wanted, rest)));
        int64_t even = count; /* as many units for each thread, if that is near */

        while (even < sides[i]->panels && even < count + threads && product_remainder(even, remainder, threads) != 0)
            even++;
        sides[i]->blocks = product_remainder(even, remainder, threads) == 0 ? even : count;
    }
}

static blocks choose_blocks(const rn_context *context, const rn_product_shape *shape)
{
    const rn_gemm_kernels *const gemm = context->kernels->gemm;
    const int64_t passes = most(1, rn_divide_up(shape->depth, DEPTH_MOST));
    blocks b = { .depth = rn_round_up(most(1, rn_divide_up(shape->depth, passes)), gemm->unit) };
    rn_side rows = { .panels = most(1, rn_divide_up(shape->rows, gemm->mr)) };
    rn_side columns = { .panels = rn_divide_up(shape->columns, gemm->nr) };
    int64_t rows_most;

    columns.blocks = rn_divide_up(columns.panels, most(1, COLUMNS_MOST / gemm->nr));
    b.panels_most = rn_divide_up(columns.panels, columns.blocks);
    rows_most = least(ROW_FLOATS_MOST / b.depth, TILE_FLOATS_MOST / (b.panels_most * gemm->nr + FLOATS_A_LINE));
    rows.blocks = rn_divide_up(rows.panels, most(1, rows_most / gemm->mr));
    /* Cutting rows reads the weights again, cutting columns the rows. */
    rn_spread_blocks(shape->columns > shape->rows ? &columns : &rows, shape->columns > shape->rows ? &rows : &columns,
                     shape->products, context->pool.threads);
    b.row_blocks = rows.blocks;
    b.column_blocks = columns.blocks;
    b.rows_most = rn_divide_up(most(1, shape->rows), b.row_blocks);
    b.panels_most = rn_divide_up(columns.panels, b.column_blocks);
    b.tile_pitch = rn_round_up(b.panels_most * gemm->nr, FLOATS_A_LINE) + FLOATS_A_LINE;
    b.row_floats = rn_round_up(b.rows_most * b.depth, FLOATS_A_LINE);
    b.tile_floats = b.rows_most * b.tile_pitch;
    b.thread_floats = b.row_floats + b.tile_floats + rn_round_up(b.depth + LINE_SPARE, FLOATS_A_LINE);
    return b;
}

size_t rn_product_workspace(const rn_context *context, const rn_product_shape *shape)
{
    const blocks b = choose_blocks(context, shape);

    return (size_t)context->pool.threads * (size_t)b.thread_floats * sizeof(float);
}

typedef struct call {
    const rn_gemm_kernels *gemm;
    blocks blocks;
    int64_t products;
    rn_product_describe describe;
    const void *pass;
    float *workspace;
} call;

/* Rows [begin, end) in panels of nearly equal height. */
typedef struct row_range {
    int64_t begin, end, panels;
} row_range;

static int64_t panel_begin(const row_range *rows, int64_t panel)
{
    return (rows->end - rows->begin) * panel / rows->panels;
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
        for (int64_t j = column; j < column + columns; j += FLOATS_A_LINE)
            __builtin_prefetch(product->out + r * product->out_steps.pixel + j, 1);
}

/*
 * Tiles of the rows and of panels [begin, end) of weights: k in passes, each of which packs its part of the rows anew.
 */
static void multiply_block(const call *c, const rn_product *product, const row_range *rows, int64_t begin, int64_t end,
                           float *thread)
{
    const rn_gemm_kernels *const gemm = c->gemm;
    const int64_t depth = rn_gather_depth(&product->gather), pitch = c->blocks.tile_pitch;
    float *const tile = thread + c->blocks.row_floats, *const line = tile + c->blocks.tile_floats;

    for (int64_t k = 0; k < depth; k += c->blocks.depth) {
        const int64_t count = least(c->blocks.depth, depth - k), stored = rn_round_up(count, gemm->unit);

        for (int64_t p = 0; p < rows->panels; p++) {
            const int64_t first = panel_begin(rows, p), height = panel_begin(rows, p + 1) - first;

            rn_gather_panel(&product->gather, gemm, thread + first * stored, rows->begin + first, height, k, k + count,
                            line);
        }
        for (int64_t panel = begin; panel < end; panel++) {
            const float *const weights = product->packed + (panel * depth + k) * gemm->nr;
            const int64_t column = panel * gemm->nr;

            for (int64_t p = 0; p < rows->panels; p++) {
                const int64_t first = panel_begin(rows, p), height = panel_begin(rows, p + 1) - first;

                if (k + count == depth)
                    fetch_output(product, rows->begin + first, height, column,
                                 least(gemm->nr, product->columns - column));
                gemm->multiply(height, count, thread + first * stored, weights,
                               tile + first * pitch + column - begin * gemm->nr, pitch, k > 0);
            }
        }
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
                         int64_t columns, const float *tile)
{
    const rn_gather *const grid = &product->gather;
    const bool at_once = evenly_spaced(&product->out_steps, grid) &&
                         (product->residual == NULL || evenly_spaced(&product->residual_steps, grid));

    for (int64_t m = rows->begin; m < rows->end;) {
        const rn_gather_pixel pixel = rn_gather_pixel_at(grid, m);
        const int64_t count = at_once ? rows->end - m : least(rows->end - m, grid->out_w - pixel.j);
        const rn_gemm_finish finish = {
            .tile = tile + (m - rows->begin) * c->blocks.tile_pitch,
            .scale = product->scale != NULL ? product->scale + column : NULL,
            .shift = product->shift != NULL ? product->shift + column : NULL,
            .residual = product->residual != NULL
                            ? product->residual + place_of(&product->residual_steps, &pixel) + column
                            : NULL,
            .out = product->out + place_of(&product->out_steps, &pixel) + column,
            .tile_pitch = c->blocks.tile_pitch,
            .residual_pitch = product->residual_steps.pixel,
            .out_pitch = product->out_steps.pixel,
            .relu = product->relu,
        };

        c->gemm->finish(&finish, count, columns);
        m += count;
    }
}

/* Unit u is block u / products of product u % products: a thread's range mixes the products, which differ in cost. */
static void run_unit(const call *c, int64_t unit, float *thread)
{
    const blocks *const b = &c->blocks;
    const int64_t block = unit / c->products, row_block = block / b->column_blocks,
                  column_block = block % b->column_blocks;
    const int64_t nr = c->gemm->nr;
    rn_product product;
    int64_t depth, count, panels, panel, panel_end;
    row_range rows;

    c->describe(&product, c->pass, unit % c->products);
    depth = rn_gather_depth(&product.gather);
    count = product.images * product.gather.out_h * product.gather.out_w;
    panels = rn_divide_up(product.columns, nr);
    panel = panels * column_block / b->column_blocks;
    panel_end = panels * (column_block + 1) / b->column_blocks;
    rows.begin = count / b->row_blocks * row_block + least(row_block, count % b->row_blocks);
    rows.end = rows.begin + count / b->row_blocks + (row_block < count % b->row_blocks);
    rows.panels = rn_divide_up(rows.end - rows.begin, c->gemm->mr);
    if (rows.begin == rows.end || panel == panel_end)
        return;
    if (depth == 0)
        memset(thread + b->row_floats, 0, (size_t)b->tile_floats * sizeof(float));
    else
        multiply_block(c, &product, &rows, panel, panel_end, thread);
    finish_block(c, &product, &rows, panel * nr, least(product.columns, panel_end * nr) - panel * nr,
                 thread + b->row_floats);
}

static void run_units(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const call *const c = payload;

    for (int64_t unit = begin; unit < end; unit++)
        run_unit(c, unit, c->workspace + thread * c->blocks.thread_floats);
}

void rn_product_run(const rn_context *context, const rn_product_shape *shape, rn_product_describe describe,
                    const void *pass, void *workspace)
{
    call c = { context->kernels->gemm, choose_blocks(context, shape), shape->products, describe, pass, workspace };

    rn_parallel(&context->pool, shape->products * c.blocks.row_blocks * c.blocks.column_blocks, run_units, &c);
}
