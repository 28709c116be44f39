/* SPDX-License-Identifier: MIT */
/* CIFAR's binary version as its page describes it: labels in front of planes R, G, B. */
#include "data/folders.h"

#define RN_TEST_THREADS 2
#include "support/one_context.h"

enum { SIDE = 32, PLANE = SIDE * SIDE, PIXELS = 3 * PLANE };

static uint8_t pixel(size_t record, size_t at)
{
    return (uint8_t)(record * 101 + at * 7 + at / 256);
}

/* `count` records whose label bytes are those of `labels`, `each` of them in front of each. */
static const char *write_records(const char *name, size_t count, size_t each, const uint8_t *labels, long more)
{
    const char *const path = rn_test_path(rn_test_directory(), name);
    FILE *const file = fopen(path, "wb");

    assert_non_null(file);
    for (size_t i = 0; i < count; i++) {
        fwrite(labels + i * each, 1, each, file);
        for (size_t k = 0; k < PIXELS; k++)
            fputc(pixel(i, k), file);
    }
    for (long i = 0; i < more; i++)
        fputc(0, file);
    fclose(file);
    return path;
}

static void require_pixels(rn_dataset *dataset, const size_t *records, size_t count)
{
    rn_pipeline *const pipeline = make_pipeline(context, "ToTensor()");
    rn_loader *loader;
    const rn_batch *batch;

    require_ok(context,
               rn_loader_create(&loader, dataset, pipeline, RN_OPTIONS(rn_loader, .height = SIDE, .width = SIDE)));
    require_ok(context, rn_loader_start(loader, 0));
    require_ok(context, rn_loader_next(&batch, loader));
    assert_int_equal(rn_batch_size(batch), count);
    for (size_t n = 0; n < count; n++)
        for (size_t k = 0; k < PIXELS; k++) {
            const int64_t at[] = { (int64_t)n, (int64_t)(k / PLANE), (int64_t)(k % PLANE / SIDE), (int64_t)(k % SIDE) };
            double value;

            require_ok(context, rn_tensor_get(rn_batch_images(batch), at, &value));
            assert_true(value == (double)(float)(pixel(records[n], k) / 255.0));
        }
    rn_loader_destroy(loader);
    rn_pipeline_destroy(pipeline);
}

static void records_are_read_from_file_after_file(void **state)
{
    static const uint8_t first[] = { 9, 0, 3 }, second[] = { 5, 5 };
    static const size_t records[] = { 0, 1, 2, 0, 1 };
    const char *const paths[] = { write_records("data_batch_1.bin", 3, 1, first, 0),
                                  write_records("data_batch_2.bin", 2, 1, second, 0) };
    rn_dataset *dataset;

    (void)state;
    require_ok(context, rn_cifar_open(&dataset, context, paths, 2, NULL));
    assert_int_equal(rn_dataset_count(dataset), 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(rn_dataset_label(dataset, i), i < 3 ? first[i] : second[i - 3]);
    assert_string_equal(rn_dataset_sample_name(dataset, 4), "data_batch_2.bin[1]");
    assert_int_equal(rn_classes_count(rn_dataset_classes(dataset)), 10);
    assert_string_equal(rn_classes_folder(rn_dataset_classes(dataset), 9), "truck");
    require_pixels(dataset, records, 5);
    rn_dataset_destroy(dataset);
}

static void cifar_100_has_two_labels(void **state)
{
    static const uint8_t labels[] = { 19, 99, 4, 72 };
    static const size_t records[] = { 0, 1 };
    const char *const paths[] = { write_records("train.bin", 2, 2, labels, 0) };
    rn_dataset *dataset;

    (void)state;
    require_ok(context, rn_cifar_open(&dataset, context, paths, 1, RN_OPTIONS(rn_cifar, .kind = RN_CIFAR_100)));
    assert_int_equal(rn_dataset_label(dataset, 0), 99);
    assert_int_equal(rn_dataset_label(dataset, 1), 72);
    assert_int_equal(rn_classes_count(rn_dataset_classes(dataset)), 100);
    require_pixels(dataset, records, 2);
    rn_dataset_destroy(dataset);
    require_ok(context, rn_cifar_open(&dataset, context, paths, 1, RN_OPTIONS(rn_cifar, .kind = RN_CIFAR_100_COARSE)));
    assert_int_equal(rn_dataset_label(dataset, 0), 19);
    assert_int_equal(rn_dataset_label(dataset, 1), 4);
    require_pixels(dataset, records, 2);
    rn_dataset_destroy(dataset);
}

static void require_refusal(const char *path, const rn_cifar_options *options, rn_status status, const char *said)
{
    rn_dataset *dataset = (rn_dataset *)(void *)context;

    require_status(context, rn_cifar_open(&dataset, context, &path, 1, options), status);
    assert_null(dataset);
    if (strstr(rn_context_message(context), said) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", rn_context_message(context), said);
}

static void other_files_are_refused_with_their_numbers(void **state)
{
    static const uint8_t labels[] = { 1, 10 };
    const char *const path = write_records("x.bin", 2, 1, labels, 0), *const none = NULL;
    rn_dataset *dataset = (rn_dataset *)(void *)context;

    (void)state;
    require_refusal(path, NULL, RN_SHAPE, "picture 1 has the label 10: there are 10 classes");
    require_refusal(path, RN_OPTIONS(rn_cifar, .kind = RN_CIFAR_100), RN_FORMAT,
                    "6146 bytes are no records of 3074 bytes, as the binary version of CIFAR-100");
    require_refusal(write_records("x.bin", 1, 1, labels, 1), NULL, RN_FORMAT, "3074 bytes are no records of 3073");
    require_refusal(write_records("x.bin", 0, 1, labels, 0), NULL, RN_FORMAT, "0 bytes");
    require_refusal("/absent.bin", NULL, RN_IO, "/absent.bin");
    require_refusal(NULL, NULL, RN_INVALID_ARGUMENT, "");
    require_refusal(path, RN_OPTIONS(rn_cifar, .kind = 3), RN_INVALID_ARGUMENT, "3");
    require_refusal(path, RN_OPTIONS(rn_cifar, .reserved = 1), RN_INVALID_ARGUMENT, "reserved");
    require_status(context, rn_cifar_open(&dataset, context, NULL, 1, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_cifar_open(&dataset, context, &none, 0, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_cifar_open(NULL, context, &path, 1, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_cifar_open(&dataset, NULL, &path, 1, NULL), RN_INVALID_ARGUMENT);
}

typedef struct opening {
    rn_context *context;
    const char *paths[2];
} opening;

static rn_status open_two(void *payload)
{
    const opening *const job = payload;
    rn_dataset *dataset;
    const rn_status status = rn_cifar_open(&dataset, job->context, job->paths, 2, NULL);

    assert_true((dataset == NULL) == (status != RN_OK));
    rn_dataset_destroy(dataset);
    return status;
}

static void every_failed_allocation_is_survived(void **state)
{
    static const uint8_t labels[] = { 1, 0 };
    rn_test_allocator allocator;
    opening job = { rn_test_allocator_context(&allocator, 1),
                    { write_records("a.bin", 2, 1, labels, 0), write_records("b.bin", 1, 1, labels, 0) } };

    (void)state;
    rn_test_fail_each(&allocator, open_two, &job, 16);
    rn_context_destroy(job.context);
    assert_int_equal(allocator.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_read_from_file_after_file),
        cmocka_unit_test(cifar_100_has_two_labels),
        cmocka_unit_test(other_files_are_refused_with_their_numbers),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
