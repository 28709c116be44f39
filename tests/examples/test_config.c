/* SPDX-License-Identifier: MIT */
/* Options from a JSON file and from recipes: which wins, what is refused; a run is repeated from its own file. */
#define _POSIX_C_SOURCE 200809L
#include "examples/programs.h"
#include "train/runs.h"

#include <sys/stat.h>

enum { CLASSES = 2, TRAIN = 5, VALID = 3, SIDE = 32 };

static const char *work; /* with photos/ */

static int set_up(void **state)
{
    (void)state;
    work = rn_test_directory();
    assert_int_equal(mkdir(rn_test_path(work, "photos"), 0777), 0);
    rn_test_photos(rn_test_path(work, "photos"), "train", CLASSES, TRAIN, SIDE, 1);
    rn_test_photos(rn_test_path(work, "photos"), "valid", CLASSES, VALID, SIDE, 2);
    return 0;
}

static int train(const char *const *arguments)
{
    return rn_test_program(work, arguments, 0, -1);
}

static void put(const char *name, const char *text)
{
    rn_test_write_file(rn_test_path(work, name), text, strlen(text));
}

static rn_json *take(const char *name)
{
    char *text = rn_test_program_output(work, name);
    rn_json *json = NULL;

    assert_int_equal(rn_json_parse(&json, text, strlen(text), NULL), RN_OK);
    free(text);
    return json;
}

static void require_text(const rn_json *json, const char *name, const char *value)
{
    const char *const found = rn_json_string(rn_json_member(json, name));

    if (found == NULL || strcmp(found, value) != 0)
        fail_msg("\"%s\" is \"%s\", not \"%s\"", name, found != NULL ? found : "nothing", value);
}

/* Every kind of value, and the command line over it; what the run was left with repeats it to the byte. */
static void a_run_is_repeated_from_its_own_configuration(void **state)
{
    rn_json *json;

    (void)state;
    put("own.json",
        "{ \"data\": \"photos\", \"arch\": \"cifar_resnet20\", \"from-scratch\": true, \"epochs\": 9,\n"
        "  \"lr\": \"3e-3\", \"label-smoothing\": 0.1, \"seed\": \"18446744073709551615\", \"memory\": \"64M\",\n"
        "  \"threads\": 1, \"out\": \"first\", \"optimizer\": \"sgd\", \"precision\": \"fp32\" }\n");
    assert_int_equal(train(ARGUMENTS("finetune", "--config", "own.json", "--epochs=2", "--optimizer", "adamw")), 0);
    rn_test_output_has(work, "out", "training: 2 epochs of everything");
    rn_test_output_has(work, "out", "AdamW");
    rn_test_output_has(work, "out", "recipe tutorial");
    json = take("first/config.json");
    require_text(json, "data", "photos");
    require_text(json, "optimizer", "adamw");
    require_text(json, "recipe", "tutorial");
    require_text(json, "seed", "18446744073709551615");
    require_text(json, "memory", "67108864");
    assert_true(rn_test_member(json, "epochs") == 2 && rn_test_member(json, "lr") == 3e-3 &&
                rn_test_member(json, "label-smoothing") == 0.1 &&
                rn_json_is_true(rn_json_member(json, "from-scratch")));
    assert_null(rn_json_member(json, "config"));
    assert_null(rn_json_member(json, "lr-step"));
    rn_json_destroy(json);

    assert_int_equal(train(ARGUMENTS("finetune", "--config", "first/config.json", "--out", "second")), 0);
    rn_test_same_results(rn_test_path(work, "second"), rn_test_path(work, "first"));
    assert_int_equal(train(ARGUMENTS("finetune", "--config", "first/config.json", "--resume", "--json")), 0);
    json = take("first/config.json");
    assert_null(rn_json_member(json, "resume"));
    rn_json_destroy(json);
}

