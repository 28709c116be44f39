/* SPDX-License-Identifier: MIT */
/*
 * IDX, the format of MNIST (http://yann.lecun.com/exdb/mnist/): two zero bytes, the type of the elements, the number of
 * dimensions, their sizes as big-endian 32-bit numbers, and the elements, the last dimension fastest. What gzip packed
 * is unpacked into memory that the header asks for, once it is known that so few bytes can hold so many.
 */
#define ZLIB_CONST
#include "base/file.h"
#include "base/options.h"
#include "data/raw_pictures.h"
#include "image/pixels.h"
#include <resnet/dataset_files.h>

#include <string.h>
#include <zlib.h>

RN_NO_TAIL_PADDING(rn_idx_options, classes);

enum {
    MOST_DIMENSIONS = 3,
    MOST_HEADER = 4 + 4 * MOST_DIMENSIONS,
    UNSIGNED_BYTES = 0x08,
    INFLATE_RATIO = 1032 /* zlib's manual: the most that deflate can shrink */
};

typedef struct idx {
    const char *path;
    const rn_allocator *allocator;
    rn_message *message;
    uint8_t dimensions; /* that are wanted */
    uint32_t size[MOST_DIMENSIONS];
    void *bytes; /* the file, or what was packed in it */
    const uint8_t *elements;
} idx;

static size_t header_bytes(const idx *file)
{
    return 4 + 4 * (size_t)file->dimensions;
}

static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* What the header says that the whole file has. */
static rn_status read_header(size_t *nbytes, idx *file, const uint8_t *header, size_t length)
{
    size_t total = 1;
    bool fits = true;

    if (length < 4 || header[0] != 0 || header[1] != 0)
        return rn_fail(file->message, RN_FORMAT, "%s: not a file of the format IDX", file->path);
    if (header[2] != UNSIGNED_BYTES || header[3] != file->dimensions)
        return rn_fail(file->message, RN_FORMAT,
                       "%s: IDX of type 0x%02x with %u dimensions; %s are of type 0x08 with %u", file->path, header[2],
                       header[3], file->dimensions == 1 ? "labels" : "pictures", file->dimensions);
    if (length < header_bytes(file))
        return rn_fail(file->message, RN_FORMAT, "%s: IDX that is cut short in its header", file->path);
    for (size_t i = 0; i < file->dimensions; i++) {
        file->size[i] = big_endian(header + 4 + 4 * i);
        fits = fits && rn_size_multiply(&total, total, file->size[i]);
    }
    if (!fits || !rn_size_add(nbytes, total, header_bytes(file)) || *nbytes > RN_RAW_BYTES || total == 0)
        return rn_fail(file->message, RN_FORMAT, "%s: claims %u x %u x %u bytes", file->path, file->size[0],
                       file->dimensions > 1 ? file->size[1] : 1, file->dimensions > 2 ? file->size[2] : 1);
    return RN_OK;
}

/* ---- gzip -------------------------------------------------------------------------------------------------------- */

static voidpf allocate_for_zlib(voidpf allocator, uInt items, uInt size)
{
    return rn_allocate_array(allocator, items, size);
}

static void release_for_zlib(voidpf allocator, voidpf memory)
{
    rn_release(allocator, memory);
}

static rn_status fail_packed(const idx *file)
{
    return rn_fail(file->message, RN_FORMAT,
                   "%s: packed by gzip, and damaged, cut short or not of the length that it claims", file->path);
}

/* Inflates exactly `nbytes` bytes more. */
static rn_status inflate_bytes(z_stream *stream, const idx *file, uint8_t *bytes, size_t nbytes)
{
    int code = Z_OK;

    stream->next_out = bytes;
    stream->avail_out = (uInt)nbytes;
    while (code == Z_OK && stream->avail_out > 0)
        code = inflate(stream, Z_NO_FLUSH);
    if (code == Z_MEM_ERROR)
        return rn_fail(file->message, RN_NO_MEMORY, "%s: no memory to unpack it", file->path);
    return stream->avail_out == 0 && (code == Z_OK || code == Z_STREAM_END) ? RN_OK : fail_packed(file);
}

/* Nothing but the checksum may follow. */
static rn_status end_stream(z_stream *stream, const idx *file)
{
    uint8_t more;

    stream->next_out = &more;
    stream->avail_out = 1;
    return inflate(stream, Z_NO_FLUSH) == Z_STREAM_END && stream->avail_out == 1 && stream->avail_in == 0
               ? RN_OK
               : fail_packed(file);
}

