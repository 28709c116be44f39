/* SPDX-License-Identifier: MIT */
/* Shows how a training goes: a line an epoch, on a terminal also one that moves, or a JSON object an epoch. */
#ifndef EXAMPLES_PROGRESS_H
#define EXAMPLES_PROGRESS_H

#include <resnet/resnet.h>
#include <signal.h>

typedef struct progress {
    int json, terminal;
    const volatile sig_atomic_t *stop; /* asks for an end once it is not 0 */
    const char *phase;                 /* the one shown last; NULL at first */
    double epoch_began;                /* in seconds of its fit; 0 at first */
} progress;

/* An rn_progress_function; its payload is a struct progress. */
int32_t progress_show(const rn_progress *p, void *payload);

#endif
