/* SPDX-License-Identifier: MIT */
#define _XOPEN_SOURCE 700
#define _DEFAULT_SOURCE
#include "examples/programs.h"
#include "train/runs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static const char *programs;

void rn_test_programs(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s DIRECTORY-OF-THE-PROGRAMS\n", argv[0]);
        exit(2);
    }
    programs = argv[1];
}

static void become(const char *out_path, const char *directory, const char *const *arguments)
{
    char path[4096];
    int out, err;

    if (chdir(directory) != 0)
        _exit(120);
    out = open(out_path != NULL ? out_path : "out", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    err = open("err", O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (out < 0 || err < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
        _exit(121);
    close(out);
    close(err);
    if (out_path == NULL)
        close(STDOUT_FILENO);
    snprintf(path, sizeof path, "%s/%s", programs, arguments[0]);
    execv(path, (char *const *)arguments);
    _exit(122);
}

static int run(const char *out, const char *directory, const char *const *arguments, int signal_number, long after_ms)
{
    const pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0)
        become(out, directory, arguments);
    if (after_ms >= 0) {
        const struct timespec wait = { after_ms / 1000, after_ms % 1000 * 1000000 };

        nanosleep(&wait, NULL);
        kill(child, signal_number);
    }
    while (waitpid(child, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

int rn_test_program(const char *directory, const char *const *arguments, int signal_number, long after_ms)
{
    return run("out", directory, arguments, signal_number, after_ms);
}

int rn_test_program_into(const char *out, const char *directory, const char *const *arguments)
{
    return run(out, directory, arguments, 0, -1);
}

/* The child's side of the terminal becomes its controlling terminal and all of its streams. */
static void become_on_terminal(int master, const char *directory, const char *const *arguments, const char *term)
{
    char path[4096];
    int side;

    setsid();
    side = open(ptsname(master), O_RDWR);
    if (side < 0 || ioctl(side, TIOCSCTTY, 0) != 0 || chdir(directory) != 0 || setenv("TERM", term, 1) != 0)
        _exit(120);
    for (int stream = 0; stream < 3; stream++)
        if (dup2(side, stream) < 0)
            _exit(121);
    close(side);
    close(master);
    snprintf(path, sizeof path, "%s/%s", programs, arguments[0]);
    execv(path, (char *const *)arguments);
    _exit(122);
}

/* A terminal sends the signal of Ctrl-C first, then throws away what was written and not yet read, and echoes ^C: by
 * then the program may have answered. */
static int answers_are_kept(int side)
{
    struct termios modes;

    if (tcgetattr(side, &modes) != 0)
        return 0;
    modes.c_lflag = (modes.c_lflag | NOFLSH) & ~(tcflag_t)ECHO;
    return tcsetattr(side, TCSANOW, &modes) == 0;
}

/* All that comes until the child closes its side. */
static char *read_terminal(int master, const char *interrupt_at, int interrupts)
{
    size_t used = 0, room = 1 << 16, seen = 0;
    char *text = malloc(room);
    ssize_t got;

    assert_non_null(text);
    while ((got = read(master, text + used, room - used - 1)) > 0) {
        const char *found;

        used += (size_t)got;
        text[used] = '\0';
        if (interrupts > 0 && (found = strstr(text + seen, interrupt_at)) != NULL) {
            seen = (size_t)(found - text) + strlen(interrupt_at);
            assert_int_equal(write(master, "\003", 1), 1);
            interrupts--;
        }
        if (room - used < 1 << 12) {
            text = realloc(text, room *= 2);
            assert_non_null(text);
        }
    }
    text[used] = '\0';
    return text;
}

char *rn_test_program_on_terminal(int *status, const char *directory, const char *const *arguments, int columns,
                                  const char *term, const char *interrupt_at, int interrupts)
{
    const struct winsize size = { .ws_row = 24, .ws_col = (unsigned short)columns };
    const int master = posix_openpt(O_RDWR | O_NOCTTY);
    pid_t child;
    char *text;
    int side;

    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    side = open(ptsname(master), O_RDWR | O_NOCTTY); /* a size is kept while a side is open */
    assert_true(side >= 0 && ioctl(side, TIOCSWINSZ, &size) == 0 && answers_are_kept(side));
    child = fork();
    assert_true(child >= 0);
    if (child == 0)
        become_on_terminal(master, directory, arguments, term);
    close(side);
    text = read_terminal(master, interrupt_at, interrupts);
    close(master);
    while (waitpid(child, status, 0) < 0)
        assert_int_equal(errno, EINTR);
    *status = WIFSIGNALED(*status) ? -WTERMSIG(*status) : WEXITSTATUS(*status);
    return text;
}

char *rn_test_program_output(const char *directory, const char *name)
{
    size_t size;
    char *text = rn_test_file(rn_test_path(directory, name), &size);

    assert_non_null(text);
    assert_int_equal(strlen(text), size);
    return text;
}

void rn_test_output_has(const char *directory, const char *name, const char *words)
{
    char *text = rn_test_program_output(directory, name);

    if (strstr(text, words) == NULL)
        fail_msg("\"%s\" is not in: %s", words, text);
    free(text);
}

void rn_test_refusal(const char *directory, const char *const *arguments, int status, const char *words)
{
    char *text;

    assert_int_equal(rn_test_program(directory, arguments, 0, -1), status);
    text = rn_test_program_output(directory, "err");
    if (strstr(text, words) == NULL)
        fail_msg("\"%s\" is not in: %s", words, text);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    free(text);
}

double rn_test_member(const rn_json *json, const char *name)
{
    double number;

    if (!rn_json_number(&number, rn_json_member(json, name)))
        fail_msg("no number \"%s\"", name);
    return number;
}
