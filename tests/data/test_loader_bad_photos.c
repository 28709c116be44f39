/* SPDX-License-Identifier: MIT */
/* Photos that do not decode: the first is named, whatever the threads; or they are left out, counted and logged. */
#include "data/folders.h"

enum { COUNT = 22, SIZE = 4 };

static const int bad[] = { 5, 6, 9, 16, 17, 18, 19, 21 }; /* 16 to 19 are a whole batch; the class changes at 11 */
enum { BAD = sizeof bad / sizeof *bad };

static bool is_bad(size_t sample)
{
    for (int i = 0; i < BAD; i++)
        if ((size_t)bad[i] == sample)
            return true;
    return false;
}

static const char *make_photos_with_bad_ones(void)
{
    const char *const root = make_numbered_photos(COUNT);

    for (int i = 0; i < BAD; i++) {
        char name[64];

        snprintf(name, sizeof name, "%s/photo_%03d.bmp", bad[i] < COUNT / 2 ? "a" : "b", bad[i]);
        write_text(root, name, "BM, it says");
    }
    return root;
}

typedef struct lines {
    int count;
    char last[2000];
} lines;

static void keep_line(rn_log_level level, const char *line, void *payload)
{
    lines *const kept = payload;

    assert_int_equal(level, RN_LOG_WARNING);
    kept->count++;
    snprintf(kept->last, sizeof kept->last, "%s", line);
}

static rn_context *make_context(int32_t threads, lines *kept)
{
    rn_context *context;

    *kept = (lines){ 0 };
    assert_int_equal(
        rn_context_create(&context, RN_OPTIONS(rn_context, .threads = threads, .log = keep_line, .log_payload = kept)),
        RN_OK);
    return context;
}

static rn_loader *make_loader(rn_context *context, const char *root, int32_t policy, int32_t shuffle)
{
    rn_dataset *const dataset = open_folder(context, root);
    rn_pipeline *const pipeline = make_pipeline(context, "CenterCrop(4), ToTensor()");
    rn_loader *loader;

    require_ok(context, rn_loader_create(&loader, dataset, pipeline,
                                         RN_OPTIONS(rn_loader, .batch_size = SIZE, .bad_photos = policy,
                                                    .shuffle = shuffle, .seed = 3)));
    rn_pipeline_destroy(pipeline);
    rn_dataset_destroy(dataset);
    return loader;
}

static void the_first_bad_photo_is_named_for_any_number_of_threads(void **state)
{
    const char *const root = make_photos_with_bad_ones();
    char shuffled[1024] = "";

    (void)state;
    for (int32_t threads = 1; threads <= 5; threads++) {
        lines kept;
        rn_context *const context = make_context(threads, &kept);
        rn_loader *loader = make_loader(context, root, RN_BAD_PHOTO_FAILS, 0);
        const rn_batch *batch;
        rn_status status;

        require_ok(context, rn_loader_start(loader, 0));
        require_ok(context, rn_loader_next(&batch, loader));
        require_status(context, rn_loader_next(&batch, loader), RN_FORMAT);
        assert_null(batch);
        assert_non_null(strstr(rn_context_message(context), "photo_005.bmp"));
        rn_loader_destroy(loader);

        loader = make_loader(context, root, RN_BAD_PHOTO_FAILS, 1);
        require_ok(context, rn_loader_start(loader, 1));
        do
            status = rn_loader_next(&batch, loader);
        while (status == RN_OK);
        assert_int_equal(status, RN_FORMAT);
        if (threads == 1)
            snprintf(shuffled, sizeof shuffled, "%s", rn_context_message(context));
        assert_string_equal(rn_context_message(context), shuffled);
        assert_int_equal(kept.count, 0);
        rn_loader_destroy(loader);
        rn_context_destroy(context);
    }
}

/* A loader that failed can go on: behind the bad batch, or once the photo is mended. */
static void a_failure_can_be_mended_or_passed_over(void **state)
{
    const char *const root = make_photos_with_bad_ones();
    lines kept;
    rn_context *const context = make_context(2, &kept);
    rn_loader *const loader = make_loader(context, root, RN_BAD_PHOTO_FAILS, 0);
    const rn_batch *batch;

    (void)state;
    require_ok(context, rn_loader_start(loader, 0));
    require_ok(context, rn_loader_next(&batch, loader));
    for (int i = 0; i < 3; i++)
        require_status(context, rn_loader_next(&batch, loader), RN_FORMAT);
    write_photo(root, "a/photo_005.bmp", 8, 6, 5);
    require_status(context, rn_loader_next(&batch, loader), RN_FORMAT);
    assert_non_null(strstr(rn_context_message(context), "photo_006.bmp"));
    write_photo(root, "a/photo_006.bmp", 8, 6, 6);
    require_ok(context, rn_loader_next(&batch, loader));
    assert_int_equal(rn_batch_sample(batch, 0), 4);
    assert_int_equal(rn_batch_size(batch), SIZE);
    require_status(context, rn_loader_next(&batch, loader), RN_FORMAT);
    require_ok(context, rn_loader_skip(loader, 1));
    require_ok(context, rn_loader_next(&batch, loader));
    assert_int_equal(rn_batch_sample(batch, 0), 12);
    rn_loader_destroy(loader);
    rn_context_destroy(context);
}

