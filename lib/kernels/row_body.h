/* SPDX-License-Identifier: MIT */
/*
 * The row kernels, written once. A file that includes this says RN_LANES (floats of a vector) and RN_ROW_TABLE (the
 * name of the table), and is compiled with the flags of its instruction set and without contraction. Channels that do
 * not fill a vector go through the same expressions as single floats.
 */
#include "kernels/row_kernels.h"

#include <math.h>
#include <stddef.h>

/* Vectors as values, and (u...) as they lie in memory, on any float or byte. */
typedef float vf __attribute__((vector_size(RN_LANES * 4)));
typedef int32_t vi __attribute__((vector_size(RN_LANES * 4)));
typedef uint16_t vh __attribute__((vector_size(RN_LANES * 2)));
typedef float uvf __attribute__((vector_size(RN_LANES * 4), aligned(4), may_alias));
typedef uint8_t uvb __attribute__((vector_size(RN_LANES), aligned(1), may_alias));

enum { LANES = RN_LANES };

static inline vf load(const float *p)
{
    return *(const uvf *)p;
}

static inline void store(float *p, vf v)
{
    *(uvf *)p = v;
}

static inline vf splat(float x)
{
    return x - (vf){ 0 };
}

static inline vi splat_int(int32_t x)
{
    return x - (vi){ 0 };
}

/* v where the mask is set, else +0. */
static inline vf keep(vi mask, vf v)
{
    return (vf)((vi)v & mask);
}

/* max(v, 0); NaN stays NaN, as in PyTorch. */
static inline vf relu(vf v)
{
    return keep(~(v <= (vf){ 0 }), v);
}

static inline float relu_one(float x)
{
    return x <= 0 ? 0 : x;
}

/* Rows without gaps are one long row: channels *= rows. */
static inline void join_rows(int64_t *rows, int64_t *channels, int64_t pitch_a, int64_t pitch_b, int64_t pitch_c)
{
    if (pitch_a == *channels && pitch_b == *channels && pitch_c == *channels) {
        *channels *= *rows;
        *rows = *rows > 0;
    }
}

/* ---- element by element ------------------------------------------------------------------------------------------ */

/*
 * A row's last vector ends with the row and may reach back over the one before it. It is computed before anything of
 * the row is stored, since outputs may be inputs, and stored at the end: what is stored twice is the same twice.
 */

static inline vf affine_at(rn_row_affine a, const float *y, const float *residual, int64_t c)
{
    vf v = load(y + c) * load(a.scale + c) + load(a.shift + c);

    if (residual != NULL)
        v += load(residual + c);
    return a.relu ? relu(v) : v;
}

static void affine(int64_t rows, int64_t channels, const rn_row_affine *operands)
{
    const rn_row_affine a = *operands;
    const int64_t last = channels - LANES;

    for (int64_t r = 0; r < rows; r++) {
        const float *const y = a.y.data + r * a.y.pitch;
        const float *const residual = a.residual.data == NULL ? NULL : a.residual.data + r * a.residual.pitch;
        float *const z = a.z.data + r * a.z.pitch;

        if (last >= 0) {
            const vf end = affine_at(a, y, residual, last);

            for (int64_t c = 0; c < last; c += LANES)
                store(z + c, affine_at(a, y, residual, c));
            store(z + last, end);
            continue;
        }
        for (int64_t c = 0; c < channels; c++) {
            float v = y[c] * a.scale[c] + a.shift[c];

            if (residual != NULL)
                v += residual[c];
            z[c] = a.relu ? relu_one(v) : v;
        }
    }
}

static inline vf sum_at(const float *a, const float *b, bool rectify, int64_t c)
{
    const vf v = b == NULL ? load(a + c) : load(a + c) + load(b + c);

    return rectify ? relu(v) : v;
}

static void sum(int64_t rows, int64_t channels, rn_matrix a, rn_matrix b, bool rectify, rn_matrix y)
{
    join_rows(&rows, &channels, a.pitch, b.data == NULL ? channels : b.pitch, y.pitch);
    for (int64_t r = 0; r < rows; r++) {
        const float *const from = a.data + r * a.pitch, *const other = b.data == NULL ? NULL : b.data + r * b.pitch;
        float *const to = y.data + r * y.pitch;
        const int64_t last = channels - LANES;

        if (last >= 0) {
            const vf end = sum_at(from, other, rectify, last);

            for (int64_t c = 0; c < last; c += LANES)
                store(to + c, sum_at(from, other, rectify, c));
            store(to + last, end);
            continue;
        }
        for (int64_t c = 0; c < channels; c++) {
            const float v = other == NULL ? from[c] : from[c] + other[c];

            to[c] = rectify ? relu_one(v) : v;
        }
    }
}

static inline vf masked_at(const float *g, const float *z, int64_t c)
{
    return z == NULL ? load(g + c) : keep(load(z + c) > (vf){ 0 }, load(g + c));
}

