/* SPDX-License-Identifier: MIT */
/* Lists of photos: which rows, files and labels they give, and what is refused with file and line. */
#define _GNU_SOURCE
#include "data/folders.h"
#include "support/one_context.h"

#include <sys/stat.h>
#include <unistd.h>

#define LIST(...) RN_OPTIONS(rn_image_list, __VA_ARGS__)

/* A folder with the photos a.jpg, b.jpg, sub/c d.jpg, e.jpg, 7.jpg (which nobody opens) and a list of this text. */
static const char *make_list(const char *text)
{
    static const char *const photos[] = { "a.jpg", "b.jpg", "sub/c d.jpg", "e.jpg", "7.jpg" };
    const char *const root = rn_test_directory();

    for (size_t i = 0; i < sizeof photos / sizeof *photos; i++)
        write_text(root, photos[i], "");
    write_text(root, "list.txt", text);
    return rn_test_path(root, "list.txt");
}

/* "file=label index, ..." of the dataset, and "| folder, ..." of its classes. */
static void describe(char *text, const rn_dataset *dataset)
{
    const rn_classes *const classes = rn_dataset_classes(dataset);

    text[0] = '\0';
    for (size_t i = 0; i < rn_dataset_count(dataset); i++)
        text +=
            sprintf(text, "%s=%d ", strrchr(rn_dataset_path(dataset, i), '/') + 1, (int)rn_dataset_label(dataset, i));
    text += sprintf(text, "|");
    for (size_t i = 0; i < rn_classes_count(classes); i++)
        text += sprintf(text, " %s", rn_classes_folder(classes, i));
}

static void require_list(const char *text, const rn_image_list_options *options, const char *expected)
{
    char said[512];
    rn_dataset *dataset;

    require_ok(context, rn_image_list_open(&dataset, context, make_list(text), options));
    describe(said, dataset);
    assert_string_equal(said, expected);
    rn_dataset_destroy(dataset);
}

