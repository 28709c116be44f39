/* SPDX-License-Identifier: MIT */
/* The programs as a user meets them: help, refusals, the way from photos to predictions. */
#define _POSIX_C_SOURCE 200809L
#include "base/json.h"
#include "examples/programs.h"
#include "train/runs.h"

#include <sys/stat.h>
#include <unistd.h>

enum { SIDE = 32, CLASSES = 3, TRAIN = 16, VALID = 6 };

static const char *work; /* photos/train, photos/valid, base.safetensors, labels.json; run/ after the first test */

static int run(const char *const *arguments)
{
    return rn_test_program(work, arguments, 0, -1);
}

static char *output(const char *name)
{
    return rn_test_program_output(work, name);
}

static rn_json *parse(const char *text, size_t length)
{
    rn_json *json = NULL;

    if (rn_json_parse(&json, text, length, NULL) != RN_OK)
        fail_msg("not JSON: %.*s", (int)length, text);
    return json;
}

static int set_up(void **state)
{
    static const char labels[] =
        "{\"class0\": \"rows \\\"\xe2\x89\xa1\\\"\", \"class1\": \"columns\", \"class2\": \"diagonal\"}";
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_model *model = NULL;

    (void)state;
    work = rn_test_directory();
    assert_int_equal(mkdir(rn_test_path(work, "photos"), 0777), 0);
    rn_test_photos(rn_test_path(work, "photos"), "train", CLASSES, TRAIN, SIDE, 1);
    rn_test_photos(rn_test_path(work, "photos"), "valid", CLASSES, VALID, SIDE, 2);
    rn_test_write_file(rn_test_path(work, "labels.json"), labels, sizeof labels - 1);
    require_ok(context, rn_model_create(&model, context, "cifar_resnet20", RN_OPTIONS(rn_model, .seed = 9)));
    require_ok(context, rn_model_save(model, rn_test_path(work, "base.safetensors"), NULL));
    rn_model_destroy(model);
    rn_context_destroy(context);
    return 0;
}

static void help_is_on_stdout_and_no_failure(void **state)
{
    static const char *const names[] = { "finetune", "evaluate",   "report",      "predict",      "bench",
                                         "networks", "checkpoint", "depth_study", "fashion_mnist" };

    (void)state;
    for (int i = 0; i < 9; i++) {
        char *text;

        assert_int_equal(run(ARGUMENTS(names[i], "--help")), 0);
        text = output("out");
        assert_ptr_equal(strstr(text, "usage: "), text);
        assert_non_null(strstr(text, names[i]));
        assert_non_null(strstr(text, "--help"));
        free(text);
        text = output("err");
        assert_string_equal(text, "");
        free(text);
    }
}

static void wrong_usage_is_one_line_and_2(void **state)
{
    (void)state;
    rn_test_refusal(work, ARGUMENTS("finetune"), 2, "folder");
    rn_test_refusal(work, ARGUMENTS("finetune", "photos", "--arch", "resnet18"), 2, "--weights");
    rn_test_refusal(work, ARGUMENTS("finetune", "photos", "--weights", "x"), 2, "--arch");
    rn_test_refusal(work, ARGUMENTS("finetune", "photos", "--epoch", "3"), 2, "--epoch");
    rn_test_refusal(work, ARGUMENTS("finetune", "photos", "--epochs"), 2, "value");
    rn_test_refusal(work, ARGUMENTS("finetune", "photos", "--epochs", "-3"), 2, "--epochs");
    rn_test_refusal(work, ARGUMENTS("finetune", "photos", "--epochs=3x"), 2, "--epochs");
    rn_test_refusal(work, ARGUMENTS("finetune", "photos", "--lr", "nan"), 2, "--lr");
    rn_test_refusal(work, ARGUMENTS("finetune", "photos", "--json=1"), 2, "--json");
    rn_test_refusal(work, ARGUMENTS("evaluate", "one"), 2, "checkpoint");
    rn_test_refusal(work, ARGUMENTS("evaluate", "--arch", "resnet18", "photos"), 2, "--weights");
    rn_test_refusal(work, ARGUMENTS("report"), 2, "directory of a run");
    rn_test_refusal(work, ARGUMENTS("predict", "one"), 2, "photo");
    rn_test_refusal(work, ARGUMENTS("bench", "--mode", "fast"), 2, "--mode");
    rn_test_refusal(work, ARGUMENTS("bench", "-x"), 2, "dashes");
    rn_test_refusal(work, ARGUMENTS("bench", "--precision", "fp16"), 2, "--precision");
    rn_test_refusal(work, ARGUMENTS("bench", "--memory", "700MB"), 2, "--memory");
    rn_test_refusal(work, ARGUMENTS("bench", "--memory", "M"), 2, "--memory");
    rn_test_refusal(work, ARGUMENTS("bench", "--memory", "0.5"), 2, "--memory");
    rn_test_refusal(work, ARGUMENTS("bench", "--memory", "nan"), 2, "--memory");
    rn_test_refusal(work, ARGUMENTS("bench", "--memory", "99999999999G"), 2, "--memory");
}

