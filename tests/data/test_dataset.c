/* SPDX-License-Identifier: MIT */
/* Image folders: torchvision's classes and order, and what is refused. */
#define _GNU_SOURCE
#include "data/folders.h"
#include "support/one_context.h"

#include <unistd.h>

static void require_photo(const rn_dataset *dataset, size_t index, const char *name, int64_t label)
{
    const char *const path = rn_dataset_path(dataset, index);

    assert_non_null(path);
    if (strlen(path) < strlen(name) || strcmp(path + strlen(path) - strlen(name), name) != 0)
        fail_msg("photo %zu is %s, not %s", index, path, name);
    assert_int_equal(rn_dataset_label(dataset, index), label);
}

static void classes_are_the_folders_sorted_by_byte(void **state)
{
    static const char *const folders[] = { "10", "2", "B", "a", "\xc3\xa4" };
    const char *const root = rn_test_directory();
    rn_dataset *dataset;

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        char name[32];

        snprintf(name, sizeof name, "%s/x.bmp", folders[4 - i]);
        write_photo(root, name, 2, 2, 1);
    }
    dataset = open_folder(context, root);
    assert_int_equal(rn_classes_count(rn_dataset_classes(dataset)), 5);
    assert_int_equal(rn_dataset_count(dataset), 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(rn_classes_folder(rn_dataset_classes(dataset), i), folders[i]);
        assert_int_equal(rn_dataset_label(dataset, i), i);
    }
    rn_dataset_destroy(dataset);
}

/* sorted(os.walk(...)): by the whole path of the folder, and '.' is before '/'. */
static void photos_are_sorted_as_by_torchvision(void **state)
{
    static const char *const sorted[] = { "k/b.jpg",   "k/z.PNG",     "k/a/1.bmp",   "k/a/10.bmp",
                                          "k/a/2.bmp", "k/a.b/0.bmp", "k/a/b/9.bmp", "k/a0/3.Jpeg" };
    const char *const root = rn_test_directory();
    rn_dataset *dataset;

    (void)state;
    for (size_t i = 0; i < 8; i++)
        write_text(root, sorted[(i * 5 + 3) % 8], "not opened");
    dataset = open_folder(context, root);
    assert_int_equal(rn_dataset_count(dataset), 8);
    for (size_t i = 0; i < 8; i++)
        require_photo(dataset, i, sorted[i], 0);
    rn_dataset_destroy(dataset);
}

static void what_is_no_photo_is_passed_over(void **state)
{
    static const char *const others[] = { "k/.hidden.jpg", "k/._a.jpg", "k/.cache/x.jpg", "k/notes.txt", "k/x.jpg.part",
                                          "k/jpg",         "k/.jpg",    ".git/x.jpg",     "readme.jpg" };
    const char *const root = rn_test_directory();
    rn_dataset *dataset;

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        write_text(root, others[i], "");
    write_text(root, "k/only.jpg", "");
    make_folder(root, "k/folder.jpg");
    dataset = open_folder(context, root);
    assert_int_equal(rn_dataset_count(dataset), 1);
    require_photo(dataset, 0, "k/only.jpg", 0);
    rn_dataset_destroy(dataset);
}

static void links_are_followed(void **state)
{
    const char *const root = rn_test_directory(), *const elsewhere = rn_test_directory();
    rn_dataset *dataset;

    (void)state;
    write_text(elsewhere, "deep/x.jpg", "");
    make_folder(root, "k");
    assert_int_equal(symlink(elsewhere, rn_test_path(root, "linked")), 0);
    assert_int_equal(symlink(rn_test_path(elsewhere, "deep/x.jpg"), rn_test_path(root, "k/y.jpg")), 0);
    dataset = open_folder(context, root);
    assert_int_equal(rn_dataset_count(dataset), 2);
    require_photo(dataset, 0, "k/y.jpg", 0);
    require_photo(dataset, 1, "linked/deep/x.jpg", 1);
    rn_dataset_destroy(dataset);
}

