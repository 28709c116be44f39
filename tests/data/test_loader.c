/* SPDX-License-Identifier: MIT */
/* Loaders: batches, order, draws, the same for any number of threads, and nothing allocated in a steady state. */
#include "data/folders.h"

#define RN_TEST_THREADS 2
#include "support/one_context.h"

static rn_loader *make_loader(rn_context *own, const char *root, const char *text, const rn_loader_options *options)
{
    rn_dataset *const dataset = open_folder(own, root);
    rn_pipeline *const pipeline = make_pipeline(own, text);
    rn_loader *loader;

    require_ok(own, rn_loader_create(&loader, dataset, pipeline, options));
    rn_dataset_destroy(dataset); /* the loader keeps it, and has its own pipeline */
    rn_pipeline_destroy(pipeline);
    return loader;
}

/* Reads all batches: their sizes, and the samples in order. Gives the number of batches. */
static size_t read_epoch(rn_context *own, rn_loader *loader, uint64_t epoch, size_t *samples, size_t *sizes)
{
    const rn_batch *batch;
    size_t batches = 0, count = 0;
    rn_status status;

    require_ok(own, rn_loader_start(loader, epoch));
    while ((status = rn_loader_next(&batch, loader)) == RN_OK) {
        sizes[batches++] = rn_batch_size(batch);
        for (size_t i = 0; i < rn_batch_size(batch); i++)
            samples[count++] = rn_batch_sample(batch, i);
    }
    require_status(own, status, RN_END);
    assert_null(batch);
    return batches;
}

static void batches_cover_the_dataset_in_order(void **state)
{
    (void)state;
    for (int count = 1; count < 30; count += 4)
        for (int32_t size = 1; size < 12; size += 3) {
            rn_loader *const loader = make_loader(context, make_numbered_photos(count), "CenterCrop(4), ToTensor()",
                                                  RN_OPTIONS(rn_loader, .batch_size = size));
            size_t samples[64], sizes[64];
            const size_t batches = read_epoch(context, loader, 0, samples, sizes);

            assert_int_equal(batches, (count + size - 1) / size);
            assert_int_equal(rn_loader_batches(loader), batches);
            for (size_t i = 0; i + 1 < batches; i++)
                assert_int_equal(sizes[i], size);
            for (int i = 0; i < count; i++)
                assert_int_equal(samples[i], i);
            rn_loader_destroy(loader);
        }
}

/* Photo k is (k, 2 k, 255 - k) everywhere but in its first pixel, which a crop does not keep. */
static void images_and_labels_belong_to_the_samples(void **state)
{
    const int64_t shape[] = { 4, 3, 4, 5 }, strides[] = { 60, 1, 15, 3 };
    rn_loader *const loader = make_loader(context, make_numbered_photos(13), "CenterCrop(4, 5), ToTensor()",
                                          RN_OPTIONS(rn_loader, .batch_size = 4, .shuffle = 1, .seed = 5));
    const rn_batch *batch;
    int seen = 0;

    (void)state;
    require_ok(context, rn_loader_start(loader, 3));
    while (rn_loader_next(&batch, loader) == RN_OK) {
        const rn_tensor *const images = rn_batch_images(batch), *const labels = rn_batch_labels(batch);
        const size_t size = rn_batch_size(batch);

        assert_int_equal(rn_tensor_dtype(images), RN_FLOAT32);
        assert_int_equal(rn_tensor_dtype(labels), RN_INT64);
        assert_int_equal(rn_tensor_rank(images), 4);
        assert_int_equal(rn_tensor_rank(labels), 1);
        assert_int_equal(rn_tensor_shape(images)[0], size);
        assert_int_equal(rn_tensor_shape(labels)[0], size);
        assert_memory_equal(rn_tensor_shape(images) + 1, shape + 1, 3 * sizeof *shape);
        assert_memory_equal(rn_tensor_strides(images), strides, sizeof strides);
        for (size_t i = 0; i < size; i++, seen++) {
            const size_t sample = rn_batch_sample(batch, i);
            const float *const pixels = (const float *)rn_tensor_const_data(images) + i * 60;

            for (int p = 0; p < 20; p++) {
                assert_true(pixels[3 * p] == (float)sample / 255);
                assert_true(pixels[3 * p + 1] == (float)(2 * sample) / 255);
                assert_true(pixels[3 * p + 2] == (float)(255 - sample) / 255);
            }
            assert_int_equal(((const int64_t *)rn_tensor_const_data(labels))[i], sample < 7 ? 0 : 1);
        }
        assert_int_equal(rn_batch_sample(batch, size), SIZE_MAX);
    }
    assert_int_equal(seen, 13);
    rn_loader_destroy(loader);
}