static void what_fails_is_one_line_and_1(void **state)
{
    (void)state;
    rn_test_refusal(work, ARGUMENTS("report", "nowhere"), 1, "nowhere/history.jsonl");
    rn_test_refusal(work, ARGUMENTS("report", "nowhere", "photos"), 1, "nowhere/best.safetensors");
    rn_test_refusal(work, ARGUMENTS("finetune", "nowhere", "--arch", "cifar_resnet20", "--from-scratch"), 1, "nowhere");
    rn_test_refusal(work, ARGUMENTS("finetune", "photos", "--arch", "resnet19", "--from-scratch"), 1, "resnet19");
    rn_test_refusal(work, ARGUMENTS("finetune", "photos", "--arch", "cifar_resnet20", "--weights", "labels.json"), 1,
                    "labels.json");
    rn_test_refusal(work, ARGUMENTS("predict", "missing.safetensors", "photo.jpg"), 1, "missing.safetensors");
    rn_test_refusal(work, ARGUMENTS("evaluate", "labels.json", "photos/valid"), 1, "labels.json");
    rn_test_refusal(work, ARGUMENTS("bench", "--arch", "resnet19"), 1, "resnet19");
    rn_test_refusal(work, ARGUMENTS("bench", "--arch", "cifar_resnet20", "--memory", "0.25M"), 1,
                    "the limit is 262144");
}

/* Takes a line of JSON from the text. */
static rn_json *next_object(const char **text)
{
    const char *const end = strchr(*text, '\n');
    rn_json *json;

    assert_non_null(end);
    json = parse(*text, (size_t)(end - *text));
    *text = end + 1;
    return json;
}

static void require_event(const rn_json *json, const char *event)
{
    assert_string_equal(rn_json_string(rn_json_member(json, "event")), event);
}

static void check_start(const char **text)
{
    rn_json *json = next_object(text);

    require_event(json, "start");
    assert_string_equal(rn_json_string(rn_json_member(json, "network")), "cifar_resnet20");
    assert_string_equal(rn_json_string(rn_json_member(json, "weights")), "base.safetensors");
    assert_true(rn_test_member(json, "train_photos") == CLASSES * TRAIN &&
                rn_test_member(json, "valid_photos") == CLASSES * VALID && rn_test_member(json, "classes") == CLASSES);
    assert_true(rn_test_member(json, "head_parameters") == 195 && rn_test_member(json, "threads") == 1);
    rn_json_destroy(json);
}

