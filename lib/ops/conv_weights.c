/* SPDX-License-Identifier: MIT */
/*
 * The gradient of the weights: dw[o, k] = sum over output pixels m of dy[m, o] * col(x)[m, k], in the layout of the
 * weights.
 *
 * The sum over m is cut into a fixed number of chunks, each a chain of multiply-adds in ascending m; their partial sums
 * are added in a fixed binary tree. A unit of work is a chunk, a range of channels o and a range of columns k: it packs
 * the columns of a stretch of rows into its thread's L2 and multiplies dy by them panel by panel straight into dw (or
 * into the chunk's part of the workspace). How o and k are cut into ranges and m into stretches does not change a bit.
 */
#include "ops/conv_algorithm.h"
#include "ops/conv_band.h"
#include "ops/conv_product.h"
#include "ops/matrix.h"

enum {
    COLLIDING_FLOATS = 512, /* 2 KB: eight rows fall on two sets of a cache of 32 KB */
    PAD = 16,               /* keeps panels of a power of two of floats off each other's cache sets */
    LINE_SPARE = 64,
    LINES_FORMED = 8,  /* together, in the first-level cache */
    LINES_OF_HALVES = 16
};

static rn_weight_blocks choose_blocks(const rn_context *context, const rn_conv *conv, int64_t batch,
                                      const rn_gemm_kernels *gemm)
{
    rn_weight_blocks b = { .gemm = gemm,
                           .depth = (int64_t)conv->kernel_h * conv->kernel_w * rn_conv_group_in(conv),
                           .outs = rn_conv_group_out(conv),
                           .rows = batch * conv->out_h * conv->out_w };
    int64_t chunk;

    b.chunks = rn_weight_chunks(conv, batch);
    b.out.panels = rn_divide_up(b.outs, gemm->mr);
    b.column.panels = rn_divide_up(b.depth, gemm->nr);
    b.out.blocks = rn_divide_up(b.outs, gemm->blocks.range);
    b.column.blocks = rn_divide_up(b.depth, gemm->blocks.range);
    if (!conv->is_joint) /* which has rows whole */
        rn_spread_blocks(b.depth > b.outs ? &b.column : &b.out, b.depth > b.outs ? &b.out : &b.column,
                         b.chunks * conv->groups, context->pool.threads);
    b.out_most = rn_divide_up(b.out.panels, b.out.blocks);
    b.column_most = rn_divide_up(b.column.panels, b.column.blocks);
    chunk = rn_most(1, rn_divide_up(b.rows, b.chunks));
    b.stretch =
        rn_least(gemm->blocks.stretch_rows, gemm->blocks.stretch / (b.out_most * gemm->mr + b.column_most * gemm->nr));
    b.stretch = rn_round_up(rn_divide_up(chunk, rn_divide_up(chunk, b.stretch)), 2); /* pairs end with a chunk */
    b.out_pitch = rn_round_up(b.out_most * gemm->mr, RN_FLOATS_A_LINE) + PAD;
    b.column_floats = rn_round_up(b.stretch * gemm->nr, RN_FLOATS_A_LINE) + PAD;
    b.tile_floats = rn_round_up((int64_t)gemm->mr * gemm->nr, RN_FLOATS_A_LINE);
    b.line_floats = rn_round_up(b.column_most * gemm->nr + LINE_SPARE, RN_FLOATS_A_LINE);
    if (conv->is_formed)
        b.line_floats *= LINES_FORMED;
    if (gemm->pairs != NULL)
        b.line_floats *= 2; /* for two rows of halves */
    b.thread_floats = b.stretch * b.out_pitch + b.column_most * b.column_floats + b.tile_floats + b.line_floats;
    return b;
}

/* Partial sums of all chunks; SIZE_MAX if they cannot be counted. */
static size_t partial_bytes(const rn_conv *conv, const rn_weight_blocks *b)
{
    size_t floats, bytes;

    if (b->chunks == 1)
        return 0;
    if (!rn_size_multiply(&floats, (size_t)b->chunks * (size_t)conv->out_c, (size_t)b->depth) ||
        !rn_size_multiply(&bytes, floats, sizeof(float)) || bytes > SIZE_MAX - RN_ALIGNMENT)
        return SIZE_MAX;
    return (bytes + RN_ALIGNMENT - 1) / RN_ALIGNMENT * RN_ALIGNMENT;
}

