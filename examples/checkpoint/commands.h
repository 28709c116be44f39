/* SPDX-License-Identifier: MIT */
/* What checkpoint.c reads from the command line, and the commands that it chooses from. */
#ifndef EXAMPLES_CHECKPOINT_COMMANDS_H
#define EXAMPLES_CHECKPOINT_COMMANDS_H

#include "common/args.h"

/* diff ends as diff(1) does, so that a difference is not taken for trouble. */
enum { EXIT_DIFFERENT = 1, EXIT_TROUBLE = 2 };

typedef struct checkpoint_command {
    const args_program *program;
    rn_context *context;
    double tolerance; /* negative: bits are compared */
    int full, no_metadata, json;
} checkpoint_command;

/* Each gives the exit status. */
int checkpoint_list(const checkpoint_command *c, int count, char **paths);
/* Beside those of rn_format: state dicts as the file of a PyTorch training script (rn_training_export). */
enum { FORMAT_TRAINING = 2 };
/* paths[0] to paths[1]. dtype 0: every tensor keeps its type; else those of floating types change. */
int checkpoint_convert(const checkpoint_command *c, int format, rn_dtype dtype, char **paths);
int checkpoint_diff(const checkpoint_command *c, char **paths);

enum { SHAPE_TEXT = 24 * RN_MAX_RANK };
/* "(64, 3, 7, 7)" between the two brackets given; gives `text` back. */
const char *show_shape(char text[SHAPE_TEXT], const rn_tensor *tensor, const char *brackets);
/* A value of metadata, which may hold whole class tables: of a long one the beginning, up to a whole character, and the
 * length. */
void show_value(const char *value, int full);

#endif
