/* SPDX-License-Identifier: MIT */
/*
 * Blends and hues, in loops over a block of pixels that compilers make vectors of: each loop has numbers of one type,
 * and choices instead of branches. A file that includes this says RN_COLOUR_TABLE (the name of the table) and is
 * compiled with the flags of its instruction set.
 *
 * Float where Pillow keeps a float, double where it computes in double. Sources: Pillow, src/libImaging/Blend.c and
 * Convert.c (rgb2hsv, hsv2rgb).
 */
#include "image/colour_kernels.h"

#include <math.h>

enum { BLOCK = 64 };

/* Loops over a block are called and not repeated: each is long once it is made of vectors. */
#define APART static __attribute__((noinline))

/* Pixels by channel; behind `count` whatever was there. */
typedef struct block {
    float r[BLOCK], g[BLOCK], b[BLOCK];
} block;

APART void take_apart(block *x, const uint8_t *rgb, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        x->r[i] = rgb[3 * i];
        x->g[i] = rgb[3 * i + 1];
        x->b[i] = rgb[3 * i + 2];
    }
}

/* Numbers in [0, 256), whose fractions are cut off. */
APART void put_together(uint8_t *rgb, const block *x, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rgb[3 * i] = (uint8_t)x->r[i];
        rgb[3 * i + 1] = (uint8_t)x->g[i];
        rgb[3 * i + 2] = (uint8_t)x->b[i];
    }
}

/* ---- saturation -------------------------------------------------------------------------------------------------- */

/* ITU-R 601-2 luma in 16 fractional bits; whole numbers below 2^24 are exact in float, below 2^31 in int32_t. */
APART void find_greys(float *grey, const block *x)
{
    for (int i = 0; i < BLOCK; i++) {
        const int32_t sum = (int32_t)x->r[i] * 19595 + (int32_t)x->g[i] * 38470 + (int32_t)x->b[i] * 7471 + 0x8000;

        grey[i] = (float)(sum >> 16);
    }
}

static uint64_t sum_greys(const uint8_t *rgb, size_t count)
{
    block x = { { 0 }, { 0 }, { 0 } };
    float grey[BLOCK];
    uint64_t sum = 0;

    for (size_t at = 0; at < count; at += BLOCK) {
        const size_t n = count - at < BLOCK ? count - at : BLOCK;
        int32_t of_block = 0;

        take_apart(&x, rgb + 3 * at, n);
        find_greys(grey, &x);
        for (size_t i = 0; i < n; i++)
            of_block += (int32_t)grey[i];
        sum += (uint64_t)of_block;
    }
    return sum;
}

static float mix(float grey, float value, float factor)
{
    const float mixed = grey + factor * (value - grey), above = mixed > 0 ? mixed : 0;

    return above < 255 ? above : 255;
}

static void blend(uint8_t *bytes, size_t count, uint8_t grey, float factor)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(int32_t)mix(grey, bytes[i], factor);
}

APART void blend_channel(float *channel, const float *grey, float factor)
{
    for (int i = 0; i < BLOCK; i++)
        channel[i] = mix(grey[i], channel[i], factor);
}

static void saturation(uint8_t *rgb, size_t count, float factor)
{
    block x = { { 0 }, { 0 }, { 0 } };
    float grey[BLOCK];

    for (size_t at = 0; at < count; at += BLOCK) {
        const size_t n = count - at < BLOCK ? count - at : BLOCK;

        take_apart(&x, rgb + 3 * at, n);
        find_greys(grey, &x);
        blend_channel(x.r, grey, factor);
        blend_channel(x.g, grey, factor);
        blend_channel(x.b, grey, factor);
        put_together(rgb + 3 * at, &x, n);
    }
}

/* ---- hue --------------------------------------------------------------------------------------------------------- */

/*
 * What the way back from HSV needs of a hue: which of the six corners of the colour hexagon, and how far past it; and
 * of a saturation its part of 1.
 */
typedef struct tables {
    float part[256], corner[256], saturation[256];
} tables;

static void fill_tables(tables *t)
{
    for (int v = 0; v < 256; v++) {
        const double turned = (double)(float)v * 6.0 / 255.0, whole = floor(turned);

        t->part[v] = (float)(turned - whole);
        t->corner[v] = whole < 6 ? (float)whole : 0;
        t->saturation[v] = (float)((double)v / 255.0);
    }
}

/* A block in HSV: value, and 255ths of hue and saturation, whole numbers. */
typedef struct hsv {
    float most[BLOCK], range[BLOCK], part_r[BLOCK], part_g[BLOCK], part_b[BLOCK], saturation[BLOCK];
    double sixth[BLOCK];
    int32_t hue[BLOCK], whole_saturation[BLOCK];
} hsv;

