/* SPDX-License-Identifier: MIT */
/*
 * The transforms of winograd_kernels.h, written once. The including file defines RN_LANES and RN_WINOGRAD_TABLE and is
 * compiled with its instruction set's flags, without fusing.
 *
 * A tile is transformed a vector of channels at a time, in registers: down its columns, then across its lines. The size
 * of a side is a constant wherever a function is inlined.
 */
#ifndef RN_KERNELS_WINOGRAD_BODY_H
#define RN_KERNELS_WINOGRAD_BODY_H

#include "kernels/row_vector.h"
#include "kernels/winograd_kernels.h"

#include <string.h>

enum {
    SIDE = RN_WINOGRAD_SIDE,
    MOST = 4,
    WINDOW = 3,
    AHEAD = 64 /* floats: planes are more streams than a cache foresees */
};

#define ROOT 1.41421356237309505f      /* r */
#define HALF_ROOT 0.70710678118654752f /* 1 / r */

/* Factors of G: 1 / prod(x_i - x_j) for the points 1/r and -1/r, and for r and -r; for 0 it is 1. */
#define INNER (-2.0f / 3.0f)
#define OUTER (1.0f / 6.0f)

#define EACH_POINT(i, side) \
    for (int i = 0; i < SIDE; i++) \
        if (i != 4 || (side) == MOST)

/* ---- one side ---------------------------------------------------------------------------------------------------- */

/* t = B^T d */
static ALWAYS_INLINE void input_side(const int side, const vf *d, vf *t)
{
    if (side == MOST) {
        const vf even_inner = d[4] - d[2] * 2.0f, odd_inner = (d[3] - d[1] * 2.0f) * HALF_ROOT;
        const vf even_outer = d[4] - d[2] * 0.5f, odd_outer = (d[3] - d[1] * 0.5f) * ROOT;

        t[0] = d[4] + d[0] - d[2] * 2.5f;
        t[1] = even_inner + odd_inner;
        t[2] = even_inner - odd_inner;
        t[3] = even_outer + odd_outer;
        t[4] = even_outer - odd_outer;
        t[5] = d[5] + d[1] - d[3] * 2.5f;
    } else {
        const vf inner = (d[3] - d[1]) * (3 * HALF_ROOT), half = d[2] * 1.5f;

        t[0] = (d[3] - d[1] * 0.5f) * ROOT + (d[0] - d[2] * 2.0f);
        t[1] = inner - half;
        t[2] = (d[3] + d[1]) * HALF_ROOT - half;
        t[3] = (d[3] - d[1] * 0.5f) * (2 * ROOT);
        t[5] = d[4] - d[2] * 0.5f - (d[3] - d[1] * 0.5f) * ROOT;
    }
}

/* y = A^T m */
static ALWAYS_INLINE void output_side(const int side, const vf *m, vf *y)
{
    const vf inner_sum = m[1] + m[2], inner_difference = (m[1] - m[2]) * HALF_ROOT;

    if (side == MOST) {
        const vf outer_sum = m[3] + m[4], outer_difference = (m[3] - m[4]) * ROOT;

        y[0] = m[0] + inner_sum + outer_sum;
        y[1] = inner_difference + outer_difference;
        y[2] = inner_sum * 0.5f + outer_sum * 2.0f;
        y[3] = inner_difference * 0.5f + outer_difference * 2.0f + m[5];
    } else {
        y[0] = m[0] + inner_sum + m[3];
        y[1] = inner_difference + m[3] * ROOT;
        y[2] = inner_sum * 0.5f + m[3] * 2.0f + m[5];
    }
}

/* t = A y */
static ALWAYS_INLINE void gradient_side(const int side, const vf *y, vf *t)
{
    const vf third_inner = y[0] + y[2] * 0.5f, third_outer = y[0] + y[2] * 2.0f;

    t[0] = y[0];
    if (side == MOST) {
        const vf inner = (y[1] + y[3] * 0.5f) * HALF_ROOT, outer = (y[1] + y[3] * 2.0f) * ROOT;

        t[1] = third_inner + inner;
        t[2] = third_inner - inner;
        t[3] = third_outer + outer;
        t[4] = third_outer - outer;
        t[5] = y[3];
    } else {
        const vf inner = y[1] * HALF_ROOT;

        t[1] = third_inner + inner;
        t[2] = third_inner - inner;
        t[3] = third_outer + y[1] * ROOT;
        t[5] = y[2];
    }
}

