/* SPDX-License-Identifier: MIT */
/*
 * The combination of rn_row_combine. A row's last vector ends with the row and may reach back over the one before it.
 * It is computed before anything of the row is stored, since the output may be an input, and stored at the end: what is
 * stored twice is the same twice.
 */
#ifndef RN_KERNELS_ROW_COMBINE_H
#define RN_KERNELS_ROW_COMBINE_H

#include "kernels/row_vector.h"

/* In a loop that is shorter than a vector: compilers would make vectors of it, several times as much code as the
 * rest. */
#define KEEP_SINGLE __asm__ volatile("")

/* What a combination has. */
enum { SCALED = 1, BESIDE = 2, SHIFTED = 4, JOINED = 8, MASKED = 16, RECTIFIED = 32 };

typedef struct combine_row {
    const float *a, *b, *other, *mask, *ka, *kb, *mean, *c;
} combine_row;

static ALWAYS_INLINE vf combine_vector(const int form, const combine_row *row, int64_t i)
{
    vf v = load(row->a + i);

    if (form & MASKED)
        v = keep(load(row->mask + i) > (vf){ 0 }, v);
    if (form & SCALED)
        v *= load(row->ka + i);
    if (form & BESIDE)
        v += load(row->kb + i) * (load(row->b + i) - load(row->mean + i)) + load(row->c + i);
    else if (form & SHIFTED)
        v += load(row->c + i);
    if (form & JOINED)
        v += load(row->other + i);
    return form & RECTIFIED ? relu(v) : v;
}

static ALWAYS_INLINE float combine_float(const int form, const combine_row *row, int64_t i)
{
    float v = row->a[i];

    if (form & MASKED)
        v = row->mask[i] > 0 ? v : 0;
    if (form & SCALED)
        v *= row->ka[i];
    if (form & BESIDE)
        v += row->kb[i] * (row->b[i] - row->mean[i]) + row->c[i];
    else if (form & SHIFTED)
        v += row->c[i];
    if (form & JOINED)
        v += row->other[i];
    return form & RECTIFIED ? relu_one(v) : v;
}

static ALWAYS_INLINE const float *row_of(rn_matrix m, int64_t r)
{
    return m.data == NULL ? NULL : m.data + r * m.pitch;
}

/* `form` is a constant where this is inlined: what the combination does not have is not there. */
static ALWAYS_INLINE void combine_rows(const int form, int64_t rows, int64_t channels, const rn_row_combine *operands)
{
    const rn_row_combine o = *operands; /* which no store can change */
    const int64_t last = channels - LANES;

    for (int64_t r = 0; r < rows; r++) {
        const combine_row row = {
            row_of(o.a, r), row_of(o.b, r), row_of(o.other, r), row_of(o.mask, r), o.ka, o.kb, o.mean, o.c
        };
        float *const out = o.out.data + r * o.out.pitch;

        if (last >= 0) {
            const vf end = combine_vector(form, &row, last);

            for (int64_t i = 0; i < last; i += LANES)
                store(out + i, combine_vector(form, &row, i));
            store(out + last, end);
        } else {
            for (int64_t i = 0; i < channels; i++) {
                out[i] = combine_float(form, &row, i);
                KEEP_SINGLE;
            }
        }
    }
}

/* Forms that no layer has; `form` is read anew for each float, so that there is one loop and not one for each form. */
static void combine_any(const volatile int *form, int64_t rows, int64_t channels, const rn_row_combine *o)
{
    for (int64_t r = 0; r < rows; r++) {
        const combine_row row = {
            row_of(o->a, r), row_of(o->b, r), row_of(o->other, r), row_of(o->mask, r), o->ka, o->kb, o->mean, o->c
        };

        for (int64_t i = 0; i < channels; i++)
            o->out.data[r * o->out.pitch + i] = combine_float(*form, &row, i);
    }
}

/* Rows without gaps and without numbers for each channel are one long row. */
static bool is_one_row(int form, int64_t channels, const rn_row_combine *o)
{
    return !(form & (SCALED | BESIDE | SHIFTED)) && o->a.pitch == channels && o->out.pitch == channels &&
           (!(form & JOINED) || o->other.pitch == channels) && (!(form & MASKED) || o->mask.pitch == channels);
}

static void combine(int64_t rows, int64_t channels, const rn_row_combine *o)
{
    const int form = (o->ka != NULL ? SCALED : 0) | (o->b.data != NULL ? BESIDE : 0) | (o->c != NULL ? SHIFTED : 0) |
                     (o->other.data != NULL ? JOINED : 0) | (o->mask.data != NULL ? MASKED : 0) |
                     (o->relu ? RECTIFIED : 0);

    if (is_one_row(form, channels, o)) {
        channels *= rows;
        rows = rows > 0;
    }
#define FORM(known) \
    case known: combine_rows(known, rows, channels, o); break
    switch (form) {
        FORM(0); /* a copy */
        FORM(RECTIFIED);
        FORM(JOINED);
        FORM(JOINED | RECTIFIED);
        FORM(SHIFTED); /* behind a convolution with a bias */
        FORM(SHIFTED | RECTIFIED);
        FORM(SHIFTED | JOINED);
        FORM(SHIFTED | JOINED | RECTIFIED);
        FORM(SCALED | SHIFTED); /* a batch norm */
        FORM(SCALED | SHIFTED | RECTIFIED);
        FORM(SCALED | SHIFTED | JOINED);
        FORM(SCALED | SHIFTED | JOINED | RECTIFIED);
        FORM(MASKED); /* gradients */
        FORM(SCALED);
        FORM(SCALED | JOINED);
        FORM(SCALED | MASKED);
        FORM(SCALED | MASKED | JOINED);
        FORM(SCALED | BESIDE | SHIFTED);
        FORM(SCALED | BESIDE | SHIFTED | JOINED);
    default: combine_any(&form, rows, channels, o);
    }
#undef FORM
}

#endif
