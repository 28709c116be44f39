/* SPDX-License-Identifier: MIT */
/* Each allocation fails in turn, alone and with all that follow: RN_NO_MEMORY, nothing leaked, no file left behind. */
#include "checkpoint/saving.h"

#include <dirent.h>

typedef struct opening {
    rn_context *context;
    const char *path;
} opening;

static rn_status open_checkpoint(void *payload)
{
    const opening *const job = payload;
    rn_checkpoint *checkpoint;
    const rn_status status = rn_checkpoint_open(&checkpoint, job->context, job->path, NULL);

    assert_true((checkpoint == NULL) == (status != RN_OK));
    rn_checkpoint_destroy(checkpoint);
    return status;
}

static void sweep_reading(const char *path)
{
    rn_test_allocator allocator;
    opening job = { rn_test_allocator_context(&allocator, 1), path };

    rn_test_fail_each(&allocator, open_checkpoint, &job, 6);
    rn_context_destroy(job.context);
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

typedef struct saving {
    const rn_checkpoint *checkpoint;
    const char *directory, *path;
    rn_format format;
} saving;

static rn_status save_checkpoint(void *payload)
{
    const saving *const job = payload;
    rn_status status;

    remove(job->path);
    status = rn_checkpoint_save(job->checkpoint, job->path, job->format, NULL);
    assert_int_equal(files_in(job->directory), status == RN_OK ? 1 : 0);
    return status;
}

static void sweep_writing(rn_format format)
{
    rn_test_allocator allocator;
    rn_context *const context = rn_test_allocator_context(&allocator, 1);
    rn_checkpoint *const checkpoint = make_checkpoint(context);
    const char *const directory = rn_test_directory();
    saving job = { checkpoint, directory, rn_test_path(directory, "x"), format };

    rn_test_fail_each(&allocator, save_checkpoint, &job, 4);
    if (format == RN_FORMAT_SAFETENSORS)
        sweep_reading(job.path);
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
    rn_context *context = rn_test_allocator_context(&allocator, 1);
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