/* t = G g */
static ALWAYS_INLINE void weight_side(const vf *g, vf *t)
{
    const vf inner = (g[0] + g[2] * 0.5f) * INNER, inner_odd = g[1] * (INNER * HALF_ROOT);
    const vf outer = (g[0] + g[2] * 2.0f) * OUTER, outer_odd = g[1] * (OUTER * ROOT);

    t[0] = g[0];
    t[1] = inner + inner_odd;
    t[2] = inner - inner_odd;
    t[3] = outer + outer_odd;
    t[4] = outer - outer_odd;
    t[5] = g[2];
}

/* g = G^T t */
static ALWAYS_INLINE void weight_gradient_side(const vf *t, vf *g)
{
    const vf inner = (t[1] + t[2]) * INNER, outer = (t[3] + t[4]) * OUTER;

    g[0] = t[0] + inner + outer;
    g[1] = (t[1] - t[2]) * (INNER * HALF_ROOT) + (t[3] - t[4]) * (OUTER * ROOT);
    g[2] = inner * 0.5f + outer * 2.0f + t[5];
}

/* ---- tiles ------------------------------------------------------------------------------------------------------- */

/* Calls `tile_function(height, width, ...)` with constants. */
#define BY_SIDES(tile_function, tile, ...) \
    do { \
        if ((tile)->height == MOST && (tile)->width == MOST) \
            tile_function(MOST, MOST, __VA_ARGS__); \
        else if ((tile)->height == MOST) \
            tile_function(MOST, MOST - 1, __VA_ARGS__); \
        else if ((tile)->width == MOST) \
            tile_function(MOST - 1, MOST, __VA_ARGS__); \
        else \
            tile_function(MOST - 1, MOST - 1, __VA_ARGS__); \
    } while (0)

static ALWAYS_INLINE void input_tile(const int height, const int width, const rn_winograd_tile *tile,
                                     const float *const *pixel, int64_t channels)
{
    float *const planes = tile->planes;
    const int64_t pitch = tile->plane_pitch;

    for (int64_t c = 0; c < channels; c += LANES) {
        vf down[SIDE][SIDE];

        for (int j = 0; j < width + 2; j++) {
            vf d[SIDE], t[SIDE];

            for (int i = 0; i < height + 2; i++)
                d[i] = load(pixel[i * SIDE + j] + c);
            input_side(height, d, t);
            EACH_POINT(i, height)
            down[i][j] = t[i];
        }
        EACH_POINT(i, height)
        {
            vf t[SIDE];

            input_side(width, down[i], t);
            EACH_POINT(j, width)
            store(planes + (i * SIDE + j) * pitch + c, t[j]);
        }
    }
}

/* Each of these is there once, since they are large. Channels are a multiple of a vector's. */
static __attribute__((noinline)) void input_whole(const rn_winograd_tile *tile, const float *const *pixel,
                                                  int64_t channels)
{
    BY_SIDES(input_tile, tile, tile, pixel, channels);
}

static ALWAYS_INLINE void gradient_tile(const int height, const int width, const rn_winograd_tile *tile,
                                        const float *dy, int64_t pixel, int64_t line, int64_t channels)
{
    float *const planes = tile->planes;
    const int64_t pitch = tile->plane_pitch;

    for (int64_t c = 0; c < channels; c += LANES) {
        vf down[SIDE][MOST];

        for (int j = 0; j < width; j++) {
            vf y[MOST], t[SIDE];

            for (int i = 0; i < height; i++)
                y[i] = load(dy + i * line + j * pixel + c);
            gradient_side(height, y, t);
            EACH_POINT(i, height)
            down[i][j] = t[i];
        }
        EACH_POINT(i, height)
        {
            vf t[SIDE];

            gradient_side(width, down[i], t);
            EACH_POINT(j, width)
            store(planes + (i * SIDE + j) * pitch + c, t[j]);
        }
    }
}

static __attribute__((noinline)) void gradient_whole(const rn_winograd_tile *tile, const float *dy, int64_t pixel,
                                                     int64_t line, int64_t channels)
{
    BY_SIDES(gradient_tile, tile, tile, dy, pixel, line, channels);
}

/* The combination of one vector; its branches go the same way for a whole layer. */
static ALWAYS_INLINE void finish_vector(const rn_row_combine *finish, vf v, vf scale, vf shift, int64_t out,
                                        int64_t other)
{
    if (finish->ka != NULL)
        v *= scale;
    if (finish->c != NULL)
        v += shift;
    if (finish->other.data != NULL)
        v += load(finish->other.data + other);
    store(finish->out.data + out, finish->relu ? relu(v) : v);
}

