/* SPDX-License-Identifier: MIT */
/* Settings that go together, under a name. */
#ifndef EXAMPLES_FINETUNE_RECIPE_H
#define EXAMPLES_FINETUNE_RECIPE_H

#include "common/args.h"

/*
 * Sets the options that a recipe names; whatever is set later wins. False: there is no recipe of that name (NULL: the
 * tutorial's).
 */
int recipe_apply(const args_program *program, const char *name);

#endif