static void mask(int64_t rows, int64_t channels, rn_matrix g, rn_matrix z)
{
    join_rows(&rows, &channels, g.pitch, z.pitch, z.pitch);
    for (int64_t r = 0; r < rows; r++) {
        float *const to = g.data + r * g.pitch;
        const float *const sign = z.data + r * z.pitch;
        const int64_t last = channels - LANES;

        if (last >= 0) {
            const vf end = masked_at(to, sign, last);

            for (int64_t c = 0; c < last; c += LANES)
                store(to + c, masked_at(to, sign, c));
            store(to + last, end);
            continue;
        }
        for (int64_t c = 0; c < channels; c++)
            to[c] = sign[c] > 0 ? to[c] : 0;
    }
}

static void mask_scale(int64_t rows, int64_t channels, rn_matrix g, rn_matrix z, const float *scale, rn_matrix dy)
{
    const int64_t last = channels - LANES;

    for (int64_t r = 0; r < rows; r++) {
        float *const from = g.data + r * g.pitch, *const to = dy.data + r * dy.pitch;
        const float *const sign = z.data == NULL ? NULL : z.data + r * z.pitch;

        if (last >= 0) {
            const vf end = masked_at(from, sign, last);

            for (int64_t c = 0; c < last; c += LANES) {
                const vf v = masked_at(from, sign, c);

                store(from + c, v);
                store(to + c, v * load(scale + c));
            }
            store(from + last, end);
            store(to + last, end * load(scale + last));
            continue;
        }
        for (int64_t c = 0; c < channels; c++) {
            const float v = sign == NULL || sign[c] > 0 ? from[c] : 0;

            from[c] = v;
            to[c] = v * scale[c];
        }
    }
}

static inline vf gradient_at(rn_row_gradient o, const float *g, const float *y, int64_t c)
{
    const vf behind = load(o.k1 + c) * (load(y + c) - load(o.mean + c)) + load(o.k2 + c);

    return load(o.k0 + c) * load(g + c) + behind;
}

static void gradient_apply(int64_t rows, int64_t channels, const rn_row_gradient *operands)
{
    const rn_row_gradient o = *operands;
    const int64_t last = channels - LANES;

    for (int64_t r = 0; r < rows; r++) {
        const float *const g = o.g.data + r * o.g.pitch, *const y = o.y.data + r * o.y.pitch;
        float *const dy = o.dy.data + r * o.dy.pitch;

        if (last >= 0) {
            const vf end = gradient_at(o, g, y, last);

            for (int64_t c = 0; c < last; c += LANES)
                store(dy + c, gradient_at(o, g, y, c));
            store(dy + last, end);
            continue;
        }
        for (int64_t c = 0; c < channels; c++) {
            const float behind = o.k1[c] * (y[c] - o.mean[c]) + o.k2[c];

            dy[c] = o.k0[c] * g[c] + behind;
        }
    }
}

/* ---- sums over rows ---------------------------------------------------------------------------------------------- */

/*
 * Two sums of each channel, of which there are three kinds:
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
typedef enum sum_kind { MOMENTS, GRADIENT, COLUMNS } sum_kind;

typedef struct sum_job {
    rn_row_gradient operands; /* MOMENTS needs y, COLUMNS needs g */
    int64_t rows;
    double *first, *second; /* COLUMNS has no second */
} sum_job;

enum { GROUP = 4, WIDE = GROUP * LANES, ROW_BLOCK = 64 };

#define ALWAYS_INLINE inline __attribute__((always_inline))

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

/* ---- pooling ----------------------------------------------------------------------------------------------------- */

static void max_window(int64_t channels, const rn_window *window, int32_t place, int32_t kernel, float *y,
                       uint8_t *argmax)
{
    const rn_window w = *window;
    int64_t c = 0;

    for (; c + LANES <= channels; c += LANES) {
        vf best = load(w.first + c);
        vi where = splat_int(place);

        for (int64_t i = 0; i < w.height; i++)
            for (int64_t j = 0; j < w.width; j++) {
                const vf v = load(w.first + i * w.row_pitch + j * w.pixel_pitch + c);
                const vi better = (v > best) | (v != v); /* that is, NaN */

                best = (vf)(((vi)v & better) | ((vi)best & ~better));
                where = (splat_int((int32_t)(place + i * kernel + j)) & better) | (where & ~better);
            }
        store(y + c, best);
        if (argmax != NULL)
            *(uvb *)(argmax + c) = __builtin_convertvector(where, uvb);
    }
    for (; c < channels; c++) {
        float best = w.first[c];
        int32_t where = place;

        for (int64_t i = 0; i < w.height; i++)
            for (int64_t j = 0; j < w.width; j++) {
                const float v = w.first[i * w.row_pitch + j * w.pixel_pitch + c];

                if (v > best || v != v) {
                    best = v;
                    where = (int32_t)(place + i * kernel + j);
                }
            }
        y[c] = best;
        if (argmax != NULL)
            argmax[c] = (uint8_t)where;
    }
}

