/* SPDX-License-Identifier: MIT */
/* What lies in the directory of a run, as far as a report shows it. */
#ifndef RN_REPORT_RUN_H
#define RN_REPORT_RUN_H

#include "base/json.h"
#include "context/context.h"

/* A line of history.jsonl, and of times.jsonl. What a line does not say is NaN. */
typedef struct rn_epoch {
    double train_loss, train_accuracy, valid_loss, valid_accuracy, lr, seconds, loading, rate;
    int64_t epoch; /* of its phase, from 0 */
    size_t phase;  /* index */
    bool is_best;
} rn_epoch;

typedef struct rn_run_phase {
    char *name;
    size_t first; /* epoch of it */
} rn_run_phase;

typedef struct rn_run {
    rn_epoch *epoch;
    size_t count, capacity;
    rn_run_phase *phase; /* in the order of their first epochs */
    size_t phase_count, phase_capacity;
    size_t best;     /* the last epoch that is marked as best; SIZE_MAX: none */
    rn_json *config; /* config.json: an object of options that a program left; NULL: none */
    rn_json *state;  /* the trainer's (train/state_json.c), which nobody vouches for; NULL: there is none */
} rn_run;

/* The files of a directory. RN_IO: there is neither a history nor a training file. RN_FORMAT: also over 1000 phases.
 * RN_NO_MEMORY. On failure there is nothing to release. */
rn_status rn_run_read(rn_run *run, rn_context *context, const char *directory);
void rn_run_release(rn_run *run, const rn_allocator *allocator);

/* Every how many epochs one is shown, so that no more than about 400 are; and whether this one is. */
size_t rn_run_stride(const rn_run *run);
bool rn_run_shows(const rn_run *run, size_t index);

#endif