static ALWAYS_INLINE void output_tile(const int height, const int width, const rn_winograd_tile *tile, int64_t channels,
                                      const rn_row_combine *finish, int64_t out_line, int64_t other_line)
{
    const rn_row_combine known = *finish; /* which no store can change */
    const float *const planes = tile->planes;
    const int64_t pitch = tile->plane_pitch;

    for (int64_t c = 0; c < channels; c += LANES) {
        const vf scale = known.ka != NULL ? load(known.ka + c) : (vf){ 0 };
        const vf shift = known.c != NULL ? load(known.c + c) : (vf){ 0 };
        vf down[MOST][SIDE];

        EACH_POINT(j, width)
        {
            vf m[SIDE], y[MOST];

            EACH_POINT(i, height)
            m[i] = load(planes + (i * SIDE + j) * pitch + c);
            output_side(height, m, y);
            for (int i = 0; i < height; i++)
                down[i][j] = y[i];
        }
        for (int i = 0; i < height; i++) {
            vf y[MOST];

            output_side(width, down[i], y);
            for (int j = 0; j < width; j++)
                finish_vector(&known, y[j], scale, shift, i * out_line + j * known.out.pitch + c,
                              i * other_line + j * known.other.pitch + c);
        }
    }
}

static __attribute__((noinline)) void output_whole(const rn_winograd_tile *tile, int64_t channels,
                                                   const rn_row_combine *finish, int64_t out_line, int64_t other_line)
{
    BY_SIDES(output_tile, tile, tile, channels, finish, out_line, other_line);
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) void weight_vector(const float *taps, int64_t tap_pitch, float *planes, int64_t pitch)
{
    vf down[SIDE][WINDOW];

    for (int j = 0; j < WINDOW; j++) {
        vf g[WINDOW], t[SIDE];

        for (int i = 0; i < WINDOW; i++)
            g[i] = load(taps + (i * WINDOW + j) * tap_pitch);
        weight_side(g, t);
        for (int i = 0; i < SIDE; i++)
            down[i][j] = t[i];
    }
    for (int i = 0; i < SIDE; i++) {
        vf t[SIDE];

        weight_side(down[i], t);
        for (int j = 0; j < SIDE; j++)
            store(planes + (i * SIDE + j) * pitch, t[j]);
    }
}

static __attribute__((noinline)) void weight_gradient_vector(const float *planes, int64_t pitch, float *dw,
                                                             int64_t tap_pitch, bool accumulate)
{
    vf down[WINDOW][SIDE];

    for (int j = 0; j < SIDE; j++) {
        vf t[SIDE], g[WINDOW];

        for (int i = 0; i < SIDE; i++) {
            __builtin_prefetch(planes + (i * SIDE + j) * pitch + AHEAD);
            t[i] = load(planes + (i * SIDE + j) * pitch);
        }
        weight_gradient_side(t, g);
        for (int i = 0; i < WINDOW; i++)
            down[i][j] = g[i];
    }
    for (int i = 0; i < WINDOW; i++) {
        vf g[WINDOW];

        weight_gradient_side(down[i], g);
        for (int j = 0; j < WINDOW; j++) {
            float *const to = dw + (i * WINDOW + j) * tap_pitch;

            store(to, accumulate ? load(to) + g[j] : g[j]);
        }
    }
}

/* ---- channels that do not fill a vector: on copies with zeros behind them ---------------------------------------- */

/* Zeros alone where what is stored goes on for a vector behind the last channel: `count` is 0 or less. */
static void copy_rest(float *to, const float *from, int64_t count)
{
    store(to, (vf){ 0 });
    if (count > 0)
        memcpy(to, from, (size_t)count * sizeof *to);
}

static void input(const rn_winograd_tile *tile, const float *const *pixel, int64_t channels, int64_t stored)
{
    const int64_t whole = channels / LANES * LANES;
    rn_winograd_tile rest = *tile;
    float copy[SIDE * SIDE][LANES];
    const float *copies[SIDE * SIDE];

    input_whole(tile, pixel, whole);
    for (int64_t c = whole; c < stored; c += LANES) {
        for (int i = 0; i < tile->height + 2; i++)
            for (int j = 0; j < tile->width + 2; j++) {
                const int at = i * SIDE + j;

                copy_rest(copy[at], pixel[at] + c, channels - c);
                copies[at] = copy[at];
            }
        rest.planes = tile->planes + c;
        input_whole(&rest, copies, LANES);
    }
}

