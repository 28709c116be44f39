/* SPDX-License-Identifier: MIT */
/*
 * Each byte by a table, the same for the picture or one for each channel, as in Pillow's ImageOps; and sharpness, which
 * blends with the smoothed picture (ImageEnhance.Sharpness, src/libImaging/Filter.c).
 */
#include "image/pixels.h"

#include <string.h>

typedef uint8_t byte_table[256];

static void apply_tables(rn_pixels *pixels, byte_table *tables)
{
    const size_t count = (size_t)pixels->width * (size_t)pixels->height;

    for (size_t i = 0; i < count; i++)
        for (int c = 0; c < 3; c++)
            pixels->rgb[3 * i + c] = tables[c][pixels->rgb[3 * i + c]];
}

static void apply_one(rn_pixels *pixels, const byte_table table)
{
    const size_t count = (size_t)pixels->width * (size_t)pixels->height * 3;

    for (size_t i = 0; i < count; i++)
        pixels->rgb[i] = table[pixels->rgb[i]];
}

void rn_pixels_posterize(rn_pixels *pixels, int32_t bits)
{
    byte_table table;

    for (int32_t v = 0; v < 256; v++)
        table[v] = (uint8_t)(v & ~((1 << (8 - bits)) - 1));
    apply_one(pixels, table);
}

void rn_pixels_solarize(rn_pixels *pixels, double threshold)
{
    byte_table table;

    for (int32_t v = 0; v < 256; v++)
        table[v] = (uint8_t)(v < threshold ? v : 255 - v);
    apply_one(pixels, table);
}

void rn_pixels_invert(rn_pixels *pixels)
{
    rn_pixels_solarize(pixels, 0);
}

/* ---- histograms -------------------------------------------------------------------------------------------------- */

typedef uint64_t histogram[256];

static void count_bytes(histogram *of_channels, const rn_pixels *pixels)
{
    const size_t count = (size_t)pixels->width * (size_t)pixels->height;

    memset(of_channels, 0, 3 * sizeof *of_channels);
    for (size_t i = 0; i < count; i++)
        for (int c = 0; c < 3; c++)
            of_channels[c][pixels->rgb[3 * i + c]]++;
}

static void leave_as_it_is(byte_table table)
{
    for (int32_t v = 0; v < 256; v++)
        table[v] = (uint8_t)v;
}

static void stretch(byte_table table, const histogram h)
{
    int32_t least = 0, most = 255;

    while (least < 255 && h[least] == 0)
        least++;
    while (most > 0 && h[most] == 0)
        most--;
    leave_as_it_is(table);
    if (most <= least)
        return;
    const double scale = 255.0 / (most - least), offset = -least * scale;

    for (int32_t v = 0; v < 256; v++) {
        const double stretched = v * scale + offset;

        table[v] = (uint8_t)(stretched <= 0 ? 0 : stretched >= 255 ? 255 : stretched);
    }
}

/* Each channel by the table that its histogram gives. */
static void apply_by_histogram(rn_pixels *pixels, void (*fill)(byte_table table, const histogram h))
{
    histogram of_channels[3];
    byte_table tables[3];

    count_bytes(of_channels, pixels);
    for (int c = 0; c < 3; c++)
        fill(tables[c], of_channels[c]);
    apply_tables(pixels, tables);
}

void rn_pixels_autocontrast(rn_pixels *pixels)
{
    apply_by_histogram(pixels, stretch);
}

/* The brightest value that occurs does not count, or all pixels would have to share 255 steps of what lies below. */
static void equalize_one(byte_table table, const histogram h)
{
    uint64_t total = 0, brightest = 0, step, sum;
    int32_t values = 0;

    for (int32_t v = 0; v < 256; v++) {
        total += h[v];
        values += h[v] > 0;
        brightest = h[v] > 0 ? h[v] : brightest;
    }
    leave_as_it_is(table);
    step = (total - brightest) / 255;
    if (values <= 1 || step == 0)
        return;
    sum = step / 2;
    for (int32_t v = 0; v < 256; v++) {
        const uint64_t equal = sum / step;

        table[v] = (uint8_t)(equal < 255 ? equal : 255);
        sum += h[v];
    }
}

void rn_pixels_equalize(rn_pixels *pixels)
{
    apply_by_histogram(pixels, equalize_one);
}

/* ---- sharpness --------------------------------------------------------------------------------------------------- */

/* Three neighbours in a row, in float and in Pillow's order. */
static float weigh(const uint8_t *at, const float *weight)
{
    return (float)at[-3] * weight[0] + (float)at[0] * weight[1] + (float)at[3] * weight[2];
}

/* The mean of a pixel five times and of its eight neighbours; the border stays. */
static uint8_t smoothed(const uint8_t *at, size_t pitch)
{
    static const float one = 1.0f / 13, five = 5.0f / 13;
    const float outer[3] = { one, one, one }, inner[3] = { one, five, one };
    float sum = 0.5f;

    sum += weigh(at + pitch, outer);
    sum += weigh(at, inner);
    sum += weigh(at - pitch, outer);
    return (uint8_t)(sum >= 255 ? 255 : sum);
}

rn_status rn_pixels_sharpness(rn_pixels *pixels, float factor, rn_message *message)
{
    const size_t pitch = (size_t)pixels->width * 3;
    rn_pixels sharpened;
    const rn_status status = rn_pixels_create(&sharpened, pixels->bench, pixels->width, pixels->height, message);

    if (status != RN_OK)
        return status;
    memcpy(sharpened.rgb, pixels->rgb, pitch * (size_t)pixels->height);
    for (int32_t y = 1; y < pixels->height - 1; y++)
        for (size_t i = 3; i < pitch - 3; i++) {
            const size_t at = (size_t)y * pitch + i;

            sharpened.rgb[at] = rn_byte_blend(smoothed(pixels->rgb + at, pitch), pixels->rgb[at], factor);
        }
    rn_pixels_replace(pixels, &sharpened);
    return RN_OK;
}
