/* SPDX-License-Identifier: MIT */
/* Prepared photos that are kept: no bit differs, nothing is decoded twice, and a file of them is never believed. */
#define _POSIX_C_SOURCE 200809L
#include "data/folders.h"
#include "data/dataset.h"
#include "data/photo_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { COUNT = 13, SIDE = 4, FLOATS = SIDE * SIDE * 3, EPOCHS = 3, HEAD = 24 };

/* Photos of 8 x 6 pixels of which Resize makes 5 x 4. */
static const char usual[] = "Resize(4), RandomRotation(20), CenterCrop(4), RandomHorizontalFlip(), ToTensor()";
enum { USUAL_BYTES = 5 * 4 * 3 + sizeof(rn_photo_record) };

typedef struct spoken {
    int warnings, notes;
    char last[512];
} spoken;

static void note(rn_log_level level, const char *line, void *payload)
{
    spoken *const s = payload;

    s->warnings += level == RN_LOG_WARNING;
    s->notes += level == RN_LOG_INFO;
    snprintf(s->last, sizeof s->last, "%s", line);
}

static rn_context *make_own(int32_t threads, spoken *heard)
{
    rn_context *own;

    memset(heard, 0, sizeof *heard);
    require_ok(NULL,
               rn_context_create(&own, RN_OPTIONS(rn_context, .threads = threads, .log = note, .log_payload = heard)));
    return own;
}

static rn_status try_loader(rn_loader **loader, rn_context *own, const char *root, const char *text,
                            rn_loader_options options)
{
    rn_dataset *const dataset = open_folder(own, root);
    rn_pipeline *const pipeline = make_pipeline(own, text);
    rn_status status;

    options.struct_size = sizeof options;
    options.seed = 3;
    options.batch_size = 4;
    status = rn_loader_create(loader, dataset, pipeline, &options);
    rn_dataset_destroy(dataset);
    rn_pipeline_destroy(pipeline);
    return status;
}

/* All floats of an epoch. */
static void read_epoch(float *floats, rn_context *own, rn_loader *loader, uint64_t epoch)
{
    const rn_batch *batch;
    size_t at = 0;

    require_ok(own, rn_loader_start(loader, epoch));
    for (size_t left = rn_loader_batches(loader); left > 0; left--) {
        require_ok(own, rn_loader_next(&batch, loader));
        assert_true(at + rn_batch_size(batch) <= COUNT);
        memcpy(floats + at * FLOATS, rn_tensor_const_data(rn_batch_images(batch)),
               rn_batch_size(batch) * FLOATS * sizeof *floats);
        at += rn_batch_size(batch);
    }
    assert_int_equal(at, COUNT);
}

typedef float epochs[EPOCHS][COUNT * FLOATS];

static void read_all(epochs floats, const char *root, const char *text, rn_loader_options options, int32_t threads,
                     spoken *heard)
{
    rn_context *const own = make_own(threads, heard);
    rn_loader *loader;

    require_ok(own, try_loader(&loader, own, root, text, options));
    for (uint64_t i = 0; i < EPOCHS; i++)
        read_epoch(floats[i], own, loader, i);
    rn_loader_destroy(loader);
    rn_context_destroy(own);
}

static epochs expected, given;

static void require_same(const char *root, const char *text, rn_loader_options options, int32_t threads, spoken *heard)
{
    memset(given, 0, sizeof given);
    read_all(given, root, text, options, threads, heard);
    assert_memory_equal(given, expected, sizeof given);
}

static const char *fresh_file(void)
{
    static int number;
    char name[32];

    snprintf(name, sizeof name, "cache%d", number++);
    return rn_test_path(rn_test_directory(), name);
}

/* ---- the same bits ----------------------------------------------------------------------------------------------- */

