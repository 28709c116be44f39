/* SPDX-License-Identifier: MIT */
/* What the containers themselves can be made to ask for: packed pickles, entries that share bytes, long headers. */
#include "checkpoint/hostile.h"

#include <zlib.h>

/* ---- tar ------------------------------------------------------------------------------------------------------- */

static void append_tar_member(rn_bytes *bytes, const char *name, rn_bytes *content)
{
    unsigned char header[512] = { 0 };
    unsigned sum = 8 * ' ';

    snprintf((char *)header, 100, "%s", name);
    snprintf((char *)header + 124, 12, "%011o", (unsigned)content->count);
    header[156] = '0';
    for (size_t i = 0; i < sizeof header; i++)
        sum += header[i];
    snprintf((char *)header + 148, 8, "%06o", sum);
    rn_bytes_append(bytes, header, sizeof header);
    rn_bytes_append(bytes, content->data, content->count);
    append_repeated(bytes, "", 1, (512 - content->count % 512) % 512);
    rn_bytes_release(content);
}

/* One tensor of two dimensions over a storage of one float, `references` times in a list. */
static void read_tar(reading *r, const int64_t shape[2], const int64_t strides[2], size_t references)
{
    rn_bytes bytes = hostile_begin(), storages = hostile_begin(), tensors = hostile_begin(), pickle = hostile_begin();

    APPEND(&storages, "\x80\2K\1.\x80\2X\1\0\0\0sX\3\0\0\0cpuctorch\nFloatStorage\n\x87.");
    rn_bytes_number(&storages, 1, 8);
    rn_bytes_number(&storages, 0, 4);
    APPEND(&tensors, "\x80\2K\1.\x80\2X\1\0\0\0tX\1\0\0\0sN\x87.");
    rn_bytes_number(&tensors, 2, 8);
    for (int i = 0; i < 2; i++)
        rn_bytes_number(&tensors, (uint64_t)shape[i], 8);
    for (int i = 0; i < 2; i++)
        rn_bytes_number(&tensors, (uint64_t)strides[i], 8);
    rn_bytes_number(&tensors, 0, 8);
    APPEND(&pickle, "\x80\2](X\1\0\0\0tQq\0");
    append_repeated(&pickle, "h\0", 2, references - 1);
    APPEND(&pickle, "e.");
    append_tar_member(&bytes, "storages", &storages);
    append_tar_member(&bytes, "tensors", &tensors);
    append_tar_member(&bytes, "pickle", &pickle);
    read_hostile(r, bytes, rn_torch_tar_read);
}

static void the_oldest_container_is_charged_as_the_others(void **state)
{
    static const int64_t none[2] = { 0, 0 };
    reading r;

    (void)state;
    read_tar(&r, (const int64_t[]){ 1 << 17, 1 << 17 }, none, 1);
    require_limit(&r, &r.budget.elements, "bytes of elements");
    read_tar(&r, (const int64_t[]){ 10000, 1000 }, none, 100);
    require_limit(&r, &r.budget.elements, "bytes of elements");
    read_tar(&r, (const int64_t[]){ 1, 1 }, (const int64_t[]){ INT64_MAX, INT64_MAX }, 100);
    require_ok(r.context, r.status);
    assert_int_equal(rn_checkpoint_count(r.checkpoint), 100);
    end_reading(&r);
}

/* ---- zip ------------------------------------------------------------------------------------------------------- */

static void append_zip_fields(rn_bytes *bytes, bool deflated, uint32_t crc, size_t packed, size_t nbytes, size_t name)
{
    rn_bytes_number(bytes, 20, 2);
    rn_bytes_number(bytes, 0, 2);
    rn_bytes_number(bytes, deflated ? 8 : 0, 2);
    rn_bytes_number(bytes, 0, 4);
    rn_bytes_number(bytes, crc, 4);
    rn_bytes_number(bytes, packed, 4);
    rn_bytes_number(bytes, nbytes, 4);
    rn_bytes_number(bytes, name, 2);
}

/* What the directory says of an entry. */
typedef struct zip_claim {
    const char *name;
    size_t place, packed, nbytes;
    uint32_t crc;
    bool deflated;
} zip_claim;

static void append_zip_local(rn_bytes *bytes, zip_claim *claim, const void *content)
{
    claim->place = bytes->count;
    APPEND(bytes, "PK\3\4");
    append_zip_fields(bytes, claim->deflated, claim->crc, claim->packed, claim->nbytes, strlen(claim->name));
    rn_bytes_number(bytes, 0, 2);
    rn_bytes_text(bytes, claim->name);
    rn_bytes_append(bytes, content, claim->packed);
}

static void append_zip_record(rn_bytes *bytes, const zip_claim *claim)
{
    APPEND(bytes, "PK\1\2");
    rn_bytes_number(bytes, 20, 2);
    append_zip_fields(bytes, claim->deflated, claim->crc, claim->packed, claim->nbytes, strlen(claim->name));
    rn_bytes_number(bytes, 0, 8);
    rn_bytes_number(bytes, 0, 4);
    rn_bytes_number(bytes, claim->place, 4);
    rn_bytes_text(bytes, claim->name);
}

static void append_zip_end(rn_bytes *bytes, size_t directory, size_t entries)
{
    const size_t size = bytes->count - directory;

    APPEND(bytes, "PK\5\6");
    rn_bytes_number(bytes, 0, 4);
    rn_bytes_number(bytes, entries, 2);
    rn_bytes_number(bytes, entries, 2);
    rn_bytes_number(bytes, size, 4);
    rn_bytes_number(bytes, directory, 4);
    rn_bytes_number(bytes, 0, 2);
}

