/* SPDX-License-Identifier: MIT */
/* Row kernels of pooling: windows forward, what windows hand back to a pixel backward. */
#ifndef RN_KERNELS_ROW_POOL_H
#define RN_KERNELS_ROW_POOL_H

#include "kernels/row_vector.h"

/* Pixel (i, j) of a window, channel c. */
static inline const number *number_of(const rn_window *w, int64_t i, int64_t j, int64_t c)
{
    return (const number *)(const void *)(w->first + i * w->row_pitch + j * w->pixel_pitch) + c;
}

static inline const number *gradient_of(const rn_pool_source *source, int64_t c)
{
    return (const number *)(const void *)source->dy + c;
}

static void max_window(int64_t channels, const rn_window *window, int32_t place, int32_t kernel, float *y,
                       uint8_t *argmax)
{
    const rn_window w = *window;
    number *const to = (number *)(void *)y;
    int64_t c = 0;

    for (; c + LANES <= channels; c += LANES) {
        vf best = load_map(number_of(&w, 0, 0, c));
        vi where = splat_int(place);

        for (int64_t i = 0; i < w.height; i++)
            for (int64_t j = 0; j < w.width; j++) {
                const vf v = load_map(number_of(&w, i, j, c));
                const vi better = (v > best) | (v != v); /* that is, NaN */

                best = (vf)(((vi)v & better) | ((vi)best & ~better));
                where = (splat_int((int32_t)(place + i * kernel + j)) & better) | (where & ~better);
            }
        store_map(to + c, best);
        if (argmax != NULL)
            *(uvb *)(argmax + c) = __builtin_convertvector(where, uvb);
    }
    for (; c < channels; c++) {
        float best = load_number(number_of(&w, 0, 0, c));
        int32_t where = place;

        for (int64_t i = 0; i < w.height; i++)
            for (int64_t j = 0; j < w.width; j++) {
                const float v = load_number(number_of(&w, i, j, c));

                if (v > best || v != v) {
                    best = v;
                    where = (int32_t)(place + i * kernel + j);
                }
            }
        store_number(to + c, best);
        if (argmax != NULL)
            argmax[c] = (uint8_t)where;
    }
}

static void mean_window(int64_t channels, const rn_window *window, float divisor, float *y)
{
    const rn_window w = *window;
    number *const to = (number *)(void *)y;
    int64_t c = 0;

    for (; c + LANES <= channels; c += LANES) {
        vf total = { 0 };

        for (int64_t i = 0; i < w.height; i++)
            for (int64_t j = 0; j < w.width; j++)
                total += load_map(number_of(&w, i, j, c));
        store_map(to + c, total / splat(divisor));
    }
    for (; c < channels; c++) {
        float total = 0;

        for (int64_t i = 0; i < w.height; i++)
            for (int64_t j = 0; j < w.width; j++)
                total += load_number(number_of(&w, i, j, c));
        store_number(to + c, total / divisor);
    }
}

/* In two steps: GCC widens fourfold one number at a time. */
static inline vi widen(const uint8_t *p)
{
    return __builtin_convertvector(__builtin_convertvector(*(const uvb *)p, vh), vi);
}

static void max_gather(int64_t channels, int64_t count, const rn_pool_source *sources, bool accumulate, float *dx)
{
    number *const to = (number *)(void *)dx;
    int64_t c = 0;

    for (; c + LANES <= channels; c += LANES) {
        vf total = { 0 };

        if (accumulate)
            total = load_map(to + c);
        for (int64_t i = 0; i < count; i++)
            total += keep(widen(sources[i].argmax + c) == splat_int(sources[i].place),
                          load_map(gradient_of(&sources[i], c)));
        store_map(to + c, total);
    }
    for (; c < channels; c++) {
        float total = accumulate ? load_number(to + c) : 0;

        for (int64_t i = 0; i < count; i++)
            total += sources[i].argmax[c] == sources[i].place ? load_number(gradient_of(&sources[i], c)) : 0;
        store_number(to + c, total);
    }
}

static void mean_gather(int64_t channels, int64_t count, const rn_pool_source *sources, bool accumulate, float *dx)
{
    number *const to = (number *)(void *)dx;
    int64_t c = 0;

    for (; c + LANES <= channels; c += LANES) {
        vf total = { 0 };

        if (accumulate)
            total = load_map(to + c);
        for (int64_t i = 0; i < count; i++)
            total += load_map(gradient_of(&sources[i], c)) / splat(sources[i].divisor);
        store_map(to + c, total);
    }
    for (; c < channels; c++) {
        float total = accumulate ? load_number(to + c) : 0;

        for (int64_t i = 0; i < count; i++)
            total += load_number(gradient_of(&sources[i], c)) / sources[i].divisor;
        store_number(to + c, total);
    }
}

#endif
