/* SPDX-License-Identifier: MIT */
#include "ops/weight_operands.h"

#include "ops/conv_band.h"
#include "ops/matrix.h"

enum {
    LINE_SPARE = 64,
    LINES_FORMED = 8, /* together, in the first-level cache */
    LINES_OF_HALVES = 16
};

int64_t rn_weight_line_floats(const rn_gemm_kernels *gemm, const rn_conv *conv, int64_t columns)
{
    const int64_t line = rn_round_up(columns + LINE_SPARE, RN_FLOATS_A_LINE);

    return gemm->pairs != NULL ? 2 * line : conv->is_formed ? LINES_FORMED * line : line;
}

/* ---- floats ------------------------------------------------------------------------------------------------------ */

static void pack_columns(const rn_weight_operands *o, const rn_weight_stretch *s, const rn_weight_room *room)
{
    const rn_gather gather = rn_gather_windows(o->conv, o->x, s->group);

    rn_gather_columns(&gather, o->gemm, room->columns, o->blocks->column_floats, s->m, s->rows, s->column,
                      s->column + s->columns, room->line);
}

/* The same of formed rows: a few at a time are made, as they lie in memory, and then spread over the panels. */
static void form_columns(const rn_weight_operands *o, const rn_weight_stretch *s, const rn_weight_room *room)
{
    const rn_weight_blocks *const b = o->blocks;
    const int64_t nr = o->gemm->nr, pitch = b->line_floats / LINES_FORMED;

    for (int64_t r = 0; r < s->rows; r += LINES_FORMED) {
        const int64_t count = rn_least(LINES_FORMED, s->rows - r);
        const rn_row_combine form = { .a = rn_matrix_part(o->x, s->m + r, s->column),
                                      .ka = o->form->scale + s->column,
                                      .c = o->form->shift + s->column,
                                      .relu = true,
                                      .out = { room->line, pitch } };

        o->rows->combine(count, s->columns, &form);
        for (int64_t k = 0; k < s->columns; k += nr)
            o->gemm->floats->copy(room->columns + k / nr * b->column_floats + r * nr, nr, room->line + k, pitch, count,
                                  rn_least(nr, s->columns - k));
    }
}

/* ---- pairs of floats --------------------------------------------------------------------------------------------- */

/* Rows 2r and 2r + 1 as row r of pairs; `to` may be `from`. */
static void pair_rows(const rn_gemm_kernels *gemm, float *to, int64_t to_pitch, const float *from, int64_t from_pitch,
                      int64_t rows, int64_t columns)
{
    for (int64_t r = 0; r < rows; r += 2)
        gemm->pairs->rows(to + r / 2 * to_pitch, columns, from + r * from_pitch,
                          r + 1 < rows ? from + (r + 1) * from_pitch : NULL, columns);
}

static void pair_columns(const rn_weight_operands *o, const rn_weight_stretch *s, const rn_weight_room *room)
{
    const int64_t nr = o->gemm->nr;

    pack_columns(o, s, room);
    for (int64_t k = 0; k < s->columns; k += nr) {
        float *const panel = room->columns + k / nr * o->blocks->column_floats;

        pair_rows(o->gemm, panel, nr, panel, nr, s->rows, nr);
    }
}

/* ---- pairs of halves --------------------------------------------------------------------------------------------- */

static const uint16_t *halves_at(const rn_map *map, int64_t row)
{
    return (const uint16_t *)(const void *)(map->data + row * map->pitch);
}

/* Rows of halves, `pitch` halves apart, as those from row r of the stretch on. */
static void spread_halves(const rn_weight_operands *o, const rn_weight_stretch *s, const uint16_t *from, int64_t pitch,
                          int64_t r, int64_t rows, float *columns)
{
    const int64_t nr = o->gemm->nr;

    for (int64_t k = 0; k < s->columns; k += nr)
        o->gemm->pairs->interleave(columns + k / nr * o->blocks->column_floats + r / 2 * nr, nr, nr, from + k, pitch,
                                   rows, rn_least(nr, s->columns - k));
}

/* Windows are gathered two at a time; their channels are pairs already, of neighbours, which count as floats. */
static void gather_halves(const rn_weight_operands *o, const rn_weight_stretch *s, const rn_gather *windows,
                          const rn_weight_room *room)
{
    const int64_t pitch = o->blocks->line_floats / 4; /* the first half is what gathering asks for */
    float *const lines = room->line + 2 * pitch;
    rn_gather gather = *windows;

    gather.channels /= 2;
    for (int64_t r = 0; r < s->rows; r += 2) {
        const int64_t count = rn_least(2, s->rows - r);

        for (int64_t i = 0; i < count; i++)
            rn_gather_columns(&gather, o->gemm, lines + i * pitch, o->gemm->nr, s->m + r + i, 1, s->column / 2,
                              (s->column + s->columns) / 2, room->line);
        spread_halves(o, s, (const uint16_t *)(const void *)lines, 2 * pitch, r, count, room->columns);
    }
}

static void pack_halves(const rn_weight_operands *o, const rn_weight_stretch *s, const rn_weight_room *room)
{
    const rn_gather windows = rn_gather_windows(o->conv, o->x, s->group);

    if (!rn_gather_whole_map(&windows)) {
        gather_halves(o, s, &windows, room);
        return;
    }
    for (int64_t r = 0; r < s->rows; r += LINES_OF_HALVES)
        spread_halves(o, s, halves_at(o->x, s->m + r) + s->column, 2 * o->x->pitch, r,
                      rn_least(LINES_OF_HALVES, s->rows - r), room->columns);
}

/* ---- either ------------------------------------------------------------------------------------------------------ */

void rn_weight_columns(const rn_weight_operands *o, const rn_weight_stretch *s, const rn_weight_room *room)
{
    if (o->form != NULL)
        form_columns(o, s, room);
    else if (o->x->is_halved)
        pack_halves(o, s, room);
    else if (o->gemm->pairs != NULL)
        pair_columns(o, s, room);
    else
        pack_columns(o, s, room);
}

/*
 * Floats are read where they lie, unless rows lie so that a panel of them falls on few sets of the first-level cache:
 * then a copy with another pitch is read.
 */
rn_matrix rn_weight_gradients(const rn_weight_operands *o, const rn_weight_stretch *s, const rn_weight_room *room)
{
    const int64_t channel = s->group * o->blocks->outs + s->out;
    const rn_matrix near = { room->gradients, o->blocks->out_pitch };
    rn_matrix dy;

    if (o->dy->is_halved) { /* of which there is one group, and where `channel` may be odd */
        o->gemm->pairs->interleave(near.data, near.pitch, s->outs, halves_at(o->dy, s->m) + channel, 2 * o->dy->pitch,
                                   s->rows, s->outs);
        return near;
    }
    dy = rn_matrix_part(o->dy, s->m, channel);
    if (o->gemm->pairs != NULL)
        pair_rows(o->gemm, near.data, near.pitch, dy.data, dy.pitch, s->rows, s->outs);
    else if (dy.pitch % RN_COLLIDING_FLOATS == 0)
        o->gemm->floats->copy(near.data, near.pitch, dy.data, dy.pitch, s->rows, s->outs);
    else
        return dy;
    return near;
}
