/* SPDX-License-Identifier: MIT */
/* What a pipeline is: a list of steps, each a kind and numbers. */
#ifndef RN_IMAGE_PIPELINE_H
#define RN_IMAGE_PIPELINE_H

#include "base/random.h"
#include "context/context.h"
#include "image/pixels.h"
#include <resnet/image.h>

typedef enum rn_transform_kind {
    RN_TRANSFORM_EXIF_TRANSPOSE,
    RN_TRANSFORM_RESIZE,
    RN_TRANSFORM_CENTER_CROP,
    RN_TRANSFORM_RANDOM_CROP,
    RN_TRANSFORM_RANDOM_RESIZED_CROP,
    RN_TRANSFORM_PAD,
    RN_TRANSFORM_RANDOM_ROTATION,
    RN_TRANSFORM_RANDOM_AFFINE,
    RN_TRANSFORM_RANDOM_PERSPECTIVE,
    RN_TRANSFORM_RANDOM_HORIZONTAL_FLIP,
    RN_TRANSFORM_RANDOM_VERTICAL_FLIP,
    RN_TRANSFORM_COLOR_JITTER,
    RN_TRANSFORM_GAUSSIAN_BLUR,
    RN_TRANSFORM_GRAYSCALE,
    RN_TRANSFORM_RANDOM_GRAYSCALE,
    RN_TRANSFORM_RANDOM_INVERT,
    RN_TRANSFORM_RANDOM_POSTERIZE,
    RN_TRANSFORM_RANDOM_SOLARIZE,
    RN_TRANSFORM_RANDOM_ADJUST_SHARPNESS,
    RN_TRANSFORM_RANDOM_AUTOCONTRAST,
    RN_TRANSFORM_RANDOM_EQUALIZE,
    RN_TRANSFORM_TRIVIAL_AUGMENT_WIDE,
    RN_TRANSFORM_RAND_AUGMENT,
    RN_TRANSFORM_TO_TENSOR,
    RN_TRANSFORM_NORMALIZE,
    RN_TRANSFORM_RANDOM_ERASING,
    RN_TRANSFORM_KINDS
} rn_transform_kind;

/*
 * Where a step's numbers are: first those that stand by themselves, then those behind words (pipeline_grammar.c).
 * Ranges are the lower and the upper end.
 */
enum {
    RN_RESIZE_FILTER = 2, /* an rn_filter */
    RN_RESIZE_MOST = 3,   /* of the longer side; 0: none */
    RN_RESIZE_DRAFT = 4,  /* JPEGs are decoded at a part of their size */
    RN_CROP_PADDING = 2,  /* on all sides */
    RN_CROP_IF_NEEDED = 3,
    RN_CROP_FILL = 4,
    RN_CROP_BEYOND = 7,   /* an rn_beyond */
    RN_RESIZED_SCALE = 2, /* parts of the area */
    RN_RESIZED_RATIO = 4, /* width to height */
    RN_RESIZED_FILTER = 6,
    RN_PAD_FILL = 4,
    RN_PAD_BEYOND = 7,
    RN_ROTATION_FILTER = 2,
    RN_ROTATION_EXPANDS = 3,
    RN_ROTATION_FILL = 4,
    RN_ROTATION_CENTRE = 7, /* x and y; RN_NO_CENTRE: the middle */
    RN_NO_CENTRE = -1000000,
    RN_AFFINE_TRANSLATE = 2, /* parts of width and height */
    RN_AFFINE_SCALE = 4,
    RN_AFFINE_SHEAR = 6, /* ranges along x and along y */
    RN_AFFINE_FILTER = 10,
    RN_AFFINE_FILL = 11,
    RN_PERSPECTIVE_FILTER = 2,
    RN_PERSPECTIVE_FILL = 3,
    RN_ERASING_SCALE = 1,
    RN_ERASING_RATIO = 3, /* height to width */
    RN_ERASING_VALUE = 5,
    RN_ERASING_NORMAL = 8, /* draws in its place */
    RN_BLUR_SIGMA = 2,
    RN_PIPELINE_STEPS = 32,
    RN_TRANSFORM_NUMBERS = 14
};

typedef struct rn_transform {
    rn_transform_kind kind;
    int32_t count; /* of numbers that stand by themselves */
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

/* ---- what steps are called and take (pipeline_grammar.c) --------------------------------------------------------- */

/* A word of a step and the numbers behind it, or the number that it stands for. */
typedef struct rn_step_word {
    const char *name;
    int32_t slot, count;    /* of numbers; 0: `value` goes to the slot */
    double value;           /* of a word with two numbers, 1: one may stand for both */
    double lowest, highest; /* of each number */
    bool is_whole;
} rn_step_word;

typedef struct rn_step_grammar {
    const char *name;
    int32_t least, most;    /* numbers that stand by themselves */
    double lowest, highest; /* of each */
    bool is_whole;
    int32_t numbers;           /* in all */
    int32_t filled;            /* of those left out that `standards` stand for: from the one of this index on */
    const double *standards;   /* of all numbers, or NULL */
    const rn_step_word *words; /* up to one without a name, or NULL */
} rn_step_grammar;

const rn_step_grammar *rn_step_grammar_of(rn_transform_kind kind);
/* What the bounds of single numbers do not say: ranges begin before they end, and so on. */
rn_status rn_step_check(const rn_transform *step, rn_message *message);
/* Which steps stand where. */
rn_status rn_pipeline_check_order(const rn_pipeline *pipeline, rn_message *message);

/* ---- at work ----------------------------------------------------------------------------------------------------- */

/* pipeline_steps.c: one step on pixels. `next`: the step behind, or NULL; a crop behind a step that moves pixels is
 * done by it, and *taken says so. */
rn_status rn_step_apply(const rn_transform *step, const rn_transform *next, bool *taken, rn_pixels *pixels,
                        rn_random *random, rn_message *message);
bool rn_step_is_random(const rn_transform *step);

/* The first step of a kind; NULL: there is none. */
const rn_transform *rn_pipeline_find(const rn_pipeline *pipeline, rn_transform_kind kind);
/* What photos for this pipeline need not be larger than when they are decoded; 0 x 0: they are decoded as they are. */
void rn_pipeline_draft(const rn_pipeline *pipeline, int32_t *height, int32_t *width);
/* The steps in front of the first that draws: what they make of a photo is always the same. In place. Safe from several
 * threads, as is what follows. */
rn_status rn_pipeline_begin(const rn_pipeline *pipeline, rn_pixels *pixels, rn_message *message);
/* The steps behind them. */
rn_status rn_pipeline_finish(const rn_pipeline *pipeline, rn_pixels *pixels, const rn_draw *draw, rn_message *message);
/* A fingerprint of all that settles what decoding and rn_pipeline_begin make of a file. */
uint64_t rn_pipeline_head_id(const rn_pipeline *pipeline);
/* All steps on 8-bit pixels, in place. */
rn_status rn_pipeline_transform(const rn_pipeline *pipeline, rn_pixels *pixels, const rn_draw *draw,
                                rn_message *message);
/* ToTensor and what stands behind it: height * width * 3 floats, channels fastest. */
void rn_pipeline_to_floats(const rn_pipeline *pipeline, const rn_pixels *pixels, const rn_draw *draw, float *floats);

/* A copy for another owner. */
rn_status rn_pipeline_copy(rn_pipeline **copy, const rn_pipeline *pipeline, rn_context *context);

#endif
