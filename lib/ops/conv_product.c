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

/* Cuts the longer side first (cutting rows reads the weights again, cutting columns the rows) until there is work for
 * all threads. */
static void spread(blocks *b, const rn_product_shape *shape, int64_t row_panels, int64_t column_panels, int64_t threads)
{
    const int64_t wanted = rn_divide_up(threads == 1 ? 1 : 2 * threads, shape->products);
    int64_t *const side[2] = { shape->columns > shape->rows ? &b->column_blocks : &b->row_blocks,
                               shape->columns > shape->rows ? &b->row_blocks : &b->column_blocks };

    for (int i = 0; i < 2; i++) {
        const int64_t limit = side[i] == &b->row_blocks ? row_panels : column_panels;
        const int64_t other = *side[1 - i];
        int64_t count = most(*side[i], least(limit, rn_divide_up(wanted, other)));

        /* The same number of units for each thread, where that is near. */
        while (count < limit && count < 2 * *side[i] + threads && count * other * shape->products % threads != 0)
            count++;
        if (count * other * shape->products % threads == 0 || count * other < wanted)
            *side[i] = least(count, limit);
    }
}

static blocks choose_blocks(const rn_context *context, const rn_product_shape *shape)
{
    const rn_gemm_kernels *const gemm = context->kernels->gemm;
    const int64_t row_panels = most(1, rn_divide_up(shape->rows, gemm->mr)),
                  column_panels = rn_divide_up(shape->columns, gemm->nr);
    const int64_t passes = most(1, rn_divide_up(shape->depth, DEPTH_MOST));
    blocks b = { .depth = rn_round_up(most(1, rn_divide_up(shape->depth, passes)), gemm->unit) };
    int64_t rows;

    b.column_blocks = rn_divide_up(column_panels, most(1, COLUMNS_MOST / gemm->nr));
    b.panels_most = rn_divide_up(column_panels, b.column_blocks);
    rows = least(ROW_FLOATS_MOST / b.depth, TILE_FLOATS_MOST / (b.panels_most * gemm->nr + FLOATS_A_LINE));
    b.row_blocks = rn_divide_up(row_panels, most(1, rows / gemm->mr));
    spread(&b, shape, row_panels, column_panels, context->pool.threads);
    b.rows_most = rn_divide_up(most(1, shape->rows), b.row_blocks);
    b.panels_most = rn_divide_up(column_panels, b.column_blocks);
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

/* Tiles of the rows and of `panels` panels of weights: k in passes, each of which packs its part of the rows anew. */
static void multiply_block(const call *c, const rn_product *product, const row_range *rows, const float *packed,
                           int64_t panels, float *thread)
{
    const rn_gemm_kernels *const gemm = c->gemm;
    const int64_t depth = rn_gather_depth(&product->gather), pitch = c->blocks.tile_pitch;
    float *const tile = thread + c->blocks.row_floats, *const line = tile + c->blocks.tile_floats;

    for (int64_t k = 0; k < depth; k += c->blocks.depth) {
        const int64_t end = least(k + c->blocks.depth, depth), stored = rn_round_up(end - k, gemm->unit);

        for (int64_t p = 0; p < rows->panels; p++) {
            const int64_t first = panel_begin(rows, p), height = panel_begin(rows, p + 1) - first;

            rn_gather_panel(&product->gather, gemm, thread + first * stored, rows->begin + first, height, k, end, line);
        }
        for (int64_t column = 0; column < panels; column++) {
            const float *const weights = packed + (column * depth + k) * gemm->nr;

            for (int64_t p = 0; p < rows->panels; p++) {
                const int64_t first = panel_begin(rows, p), height = panel_begin(rows, p + 1) - first;

                gemm->multiply(height, end - k, thread + first * stored, weights,
                               tile + first * pitch + column * gemm->nr, pitch, k > 0);
            }
        }
    }
}

static bool evenly_spaced(const rn_steps *steps, const rn_gather *grid)
{
    return steps->line == grid->out_w * steps->pixel && steps->image == grid->out_h * steps->line;
}

static int64_t place_of(const rn_steps *steps, const rn_gather_pixel *pixel)
{
    return pixel->image * steps->image + pixel->i * steps->line + pixel->j * steps->pixel;
}

/* Lets the rows of the tile buffer out: all at once where pixels are evenly spaced, a line of the map at a time where
 * they are not. */
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
    const int64_t row_block = unit / c->products / b->column_blocks,
                  column_block = unit / c->products % b->column_blocks;
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
        multiply_block(c, &product, &rows, product.packed + panel * depth * nr, panel_end - panel, thread);
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
