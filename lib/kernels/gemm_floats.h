/* SPDX-License-Identifier: MIT */
/*
 * The kernels of rn_float_kernels (gemm_kernels.h): what is of floats whatever the operands of products are, so that
 * tables of one instruction set share it. gemm_vector.h says what the including file names.
 */
#ifndef RN_KERNELS_GEMM_FLOATS_H
#define RN_KERNELS_GEMM_FLOATS_H

#include "kernels/gemm_vector.h"

/* ---- packing --------------------------------------------------------------------------------------------------- */

/* Any number of floats, touching no others: whole vectors, the last one overlapping the one before. */
ALWAYS_INLINE void copy_floats(float *restrict to, const float *restrict from, int64_t count)
{
    if (count >= WIDTH) {
        for (int64_t j = 0; j + WIDTH <= count; j += WIDTH)
            store(to + j, load(from + j));
        store(to + count - WIDTH, load(from + count - WIDTH));
    } else if (count >= 8) {
        memcpy(to, from, 8 * sizeof *to);
        memcpy(to + count - 8, from + count - 8, 8 * sizeof *to);
    } else if (count >= 4) {
        memcpy(to, from, 4 * sizeof *to);
        memcpy(to + count - 4, from + count - 4, 4 * sizeof *to);
    } else {
        for (int64_t j = 0; j < count; j++)
            to[j] = from[j];
    }
}

ALWAYS_INLINE void zero_floats(float *to, int64_t count)
{
    int64_t j = 0;

    for (; j + WIDTH <= count; j += WIDTH)
        store(to + j, (vector){ 0 });
    for (; j < count; j++)
        to[j] = 0;
}

static void copy(float *to, int64_t to_pitch, const float *from, int64_t from_pitch, int64_t rows, int64_t columns)
{
    for (int64_t r = 0; r < rows; r++, to += to_pitch, from += from_pitch) {
        copy_floats(to, from, columns);
        zero_floats(to + columns, to_pitch - columns);
    }
}

/*
 * Where the next floats go. `width` 0: one line. Otherwise: blocks of `width` floats that are `stride` floats apart, in
 * whole vectors.
 */
typedef struct cursor {
    float *to;
    int64_t used; /* floats of the current block */
} cursor;

ALWAYS_INLINE void cursor_store(cursor *at, const int width, int64_t stride, vector value)
{
    *(vector *)at->to = value;
    if (width == WIDTH) {
        at->to += stride;
        return;
    }
    at->to += WIDTH;
    at->used += WIDTH;
    if (at->used == width) {
        at->to += stride - width;
        at->used = 0;
    }
}

/*
 * `count` floats, or zeros where `from` is NULL, of each of `rows` rows: the next row's lie row_step floats further and
 * go `width` floats further.
 */
ALWAYS_INLINE void put(cursor *at, const int width, int64_t stride, int64_t rows, const float *from, int64_t row_step,
                       int64_t count)
{
    const cursor first = *at;

    if (count == 0)
        return;
    if (width == 0) {
        if (from == NULL)
            zero_floats(at->to, count);
        else
            copy_floats(at->to, from, count);
        at->to += count;
        return;
    }
    for (int64_t r = 0; r < rows; r++) {
        *at = (cursor){ first.to + r * width, first.used };
        for (int64_t j = 0; j < count; j += WIDTH)
            cursor_store(at, width, stride, from == NULL ? (vector){ 0 } : load(from + r * row_step + j));
    }
    at->to -= (rows - 1) * width;
}