static void shuffling_permutes_anew_every_epoch(void **state)
{
    enum { COUNT = 23 };
    const char *const root = make_numbered_photos(COUNT);
    rn_loader *const loader = make_loader(context, root, "CenterCrop(4), ToTensor()",
                                          RN_OPTIONS(rn_loader, .batch_size = 5, .shuffle = 1, .seed = 9));
    rn_loader *const other = make_loader(context, root, "CenterCrop(4), ToTensor()",
                                         RN_OPTIONS(rn_loader, .batch_size = 7, .shuffle = 1, .seed = 10));
    size_t first[COUNT], again[COUNT], later[COUNT], different[COUNT], sizes[COUNT];
    int seen[COUNT] = { 0 };

    (void)state;
    read_epoch(context, loader, 4, first, sizes);
    read_epoch(context, loader, 5, later, sizes);
    read_epoch(context, loader, 4, again, sizes);
    read_epoch(context, other, 4, different, sizes);
    for (int i = 0; i < COUNT; i++)
        seen[first[i]]++;
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(seen[i], 1);
    assert_memory_equal(first, again, sizeof first);
    assert_memory_not_equal(first, later, sizeof first);
    assert_memory_not_equal(first, different, sizeof first);
    rn_loader_destroy(loader);
    rn_loader_destroy(other);
}

/* Over 3000 epochs of 5 photos, each photo stands first about 600 times: within five standard deviations. */
static void every_order_is_as_likely(void **state)
{
    rn_loader *const loader = make_loader(context, make_numbered_photos(5), "CenterCrop(1), ToTensor()",
                                          RN_OPTIONS(rn_loader, .batch_size = 5, .shuffle = 1, .seed = 1));
    int first[5] = { 0 }, last[5] = { 0 };
    const rn_batch *batch;

    (void)state;
    for (uint64_t epoch = 0; epoch < 3000; epoch++) {
        require_ok(context, rn_loader_start(loader, epoch));
        require_ok(context, rn_loader_next(&batch, loader));
        first[rn_batch_sample(batch, 0)]++;
        last[rn_batch_sample(batch, 4)]++;
    }
    for (int i = 0; i < 5; i++) {
        assert_in_range(first[i], 600 - 110, 600 + 110);
        assert_in_range(last[i], 600 - 110, 600 + 110);
    }
    rn_loader_destroy(loader);
}

static const char random_text[] =
    "Resize(6), RandomRotation(45), CenterCrop(5), RandomHorizontalFlip(), "
    "RandomVerticalFlip(), ColorJitter(0.2, 0.1, 0.1, 0.1), RandomGrayscale(), ToTensor(), "
    "Normalize(0.485 0.456 0.406, 0.229 0.224 0.225)";

/* A sum of all bits that come out of two epochs. */
static uint64_t digest(rn_context *own, rn_loader *loader)
{
    uint64_t sum = 0;

    for (uint64_t epoch = 0; epoch < 2; epoch++) {
        const rn_batch *batch;

        require_ok(own, rn_loader_start(loader, epoch));
        while (rn_loader_next(&batch, loader) == RN_OK) {
            const uint8_t *const bytes = rn_tensor_const_data(rn_batch_images(batch));

            for (size_t i = 0; i < rn_batch_size(batch) * 75 * sizeof(float); i++)
                sum = sum * UINT64_C(6364136223846793005) + bytes[i] + 1;
            for (size_t i = 0; i < rn_batch_size(batch); i++)
                sum = sum * UINT64_C(6364136223846793005) + rn_batch_sample(batch, i);
        }
    }
    return sum;
}

static void threads_change_nothing(void **state)
{
    const char *const root = make_numbered_photos(37);
    uint64_t first = 0;

    (void)state;
    for (int32_t threads = 1; threads <= 4; threads++) {
        rn_context *const own = rn_test_context(threads, RN_ISA_AUTO);
        rn_loader *const loader =
            make_loader(own, root, random_text, RN_OPTIONS(rn_loader, .batch_size = 3, .shuffle = 1, .seed = 2));
        const uint64_t found = digest(own, loader);

        if (threads == 1)
            first = found;
        assert_true(found == first);
        rn_loader_destroy(loader);
        rn_context_destroy(own);
    }
}

