/* SPDX-License-Identifier: MIT */
/* Numbers of the library by the names that finetune has for them. */
#ifndef EXAMPLES_FINETUNE_CHOICES_H
#define EXAMPLES_FINETUNE_CHOICES_H

#include <resnet/optimizer.h>

typedef struct choice {
    const char *name;  /* on the command line */
    const char *title; /* in a sentence */
    int32_t number;
} choice;

/* An rn_optimizer_kind and an rn_schedule_kind; the first for NULL, NULL for another name. */
const choice *choose_optimizer(const char *name);
const choice *choose_schedule(const char *name);

/*
 * Parameter groups of "PATTERN=LR,...", copied to `size` bytes and cut into pieces there, which they borrow; with one
 * pattern there is another group, of all else at the rate of the phase. Gives their number, 0 for NULL, -1 for text
 * that is no such list, or longer.
 */
enum { CHOICE_GROUPS = 16 };
int choose_groups(rn_parameter_group groups[CHOICE_GROUPS], char *pieces, size_t size, const char *text);

#endif
