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

/* What a combination has. SUMS: its `a` is of floats whatever the maps are of. */
enum { SCALED = 1, BESIDE = 2, SHIFTED = 4, JOINED = 8, MASKED = 16, RECTIFIED = 32, SUMS = 64 };

typedef struct combine_row {
    const float *sums;
    const number *a, *b, *other, *mask;
    const float *ka, *kb, *mean, *c;
} combine_row;

static ALWAYS_INLINE vf combine_vector(const int form, const combine_row *row, int64_t i)
{
    vf v = form & SUMS ? load(row->sums + i) : load_map(row->a + i);

    if (form & MASKED)
        v = keep(load_map(row->mask + i) > (vf){ 0 }, v);
    if (form & SCALED)
        v *= load(row->ka + i);
    if (form & BESIDE)
        v += load(row->kb + i) * (load_map(row->b + i) - load(row->mean + i)) + load(row->c + i);
    else if (form & SHIFTED)
        v += load(row->c + i);
    if (form & JOINED)
        v += load_map(row->other + i);
    return form & RECTIFIED ? relu(v) : v;
}

static ALWAYS_INLINE float combine_float(const int form, const combine_row *row, int64_t i)
{
    float v = form & SUMS ? row->sums[i] : load_number(row->a + i);

    if (form & MASKED)
        v = load_number(row->mask + i) > 0 ? v : 0;
    if (form & SCALED)
        v *= row->ka[i];
    if (form & BESIDE)
        v += row->kb[i] * (load_number(row->b + i) - row->mean[i]) + row->c[i];
    else if (form & SHIFTED)
        v += row->c[i];
    if (form & JOINED)
        v += load_number(row->other + i);
    return form & RECTIFIED ? relu_one(v) : v;
}

static ALWAYS_INLINE const number *row_of(rn_matrix m, int64_t r)
{
    return m.data == NULL ? NULL : number_at(m, r, 0);
}

/* By value: an address would put the operands into memory, beside checks in a sanitized build. */
static ALWAYS_INLINE combine_row row_at(const rn_row_combine o, int64_t r)
{
    return (combine_row){ .sums = o.a.data + r * o.a.pitch,
                          .a = row_of(o.a, r),
                          .b = row_of(o.b, r),
                          .other = row_of(o.other, r),
                          .mask = row_of(o.mask, r),
                          .ka = o.ka,
                          .kb = o.kb,
                          .mean = o.mean,
                          .c = o.c };
}

/* `form` is a constant where this is inlined: what the combination does not have is not there. */
static ALWAYS_INLINE void combine_rows(const int form, int64_t rows, int64_t channels, const rn_row_combine *operands)
{
    const rn_row_combine o = *operands; /* which no store can change */
    const int64_t last = channels - LANES;

    for (int64_t r = 0; r < rows; r++) {
        const combine_row row = row_at(o, r);
        number *const out = number_at(o.out, r, 0);

        if (NUMBERS > 1 || last >= 0) {
            const vf end = combine_vector(form, &row, last);

            for (int64_t i = 0; i < last; i += LANES)
                store_map(out + i, combine_vector(form, &row, i));
            store_map(out + last, end);
        } else {
            for (int64_t i = 0; i < channels; i++) {
                store_number(out + i, combine_float(form, &row, i));
                KEEP_SINGLE;
            }
        }
    }
}

/* Forms that no layer has; `form` is read anew for each float, so that there is one loop and not one for each form. */
static void combine_any(const volatile int *form, int64_t rows, int64_t channels, const rn_row_combine *o)
{
    for (int64_t r = 0; r < rows; r++) {
        const combine_row row = row_at(*o, r);
        number *const out = number_at(o->out, r, 0);

        for (int64_t i = 0; i < channels; i++)
            store_number(out + i, combine_float(*form, &row, i));
    }
}

static ALWAYS_INLINE bool touches(rn_matrix m, int64_t channels)
{
    return m.pitch * NUMBERS == channels;
}

/* Rows without gaps and without numbers for each channel are one long row. */
static bool is_one_row(int form, int64_t channels, const rn_row_combine *o)
{
    return !(form & (SCALED | BESIDE | SHIFTED)) && touches(o->a, channels) && touches(o->out, channels) &&
           (!(form & JOINED) || touches(o->other, channels)) && (!(form & MASKED) || touches(o->mask, channels));
}

static int form_of(const rn_row_combine *o)
{
    return (o->ka != NULL ? SCALED : 0) | (o->b.data != NULL ? BESIDE : 0) | (o->c != NULL ? SHIFTED : 0) |
           (o->other.data != NULL ? JOINED : 0) | (o->mask.data != NULL ? MASKED : 0) | (o->relu ? RECTIFIED : 0);
}

#define FORM(known) \
    case known: combine_rows(known, rows, channels, o); break

static void combine(int64_t rows, int64_t channels, const rn_row_combine *o)
{
    const int form = form_of(o);

    if (is_one_row(form, channels, o)) {
        channels *= rows;
        rows = rows > 0;
    }
    if (NUMBERS > 1 && channels < LANES) {
        combine_any(&form, rows, channels, o);
        return;
    }
    switch (form) {
        FORM(0); /* a copy */
        FORM(RECTIFIED);
        FORM(JOINED);
        FORM(JOINED | RECTIFIED);
#if !defined(RN_HALVES)
        FORM(SHIFTED); /* behind a convolution with a bias */
        FORM(SHIFTED | RECTIFIED);
        FORM(SHIFTED | JOINED);
        FORM(SHIFTED | JOINED | RECTIFIED);
#endif
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
}

#if defined(RN_HALVES)
static void finish(int64_t rows, int64_t channels, const rn_row_combine *o)
{
    const int form = form_of(o) | SUMS;

    if (channels < LANES) {
        combine_any(&form, rows, channels, o);
        return;
    }
    switch (form) {
        FORM(SUMS); /* in training */
        FORM(SUMS | JOINED);
        FORM(SUMS | SHIFTED);
        FORM(SUMS | SHIFTED | RECTIFIED);
        FORM(SUMS | SCALED | SHIFTED); /* where statistics are settled */
        FORM(SUMS | SCALED | SHIFTED | RECTIFIED);
        FORM(SUMS | SCALED | SHIFTED | JOINED);
        FORM(SUMS | SCALED | SHIFTED | JOINED | RECTIFIED);
    default: combine_any(&form, rows, channels, o);
    }
}
#endif

#undef FORM

#endif
