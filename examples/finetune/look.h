/* SPDX-License-Identifier: MIT */
/* Looking at photos before anything is trained on them. */
#ifndef EXAMPLES_FINETUNE_LOOK_H
#define EXAMPLES_FINETUNE_LOOK_H

#include "common/args.h"

/*
 * Decodes every photo, as an epoch would; *bad: how many do not. Those are named on stderr, a line each, the first ten.
 * RN_CANCELLED: a signal came meanwhile. RN_NO_MEMORY.
 */
rn_status look_at_photos(size_t *bad, rn_dataset *photos, const args_program *program);

#endif
