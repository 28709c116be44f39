/* SPDX-License-Identifier: MIT */
/* What a directory may claim and what not; archives made by hand from one entry. */
#include "checkpoint/zip_archive.h"
#include "support/support.h"

#include <zlib.h>

enum { NAME = 1, LOCAL = 0, RECORD = 46, END = 22, WIDE_RECORD = 56, LOCATOR = 20 };

typedef struct claim {
    uint16_t flags, method;
    uint32_t crc, packed, nbytes, place;
} claim;

static size_t put(unsigned char *at, uint64_t number, size_t nbytes)
{
    for (size_t i = 0; i < nbytes; i++)
        at[i] = i < 8 ? (unsigned char)(number >> (8 * i)) : 0;
    return nbytes;
}

static size_t put_fields(unsigned char *at, const claim *c)
{
    size_t n = put(at, 20, 2);

    n += put(at + n, c->flags, 2);
    n += put(at + n, c->method, 2);
    n += put(at + n, 0, 4);
    n += put(at + n, c->crc, 4);
    n += put(at + n, c->packed, 4);
    n += put(at + n, c->nbytes, 4);
    return n + put(at + n, NAME, 2);
}

/* `entries` records of the one entry "e". */
static size_t make_archive(unsigned char *at, const claim *c, const unsigned char *content, size_t length, int entries)
{
    size_t n = put(at, 0x04034b50, 4);

    n += put_fields(at + n, c);
    n += put(at + n, 0, 2);
    at[n++] = 'e';
    if (length > 0)
        memcpy(at + n, content, length);
    n += length;
    const size_t directory = n;
    for (int i = 0; i < entries; i++) {
        n += put(at + n, 0x02014b50, 4);
        n += put(at + n, 20, 2);
        n += put_fields(at + n, c);
        n += put(at + n, 0, 12);
        n += put(at + n, c->place, 4);
        at[n++] = 'e';
    }
    const size_t size = n - directory;
    n += put(at + n, 0x06054b50, 4);
    n += put(at + n, 0, 4);
    n += put(at + n, (uint64_t)entries, 2);
    n += put(at + n, (uint64_t)entries, 2);
    n += put(at + n, size, 4);
    n += put(at + n, directory, 4);
    return n + put(at + n, 0, 2);
}

/* Opens the archive and asks for its entry. */
static rn_status try(rn_context *context, const unsigned char *bytes, size_t nbytes, char *first)
{
    rn_storage *owner, *part = NULL;
    rn_zip_archive archive;
    rn_reader reader = { .context = context, .path = "file", .bytes = bytes, .nbytes = nbytes, .copy_bytes = nbytes };
    rn_budget budget;
    char *data;

    rn_budget_init(&budget, &context->allocator, nbytes);
    reader.budget = &budget;
    require_ok(context, rn_storage_create(&owner, context, (void *)(uintptr_t)bytes, NULL, NULL));
    reader.file = owner;
    rn_status status = rn_zip_open(&archive, &reader);
    if (status == RN_OK) {
        const rn_zip_entry *entry = rn_zip_find(&archive, "e");

        assert_non_null(entry);
        assert_null(rn_zip_find(&archive, "f"));
        status = rn_zip_bytes(&part, &data, &archive, entry, 8);
    }
    if (status == RN_OK && first != NULL)
        *first = data[0];
    rn_storage_release(part);
    rn_zip_close(&archive);
    rn_storage_release(owner);
    return status;
}