static void a_photo_that_is_gone_is_named(void **state)
{
    const char *const root = make_numbered_photos(4);
    lines kept;
    rn_context *const context = make_context(2, &kept);
    rn_loader *const loader = make_loader(context, root, RN_BAD_PHOTO_FAILS, 0);
    const rn_batch *batch;

    (void)state;
    assert_int_equal(remove(rn_test_path(root, "b/photo_002.bmp")), 0);
    require_ok(context, rn_loader_start(loader, 0));
    require_status(context, rn_loader_next(&batch, loader), RN_IO);
    assert_non_null(strstr(rn_context_message(context), "photo_002.bmp"));
    rn_loader_destroy(loader);
    rn_context_destroy(context);
}

static void check_batch(const rn_batch *batch, size_t *next)
{
    const float *const images = rn_tensor_const_data(rn_batch_images(batch));
    const int64_t *const labels = rn_tensor_const_data(rn_batch_labels(batch));

    assert_in_range(rn_batch_size(batch), 1, SIZE);
    for (size_t i = 0; i < rn_batch_size(batch); i++, (*next)++) {
        while (is_bad(*next))
            (*next)++;
        assert_int_equal(rn_batch_sample(batch, i), *next);
        assert_true(images[i * 48] == (float)*next / 255);
        assert_int_equal(labels[i], *next < COUNT / 2 ? 0 : 1);
    }
}

static void bad_photos_are_left_out_counted_and_logged(void **state)
{
    const char *const root = make_photos_with_bad_ones();

    (void)state;
    for (int32_t threads = 1; threads <= 4; threads++) {
        lines kept;
        rn_context *const context = make_context(threads, &kept);
        rn_loader *const loader = make_loader(context, root, RN_BAD_PHOTO_IS_SKIPPED, 0);

        for (uint64_t epoch = 0; epoch < 2; epoch++) {
            const rn_batch *batch;
            size_t next = 0, batches = 0;
            rn_status status;

            require_ok(context, rn_loader_start(loader, epoch));
            assert_int_equal(rn_loader_skipped(loader), 0);
            while ((status = rn_loader_next(&batch, loader)) == RN_OK) {
                check_batch(batch, &next);
                batches++;
            }
            assert_int_equal(status, RN_END);
            assert_int_equal(next, COUNT - 1); /* the last one is bad */
            assert_int_equal(batches, (COUNT + SIZE - 1) / SIZE - 1);
            assert_int_equal(rn_loader_skipped(loader), BAD);
        }
        assert_int_equal(kept.count, 2 * BAD);
        assert_non_null(strstr(kept.last, "photo_021.bmp"));
        rn_loader_destroy(loader);
        rn_context_destroy(context);
    }
}

static void copy_file(const char *to, const char *from)
{
    FILE *const in = fopen(from, "rb"), *const out = fopen(to, "wb");
    char bytes[4096];
    size_t nbytes;

    assert_true(in != NULL && out != NULL);
    nbytes = fread(bytes, 1, sizeof bytes, in);
    assert_int_equal(fwrite(bytes, 1, nbytes, out), nbytes);
    assert_int_equal(fclose(in) + fclose(out), 0);
}

/* Said once, however often and by however many threads they are read. */
static void deep_greys_are_said_once(void **state)
{
    const char *const root = rn_test_directory();

    (void)state;
    make_folder(root, "a");
    make_folder(root, "b");
    for (int i = 0; i < 4; i++) {
        char name[32];

        snprintf(name, sizeof name, "%c/grey%d.png", 'a' + i % 2, i);
        copy_file(rn_test_path(root, name), rn_test_fixture("image/fixtures/grey16.png"));
    }
    for (int32_t threads = 1; threads <= 3; threads++) {
        lines kept;
        rn_context *const context = make_context(threads, &kept);
        rn_loader *const loader = make_loader(context, root, RN_BAD_PHOTO_FAILS, 0);
        const rn_batch *batch;

        for (uint64_t epoch = 0; epoch < 2; epoch++) {
            rn_status status;

            require_ok(context, rn_loader_start(loader, epoch));
            while ((status = rn_loader_next(&batch, loader)) == RN_OK)
                continue;
            assert_int_equal(status, RN_END);
        }
        assert_int_equal(kept.count, 1);
        assert_non_null(strstr(kept.last, "greys of over 8 bits"));
        rn_loader_destroy(loader);
        rn_context_destroy(context);
    }
}

static void nothing_but_bad_photos_is_an_empty_epoch(void **state)
{
    const char *const root = rn_test_directory();
    lines kept;
    rn_context *const context = make_context(2, &kept);
    rn_loader *loader;
    const rn_batch *batch;

    (void)state;
    for (int i = 0; i < 9; i++) {
        char name[32];

        snprintf(name, sizeof name, "k/%d.png", i);
        write_text(root, name, "");
    }
    loader = make_loader(context, root, RN_BAD_PHOTO_IS_SKIPPED, 1);
    require_ok(context, rn_loader_start(loader, 0));
    require_status(context, rn_loader_next(&batch, loader), RN_END);
    assert_int_equal(rn_loader_skipped(loader), 9);
    rn_loader_destroy(loader);
    rn_context_destroy(context);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_bad_photo_is_named_for_any_number_of_threads),
        cmocka_unit_test(a_failure_can_be_mended_or_passed_over),
        cmocka_unit_test(a_photo_that_is_gone_is_named),
        cmocka_unit_test(bad_photos_are_left_out_counted_and_logged),
        cmocka_unit_test(deep_greys_are_said_once),
        cmocka_unit_test(nothing_but_bad_photos_is_an_empty_epoch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