ALWAYS_INLINE int64_t clip(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* Floats [begin, end) of the part of a window row that is there. */
ALWAYS_INLINE void put_pieces(cursor *at, const int width, int64_t stride, int64_t rows, const rn_gather_row *row,
                              const float *run, int64_t begin, int64_t end)
{
    if (row->piece == row->piece_pitch) {
        put(at, width, stride, rows, run + begin, row->more_step, end - begin);
        return;
    }
    for (int64_t piece = begin / row->piece; begin < end; piece++) {
        const int64_t first = begin - piece * row->piece;
        const int64_t last = end - piece * row->piece < row->piece ? end - piece * row->piece : row->piece;

        put(at, width, stride, rows, run + piece * row->piece_pitch + first, row->more_step, last - first);
        begin = (piece + 1) * row->piece;
    }
}

/* Places [begin, end) of `rows` rows from row `first` on. */
ALWAYS_INLINE void put_places(cursor *at, const int width, int64_t stride, int64_t first, int64_t rows,
                              const rn_gather_row *row, int64_t begin, int64_t end)
{
    const int64_t length = row->run_length;

    for (int64_t run = begin == 0 ? 0 : begin / length, place = begin; place < end; run++) {
        const int64_t base = run * length;
        const int64_t run_end = base + length < end ? base + length : end;
        const bool there = run >= row->first_run && run < row->end_run;
        const int64_t data = there ? clip(base + row->lead, place, run_end) : run_end;
        const int64_t data_end = there ? clip(base + row->lead + row->count, data, run_end) : run_end;

        put(at, width, stride, rows, NULL, 0, data - place);
        if (data < data_end)
            put_pieces(at, width, stride, rows, row,
                       row->source + first * row->more_step + (run - row->first_run) * row->run_pitch,
                       data - base - row->lead, data_end - base - row->lead);
        put(at, width, stride, rows, NULL, 0, run_end - data_end);
        place = run_end;
    }
}

ALWAYS_INLINE void gather_blocks(const int width, float *blocks, int64_t stride, const rn_gather_row *row,
                                 int64_t begin, int64_t end, float *line)
{
    const int64_t count = end - begin, whole = (count + WIDTH - 1) / WIDTH * WIDTH;
    cursor at = { blocks, 0 };

    if (((row->run_length | row->lead | row->count | row->piece | begin | end) & (WIDTH - 1)) == 0) {
        put_places(&at, width, stride, 0, row->more + 1, row, begin, end);
    } else {
        for (int64_t r = 0; r <= row->more; r++) {
            cursor on_line = { line, 0 };

            put_places(&on_line, 0, 0, r, 1, row, begin, end);
            zero_floats(on_line.to, whole - count);
            at = (cursor){ blocks + r * width, 0 };
            put(&at, width, stride, 1, line, 0, whole);
        }
        at.to -= row->more * width;
    }
    if (at.used != 0)
        put(&at, width, stride, row->more + 1, NULL, 0, width - at.used);
}

static void gather(float *blocks, int64_t stride, const rn_gather_row *row, int64_t begin, int64_t end, float *line)
{
    gather_blocks(UNIT, blocks, stride, row, begin, end, line);
}

static void gather_weights(float *blocks, int64_t stride, const rn_gather_row *row, int64_t begin, int64_t end,
                           float *line)
{
    gather_blocks(COLUMNS, blocks, stride, row, begin, end, line);
}

/* ---- transposition --------------------------------------------------------------------------------------------- */

#if RN_WIDTH == 4
#define ZIP_LOW 0, 4, 1, 5
#define ZIP_HIGH 2, 6, 3, 7
enum { STAGES = 2 };
#elif RN_WIDTH == 8
#define ZIP_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define ZIP_HIGH 4, 12, 5, 13, 6, 14, 7, 15
enum { STAGES = 3 };
#elif RN_WIDTH == 16
#define ZIP_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define ZIP_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
enum { STAGES = 4 };
#else
#error "a native vector holds 4, 8 or 16 floats"
#endif

/*
 * Zipping the halves of a square log2(width) times transposes it: each time one bit of the row number moves into the
 * column number.
 */
ALWAYS_INLINE void transpose_square(float *restrict to, int64_t to_pitch, const float *restrict from,
                                    int64_t from_pitch, int64_t rows)
{
    vector even[WIDTH], odd[WIDTH];

    UNROLL
    for (int i = 0; i < WIDTH; i++)
        even[i] = i < rows ? load(from + i * from_pitch) : (vector){ 0 };
    UNROLL
    for (int stage = 0; stage < STAGES; stage++) {
        UNROLL
        for (int i = 0; i < WIDTH / 2; i++) {
            odd[2 * i] = __builtin_shufflevector(even[i], even[i + WIDTH / 2], ZIP_LOW);
            odd[2 * i + 1] = __builtin_shufflevector(even[i], even[i + WIDTH / 2], ZIP_HIGH);
        }
        memcpy(even, odd, sizeof even);
    }
    UNROLL
    for (int i = 0; i < WIDTH; i++)
        store(to + i * to_pitch, even[i]);
}

static void transpose(float *to, const float *from, int64_t from_pitch, int64_t depth, int64_t columns)
{
    int64_t k = 0;

    for (; k + WIDTH <= depth; k += WIDTH)
        for (int64_t j = 0; j < COLUMNS; j += WIDTH)
            transpose_square(to + k * COLUMNS + j, COLUMNS, from + j * from_pitch + k, from_pitch, columns - j);
    for (; k < depth; k++)
        for (int64_t j = 0; j < COLUMNS; j++)
            to[k * COLUMNS + j] = j < columns ? from[j * from_pitch + k] : 0;
}

/* ---- channel by channel ---------------------------------------------------------------------------------------- */

static void multiply_taps(int64_t count, const rn_gemm_tap *taps, int64_t channels, float *to)
{
    int64_t c = 0;

    for (; c + WIDTH <= channels; c += WIDTH) {
        vector sum = { 0 };

        for (int64_t t = 0; t < count; t++)
            sum += load(taps[t].x + c) * load(taps[t].weights + c);
        store(to + c, sum);
    }
    for (; c < channels; c++) {
        float sum = 0;

        for (int64_t t = 0; t < count; t++)
            sum += taps[t].x[c] * taps[t].weights[c];
        to[c] = sum;
    }
}

static void add_products(int64_t channels, const float *a, const float *b, float *to)
{
    int64_t c = 0;

    for (; c + WIDTH <= channels; c += WIDTH)
        store(to + c, load(to + c) + load(a + c) * load(b + c));
    for (; c < channels; c++)
        to[c] += a[c] * b[c];
}

#define RN_FLOATS_TABLE \
    { \
        .gather = gather, .gather_weights = gather_weights, .copy = copy, .transpose = transpose, \
        .multiply_taps = multiply_taps, .add_products = add_products \
    }

#endif