static void keeping_changes_no_bit(void **state)
{
    static const char *const texts[] = {
        usual,
        "RandomResizedCrop(4), RandomHorizontalFlip(), ToTensor(), Normalize(0.5 0.5 0.5, 0.2 0.2 0.2)",
        "Resize(5), CenterCrop(4), ToTensor(), RandomErasing(0.9)",
        "Grayscale(), GaussianBlur(3, sigma 1 1), RandomCrop(4), ColorJitter(0.4, 0.4, 0.4, 0.1), ToTensor()",
        "Pad(1), RandomVerticalFlip(), Resize(4, 4), ToTensor()",
    };
    const char *const root = make_numbered_photos(COUNT);
    spoken heard;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (int32_t balanced = 0; balanced < 2; balanced++) {
            const char *const path = fresh_file();

            read_all(expected, root, texts[i], (rn_loader_options){ .shuffle = 1, .balanced = balanced }, 1, &heard);
            for (int32_t threads = 1; threads <= 3; threads++)
                for (size_t size = 1; size < 4096; size *= 4) {
                    const rn_loader_options in_memory = { .shuffle = 1, .balanced = balanced, .cache_size = size };
                    rn_loader_options in_file = in_memory;

                    in_file.cache_file = path;
                    require_same(root, texts[i], in_memory, threads, &heard);
                    require_same(root, texts[i], in_file, threads, &heard);
                    assert_int_equal(heard.warnings, 0);
                }
        }
}

static void photos_are_decoded_once(void **state)
{
    spoken heard;
    rn_context *const own = make_own(2, &heard);

    (void)state;
    for (int in_file = 0; in_file < 2; in_file++) {
        const char *const root = make_numbered_photos(COUNT);
        const rn_batch *batch;
        rn_loader *loader, *few;

        read_all(expected, root, usual, (rn_loader_options){ .shuffle = 1 }, 1, &heard);
        require_ok(own,
                   try_loader(&loader, own, root, usual,
                              (rn_loader_options){
                                  .shuffle = 1, .cache_size = 1 << 20, .cache_file = in_file ? fresh_file() : NULL }));
        require_ok(own, try_loader(&few, own, root, usual,
                                   (rn_loader_options){ .shuffle = 1,
                                                        .cache_size = COUNT * USUAL_BYTES - 1,
                                                        .bad_photos = RN_BAD_PHOTO_IS_SKIPPED }));
        read_epoch(given[0], own, loader, 0);
        read_epoch(given[0], own, few, 0);
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(remove(rn_dataset_path(rn_loader_dataset(loader), (size_t)i)), 0);
        for (uint64_t i = 0; i < EPOCHS; i++)
            read_epoch(given[i], own, loader, i);
        assert_memory_equal(given, expected, sizeof given);
        require_ok(own, rn_loader_start(few, 1)); /* room for one photo less than there are */
        while (rn_loader_next(&batch, few) == RN_OK)
            continue;
        assert_int_equal(rn_loader_skipped(few), 1);
        rn_loader_destroy(loader);
        rn_loader_destroy(few);
    }
    rn_context_destroy(own);
}

/* ---- a file, and another run ------------------------------------------------------------------------------------- */

/* Other bytes under a photo's name, size and time. */
static void exchange_in_secret(const char *path)
{
    struct stat info;
    const int handle = open(path, O_RDWR);
    struct timespec times[2];

    assert_true(handle >= 0 && fstat(handle, &info) == 0);
    assert_int_equal(pwrite(handle, "no picture", 10, 0), 10);
    times[0] = info.st_atim;
    times[1] = info.st_mtim;
    assert_int_equal(futimens(handle, times), 0);
    close(handle);
}

static void another_run_decodes_nothing(void **state)
{
    const char *const root = make_numbered_photos(COUNT), *const path = fresh_file();
    const rn_loader_options options = { .shuffle = 1, .cache_file = path };
    spoken heard;
    rn_context *const own = make_own(1, &heard);
    rn_dataset *const dataset = open_folder(own, root);

    (void)state;
    read_all(expected, root, usual, options, 2, &heard);
    for (size_t i = 0; i < COUNT; i++)
        exchange_in_secret(rn_dataset_path(dataset, i));
    require_same(root, usual, options, 2, &heard);
    assert_int_equal(heard.warnings + heard.notes, 0);
    rn_dataset_destroy(dataset);
    rn_context_destroy(own);
}

