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
#include "ops/conv_product.h"
#include "ops/weight_operands.h"

enum { PAD = 16 /* keeps panels of a power of two of floats off each other's cache sets */ };

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
    b.line_floats = rn_weight_line_floats(gemm, conv, b.column_most * gemm->nr);
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
    rn_weight_operands operands;
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
    const rn_weight_blocks *const b = pass->operands.blocks;
    const int64_t column = index % b->column.blocks, out = index / b->column.blocks % b->out.blocks, nr = b->gemm->nr;
    const int64_t chunk = index / b->column.blocks / b->out.blocks % b->chunks;
    weight_unit u = { .group = index / b->column.blocks / b->out.blocks / b->chunks };

    u.begin = b->rows / b->chunks * chunk + rn_least(chunk, b->rows % b->chunks);
    u.end = u.begin + b->rows / b->chunks + (chunk < b->rows % b->chunks);
    u.out_panel = b->out.panels * out / b->out.blocks;
    u.out_end = b->out.panels * (out + 1) / b->out.blocks;
    u.column = b->column.panels * column / b->column.blocks * nr;
    u.columns = rn_least(b->depth, b->column.panels * (column + 1) / b->column.blocks * nr) - u.column;
    u.target = (b->chunks > 1 ? pass->partials + chunk * pass->operands.conv->out_c * b->depth : pass->dw) +
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

/* Rows, or rows of pairs, of both operands. */
static void multiply_stretch(const rn_weight_blocks *b, const weight_unit *u, int64_t rows, bool accumulate,
                             rn_matrix gradients, const float *columns, float *tile)
{
    const rn_gemm_kernels *const gemm = b->gemm;

    for (int64_t p = u->out_panel; p < u->out_end; p++) {
        const int64_t o = panel_begin(b, p), height = panel_begin(b, p + 1) - o;
        const float *const left = gradients.data + o - panel_begin(b, u->out_panel);

        for (int64_t k = 0; k < u->columns; k += gemm->nr) {
            float *const target = u->target + o * b->depth + u->column + k;
            const float *const panel = columns + k / gemm->nr * b->column_floats;
            const int64_t rest = u->columns - k;

            if (rest > gemm->nr)
                fetch_tile(target + gemm->nr, b->depth, height, rn_least(rest - gemm->nr, gemm->nr));
            if (rest >= gemm->nr)
                gemm->multiply_weights(height, rows, left, gradients.pitch, panel, target, b->depth, accumulate);
            else
                multiply_edge(gemm, height, rows, left, gradients.pitch, panel, target, b->depth, rest, accumulate,
                              tile);
        }
    }
}

static rn_weight_room room_of(const weight_pass *pass, int32_t thread)
{
    const rn_weight_blocks *const b = pass->operands.blocks;
    rn_weight_room room = { .columns = pass->threads + thread * b->thread_floats };

    room.gradients = room.columns + b->column_most * b->column_floats;
    room.tile = room.gradients + b->stretch * b->out_pitch;
    room.line = room.tile + b->tile_floats;
    return room;
}

/* A joint pass forms rows of dy, and makes rows of dx while they are there. */
static rn_matrix join_stretch(const weight_pass *pass, const rn_weight_stretch *stretch, const rn_weight_room *room)
{
    const rn_weight_operands *const o = &pass->operands;
    const rn_matrix near = { room->gradients, o->blocks->out_pitch };

    rn_joint_form(o->rows, pass->joint, stretch->m, stretch->rows, near);
    rn_joint_data(o->gemm, pass->joint, pass->packed, stretch->m, stretch->rows, near, room->tile);
    return near;
}

static void add_stretch(const weight_pass *pass, const weight_unit *u, int64_t m, int64_t rows,
                        const rn_weight_room *room)
{
    const rn_weight_blocks *const b = pass->operands.blocks;
    const int64_t out = panel_begin(b, u->out_panel), outs = panel_begin(b, u->out_end) - out;
    const rn_weight_stretch stretch = { u->group, m, rows, out, outs, u->column, u->columns };
    rn_matrix gradients;

    rn_weight_columns(&pass->operands, &stretch, room);
    gradients =
        pass->joint != NULL ? join_stretch(pass, &stretch, room) : rn_weight_gradients(&pass->operands, &stretch, room);
    multiply_stretch(b, u, rn_gemm_channels(b->gemm, rows), u->accumulate || m > u->begin, gradients, room->columns,
                     room->tile);
}

static void run_weight_units(void *payload, int64_t begin, int64_t end, int32_t thread)
{
    const weight_pass *const pass = payload;
    const rn_weight_room room = room_of(pass, thread);
    const int64_t stretch = pass->operands.blocks->stretch;

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
    weight_pass pass = { .operands = { b->gemm, context->kernels->rows, &plan->conv, b, NULL, NULL, NULL },
                         .partials = workspace };

    pass.packed = pass.partials + partial_bytes(&plan->conv, b) / sizeof(float);
    pass.threads = pass.packed + joint_bytes(&plan->conv, b) / sizeof(float);
    return pass;
}

static void run_pass(const rn_context *context, weight_pass *pass)
{
    const rn_weight_blocks *const b = pass->operands.blocks;

    rn_parallel(&context->pool, pass->operands.conv->groups * b->chunks * b->out.blocks * b->column.blocks,
                run_weight_units, pass);
    if (b->chunks > 1)
        rn_add_weight_chunks(context, pass->partials, b->chunks, pass->operands.conv->out_c * b->depth, pass->dw,
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

    pass.operands.x = x;
    pass.operands.form = form;
    pass.operands.dy = dy;
    pass.dw = dw;
    pass.accumulate = accumulate;
    run_pass(context, &pass);
}

void rn_gemm_backward_joint(const rn_context *context, const rn_conv_plan *plan, const rn_conv_joint *joint,
                            void *workspace)
{
    weight_pass pass = pass_of(context, plan, workspace);

    pass.operands.x = joint->x;
    pass.operands.form = joint->form;
    pass.operands.dy = joint->g;
    pass.joint = joint;
    pass.dw = joint->dw;
    pass.accumulate = joint->adds_dw;
    rn_gemm_pack_data(context, pass.operands.gemm, pass.operands.conv, joint->weights, pass.packed);
    run_pass(context, &pass);
}
