/* SPDX-License-Identifier: MIT */
/* What costs a beginner hours is said by `resnet train`, in time, by name, and with advice that can be followed. */
#define _POSIX_C_SOURCE 200809L
#include "examples/programs.h"
#include "train/runs.h"

#include <unistd.h>

enum { CLASSES = 2, TRAIN = 5, VALID = 3, SIDE = 32, WORDS = 24 };

static const char *work;

/* Trains a small network from scratch; `more` ends with NULL. */
static int train(const char *photos, const char *out, const char *const *more)
{
    const char *arguments[WORDS] = {
        "finetune", photos,      "--arch", "cifar_resnet20", "--from-scratch", "--out", out, "--seed",
        "3",        "--threads", "1",      "--pipeline"
    };
    int count = 12;

    arguments[count++] = "Resize(32, 32), ToTensor()";
    for (; *more != NULL && count + 1 < WORDS; more++)
        arguments[count++] = *more;
    return rn_test_program(work, arguments, 0, -1);
}

#define RESIZED "--training-pipeline", "Resize(32, 32), ToTensor()"

static const char *new_photos(int train_count, int side)
{
    const char *directory = rn_test_directory();

    rn_test_photos(directory, "train", CLASSES, train_count, side, 1);
    rn_test_photos(directory, "valid", CLASSES, VALID, side, 2);
    return directory;
}

static int set_up(void **state)
{
    (void)state;
    work = rn_test_directory();
    return 0;
}

static void said(const char *words)
{
    rn_test_output_has(work, "err", words);
}

static void damage(const char *photos, const char *name)
{
    rn_test_write_file(rn_test_path(photos, name), "BM", 2);
}

/* All of them are named before anything is trained; mended or taken out, the same command begins. */
static void damaged_validation_photos_are_found_before_the_first_epoch(void **state)
{
    const char *photos = new_photos(TRAIN, SIDE), *out = rn_test_new_directory();

    (void)state;
    damage(photos, "valid/class0/valid_001.bmp");
    damage(photos, "valid/class1/valid_002.bmp");
    assert_int_equal(train(photos, out, ARGUMENTS("--epochs", "1", RESIZED)), 1);
    said("valid/class0/valid_001.bmp");
    said("valid/class1/valid_002.bmp");
    said("2 of 6 validation photos cannot be used, and nothing was trained");
    said("--skip-bad-photos leaves such photos out");
    assert_int_equal(access(rn_test_path(out, "history.jsonl"), F_OK), -1);

    assert_int_equal(train(photos, rn_test_new_directory(), ARGUMENTS("--epochs", "1", RESIZED, "--skip-bad-photos")),
                     0);
    assert_int_equal(unlink(rn_test_path(photos, "valid/class0/valid_001.bmp")), 0);
    assert_int_equal(unlink(rn_test_path(photos, "valid/class1/valid_002.bmp")), 0);
    assert_int_equal(train(photos, out, ARGUMENTS("--epochs", "1", RESIZED)), 0);
}

/* Folds validate on all photos: they are looked at, and their folder is named. */
static void damaged_photos_are_found_before_the_first_fold(void **state)
{
    const char *photos = new_photos(TRAIN, SIDE), *out = rn_test_new_directory();

    (void)state;
    damage(photos, "train/class0/train_001.bmp");
    assert_int_equal(train(photos, out, ARGUMENTS("--epochs", "1", RESIZED, "--folds", "2")), 1);
    said("train/class0/train_001.bmp");
    said("validation photos cannot be used, and nothing was trained");
    said(rn_test_path(photos, "train"));
    assert_int_equal(access(rn_test_path(out, "fold1"), F_OK), -1);
}

static void a_validation_photo_that_is_taken_out_does_not_lock_the_run(void **state)
{
    const char *photos = new_photos(TRAIN, SIDE), *out = rn_test_new_directory();

    (void)state;
    assert_int_equal(train(photos, out, ARGUMENTS("--epochs", "1", RESIZED)), 0);
    damage(photos, "valid/class1/valid_000.bmp");
    assert_int_equal(train(photos, out, ARGUMENTS("--epochs", "2", RESIZED, "--resume")), 1);
    said("1 of 6 validation photos cannot be used");
    assert_int_equal(unlink(rn_test_path(photos, "valid/class1/valid_000.bmp")), 0);
    assert_int_equal(train(photos, out, ARGUMENTS("--epochs", "2", RESIZED, "--resume")), 0);
    said("was begun with other validation photos");
    rn_test_output_has(work, "out", "all 2/2");
}

/* A rate of 1e6: a warning or, where it comes to that, an error; either names weights. */
static void a_loss_that_diverges_names_the_weights(void **state)
{
    char *text;
    int answer;

    (void)state;
    answer = train(new_photos(TRAIN, SIDE), rn_test_new_directory(),
                   ARGUMENTS("--epochs", "3", "--lr", "1e6", RESIZED, "--batch", "2"));
    text = rn_test_program_output(work, "err");
    if (strstr(text, "\" first (weights up to ") == NULL && strstr(text, "eights are finite") == NULL &&
        strstr(text, "the first weights that are no finite numbers") == NULL)
        fail_msg("%d, and no weights are named: %s", answer, text);
    assert_non_null(strstr(text, "at the learning rate 1e+06"));
    free(text);
}