static void what_has_changed_is_decoded_again(void **state)
{
    const char *const root = make_numbered_photos(COUNT), *const path = fresh_file();
    const rn_loader_options options = { .cache_file = path };
    spoken heard;
    rn_context *const own = make_own(1, &heard);
    rn_dataset *const dataset = open_folder(own, root);
    const char *const changed = rn_dataset_path(dataset, 5);

    (void)state;
    read_all(expected, root, usual, options, 1, &heard);
    write_photo(root, changed + strlen(root) + 1, 8, 6, 200);
    read_all(expected, root, usual, (rn_loader_options){ 0 }, 1, &heard);
    assert_memory_not_equal(given, expected, sizeof given);
    require_same(root, usual, options, 1, &heard);
    require_same(root, usual, options, 1, &heard);
    assert_int_equal(heard.warnings + heard.notes, 0); /* one record too many is no reason to begin anew */
    rn_dataset_destroy(dataset);
    rn_context_destroy(own);
}

/* Other steps in front of the first that draws, another folder: nothing of it is of use. Other steps behind: all is. */
static void a_file_of_something_else_is_begun_anew(void **state)
{
    static const char wider[] = "Resize(5), RandomRotation(20), CenterCrop(4), ToTensor()",
                      behind[] = "Resize(5), RandomHorizontalFlip(), CenterCrop(4), ToTensor()";
    const char *const root = make_numbered_photos(COUNT), *const other = make_numbered_photos(COUNT);
    const rn_loader_options options = { .cache_file = fresh_file() };
    struct stat before, after;
    spoken heard;

    (void)state;
    read_all(given, root, usual, options, 1, &heard);
    read_all(expected, root, wider, (rn_loader_options){ 0 }, 1, &heard);
    require_same(root, wider, options, 1, &heard);
    assert_int_equal(heard.notes, 1);
    assert_non_null(strstr(heard.last, "another way"));
    read_all(expected, root, behind, (rn_loader_options){ 0 }, 1, &heard);
    assert_int_equal(stat(options.cache_file, &before), 0);
    require_same(root, behind, options, 1, &heard);
    assert_int_equal(stat(options.cache_file, &after), 0);
    assert_int_equal(heard.notes + heard.warnings, 0);
    assert_int_equal(before.st_size, after.st_size);
    read_all(expected, other, behind, (rn_loader_options){ 0 }, 1, &heard);
    require_same(other, behind, options, 1, &heard);
    assert_int_equal(heard.notes, 1);
    assert_int_equal(stat(options.cache_file, &after), 0);
    assert_int_equal(before.st_size, after.st_size);
}

/* ---- nothing is believed ----------------------------------------------------------------------------------------- */

static size_t read_bytes(uint8_t *bytes, size_t size, const char *path)
{
    FILE *const file = fopen(path, "rb");
    size_t count;

    assert_non_null(file);
    count = fread(bytes, 1, size, file);
    fclose(file);
    return count;
}

static void write_bytes(const char *path, const void *bytes, size_t count)
{
    FILE *const file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    fclose(file);
}

static uint8_t whole[1 << 16], broken[1 << 16];

static void damage_is_said_and_mended(void **state)
{
    const char *const root = make_numbered_photos(COUNT), *const path = fresh_file();
    const rn_loader_options options = { .cache_file = path };
    spoken heard;
    size_t count;

    (void)state;
    read_all(expected, root, usual, options, 1, &heard);
    count = read_bytes(whole, sizeof whole, path);
    assert_int_equal(count, HEAD + COUNT * USUAL_BYTES);
    for (size_t at = 16; at < count; at += 7) {
        memcpy(broken, whole, count);
        broken[at] ^= 0x10;
        write_bytes(path, broken, count);
        require_same(root, usual, options, 2, &heard);
        assert_int_equal(heard.warnings + heard.notes, 1);
        assert_non_null(strstr(heard.last, path));
        require_same(root, usual, options, 2, &heard);
        assert_int_equal(heard.warnings + heard.notes, 0);
    }
}