static void require_refusal(const char *path, const rn_image_folder_options *options, rn_status status,
                            const char *reason)
{
    rn_dataset *dataset = (rn_dataset *)(void *)context;

    require_status(context, rn_image_folder_open(&dataset, context, path, options), status);
    assert_null(dataset);
    if (strstr(rn_context_message(context), reason) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", rn_context_message(context), reason);
}

static void a_circle_of_links_ends(void **state)
{
    const char *const root = rn_test_directory();
    rn_dataset *dataset;

    (void)state;
    write_text(root, "k/x.jpg", "");
    assert_int_equal(symlink(root, rn_test_path(root, "k/back")), 0);
    dataset = open_folder(context, root);
    assert_int_equal(rn_dataset_count(dataset), 1);
    require_photo(dataset, 0, "k/x.jpg", 0);
    rn_dataset_destroy(dataset);
}

static void collect(rn_log_level level, const char *text, void *payload)
{
    char *const all = payload;

    if (level == RN_LOG_WARNING)
        strcat(strcat(all, text), "\n");
}

static void pictures_without_a_decoder_are_counted_and_said_once(void **state)
{
    static const char *const files[] = { "a/1.heic",      "a/2.HeiC",     "a/3.gif", "a/4.jfif",
                                         "a/5.JPE",       "b/deep/6.gif", "b/7.gif", "b/8.pgm",
                                         "b/.hidden.gif", "b/notes.txt",  "b/9.jpg" };
    const char *const root = rn_test_directory();
    char said[512] = "";
    rn_context *own;
    rn_dataset *dataset;

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        write_text(root, files[i], "");
    assert_int_equal(rn_context_create(&own, RN_OPTIONS(rn_context, .threads = 1, .log = collect, .log_payload = said)),
                     RN_OK);
    dataset = open_folder(own, root);
    assert_int_equal(rn_dataset_count(dataset), 4);
    assert_int_equal(rn_dataset_ignored(dataset), 5);
    assert_non_null(strstr(said, "5 files were passed over: 3 .gif, 2 .heic\n"));
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
    rn_dataset_destroy(dataset);
    said[0] = '\0';
    rn_dataset_destroy(open_folder(own, make_numbered_photos(2)));
    assert_string_equal(said, "");
    assert_int_equal(rn_dataset_ignored(NULL), 0);
    write_text(root, "c/only.avif", "");
    require_status(own, rn_image_folder_open(&dataset, own, root, NULL), RN_FORMAT);
    assert_non_null(strstr(rn_context_message(own), "1 .avif"));
    rn_context_destroy(own);
}

static void what_is_no_image_folder_is_refused(void **state)
{
    const char *const root = rn_test_directory();

    (void)state;
    require_refusal(rn_test_path(root, "absent"), NULL, RN_IO, "absent");
    require_refusal(root, NULL, RN_FORMAT, "no class folder");
    write_text(root, "file", "");
    require_refusal(rn_test_path(root, "file"), NULL, RN_IO, "file");
    require_refusal(root, NULL, RN_FORMAT, "no class folder");
    write_text(root, "a/x.jpg", "");
    make_folder(root, "b/c");
    require_refusal(root, NULL, RN_FORMAT, "/b");
}

static void a_given_table_decides_the_labels(void **state)
{
    static const char *const folders[] = { "z", "a", "never", "m" };
    const char *const root = rn_test_directory();
    rn_classes *classes;
    rn_dataset *dataset;

    (void)state;
    require_ok(context, rn_classes_create(&classes, context, folders, NULL, 4));
    write_text(root, "a/x.jpg", "");
    write_text(root, "z/x.jpg", "");
    require_ok(context, rn_image_folder_open(&dataset, context, root, RN_OPTIONS(rn_image_folder, .classes = classes)));
    require_photo(dataset, 0, "a/x.jpg", 1);
    require_photo(dataset, 1, "z/x.jpg", 0);
    assert_int_equal(rn_classes_count(rn_dataset_classes(dataset)), 4);
    rn_dataset_destroy(dataset);
    write_text(root, "stranger/x.jpg", "");
    require_refusal(root, RN_OPTIONS(rn_image_folder, .classes = classes), RN_SHAPE, "stranger");
    rn_classes_destroy(classes);
}

/* As a zip from Windows leaves them: in GBK, which is not UTF-8. One pair, read as U+FFFD, would be the same text. */
static void names_that_are_not_utf8_stay_apart_and_fit_again(void **state)
{
    static const char *const names[] = { "\\x41", "\\y", "\xb2\xdd", "\xd0\xd0", "\xe4\xb8\xad" };
    static const char *const texts[] = { "\\x5cx41", "\\y", "\\xb2\\xdd", "\\xd0\\xd0", "\xe4\xb8\xad" };
    const char *const root = rn_test_directory();
    rn_dataset *dataset, *again;

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        char name[32];

        snprintf(name, sizeof name, "%s/x.jpg", names[i]);
        write_text(root, name, "");
    }
    dataset = open_folder(context, root);
    assert_int_equal(rn_classes_count(rn_dataset_classes(dataset)), 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(rn_classes_folder(rn_dataset_classes(dataset), i), texts[i]);
        assert_string_equal(rn_classes_name(rn_dataset_classes(dataset), i), texts[i]);
        assert_non_null(strstr(rn_dataset_path(dataset, i), names[i]));
    }
    require_ok(context, rn_image_folder_open(&again, context, root,
                                             RN_OPTIONS(rn_image_folder, .classes = rn_dataset_classes(dataset))));
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(rn_dataset_label(again, i), i);
    rn_dataset_destroy(again);
    rn_dataset_destroy(dataset);
}

