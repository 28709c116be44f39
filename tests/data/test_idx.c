/* SPDX-License-Identifier: MIT */
/* IDX as torchvision reads it, packed or not, and headers that claim what is not there. */
#include "base/file.h"
#include "base/json.h"
#include "data/folders.h"

#define RN_TEST_THREADS 2
#include "support/one_context.h"

#include <zlib.h>

enum { COUNT = 7, HEIGHT = 4, WIDTH = 3 };

static rn_json *read_expected(void)
{
    const rn_allocator allocator = rn_default_allocator();
    rn_json *expected;
    void *bytes;
    size_t nbytes;

    assert_int_equal(
        rn_file_read(&bytes, &nbytes, &allocator, rn_test_fixture("data/fixtures/idx.json"), 1 << 20, NULL), RN_OK);
    assert_int_equal(rn_json_parse(&expected, bytes, nbytes, NULL), RN_OK);
    rn_release(&allocator, bytes);
    return expected;
}

static void require_picture(const rn_batch *batch, size_t index, const rn_json *expected)
{
    const rn_json *pixel = rn_json_first(expected);

    for (int64_t i = 0; i < HEIGHT * WIDTH; i++, pixel = rn_json_next(pixel))
        for (int64_t c = 0; c < 3; c++) {
            double wanted, is;

            assert_true(rn_json_number(&wanted, pixel));
            require_ok(context, rn_tensor_get(rn_batch_images(batch),
                                              (int64_t[]){ (int64_t)index, c, i / WIDTH, i % WIDTH }, &is));
            assert_true(is == (double)(float)(wanted / 255));
        }
    assert_null(pixel);
}

static void require_what_torchvision_reads(const char *images, const char *labels)
{
    rn_json *const expected = read_expected();
    const rn_json *picture = rn_json_first(rn_json_member(expected, "images")),
                  *label = rn_json_first(rn_json_member(expected, "labels"));
    rn_pipeline *const pipeline = make_pipeline(context, "ToTensor()");
    rn_dataset *dataset;
    rn_loader *loader;
    const rn_batch *batch;

    require_ok(context, rn_idx_open(&dataset, context, rn_test_fixture(images), rn_test_fixture(labels), NULL));
    assert_int_equal(rn_dataset_count(dataset), COUNT);
    assert_int_equal(rn_classes_count(rn_dataset_classes(dataset)), 4);
    assert_string_equal(rn_classes_folder(rn_dataset_classes(dataset), 3), "3");
    assert_non_null(strstr(rn_dataset_sample_name(dataset, 5), "[5]"));
    assert_ptr_equal(strstr(rn_dataset_sample_name(dataset, 5), "images.idx"), rn_dataset_sample_name(dataset, 5));
    assert_null(rn_dataset_path(dataset, 5));
    require_ok(context,
               rn_loader_create(&loader, dataset, pipeline, RN_OPTIONS(rn_loader, .height = HEIGHT, .width = WIDTH)));
    require_ok(context, rn_loader_start(loader, 0));
    require_ok(context, rn_loader_next(&batch, loader));
    for (size_t i = 0; i < COUNT; i++, picture = rn_json_next(picture), label = rn_json_next(label)) {
        double wanted;

        assert_true(rn_json_number(&wanted, label));
        assert_true(rn_dataset_label(dataset, i) == (int64_t)wanted);
        require_picture(batch, i, picture);
    }
    assert_null(picture);
    rn_loader_destroy(loader);
    rn_dataset_destroy(dataset);
    rn_pipeline_destroy(pipeline);
    rn_json_destroy(expected);
}

static void torchvision_reads_the_same(void **state)
{
    (void)state;
    require_what_torchvision_reads("data/fixtures/images.idx", "data/fixtures/labels.idx");
    require_what_torchvision_reads("data/fixtures/images.idx.gz", "data/fixtures/labels.idx");
    require_what_torchvision_reads("data/fixtures/images.idx.gz", "data/fixtures/labels.idx.gz");
}

/* ---- hostile files ----------------------------------------------------------------------------------------------- */

static const char *write_bytes(const void *bytes, size_t nbytes)
{
    const char *const path = rn_test_path(rn_test_directory(), "file.idx");
    FILE *const file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, nbytes, file), nbytes);
    fclose(file);
    return path;
}