static void stored_entries_are_checked(void **state)
{
    static const struct {
        claim c;
        int entries;
        rn_status status;
    } cases[] = {
        { { 0, 0, 0, 3, 3, 0 }, 1, RN_OK }, /* a CRC of 0: not computed */
        { { 0, 0, 0x352441c2, 3, 3, 0 }, 1, RN_OK },  { { 0, 0, 0x352441c3, 3, 3, 0 }, 1, RN_FORMAT },
        { { 1, 0, 0, 3, 3, 0 }, 1, RN_UNSUPPORTED },  /* encrypted */
        { { 0, 12, 0, 3, 3, 0 }, 1, RN_UNSUPPORTED }, /* bzip2 */
        { { 0, 0, 0, 3, 4, 0 }, 1, RN_FORMAT },       /* two sizes */
        { { 0, 0, 0, 4000, 4000, 0 }, 1, RN_FORMAT }, /* larger than the file */
        { { 0, 0, 0, 100, 100, 0 }, 1, RN_FORMAT },   /* reaches beyond the end */
        { { 0, 0, 0, 3, 3, 1 }, 1, RN_FORMAT },       /* no entry there */
        { { 0, 0, 0, 3, 3, 1000000 }, 1, RN_FORMAT }, { { 0, 0, 0, 3, 3, 0 }, 2, RN_FORMAT }, /* the same name twice */
    };
    unsigned char bytes[512];
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t nbytes = make_archive(bytes, &cases[i].c, (const unsigned char *)"abc", 3, cases[i].entries);
        char first = 0;

        if (try(context, bytes, nbytes, &first) != cases[i].status)
            fail_msg("case %zu: %s", i, rn_context_message(context));
        if (cases[i].status == RN_OK)
            assert_int_equal(first, 'a');
    }
    rn_context_destroy(context);
}

/* Encrypted, patched, strongly encrypted, with a masked header; bit 3 and bit 11 are of no harm. */
static void flags_that_change_the_bytes_are_refused(void **state)
{
    unsigned char bytes[512];
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);

    (void)state;
    for (int bit = 0; bit < 16; bit++) {
        const claim c = { (uint16_t)(1u << bit), 0, 0, 3, 3, 0 };
        const bool refused = bit == 0 || bit == 5 || bit == 6 || bit == 13;
        const size_t nbytes = make_archive(bytes, &c, (const unsigned char *)"abc", 3, 1);

        require_status(context, try(context, bytes, nbytes, NULL), refused ? RN_UNSUPPORTED : RN_OK);
        put(bytes + LOCAL + 6, 0, 2); /* only the directory says so */
        require_status(context, try(context, bytes, nbytes, NULL), refused ? RN_UNSUPPORTED : RN_OK);
        put(bytes + LOCAL + 6, c.flags, 2);
        put(bytes + nbytes - END - RECORD - NAME + 8, 0, 2); /* only the local header says so */
        require_status(context, try(context, bytes, nbytes, NULL), refused ? RN_FORMAT : RN_OK);
    }
    rn_context_destroy(context);
}

/* One change to the local header of an entry "e" of 3 bytes with a CRC. */
static const struct {
    size_t place, nbytes;
    uint64_t number;
    uint16_t flags;
    rn_status status;
} local_changes[] = {
    { 6, 2, 0x0800, 0, RN_OK },          /* its name is UTF-8 */
    { 8, 2, 8, 0, RN_FORMAT },           /* deflated */
    { 14, 4, 0, 0, RN_FORMAT },          /* no CRC */
    { 14, 4, 1, 0, RN_FORMAT },          /* another one */
    { 18, 4, 2, 0, RN_FORMAT },          /* shorter */
    { 18, 8, 0, 0, RN_FORMAT },          /* sizes left out without a descriptor */
    { 18, 8, UINT64_MAX, 0, RN_FORMAT }, /* sizes in a zip64 field that is not there */
    { 22, 4, 4, 0, RN_FORMAT },          /* larger */
    { 26, 2, 0, 0, RN_FORMAT },          /* without a name */
    { 30, 1, 'f', 0, RN_FORMAT },        /* another name */
    { 14, 8, 0, 8, RN_OK },              /* a descriptor has two of them */
    { 22, 4, 4, 8, RN_FORMAT },          /* a descriptor, and larger */
    { 14, 12, 0, 8, RN_OK },             /* a descriptor has them all */
    { 14, 4, 1, 8, RN_FORMAT },          /* a descriptor and another CRC */
    { 6, 2, 8, 8, RN_OK },               /* a descriptor beside the same numbers */
};

