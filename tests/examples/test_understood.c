/* SPDX-License-Identifier: MIT */
/*
 * What the programs say before they begin, what they warn of, and that neither odd names nor an output that cannot be
 * written go by in silence.
 */
#define _POSIX_C_SOURCE 200809L
#include "base/json.h"
#include "examples/programs.h"
#include "train/runs.h"

#include <sys/stat.h>
#include <unistd.h>

enum { SIDE = 32, TRAIN = 5, VALID = 2 };

#define ODD_NAME "odd\x1b[31m\x1b]0;t\x07\n\xc2\x9b\xe2\x80\xae\xb0\xa1.bmp"

static const char *work; /* photos/train, photos/valid, base.safetensors (10 classes), odd.safetensors */

static int run(const char *const *arguments)
{
    return rn_test_program(work, arguments, 0, -1);
}

static char *output(const char *name)
{
    return rn_test_program_output(work, name);
}

static int warnings(void)
{
    char *text = output("err");
    int count = 0;

    for (const char *at = text; (at = strstr(at, "warning: ")) != NULL; at++)
        count++;
    free(text);
    return count;
}

/* The first three lines of a file; each has its words. */
static void require_understood(const char *name, const char *network, const char *photos, const char *training)
{
    const char *const begin[] = { "network: ", "photos: ", "training: " }, *const words[] = { network, photos,
                                                                                              training };
    char *text = output(name), *line = text;

    for (int i = 0; i < 3; i++) {
        char *end = strchr(line, '\n');

        assert_non_null(end);
        *end = '\0';
        if (strncmp(line, begin[i], strlen(begin[i])) != 0 || strstr(line, words[i]) == NULL)
            fail_msg("\"%s\" with \"%s\" was expected: %s", begin[i], words[i], line);
        line = end + 1;
    }
    free(text);
}

static const char *new_photos(int classes, const char *validation)
{
    const char *directory = rn_test_directory();

    rn_test_photos(directory, "train", classes, TRAIN, SIDE, 1);
    rn_test_photos(directory, validation, classes, VALID, SIDE, 2);
    return directory;
}

/* One epoch from scratch on a folder, which ends well. */
static void train_on(const char *photos, const char *pipeline, const char *training_pipeline)
{
    assert_int_equal(run(ARGUMENTS("finetune", photos, "--arch", "cifar_resnet20", "--from-scratch", "--epochs", "1",
                                   "--threads", "1", "--out", rn_test_new_directory(), "--pipeline", pipeline,
                                   "--training-pipeline", training_pipeline)),
                     0);
}

#define PLAIN "ToTensor()"

static void save_model(rn_context *context, const char *name, const rn_classes *classes)
{
    rn_model *model = NULL;

    require_ok(context, rn_model_create(&model, context, "cifar_resnet20", RN_OPTIONS(rn_model, .classes = classes)));
    require_ok(context, rn_model_save(model, rn_test_path(work, name), NULL));
    rn_model_destroy(model);
}

static int set_up(void **state)
{
    static const char *const folders[] = { "esc\x1b[2J", "c1\xc2\x9b", "bidi\xe2\x80\xae", "line\nend" };
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_classes *odd = NULL;

    (void)state;
    work = rn_test_directory();
    assert_int_equal(mkdir(rn_test_path(work, "photos"), 0777), 0);
    rn_test_photos(rn_test_path(work, "photos"), "train", 3, TRAIN, SIDE, 1);
    rn_test_photos(rn_test_path(work, "photos"), "valid", 3, VALID, SIDE, 2);
    rn_test_copy_file(rn_test_path(work, ODD_NAME), rn_test_path(work, "photos/valid/class0/valid_000.bmp"));
    require_ok(context, rn_classes_create(&odd, context, folders, NULL, 4));
    save_model(context, "base.safetensors", NULL);
    save_model(context, "odd.safetensors", odd);
    rn_classes_destroy(odd);
    rn_context_destroy(context);
    return 0;
}

/* ---- what was understood ---------------------------------------------------------------------------------------- */