static void a_file_cut_short_goes_on(void **state)
{
    const char *const root = make_numbered_photos(COUNT), *const path = fresh_file();
    const rn_loader_options options = { .cache_file = path };
    spoken heard;
    size_t count;

    (void)state;
    read_all(expected, root, usual, options, 1, &heard);
    count = read_bytes(whole, sizeof whole, path);
    for (size_t length = HEAD + 1; length < count; length += 11) {
        write_bytes(path, whole, length);
        require_same(root, usual, options, 1, &heard);
        assert_int_equal(heard.warnings, (length - HEAD) % USUAL_BYTES != 0);
        assert_int_equal(read_bytes(broken, sizeof broken, path), count);
    }
}

/* Records whose checksums are right and whose sizes are not. */
static void hostile_sizes_are_no_records(void **state)
{
    static const int32_t sizes[][2] = {
        { INT32_MAX, INT32_MAX }, { -1, 5 }, { 5, -1 }, { 0, 0 }, { 1 << 30, 1 }, { 1 << 16, 1 << 16 },
        { INT32_MIN, INT32_MIN }, { 6, 4 }
    };
    const char *const root = make_numbered_photos(COUNT), *const path = fresh_file();
    const rn_loader_options options = { .cache_file = path };
    spoken heard;
    size_t count;

    (void)state;
    read_all(expected, root, usual, options, 1, &heard);
    count = read_bytes(whole, sizeof whole, path);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        rn_photo_record record;

        memcpy(&record, whole + HEAD, sizeof record);
        record.width = sizes[i][0];
        record.height = sizes[i][1];
        record.check = (uint32_t)crc32(0, (const Bytef *)&record, offsetof(rn_photo_record, check));
        memcpy(broken, whole, count);
        memcpy(broken + HEAD, &record, sizeof record);
        write_bytes(path, broken, count);
        require_same(root, usual, options, 1, &heard);
        assert_true(heard.warnings > 0);
    }
}

static void what_is_no_such_file_is_left_alone(void **state)
{
    const char *const root = make_numbered_photos(COUNT), *const path = fresh_file(), *const pipe = fresh_file();
    const char *const paths[] = { path, rn_test_directory(), rn_test_path(rn_test_directory(), "missing/cache"), pipe };
    const rn_status statuses[] = { RN_FORMAT, RN_IO, RN_IO, RN_IO };
    spoken heard;
    rn_context *const own = make_own(1, &heard);

    (void)state;
    write_bytes(path, "a letter to my grandmother", 26);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        rn_loader *loader;

        require_status(own, try_loader(&loader, own, root, usual, (rn_loader_options){ .cache_file = paths[i] }),
                       statuses[i]);
        assert_null(loader);
        assert_non_null(strstr(rn_context_message(own), paths[i]));
    }
    assert_int_equal(read_bytes(whole, sizeof whole, path), 26);
    assert_memory_equal(whole, "a letter to my grandmother", 26);
    rn_context_destroy(own);
}

static void one_loader_at_a_time_has_the_file(void **state)
{
    const char *const root = make_numbered_photos(COUNT);
    const rn_loader_options options = { .cache_file = fresh_file() };
    spoken heard, other;
    rn_context *const own = make_own(1, &heard);
    rn_loader *loader;

    (void)state;
    read_all(expected, root, usual, (rn_loader_options){ 0 }, 1, &other);
    require_ok(own, try_loader(&loader, own, root, usual, options));
    require_same(root, usual, options, 1, &other);
    assert_int_equal(other.warnings, 1);
    assert_non_null(strstr(other.last, "in use"));
    for (uint64_t i = 0; i < EPOCHS; i++)
        read_epoch(given[i], own, loader, i);
    assert_memory_equal(given, expected, sizeof given);
    assert_int_equal(heard.warnings, 0);
    rn_loader_destroy(loader);
    rn_context_destroy(own);
}

