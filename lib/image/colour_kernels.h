/* SPDX-License-Identifier: MIT */
/*
 * The loops of colour, compiled once for each instruction set (colour_body.h). All of them give the same bits: no sum
 * is reordered, and nothing is fused.
 */
#ifndef RN_IMAGE_COLOUR_KERNELS_H
#define RN_IMAGE_COLOUR_KERNELS_H

#include <resnet/context.h>

#include <stddef.h>

typedef struct rn_colour_kernels {
    /* Blends `count` bytes with one grey by `factor`. */
    void (*blend)(uint8_t *bytes, size_t count, uint8_t grey, float factor);
    /* The sum of the greys of `count` pixels. */
    uint64_t (*sum_greys)(const uint8_t *rgb, size_t count);
    /* Blends `count` pixels with their greys by `factor`. */
    void (*saturation)(uint8_t *rgb, size_t count, float factor);
    /* Turns their hues by `shift` 255ths of a turn. */
    void (*hue)(uint8_t *rgb, size_t count, uint8_t shift);
} rn_colour_kernels;

extern const rn_colour_kernels rn_colour_baseline, rn_colour_avx2;

/* The best ones that may be used. */
const rn_colour_kernels *rn_colour_kernels_for(rn_isa isa);

#endif
