/* SPDX-License-Identifier: MIT */
/* Images as callers see them. */
#include "image/image.h"

#include "base/file.h"
#include "base/options.h"

#include <string.h>

RN_NO_TAIL_PADDING(rn_image_options, draft_width);

static const size_t max_file = (size_t)1 << 30; /* no photo is larger; a file is read whole */

rn_workbench rn_workbench_make(const rn_context *context, rn_allocator allocator)
{
    return (rn_workbench){ .allocator = allocator,
                           .resample = rn_resample_kernels_for(context->kernels->isa),
                           .colour = rn_colour_kernels_for(context->kernels->isa) };
}

rn_image *rn_image_allocate(rn_context *context)
{
    rn_image *const made = rn_allocate_zeroed(&context->allocator, 1, sizeof *made);

    if (made == NULL)
        return NULL;
    made->context = context;
    made->bench = rn_workbench_make(context, context->allocator);
    rn_context_retain(context);
    return made;
}

static rn_status begin_image(rn_image **image, rn_context *context, const char *call)
{
    rn_image *made;

    if (image == NULL)
        return rn_fail_null(call, "image");
    *image = NULL;
    if (context == NULL)
        return rn_fail_null(call, "context");
    made = rn_image_allocate(context);
    if (made == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for an image");
    *image = made;
    return RN_OK;
}

static rn_status end_image(rn_image **image, rn_status status)
{
    if (status != RN_OK) {
        rn_image_destroy(*image);
        *image = NULL;
    }
    return status;
}

static rn_status read_options(rn_image *image, const rn_image_options *options)
{
    rn_message *const message = &image->context->message;
    rn_image_options o;
    const rn_status status = rn_options_read(&o, sizeof o, options, message);

    if (status != RN_OK)
        return status;
    if (o.max_pixels < 0 || o.max_pixels > RN_MAX_PIXELS)
        return rn_fail(message, RN_INVALID_ARGUMENT, "a limit of %lld pixels: 1 to %d are possible",
                       (long long)o.max_pixels, RN_MAX_PIXELS);
    if (o.draft_height < 0 || o.draft_width < 0 || (o.draft_height == 0) != (o.draft_width == 0))
        return rn_fail(message, RN_INVALID_ARGUMENT, "a draft of %d x %d pixels: two sizes, or none",
                       (int)o.draft_height, (int)o.draft_width);
    if (o.max_pixels != 0)
        image->bench.max_pixels = o.max_pixels;
    image->bench.draft_height = o.draft_height;
    image->bench.draft_width = o.draft_width;
    return RN_OK;
}

rn_status rn_image_decode(rn_image **image, rn_context *context, const void *bytes, size_t nbytes, const char *name,
                          const rn_image_options *options)
{
    rn_status status = begin_image(image, context, "rn_image_decode");

    if (status != RN_OK)
        return status;
    status = read_options(*image, options);
    if (status != RN_OK)
        return end_image(image, status);
    if (bytes == NULL)
        status = rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_image_decode: bytes is NULL");
    else
        status = rn_pixels_decode(&(*image)->pixels, &(*image)->bench, bytes, nbytes, name == NULL ? "picture" : name,
                                  &context->message);
    return end_image(image, status);
}

rn_status rn_image_read(rn_image **image, rn_context *context, const char *path, const rn_image_options *options)
{
    rn_status status = begin_image(image, context, "rn_image_read");
    void *bytes = NULL;
    size_t nbytes = 0;

    if (status != RN_OK)
        return status;
    status = read_options(*image, options);
    if (status != RN_OK)
        return end_image(image, status);
    if (path == NULL)
        return end_image(image, rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_image_read: path is NULL"));
    status = rn_file_read(&bytes, &nbytes, &context->allocator, path, max_file, &context->message);
    if (status == RN_OK)
        status = rn_pixels_decode(&(*image)->pixels, &(*image)->bench, bytes, nbytes, path, &context->message);
    rn_release(&context->allocator, bytes);
    return end_image(image, status);
}

rn_status rn_image_create(rn_image **image, rn_context *context, int32_t width, int32_t height, const uint8_t *pixels,
                          size_t pitch)
{
    const rn_status status = begin_image(image, context, "rn_image_create");

    if (status != RN_OK)
        return status;
    return end_image(image, rn_pixels_from_rows(&(*image)->pixels, &(*image)->bench, width, height, pixels, pitch,
                                                &context->message));
}

int32_t rn_image_width(const rn_image *image)
{
    return image == NULL ? 0 : image->pixels.width;
}

int32_t rn_image_height(const rn_image *image)
{
    return image == NULL ? 0 : image->pixels.height;
}

int32_t rn_image_orientation(const rn_image *image)
{
    return image == NULL ? 0 : image->pixels.orientation;
}

const uint8_t *rn_image_pixels(const rn_image *image)
{
    return image == NULL ? NULL : image->pixels.rgb;
}

void rn_image_destroy(rn_image *image)
{
    if (image == NULL)
        return;
    rn_context *const context = image->context;

    rn_pixels_release(&image->pixels);
    rn_release(&context->allocator, image);
    rn_context_release(context);
}
