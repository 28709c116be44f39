/* SPDX-License-Identifier: MIT */
#include "checkpoint/expect.h"

#include "checkpoint/checkpoint.h"

static void what_is_no_checkpoint_is_told_by_its_content(void **state)
{
    (void)state;
    EXPECT_FIXTURES("pointer.pth", "page.pth", "empty.pth", "letters.pth");
}

static void require_container(const char *fixture, const char *container)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *checkpoint = NULL;
    char path[64];

    snprintf(path, sizeof path, "checkpoint/fixtures/%s", fixture);
    require_ok(context, rn_checkpoint_open(&checkpoint, context, rn_test_fixture(path), NULL));
    assert_string_equal(rn_checkpoint_container(checkpoint), container);
    rn_checkpoint_destroy(checkpoint);
    rn_context_destroy(context);
}

static void a_checkpoint_knows_its_container(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *checkpoint = NULL;
    const char *path = rn_test_path(rn_test_directory(), "none.pth"); /* told by content */

    (void)state;
    require_container("state_dict.zip.pth", "torch zip");
    require_container("state_dict.legacy.pth", "torch legacy");
    require_container("old.tar", "torch tar");
    require_ok(context, rn_checkpoint_create(&checkpoint, context));
    assert_null(rn_checkpoint_container(checkpoint));
    require_ok(context, rn_checkpoint_save(checkpoint, path, RN_FORMAT_SAFETENSORS, NULL));
    rn_checkpoint_destroy(checkpoint);
    require_ok(context, rn_checkpoint_open(&checkpoint, context, path, NULL));
    assert_string_equal(rn_checkpoint_container(checkpoint), "safetensors");
    rn_checkpoint_destroy(checkpoint);
    rn_context_destroy(context);
    assert_null(rn_checkpoint_container(NULL));
}

static void arguments_are_checked(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *checkpoint = (rn_checkpoint *)context;

    (void)state;
    assert_int_equal(rn_checkpoint_open(&checkpoint, NULL, "x", NULL), RN_INVALID_ARGUMENT);
    assert_null(checkpoint);
    require_status(context, rn_checkpoint_open(&checkpoint, context, NULL, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_checkpoint_open(NULL, context, "x", NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_checkpoint_open(&checkpoint, context, "no/such/file.pth", NULL), RN_IO);
    assert_non_null(strstr(rn_context_message(context), "no/such/file.pth"));
    require_status(context, rn_checkpoint_open(&checkpoint, context, rn_test_directory(), NULL), RN_IO);
    assert_null(checkpoint);
    rn_context_destroy(context);
}

static void bytes_that_lie_askew_are_copied_once(void **state)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_storage *file, *owner;
    char *data;

    (void)state;
    require_ok(context, rn_storage_allocate(&file, context, 64));
    unsigned char *bytes = file->memory;
    for (unsigned char i = 0; i < 64; i++)
        bytes[i] = i;
    rn_budget budget;
    rn_reader reader = {
        .context = context, .path = "file", .bytes = bytes, .nbytes = 64, .file = file, .copy_bytes = 64
    };
    rn_budget_init(&budget, &context->allocator, 64);
    reader.budget = &budget;
    require_ok(context, rn_reader_view(&owner, &data, &reader, 16, 48, 8));
    assert_ptr_equal(data, bytes + 16);
    rn_storage_release(owner);
    require_ok(context, rn_reader_view(&owner, &data, &reader, 1, 40, 4));
    assert_int_equal((uintptr_t)data % 4, 0);
    assert_memory_equal(data, bytes + 1, 40);
    rn_storage_release(owner);
    require_status(context, rn_reader_view(&owner, &data, &reader, 1, 40, 4), RN_FORMAT); /* 64 bytes cannot hold 80 */
    rn_storage_release(file);
    rn_context_destroy(context);
}

static void numbers_are_little_endian(void **state)
{
    static const unsigned char bytes[] = { 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8 };

    (void)state;
    assert_int_equal(rn_get_u16(bytes), 0xf2f1);
    assert_int_equal(rn_get_u32(bytes), 0xf4f3f2f1);
    assert_true(rn_get_u64(bytes) == 0xf8f7f6f5f4f3f2f1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_checkpoint_is_told_by_its_content),
        cmocka_unit_test(a_checkpoint_knows_its_container),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(bytes_that_lie_askew_are_copied_once),
        cmocka_unit_test(numbers_are_little_endian),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
