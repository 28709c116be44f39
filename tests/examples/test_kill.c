/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
/*
 * The finetune program killed with SIGKILL at ten moments, and interrupted with SIGINT at some, ends in the same bytes
 * as one left alone.
 */
#include "examples/programs.h"
#include "train/runs.h"

#include <signal.h>
#include <sys/stat.h>
#include <time.h>

enum { SIDE = 32, CLASSES = 3, TRAIN = 24, VALID = 8, KILLS = 10 };

static const char *photos, *weights, *undisturbed;
static long whole_ms; /* how long a run takes when nobody disturbs it */

static long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int finetune(const char *directory, int signal_number, long after_ms)
{
    const char *const arguments[] = { "finetune",
                                      photos,
                                      "--arch",
                                      "cifar_resnet20",
                                      "--weights",
                                      weights,
                                      "--out",
                                      rn_test_path(directory, "run"),
                                      "--frozen-epochs",
                                      "2",
                                      "--epochs",
                                      "3",
                                      "--batch",
                                      "8",
                                      "--seed",
                                      "3",
                                      "--threads",
                                      "1",
                                      "--resume",
                                      "--json",
                                      NULL };

    return rn_test_program(directory, arguments, signal_number, after_ms);
}

/* Pretrained weights of another number of classes. */
static void write_weights(const char *path)
{
    rn_context *context = rn_test_context(1, RN_ISA_AUTO);
    rn_model *model = NULL;

    require_ok(context, rn_model_create(&model, context, "cifar_resnet20", RN_OPTIONS(rn_model, .seed = 9)));
    require_ok(context, rn_model_save(model, path, NULL));
    rn_model_destroy(model);
    rn_context_destroy(context);
}

static int set_up(void **state)
{
    const char *directory = rn_test_directory();
    long begun;

    (void)state;
    rn_test_photos(directory, "train", CLASSES, TRAIN, SIDE, 1);
    rn_test_photos(directory, "valid", CLASSES, VALID, SIDE, 2);
    photos = directory;
    weights = rn_test_path(directory, "weights.safetensors");
    write_weights(weights);
    undisturbed = rn_test_directory();
    begun = now_ms();
    if (finetune(undisturbed, 0, -1) != 0)
        return -1;
    whole_ms = now_ms() - begun;
    return 0;
}

static const char *results(const char *directory)
{
    return rn_test_path(directory, "run");
}

static void killed_ten_times_it_ends_in_the_same_bytes(void **state)
{
    uint32_t random = 12345;

    (void)state;
    for (int i = 0; i < KILLS; i++) {
        const char *directory = rn_test_directory();
        int answer = -SIGKILL, runs = 0;

        while (answer == -SIGKILL) {
            random = random * 1664525u + 1013904223u;
            /* Somewhere in what a whole run takes; from the fourth time on it may finish. */
            answer = finetune(directory, SIGKILL, runs < 3 ? (long)(random >> 8) * whole_ms >> 24 : -1);
            runs++;
        }
        assert_int_equal(answer, 0);
        rn_test_same_results(results(directory), results(undisturbed));
    }
}

static void interrupted_with_ctrl_c_it_says_how_to_go_on_and_ends_in_the_same_bytes(void **state)
{
    const char *directory = rn_test_directory();
    int answer = 1, interrupted = 0;
    size_t size;

    (void)state;
    for (int i = 1; answer != 0; i++) {
        answer = finetune(directory, SIGINT, i < 8 ? whole_ms / 4 : -1);
        assert_true(answer == 0 || answer == 130 || answer == -SIGINT); /* the last: before the program listens */
        if (answer == 130) {
            char *message = rn_test_file(rn_test_path(directory, "err"), &size);
            const char *last;

            assert_int_equal(message[size - 1], '\n');
            message[size - 1] = '\0';
            last = strrchr(message, '\n');
            assert_non_null(last);
            assert_non_null(strstr(last, "finetune: stopped, and saved in "));
            assert_non_null(strstr(last, "--resume"));
            free(message);
            interrupted++;
        }
    }
    rn_test_same_results(results(directory), results(undisturbed));
    if (interrupted == 0)
        print_message("no interrupt fell into the training\n");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_ten_times_it_ends_in_the_same_bytes),
        cmocka_unit_test(interrupted_with_ctrl_c_it_says_how_to_go_on_and_ends_in_the_same_bytes),
    };

    rn_test_programs(argc, argv);
    return cmocka_run_group_tests(tests, set_up, NULL);
}
