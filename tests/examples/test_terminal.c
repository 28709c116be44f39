/* SPDX-License-Identifier: MIT */
/* A training on a terminal: one line that fits, whatever the width; Ctrl-C; no control characters where they are not
 * wanted. */
#define _POSIX_C_SOURCE 200809L
#include "common/line.h"
#include "common/progress.h"
#include "common/terminal.h"
#include "examples/programs.h"
#include "train/runs.h"

#include <signal.h>

enum { SIDE = 32, CLASSES = 3, TRAIN = 16, VALID = 6 };

static const char *work; /* train, valid */

static char *train(int *status, const char *out, int columns, const char *term, const char *at, int interrupts)
{
    const char *const arguments[] = { "finetune",
                                      ".",
                                      "--arch",
                                      "cifar_resnet20",
                                      "--from-scratch",
                                      "--epochs",
                                      "2",
                                      "--out",
                                      out,
                                      "--batch",
                                      "4",
                                      "--threads",
                                      "1",
                                      "--resume",
                                      NULL };

    return rn_test_program_on_terminal(status, work, arguments, columns, term, at, interrupts);
}

static int set_up(void **state)
{
    (void)state;
    work = rn_test_directory();
    rn_test_photos(work, "train", CLASSES, TRAIN, SIDE, 1);
    rn_test_photos(work, "valid", CLASSES, VALID, SIDE, 2);
    return 0;
}

/* ---- the line ---------------------------------------------------------------------------------------------------- */

static void a_line_fits_every_width(void **state)
{
    static const line_part parts[] = { { "\xe8\x8a\xb1 12/20", 9 }, { "62/128", 8 },  { "", 7 },
                                       { "loss 1.234", 5 },         { "acc 0.5", 6 }, { "\xe5\xa4\x9a", 1 } };
    char line[LINE_SIZE];

    (void)state;
    for (int columns = -3; columns < 300; columns++)
        for (int done = 0; done <= 10; done++) {
            line_fit(line, columns, parts, 6, done / 10.0);
            assert_true(terminal_width(line) <= (columns > 0 ? columns : 0));
            assert_int_equal(columns >= 8, strstr(line, "12/20") != NULL);
            assert_int_equal(columns >= 34, strstr(line, "loss") != NULL);
            if (columns >= 60)
                assert_non_null(strchr(line, '['));
        }
    line_fit(line, 60, parts, 6, 1);
    assert_null(strchr(line, '-'));
    line_fit(line, 60, parts, 6, 0);
    assert_null(strchr(line, '#'));
    assert_non_null(strstr(line, "acc 0.5"));
}

static void a_line_gives_up_the_lowest_rank_first(void **state)
{
    static const line_part parts[] = { { "head", 0 }, { "two", 2 }, { "one", 1 }, { "three", 3 } };
    static const char *const lines[] = { "head two one three", "head two three", "head three", "head", "he", "" };
    static const int columns[] = { 18, 17, 13, 9, 2, 0 };
    char line[LINE_SIZE];

    (void)state;
    for (int i = 0; i < 6; i++) {
        line_fit(line, columns[i], parts, 4, 0);
        assert_string_equal(line, lines[i]);
    }
}

static void times_are_read_at_a_glance(void **state)
{
    char text[PROGRESS_TIME_SIZE];

    (void)state;
    assert_string_equal(progress_time(text, 6.6), "0:07");
    assert_string_equal(progress_time(text, 59.6), "1:00");
    assert_string_equal(progress_time(text, 754), "12:34");
    assert_string_equal(progress_time(text, 3730), "1:02:10");
    assert_string_equal(progress_time(text, 3 * 86400 + 4 * 3600 + 100 * 3600), "7 d 8 h");
    assert_string_equal(progress_time(text, 1e300), "11574 d 1 h");
}

/* ---- a training -------------------------------------------------------------------------------------------------- */

/* Every stretch between two returns that is written over has at most so many columns; gives how many there are. */
static int check_moving_lines(const char *text, int columns)
{
    int lines = 0;

    for (const char *at = text; (at = strchr(at, '\r')) != NULL; at++) {
        const char *const end = strstr(at, "\x1b[K"), *const next = strpbrk(at + 1, "\r\n");

        if (end == NULL || next == NULL || end > next)
            continue;
        assert_true(end - at - 1 < columns);
        lines += end - at > 1;
    }
    return lines;
}

static void one_line_moves_and_fits(void **state)
{
    static const int columns[] = { 12, 40, 60, 120 };

    (void)state;
    for (int i = 0; i < 4; i++) {
        int status;
        char *text = train(&status, rn_test_new_directory(), columns[i], "xterm", "", 0);

        assert_int_equal(status, 0);
        assert_true(check_moving_lines(text, columns[i]) >= 2);
        assert_non_null(strstr(text, "all 1/2"));
        assert_non_null(strstr(text, "all 2/2  train loss"));
        assert_null(strstr(text, "all 0/"));
        assert_int_equal(columns[i] == 40 || columns[i] == 60, strstr(text, " acc ") != NULL);
        assert_int_equal(columns[i] == 120, strstr(text, "  accuracy ") != NULL);
        free(text);
    }
}

