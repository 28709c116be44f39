/* SPDX-License-Identifier: MIT */
/*
 * Reading zip from memory (APPNOTE.TXT of PKWARE): the end record says where the directory lies, the directory where
 * each entry lies. What is stored as it is (all that PyTorch writes) is not read but found, so that tensors view the
 * file; the rest is inflated by zlib
 * (zip_inflate.c).
 *
 * Not by minizip: the one that systems ship (1.1) misses the zip64 sizes and places of archives beyond 4 GiB where long
 * has 64 bits, takes the end of the file for zeros, and looks entries up one by one.
 */
#include "checkpoint/zip_archive.h"

#include <string.h>
#include <zlib.h>

enum {
    LONGEST_NAME = 1024,
    LONGEST_COMMENT = 65535,
    MOST_ENTRIES = RN_CHECKPOINT_TENSORS + 1000, /* one a storage, and a few small ones */
    LOCAL_HEADER = 30,
    RECORD = 46,
    END_RECORD = 22,
    LOCATOR_64 = 20,
    END_RECORD_64 = 56
};

/* Flags of an entry: encrypted, patched, strongly encrypted, its header masked. Nothing of the kind is read. */
#define UNREAD_FLAGS 0x2061u
/* Sizes and CRC follow the data, so that the local header may leave them out. */
#define DESCRIPTOR_FLAG 0x0008u

#define SEE_ZIP64 UINT32_MAX

typedef struct directory {
    uint64_t place, nbytes, entries;
} directory;

static rn_status damaged(const rn_zip_archive *archive, const char *what)
{
    return rn_fail(&archive->reader->context->message, RN_FORMAT, "%s: damaged zip archive: %s", archive->reader->path,
                   what);
}

static rn_status no_memory(const rn_zip_archive *archive)
{
    return rn_fail(&archive->reader->context->message, RN_NO_MEMORY, "%s: no memory for the archive",
                   archive->reader->path);
}

static bool is_signature(const unsigned char *bytes, const char *signature)
{
    return memcmp(bytes, signature, 4) == 0;
}

/* ---- the directory --------------------------------------------------------------------------------------------- */

/* The last end record whose comment fits behind it. */
static bool find_end(size_t *place, const unsigned char *bytes, size_t nbytes)
{
    const size_t most = END_RECORD + LONGEST_COMMENT;
    const size_t last = nbytes < END_RECORD ? 0 : nbytes - END_RECORD;
    const size_t first = nbytes > most ? nbytes - most : 0;

    for (size_t at = last + 1; nbytes >= END_RECORD && at-- > first;)
        if (is_signature(bytes + at, "PK\5\6") && rn_get_u16(bytes + at + 20) <= last - at) {
            *place = at;
            return true;
        }
    return false;
}

bool rn_zip_recognise_end(const unsigned char *bytes, size_t nbytes)
{
    size_t place;

    return find_end(&place, bytes, nbytes);
}

/* A short number of the end record and its zip64 sibling: equal, or the short one is all ones. */
static bool agree(uint64_t number, uint64_t all_ones, uint64_t wide)
{
    return number == wide || number == all_ones;
}

/* *end is the place of the end record; where there is a zip64 record in front of it, that one counts. */
static rn_status read_zip64(directory *d, size_t *end, const rn_zip_archive *archive)
{
    const rn_reader *reader = archive->reader;
    const size_t locator = *end - LOCATOR_64;
    const uint64_t place = rn_get_u64(reader->bytes + locator + 8);

    if (locator < END_RECORD_64 || place > locator - END_RECORD_64 || !is_signature(reader->bytes + place, "PK\6\6") ||
        rn_get_u64(reader->bytes + place + 4) != locator - place - 12)
        return damaged(archive, "its zip64 record is not where it should be");
    const unsigned char *record = reader->bytes + place;
    const directory wide = { .place = rn_get_u64(record + 48),
                             .nbytes = rn_get_u64(record + 40),
                             .entries = rn_get_u64(record + 32) };
    if (!agree(d->place, UINT32_MAX, wide.place) || !agree(d->nbytes, UINT32_MAX, wide.nbytes) ||
        !agree(d->entries, UINT16_MAX, wide.entries))
        return damaged(archive, "its two end records speak of two directories");
    *end = (size_t)place;
    *d = wide;
    return RN_OK;
}

/*
 * The directory must lie right in front of its end record: readers that look for it there, not where the record says,
 * would otherwise see another one.
 */
static rn_status find_directory(directory *d, const rn_zip_archive *archive)
{
    const rn_reader *reader = archive->reader;
    rn_status status = RN_OK;
    size_t end;

    if (!find_end(&end, reader->bytes, reader->nbytes))
        return damaged(archive, "there is no directory at its end; it was probably cut off");
    const unsigned char *record = reader->bytes + end;
    *d = (directory){ .place = rn_get_u32(record + 16),
                      .nbytes = rn_get_u32(record + 12),
                      .entries = rn_get_u16(record + 10) };
    if (end >= LOCATOR_64 && is_signature(record - LOCATOR_64, "PK\6\7"))
        status = read_zip64(d, &end, archive);
    if (status != RN_OK)
        return status;
    if (d->place > end || d->nbytes > end - d->place)
        return damaged(archive, "its directory reaches beyond its end");
    if (d->nbytes != end - d->place)
        return damaged(archive, "its directory does not lie in front of its end");
    if (d->entries > MOST_ENTRIES)
        return damaged(archive, "too many entries");
    return RN_OK;
}

