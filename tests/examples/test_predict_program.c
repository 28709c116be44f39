/* SPDX-License-Identifier: MIT */
/* predict: whatever file holds a network, whatever the command line means by photos. */
#define _POSIX_C_SOURCE 200809L
#include "base/json.h"
#include "examples/programs.h"
#include "train/runs.h"

#include <sys/stat.h>
#include <unistd.h>

enum { SIDE = 32, CLASSES = 3, TRAIN = 4, VALID = 2 };

static const char
    *work; /* train, valid, run/, script.pth (a training script's), bare.pth, other.pth, names.txt, mixed/ */

static int run(const char *const *arguments)
{
    return rn_test_program(work, arguments, 0, -1);
}

/* The weights of the run with a head of another name: "linear.0.weight", as torch.nn.Sequential heads have it. */
static void write_head(const char *path, const char *head)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_checkpoint *from = NULL, *to = NULL;

    require_ok(context, rn_checkpoint_open(&from, context, rn_test_path(work, "run/best.safetensors"), NULL));
    require_ok(context, rn_checkpoint_create(&to, context));
    for (size_t i = 0; i < rn_checkpoint_count(from); i++) {
        const char *const name = rn_checkpoint_name(from, i);
        char other[128];

        snprintf(other, sizeof other, "%s%s", strncmp(name, "linear.", 7) == 0 ? head : "",
                 strncmp(name, "linear.", 7) == 0 ? name + 7 : name);
        require_ok(context, rn_checkpoint_add(to, other, rn_checkpoint_tensor(from, i)));
    }
    require_ok(context, rn_checkpoint_save(to, path, RN_FORMAT_TORCH, NULL));
    rn_checkpoint_destroy(to);
    rn_checkpoint_destroy(from);
    rn_context_destroy(context);
}

static int set_up(void **state)
{
    static const char names[] = "first, with a comma\n\"second\"\r\nfirst, with a comma\n\n";

    (void)state;
    work = rn_test_directory();
    rn_test_photos(work, "train", CLASSES, TRAIN, SIDE, 1);
    rn_test_photos(work, "valid", CLASSES, VALID, SIDE, 2);
    assert_int_equal(run(ARGUMENTS("finetune", ".", "--arch", "cifar_resnet20", "--from-scratch", "--epochs", "1",
                                   "--threads", "1")),
                     0);
    assert_int_equal(
        run(ARGUMENTS("checkpoint", "convert", "run/last.safetensors", "script.pth", "--format", "training")), 0);
    write_head(rn_test_path(work, "bare.pth"), "linear.0.");
    write_head(rn_test_path(work, "other.pth"), "last_layer.");
    rn_test_write_file(rn_test_path(work, "names.txt"), names, sizeof names - 1);
    assert_int_equal(mkdir(rn_test_path(work, "mixed"), 0777), 0);
    assert_int_equal(mkdir(rn_test_path(work, "mixed/below"), 0777), 0);
    rn_test_copy_file(rn_test_path(work, "mixed/below/good.bmp"), rn_test_path(work, "valid/class0/valid_000.bmp"));
    rn_test_copy_file(rn_test_path(work, "mixed/last.BMP"), rn_test_path(work, "valid/class1/valid_000.bmp"));
    rn_test_write_file(rn_test_path(work, "mixed/bad.jpg"), names, sizeof names - 1);
    rn_test_write_file(rn_test_path(work, "mixed/notes.txt"), names, sizeof names - 1);
    rn_test_write_file(rn_test_path(work, "mixed/.hidden.bmp"), names, sizeof names - 1);
    assert_int_equal(symlink("../mixed", rn_test_path(work, "mixed/circle")), 0);
    return 0;
}

static rn_json *object(const char **text)
{
    const char *const end = strchr(*text, '\n');
    rn_json *json = NULL;

    assert_non_null(end);
    assert_int_equal(rn_json_parse(&json, *text, (size_t)(end - *text), NULL), RN_OK);
    *text = end + 1;
    return json;
}