/* A sample is what rn_pipeline_apply makes of it with the same draw, whatever batch it comes in. */
static void a_sample_is_its_draw(void **state)
{
    rn_dataset *const dataset = open_folder(context, make_numbered_photos(9));
    rn_pipeline *const pipeline = make_pipeline(context, random_text);
    rn_loader *loader;
    const rn_batch *batch;

    (void)state;
    require_ok(context, rn_loader_create(&loader, dataset, pipeline,
                                         RN_OPTIONS(rn_loader, .batch_size = 2, .shuffle = 1, .seed = 8)));
    require_ok(context, rn_loader_start(loader, 6));
    while (rn_loader_next(&batch, loader) == RN_OK)
        for (size_t i = 0; i < rn_batch_size(batch); i++) {
            const rn_draw draw = { 8, 6, rn_batch_sample(batch, i) };
            rn_image *image;
            rn_tensor *tensor;

            require_ok(context, rn_image_read(&image, context, rn_dataset_path(dataset, draw.sample), NULL));
            require_ok(context, rn_pipeline_apply(&tensor, context, pipeline, image, &draw));
            assert_memory_equal(rn_tensor_const_data(tensor),
                                (const float *)rn_tensor_const_data(rn_batch_images(batch)) + i * 75,
                                75 * sizeof(float));
            rn_tensor_destroy(tensor);
            rn_image_destroy(image);
        }
    rn_loader_destroy(loader);
    rn_pipeline_destroy(pipeline);
    rn_dataset_destroy(dataset);
}

static void a_lone_last_sample_may_join_the_batch_before(void **state)
{
    static const size_t expected[][4] = { { 9, 4, 2, 5 }, { 8, 4, 2, 4 },  { 1, 4, 1, 1 },
                                          { 5, 4, 1, 5 }, { 10, 4, 3, 2 }, { 7, 1, 7, 1 } };

    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        rn_loader *const loader =
            make_loader(context, make_numbered_photos((int)expected[i][0]), "CenterCrop(4), ToTensor()",
                        RN_OPTIONS(rn_loader, .batch_size = (int32_t)expected[i][1], .avoid_single = 1));
        size_t samples[16], sizes[16];
        const size_t batches = read_epoch(context, loader, 0, samples, sizes);

        assert_int_equal(batches, expected[i][2]);
        assert_int_equal(rn_loader_batches(loader), batches);
        assert_int_equal(sizes[batches - 1], expected[i][3]);
        for (size_t k = 0; k < expected[i][0]; k++)
            assert_int_equal(samples[k], k);
        rn_loader_destroy(loader);
    }
}

static void batches_can_be_passed_over(void **state)
{
    enum { COUNT = 22, SIZE = 3 };
    rn_loader *const loader = make_loader(context, make_numbered_photos(COUNT), "CenterCrop(4), ToTensor()",
                                          RN_OPTIONS(rn_loader, .batch_size = SIZE, .shuffle = 1, .seed = 1));
    size_t order[COUNT], sizes[COUNT];
    const rn_batch *batch;

    (void)state;
    read_epoch(context, loader, 2, order, sizes);
    for (size_t skip = 0; skip <= 8; skip++)
        for (size_t before = 0; before + skip <= 8; before++) {
            require_ok(context, rn_loader_start(loader, 2));
            for (size_t i = 0; i < before; i++)
                require_ok(context, rn_loader_next(&batch, loader));
            require_ok(context, rn_loader_skip(loader, skip));
            if (before + skip == 8) {
                require_status(context, rn_loader_next(&batch, loader), RN_END);
                continue;
            }
            require_ok(context, rn_loader_next(&batch, loader));
            assert_int_equal(rn_batch_sample(batch, 0), order[(before + skip) * SIZE]);
        }
    require_ok(context, rn_loader_start(loader, 2));
    require_status(context, rn_loader_skip(loader, 9), RN_INVALID_ARGUMENT);
    require_status(context, rn_loader_skip(loader, SIZE_MAX), RN_INVALID_ARGUMENT);
    rn_loader_destroy(loader);
}

