/* SPDX-License-Identifier: MIT */
/* What the programs share: a command line, one line for an error, and an end that knows whether all was printed. */
#ifndef EXAMPLES_ARGS_H
#define EXAMPLES_ARGS_H

#include "common/text.h"

#include <resnet/resnet.h>
#include <stdio.h>

typedef enum args_kind {
    ARGS_FLAG,     /* int: becomes 1 */
    ARGS_TEXT,     /* const char * */
    ARGS_COUNT,    /* int32_t, not negative */
    ARGS_SEED,     /* uint64_t */
    ARGS_NUMBER,   /* double, positive */
    ARGS_LIMIT,    /* double, not negative */
    ARGS_BYTES,    /* size_t, at least 1: a number with K, M or G for powers of 1024, such as 1.5G */
    ARGS_PRECISION /* rn_precision: fp32, bf16 */
} args_kind;

typedef struct args_option {
    const char *name; /* without the dashes */
    args_kind kind;
    void *value;          /* where it goes; keeps what it holds if the option is not given */
    const char *argument; /* what the help calls it; NULL for a flag */
    const char *help;     /* translated, as is `about` below: examples/po has each of them */
} args_option;

/* In a list of options: those behind it are seldom needed, and only --help-all shows them. */
#define ARGS_MORE \
    { \
        NULL, ARGS_FLAG, NULL, NULL, NULL \
    }

typedef struct args_program {
    const char *name;  /* "predict", or "resnet predict" */
    const char *usage; /* behind the name; a line each way to call it */
    const char *about;
    const args_option *options;
    size_t option_count;
    int *line_open; /* NULL, or true while a line on the terminal waits to be written over; messages clear it first */
} args_program;

/* Beside these: 128 and the number of a signal that asked a program to stop. */
enum { EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_SIGNAL = 128 };

/*
 * Reads the command line: options into their places, everything else moved to argv[1] up to argv[*argc - 1]. Gives -1
 * to go on; otherwise the program ends with the number given: 0 after --help, EXIT_USAGE after a line that says what is
 * wrong.
 */
int args_read(const args_program *program, int *argc, char **argv);
/*
 * What stands on the command line for an option before it is read: the last of its values; NULL: none. For options that
 * say what the others are before anything is given.
 */
const char *args_peek(const char *name, int argc, char *const *argv);
/* The option of that name, of `length` bytes; NULL: there is none. */
const args_option *args_find(const args_program *program, const char *name, size_t length);
/* The name of the option that is the fewest letters away, for those who mistyped one. */
const char *args_nearest(const args_program *program, const char *name, size_t length);
/*
 * Sets an option to what the text says, "true" or "false" of a flag; the text of an ARGS_TEXT is kept. Gives -1, or
 * EXIT_USAGE after a line on stderr.
 */
int args_set(const args_program *program, const args_option *option, const char *value);
/* Sets up the process as args_read does, for a program that calls args_read with a part of its arguments only. */
void args_begin(char **argv);
/* One line on stderr, translated (language.h) if `what` is as it stands in the sources; gives EXIT_USAGE. */
int args_usage(const args_program *program, const char *what);
/* One line on stderr that says why a call failed, as the context tells it; gives EXIT_FAILED. */
int args_failed(const args_program *program, rn_status status, const rn_context *context);
/* The same with advice behind it, which begins with its own punctuation and is translated already; NULL: none. */
int args_advised(const args_program *program, rn_status status, const rn_context *context, const char *advice);

/* Takes a line that waits to be written over from the terminal. */
void args_clear_line(const args_program *program);
/*
 * The command line as one types it into a shell, of what main was given: `program` may have two words, of which
 * argv[0] stands for the first. Its arguments are quoted where they need it; `more`, if not NULL and not among them, is
 * added. NULL without memory; the caller frees it.
 */
char *args_command(const char *program, int argc, char *const *argv, const char *more);

/* Prints what the library warns of on stderr; the payload is the program. What it only tells, a program says itself. */
void args_log(rn_log_level level, const char *line, void *payload);
/* Makes the program's context; 0 after a line on stderr that says why there is none. */
int args_context(rn_context **context, const args_program *program, int32_t threads, uint64_t seed,
                 rn_precision precision);

/* Where a program says what it does: standard output, which --json keeps for JSON alone, so that it is stderr then. */
FILE *args_report(int json);

/* What main returns: `answer`, or a failure with a line on stderr if something printed could not be written. */
int args_end(const args_program *program, int answer);

#endif
