/* SPDX-License-Identifier: MIT */
/*
 * The hot loops of resizing and blurring, compiled once for each instruction set (resample_body.h). All of them give
 * the same bits: they compute with integers, or with fused multiply-adds in the order of the definition.
 */
#ifndef RN_IMAGE_RESAMPLE_KERNELS_H
#define RN_IMAGE_RESAMPLE_KERNELS_H

#include <resnet/context.h>

#include <stddef.h>

enum {
    RN_RESAMPLE_PRECISION = 32 - 8 - 2, /* fractional bits of a weight: bytes times weights that sum to 1 fit 32 bits */
    RN_RESAMPLE_ROWS = 8,               /* are resized together */
    RN_RESAMPLE_BLOCK = 16,             /* bytes of each at a time */
    RN_PIXEL_SLACK = 64                 /* bytes that the loops may read and write behind the last pixel */
};

/* What one output is made of: inputs first .. first + count, with weights from weight[index] on. */
typedef struct rn_taps {
    int32_t first, count;
    size_t index;
} rn_taps;

static inline size_t rn_whole_blocks(size_t nbytes)
{
    return (nbytes + RN_RESAMPLE_BLOCK - 1) / RN_RESAMPLE_BLOCK * RN_RESAMPLE_BLOCK;
}

/* Numbers of scratch for rows: the inputs and the sums, which take the place of the inputs' bytes. */
static inline size_t rn_rows_scratch(int32_t inputs, int32_t outputs)
{
    const size_t in = rn_whole_blocks((size_t)inputs * 3), out = rn_whole_blocks((size_t)outputs * 3);

    return (in + (out > in / 4 ? out : in / 4)) * RN_RESAMPLE_ROWS;
}

/* One weight a tap. */
typedef struct rn_resample_kernels {
    /* 1 to RN_RESAMPLE_ROWS rows without gaps: `outputs` pixels from `inputs` pixels of three bytes. `scratch`:
     * rn_rows_scratch(inputs, outputs) numbers. */
    void (*rows)(uint8_t *out, const uint8_t *in, int32_t rows, int32_t outputs, int32_t inputs, const rn_taps *taps,
                 const int32_t *weight, int32_t *scratch);
    /* One row of `nbytes` bytes from rows `nbytes` apart; `in` is the first of taps->count rows. */
    void (*column)(uint8_t *out, const uint8_t *in, size_t nbytes, const rn_taps *taps, const int32_t *weight);
    /* sums[i] += weight * in[i], rounded once. */
    void (*accumulate)(float *restrict sums, const float *restrict in, size_t count, float weight);
} rn_resample_kernels;

extern const rn_resample_kernels rn_resample_baseline, rn_resample_avx2;

/* The best ones that may be used. */
const rn_resample_kernels *rn_resample_kernels_for(rn_isa isa);

#endif