/* Weights packed for dx. */
static size_t joint_bytes(const rn_conv *conv, const rn_weight_blocks *b)
{
    return conv->is_joint ? rn_gemm_data_packed_bytes(b->gemm, conv) : 0;
}

void rn_gemm_plan_weights(rn_conv_plan *plan, const rn_context *context)
{
    const bool of_pairs = plan->forward.gemm != NULL && plan->forward.gemm->pairs != NULL;
    const rn_weight_blocks b =
        choose_blocks(context, &plan->conv, plan->batch, of_pairs ? context->pairs : context->kernels->gemm);

    plan->weights = b;
    if (!rn_size_add(&plan->weights_bytes, partial_bytes(&plan->conv, &b), joint_bytes(&plan->conv, &b)) ||
        !rn_size_add(&plan->weights_bytes, plan->weights_bytes,
                     (size_t)context->pool.threads * (size_t)b.thread_floats * sizeof(float)))
        plan->weights_bytes = SIZE_MAX;
}

typedef struct weight_pass {
    const rn_gemm_kernels *gemm;
    const rn_conv *conv;
    const rn_weight_blocks *blocks;
    const rn_row_kernels *rows;
    const rn_map *x, *dy;
    const rn_conv_form *form;   /* NULL: none */
    const rn_conv_joint *joint; /* NULL: dy lies somewhere */
    float *packed;              /* weights, for a joint pass */
    float *dw, *partials, *threads;
    bool accumulate;
} weight_pass;

/* One unit: where it reads and writes. */
typedef struct weight_unit {
    int64_t group, begin, end;  /* rows m */
    int64_t out_panel, out_end; /* o */
    int64_t column, columns;    /* k */
    float *target;              /* of the group's o = 0, k = 0 */
    bool accumulate;
} weight_unit;

static weight_unit unit_at(const weight_pass *pass, int64_t index)
{
    const rn_weight_blocks *const b = pass->blocks;
    const int64_t column = index % b->column.blocks, out = index / b->column.blocks % b->out.blocks,
                  nr = pass->gemm->nr;
    const int64_t chunk = index / b->column.blocks / b->out.blocks % b->chunks;
    weight_unit u = { .group = index / b->column.blocks / b->out.blocks / b->chunks };

    u.begin = b->rows / b->chunks * chunk + rn_least(chunk, b->rows % b->chunks);
    u.end = u.begin + b->rows / b->chunks + (chunk < b->rows % b->chunks);
    u.out_panel = b->out.panels * out / b->out.blocks;
    u.out_end = b->out.panels * (out + 1) / b->out.blocks;
    u.column = b->column.panels * column / b->column.blocks * nr;
    u.columns = rn_least(b->depth, b->column.panels * (column + 1) / b->column.blocks * nr) - u.column;
    u.target = (b->chunks > 1 ? pass->partials + chunk * pass->conv->out_c * b->depth : pass->dw) +
               u.group * b->outs * b->depth;
    u.accumulate = b->chunks == 1 && pass->accumulate;
    return u;
}

/* Panels of channels are of nearly equal height. */
static int64_t panel_begin(const rn_weight_blocks *b, int64_t panel)
{
    return b->outs * panel / b->out.panels;
}

/* A tile at the right edge: computed beside dw, so that no column of the next row is touched. */
static void multiply_edge(const rn_gemm_kernels *gemm, int64_t rows, int64_t depth, const float *a, int64_t lda,
                          const float *b, float *c, int64_t ldc, int64_t columns, bool accumulate, float *tile)
{
    if (accumulate)
        gemm->floats->copy(tile, gemm->nr, c, ldc, rows, columns);
    gemm->multiply_weights(rows, depth, a, lda, b, tile, gemm->nr, accumulate);
    for (int64_t r = 0; r < rows; r++)
        gemm->floats->copy(c + r * ldc, columns, tile + r * gemm->nr, gemm->nr, 1, columns);
}