/* The zip64 field among the extra ones: values that did not fit, in this order. */
static bool read_wide(rn_zip_entry *entry, const unsigned char *extra, size_t length)
{
    uint64_t *const values[] = { &entry->nbytes, &entry->packed, &entry->place };
    size_t at = 0;

    while (length - at >= 4) {
        const size_t id = rn_get_u16(extra + at), size = rn_get_u16(extra + at + 2);
        size_t used = 0;

        at += 4;
        if (size > length - at)
            return false;
        for (size_t i = 0; id == 1 && i < 3; i++) {
            if (*values[i] != SEE_ZIP64)
                continue;
            if (size - used < 8)
                return false;
            *values[i] = rn_get_u64(extra + at + used);
            used += 8;
        }
        at += size;
    }
    return true;
}

static rn_status check_entry(const rn_zip_archive *archive, const rn_zip_entry *entry, uint16_t flags, uint16_t method)
{
    rn_message *message = &archive->reader->context->message;
    const char *path = archive->reader->path;
    size_t position;

    if (flags & UNREAD_FLAGS)
        return rn_fail(message, RN_UNSUPPORTED, "%s: '%s' is encrypted or patched, which is not read", path,
                       entry->name);
    if (method != 0 && method != Z_DEFLATED)
        return rn_fail(message, RN_UNSUPPORTED, "%s: '%s' is packed by method %d, which is not read", path, entry->name,
                       (int)method);
    if (entry->packed > archive->reader->nbytes)
        return rn_fail(message, RN_FORMAT, "%s: '%s' is larger than the file: it is damaged or was cut off", path,
                       entry->name);
    if (method == 0 && entry->packed != entry->nbytes)
        return rn_fail(message, RN_FORMAT, "%s: '%s' has two sizes", path, entry->name);
    if (rn_name_index_find(&position, &archive->index, entry->name))
        return rn_fail(message, RN_FORMAT, "%s: there are two entries '%s'", path, entry->name);
    return RN_OK;
}

/* Takes one record of the directory, of which `left` bytes are left; *used is its size. */
static rn_status read_record(size_t *used, rn_zip_archive *archive, const unsigned char *record, size_t left)
{
    const rn_allocator *allocator = &archive->reader->budget->allocator;
    char name[LONGEST_NAME + 1];

    if (left < RECORD || !is_signature(record, "PK\1\2"))
        return damaged(archive, "its directory cannot be read");
    const size_t name_length = rn_get_u16(record + 28), extra = rn_get_u16(record + 30),
                 comment = rn_get_u16(record + 32);
    *used = RECORD + name_length + extra + comment;
    if (*used > left || name_length > LONGEST_NAME || memchr(record + RECORD, 0, name_length) != NULL)
        return damaged(archive, "an entry's name is cut off, too long or has a zero in it");
    memcpy(name, record + RECORD, name_length);
    name[name_length] = '\0';
    const uint16_t flags = rn_get_u16(record + 8), method = rn_get_u16(record + 10);
    rn_zip_entry entry = { .name = name,
                           .place = rn_get_u32(record + 42),
                           .packed = rn_get_u32(record + 20),
                           .nbytes = rn_get_u32(record + 24) };
    entry.crc = rn_get_u32(record + 16);
    entry.deflated = method != 0;
    if (!read_wide(&entry, record + RECORD + name_length, extra))
        return damaged(archive, "an entry's extra fields are cut off");
    rn_status status = check_entry(archive, &entry, flags, method);
    if (status != RN_OK)
        return status;
    entry.name = rn_copy_string(allocator, name);
    if (entry.name == NULL || !rn_name_index_insert(&archive->index, allocator, entry.name, archive->count)) {
        rn_release(allocator, entry.name);
        return no_memory(archive);
    }
    archive->entry[archive->count++] = entry;
    return RN_OK;
}

static rn_status read_directory(rn_zip_archive *archive, const directory *d)
{
    const unsigned char *bytes = archive->reader->bytes + d->place;
    size_t at = 0;

    if (d->entries > d->nbytes / RECORD)
        return damaged(archive, "its directory is too short for its entries");
    archive->entry = rn_allocate_array(&archive->reader->budget->allocator, (size_t)d->entries, sizeof *archive->entry);
    if (archive->entry == NULL)
        return no_memory(archive);
    while (archive->count < d->entries) {
        size_t used;
        rn_status status = read_record(&used, archive, bytes + at, (size_t)d->nbytes - at);

        if (status != RN_OK)
            return status;
        at += used;
    }
    return at == d->nbytes ? RN_OK : damaged(archive, "its directory holds more than its entries");
}

