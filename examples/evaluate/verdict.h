/* SPDX-License-Identifier: MIT */
/* What the logits of an evaluation say of each photo, each class, and of classes that are taken for each other. */
#ifndef EXAMPLES_EVALUATE_VERDICT_H
#define EXAMPLES_EVALUATE_VERDICT_H

#include <resnet/resnet.h>
#include <stdio.h>

typedef struct verdict {
    const rn_dataset *photos;
    const rn_classes *classes; /* of the network; NULL: numbers */
    const float *logits;       /* photos x class_count; NaN where a photo was skipped */
    size_t class_count;
} verdict;

/* A record a photo: path, label, prediction (both as folders) and the prediction's probability, the last two empty for
 * a photo that was skipped. Gives 0, or an errno. */
int verdict_write_csv(const verdict *v, const char *path);

/*
 * A line a class, those that are found worst first: photos, how many of them are found (recall), how many of those that
 * are given the class are of it (precision). Then what is taken for what, most often first, ten lines at most. With
 * json ", "per_class": [...], "confusions": [...]" of all. Labels are the network's classes. Gives 0, or ENOMEM.
 */
int verdict_print(const verdict *v, int json);

#endif
