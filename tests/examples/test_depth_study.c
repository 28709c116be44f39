/* SPDX-License-Identifier: MIT */
/* The depth_study program on small pictures: its lines, its figure, going on, and what it refuses. */
#define _POSIX_C_SOURCE 200809L
#include "base/json.h"
#include "examples/programs.h"
#include "train/runs.h"

#include <ctype.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIDE = 32, CLASSES = 3, TRAIN = 4, TEST = 3, EPOCHS = 2, NETWORKS = 2 };

static const char *const names[NETWORKS] = { "cifar_plain20", "cifar_resnet20" };
static const char *work; /* photos/train, photos/val */

#define DEPTH_STUDY(...) ARGUMENTS("depth_study", __VA_ARGS__)
#define STUDY(out, ...) \
    DEPTH_STUDY("photos", "--networks", "cifar_plain20,cifar_resnet20", "--threads", "1", "--batch", "4", "--out", \
                out, __VA_ARGS__)

static int run(const char *const *arguments)
{
    return rn_test_program(work, arguments, 0, -1);
}

static void require_refusal(const char *const *arguments, int status, const char *words)
{
    char *text;

    assert_int_equal(run(arguments), status);
    text = rn_test_program_output(work, "err");
    if (strstr(text, words) == NULL)
        fail_msg("\"%s\" is not in: %s", words, text);
    free(text);
}

static int set_up(void **state)
{
    (void)state;
    work = rn_test_directory();
    assert_int_equal(mkdir(rn_test_path(work, "photos"), 0777), 0);
    rn_test_photos(rn_test_path(work, "photos"), "train", CLASSES, TRAIN, SIDE, 1);
    rn_test_photos(rn_test_path(work, "photos"), "val", CLASSES, TEST, SIDE, 2);
    return 0;
}

/* ---- lines ------------------------------------------------------------------------------------------------------ */

/* A share of `count` photos, in per cent. */
static void require_share(double error, int count)
{
    const double photos = error * count / 100;

    assert_true(photos > -1e-6 && photos < count + 1e-6);
    assert_true(fabs(photos - round(photos)) < 1e-5);
}

/* One line; seconds are null where another process trained. */
static void check_line(const char *text, size_t length, const char *network, int epoch, int train, int test,
                       bool trained_here)
{
    rn_json *json = NULL;
    double seconds;

    assert_int_equal(rn_json_parse(&json, text, length, NULL), RN_OK);
    assert_string_equal(rn_json_string(rn_json_member(json, "network")), network);
    assert_true(rn_test_member(json, "depth") == 20 && rn_test_member(json, "epoch") == epoch + 1);
    require_share(rn_test_member(json, "train_error"), train);
    require_share(rn_test_member(json, "test_error"), test);
    assert_true(rn_test_member(json, "train_loss") > 0);
    assert_true(fabs(rn_test_member(json, "lr") - (epoch == 0 ? 0.1 : 0.01)) < 1e-9);
    assert_true(rn_json_number(&seconds, rn_json_member(json, "seconds")) == trained_here);
    rn_json_destroy(json);
}

static void check_lines(int train, int test, bool trained_here)
{
    char *text = rn_test_program_output(work, "out"), *line = text;

    for (int i = 0; i < NETWORKS * EPOCHS; i++) {
        const size_t length = strcspn(line, "\n");

        assert_int_equal(line[length], '\n');
        check_line(line, length, names[i / EPOCHS], i % EPOCHS, train, test, trained_here);
        line += length + 1;
    }
    assert_string_equal(line, "");
    free(text);
}

/* ---- the figure ------------------------------------------------------------------------------------------------- */

/* Passes over name="value" pairs; gives what comes behind them. */
static const char *skip_attributes(const char *at)
{
    while (*at == ' ') {
        at++;
        assert_true(isalpha((unsigned char)*at));
        at += strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789");
        assert_int_equal(strncmp(at, "=\"", 2), 0);
        at += 2;
        at += strcspn(at, "\"<&");
        assert_int_equal(*at, '"');
        at++;
    }
    return at;
}

