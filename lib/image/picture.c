/* SPDX-License-Identifier: MIT */
/*
 * From tensors back to pictures, and pictures as PNG files. Each row of a PNG is filtered in the way whose bytes, as
 * signed numbers, have the least sum of magnitudes, the heuristic of the specification (PNG, 3rd edition, 12.7), then
 * deflated by zlib.
 */
#include "base/file.h"
#include "image/image.h"
#include "image/pipeline.h"
#include "tensor/tensor.h"

#include <string.h>
#include <zlib.h>

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

/* ---- PNG --------------------------------------------------------------------------------------------------------- */

enum { FILTERS = 5, PIXEL = 3 };

/* The one of left, above and upper left that is nearest to left + above - upper left. */
static int32_t paeth(int32_t left, int32_t above, int32_t corner)
{
    const int32_t to_left = above - corner, to_above = left - corner, to_corner = to_left + to_above;
    const int32_t a = to_left < 0 ? -to_left : to_left, b = to_above < 0 ? -to_above : to_above,
                  c = to_corner < 0 ? -to_corner : to_corner;

    return a <= b && a <= c ? left : b <= c ? above : corner;
}

/* A row as filter `kind` has it; gives the sum of magnitudes. */
static uint64_t filter_row(uint8_t *to, int kind, const uint8_t *row, const uint8_t *previous, size_t nbytes)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < nbytes; i++) {
        const int32_t left = i >= PIXEL ? row[i - PIXEL] : 0, above = previous != NULL ? previous[i] : 0,
                      corner = i >= PIXEL && previous != NULL ? previous[i - PIXEL] : 0;
        const int32_t guess[FILTERS] = { 0, left, above, (left + above) / 2, paeth(left, above, corner) };

        to[i] = (uint8_t)(row[i] - guess[kind]);
        sum += to[i] < 128 ? to[i] : 256u - to[i];
    }
    return sum;
}

/* The filter's number, then the row; `scratch` has room for a row. */
static void choose_filter(uint8_t *to, uint8_t *scratch, const uint8_t *row, const uint8_t *previous, size_t nbytes)
{
    uint64_t least = UINT64_MAX;

    for (int kind = 0; kind < FILTERS; kind++) {
        const uint64_t sum = filter_row(scratch, kind, row, previous, nbytes);

        if (sum >= least)
            continue;
        least = sum;
        to[0] = (uint8_t)kind;
        memcpy(to + 1, scratch, nbytes);
    }
}

static void put_32(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void write_chunk(rn_replacement *file, const char *type, const uint8_t *data, size_t nbytes)
{
    uint8_t head[8], check[4];

    put_32(head, (uint32_t)nbytes);
    memcpy(head + 4, type, 4);
    put_32(check, (uint32_t)crc32(crc32(0, head + 4, 4), data, (uInt)nbytes));
    rn_file_replace_write(file, head, sizeof head);
    rn_file_replace_write(file, data, nbytes);
    rn_file_replace_write(file, check, sizeof check);
}

/* Deflates all rows into chunks of a buffer each; an error stays in the file. False: zlib has no memory. */
static bool write_rows(rn_replacement *file, const rn_pixels *pixels, uint8_t *line, uint8_t *scratch)
{
    const size_t nbytes = (size_t)pixels->width * PIXEL;
    uint8_t part[4096];
    z_stream stream = { .next_out = part, .avail_out = sizeof part };
    bool fits = deflateInit(&stream, Z_DEFAULT_COMPRESSION) == Z_OK;

    for (int32_t y = 0; y <= pixels->height && fits; y++) {
        const bool is_end = y == pixels->height;
        const uint8_t *const row = pixels->rgb + (size_t)(is_end ? 0 : y) * nbytes;
        int answer = Z_OK;

        if (!is_end)
            choose_filter(line, scratch, row, y > 0 ? row - nbytes : NULL, nbytes);
        stream.next_in = line;
        stream.avail_in = is_end ? 0 : (uInt)(nbytes + 1);
        do {
            answer = deflate(&stream, is_end ? Z_FINISH : Z_NO_FLUSH);
            if (stream.avail_out == 0 || answer == Z_STREAM_END) {
                write_chunk(file, "IDAT", part, sizeof part - stream.avail_out);
                stream.next_out = part;
                stream.avail_out = sizeof part;
            }
            fits = answer == Z_OK || answer == Z_STREAM_END || answer == Z_BUF_ERROR;
        } while (fits && (is_end ? answer != Z_STREAM_END : stream.avail_in > 0));
    }
    deflateEnd(&stream);
    return fits;
}

static void write_head(rn_replacement *file, const rn_pixels *pixels)
{
    static const uint8_t signature[8] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
    uint8_t head[13] = { [8] = 8, [9] = 2 }; /* 8 bits; red, green, blue */

    put_32(head, (uint32_t)pixels->width);
    put_32(head + 4, (uint32_t)pixels->height);
    rn_file_replace_write(file, signature, sizeof signature);
    write_chunk(file, "IHDR", head, sizeof head);
}

rn_status rn_image_write_png(const rn_image *image, const char *path)
{
    rn_replacement *file;
    rn_message *message;
    const rn_allocator *allocator;
    uint8_t *lines;
    size_t line;
    rn_status status;

    if (image == NULL)
        return rn_fail_null("rn_image_write_png", "image");
    message = &image->context->message;
    allocator = &image->context->allocator;
    if (path == NULL)
        return rn_fail(message, RN_INVALID_ARGUMENT, "rn_image_write_png: path is NULL");
    line = (size_t)image->pixels.width * PIXEL + 1;
    lines = rn_allocate_array(allocator, 2, line);
    if (lines == NULL)
        return rn_fail(message, RN_NO_MEMORY, "%s: no memory for a row", path);
    status = rn_file_replace_begin(&file, allocator, path, message);
    if (status == RN_OK) {
        write_head(file, &image->pixels);
        if (write_rows(file, &image->pixels, lines, lines + line)) {
            write_chunk(file, "IEND", lines, 0);
            status = rn_file_replace_commit(file, message);
        } else {
            rn_file_replace_abandon(file);
            status = rn_fail(message, RN_NO_MEMORY, "%s: no memory to write it", path);
        }
    }
    rn_release(allocator, lines);
    return status;
}
