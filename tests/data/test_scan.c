/* SPDX-License-Identifier: MIT */
/* Scans find what an epoch would stumble over, whatever lies under a photo's name, and never wait for a pipe. */
#define _GNU_SOURCE
#include "data/folders.h"

#define RN_TEST_THREADS 2
#include "support/one_context.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static rn_scan *scan_all(rn_dataset *dataset, const rn_scan_options *options)
{
    rn_scan *scan;

    require_ok(context, rn_dataset_scan(&scan, dataset, options));
    return scan;
}

/* The failure of the photo whose path ends so; SIZE_MAX: none. */
static size_t find_failure(const rn_scan *scan, const rn_dataset *dataset, const char *name)
{
    for (size_t i = 0; i < rn_scan_count(scan); i++) {
        const char *const path = rn_dataset_path(dataset, rn_scan_sample(scan, i));

        if (strcmp(path + strlen(path) - strlen(name), name) == 0)
            return i;
    }
    return SIZE_MAX;
}

static void require_failure(const rn_scan *scan, const rn_dataset *dataset, const char *name, rn_status status,
                            const char *said)
{
    const size_t i = find_failure(scan, dataset, name);

    if (i == SIZE_MAX)
        fail_msg("%s is not in the report", name);
    assert_int_equal(rn_scan_status(scan, i), status);
    assert_non_null(strstr(rn_scan_message(scan, i), name));
    if (strstr(rn_scan_message(scan, i), said) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", rn_scan_message(scan, i), said);
}

static void bad_photos_are_found_and_left_out(void **state)
{
    enum { COUNT = 300 }; /* more than a group of two threads */
    static const size_t bad[] = { 0, 63, 64, 127, 128, 129, 299 };
    const char *const root = make_numbered_photos(COUNT);
    rn_dataset *const dataset = open_folder(context, root);
    rn_dataset *good;
    rn_scan *scan;
    size_t next = 0;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        write_text(root, rn_dataset_path(dataset, bad[i]) + strlen(root) + 1, "BM, it says");
    scan = scan_all(dataset, NULL);
    assert_int_equal(rn_scan_count(scan), sizeof bad / sizeof *bad);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(rn_scan_sample(scan, i), bad[i]);
        assert_int_equal(rn_scan_status(scan, i), RN_FORMAT);
        assert_non_null(strstr(rn_scan_message(scan, i), rn_dataset_path(dataset, bad[i])));
    }
    require_ok(context, rn_scan_good(&good, scan));
    assert_int_equal(rn_dataset_count(good), COUNT - sizeof bad / sizeof *bad);
    for (size_t i = 0; i < rn_dataset_count(good); i++, next++) {
        for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
            next += next == bad[k];
        assert_string_equal(rn_dataset_path(good, i), rn_dataset_path(dataset, next));
    }
    rn_dataset_destroy(dataset); /* the scan and the subset keep it */
    rn_scan_destroy(scan);
    scan = scan_all(good, NULL);
    assert_int_equal(rn_scan_count(scan), 0);
    rn_scan_destroy(scan);
    rn_dataset_destroy(good);
}

static void write_bytes(const char *root, const char *name, const char *bytes, size_t nbytes)
{
    FILE *file;

    write_text(root, name, "");
    file = fopen(rn_test_path(root, name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, nbytes, file), nbytes);
    fclose(file);
}