/* ---- samples of one's own, and no memory ------------------------------------------------------------------------- */

static rn_status give(rn_sample *sample, size_t index, void *payload)
{
    uint8_t pixels[8 * 6 * 3];

    ++*(int *)payload;
    memset(pixels, (int)index * 10, sizeof pixels);
    return rn_sample_give_pixels(sample, 8, 6, pixels, 0);
}

static void samples_without_files_are_kept_in_memory_only(void **state)
{
    static const char *const name[] = { "one" };
    static const int64_t labels[COUNT] = { 0 };
    spoken heard;
    rn_context *const own = make_own(1, &heard);
    rn_pipeline *const pipeline = make_pipeline(own, usual);
    rn_classes *classes;
    rn_dataset *dataset;
    rn_loader *loader;
    int calls = 0;

    (void)state;
    require_ok(own, rn_classes_create(&classes, own, name, name, 1));
    require_ok(own, rn_dataset_create(&dataset, own,
                                      RN_OPTIONS(rn_dataset, .classes = classes, .count = COUNT, .labels = labels,
                                                 .read = give, .payload = &calls)));
    require_status(own, rn_loader_create(&loader, dataset, pipeline, RN_OPTIONS(rn_loader, .cache_file = fresh_file())),
                   RN_UNSUPPORTED);
    require_ok(own, rn_loader_create(&loader, dataset, pipeline, RN_OPTIONS(rn_loader, .cache_size = 1 << 20)));
    read_epoch(given[0], own, loader, 0);
    read_epoch(given[1], own, loader, 1);
    assert_int_equal(calls, COUNT);
    rn_loader_destroy(loader);
    rn_dataset_destroy(dataset);
    rn_classes_destroy(classes);
    rn_pipeline_destroy(pipeline);
    rn_context_destroy(own);
}

typedef struct making {
    rn_dataset *dataset;
    rn_pipeline *pipeline;
    const char *path;
} making;

static rn_status make(void *payload)
{
    const making *const m = payload;
    rn_loader *loader;
    const rn_status status = rn_loader_create(&loader, m->dataset, m->pipeline,
                                              RN_OPTIONS(rn_loader, .cache_size = 1000, .cache_file = m->path));

    rn_loader_destroy(loader);
    return status;
}

static void no_memory(void **state)
{
    const char *const root = make_numbered_photos(COUNT), *const paths[] = { NULL, fresh_file() };
    rn_test_allocator allocator = { 0 };
    rn_context *const own = rn_test_allocator_context(&allocator, 1);
    making m = { open_folder(own, root), make_pipeline(own, usual), NULL };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        m.path = paths[i];
        rn_test_fail_each(&allocator, make, &m, 5);
    }
    rn_dataset_destroy(m.dataset);
    rn_pipeline_destroy(m.pipeline);
    rn_context_destroy(own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeping_changes_no_bit),
        cmocka_unit_test(photos_are_decoded_once),
        cmocka_unit_test(another_run_decodes_nothing),
        cmocka_unit_test(what_has_changed_is_decoded_again),
        cmocka_unit_test(a_file_of_something_else_is_begun_anew),
        cmocka_unit_test(damage_is_said_and_mended),
        cmocka_unit_test(a_file_cut_short_goes_on),
        cmocka_unit_test(hostile_sizes_are_no_records),
        cmocka_unit_test(what_is_no_such_file_is_left_alone),
        cmocka_unit_test(one_loader_at_a_time_has_the_file),
        cmocka_unit_test(samples_without_files_are_kept_in_memory_only),
        cmocka_unit_test(no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
