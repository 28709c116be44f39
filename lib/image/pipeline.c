/* SPDX-License-Identifier: MIT */
/* Pipelines: making, applying. Draws are made in the order of the steps, from one generator for each (seed, epoch,
 * sample). */
#include "image/pipeline.h"

#include "base/random.h"
#include "image/image.h"
#include "tensor/tensor.h"

#include <string.h>

/* ---- life ------------------------------------------------------------------------------------------------------ */

/* float32 arithmetic as torch's: x / 255, then - mean, then / deviation. */
static void fill_table(rn_pipeline *pipeline)
{
    const rn_transform *const last = &pipeline->step[pipeline->count - 1];
    const bool normalises = last->kind == RN_TRANSFORM_NORMALIZE;

    for (int c = 0; c < 3; c++) {
        const float mean = normalises ? (float)last->number[c] : 0,
                    deviation = normalises ? (float)last->number[3 + c] : 1;

        for (int v = 0; v < 256; v++) {
            const float unit = (float)v / 255.0f;

            pipeline->table[c][v] = normalises ? (unit - mean) / deviation : unit;
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
        switch (pipeline->step[i].kind) {
        case RN_TRANSFORM_RANDOM_ROTATION:
        case RN_TRANSFORM_RANDOM_HORIZONTAL_FLIP:
        case RN_TRANSFORM_RANDOM_VERTICAL_FLIP:
        case RN_TRANSFORM_COLOR_JITTER:
        case RN_TRANSFORM_RANDOM_GRAYSCALE: return 1;
        default: break;
        }
    return 0;
}

void rn_pipeline_output_size(const rn_pipeline *pipeline, int32_t *height, int32_t *width)
{
    int32_t h = 0, w = 0;

    for (int32_t i = 0; pipeline != NULL && i < pipeline->count; i++) {
        const rn_transform *const step = &pipeline->step[i];
        const bool fixes =
            step->kind == RN_TRANSFORM_CENTER_CROP || (step->kind == RN_TRANSFORM_RESIZE && step->count == 2);

        if (fixes) {
            h = (int32_t)step->number[0];
            w = (int32_t)step->number[step->count - 1];
        } else if (step->kind == RN_TRANSFORM_RESIZE && (h != w || h == 0)) {
            h = w = 0; /* the longer side depends on the photo */
        } else if (step->kind == RN_TRANSFORM_RESIZE) {
            h = w = (int32_t)step->number[0];
        }
    }
    if (height != NULL)
        *height = h;
    if (width != NULL)
        *width = w;
}

/* ---- applying -------------------------------------------------------------------------------------------------- */

/* torchvision's size of Resize: the shorter side is `number[0]`, the longer one int(number[0] * longer / shorter). */
static rn_status resized_size(const rn_transform *step, const rn_pixels *pixels, int32_t *height, int32_t *width,
                              rn_message *message)
{
    const bool wide = pixels->width > pixels->height;
    const double shorter = wide ? pixels->height : pixels->width, longer = wide ? pixels->width : pixels->height;
    const double other = step->number[0] * longer / shorter;

    *height = (int32_t)step->number[0];
    *width = (int32_t)step->number[step->count - 1];
    if (step->count == 2)
        return RN_OK;
    if (other > RN_STANDARD_PIXELS)
        return rn_fail(message, RN_UNSUPPORTED, "a picture of %d x %d pixels is too narrow to be resized",
                       (int)pixels->width, (int)pixels->height);
    *(wide ? width : height) = (int32_t)other;
    return RN_OK;
}

/* Whether `next` crops something that lies inside a picture of this size: then nothing else need be computed. */
static bool crops_inside(rn_crop *crop, const rn_transform *next, int32_t height, int32_t width)
{
    if (next == NULL || next->kind != RN_TRANSFORM_CENTER_CROP)
        return false;
    *crop = rn_crop_centre(height, width, (int32_t)next->number[0], (int32_t)next->number[next->count - 1]);
    return crop->height <= height && crop->width <= width;
}

static double uniform_between(rn_random *random, double lowest, double highest)
{
    return lowest + (highest - lowest) * rn_random_uniform(random);
}

/* Factors are drawn first, then the order in which they act. */
static void jitter(rn_pixels *pixels, const double *strength, rn_random *random)
{
    double factor[4];
    int order[4] = { 0, 1, 2, 3 };

    for (int i = 0; i < 3; i++)
        factor[i] = uniform_between(random, strength[i] < 1 ? 1 - strength[i] : 0, 1 + strength[i]);
    factor[3] = uniform_between(random, -strength[3], strength[3]);
    for (uint64_t i = 3; i > 0; i--) {
        const uint64_t j = rn_random_below(random, i + 1);
        const int kept = order[i];

        order[i] = order[j];
        order[j] = kept;
    }
    for (int i = 0; i < 4; i++) {
        if (strength[order[i]] == 0)
            continue;
        switch (order[i]) {
        case 0: rn_pixels_brightness(pixels, (float)factor[0]); break;
        case 1: rn_pixels_contrast(pixels, (float)factor[1]); break;
        case 2: rn_pixels_saturation(pixels, (float)factor[2]); break;
        default: rn_pixels_hue(pixels, factor[3]); break;
        }
    }
}

/* `next`: the step behind, or NULL. A crop behind a step that moves pixels is done by it; *taken says so. */
static rn_status apply_step(const rn_transform *step, const rn_transform *next, bool *taken, rn_pixels *pixels,
                            rn_random *random, rn_message *message)
{
    int32_t height = pixels->height, width = pixels->width;
    rn_crop crop;
    rn_status status;

    *taken = false;
    switch (step->kind) {
    case RN_TRANSFORM_RESIZE:
        status = resized_size(step, pixels, &height, &width, message);
        if (status != RN_OK)
            return status;
        *taken = crops_inside(&crop, next, height, width);
        return rn_pixels_resize(pixels, height, width, *taken ? &crop : NULL, message);
    case RN_TRANSFORM_CENTER_CROP:
        crop = rn_crop_centre(height, width, (int32_t)step->number[0], (int32_t)step->number[step->count - 1]);
        return rn_pixels_crop(pixels, &crop, message);
    case RN_TRANSFORM_RANDOM_ROTATION:
        *taken = crops_inside(&crop, next, height, width);
        return rn_pixels_rotate(pixels, uniform_between(random, -step->number[0], step->number[0]),
                                *taken ? &crop : NULL, message);
    case RN_TRANSFORM_RANDOM_HORIZONTAL_FLIP:
        if (rn_random_uniform(random) < step->number[0])
            rn_pixels_flip_horizontal(pixels);
        return RN_OK;
    case RN_TRANSFORM_RANDOM_VERTICAL_FLIP:
        if (rn_random_uniform(random) < step->number[0])
            rn_pixels_flip_vertical(pixels);
        return RN_OK;
    case RN_TRANSFORM_COLOR_JITTER: jitter(pixels, step->number, random); return RN_OK;
    case RN_TRANSFORM_RANDOM_GRAYSCALE:
        if (rn_random_uniform(random) < step->number[0])
            rn_pixels_greyscale(pixels);
        return RN_OK;
    default: return RN_OK; /* ToTensor and Normalize come at the end, together */
    }
}

rn_status rn_pipeline_transform(const rn_pipeline *pipeline, rn_pixels *pixels, const rn_draw *draw,
                                rn_message *message)
{
    const rn_draw none = { 0, 0, 0 }, *const d = draw != NULL ? draw : &none;
    rn_random random = rn_random_at(d->seed, RN_STREAM_AUGMENT, d->epoch, d->sample);

    for (int32_t i = 0; i < pipeline->count; i++) {
        const rn_transform *const next = i + 1 < pipeline->count ? &pipeline->step[i + 1] : NULL;
        bool taken;
        const rn_status status = apply_step(&pipeline->step[i], next, &taken, pixels, &random, message);

        if (status != RN_OK)
            return status;
        i += taken;
    }
    return RN_OK;
}

void rn_pipeline_to_floats(const rn_pipeline *pipeline, const rn_pixels *pixels, float *floats)
{
    const size_t count = (size_t)pixels->width * (size_t)pixels->height;

    for (size_t i = 0; i < count; i++)
        for (int c = 0; c < 3; c++)
            floats[3 * i + c] = pipeline->table[c][pixels->rgb[3 * i + c]];
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
    status = rn_pixels_create(&pixels, &bench, image->pixels.width, image->pixels.height, message);
    if (status != RN_OK)
        return status;
    memcpy(pixels.rgb, image->pixels.rgb, (size_t)pixels.width * (size_t)pixels.height * 3);
    status = rn_pipeline_transform(pipeline, &pixels, draw, message);
    if (status == RN_OK)
        status = tensor_for(tensor, context, &pixels);
    if (status == RN_OK)
        rn_pipeline_to_floats(pipeline, &pixels, rn_tensor_data(*tensor));
    rn_pixels_release(&pixels);
    return status;
}