/* Asks for the memory of a tile, which the tile before hides the wait for. */
static void fetch_tile(const float *c, int64_t ldc, int64_t rows, int64_t columns)
{
    for (int64_t r = 0; r < rows; r++)
        for (int64_t j = 0; j < columns; j += RN_FLOATS_A_LINE)
            __builtin_prefetch(c + r * ldc + j, 1);
}

static void multiply_stretch(const weight_pass *pass, const weight_unit *u, int64_t rows, bool accumulate,
                             const float *gradients, int64_t lda, const float *columns, float *tile)
{
    const rn_gemm_kernels *const gemm = pass->gemm;
    const rn_weight_blocks *const b = pass->blocks;

    for (int64_t p = u->out_panel; p < u->out_end; p++) {
        const int64_t o = panel_begin(b, p), height = panel_begin(b, p + 1) - o;
        const float *const left = gradients + o - panel_begin(b, u->out_panel);

        for (int64_t k = 0; k < u->columns; k += gemm->nr) {
            float *const target = u->target + o * b->depth + u->column + k;
            const float *const panel = columns + k / gemm->nr * b->column_floats;
            const int64_t rest = u->columns - k;

            if (rest > gemm->nr)
                fetch_tile(target + gemm->nr, b->depth, height, rn_least(rest - gemm->nr, gemm->nr));
            if (rest >= gemm->nr)
                gemm->multiply_weights(height, rows, left, lda, panel, target, b->depth, accumulate);
            else
                multiply_edge(gemm, height, rows, left, lda, panel, target, b->depth, rest, accumulate, tile);
        }
    }
}

/*
 * dy is read where it lies, unless its rows lie so that a panel of them falls on few sets of the first-level cache:
 * then a copy with another pitch is read.
 */
static bool rows_collide(const rn_map *dy)
{
    return dy->pitch % COLLIDING_FLOATS == 0;
}

/* Rows 2r and 2r + 1 as row r of pairs; `to` may be `from`. */
static void pair_rows(const rn_gemm_kernels *gemm, float *to, int64_t to_pitch, const float *from, int64_t from_pitch,
                      int64_t rows, int64_t columns)
{
    for (int64_t r = 0; r < rows; r += 2)
        gemm->pairs->rows(to + r / 2 * to_pitch, columns, from + r * from_pitch,
                          r + 1 < rows ? from + (r + 1) * from_pitch : NULL, columns);
}

/* Columns of the rows [m, m + rows), in panels. */
static void pack_columns(const weight_pass *pass, const weight_unit *u, int64_t m, int64_t rows, float *columns,
                         float *line)
{
    const rn_gather gather = rn_gather_windows(pass->conv, pass->x, u->group);

    rn_gather_columns(&gather, pass->gemm, columns, pass->blocks->column_floats, m, rows, u->column,
                      u->column + u->columns, line);
}

/* The same of formed rows: a few at a time are made, as they lie in memory, and then spread over the panels. */
static void form_columns(const weight_pass *pass, const weight_unit *u, int64_t m, int64_t rows, float *columns,
                         float *lines)
{
    const rn_weight_blocks *const b = pass->blocks;
    const int64_t nr = pass->gemm->nr, pitch = b->line_floats / LINES_FORMED;

    for (int64_t r = 0; r < rows; r += LINES_FORMED) {
        const int64_t count = rn_least(LINES_FORMED, rows - r);
        const rn_row_combine form = { .a = rn_matrix_part(pass->x, m + r, u->column),
                                      .ka = pass->form->scale + u->column,
                                      .c = pass->form->shift + u->column,
                                      .relu = true,
                                      .out = { lines, pitch } };

        pass->rows->combine(count, u->columns, &form);
        for (int64_t k = 0; k < u->columns; k += nr)
            pass->gemm->floats->copy(columns + k / nr * b->column_floats + r * nr, nr, lines + k, pitch, count,
                                     rn_least(nr, u->columns - k));
    }
}

/* A thread's. */
typedef struct weight_room {
    float *columns, *gradients, *tile, *line;
} weight_room;

