/* SPDX-License-Identifier: MIT */
/*
 * The programs as functions: each is what main is in a program of its own, and what `resnet` calls for a word of its
 * command line. `name` is what the program is called in messages; argv[0] is as main got it.
 */
#ifndef EXAMPLES_PROGRAMS_H
#define EXAMPLES_PROGRAMS_H

int finetune_main(const char *name, int argc, char **argv);
int evaluate_main(const char *name, int argc, char **argv);
int report_main(const char *name, int argc, char **argv);
int predict_main(const char *name, int argc, char **argv);
int networks_main(const char *name, int argc, char **argv);
int summary_main(const char *name, int argc, char **argv);
int checkpoint_main(const char *name, int argc, char **argv);
int bench_main(const char *name, int argc, char **argv);

#endif
