/* SPDX-License-Identifier: MIT */
/*
 * The options of a program in a JSON object, by their long names:
 *
 *   { "data": "flower_data", "arch": "resnet18", "epochs": 10, "lr": 3e-4, "memory": "700M", "skip-bad-photos": true }
 *
 * Texts and sizes are strings, numbers may be strings as well, flags are true or false.
 */
#ifndef EXAMPLES_CONFIG_H
#define EXAMPLES_CONFIG_H

#include "common/args.h"

/* What a file of options was read from; the texts among the options live in it. */
typedef struct config config;

/* NULL after a line on stderr: the file cannot be read or is no JSON object. `path` is kept. */
config *config_read(const args_program *program, const char *path);
/*
 * Sets the program's options to what the file says. *folder: the text of "data", where it says one. Gives -1, or
 * EXIT_USAGE after a line on stderr: it says something twice, gives a value of another kind, or has a name that is no
 * option, for which the nearest one is named.
 */
int config_apply(const config *c, const args_program *program, const char **folder);
/* A text that an option has in the file; NULL: none. */
const char *config_text(const config *c, const char *name);
/* NULL is fine. */
void config_free(config *c);

/*
 * Writes all options as they are now to directory/config.json, but those that are not set and those named in `without`,
 * a list that ends with NULL; whole or not at all. False after a line on stderr.
 */
int config_write(const args_program *program, const char *directory, const char *folder, const char *const *without);

#endif