static void a_folder_is_all_photos_below_and_bad_ones_are_named(void **state)
{
    char *text;
    const char *at;
    rn_json *json;

    (void)state;
    assert_int_equal(run(ARGUMENTS("predict", "run/best.safetensors", "mixed", "--json")), 1);
    at = text = rn_test_program_output(work, "out");
    json = object(&at);
    assert_string_equal(rn_json_string(rn_json_member(json, "photo")), "mixed/bad.jpg");
    assert_non_null(strstr(rn_json_string(rn_json_member(json, "error")), "mixed/bad.jpg: none of JPEG"));
    rn_json_destroy(json);
    json = object(&at);
    assert_string_equal(rn_json_string(rn_json_member(json, "photo")), "mixed/below/good.bmp");
    assert_int_equal(rn_json_count(rn_json_member(json, "predictions")), CLASSES);
    rn_json_destroy(json);
    json = object(&at);
    assert_string_equal(rn_json_string(rn_json_member(json, "photo")), "mixed/last.BMP");
    rn_json_destroy(json);
    assert_string_equal(at, "");
    free(text);
    rn_test_output_has(work, "err", "predict: mixed/bad.jpg: ");
    rn_test_output_has(work, "err", "1 of 3 photos cannot be used");
}

/* What training reads from a folder, prediction does, too. */
static void a_folder_is_read_as_training_reads_it(void **state)
{
    char photo[13 + 32 * 32 * 3] = "P6 32 32 255\n";

    (void)state;
    assert_int_equal(mkdir(rn_test_path(work, "others"), 0777), 0);
    rn_test_write_file(rn_test_path(work, "others/a.ppm"), photo, sizeof photo);
    rn_test_write_file(rn_test_path(work, "others/b.gif"), "GIF89a", 6);
    assert_int_equal(run(ARGUMENTS("predict", "run/best.safetensors", "others")), 0);
    rn_test_output_has(work, "out",
                       "photos: 1; the 3 most probable classes of each; pictures of kinds that are not read");
    rn_test_output_has(work, "out", "others/a.ppm");
}

static void no_photo_is_a_failure(void **state)
{
    (void)state;
    assert_int_equal(mkdir(rn_test_path(work, "none"), 0777), 0);
    rn_test_write_file(rn_test_path(work, "none/a.gif"), "x", 1);
    rn_test_refusal(work, ARGUMENTS("predict", "run/best.safetensors", "none"), 1, "there is no photo");
    rn_test_refusal(work, ARGUMENTS("predict", "run/best.safetensors", "x.bmp", "--csv", "--json"), 2, "not both");
}

static void csv_is_a_record_an_answer(void **state)
{
    char *text, *line;
    int lines = 0;
    double sum = 0;

    (void)state;
    assert_int_equal(run(ARGUMENTS("predict", "bare.pth", "mixed/below", "--csv", "--all", "--classes", "names.txt")),
                     0);
    text = rn_test_program_output(work, "out");
    assert_int_equal(strncmp(text, "photo,rank,index,folder,name,probability\r\n", 42), 0);
    for (line = text; (line = strstr(line, "\r\n")) != NULL; line += 2) {
        if (lines++ > 0) { /* the probability stands last */
            const char *comma = line;

            while (*comma != ',')
                comma--;
            sum += strtod(comma + 1, NULL);
        }
    }
    assert_int_equal(lines, 1 + CLASSES);
    assert_true(fabs(sum - 1) < 1e-6);
    assert_non_null(strstr(text, ",\"first, with a comma\","));
    assert_non_null(strstr(text, ",\"\"\"second\"\"\","));
    assert_non_null(strstr(text, "\r\nmixed/below/good.bmp,3,"));
    free(text);
}

static void the_checkpoint_of_a_script_brings_its_network_and_classes(void **state)
{
    char *text[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(run(ARGUMENTS("predict", i == 0 ? "run/last.safetensors" : "script.pth", "valid", "--csv")),
                         0);
        text[i] = rn_test_program_output(work, "out");
    }
    assert_string_equal(text[0], text[1]);
    assert_non_null(strstr(text[1], ",class2,class2,"));
    rn_test_output_has(work, "err", "cifar_resnet20, 3 classes");
    free(text[0]);
    free(text[1]);
}

static void bare_weights_are_recognised_and_spoken_of(void **state)
{
    char *text[3];

    (void)state;
    assert_int_equal(run(ARGUMENTS("predict", "run/best.safetensors", "valid", "--csv")), 0);
    text[0] = rn_test_program_output(work, "out");
    assert_int_equal(run(ARGUMENTS("predict", "bare.pth", "valid", "--csv", "--classes", "train")), 0);
    text[1] = rn_test_program_output(work, "out");
    assert_string_equal(text[0], text[1]); /* the same head, the folders' names */
    rn_test_output_has(work, "err", "bare.pth does not say which network its weights are of: they fit cifar_resnet20");

    assert_int_equal(run(ARGUMENTS("predict", "bare.pth", "valid", "--csv", "--arch", "cifar_resnet20")), 0);
    text[2] = rn_test_program_output(work, "err");
    assert_null(strstr(text[2], "they fit"));
    assert_non_null(strstr(text[2], "--classes takes names from a file"));
    for (int i = 0; i < 3; i++)
        free(text[i]);
    assert_int_equal(run(ARGUMENTS("predict", "bare.pth", "valid", "--arch", "resnet18")), 1);
    rn_test_output_has(work, "err", "names and shapes are those of cifar_resnet20");
    rn_test_write_file(rn_test_path(work, "two.txt"), "a\nb\n", 4);
    assert_int_equal(run(ARGUMENTS("predict", "bare.pth", "valid", "--classes", "two.txt")), 1);
}