static void require_refusal(const char *text, const rn_image_list_options *options, rn_status status, const char *said)
{
    rn_dataset *dataset = (rn_dataset *)(void *)context;

    require_status(context, rn_image_list_open(&dataset, context, make_list(text), options), status);
    assert_null(dataset);
    if (strstr(rn_context_message(context), said) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", rn_context_message(context), said);
}

static void rows_become_samples_in_their_order(void **state)
{
    (void)state;
    require_list("b.jpg,cat\na.jpg,dog\nsub/c d.jpg,cat\n", NULL, "b.jpg=0 a.jpg=1 c d.jpg=0 | cat dog");
    require_list("b.jpg\tcat\r\na.jpg\tdog\r\n", NULL, "b.jpg=0 a.jpg=1 | cat dog");
    require_list("b.jpg 0\nsub/c d.jpg 1\n", NULL, "b.jpg=0 c d.jpg=1 | 0 1");
    require_list("sub/../a.jpg,x\n./b.jpg,x\n", NULL, "a.jpg=0 b.jpg=0 | x");
    require_list("a.jpg,x\na.jpg,x\n", NULL, "a.jpg=0 a.jpg=0 | x");
    require_list("a.jpg,\xb2\xdd\nb.jpg,\\x41\n", NULL, "a.jpg=1 b.jpg=0 | \\x5cx41 \\xb2\\xdd");
}

static void a_header_names_the_columns(void **state)
{
    (void)state;
    require_list("Filename,Label\na.jpg,x\n", NULL, "a.jpg=0 | x");
    require_list("picture,Label\na.jpg,x\n", LIST(.header = RN_LIST_HEADER_YES), "a.jpg=0 | x");
    require_list("n,breed,file\n1,pug,a.jpg\n2,corgi,b.jpg\n", LIST(.path_column = "file", .label_column = "breed"),
                 "a.jpg=1 b.jpg=0 | corgi pug");
    require_list("n,breed,file\n1,pug,a.jpg\n", LIST(.path_number = 3, .label_number = 1), "a.jpg=0 | 1");
    require_list("x,pug,a.jpg\n", LIST(.path_number = 3, .label_number = 2), "a.jpg=0 | pug");
    require_list("id,breed\na,pug\n", LIST(.ending = ".jpg"), "a.jpg=0 | pug");
    require_refusal("id,breed\n", LIST(.header = RN_LIST_HEADER_NO), RN_IO, "list.txt:1: ");
    require_refusal("picture,Label\na.jpg,x\n", NULL, RN_IO, "list.txt:1: ");
    require_refusal("n,breed\n1,a.jpg\n", LIST(.path_column = "file"), RN_FORMAT,
                    "list.txt:1: no column is called 'file'; there are n, breed");
    require_refusal("n,breed\n1,a.jpg\n", LIST(.path_column = "breed"), RN_INVALID_ARGUMENT, "column 2 cannot be both");
    require_refusal("a.jpg\n", NULL, RN_FORMAT, "list.txt:1: has 1 column; paths are in column 1, labels in column 2");
    require_refusal("path,label\n", NULL, RN_FORMAT, "no row");
}

static void paths_begin_at_the_root(void **state)
{
    const char *const list = make_list("a.jpg,x\n"), *const root = rn_test_directory();
    char text[256], said[128];
    rn_dataset *dataset;

    (void)state;
    snprintf(text, sizeof text, "%.*s/a.jpg,x\n../%s/b.jpg,x\n", (int)(strrchr(list, '/') - list), list,
             strrchr(root, '/') + 1);
    write_text(root, "b.jpg", "");
    write_text(root, "other.txt", text);
    require_ok(context, rn_image_list_open(&dataset, context, rn_test_path(root, "other.txt"), LIST(.root = root)));
    describe(said, dataset);
    assert_string_equal(said, "a.jpg=0 b.jpg=0 | x");
    rn_dataset_destroy(dataset);
    require_refusal("a.jpg,x\n", LIST(.root = "/absent"), RN_IO, "list.txt:1: /absent/a.jpg: No such file");
    assert_int_equal(chdir(root), 0); /* a list without a folder in its path */
    require_ok(context, rn_image_list_open(&dataset, context, "other.txt", NULL));
    assert_string_equal(rn_dataset_path(dataset, 1) + strlen("../"), rn_test_path(strrchr(root, '/') + 1, "b.jpg"));
    rn_dataset_destroy(dataset);
    assert_int_equal(chdir("/"), 0);
}

static char warning[512];

static void keep_warning(rn_log_level level, const char *text, void *payload)
{
    (void)payload;
    if (level == RN_LOG_WARNING)
        snprintf(warning, sizeof warning, "%s", text);
}

static void require_warning(const char *text, const rn_image_list_options *options, const char *said)
{
    rn_context *own;
    rn_dataset *dataset;

    warning[0] = '\0';
    assert_int_equal(rn_context_create(&own, RN_OPTIONS(rn_context, .threads = 1, .log = keep_warning)), RN_OK);
    require_ok(own, rn_image_list_open(&dataset, own, make_list(text), options));
    if (said == NULL)
        assert_string_equal(warning, "");
    else
        assert_non_null(strstr(warning, said));
    rn_dataset_destroy(dataset);
    rn_context_destroy(own);
}

static void labels_that_are_numbers_are_counted(void **state)
{
    (void)state;
    require_list("a.jpg 10\nb.jpg 9\ne.jpg 2\n", NULL, "a.jpg=2 b.jpg=1 e.jpg=0 | 2 9 10");
    require_list("a.jpg 010\nb.jpg 9\n", NULL, "a.jpg=0 b.jpg=1 | 010 9"); /* no numbers, names */
    require_list("a.jpg 99999999999999999999\nb.jpg 100000000000000000000\n", NULL,
                 "a.jpg=0 b.jpg=1 | 99999999999999999999 100000000000000000000");
    require_warning("a.jpg 0\nb.jpg 1\n", NULL, NULL);
    require_warning("a.jpg 1\nb.jpg 3\n", NULL, NULL);
    require_warning("a.jpg 0\nb.jpg 2\n", NULL, "numbers from 0 to 2, of which 2 are there");
    require_warning("a.jpg,0\nb.jpg,x\n", NULL, NULL);
}

static void a_table_decides_what_labels_mean(void **state)
{
    static const char *const wnids[] = { "n02", "n01", "n03" }, *const numbers[] = { "1", "10", "2" };
    rn_classes *names, *counted;

    (void)state;
    require_ok(context, rn_classes_create(&names, context, wnids, NULL, 3));
    require_ok(context, rn_classes_create(&counted, context, numbers, NULL, 3));
    require_list("a.jpg,n01\nb.jpg,n02\n", LIST(.classes = names), "a.jpg=1 b.jpg=0 | n02 n01 n03");
    require_list("a.jpg 2\nb.jpg 0\n", LIST(.classes = names), "a.jpg=2 b.jpg=0 | n02 n01 n03");
    require_list("a.jpg 2\nb.jpg 10\n", LIST(.classes = counted), "a.jpg=2 b.jpg=1 | 1 10 2");
    require_refusal("a.jpg 1\n\nb.jpg 0\n", LIST(.classes = counted), RN_SHAPE,
                    "list.txt:3: the label '0' is none of the 3 classes");
    require_refusal("a.jpg 3\n", LIST(.classes = names), RN_SHAPE, "the label '3'");
    require_refusal("a.jpg 02\n", LIST(.classes = names), RN_SHAPE, "the label '02'");
    require_refusal("a.jpg 99999999999999999999\n", LIST(.classes = names), RN_SHAPE, "the label '9999");
    rn_classes_destroy(names);
    rn_classes_destroy(counted);
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
    char over[5000];

    (void)state;
    memset(over, 'a', sizeof over);
    memcpy(over + sizeof over - 3, ",x", 3);
    require_refusal("", NULL, RN_FORMAT, "list.txt: no row in it");
    require_refusal("a.jpg,x\nabsent.jpg,y\n", NULL, RN_IO, "list.txt:2: ");
    require_refusal("a.jpg,x\nabsent.jpg,y\n", NULL, RN_IO, "/absent.jpg: No such file");
    require_refusal("sub,x\n", NULL, RN_IO, "/sub: not a regular file");
    require_refusal("a.jpg,x\n,y\n", NULL, RN_FORMAT, "list.txt:2: the path is empty");
    require_refusal("a.jpg,x\nb.jpg,\n", NULL, RN_FORMAT, "list.txt:2: the label is empty");
    require_refusal("a.jpg,x\nb.jpg,x\n\na.jpg,y\n", NULL, RN_FORMAT, "has the label 'y' here and 'x' in line 1");
    require_refusal(over, NULL, RN_FORMAT, "list.txt:1: a path of over");
    require_warning("a.jpg,x\nabsent.jpg,x\na.jpg/b.jpg,y\n", LIST(.skip_missing = 1),
                    "2 rows were left out, the first in line 2");
    require_list("a.jpg,x\nabsent.jpg,y\n", LIST(.skip_missing = 1), "a.jpg=0 | x");
    require_refusal("absent.jpg,x\n", LIST(.skip_missing = 1), RN_FORMAT, "none of its photos is there");
    require_refusal("sub,x\n", LIST(.skip_missing = 1), RN_IO, "not a regular file");
}

static void a_pipe_does_not_block(void **state)
{
    const char *const list = make_list("pipe.jpg,x\n");
    char folder[512];
    rn_dataset *dataset;

    (void)state;
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(list, '/') - list), list);
    assert_int_equal(mkfifo(rn_test_path(folder, "pipe.jpg"), 0600), 0);
    require_status(context, rn_image_list_open(&dataset, context, list, NULL), RN_IO);
    require_status(context, rn_image_list_open(&dataset, context, rn_test_path(folder, "pipe.jpg"), NULL), RN_IO);
}

