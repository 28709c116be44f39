/* SPDX-License-Identifier: MIT */
/*
 * torchvision's gaussian_blur of an 8-bit picture, in its arithmetic: float32, all taps of the two-dimensional kernel
 * one after the other by fused multiply-adds from its upper left corner on, as torch's convolution on a CPU (oneDNN)
 * has them; rounded, halves to the even number. Beyond the picture it is mirrored. Sources: torchvision,
 * _functional_tensor.gaussian_blur; torch, SumKernel.cpp.
 *
 * What cannot be fixed: which exp torch has (that of MKL, or Sleef's, which is right to a unit in the last place) and
 * how wide the vectors are that add up a kernel of 9 taps and more. Here exp is correctly rounded but for very few
 * arguments, and vectors have eight floats, as with AVX2. Of 10,000 blurs (200 photos, kernels up to 31) 432 came out
 * other than torch 2.15's on a CPU with AVX2; the two that were looked at differed in one value by 1.
 */
#include "image/pixels.h"

#include <math.h>
#include <string.h>

/* In torch's order: lanes of eight, where there are so many, the rest in front of them; else lanes of four. The last
 * lanes' vectors beyond a multiple of four go to the first partial sum. */
static float sum_of(const float *x, int32_t count)
{
    enum { PARTS = 4, MOST = 8 };
    const int32_t lanes = count >= MOST ? MOST : 1, vectors = count / lanes, even = vectors / PARTS * PARTS;
    float part[PARTS][MOST] = { { 0 } }, sum = 0;

    for (int32_t v = 0; v < vectors; v++)
        for (int32_t i = 0; i < lanes; i++)
            part[v < even ? v % PARTS : 0][i] += x[v * lanes + i];
    for (int32_t i = vectors * lanes; i < count; i++)
        sum += x[i];
    for (int32_t i = 0; i < lanes; i++)
        sum += ((part[0][i] + part[1][i]) + part[2][i]) + part[3][i];
    return sum;
}

/* exp(-(x / sigma)^2 / 2) at whole distances x from the middle, made to sum to 1. */
static void fill_kernel(float *weight, int32_t count, double sigma)
{
    float sum;

    for (int32_t i = 0; i < count; i++) {
        const float x = (float)(i - count / 2) / (float)sigma;

        weight[i] = (float)exp((double)(-0.5f * (x * x)));
    }
    sum = sum_of(weight, count);
    for (int32_t i = 0; i < count; i++)
        weight[i] /= sum;
}

/* A blur at work: the rows that an output row is made of, in floats with their mirrored ends, each in the slot of its
 * number modulo their count. */
typedef struct blur {
    int32_t width, height; /* of the kernel */
    float *across, *down;  /* width and height weights */
    float *rows, *sums;
    size_t pitch; /* floats of a row */
} blur;

static rn_status create_blur(blur *b, const rn_pixels *pixels, rn_message *message)
{
    const rn_allocator *const allocator = &pixels->bench->allocator;
    const size_t line = (size_t)pixels->width * 3, kernel = (size_t)b->width + (size_t)b->height;
    size_t count;

    b->pitch = line + (size_t)(b->width - 1) * 3;
    if (rn_size_multiply(&count, b->pitch, (size_t)b->height) && rn_size_add(&count, count, line + kernel))
        b->across = rn_allocate_array(allocator, count, sizeof *b->across);
    if (b->across == NULL)
        return rn_fail(message, RN_NO_MEMORY, "no memory to blur a picture");
    b->down = b->across + b->width;
    b->sums = b->down + b->height;
    b->rows = b->sums + line;
    return RN_OK;
}

/* Row `y` of the mirrored picture. */
static float *row_at(const blur *b, int32_t y)
{
    return b->rows + (size_t)((y + b->height) % b->height) * b->pitch;
}

static void load_row(const blur *b, const rn_pixels *pixels, int32_t y)
{
    const int32_t from = rn_position_within(y, pixels->height, RN_BEYOND_REFLECT), count = pixels->width + b->width - 1;
    const uint8_t *const row = pixels->rgb + (size_t)from * (size_t)pixels->width * 3;
    float *const to = row_at(b, y);

    for (int32_t x = 0; x < count; x++) {
        const int32_t at = rn_position_within(x - b->width / 2, pixels->width, RN_BEYOND_REFLECT);

        for (int32_t c = 0; c < 3; c++)
            to[3 * x + c] = row[3 * at + c];
    }
}

static void blur_row(const blur *b, const rn_pixels *pixels, int32_t y, uint8_t *to)
{
    const size_t line = (size_t)pixels->width * 3;

    for (size_t i = 0; i < line; i++)
        b->sums[i] = 0;
    for (int32_t i = 0; i < b->height; i++) {
        const float *const row = row_at(b, y + i - b->height / 2);

        for (int32_t j = 0; j < b->width; j++)
            pixels->bench->resample->accumulate(b->sums, row + (size_t)j * 3, line, b->down[i] * b->across[j]);
    }
    for (size_t i = 0; i < line; i++)
        to[i] = (uint8_t)nearbyintf(b->sums[i]);
}

rn_status rn_pixels_gaussian_blur(rn_pixels *pixels, int32_t width, int32_t height, double sigma_x, double sigma_y,
                                  rn_message *message)
{
    blur b = { .width = width, .height = height };
    rn_pixels blurred;
    rn_status status;

    if (width / 2 >= pixels->width || height / 2 >= pixels->height)
        return rn_fail(message, RN_SHAPE, "GaussianBlur(%d, %d) of a picture of %d x %d pixels, which is too small",
                       (int)width, (int)height, (int)pixels->width, (int)pixels->height);
    status = rn_pixels_create(&blurred, pixels->bench, pixels->width, pixels->height, message);
    if (status != RN_OK)
        return status;
    status = create_blur(&b, pixels, message);
    if (status != RN_OK) {
        rn_pixels_release(&blurred);
        return status;
    }
    fill_kernel(b.across, width, sigma_x);
    fill_kernel(b.down, height, sigma_y);
    for (int32_t y = -(height / 2); y < height / 2; y++)
        load_row(&b, pixels, y);
    for (int32_t y = 0; y < pixels->height; y++) {
        load_row(&b, pixels, y + height / 2);
        blur_row(&b, pixels, y, blurred.rgb + (size_t)y * (size_t)pixels->width * 3);
    }
    rn_release(&pixels->bench->allocator, b.across);
    rn_pixels_replace(pixels, &blurred);
    return RN_OK;
}
