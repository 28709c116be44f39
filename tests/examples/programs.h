/* SPDX-License-Identifier: MIT */
/* Running the programs as a user would: another process, its answers read back. */
#ifndef RN_TESTS_EXAMPLES_PROGRAMS_H
#define RN_TESTS_EXAMPLES_PROGRAMS_H

#include "base/json.h"
#include "support/support.h"

/* The arguments of a program, as the calls below take them. */
#define ARGUMENTS(...) \
    (const char *const[]) \
    { \
        __VA_ARGS__, NULL \
    }

/* Where the programs lie: the first argument of the test. */
void rn_test_programs(int argc, char **argv);

/*
 * Runs bin/<arguments[0]> with the arguments, up to a NULL, in `directory`. Standard output and standard error land in
 * files of that name there, "out" and "err". Kills it with `signal` after `after_ms` milliseconds unless that is
 * negative. Gives its exit status, or minus the number of the signal that ended it.
 */
int rn_test_program(const char *directory, const char *const *arguments, int signal_number, long after_ms);
/* The same without a signal, standard output being the file `out`, or closed if that is NULL. */
int rn_test_program_into(const char *out, const char *directory, const char *const *arguments);
/*
 * The same on a terminal of so many columns, its TERM being `term`: gives what was printed there, both streams as one.
 * Each time that the text `interrupt_at` has come once more, up to `interrupts` times, somebody presses Ctrl-C. The
 * caller frees.
 */
char *rn_test_program_on_terminal(int *status, const char *directory, const char *const *arguments, int columns,
                                  const char *term, const char *interrupt_at, int interrupts);
/* What it printed: the file of that name in the directory, as text without zeros. The caller frees. */
char *rn_test_program_output(const char *directory, const char *name);
/* Fails the test unless these words are in it. */
void rn_test_output_has(const char *directory, const char *name, const char *words);
/* Fails the test unless the program ends with the status and one line on standard error, which has the words. */
void rn_test_refusal(const char *directory, const char *const *arguments, int status, const char *words);
/* A number that a JSON object must have. */
double rn_test_member(const rn_json *json, const char *name);

#endif
