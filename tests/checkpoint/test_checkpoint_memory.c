/* SPDX-License-Identifier: MIT */
/* Each allocation fails in turn, alone and with all that follow: RN_NO_MEMORY, nothing leaked, no file left behind. */
#include "checkpoint/saving.h"

#include <dirent.h>

static rn_context *failing_context(rn_test_allocator *allocator)
{
    rn_context *context = NULL;

    *allocator = (rn_test_allocator){ .fail_at = -1 };
    assert_int_equal(
        rn_context_create(&context, RN_OPTIONS(rn_context, .threads = 1, .allocate = rn_test_allocate,
                                               .release = rn_test_release, .allocator_payload = allocator)),
        RN_OK);
    return context;
}

static void sweep_reading(const char *path)
{
    rn_test_allocator allocator;
    rn_context *context = failing_context(&allocator);
    const long before = allocator.live;

    for (int sticky = 0; sticky < 2; sticky++)
        for (long n = 0;; n++) {
            rn_checkpoint *checkpoint = NULL;

            allocator.calls = 0;
            allocator.fail_at = n;
            allocator.sticky = sticky;
            const rn_status status = rn_checkpoint_open(&checkpoint, context, path);
            const long calls = allocator.calls;
            allocator.fail_at = -1;
            if (status == RN_OK) {
                assert_true(calls <= n); /* nothing failed any more */
                rn_checkpoint_destroy(checkpoint);
                assert_true(n > 5);
                break;
            }
            if (status != RN_NO_MEMORY)
                fail_msg("%s: allocation %ld: %s, %s", path, n, rn_status_string(status), rn_context_message(context));
            assert_null(checkpoint);
            assert_int_equal(allocator.live, before);
        }
    assert_int_equal(allocator.live, before);
    rn_context_destroy(context);
    assert_int_equal(allocator.live, 0);
}

static void reading_survives_every_failed_allocation(void **state)
{
    static const char *const files[] = { "views.zip.pth",      "nested.zip.pth", "deflated.pth", "training.legacy.pth",
                                         "python2.legacy.pth", "old.tar",        "rebuilt.tar" };

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char name[64];

        snprintf(name, sizeof name, "checkpoint/fixtures/%s", files[i]);
        sweep_reading(rn_test_fixture(name));
    }
}

static int files_in(const char *path)
{
    DIR *directory = opendir(path);
    int count = 0;

    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static void sweep_writing(rn_format format)
{
    rn_test_allocator allocator;
    rn_context *context = failing_context(&allocator);
    rn_checkpoint *checkpoint = make_checkpoint(context);
    const char *directory = rn_test_directory(), *path = rn_test_path(directory, "x");
    const long before = allocator.live;

    for (int sticky = 0; sticky < 2; sticky++)
        for (long n = 0;; n++) {
            remove(path);
            allocator.calls = 0;
            allocator.fail_at = n;
            allocator.sticky = sticky;
            const rn_status status = rn_checkpoint_save(checkpoint, path, format);
            const long calls = allocator.calls;
            allocator.fail_at = -1;
            assert_int_equal(allocator.live, before);
            if (status == RN_OK) {
                assert_true(calls <= n);
                assert_true(n > 3);
                assert_int_equal(files_in(directory), 1);
                break;
            }
            require_status(context, status, RN_NO_MEMORY);
            assert_int_equal(files_in(directory), 0);
        }
    if (format == RN_FORMAT_SAFETENSORS)
        sweep_reading(path);
    rn_checkpoint_destroy(checkpoint);
    rn_context_destroy(context);
    assert_int_equal(allocator.live, 0);
}

static void writing_safetensors_survives_every_failed_allocation(void **state)
{
    (void)state;
    sweep_writing(RN_FORMAT_SAFETENSORS);
}

static void writing_for_pytorch_survives_every_failed_allocation(void **state)
{
    (void)state;
    sweep_writing(RN_FORMAT_TORCH);
}

static void filling_survives_every_failed_allocation(void **state)
{
    rn_test_allocator allocator;
    rn_context *context = failing_context(&allocator);
    rn_tensor *tensor;

    (void)state;
    require_ok(context, rn_tensor_create(&tensor, context, RN_INT8, 1, (const int64_t[]){ 3 }, RN_ROW_MAJOR));
    const long before = allocator.live;
    for (long n = 0; n < 40; n++) {
        rn_checkpoint *checkpoint = NULL;

        allocator.calls = 0;
        allocator.fail_at = n;
        rn_status status = rn_checkpoint_create(&checkpoint, context);
        if (status == RN_OK)
            status = rn_checkpoint_add(checkpoint, "a", tensor);
        if (status == RN_OK)
            status = rn_checkpoint_set_metadata(checkpoint, "k", "v");
        if (status == RN_OK)
            status = rn_checkpoint_set_metadata(checkpoint, "k", "w");
        const long calls = allocator.calls;
        allocator.fail_at = -1;
        require_status(context, status, calls > n ? RN_NO_MEMORY : RN_OK);
        if (checkpoint != NULL) { /* still whole */
            require_ok(context, rn_checkpoint_set_metadata(checkpoint, "k", "x"));
            assert_string_equal(rn_checkpoint_metadata(checkpoint, "k"), "x");
            if (rn_checkpoint_count(checkpoint) == 0)
                require_ok(context, rn_checkpoint_add(checkpoint, "a", tensor));
            assert_non_null(rn_checkpoint_find(checkpoint, "a"));
        }
        rn_checkpoint_destroy(checkpoint);
        assert_int_equal(allocator.live, before);
    }
    rn_tensor_destroy(tensor);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_survives_every_failed_allocation),
        cmocka_unit_test(writing_safetensors_survives_every_failed_allocation),
        cmocka_unit_test(writing_for_pytorch_survives_every_failed_allocation),
        cmocka_unit_test(filling_survives_every_failed_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
