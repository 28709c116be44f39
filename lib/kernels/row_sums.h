/* SPDX-License-Identifier: MIT */
/*
 * Row kernels that sum over rows: two sums of each channel, of which there are three kinds:
 *
 *   MOMENTS    v and v * v with v = y - (y of row 0)
 *   GRADIENT   g (masked) and g * (y - mean)
 *   COLUMNS    g alone
 *
 * Each channel is a chain of additions; GROUP vectors of channels are summed side by side to hide their latency, in
 * loops that are unrolled, so that the sums live in registers. Rows are added in float32 in blocks of ROW_BLOCK, and
 * blocks in double: a long float sum, above all one of squares whose first row lies far from the mean, would lose
 * digits.
 */
#ifndef RN_KERNELS_ROW_SUMS_H
#define RN_KERNELS_ROW_SUMS_H

#include "kernels/row_vector.h"

typedef enum sum_kind { MOMENTS, GRADIENT, COLUMNS } sum_kind;

typedef struct sum_job {
    rn_row_gradient operands; /* MOMENTS needs y, COLUMNS needs g */
    int64_t rows;
    double *first, *second; /* COLUMNS has no second */
} sum_job;

enum { GROUP = 4, WIDE = GROUP * LANES, ROW_BLOCK = 64 };

static inline int64_t block_end(int64_t begin, int64_t rows)
{
    return begin + ROW_BLOCK < rows ? begin + ROW_BLOCK : rows;
}

static ALWAYS_INLINE void add_lanes(int64_t vectors, double *to, const vf *sums)
{
    float lanes[WIDE];

#pragma GCC unroll 4
    for (int64_t i = 0; i < vectors; i++)
        store(lanes + i * LANES, sums[i]);
    for (int64_t i = 0; i < vectors * LANES; i++)
        to[i] += (double)lanes[i];
}

/* Channels [c, c + vectors * LANES), `vectors` being a constant. */
static ALWAYS_INLINE void sum_vectors(sum_kind kind, int64_t vectors, int64_t c, sum_job job)
{
    const rn_row_gradient o = job.operands;
    vf base[GROUP], s[GROUP], p[GROUP];

#pragma GCC unroll 4
    for (int64_t i = 0; i < vectors; i++)
        base[i] = kind == COLUMNS ? (vf){ 0 } : load((kind == MOMENTS ? o.y.data : o.mean) + c + i * LANES);
    for (int64_t i = 0; i < vectors * LANES; i++) {
        job.first[c + i] = 0;
        if (kind != COLUMNS)
            job.second[c + i] = 0;
    }
    for (int64_t begin = 0; begin < job.rows; begin += ROW_BLOCK) {
        const int64_t end = block_end(begin, job.rows);

#pragma GCC unroll 4
        for (int64_t i = 0; i < vectors; i++)
            s[i] = p[i] = (vf){ 0 };
        for (int64_t r = begin; r < end; r++)
#pragma GCC unroll 4
            for (int64_t i = 0; i < vectors; i++) {
                const int64_t at = c + i * LANES;
                vf v = load((kind == MOMENTS ? o.y.data + r * o.y.pitch : o.g.data + r * o.g.pitch) + at);

                if (kind == GRADIENT && o.z.data != NULL) {
                    v = keep(load(o.z.data + r * o.z.pitch + at) > (vf){ 0 }, v);
                    store(o.g.data + r * o.g.pitch + at, v);
                }
                if (kind == MOMENTS) {
                    v -= base[i];
                    p[i] += v * v;
                } else if (kind == GRADIENT) {
                    p[i] += v * (load(o.y.data + r * o.y.pitch + at) - base[i]);
                }
                s[i] += v;
            }
        add_lanes(vectors, job.first + c, s);
        if (kind != COLUMNS)
            add_lanes(vectors, job.second + c, p);
    }
}

/* The same of one channel. */
static ALWAYS_INLINE void sum_channel(sum_kind kind, int64_t c, sum_job job)
{
    const rn_row_gradient o = job.operands;
    const float base = kind == COLUMNS ? 0 : kind == MOMENTS ? o.y.data[c] : o.mean[c];
    double first = 0, second = 0;

    for (int64_t begin = 0; begin < job.rows; begin += ROW_BLOCK) {
        float s = 0, p = 0;

        for (int64_t r = begin; r < block_end(begin, job.rows); r++) {
            const float off = kind == COLUMNS ? 0 : o.y.data[r * o.y.pitch + c] - base;
            float v = kind == MOMENTS ? off : o.g.data[r * o.g.pitch + c];

            if (kind == GRADIENT && o.z.data != NULL) {
                v = o.z.data[r * o.z.pitch + c] > 0 ? v : 0;
                o.g.data[r * o.g.pitch + c] = v;
            }
            s += v;
            p += v * off;
        }
        first += (double)s;
        second += (double)p;
    }
    job.first[c] = first;
    if (kind != COLUMNS)
        job.second[c] = second;
}

/* The last vector may reach back over channels that are summed already: the same sums come out again. */
static ALWAYS_INLINE void sum_channels(sum_kind kind, int64_t channels, sum_job job)
{
    int64_t c = 0;

    for (; c + WIDE <= channels; c += WIDE)
        sum_vectors(kind, GROUP, c, job);
    for (; c < channels && channels >= LANES; c += LANES)
        sum_vectors(kind, 1, c + LANES <= channels ? c : channels - LANES, job);
    for (; c < channels; c++)
        sum_channel(kind, c, job);
}

static void moments(int64_t rows, int64_t channels, rn_matrix y, double *first, double *second)
{
    const sum_job job = { { .y = y }, rows, first, second };

    sum_channels(MOMENTS, channels, job);
}

static void gradient_sums(int64_t rows, int64_t channels, const rn_row_gradient *gradient, double *first,
                          double *second)
{
    const sum_job job = { *gradient, rows, first, second };

    sum_channels(GRADIENT, channels, job);
}

static void column_sums(int64_t rows, int64_t channels, rn_matrix g, double *first)
{
    const sum_job job = { { .g = g }, rows, first, NULL };

    sum_channels(COLUMNS, channels, job);
}

#endif
