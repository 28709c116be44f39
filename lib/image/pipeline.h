/* SPDX-License-Identifier: MIT */
/* What a pipeline is: a list of steps, each a kind and numbers. */
#ifndef RN_IMAGE_PIPELINE_H
#define RN_IMAGE_PIPELINE_H

#include "context/context.h"
#include "image/pixels.h"
#include <resnet/image.h>

typedef enum rn_transform_kind {
    RN_TRANSFORM_RESIZE,
    RN_TRANSFORM_CENTER_CROP,
    RN_TRANSFORM_RANDOM_ROTATION,
    RN_TRANSFORM_RANDOM_HORIZONTAL_FLIP,
    RN_TRANSFORM_RANDOM_VERTICAL_FLIP,
    RN_TRANSFORM_COLOR_JITTER,
    RN_TRANSFORM_RANDOM_GRAYSCALE,
    RN_TRANSFORM_TO_TENSOR,
    RN_TRANSFORM_NORMALIZE,
    RN_TRANSFORM_KINDS
} rn_transform_kind;

enum { RN_PIPELINE_STEPS = 32, RN_TRANSFORM_NUMBERS = 6 };

typedef struct rn_transform {
    rn_transform_kind kind;
    int32_t count; /* of numbers */
    double number[RN_TRANSFORM_NUMBERS];
} rn_transform;

struct rn_pipeline {
    rn_context *context; /* retained */
    rn_transform step[RN_PIPELINE_STEPS];
    int32_t count;
    char *text;          /* canonical */
    float table[3][256]; /* what ToTensor and Normalize make of a byte, by channel */
};

/* pipeline_text.c: text to steps. `pipeline` holds the steps; the message says which step is wrong. */
rn_status rn_pipeline_parse(rn_pipeline *pipeline, const char *text, rn_message *message);
/* Writes the canonical text, at most `size` bytes with the final zero; gives the length that it needs. */
size_t rn_pipeline_print(const rn_pipeline *pipeline, char *text, size_t size);

/* All steps on 8-bit pixels, in place. Safe from several threads. */
rn_status rn_pipeline_transform(const rn_pipeline *pipeline, rn_pixels *pixels, const rn_draw *draw,
                                rn_message *message);
/* ToTensor and Normalize: height * width * 3 floats, channels fastest. */
void rn_pipeline_to_floats(const rn_pipeline *pipeline, const rn_pixels *pixels, float *floats);

/* A copy for another owner. */
rn_status rn_pipeline_copy(rn_pipeline **copy, const rn_pipeline *pipeline, rn_context *context);

#endif