static weight_room room_of(const weight_pass *pass, int32_t thread)
{
    const rn_weight_blocks *const b = pass->blocks;
    weight_room room = { .columns = pass->threads + thread * b->thread_floats };

    room.gradients = room.columns + b->column_most * b->column_floats;
    room.tile = room.gradients + b->stretch * b->out_pitch;
    room.line = room.tile + b->tile_floats;
    return room;
}

/* Halves, counted from the first of row `row` of a map of them. */
static const uint16_t *halves_at(const rn_map *map, int64_t row)
{
    return (const uint16_t *)(const void *)(map->data + row * map->pitch);
}

/* Columns of rows of halves, `from_pitch` halves apart, as pairs of rows r and r + 1, in panels. */
static void spread_halves(const weight_pass *pass, const weight_unit *u, const uint16_t *from, int64_t from_pitch,
                          int64_t r, int64_t rows, float *columns)
{
    const int64_t nr = pass->gemm->nr;

    for (int64_t k = 0; k < u->columns; k += nr)
        pass->gemm->pairs->interleave(columns + k / nr * pass->blocks->column_floats + r / 2 * nr, nr, nr, from + k,
                                      from_pitch, rows, rn_least(nr, u->columns - k));
}

/* The rows [m, m + rows) of windows over a map of halves, as pairs of rows in panels. */
static void pack_halves(const weight_pass *pass, const weight_unit *u, int64_t m, int64_t rows,
                        const weight_room *room)
{
    const rn_gather windows = rn_gather_windows(pass->conv, pass->x, u->group);
    const int64_t most = pass->blocks->line_floats / 4; /* floats of a row */
    float *const lines = room->line + 2 * most;
    const bool in_place = rn_gather_whole_map(&windows);
    rn_gather gather = windows;

    gather.channels /= 2;
    for (int64_t r = 0; in_place && r < rows; r += LINES_OF_HALVES)
        spread_halves(pass, u, halves_at(pass->x, m + r) + u->column, 2 * pass->x->pitch, r,
                      rn_least(LINES_OF_HALVES, rows - r), room->columns);
    for (int64_t r = 0; !in_place && r < rows; r += 2) {
        const int64_t count = rn_least(2, rows - r);

        for (int64_t i = 0; i < count; i++)
            rn_gather_columns(&gather, pass->gemm, lines + i * most, pass->gemm->nr, m + r + i, 1, u->column / 2,
                              (u->column + u->columns) / 2, room->line);
        spread_halves(pass, u, (const uint16_t *)(const void *)lines, 2 * most, r, count, room->columns);
    }
}

/* The rows [m, m + rows) of both operands as pairs of rows. */
static void make_pairs(const weight_pass *pass, const weight_unit *u, int64_t m, int64_t rows, int64_t first,
                       int64_t outs, const weight_room *room)
{
    const rn_gemm_kernels *const gemm = pass->gemm;
    const rn_weight_blocks *const b = pass->blocks;

    if (pass->dy->is_halved) {
        gemm->pairs->interleave(room->gradients, b->out_pitch, outs, halves_at(pass->dy, m) + first,
                                2 * pass->dy->pitch, rows, outs);
    } else {
        const rn_matrix dy = rn_matrix_part(pass->dy, m, first);

        pair_rows(gemm, room->gradients, b->out_pitch, dy.data, dy.pitch, rows, outs);
    }
    if (pass->x->is_halved) {
        pack_halves(pass, u, m, rows, room);
        return;
    }
    pack_columns(pass, u, m, rows, room->columns, room->line);
    for (int64_t k = 0; k < u->columns; k += gemm->nr) {
        float *const panel = room->columns + k / gemm->nr * b->column_floats;

        pair_rows(gemm, panel, gemm->nr, panel, gemm->nr, rows, gemm->nr);
    }
}

/* The rows [m, m + rows) of dy as multiply_stretch reads them. A joint pass makes rows of dx while they are there. */
static rn_matrix gradients_of(const weight_pass *pass, int64_t m, int64_t rows, rn_matrix dy, int64_t outs,
                              const weight_room *room)
{
    const rn_matrix near = { room->gradients, pass->blocks->out_pitch };

    if (pass->joint != NULL) {
        rn_joint_form(pass->rows, pass->joint, m, rows, near);
        rn_joint_data(pass->gemm, pass->joint, pass->packed, m, rows, near, room->tile);
        return near;
    }
    if (!rows_collide(pass->dy))
        return dy;
    pass->gemm->floats->copy(near.data, near.pitch, dy.data, dy.pitch, rows, outs);
    return near;
}

