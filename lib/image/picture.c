/* SPDX-License-Identifier: MIT */
/* From tensors back to pictures, and pictures as PNG files. */
#include "base/file.h"
#include "image/image.h"
#include "image/pipeline.h"
#include "image/png.h"
#include "tensor/tensor.h"

/* ---- a tensor's picture ------------------------------------------------------------------------------------------ */

static rn_status check_tensor(const rn_tensor *tensor, rn_message *message)
{
    char text[128];

    if (tensor->dtype == RN_FLOAT32 && tensor->rank == 3 && tensor->shape[0] == 3 && tensor->shape[1] >= 1 &&
        tensor->shape[2] >= 1)
        return RN_OK;
    return rn_fail(message, RN_SHAPE, "a picture is made of float32 (3, H, W), not of %s %s",
                   rn_dtype_name(tensor->dtype), rn_shape_text(text, sizeof text, tensor->rank, tensor->shape));
}

static uint8_t byte_of(double unit)
{
    return (uint8_t)(unit >= 1 ? 255 : unit > 0 ? unit * 255 + 0.5 : 0); /* NaN is black */
}

static void fill_pixels(const rn_pixels *pixels, const rn_tensor *tensor, const rn_transform *normalise)
{
    const float *const values = (const float *)(const void *)tensor->data;
    uint8_t *to = pixels->rgb;

    for (int64_t y = 0; y < pixels->height; y++)
        for (int64_t x = 0; x < pixels->width; x++)
            for (int64_t c = 0; c < 3; c++) {
                const double value =
                    (double)values[c * tensor->strides[0] + y * tensor->strides[1] + x * tensor->strides[2]];

                *to++ = byte_of(normalise == NULL ? value : value * normalise->number[3 + c] + normalise->number[c]);
            }
}

rn_status rn_image_from_tensor(rn_image **image, rn_context *context, const rn_tensor *tensor,
                               const rn_pipeline *pipeline)
{
    rn_image *made;
    rn_status status;

    if (image == NULL)
        return rn_fail_null("rn_image_from_tensor", "image");
    *image = NULL;
    if (context == NULL)
        return rn_fail_null("rn_image_from_tensor", "context");
    if (tensor == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_image_from_tensor: tensor is NULL");
    status = check_tensor(tensor, &context->message);
    if (status != RN_OK)
        return status;
    made = rn_image_allocate(context);
    if (made == NULL)
        return rn_fail(&context->message, RN_NO_MEMORY, "no memory for an image");
    status = rn_pixels_create(&made->pixels, &made->bench, tensor->shape[2], tensor->shape[1], &context->message);
    if (status != RN_OK) {
        rn_image_destroy(made);
        return status;
    }
    fill_pixels(&made->pixels, tensor, pipeline == NULL ? NULL : rn_pipeline_find(pipeline, RN_TRANSFORM_NORMALIZE));
    *image = made;
    return RN_OK;
}

/* ---- a file ------------------------------------------------------------------------------------------------------ */

/* An error stays in the file until it is committed. */
static void write_bytes(const void *bytes, size_t nbytes, void *file)
{
    rn_file_replace_write(file, bytes, nbytes);
}

rn_status rn_image_write_png(const rn_image *image, const char *path)
{
    rn_replacement *file;
    rn_message *message;
    const rn_allocator *allocator;
    uint8_t *rows;
    rn_status status;

    if (image == NULL)
        return rn_fail_null("rn_image_write_png", "image");
    message = &image->context->message;
    allocator = &image->context->allocator;
    if (path == NULL)
        return rn_fail(message, RN_INVALID_ARGUMENT, "rn_image_write_png: path is NULL");
    rows = rn_allocate_array(allocator, 2, rn_png_row_bytes(image->pixels.width));
    if (rows == NULL)
        return rn_fail(message, RN_NO_MEMORY, "%s: no memory for a row", path);
    status = rn_file_replace_begin(&file, allocator, path, message);
    if (status == RN_OK) {
        if (rn_png_write(image->pixels.rgb, image->pixels.width, image->pixels.height, rows, write_bytes, file)) {
            status = rn_file_replace_commit(file, message);
        } else {
            rn_file_replace_abandon(file);
            status = rn_fail(message, RN_NO_MEMORY, "%s: no memory to write it", path);
        }
    }
    rn_release(allocator, rows);
    return status;
}
