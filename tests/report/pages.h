/* SPDX-License-Identifier: MIT */
/* What reports are made of in tests: answers for photos that are drawn, the files of a run, a network. */
#ifndef RN_TESTS_REPORT_PAGES_H
#define RN_TESTS_REPORT_PAGES_H

#include "support/support.h"

enum { PAGES_WRONG_IN = 7 }; /* one answer in so many is wrong */

/* A result of `count` photos of `classes` classes, by labels that go round. `names`: how classes and photos are called,
 * with a number behind it; %s of nothing. Photos are drawn, none is a file. */
rn_evaluation_result *rn_test_answers(rn_context *context, size_t classes, size_t count, const char *name);

/* A file with this text. */
void rn_test_text(const char *directory, const char *file, const char *text);
/* history.jsonl and times.jsonl of two phases of so many epochs, called "frozen" and `phase`; and last.safetensors with
 * the settings, whose last phase is complete or has as many epochs before it again. */
void rn_test_run_files(rn_context *context, const char *directory, int frozen, int all, const char *phase,
                       int complete);

/* A small network of so many classes, with a pipeline. */
rn_model *rn_test_small_model(rn_context *context, size_t classes, const char *name);

/* The page as text; the caller frees. Fails the test if it cannot be had. */
char *rn_test_page(rn_context *context, const rn_report_options *options);

#endif
