/* SPDX-License-Identifier: MIT */
/*
 * What was measured of them is in docs/configuration.md. The tuned one spends its time where it costs little: with a
 * fixed number of views the frozen part sees each photo that often and no more, and epochs of the head take seconds.
 * Epochs of everything behind them cost more than all of that, and made nothing better. The head has ten photos a class
 * to go by, hence the weight decay.
 */
#include "finetune/recipe.h"

#include <string.h>

typedef struct setting {
    const char *option, *value;
} setting;

enum { SETTINGS = 12 };

static const struct recipe {
    const char *name;
    setting settings[SETTINGS]; /* up to a NULL */
} recipes[] = {
    { "tutorial", { { NULL, NULL } } }, /* as the options begin */
    { "tuned",
      { { "preset", "light" },
        { "views", "4" },
        { "feature-memory", "2G" },
        { "frozen-epochs", "40" },
        { "frozen-lr", "1e-3" },
        { "epochs", "0" },
        { "optimizer", "adamw" },
        { "weight-decay", "0.5" },
        { "schedule", "cosine" },
        { "label-smoothing", "0.1" } } },
};

int recipe_apply(const args_program *program, const char *name)
{
    const struct recipe *recipe = recipes;
    const struct recipe *const end = recipes + sizeof recipes / sizeof recipes[0];

    while (recipe < end && name != NULL && strcmp(recipe->name, name) != 0)
        recipe++;
    if (recipe == end)
        return 0;
    for (const setting *s = recipe->settings; s < recipe->settings + SETTINGS && s->option != NULL; s++)
        args_set(program, args_find(program, s->option, strlen(s->option)), s->value);
    return 1;
}