static void finetune_says_what_it_understood(void **state)
{
    const char *const arguments[] = { "finetune",        "photos",
                                      "--arch",          "cifar_resnet20",
                                      "--weights",       "base.safetensors",
                                      "--frozen-epochs", "1",
                                      "--epochs",        "2",
                                      "--threads",       "1",
                                      "--out",           "run",
                                      "--json",          NULL };
    char *text;

    (void)state;
    assert_int_equal(run(arguments), 0);
    require_understood("err", "cifar_resnet20, 3 classes; weights from base.safetensors, but the head starts afresh",
                       "3 classes; 15 photos for training in photos/train, 6 for validation in photos/valid",
                       "1 epoch of the head (195 of 269");
    rn_test_output_has(work, "err", "then 2 epochs of everything");
    rn_test_output_has(work, "err", "computing: on this CPU, 1 thread, ");
    rn_test_output_has(work, "err", "directory: run\n");
    assert_int_equal(warnings(), 0);
    text = output("out");
    assert_int_equal(text[0], '{');
    free(text);

    assert_int_equal(
        run(ARGUMENTS("finetune", "photos", "--arch", "cifar_resnet20", "--weights", "base.safetensors",
                      "--frozen-epochs", "1", "--epochs", "2", "--threads", "1", "--out", "run", "--resume")),
        0);
    require_understood("out", "then those of the run so far, run/last.safetensors", "15 photos", "Adam");

    assert_int_equal(
        run(ARGUMENTS("finetune", "photos", "--arch", "cifar_resnet20", "--weights", "run/best.safetensors",
                      "--frozen-epochs", "0", "--epochs", "1", "--threads", "1", "--out", "again")),
        0);
    require_understood("out", "weights from run/best.safetensors", "15 photos", "training: 1 epoch of everything");
    text = output("out");
    assert_null(strstr(text, "afresh"));
    free(text);
}

static void the_others_say_it_too(void **state)
{
    (void)state;
    assert_int_equal(run(ARGUMENTS("evaluate", "run/best.safetensors", "photos/valid", "--threads", "1")), 0);
    require_understood("out", "cifar_resnet20, 3 classes; weights from run/best.safetensors",
                       "3 classes; 6 photos in photos/valid", "none; each photo goes through ToTensor()");
    assert_int_equal(run(ARGUMENTS("predict", "run/best.safetensors", ODD_NAME, "--json")), 0);
    require_understood("err", "3 classes; weights from run/best.safetensors", "1;", "none");
    assert_int_equal(run(ARGUMENTS("bench", "--arch", "cifar_resnet20", "--mode", "frozen", "--batch", "2", "--threads",
                                   "1", "--json")),
                     0);
    require_understood("err", "cifar_resnet20, 10 classes; random weights", "2 random images of 32 x 32", "650 of ");
}

