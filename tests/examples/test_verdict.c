/* SPDX-License-Identifier: MIT */
/* What evaluate says of each photo and each class: of logits made by hand, and of a network's. */
#define _POSIX_C_SOURCE 200809L
#include "evaluate/verdict.h"
#include "base/json.h"
#include "examples/programs.h"
#include "train/runs.h"

enum { SIDE = 32, CLASSES = 3, TRAIN = 6, VALID = 4 };

static const char *work; /* train, valid, run/ */

static int run(const char *const *arguments)
{
    return rn_test_program(work, arguments, 0, -1);
}

static int set_up(void **state)
{
    (void)state;
    work = rn_test_directory();
    rn_test_photos(work, "train", CLASSES, TRAIN, SIDE, 1);
    rn_test_photos(work, "valid", CLASSES, VALID, SIDE, 2);
    return run(
        ARGUMENTS("finetune", ".", "--arch", "cifar_resnet20", "--from-scratch", "--epochs", "1", "--threads", "1"));
}

static rn_status no_picture(rn_sample *sample, size_t index, void *payload)
{
    (void)index;
    (void)payload;
    return rn_sample_fail(sample, RN_IO, "there are no pictures here");
}

static void a_record_a_photo(void **state)
{
    static const char *const folders[] = { "a", "b,c" }, *const names[] = { "x \"1\".jpg", "y.jpg", "z.jpg" };
    static const int64_t labels[] = { 0, 1, 0 };
    /* Probabilities 3/4 and 1/2 by definition; of equal logits the first counts; the last photo was skipped. */
    const float logits[] = { -1, -1 + (float)log(3), 5, 5, NAN, NAN };
    static const char expected[] = "path,label,prediction,probability\r\n"
                                   "\"x \"\"1\"\".jpg\",a,\"b,c\",0.75\r\n"
                                   "y.jpg,\"b,c\",a,0.5\r\n"
                                   "z.jpg,a,,\r\n";
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_classes *classes = NULL;
    rn_dataset *photos = NULL;
    size_t size;
    char *text;

    (void)state;
    require_ok(context, rn_classes_create(&classes, context, folders, NULL, 2));
    require_ok(context, rn_dataset_create(&photos, context,
                                          RN_OPTIONS(rn_dataset, .classes = classes, .count = 3, .labels = labels,
                                                     .names = names, .read = no_picture)));
    assert_int_equal(verdict_write_csv(&(verdict){ photos, classes, logits, 2 }, rn_test_path(work, "hand.csv")), 0);
    text = rn_test_file(rn_test_path(work, "hand.csv"), &size);
    /* log(3) in float is not quite log(3). */
    assert_int_equal(strncmp(text, expected, strlen("path,label,prediction,probability\r\n\"x \"\"1\"\".jpg\",a,")), 0);
    assert_non_null(strstr(text, "\"b,c\",0.75"));
    assert_non_null(strstr(text, strstr(expected, "y.jpg")));
    free(text);
    assert_int_not_equal(verdict_write_csv(&(verdict){ photos, classes, logits, 2 }, rn_test_path(work, "no/x.csv")),
                         0);
    rn_dataset_destroy(photos);
    rn_classes_destroy(classes);
    rn_context_destroy(context);
}

/* Counts what a CSV file says: of photos by label and prediction, folders being class0, class1, ... */
static void count_csv(int counts[CLASSES][CLASSES], const char *text)
{
    memset(counts, 0, sizeof(int[CLASSES][CLASSES]));
    for (const char *line = strstr(text, "\r\n"); line != NULL && line[2] != '\0'; line = strstr(line + 2, "\r\n")) {
        int label, prediction;
        const char *const comma = strchr(line, ',');

        assert_int_equal(sscanf(comma, ",class%d,class%d,", &label, &prediction), 2);
        assert_in_range(label, 0, CLASSES - 1);
        assert_in_range(prediction, 0, CLASSES - 1);
        counts[label][prediction]++;
    }
}