/* An archive whose pickle of `nbytes` bytes is deflated. */
static void read_deflated(reading *r, const rn_bytes *pickle)
{
    rn_bytes bytes = hostile_begin();
    const uLong most = compressBound((uLong)pickle->count);
    unsigned char *packed = malloc(most);
    z_stream stream = { .next_in = pickle->data, .avail_in = (uInt)pickle->count, .next_out = packed };
    zip_claim claim = { .name = "a/data.pkl", .nbytes = pickle->count, .deflated = true };

    assert_non_null(packed);
    stream.avail_out = (uInt)most;
    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, -15, 9, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    claim.packed = stream.total_out;
    deflateEnd(&stream);
    append_zip_local(&bytes, &claim, packed);
    free(packed);
    const size_t directory = bytes.count;
    append_zip_record(&bytes, &claim);
    append_zip_end(&bytes, directory, 1);
    read_hostile(r, bytes, rn_torch_zip_read);
}

static void packed_lists_are_charged_for_what_they_become(void **state)
{
    rn_bytes pickle = hostile_begin();
    reading r;

    (void)state;
    APPEND(&pickle, "\x80\2(");
    append_repeated(&pickle, "]", 1, 1000000); /* 1 KB in the file, 48 MB as lists */
    APPEND(&pickle, "l.");
    read_deflated(&r, &pickle);
    require_limit(&r, &r.budget.memory, "memory");
    append_repeated(&pickle, "]", 1, 5000000); /* not even unpacked */
    read_deflated(&r, &pickle);
    require_limit(&r, &r.budget.memory, "memory");
    rn_bytes_release(&pickle);
}

/* Each entry holds the local headers of all that come after it, and all hold the same zeros. */
static void append_nested(rn_bytes *bytes, zip_claim *claims, size_t count, size_t nbytes)
{
    rn_bytes inner = hostile_begin();

    append_repeated(&inner, "", 1, nbytes);
    for (size_t i = count; i-- > 0;) {
        rn_bytes outer = hostile_begin();

        claims[i].packed = claims[i].nbytes = inner.count;
        append_zip_local(&outer, &claims[i], inner.data);
        rn_bytes_release(&inner);
        inner = outer;
    }
    for (size_t i = 0; i < count; i++)
        claims[i].place = bytes->count + inner.count - nbytes - (count - i) * (30 + strlen(claims[i].name));
    rn_bytes_append(bytes, inner.data, inner.count);
    rn_bytes_release(&inner);
}

static void entries_that_share_bytes_are_refused(void **state)
{
    enum { ENTRIES = 100, SIZE = 4000 };
    static char names[ENTRIES][24];
    static zip_claim data[ENTRIES];
    rn_bytes pickle = hostile_begin(), bytes = hostile_begin();
    zip_claim object = { .name = "a/data.pkl" };
    reading r;

    (void)state;
    APPEND(&pickle, "\x80\2](");
    for (int i = 0; i < ENTRIES; i++) {
        snprintf(names[i], sizeof names[i], "a/data/%02d", i);
        data[i].name = names[i];
        APPEND(&pickle, "ctorch._utils\n_rebuild_tensor_v2\n((X\7\0\0\0storagectorch\nByteStorage\nX\2\0\0\0");
        rn_bytes_text(&pickle, names[i] + 7);
        APPEND(&pickle, "X\3\0\0\0cpuK\1tQK\0(t(t\x89NtR");
    }
    APPEND(&pickle, "e.");
    object.packed = object.nbytes = pickle.count;
    append_zip_local(&bytes, &object, pickle.data);
    append_nested(&bytes, data, ENTRIES, SIZE);
    const size_t directory = bytes.count;
    append_zip_record(&bytes, &object);
    for (int i = 0; i < ENTRIES; i++)
        append_zip_record(&bytes, &data[i]);
    append_zip_end(&bytes, directory, ENTRIES + 1);
    read_hostile(&r, bytes, rn_torch_zip_read);
    require_status(r.context, r.status, RN_FORMAT);
    assert_non_null(strstr(rn_context_message(r.context), "overlap"));
    end_reading(&r);
    rn_bytes_release(&pickle);
}

/* ---- safetensors ----------------------------------------------------------------------------------------------- */

static void the_memory_of_a_header_is_charged_before_it_is_parsed(void **state)
{
    enum { ITEMS = 100000 };
    rn_bytes bytes = hostile_begin();
    reading r;

    (void)state;
    rn_bytes_number(&bytes, 10 + 2 * ITEMS + 50, 8);
    APPEND(&bytes, "{\"a\":{\"x\":[");
    append_repeated(&bytes, "1,", 2, ITEMS);
    APPEND(&bytes, "1],\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}");
    memcpy(bytes.data, &(uint64_t){ bytes.count - 8 }, 8);
    read_hostile(&r, bytes, rn_safetensors_read);
    require_ok(r.context, r.status);
    assert_true(spent(&r.budget.memory) > ITEMS * 64); /* cJSON's item */
    require_room(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_container_is_charged_as_the_others),
        cmocka_unit_test(packed_lists_are_charged_for_what_they_become),
        cmocka_unit_test(entries_that_share_bytes_are_refused),
        cmocka_unit_test(the_memory_of_a_header_is_charged_before_it_is_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