static void local_headers_must_agree_with_the_directory(void **state)
{
    unsigned char bytes[512];
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);

    (void)state;
    for (size_t i = 0; i < sizeof local_changes / sizeof local_changes[0]; i++) {
        const claim c = { local_changes[i].flags, 0, 0x352441c2, 3, 3, 0 };
        const size_t nbytes = make_archive(bytes, &c, (const unsigned char *)"abc", 3, 1);

        put(bytes + LOCAL + local_changes[i].place, local_changes[i].number, local_changes[i].nbytes);
        if (try(context, bytes, nbytes, NULL) != local_changes[i].status)
            fail_msg("case %zu: %s", i, rn_context_message(context));
    }
    rn_context_destroy(context);
}

/* Readers that trust the end record and readers that look in front of it would see two archives. */
static void directories_out_of_place_are_refused(void **state)
{
    unsigned char bytes[512], moved[520];
    const claim c = { 0, 0, 0, 3, 3, 0 };
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    const size_t nbytes = make_archive(bytes, &c, (const unsigned char *)"abc", 3, 1), end = nbytes - END;

    (void)state;
    memcpy(moved, bytes, end); /* bytes between directory and end */
    memset(moved + end, 0, 4);
    memcpy(moved + end + 4, bytes + end, END);
    require_status(context, try(context, moved, nbytes + 4, NULL), RN_FORMAT);
    assert_non_null(strstr(rn_context_message(context), "in front of its end"));
    memcpy(moved, "PK\3\4", 4); /* bytes in front of all */
    memcpy(moved + 4, bytes, nbytes);
    require_status(context, try(context, moved, nbytes + 4, NULL), RN_FORMAT);
    memcpy(moved, bytes, nbytes); /* fewer entries than the directory has */
    put(moved + end + 10, 0, 2);
    require_status(context, try(context, moved, nbytes, NULL), RN_FORMAT);
    memcpy(moved, bytes, nbytes); /* an entry that lies in the directory */
    put(moved + end - RECORD - NAME + 20, 60, 4);
    put(moved + end - RECORD - NAME + 24, 60, 4);
    put(moved + LOCAL + 18, 60, 4);
    put(moved + LOCAL + 22, 60, 4);
    require_status(context, try(context, moved, nbytes, NULL), RN_FORMAT);
    assert_non_null(strstr(rn_context_message(context), "beyond the end"));
    rn_context_destroy(context);
}

/* The archive with a zip64 record that says the same, and its locator, in front of the end record. */
static size_t make_wide(unsigned char *at, const unsigned char *bytes, size_t nbytes)
{
    const size_t end = nbytes - END, directory = end - RECORD - NAME;
    size_t n = end;

    memcpy(at, bytes, end);
    n += put(at + n, 0x06064b50, 4);
    n += put(at + n, WIDE_RECORD - 12, 8);
    n += put(at + n, 0, 12);
    n += put(at + n, 1, 8);
    n += put(at + n, 1, 8);
    n += put(at + n, RECORD + NAME, 8);
    n += put(at + n, directory, 8);
    n += put(at + n, 0x07064b50, 4);
    n += put(at + n, 0, 4);
    n += put(at + n, end, 8);
    n += put(at + n, 1, 4);
    memcpy(at + n, bytes + end, END);
    return n + END;
}

