/* SPDX-License-Identifier: MIT */
/* Pipelines: making, applying. Draws are made in the order of the steps, from one generator for each (seed, epoch,
 * sample). */
#include "image/pipeline.h"

#include "base/mix.h"
#include "image/image.h"
#include "tensor/tensor.h"
#include <resnet/version.h>

#include <math.h>
#include <string.h>

/* ---- life ------------------------------------------------------------------------------------------------------ */

const rn_transform *rn_pipeline_find(const rn_pipeline *pipeline, rn_transform_kind kind)
{
    for (int32_t i = 0; i < pipeline->count; i++)
        if (pipeline->step[i].kind == kind)
            return &pipeline->step[i];
    return NULL;
}

/* float32 arithmetic as torch's: x / 255, then - mean, then / deviation. */
static void fill_table(rn_pipeline *pipeline)
{
    const rn_transform *const normalise = rn_pipeline_find(pipeline, RN_TRANSFORM_NORMALIZE);

    for (int c = 0; c < 3; c++) {
        const float mean = normalise != NULL ? (float)normalise->number[c] : 0,
                    deviation = normalise != NULL ? (float)normalise->number[3 + c] : 1;

        for (int v = 0; v < 256; v++) {
            const float unit = (float)v / 255.0f;

            pipeline->table[c][v] = normalise != NULL ? (unit - mean) / deviation : unit;
        }
    }
}

static rn_status print_text(rn_pipeline *pipeline)
{
    const size_t length = rn_pipeline_print(pipeline, NULL, 0);

    pipeline->text = rn_allocate(&pipeline->context->allocator, length + 1);
    if (pipeline->text == NULL)
        return rn_fail(&pipeline->context->message, RN_NO_MEMORY, "no memory for a pipeline");
    rn_pipeline_print(pipeline, pipeline->text, length + 1);
    return RN_OK;
}