/* JSON lines of a run of finetune; the best validation accuracy. */
static double check_history(const char *text, int lines)
{
    double best = 0;
    rn_json *json;

    check_start(&text);
    for (int i = 0; i < lines; i++) {
        json = next_object(&text);
        require_event(json, "epoch");
        assert_string_equal(rn_json_string(rn_json_member(json, "phase")), i < 1 ? "frozen" : "all");
        assert_true(rn_test_member(json, "epoch") == (i < 1 ? 1 : i)); /* counted from 1 */
        assert_true(rn_test_member(json, "epochs") == (i < 1 ? 1 : lines - 1));
        assert_true(rn_test_member(json, "train_loss") > 0 && rn_test_member(json, "valid_loss") > 0 &&
                    rn_test_member(json, "seconds") >= 0);
        assert_true(rn_test_member(json, "images_per_second") > 0 && rn_test_member(json, "train_accuracy") <= 1);
        assert_true(fabs(rn_test_member(json, "lr") - (i < 1 ? 1e-2 : 3e-3)) < 1e-12);
        if (rn_test_member(json, "valid_accuracy") > best)
            best = rn_test_member(json, "valid_accuracy");
        assert_true(fabs(rn_test_member(json, "best_accuracy") - best) < 1e-9);
        rn_json_destroy(json);
    }
    json = next_object(&text);
    require_event(json, "end");
    assert_string_equal(rn_json_string(rn_json_member(json, "outcome")), "done");
    assert_string_equal(rn_json_string(rn_json_member(json, "checkpoint")), "run/best.safetensors");
    assert_string_equal(rn_json_string(rn_json_member(json, "report")), "run/report.html");
    assert_true(fabs(rn_test_member(json, "best_accuracy") - best) < 1e-9 &&
                rn_test_member(json, "epochs_trained") == lines && rn_test_member(json, "images_per_second") > 0);
    rn_json_destroy(json);
    assert_string_equal(text, "");
    return best;
}

static void from_photos_to_predictions(void **state)
{
    char *text, *photo;
    rn_json *json;
    const rn_json *first;
    double best;

    (void)state;
    assert_int_equal(run(ARGUMENTS("finetune", "photos", "--arch", "cifar_resnet20", "--weights", "base.safetensors",
                                   "--labels", "labels.json", "--out", "run", "--frozen-epochs", "1", "--epochs", "4",
                                   "--lr", "3e-3", "--threads", "1", "--json")),
                     0);
    text = output("out");
    best = check_history(text, 5);
    free(text);
    assert_true(best > 0.6); /* chance is 1/3 */
    text = output("err");
    assert_non_null(strstr(text, "run/best.safetensors"));
    free(text);
    rn_test_output_has(work, "run/report.html", "Phase all, the last one, is complete.");
    rn_test_output_has(work, "run/report.html", "<section id=\"evaluation\"");

    assert_int_equal(run(ARGUMENTS("evaluate", "run/best.safetensors", "photos/valid", "--json", "--threads", "1",
                                   "--logits", "logits.f32")),
                     0);
    text = output("out");
    json = parse(text, strlen(text));
    assert_true(fabs(rn_test_member(json, "accuracy") - best) < 1e-6);
    assert_true(rn_test_member(json, "loss") > 0 && rn_test_member(json, "count") == CLASSES * VALID);
    rn_json_destroy(json);
    free(text);
    {
        struct stat info;

        assert_int_equal(stat(rn_test_path(work, "logits.f32"), &info), 0);
        assert_int_equal(info.st_size, CLASSES * VALID * CLASSES * 4);
    }

    assert_int_equal(run(ARGUMENTS("predict", "run/best.safetensors", "photos/valid/class0/valid_000.bmp",
                                   "photos/valid/class1/valid_001.bmp", "--top", "2", "--json")),
                     0);
    text = output("out");
    photo = strchr(text, '\n') + 1;
    json = parse(photo, strlen(photo));
    assert_string_equal(rn_json_string(rn_json_member(json, "photo")), "photos/valid/class1/valid_001.bmp");
    assert_int_equal(rn_json_count(rn_json_member(json, "predictions")), 2);
    first = rn_json_first(rn_json_member(json, "predictions"));
    assert_true(rn_test_member(first, "probability") >= rn_test_member(rn_json_next(first), "probability"));
    assert_non_null(rn_json_string(rn_json_member(first, "name")));
    assert_int_equal(strncmp(rn_json_string(rn_json_member(first, "folder")), "class", 5), 0);
    rn_json_destroy(json);
    json = parse(text, (size_t)(photo - text));
    rn_json_destroy(json);
    free(text);

    assert_int_equal(run(ARGUMENTS("predict", "run/best.safetensors", "photos/valid/class2/valid_000.bmp")), 0);
    text = output("out");
    assert_non_null(strstr(text, " %  "));
    assert_non_null(strstr(text, "class2/valid_000.bmp  ("));
    assert_null(strchr(text, '\033')); /* no colours into a file */
    free(text);
}

