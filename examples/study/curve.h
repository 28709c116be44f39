/* SPDX-License-Identifier: MIT */
/* A network of the study and how its errors fell, epoch by epoch. */
#ifndef EXAMPLES_STUDY_CURVE_H
#define EXAMPLES_STUDY_CURVE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { CURVE_EPOCHS = 1000, CURVE_NETWORKS = 8 };

typedef struct curve_point {
    double train_error, test_error; /* per cent */
    double train_loss, lr;
    double seconds; /* NaN where nobody looked at a clock: the epoch ended before this process began */
} curve_point;

typedef struct curve {
    char network[32];
    int32_t depth; /* the layers with weights, as the paper counts them */
    int plain;     /* without shortcuts */
    size_t count, printed;
    curve_point points[CURVE_EPOCHS];
} curve;

/* Fills in the network if `name` is a plain or residual one of the paper's CIFAR-10 study; 0 if not. */
int curve_name(curve *c, const char *name);
/* Adds what a trainer's history.jsonl has beyond the points that are there; a file that is missing has nothing. */
void curve_read(curve *c, const char *history);
/* A JSON line for each point that has not been printed yet. */
void curve_print(curve *c, FILE *stream);

#endif