static void require_refusal(const char *images, const char *labels, rn_status status, const char *said)
{
    rn_dataset *dataset = (rn_dataset *)(void *)context;

    require_status(context, rn_idx_open(&dataset, context, images, labels, NULL), status);
    assert_null(dataset);
    if (strstr(rn_context_message(context), said) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", rn_context_message(context), said);
}

typedef struct hostile {
    uint8_t bytes[20];
    size_t nbytes;
    const char *said;
} hostile;

static const hostile cases[] = {
    { { 0 }, 0, "not a file of the format IDX" },
    { { 0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1 }, 12, "cut short in its header" },
    { { 'P', 'K', 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9 }, 17, "not a file of the format IDX" },
    { { 0, 0, 8, 1, 0, 0, 0, 12, 1, 2, 3, 4, 5, 6, 7, 8, 9, 8, 7, 6 },
      20,
      "IDX of type 0x08 with 1 dimensions; pictures are of type 0x08 with 3" },
    { { 0, 0, 13, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9 }, 17, "IDX of type 0x0d" },
    { { 0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 9 }, 17, "claims 18 bytes and has 17" },
    { { 0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 9, 9 }, 18, "claims 17 bytes and has 18" },
    { { 0, 0, 8, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 9 }, 17, "claims 0 x 1 x 1 bytes" },
    { { 0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255 },
      16,
      "claims 4294967295 x 4294967295 x 4294967295 bytes" },
    { { 0, 0, 8, 3, 128, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1 }, 16, "claims 2147483648 x 2 x 1 bytes" },
};

static const char *write_packed(const void *bytes, size_t nbytes)
{
    const char *const path = rn_test_path(rn_test_directory(), "file.idx.gz");
    const gzFile file = gzopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(gzwrite(file, bytes, (unsigned)nbytes), nbytes);
    assert_int_equal(gzclose(file), Z_OK);
    return path;
}

static void hostile_headers_are_refused_with_their_numbers(void **state)
{
    const char *const labels = rn_test_fixture("data/fixtures/labels.idx"), *const images = rn_test_fixture(
                                                                                "data/fixtures/images.idx");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        require_refusal(write_bytes(cases[i].bytes, cases[i].nbytes), labels, RN_FORMAT, cases[i].said);
    require_refusal(labels, images, RN_FORMAT, "pictures are of type 0x08 with 3");
    require_refusal(images, images, RN_FORMAT, "labels are of type 0x08 with 1");
    require_refusal(images, write_bytes("\0\0\x08\x01\0\0\0\x02\1\2", 10), RN_SHAPE, "7 pictures");
    require_refusal("/absent.idx", labels, RN_IO, "/absent.idx");
    require_refusal(images, "/absent.idx", RN_IO, "/absent.idx");
}

/* In gzip's wrapping the header decides what is unpacked, and all that is packed must be it. */
static void hostile_packed_files_are_refused(void **state)
{
    static const uint8_t honest[] = { 0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 7, 8 };
    static const uint8_t bomb[] = { 0, 0, 8, 3, 0, 0, 16, 0, 0, 0, 16, 0, 0, 0, 0, 64, 7, 8 };
    const char *const labels = rn_test_fixture("data/fixtures/labels.idx");
    char packed[256];
    FILE *file;
    size_t nbytes;

    (void)state;
    require_refusal(write_packed(honest, 17), labels, RN_FORMAT, "packed by gzip, and damaged");
    require_refusal(write_packed(honest, 18), labels, RN_SHAPE, "1 pictures");
    require_refusal(write_packed("\0\0\x08\x03\0\0\0\1\0\0\0\1\0\0\0\1\7\7", 18), labels, RN_FORMAT,
                    "not of the length that it claims");
    require_refusal(write_packed(bomb, sizeof bomb), labels, RN_FORMAT, "claims 1073741840 bytes, more than its");
    for (size_t i = 1; i < sizeof cases / sizeof *cases; i++)
        require_refusal(write_packed(cases[i].bytes, cases[i].nbytes), labels, RN_FORMAT, "file.idx.gz: ");
    file = fopen(write_packed(honest, 18), "rb");
    nbytes = fread(packed, 1, sizeof packed, file);
    fclose(file);
    for (size_t i = 2; i < nbytes; i++) /* cut short at every place */
        require_refusal(write_bytes(packed, i), labels, RN_FORMAT, "file.idx: packed by gzip");
    packed[nbytes - 5] ^= 1; /* the checksum */
    require_refusal(write_bytes(packed, nbytes), labels, RN_FORMAT, "packed by gzip, and damaged");
}

static void arguments_are_checked(void **state)
{
    static const char *const three[] = { "a", "b", "c" }, *const five[] = { "a", "b", "c", "d", "e" };
    const char *const labels = rn_test_fixture("data/fixtures/labels.idx"), *const images = rn_test_fixture(
                                                                                "data/fixtures/images.idx");
    rn_dataset *dataset = (rn_dataset *)(void *)context;
    rn_classes *classes;

    (void)state;
    assert_int_equal(rn_idx_open(NULL, context, images, labels, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_idx_open(&dataset, NULL, images, labels, NULL), RN_INVALID_ARGUMENT);
    assert_null(dataset);
    require_status(context, rn_idx_open(&dataset, context, NULL, labels, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_idx_open(&dataset, context, images, NULL, NULL), RN_INVALID_ARGUMENT);
    require_ok(context, rn_classes_create(&classes, context, five, NULL, 5));
    require_ok(context, rn_idx_open(&dataset, context, images, labels, RN_OPTIONS(rn_idx, .classes = classes)));
    assert_int_equal(rn_classes_count(rn_dataset_classes(dataset)), 5);
    rn_dataset_destroy(dataset);
    rn_classes_destroy(classes);
    require_ok(context, rn_classes_create(&classes, context, three, NULL, 3));
    require_status(context, rn_idx_open(&dataset, context, images, labels, RN_OPTIONS(rn_idx, .classes = classes)),
                   RN_SHAPE);
    assert_non_null(strstr(rn_context_message(context), "has the label 3: there are 3 classes"));
    rn_classes_destroy(classes);
}

static rn_status open_packed(void *payload)
{
    rn_dataset *dataset;
    const rn_status status = rn_idx_open(&dataset, payload, rn_test_fixture("data/fixtures/images.idx.gz"),
                                         rn_test_fixture("data/fixtures/labels.idx.gz"), NULL);

    assert_true((dataset == NULL) == (status != RN_OK));
    rn_dataset_destroy(dataset);
    return status;
}

static void every_failed_allocation_is_survived(void **state)
{
    rn_test_allocator allocator;
    rn_context *const own = rn_test_allocator_context(&allocator, 1);

    (void)state;
    rn_test_fail_each(&allocator, open_packed, own, 20);
    rn_context_destroy(own);
    assert_int_equal(allocator.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(torchvision_reads_the_same),
        cmocka_unit_test(hostile_headers_are_refused_with_their_numbers),
        cmocka_unit_test(hostile_packed_files_are_refused),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