static void gradient(const rn_winograd_tile *tile, const float *dy, int64_t pixel, int64_t line, int64_t channels,
                     int64_t stored)
{
    const int64_t whole = channels / LANES * LANES;
    rn_winograd_tile rest = *tile;
    float copy[MOST * MOST * LANES];

    gradient_whole(tile, dy, pixel, line, whole);
    for (int64_t c = whole; c < stored; c += LANES) {
        for (int i = 0; i < tile->height; i++)
            for (int j = 0; j < tile->width; j++)
                copy_rest(copy + (i * MOST + j) * LANES, dy + i * line + j * pixel + c, channels - c);
        rest.planes = tile->planes + c;
        gradient_whole(&rest, copy, LANES, MOST * LANES, LANES);
    }
}

static void output(const rn_winograd_tile *tile, int64_t channels, const rn_row_combine *finish, int64_t out_line,
                   int64_t other_line)
{
    const int64_t whole = channels / LANES * LANES, count = channels - whole;
    rn_winograd_tile rest = *tile;
    rn_row_combine copied = *finish;
    float scale[LANES], shift[LANES], other[MOST * MOST * LANES], out[MOST * MOST * LANES];

    output_whole(tile, whole, finish, out_line, other_line);
    if (count == 0)
        return;
    rest.planes = tile->planes + whole;
    copied.out = (rn_matrix){ out, LANES };
    if (finish->ka != NULL) {
        copy_rest(scale, finish->ka + whole, count);
        copied.ka = scale;
    }
    if (finish->c != NULL) {
        copy_rest(shift, finish->c + whole, count);
        copied.c = shift;
    }
    if (finish->other.data != NULL) {
        for (int i = 0; i < tile->height; i++)
            for (int j = 0; j < tile->width; j++)
                copy_rest(other + (i * MOST + j) * LANES,
                          finish->other.data + i * other_line + j * finish->other.pitch + whole, count);
        copied.other = (rn_matrix){ other, LANES };
    }
    output_whole(&rest, LANES, &copied, MOST * LANES, MOST * LANES);
    for (int i = 0; i < tile->height; i++)
        for (int j = 0; j < tile->width; j++)
            for (int64_t c = 0; c < count; c++)
                finish->out.data[i * out_line + j * finish->out.pitch + whole + c] = out[(i * MOST + j) * LANES + c];
}

static void weights(int64_t rows, int64_t columns, int64_t columns_stored, const float *taps, int64_t row_pitch,
                    int64_t tap_pitch, float *planes, int64_t plane_pitch)
{
    float copy[WINDOW * WINDOW * LANES];

    for (int64_t r = 0; r < rows; r++, taps += row_pitch, planes += columns_stored) {
        int64_t c = 0;

        for (; c + LANES <= columns; c += LANES)
            weight_vector(taps + c, tap_pitch, planes + c, plane_pitch);
        for (; c < columns_stored; c += LANES) {
            for (int tap = 0; tap < WINDOW * WINDOW; tap++)
                copy_rest(copy + tap * LANES, taps + tap * tap_pitch + c, columns - c);
            weight_vector(copy, LANES, planes + c, plane_pitch);
        }
    }
}

static void weight_gradient(int64_t channels, const float *planes, int64_t plane_pitch, float *dw, int64_t tap_pitch,
                            bool accumulate)
{
    float copy[WINDOW * WINDOW * LANES];
    int64_t c = 0;

    for (; c + LANES <= channels; c += LANES)
        weight_gradient_vector(planes + c, plane_pitch, dw + c, tap_pitch, accumulate);
    if (c == channels)
        return;
    for (int tap = 0; accumulate && tap < WINDOW * WINDOW; tap++)
        copy_rest(copy + tap * LANES, dw + tap * tap_pitch + c, channels - c);
    weight_gradient_vector(planes + c, plane_pitch, copy, LANES, accumulate);
    for (int tap = 0; tap < WINDOW * WINDOW; tap++)
        for (int64_t i = 0; c + i < channels; i++)
            dw[tap * tap_pitch + c + i] = copy[tap * LANES + i];
}

const rn_winograd_kernels RN_WINOGRAD_TABLE = {
    .input = input,
    .gradient = gradient,
    .output = output,
    .weights = weights,
    .weight_gradient = weight_gradient,
};

#endif
