/* SPDX-License-Identifier: MIT */
/* The container alone; test_torch_zip_write.c shows that PyTorch reads it. */
#include "checkpoint/saving.h"
#include "checkpoint/zip_archive.h"
#include "checkpoint/zip_write.h"

#include <zlib.h>

static void write_entries(rn_context *context, const char *path, size_t count)
{
    rn_replacement *file;
    rn_zip_writer writer;

    require_ok(context, rn_file_replace_begin(&file, &context->allocator, path, &context->message));
    rn_zip_writer_init(&writer, file, &context->allocator);
    for (size_t i = 0; i < count; i++) {
        char name[32];

        const int length = snprintf(name, sizeof name, "data/%zu", i);
        rn_zip_writer_entry(&writer, name, (uint64_t)length,
                            (uint32_t)crc32(crc32(0, NULL, 0), (const unsigned char *)name, (uInt)length));
        rn_zip_writer_bytes(&writer, name, (size_t)length);
    }
    assert_true(rn_zip_writer_finish(&writer));
    rn_zip_writer_release(&writer);
    require_ok(context, rn_file_replace_commit(file, &context->message));
}

static void read_entries(rn_context *context, const char *path, size_t count)
{
    size_t nbytes;
    unsigned char *bytes = whole_file(&nbytes, path);
    rn_storage *owner;
    rn_zip_archive archive;
    rn_budget budget;
    rn_reader reader = { .context = context, .path = path, .bytes = bytes, .nbytes = nbytes, .copy_bytes = nbytes };

    rn_budget_init(&budget, &context->allocator, nbytes);
    reader.budget = &budget;
    require_ok(context, rn_storage_create(&owner, context, bytes, NULL, NULL));
    reader.file = owner;
    require_ok(context, rn_zip_open(&archive, &reader));
    assert_int_equal(archive.count, count);
    for (size_t i = 0; i < count; i += count / 7 + 1) {
        char name[32], *data;
        rn_storage *part;

        snprintf(name, sizeof name, "data/%zu", i);
        const rn_zip_entry *entry = rn_zip_find(&archive, name);
        assert_non_null(entry);
        require_ok(context, rn_zip_bytes(&part, &data, &archive, entry, 1));
        assert_int_equal(entry->nbytes, strlen(name));
        assert_memory_equal(data, name, strlen(name));
        assert_int_equal(((unsigned char *)data - bytes) % 64, 0);
        rn_storage_release(part);
    }
    rn_zip_close(&archive);
    rn_storage_release(owner);
    free(bytes);
}

static void few_entries_need_no_zip64(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    const char *path = rn_test_path(rn_test_directory(), "x.zip");
    size_t nbytes;

    (void)state;
    for (size_t count = 0; count < 5; count++) {
        write_entries(context, path, count);
        read_entries(context, path, count);
    }
    unsigned char *bytes = whole_file(&nbytes, path);
    assert_memory_equal(bytes + nbytes - 22, "PK\5\6", 4);
    assert_memory_not_equal(bytes + nbytes - 42, "PK\6\7", 4);
    free(bytes);
    rn_context_destroy(context);
}

static void more_than_65535_entries_use_zip64(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    const char *path = rn_test_path(rn_test_directory(), "x.zip");
    size_t nbytes;

    (void)state;
    write_entries(context, path, 70000);
    read_entries(context, path, 70000);
    unsigned char *bytes = whole_file(&nbytes, path);
    assert_memory_equal(bytes + nbytes - 42, "PK\6\7", 4);
    free(bytes);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_entries_need_no_zip64),
        cmocka_unit_test(more_than_65535_entries_use_zip64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