static void two_end_records_must_agree(void **state)
{
    static const struct {
        size_t place, nbytes; /* from the zip64 record on */
        uint64_t number;
        rn_status status;
    } changes[] = {
        { WIDE_RECORD + LOCATOR + 10, 2, UINT16_MAX, RN_OK }, /* see the other one */
        { WIDE_RECORD + LOCATOR + 12, 4, UINT32_MAX, RN_OK },
        { WIDE_RECORD + LOCATOR + 16, 4, UINT32_MAX, RN_OK },
        { WIDE_RECORD + LOCATOR + 10, 2, 0, RN_FORMAT },
        { WIDE_RECORD + LOCATOR + 12, 4, 1, RN_FORMAT },
        { WIDE_RECORD + LOCATOR + 16, 4, 1, RN_FORMAT },
        { 4, 8, WIDE_RECORD, RN_FORMAT }, /* larger than its place */
        { 32, 8, 2, RN_FORMAT },
        { 48, 8, UINT64_MAX, RN_FORMAT },
        { WIDE_RECORD + 8, 8, UINT64_MAX, RN_FORMAT },
    };
    unsigned char plain[512], bytes[512], changed[512];
    const claim c = { 0, 0, 0, 3, 3, 0 };
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    const size_t short_size = make_archive(plain, &c, (const unsigned char *)"abc", 3, 1);
    const size_t nbytes = make_wide(bytes, plain, short_size);

    (void)state;
    require_ok(context, try(context, bytes, nbytes, NULL));
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        memcpy(changed, bytes, nbytes);
        put(changed + short_size - END + changes[i].place, changes[i].number, changes[i].nbytes);
        if (try(context, changed, nbytes, NULL) != changes[i].status)
            fail_msg("case %zu: %s", i, rn_context_message(context));
    }
    rn_context_destroy(context);
}

static void deflated_entries_are_unpacked_within_reason(void **state)
{
    unsigned char zeros[5000] = { 0 }, packed[200], bytes[1000];
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    z_stream stream = { .next_in = zeros, .avail_in = sizeof zeros, .next_out = packed, .avail_out = sizeof packed };
    claim c = { .method = 8, .nbytes = sizeof zeros };
    char first = 1;

    (void)state;
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    c.packed = (uint32_t)stream.total_out;
    deflateEnd(&stream);
    c.crc = (uint32_t)crc32(crc32(0, NULL, 0), zeros, sizeof zeros);
    require_ok(context, try(context, bytes, make_archive(bytes, &c, packed, c.packed, 1), &first));
    assert_int_equal(first, 0);
    c.nbytes = 0x70000000; /* far more than its bytes can hold: refused before anything is allocated */
    require_status(context, try(context, bytes, make_archive(bytes, &c, packed, c.packed, 1), NULL), RN_FORMAT);
    assert_non_null(strstr(rn_context_message(context), "claims to be larger"));
    c.nbytes = sizeof zeros + 1;
    require_status(context, try(context, bytes, make_archive(bytes, &c, packed, c.packed, 1), NULL), RN_FORMAT);
    c.nbytes = sizeof zeros;
    packed[0] ^= 6;
    require_status(context, try(context, bytes, make_archive(bytes, &c, packed, c.packed, 1), NULL), RN_FORMAT);
    rn_context_destroy(context);
}

static void what_is_no_archive_is_refused(void **state)
{
    unsigned char bytes[512];
    const claim c = { 0, 0, 0, 3, 3, 0 };
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    const size_t nbytes = make_archive(bytes, &c, (const unsigned char *)"abc", 3, 1);

    (void)state;
    for (size_t cut = 0; cut < nbytes; cut++)
        require_status(context, try(context, bytes, cut, NULL), RN_FORMAT);
    require_ok(context, try(context, bytes, nbytes, NULL));
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stored_entries_are_checked),
        cmocka_unit_test(flags_that_change_the_bytes_are_refused),
        cmocka_unit_test(local_headers_must_agree_with_the_directory),
        cmocka_unit_test(directories_out_of_place_are_refused),
        cmocka_unit_test(two_end_records_must_agree),
        cmocka_unit_test(deflated_entries_are_unpacked_within_reason),
        cmocka_unit_test(what_is_no_archive_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
