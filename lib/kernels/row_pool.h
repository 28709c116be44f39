/* SPDX-License-Identifier: MIT */
/* Row kernels of pooling: windows forward, what windows hand back to a pixel backward. */
#ifndef RN_KERNELS_ROW_POOL_H
#define RN_KERNELS_ROW_POOL_H

#include "kernels/row_vector.h"

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

#endif
