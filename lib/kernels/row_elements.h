/* SPDX-License-Identifier: MIT */
/*
 * Row kernels that go element by element. A row's last vector ends with the row and may reach back over the one before
 * it. It is computed before anything of the row is stored, since outputs may be inputs, and stored at the end: what is
 * stored twice is the same twice.
 */
#ifndef RN_KERNELS_ROW_ELEMENTS_H
#define RN_KERNELS_ROW_ELEMENTS_H

#include "kernels/row_vector.h"

/* Rows without gaps are one long row: channels *= rows. */
static inline void join_rows(int64_t *rows, int64_t *channels, int64_t pitch_a, int64_t pitch_b, int64_t pitch_c)
{
    if (pitch_a == *channels && pitch_b == *channels && pitch_c == *channels) {
        *channels *= *rows;
        *rows = *rows > 0;
    }
}

/* The result at channel c, of a vector and of one float; `row` is where the operands' rows begin. */
typedef vf (*vector_result)(const void *row, int64_t c);
typedef float (*float_result)(const void *row, int64_t c);

/* `vector`, `single` and what `row` points to are known where this is inlined: no calls are left. */
static ALWAYS_INLINE void write_row(float *to, int64_t channels, vector_result vector, float_result single,
                                    const void *row)
{
    const int64_t last = channels - LANES;

    if (last >= 0) {
        const vf end = vector(row, last);

        for (int64_t c = 0; c < last; c += LANES)
            store(to + c, vector(row, c));
        store(to + last, end);
        return;
    }
    for (int64_t c = 0; c < channels; c++)
        to[c] = single(row, c);
}

/* ---- scale, shift, residual, ReLU ------------------------------------------------------------------------------ */

typedef struct affine_row {
    const float *y, *residual, *scale, *shift;
    bool relu;
} affine_row;

static ALWAYS_INLINE vf affine_vector(const void *payload, int64_t c)
{
    const affine_row *const row = payload;
    vf v = load(row->y + c) * load(row->scale + c) + load(row->shift + c);

    if (row->residual != NULL)
        v += load(row->residual + c);
    return row->relu ? relu(v) : v;
}

static ALWAYS_INLINE float affine_float(const void *payload, int64_t c)
{
    const affine_row *const row = payload;
    float v = row->y[c] * row->scale[c] + row->shift[c];

    if (row->residual != NULL)
        v += row->residual[c];
    return row->relu ? relu_one(v) : v;
}

static void affine(int64_t rows, int64_t channels, const rn_row_affine *operands)
{
    const rn_row_affine a = *operands;

    for (int64_t r = 0; r < rows; r++) {
        const affine_row row = { a.y.data + r * a.y.pitch,
                                 a.residual.data == NULL ? NULL : a.residual.data + r * a.residual.pitch, a.scale,
                                 a.shift, a.relu };

        write_row(a.z.data + r * a.z.pitch, channels, affine_vector, affine_float, &row);
    }
}

/* ---- sum ------------------------------------------------------------------------------------------------------- */

typedef struct sum_row {
    const float *a, *b;
    bool rectify;
} sum_row;

static ALWAYS_INLINE vf sum_vector(const void *payload, int64_t c)
{
    const sum_row *const row = payload;
    const vf v = row->b == NULL ? load(row->a + c) : load(row->a + c) + load(row->b + c);

    return row->rectify ? relu(v) : v;
}

static ALWAYS_INLINE float sum_float(const void *payload, int64_t c)
{
    const sum_row *const row = payload;
    const float v = row->b == NULL ? row->a[c] : row->a[c] + row->b[c];

    return row->rectify ? relu_one(v) : v;
}

static void sum(int64_t rows, int64_t channels, rn_matrix a, rn_matrix b, bool rectify, rn_matrix y)
{
    join_rows(&rows, &channels, a.pitch, b.data == NULL ? channels : b.pitch, y.pitch);
    for (int64_t r = 0; r < rows; r++) {
        const sum_row row = { a.data + r * a.pitch, b.data == NULL ? NULL : b.data + r * b.pitch, rectify };

        write_row(y.data + r * y.pitch, channels, sum_vector, sum_float, &row);
    }
}

/* ---- mask: g where z > 0; z may be NULL ------------------------------------------------------------------------ */

typedef struct mask_row {
    const float *g, *z;
} mask_row;

static ALWAYS_INLINE vf mask_vector(const void *payload, int64_t c)
{
    const mask_row *const row = payload;

    return row->z == NULL ? load(row->g + c) : keep(load(row->z + c) > (vf){ 0 }, load(row->g + c));
}

static ALWAYS_INLINE float mask_float(const void *payload, int64_t c)
{
    const mask_row *const row = payload;

    return row->z == NULL || row->z[c] > 0 ? row->g[c] : 0;
}

static void mask(int64_t rows, int64_t channels, rn_matrix g, rn_matrix z)
{
    join_rows(&rows, &channels, g.pitch, z.pitch, z.pitch);
    for (int64_t r = 0; r < rows; r++) {
        const mask_row row = { g.data + r * g.pitch, z.data + r * z.pitch };

        write_row(g.data + r * g.pitch, channels, mask_vector, mask_float, &row);
    }
}

/* Two outputs in one pass over memory. */
static void mask_scale(int64_t rows, int64_t channels, rn_matrix g, rn_matrix z, const float *scale, rn_matrix dy)
{
    const int64_t last = channels - LANES;

    for (int64_t r = 0; r < rows; r++) {
        float *const from = g.data + r * g.pitch, *const to = dy.data + r * dy.pitch;
        const mask_row row = { from, z.data == NULL ? NULL : z.data + r * z.pitch };

        if (last >= 0) {
            const vf end = mask_vector(&row, last);

            for (int64_t c = 0; c < last; c += LANES) {
                const vf v = mask_vector(&row, c);

                store(from + c, v);
                store(to + c, v * load(scale + c));
            }
            store(from + last, end);
            store(to + last, end * load(scale + last));
            continue;
        }
        for (int64_t c = 0; c < channels; c++) {
            const float v = mask_float(&row, c);

            from[c] = v;
            to[c] = v * scale[c];
        }
    }
}

/* ---- gradient behind a batch norm: k0 g + k1 (y - mean) + k2 --------------------------------------------------- */

typedef struct gradient_row {
    const float *g, *y, *mean, *k0, *k1, *k2;
} gradient_row;

static ALWAYS_INLINE vf gradient_vector(const void *payload, int64_t c)
{
    const gradient_row *const row = payload;
    const vf behind = load(row->k1 + c) * (load(row->y + c) - load(row->mean + c)) + load(row->k2 + c);

    return load(row->k0 + c) * load(row->g + c) + behind;
}

static ALWAYS_INLINE float gradient_float(const void *payload, int64_t c)
{
    const gradient_row *const row = payload;
    const float behind = row->k1[c] * (row->y[c] - row->mean[c]) + row->k2[c];

    return row->k0[c] * row->g[c] + behind;
}

static void gradient_apply(int64_t rows, int64_t channels, const rn_row_gradient *operands)
{
    const rn_row_gradient o = *operands;

    for (int64_t r = 0; r < rows; r++) {
        const gradient_row row = { o.g.data + r * o.g.pitch, o.y.data + r * o.y.pitch, o.mean, o.k0, o.k1, o.k2 };

        write_row(o.dy.data + r * o.dy.pitch, channels, gradient_vector, gradient_float, &row);
    }
}

#endif