rn_status rn_pipeline_create(rn_pipeline **pipeline, rn_context *context, const char *text)
{
    rn_pipeline *made;
    rn_status status;

    if (pipeline == NULL)
        return rn_fail_null("rn_pipeline_create", "pipeline");
    *pipeline = NULL;
    if (context == NULL)
        return rn_fail_null("rn_pipeline_create", "context");
    if (text == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "no text of a pipeline");
    made = rn_allocate_zeroed(&context->allocator, 1, sizeof *made);
    if (made == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for a pipeline");
    made->context = context;
    rn_context_retain(context);
    status = rn_pipeline_parse(made, text, &context->message);
    if (status == RN_OK)
        status = print_text(made);
    if (status != RN_OK) {
        rn_pipeline_destroy(made);
        return status;
    }
    fill_table(made);
    *pipeline = made;
    return RN_OK;
}

rn_status rn_pipeline_copy(rn_pipeline **copy, const rn_pipeline *pipeline, rn_context *context)
{
    return rn_pipeline_create(copy, context, pipeline->text);
}

void rn_pipeline_destroy(rn_pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    rn_context *const context = pipeline->context;

    rn_release(&context->allocator, pipeline->text);
    rn_release(&context->allocator, pipeline);
    rn_context_release(context);
}

const char *rn_pipeline_text(const rn_pipeline *pipeline)
{
    return pipeline == NULL ? NULL : pipeline->text;
}

int rn_pipeline_is_random(const rn_pipeline *pipeline)
{
    for (int32_t i = 0; pipeline != NULL && i < pipeline->count; i++)
        if (rn_step_is_random(&pipeline->step[i]))
            return 1;
    return 0;
}

/* The size behind a step from that before it; 0 x 0 is one that depends on the photo. */
static void size_behind(const rn_transform *step, int32_t *h, int32_t *w)
{
    const bool known = *h != 0, square = known && *h == *w;
    const int32_t first = (int32_t)step->number[0], second = (int32_t)step->number[step->count > 1];

    switch (step->kind) {
    case RN_TRANSFORM_RESIZE: /* one size: the longer side depends on the photo */
        *h = step->count == 2 || square ? first : 0;
        *w = step->count == 2 ? second : *h;
        break;
    case RN_TRANSFORM_CENTER_CROP:
    case RN_TRANSFORM_RANDOM_CROP:
    case RN_TRANSFORM_RANDOM_RESIZED_CROP:
        *h = first;
        *w = second;
        break;
    case RN_TRANSFORM_PAD:
        *h = known ? *h + second + (step->count == 4 ? (int32_t)step->number[3] : second) : 0;
        *w = known ? *w + first + (step->count == 4 ? (int32_t)step->number[2] : first) : 0;
        break;
    case RN_TRANSFORM_RANDOM_ROTATION:
        *h = step->number[RN_ROTATION_EXPANDS] != 0 ? 0 : *h;
        *w = step->number[RN_ROTATION_EXPANDS] != 0 ? 0 : *w;
        break;
    default: break;
    }
}

void rn_pipeline_output_size(const rn_pipeline *pipeline, int32_t *height, int32_t *width)
{
    int32_t h = 0, w = 0;

    for (int32_t i = 0; pipeline != NULL && i < pipeline->count; i++)
        size_behind(&pipeline->step[i], &h, &w);
    if (height != NULL)
        *height = h;
    if (width != NULL)
        *width = w;
}

void rn_pipeline_draft(const rn_pipeline *pipeline, int32_t *height, int32_t *width)
{
    const rn_transform *const resize = rn_pipeline_find(pipeline, RN_TRANSFORM_RESIZE);
    const bool drafts = resize != NULL && resize->number[RN_RESIZE_DRAFT] != 0;

    *height = drafts ? (int32_t)resize->number[0] : 0;
    *width = drafts ? (int32_t)resize->number[resize->count - 1] : 0;
}

/* ---- applying -------------------------------------------------------------------------------------------------- */

static const rn_draw no_draw = { 0, 0, 0 };

/* Borrowed pixels become a copy, unless the step makes new ones in any case, or leaves them as they are. */
static rn_status own(rn_pixels *pixels, const rn_transform *step, rn_message *message)
{
    rn_pixels copy;
    rn_status status;

    if (!pixels->is_borrowed || step->kind == RN_TRANSFORM_RESIZE || step->kind == RN_TRANSFORM_CENTER_CROP ||
        step->kind == RN_TRANSFORM_RANDOM_RESIZED_CROP)
        return RN_OK;
    status = rn_pixels_create(&copy, pixels->bench, pixels->width, pixels->height, message);
    if (status != RN_OK)
        return status;
    memcpy(copy.rgb, pixels->rgb, (size_t)copy.width * (size_t)copy.height * 3);
    copy.orientation = pixels->orientation;
    rn_pixels_replace(pixels, &copy);
    return RN_OK;
}

/* Steps [first, end). */
static rn_status run_steps(const rn_pipeline *pipeline, int32_t first, int32_t end, rn_pixels *pixels,
                           rn_random *random, rn_message *message)
{
    for (int32_t i = first; i < end; i++) {
        const rn_transform *const next = i + 1 < end ? &pipeline->step[i + 1] : NULL;
        bool taken;
        rn_status status = own(pixels, &pipeline->step[i], message);

        if (status == RN_OK)
            status = rn_step_apply(&pipeline->step[i], next, &taken, pixels, random, message);
        if (status != RN_OK)
            return status;
        i += taken;
    }
    return RN_OK;
}

/* A blur of one strength takes a number from the generator all the same. */
static int32_t count_head(const rn_pipeline *pipeline)
{
    int32_t i = 0;

    while (i < pipeline->count && !rn_step_is_random(&pipeline->step[i]) &&
           pipeline->step[i].kind != RN_TRANSFORM_GAUSSIAN_BLUR)
        i++;
    return i;
}

rn_status rn_pipeline_begin(const rn_pipeline *pipeline, rn_pixels *pixels, rn_message *message)
{
    return run_steps(pipeline, 0, count_head(pipeline), pixels, NULL, message);
}

rn_status rn_pipeline_finish(const rn_pipeline *pipeline, rn_pixels *pixels, const rn_draw *draw, rn_message *message)
{
    const rn_draw *const d = draw != NULL ? draw : &no_draw;
    rn_random random = rn_random_at(d->seed, RN_STREAM_AUGMENT, d->epoch, d->sample);

    return run_steps(pipeline, count_head(pipeline), pipeline->count, pixels, &random, message);
}

rn_status rn_pipeline_transform(const rn_pipeline *pipeline, rn_pixels *pixels, const rn_draw *draw,
                                rn_message *message)
{
    const rn_status status = rn_pipeline_begin(pipeline, pixels, message);

    return status == RN_OK ? rn_pipeline_finish(pipeline, pixels, draw, message) : status;
}

uint64_t rn_pipeline_head_id(const rn_pipeline *pipeline)
{
    uint64_t id = rn_mix_text(rn_mix_text(0, rn_version()), rn_jpeg_decoder);
    int32_t draft[2];

    rn_pipeline_draft(pipeline, &draft[0], &draft[1]);
    id = rn_mix(rn_mix(id, (uint64_t)draft[0]), (uint64_t)draft[1]);
    for (int32_t i = 0; i < count_head(pipeline); i++) {
        const rn_transform *const step = &pipeline->step[i];

        if (step->kind == RN_TRANSFORM_TO_TENSOR || step->kind == RN_TRANSFORM_NORMALIZE)
            break; /* floats are made behind all of them */
        id = rn_mix(rn_mix(id, step->kind), (uint64_t)step->count);
        for (int j = 0; j < RN_TRANSFORM_NUMBERS; j++)
            id = rn_mix_number(id, step->number[j]);
    }
    return id;
}

/* A rectangle of the floats, its shape drawn up to ten times until it fits; if none does, nothing is erased. */
static void erase(const rn_transform *step, const rn_pixels *pixels, rn_random *random, float *floats)
{
    const double *const n = step->number, height = pixels->height, width = pixels->width;
    const double lowest = log(n[RN_ERASING_RATIO]), highest = log(n[RN_ERASING_RATIO + 1]);

    if (rn_random_uniform(random) >= n[0])
        return;
    for (int attempt = 0; attempt < 10; attempt++) {
        const double part =
            n[RN_ERASING_SCALE] + (n[RN_ERASING_SCALE + 1] - n[RN_ERASING_SCALE]) * rn_random_uniform(random);
        const double area = height * width * part, shape = exp(lowest + (highest - lowest) * rn_random_uniform(random));
        const double h = nearbyint(sqrt(area * shape)), w = nearbyint(sqrt(area / shape));

        if (h >= height || w >= width)
            continue;
        const size_t top = (size_t)rn_random_below(random, (uint64_t)(height - h) + 1),
                     left = (size_t)rn_random_below(random, (uint64_t)(width - w) + 1);

        for (size_t y = top; y < top + (size_t)h; y++)
            for (size_t x = left; x < left + (size_t)w; x++)
                for (size_t c = 0; c < 3; c++)
                    floats[(y * (size_t)pixels->width + x) * 3 + c] =
                        (float)(n[RN_ERASING_NORMAL] != 0 ? rn_random_normal(random) : n[RN_ERASING_VALUE + c]);
        return;
    }
}

void rn_pipeline_to_floats(const rn_pipeline *pipeline, const rn_pixels *pixels, const rn_draw *draw, float *floats)
{
    const rn_transform *const erasing = rn_pipeline_find(pipeline, RN_TRANSFORM_RANDOM_ERASING);
    const size_t count = (size_t)pixels->width * (size_t)pixels->height;
    const rn_draw *const d = draw != NULL ? draw : &no_draw;
    rn_random random = rn_random_at(d->seed, RN_STREAM_ERASE, d->epoch, d->sample);

    for (size_t i = 0; i < 3 * count; i += 3) {
        floats[i] = pipeline->table[0][pixels->rgb[i]];
        floats[i + 1] = pipeline->table[1][pixels->rgb[i + 1]];
        floats[i + 2] = pipeline->table[2][pixels->rgb[i + 2]];
    }
    if (erasing != NULL)
        erase(erasing, pixels, &random, floats);
}

/* (3, height, width) over memory in which channels run fastest. */
static rn_status tensor_for(rn_tensor **tensor, rn_context *context, const rn_pixels *pixels)
{
    const int64_t shape[3] = { 3, pixels->height, pixels->width }, strides[3] = { 1, (int64_t)pixels->width * 3, 3 };
    rn_storage *storage;
    rn_status status =
        rn_storage_allocate(&storage, context, (size_t)pixels->width * (size_t)pixels->height * 3 * sizeof(float));

    if (status != RN_OK)
        return status;
    status = rn_tensor_over(tensor, storage, storage->memory, RN_FLOAT32, 3, shape, strides, RN_ROW_MAJOR);
    rn_storage_release(storage);
    return status;
}

rn_status rn_pipeline_apply(rn_tensor **tensor, rn_context *context, const rn_pipeline *pipeline, const rn_image *image,
                            const rn_draw *draw)
{
    rn_workbench bench;
    rn_pixels pixels;
    rn_message *message;
    rn_status status;

    if (tensor == NULL)
        return rn_fail_null("rn_pipeline_apply", "tensor");
    *tensor = NULL;
    if (context == NULL)
        return rn_fail_null("rn_pipeline_apply", "context");
    message = &context->message;
    if (pipeline == NULL || image == NULL)
        return rn_fail(message, RN_INVALID_ARGUMENT, "rn_pipeline_apply: %s is NULL",
                       pipeline == NULL ? "pipeline" : "image");
    if (draw == NULL && rn_pipeline_is_random(pipeline))
        return rn_fail(message, RN_INVALID_ARGUMENT, "a random pipeline needs to know which draws to make");
    bench = rn_workbench_make(context, context->allocator);
    pixels = image->pixels;
    pixels.bench = &bench;
    pixels.is_borrowed = true;
    status = rn_pipeline_transform(pipeline, &pixels, draw, message);
    if (status == RN_OK)
        status = tensor_for(tensor, context, &pixels);
    if (status == RN_OK)
        rn_pipeline_to_floats(pipeline, &pixels, draw, rn_tensor_data(*tensor));
    rn_pixels_release(&pixels);
    return status;
}