/* One tag at '<': the innermost open element is the last of `open`. Gives what comes behind the tag. */
static const char *read_tag(const char *at, char open[16][32], int *depth)
{
    const bool closes = at[1] == '/';
    const char *name = at + (closes ? 2 : 1);
    const size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz");

    assert_true(length > 0 && length < 32);
    at = skip_attributes(name + length);
    if (closes) {
        assert_true(*depth > 0 && strlen(open[*depth - 1]) == length);
        assert_memory_equal(open[--*depth], name, length);
    } else if (*at == '/') {
        at++;
    } else {
        assert_true(*depth < 16);
        memcpy(open[*depth], name, length);
        open[(*depth)++][length] = '\0';
    }
    assert_int_equal(*at, '>');
    return at + 1;
}

/* Elements that nest, attributes in quotes, one root and nothing behind it, no bare ampersand: XML without entities. */
static void require_xml(const char *text)
{
    static const char declaration[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    char open[16][32];
    const char *at = text + sizeof declaration - 1;
    int depth = 0;

    assert_int_equal(strncmp(text, declaration, sizeof declaration - 1), 0);
    do {
        assert_int_equal(*at, '<');
        at = read_tag(at, open, &depth);
        at += strcspn(at, "<&>");
    } while (depth > 0);
    assert_string_equal(at, "");
}

static int occurrences(const char *text, const char *words)
{
    int count = 0;

    for (const char *at = text; (at = strstr(at, words)) != NULL; at++)
        count++;
    return count;
}

/* Two lines a network, one of them dashed; each has as many points as there were epochs. */
static void check_figure(const char *directory, int networks)
{
    char *text = rn_test_program_output(rn_test_path(work, directory), "study.svg");

    require_xml(text);
    assert_int_equal(occurrences(text, "<polyline "), 2 * networks);
    assert_int_equal(occurrences(text, "stroke-dasharray"), networks);
    for (const char *at = text; (at = strstr(at, "points=\"")) != NULL;) {
        at += strlen("points=\"");
        assert_int_equal(strcspn(at, " \""), (size_t)(strchr(at, ' ') - at));
        assert_int_equal(strcspn(strchr(at, ' ') + 1, " \""), strcspn(strchr(at, ' ') + 1, "\""));
    }
    assert_non_null(strstr(text, ">plain networks<"));
    assert_non_null(strstr(text, ">residual networks<"));
    assert_null(strstr(text, "script"));
    assert_null(strstr(text, "href"));
    assert_int_not_equal(access(rn_test_path(work, rn_test_path(directory, "study.svg.new")), F_OK), 0);
    free(text);
}

/* ---- tests ------------------------------------------------------------------------------------------------------ */

static void two_networks_give_lines_and_a_figure(void **state)
{
    (void)state;
    assert_int_equal(run(STUDY("study", "--epochs", "2")), 0);
    check_lines(CLASSES * TRAIN, CLASSES * TEST, true);
    check_figure("study", NETWORKS);
}

static void a_run_is_taken_up_and_shown_whole(void **state)
{
    (void)state;
    require_refusal(STUDY("study", "--epochs", "2"), 1, "cifar_plain20");
    assert_int_equal(unlink(rn_test_path(work, "study/study.svg")), 0);
    assert_int_equal(run(STUDY("study", "--epochs", "2", "--resume")), 0);
    check_lines(CLASSES * TRAIN, CLASSES * TEST, false);
    check_figure("study", NETWORKS);
    require_refusal(STUDY("study", "--epochs", "2", "--resume", "--lr", "0.2"), 1, "learning rate");
}

static void a_limit_takes_the_first_photos_of_each_class(void **state)
{
    char *limited, *few;
    size_t limited_size, few_size;

    (void)state;
    assert_int_equal(run(STUDY("limited", "--epochs", "2", "--limit", "2", "--test-limit", "1")), 0);
    check_lines(CLASSES * 2, CLASSES, true);
    /* The same with the others away. */
    for (int c = 0; c < CLASSES; c++) {
        char name[64];

        for (int i = 1; i < TRAIN; i++) {
            snprintf(name, sizeof name, "photos/train/class%d/train_%03d.bmp", c, i);
            assert_true(i < 2 || unlink(rn_test_path(work, name)) == 0);
            snprintf(name, sizeof name, "photos/val/class%d/val_%03d.bmp", c, i);
            assert_true(i >= TEST || unlink(rn_test_path(work, name)) == 0);
        }
    }
    assert_int_equal(run(STUDY("few", "--epochs", "2")), 0);
    limited = rn_test_file(rn_test_path(work, "limited/cifar_plain20/history.jsonl"), &limited_size);
    few = rn_test_file(rn_test_path(work, "few/cifar_plain20/history.jsonl"), &few_size);
    assert_non_null(limited);
    assert_non_null(few);
    assert_string_equal(limited, few);
    free(limited);
    free(few);
}

/* Goes on with a run too long to end until a Ctrl-C stops it after `epochs` or more. Gives its output; caller frees. */
static char *interrupted_output(int epochs)
{
    for (long after_ms = 500; after_ms < 200000; after_ms *= 2) {
        const int answer = rn_test_program(work, STUDY("long", "--epochs", "1000", "--resume"), SIGINT, after_ms);
        char *text = rn_test_program_output(work, "out");

        assert_true(answer == 1 || answer == -SIGINT); /* the last: before the program listens */
        if (answer == 1 && occurrences(text, "\n") >= epochs)
            return text;
        free(text);
    }
    fail_msg("%d epochs take longer than 200 seconds", epochs);
    return NULL;
}

static void interrupted_it_says_how_to_go_on_and_shows_all_of_it_then(void **state)
{
    char *first = interrupted_output(1), *second = rn_test_program_output(work, "err"), *line = first, *again;

    (void)state;
    assert_non_null(strstr(second, "cifar_plain20, cancelled in phase \"first\""));
    assert_non_null(strstr(second, "--resume"));
    free(second);
    second = interrupted_output(occurrences(first, "\n") + 1);
    for (again = second; *line != '\0'; line = strchr(line, '\n') + 1, again = strchr(again, '\n') + 1) {
        const char *seconds = strstr(line, "\"seconds\": ");

        assert_non_null(seconds);
        assert_memory_equal(line, again, (size_t)(seconds - line));
        assert_int_equal(strncmp(again + (seconds - line), "\"seconds\": null}\n", 17), 0);
    }
    free(first);
    free(second);
}

static void the_folder_test_comes_before_val(void **state)
{
    char *text;

    (void)state;
    rn_test_photos(rn_test_path(work, "photos"), "test", CLASSES, 2, SIDE, 3);
    assert_int_equal(run(STUDY("tested", "--epochs", "1", "--test-limit", "2")), 0);
    text = rn_test_program_output(work, "err");
    assert_non_null(strstr(text, "6 to test in photos/test\n"));
    free(text);
}

static void wrong_usage_is_2_and_what_fails_is_1(void **state)
{
    (void)state;
    require_refusal((const char *const[]){ "depth_study", NULL }, 2, "folder");
    require_refusal(DEPTH_STUDY("photos", "more"), 2, "one folder");
    require_refusal(DEPTH_STUDY("photos", "--epochs", "0"), 2, "--epochs");
    require_refusal(DEPTH_STUDY("photos", "--epochs", "1001"), 2, "--epochs");
    require_refusal(DEPTH_STUDY("photos", "--batch", "0"), 2, "--batch");
    require_refusal(DEPTH_STUDY("photos", "--networks", "resnet18"), 2, "--networks");
    require_refusal(DEPTH_STUDY("photos", "--networks", "cifar_plain20,"), 2, "--networks");
    require_refusal(DEPTH_STUDY("photos", "--networks", "cifar_plain21"), 2, "--networks");
    require_refusal(DEPTH_STUDY("photos", "--networks", "cifar_plain20,cifar_plain20"), 2, "twice");
    require_refusal(DEPTH_STUDY("nowhere", "--out", "none"), 1, "nowhere/train");
    require_refusal(DEPTH_STUDY("photos", "--out", "missing/study"), 1, "missing/study");
    if (access("/dev/full", W_OK) == 0)
        assert_int_equal(rn_test_program_into("/dev/full", work, STUDY("full", "--epochs", "1")), 1);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_networks_give_lines_and_a_figure),
        cmocka_unit_test(a_run_is_taken_up_and_shown_whole),
        cmocka_unit_test(interrupted_it_says_how_to_go_on_and_shows_all_of_it_then),
        cmocka_unit_test(a_limit_takes_the_first_photos_of_each_class),
        cmocka_unit_test(the_folder_test_comes_before_val),
        cmocka_unit_test(wrong_usage_is_2_and_what_fails_is_1),
    };

    rn_test_programs(argc, argv);
    return cmocka_run_group_tests(tests, set_up, NULL);
}
