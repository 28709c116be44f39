/* SPDX-License-Identifier: MIT */
/* Deflated entries of a zip archive, within the budget of the file. */
#define ZLIB_CONST
#include "checkpoint/zip_archive.h"

#include <zlib.h>

enum {
    INFLATE_RATIO = 1032, /* zlib's manual: the most that deflate can shrink */
    INFLATE_WORK = 4      /* units of the budget for a byte that comes out */
};

static rn_status no_memory(const rn_reader *reader)
{
    return rn_fail(&reader->context->message, RN_NO_MEMORY, "%s: no memory for the archive", reader->path);
}

static voidpf allocate_for_zlib(voidpf allocator, uInt items, uInt size)
{
    return rn_allocate_array(allocator, items, size);
}

static void release_for_zlib(voidpf allocator, voidpf memory)
{
    rn_release(allocator, memory);
}

/* zlib counts in 32 bits, so input and output come in pieces. Z_STREAM_END: everything fitted exactly. */
static int inflate_pieces(z_stream *stream, size_t input, size_t output)
{
    const size_t piece = (size_t)1 << 30;
    int code = Z_OK;

    while (code == Z_OK) {
        const size_t in = input < piece ? input : piece, out = output < piece ? output : piece;

        stream->avail_in = (uInt)in;
        stream->avail_out = (uInt)out;
        code = inflate(stream, Z_NO_FLUSH);
        input -= in - stream->avail_in;
        output -= out - stream->avail_out;
    }
    return code == Z_STREAM_END && output > 0 ? Z_DATA_ERROR : code;
}

rn_status rn_zip_unpack(rn_storage **owner, char **data, rn_zip_archive *archive, const rn_zip_entry *entry,
                        size_t place)
{
    rn_reader *reader = archive->reader;
    rn_budget *budget = reader->budget;
    z_stream stream = { .zalloc = allocate_for_zlib, .zfree = release_for_zlib, .opaque = &budget->allocator };

    if (entry->nbytes / INFLATE_RATIO > entry->packed)
        return rn_fail(&reader->context->message, RN_FORMAT,
                       "%s: '%s' claims to be larger than its packed bytes can hold", reader->path, entry->name);
    rn_status status = rn_reader_allocate(owner, reader, (size_t)entry->nbytes);
    if (status == RN_OK)
        status = rn_reader_work(reader, rn_budget_product((size_t)entry->nbytes, INFLATE_WORK));
    if (status == RN_OK)
        status = rn_reader_work(reader, (size_t)entry->packed);
    if (status != RN_OK)
        return status;
    *data = (*owner)->memory;
    const size_t before = budget->memory.left;
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return no_memory(reader);
    stream.next_in = reader->bytes + place;
    stream.next_out = (unsigned char *)*data;
    const int code = inflate_pieces(&stream, (size_t)entry->packed, (size_t)entry->nbytes);
    inflateEnd(&stream);
    rn_budget_return(budget, before - budget->memory.left);
    if (code == Z_MEM_ERROR)
        return no_memory(reader);
    if (code != Z_STREAM_END)
        return rn_fail(&reader->context->message, RN_FORMAT, "%s: '%s' cannot be unpacked", reader->path, entry->name);
    return RN_OK;
}