/* The second fold finds a file in its folder's place: the first has said by then what was asked for. */
static void a_run_of_folds_that_is_cut_short_has_its_configuration(void **state)
{
    rn_json *json;

    (void)state;
    mkdir(rn_test_path(work, "cut"), 0777);
    put("cut/fold2", "");
    assert_int_not_equal(train(ARGUMENTS("finetune", "photos", "--arch", "cifar_resnet20", "--from-scratch", "--epochs",
                                         "1", "--threads", "1", "--preset", "cifar", "--folds", "2", "--out", "cut")),
                         0);
    json = take("cut/config.json");
    assert_true(rn_test_member(json, "folds") == 2);
    rn_json_destroy(json);
}

/* A recipe is under both the file and the command line; a flag of the file can be taken back. */
static void what_stands_nearer_wins(void **state)
{
    rn_json *json;

    (void)state;
    put("tuned.json", "{\"recipe\": \"tuned\", \"epochs\": 1, \"preset\": \"cifar\", \"skip-bad-photos\": true}");
    assert_int_equal(
        train(ARGUMENTS("finetune", "photos", "--config", "tuned.json", "--arch", "cifar_resnet20", "--from-scratch",
                        "--threads", "1", "--views", "2", "--skip-bad-photos=false", "--out", "tuned")),
        0);
    rn_test_output_has(work, "out", "rate falling as a cosine");
    rn_test_output_has(work, "out", "recipe tuned");
    json = take("tuned/config.json");
    require_text(json, "recipe", "tuned");
    require_text(json, "schedule", "cosine");
    require_text(json, "preset", "cifar");
    assert_true(rn_test_member(json, "epochs") == 1 && rn_test_member(json, "views") == 2);
    assert_null(rn_json_member(json, "skip-bad-photos"));
    rn_json_destroy(json);
    assert_int_equal(train(ARGUMENTS("report", "tuned")), 0);
    rn_test_output_has(work, "tuned/report.html", "Options of the program (config.json)");
    rn_test_output_has(work, "tuned/report.html", "<th scope=\"row\">recipe</th><td class=\"w\">tuned</td>");
}

static void refused(const char *text, const char *words)
{
    put("bad.json", text);
    rn_test_refusal(work, ARGUMENTS("finetune", "photos", "--config", "bad.json"), 2, words);
}

static void what_makes_no_sense_is_refused_by_name(void **state)
{
    (void)state;
    refused("{\"epoch\": 3}", "bad.json: there is no option \"epoch\"; the nearest is \"epochs\"");
    refused("{\"label_smoothing\": 0.1}", "the nearest is \"label-smoothing\"");
    refused("{\"epochs\": 3, \"lr\": 1, \"epochs\": 4}", "\"epochs\" is there twice");
    refused("{\"epochs\": true}", "\"epochs\" is to be a number");
    refused("{\"epochs\": [3]}", "\"epochs\" is to be a number");
    refused("{\"epochs\": 2.5}", "--epochs cannot be \"2.5\"");
    refused("{\"epochs\": 1e300}", "--epochs cannot be");
    refused("{\"arch\": 18}", "\"arch\" is to be a text in quotes");
    refused("{\"data\": null}", "\"data\" is to be a text in quotes");
    refused("{\"resume\": \"yes\"}", "\"resume\" is to be true or false");
    refused("{\"recipe\": \"fast\"}", "--recipe is tutorial or tuned");
    refused("[]", "bad.json: an object of options is expected");
    refused("{\n\"epochs\": 3,,\n}", "bad.json, line 2: this is no JSON");
    refused("", "this is no JSON");
    rn_test_refusal(work, ARGUMENTS("finetune", "photos", "--config", "none.json"), 2, "none.json: No such file");
    rn_test_refusal(work, ARGUMENTS("finetune", "photos", "--recipe=fast"), 2, "--recipe is tutorial or tuned");
    rn_test_refusal(work, ARGUMENTS("finetune", "photos", "--fro-scratch"), 2, "the nearest is --from-scratch");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_repeated_from_its_own_configuration),
        cmocka_unit_test(a_run_of_folds_that_is_cut_short_has_its_configuration),
        cmocka_unit_test(what_stands_nearer_wins),
        cmocka_unit_test(what_makes_no_sense_is_refused_by_name),
    };

    rn_test_programs(argc, argv);
    return cmocka_run_group_tests(tests, set_up, NULL);
}
