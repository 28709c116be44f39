/* SPDX-License-Identifier: MIT */
/* A network out of whatever file holds one: a model file, a training script's checkpoint, or weights alone. */
#ifndef EXAMPLES_CLASSIFIER_H
#define EXAMPLES_CLASSIFIER_H

#include "common/args.h"
#include "common/weights.h"

typedef struct classifier {
    weights weights;     /* .path: the file */
    const char *arch;    /* the network's name, or a family's; NULL: what the file says or its tensors fit */
    const char *classes; /* a folder of class folders, or a file with a name a line; NULL: what the file says */
    const char *labels;  /* JSON of names by folder; NULL: none */
    int numbers_do;      /* no word if classes have no names */
} classifier;

/*
 * Opens it. A file that does not name its network (rn_model_open) may have an "arch" as PyTorch's scripts write it, and
 * a class table as "class_to_idx" or "mapping" {folder: index} and "class_to_name" or "cat_to_name" {folder: name}; how
 * many classes there are is seen at the head. What had to be guessed is said on stderr. Gives 0 after a line on stderr
 * that says why there is no network, and what to do.
 */
int classifier_open(rn_model **model, rn_context *context, classifier *c, const args_program *program);

#endif