/* Greys have range 0; so that nothing is divided by it, they take 1 in its place. */
APART void find_parts(hsv *y, const block *x)
{
    for (int i = 0; i < BLOCK; i++) {
        const float r = x->r[i], g = x->g[i], b = x->b[i], high = r > g ? r : g, low = r < g ? r : g;
        const float most = high > b ? high : b, range = most - (low < b ? low : b), divisor = range > 0 ? range : 1;

        y->most[i] = most;
        y->range[i] = range;
        y->part_r[i] = (most - r) / divisor;
        y->part_g[i] = (most - g) / divisor;
        y->part_b[i] = (most - b) / divisor;
        y->saturation[i] = range / (most > 0 ? most : 1);
    }
}

/* How far round the hexagon, in sixths: where a channel is the greatest, its part is 0. */
APART void find_sixths(hsv *y)
{
    float behind_g[BLOCK], behind_b[BLOCK];

    for (int i = 0; i < BLOCK; i++) {
        behind_g[i] = (float)(2.0 + (double)y->part_r[i] - (double)y->part_b[i]);
        behind_b[i] = (float)(4.0 + (double)y->part_g[i] - (double)y->part_r[i]);
    }
    for (int i = 0; i < BLOCK; i++) {
        const float behind_r = y->part_b[i] - y->part_g[i], others = y->part_g[i] == 0 ? behind_g[i] : behind_b[i];

        y->sixth[i] = (double)(y->part_r[i] == 0 ? behind_r : others);
    }
}

/* In [5/6, 11/6] sixths: Pillow's fmod(turned, 1) is a subtraction. */
APART void find_hues(hsv *y)
{
    for (int i = 0; i < BLOCK; i++) {
        const double turned = y->sixth[i] / 6.0 + 1.0;
        const float rest = (float)(turned >= 1.0 ? turned - 1.0 : turned);

        y->hue[i] = (int32_t)((double)rest * 255.0);
        y->whole_saturation[i] = (int32_t)((double)y->saturation[i] * 255.0);
    }
}

/* round() of a number that is not negative. */
static double rounded(double x)
{
    const double whole = (double)(int32_t)x;

    return x - whole >= 0.5 ? whole + 1.0 : whole;
}

typedef struct candidates {
    float part[BLOCK], corner[BLOCK], saturation[BLOCK], p[BLOCK], q[BLOCK], t[BLOCK];
} candidates;

static void look_up(candidates *c, const hsv *y, const tables *t, uint8_t shift)
{
    for (int i = 0; i < BLOCK; i++) {
        const int32_t hue = (y->hue[i] + shift) & 255;

        c->part[i] = t->part[hue];
        c->corner[i] = t->corner[hue];
        c->saturation[i] = t->saturation[y->whole_saturation[i]];
    }
}

APART void find_candidates(candidates *c, const hsv *y)
{
    for (int i = 0; i < BLOCK; i++) {
        const double v = (double)y->most[i], s = (double)c->saturation[i];
        const float product = c->saturation[i] * c->part[i];

        c->p[i] = (float)rounded(v * (1.0 - s));
        c->q[i] = (float)rounded(v * (1.0 - (double)product));
        c->t[i] = (float)rounded(v * (1.0 - s * (1.0 - (double)c->part[i])));
    }
}

/* v in two corners that follow each other, then q behind it and t before it, p in the other two. */
APART void choose(float *channel, const candidates *c, const hsv *y, float first, float second, float behind,
                  float before)
{
    for (int i = 0; i < BLOCK; i++) {
        const float k = c->corner[i], q = k == behind ? c->q[i] : c->p[i], t = k == before ? c->t[i] : q,
                    v = k == first ? y->most[i] : t;

        channel[i] = k == second ? y->most[i] : v;
    }
}

/* By corners: v t p, q v p, p v t, p q v, t p v, v p q. Without saturation all are v. */
static void choose_channels(block *x, const candidates *c, const hsv *y)
{
    choose(x->r, c, y, 5, 0, 1, 4);
    choose(x->g, c, y, 1, 2, 3, 0);
    choose(x->b, c, y, 3, 4, 5, 2);
}

static void hue(uint8_t *rgb, size_t count, uint8_t shift)
{
    block x = { { 0 }, { 0 }, { 0 } };
    candidates c;
    tables t;
    hsv y;

    fill_tables(&t);
    for (size_t at = 0; at < count; at += BLOCK) {
        const size_t n = count - at < BLOCK ? count - at : BLOCK;

        take_apart(&x, rgb + 3 * at, n);
        find_parts(&y, &x);
        find_sixths(&y);
        find_hues(&y);
        look_up(&c, &y, &t, shift);
        find_candidates(&c, &y);
        choose_channels(&x, &c, &y);
        put_together(rgb + 3 * at, &x, n);
    }
}

const rn_colour_kernels RN_COLOUR_TABLE = {
    .blend = blend, .sum_greys = sum_greys, .saturation = saturation, .hue = hue
};