/* The run of the test before, with its photos and without. */
static void a_run_has_a_report(void **state)
{
    rn_json *json;
    size_t size;
    char *text;

    (void)state;
    assert_int_equal(run(ARGUMENTS("report", "run", "photos/valid", "--curves", "curves.svg", "--pictures", "3",
                                   "--mirror", "--threads", "1", "--json")),
                     0);
    text = output("out");
    json = parse(text, strlen(text));
    assert_string_equal(rn_json_string(rn_json_member(json, "report")), "run/report.html");
    assert_true(rn_test_member(json, "top5") == 1 && rn_test_member(json, "count") == CLASSES * VALID);
    assert_true(rn_test_member(json, "f1") > 0.3 && rn_test_member(json, "accuracy") > 0.5);
    rn_json_destroy(json);
    free(text);
    text = rn_test_file(rn_test_path(work, "run/report.html"), &size);
    assert_non_null(text);
    assert_non_null(strstr(text, "<h1>Training report</h1>"));
    assert_non_null(strstr(text, "Phase all, the last one, is complete."));
    assert_non_null(strstr(text, "Images per second in training"));
    assert_non_null(strstr(text, "rows &quot;\xe2\x89\xa1&quot;"));
    free(text);
    text = rn_test_file(rn_test_path(work, "curves.svg"), &size);
    assert_non_null(text);
    assert_ptr_equal(strstr(text, "<svg "), text);
    free(text);
    assert_int_equal(run(ARGUMENTS("report", "run", "--out", "alone.html", "--title", "alone")), 0);
    text = output("out");
    assert_string_equal(text, "report: alone.html\n");
    free(text);
}

/* Folders stand where pages would be written. */
static void a_page_that_cannot_be_written_stops_nothing(void **state)
{
    char *text;

    (void)state;
    assert_int_equal(mkdir(rn_test_path(work, "blocked"), 0755), 0);
    assert_int_equal(mkdir(rn_test_path(work, "blocked/report.html"), 0755), 0);
    assert_int_equal(run(ARGUMENTS("finetune", "photos", "--arch", "cifar_resnet20", "--from-scratch", "--out",
                                   "blocked", "--epochs", "2", "--threads", "1")),
                     0);
    text = output("err");
    assert_non_null(strstr(text, "warning: the page about the run, report.html, is not complete: blocked/report.html"));
    assert_null(strstr(strstr(text, "not complete") + 1, "not complete")); /* said once */
    free(text);
    text = output("out");
    assert_null(strstr(text, "report: ")); /* what stands there is none */
    free(text);
    assert_int_equal(access(rn_test_path(work, "blocked/best.safetensors"), F_OK), 0);

    assert_int_equal(run(ARGUMENTS("finetune", "photos", "--arch", "cifar_resnet20", "--from-scratch", "--out",
                                   "without", "--epochs", "1", "--threads", "1", "--no-report")),
                     0);
    assert_int_equal(access(rn_test_path(work, "without/report.html"), F_OK), -1);
    text = output("out");
    assert_null(strstr(text, "report"));
    free(text);
}