/* How many classes it has is seen at its form, once it is known where it is. */
static void a_head_of_another_name_is_renamed(void **state)
{
    char *text[2];

    (void)state;
    assert_int_equal(run(ARGUMENTS("predict", "bare.pth", "valid", "--csv")), 0);
    text[0] = rn_test_program_output(work, "out");
    assert_int_equal(run(ARGUMENTS("predict", "other.pth", "valid", "--arch", "cifar_resnet20")), 1);
    rn_test_output_has(work, "err", "'last_layer' (3, 64) looks like it: rn_load_options.rename it to 'linear'");
    rn_test_output_has(work, "err", "Here: --arch NAME, --rename FROM=TO");
    assert_int_equal(run(ARGUMENTS("predict", "other.pth", "valid", "--csv", "--arch", "cifar_resnet20", "--rename",
                                   "last_layer=linear")),
                     0);
    text[1] = rn_test_program_output(work, "out");
    assert_string_equal(text[0], text[1]);
    free(text[0]);
    free(text[1]);
}

static void names_are_given_to_folders(void **state)
{
    static const char labels[] = "{\"class0\": \"rose\", \"class1\": \"lily\", \"class2\": \"iris\"}";

    (void)state;
    rn_test_write_file(rn_test_path(work, "labels.json"), labels, sizeof labels - 1);
    assert_int_equal(run(ARGUMENTS("predict", "run/best.safetensors", "valid", "--labels", "labels.json")), 0);
    rn_test_output_has(work, "out", "valid_001.bmp  (iris)");
    assert_int_equal(
        run(ARGUMENTS("predict", "bare.pth", "valid", "--classes", "train", "--labels", "labels.json", "--json")), 0);
    rn_test_output_has(work, "out", "\"name\": \"lily\"");
}

/* Of all classes each label is one; what the mirror image says counts as much as the photo. */
static void evaluate_counts_the_most_probable_and_several_views(void **state)
{
    double loss[2];

    (void)state;
    for (int mirror = 0; mirror < 2; mirror++) {
        const char *at;
        char *text;
        rn_json *json;

        assert_int_equal(run(ARGUMENTS("evaluate", "run/best.safetensors", "valid", "--json", "--top", "3",
                                       mirror ? "--mirror" : "--threads=1")),
                         0);
        at = text = rn_test_program_output(work, "out");
        json = object(&at);
        assert_true(rn_test_member(json, "top") == 3 && rn_test_member(json, "top_accuracy") == 1);
        loss[mirror] = rn_test_member(json, "loss");
        rn_json_destroy(json);
        free(text);
    }
    assert_true(fabs(loss[0] - loss[1]) > 1e-9);
    rn_test_refusal(work, ARGUMENTS("evaluate", "run/best.safetensors", "."), 1,
                    "has no folder 'mixed'; photos are to lie in DIR/CLASS/");
    assert_int_equal(run(ARGUMENTS("evaluate", "run/best.safetensors", "valid", "--top", "1")), 0);
    rn_test_output_has(work, "out", "among the 1 most probable: ");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_is_all_photos_below_and_bad_ones_are_named),
        cmocka_unit_test(a_folder_is_read_as_training_reads_it),
        cmocka_unit_test(no_photo_is_a_failure),
        cmocka_unit_test(csv_is_a_record_an_answer),
        cmocka_unit_test(the_checkpoint_of_a_script_brings_its_network_and_classes),
        cmocka_unit_test(bare_weights_are_recognised_and_spoken_of),
        cmocka_unit_test(a_head_of_another_name_is_renamed),
        cmocka_unit_test(names_are_given_to_folders),
        cmocka_unit_test(evaluate_counts_the_most_probable_and_several_views),
    };

    rn_test_programs(argc, argv);
    return cmocka_run_group_tests(tests, set_up, NULL);
}