static void classes_of_few_photos_are_warned_of(void **state)
{
    (void)state;
    assert_int_equal(train(new_photos(TRAIN - 1, SIDE), rn_test_new_directory(), ARGUMENTS("--epochs", "1", RESIZED)),
                     0);
    said("warning: 2 of 2 classes have fewer than 5 training photos (class0: 4, class1: 4)");
}

static void a_training_pipeline_without_a_resize_is_warned_of(void **state)
{
    (void)state;
    assert_int_equal(train(new_photos(TRAIN, 3 * SIDE), rn_test_new_directory(),
                           ARGUMENTS("--epochs", "1", "--training-pipeline", "CenterCrop(32), ToTensor()")),
                     0);
    said("warning: the training pipeline resizes no photo");
    said("whose shorter side has 96 pixels, the network sees 32 x 32");
}

static void a_family_that_stands_for_a_network_is_said(void **state)
{
    (void)state;
    assert_int_equal(
        rn_test_program(work, ARGUMENTS("finetune", "nowhere", "--arch", "resnet", "--from-scratch"), 0, -1), 1);
    said("\"resnet\" is taken as resnet152");
}

/* Its head ends in a ReLU, which the tutorial's rate of 1e-2 shuts for ever. */
static void the_head_of_squeezenet_gets_a_rate_that_it_survives(void **state)
{
    const char *photos = new_photos(TRAIN, SIDE);
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_model *model = NULL;

    (void)state;
    require_ok(context, rn_model_create(&model, context, "squeezenet1_0", RN_OPTIONS(rn_model, .class_count = 3)));
    require_ok(context, rn_model_save(model, rn_test_path(work, "squeezenet.safetensors"), NULL));
    rn_model_destroy(model);
    rn_context_destroy(context);
    assert_int_equal(
        rn_test_program(work,
                        ARGUMENTS("finetune", photos, "--arch", "squeezenet1_0", "--weights", "squeezenet.safetensors",
                                  "--ignore-class-table", "--epochs", "0", "--frozen-epochs", "1", "--threads", "1",
                                  "--out", rn_test_new_directory()),
                        0, -1),
        0);
    rn_test_output_has(work, "out", "parameters) at 0.001;");
}

/* Each names what can be done: followed, the same command trains. */
static void advice_names_what_helps(void **state)
{
    const char *photos = new_photos(TRAIN, SIDE), *large = new_photos(TRAIN, 2 * SIDE), *out = rn_test_new_directory();

    (void)state;
    assert_int_equal(train(rn_test_path(photos, "train"), out, ARGUMENTS("--epochs", "1", RESIZED)), 1);
    said("no folder in it is called train or training; photos are to lie in DATA/train/CLASS/ and DATA/valid/CLASS/");

    assert_int_equal(train(large, out, ARGUMENTS("--epochs", "1", "--training-pipeline", "ToTensor()")), 1);
    said("64 x 64 pixels, the batch has 32 x 32. A pipeline brings photos to the network's size: --pipeline "
         "\"Resize(32, 32), Resize(32, 32), ToTensor()\", and --training-pipeline likewise");
    assert_int_equal(train(large, out, ARGUMENTS("--epochs", "1", RESIZED)), 0);

    assert_int_equal(train(large, out, ARGUMENTS("--epochs", "2", RESIZED, "--resume", "--seed", "4")), 1);
    said("was begun with seed 3, not 4. Here: give it what the run was begun with");
    assert_int_equal(train(large, out, ARGUMENTS("--epochs", "2", RESIZED, "--resume")), 0);
    assert_int_equal(truncate(rn_test_path(out, "best.safetensors"), 1000), 0);
    assert_int_equal(train(large, out, ARGUMENTS("--epochs", "3", RESIZED, "--resume")), 1);
    said("which may have been cut off. Here: another --out DIR; --weights FILE begins there");
    assert_int_equal(rn_test_program(work,
                                     ARGUMENTS("finetune", large, "--arch", "cifar_resnet20", "--weights",
                                               rn_test_path(out, "last.safetensors"), "--out", rn_test_new_directory(),
                                               "--pipeline", "Resize(32, 32), ToTensor()", RESIZED, "--epochs", "1"),
                                     0, -1),
                     0);
    out = rn_test_new_directory();
    assert_int_equal(train(large, out, ARGUMENTS("--epochs", "1", RESIZED)), 0);

    assert_int_equal(rn_test_program(work,
                                     ARGUMENTS("finetune", photos, "--arch", "cifar_resnet56", "--weights",
                                               rn_test_path(out, "best.safetensors"), "--out", "other"),
                                     0, -1),
                     1);
    said("it was written for 'cifar_resnet20'");
    said(". Here: --arch NAME");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_validation_photos_are_found_before_the_first_epoch),
        cmocka_unit_test(damaged_photos_are_found_before_the_first_fold),
        cmocka_unit_test(a_validation_photo_that_is_taken_out_does_not_lock_the_run),
        cmocka_unit_test(a_loss_that_diverges_names_the_weights),
        cmocka_unit_test(classes_of_few_photos_are_warned_of),
        cmocka_unit_test(a_training_pipeline_without_a_resize_is_warned_of),
        cmocka_unit_test(advice_names_what_helps),
        cmocka_unit_test(a_family_that_stands_for_a_network_is_said),
        cmocka_unit_test(the_head_of_squeezenet_gets_a_rate_that_it_survives),
    };

    rn_test_programs(argc, argv);
    return cmocka_run_group_tests(tests, set_up, NULL);
}