static void each_fold_has_a_page(void **state)
{
    (void)state;
    assert_int_equal(run(ARGUMENTS("finetune", "photos", "--arch", "cifar_resnet20", "--from-scratch", "--out", "folds",
                                   "--epochs", "1", "--threads", "1", "--folds", "2")),
                     0);
    rn_test_output_has(work, "folds/fold1/report.html", "<section id=\"evaluation\"");
    rn_test_output_has(work, "folds/fold2/report.html", "<section id=\"evaluation\"");
}

static void a_run_is_not_overwritten_without_resume(void **state)
{
    (void)state;
    rn_test_refusal(work,
                    ARGUMENTS("finetune", "photos", "--arch", "cifar_resnet20", "--weights", "base.safetensors",
                              "--out", "run", "--epochs", "1"),
                    1, "run");
}

static void a_network_by_name_is_evaluated_with_its_own_classes_or_the_folders(void **state)
{
    char *text;
    rn_json *json;
    double loss;

    (void)state;
    /* Ten classes for folders of three: no accuracy, but logits. */
    rn_test_refusal(work,
                    ARGUMENTS("evaluate", "--arch", "cifar_resnet20", "--weights", "base.safetensors", "photos/valid"),
                    1, "classes");
    assert_int_equal(run(ARGUMENTS("evaluate", "--arch", "cifar_resnet20", "--weights", "base.safetensors",
                                   "photos/valid", "--logits", "ten.f32", "--json")),
                     0);
    text = output("out");
    json = parse(text, strlen(text));
    assert_false(rn_json_number(&loss, rn_json_member(json, "accuracy")));
    assert_true(rn_test_member(json, "classes") == 10);
    rn_json_destroy(json);
    free(text);
    {
        struct stat info;

        assert_int_equal(stat(rn_test_path(work, "ten.f32"), &info), 0);
        assert_int_equal(info.st_size, CLASSES * VALID * 10 * 4);
    }
    /* A head of three. */
    assert_int_equal(run(ARGUMENTS("evaluate", "--arch", "cifar_resnet20", "--weights", "run/best.safetensors",
                                   "photos/valid", "--json")),
                     0);
    text = output("out");
    json = parse(text, strlen(text));
    assert_true(rn_test_member(json, "classes") == CLASSES && rn_test_member(json, "accuracy") > 0.6);
    rn_json_destroy(json);
    free(text);
}

/* What finetune wrote, with its head under another name and a tensor that nobody needs. */
static void write_renamed(const char *path)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *from = NULL, *to = NULL;

    require_ok(context, rn_checkpoint_open(&from, context, rn_test_path(work, "run/best.safetensors"), NULL));
    require_ok(context, rn_checkpoint_create(&to, context));
    for (size_t i = 0; i < rn_checkpoint_count(from); i++) {
        const char *const name = rn_checkpoint_name(from, i);
        const bool is_head = strncmp(name, "linear.", 7) == 0;
        char other[128];

        snprintf(other, sizeof other, "%s%s", is_head ? "head.out." : "", is_head ? name + 7 : name);
        require_ok(context, rn_checkpoint_add(to, other, rn_checkpoint_tensor(from, i)));
        if (is_head)
            require_ok(context,
                       rn_checkpoint_add(to, name[7] == 'w' ? "queue.a" : "queue.b", rn_checkpoint_tensor(from, i)));
    }
    require_ok(context, rn_checkpoint_save(to, path, RN_FORMAT_SAFETENSORS, NULL));
    rn_checkpoint_destroy(to);
    rn_checkpoint_destroy(from);
    rn_context_destroy(context);
}