static void add_stretch(const weight_pass *pass, const weight_unit *u, int64_t m, int64_t rows, const weight_room *room)
{
    const rn_weight_blocks *const b = pass->blocks;
    const int64_t first = panel_begin(b, u->out_panel), outs = panel_begin(b, u->out_end) - first;
    const bool accumulate = u->accumulate || m > u->begin;
    rn_matrix left;

    if (pass->gemm->pairs != NULL) {
        make_pairs(pass, u, m, rows, first, outs, room);
        multiply_stretch(pass, u, rn_divide_up(rows, 2), accumulate, room->gradients, b->out_pitch, room->columns,
                         room->tile);
        return;
    }
    if (pass->form != NULL)
        form_columns(pass, u, m, rows, room->columns, room->line);
    else
        pack_columns(pass, u, m, rows, room->columns, room->line);
    left = gradients_of(pass, m, rows, rn_matrix_part(pass->dy, m, u->group * b->outs + first), outs, room);
    multiply_stretch(pass, u, rows, accumulate, left.data, left.pitch, room->columns, room->tile);
}

static void run_weight_units(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const weight_pass *const pass = payload;
    const weight_room room = room_of(pass, thread);
    const int64_t stretch = pass->blocks->stretch;

    for (int64_t index = begin; index < end; index++) {
        const weight_unit u = unit_at(pass, index);

        for (int64_t m = u.begin; m < u.end; m += stretch)
            add_stretch(pass, &u, m, rn_least(stretch, u.end - m), &room);
    }
}

/* ---- the passes -------------------------------------------------------------------------------------------------- */

static weight_pass pass_of(const rn_context *context, const rn_conv_plan *plan, void *workspace)
{
    const rn_weight_blocks *const b = &plan->weights;
    weight_pass pass = {
        .gemm = b->gemm, .conv = &plan->conv, .blocks = b, .rows = context->kernels->rows, .partials = workspace
    };

    pass.packed = pass.partials + partial_bytes(&plan->conv, b) / sizeof(float);
    pass.threads = pass.packed + joint_bytes(&plan->conv, b) / sizeof(float);
    return pass;
}

static void run_pass(const rn_context *context, weight_pass *pass)
{
    const rn_weight_blocks *const b = pass->blocks;

    rn_parallel(&context->pool, pass->conv->groups * b->chunks * b->out.blocks * b->column.blocks, run_weight_units,
                pass);
    if (b->chunks > 1)
        rn_add_weight_chunks(context, pass->partials, b->chunks, pass->conv->out_c * b->depth, pass->dw,
                             pass->accumulate);
}

void rn_gemm_backward_weights(const rn_context *context, const rn_conv_plan *plan, const rn_map *x, const rn_map *dy,
                              float *dw, bool accumulate, void *workspace)
{
    rn_gemm_backward_weights_formed(context, plan, x, NULL, dy, dw, accumulate, workspace);
}

void rn_gemm_backward_weights_formed(const rn_context *context, const rn_conv_plan *plan, const rn_map *x,
                                     const rn_conv_form *form, const rn_map *dy, float *dw, bool accumulate,
                                     void *workspace)
{
    weight_pass pass = pass_of(context, plan, workspace);

    pass.x = x;
    pass.form = form;
    pass.dy = dy;
    pass.dw = dw;
    pass.accumulate = accumulate;
    run_pass(context, &pass);
}

void rn_gemm_backward_joint(const rn_context *context, const rn_conv_plan *plan, const rn_conv_joint *joint,
                            void *workspace)
{
    weight_pass pass = pass_of(context, plan, workspace);

    pass.x = joint->x;
    pass.form = joint->form;
    pass.dy = joint->g;
    pass.joint = joint;
    pass.dw = joint->dw;
    pass.accumulate = joint->adds_dw;
    rn_gemm_pack_data(context, pass.gemm, pass.conv, joint->weights, pass.packed);
    run_pass(context, &pass);
}
