/* SPDX-License-Identifier: MIT */
/*
 * The container of torch.save (APPNOTE.TXT of PKWARE; caffe2/serialize/inline_container.cc):
 *   for each entry   local header, name, extra fields, data
 *   directory        one record an entry
 *   end              zip64 records where a number does not fit, then the end record
 * The padding that aligns the data is an extra field "FB" filled with 'Z', as PyTorch writes it. Sizes and places of 4
 * GiB and more stand in a zip64 extra field. All dates are 1980-00-00, as PyTorch's are: equal contents give equal
 * bytes.
 */
#include "checkpoint/zip_write.h"

#include <string.h>

enum { ALIGNMENT = 64, LOCAL_HEADER = 30, VERSION = 20, VERSION_64 = 45, UTF8_NAMES = 0x0800 };

#define MANY UINT64_C(0xffff)      /* stands for "see zip64", 16 bits */
#define LARGE UINT64_C(0xffffffff) /* the same, 32 bits */

static uint64_t clamp(uint64_t value, uint64_t limit)
{
    return value < limit ? value : limit;
}

void rn_zip_writer_init(rn_zip_writer *writer, rn_replacement *file, const rn_allocator *allocator)
{
    *writer = (rn_zip_writer){ .file = file };
    rn_bytes_init(&writer->directory, allocator);
}

void rn_zip_writer_release(rn_zip_writer *writer)
{
    rn_bytes_release(&writer->directory);
}

void rn_zip_writer_bytes(rn_zip_writer *writer, const void *bytes, size_t nbytes)
{
    (void)rn_file_replace_write(writer->file, bytes, nbytes); /* an error stays until the commit */
    writer->at += nbytes;
}

/*
 * What local header and directory record have in common: version, flags, method, date, CRC, sizes, length of the name.
 */
static void put_common(rn_bytes *out, size_t name_length, uint64_t nbytes, uint32_t crc)
{
    rn_bytes_number(out, nbytes >= LARGE ? VERSION_64 : VERSION, 2);
    rn_bytes_number(out, UTF8_NAMES, 2);
    rn_bytes_number(out, 0, 2); /* stored */
    rn_bytes_number(out, 0, 4); /* time and date */
    rn_bytes_number(out, crc, 4);
    rn_bytes_number(out, clamp(nbytes, LARGE), 4);
    rn_bytes_number(out, clamp(nbytes, LARGE), 4);
    rn_bytes_number(out, name_length, 2);
}

static void put_local_header(rn_bytes *out, uint64_t at, const char *name, uint64_t nbytes, uint32_t crc)
{
    const size_t name_length = strlen(name), wide = nbytes >= LARGE ? 20 : 0;
    const uint64_t end = at + LOCAL_HEADER + name_length + wide + 4; /* without padding */
    const size_t padding = (size_t)(ALIGNMENT - end % ALIGNMENT) % ALIGNMENT;

    rn_bytes_text(out, "PK\3\4");
    put_common(out, name_length, nbytes, crc);
    rn_bytes_number(out, wide + 4 + padding, 2);
    rn_bytes_text(out, name);
    if (wide > 0) {
        rn_bytes_number(out, 1, 2);
        rn_bytes_number(out, 16, 2);
        rn_bytes_number(out, nbytes, 8);
        rn_bytes_number(out, nbytes, 8);
    }
    rn_bytes_text(out, "FB");
    rn_bytes_number(out, padding, 2);
    for (size_t i = 0; i < padding; i++)
        rn_bytes_text(out, "Z");
}

static void put_record(rn_bytes *out, uint64_t at, const char *name, uint64_t nbytes, uint32_t crc)
{
    const size_t wide = (nbytes >= LARGE ? 16u : 0u) + (at >= LARGE ? 8u : 0u);

    rn_bytes_text(out, "PK\1\2");
    rn_bytes_number(out, wide > 0 ? VERSION_64 : VERSION, 2); /* made by */
    put_common(out, strlen(name), nbytes, crc);
    rn_bytes_number(out, wide > 0 ? wide + 4 : 0, 2);
    rn_bytes_number(out, 0, 2 + 2 + 2); /* no comment, first disk, a binary file */
    rn_bytes_number(out, 0, 4);         /* no attributes */
    rn_bytes_number(out, clamp(at, LARGE), 4);
    rn_bytes_text(out, name);
    if (wide > 0) {
        rn_bytes_number(out, 1, 2);
        rn_bytes_number(out, wide, 2);
        if (nbytes >= LARGE) {
            rn_bytes_number(out, nbytes, 8);
            rn_bytes_number(out, nbytes, 8);
        }
        if (at >= LARGE)
            rn_bytes_number(out, at, 8);
    }
}

void rn_zip_writer_entry(rn_zip_writer *writer, const char *name, uint64_t nbytes, uint32_t crc)
{
    rn_bytes header;

    put_record(&writer->directory, writer->at, name, nbytes, crc);
    rn_bytes_init(&header, writer->directory.allocator);
    put_local_header(&header, writer->at, name, nbytes, crc);
    if (header.failed)
        writer->directory.failed = true;
    else
        rn_zip_writer_bytes(writer, header.data, header.count);
    rn_bytes_release(&header);
    writer->entries++;
}

static void put_zip64_end(rn_bytes *out, uint64_t entries, uint64_t size, uint64_t place)
{
    rn_bytes_text(out, "PK\6\6");
    rn_bytes_number(out, 44, 8); /* what follows */
    rn_bytes_number(out, VERSION_64, 2);
    rn_bytes_number(out, VERSION_64, 2);
    rn_bytes_number(out, 0, 8); /* one disk */
    rn_bytes_number(out, entries, 8);
    rn_bytes_number(out, entries, 8);
    rn_bytes_number(out, size, 8);
    rn_bytes_number(out, place, 8);
    rn_bytes_text(out, "PK\6\7");
    rn_bytes_number(out, 0, 4);
    rn_bytes_number(out, place + size, 8);
    rn_bytes_number(out, 1, 4);
}

bool rn_zip_writer_finish(rn_zip_writer *writer)
{
    rn_bytes *out = &writer->directory;
    const uint64_t size = out->count, place = writer->at;

    if (writer->entries >= MANY || size >= LARGE || place >= LARGE)
        put_zip64_end(out, writer->entries, size, place);
    rn_bytes_text(out, "PK\5\6");
    rn_bytes_number(out, 0, 4); /* one disk */
    rn_bytes_number(out, clamp(writer->entries, MANY), 2);
    rn_bytes_number(out, clamp(writer->entries, MANY), 2);
    rn_bytes_number(out, clamp(size, LARGE), 4);
    rn_bytes_number(out, clamp(place, LARGE), 4);
    rn_bytes_number(out, 0, 2); /* no comment */
    if (out->failed)
        return false;
    rn_zip_writer_bytes(writer, out->data, out->count);
    return true;
}