static void mean_window(int64_t channels, const rn_window *window, float divisor, float *y)
{
    const rn_window w = *window;
    int64_t c = 0;

    for (; c + LANES <= channels; c += LANES) {
        vf total = { 0 };

        for (int64_t i = 0; i < w.height; i++)
            for (int64_t j = 0; j < w.width; j++)
                total += load(w.first + i * w.row_pitch + j * w.pixel_pitch + c);
        store(y + c, total / splat(divisor));
    }
    for (; c < channels; c++) {
        float total = 0;

        for (int64_t i = 0; i < w.height; i++)
            for (int64_t j = 0; j < w.width; j++)
                total += w.first[i * w.row_pitch + j * w.pixel_pitch + c];
        y[c] = total / divisor;
    }
}

/* In two steps: GCC widens fourfold one number at a time. */
static inline vi widen(const uint8_t *p)
{
    return __builtin_convertvector(__builtin_convertvector(*(const uvb *)p, vh), vi);
}

static void max_gather(int64_t channels, int64_t count, const rn_pool_source *sources, bool accumulate, float *dx)
{
    int64_t c = 0;

    for (; c + LANES <= channels; c += LANES) {
        vf total = { 0 };

        if (accumulate)
            total = load(dx + c);
        for (int64_t i = 0; i < count; i++)
            total += keep(widen(sources[i].argmax + c) == splat_int(sources[i].place), load(sources[i].dy + c));
        store(dx + c, total);
    }
    for (; c < channels; c++) {
        float total = accumulate ? dx[c] : 0;

        for (int64_t i = 0; i < count; i++)
            total += sources[i].argmax[c] == sources[i].place ? sources[i].dy[c] : 0;
        dx[c] = total;
    }
}

static void mean_gather(int64_t channels, int64_t count, const rn_pool_source *sources, bool accumulate, float *dx)
{
    int64_t c = 0;

    for (; c + LANES <= channels; c += LANES) {
        vf total = { 0 };

        if (accumulate)
            total = load(dx + c);
        for (int64_t i = 0; i < count; i++)
            total += load(sources[i].dy + c) / splat(sources[i].divisor);
        store(dx + c, total);
    }
    for (; c < channels; c++) {
        float total = accumulate ? dx[c] : 0;

        for (int64_t i = 0; i < count; i++)
            total += sources[i].dy[c] / sources[i].divisor;
        dx[c] = total;
    }
}

/* ---- optimizers -------------------------------------------------------------------------------------------------- */

/* Unrolled, so that compilers see the one instruction that it is. */
static inline vf square_root(vf v)
{
    vf root;

#pragma GCC unroll 16
    for (int i = 0; i < LANES; i++)
        root[i] = sqrtf(v[i]);
    return root;
}

static void adam(int64_t count, const rn_adam_step *step, const float *gradient, float *value, float *mean,
                 float *square)
{
    const rn_adam_step s = *step;
    int64_t i = 0;

    for (; i + LANES <= count; i += LANES) {
        const vf x = load(value + i), g = load(gradient + i) + s.weight_decay * x;
        const vf m = s.beta1 * load(mean + i) + s.one_minus_beta1 * g;
        const vf v = s.beta2 * load(square + i) + s.one_minus_beta2 * g * g;

        store(mean + i, m);
        store(square + i, v);
        store(value + i, x - s.step_size * (m / (square_root(v) / splat(s.root_correction2) + s.eps)));
    }
    for (; i < count; i++) {
        const float x = value[i], g = gradient[i] + s.weight_decay * x;
        const float m = s.beta1 * mean[i] + s.one_minus_beta1 * g;
        const float v = s.beta2 * square[i] + s.one_minus_beta2 * g * g;

        mean[i] = m;
        square[i] = v;
        value[i] = x - s.step_size * (m / (sqrtf(v) / s.root_correction2 + s.eps));
    }
}

static void sgd(int64_t count, const rn_sgd_step *step, const float *gradient, float *value, float *buffer)
{
    const rn_sgd_step s = *step;
    int64_t i = 0;

    for (; i + LANES <= count; i += LANES) {
        const vf x = load(value + i);
        vf g = load(gradient + i) + s.weight_decay * x;

        if (buffer != NULL) {
            vf b = g;

            if (!s.first)
                b = s.momentum * load(buffer + i) + s.one_minus_dampening * g;
            store(buffer + i, b);
            if (s.nesterov)
                g += s.momentum * b;
            else
                g = b;
        }
        store(value + i, x - s.lr * g);
    }
    for (; i < count; i++) {
        float g = gradient[i] + s.weight_decay * value[i];

        if (buffer != NULL) {
            buffer[i] = s.first ? g : s.momentum * buffer[i] + s.one_minus_dampening * g;
            g = s.nesterov ? g + s.momentum * buffer[i] : buffer[i];
        }
        value[i] -= s.lr * g;
    }
}

const rn_row_kernels RN_ROW_TABLE = {
    .affine = affine,
    .sum = sum,
    .mask = mask,
    .mask_scale = mask_scale,
    .moments = moments,
    .gradient_sums = gradient_sums,
    .gradient_apply = gradient_apply,
    .column_sums = column_sums,
    .max_window = max_window,
    .mean_window = mean_window,
    .max_gather = max_gather,
    .mean_gather = mean_gather,
    .adam = adam,
    .sgd = sgd,
};