/* What can be chosen is trained with, and said; a number that the choice has no use for is refused. */
static void every_optimizer_and_schedule_trains(void **state)
{
    static const char *const chosen[][4] = {
        { "--optimizer", "adamw", "AdamW, rate times 0.1 every 7 epochs", "--weight-decay=0.1" },
        { "--optimizer", "rmsprop", "RMSprop", "--clip-norm=1" },
        { "--optimizer", "sgd", "SGD", "--label-smoothing=0.1" },
        { "--schedule", "cosine", "Adam, rate falling as a cosine", "--accumulate=2" },
        { "--schedule", "one-cycle", "rising and falling once", "--patience=1" },
        { "--schedule", "plateau", "where the loss does not", "--views=1" },
        { "--schedule", "constant", "constant after 1 epoch of warm-up", "--warmup=1" },
        { "--preset", "cifar", "training: ", "--slices=2" },
        { "--preset", "mirrored", "every 3 epochs", "--lr-step=3" },
        { "--ema", "0.9", "MixUp 0.2, weights averaged with 0.9", "--mixup=0.2" },
        { "--cutmix", "1", "batches of 8, CutMix 1", "--features=f.safetensors" },
        { "--lr-group", "linear=0.01", "Adam", "--batch=4" },
        { "--folds", "2", "mean and standard deviation of 2 folds", "--batch=4" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof chosen / sizeof chosen[0]; i++) {
        char option[32], *value;

        snprintf(option, sizeof option, "%s", chosen[i][3]);
        value = strchr(option, '=');
        *value++ = '\0';
        if (run(ARGUMENTS("finetune", "photos", "--arch", "cifar_resnet20", "--from-scratch", "--epochs", "2",
                          "--threads", "1", "--out", rn_test_new_directory(), chosen[i][0], chosen[i][1], option,
                          value)) != 0)
            fail_msg("%s %s %s: %s", chosen[i][0], chosen[i][1], option, output("err"));
        rn_test_output_has(work, "out", chosen[i][2]);
    }
    rn_test_refusal(work,
                    ARGUMENTS("finetune", "photos", "--arch", "cifar_resnet20", "--from-scratch", "--schedule",
                              "cosine", "--lr-step", "3", "--out", rn_test_new_directory()),
                    1, "lr_step_epochs is for");
    rn_test_refusal(
        work, ARGUMENTS("finetune", "photos", "--arch", "cifar_resnet20", "--from-scratch", "--optimizer", "lion"), 2,
        "--optimizer is adam");
    for (int i = 0; i < 5; i++) {
        static const char *const lists[] = { "fc", "=1", "fc=", "fc=-1", "fc=1,,x=1" };

        rn_test_refusal(
            work, ARGUMENTS("finetune", "photos", "--arch", "cifar_resnet20", "--from-scratch", "--lr-group", lists[i]),
            2, "--lr-group is PATTERN=X");
    }
    rn_test_refusal(work, ARGUMENTS("finetune", "photos", "--arch", "cifar_resnet20", "--from-scratch", "--folds", "1"),
                    2, "--folds begins at 2");
}

static void val_is_as_good_as_valid_and_both_are_refused(void **state)
{
    const char *photos = new_photos(2, "val");

    (void)state;
    train_on(photos, PLAIN, PLAIN);
    require_understood("out", "random weights", "/val", "Adam");
    rn_test_photos(photos, "valid", 2, VALID, SIDE, 3);
    assert_int_equal(run(ARGUMENTS("finetune", photos, "--arch", "cifar_resnet20", "--from-scratch")), 1);
    rn_test_output_has(work, "err", "both val and valid");
}

/* ---- warnings ---------------------------------------------------------------------------------------------------- */

static void one_class_is_warned_of(void **state)
{
    (void)state;
    train_on(new_photos(1, "valid"), PLAIN, PLAIN);
    rn_test_output_has(work, "err", "one class only (class0)");
    assert_int_equal(warnings(), 1);
}

static void validation_photos_that_are_training_photos_are_warned_of(void **state)
{
    const char *photos = new_photos(2, "valid");

    (void)state;
    train_on(photos, PLAIN, PLAIN); /* all of one size, but of other bytes */
    assert_int_equal(warnings(), 0);
    rn_test_copy_file(rn_test_path(photos, "valid/class1/copy.bmp"),
                      rn_test_path(photos, "train/class1/train_002.bmp"));
    train_on(photos, PLAIN, PLAIN);
    rn_test_output_has(work, "err", "1 of 5 validation photos are training photos");
    rn_test_output_has(work, "err", "valid/class1/copy.bmp");
    rn_test_output_has(work, "err", "train/class1/train_002.bmp");
    assert_int_equal(warnings(), 1);
}

static void a_training_at_another_scale_is_warned_of(void **state)
{
    const char *photos = new_photos(2, "valid");

    (void)state;
    train_on(photos, "Resize(128), CenterCrop(32), ToTensor()", "Resize(32, 32), ToTensor()");
    rn_test_output_has(work, "err", "another scale");
    assert_int_equal(warnings(), 1);
    train_on(photos, "Resize(36), CenterCrop(32), ToTensor()", "Resize(32, 40), CenterCrop(32), ToTensor()");
    assert_int_equal(warnings(), 0);
}

/* ---- odd names --------------------------------------------------------------------------------------------------- */

/* Nothing but printable characters and line ends. */
static void require_harmless(const char *name)
{
    char *text = output(name);

    for (const char *at = text; *at != '\0'; at++)
        assert_true((unsigned char)*at >= 0x20 || *at == '\n');
    assert_null(strstr(text, "\xc2\x9b"));
    assert_null(strstr(text, "\xe2\x80\xae"));
    assert_null(strchr(text, '\xb0'));
    free(text);
}

static void names_do_not_steer_a_terminal(void **state)
{
    (void)state;
    assert_int_equal(run(ARGUMENTS("predict", "odd.safetensors", ODD_NAME)), 0);
    require_harmless("out");
    rn_test_output_has(work, "out", "esc\\x1B[2J");
    rn_test_output_has(work, "out", "line\\x0Aend");
    rn_test_output_has(work, "out", "\\xB0\\xA1.bmp");
    assert_int_equal(run(ARGUMENTS("predict", "odd.safetensors", "missing" ODD_NAME)), 1);
    require_harmless("err");
    assert_int_equal(run(ARGUMENTS("finetune", ODD_NAME, "--arch", "cifar_resnet20", "--from-scratch")), 1);
    require_harmless("err");
    assert_int_equal(run(ARGUMENTS("evaluate", "base.safetensors", "--" ODD_NAME)), 2);
    require_harmless("err");
    assert_int_equal(run(ARGUMENTS("bench", "--arch", ODD_NAME)), 1);
    require_harmless("err");
}

static void json_stays_json_whatever_the_names(void **state)
{
    char *text;
    rn_json *json = NULL;

    (void)state;
    assert_int_equal(run(ARGUMENTS("predict", "odd.safetensors", ODD_NAME, "--json")), 0);
    require_harmless("out");
    require_harmless("err");
    text = output("out");
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    assert_int_equal(rn_json_parse(&json, text, strlen(text), NULL), RN_OK);
    assert_string_equal(rn_json_string(rn_json_member(json, "photo")),
                        "odd\x1b[31m\x1b]0;t\x07\n\xc2\x9b\xe2\x80\xae\\xB0\\xA1.bmp");
    assert_int_equal(rn_json_count(rn_json_member(json, "predictions")), 4);
    rn_json_destroy(json);
    free(text);
}

/* ---- output that cannot be written ------------------------------------------------------------------------------- */

static void require_unwritten(const char *const *arguments)
{
    for (int closed = 0; closed < 2; closed++) {
        const int answer = rn_test_program_into(closed ? NULL : "/dev/full", work, arguments);

        if (answer != 1)
            fail_msg("%s %s: %d", arguments[0], closed ? ">&-" : "> /dev/full", answer);
        rn_test_output_has(work, "err", "standard output");
    }
}

static void output_that_cannot_be_written_is_a_failure(void **state)
{
    static const char *const programs[] = { "finetune", "evaluate",   "predict",      "bench",
                                            "networks", "checkpoint", "fashion_mnist" };

    (void)state;
    if (access("/dev/full", W_OK) != 0)
        skip();
    for (int i = 0; i < 7; i++)
        require_unwritten(ARGUMENTS(programs[i], "--help"));
    require_unwritten(ARGUMENTS("predict", "odd.safetensors", ODD_NAME));
    require_unwritten(ARGUMENTS("predict", "odd.safetensors", ODD_NAME, "--json"));
    require_unwritten(ARGUMENTS("evaluate", "run/best.safetensors", "photos/valid", "--json"));
    require_unwritten(ARGUMENTS("bench", "--arch", "cifar_resnet20", "--mode", "infer", "--batch", "1", "--json"));
}

/* What a training prints must not land in the files that it opens. */
static void a_training_without_an_output_still_leaves_its_network(void **state)
{
    (void)state;
    assert_int_equal(rn_test_program_into(NULL, work,
                                          ARGUMENTS("finetune", "photos", "--arch", "cifar_resnet20", "--from-scratch",
                                                    "--epochs", "1", "--threads", "1", "--out", "mute", "--json")),
                     1);
    rn_test_output_has(work, "err", "standard output");
    assert_int_equal(run(ARGUMENTS("evaluate", "mute/best.safetensors", "photos/valid", "--threads", "1")), 0);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finetune_says_what_it_understood),
        cmocka_unit_test(every_optimizer_and_schedule_trains),
        cmocka_unit_test(the_others_say_it_too),
        cmocka_unit_test(val_is_as_good_as_valid_and_both_are_refused),
        cmocka_unit_test(one_class_is_warned_of),
        cmocka_unit_test(validation_photos_that_are_training_photos_are_warned_of),
        cmocka_unit_test(a_training_at_another_scale_is_warned_of),
        cmocka_unit_test(names_do_not_steer_a_terminal),
        cmocka_unit_test(json_stays_json_whatever_the_names),
        cmocka_unit_test(output_that_cannot_be_written_is_a_failure),
        cmocka_unit_test(a_training_without_an_output_still_leaves_its_network),
    };

    rn_test_programs(argc, argv);
    return cmocka_run_group_tests(tests, set_up, NULL);
}
