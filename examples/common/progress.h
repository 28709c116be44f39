/* SPDX-License-Identifier: MIT */
/*
 * Shows how a training goes: a line an epoch and, on a terminal, one line that moves, with what is left of the epoch
 * and of the whole run; or a JSON object an epoch. Epochs are counted from 1.
 */
#ifndef EXAMPLES_PROGRESS_H
#define EXAMPLES_PROGRESS_H

#include <resnet/resnet.h>
#include <stdio.h>

/* A phase that the run has or will have. */
typedef struct progress_phase {
    const char *name;
    int32_t epochs;
    double work; /* of a training batch beside those of other phases: 1 of the head alone, 3 of everything */
} progress_phase;

/* What something took so far. */
typedef struct progress_pace {
    double seconds, count;
} progress_pace;

typedef struct progress {
    FILE *report; /* where "going on in ..." is said */
    int json, terminal, resumed;
    const progress_phase *plan; /* all of the run */
    size_t plan_count, now;     /* `now`: the phase that is being trained */
    int64_t valid_batches;      /* of a validation */
    int line_open;              /* a moving line stands on the terminal */
    /* What follows begins as zeros. */
    progress_pace train, valid, end; /* of a training batch of this phase, of a validation's, of an epoch's end */
    progress_pace photos;            /* trained in whole epochs of this process */
    double epoch_train;              /* seconds of training in this epoch */
    double begun, last, drawn, epoch_began; /* by the monotonic clock */
    int64_t batch, valid_batch;             /* done in this epoch */
    int32_t epochs_done;                    /* by this process */
    int inside;                             /* an epoch has begun */
} progress;

/* Call it before the fit of a phase of the plan. */
void progress_begin(progress *shown, size_t phase);
/* An rn_progress_function; its payload is a struct progress. Cancels once a signal has come (interrupt.h). */
int32_t progress_show(const rn_progress *p, void *payload);
/* One line on the terminal: so many photos of an evaluation are done. */
void progress_photos(size_t done, size_t count, int *line_open);
/* Seconds since the first progress_begin. */
double progress_seconds(const progress *shown);
/* Over all epochs that this process ended; 0 before the first. */
double progress_images_per_second(const progress *shown);

/* "0:07", "12:34", "1:02:10", "3 d 4 h"; gives `text` back. */
enum { PROGRESS_TIME_SIZE = 32 };
char *progress_time(char text[PROGRESS_TIME_SIZE], double seconds);

#endif
