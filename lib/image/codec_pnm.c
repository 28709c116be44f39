/* SPDX-License-Identifier: MIT */
/*
 * PBM, PGM and PPM, plain and raw (P1 to P6), as Pillow's PpmImagePlugin reads them: numbers below `maxval` are
 * stretched to 255, comments reach to the end of their line wherever they begin. Of greys with over 255 steps the upper
 * eight of 16 bits are kept, as of a PNG's. Source: netpbm, pbm(5), pgm(5), ppm(5).
 */
#include "image/pixels.h"

#include <math.h>
#include <string.h>

enum { LONGEST = 10 }; /* digits of a number */

typedef struct pnm {
    const uint8_t *at, *end;
    bool is_plain, is_bitmap;
    int32_t channels, most; /* maxval */
} pnm;

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* The next byte that is in no comment, or -1. */
static int next_byte(pnm *p)
{
    while (p->at < p->end && *p->at == '#') {
        while (p->at < p->end && *p->at != '\n' && *p->at != '\r')
            p->at++;
        p->at += p->at < p->end;
    }
    return p->at < p->end ? *p->at++ : -1;
}

/* A number, and one space behind it; -1: there is none. */
static int64_t next_number(pnm *p)
{
    int64_t value = 0;
    int digits = 0, c = next_byte(p);

    while (c >= 0 && is_space((uint8_t)c))
        c = next_byte(p);
    for (; c >= '0' && c <= '9' && digits <= LONGEST; digits++, c = next_byte(p))
        value = 10 * value + (c - '0');
    return digits == 0 || digits > LONGEST || (c >= 0 && !is_space((uint8_t)c)) ? -1 : value;
}

/* "P", the kind, sizes, maxval. */
static rn_status read_head(pnm *p, int64_t *width, int64_t *height, const char *name, rn_message *message)
{
    const int kind = p->at[1] - '0';
    int64_t most = 1;

    p->at += 2;
    p->is_plain = kind <= 3;
    p->is_bitmap = kind == 1 || kind == 4;
    p->channels = kind == 3 || kind == 6 ? 3 : 1;
    *width = next_number(p);
    *height = next_number(p);
    if (!p->is_bitmap)
        most = next_number(p);
    if (*width < 0 || *height < 0 || most < 1 || most > 65535)
        return rn_fail(message, RN_FORMAT, "%s: the PNM's sizes cannot be read", name);
    p->most = (int32_t)most;
    return RN_OK;
}

/* What so many pixels take at least: of plain numbers a digit each and, but in bitmaps, a space between them. */
static bool can_hold(const pnm *p, int64_t width, int64_t height)
{
    const uint64_t left = (uint64_t)(p->end - p->at), count = (uint64_t)width * (uint64_t)height;
    const uint64_t values = count * (uint64_t)p->channels;

    if (p->is_plain)
        return left >= (p->is_bitmap ? values : 2 * values - 1);
    if (p->is_bitmap)
        return left >= ((uint64_t)width + 7) / 8 * (uint64_t)height;
    return left >= values * (p->most > 255 ? 2 : 1);
}

/* Halves to the even number, as Python rounds. */
static uint8_t stretched(const pnm *p, int64_t value)
{
    const bool is_deep = p->channels == 1 && p->most > 255;
    const double unit = (double)(value < p->most ? value : p->most) / p->most;

    return (uint8_t)(is_deep ? (int32_t)nearbyint(unit * 65535) >> 8 : (int32_t)nearbyint(unit * 255));
}

/* A raw value may be greater than the greatest. */
static int64_t next_raw(pnm *p)
{
    int64_t value = *p->at++;

    if (p->most > 255)
        value = value << 8 | *p->at++;
    return value;
}

/* Black is 1; digits may stand without spaces. */
static int next_plain_bit(pnm *p)
{
    int c = next_byte(p);

    while (c >= 0 && is_space((uint8_t)c))
        c = next_byte(p);
    return c == '0' ? 255 : c == '1' ? 0 : -1;
}

/* A value of a row, from 0 to 255; -1: there is none. Rows of raw bitmaps begin with a byte. */
static int next_value(pnm *p, int32_t x)
{
    int64_t value;

    if (p->is_bitmap && p->is_plain)
        return next_plain_bit(p);
    if (p->is_bitmap) {
        p->at += x > 0 && x % 8 == 0;
        return (*p->at >> (7 - x % 8) & 1) != 0 ? 0 : 255;
    }
    value = p->is_plain ? next_number(p) : next_raw(p);
    return value < 0 || (p->is_plain && value > p->most) ? -1 : stretched(p, value);
}

static bool read_rows(rn_pixels *pixels, pnm *p)
{
    uint8_t *to = pixels->rgb;

    for (int32_t y = 0; y < pixels->height; y++) {
        for (int32_t x = 0; x < pixels->width; x++)
            for (int32_t c = 0; c < 3; c++, to++) {
                const int value = c < p->channels ? next_value(p, x) : to[-1];

                if (value < 0)
                    return false;
                *to = (uint8_t)value;
            }
        p->at += p->is_bitmap && !p->is_plain;
    }
    return true;
}

rn_status rn_pixels_decode_pnm(rn_pixels *pixels, const rn_workbench *bench, const uint8_t *bytes, size_t nbytes,
                               const char *name, rn_message *message)
{
    pnm p = { .at = bytes, .end = bytes + nbytes };
    int64_t width, height;
    rn_status status = read_head(&p, &width, &height, name, message);

    *pixels = (rn_pixels){ .bench = bench };
    if (status == RN_OK)
        status = rn_check_picture_size(bench, width, height, name, message);
    if (status != RN_OK)
        return status;
    if (!can_hold(&p, width, height))
        return rn_fail(message, RN_FORMAT, "%s: the PNM is cut short", name);
    status = rn_pixels_create(pixels, bench, width, height, message);
    if (status != RN_OK)
        return status;
    if (!read_rows(pixels, &p)) {
        rn_pixels_release(pixels);
        return rn_fail(message, RN_FORMAT, "%s: the PNM is cut short, or something in it is no number up to %d", name,
                       (int)p.most);
    }
    pixels->is_deep_grey = p.channels == 1 && p.most > 255;
    return RN_OK;
}