static void names_in_a_file_of_weights_may_be_given_others(void **state)
{
    char *text;
    rn_json *json;

    (void)state;
    write_renamed(rn_test_path(work, "renamed.safetensors"));
    rn_test_refusal(
        work, ARGUMENTS("evaluate", "--arch", "cifar_resnet20", "--weights", "renamed.safetensors", "photos/valid"), 1,
        "'head.out' (3, 64) looks like it");
    rn_test_refusal(work,
                    ARGUMENTS("finetune", "photos", "--arch", "cifar_resnet20", "--weights", "renamed.safetensors",
                              "--out", "other"),
                    1, "--new-head begins a fresh head, --rename FROM=TO");
    rn_test_refusal(work,
                    ARGUMENTS("evaluate", "--arch", "cifar_resnet20", "--weights", "renamed.safetensors",
                              "photos/valid", "--rename", "head.out=linear"),
                    1, "surplus: queue.");
    assert_int_equal(run(ARGUMENTS("evaluate", "--arch", "cifar_resnet20", "--weights", "renamed.safetensors",
                                   "photos/valid", "--rename", "head.out=linear,queue", "--json")),
                     0);
    text = output("out");
    json = parse(text, strlen(text));
    assert_true(rn_test_member(json, "classes") == CLASSES && rn_test_member(json, "accuracy") > 0.6);
    rn_json_destroy(json);
    free(text);
}

static void bench_measures_each_mode(void **state)
{
    static const char *const modes[] = { "train", "frozen", "infer" };

    (void)state;
    for (int i = 0; i < 3; i++) {
        char *text;
        rn_json *json;

        assert_int_equal(run(ARGUMENTS("bench", "--arch", "cifar_resnet20", "--mode", modes[i], "--batch", "2",
                                       "--threads", "1", "--json")),
                         0);
        text = output("out");
        json = parse(text, strlen(text));
        assert_true(rn_test_member(json, "images_per_second") > 0 && rn_test_member(json, "peak_mib") > 0 &&
                    rn_test_member(json, "plan_mib") > 0 && rn_test_member(json, "batch") == 2);
        assert_string_equal(rn_json_string(rn_json_member(json, "mode")), modes[i]);
        rn_json_destroy(json);
        free(text);
    }
}

/* The baseline has no products of bfloat16: it says so and goes on. */
static void bench_says_in_what_it_computed(void **state)
{
    static const char *const precisions[] = { "fp32", "bf16" };

    (void)state;
    assert_int_equal(setenv("RN_ISA", "baseline", 1), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(run(ARGUMENTS("bench", "--arch", "cifar_resnet20", "--mode", "infer", "--batch", "1", "--json",
                                       "--precision", precisions[i])),
                         0);
        rn_test_output_has(work, "out", "\"precision\": \"fp32\"");
    }
    rn_test_output_has(work, "err", "warning: no products of bfloat16");
    unsetenv("RN_ISA");
    assert_int_equal(run(ARGUMENTS("bench", "--arch", "cifar_resnet20", "--mode", "infer", "--batch", "1", "--json",
                                   "--precision", "bf16")),
                     0);
    rn_test_output_has(work, "out", rn_test_has_bfloat16() ? "\"precision\": \"bf16\"" : "\"precision\": \"fp32\"");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_is_on_stdout_and_no_failure),
        cmocka_unit_test(wrong_usage_is_one_line_and_2),
        cmocka_unit_test(what_fails_is_one_line_and_1),
        cmocka_unit_test(from_photos_to_predictions),
        cmocka_unit_test(a_run_has_a_report),
        cmocka_unit_test(a_page_that_cannot_be_written_stops_nothing),
        cmocka_unit_test(each_fold_has_a_page),
        cmocka_unit_test(a_run_is_not_overwritten_without_resume),
        cmocka_unit_test(a_network_by_name_is_evaluated_with_its_own_classes_or_the_folders),
        cmocka_unit_test(names_in_a_file_of_weights_may_be_given_others),
        cmocka_unit_test(bench_measures_each_mode),
        cmocka_unit_test(bench_says_in_what_it_computed),
    };

    rn_test_programs(argc, argv);
    return cmocka_run_group_tests(tests, set_up, NULL);
}
