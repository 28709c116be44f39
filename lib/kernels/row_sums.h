/* SPDX-License-Identifier: MIT */
/*
 * Row kernels that sum over rows: two sums of each channel, of which there are three kinds:
 *
 *   MOMENTS    v and v * v with v = y - base
 *   GRADIENT   g (masked) and g * (y - mean)
 *   COLUMNS    g alone
 *
 * Each channel is a chain of additions. All channels of a row are added, then those of the next: memory is read in the
 * order in which it lies, and the sums wait in the first-level cache. (A few channels at a time down the rows, with
 * sums in registers, take 1.2 to 2 times as long on maps that come from memory.) Rows are added in float32 in blocks
 * of RN_ROW_BLOCK, and blocks in double: a long float sum, above all one of squares whose base lies far from the mean,
 * would lose digits.
 */
#ifndef RN_KERNELS_ROW_SUMS_H
#define RN_KERNELS_ROW_SUMS_H

#include "kernels/row_vector.h"

typedef enum sum_kind { MOMENTS, GRADIENT, COLUMNS } sum_kind;

typedef struct sum_job {
    rn_row_gradient operands; /* MOMENTS needs y, and its base for z; COLUMNS needs g */
    int64_t rows;
    double *first, *second; /* COLUMNS has no second */
} sum_job;

enum { SPAN = 1024 /* channels whose sums wait in the first-level cache */ };

static inline int64_t block_end(int64_t begin, int64_t rows)
{
    return begin + RN_ROW_BLOCK < rows ? begin + RN_ROW_BLOCK : rows;
}

/* What came out of the ReLU: z, or what row_combine.h has of a batch norm. */
static ALWAYS_INLINE vf output_vector(const rn_row_gradient *o, int64_t r, int64_t c)
{
    if (o->z.data != NULL)
        return load_map(number_at(o->z, r, c));
    return load_map(number_at(o->y, r, c)) * load(o->scale + c) + load(o->shift + c);
}

static ALWAYS_INLINE float output_float(const rn_row_gradient *o, int64_t r, int64_t c)
{
    return o->z.data != NULL ? load_number(number_at(o->z, r, c))
                             : load_number(number_at(o->y, r, c)) * o->scale[c] + o->shift[c];
}

static ALWAYS_INLINE bool has_relu(const rn_row_gradient *o)
{
    return o->z.data != NULL || o->scale != NULL;
}

/* Adds channels c on of row r to their sums. */
static ALWAYS_INLINE void sum_vector(sum_kind kind, const rn_row_gradient *o, int64_t r, int64_t c, float *s, float *p)
{
    vf v = load_map(number_at(kind == MOMENTS ? o->y : o->g, r, c));

    if (kind == GRADIENT && has_relu(o)) {
        v = keep(output_vector(o, r, c) > (vf){ 0 }, v);
        store_map(number_at(o->g, r, c), v);
    }
    if (kind == MOMENTS) {
        v -= load_map(number_at(o->z, 0, c));
        store(p, load(p) + v * v);
    } else if (kind == GRADIENT) {
        store(p, load(p) + v * (load_map(number_at(o->y, r, c)) - load(o->mean + c)));
    }
    store(s, load(s) + v);
}

/* Sums of `count` channels, whose last vector begins with channel `last` and stands at sums[end]. */
static ALWAYS_INLINE void add_block(double *to, const float *sums, int64_t end, int64_t last, int64_t count)
{
    for (int64_t c = 0; c < end; c += LANES / 2)
        *(uvd *)(to + c) += __builtin_convertvector(*(const uvhf *)(sums + c), vd);
    for (int64_t c = end; c < count; c++)
        to[c] += (double)sums[end + c - last];
}

/* LANES to SPAN channels. The last vector may reach back over channels of the one before, and has sums of its own. */
static ALWAYS_INLINE void sum_span(sum_kind kind, int64_t channels, sum_job job)
{
    const rn_row_gradient o = job.operands;
    const int64_t last = channels - LANES, end = (channels - 1) / LANES * LANES;
    _Alignas(sizeof(vf)) float s[SPAN], p[SPAN];

    for (int64_t begin = 0; begin < job.rows; begin += RN_ROW_BLOCK) {
        for (int64_t c = 0; c <= end; c += LANES) {
            store(s + c, (vf){ 0 });
            store(p + c, (vf){ 0 });
        }
        for (int64_t r = begin; r < block_end(begin, job.rows); r++) {
            for (int64_t c = 0; c < end; c += LANES)
                sum_vector(kind, &o, r, c, s + c, p + c);
            sum_vector(kind, &o, r, last, s + end, p + end);
        }
        add_block(job.first, s, end, last, channels);
        if (kind != COLUMNS)
            add_block(job.second, p, end, last, channels);
    }
}

/* Adds the same of one channel. */
static ALWAYS_INLINE void sum_channel(sum_kind kind, int64_t c, sum_job job)
{
    const rn_row_gradient o = job.operands;
    const float base = kind == COLUMNS ? 0 : kind == MOMENTS ? load_number(number_at(o.z, 0, c)) : o.mean[c];

    for (int64_t begin = 0; begin < job.rows; begin += RN_ROW_BLOCK) {
        float s = 0, p = 0;

        for (int64_t r = begin; r < block_end(begin, job.rows); r++) {
            const float off = kind == COLUMNS ? 0 : load_number(number_at(o.y, r, c)) - base;
            float v = kind == MOMENTS ? off : load_number(number_at(o.g, r, c));

            if (kind == GRADIENT && has_relu(&o)) {
                v = output_float(&o, r, c) > 0 ? v : 0;
                store_number(number_at(o.g, r, c), v);
            }
            s += v;
            p += v * off;
        }
        job.first[c] += (double)s;
        if (kind != COLUMNS)
            job.second[c] += (double)p;
    }
}

static inline rn_matrix from_channel(rn_matrix m, int64_t c)
{
    return (rn_matrix){ m.data == NULL ? NULL : m.data + c / NUMBERS, m.pitch };
}

static ALWAYS_INLINE void sum_channels(sum_kind kind, int64_t channels, sum_job job)
{
    for (int64_t c = 0; c < channels; c++) {
        job.first[c] = 0;
        if (kind != COLUMNS)
            job.second[c] = 0;
    }
    for (int64_t c = 0; c < channels; c += SPAN) {
        const int64_t count = channels - c < SPAN ? channels - c : SPAN;
        const rn_row_gradient o = job.operands;
        const sum_job span = { .operands = { from_channel(o.g, c), from_channel(o.z, c), from_channel(o.y, c),
                                             o.mean == NULL ? NULL : o.mean + c, o.scale == NULL ? NULL : o.scale + c,
                                             o.scale == NULL ? NULL : o.shift + c },
                               .rows = job.rows,
                               .first = job.first + c,
                               .second = kind == COLUMNS ? NULL : job.second + c };

        if (count >= LANES)
            sum_span(kind, count, span);
        for (int64_t i = 0; count < LANES && i < count; i++)
            sum_channel(kind, i, span);
    }
}

static void moments(int64_t rows, int64_t channels, rn_matrix y, const float *base, double *first, double *second)
{
    const sum_job job = { { .y = y, .z = { (float *)(uintptr_t)base, 0 } }, rows, first, second };

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