static void check_per_class(const rn_json *root, int counts[CLASSES][CLASSES])
{
    const rn_json *const classes = rn_json_member(root, "per_class");
    double before = -1;

    assert_int_equal(rn_json_count(classes), CLASSES);
    for (const rn_json *item = rn_json_first(classes); item != NULL; item = rn_json_next(item)) {
        const int c = rn_json_string(rn_json_member(item, "class"))[5] - '0';
        int given = 0;

        for (int label = 0; label < CLASSES; label++)
            given += counts[label][c];
        assert_true(rn_test_member(item, "photos") == VALID && rn_test_member(item, "predicted") == given);
        assert_true(rn_test_member(item, "right") == counts[c][c]);
        assert_true(fabs(rn_test_member(item, "recall") - counts[c][c] / (double)VALID) < 1e-8);
        if (given > 0)
            assert_true(fabs(rn_test_member(item, "precision") - counts[c][c] / (double)given) < 1e-8);
        assert_true(rn_test_member(item, "recall") >= before); /* the worst first */
        before = rn_test_member(item, "recall");
    }
}

static void classes_and_confusions_add_up(void **state)
{
    int counts[CLASSES][CLASSES], right = 0, wrong = 0;
    char *csv, *text;
    rn_json *root = NULL;

    (void)state;
    assert_int_equal(
        run(ARGUMENTS("evaluate", "run/last.safetensors", "valid", "--csv", "o.csv", "--per-class", "--json")), 0);
    csv = rn_test_program_output(work, "o.csv");
    count_csv(counts, csv);
    free(csv);
    text = rn_test_program_output(work, "out");
    assert_int_equal(rn_json_parse(&root, text, strlen(text), NULL), RN_OK);
    free(text);
    for (int c = 0; c < CLASSES; c++)
        right += counts[c][c];
    assert_true(fabs(rn_test_member(root, "accuracy") - right / (double)(CLASSES * VALID)) < 1e-8);
    check_per_class(root, counts);
    for (const rn_json *pair = rn_json_first(rn_json_member(root, "confusions")); pair != NULL;
         pair = rn_json_next(pair)) {
        const int label = rn_json_string(rn_json_member(pair, "label"))[5] - '0',
                  prediction = rn_json_string(rn_json_member(pair, "prediction"))[5] - '0';

        assert_true(label != prediction && rn_test_member(pair, "photos") == counts[label][prediction]);
        wrong += counts[label][prediction];
    }
    assert_int_equal(right + wrong, CLASSES * VALID);
    rn_json_destroy(root);

    assert_int_equal(run(ARGUMENTS("evaluate", "run/last.safetensors", "valid", "--per-class")), 0);
    rn_test_output_has(work, "out", "found  precision  photos  class");
    assert_int_equal(run(ARGUMENTS("evaluate", "run/last.safetensors", "valid", "--csv", "no/o.csv")), 1);
    rn_test_output_has(work, "err", "no/o.csv cannot be written");
}

static void a_bad_photo_names_the_option_that_helps(void **state)
{
    (void)state;
    rn_test_write_file(rn_test_path(work, "valid/class1/bad.jpg"), "no picture", 10);
    rn_test_refusal(work, ARGUMENTS("evaluate", "run/last.safetensors", "valid"), 1, "--skip-bad-photos");
    assert_int_equal(run(ARGUMENTS("evaluate", "run/last.safetensors", "valid", "--skip-bad-photos", "--csv", "o.csv")),
                     0);
    rn_test_output_has(work, "o.csv", "valid/class1/bad.jpg,class1,,\r\n");
    rn_test_output_has(work, "out", "12 photos, 1 skipped");
    assert_int_equal(run(ARGUMENTS("finetune", ".", "--arch", "cifar_resnet20", "--from-scratch", "--epochs", "1",
                                   "--threads", "1", "--out", "other")),
                     1);
    rn_test_output_has(work, "err", "--skip-bad-photos");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_a_photo),
        cmocka_unit_test(classes_and_confusions_add_up),
        cmocka_unit_test(a_bad_photo_names_the_option_that_helps),
    };

    rn_test_programs(argc, argv);
    return cmocka_run_group_tests(tests, set_up, NULL);
}
