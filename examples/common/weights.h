/* SPDX-License-Identifier: MIT */
/* Loading a file of weights, and saying what of it was taken. */
#ifndef EXAMPLES_WEIGHTS_H
#define EXAMPLES_WEIGHTS_H

#include <resnet/resnet.h>

typedef struct weights {
    const char *path;   /* NULL: random weights */
    const char *prefix; /* which network of the file; NULL: the library finds it */
    const char *rename; /* "FROM=TO,FROM=TO": other beginnings of names; FROM alone: such tensors are left out */
    int32_t head;       /* an rn_head_policy */
    int ignore_classes; /* the class table in the file is not compared */
    char taken[256];    /* after loading: the prefix that was taken, "" for none */
    int fresh_head;     /* after loading: the head was left as it was initialised */
    int other_classes;  /* after a failure: the tensors fit, the class tables differ */
    int other_names;    /* after a failure: the tensors do not fit */
    int several;        /* after a failure: more than one network of the file fits */
} weights;

rn_status weights_load(weights *w, rn_model *model);
/* "weights from x.pth, its network 'model.'; the head starts afresh"; gives `text` back. */
const char *weights_text(char *text, size_t size, const weights *w);

#endif