static void a_loader_must_be_started(void **state)
{
    rn_loader *const loader = make_loader(context, make_numbered_photos(3), "CenterCrop(4), ToTensor()", NULL);
    const rn_batch *batch;

    (void)state;
    require_status(context, rn_loader_next(&batch, loader), RN_STATE);
    assert_null(batch);
    require_status(context, rn_loader_skip(loader, 1), RN_STATE);
    rn_loader_destroy(loader);
}

static void the_size_may_come_from_the_options(void **state)
{
    rn_dataset *const dataset = open_folder(context, make_numbered_photos(5));
    rn_pipeline *const free_size = make_pipeline(context, "ToTensor()"), *const fixed = make_pipeline(
                                                                             context, "CenterCrop(4), ToTensor()");
    rn_loader *loader;
    const rn_batch *batch;

    (void)state;
    require_status(context, rn_loader_create(&loader, dataset, free_size, NULL), RN_INVALID_ARGUMENT);
    assert_null(loader);
    require_ok(context, rn_loader_create(&loader, dataset, free_size, RN_OPTIONS(rn_loader, .height = 6, .width = 8)));
    require_ok(context, rn_loader_start(loader, 0));
    require_ok(context, rn_loader_next(&batch, loader));
    assert_int_equal(rn_tensor_shape(rn_batch_images(batch))[2], 6);
    assert_int_equal(rn_tensor_shape(rn_batch_images(batch))[3], 8);
    rn_loader_destroy(loader);
    require_ok(context, rn_loader_create(&loader, dataset, free_size, RN_OPTIONS(rn_loader, .height = 6, .width = 7)));
    require_ok(context, rn_loader_start(loader, 0));
    require_status(context, rn_loader_next(&batch, loader), RN_SHAPE);
    assert_non_null(strstr(rn_context_message(context), "photo_000.bmp"));
    rn_loader_destroy(loader);
    require_status(context, rn_loader_create(&loader, dataset, fixed, RN_OPTIONS(rn_loader, .height = 5)), RN_SHAPE);
    require_status(context, rn_loader_create(&loader, dataset, free_size, RN_OPTIONS(rn_loader, .height = 5)),
                   RN_INVALID_ARGUMENT);
    require_status(context,
                   rn_loader_create(&loader, dataset, free_size, RN_OPTIONS(rn_loader, .height = -6, .width = 8)),
                   RN_INVALID_ARGUMENT);
    rn_pipeline_destroy(free_size);
    rn_pipeline_destroy(fixed);
    rn_dataset_destroy(dataset);
}

static void an_option_limits_the_pixels_of_a_photo(void **state)
{
    rn_dataset *const dataset = open_folder(context, make_numbered_photos(2)); /* of 8 x 6 pixels */
    rn_pipeline *const pipeline = make_pipeline(context, "CenterCrop(4), ToTensor()");
    const rn_batch *batch;
    rn_loader *loader;

    (void)state;
    for (int64_t most = 47; most <= 48; most++) {
        require_ok(context, rn_loader_create(&loader, dataset, pipeline, RN_OPTIONS(rn_loader, .max_pixels = most)));
        require_ok(context, rn_loader_start(loader, 0));
        require_status(context, rn_loader_next(&batch, loader), most < 48 ? RN_UNSUPPORTED : RN_OK);
        rn_loader_destroy(loader);
    }
    require_status(context, rn_loader_create(&loader, dataset, pipeline, RN_OPTIONS(rn_loader, .max_pixels = -1)),
                   RN_INVALID_ARGUMENT);
    rn_pipeline_destroy(pipeline);
    rn_dataset_destroy(dataset);
}