static void arguments_are_checked(void **state)
{
    static const rn_image_list_options bad[] = {
        { .separator = 'x' },
        { .separator = -1 },
        { .separator = 300 },
        { .header = 3 },
        { .path_number = -1 },
        { .label_number = 257 },
        { .reserved = 1 },
        { .header = -1 },
        { .path_number = 1, .path_column = "x" },
        { .header = RN_LIST_HEADER_NO, .label_column = "x" },
        { .path_number = 2 }, /* the label's */
    };
    rn_dataset *dataset = (rn_dataset *)(void *)context;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        rn_image_list_options options = bad[i];

        options.struct_size = sizeof options;
        require_refusal("a.jpg,x\n", &options, RN_INVALID_ARGUMENT, "");
    }
    assert_int_equal(rn_image_list_open(NULL, context, "x", NULL), RN_INVALID_ARGUMENT);
    assert_int_equal(rn_image_list_open(&dataset, NULL, "x", NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_image_list_open(&dataset, context, NULL, NULL), RN_INVALID_ARGUMENT);
    require_status(context, rn_image_list_open(&dataset, context, "/absent.csv", NULL), RN_IO);
}

typedef struct opening {
    rn_context *context;
    const char *list;
    const rn_classes *classes;
} opening;

static rn_status open_list(void *payload)
{
    const opening *const job = payload;
    rn_dataset *dataset;
    const rn_status status = rn_image_list_open(&dataset, job->context, job->list, LIST(.classes = job->classes));

    assert_true((dataset == NULL) == (status != RN_OK));
    rn_dataset_destroy(dataset);
    return status;
}

static void every_failed_allocation_is_survived(void **state)
{
    static const char *const folders[] = { "x", "y" };
    rn_test_allocator allocator;
    opening job = { rn_test_allocator_context(&allocator, 1), make_list("a.jpg,x\nb.jpg,y\ne.jpg,x\n"), NULL };
    rn_classes *classes;

    (void)state;
    rn_test_fail_each(&allocator, open_list, &job, 15);
    require_ok(job.context, rn_classes_create(&classes, job.context, folders, NULL, 2));
    job.classes = classes;
    rn_test_fail_each(&allocator, open_list, &job, 14);
    rn_classes_destroy(classes);
    rn_context_destroy(job.context);
    assert_int_equal(allocator.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_become_samples_in_their_order),
        cmocka_unit_test(a_header_names_the_columns),
        cmocka_unit_test(paths_begin_at_the_root),
        cmocka_unit_test(labels_that_are_numbers_are_counted),
        cmocka_unit_test(a_table_decides_what_labels_mean),
        cmocka_unit_test(what_is_wrong_is_said_with_its_line),
        cmocka_unit_test(a_pipe_does_not_block),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, make_context, drop_context);
}