static rn_status unpack_stream(void **unpacked, size_t *nbytes, z_stream *stream, idx *file, size_t packed)
{
    const size_t length = header_bytes(file);
    uint8_t header[MOST_HEADER], *bytes;
    rn_status status = inflate_bytes(stream, file, header, length);

    if (status == RN_OK)
        status = read_header(nbytes, file, header, length);
    if (status != RN_OK)
        return status;
    if (*nbytes / INFLATE_RATIO > packed)
        return rn_fail(file->message, RN_FORMAT, "%s: claims %zu bytes, more than its %zu packed ones can hold",
                       file->path, *nbytes, packed);
    *unpacked = bytes = rn_allocate(file->allocator, *nbytes);
    if (bytes == NULL)
        return rn_fail(file->message, RN_NO_MEMORY, "%s: no memory for %zu bytes", file->path, *nbytes);
    memcpy(bytes, header, length);
    status = inflate_bytes(stream, file, bytes + length, *nbytes - length);
    return status == RN_OK ? end_stream(stream, file) : status;
}

/* What was packed takes the place of the file's bytes. */
static rn_status unpack(idx *file, size_t *nbytes)
{
    rn_allocator allocator = *file->allocator;
    z_stream stream = { .zalloc = allocate_for_zlib, .zfree = release_for_zlib, .opaque = &allocator };
    const size_t packed = *nbytes;
    void *unpacked = NULL;
    rn_status status;

    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
        return rn_fail(file->message, RN_NO_MEMORY, "%s: no memory to unpack it", file->path);
    stream.next_in = file->bytes;
    stream.avail_in = (uInt)packed;
    status = unpack_stream(&unpacked, nbytes, &stream, file, packed);
    inflateEnd(&stream);
    rn_release(file->allocator, file->bytes);
    file->bytes = unpacked;
    return status;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* Its bytes are the caller's to release, also after a failure. */
static rn_status read_idx(idx *file)
{
    size_t nbytes, claimed;
    const uint8_t *bytes;
    rn_status status = rn_file_read(&file->bytes, &nbytes, file->allocator, file->path, RN_RAW_BYTES, file->message);

    bytes = file->bytes;
    if (status == RN_OK && nbytes >= 2 && bytes[0] == 0x1f && bytes[1] == 0x8b)
        status = unpack(file, &nbytes);
    bytes = file->bytes;
    if (status == RN_OK)
        status = read_header(&claimed, file, bytes, nbytes);
    if (status != RN_OK)
        return status;
    if (claimed != nbytes)
        return rn_fail(file->message, RN_FORMAT, "%s: claims %zu bytes and has %zu", file->path, claimed, nbytes);
    file->elements = bytes + header_bytes(file);
    return RN_OK;
}

/* Takes the bytes of the images over. */
static rn_status open_pictures(rn_dataset **dataset, rn_context *context, idx *images, const idx *labels,
                               const rn_classes *classes)
{
    const uint32_t count = images->size[0], height = images->size[1], width = images->size[2];
    rn_raw_pictures *pictures;
    rn_status status;

    if (labels->size[0] != count)
        return rn_fail(&context->message, RN_SHAPE, "%s has %u pictures, %s has %u labels", images->path, count,
                       labels->path, labels->size[0]);
    if (width > RN_MAX_PIXELS / height)
        return rn_fail(&context->message, RN_FORMAT, "%s: pictures of %u x %u pixels", images->path, width, height);
    status = rn_raw_pictures_create(&pictures, context, 1);
    if (status != RN_OK)
        return status;
    pictures->width = (int32_t)width;
    pictures->height = (int32_t)height;
    pictures->planes = 1;
    pictures->step = (size_t)width * height;
    pictures->label_step = 1;
    pictures->file[0] = (rn_raw_file){ images->path, images->bytes, images->elements, labels->elements, count };
    images->bytes = NULL;
    return rn_raw_dataset(dataset, context, pictures, classes);
}

rn_status rn_idx_open(rn_dataset **dataset, rn_context *context, const char *images, const char *labels,
                      const rn_idx_options *options)
{
    rn_idx_options o;
    rn_status status;

    if (dataset == NULL)
        return rn_fail_null("rn_idx_open", "dataset");
    *dataset = NULL;
    if (context == NULL)
        return rn_fail_null("rn_idx_open", "context");
    if (images == NULL || labels == NULL)
        return rn_fail(&context->message, RN_INVALID_ARGUMENT, "rn_idx_open: no path of the %s",
                       images == NULL ? "images" : "labels");
    idx of_images = { .path = images, .allocator = &context->allocator, .message = &context->message, .dimensions = 3 };
    idx of_labels = { .path = labels, .allocator = &context->allocator, .message = &context->message, .dimensions = 1 };

    status = rn_options_read(&o, sizeof o, options, &context->message);
    if (status == RN_OK)
        status = read_idx(&of_images);
    if (status == RN_OK)
        status = read_idx(&of_labels);
    if (status == RN_OK)
        status = open_pictures(dataset, context, &of_images, &of_labels, o.classes);
    rn_release(&context->allocator, of_labels.bytes);
    rn_release(&context->allocator, of_images.bytes);
    return status;
}