rn_status rn_zip_open(rn_zip_archive *archive, rn_reader *reader)
{
    directory d = { 0 };

    *archive = (rn_zip_archive){ .reader = reader };
    archive->unread_bytes = reader->nbytes;
    rn_status status = find_directory(&d, archive);
    archive->entries_end = d.place;
    return status == RN_OK ? read_directory(archive, &d) : status;
}

void rn_zip_close(rn_zip_archive *archive)
{
    const rn_allocator *allocator = &archive->reader->budget->allocator;

    for (size_t i = 0; i < archive->count; i++)
        rn_release(allocator, archive->entry[i].name);
    rn_release(allocator, archive->entry);
    rn_name_index_release(&archive->index, allocator);
}

const rn_zip_entry *rn_zip_find(const rn_zip_archive *archive, const char *name)
{
    size_t position;

    return rn_name_index_find(&position, &archive->index, name) ? &archive->entry[position] : NULL;
}

/* ---- bytes ----------------------------------------------------------------------------------------------------- */

/* The local header says what the directory says of the entry; with a descriptor behind the data it may say nothing. */
static bool is_described(const rn_zip_entry *entry, const unsigned char *header)
{
    const uint16_t flags = rn_get_u16(header + 6);
    const size_t name_length = rn_get_u16(header + 26);
    const uint32_t crc = rn_get_u32(header + 14);
    rn_zip_entry local = { .packed = rn_get_u32(header + 18), .nbytes = rn_get_u32(header + 22) };
    const bool left_out = (flags & DESCRIPTOR_FLAG) && crc == 0;

    if (strlen(entry->name) != name_length || memcmp(entry->name, header + LOCAL_HEADER, name_length) != 0 ||
        (flags & UNREAD_FLAGS) || rn_get_u16(header + 8) != (entry->deflated ? Z_DEFLATED : 0) ||
        !read_wide(&local, header + LOCAL_HEADER + name_length, rn_get_u16(header + 28)))
        return false;
    return (left_out || crc == entry->crc) && ((left_out && local.packed == 0) || local.packed == entry->packed) &&
           ((left_out && local.nbytes == 0) || local.nbytes == entry->nbytes);
}

/* Where an entry's bytes begin: behind its local header, whose name and extra fields have lengths of their own. */
static rn_status find_bytes(size_t *place, const rn_zip_archive *archive, const rn_zip_entry *entry)
{
    const rn_reader *reader = archive->reader;
    rn_message *message = &reader->context->message;
    const uint64_t end = archive->entries_end;

    if (entry->place > end || end - entry->place < LOCAL_HEADER ||
        !is_signature(reader->bytes + entry->place, "PK\3\4"))
        return rn_fail(message, RN_FORMAT, "%s: '%s' is not where the archive's directory says", reader->path,
                       entry->name);
    const unsigned char *header = reader->bytes + entry->place;
    const size_t before = LOCAL_HEADER + (size_t)rn_get_u16(header + 26) + rn_get_u16(header + 28);
    if (before > end - entry->place || entry->packed > end - entry->place - before)
        return rn_fail(message, RN_FORMAT, "%s: '%s' reaches beyond the end of the file", reader->path, entry->name);
    if (!is_described(entry, header))
        return rn_fail(message, RN_FORMAT, "%s: '%s' is one thing in the archive's directory and another in its place",
                       reader->path, entry->name);
    *place = (size_t)entry->place + before;
    return RN_OK;
}

static rn_status check_crc(const rn_reader *reader, const rn_zip_entry *entry, const char *data)
{
    if (entry->crc == 0)
        return RN_OK;
    rn_status status = rn_reader_work(reader, (size_t)entry->nbytes);
    if (status != RN_OK)
        return status;
    const uLong crc = crc32_z(crc32_z(0, NULL, 0), (const unsigned char *)data, (size_t)entry->nbytes);
    return crc == entry->crc ? RN_OK
                             : rn_fail(&reader->context->message, RN_FORMAT, "%s: '%s' is damaged: its CRC is wrong",
                                       reader->path, entry->name);
}

rn_status rn_zip_bytes(rn_storage **owner, char **data, rn_zip_archive *archive, const rn_zip_entry *entry,
                       size_t alignment)
{
    rn_reader *reader = archive->reader;
    size_t place = 0;

    *owner = NULL;
    rn_status status = find_bytes(&place, archive, entry);
    if (status != RN_OK)
        return status;
    if (entry->packed > archive->unread_bytes)
        return damaged(archive, "its entries overlap: together they are larger than the file");
    archive->unread_bytes -= (size_t)entry->packed;
    status = entry->deflated ? rn_zip_unpack(owner, data, archive, entry, place)
                             : rn_reader_view(owner, data, reader, place, (size_t)entry->nbytes, alignment);
    if (status == RN_OK)
        status = check_crc(reader, entry, *data);
    if (status != RN_OK) {
        rn_storage_release(*owner);
        *owner = NULL;
    }
    return status;
}