static void labels_are_loaded(void **state)
{
    const char *const root = rn_test_directory();
    rn_dataset *dataset;

    (void)state;
    write_text(root, "data/1/x.jpg", "");
    write_text(root, "data/10/x.jpg", "");
    write_text(root, "names.json", "{\"10\": \"rose\", \"1\": \"tulip\"}");
    write_text(root, "short.json", "{\"10\": \"rose\"}");
    dataset = open_folder(context, rn_test_path(root, "data"));
    require_ok(context, rn_dataset_load_labels(dataset, rn_test_path(root, "names.json")));
    assert_string_equal(rn_classes_name(rn_dataset_classes(dataset), 0), "tulip");
    assert_string_equal(rn_classes_name(rn_dataset_classes(dataset), 1), "rose");
    require_status(context, rn_dataset_load_labels(dataset, rn_test_path(root, "short.json")), RN_FORMAT);
    require_status(context, rn_dataset_load_labels(dataset, rn_test_path(root, "absent.json")), RN_IO);
    require_status(context, rn_dataset_load_labels(dataset, NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_dataset_load_labels(NULL, "x"), RN_INVALID_ARGUMENT);
    assert_string_equal(rn_classes_name(rn_dataset_classes(dataset), 1), "rose");
    rn_dataset_destroy(dataset);
}

static void arguments_are_checked(void **state)
{
    rn_dataset *dataset = (rn_dataset *)(void *)context;
    rn_image_folder_options options = { .struct_size = 3 };

    (void)state;
    assert_int_equal(rn_image_folder_open(NULL, context, "x", NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_image_folder_open(&dataset, NULL, "x", NULL), RN_INVALID_ARGUMENT);
    assert_null(dataset);
    require_status(context, rn_image_folder_open(&dataset, context, NULL, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_image_folder_open(&dataset, context, "x", &options), RN_INVALID_ARGUMENT);
    assert_null(rn_dataset_classes(NULL));
    assert_int_equal(rn_dataset_count(NULL), 0);
    assert_null(rn_dataset_path(NULL, 0));
    assert_int_equal(rn_dataset_label(NULL, 0), -1);
    rn_dataset_destroy(NULL);
    dataset = open_folder(context, make_numbered_photos(2));
    assert_null(rn_dataset_path(dataset, 2));
    assert_int_equal(rn_dataset_label(dataset, 2), -1);
    rn_dataset_destroy(dataset);
}

static void a_dataset_keeps_its_context_alive(void **state)
{
    rn_context *const own = rn_test_context(1, RN_ISA_AUTO);
    rn_dataset *const dataset = open_folder(own, make_numbered_photos(3));

    (void)state;
    rn_context_destroy(own);
    require_photo(dataset, 2, "b/photo_002.bmp", 1);
    rn_dataset_destroy(dataset);
}

typedef struct opening {
    rn_context *context;
    const char *root;
} opening;

static rn_status open_root(void *payload)
{
    const opening *const job = payload;
    rn_dataset *dataset;
    const rn_status status = rn_image_folder_open(&dataset, job->context, job->root, NULL);

    assert_true((dataset == NULL) == (status != RN_OK));
    rn_dataset_destroy(dataset);
    return status;
}

static void every_failed_allocation_is_survived(void **state)
{
    rn_test_allocator allocator;
    const opening job = { rn_test_allocator_context(&allocator, 1), rn_test_directory() };

    (void)state;
    for (int i = 0; i < 20; i++) {
        char name[32];

        snprintf(name, sizeof name, "k%d/f%d/x.jpg", i / 10, i);
        write_text(job.root, name, "");
    }
    rn_test_fail_each(&allocator, open_root, (void *)&job, 61);
    rn_context_destroy(job.context);
    assert_int_equal(allocator.live, 0);
}

static void real_flowers_are_found(void **state)
{
    rn_dataset *dataset;

    (void)state;
    require_ok(context, rn_image_folder_open(&dataset, context, rn_test_data("flowers102/train"), NULL));
    assert_int_equal(rn_dataset_count(dataset), 1020);
    assert_int_equal(rn_classes_count(rn_dataset_classes(dataset)), 102);
    assert_string_equal(rn_classes_folder(rn_dataset_classes(dataset), 1), "10");
    require_ok(context, rn_dataset_load_labels(dataset, rn_test_data("flowers102/cat_to_name.json")));
    assert_string_equal(rn_classes_name(rn_dataset_classes(dataset), 0), "pink primrose");
    rn_dataset_destroy(dataset);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_the_folders_sorted_by_byte),
        cmocka_unit_test(photos_are_sorted_as_by_torchvision),
        cmocka_unit_test(what_is_no_photo_is_passed_over),
        cmocka_unit_test(links_are_followed),
        cmocka_unit_test(a_circle_of_links_ends),
        cmocka_unit_test(pictures_without_a_decoder_are_counted_and_said_once),
        cmocka_unit_test(what_is_no_image_folder_is_refused),
        cmocka_unit_test(a_given_table_decides_the_labels),
        cmocka_unit_test(names_that_are_not_utf8_stay_apart_and_fit_again),
        cmocka_unit_test(labels_are_loaded),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(a_dataset_keeps_its_context_alive),
        cmocka_unit_test(every_failed_allocation_is_survived),
        cmocka_unit_test(real_flowers_are_found),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