/* What is known is named; both kinds of scan find it. */
static void contents_that_are_no_photos_are_named(void **state)
{
    static const struct {
        const char *name, *bytes;
        size_t nbytes;
        const char *said;
    } files[] = {
        { "k/webp.jpg", "RIFF\x24\0\0\0WEBPVP8 ", 16, "WebP" },
        { "k/heic.jpg",
          "\0\0\0\x18"
          "ftypheic\0\0\0\0",
          16, "HEIC" },
        { "k/avif.jpg",
          "\0\0\0\x18"
          "ftypavif\0\0\0\0",
          16, "AVIF" },
        { "k/gif.png", "GIF89a\1\0\1\0", 10, "GIF" },
        { "k/page.jpg", "<!DOCTYPE html><html>404</html>", 31, "a web page" },
        { "k/lfs.jpg", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", 63, "git lfs pull" },
        { "k/empty.jpg", "", 0, "the file is empty" },
        { "k/text.bmp", "hello", 5, "none of JPEG, PNG, BMP" },
        { "k/cut.png", "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16, "cut short" },
    };
    const size_t count = sizeof files / sizeof *files;
    const char *const root = rn_test_directory();
    rn_dataset *dataset;

    (void)state;
    for (size_t i = 0; i < count; i++)
        write_bytes(root, files[i].name, files[i].bytes, files[i].nbytes);
    write_photo(root, "k/good.jpg", 8, 6, 1); /* a BMP under another photo's name is one */
    dataset = open_folder(context, root);
    for (int quick = 0; quick < 2; quick++) {
        rn_scan *const scan = scan_all(dataset, RN_OPTIONS(rn_scan, .quick = quick));

        assert_int_equal(rn_scan_count(scan), count);
        for (size_t i = 0; i < count; i++)
            require_failure(scan, dataset, files[i].name, RN_FORMAT, files[i].said);
        rn_scan_destroy(scan);
    }
    rn_dataset_destroy(dataset);
}

static void make_socket(const char *path)
{
    const int handle = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    assert_true(handle >= 0 && strlen(path) < sizeof address.sun_path);
    strcpy(address.sun_path, path);
    assert_int_equal(bind(handle, (const struct sockaddr *)&address, sizeof address), 0);
    close(handle);
}

static void what_is_no_file_is_named_and_not_waited_for(void **state)
{
    const char *const root = rn_test_directory();
    rn_dataset *dataset, *good;
    rn_scan *scan;
    size_t failures = 4;

    (void)state;
    write_photo(root, "k/folder.jpg/good.bmp", 8, 6, 1);
    assert_int_equal(mkfifo(rn_test_path(root, "k/pipe.jpg"), 0600), 0);
    make_socket(rn_test_path(root, "k/socket.jpg"));
    assert_int_equal(symlink("loop.jpg", rn_test_path(root, "k/loop.jpg")), 0);
    assert_int_equal(symlink("nowhere", rn_test_path(root, "k/gone.jpg")), 0);
    write_photo(root, "k/secret.bmp", 8, 6, 1);
    assert_int_equal(chmod(rn_test_path(root, "k/secret.bmp"), 0), 0);
    dataset = open_folder(context, root);
    assert_int_equal(rn_dataset_count(dataset), 6);
    scan = scan_all(dataset, NULL);
    require_failure(scan, dataset, "k/pipe.jpg", RN_IO, "not a regular file");
    require_failure(scan, dataset, "k/socket.jpg", RN_IO, "");
    require_failure(scan, dataset, "k/loop.jpg", RN_IO, "symbolic links");
    require_failure(scan, dataset, "k/gone.jpg", RN_IO, "No such file");
    if (geteuid() != 0) { /* root may read everything */
        require_failure(scan, dataset, "k/secret.bmp", RN_IO, "Permission denied");
        failures++;
    }
    assert_int_equal(rn_scan_count(scan), failures);
    require_ok(context, rn_scan_good(&good, scan));
    assert_non_null(strstr(rn_dataset_path(good, rn_dataset_count(good) - 1), "folder.jpg/good.bmp"));
    rn_dataset_destroy(good);
    rn_scan_destroy(scan);
    rn_dataset_destroy(dataset);
}

static void what_systems_leave_is_no_photo(void **state)
{
    static const char *const left[] = { "__MACOSX/k/x.jpg", "k/__MACOSX/._x.jpg", "k/@eaDir/SYNOPHOTO_THUMB_M.jpg",
                                        "@eaDir/x.jpg",     "$RECYCLE.BIN/x.jpg", "System Volume Information/x.jpg",
                                        "k/Thumbs.db",      "k/.DS_Store",        "k/desktop.ini",
                                        "lost+found/x.jpg", "k/._x.jpg",          ".ipynb_checkpoints/x.jpg" };
    const char *const root = rn_test_directory();
    rn_dataset *dataset;

    (void)state;
    for (size_t i = 0; i < sizeof left / sizeof *left; i++)
        write_text(root, left[i], "");
    write_text(root, "k/x.jpg", "");
    dataset = open_folder(context, root);
    assert_int_equal(rn_classes_count(rn_dataset_classes(dataset)), 1);
    assert_int_equal(rn_dataset_count(dataset), 1);
    assert_int_equal(rn_dataset_ignored(dataset), 0);
    rn_dataset_destroy(dataset);
}

/* A photo is large where it is too large for the loader. */
static void sizes_and_damage_are_judged_as_by_a_loader(void **state)
{
    const char *const root = rn_test_directory();
    char cut[200];
    rn_dataset *dataset;
    rn_scan *scan;
    FILE *file;

    (void)state;
    write_photo(root, "k/large.bmp", 20, 20, 1);
    write_photo(root, "k/small.bmp", 4, 4, 1);
    file = fopen(rn_test_path(root, "k/large.bmp"), "rb");
    assert_non_null(file);
    assert_int_equal(fread(cut, 1, sizeof cut, file), sizeof cut);
    fclose(file);
    write_bytes(root, "k/cut.bmp", cut, sizeof cut);
    dataset = open_folder(context, root);
    scan = scan_all(dataset, RN_OPTIONS(rn_scan, .max_pixels = 399));
    assert_int_equal(rn_scan_count(scan), 2);
    require_failure(scan, dataset, "k/large.bmp", RN_UNSUPPORTED, "399");
    rn_scan_destroy(scan);
    scan = scan_all(dataset, NULL);
    assert_int_equal(rn_scan_count(scan), 1);
    require_failure(scan, dataset, "k/cut.bmp", RN_FORMAT, "");
    rn_scan_destroy(scan);
    rn_dataset_destroy(dataset);
}

typedef struct watched {
    size_t calls, last, end;
} watched;

static int32_t watch(size_t done, size_t count, void *payload)
{
    watched *const w = payload;

    assert_true(done > w->last && done <= count);
    w->calls++;
    w->last = done;
    return done >= w->end;
}

static void a_scan_can_be_watched_and_ended(void **state)
{
    rn_dataset *const dataset = open_folder(context, make_numbered_photos(300));
    watched w = { .end = SIZE_MAX };
    rn_scan *scan = scan_all(dataset, RN_OPTIONS(rn_scan, .progress = watch, .payload = &w));

    (void)state;
    assert_int_equal(w.last, 300);
    assert_true(w.calls > 1);
    rn_scan_destroy(scan);
    w = (watched){ .end = 1 };
    require_status(context, rn_dataset_scan(&scan, dataset, RN_OPTIONS(rn_scan, .progress = watch, .payload = &w)),
                   RN_CANCELLED);
    assert_null(scan);
    assert_int_equal(w.calls, 1);
    rn_dataset_destroy(dataset);
}

static rn_status give_or_fail(rn_sample *sample, size_t index, void *payload)
{
    static const uint8_t black[12];

    (void)payload;
    if (index == 1)
        return rn_sample_fail(sample, RN_IO, "the tape tore");
    return index == 2 ? RN_NO_MEMORY : rn_sample_give_pixels(sample, 2, 2, black, 0);
}

static void datasets_of_ones_own_are_scanned(void **state)
{
    static const char *const folders[] = { "k" };
    static const int64_t labels[3];
    rn_dataset *dataset, *part, *good;
    rn_classes *classes;
    rn_scan *scan;

    (void)state;
    require_ok(context, rn_classes_create(&classes, context, folders, NULL, 1));
    require_ok(context, rn_dataset_create(&dataset, context,
                                          RN_OPTIONS(rn_dataset, .classes = classes, .count = 3, .labels = labels,
                                                     .read = give_or_fail)));
    require_status(context, rn_dataset_scan(&scan, dataset, NULL), RN_NO_MEMORY); /* says nothing about the sample */
    require_ok(context, rn_dataset_subset(&part, dataset, (const size_t[]){ 1, 0 }, 2));
    scan = scan_all(part, RN_OPTIONS(rn_scan, .quick = 1));
    assert_int_equal(rn_scan_count(scan), 1);
    assert_int_equal(rn_scan_sample(scan, 0), 0);
    assert_string_equal(rn_scan_message(scan, 0), "sample 1: the tape tore");
    rn_scan_destroy(scan);
    rn_dataset_destroy(part);
    require_ok(context, rn_dataset_subset(&part, dataset, (const size_t[]){ 1 }, 1));
    scan = scan_all(part, NULL);
    require_status(context, rn_scan_good(&good, scan), RN_SHAPE);
    assert_null(good);
    rn_dataset_destroy(dataset);
    rn_scan_destroy(scan);
    rn_dataset_destroy(part);
    rn_classes_destroy(classes);
}

static void arguments_are_checked(void **state)
{
    rn_dataset *const dataset = open_folder(context, make_numbered_photos(2));
    rn_dataset *good;
    rn_scan *scan = (rn_scan *)(void *)context;

    (void)state;
    assert_int_equal(rn_dataset_scan(NULL, dataset, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_dataset_scan(&scan, NULL, NULL), RN_INVALID_ARGUMENT);
    assert_null(scan);
    require_status(context, rn_dataset_scan(&scan, dataset, RN_OPTIONS(rn_scan, .max_pixels = -1)),
                   RN_INVALID_ARGUMENT);
    require_status(context, rn_dataset_scan(&scan, dataset, RN_OPTIONS(rn_scan, .reserved = 1)), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_scan_good(NULL, scan), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_scan_good(&good, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_scan_count(NULL), 0);
    assert_int_equal(rn_scan_status(NULL, 0), RN_OK);
    assert_null(rn_scan_message(NULL, 0));
    scan = scan_all(dataset, NULL);
    assert_int_equal(rn_scan_sample(scan, 0), SIZE_MAX);
    assert_null(rn_scan_message(scan, 0));
    rn_scan_destroy(scan);
    rn_scan_destroy(NULL);
    rn_dataset_destroy(dataset);
}

static rn_status scan_once(void *payload)
{
    rn_dataset *good = NULL;
    rn_scan *scan;
    rn_status status = rn_dataset_scan(&scan, payload, NULL);

    if (status == RN_OK)
        status = rn_scan_good(&good, scan);
    rn_dataset_destroy(good);
    rn_scan_destroy(scan);
    return status;
}

static void every_failed_allocation_is_survived(void **state)
{
    rn_test_allocator allocator;
    rn_context *const own = rn_test_allocator_context(&allocator, 1);
    const char *const root = make_numbered_photos(20);
    rn_dataset *dataset;

    (void)state;
    for (int i = 0; i < 18; i++) { /* the list grows */
        char name[32];

        snprintf(name, sizeof name, "%s/photo_%03d.bmp", i < 10 ? "a" : "b", i);
        write_text(root, name, "BM");
    }
    dataset = open_folder(own, root);
    rn_test_fail_each(&allocator, scan_once, dataset, 28);
    rn_dataset_destroy(dataset);
    rn_context_destroy(own);
    assert_int_equal(allocator.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_photos_are_found_and_left_out),
        cmocka_unit_test(contents_that_are_no_photos_are_named),
        cmocka_unit_test(what_is_no_file_is_named_and_not_waited_for),
        cmocka_unit_test(what_systems_leave_is_no_photo),
        cmocka_unit_test(sizes_and_damage_are_judged_as_by_a_loader),
        cmocka_unit_test(a_scan_can_be_watched_and_ended),
        cmocka_unit_test(datasets_of_ones_own_are_scanned),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