/* So does that of an evaluation, and nothing of it stays. */
static void an_evaluation_shows_how_far_it_is(void **state)
{
    static const int columns[] = { 12, 80 };
    const char *const out = rn_test_new_directory();
    int status;

    (void)state;
    free(train(&status, out, 80, "dumb", "", 0));
    assert_int_equal(status, 0);
    for (int i = 0; i < 3; i++) {
        char *const text = rn_test_program_on_terminal(
            &status, work,
            ARGUMENTS("evaluate", rn_test_path(out, "best.safetensors"), "valid", "--batch", "4", "--threads", "1"),
            columns[i % 2], i < 2 ? "xterm" : "dumb", "", 0);

        assert_int_equal(status, 0);
        assert_int_equal(check_moving_lines(text, columns[i % 2]), i < 2 ? 5 : 0); /* 18 photos */
        assert_int_equal(strstr(text, "16 of 18 photos") != NULL, i == 1);
        free(text);
    }
}

static void a_dumb_terminal_gets_plain_lines(void **state)
{
    int status;
    char *text = train(&status, rn_test_new_directory(), 80, "dumb", "", 0);

    (void)state;
    assert_int_equal(status, 0);
    assert_null(strchr(text, '\x1b'));
    assert_null(strstr(text, "images/s\r\x1b"));
    assert_non_null(strstr(text, "all 2/2  train loss"));
    for (const char *at = text; (at = strchr(at, '\r')) != NULL; at++)
        assert_int_equal(at[1], '\n'); /* the terminal's own */
    free(text);
}

static void ctrl_c_saves_and_says_how_to_go_on(void **state)
{
    const char *const out = rn_test_new_directory();
    int status;
    char *text = train(&status, out, 80, "xterm", "loss", 1), *command;

    (void)state;
    assert_int_equal(status, 130);
    assert_non_null(strstr(text, "nothing to resume, a new one begins"));
    assert_non_null(strstr(text, "stopping after this batch"));
    command = strstr(text, "To go on: finetune . --arch cifar_resnet20 --from-scratch");
    assert_non_null(command);
    assert_non_null(strstr(command, "--resume"));
    assert_null(strstr(strstr(command, "--resume") + 1, "--resume")); /* it was given already */
    free(text);

    text = train(&status, out, 80, "xterm", "", 0);
    assert_int_equal(status, 0);
    assert_non_null(strstr(text, "going on: phase all, epoch 1 of 2, after batch "));
    assert_non_null(strstr(text, "best validation accuracy"));
    free(text);
    text = train(&status, out, 80, "xterm", "", 0);
    assert_int_equal(status, 0);
    assert_non_null(strstr(text, "nothing was left to train"));
    free(text);
}

static void the_second_ctrl_c_ends_at_once(void **state)
{
    int status;
    /* "on this CPU", before the first batch, and "after this batch", which answers; the batch may still be faster. */
    char *text = train(&status, rn_test_new_directory(), 80, "xterm", " this ", 2);

    (void)state;
    assert_true(status == -SIGINT || status == 130);
    assert_non_null(strstr(text, "once more ends at once"));
    assert_null(strstr(text, "best validation accuracy"));
    free(text);
}

static void a_command_is_quoted_for_a_shell(void **state)
{
    const char *const arguments[] = { "finetune", ".",      "--arch", "cifar_resnet20", "--from-scratch",
                                      "--epochs", "1",      "--out",  "it's here",      "--threads",
                                      "1",        "--json", NULL };
    int status;
    char *text;

    (void)state;
    text = rn_test_program_on_terminal(&status, work, arguments, 80, "xterm", "\"start\"", 1);
    assert_int_equal(status, 130);
    assert_non_null(strstr(text, "\"outcome\": \"stopped\""));
    assert_non_null(strstr(text, "\"resume\": \"finetune . "));
    /* For a shell, then for JSON; and as it is, unless the stop came before there was anything to save. */
    assert_non_null(strstr(text, "--out 'it'\\\\''s here' --threads 1 --json --resume\"}"));
    assert_true(strstr(text, "--out 'it'\\''s here' --threads 1 --json --resume") != NULL ||
                strstr(text, "stopped before the first batch") != NULL);
    assert_null(strchr(text, '\x1b'));
    free(text);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_fits_every_width),
        cmocka_unit_test(a_line_gives_up_the_lowest_rank_first),
        cmocka_unit_test(times_are_read_at_a_glance),
        cmocka_unit_test(one_line_moves_and_fits),
        cmocka_unit_test(an_evaluation_shows_how_far_it_is),
        cmocka_unit_test(a_dumb_terminal_gets_plain_lines),
        cmocka_unit_test(ctrl_c_saves_and_says_how_to_go_on),
        cmocka_unit_test(the_second_ctrl_c_ends_at_once),
        cmocka_unit_test(a_command_is_quoted_for_a_shell),
    };

    rn_test_programs(argc, argv);
    return cmocka_run_group_tests(tests, set_up, NULL);
}