static void arguments_are_checked(void **state)
{
    rn_dataset *const dataset = open_folder(context, make_numbered_photos(2));
    rn_pipeline *const pipeline = make_pipeline(context, "CenterCrop(4), ToTensor()");
    rn_loader *loader = (rn_loader *)(void *)context;
    const rn_batch *batch;

    (void)state;
    assert_int_equal(rn_loader_create(NULL, dataset, pipeline, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_loader_create(&loader, NULL, pipeline, NULL), RN_INVALID_ARGUMENT);
    assert_null(loader);
    require_status(context, rn_loader_create(&loader, dataset, NULL, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_loader_create(&loader, dataset, pipeline, RN_OPTIONS(rn_loader, .batch_size = -1)),
                   RN_INVALID_ARGUMENT);
    require_status(context, rn_loader_create(&loader, dataset, pipeline, RN_OPTIONS(rn_loader, .bad_photos = 7)),
                   RN_INVALID_ARGUMENT);
    assert_int_equal(rn_loader_start(NULL, 0), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_loader_skip(NULL, 0), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_loader_next(&batch, NULL), RN_INVALID_ARGUMENT);
    require_ok(context, rn_loader_create(&loader, dataset, pipeline, NULL));
    assert_int_equal(rn_loader_next(NULL, loader), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_loader_batches(NULL), 0);
    assert_int_equal(rn_loader_skipped(NULL), 0);
    assert_null(rn_batch_images(NULL));
    assert_null(rn_batch_labels(NULL));
    assert_int_equal(rn_batch_size(NULL), 0);
    assert_int_equal(rn_batch_sample(NULL, 0), SIZE_MAX);
    rn_loader_destroy(loader);
    rn_loader_destroy(NULL);
    rn_pipeline_destroy(pipeline);
    rn_dataset_destroy(dataset);
}

/* The caller's hooks are not called for a batch: neither from other threads, nor in a steady state at all. */
static void batches_do_not_call_the_hooks(void **state)
{
    rn_test_allocator allocator = { .fail_at = -1 };
    rn_context *own;
    rn_loader *loader;

    (void)state;
    assert_int_equal(rn_context_create(&own, RN_OPTIONS(rn_context, .threads = 2, .allocate = rn_test_allocate,
                                                        .release = rn_test_release, .allocator_payload = &allocator)),
                     RN_OK);
    loader =
        make_loader(own, make_numbered_photos(40), random_text, RN_OPTIONS(rn_loader, .batch_size = 4, .shuffle = 1));
    const long calls = allocator.calls, live = allocator.live;

    digest(own, loader);
    assert_int_equal(allocator.calls, calls);
    assert_int_equal(allocator.live, live);
    rn_loader_destroy(loader);
    rn_context_destroy(own);
    assert_int_equal(allocator.live, 0);
}

/* A few photos in batches of very many: memory for the photos there are. */
static void memory_is_for_what_there_is(void **state)
{
    rn_loader *const loader = make_loader(context, make_numbered_photos(3), "Resize(512, 512), ToTensor()",
                                          RN_OPTIONS(rn_loader, .batch_size = 65536));
    size_t samples[4], sizes[4];

    (void)state;
    assert_int_equal(read_epoch(context, loader, 0, samples, sizes), 1);
    assert_int_equal(sizes[0], 3);
    rn_loader_destroy(loader);
}

typedef struct loading {
    rn_dataset *dataset;
    rn_pipeline *pipeline;
} loading;

static rn_status create_loader(void *payload)
{
    const loading *const job = payload;
    rn_loader *loader;
    const rn_status status = rn_loader_create(&loader, job->dataset, job->pipeline, NULL);

    assert_true((loader == NULL) == (status != RN_OK));
    rn_loader_destroy(loader);
    return status;
}

static void every_failed_allocation_is_survived(void **state)
{
    rn_test_allocator allocator;
    rn_context *const own = rn_test_allocator_context(&allocator, 2);
    rn_dataset *const dataset = open_folder(own, make_numbered_photos(5));
    rn_pipeline *const pipeline = make_pipeline(own, random_text);

    (void)state;
    rn_test_fail_each(&allocator, create_loader, &(loading){ dataset, pipeline }, 10);
    rn_dataset_destroy(dataset);
    rn_pipeline_destroy(pipeline);
    rn_context_destroy(own);
    assert_int_equal(allocator.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_cover_the_dataset_in_order),
        cmocka_unit_test(images_and_labels_belong_to_the_samples),
        cmocka_unit_test(shuffling_permutes_anew_every_epoch),
        cmocka_unit_test(every_order_is_as_likely),
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(a_sample_is_its_draw),
        cmocka_unit_test(a_lone_last_sample_may_join_the_batch_before),
        cmocka_unit_test(batches_can_be_passed_over),
        cmocka_unit_test(a_loader_must_be_started),
        cmocka_unit_test(the_size_may_come_from_the_options),
        cmocka_unit_test(an_option_limits_the_pixels_of_a_photo),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(batches_do_not_call_the_hooks),
        cmocka_unit_test(memory_is_for_what_there_is),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
